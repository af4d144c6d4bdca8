"""The charts of ``HOPPER:ALL``: what all of a user's live hoppers tell, summed a moment after the first of a round."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from candles.datafeed.handlers.charts import Ages, Chart, Charts
from candles.datafeed.handlers.live import LIVE_FOR, Live, LiveBook, is_live, key_of
from candles.datafeed.handlers.rules import LIVE
from candles.datafeed.handlers.together import Group, Member, Together
from candles.datafeed.handlers.zones import zone_of
from candles.datafeed.logic.forming import Formation
from candles.datafeed.logic.live_sum import LiveSum
from candles.datafeed.logic.symbols import AllSymbol, Symbol
from candles.datafeed.ports import People
from cryptwire.clock import EPOCH, Clock
from cryptwire.domain.aggregate import CARRIED
from cryptwire.domain.bar import Columns, Resolution, bar_at
from cryptwire.domain.conversion import Conversion
from cryptwire.domain.hopper import Asset, HopperId, UserId
from cryptwire.errors import NotFound, Unavailable
from cryptwire.log import Log
from cryptwire.messaging.bus import Message
from cryptwire.metrics import Meters

_ROUND = timedelta(milliseconds=300)  # in which the hoppers of a shard tell one after the other
_RATES_FOR = timedelta(minutes=5)
_AGAIN = timedelta(seconds=1)
_MOST_LOOKED_AT = 1_000
_log = Log(__name__)


@dataclass(slots=True, eq=False)
class _Sum:
    """All of one user's live hoppers."""

    group: Group
    keys: tuple[str, ...]  # of the hoppers, in subjects
    candle: LiveSum = field(default_factory=LiveSum)
    charts: "set[SumChart]" = field(default_factory=set)
    rates: dict[Asset, Conversion] = field(default_factory=dict)
    rates_at: datetime = EPOCH
    stood: dict[HopperId, tuple[int, float]] = field(default_factory=dict)  # last candles: when opened, at what closed


@dataclass(slots=True, eq=False, kw_only=True)
class SumChart(Chart):
    """One sum; the user's whose it is, and the sum once it is begun."""

    user: UserId
    sum: _Sum | None = None


