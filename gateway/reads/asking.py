"""One read upstream, tried again as long as that may help and somebody waits."""

import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from cryptwire.clock import Clock
from cryptwire.domain.hopper import UserId
from cryptwire.errors import CryptwireError, Exhausted, Unavailable
from cryptwire.metrics import Meters
from gateway import logic
from gateway.breaker import HostAway
from gateway.custody import Custody
from gateway.ports import Budget, Late, TokenRefused, Upstream
from gateway.reads.flights import Flight
from gateway.reads.kept import Read

T = TypeVar("T")


class Asker:
    """Takes a turn, opens the token, sends, and does it all again after a failure that may pass."""

    def __init__(
        self,
        custody: Custody,
        upstream: Upstream,
        budget: Budget,
        clock: Clock,
        meters: Meters,
        request_timeout: timedelta,
    ) -> None:
        self._custody = custody
        self._upstream = upstream
        self._budget = budget
        self._clock = clock
        self._meters = meters
        self._request_timeout = request_timeout

    async def ask(self, flight: Flight, call: str, send: Callable[[str, timedelta], Awaitable[T]]) -> Read[T]:
        """What ``send`` gives for an access token and a time-out.

        The token is renewed, where it must be, before the turn: a request leaves when its turn has come, and not when
        the budget has long counted it.
        """
        refused: str | None = None
        attempt = 0
        while True:
            attempt += 1
            flight.waits()
            self._upstream.check()
            await self._renewed(flight.user, refused)
            await self._budget.take(flight.user, flight.until, flight.urgency)
            token = await self._custody.access(flight.user, refused)
            flight.sends()
            at = self._clock.now()
            if at >= flight.until:
                raise Late("the caller's deadline came first")
            try:
                value = await send(token, min(self._request_timeout, flight.until - at))
            except TokenRefused:
                self._count(call, "TokenRefused")
                if refused is not None:
                    raise Unavailable("Cryptohopper refuses a token that it has just given") from None
                refused = token
            except Exhausted as error:
                self._count(call, "Exhausted")
                await self._budget.hold(flight.user, error.retry_after)
                if attempt >= logic.ATTEMPTS:
                    raise
            except HostAway:
                self._count(call, "HostAway")
                raise
            except Unavailable as error:
                self._count(call, "Unavailable")
                await self._pause(flight, attempt, error)
            except CryptwireError as error:
                self._count(call, type(error).__name__)
                raise
            else:
                self._count(call, "ok")
                return Read(value, at)

    async def _renewed(self, user: UserId, refused: str | None) -> None:
        """Raises LinkAgain when there is no link that works, before any turn is taken."""
        link = await self._custody.link_of(user)
        if refused is not None or link is None or link.is_revoked or link.expires_at <= self._clock.now():
            await self._custody.access(user, refused)

    async def _pause(self, flight: Flight, attempt: int, error: Unavailable) -> None:
        """Return when it may be tried again; raises ``error`` when it may not."""
        pause = logic.pause(attempt, random.random())
        now = self._clock.now()
        if now >= flight.until:
            raise Late("the caller's deadline came first") from None
        if now + pause >= flight.until or attempt >= logic.ATTEMPTS:
            raise error
        await self._clock.sleep(pause)

    def _count(self, call: str, outcome: str) -> None:
        self._meters.count("gateway_upstream_requests", "Requests to upstream", call=call, outcome=outcome)
