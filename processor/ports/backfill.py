"""What the back-fill wants from the world. Each raises Unavailable when the world is away."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from cryptwire.codec.ohlcv import Ohlcv
from cryptwire.domain.backfill import Filling, FillProgress
from cryptwire.domain.candle import Candle
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Trade
from processor.logic.backfill import Change

Tell = Callable[[int, int], Awaitable[None]]
"""Told how many candles are done, and of how many."""


class Fillings(Protocol):
    """Which hoppers lack candles, and who fills them; see cryptwire/storage/backfills.py."""

    async def unfilled(self, but: Sequence[HopperId], most: int) -> list[Hopper]: ...

    async def lacking(self, until: datetime, partial_since: datetime, *, is_tracked: bool) -> list[Hopper]: ...

    async def claim(self, hopper: HopperId, worker: str, end: datetime, reach: timedelta) -> Filling | None: ...

    async def progress(self, hopper: HopperId) -> FillProgress | None: ...

    async def alive(self, hopper: HopperId, worker: str, done: int, total: int) -> bool: ...

    async def finish(
        self, hopper: HopperId, worker: str, since: datetime, whole_until: datetime, said: str
    ) -> bool: ...

    async def let_go(self, hopper: HopperId, worker: str, again_in: timedelta, said: str) -> None: ...

    async def whole(self, until: datetime) -> int: ...


class Candles(Protocol):
    async def within(self, hopper: HopperId, since: datetime, until: datetime) -> list[Candle]: ...


class Trades(Protocol):
    async def add(self, trades: Sequence[Trade]) -> list[Trade]: ...

    async def within(self, hopper: HopperId, since: datetime, until: datetime) -> list[Trade]: ...

    async def last_at(self, hopper: HopperId) -> datetime | None: ...


class Flows(Protocol):
    """Money that came or went without a trade, as far as it counts."""

    async def counting(self, hopper: HopperId, since: datetime, until: datetime) -> list[Change]: ...


class Account(Protocol):
    """What upstream tells of a hopper; raises LinkAgain, Exhausted, Refused, Corrupt besides."""

    async def assets(
        self, user: UserId, hopper: HopperId, max_age: timedelta
    ) -> tuple[dict[Asset, Decimal], datetime]: ...

    async def catch_up(self, hopper: Hopper, since: datetime) -> None:
        """Store the trades that upstream lists and we lack; of a hopper never read before those from ``since`` on."""
        ...


class Exchanges(Protocol):
    """What the streamer knows."""

    async def markets(self, exchange: Exchange) -> frozenset[Pair]: ...

    async def candles(self, pair: Pair, span: timedelta, since: datetime, most: int) -> list[Ohlcv]:
        """Up to ``most`` candles opened at or after ``since``, oldest first; raises Refused for a pair it has not."""
        ...


class Live(Protocol):
    async def opening(self, hopper: HopperId, opened_at: datetime) -> float | None:
        """At what the live candle opened, if it is the one opened then and was seen from its beginning."""
        ...


class Queue(Protocol):
    async def push(self, candles: Sequence[bytes]) -> None: ...

    async def waiting(self) -> int: ...


class Bus(Protocol):
    async def publish(self, subject: str, payload: bytes) -> None: ...
