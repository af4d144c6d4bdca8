"""The one route."""

import asyncio

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from cryptwire.clock import Clock
from cryptwire.errors import Invalid
from cryptwire.metrics import Meters
from webhook import logic
from webhook.handlers.reads import Reads
from webhook.logic import Form, Hint, Secrets, Seen
from webhook.ports import Aside

_LARGEST = 64 * 1024
_BODY_SECONDS = 5.0
_APP_HEADER = "x-hub-signature"
_SHARED_HEADER = "x-cryptohopper-signature"


class Receiver:
    """``POST /webhooks/cryptohopper``: answers at once, whatever the reads cost.

    Only who signed is heard: of other calls nothing but their number is kept. What was signed and is not understood
    is put aside for a person.
    """

    def __init__(
        self, secrets: Secrets, verification_code: str, reads: Reads, aside: Aside, clock: Clock, meters: Meters
    ) -> None:
        self._secrets = secrets
        self._verification_code = verification_code
        self._reads = reads
        self._aside = aside
        self._clock = clock
        self._meters = meters
        self._seen = Seen()

    async def on_call(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                body = await _body(request)
        except TimeoutError:
            return self._answer(408, "the body took too long", "slow")
        except ClientDisconnect:
            return self._answer(400, "the body was cut off", "cut_off")
        if body is None:
            return self._answer(413, "the body is too large", "too_large")
        headers = request.headers
        form = logic.signer(body, headers.get(_APP_HEADER), headers.get(_SHARED_HEADER), self._secrets)
        if form is None:
            return self._answer(401, "the signature is missing or wrong", "bad_signature")
        return self._on_signed(body, form)

    def _on_signed(self, body: bytes, form: Form) -> Response:
        try:
            call = logic.parsed(body, form)
        except Invalid as error:
            self._aside.put(body, form, str(error), self._clock.now())
            return self._answer(400, str(error), "garbage")
        if call.kind == "validate":
            return self._answer(200, self._verification_code, "validated")
        if not self._take(call.hints):
            return self._answer(503, "too much waits already; try again later", "full")
        if call.strange:
            self._aside.put(body, form, call.strange, self._clock.now())
            self._count("malformed", call.malformed)
        return self._answer(200, "ok", "taken" if call.kind == "messages" else "unknown_type")

    def _take(self, hints: tuple[Hint, ...]) -> bool:
        """Have the reads made that these ask for; all or, when there is no room, nothing."""
        now = self._clock.now()
        fresh: list[Hint] = []
        known: set[bytes] = set()
        for hint in hints:
            if hint.digest is None:
                fresh.append(hint)
            elif hint.digest not in known and self._seen.is_new(hint.digest, now):
                known.add(hint.digest)
                fresh.append(hint)
        named = {hint.hopper for hint in fresh if hint.is_trade and hint.hopper is not None}
        if not self._reads.has_room_for(named):
            return False
        for digest in known:
            self._seen.add(digest, now)
        kinds = ["other" if not hint.is_trade else "unnamed" if hint.hopper is None else "trade" for hint in fresh]
        for kind in ("other", "unnamed", "trade"):
            self._count(kind, kinds.count(kind))
        self._count("duplicate", len(hints) - len(fresh))
        for hopper in named:
            self._reads.want(hopper)
        return True

    def _count(self, kind: str, number: int = 1) -> None:
        if number:
            self._meters.count("webhook_messages", "Messages received", number, kind=kind)

    def _answer(self, status: int, text: str, outcome: str) -> Response:
        self._meters.count("webhook_calls", "Calls received", outcome=outcome)
        return PlainTextResponse(text, status)


async def _body(request: Request) -> bytes | None:
    """The raw body; None when it is too large, of which no more than needed is read."""
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told[:20]) > _LARGEST:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST:
            return None
    return bytes(body)
