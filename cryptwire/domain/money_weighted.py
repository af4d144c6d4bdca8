"""What the money earned: the rate at which all that came and went is worth nothing together (XIRR, actual/365).

Beside the time-weighted return, which says how well it was invested, this says what became of one's own money: a
deposit right before a fall weighs as much as it was large (shared reference: performance-metrics 4 and 7).
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from cryptwire.domain.measured import Measured, few
from cryptwire.errors import Invalid

LOWEST, HIGHEST = -0.9999, 1e6
_YEAR = 365 * 86_400.0
_ENOUGH_TO_ANNUALISE = 90
_GRID = 512  # places at which several roots are looked for; each of them between two
_STEPS = 200  # halvings; the interval is a float's after sixty

Numbers = NDArray[np.float64]


def money_weighted(
    since: datetime,
    opening: Decimal,
    flows: Sequence[tuple[datetime, Decimal]],
    until: datetime,
    closing: Decimal,
) -> Measured:
    """A year's rate at which ``opening`` and what came since (above 0; what went: below) make ``closing``.

    Not told of less than 90 days. ``sample_size``: the flows. Raises Invalid when a flow is not in [since, until].
    """
    days = (until - since).total_seconds() / 86_400
    if days < _ENOUGH_TO_ANNUALISE:
        return Measured.none(len(flows), f"too short: {_ENOUGH_TO_ANNUALISE} days are needed")
    note = f"annualised from {few(int(days), 'day')}" if days < 365 else None
    return _told(since, opening, flows, until, closing, _YEAR, note)


def money_weighted_of_period(
    since: datetime,
    opening: Decimal,
    flows: Sequence[tuple[datetime, Decimal]],
    until: datetime,
    closing: Decimal,
) -> Measured:
    """The same for the period itself, however short: with rate R of it, money grows by (1 + R)^(its share of time)."""
    span = (until - since).total_seconds()
    if span <= 0:
        return Measured.none(0, "no time has passed")
    return _told(since, opening, flows, until, closing, span, None)


def _told(
    since: datetime,
    opening: Decimal,
    flows: Sequence[tuple[datetime, Decimal]],
    until: datetime,
    closing: Decimal,
    unit: float,
    note: str | None,
) -> Measured:
    if any(not since <= at <= until for at, _ in flows):
        raise Invalid(f"a flow is not between {since.isoformat()} and {until.isoformat()}")
    paid = [(since, -opening), *((at, -amount) for at, amount in flows), (until, closing)]
    at = np.array([(moment - since).total_seconds() / unit for moment, _ in paid])
    roots = rates(at, np.array([float(amount) for _, amount in paid]))
    if len(roots) == 1:
        return Measured.of(roots[0], len(flows), note)
    return Measured.none(len(flows), f"{'several rates' if roots else 'no rate'} would make this of what came and went")


def rates(at: Numbers, amounts: Numbers) -> list[float]:
    """Every r in (−0.9999, 10⁶) for which Σ amounts / (1 + r)^at is 0, ascending.

    ``at``: (n,), in the rate's unit of time, 0 or later; ``amounts``: (n,), paid in below 0, got back above, in any
    unit. There are at most as many as signs change in the order of time (Descartes' rule, which holds for real
    exponents, too); of two that lie nearer to each other than 5 % of 1 + r none is found.
    """
    times, where = np.unique(at, return_inverse=True)
    sums = np.bincount(where, weights=amounts, minlength=len(times))
    scale = np.abs(amounts).max(initial=0.0)
    is_something = np.abs(sums) > scale * 1e-15
    times, sums = times[is_something], sums[is_something]
    changes = int((np.signbit(sums[1:]) != np.signbit(sums[:-1])).sum())
    if not changes:
        return []
    places = np.linspace(np.log1p(LOWEST), np.log1p(HIGHEST), 2 if changes == 1 else _GRID)
    worth = np.array([_worth(place, times, sums) for place in places])
    found = [float(np.expm1(place)) for place in places[1:-1][worth[1:-1] == 0]]
    turns = np.flatnonzero(worth[:-1] * worth[1:] < 0)
    found += [float(np.expm1(_root(places[k], places[k + 1], times, sums))) for k in turns.tolist()]
    return sorted(found)


def _root(low: float, high: float, times: Numbers, sums: Numbers) -> float:
    """Where the sign changes, by halving: there are no turns that it could miss, and it cannot run away."""
    is_above = _worth(low, times, sums) > 0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        if (_worth(middle, times, sums) > 0) == is_above:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _worth(growth: float, times: Numbers, sums: Numbers) -> float:
    """Σ sums · e^(−growth · times), to a positive factor that keeps each power at 1 or below."""
    return float(sums @ np.exp(-growth * (times - (times[-1] if growth < 0 else times[0]))))
