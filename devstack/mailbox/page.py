"""``/dev/mails``: what was sent, for people; ``/dev/mails.json`` for tests."""

import html
from dataclasses import asdict

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from devstack.mailbox.kept import Kept, KeptMail

PATH = "/dev/mails"
# what a mail holds may run nothing and load nothing
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; frame-ancestors 'self'"
_SAFE = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>body{{font-family:sans-serif;margin:2em auto;max-width:60em;padding:0 1em}}table{{width:100%;text-align:left}}
pre{{white-space:pre-wrap;background:#f4f4f4;padding:1em}}iframe{{width:100%;height:30em;border:1px solid #ccc}}</style>
</head><body><h1>{title}</h1>{body}</body></html>
"""


def mailbox(kept: Kept) -> Starlette:
    """The pages, with full paths."""

    async def everything(_: Request) -> Response:
        rows = "".join(
            f"<tr><td>{html.escape(mail.at)}</td><td>{html.escape(mail.to)}</td>"
            f'<td><a href="{PATH}/{mail.number}">{html.escape(mail.subject)}</a></td></tr>'
            for mail in kept.newest()
        )
        table = f"<table><tr><th>At</th><th>To</th><th>Subject</th></tr>{rows}</table>" if rows else "<p>None yet.</p>"
        return _page("Mails of this stack", table)

    async def one(request: Request) -> Response:
        mail = kept.one(request.path_params["number"])
        return _missing() if mail is None else _page(mail.subject, _shown(mail))

    async def as_html(request: Request) -> Response:
        mail = kept.one(request.path_params["number"])
        if mail is None:
            return _missing()
        sandbox = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'"
        return HTMLResponse(mail.html, headers=_SAFE | {"content-security-policy": sandbox})

    async def as_json(_: Request) -> Response:
        return JSONResponse([asdict(mail) for mail in kept.newest()], headers=_SAFE)

    return Starlette(
        routes=[
            Route(PATH, everything),
            Route(f"{PATH}.json", as_json),
            Route(f"{PATH}/{{number}}", one),
            Route(f"{PATH}/{{number}}/html", as_html),
        ]
    )


def _shown(mail: KeptMail) -> str:
    return (
        f'<p>{html.escape(mail.at)}, to {html.escape(mail.to)}. <a href="{PATH}">All mails</a></p>'
        f"<pre>{html.escape(mail.text)}</pre>"
        f'<iframe sandbox="allow-popups allow-popups-to-escape-sandbox" src="{PATH}/{mail.number}/html"></iframe>'
    )


def _page(title: str, body: str) -> Response:
    return HTMLResponse(_PAGE.format(title=html.escape(title), body=body), headers=_SAFE)


def _missing() -> Response:
    return HTMLResponse("<p>There is no such mail.</p>", 404, headers=_SAFE)
