"""Live portfolios in, figures out: what arrives within a moment is computed together."""

import asyncio
import contextlib
import math
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from google.protobuf.message import DecodeError

from analyser.handlers.watch import Series, Watch
from analyser.logic.panel import NEVER, Panel, SeriesId
from analyser.logic.portfolio import NAN, SECOND, Course, Held, Ledger, Open, change, drawdown, positions_figure
from cryptwire.clock import Clock, to_us
from cryptwire.codec.candle import candle_from_wire
from cryptwire.codec.portfolio import flow_from_message, position_from_message
from cryptwire.codec.trade import decimal, trade_from_wire
from cryptwire.domain.bar import Part
from cryptwire.domain.candle import Candle
from cryptwire.domain.figure import FigureKey
from cryptwire.domain.hopper import Asset, Hopper, HopperId, UserId
from cryptwire.errors import Invalid, Unavailable
from cryptwire.log import Log
from cryptwire.messaging.bus import Bus, Message
from cryptwire.messaging.subjects import World
from cryptwire.metrics import Meters
from generated.wire.v1 import figure_pb2, portfolio_pb2

_log = Log(__name__)
_AT_ONCE = 500
_CLOSE_COMES_WITHIN = timedelta(seconds=10)
_VOLUME_SETTLES = timedelta(seconds=5)
_CLOCKS_DIFFER_US = 10 * SECOND  # a tick's stamp may open a candle before the tracker's clock does
_LAST_US = to_us(datetime.fromisoformat("9000-01-01T00:00:00+00:00"))


class _Heard(NamedTuple):
    """One live message, read."""

    watch: Watch
    message: portfolio_pb2.Portfolio
    now: Open
    part: Part


class Row(NamedTuple):
    """Figures of one series of one hopper: values by ``keys``, and of how many bars, the newest begun at ``start``."""

    keys: tuple[FigureKey, ...]
    values: list[float]
    sample_size: int
    start: int


