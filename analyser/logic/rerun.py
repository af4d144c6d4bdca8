"""A hopper's recorded candles, and pairs' beside them, told again: four points a candle, in pages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from analyser.logic.market import UTC_ZONE
from analyser.logic.portfolio import NAN, SECOND, Course
from analyser.logic.recall import Recall, Told
from cryptwire.codec.recall import Points
from cryptwire.domain.bar import Columns, Part, Resolution
from cryptwire.domain.candle import Quality
from cryptwire.domain.figure import FigureKey
from cryptwire.domain.flow import Flow
from cryptwire.domain.points import POINTS, four_ticks
from cryptwire.domain.ticker import Pair

_CARRIED = 86_400
"""A pair that did not trade for so many seconds keeps its price; then nobody knows."""
_VOLUME = (0.0, 0.25, 0.5, 1.0)
"""How much of a candle's volume was there at its points: nobody knows, so it came evenly."""


@dataclass(frozen=True, slots=True)
class PairPast:
    """A pair's fifteen-minute ``candles``, and the ``bars`` that closed before these, by resolution; in UTC."""

    keys: tuple[FigureKey, ...]
    candles: Columns
    bars: Mapping[Resolution, Columns] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Past:
    """What is told again: ``candles`` opened at or after ``began``; those before are their history.

    ``are_cut``: there were some before the first. ``imperfect``: those that are not complete, by opening. ``flows``:
    those that count; before ``since`` they are of another currency. ``silent``: pairs that cannot be had, and why.
    Seconds.
    """

    keys: tuple[FigureKey, ...]
    candles: Columns
    began: int
    until: int
    are_cut: bool
    zone: ZoneInfo
    span: int
    imperfect: Mapping[int, Quality] = field(default_factory=dict)
    flows: Sequence[Flow] = ()
    since: datetime | None = None
    flows_version: int = 1
    pairs: Mapping[Pair, PairPast] = field(default_factory=dict)
    silent: Mapping[Pair, str] = field(default_factory=dict)


class Rerun:
    """One pass over a past; ``at`` is the opening of the candle that comes next, None after the last.

    Beginning at a later candle tells the same as coming there page by page: what closed before is history.
    """

    def __init__(self, past: Past, at: int | None = None) -> None:
        self.past = past
        candles = past.candles
        begins = past.began if at is None else at
        self._row = int(np.searchsorted(candles.at, begins))
        self._recall = Recall(
            past.keys,
            candles,
            begins,
            past.zone,
            past.span,
            are_cut=past.are_cut,
            flows=past.flows,
            since=past.since,
        )
        self._flows = Course(past.flows, past.since)
        self._pairs = {pair: _PairRerun(one, begins, past.span) for pair, one in past.pairs.items()}
        self._until = begins  # up to which candles were told

    @property
    def at(self) -> int | None:
        """See above."""
        return int(self.past.candles.at[self._row]) if self._row < len(self.past.candles) else None

    def page(self, count: int) -> "PageTold":
        """The next ``count`` candles, fewer at the end."""
        past, begin = self.past, self._row
        candles = past.candles.between(begin, begin + count)
        self._row += len(candles)
        is_sure: list[bool] = []
        for candle in _candles(candles, past.span):
            begins, ends = candle.opened_at * SECOND, (candle.opened_at + past.span) * SECOND
            is_partial = past.imperfect.get(candle.opened_at) is Quality.PARTIAL
            is_moved = self._flows.changes_within(begins + 1, ends)  # whether before or after an extreme nobody knows
            is_sure += [not is_partial, not (is_partial or is_moved), not (is_partial or is_moved), not is_partial]
            for at, part in candle.points:
                self._recall.tell(candle.opened_at, part, at)
            self._recall.close(candle.opened_at, candle.whole)
            for pair in self._pairs.values():
                pair.tell(candle)
        told = self._recall.take()
        pairs = {pair: one.take() for pair, one in self._pairs.items()}
        openings = candles.at.tolist()
        qualities = [past.imperfect.get(at) for at in openings]
        last = self.at
        ends_at = past.until if last is None else last
        expected = (ends_at - self._until) // past.span
        self._until = ends_at
        return PageTold(
            Points(told.at, told.at, is_sure, told.values, told.indexes, _figures(told)),
            pairs,
            len(openings),
            qualities.count(Quality.PARTIAL),
            qualities.count(Quality.BACKFILLED),
            max(0, expected - len(openings)),
        )


