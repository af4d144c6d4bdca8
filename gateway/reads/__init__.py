"""Reads for a user: the hopper is his, the budget allows it, equal ones are one, failures are tried again."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol, TypeVar

from cryptwire import log
from cryptwire.clock import EPOCH, Clock
from cryptwire.domain.account import Order, OutputEntry, Position, Reserved, Short
from cryptwire.domain.hopper import Asset, HopperId, LinkedHopper, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.errors import NotFound, Unavailable
from cryptwire.metrics import Meters
from cryptwire.storage.tokens import Tokens
from gateway import dialect, logic
from gateway.custody import Custody
from gateway.ports import Budget, Rows, TradePage, Upstream, Urgency
from gateway.reads.asking import Asker
from gateway.reads.flights import Flight, Flights, Make
from gateway.reads.history import History
from gateway.reads.kept import KEPT_FOR, Kept, Key, Read

__all__ = ["History", "Read", "Reads"]

_log = log.Log(__name__)
_PAGES = 4_000
_HOMES = 50_000
_NOW = timedelta(0)

T = TypeVar("T")


class _List(Protocol):
    @property
    def skipped(self) -> int:
        """Rows that could not be read."""
        ...

    @property
    def is_unreadable(self) -> bool:
        """Nothing of what it holds could be read."""
        ...


L = TypeVar("L", bound=_List)


@dataclass(frozen=True, slots=True)
class _Wish:
    """Whose hopper is read; ``generation`` of the hopper when it was asked for; until when, and how urgently."""

    user: UserId
    hopper: HopperId
    generation: int
    until: datetime
    urgency: Urgency

    def key(self, call: str, *more: object) -> Key:
        """Equal reads have equal keys; an action on the hopper changes them all."""
        return (call, self.user, self.hopper, self.generation, *more)


class Reads:
    """Every read names its user and hopper, how old an answer may be (0 goes upstream), until when its caller waits
    (UTC), and how urgent it is.

    An answer that was asked for before the last action on its hopper is never given after it. Raises NotFound for a
    hopper that is not linked to the user, without a request upstream; LinkAgain, Exhausted, Late, Unavailable,
    Forbidden, Invalid, Corrupt.
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
        self._clock = clock
        self._meters = meters
        self._asker = Asker(custody, upstream, budget, clock, meters, request_timeout)
        self._kept = Kept()
        self._flights = Flights(clock, self._land)
        self._homes: OrderedDict[tuple[UserId, HopperId], Pair] = OrderedDict()
        self._unreadable: OrderedDict[tuple[str, UserId, HopperId], int] = OrderedDict()

    def forget(self, user: UserId) -> None:
        """Drop what was read, and what is being read, with an earlier link of this user."""
        self._kept.forget(lambda key: key[1] == user)
        self._flights.forget(user)
        for home in [home for home in self._homes if home[0] == user]:
            del self._homes[home]

    # ---- calls ----

    async def hoppers(
        self, user: UserId, max_age: timedelta, until: datetime, urgency: Urgency
    ) -> Read[list[LinkedHopper]]:
        key = ("hoppers", user, await self._tokens.generations(user))

        async def make(flight: Flight) -> Read[list[LinkedHopper]]:
            read = await self._asker.ask(
                flight, "hoppers", lambda token, timeout: self._upstream.hoppers(token, user, timeout)
            )
            await self._tokens.keep_hoppers(user, [linked.hopper.id for linked in read.value])
            for linked in read.value:
                self._remember(linked)
            return read

        return await self._read(key, user, max_age, until, urgency, make)

    async def hopper(
        self, user: UserId, hopper: HopperId, max_age: timedelta, until: datetime, urgency: Urgency
    ) -> Read[LinkedHopper]:
        return await self._hopper(await self._wish(user, hopper, until, urgency), max_age)

    async def config(
        self, user: UserId, hopper: HopperId, max_age: timedelta, until: datetime, urgency: Urgency
    ) -> Read[dict[str, str]]:
        """Without the exchange's keys."""
        wish = await self._wish(user, hopper, until, urgency)
        return await self._simple(wish, "config", max_age, lambda t, span: self._upstream.config(t, hopper, span))

    async def assets(
        self, user: UserId, hopper: HopperId, max_age: timedelta, until: datetime, urgency: Urgency
    ) -> Read[dict[Asset, Decimal]]:
        wish = await self._wish(user, hopper, until, urgency)
        return await self._simple(wish, "assets", max_age, lambda t, span: self._upstream.assets(t, hopper, span))

    async def positions(
        self, user: UserId, hopper: HopperId, max_age: timedelta, until: datetime, urgency: Urgency
    ) -> Read[tuple[Position, ...]]:
        wish = await self._wish(user, hopper, until, urgency)
        return await self._rows(wish, "position", max_age, self._upstream.positions)

    async def reserved(
        self, user: UserId, hopper: HopperId, max_age: timedelta, until: datetime, urgency: Urgency
    ) -> Read[tuple[Reserved, ...]]:
        wish = await self._wish(user, hopper, until, urgency)
        return await self._rows(wish, "reserved", max_age, self._upstream.reserved)

    async def shorts(
        self, user: UserId, hopper: HopperId, max_age: timedelta, until: datetime, urgency: Urgency
    ) -> Read[tuple[Short, ...]]:
        wish = await self._wish(user, hopper, until, urgency)
        return await self._rows(wish, "short", max_age, self._upstream.shorts)

    async def orders(
        self, user: UserId, hopper: HopperId, max_age: timedelta, until: datetime, urgency: Urgency
    ) -> Read[tuple[Order, ...]]:
        wish = await self._wish(user, hopper, until, urgency)
        return await self._rows(wish, "order", max_age, self._upstream.orders)

    async def output(
        self,
        user: UserId,
        hopper: HopperId,
        since: datetime,
        max_age: timedelta,
        until: datetime,
        urgency: Urgency,
    ) -> Read[tuple[OutputEntry, ...]]:
        """Its log since ``since``, newest first, 500 entries at most."""
        wish = await self._wish(user, hopper, until, urgency)

        async def make(flight: Flight) -> Read[tuple[OutputEntry, ...]]:
            return await self._whole(
                flight, wish, "output", lambda token, timeout: self._upstream.output(token, hopper, since, timeout)
            )

        return await self._read(wish.key("output", since), user, max_age, until, urgency, make)

    async def trades(
        self, user: UserId, hopper: HopperId, since: datetime, until: datetime, urgency: Urgency
    ) -> Read[History]:
        """Every trade at or after ``since``, oldest first; one that cannot be read is counted and left out."""
        wish = await self._wish(user, hopper, until, urgency)
        key = wish.key("trades", since)
        return await self._read(key, user, _NOW, until, urgency, lambda flight: self._trades(flight, wish, since))

    # ---- how they are made ----

    async def _wish(self, user: UserId, hopper: HopperId, until: datetime, urgency: Urgency) -> _Wish:
        generation = await self._tokens.generation(user, hopper)
        if generation is None:
            raise NotFound(f"there is no hopper {hopper[:40]}")
        return _Wish(user, hopper, generation, until, urgency)

    async def _read(
        self, key: Key, user: UserId, max_age: timedelta, until: datetime, urgency: Urgency, make: Make[T]
    ) -> Read[T]:
        """A kept answer that is young enough, the one under way, or a new one."""
        if max_age > _NOW:
            kept = self._kept.get(key, self._clock.now() - min(max_age, KEPT_FOR))
            if kept is not None:
                await self._custody.must_be_linked(user)
                return kept
        return await self._flights.read(key, user, until, urgency, make)

    async def _simple(
        self, wish: _Wish, call: str, max_age: timedelta, send: Callable[[str, timedelta], Awaitable[T]]
    ) -> Read[T]:
        return await self._read(
            wish.key(call),
            wish.user,
            max_age,
            wish.until,
            wish.urgency,
            lambda flight: self._asker.ask(flight, call, send),
        )

    async def _rows(
        self,
        wish: _Wish,
        what: str,
        max_age: timedelta,
        send: Callable[[str, HopperId, Pair, timedelta], Awaitable[Rows[T]]],
    ) -> Read[tuple[T, ...]]:
        """A list whose rows are read by the hopper's exchange and base currency."""

        async def make(flight: Flight) -> Read[tuple[T, ...]]:
            home = await self._home(wish)
            return await self._whole(flight, wish, what, lambda token, timeout: send(token, wish.hopper, home, timeout))

        return await self._read(wish.key(what), wish.user, max_age, wish.until, wish.urgency, make)

    async def _hopper(self, wish: _Wish, max_age: timedelta) -> Read[LinkedHopper]:
        async def make(flight: Flight) -> Read[LinkedHopper]:
            read = await self._asker.ask(
                flight,
                "hopper",
                lambda token, timeout: self._upstream.hopper(token, wish.user, wish.hopper, timeout),
            )
            self._remember(read.value)
            return read

        return await self._read(wish.key("hopper"), wish.user, max_age, wish.until, wish.urgency, make)

    async def _home(self, wish: _Wish) -> Pair:
        """The hopper's exchange and base currency, read once and then known."""
        known = self._homes.get((wish.user, wish.hopper))
        if known is None:
            it = (await self._hopper(wish, KEPT_FOR)).value.hopper
            known = Pair(it.exchange, Asset(""), it.base)
        return known

    def _remember(self, linked: LinkedHopper) -> None:
        it = linked.hopper
        self._homes[it.user, it.id] = Pair(it.exchange, Asset(""), it.base)
        if len(self._homes) > _HOMES:
            self._homes.popitem(last=False)

    async def _trades(self, flight: Flight, wish: _Wish, since: datetime) -> Read[History]:
        home = await self._home(wish)
        history = History(since)
        began = self._clock.now()
        offset = 0
        for _ in range(_PAGES):
            page = (await self._page(flight, wish, home, since, offset)).value
            is_stuck = not history.add(page.trades) and bool(page.trades)  # upstream does not heed the offset
            times = [trade.at for trade in page.trades]
            is_enough = since > EPOCH and logic.is_complete(min(times, default=None), since, dialect.falls(times))
            if page.is_last or is_stuck or is_enough:
                break
            offset += page.length
        history.end()
        return Read(history, began)

    async def _page(self, flight: Flight, wish: _Wish, home: Pair, since: datetime, offset: int) -> Read[TradePage]:
        return await self._best(
            flight,
            wish,
            "trade",
            lambda token, timeout: self._upstream.trades(token, wish.hopper, home, since, offset, timeout),
        )

    async def _whole(
        self, flight: Flight, wish: _Wish, what: str, send: Callable[[str, timedelta], Awaitable[Rows[T]]]
    ) -> Read[tuple[T, ...]]:
        read = await self._best(flight, wish, what, send)
        return Read(read.value.rows, read.at)

    async def _best(
        self, flight: Flight, wish: _Wish, what: str, send: Callable[[str, timedelta], Awaitable[L]]
    ) -> Read[L]:
        """A list, asked for once more when it has more rows than before that cannot be read.

        An answer may be spoilt in passing; rows that stay so are left out, counted, and not worth a second request each
        time. Raises Unavailable when nothing could be read: nobody may take that for an empty list.
        """
        key = (what, wish.user, wish.hopper)
        read = await self._asker.ask(flight, what, send)
        if read.value.skipped > self._unreadable.get(key, 0):
            again = await self._asker.ask(flight, what, send)
            read = min(again, read, key=lambda one: one.value.skipped)
            self._unreadable[key] = read.value.skipped
            if len(self._unreadable) > _HOMES:
                self._unreadable.popitem(last=False)
        self._count_skipped(what, read.value.skipped)
        if read.value.is_unreadable:
            raise Unavailable(f"nothing of Cryptohopper's list could be read ({what})")
        return read

    def _count_skipped(self, what: str, count: int) -> None:
        if count:
            self._meters.count("gateway_skipped_rows", "Rows of upstream that could not be read", count, what=what)
            _log.warning("rows that cannot be read are left out", what=what, count=count)

    def _land(self, key: Key, read: Read[object]) -> None:
        if not isinstance(read.value, History):
            self._kept.keep(key, read, self._clock.now())
            self._meters.set("gateway_kept_bytes", "Bytes of the answers that are kept, roughly", self._kept.bytes)
