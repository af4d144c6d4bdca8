"""The page on which a user lets an app in."""

import html
from collections.abc import Mapping, Sequence

from starlette.responses import HTMLResponse, Response

from simulator.cryptohopper.oauth.clients import SCOPES, Client

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Let {client} in? · Cryptohopper (simulated)</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root{{--ink:#14213d;--dim:#5b6579;--line:#d9dee8;--paper:#fff;--ground:#eef1f6;--accent:#0f766e;--wrong:#b00020}}
@media(prefers-color-scheme:dark){{:root{{--ink:#e8ecf4;--dim:#a2acbf;--line:#36405a;--paper:#1b2338;--ground:#10172a;
--accent:#2bb3a3;--wrong:#ff8a9a}}}}
*{{box-sizing:border-box}}
body{{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem 1rem;background:var(--ground);
color:var(--ink);font:16px/1.5 system-ui,sans-serif}}
main{{width:100%;max-width:27rem;background:var(--paper);border:1px solid var(--line);border-radius:14px;
padding:1.75rem;box-shadow:0 10px 30px rgb(20 33 61 / 8%)}}
.brand{{margin:0 0 1.25rem;color:var(--dim);font-size:.875rem;display:flex;justify-content:space-between;gap:1rem}}
.brand b{{color:var(--accent)}}
h1{{font-size:1.35rem;line-height:1.3;margin:0 0 .75rem;overflow-wrap:anywhere}}
ul{{list-style:none;margin:0 0 1.25rem;padding:0;border:1px solid var(--line);border-radius:10px}}
li{{display:flex;justify-content:space-between;align-items:baseline;gap:1rem;padding:.55rem .8rem}}
li+li{{border-top:1px solid var(--line)}}
code{{color:var(--dim);font-size:.8rem}}
label{{display:block;font-size:.875rem;margin:0 0 .25rem}}
input{{width:100%;font:inherit;color:inherit;background:transparent;border:1px solid var(--line);border-radius:9px;
padding:.6rem .75rem;margin:0 0 .9rem}}
.choice{{display:flex;flex-direction:row-reverse;gap:.6rem;margin-top:.4rem}}
button{{flex:1;font:inherit;font-weight:600;padding:.65rem;border-radius:9px;border:1px solid var(--line);
background:transparent;color:inherit;cursor:pointer}}
button.allow{{background:var(--accent);border-color:var(--accent);color:var(--paper)}}
:focus-visible{{outline:3px solid var(--accent);outline-offset:2px}}
.error{{color:var(--wrong);margin:0 0 .9rem}}
.where{{color:var(--dim);font-size:.8rem;margin:1.1rem 0 0;overflow-wrap:anywhere}}
</style></head><body><main>
<p class="brand"><b>Cryptohopper</b><span>simulated</span></p>
<h1>{client} would like to</h1><ul>{scopes}</ul>{error}
<form method="post" action="authorize">{carried}
<label for="username">User name</label>
<input id="username" name="username" autocomplete="username" autocapitalize="none" value="{name}">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password">
<div class="choice"><button class="allow" name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button></div></form>
<p class="where">You will be sent to {where}</p>
</main></body></html>"""


def consent(
    client: Client,
    scopes: Sequence[str],
    carried: Mapping[str, str],
    error: str = "",
    name: str = "",
    status: int = 200,
) -> Response:
    """Asks for name and password, tells what the app may then do, and sends ``carried`` along with the answer."""
    return HTMLResponse(
        _PAGE.format(
            client=html.escape(client.name or client.id),
            scopes="".join(f"<li><span>{SCOPES[scope]}</span><code>{scope}</code></li>" for scope in scopes),
            error=f'<p class="error" role="alert">{html.escape(error)}</p>' if error else "",
            carried="".join(
                f'<input type="hidden" name="{key}" value="{html.escape(value)}">' for key, value in carried.items()
            ),
            name=html.escape(name),
            where=html.escape(carried["redirect_uri"]),
        ),
        status,
        _HEADERS,
    )