class PageTold(NamedTuple):
    """A page: points, and of its candles how many there were, partial, filled in later, missing."""

    points: Points
    pairs: dict[Pair, Points]
    candles: int
    partial: int
    backfilled: int
    missing: int


class _Candle(NamedTuple):
    """A candle and how it stood at its four points: (microseconds, so far)."""

    opened_at: int
    points: list[tuple[int, Part]]
    whole: Part


def _candles(candles: Columns, span: int) -> Iterable[_Candle]:
    bars = np.column_stack([candles.open, candles.high, candles.low, candles.close])
    moments, prices = four_ticks(candles.at * SECOND, span * SECOND, bars)
    by_candle: npt.NDArray[np.float64] = prices.reshape(-1, POINTS)
    highs = np.maximum.accumulate(by_candle, axis=1).tolist()
    lows = np.minimum.accumulate(by_candle, axis=1).tolist()
    rows = zip(
        candles.at.tolist(),
        moments.reshape(-1, POINTS).tolist(),
        by_candle.tolist(),
        highs,
        lows,
        bars.tolist(),
        candles.volume.tolist(),
        strict=True,
    )
    for opened_at, at, price, high, low, (open_, top, bottom, close), volume in rows:
        points = [
            (at[point], Part(open_, high[point], low[point], price[point], volume * _VOLUME[point]))
            for point in range(POINTS)
        ]
        yield _Candle(opened_at, points, Part(open_, top, bottom, close, volume))


class _PairRerun:
    """A pair's figures at a hopper's points. A quarter of an hour in which it did not trade is a flat candle."""

    def __init__(self, past: PairPast, begins: int, span: int) -> None:
        self._span = span
        self._recall = Recall(past.keys, past.candles, begins, UTC_ZONE, span, are_cut=False, bars=past.bars)
        first = int(np.searchsorted(past.candles.at, begins))
        self._close = float(past.candles.close[first - 1]) if first else NAN
        self._price_at = (int(past.candles.at[first - 1]) + span) * SECOND - 1_000 if first else 0
        self._coming = iter(_candles(past.candles.between(first, len(past.candles)), span))
        self._next = next(self._coming, None)
        self._keys = past.keys
        self._unknown: list[int] = []
        self._received: list[int] = []
        self._is_sure: list[bool] = []

    def tell(self, hopper: _Candle) -> None:
        """The four points of the hopper's candle."""
        while self._next is not None and self._next.opened_at < hopper.opened_at:
            self._closed(self._next)  # the hopper has no candle there
        if self._next is not None and self._next.opened_at == hopper.opened_at:
            for at, part in self._next.points:
                self._recall.tell(hopper.opened_at, part, at)
                self._received.append(at)
                self._is_sure.append(True)
            self._closed(self._next)
            return
        moments = [at for at, _ in hopper.points]
        if not self._price_at:
            self._unknown += moments
            return
        flat = Part(self._close, self._close, self._close, self._close, 0.0)
        for at in moments:
            self._recall.tell(hopper.opened_at, flat, at)
            self._received.append(self._price_at)
            self._is_sure.append(at - self._price_at <= _CARRIED * SECOND)
        self._recall.close(hopper.opened_at, flat)

    def _closed(self, candle: _Candle) -> None:
        self._recall.close(candle.opened_at, candle.whole)
        self._close = candle.whole.close
        self._price_at = candle.points[-1][0]
        self._next = next(self._coming, None)

    def take(self) -> Points:
        told, unknown = self._recall.take(), self._unknown
        count = len(unknown)
        figures = {
            key: ([NAN] * count + values, [0] * count + sizes, [0] * count + bars)
            for key, (values, sizes, bars) in _figures(told).items()
        }
        points = Points(
            unknown + told.at,
            [0] * count + self._received,
            [False] * count + self._is_sure,
            [NAN] * count + told.values,
            [NAN] * (count + len(told)),
            figures,
        )
        self._unknown, self._received, self._is_sure = [], [], []
        return points


def _figures(told: Told) -> dict[FigureKey, tuple[list[float], list[int], list[int]]]:
    return {key: (column.values, column.sizes, column.bars) for key, column in told.figures.items()}
