"""Figures of daily returns (shared reference: performance-metrics 2 and 4; QuantStats and empyrical agree).

``returns``: (n,), fractions, one a local date, oldest first, flow-adjusted: today's index / yesterday's − 1. NaN where
nothing is known: a day without a value, or one on which the index began anew. Such days are left out and counted, never
taken for days on which nothing happened. A year has 365 days, for coins are traded on each; local days of 23 or 25
hours count as one. Values are fractions (0.05 is 5 %), but where a docstring says otherwise.

A figure of too few days is not told: one of a week looks like knowledge and is none. A day of −1 or below is a total
loss: what was there is gone, and nothing is extrapolated to a year.
"""

from enum import Enum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cryptwire.domain.drawdown import CRUMB, growth, max_drawdown
from cryptwire.domain.measured import Measured, few, left_out
from cryptwire.errors import Invalid

DAYS_A_YEAR = 365
_ENOUGH = 30
_ENOUGH_TO_ANNUALISE = 90
_ENOUGH_FOR_TAILS = 100
_TAIL = 0.05

Numbers = NDArray[np.float64]
Dates = NDArray[np.datetime64]


class _Sample:
    """The days of which something is known."""

    def __init__(self, returns: Numbers) -> None:
        known: Numbers = returns[np.isfinite(returns)]
        self.days: Numbers = np.where(np.abs(known) < CRUMB, 0.0, known)  # else noise is won, lost and divided by
        self.size = len(self.days)
        self.is_lost = bool((self.days <= -1).any())
        self._said = left_out(len(returns) - self.size, "day")

    def told(self, value: float, *notes: str | None) -> Measured:
        return Measured.of(value, self.size, *notes, self._said)

    def none(self, why: str) -> Measured:
        return Measured.none(self.size, why, self._said)

    def lacks(self, least: int) -> Measured | None:
        """What is told instead when there are fewer days than ``least``."""
        if self.size >= least:
            return None
        return self.none(f"too short: {few(self.size, 'day')}, and {least} are needed")

    def cannot_annualise(self, least: int) -> Measured | None:
        """What is told instead when there are fewer days, or nothing is left that could grow."""
        return self.lacks(least) or (self.none("total loss") if self.is_lost else None)

    def from_few(self, least: int) -> str | None:
        return None if self.size >= least else f"annualised from {few(self.size, 'day')}"


def cumulative(returns: Numbers) -> Measured:
    """Π(1 + r) − 1: the time-weighted return of all the days."""
    sample = _Sample(returns)
    if not sample.size:
        return sample.none("nothing is known")
    with np.errstate(over="ignore"):
        return sample.told(float(growth(sample.days)[-1]) - 1, "total loss" if sample.is_lost else None)


def annual_growth(returns: Numbers) -> Measured:
    """CAGR: Π(1 + r)^(365 / n) − 1, n the number of daily returns; not of fewer than 90."""
    sample = _Sample(returns)
    if (none := sample.cannot_annualise(_ENOUGH_TO_ANNUALISE)) is not None:
        return none
    with np.errstate(over="ignore"):
        value = float(growth(sample.days)[-1] ** (DAYS_A_YEAR / sample.size)) - 1
    return sample.told(value, sample.from_few(DAYS_A_YEAR))


def volatility(returns: Numbers) -> Measured:
    """The sample standard deviation of a day, × √365; of 2 days or more."""
    sample = _Sample(returns)
    if (none := sample.cannot_annualise(2)) is not None:
        return none
    return sample.told(np.std(sample.days, ddof=1) * np.sqrt(DAYS_A_YEAR), sample.from_few(_ENOUGH))


def sharpe(returns: Numbers, risk_free: float = 0.0) -> Measured:
    """Mean of a day above the risk-free one / sample standard deviation, × √365; not of fewer than 30 days.

    ``risk_free``: a year's, of which a day's is (1 + it)^(1/365) − 1.
    """
    sample = _Sample(returns)
    if (none := sample.cannot_annualise(_ENOUGH)) is not None:
        return none
    if not _varies(sample.days):
        return sample.none("every day is like the other")
    excess = sample.days - _of_a_day(risk_free)
    return sample.told(excess.mean() / np.std(excess, ddof=1) * np.sqrt(DAYS_A_YEAR))


