"""Figures of results: what was won and lost, and how long it took (shared reference: performance-metrics 3 and 7).

A result is a sell matched to what it closes (``cryptwire/domain/result.py``); partial sells are results, and all
figures count results. There are two ways in. What is a sum is a ``Tally``: exact, made of columns of trades
(``trade_column_sums.py``), and tallies add up; ratios come of the sums. What hangs on the order of results takes
columns of numbers that need not be exact: the sign of a result for streaks, seconds for holding times.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, fields
from decimal import Context, Decimal, Inexact, InvalidOperation, localcontext
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from cryptwire.domain.measured import Amount, Measured, few

NOTHING = Decimal(0)
EXACT = Context(prec=5000, Emax=999_999, Emin=-999_999, traps=[Inexact, InvalidOperation])
"""For sums and products of money: says so instead of rounding."""

_A_FLOAT_IS_WRONG_BY = 1e-9
"""Of itself; much less, in truth."""
EDGES = tuple(60 * minutes for minutes in (5, 15, 60, 240, 720, 1440, 3 * 1440, 7 * 1440, 30 * 1440))
"""Seconds between the bins of a histogram of holding times: the first is of what is shorter, the last has no end."""

Numbers = NDArray[np.float64]
Signs = NDArray[np.int8]
Whole = NDArray[np.int64]
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts and exact sums of results; all but ``unknown`` and ``untold`` of those whose net is known.

    ``gains`` (0 or above) and ``losses`` (0 or below) are sums of net; ``moved`` is Σ |net + fees|. ``unknown``: it is
    not known what was sold, so nobody can say that it was a win; ``untold``: their worth in the currency is not known.
    """

    winners: int = 0
    losers: int = 0
    even: int = 0
    unknown: int = 0
    untold: int = 0
    gains: Decimal = NOTHING
    losses: Decimal = NOTHING
    fees: Decimal = NOTHING
    moved: Decimal = NOTHING

    @property
    def known(self) -> int:
        """How many results the sums are of."""
        return self.winners + self.losers + self.even

    @property
    def count(self) -> int:
        """All results."""
        return self.known + self.unknown + self.untold

    @property
    def net(self) -> Amount:
        """Σ net: 0 of nothing."""
        return Amount(EXACT.add(self.gains, self.losses), self.known, self._left_out())

    @property
    def win_rate(self) -> Measured:
        """Winners / (winners + losers); the note tells all counts."""
        decided = self.winners + self.losers
        counts = f"{self.winners} won, {self.losers} lost, {self.even} broke even"
        if not decided:
            return Measured.none(0, "nothing was won or lost", counts if self.even else None, self._left_out())
        return Measured.of(self.winners / decided, decided, counts, self._left_out())

    @property
    def profit_factor(self) -> Measured:
        """Gains / losses, without sign."""
        if not self.losses:
            return self._none("no losing trade" if self.winners else "no trade won or lost")
        return self._ratio(self.gains / -self.losses)

    @property
    def payoff(self) -> Measured:
        """The mean gain / the mean loss, without sign."""
        if not self.losses or not self.gains:
            return self._none("no losing trade" if self.gains else "no winning trade")
        return self._ratio(self.gains * self.losers / (-self.losses * self.winners))

    @property
    def expectancy(self) -> Amount:
        """The mean net of a result, those that broke even among them."""
        return self._mean(EXACT.add(self.gains, self.losses), self.known)

    @property
    def mean_gain(self) -> Amount:
        return self._mean(self.gains, self.winners)

    @property
    def mean_loss(self) -> Amount:
        """0 or below."""
        return self._mean(self.losses, self.losers)

    @property
    def expectancy_ratio(self) -> Measured:
        """(1 + payoff) · winners / results − 1, as freqtrade has it: what a trade brings for each unit that is lost."""
        if self.payoff.value is None:
            return self.payoff
        return Measured.of((1 + self.payoff.value) * self.winners / self.known - 1, self.known, self._left_out())

    @property
    def fee_drag(self) -> Measured:
        """Fees / Σ |what trades brought before fees|."""
        return self._ratio(self.fees / self.moved) if self.moved else self._none("nothing was won or lost")

    def _mean(self, total: Decimal, count: int) -> Amount:
        return Amount(total / count if count else None, count, self._left_out())

    def _ratio(self, value: Decimal) -> Measured:
        return Measured.of(float(value), self.known, self._left_out())

    def _none(self, why: str) -> Measured:
        return Measured.none(self.known, why, self._left_out())

    def _left_out(self) -> str | None:
        """What is told beside every figure."""
        unknown = f"{few(self.unknown, 'result')} of unknown cost not counted" if self.unknown else None
        untold = f"{few(self.untold, 'result')} of unknown worth in this currency not counted" if self.untold else None
        return "; ".join(said for said in (unknown, untold) if said) or None


