"""Reads for a user: the hopper is his, the budget allows it, equal ones are one, failures are tried again."""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Generic, TypeVar

from cryptwire import log
from cryptwire.clock import EPOCH, Clock
from cryptwire.domain.account import Position
from cryptwire.domain.hopper import Asset, HopperId, LinkedHopper, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Trade, TradeId
from cryptwire.errors import CryptwireError, Exhausted, NotFound, Unavailable
from cryptwire.metrics import Meters
from cryptwire.storage.tokens import SealedToken, Tokens
from gateway import dialect, logic
from gateway.budget import Budget
from gateway.custody import Custody
from gateway.ports import Late, TokenRefused, Upstream

_log = log.Log(__name__)
_KEPT = 20_000  # answers, of all users
_KEPT_FOR = timedelta(minutes=10)
_PAGES = 4_000
_NOW = timedelta(0)

T = TypeVar("T")
Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Read(Generic[T]):
    """What was read, and when it was asked for: it is at least as new as that."""

    value: T
    at: datetime


@dataclass(slots=True)
class _Flight:
    task: asyncio.Task[Any]
    waiting: int = 0


class Reads:
    """Every read names its user and hopper, how old an answer may be, and until when the caller waits (UTC).

    Raises NotFound for a hopper that is not linked to the user, without a request upstream; LinkAgain, Exhausted,
    Late, Unavailable, Forbidden, Invalid, Corrupt.
    """

    def __init__(
        self,
        tokens: Tokens,
        custody: Custody,
        upstream: Upstream,
        budget: Budget,
        clock: Clock,
        meters: Meters,
        request_timeout: timedelta,
    ) -> None:
        self._tokens = tokens
        self._custody = custody
        self._upstream = upstream
        self._budget = budget
        self._clock = clock
        self._meters = meters
        self._request_timeout = request_timeout
        self._flights: dict[Key, _Flight] = {}
        self._kept: OrderedDict[Key, Read[Any]] = OrderedDict()
        self._homes: dict[tuple[UserId, HopperId], Pair] = {}

    # ---- calls ----

    async def link(self, user: UserId, code: str, redirect_uri: str, until: datetime) -> None:
        """Link an account and learn its hoppers. That may fail and the link holds: the next list brings them."""
        await self._custody.link(user, code, redirect_uri)
        self._drop(user)
        try:
            await self._hoppers(user, until, is_urgent=True)
        except Unavailable as error:
            _log.warning("hoppers of a new link are not known yet", user=user, reason=error)

    async def link_of(self, user: UserId) -> SealedToken | None:
        """The link as it is stored, still sealed."""
        return await self._tokens.of(user)

    async def hoppers(self, user: UserId, max_age: timedelta, until: datetime) -> Read[list[LinkedHopper]]:
        await self._custody.must_be_linked(user)
        return await self._read(("hoppers", user), max_age, until, lambda: self._hoppers(user, until))

    async def hopper(self, user: UserId, hopper: HopperId, max_age: timedelta, until: datetime) -> Read[LinkedHopper]:
        await self._must_have(user, hopper)
        return await self._read(("hopper", user, hopper), max_age, until, lambda: self._hopper(user, hopper, until))

    async def config(self, user: UserId, hopper: HopperId, max_age: timedelta, until: datetime) -> Read[dict[str, str]]:
        await self._must_have(user, hopper)
        return await self._read(
            ("config", user, hopper),
            max_age,
            until,
            lambda: self._ask(
                user, until, "config", lambda token, timeout: self._upstream.config(token, hopper, timeout)
            ),
        )

    async def assets(
        self, user: UserId, hopper: HopperId, max_age: timedelta, until: datetime
    ) -> Read[dict[Asset, Decimal]]:
        await self._must_have(user, hopper)
        return await self._read(
            ("assets", user, hopper),
            max_age,
            until,
            lambda: self._ask(
                user, until, "assets", lambda token, timeout: self._upstream.assets(token, hopper, timeout)
            ),
        )

    async def positions(
        self, user: UserId, hopper: HopperId, max_age: timedelta, until: datetime
    ) -> Read[tuple[Position, ...]]:
        await self._must_have(user, hopper)

        async def read() -> Read[tuple[Position, ...]]:
            home = await self._home(user, hopper, until)
            listed = await self._ask(
                user, until, "positions", lambda token, timeout: self._upstream.positions(token, hopper, home, timeout)
            )
            self._count_skipped("position", listed.value.skipped)
            return Read(listed.value.rows, listed.at)

        return await self._read(("positions", user, hopper), max_age, until, read)

    async def trades(self, user: UserId, hopper: HopperId, since: datetime, until: datetime) -> list[Trade]:
        """Every trade at or after ``since``, oldest first; a trade that cannot be read is counted and left out."""
        await self._must_have(user, hopper)
        read = await self._read(
            ("trades", user, hopper, since), _NOW, until, lambda: self._trades(user, hopper, since, until)
        )
        return read.value

    # ---- how they are made ----

    async def _must_have(self, user: UserId, hopper: HopperId) -> None:
        if not await self._tokens.has_hopper(user, hopper):
            raise NotFound(f"there is no hopper {hopper[:40]}")
        await self._custody.must_be_linked(user)

    async def _hoppers(self, user: UserId, until: datetime, *, is_urgent: bool = False) -> Read[list[LinkedHopper]]:
        read = await self._ask(
            user,
            until,
            "hoppers",
            lambda token, timeout: self._upstream.hoppers(token, user, timeout),
            is_urgent=is_urgent,
        )
        await self._tokens.keep_hoppers(user, [linked.hopper.id for linked in read.value])
        for linked in read.value:
            self._remember(linked)
        return read

    async def _hopper(self, user: UserId, hopper: HopperId, until: datetime) -> Read[LinkedHopper]:
        read = await self._ask(
            user, until, "hopper", lambda token, timeout: self._upstream.hopper(token, user, hopper, timeout)
        )
        self._remember(read.value)
        return read

    async def _home(self, user: UserId, hopper: HopperId, until: datetime) -> Pair:
        """The hopper's exchange and base currency, read once and then known."""
        known = self._homes.get((user, hopper))
        if known is None:
            await self._read(("hopper", user, hopper), _KEPT_FOR, until, lambda: self._hopper(user, hopper, until))
            known = self._homes[user, hopper]
        return known

    def _remember(self, linked: LinkedHopper) -> None:
        it = linked.hopper
        self._homes[it.user, it.id] = Pair(it.exchange, Asset(""), it.base)

    async def _trades(self, user: UserId, hopper: HopperId, since: datetime, until: datetime) -> Read[list[Trade]]:
        home = await self._home(user, hopper, until)
        found: dict[TradeId, Trade] = {}
        offset = 0
        began = self._clock.now()
        for _ in range(_PAGES):
            page = (
                await self._ask(
                    user,
                    until,
                    "trades",
                    lambda token, timeout, at=offset: self._upstream.trades(  # type: ignore[misc]
                        token, hopper, home, since, at, timeout
                    ),
                )
            ).value
            self._count_skipped("trade", page.skipped)
            known = len(found)
            found.update((trade.id, trade) for trade in page.trades)
            times = [trade.at for trade in page.trades]
            is_stuck = page.trades and len(found) == known  # upstream does not heed the offset
            if (
                page.is_last
                or is_stuck
                or (since > EPOCH and logic.is_complete(min(times, default=None), since, dialect.falls(times)))
            ):
                break
            offset += page.length
        wanted = [trade for trade in found.values() if trade.at >= since]
        wanted.sort(key=lambda trade: (trade.at, len(trade.id), trade.id))
        return Read(wanted, began)

    def _count_skipped(self, what: str, count: int) -> None:
        if count:
            self._meters.count("gateway_skipped_rows", "Rows of upstream that could not be read", count, what=what)
            _log.warning("rows that cannot be read are left out", what=what, count=count)

    async def _ask(
        self,
        user: UserId,
        until: datetime,
        call: str,
        ask: Callable[[str, timedelta], Awaitable[T]],
        *,
        is_urgent: bool = False,
    ) -> Read[T]:
        """One read upstream, tried again as long as that may help and the caller waits.

        The token is opened after the turn has come, and once renewed when upstream refuses it.
        """
        refused: str | None = None
        attempt = 0
        while True:
            attempt += 1
            await self._budget.take(user, until, is_urgent=is_urgent)
            token = await self._custody.access(user, refused)
            at = self._clock.now()
            if at >= until:
                raise Late("the caller's deadline came first")
            try:
                value = await ask(token, min(self._request_timeout, until - at))
            except TokenRefused:
                self._count(call, "TokenRefused")
                if refused is not None:
                    raise Unavailable("Cryptohopper refuses a token that it has just given") from None
                refused = token
            except Exhausted as error:
                self._count(call, "Exhausted")
                self._budget.hold(user, error.retry_after)
                if attempt >= logic.ATTEMPTS:
                    raise
            except Unavailable as error:
                self._count(call, "Unavailable")
                pause = logic.pause(attempt, random.random())
                if self._clock.now() + pause >= until:
                    raise (error if self._clock.now() < until else Late("the caller's deadline came first")) from None
                if attempt >= logic.ATTEMPTS:
                    raise
                await self._clock.sleep(pause)
            except CryptwireError as error:
                self._count(call, type(error).__name__)
                raise
            else:
                self._count(call, "ok")
                return Read(value, at)

    def _count(self, call: str, outcome: str) -> None:
        self._meters.count("gateway_upstream_requests", "Requests to upstream", call=call, outcome=outcome)

    # ---- equal reads ----

    async def _read(
        self, key: Key, max_age: timedelta, until: datetime, make: Callable[[], Awaitable[Read[T]]]
    ) -> Read[T]:
        """A kept answer that is young enough, the one under way, or a new one."""
        while True:
            kept = self._kept.get(key)
            if kept is not None and max_age > _NOW and self._clock.now() - kept.at <= max_age:
                return kept
            flight = self._flights.get(key)
            is_joined = flight is not None
            if flight is None:
                flight = self._flights[key] = _Flight(asyncio.ensure_future(make()))
                flight.task.add_done_callback(lambda _, key=key, flight=flight: self._land(key, flight))  # type: ignore[misc]
            flight.waiting += 1
            try:
                read: Read[T] = await asyncio.shield(flight.task)
                return read
            except (Exhausted, Late):
                if not is_joined or self._clock.now() >= until:
                    raise  # else: it was the deadline of another, and this caller waits longer
            finally:
                flight.waiting -= 1
                if not flight.waiting and not flight.task.done():
                    flight.task.cancel()
                    self._land(key, flight)

    def _land(self, key: Key, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
            task = flight.task
            is_good = task.done() and not task.cancelled() and task.exception() is None
            if is_good and key[0] != "trades":
                self._keep(key, task.result())

    def _keep(self, key: Key, read: Read[Any]) -> None:
        self._kept[key] = read
        self._kept.move_to_end(key)
        oldest = self._clock.now() - _KEPT_FOR
        while self._kept and (len(self._kept) > _KEPT or next(iter(self._kept.values())).at < oldest):
            self._kept.popitem(last=False)

    def _drop(self, user: UserId) -> None:
        """Forget what was read, and what is being read, with an earlier link of this user."""
        for key in [key for key in self._kept if key[1] == user]:
            del self._kept[key]
        for key in [key for key in self._flights if key[1] == user]:
            del self._flights[key]
        for home in [home for home in self._homes if home[0] == user]:
            del self._homes[home]