def sortino(returns: Numbers) -> Measured:
    """Mean of a day / √(Σ min(r, 0)² / n), × √365, n all days and not the losing ones; not of fewer than 30."""
    sample = _Sample(returns)
    if (none := sample.cannot_annualise(_ENOUGH)) is not None:
        return none
    downside = np.sqrt(np.mean(np.minimum(sample.days, 0) ** 2))
    if not downside:
        return sample.none("no losing day")
    return sample.told(sample.days.mean() / downside * np.sqrt(DAYS_A_YEAR))


def calmar(returns: Numbers) -> Measured:
    """CAGR / the greatest drawdown; not of fewer than 90 days."""
    sample = _Sample(returns)
    a_year = annual_growth(returns)
    if a_year.value is None:
        return a_year
    worst = max_drawdown(returns).value
    return sample.told(a_year.value / -worst, sample.from_few(DAYS_A_YEAR)) if worst else sample.none("no drawdown")


def omega(returns: Numbers, threshold: float = 0.0) -> Measured:
    """What days were above ``threshold`` / what they were below it; not of fewer than 30 days."""
    sample = _Sample(returns)
    if (none := sample.lacks(_ENOUGH)) is not None:
        return none
    above = sample.days - threshold
    losses = np.maximum(-above, 0).sum()
    return sample.told(np.maximum(above, 0).sum() / losses) if losses else sample.none("no losing day")


def tail_ratio(returns: Numbers) -> Measured:
    """The 95th percentile / the 5th, without signs; not of fewer than 100 days."""
    sample = _Sample(returns)
    if (none := sample.lacks(_ENOUGH_FOR_TAILS)) is not None:
        return none
    low, high = np.abs(np.quantile(sample.days, [_TAIL, 1 - _TAIL]))
    return sample.told(high / low) if low else sample.none("the worst days lost nothing")


def value_at_risk(returns: Numbers) -> Measured:
    """Historical, 95 %: the 5th percentile of the days, straight between two of them; not of fewer than 100.

    A loss is below 0.
    """
    sample = _Sample(returns)
    return sample.lacks(_ENOUGH_FOR_TAILS) or sample.told(np.quantile(sample.days, _TAIL))


def conditional_value_at_risk(returns: Numbers) -> Measured:
    """Historical, 95 %: the mean of the worst ⌊0.05 (n − 1)⌋ + 1 days; not of fewer than 100. A loss is below 0."""
    sample = _Sample(returns)
    if (none := sample.lacks(_ENOUGH_FOR_TAILS)) is not None:
        return none
    worst = int(_TAIL * (sample.size - 1)) + 1
    return sample.told(np.partition(sample.days, worst - 1)[:worst].mean())


def winning_days(returns: Numbers) -> Measured:
    """Days above 0 / days that are not 0; of at least one."""
    sample = _Sample(returns)
    won, lost = int((sample.days > 0).sum()), int((sample.days < 0).sum())
    if not won + lost:
        return sample.none("no day moved")._replace(sample_size=0)
    even = sample.size - won - lost
    told = sample.told(won / (won + lost), f"{few(even, 'day')} without change not counted" if even else None)
    return told._replace(sample_size=won + lost)


class _Pairs(_Sample):
    """The days of which something is known of both."""

    def __init__(self, returns: Numbers, benchmark: Numbers) -> None:
        if returns.shape != benchmark.shape:
            raise Invalid(
                f"{len(returns)} returns and {len(benchmark)} of the benchmark: they must be of the same days"
            )
        is_known = np.isfinite(returns) & np.isfinite(benchmark)
        super().__init__(np.where(is_known, returns, np.nan))
        self.benchmark: Numbers = benchmark[is_known]

    @property
    def beta(self) -> float | None:
        if not _varies(self.benchmark):
            return None
        off = self.benchmark - self.benchmark.mean()
        return float((off @ self.days) / (off @ off))


def beta(returns: Numbers, benchmark: Numbers) -> Measured:
    """cov(r, b) / var(b), over the days that both have; not of fewer than 30. Raises Invalid for unequal lengths."""
    pairs = _Pairs(returns, benchmark)
    if (none := pairs.lacks(_ENOUGH)) is not None:
        return none
    value = pairs.beta
    return pairs.none("the benchmark did not move") if value is None else pairs.told(value)


