"""The charts of pairs: ``ticker.…`` of what somebody reads, the exchanges' candles, ``feed.*``."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from candles.datafeed.handlers.asking import free
from candles.datafeed.handlers.charts import Ages, Chart, Charts, told
from candles.datafeed.handlers.markets import Markets
from candles.datafeed.handlers.pair_book import Newest, PairBook
from candles.datafeed.handlers.rules import MARKET
from candles.datafeed.handlers.zones import zone_of
from candles.datafeed.logic.budget import Budget
from candles.datafeed.logic.forming import Formation, Update
from candles.datafeed.logic.grains import Grain, chained, live_grain
from candles.datafeed.logic.open_candle import OpenCandle
from candles.datafeed.logic.symbols import PairSymbol, Symbol
from candles.datafeed.ports import Exchanges, People
from cryptwire.clock import EPOCH, Clock
from cryptwire.codec.ticker import feed_from_wire
from cryptwire.domain.bar import Columns, Part, Resolution, bar_at
from cryptwire.domain.hopper import Exchange, UserId
from cryptwire.domain.ticker import Pair, Ticker
from cryptwire.errors import CryptwireError, Invalid, NotFound, Unavailable
from cryptwire.log import Log
from cryptwire.messaging.bus import Message
from cryptwire.metrics import Meters

_READERS = 4
_SEED_SECONDS = 10.0
_READS_EVERY = timedelta(seconds=60)
_AFTER_CLOSE = 1.0  # seconds; charts of many pairs close together, and are spread over one second more
_AGAIN = timedelta(seconds=5)
_LONGEST_PAUSE = 32
_TOLD_EVERY = timedelta(milliseconds=200)
_FRESH = timedelta(seconds=10)
_log = Log(__name__)


@dataclass(slots=True, eq=False)
class _Watched:
    """Candles of one length of one pair, of which somebody reads charts."""

    pair: Pair
    candle: OpenCandle
    charts: "set[PairChart]" = field(default_factory=set)
    closed_until: int = 0
    price_at: datetime | None = None
    next_read_at: datetime = EPOCH
    is_reading: bool = False
    misses: int = 0  # looks in a row at which the last candle had not closed

    @property
    def grain(self) -> Grain:
        return Grain(self.candle.grain)


@dataclass(slots=True, eq=False, kw_only=True)
class PairChart(Chart):
    """One pair; ``good_until``: its bars up to there are made of the candles that are watched."""

    pair: Pair
    watched: _Watched | None = None
    good_until: int = 0


class PairCharts(Charts[PairChart]):
    """Pairs as their prices come in; what the exchange tells of a candle when it has closed counts."""

    needs = MARKET
    close_comes_within = timedelta(seconds=4)
    loaders = 32  # each waits for an exchange, which may be away while others are not

    def __init__(
        self,
        people: People,
        markets: Markets,
        book: PairBook,
        exchanges: Exchanges,
        budget: Budget,
        clock: Clock,
        meters: Meters,
    ) -> None:
        super().__init__(clock, meters)
        self._people = people
        self._markets = markets
        self._book = book
        self._exchanges = exchanges
        self._budget = budget
        self._charts: dict[tuple[str, str, str], PairChart] = {}
        self._watched: dict[tuple[Pair, Grain], _Watched] = {}
        self._of_pair: dict[Pair, set[_Watched]] = {}
        self._listening: dict[Pair, Callable[[], Awaitable[None]]] = {}
        self._listens = asyncio.Lock()
        self._endings: set[asyncio.Task[None]] = set()
        self._reads: asyncio.Queue[_Watched] = asyncio.Queue()
        self._changed: set[_Watched] = set()
        self._has_changed = asyncio.Event()
        self._feeds: dict[Exchange, datetime] = {}  # until when their prices are fresh

    # who reads

    async def find(self, user: UserId, symbol: Symbol, text: str, label: str) -> PairChart:
        if not isinstance(symbol, PairSymbol):
            raise NotFound("unknown_symbol")
        pair = (await self._markets.find(symbol)).pair
        self._budget.pair(user, pair, self._clock.now())
        zone = await zone_of(self._people, user)
        key = (text, label, zone.key)
        chart = self._charts.get(key)
        if chart is None:
            formation = Formation(Resolution.of(label), zone, Grain.QUARTER)
            chart = self._charts[key] = PairChart(text, label, zone, formation, pair=pair)
        return chart

    def all(self) -> list[PairChart]:
        return list(self._charts.values())

    def open_candle(self, pair: Pair, grain: Grain, since: int, until: int) -> Columns:
        """The candle in progress as it is followed live, if it is and opened in ``[since, until)``."""
        watched = self._watched.get((pair, grain))
        if watched is None or watched.candle.at is None or watched.candle.part is None:
            return chained([])
        at = watched.candle.at
        return _row(at, watched.candle.part) if since <= at < until and at >= watched.closed_until else chained([])

    def _forget(self, chart: PairChart) -> None:
        if self._charts.pop((chart.symbol, chart.label, chart.zone.key), None) is not None:
            self._watch(chart, None)

    def _watch(self, chart: PairChart, grain: Grain | None) -> None:
        """``chart`` is made of candles of ``grain``; None: it needs none any more."""
        before = chart.watched
        if before is not None and before.grain == grain:
            return
        chart.watched = None
        if grain is not None:
            key = (chart.pair, grain)
            watched = self._watched.get(key)
            if watched is None:
                watched = self._watched[key] = _Watched(chart.pair, OpenCandle(grain))
                self._of_pair.setdefault(chart.pair, set()).add(watched)
            watched.charts.add(chart)
            chart.watched = watched
        if before is not None:
            before.charts.discard(chart)
            if not before.charts:
                del self._watched[before.pair, before.grain]
                self._of_pair[before.pair].discard(before)
                self._stop_listening(before.pair)

    async def _listen(self, pair: Pair) -> None:
        async with self._listens:
            if pair not in self._listening:
                self._listening[pair] = await self._exchanges.listen(pair, self._on_ticker)

    def _stop_listening(self, pair: Pair) -> None:
        if not self._of_pair[pair]:
            del self._of_pair[pair]
            ending = asyncio.get_running_loop().create_task(self._end(pair))
            self._endings.add(ending)
            ending.add_done_callback(self._endings.discard)

    async def _end(self, pair: Pair) -> None:
        async with self._listens:
            if pair not in self._of_pair and pair in self._listening:
                await self._listening.pop(pair)()

    # what NATS brings

    def _on_ticker(self, ticker: Ticker) -> None:
        for watched in self._of_pair.get(ticker.pair, ()):
            if watched.candle.on_price(int(ticker.received_at.timestamp()), ticker.last):
                watched.price_at = ticker.received_at
                self._changed.add(watched)
                self._has_changed.set()

    async def on_feed(self, message: Message) -> None:
        """``feed.<exchange>``: it was heard."""
        try:
            feed = feed_from_wire(message.payload)
        except Invalid:
            self._meters.count("datafeed_unreadable", "Messages that could not be read", kind="feed")
            return
        if feed.last_frame_at is not None:
            self._feeds[feed.exchange] = feed.last_frame_at + max(_FRESH, 2 * feed.interval)

    async def _teller(self) -> None:
        """Tell what prices have changed, a few times a second: some exchanges tell hundreds."""
        while True:
            await self._has_changed.wait()
            self._has_changed.clear()
            changed, self._changed = self._changed, set()
            for watched in changed:
                self._tell_open(watched)
            await self._clock.sleep(_TOLD_EVERY)

    def _tell_open(self, watched: _Watched) -> None:
        at, part = watched.candle.at, watched.candle.part
        if at is None or part is None:
            return
        for chart in list(watched.charts):
            if chart.formation.bar is not None:
                self._apply(chart, chart.formation.on_live(at, part))

    def _apply(self, chart: PairChart, updates: list[Update]) -> None:
        bar = chart.formation.bar
        if bar is not None and bar.end > chart.good_until:
            chart.formation.bar = None  # its bars may be made of other candles from here on
        super()._apply(chart, updates)

    # what the exchange tells

    async def _seed(self, chart: PairChart) -> None:
        try:
            async with asyncio.timeout(_SEED_SECONDS):
                await self._begin(chart)
        except TimeoutError:
            raise Unavailable(f"{chart.pair.exchange} does not answer") from None

    async def _begin(self, chart: PairChart) -> None:
        formation, zone = chart.formation, chart.zone
        bar = bar_at(formation.resolution, zone, self._now())
        grain = live_grain(formation.resolution, zone, bar)
        self._watch(chart, grain)
        watched = chart.watched
        assert watched is not None
        await self._listen(chart.pair)
        newest: Newest | None = None
        if not watched.closed_until:
            watched.candle.asks()
            newest = await self._book.newest(chart.pair, grain)
        loaded = await self._book.candles(chart.pair, grain, bar.start, bar.end, free)
        if loaded.error is not None:
            raise Unavailable(str(loaded.error))
        if not bar.start <= self._now() < bar.end:
            await self._begin(chart)  # the bar ended meanwhile
            return
        if chart.watched is not watched:
            return  # nobody reads it any more
        if newest is not None:
            self._take(watched, newest)
            self._plan(watched)
        until = max(bar.start, min(bar.end, watched.closed_until))
        closed = self._book.in_memory(chart.pair, grain, bar.start, until)
        formation.span = grain
        formation.seed(bar.start, closed, float(closed.volume.sum()), until)
        chart.good_until = bar_at(formation.resolution, zone, bar.end).end
        updates: list[Update] = []
        if watched.candle.at is not None and watched.candle.part is not None:
            updates = formation.on_live(watched.candle.at, watched.candle.part)
        if not updates and (state := formation.state()) is not None:
            updates = [state]
        self._apply(chart, updates)

    def _take(self, watched: _Watched, newest: Newest) -> None:
        if newest.closed_until < watched.closed_until:
            return
        watched.closed_until = newest.closed_until
        watched.price_at = watched.price_at or newest.read_at
        if len(newest.open):
            watched.candle.on_told(*_last(newest.open))

    async def _reader(self) -> None:
        while True:
            watched = await self._reads.get()
            try:
                if watched.charts:
                    await self._read(watched)
            except CryptwireError as error:
                watched.next_read_at = self._clock.now() + _AGAIN
                _log.info("a pair could not be read", pair=str(watched.pair), reason=error)
            except Exception as error:  # noqa: BLE001 - outermost edge of a pair: the others go on
                watched.next_read_at = self._clock.now() + _READS_EVERY
                _log.error("a pair could not be read", pair=str(watched.pair), exception=error)
            watched.is_reading = False

    async def _read(self, watched: _Watched) -> None:
        """Bring what has closed, and the open candle, up to what the exchange says now."""
        before = watched.closed_until
        watched.candle.asks()
        newest = await self._book.newest(watched.pair, watched.grain)
        self._take(watched, newest)
        closed = self._book.in_memory(watched.pair, watched.grain, before, watched.closed_until)
        for chart in list(watched.charts):
            self._end_candles(chart, closed, watched)
        self._tell_open(watched)
        self._plan(watched)

    def _end_candles(self, chart: PairChart, closed: Columns, watched: _Watched) -> None:
        for row in range(len(closed)):
            bar = chart.formation.bar
            if bar is None:
                return
            at, part = _last(closed.between(row, row + 1))
            until = at + watched.grain
            if bar.start <= at < bar.end:
                of_bar = self._book.in_memory(watched.pair, watched.grain, bar.start, until)
                self._apply(chart, chart.formation.on_volume(float(of_bar.volume.sum()), until))
            self._apply(chart, chart.formation.on_closed(at, part))

    def _plan(self, watched: _Watched) -> None:
        """When to look again: after the next close, or a minute; soon when a candle should have closed and has not."""
        now, grain = self._clock.now(), watched.grain
        boundary = self._now() // grain * grain
        if watched.closed_until < boundary:
            watched.misses += 1
            watched.next_read_at = now + timedelta(seconds=min(2 ** (watched.misses - 1), _LONGEST_PAUSE))
            return
        watched.misses = 0
        spread = zlib.crc32(str(watched.pair).encode()) % 1000 / 1000
        closes_at = EPOCH + timedelta(seconds=boundary + grain + _AFTER_CLOSE + spread)
        watched.next_read_at = min(closes_at, now + _READS_EVERY)

    # what the clock brings

    def every_second(self, now: datetime) -> None:
        super().every_second(now)
        for watched in self._watched.values():
            if now >= watched.next_read_at and not watched.is_reading and watched.closed_until:
                watched.is_reading = True
                self._reads.put_nowait(watched)
        for chart in self.all():
            if not chart.was_fresh and chart.payload is not None and now <= self._fresh_until(chart):
                super()._look_at_age(chart, now)

    def _look_at_age(self, chart: PairChart, now: datetime) -> None:
        chart.fresh_until = self._fresh_until(chart)
        if now > chart.fresh_until:
            super()._look_at_age(chart, now)

    def _ages(self, chart: PairChart, now: datetime) -> Ages | None:
        price_at = None if chart.watched is None else chart.watched.price_at
        return Ages(price_at, None, self._fresh_until(chart))

    def _fresh_until(self, chart: PairChart) -> datetime:
        return self._feeds.get(chart.pair.exchange, EPOCH)

    def _refused(self, chart: PairChart, error: CryptwireError) -> None:
        """The exchange does not know it: whoever reads is told."""
        text = told(
            {
                "type": "error",
                "symbol": chart.symbol,
                "resolution": chart.label,
                "code": "unknown_symbol",
                "message": str(error),
            }
        )
        for client in chart.clients:
            client.notice(text)

    def _now(self) -> int:
        return int(self._clock.now().timestamp())

    def jobs(self) -> list[Callable[[], Any]]:
        return [*super().jobs(), self._teller, *[self._reader] * _READERS]


def _last(candles: Columns) -> tuple[int, Part]:
    numbers = (float(getattr(candles, name)[-1]) for name in ("open", "high", "low", "close", "volume"))
    return int(candles.at[-1]), Part(*numbers)


def _row(at: int, part: Part) -> Columns:
    return Columns(np.array([at], np.int64), *(np.array([number]) for number in part))
