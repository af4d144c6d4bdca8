"""An analyser against a world of twins: live portfolios are told by hand, the clock is turned by hand."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from analyser.handlers.hoppers import Hoppers
from analyser.handlers.pairs import Pairs
from analyser.handlers.reading import Reader
from analyser.handlers.service import Analyser
from analyser.ports import FlowBook
from cryptwire.clock import to_us
from cryptwire.codec.candle import candle_to_message, candle_to_wire
from cryptwire.codec.figure import (
    Lease,
    Wanted,
    lease_from_wire,
    pair_snapshot_from_wire,
    snapshot_from_wire,
    wanted_to_wire,
)
from cryptwire.codec.ohlcv import Ohlcv
from cryptwire.codec.portfolio import flow_to_message, position_to_message
from cryptwire.domain.account import Position
from cryptwire.domain.bar import Columns, Volumes
from cryptwire.domain.candle import Candle, Quality
from cryptwire.domain.figure import PairSnapshot, Snapshot
from cryptwire.domain.hopper import Asset, Assignment, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.portfolio import FlowCandidate
from cryptwire.domain.ticker import Pair, Ticker
from cryptwire.errors import Refused, Unavailable
from cryptwire.memory.bus import MemoryBus
from cryptwire.memory.clock import HandClock, settled
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from generated.wire.v1 import portfolio_pb2

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
S = timedelta(seconds=1)
QUARTER = timedelta(minutes=15)
SPAN = 900
ONE = HopperId("1")
BTC = Pair(Exchange("binance"), Asset("BTC"), Asset("USDT"))


def hopper(name: str = "1", user: str = "u") -> Hopper:
    return Hopper(HopperId(name), UserId(user), name, Exchange("binance"), Asset("USDT"), False, 60 * S)


class Held:
    """Twin of the assignments: a list, or None while the pod is not confirmed."""

    def __init__(self, *hoppers: Hopper) -> None:
        self.held: list[Assignment] | None = [Assignment(one, 1) for one in hoppers]
        self.is_away = False

    async def of_pod(self, pod: str) -> list[Assignment] | None:
        if self.is_away:
            raise Unavailable("the database is away")
        return self.held


class PlayedTables:
    """Twin of candles, volumes, flows and zones."""

    def __init__(self) -> None:
        self.is_away = False
        self.candles: dict[HopperId, list[tuple[int, float, float, float, float]]] = {}
        self.traded: list[tuple[int, float]] = []
        self.books: dict[HopperId, FlowBook] = {}
        self.zone = ZoneInfo("UTC")
        self.reads = 0

    def _look(self) -> None:
        if self.is_away:
            raise Unavailable("the database is away")

    async def newest(self, hopper: HopperId, since: int, until: int, limit: int) -> Columns:
        self._look()
        self.reads += 1
        rows = [row for row in self.candles.get(hopper, []) if since <= row[0] < until][-limit:]
        at = np.array([row[0] for row in rows], np.int64)
        opens, highs, lows, closes = np.array([row[1:] for row in rows], np.float64).reshape(len(rows), 4).T.copy()
        return Columns(at, opens, highs, lows, closes, np.zeros(len(rows)))

    async def volumes(self, hopper: HopperId, base: Asset, since: int, until: int) -> Volumes:
        self._look()
        sums: dict[int, float] = {}
        for at, volume in self.traded:
            if since <= at < until:
                sums[at - at % SPAN] = sums.get(at - at % SPAN, 0.0) + volume
        return Volumes(np.array(sorted(sums), np.int64), np.array([sums[at] for at in sorted(sums)], np.float64))

    async def volume(self, hopper: HopperId, base: Asset, since: int, until: int) -> float:
        self._look()
        return sum(volume for at, volume in self.traded if since <= at < until)

    async def of(self, key: HopperId | Sequence[UserId]) -> "FlowBook | dict[UserId, ZoneInfo]":
        self._look()
        if isinstance(key, str):
            return self.books.get(HopperId(key), FlowBook([], [], 1, None))
        return dict.fromkeys(key, self.zone)

    async def marks(self, hoppers: Sequence[HopperId]) -> dict[HopperId, int]:
        self._look()
        found = {one: sum(flow.version for flow in self.books[one].flows) for one in hoppers if one in self.books}
        return {one: mark for one, mark in found.items() if mark}


class PlayedExchange:
    """Twin of the streamer's candles and the last prices."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Pair, str], list[Ohlcv]] = {}
        self.last: dict[Pair, Ticker] = {}
        self.asked: list[tuple[str, datetime]] = []
        self.fails: Exception | None = None

    async def since(self, pair: Pair, timeframe: str, since: datetime, limit: int) -> list[Ohlcv]:
        self.asked.append((timeframe, since))
        if self.fails is not None:
            raise self.fails
        if (pair, timeframe) not in self.rows:
            raise Refused(f"{pair.exchange} has no such spot pair")
        return [row for row in self.rows[pair, timeframe] if row.opened_at >= since][:limit]

    async def of(self, pair: Pair) -> Ticker | None:
        return self.last.get(pair)


