"""Figures of pairs, computed once for all: by the analyser that holds a pair's lease, taken over when it dies."""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from analyser.logic import market
from analyser.logic.families import bars_needed
from analyser.logic.forming import Ended
from analyser.logic.leases import Leases
from analyser.logic.market import MarketBar, Samples
from analyser.logic.panel import NEVER, Panel, SeriesId
from analyser.ports import LastPrices, Lease, PairCandles
from cryptwire.clock import Clock, from_us
from cryptwire.codec.figure import pair_snapshot_to_wire
from cryptwire.codec.ohlcv import MOST, Ohlcv
from cryptwire.codec.ticker import feed_from_wire, ticker_from_wire
from cryptwire.domain.bar import Resolution
from cryptwire.domain.figure import Figure, FigureKey, PairSnapshot
from cryptwire.domain.hopper import Exchange
from cryptwire.domain.ticker import Pair, Ticker
from cryptwire.errors import CryptwireError, Exhausted, Invalid, Refused, Unavailable
from cryptwire.log import Log
from cryptwire.messaging.bus import Bus, Message
from cryptwire.messaging.subjects import World
from cryptwire.metrics import Meters

_log = Log(__name__)
_LEASES_EVERY = timedelta(seconds=2)
_READS_EVERY = timedelta(milliseconds=500)
_REFRESH = timedelta(minutes=1)
_AFTER_CLOSE = timedelta(seconds=2)
_REFUSED_FOR = timedelta(minutes=10)
_FRESH = timedelta(seconds=10)
_LONGEST_WAIT = 60.0
_AT_ONCE = 4
_MOST_PAIRS = 2_000
_LONGEST_NAME = 40


@dataclass(slots=True, eq=False)
class Reading:
    """Something of a pair that is read from its exchange: when next, how often it failed, why it is refused."""

    due_at: datetime
    failures: int = 0
    refused: str = ""


@dataclass(slots=True, eq=False)
class PairSeries:
    """Bars of one resolution of a pair; ``bar`` is None until the past is read."""

    id: SeriesId
    reading: Reading
    keys: tuple[FigureKey, ...] = ()
    computed: tuple[FigureKey, ...] = ()
    bar: MarketBar | None = None


@dataclass(slots=True, eq=False)
class PairSamples:
    """Prices at the ends of minutes, or of quarters of an hour; None until they are read."""

    step: int
    reach: int
    reading: Reading
    samples: Samples | None = None


@dataclass(slots=True, eq=False)
class PairWatch:
    """A pair of which somebody wants figures, be it computed here or elsewhere."""

    pair: Pair
    lease: Lease
    leases: Leases = field(default_factory=Leases)
    is_ours: bool = False
    planned: tuple[FigureKey, ...] = ()
    plain: tuple[FigureKey, ...] = ()
    series: dict[Resolution, PairSeries] = field(default_factory=dict)
    samples: dict[int, PairSamples] = field(default_factory=dict)
    sequence: int = 0
    price: float | None = None
    price_at: datetime | None = None
    unsubscribe: Callable[[], Awaitable[None]] | None = None


