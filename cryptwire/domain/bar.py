"""Bars: coarser candles, made of fifteen-minute ones in the reader's zone. The one place that knows where they begin.

Everything stands on the grid of candle openings, the multiples of 900 s since the epoch: a bar begins at an instant at
which a candle may open. Seconds are Unix seconds, UTC.

The hours of a day are local ones. 60 opens at each local full hour, so an hour that the clock repeats is a bar of its
own; half an hour that it repeats (Lord Howe) lengthens the bar it stands in, for nothing opens at half past. 240, 1D,
1W and 1M open at the first instant that shows their local time or a later one: what a clock that was put back repeats
belongs to the bar that has begun already, and a day without midnight opens when its date first shows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cryptwire.domain.candle import SPAN, Candle
from cryptwire.errors import Invalid

GRID = int(SPAN.total_seconds())
_HOUR = 3600
_DAY = 86_400
_THURSDAY = 3  # the epoch's day of the week, from Monday
_MARGIN = 3 * _DAY  # more than any clock was put back
_STEP = _DAY  # clocks are changed less often: by the tz database at most once within any, 1970 to 2038
_YEARS = range(1971, 2200)

Seconds = NDArray[np.int64]
Numbers = NDArray[np.float64]


class Resolution(Enum):
    """How coarse a bar is; the value is TradingView's word for it."""

    MINUTES_15 = "15"
    HOUR = "60"
    HOURS_4 = "240"
    DAY = "1D"
    WEEK = "1W"
    MONTH = "1M"

    @classmethod
    def of(cls, text: str) -> Self:
        """The resolution that ``text`` names (``D``, ``W`` and ``M`` too); raises Invalid."""
        try:
            return cls(f"1{text}" if text in ("D", "W", "M") else text)
        except ValueError:
            names = ", ".join(resolution.value for resolution in cls)
            raise Invalid(f"resolution {text[:10]!r} is not one of {names}") from None

    @property
    def is_intraday(self) -> bool:
        """Stamped with its first instant; the others with 00:00 UTC of their first local date."""
        return self in (Resolution.MINUTES_15, Resolution.HOUR, Resolution.HOURS_4)

    @property
    def usual_candles(self) -> int:
        """As many candles fit into a bar while nobody turns the clock."""
        return _USUAL_CANDLES[self]

    @property
    def most_candles(self) -> int:
        """As many candles fit into the longest bar, with two hours for a clock that is put back."""
        return _MOST_CANDLES[self]


_USUAL_CANDLES = {
    Resolution.MINUTES_15: 1,
    Resolution.HOUR: 4,
    Resolution.HOURS_4: 16,
    Resolution.DAY: 96,
    Resolution.WEEK: 672,
    Resolution.MONTH: 2976,
}
_MOST_CANDLES = {
    Resolution.MINUTES_15: 1,
    Resolution.HOUR: 8,
    Resolution.HOURS_4: 24,
    Resolution.DAY: 104,
    Resolution.WEEK: 680,
    Resolution.MONTH: 2984,
}


class Edges(NamedTuple):
    """Bars that follow one another: when each starts, and its stamp."""

    starts: Seconds
    times: Seconds


class Bar(NamedTuple):
    """Where one bar lies: ``[start, end)``, and its stamp ``time``; seconds."""

    start: int
    end: int
    time: int


