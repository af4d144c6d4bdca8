"""The charts of portfolios: ``portfolio.*.live``, ``.closed`` and ``.rewritten``, ``trade.>``."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from candles.datafeed.handlers.charts import Ages, Chart, Charts
from candles.datafeed.handlers.live import LIVE_FOR, LiveBook, key_of
from candles.datafeed.handlers.rules import LIVE
from candles.datafeed.handlers.zones import zone_of
from candles.datafeed.logic.forming import Formation
from candles.datafeed.logic.symbols import HopperSymbol, Symbol
from candles.datafeed.ports import Hoppers, People, Series
from cryptwire.clock import EPOCH, Clock
from cryptwire.codec.candle import candle_from_wire
from cryptwire.domain.bar import Part, Resolution, bar_at, columns_of, joined
from cryptwire.domain.candle import Candle
from cryptwire.domain.hopper import Hopper, HopperId, UserId
from cryptwire.errors import Invalid, NotFound, Unavailable
from cryptwire.messaging.bus import Message
from cryptwire.metrics import Meters

_AGAIN = timedelta(seconds=1)


@dataclass(slots=True, eq=False, kw_only=True)
class PortfolioChart(Chart):
    """The portfolio of one hopper."""

    hopper: Hopper
    key: str  # of the hopper, in subjects


class PortfolioCharts(Charts[PortfolioChart]):
    """Portfolios as they are told live, every 2 s."""

    needs = LIVE

    def __init__(
        self,
        hoppers: Hoppers,
        people: People,
        series: Series,
        book: LiveBook,
        clock: Clock,
        meters: Meters,
        span: timedelta,
    ) -> None:
        super().__init__(clock, meters)
        self._hoppers = hoppers
        self._people = people
        self._series = series
        self._book = book
        self._span = int(span.total_seconds())
        self._charts: dict[tuple[HopperId, str, str], PortfolioChart] = {}
        self._of_hopper: dict[str, list[PortfolioChart]] = {}
        self._volumes: asyncio.Queue[PortfolioChart] = asyncio.Queue()
        self._volume_due: set[PortfolioChart] = set()

    # who reads

    async def find(self, user: UserId, symbol: Symbol, text: str, label: str) -> PortfolioChart:
        if not isinstance(symbol, HopperSymbol):
            raise NotFound("unknown_symbol")
        hopper = await self._hoppers.of(user, symbol.hopper)
        zone = await zone_of(self._people, user)
        key = (hopper.id, label, zone.key)
        chart = self._charts.get(key)
        if chart is None:
            formation = Formation(Resolution.of(label), zone, self._span)
            chart = PortfolioChart(text, label, zone, formation, hopper=hopper, key=key_of(hopper.id))
            self._charts[key] = chart
            self._of_hopper.setdefault(chart.key, []).append(chart)
        return chart

    def all(self) -> list[PortfolioChart]:
        return list(self._charts.values())

    def _forget(self, chart: PortfolioChart) -> None:
        if self._charts.pop((chart.hopper.id, chart.label, chart.zone.key), None) is None:
            return
        charts = self._of_hopper[chart.key]
        charts.remove(chart)
        if not charts:
            del self._of_hopper[chart.key]

    # what NATS brings

    def on_live(self, key: str) -> None:
        """A live state of the hopper with this key is in the book."""
        charts = self._of_hopper.get(key)
        if charts:
            live = self._book.live(charts[0].hopper.id, key)
            if live is not None:
                for chart in charts:
                    self._apply(chart, chart.formation.on_live(*part_of(live.candle, live.volume)))

    def on_closed(self, key: str, payload: bytes) -> None:
        """A closed candle of the hopper with this key."""
        charts = self._of_hopper.get(key)
        if not charts:
            return
        try:
            candle = candle_from_wire(payload)
        except Invalid:
            self._meters.count("datafeed_unreadable", "Messages that could not be read", kind="closed")
            return
        for chart in charts:
            if candle.hopper == chart.hopper.id:
                self._apply(chart, chart.formation.on_closed(*part_of(candle, 0.0)))
                self._count_volume(chart)

    async def on_trade(self, message: Message) -> None:
        """``trade.<exchange>.<hopper>``: a trade is in the database, so volumes changed."""
        for chart in self._of_hopper.get(message.subject.rpartition(".")[2], ()):
            self._count_volume(chart)

    async def on_rewritten(self, message: Message) -> None:
        """``portfolio.*.rewritten``: stored candles of a hopper have changed: bars that clients have seen are not true
        any more.
        """
        for chart in self._of_hopper.get(message.subject.split(".", 2)[1], ()):
            self._begin_anew(chart)

    # what the database brings

    async def _seed(self, chart: PortfolioChart) -> None:
        hopper, formation = chart.hopper, chart.formation
        now = self._clock.now()
        bar = bar_at(formation.resolution, chart.zone, self._newest(hopper.id, now))
        stored = await self._series.newest(hopper.id, bar.start, bar.end, formation.resolution.most_candles)
        portfolio = self._book.live(hopper.id)
        until = bar.end
        if portfolio is not None:
            until = min(bar.end, max(bar.start, int(portfolio.candle.opened_at.timestamp())))
        volume = await self._series.volume(hopper.id, hopper.base, bar.start, until)
        now = self._clock.now()  # from here to the end nothing can come between
        newest = self._newest(hopper.id, now)
        if not bar.start <= newest < bar.end:
            await self._seed(chart)  # the bar ended meanwhile
            return
        formation.seed(newest, joined(stored, columns_of(self._book.closed(hopper.id, now))), volume, until)
        portfolio = self._book.live(hopper.id)
        if portfolio is not None:
            updates = formation.on_live(*part_of(portfolio.candle, portfolio.volume))
            if not updates and (state := formation.state()) is not None:
                updates = [state]
            self._apply(chart, updates)

    def _newest(self, hopper: HopperId, now: datetime) -> int:
        """When the newest candle that is known opened; now when none is."""
        moments = [candle.opened_at for candle in self._book.closed(hopper, now)]
        portfolio = self._book.live(hopper)
        if portfolio is not None:
            moments.append(portfolio.candle.opened_at)
        return int(max(moments, default=now).timestamp())

    def _ages(self, chart: PortfolioChart, now: datetime) -> Ages | None:
        live = self._book.live(chart.hopper.id, chart.key)
        if live is None:
            return None
        return Ages(live.prices_at, live.assets_at, live.at + LIVE_FOR if live.is_fresh else EPOCH)

    def _count_volume(self, chart: PortfolioChart) -> None:
        if chart.formation.bar is not None and chart not in self._volume_due:
            self._volume_due.add(chart)
            self._volumes.put_nowait(chart)

    async def _volume_counter(self) -> None:
        while True:
            chart = await self._volumes.get()
            self._volume_due.discard(chart)
            bar, until = chart.formation.bar, chart.formation.open_at
            if bar is None or until is None or not chart.clients:
                continue
            try:
                volume = await self._series.volume(chart.hopper.id, chart.hopper.base, bar.start, until)
            except Unavailable:
                await self._clock.sleep(_AGAIN)
                self._count_volume(chart)
                continue
            if chart.formation.bar == bar:
                self._apply(chart, chart.formation.on_volume(volume, until))

    def jobs(self) -> list[Callable[[], Any]]:
        return [*super().jobs(), self._volume_counter]


def part_of(candle: Candle, volume: float) -> tuple[int, Part]:
    """When a candle opened, and what a bar is made of of it."""
    return int(candle.opened_at.timestamp()), Part(candle.open, candle.high, candle.low, candle.close, volume)