class Pairs:
    """The pairs that somebody wants figures of. ``lease_of`` makes the lease of a pair, one for each call."""

    def __init__(
        self,
        session: str,
        candles: PairCandles,
        prices: LastPrices,
        lease_of: Callable[[Pair], Lease],
        bus: Bus,
        world: World,
        clock: Clock,
        meters: Meters,
    ) -> None:
        self._session = session
        self._candles = candles
        self._prices = prices
        self._lease_of = lease_of
        self._bus = bus
        self._world = world
        self._clock = clock
        self._meters = meters
        self._panel = Panel()
        self._known: dict[Pair, PairWatch] = {}
        self._feeds: dict[Exchange, tuple[datetime, timedelta]] = {}

    # -- who wants what --------------------------------------------------------------------------------------------

    def leases(self, pair: Pair) -> Leases:
        """What is wanted of a pair. Raises Refused for one that can be none, and when there are too many."""
        known = self._known.get(pair)
        if known is None:
            if max(map(len, pair)) > _LONGEST_NAME or len(self._known) >= _MOST_PAIRS:
                raise Refused(f"figures of at most {_MOST_PAIRS} pairs can be wanted, with names that are short")
            known = self._known[pair] = PairWatch(pair, self._lease_of(pair))
        return known.leases

    def why_not(self, pair: Pair, key: FigureKey) -> str:
        """What the exchange said when candles for this were asked for; empty while nothing is known against it."""
        known = self._known.get(pair)
        if known is None:
            return ""
        if key.definition.of_bars:
            series = known.series.get(Resolution.of(key.resolution))
            return "" if series is None else series.reading.refused
        samples = known.samples.get(_step(key)) if key.name == "change" else None
        return "" if samples is None else samples.reading.refused

    async def want(self, pair: Pair) -> bool:
        """Something was wanted of a pair: whether it is computed here."""
        known = self._known[pair]
        if not known.leases:
            if not known.is_ours:
                del self._known[pair]
                return True  # everything was refused: nobody else would say anything better
            return True
        if not known.is_ours:
            try:
                known.is_ours = await known.lease.renew()
            except Unavailable as reason:
                _log.warning("nobody can tell who computes a pair", pair=pair, reason=reason)
                return False
            if not known.is_ours:
                return False
            await self._begin(known)
        self._plan(known)
        return True

    async def keep_leases(self) -> None:
        """Renew the leases of pairs that are ours, take those that are free, let go what nobody wants; forever."""
        while True:
            await self._clock.sleep(_LEASES_EVERY)
            try:
                for known in list(self._known.values()):
                    await self._keep(known)
            except Unavailable as reason:  # while nobody can tell whose they are, ours stay ours
                self._meters.count("analyser_unavailable", "Beats that found something away.", what="leases")
                _log.warning("leases cannot be renewed", reason=reason)

    async def _keep(self, known: PairWatch) -> None:
        known.leases.expire(self._clock.now())
        if not known.leases:
            self._known.pop(known.pair, None)
            if known.is_ours:
                await self._end(known)
                await known.lease.release()
            return
        was_ours, known.is_ours = known.is_ours, await known.lease.renew()
        if known.is_ours and (not was_ours or known.unsubscribe is None):
            await self._begin(known)
        if known.is_ours:
            self._plan(known)
        elif was_ours:
            _log.info("another computes this pair now", pair=known.pair)
            await self._end(known)

    async def _begin(self, known: PairWatch) -> None:
        """Listen to its price, beginning with the last that was kept."""
        if known.unsubscribe is None:
            known.unsubscribe = await self._bus.subscribe(
                self._world.ticker(known.pair), lambda message: self._on_ticker(known, message)
            )
        await self._read_price(known)

    async def _read_price(self, known: PairWatch) -> None:
        try:
            ticker = await self._prices.of(known.pair)
        except (Unavailable, Invalid) as reason:
            _log.warning("the last price cannot be read", pair=known.pair, reason=reason)
            return
        if ticker is not None:
            self._take(known, ticker)

    async def _end(self, known: PairWatch) -> None:
        """Compute it no longer."""
        known.is_ours = False
        for one in known.series.values():
            self._panel.drop(one.id)
        known.series, known.samples, known.planned = {}, {}, ()
        if known.unsubscribe is not None:
            unsubscribe, known.unsubscribe = known.unsubscribe, None
            with contextlib.suppress(CryptwireError):
                await unsubscribe()

    def _plan(self, known: PairWatch) -> None:
        """Arrange what is wanted; what is new is read soon."""
        keys = known.leases.keys
        if keys == known.planned:
            return
        known.planned = keys
        known.plain = tuple(key for key in keys if not key.definition.of_bars)
        wanted: dict[Resolution, list[FigureKey]] = {}
        reach: dict[int, int] = {}
        for key in keys:
            if key.definition.of_bars:
                wanted.setdefault(Resolution.of(key.resolution), []).append(key)
            elif key.name == "change":
                reach[_step(key)] = max(reach.get(_step(key), 0), int(key.parameters[0]) * 60)
        now = self._clock.now()
        for resolution in [one for one in known.series if one not in wanted]:
            self._panel.drop(known.series.pop(resolution).id)
        for resolution, listed in wanted.items():
            series = known.series.get(resolution)
            if series is None:
                series = known.series[resolution] = PairSeries(SeriesId(known.pair, resolution), Reading(now))
            series.keys = tuple(listed)
            if series.keys != series.computed:
                series.reading.due_at = now
        for step in [one for one in known.samples if one not in reach]:
            del known.samples[step]
        for step, seconds in reach.items():
            samples = known.samples.get(step)
            if samples is None or samples.reach < seconds:
                known.samples[step] = PairSamples(step, seconds, Reading(now))

    # -- what comes in ---------------------------------------------------------------------------------------------

    async def on_feed(self, message: Message) -> None:
        """``feed.*``: the pulse of an exchange."""
        try:
            feed = feed_from_wire(message.payload)
        except Invalid as fault:
            self._refuse(message, fault)
            return
        if feed.last_frame_at is not None:
            self._feeds[feed.exchange] = feed.last_frame_at, max(_FRESH, 2 * feed.interval)

    async def _on_ticker(self, known: PairWatch, message: Message) -> None:
        try:
            ticker = ticker_from_wire(message.payload)
            if ticker.pair != known.pair:
                raise Invalid("a ticker under the subject of another pair")
        except Invalid as fault:
            self._refuse(message, fault)
            return
        self._take(known, ticker)

    def _take(self, known: PairWatch, ticker: Ticker) -> None:
        if known.price_at is not None and ticker.received_at < known.price_at:
            return
        known.price, known.price_at = ticker.last, ticker.received_at
        self._count_price(known)

    def _count_price(self, known: PairWatch) -> None:
        """The last price into bars and samples."""
        if known.price is None or known.price_at is None:
            return
        at = int(known.price_at.timestamp())
        for series in known.series.values():
            if series.bar is not None:
                series.bar.on_price(at, known.price)
        for one in known.samples.values():
            if one.samples is not None:
                one.samples.on_price(at, known.price)

    def _refuse(self, message: Message, fault: Invalid) -> None:
        kind = message.subject.split(".", 1)[0]
        self._meters.count("analyser_refused_messages", "Messages that could not be used.", subject=kind)
        _log.warning("message refused", subject=message.subject, reason=fault)

    def on_gap(self) -> None:
        """Prices may have been missed: bars, and samples of the price, are read again."""
        now = self._clock.now()
        for known in self._known.values():
            for series in known.series.values():
                series.reading.due_at = now
            for one in known.samples.values():
                one.reading.due_at = now
                one.samples = None

    # -- what is read ----------------------------------------------------------------------------------------------

    async def read(self) -> None:
        """Read what is due, forever: at first the past, then each minute what tickers do not tell."""
        while True:
            now = self._clock.now()
            due: list[tuple[Reading, Awaitable[None]]] = []
            for known in self._known.values():
                if not known.is_ours:
                    continue
                due += [
                    (one.reading, self._read_series(known, one))
                    for one in known.series.values()
                    if one.reading.due_at <= now
                ]
                due += [
                    (one.reading, self._read_samples(known, one))
                    for one in known.samples.values()
                    if one.samples is None and one.reading.due_at <= now
                ]
            for begin in range(0, len(due), _AT_ONCE):
                await asyncio.gather(*(self._one(*each) for each in due[begin : begin + _AT_ONCE]))
            await self._clock.sleep(_READS_EVERY)

    async def _one(self, reading: Reading, work: Awaitable[None]) -> None:
        """Do one reading; after a failure it is tried again, ever later."""
        try:
            await work
            reading.failures, reading.refused = 0, ""
        except Unavailable as reason:
            reading.failures += 1
            wait = min(_LONGEST_WAIT, 2.0**reading.failures)
            if isinstance(reason, Exhausted):
                wait = max(wait, reason.retry_after)
            reading.due_at = self._clock.now() + timedelta(seconds=wait)
            self._meters.count("analyser_unavailable", "Beats that found something away.", what="candles")
            _log.warning("candles of a pair cannot be read yet", reason=reason, again_in=wait)
        except Refused as reason:
            reading.refused = str(reason)
            reading.due_at = self._clock.now() + _REFUSED_FOR
            _log.warning("candles of a pair are refused", reason=reason)

    async def _read_series(self, known: PairWatch, series: PairSeries) -> None:
        resolution = series.id.resolution
        keys = series.keys
        if series.bar is None or series.computed != keys:
            now = int(self._clock.now().timestamp())
            needed = bars_needed(keys)
            rows = await self._pages(known.pair, resolution, market.begins(resolution, now, needed + 1))
            if known.series.get(resolution) is not series or not known.is_ours:
                return
            now = int(self._clock.now().timestamp())
            bars = market.bars_of(rows, resolution)
            bar = MarketBar(resolution, now, None)
            past = [one for one in bars if one[0].start < bar.bar.start]
            bar.on_candles(bars[len(past) :])
            self._panel.begin(series.id, keys, market.columns_of(past[-needed:] if needed else []))
            series.computed, series.bar = keys, bar
            self._count_price(known)
        else:
            since = (series.bar.awaits or series.bar.bar).start
            rows = await self._candles.since(known.pair, market.TIMEFRAMES[resolution], from_us(since * 1_000_000), 10)
            if known.series.get(resolution) is not series or series.bar is None:
                return
            series.bar.on_clock(int(self._clock.now().timestamp()))
            self._close(series, series.bar.on_candles(market.bars_of(rows, resolution)))
        moment = self._clock.now()
        after_close = from_us(series.bar.bar.end * 1_000_000) + _AFTER_CLOSE
        series.reading.due_at = min(moment + _REFRESH, max(after_close, moment + _AFTER_CLOSE))

    def _close(self, series: PairSeries, ended: Sequence[Ended]) -> None:
        for one in ended:
            columns = [np.array([value]) for value in one.values]
            self._panel.close([series.id], np.array([one.time], np.int64), *columns)

    async def _pages(self, pair: Pair, resolution: Resolution, since: int) -> list[Ohlcv]:
        return await self._all_since(pair, market.TIMEFRAMES[resolution], since)

    async def _all_since(self, pair: Pair, timeframe: str, since: int) -> list[Ohlcv]:
        """Candles from ``since`` on, in as many requests as the streamer's limit takes."""
        rows: list[Ohlcv] = []
        at = from_us(since * 1_000_000)
        while True:
            page = await self._candles.since(pair, timeframe, at, MOST)
            fresh = [row for row in page if not rows or row.opened_at > rows[-1].opened_at]
            rows += fresh
            if not fresh or len(page) < 2:
                return rows
            step = fresh[-1].opened_at - page[-2].opened_at
            at = fresh[-1].opened_at + timedelta(seconds=1)
            if fresh[-1].opened_at + max(step, timedelta(seconds=60)) > self._clock.now():
                return rows

    async def _read_samples(self, known: PairWatch, one: PairSamples) -> None:
        now = int(self._clock.now().timestamp())
        timeframe = "1m" if one.step == market.FINE else "15m"
        rows = await self._all_since(known.pair, timeframe, now - one.reach - 2 * one.step)
        if known.samples.get(one.step) is one:
            one.samples = Samples(one.step, one.reach, rows, int(self._clock.now().timestamp()))
            self._count_price(known)

    # -- what goes out ---------------------------------------------------------------------------------------------

    async def tell(self) -> int:
        """Tell the figures of every pair that is ours; how many pairs."""
        now = self._clock.now()
        ours = [known for known in self._known.values() if known.is_ours and known.leases]
        rows = self._rows(ours, int(now.timestamp()))
        for known in ours:
            known.sequence += 1
            snapshot = self._snapshot(known, now, rows)
            await self._bus.publish(self._world.pair_figures(known.pair), pair_snapshot_to_wire(snapshot))
        self._meters.set("analyser_pairs", "Pairs whose figures are computed here.", len(ours))
        return len(ours)

    def _rows(self, ours: Sequence[PairWatch], now: int) -> dict[FigureKey | tuple[SeriesId, FigureKey], Figure]:
        ids, told, starts, parts = [], [], [], []
        for known in ours:
            for series in known.series.values():
                if series.bar is None:
                    continue
                series.bar.on_clock(now)
                if series.bar.awaits is not None:
                    series.reading.due_at = min(series.reading.due_at, self._clock.now() + _AFTER_CLOSE)
                ids.append(series.id)
                if series.bar.values is not None:
                    told.append(series.id)
                    starts.append(series.bar.bar.time)
                    parts.append(series.bar.values)
        if told:
            columns = np.array(parts, np.float64).reshape(len(parts), 5).T
            self._panel.update(told, np.array(starts, np.int64), *(np.ascontiguousarray(one) for one in columns))
        found: dict[FigureKey | tuple[SeriesId, FigureKey], Figure] = {}
        for group in self._panel.values(ids) if ids else ():
            for position, row, size, start in zip(
                group.positions.tolist(),
                group.values.tolist(),
                group.sample_sizes.tolist(),
                group.starts.tolist(),
                strict=True,
            ):
                at = None if start == NEVER else from_us(start * 1_000_000)
                for key, value in zip(group.keys, row, strict=True):
                    number = value if math.isfinite(value) else None
                    found[ids[position], key] = Figure(key, number, size, at)
        return found

    def _snapshot(
        self, known: PairWatch, now: datetime, rows: dict[FigureKey | tuple[SeriesId, FigureKey], Figure]
    ) -> PairSnapshot:
        figures = {}
        for key in known.leases.keys:
            if key.definition.of_bars:
                id_ = SeriesId(known.pair, Resolution.of(key.resolution))
                figures[key] = rows.get((id_, key)) or Figure(key, None, 0)
            else:
                figures[key] = self._plain(known, key, now)
        heard_at, lasts = self._feeds.get(known.pair.exchange, (None, _FRESH))
        is_fresh = heard_at is not None and now - heard_at <= lasts
        return PairSnapshot(known.pair, self._session, known.sequence, now, known.price_at, is_fresh, figures)

    def _plain(self, known: PairWatch, key: FigureKey, now: datetime) -> Figure:
        price = known.price
        if key.name == "price":
            return Figure(key, price, int(price is not None))
        one = known.samples.get(_step(key))
        if price is None or one is None or one.samples is None:
            return Figure(key, None, 0)
        before = one.samples.at(int(now.timestamp()) - int(key.parameters[0]) * 60)
        return Figure(key, price / before - 1, 2) if before > 0 else Figure(key, None, 0)

    async def close(self) -> None:
        """Let the leases go, so that another analyser goes on at once."""
        for known in list(self._known.values()):
            if known.is_ours:
                await self._end(known)
                with contextlib.suppress(Unavailable, TimeoutError):
                    async with asyncio.timeout(1):
                        await known.lease.release()


def _step(key: FigureKey) -> int:
    """Seconds between the samples that a change within so many minutes is taken from."""
    return market.FINE if key.parameters[0] <= market.FINE_REACH else market.COARSE