Sums = TypeVar("Sums")


def added(kind: type[Sums], tallies: Iterable[Sums]) -> Sums:
    """Each field of a dataclass whose fields are two numbers or more, summed; exact. Of none it is the empty one."""
    numbers = _numbers(cast("Any", kind))
    with localcontext(EXACT):
        columns = zip(*map(numbers, tallies), strict=True)
        return kind(*(sum(column[1:], start=column[0]) for column in columns))


@cache
def _numbers(kind: Any) -> Callable[[object], tuple[Any, ...]]:
    return attrgetter(*(field.name for field in fields(kind)))


def grouped(kind: type[Sums], pairs: Iterable[tuple[Key, Sums]]) -> dict[Key, Sums]:
    """The sum of what stands under each key, in the order in which keys come."""
    found: dict[Key, list[Sums]] = {}
    for key, tally in pairs:
        found.setdefault(key, []).append(tally)
    return {key: those[0] if len(those) == 1 else added(kind, those) for key, those in found.items()}


def extremes(values: Numbers, signs: Signs, count: int) -> Whole:
    """The places of the ``count`` largest of what won and the smallest of what lost, in no order, and of those that are
    as good as the last of them but for what a float may be wrong; ``values`` (n,), NaN where not known.
    """
    found = []
    for sign in (1, -1):
        places = np.flatnonzero((signs == sign) & ~np.isnan(values))
        sizes = sign * values[places]
        if 0 < count < len(places):
            places = places[sizes >= np.partition(sizes, -count)[-count] * (1 - _A_FLOAT_IS_WRONG_BY)]
        found.append(places if count > 0 else places[:0])
    return np.concatenate(found)


class Streaks(NamedTuple):
    """Longest runs, and the one that has not ended: above 0 of winners, below 0 of losers."""

    winners: int
    losers: int
    current: int


def streaks(signs: Signs) -> Streaks:
    """``signs``: (n,), of the net of results in the order in which they closed; one that broke even ends a run."""
    if not len(signs):
        return Streaks(0, 0, 0)
    starts = np.flatnonzero(np.diff(signs, prepend=signs[0] + 1))
    lengths = np.diff(np.append(starts, len(signs)))
    of = signs[starts]
    won, lost = (int(lengths[of == sign].max(initial=0)) for sign in (1, -1))
    return Streaks(won, lost, int(lengths[-1] * of[-1]))


class HoldingTimes(NamedTuple):
    """Of positions, in seconds; ``longest_tenth`` is what a tenth of them was held longer than."""

    mean: Measured
    median: Measured
    longest_tenth: Measured


def holding_times(positions: Whole, seconds: Numbers, quantities: Numbers) -> HoldingTimes:
    """``seconds``: (n,), from the buy to the sell of each result; of several buys by the mean of their times.

    ``positions``: (n,), the same number for the parts in which one position was sold: these are one, by the mean of
    their times, weighted by ``quantities``: (n,), above 0. Numbers are 0 or above, and small: there is a sum for each
    up to the highest. Percentiles between two by the straight line.
    """
    if not len(seconds):
        none = Measured.none(0, "nothing is known")
        return HoldingTimes(none, none, none)
    units = np.bincount(positions, quantities)
    there = units > 0
    held = np.bincount(positions, seconds * quantities)[there] / units[there]
    mean, (median, tenth) = held.mean(), np.quantile(held, [0.5, 0.9])
    return HoldingTimes(*(Measured.of(float(value), len(held)) for value in (mean, median, tenth)))


class Histogram(NamedTuple):
    """Results by how long they were held: (len(EDGES) + 1,) each."""

    winners: Whole
    losers: Whole
    even: Whole


def histogram(seconds: Numbers, signs: Signs) -> Histogram:
    """``seconds``, ``signs``: (n,). What lasted as long as an edge is in the bin that begins there."""
    bins = np.searchsorted(np.array(EDGES), seconds, side="right")
    return Histogram(*(np.bincount(bins[signs == sign], minlength=len(EDGES) + 1) for sign in (1, -1, 0)))
