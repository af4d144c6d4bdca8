"""Who asks: tokens, scopes and the rate limit before every answer of ``/v1``."""

import math
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from simulator.clock import Clock, milliseconds
from simulator.cryptohopper.faults import Faults
from simulator.cryptohopper.state import Grant, Kept
from simulator.worlds.trader import Trader
from simulator.worlds.world import World

_WINDOW = 60_000  # milliseconds


class Refusal(Exception):
    """An error in the envelope of the specification."""

    def __init__(self, status: int, said: str, code: int | str = 0, headers: dict[str, str] | None = None) -> None:
        super().__init__(said)
        self.status, self.said, self.code, self.headers = status, said, code, headers

    def response(self) -> Response:
        body = {"status": self.status, "code": self.code, "error": 1, "message": self.said}
        return JSONResponse(body, self.status, self.headers)


@dataclass(frozen=True, slots=True)
class Call:
    """One admitted request: who asks, what for, and the moment that counts for the whole answer."""

    request: Request
    grant: Grant
    world: World
    now: int

    def trader(self) -> Trader:
        """The hopper of the path, the caller's own. Refuses with 404 what is unknown or somebody else's."""
        trader = self.world.traders.get(self.request.path_params["id"])
        if trader is None or trader.hopper.user != self.grant.user:
            raise Refusal(404, "Hopper not found")
        return trader


Answer = Callable[[Call], Awaitable[Response]]


class Access:
    """Admits requests: ``access-token`` only, the scope, the bucket ``normal`` for each token or app."""

    def __init__(self, kept: Kept, world: World, clock: Clock, rate_limit: int, faults: Faults) -> None:
        self._kept = kept
        self._world = world
        self._clock = clock
        self._limit = rate_limit
        self._faults = faults
        self._asked: dict[str, deque[int]] = {}

    def admitting(self, scope: str, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            try:
                if "authorization" in request.headers:
                    return JSONResponse({"message": "Missing Authentication Token"}, 405)
                now = milliseconds(self._clock.now())
                grant = self._grant(request, now)
                self._count(request, now)
                if scope not in grant.scopes:
                    raise Refusal(403, f"The scope '{scope}' is missing")
                self._world.advance(now)
                return await self._faults.spoil(request, lambda: answer(Call(request, grant, self._world, now)))
            except Refusal as refusal:
                return refusal.response()

        return respond

    def _grant(self, request: Request, now: int) -> Grant:
        token = request.headers.get("access-token", "")
        if not token:
            raise Refusal(401, "No access token was given")
        grant = self._kept.grant_of(token, "access")
        if grant is None:
            raise Refusal(401, "The access token is invalid")
        if grant.expires_at <= now:
            raise Refusal(401, "The access token has expired")
        return grant

    def _count(self, request: Request, now: int) -> None:
        if not self._limit:
            return
        counted = request.headers.get("x-api-app-key") or request.headers["access-token"]
        asked = self._asked.setdefault(counted, deque())
        while asked and asked[0] <= now - _WINDOW:
            asked.popleft()
        if len(asked) >= self._limit:
            wait = math.ceil((asked[0] + _WINDOW - now) / 1000)
            raise Refusal(429, "Too many requests", "normal", {"Retry-After": str(max(1, wait))})
        asked.append(now)


def data(value: object) -> Response:
    """The envelope of everything that went well."""
    return JSONResponse({"data": value})