class Hoppers:
    """The watched hoppers of this pod. ``ask`` is told of a watch for which something is to be read."""

    def __init__(
        self,
        session: str,
        bus: Bus,
        world: World,
        clock: Clock,
        meters: Meters,
        ask: Callable[[Watch], None],
        *,
        span: timedelta,
        gather: timedelta,
    ) -> None:
        self._session = session
        self._bus = bus
        self._world = world
        self._clock = clock
        self._meters = meters
        self._ask = ask
        self._span = int(span.total_seconds())
        self._gather = gather
        self.panel = Panel()
        self.by_id: dict[HopperId, Watch] = {}
        self._by_token: dict[str, Watch] = {}
        self._last: dict[str, bytes] = {}  # of every hopper that is held, so that a wish finds something to begin with
        self._came = asyncio.Event()
        self._live: list[tuple[Watch, bytes]] = []
        self._closed: list[tuple[Watch, Candle]] = []
        self.may_tell = False

    # -- which are watched -----------------------------------------------------------------------------------------

    def hold(self, hoppers: Iterable[HopperId]) -> None:
        """These are the pod's; of others nothing is kept."""
        self._last = {token: self._last.get(token, b"") for token in map(self._token_of, hoppers)}

    def watch(self, hopper: Hopper) -> Watch:
        """The watch of a hopper, a new one if there is none."""
        known = self.by_id.get(hopper.id)
        if known is None:
            ledger = Ledger(hopper.refresh_every.total_seconds())
            known = Watch(hopper, self._world.figures(hopper.id), hopper.base, ledger)
            self.by_id[hopper.id] = known
            token = self._token_of(hopper.id)
            self._by_token[token] = known
            if payload := self._last.get(token):
                with contextlib.suppress(Invalid):  # the next will be counted
                    self._read(known, payload)
        return known

    def _token_of(self, hopper: HopperId) -> str:
        return _token(self._world.live(hopper))

    def planned(self, watch: Watch) -> None:
        """What is wanted of it has changed."""
        if not watch.leases:
            self.drop(watch)
            return
        for series in watch.plan():
            self.panel.drop(series)
        self._ask(watch)

    def drop(self, watch: Watch) -> None:
        """Forget a hopper."""
        if self.by_id.pop(watch.hopper.id, None) is None:
            return
        del self._by_token[self._token_of(watch.hopper.id)]
        for one in watch.series.values():
            self.panel.drop(one.id)

    def begin_anew(self, watch: Watch) -> None:
        """Everything of it is read and computed anew."""
        watch.begin_anew()
        for one in watch.series.values():
            self.panel.drop(one.id)
        self._ask(watch)

    # -- what comes in ---------------------------------------------------------------------------------------------

    async def on_live(self, message: Message) -> None:
        """``portfolio.*.live``: of a hopper that is watched it is computed in a moment, with what else comes."""
        token = _token(message.subject)
        if token in self._last:
            self._last[token] = message.payload
        watch = self._by_token.get(token)
        if watch is not None:
            self._live.append((watch, message.payload))
            self._came.set()

    async def on_closed(self, message: Message) -> None:
        """``portfolio.*.closed``."""
        watch = self._by_token.get(_token(message.subject))
        if watch is None:
            return
        try:
            candle = candle_from_wire(message.payload)
            if candle.hopper != watch.hopper.id:
                raise Invalid("a candle under the subject of another hopper")
        except Invalid as fault:
            self._refuse(message.subject, fault)
            return
        self._closed.append((watch, candle))
        self._came.set()

    async def on_rewritten(self, message: Message) -> None:
        """``portfolio.*.rewritten``: stored candles have changed."""
        watch = self._by_token.get(_token(message.subject))
        if watch is not None:
            watch.needs_candles = True
            self._ask(watch)

    async def on_trade(self, message: Message) -> None:
        """``trade.>``: the volume of a bar has changed; the open candle's is told live."""
        watch = self._by_token.get(message.subject.rpartition(".")[2])
        if watch is None or not watch.counts_volume or watch.live is None:
            return
        try:
            at = int(trade_from_wire(message.payload).at.timestamp())
        except Invalid as fault:
            self._refuse(message.subject, fault)
            return
        if at < watch.live.opened_at:
            forming = [one.forming for one in watch.series.values() if one.needs_volume and one.forming is not None]
            watch.needs_volume = True
            watch.needs_candles = watch.needs_candles or any(at < one.bar.start for one in forming)
            self._ask(watch)

    async def on_account(self, message: Message) -> None:
        """``account.*``: something of a user has changed; his flows, or his zone."""
        token = message.subject.rpartition(".")[2]
        for watch in self.of_user(UserId(token)):
            watch.needs_flows = True
            self._ask(watch)

    def of_user(self, user: UserId) -> list[Watch]:
        """The watched hoppers of a user."""
        return [watch for watch in self.by_id.values() if watch.hopper.user == user]

    def on_gap(self) -> None:
        """Messages may have been missed: what they would have told is read."""
        for watch in self.by_id.values():
            watch.needs_flows = True
            watch.needs_candles = watch.needs_candles or watch.wants_candles
            self._ask(watch)

    def look(self, now: datetime) -> None:
        """Each second: leases that end, candles whose close was never heard, what is to be read once more."""
        for watch in list(self.by_id.values()):
            if watch.leases.expire(now):
                self.planned(watch)
                continue
            if watch.closed_unheard_since is not None and now - watch.closed_unheard_since > _CLOSE_COMES_WITHIN:
                watch.closed_unheard_since = None
                watch.needs_candles = True
                self._ask(watch)
            if watch.read_at is not None and now >= watch.read_at:
                watch.read_at = None
                watch.needs_candles = True
                self._ask(watch)

    def _refuse(self, subject: str, fault: Invalid) -> None:
        kind = subject.rpartition(".")[2]
        kind = kind if kind in ("live", "closed") else "trade"
        self._meters.count("analyser_refused_messages", "Messages that could not be used.", subject=kind)
        _log.warning("message refused", subject=subject, reason=fault)

    # -- what goes out ---------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Compute and tell what has come, forever."""
        while True:
            await self._came.wait()
            await self._clock.sleep(self._gather)
            self._came.clear()
            await self.tell()

    async def tell(self) -> None:
        """Compute and tell what has come so far."""
        closed, self._closed = self._closed, []
        live, self._live = self._live, []
        try:
            if closed:
                self._close(closed)
            for chunk in _chunks(live):
                await self._tell(chunk)
                await asyncio.sleep(0)
        except Unavailable as reason:
            self._meters.count("analyser_unavailable", "Beats that found something away.", what="tell")
            _log.warning("figures cannot be told", reason=reason)

    async def _tell(self, chunk: Sequence[tuple[Watch, bytes]]) -> None:
        heard = []
        for watch, payload in chunk:
            if not (self.may_tell and watch.leases):
                continue
            try:
                one = self._read(watch, payload)
            except Invalid as fault:
                self._refuse(f"{watch.hopper.id}.live", fault)
                continue
            if one is not None:
                heard.append(one)
        rows = self._rows(heard)
        now = self._clock.now()
        for one, found in zip(heard, rows, strict=True):
            watch = one.watch
            await self._bus.publish(watch.subject, self._figures(one, found))
            watch.told_at = now
        if heard:
            self._meters.count("analyser_snapshots", "Messages of figures told.", len(heard))

    def _read(self, watch: Watch, payload: bytes) -> _Heard | None:
        """Take a live message in; None when nothing can be told of it yet. Raises Invalid."""
        try:
            message = portfolio_pb2.Portfolio.FromString(payload)
        except DecodeError:
            raise Invalid("not a Portfolio message") from None
        candle = message.candle
        open_, high, low, value, at = candle.open, candle.high, candle.low, candle.close, message.at_us
        opened_at, rest = divmod(candle.opened_at_us, SECOND)
        if (
            not (0 <= low <= open_ <= high < math.inf and low <= value <= high and 0 <= message.volume < math.inf)
            or rest
            or opened_at % self._span
            or not 0 < opened_at * SECOND <= at + _CLOCKS_DIFFER_US < _LAST_US
            or message.hopper_id != watch.hopper.id
            or not len(message.assets) == len(message.quantities) == len(message.prices)
        ):
            raise Invalid("a live portfolio that cannot be")
        if watch.live is not None and at < watch.live.at:
            return None  # an older one, late
        self._take_held(watch, message)
        if message.base_currency != watch.base:
            watch.base = Asset(message.base_currency)
            watch.live = None
            watch.heard.clear()
            self.begin_anew(watch)
        flow = flow_from_message(message.flow) if message.HasField("flow") else None
        if (
            watch.ledger.see(flow, message.assets_at_us)
            and watch.past is not None
            and flow is not None
            and to_us(flow.at) < watch.past.until * SECOND
        ):
            watch.needs_candles = True
            self._ask(watch)
        before = watch.live
        if before is not None and watch.past is not None and before.opened_at < opened_at:
            watch.past.leave(before)
            if watch.past.unclosed is not None and watch.closed_unheard_since is None:
                watch.closed_unheard_since = self._clock.now()
        now = watch.live = Open(opened_at, open_, high, value, at)
        if before is None and watch.wants_candles:
            watch.needs_candles = True
            self._ask(watch)
        return (
            _Heard(watch, message, now, Part(open_, high, low, value, message.volume)) if watch.ledger.is_read else None
        )

    def _take_held(self, watch: Watch, message: portfolio_pb2.Portfolio) -> None:
        at, assets, quantities = watch.settled
        is_other = message.assets != assets or message.quantities != quantities
        if watch.held is not None and is_other and not message.HasField("flow"):
            watch.needs_flows = True  # the tracker may have told of one when nobody heard it
            self._ask(watch)
        if message.assets_at_us != at or is_other:
            held = Held(
                Asset(message.base_currency),
                [Asset(asset) for asset in message.assets],
                [float(decimal(quantity)) for quantity in message.quantities],
                tuple(map(position_from_message, message.positions)),
            )
            watch.take_settled(message, held)
        prices = list(message.prices)
        total = sum(prices)
        if total != total:
            watch.remember_prices()
        watch.prices = prices

    def _rows(self, heard: Sequence[_Heard]) -> list[dict[SeriesId, Row]]:
        """The figures of every series of each, with the live candle counted in."""
        rows: list[dict[SeriesId, Row]] = [{} for _ in heard]
        ids: list[SeriesId] = []
        owners: list[int] = []
        told: list[SeriesId] = []
        starts: list[int] = []
        parts: list[Part] = []
        for number, (watch, _, now, part) in enumerate(heard):
            for series in watch.series.values():
                forming = series.forming
                if forming is None:
                    continue
                forming.on_live(now.opened_at, part)
                if forming.is_lost:
                    self._lost(watch, series)
                    continue
                if forming.waits_for_close and watch.closed_unheard_since is None:
                    watch.closed_unheard_since = self._clock.now()
                ids.append(series.id)
                owners.append(number)
                bar = forming.now
                if bar is not None and not forming.is_over:
                    told.append(series.id)
                    starts.append(forming.bar.time)
                    parts.append(bar)
        if told:
            self.panel.update(told, np.array(starts, np.int64), *_columns(parts))
        if ids:
            for group in self.panel.values(ids):
                values, sizes, begins = group.values.tolist(), group.sample_sizes.tolist(), group.starts.tolist()
                for position, row, size, start in zip(group.positions.tolist(), values, sizes, begins, strict=True):
                    rows[owners[position]][ids[position]] = Row(group.keys, row, size, start)
        return rows

    def _close(self, closed: Sequence[tuple[Watch, Candle]]) -> None:
        """Candles that have closed, with their true numbers."""
        ids: list[SeriesId] = []
        starts: list[int] = []
        parts: list[Part] = []
        for watch, candle in closed:
            at = int(candle.opened_at.timestamp())
            watch.heard.append(candle)
            watch.closed_unheard_since = None
            part = Part(candle.open, candle.high, candle.low, candle.close, 0.0)
            for series in watch.series.values():
                forming = series.forming
                if forming is None:
                    continue
                for ended in forming.on_closed(at, part):
                    ids.append(series.id)
                    starts.append(ended.time)
                    parts.append(ended.values)
                    if series.needs_volume:
                        watch.read_at = self._clock.now() + _VOLUME_SETTLES
                if forming.is_lost:
                    self._lost(watch, series)
                elif series.needs_volume:
                    watch.needs_volume = True
                    self._ask(watch)
            past = watch.past
            if past is not None and at >= past.until:
                if past.until and at > past.until:
                    watch.needs_candles = True
                    self._ask(watch)
                past.add(at, candle.open, candle.high, candle.close, watch.ledger.course, self._span)
        if ids:
            self.panel.close(ids, np.array(starts, np.int64), *_columns(parts))

    def _lost(self, watch: Watch, series: Series) -> None:
        """Candles are missing: until the past is read nothing can be told of it."""
        series.forming = None
        series.computed = ()
        self.panel.drop(series.id)
        watch.needs_candles = True
        self._ask(watch)

    def _figures(self, one: _Heard, rows: dict[SeriesId, Row]) -> bytes:
        watch, message, now, _ = one
        held, course = watch.held, watch.ledger.course
        assert held is not None
        watch.sequence += 1
        worth = held.unpriced(watch.prices, watch.known)
        values, sizes, bars = self._plain(watch, held, course, now)
        for series in watch.series.values():
            row = rows.get(series.id)
            count = len(series.keys)
            if row is None:
                values += [NAN] * count
                sizes += [0] * count
                bars += [0] * count
                continue
            if row.keys == series.keys:
                values += row.values
            else:
                by_key = dict(zip(row.keys, row.values, strict=True))
                values += [by_key.get(key, NAN) for key in series.keys]
            sizes += [row.sample_size] * count
            bars += [0 if row.start == NEVER else row.start * SECOND] * count
        return (
            figure_pb2.Figures(
                hopper_id=watch.hopper.id,
                session=self._session,
                sequence=watch.sequence,
                at_us=now.at,
                newest_price_at_us=message.newest_price_at_us,
                prices_at_us=message.prices_at_us,
                is_fresh=message.is_fresh,
                assets_at_us=message.assets_at_us,
                refresh_seconds=int(watch.hopper.refresh_every.total_seconds()),
                unpriced_share=worth / (now.value + worth) if worth > 0 else 0.0,
                is_settling=watch.ledger.is_settling,
                flows_version=watch.ledger.version,
                base_currency=watch.base,
                balance=now.value,
                index=course.index(now.value),
                positions=len(held.positions),
                figures=figure_pb2.FigureColumns(values=values, sample_sizes=sizes, bars_at_us=bars),
            ).SerializeToString()
            + watch.keys_part
        )

    def _plain(self, watch: Watch, held: Held, course: Course, now: Open) -> tuple[list[float], list[int], list[int]]:
        """Figures that are not made of bars."""
        values: list[float] = []
        sizes: list[int] = []
        results: list[tuple[float, float]] | None = None
        for key in watch.plain:
            size = 1
            match key.name:
                case "balance":
                    value = now.value
                case "index":
                    value = course.index(now.value)
                case "funds.usage":
                    value = held.funds_usage(now.value)
                case "positions":
                    value = float(len(held.positions))
                case "drawdown" | "change" if watch.past is None:
                    value, size = NAN, 0
                case "drawdown":
                    assert watch.past is not None
                    value, size = drawdown(watch.past, course, now, int(key.parameters[0]), self._span)
                case "change":
                    assert watch.past is not None
                    value, size = change(watch.past, course, now, int(key.parameters[0]), self._span)
                case name:
                    if results is None:
                        results = held.results(watch.prices)
                    value, size = positions_figure(name, results), len(results)
            values.append(value)
            sizes.append(size)
        return values, sizes, [0] * len(values)

    # -- how it goes -----------------------------------------------------------------------------------------------

    def measure(self, now: datetime) -> None:
        """Set the meters; how old the slowest hopper's figures are."""
        told = [(now - watch.told_at).total_seconds() for watch in self.by_id.values() if watch.told_at is not None]
        count = sum(len(watch.leases) for watch in self.by_id.values())
        self._meters.set("analyser_hoppers", "Hoppers of which figures are wanted.", len(self.by_id))
        self._meters.set("analyser_figures", "Figures of hoppers that are wanted.", count)
        self._meters.set("analyser_slowest_age_seconds", "Since the slowest hopper's figures.", max(told, default=0.0))
        self._meters.set("analyser_panel_bytes", "Memory of what figures of bars remember.", self.panel.nbytes)

    @property
    def backlog(self) -> int:
        """Live messages that wait."""
        return len(self._live)

    def undecided(self) -> Iterable[Watch]:
        """Those whose flows may be decided any moment, or have none read yet."""
        return [one for one in self.by_id.values() if one.ledger.is_settling or not one.ledger.is_read]


def _token(subject: str) -> str:
    """What stands for a hopper in ``portfolio.<hopper>.…``, whatever world it is in."""
    return subject.rsplit(".", 2)[1]


def _columns(parts: Sequence[Part]) -> Sequence[np.ndarray[tuple[int], np.dtype[np.float64]]]:
    columns = np.array(parts, np.float64).reshape(len(parts), len(Part._fields))
    return [np.ascontiguousarray(column) for column in columns.T]


def _chunks(live: Sequence[tuple[Watch, bytes]]) -> Iterable[list[tuple[Watch, bytes]]]:
    """In order, no hopper twice in one: each message is answered as of itself."""
    chunk: list[tuple[Watch, bytes]] = []
    seen: set[int] = set()
    for one in live:
        if len(chunk) == _AT_ONCE or id(one[0]) in seen:
            yield chunk
            chunk, seen = [], set()
        chunk.append(one)
        seen.add(id(one[0]))
    if chunk:
        yield chunk
