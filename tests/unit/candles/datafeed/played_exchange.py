"""An exchange, a table and leases in memory, for tests of pairs."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from candles.datafeed.logic.grains import chained
from candles.datafeed.ports import OnTicker
from cryptwire.clock import Clock
from cryptwire.codec.ohlcv import Ohlcv
from cryptwire.domain.bar import Columns
from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.ticker import Pair, Ticker
from cryptwire.errors import Refused, Unavailable

BTC = Pair(Exchange("binance"), Asset("BTC"), Asset("USDT"))
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
_SPANS = {"15m": 900, "30m": 1800, "1h": 3600, "1d": 86_400}


class Hands:
    """A clock whose hands a test sets; waiting moves them."""

    def __init__(self, moment: datetime = NOON) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    async def sleep(self, span: timedelta) -> None:
        self.moment += span
        await asyncio.sleep(0.003)


def price_at(second: int) -> float:
    """The price of the played pair: it never stands still."""
    return 1000.0 + (second // 900 * 7919) % 1009 / 8


def candle_at(second: int, grain: int, until: int | None = None) -> tuple[float, float, float, float, float]:
    """The candle opened at ``second``, so far as it is until ``until``: made of the quarters in it."""
    prices = [price_at(at) for at in range(second, min(second + grain, until or second + grain), 900)]
    return prices[0], max(prices) + 0.25, min(prices) - 0.5, prices[-1], 10.0 * len(prices)


@dataclass
class PlayedExchange:
    """Tells candles from ``began`` on, at most ``page`` at once; between ``silent`` seconds it has none.

    ``skips``: from an empty time it goes on to the next candle there is, else it answers with nothing.
    """

    clock: Clock
    began: int = 0
    page: int = 1000
    skips: bool = True
    silent: tuple[int, int] = (0, 0)
    is_away: bool = False
    refuses: bool = False
    seconds: float = 0.0  # that an answer takes
    first: int = 1_000_000  # questions that are answered before ``goes_on``
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[tuple[str, int, int]] = field(default_factory=list)
    told: Counter[tuple[str, int]] = field(default_factory=Counter)
    listeners: dict[Pair, OnTicker] = field(default_factory=dict)
    at_once: int = 0
    most_at_once: int = 0

    async def candles(self, pair: Pair, timeframe: str, since: datetime, most: int) -> list[Ohlcv]:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self.first -= 1
            if self.first < 0:
                await self.goes_on.wait()
            await asyncio.sleep(self.seconds)
            return self._candles(timeframe, int(since.timestamp()), most)
        finally:
            self.at_once -= 1

    def _candles(self, timeframe: str, since: int, most: int) -> list[Ohlcv]:
        if self.is_away:
            raise Unavailable("away")
        if self.refuses:
            raise Refused("no such pair")
        grain, now = _SPANS[timeframe], int(self.clock.now().timestamp())
        self.asked.append((timeframe, since, most))
        rows: list[Ohlcv] = []
        at = -(-since // grain) * grain
        end = at + min(most, self.page) * grain
        while at <= now and len(rows) < min(most, self.page) and (self.skips or at < end):
            if at + grain > self.began and not self.silent[0] <= at < self.silent[1]:
                rows.append(Ohlcv(datetime.fromtimestamp(at, UTC), *candle_at(at, grain, now + 1)))
                if at + grain <= now:
                    self.told[timeframe, at] += 1
            elif self.skips and at < self.began:
                at = self.began // grain * grain
                continue
            at += grain
        return rows

    async def listen(self, pair: Pair, on_ticker: OnTicker) -> Callable[[], Awaitable[None]]:
        if self.is_away:
            raise Unavailable("away")
        self.listeners[pair] = on_ticker

        async def end() -> None:
            del self.listeners[pair]

        return end

    def say(self, price: float, pair: Pair = BTC) -> None:
        """A new price."""
        self.listeners[pair](Ticker(pair, price, None, None, None, self.clock.now(), "s", 1))


@dataclass(frozen=True)
class Stored:
    id: int
    begins: int | None


@dataclass
class MemoryTable:
    """Stored candles; refuses one that has not closed, and a second one of a time."""

    clock: Clock
    ids: dict[tuple[Pair, int], int] = field(default_factory=dict)
    began: dict[int, int] = field(default_factory=dict)
    blocks: dict[tuple[int, int], int] = field(default_factory=dict)
    rows: dict[tuple[int, int], tuple[float, ...]] = field(default_factory=dict)
    is_away: bool = False

    async def series(self, pair: Pair, grain: int) -> Stored:
        self._there()
        id = self.ids.setdefault((pair, grain), len(self.ids) + 1)
        return Stored(id, self.began.get(id))

    async def begins(self, series: int, at: int) -> None:
        self.began[series] = at

    async def known(self, series: int, since: int, until: int) -> dict[int, int]:
        self._there()
        return {at: known for (id, at), known in self.blocks.items() if id == series and since <= at < until}

    async def within(self, series: int, since: int, until: int) -> Columns:
        self._there()
        found = sorted((at, row) for (id, at), row in self.rows.items() if id == series and since <= at < until)
        if not found:
            return chained([])
        columns = np.array([row for _, row in found], np.float64).T
        return Columns(np.array([at for at, _ in found], np.int64), *columns)

    async def keep(self, series: int, begins: int, candles: Columns, known_until: int) -> None:
        self._there()
        grain = next(grain for (_, grain), id in self.ids.items() if id == series)
        assert known_until <= self.clock.now().timestamp(), "what has not closed is stored"
        for row in range(len(candles)):
            at = int(candles.at[row])
            assert at + grain <= known_until, "what has not closed is stored"
            values = (float(getattr(candles, name)[row]) for name in ("open", "high", "low", "close", "volume"))
            self.rows.setdefault((series, at), tuple(values))
        self.blocks[series, begins] = max(known_until, self.blocks.get((series, begins), 0))

    def _there(self) -> None:
        if self.is_away:
            raise Unavailable("away")


@dataclass
class Leases:
    """Who has which; nobody's ends by itself here."""

    held: set[str] = field(default_factory=set)
    is_away: bool = False

    def of(self, name: str) -> "OneLease":
        return OneLease(self, name)


@dataclass
class OneLease:
    leases: Leases
    name: str

    async def take(self) -> bool:
        if self.leases.is_away:
            raise Unavailable("away")
        if self.name in self.leases.held:
            return False
        self.leases.held.add(self.name)
        return True

    async def release(self) -> bool:
        self.leases.held.discard(self.name)
        return True
