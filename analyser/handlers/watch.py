"""What is known of one hopper while somebody wants figures of it."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from analyser.logic.families import bars_needed
from analyser.logic.forming import Forming
from analyser.logic.leases import Leases
from analyser.logic.panel import SeriesId
from analyser.logic.portfolio import Held, Ledger, Open, Past
from cryptwire.codec.figure import keys_part
from cryptwire.domain.bar import Resolution
from cryptwire.domain.candle import Candle
from cryptwire.domain.figure import FigureKey
from cryptwire.domain.hopper import Asset, Hopper
from generated.wire.v1 import portfolio_pb2

_KEPT = 8
_PEAKS, _CHANGES = "drawdown", "change"


@dataclass(slots=True, eq=False)
class Series:
    """The bars of one resolution, and the figures that are wanted of them.

    ``forming``: the bar in progress, None until the past is read. ``computed``: the figures that the panel computes,
    until the past is read again for what is wanted now.
    """

    id: SeriesId
    keys: tuple[FigureKey, ...]
    needed: int
    needs_volume: bool
    forming: Forming | None = None
    computed: tuple[FigureKey, ...] = ()


@dataclass(slots=True, eq=False)
class Watch:
    """One hopper of which somebody wants figures.

    ``needs_flows``, ``needs_candles``: what is to be read from the database; ``read_at`` when it is to be read again.
    ``heard``: candles that closed lately, of which the database may not know yet. ``prices``: as last told, in the
    order of ``held``; ``known`` those of assets that cannot be priced any more.
    """

    hopper: Hopper
    subject: str
    base: Asset
    ledger: Ledger
    leases: Leases = field(default_factory=Leases)
    zone: ZoneInfo | None = None
    since: datetime | None = None
    sequence: int = 0
    told_at: datetime | None = None
    # what is wanted
    plain: tuple[FigureKey, ...] = ()
    series: dict[Resolution, Series] = field(default_factory=dict)
    peaks_for: int = 0  # seconds
    changes_for: int = 0
    keys_part: bytes = b""
    # what is read
    past: Past | None = None
    needs_flows: bool = True
    needs_candles: bool = False
    needs_volume: bool = False
    is_queued: bool = False
    read_at: datetime | None = None
    tries: int = 0
    # what is heard
    live: Open | None = None
    heard: deque[Candle] = field(default_factory=lambda: deque(maxlen=_KEPT))
    held: Held | None = None
    settled: tuple[int, list[str], list[str]] = (0, [], [])
    prices: list[float] = field(default_factory=list)
    known: dict[Asset, float] = field(default_factory=dict)
    closed_unheard_since: datetime | None = None

    def plan(self) -> list[SeriesId]:
        """Arrange what is wanted now; gives the series that nobody wants any more. What is new must be read."""
        keys = self.leases.keys
        self.plain = tuple(key for key in keys if not key.definition.of_bars)
        by_resolution: dict[Resolution, list[FigureKey]] = {}
        for key in keys:
            if key.definition.of_bars:
                by_resolution.setdefault(Resolution.of(key.resolution), []).append(key)
        gone = [one.id for resolution, one in self.series.items() if resolution not in by_resolution]
        fresh: dict[Resolution, Series] = {}
        for resolution, listed in by_resolution.items():
            one = self.series.get(resolution)
            if one is None:
                one = Series(SeriesId(self.hopper.id, resolution), (), 0, False)
            one.keys = tuple(listed)
            one.needed = bars_needed(listed)
            one.needs_volume = any(key.definition.needs_volume for key in listed)
            self.needs_candles = self.needs_candles or one.computed != one.keys
            fresh[resolution] = one
        self.series = fresh
        reach = {
            name: max((int(key.parameters[0]) * 60 for key in self.plain if key.name == name), default=0)
            for name in (_PEAKS, _CHANGES)
        }
        if reach[_PEAKS] > self.peaks_for or reach[_CHANGES] > self.changes_for:
            self.needs_candles = True
            self.past = None
        self.peaks_for, self.changes_for = reach[_PEAKS], reach[_CHANGES]
        if not (self.peaks_for or self.changes_for):
            self.past = None
        ordered = [*self.plain, *(key for one in fresh.values() for key in one.keys)]
        self.keys_part = keys_part(ordered)
        return gone

    def begin_anew(self) -> None:
        """Nothing of what was computed is true any more: the currency has changed, or the zone."""
        self.needs_flows = self.needs_candles = True
        self.past = None
        for one in self.series.values():
            one.forming = None
            one.computed = ()

    def present(self, span: int) -> int:
        """When the candle opened that is in progress, seconds: after the live one, when that was heard closed."""
        assert self.live is not None
        opened_at = self.live.opened_at
        is_over = any(int(candle.opened_at.timestamp()) == opened_at for candle in self.heard)
        return opened_at + span if is_over else opened_at

    @property
    def wants_candles(self) -> bool:
        """Whether anything that is wanted is made of closed candles."""
        return bool(self.series) or self.peaks_for > 0 or self.changes_for > 0

    @property
    def counts_volume(self) -> bool:
        return any(one.needs_volume for one in self.series.values())

    def take_settled(self, message: portfolio_pb2.Portfolio, held: Held) -> None:
        """What it holds has changed; the last prices of what it held may be needed."""
        self.remember_prices()
        self.held = held
        self.settled = message.assets_at_us, list(message.assets), list(message.quantities)
        self.prices = []

    def remember_prices(self) -> None:
        """Keep the prices that were told last: something cannot be priced any more, or may not be."""
        if self.held is not None:
            told = zip(self.held.assets, self.prices, strict=False)
            self.known.update((asset, price) for asset, price in told if price == price)
            here = set(self.held.assets)
            self.known = {asset: price for asset, price in self.known.items() if asset in here}