def bar_of(resolution: Resolution, zone: ZoneInfo, moment: datetime) -> Bar:
    """The bar that contains ``moment``."""
    return bar_at(resolution, zone, int(moment.timestamp() // 1))


def bar_at(resolution: Resolution, zone: ZoneInfo, second: int) -> Bar:
    """The bar that contains the instant ``second``; raises Invalid outside the years 1971 to 2199."""
    if resolution is Resolution.MINUTES_15:
        start = second - second % GRID
        return Bar(start, start + GRID, start)
    year = _year_of(second)
    starts, times = _of_year(zone, resolution, year)
    index = int(np.searchsorted(starts, second, side="right")) - 1
    if index < 0:
        earlier, stamps = _of_year(zone, resolution, year - 1)
        return Bar(int(earlier[-1]), int(starts[0]), int(stamps[-1]))
    is_last = index + 1 == len(starts)
    end = int(_of_year(zone, resolution, year + 1).starts[0] if is_last else starts[index + 1])
    return Bar(int(starts[index]), end, int(times[index]))


def edges(resolution: Resolution, zone: ZoneInfo, first: int, last: int) -> Edges:
    """Every bar that has a part in ``[first, last)`` seconds, oldest first: the first one may start before ``first``.

    Raises Invalid outside the years 1971 to 2199.
    """
    if last <= first:
        nothing = np.empty(0, np.int64)
        return Edges(nothing, nothing)
    if resolution is Resolution.MINUTES_15:
        starts = np.arange(first - first % GRID, last, GRID, dtype=np.int64)
        return Edges(starts, starts)
    parts = [_of_year(zone, resolution, year) for year in range(_year_of(first) - 1, _year_of(last) + 1)]
    starts = np.concatenate([part.starts for part in parts])
    times = np.concatenate([part.times for part in parts])
    begin = int(np.searchsorted(starts, first, side="right")) - 1
    end = int(np.searchsorted(starts, last, side="left"))
    return Edges(starts[begin:end], times[begin:end])


def _year_of(second: int) -> int:
    try:
        year = datetime.fromtimestamp(second, UTC).year
    except (ValueError, OverflowError, OSError):
        raise Invalid(f"{second} is no second that has bars") from None
    if year not in _YEARS:
        raise Invalid(f"bars are known from {_YEARS.start} to {_YEARS.stop - 1}, not in {year}")
    return year


def _first_second(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())


@lru_cache(maxsize=512)
def _of_year(zone: ZoneInfo, resolution: Resolution, year: int) -> Edges:
    """The bars that start in a year of UTC."""
    grid = np.arange(_first_second(year) - _MARGIN, _first_second(year + 1), GRID, dtype=np.int64)
    local = grid + _offsets(zone, year)
    match resolution:
        case Resolution.HOUR:
            bucket = local - local % _HOUR
            is_start = (bucket[1:] != bucket[:-1]) | (local[1:] % _HOUR < GRID)
        case _:
            bucket = np.maximum.accumulate(_bucket(resolution, local))
            is_start = bucket[1:] > bucket[:-1]
    chosen = np.flatnonzero(is_start & (grid[1:] >= grid[0] + _MARGIN)) + 1
    starts = grid[chosen]
    times = starts if resolution.is_intraday else bucket[chosen]
    starts.flags.writeable = times.flags.writeable = False
    return Edges(starts, times)


def _bucket(resolution: Resolution, local: Seconds) -> Seconds:
    """The local second at which the bar of each local second should begin."""
    match resolution:
        case Resolution.HOURS_4:
            return local - local % (4 * _HOUR)
        case Resolution.DAY:
            return local - local % _DAY
        case Resolution.WEEK:
            return local - (local + _THURSDAY * _DAY) % (7 * _DAY)
        case _:
            months = local.astype("datetime64[s]").astype("datetime64[M]")
            return months.astype("datetime64[s]").astype(np.int64)


@lru_cache(maxsize=64)
def _offsets(zone: ZoneInfo, year: int) -> Seconds:
    """What the zone adds to UTC, in seconds, at each instant of the grid that ``_of_year`` looks at."""
    first, last = _first_second(year) - _MARGIN, _first_second(year + 1)
    offsets = np.empty((last - first) // GRID, np.int64)

    def offset(second: int) -> int:
        shift = datetime.fromtimestamp(second, zone).utcoffset()
        assert shift is not None
        return shift.days * _DAY + shift.seconds  # no zone has fractions of a second

    after = offset(first)
    for begin, end in pairwise([*range(first, last, _STEP), last]):
        before, after = after, offset(end)
        change = end
        if before != after:
            low, high = begin, end  # the first instant of the grid with the new offset is in (low, high]
            while high - low > GRID:
                middle = low + (high - low) // GRID // 2 * GRID
                low, high = (middle, high) if offset(middle) == before else (low, middle)
            change = high
        offsets[(begin - first) // GRID : (change - first) // GRID] = before
        offsets[(change - first) // GRID : (end - first) // GRID] = after
    return offsets


@dataclass(frozen=True, slots=True)
class Columns:
    """Candles or bars in columns of equal length, oldest first.

    ``at``: (n,), seconds, a candle's opening or a bar's stamp; prices and ``volume``: (n,), in the hopper's base
    currency.
    """

    at: Seconds
    open: Numbers
    high: Numbers
    low: Numbers
    close: Numbers
    volume: Numbers

    def __len__(self) -> int:
        return len(self.at)

    def between(self, begin: int, end: int) -> "Columns":
        """Rows ``[begin, end)`` by position."""
        return Columns(*(getattr(self, name)[begin:end] for name in self.__slots__))


class Part(NamedTuple):
    """A candle, or several in one; ``volume`` in the base currency."""

    open: float
    high: float
    low: float
    close: float
    volume: float

    def then(self, later: "Part") -> "Part":
        """Both in one."""
        return Part(
            self.open,
            max(self.high, later.high),
            min(self.low, later.low),
            later.close,
            self.volume + later.volume,
        )


def columns_of(candles: Iterable[Candle]) -> Columns:
    """Candles in columns, by opening; without volume."""
    rows = sorted((int(c.opened_at.timestamp()), c.open, c.high, c.low, c.close) for c in candles)
    opens, highs, lows, closes = np.array([row[1:] for row in rows], np.float64).reshape(len(rows), 4).T.copy()
    at = np.array([row[0] for row in rows], np.int64)
    return Columns(at, opens, highs, lows, closes, np.zeros(len(rows)))


def joined(stored: Columns, fresh: Columns) -> Columns:
    """Both in one, by time; where both have a candle, the one in ``stored`` counts."""
    if not len(fresh) or not len(stored):
        return fresh if len(fresh) else stored
    where = np.searchsorted(stored.at, fresh.at)
    fresh_only = stored.at[np.minimum(where, len(stored) - 1)] != fresh.at
    if not fresh_only.any():
        return stored
    at = np.concatenate([stored.at, fresh.at[fresh_only]])
    order = np.argsort(at, kind="stable")
    return Columns(
        at[order],
        *(
            np.concatenate([getattr(stored, name), getattr(fresh, name)[fresh_only]])[order]
            for name in Columns.__slots__[1:]
        ),
    )


class Volumes(NamedTuple):
    """What was bought and sold within quarters of an hour: their openings in seconds, ascending, and the sums."""

    at: Seconds
    sums: NDArray[np.float64]


def with_volumes(candles: Columns, volumes: Volumes) -> Columns:
    """``candles`` with their volumes; one of a quarter in which no candle is counts nowhere."""
    if not len(candles) or not len(volumes.at):
        return candles
    where = np.searchsorted(candles.at, volumes.at)
    is_there = candles.at[np.minimum(where, len(candles) - 1)] == volumes.at
    volume = candles.volume.copy()
    volume[where[is_there]] += volumes.sums[is_there]
    return Columns(candles.at, candles.open, candles.high, candles.low, candles.close, volume)


def folded(candles: Columns, bars: Edges) -> Columns:
    """``candles`` folded into ``bars``, which cover them: open first, high max, low min, close last, volume summed.

    A bar without a candle is left out: gaps stay gaps.
    """
    if not len(candles):
        return candles
    index = np.searchsorted(bars.starts, candles.at, side="right") - 1
    first = np.flatnonzero(np.diff(index, prepend=-1))
    last = np.append(first[1:], len(index)) - 1
    return Columns(
        bars.times[index[first]],
        candles.open[first],
        np.maximum.reduceat(candles.high, first),
        np.minimum.reduceat(candles.low, first),
        candles.close[last],
        np.add.reduceat(candles.volume, first),
    )
