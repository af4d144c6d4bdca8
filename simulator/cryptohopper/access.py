"""Who asks: tokens, scopes and the rate limit before every answer of ``/v1``."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from simulator.clock import Clock, milliseconds
from simulator.cryptohopper.buckets import Bucket, Buckets
from simulator.cryptohopper.faults.queue import Faults, quirk
from simulator.cryptohopper.requests import noted
from simulator.cryptohopper.state import Grant, Kept
from simulator.pace import Pace
from simulator.settings import Settings
from simulator.worlds.books import State
from simulator.worlds.trader import Trader
from simulator.worlds.world import World


class Refusal(Exception):
    """An error in the envelope of the specification."""

    def __init__(self, status: int, said: str, code: int | str = 0, headers: dict[str, str] | None = None) -> None:
        super().__init__(said)
        self.status, self.said, self.code, self.headers = status, said, code, headers

    def response(self) -> Response:
        body = {"status": self.status, "code": self.code, "error": 1, "message": self.said}
        return json(body, self.status, self.headers)


@dataclass(frozen=True, slots=True)
class Call:
    """One admitted request: who asks, what for, and the moment that counts for the whole answer."""

    request: Request
    grant: Grant
    world: World
    now: int

    def trader(self, hopper: str | None = None) -> Trader:
        """The hopper named, else that of the path; the caller's own.

        Refuses with 404 what is unknown or somebody else's.
        """
        trader = self.world.traders.get(self.request.path_params["id"] if hopper is None else hopper)
        if trader is None or trader.hopper.user != self.grant.user:
            raise Refusal(404, "Hopper not found")
        noted(self.request).hopper = trader.hopper.id
        return trader

    def snapshot(self, trader: Trader) -> tuple[int, State]:
        """What the hopper owned at the last instant of its plan's schedule, and that instant."""
        at, state = self.world.snapshot(trader, self.now)
        return self.world.snapshot(trader, at - 1) if quirk(self.request) == "stale" else (at, state)

    def asked(self, name: str, otherwise: str = "") -> str:
        """A value of the query."""
        return self.request.query_params.get(name, otherwise)

    async def body(self) -> dict[str, Any]:
        """The object in the body; nothing there is an empty one. Refuses with 400 what is no object."""
        text = await self.request.body()
        if not text:
            return {}
        try:
            body = orjson.loads(text)
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            raise Refusal(400, "The request body is not a JSON object")
        return body


Answer = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One route below ``/v1``: its scope (empty: any token will do), and the bucket it is counted in."""

    method: str
    path: str
    scope: str
    answer: Answer
    bucket: Bucket = "normal"


class Access:
    """Admits requests: a token, the scope, the buckets of each token or app."""

    def __init__(
        self,
        settings: Settings,
        kept: Kept,
        world: World,
        pace: Pace,
        clock: Clock,
        faults: Faults,
        buckets: Buckets,
    ) -> None:
        self._takes_bearer = settings.accepts_bearer
        self._kept = kept
        self._world = world
        self._pace = pace
        self._clock = clock
        self._faults = faults
        self._buckets = buckets

    def admitting(
        self, scope: str, answer: Answer, bucket: Bucket = "normal"
    ) -> Callable[[Request], Awaitable[Response]]:
        """A route that answers who may ask; ``scope`` empty: any token will do."""

        async def respond(request: Request) -> Response:
            try:
                if "authorization" in request.headers and not self._takes_bearer:
                    return json({"message": "Missing Authentication Token"}, 405)
                now = milliseconds(self._clock.now())
                token = self._token(request)
                grant = self._grant(token, now)
                note = noted(request)
                note.user = self._world.users[grant.user].name
                note.hopper = request.path_params.get("id", "")
                self._count(request.headers.get("x-api-app-key") or token, bucket, now)
                if scope and scope not in grant.scopes:
                    raise Refusal(403, f"The scope '{scope}' is missing")
                now = await self._pace.now()
                return await self._faults.spoil(request, lambda: answer(Call(request, grant, self._world, now)))
            except Refusal as refusal:
                return refusal.response()

        return respond

    def _token(self, request: Request) -> str:
        token = request.headers.get("access-token", "")
        kind, _, bearer = request.headers.get("authorization", "").partition(" ")
        if not token and kind.lower() == "bearer":
            token = bearer.strip()
        if not token:
            raise Refusal(401, "No access token was given")
        return token

    def _grant(self, token: str, now: int) -> Grant:
        grant = self._kept.grant_of(token, "access")
        if grant is None or grant.user not in self._world.users:
            raise Refusal(401, "The access token is invalid")
        if grant.expires_at <= now:
            raise Refusal(401, "The access token has expired")
        return grant

    def _count(self, counted: str, bucket: Bucket, now: int) -> None:
        refused = self._buckets.take(counted, bucket, now)
        if refused is not None:
            headers = self._buckets.headers(refused.wait, now)
            raise Refusal(429, "Too many requests", refused.bucket, headers)


def data(value: object) -> Response:
    """The envelope of everything that went well."""
    return json({"data": value})


def json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(value), status, headers, "application/json")


def whole(text: object, otherwise: int) -> int:
    """A number from 0 in a query. Refuses with 400 what is none."""
    if text is None or text == "":
        return otherwise
    if not str(text).isdecimal() or len(str(text)) > 9:
        raise Refusal(400, f"Not a number: {text}")
    return int(str(text))