class PlayedLeases:
    """Twin of Redis: who holds what; ``is_away``: nobody can tell."""

    def __init__(self) -> None:
        self.holders: dict[Pair, object] = {}
        self.is_away = False

    def of(self, pair: Pair) -> "PlayedLease":
        return PlayedLease(self, pair)


class PlayedLease:
    def __init__(self, book: PlayedLeases, pair: Pair) -> None:
        self._book, self._pair = book, pair

    def _look(self) -> None:
        if self._book.is_away:
            raise Unavailable("Redis is away")

    async def take(self) -> bool:
        return await self.renew()

    async def renew(self) -> bool:
        self._look()
        return self._book.holders.setdefault(self._pair, self) is self

    async def release(self) -> bool:
        self._look()
        return self._book.holders.get(self._pair) is self and bool(self._book.holders.pop(self._pair))


class Played:
    """One analyser and its world; several may share bus, clock, tables, exchange and leases."""

    def __init__(self, *hoppers: Hopper, beside: "Played | None" = None) -> None:
        self.bus: MemoryBus = MemoryBus() if beside is None else beside.bus
        self.clock: HandClock = HandClock(T) if beside is None else beside.clock
        self.tables: PlayedTables = PlayedTables() if beside is None else beside.tables
        self.exchange: PlayedExchange = PlayedExchange() if beside is None else beside.exchange
        self.redis: PlayedLeases = PlayedLeases() if beside is None else beside.redis
        self.duties = Held(*hoppers)
        self.meters = Meters()
        self.session = f"session-{id(self)}"
        reader = Reader(self.tables, self.tables, self.tables, self.clock, self.meters, span=QUARTER)  # type: ignore[arg-type]
        self.hoppers = Hoppers(
            self.session,
            self.bus,
            LIVE,
            self.clock,
            self.meters,
            reader.ask,
            span=QUARTER,
            gather=timedelta(milliseconds=25),
        )
        self.pairs = Pairs(
            self.session, self.exchange, self.exchange, self.redis.of, self.bus, LIVE, self.clock, self.meters
        )
        self.rounds = 0
        self.analyser = Analyser(
            "pod",
            self.hoppers,
            self.pairs,
            reader,
            self.duties,
            self.bus,
            LIVE,
            self.clock,
            self.meters,
            readers=1,
            on_round=self._on_round,
        )
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    def _on_round(self, _: int) -> None:
        self.rounds += 1

    async def begin(self) -> None:
        self._task = asyncio.create_task(self.analyser.run(self._stop))
        await settled()

    async def end(self) -> None:
        self._stop.set()
        if self._task is not None:
            await self._task

    async def kill(self) -> None:
        """Gone at once: no lease is let go."""
        assert self._task is not None
        self.redis.is_away, was = True, self.redis.is_away
        await self.end()
        self.redis.is_away = was

    async def until(self, moment: datetime) -> None:
        """Let time pass."""
        await self.clock.turn(moment - self.clock.now())

    # -- what it is told -------------------------------------------------------------------------------------------

    def past(self, *candles: tuple[float, float, float, float], name: str = "1", until: datetime = T) -> None:
        """Stored candles that end at ``until``."""
        first = int(until.timestamp()) - SPAN * len(candles)
        self.tables.candles[HopperId(name)] = [
            (first + SPAN * number, *candle) for number, candle in enumerate(candles)
        ]

    async def live(
        self,
        value: float,
        *,
        name: str = "1",
        opened_at: datetime = T,
        open_: float | None = None,
        high: float | None = None,
        low: float | None = None,
        volume: float = 0.0,
        at: datetime | None = None,
        polled_at: datetime = T,
        flow: FlowCandidate | None = None,
        holdings: Sequence[tuple[str, str, float]] = (("USDT", "10", 1.0),),
        positions: Sequence[Position] = (),
        base: str = "USDT",
    ) -> None:
        """A live message; the figures that it brings are told when this returns."""
        begun = value if open_ is None else open_
        message = portfolio_pb2.Portfolio(
            hopper_id=name,
            at_us=to_us(at or self.clock.now()),
            base_currency=base,
            candle=candle_to_message(
                Candle(
                    HopperId(name),
                    opened_at,
                    begun,
                    max(value, begun) if high is None else high,
                    min(value, begun) if low is None else low,
                    value,
                    timedelta(0),
                    Quality.COMPLETE,
                    1,
                )
            ),
            volume=volume,
            is_fresh=True,
            prices_at_us=to_us(self.clock.now()),
            newest_price_at_us=to_us(self.clock.now()),
            assets_at_us=to_us(polled_at),
            assets=[asset for asset, _, _ in holdings],
            quantities=[quantity for _, quantity, _ in holdings],
            prices=[price for _, _, price in holdings],
            positions=[position_to_message(position) for position in positions],
            flow=None if flow is None else flow_to_message(flow),
        )
        await self.bus.publish(LIVE.live(HopperId(name)), message.SerializeToString())
        await self.clock.turn(timedelta(milliseconds=30))

    async def closed(
        self,
        candle: tuple[float, float, float, float],
        opened_at: datetime = T,
        name: str = "1",
        *,
        is_stored: bool = True,
    ) -> None:
        closed = Candle(HopperId(name), opened_at, *candle, timedelta(0), Quality.COMPLETE, 1)
        if is_stored:
            self.tables.candles.setdefault(HopperId(name), []).append((int(opened_at.timestamp()), *candle))
        await self.bus.publish(LIVE.closed(HopperId(name)), candle_to_wire(closed))
        await self.clock.turn(timedelta(milliseconds=30))

    async def want(self, *keys: str, of: HopperId | Pair = ONE) -> Lease:
        """Raises Unavailable when nobody answers."""
        asking = asyncio.create_task(self.bus.request(LIVE.want, wanted_to_wire(Wanted(of, keys)), 0.5))
        await self.clock.turn(timedelta(milliseconds=30))
        lease = lease_from_wire(await asking)
        await self.clock.turn(timedelta(milliseconds=600))
        return lease

    # -- what it tells ---------------------------------------------------------------------------------------------

    def told(self, name: str = "1") -> list[Snapshot]:
        return [snapshot_from_wire(payload) for payload in self.bus.sent(LIVE.figures(HopperId(name)))]

    def last(self, name: str = "1") -> dict[str, float | None]:
        """The figures told last, by key."""
        return {str(key): figure.value for key, figure in self.told(name)[-1].figures.items()}

    def told_of(self, pair: Pair = BTC) -> list[PairSnapshot]:
        return [pair_snapshot_from_wire(payload) for payload in self.bus.sent(LIVE.pair_figures(pair))]


@asynccontextmanager
async def playing(*hoppers: Hopper) -> AsyncIterator[Played]:
    """An analyser at work that holds these."""
    played = Played(*(hoppers or (hopper(),)))
    await played.begin()
    try:
        yield played
    finally:
        await played.end()