class SumCharts(Charts[SumChart]):
    """Sums as portfolios are told live. High and low of the candle in progress take in every sum that was told."""

    needs = LIVE

    def __init__(
        self, people: People, together: Together, book: LiveBook, clock: Clock, meters: Meters, span: timedelta
    ) -> None:
        super().__init__(clock, meters)
        self._people = people
        self._together = together
        self._book = book
        self._span = int(span.total_seconds())
        self._charts: dict[tuple[UserId, str, str], SumChart] = {}
        self._sums: dict[UserId, _Sum] = {}
        self._looked_at: dict[UserId, _Sum] = {}  # of whose histories were read, and no chart
        self._of_key: dict[str, set[_Sum]] = {}
        self._changed: set[_Sum] = set()
        self._has_changed = asyncio.Event()
        self._doubts: asyncio.Queue[UserId] = asyncio.Queue()
        self._volumes: asyncio.Queue[SumChart] = asyncio.Queue()
        self._volume_due: set[SumChart] = set()

    # who reads

    async def find(self, user: UserId, symbol: Symbol, text: str, label: str) -> SumChart:
        if not isinstance(symbol, AllSymbol):
            raise NotFound("unknown_symbol")
        zone = await zone_of(self._people, user)
        key = (user, label, zone.key)
        chart = self._charts.get(key)
        if chart is None:
            formation = Formation(Resolution.of(label), zone, self._span)
            chart = self._charts[key] = SumChart(text, label, zone, formation, user=user)
        return chart

    def all(self) -> list[SumChart]:
        return list(self._charts.values())

    def _forget(self, chart: SumChart) -> None:
        if self._charts.pop((chart.user, chart.label, chart.zone.key), None) is not None and chart.sum is not None:
            chart.sum.charts.discard(chart)
            if not chart.sum.charts:
                self._drop(chart.sum)

    def _drop(self, one: _Sum) -> None:
        if self._sums.get(one.group.user) is one:
            del self._sums[one.group.user]
        for key in one.keys:
            self._of_key.get(key, set()).discard(one)
            if not self._of_key.get(key):
                self._of_key.pop(key, None)

    def on_account(self, user: UserId) -> None:
        """Something of a user has changed: his hoppers, or his currency, maybe."""
        if user in self._sums:
            self._doubts.put_nowait(user)

    async def _doubter(self) -> None:
        """Look who belongs to a sum, and begin anew when that are others, or they are told in another currency."""
        while True:
            user = await self._doubts.get()
            try:
                group = await self._together.group(user)
            except Unavailable:
                await self._clock.sleep(_AGAIN)
                self._doubts.put_nowait(user)
                continue
            one = self._sums.get(user)
            if one is not None and one.group != group:
                self._renew(one)

    def _renew(self, one: _Sum) -> None:
        self._drop(one)
        for chart in list(one.charts):
            chart.sum = None
            self._begin_anew(chart)

    # what NATS brings

    def on_live(self, key: str) -> None:
        """A live state of the hopper with this key is in the book."""
        changed = self._of_key.get(key)
        if changed:
            self._changed |= changed
            self._has_changed.set()

    def on_closed(self, key: str, payload: bytes) -> None:
        """So is a closed candle."""
        self.on_live(key)

    async def on_trade(self, message: Message) -> None:
        """``trade.<exchange>.<hopper>``: volumes have changed."""
        for one in self._of_key.get(message.subject.rpartition(".")[2], ()):
            for chart in one.charts:
                self._count_volume(chart)

    async def on_rewritten(self, message: Message) -> None:
        """``portfolio.*.rewritten``: stored candles have changed."""
        for one in list(self._of_key.get(message.subject.split(".", 2)[1], ())):
            self._renew(one)

    async def _teller(self) -> None:
        """Sum what has changed, once for all that a round of the tracker brings."""
        while True:
            await self._has_changed.wait()
            await self._clock.sleep(_ROUND)
            self._has_changed.clear()
            changed, self._changed = self._changed, set()
            for one in changed:
                try:
                    if self._clock.now() - one.rates_at >= _RATES_FOR:
                        await self._read_rates(one)
                    self._tell_sum(one)
                except Unavailable as error:
                    _log.info("a sum cannot be told", reason=error)
                except Exception as error:  # noqa: BLE001 - outermost edge of a sum: the others go on
                    _log.error("a sum could not be told", exception=error)

    def _tell_sum(self, one: _Sum) -> None:
        now = self._clock.now()
        self._take(one, now)
        for at in (one.candle.unclosed, one.candle.at):
            if at is not None:
                self._close(one, at, now)
        part = one.candle.part
        if one.candle.at is None or part is None:
            return
        for chart in list(one.charts):
            if chart.formation.bar is not None:
                self._apply(chart, chart.formation.on_live(one.candle.at, part))

    # what it comes to

    def _live(self, one: _Sum, now: datetime) -> dict[HopperId, Live]:
        found = {}
        for member, key in zip(one.group.members, one.keys, strict=True):
            live = self._book.live(member.hopper.id, key)
            if live is not None and is_live(live, now) and member.until is None:
                found[member.hopper.id] = live
        return found

    def _take(self, one: _Sum, now: datetime) -> None:
        """The sum of this moment."""
        live = self._live(one, now)
        if not live:
            return
        at = max(_opened(each) for each in live.values())
        rates = {base: rate.at(np.array([at, int(now.timestamp())])).tolist() for base, rate in one.rates.items()}
        opened = value = volume = 0.0
        for member in one.group.members:
            hopper = member.hopper
            at_open, at_now = rates[hopper.base]
            told = live.get(hopper.id)
            if told is not None and _opened(told) == at:
                opened += told.candle.open * at_open
                value += told.candle.close * at_now
                volume += told.volume * at_open
                continue
            close = told.candle.close if told is not None else self._stands_at(one, member, at, now)
            if close is not None:
                opened += close * at_open
                value += close * at_now
        if np.isfinite(opened) and np.isfinite(value):
            one.candle.on_sum(at, opened, value, volume)

    def _stands_at(self, one: _Sum, member: Member, at: int, now: datetime) -> float | None:
        """What a hopper that tells nothing closed at last, at most a day ago; None of one that has ended."""
        if member.until is not None and at >= member.until:
            return None
        hopper = member.hopper.id
        closed = {int(c.opened_at.timestamp()): c.close for c in self._book.closed(hopper, now)}
        known = one.stood.get(hopper)
        if known is not None:
            closed.setdefault(*known)
        earlier = [second for second in closed if second < at]
        return closed[max(earlier)] if earlier and at - max(earlier) <= CARRIED else None

    def _close(self, one: _Sum, at: int, now: datetime) -> None:
        """End the candle opened ``at`` once the candles of all who are told live have closed."""
        live = self._live(one, now)
        closes: dict[HopperId, tuple[float, float]] = {}
        for hopper in live:
            for candle in self._book.closed(hopper, now):
                if int(candle.opened_at.timestamp()) == at:
                    closes[hopper] = candle.open, candle.close
        if not live or closes.keys() != live.keys():
            return
        moments = np.array([at, at + self._span])
        rates = {base: rate.at(moments).tolist() for base, rate in one.rates.items()}
        opened = close = 0.0
        for member in one.group.members:
            told = closes.get(member.hopper.id)
            if told is None:
                stood = self._stands_at(one, member, at, now)
                told = (0.0, 0.0) if stood is None else (stood, stood)
            opened += told[0] * rates[member.hopper.base][0]
            close += told[1] * rates[member.hopper.base][1]
        if np.isfinite(opened) and np.isfinite(close):
            part = one.candle.closed(at, opened, close)
            for chart in list(one.charts):
                if chart.formation.bar is not None:
                    self._apply(chart, chart.formation.on_closed(at, part))
                    self._count_volume(chart)

    async def open_candle(self, group: Group) -> Columns:
        """The candle in progress of a user's sum: none, or one."""
        now = self._clock.now()
        one = self._sums.get(group.user) or self._looked_at.get(group.user)
        if one is None or one.group != group or now - one.rates_at >= _RATES_FOR:
            one = await self._made(group)
            if len(self._looked_at) >= _MOST_LOOKED_AT:
                self._looked_at.clear()
            self._looked_at[group.user] = one
        self._take(one, now)
        at, part = one.candle.at, one.candle.part
        is_open = at is not None and int(now.timestamp()) - at < 2 * self._span and self._live(one, now)
        if at is None or part is None or not is_open:
            empty = np.empty(0)
            return Columns(np.empty(0, np.int64), empty, empty, empty, empty, empty)
        return Columns(np.array([at], np.int64), *(np.array([number]) for number in part))

    # what the database brings

    async def _made(self, group: Group) -> _Sum:
        one = _Sum(group, tuple(key_of(member.hopper.id) for member in group.members))
        await self._read_rates(one)
        one.stood = await self._together.last_closes(group, int(self._clock.now().timestamp()))
        return one

    async def _read_rates(self, one: _Sum) -> None:
        now = self._clock.now()
        bases = {member.hopper.base for member in one.group.members}
        one.rates = {base: await self._together.rates(base, one.group.currency, now, now) for base in bases}
        one.rates_at = now

    async def _seed(self, chart: SumChart) -> None:
        formation = chart.formation
        one = self._sums.get(chart.user)
        if one is None:
            made = await self._made(await self._together.group(chart.user))
            one = self._sums.get(chart.user)
            if one is None:
                one = self._sums[chart.user] = made
                for key in one.keys:
                    self._of_key.setdefault(key, set()).add(one)
        now = self._clock.now()
        bar = bar_at(formation.resolution, chart.zone, int(now.timestamp()))
        most = formation.resolution.most_candles
        closed, _ = await self._together.candles(one.group, bar.start, bar.end, most)
        now = self._clock.now()  # from here to the end nothing can come between
        if not chart.clients or not bar.start <= int(now.timestamp()) < bar.end:
            if chart.clients:
                await self._seed(chart)  # the bar ended meanwhile
            elif not one.charts:
                self._drop(one)
            return
        if self._sums.get(chart.user) is not one:
            raise Unavailable("the user's hoppers have changed")
        one.charts.add(chart)
        chart.sum = one
        self._take(one, now)
        until = bar.end if one.candle.at is None else min(bar.end, max(bar.start, one.candle.at))
        closed = closed.between(0, int(closed.at.searchsorted(until)))
        formation.seed(bar.start, closed, float(closed.volume.sum()), until)
        updates = []
        if one.candle.at is not None and one.candle.part is not None:
            updates = formation.on_live(one.candle.at, one.candle.part)
        if not updates and (state := formation.state()) is not None:
            updates = [state]
        self._apply(chart, updates)

    def _ages(self, chart: SumChart, now: datetime) -> Ages | None:
        if chart.sum is None:
            return None
        live = [
            self._book.live(m.hopper.id, key) for m, key in zip(chart.sum.group.members, chart.sum.keys, strict=True)
        ]
        told = [each for each in live if each is not None]
        if not told:
            return None
        prices = [each.prices_at for each in told if each.prices_at is not None]
        is_fresh = len(told) == len(live) and all(each.is_fresh for each in told)
        fresh_until = min(each.at for each in told) + LIVE_FOR if is_fresh else EPOCH
        return Ages(min(prices, default=None), min(each.assets_at for each in told), fresh_until)

    def _count_volume(self, chart: SumChart) -> None:
        if chart.formation.bar is not None and chart not in self._volume_due:
            self._volume_due.add(chart)
            self._volumes.put_nowait(chart)

    async def _volume_counter(self) -> None:
        while True:
            chart = await self._volumes.get()
            self._volume_due.discard(chart)
            bar, until = chart.formation.bar, chart.formation.open_at
            if bar is None or until is None or chart.sum is None:
                continue
            try:
                volume = await self._together.volume(chart.sum.group, bar.start, until)
            except Unavailable:
                await self._clock.sleep(_AGAIN)
                self._count_volume(chart)
                continue
            if chart.formation.bar == bar:
                self._apply(chart, chart.formation.on_volume(volume, until))

    def jobs(self) -> list[Callable[[], Any]]:
        return [*super().jobs(), self._teller, self._doubter, self._volume_counter]


def _opened(live: Live) -> int:
    return int(live.candle.opened_at.timestamp())
