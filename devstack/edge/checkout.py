"""``/dev/checkout``: the payment provider of the development stack. It takes no money, and sends what a real one would.

A form for each thing that may become of a contract; what is pressed is sent to ``/billing/webhook``, signed.
"""

import html
import secrets
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from cryptwire.clock import Clock
from cryptwire.codec import billing
from cryptwire.domain.hopper import UserId
from cryptwire.domain.plan import BillingEvent, BillingKind
from cryptwire.errors import Unauthenticated

PATH = "/dev/checkout"
_MOST_FORM = 4_000
_MONTH = timedelta(days=30)
_OFFERS = {
    "paid": "Pay for a month",
    "cancelled": "Cancel: it runs out",
    "payment-failed": "Let a payment fail",
    "refunded": "Give the money back",
    "ended": "End it at once",
}
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
_SAFE = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Test checkout</title><style>body{{font-family:sans-serif;margin:2em auto;max-width:30em;padding:0 1em}}
button{{display:block;width:100%;margin:.5em 0;padding:.8em;font-size:1em}}</style></head>
<body><h1>Test checkout</h1>{body}<p><a href="/">Back to Cryptwire</a></p></body></html>
"""


class Checkout:
    """The page. ``webhook`` is where events go; ``secret`` signs them, and signs the links that lead here."""

    def __init__(self, webhook: str, secret: str, clock: Clock) -> None:
        self._webhook = webhook
        self._secret = secret
        self._clock = clock

    def app(self) -> Starlette:
        return Starlette(routes=[Route(PATH, self.shown), Route(PATH, self.pressed, methods=["POST"])])

    async def shown(self, request: Request) -> Response:
        """What can be pressed, for whom the link was made."""
        text = request.query_params.get("checkout", "")
        try:
            _, plan = self._read(text)
        except Unauthenticated as error:
            return _page(f"<p>{html.escape(str(error))}</p>", 403)
        buttons = "".join(f'<button name="kind" value="{kind}">{word}</button>' for kind, word in _OFFERS.items())
        return _page(
            f"<p>The plan {html.escape(plan)}. No money is taken: this page plays the payment provider.</p>"
            f'<form method="post" action="{PATH}"><input type="hidden" name="checkout" value="{html.escape(text)}">'
            f"{buttons}</form>"
        )

    async def pressed(self, request: Request) -> Response:
        """Send the event, and say what was answered."""
        form = dict(parse_qsl((await request.body())[:_MOST_FORM].decode("utf-8", "replace")))
        text, kind = form.get("checkout", ""), form.get("kind", "")
        try:
            user, plan = self._read(text)
        except Unauthenticated as error:
            return _page(f"<p>{html.escape(str(error))}</p>", 403)
        if kind not in _OFFERS:
            return _page("<p>There is no such button.</p>", 400)
        now = self._clock.now()
        body = billing.event_to_wire(_event(user, plan, BillingKind(kind), now))
        signed = {billing.HEADER: billing.signature(body, self._secret, now)}
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http,
            http.post(self._webhook, data=body, headers=signed) as answer,
        ):
            said = await answer.text()
        return _page(
            f"<p>{html.escape(_OFFERS[kind])}: {answer.status}, {html.escape(said[:200])}</p>"
            f'<p><a href="{PATH}?checkout={html.escape(text)}">Something else</a></p>',
            200 if answer.status == 200 else 502,
        )

    def _read(self, text: str) -> tuple[UserId, str]:
        return billing.read_checkout(text, self._secret, self._clock.now())


def _event(user: UserId, plan: str, kind: BillingKind, now: datetime) -> BillingEvent:
    until = now + _MONTH if kind is BillingKind.PAID else None
    return BillingEvent("test", secrets.token_hex(8), user, f"test-{user}", kind, plan, now, until)


def _page(body: str, status: int = 200) -> Response:
    return HTMLResponse(_PAGE.format(body=body), status, headers=_SAFE)
