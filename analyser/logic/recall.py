"""Figures of the past as they were told while it happened: for replays.

By the same lines as live: the panel for figures of bars, ``Past`` and ``Course`` for those of the whole portfolio.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

import numpy as np

from analyser.logic.forming import past_bars
from analyser.logic.panel import Panel, SeriesId
from analyser.logic.portfolio import NAN, SECOND, Course, Open, Past, change, drawdown, no_candles
from cryptwire.clock import to_us
from cryptwire.domain.bar import Columns, Part, Resolution, bar_at
from cryptwire.domain.figure import FigureKey
from cryptwire.domain.flow import Flow
from cryptwire.domain.hopper import HopperId

_AT_ONCE = 16
_NOTHING: Mapping[str, float] = MappingProxyType({})


@dataclass(slots=True)
class Column:
    """One figure at each point; NaN where it cannot be told. ``sizes``: of how many bars or readings it is made.
    ``bars``: the stamp of the newest bar in it, seconds; 0 where it is not made of bars, or of none.
    """

    values: list[float]
    sizes: list[int]
    bars: list[int]


@dataclass(frozen=True, slots=True)
class Told:
    """Points in columns, oldest first: ``at`` in microseconds, value, index (NaN: there is none), and the figures."""

    at: list[int]
    values: list[float]
    indexes: list[float]
    figures: Mapping[FigureKey, Column]

    def __len__(self) -> int:
        return len(self.at)


class Recall:
    """The figures ``keys`` of one hopper or pair, point by point; every point belongs to the candle in progress.

    Begins with the candle opened at ``began``, after ``past`` candles; ``are_cut``: there were some before the first of
    these. ``flows``: all that count, of which those before ``since`` are of another currency; each is known from its
    moment on. ``bars``: closed bars that are known otherwise, by resolution (an exchange's). Seconds.
    """

    def __init__(
        self,
        keys: Iterable[FigureKey],
        past: Columns,
        began: int,
        zone: ZoneInfo,
        span: int,
        *,
        are_cut: bool,
        flows: Sequence[Flow] = (),
        since: datetime | None = None,
        bars: Mapping[Resolution, Columns] | None = None,
    ) -> None:
        listed = list(dict.fromkeys(keys))
        self._since = since
        self._span = span
        self._came: list[Flow] = []
        self._coming = deque(sorted(flows, key=lambda flow: (flow.at, flow.asset)))
        while self._coming and to_us(self._coming[0].at) < began * SECOND:
            self._came.append(self._coming.popleft())
        self._course = Course(self._came, since)
        self._plain = [key for key in listed if not key.definition.of_bars]
        reach = {
            name: max((int(key.parameters[0]) * 60 for key in self._plain if key.name == name), default=0)
            for name in ("drawdown", "change")
        }
        before = past.between(0, int(np.searchsorted(past.at, began)))
        self._past = Past(before, self._course, span, reach["drawdown"], reach["change"])
        self._bars: dict[Resolution, tuple[_Bars, list[FigureKey]]] = {}
        for resolution in {Resolution.of(key.resolution) for key in listed if key.definition.of_bars}:
            wanted = [key for key in listed if key.resolution == resolution.value]
            closed, whole = past_bars(before, resolution, zone, began, are_cut=are_cut)
            closed = (bars or {}).get(resolution, closed)
            self._bars[resolution] = _Bars(wanted, resolution, zone, closed, whole, began), wanted
        self._keys = listed
        self._begin()

    def _begin(self) -> None:
        self._at: list[int] = []
        self._values: list[float] = []
        self._indexes: list[float] = []
        self._columns = [Column([], [], []) for _ in self._plain]

    def tell(self, opened_at: int, part: Part, at: int, others: Mapping[str, float] = _NOTHING) -> None:
        """The candle in progress as it is ``at`` microseconds; ``others``: figures known otherwise, by name."""
        self._flow(at)
        value = part.close
        course, now = self._course, Open(opened_at, part.open, part.high, value, at)
        self._at.append(at)
        self._values.append(value)
        self._indexes.append(course.index_at(value, at))
        for key, column in zip(self._plain, self._columns, strict=True):
            size = 1
            match key.name:
                case "balance" | "price":
                    told = value
                case "index":
                    told = self._indexes[-1]
                case "drawdown":
                    told, size = drawdown(self._past, course, now, int(key.parameters[0]), self._span)
                case "change":
                    told, size = change(self._past, course, now, int(key.parameters[0]), self._span)
                case name:
                    told = others.get(name, NAN)
                    size = int(told == told)
            column.values.append(told)
            column.sizes.append(size)
        for bars, _ in self._bars.values():
            bars.tell(opened_at, part)

    def close(self, opened_at: int, part: Part) -> None:
        """A candle has closed, with its true numbers."""
        self._flow((opened_at + self._span) * SECOND - 1)
        self._past.add(opened_at, part.open, part.high, part.close, self._course, self._span)
        for bars, _ in self._bars.values():
            bars.close(opened_at, part)

    def _flow(self, at: int) -> None:
        """Money has come or gone until ``at``; what comes later is not known yet."""
        if not self._coming or to_us(self._coming[0].at) > at:
            return
        while self._coming and to_us(self._coming[0].at) <= at:
            self._came.append(self._coming.popleft())
        before, self._course = self._course, Course(self._came, self._since)
        if self._course.began_at != before.began_at:  # nothing of the past compares with what is now
            self._past = Past(no_candles(), self._course, self._span, self._past.peaks_for, self._past.changes_for)

    def take(self) -> Told:
        """What was told since the last time."""
        told: dict[FigureKey, Column] = {}
        for key, column in zip(self._plain, self._columns, strict=True):
            column.bars = [0] * len(column.values)
            told[key] = column
        for bars, keys in self._bars.values():
            told.update(zip(keys, bars.take(), strict=True))
        taken = Told(self._at, self._values, self._indexes, {key: told[key] for key in self._keys})
        self._begin()
        return taken


class _Bars:
    """The bars of one resolution. Points of one bar do not depend on one another, so several are computed at once: in
    rows of the panel that share their past.
    """

    def __init__(
        self,
        keys: list[FigureKey],
        resolution: Resolution,
        zone: ZoneInfo,
        closed: Columns,
        whole: Part | None,
        began: int,
    ) -> None:
        self._resolution = resolution
        self._zone = zone
        self._panel = Panel()
        count = 4 if resolution is Resolution.MINUTES_15 else _AT_ONCE
        self._series = [SeriesId(HopperId(str(number)), resolution) for number in range(count)]
        for series in self._series:
            self._panel.begin(series, keys, closed)
        self._bar = bar_at(resolution, zone, began)
        self._whole = whole
        self._waiting: list[Part] = []
        self._columns = [Column([], [], []) for _ in keys]

    def tell(self, opened_at: int, part: Part) -> None:
        if opened_at >= self._bar.end:
            self._next(opened_at)
        self._waiting.append(part if self._whole is None else self._whole.then(part))
        if len(self._waiting) == len(self._series):
            self._compute()

    def close(self, opened_at: int, part: Part) -> None:
        if opened_at >= self._bar.end:
            self._next(opened_at)
        self._whole = part if self._whole is None else self._whole.then(part)

    def take(self) -> list[Column]:
        self._compute()
        taken, self._columns = self._columns, [Column([], [], []) for _ in self._columns]
        return taken

    def _next(self, opened_at: int) -> None:
        """The bar is over, if there was any of it."""
        self._compute()
        if self._whole is not None:
            self._each(self._panel.close, [self._whole] * len(self._series))
        self._bar = bar_at(self._resolution, self._zone, opened_at)
        self._whole = None

    def _compute(self) -> None:
        if not self._waiting:
            return
        count = len(self._waiting)
        self._each(self._panel.update, self._waiting)
        self._waiting = []
        (group,) = self._panel.values(self._series[:count])
        sizes, starts = group.sample_sizes.tolist(), np.maximum(group.starts, 0).tolist()
        for column, values in zip(self._columns, group.values.T.tolist(), strict=True):
            column.values += values
            column.sizes += sizes
            column.bars += starts

    def _each(self, what: Callable[..., None], parts: list[Part]) -> None:
        """One part to each of the first series."""
        columns = np.array(parts, np.float64).T.copy()
        what(self._series[: len(parts)], np.full(len(parts), self._bar.time, np.int64), *columns)
