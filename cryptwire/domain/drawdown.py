"""Drawdowns: how far, and how long, an index was below its highest (shared reference: performance-metrics 2).

``returns`` as in ``cryptwire/domain/performance.py``: a day of NaN leaves the index where it was, and is counted. The
index begins at 1 before the first day, and that beginning counts as a peak. ``dates``: (n,), datetime64[D], ascending.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from cryptwire.domain.measured import Measured, few, left_out

CRUMB = 1e-12
"""What is less below the peak than this is rounding, and so is a return: the index is a product of quotients."""

Numbers = NDArray[np.float64]
Dates = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class Drawdown:
    """One stay below a peak. ``depth``: a fraction, below 0, on ``trough_on``; ``days`` at whose end it was below.

    ``peak_on`` is the day before the first one when the beginning was the peak. ``recovered_on`` is None while it
    lasts: then ``days`` goes to the last day, which counts.
    """

    peak_on: date
    trough_on: date
    recovered_on: date | None
    depth: float
    days: int


def growth(returns: Numbers) -> Numbers:
    """(n,): the index at the end of each day, 1 before the first; 0 for good after a total loss."""
    with np.errstate(over="ignore"):
        return np.cumprod(np.where(np.isfinite(returns), np.maximum(1 + returns, 0), 1.0), dtype=np.float64)


def under_water(returns: Numbers) -> Numbers:
    """(n,): index / its highest so far − 1 at the end of each day; 0 at a peak, otherwise below."""
    index = growth(returns)
    with np.errstate(invalid="ignore"):
        depth = index / np.maximum(np.maximum.accumulate(index), 1.0) - 1
    return np.where(depth < -CRUMB, depth, 0.0)


def drawdowns(dates: Dates, returns: Numbers) -> list[Drawdown]:
    """All of them, oldest first."""
    depth = under_water(returns)
    is_below = np.concatenate([[False], depth < 0, [False]])
    turns = np.flatnonzero(is_below[1:] != is_below[:-1])
    days: Sequence[date] = dates.astype("datetime64[D]").tolist()
    found = []
    for first, end in zip(turns[::2].tolist(), turns[1::2].tolist(), strict=True):
        trough = first + int(np.argmin(depth[first:end]))
        found.append(
            Drawdown(
                days[first - 1] if first else days[0] - timedelta(1),
                days[trough],
                days[end] if end < len(days) else None,
                float(depth[trough]),
                (days[end - 1] - days[first]).days + 1,
            )
        )
    return found


def max_drawdown(returns: Numbers) -> Measured:
    """The lowest of ``under_water``: 0, or a fraction below it."""
    return _of(returns, lambda depth: float(depth.min()))


def current_drawdown(returns: Numbers) -> Measured:
    """``under_water`` at the end of the last day."""
    return _of(returns, lambda depth: float(depth[-1]))


def ulcer(returns: Numbers) -> Measured:
    """√(Σ depth² / (n − 1)), as QuantStats has it; of 2 days or more."""
    return _of(returns, lambda depth: float(np.sqrt((depth @ depth) / (len(depth) - 1))), least=2)


def share_under_water(returns: Numbers) -> Measured:
    """Days at whose end the index was below its peak / days."""
    return _of(returns, lambda depth: float(np.mean(depth < 0)))


def longest_under_water(dates: Dates, returns: Numbers) -> Measured:
    """Days of the longest drawdown; 0 without one. One that lasts counts to the last day."""
    longest = max((each.days for each in drawdowns(dates, returns)), default=0)
    return _of(returns, lambda _: float(longest))


def current_under_water(dates: Dates, returns: Numbers) -> Measured:
    """Days since the last peak; 0 at one."""
    found = drawdowns(dates, returns)
    days = found[-1].days if found and found[-1].recovered_on is None else 0
    return _of(returns, lambda _: float(days))


def _of(returns: Numbers, figure: Callable[[Numbers], float], least: int = 1) -> Measured:
    """``figure`` of the depths of the days that are known; the others add nothing that is known."""
    is_known = np.isfinite(returns)
    size = int(is_known.sum())
    said = left_out(len(returns) - size, "day")
    if size < least:
        return Measured.none(size, f"too short: {few(size, 'day')}" if size else "nothing is known", said)
    return Measured.of(figure(under_water(returns)[is_known]), size, said)
