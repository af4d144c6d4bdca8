"""``/billing/webhook``: what a payment provider tells of contracts. No card's data come here."""

import asyncio

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api.handlers.changes import Changes
from api.ports import Plans
from cryptwire.clock import Clock
from cryptwire.codec import billing
from cryptwire.domain.hopper import UserId
from cryptwire.errors import Invalid, Unauthenticated, Unavailable
from cryptwire.log import Log
from cryptwire.metrics import Meters

PATH = "/billing/webhook"
_BODY_SECONDS = 5.0
_log = Log(__name__)


class PlayedProvider:
    """The provider of the development stack: a page that sends what a real one would."""

    name = "test"

    def __init__(self, page: str, secret: str, clock: Clock) -> None:
        self._page = page
        self._secret = secret
        self._clock = clock

    def page(self, user: UserId, plan: str) -> str:
        """Where ``user`` pays for ``plan``."""
        return f"{self._page}?checkout={billing.checkout(user, plan, self._clock.now(), self._secret)}"


class Billing:
    """The receiver of signed events. 200: it is in the database; after anything else it is sent again."""

    def __init__(
        self, plans: Plans, changes: Changes, secret: str, provider: str, clock: Clock, meters: Meters
    ) -> None:
        self._plans = plans
        self._changes = changes
        self._secret = secret
        self._provider = provider
        self._clock = clock
        self._meters = meters

    async def on_event(self, request: Request) -> Response:
        """``POST``: 401 unsigned or stale, 400 without sense, 503 to be sent again; else what became of it."""
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                body = await request.body()
            now = self._clock.now()
            billing.must_be_signed(body, request.headers.get(billing.HEADER, ""), self._secret, now)
            event = billing.event_from_wire(body, self._provider, now)
            heard = await self._plans.heard(event)
        except (TimeoutError, ClientDisconnect):
            return self._answer(408, "slow", "the body took too long")
        except Unauthenticated as error:
            return self._answer(401, "unsigned", str(error))
        except Invalid as error:
            _log.warning("an event of the payment provider makes no sense", reason=error)
            return self._answer(400, "invalid", str(error))
        except Unavailable as error:
            return self._answer(503, "unavailable", f"try again in a moment: {error}")
        await self._changes.tell("account", event.user)
        return self._answer(200, heard.value, heard.value)

    def _answer(self, status: int, outcome: str, text: str) -> Response:
        self._meters.count("api_billing_events", "Events of the payment provider", outcome=outcome)
        headers = {"cache-control": "no-store"}
        return Response(orjson.dumps({"said": text}), status, headers, media_type="application/json")
