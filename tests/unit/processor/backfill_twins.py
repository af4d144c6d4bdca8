"""What the back-fill talks to, played in memory; the market is the simulator's."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from cryptwire.clock import EPOCH
from cryptwire.codec.candle import candle_from_wire
from cryptwire.codec.ohlcv import Ohlcv
from cryptwire.domain.backfill import Filling, FillProgress, Grant
from cryptwire.domain.candle import SPAN
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Trade
from cryptwire.errors import CryptwireError, Refused, Unavailable
from cryptwire.memory.candles import MemoryCandles
from cryptwire.memory.clock import HandClock
from processor.logic.backfill import Change
from simulator.market.klines import Bars, fixed
from simulator.market.prices import Market


@dataclass
class Row:
    since: datetime
    whole_until: datetime
    filled: bool = False
    done: int = 0
    total: int = 0
    worker: str | None = None
    alive_at: datetime = EPOCH
    again_at: datetime = EPOCH
    said: str = ""


class TwinFillings:
    """Rows in memory, judged by a clock in hand."""

    def __init__(self, clock: HandClock, table: MemoryCandles, *hoppers: Hopper) -> None:
        self._clock = clock
        self._table = table
        self.hoppers = {hopper.id: hopper for hopper in hoppers}
        self.rows: dict[HopperId, Row] = {}
        self.grants: dict[HopperId, Grant] = {}
        self.bases: list[tuple[datetime, Asset]] = []
        self.patience = timedelta(seconds=60)
        self.is_away = False

    def _is_free(self, row: Row) -> bool:
        return row.alive_at <= self._clock.now() - self.patience

    def _look(self) -> None:
        if self.is_away:
            raise Unavailable("away")

    async def unfilled(self, but: Sequence[HopperId], most: int) -> list[Hopper]:
        self._look()
        now = self._clock.now()
        found = []
        for name, hopper in self.hoppers.items():
            row = self.rows.get(name)
            if name not in but and (row is None or (not row.filled and self._is_free(row) and row.again_at <= now)):
                found.append(hopper)
        return found[:most]

    async def lacking(self, until: datetime, partial_since: datetime, *, is_tracked: bool) -> list[Hopper]:
        self._look()
        found = []
        for name, row in self.rows.items():
            stored = await self._table.within(name, row.whole_until, until)
            partial = [c for c in await self._table.within(name, partial_since, until) if c.quality == 1]
            is_whole = len(stored) == (until - row.whole_until) // SPAN and not partial
            if row.filled and not is_whole and (name in self.grants) == is_tracked:
                found.append(self.hoppers[name])
        return found

    async def claim(self, hopper: HopperId, worker: str, end: datetime, reach: timedelta) -> Filling | None:
        self._look()
        if hopper not in self.hoppers:
            return None
        row = self.rows.get(hopper)
        if row is None:
            known = await self._table.within(hopper, EPOCH, end)
            since = min([end, *(candle.opened_at for candle in known)]) - reach
            row = self.rows[hopper] = Row(since, since)
        if not self._is_free(row):
            return None
        row.worker, row.alive_at = worker, self._clock.now()
        return Filling(row.since, row.whole_until, not row.filled, self.grants.get(hopper), self.bases)

    async def progress(self, hopper: HopperId) -> FillProgress | None:
        row = self.rows.get(hopper)
        return None if row is None else FillProgress(1, row.done, row.total)

    async def alive(self, hopper: HopperId, worker: str, done: int, total: int) -> bool:
        self._look()
        row = self.rows[hopper]
        if row.worker != worker:
            return False
        row.done, row.total, row.alive_at = done, total, self._clock.now()
        return True

    async def finish(self, hopper: HopperId, worker: str, since: datetime, whole_until: datetime, said: str) -> bool:
        self._look()
        row = self.rows[hopper]
        if row.worker != worker:
            return False
        self.rows[hopper] = Row(since, whole_until, True, row.total, row.total, said=said)
        return True

    async def let_go(self, hopper: HopperId, worker: str, again_in: timedelta, said: str) -> None:
        row = self.rows[hopper]
        if row.worker == worker:
            row.worker, row.alive_at, row.said = None, EPOCH, said
            row.again_at = self._clock.now() + again_in

    async def whole(self, until: datetime) -> int:
        return 0


class TwinTrades:
    def __init__(self) -> None:
        self.trades: list[Trade] = []

    async def add(self, trades: Sequence[Trade]) -> list[Trade]:
        self.trades += trades
        return list(trades)

    async def within(self, hopper: HopperId, since: datetime, until: datetime) -> list[Trade]:
        return [trade for trade in self.trades if trade.hopper == hopper and since <= trade.at < until]

    async def last_at(self, hopper: HopperId) -> datetime | None:
        return max((trade.at for trade in self.trades if trade.hopper == hopper), default=None)


@dataclass
class TwinFlows:
    flows: list[Change] = field(default_factory=list)

    async def counting(self, hopper: HopperId, since: datetime, until: datetime) -> list[Change]:
        return [flow for flow in self.flows if since <= flow.at < until]


class TwinAccount:
    """Balances by hopper, as old as ``age``; ``trouble`` is raised one a call."""

    def __init__(self, clock: HandClock) -> None:
        self._clock = clock
        self.held: dict[HopperId, dict[Asset, Decimal]] = {}
        self.trouble: list[CryptwireError] = []
        self.asked: list[timedelta] = []
        self.caught_up: list[datetime] = []

    async def assets(self, user: UserId, hopper: HopperId, max_age: timedelta) -> tuple[dict[Asset, Decimal], datetime]:
        self.asked.append(max_age)
        if self.trouble:
            raise self.trouble.pop(0)
        return dict(self.held[hopper]), self._clock.now()

    async def catch_up(self, hopper: Hopper, since: datetime) -> None:
        self.caught_up.append(since)


class TwinExchanges:
    """The simulator's markets; no candle opened at one of ``holes``, and none of those in ``unknown``."""

    def __init__(self, market: Market, clock: HandClock) -> None:
        self._market = market
        self._clock = clock
        self._bars = Bars(1000)
        self.holes: set[tuple[Pair, datetime]] = set()
        self.unknown: set[Pair] = set()
        self.spans: Counter[timedelta] = Counter()
        self.asked = 0
        self.trouble: list[CryptwireError] = []
        self.silent: set[Exchange] = set()

    async def markets(self, exchange: Exchange) -> frozenset[Pair]:
        if exchange in self.silent:
            raise Unavailable(f"{exchange} has no prices yet")
        names = (name.split("/") for name in self._market.exchanges[exchange])
        return frozenset(Pair(exchange, Asset(base), Asset(quote)) for base, quote in names)

    async def candles(self, pair: Pair, span: timedelta, since: datetime, most: int) -> list[Ohlcv]:
        self.asked += 1
        self.spans[span] += 1
        if self.trouble:
            raise self.trouble.pop(0)
        if pair in self.unknown:
            raise Refused("no such spot pair")
        played = self._market.pair(pair.exchange, pair.base, pair.quote)
        edges = fixed(_ms(span), (since - EPOCH) // timedelta(milliseconds=1), most)
        now = (self._clock.now() - EPOCH) // timedelta(milliseconds=1)
        found = []
        for bar in self._bars.klines(played, edges, now):
            at = EPOCH + timedelta(milliseconds=bar.opened_at)
            if (pair, at) not in self.holes:
                open_, high, low, close = (
                    float(played.shown(price)) for price in (bar.open, bar.high, bar.low, bar.close)
                )
                found.append(Ohlcv(at, open_, high, low, close, 1.0))
        return found


@dataclass
class TwinLive:
    openings: dict[tuple[HopperId, datetime], float] = field(default_factory=dict)

    async def opening(self, hopper: HopperId, opened_at: datetime) -> float | None:
        return self.openings.get((hopper, opened_at))


class TwinQueue:
    """The Redis list and the writer behind it, who is at once unless he ``sleeps``."""

    def __init__(self, table: MemoryCandles) -> None:
        self._table = table
        self.sleeps = False
        self.pushes: list[int] = []
        self._values: list[bytes] = []

    async def push(self, candles: Sequence[bytes]) -> None:
        self.pushes.append(len(candles))
        self._values += candles

    async def waiting(self) -> int:
        if not self.sleeps:
            await self.write()
        return len(self._values)

    async def write(self) -> None:
        await self._table.write([candle_from_wire(value) for value in self._values])
        self._values.clear()


class TwinBus:
    def __init__(self) -> None:
        self.told: list[str] = []

    async def publish(self, subject: str, payload: bytes) -> None:
        self.told.append(subject)


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