def alpha(returns: Numbers, benchmark: Numbers, risk_free: float = 0.0) -> Measured:
    """(1 + mean of (r − rf) − β (b − rf))^365 − 1: annualised by compounding, as empyrical does.

    QuantStats multiplies by the days of a year instead. Over the days that both have; not of fewer than 30.
    """
    pairs = _Pairs(returns, benchmark)
    if (none := pairs.cannot_annualise(_ENOUGH)) is not None:
        return none
    slope = pairs.beta
    if slope is None:
        return pairs.none("the benchmark did not move")
    free = _of_a_day(risk_free)
    a_day = float(np.mean(pairs.days - free - slope * (pairs.benchmark - free)))
    if a_day <= -1:
        return pairs.none("too far below the benchmark to be told for a year")
    with np.errstate(over="ignore"):
        return pairs.told(float(np.float64(1 + a_day) ** DAYS_A_YEAR) - 1, pairs.from_few(DAYS_A_YEAR))


def information_ratio(returns: Numbers, benchmark: Numbers) -> Measured:
    """Mean of r − b / its sample standard deviation, not annualised; over the days that both have, 30 at least."""
    pairs = _Pairs(returns, benchmark)
    if (none := pairs.lacks(_ENOUGH)) is not None:
        return none
    active = pairs.days - pairs.benchmark
    return pairs.told(active.mean() / np.std(active, ddof=1)) if _varies(active) else pairs.none("no difference varies")


def exposure(invested: Numbers, balance: Numbers, seconds: Numbers) -> Measured:
    """The share of the balance that was invested, weighted by time. NaN: not known, left out.

    ``invested`` and ``balance``: (n,), of one currency; ``seconds``: (n,), how long each day was. QuantStats means
    something else by the word: the share of days that moved.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(balance > 0, invested / balance, np.nan)
    sample, weights = _Sample(shares), seconds[np.isfinite(shares)]
    return sample.told(float(sample.days @ weights / weights.sum())) if sample.size else sample.none("nothing is known")


class Span(Enum):
    """Stretches of the calendar; weeks begin on Mondays."""

    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class Periods(NamedTuple):
    """Stretches that follow one another, those without any day left out.

    ``starts``: the first date of each by the calendar, also where days of it are missing; ``returns``: NaN where
    nothing is known; ``known`` and ``missing``: days in the return, and days of which nothing is known.
    """

    starts: Dates
    returns: Numbers
    known: NDArray[np.int64]
    missing: NDArray[np.int64]


def compounded(dates: Dates, returns: Numbers, span: Span) -> Periods:
    """Days linked into weeks, months or years. ``dates``: (n,), datetime64[D], ascending, local dates."""
    begins = _begins(dates, span)
    first = np.flatnonzero(np.diff(begins, prepend=begins[:1] - 1).astype(np.int64))
    if not len(first):
        nothing = np.zeros(0, np.int64)
        return Periods(begins, np.zeros(0), nothing, nothing)
    is_known = np.isfinite(returns)
    with np.errstate(over="ignore"):
        grown = np.multiply.reduceat(np.where(is_known, np.maximum(1 + returns, 0), 1.0), first)
    known = np.add.reduceat(is_known.astype(np.int64), first)
    missing = np.diff(np.append(first, len(dates))) - known
    return Periods(begins[first], np.where(known > 0, grown - 1, np.nan), known, missing)


def _begins(dates: Dates, span: Span) -> Dates:
    days = dates.astype("datetime64[D]")
    if span is Span.WEEK:
        numbers = days.astype(np.int64)
        return (numbers - (numbers + 3) % 7).astype("datetime64[D]")  # the epoch was a Thursday
    return days.astype("datetime64[M]" if span is Span.MONTH else "datetime64[Y]").astype("datetime64[D]")


def _varies(days: Numbers) -> bool:
    return bool(np.ptp(days) > CRUMB)


def _of_a_day(risk_free: float) -> float:
    return float((1 + risk_free) ** (1 / DAYS_A_YEAR)) - 1
