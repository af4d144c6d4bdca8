"""The days of hoppers in columns, and several of them as one portfolio.

The return of a day is time-weighted: the value is taken right before each flow, and what lies between is linked
(shared reference: performance-metrics 4). Days are the user's local dates; a return that nobody knows is NaN.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cryptwire.domain.flow import FlowId
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.lots import EXACT

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Moneys = list[Decimal | None]

MONEY = ("balance", "unrealised", "free", "invested", "reserved")
_EPOCH = date(1970, 1, 1)
_ABSENT = object()
_NOTHING_LEFT = 1e-9
"""As cryptwire.domain.flow.Index has it: the share of a value below which nothing is left."""


class Rates(Protocol):
    """What one unit of a currency is worth in another over time: cryptwire.domain.conversion."""

    def at(self, seconds: Ints) -> Floats: ...

    def exactly(self, at: datetime) -> Decimal | None: ...

    def exactly_at(self, seconds: Ints) -> Moneys: ...


@dataclass(frozen=True, slots=True)
class HopperDays:
    """Days of one hopper, oldest first, in columns of equal length; money in the ``currency`` of each day.

    ``days``: since the epoch; ``begins_at`` and ``ends_at``: seconds; ``opening``, ``closing``: NaN where not known;
    ``gap``: seconds without fresh prices. The last may be the day in progress, which ends now.
    """

    days: Ints
    begins_at: Ints
    ends_at: Ints
    currency: list[Asset]
    opening: Floats
    closing: Floats
    gap: Floats
    is_made_up: list[bool]
    balance: Moneys
    unrealised: Moneys
    free: Moneys
    invested: Moneys
    reserved: Moneys
    positions: list[int | None]

    def __len__(self) -> int:
        return len(self.days)


@lru_cache(20_000)  # half a century; each is told in a dozen columns
def date_of(day: int) -> date:
    """The date of a number of days since the epoch."""
    return date.fromordinal(_EPOCH.toordinal() + day)


def day_number(on: date) -> int:
    """The inverse of ``date_of``."""
    return (on - _EPOCH).days


def converted(days: HopperDays, into: Asset, rates: Mapping[Asset, Rates]) -> HopperDays:
    """The same in another currency, at the rates of each day's end (the opening's: of its beginning).

    NaN or None where nobody knows the rate.
    """
    others = sorted(set(days.currency) - {into})
    if not others:
        return days
    begins, ends = np.ones(len(days)), np.ones(len(days))
    exact: Moneys = [Decimal(1)] * len(days)
    for currency in others:
        rows = np.array([one == currency for one in days.currency])
        begins[rows], ends[rows] = rates[currency].at(days.begins_at[rows]), rates[currency].at(days.ends_at[rows])
        told = rates[currency].exactly_at(days.ends_at[rows])
        for row, rate in zip(np.flatnonzero(rows).tolist(), told, strict=True):
            exact[row] = rate
    moneys = {
        name: [
            None if amount is None or rate is None else EXACT.multiply(amount, rate)
            for amount, rate in zip(getattr(days, name), exact, strict=True)
        ]
        for name in MONEY
    }
    return replace(
        days,
        currency=[into] * len(days),
        opening=days.opening * begins,
        closing=days.closing * ends,
        **moneys,  # type: ignore[arg-type]  # by name
    )


@dataclass(frozen=True, slots=True)
class Move:
    """A flow as a portfolio feels it: at a second, ``amount`` in its currency, None when nobody knows the rate.

    ``before``: what its own hopper, and each other one, was worth right before, in the same currency. ``counterpart``:
    which flow is the other side of a transfer.
    """

    hopper: HopperId
    at: int
    amount: Decimal | None
    before: Mapping[HopperId, float]
    flow: FlowId | None = None
    counterpart: FlowId | None = None


@dataclass(frozen=True, slots=True)
class PortfolioDays:
    """Days of several hoppers as one portfolio, oldest first, in one currency.

    ``returns``: NaN where nobody knows; ``values``: NaN when no hopper's is known, else without the ``missing`` ones;
    ``base``: the value from which the first return is taken, NaN without any day. ``flows``: what came less what went;
    ``came_first`` and ``came_last``: what hoppers that begin or end as part of it bring and take at the beginning and
    at the end of each day, so that base + came + flows + gains is the value. ``moves``: what the flows are made of,
    with the place of the day of each, oldest first. Money None: not known of some hopper that was there.
    """

    days: Ints
    begins_at: Ints
    ends_at: Ints
    returns: Floats
    values: Floats
    base: float
    missing: Ints
    came_first: Floats
    came_last: Floats
    flows: Moneys
    moves: Sequence[tuple[int, Move]]
    gap: Floats
    is_made_up: list[bool]
    balance: Moneys
    unrealised: Moneys
    free: Moneys
    invested: Moneys
    reserved: Moneys
    positions: list[int | None]

    def __len__(self) -> int:
        return len(self.days)


def portfolio_days(hoppers: Mapping[HopperId, HopperDays], since: date, moves: Sequence[Move]) -> PortfolioDays:
    """The days from ``since`` on of hoppers in one currency; they may hold earlier ones, from which returns begin.

    A hopper is part of a day's return when its value is known at the day's end and at its beginning: at the end of the
    day before, which must end where this one begins, or as the opening of its first candle; then it is money that came.
    What leaves (deleted, or not known) takes its value along, without return. ``moves``: oldest first; a transfer is
    nothing for a day of which both hoppers are part, and one that is under way at its end, or goes to a hopper that has
    no return yet, left one and came to the other.
    """
    ids = list(hoppers)
    axis = np.unique(np.concatenate([one.days for one in hoppers.values()] or [np.empty(0, np.int64)]))
    first = int(np.searchsorted(axis, day_number(since)))
    rows = {id: _rows(axis, one.days) for id, one in hoppers.items()}
    openings, closings = (
        np.array([_spread(rows[id], getattr(hoppers[id], name)) for id in ids]).reshape(len(ids), len(axis))
        for name in ("opening", "closing")
    )
    ends, begins = np.zeros(len(axis), np.int64), np.zeros(len(axis), np.int64)
    for id, one in hoppers.items():
        begins[rows[id] >= 0], ends[rows[id] >= 0] = one.begins_at, one.ends_at
    is_known = ~np.isnan(closings)
    has_day = np.array([rows[id] >= 0 for id in ids], np.bool_).reshape(len(ids), len(axis))
    values = np.where(is_known.any(axis=0), np.where(is_known, closings, 0.0).sum(axis=0), np.nan)
    before = np.concatenate([np.full((len(ids), 1), np.nan), closings[:, :-1]], axis=1)
    follows = np.append(False, begins[1:] == ends[:-1]) if len(axis) else np.zeros(0, np.bool_)
    stays = is_known & ~np.isnan(before) & follows  # days between that are not computed yet have no return
    joins = is_known & ~stays & ~np.isnan(openings)
    starts = np.where(stays, before, 0.0).sum(axis=0)
    joined = np.where(joins, openings, 0.0).sum(axis=0)
    inside = stays | joins
    closes = np.where(inside, closings, 0.0).sum(axis=0)
    growth = np.where(starts > 0, closes / np.where(starts > 0, starts, 1.0), np.nan)
    by_day: dict[int, list[Move]] = {}
    for place, move in _placed(begins, ends, moves):
        by_day.setdefault(place, []).append(move)
    for place in np.flatnonzero(joins.any(axis=0)).tolist():
        by_day.setdefault(place, [])
    flows: Moneys = [Decimal(0)] * len(axis)
    beside = np.zeros(len(axis))
    felt: list[tuple[int, Move]] = []
    for place, all_moves in sorted(by_day.items()):
        began = np.where(stays[:, place], before[:, place], openings[:, place]).tolist()
        stood = {id: began[number] for number, id in enumerate(ids) if inside[number, place]}
        moved = _felt(all_moves, stood)
        felt += [(place - first, move) for move in moved if place >= first]
        growth[place] = _growth(float(starts[place]), float(joined[place]), float(closes[place]), stood, moved)
        flows[place] = total_of([move.amount for move in moved])
        beside[place] = sum(float(move.amount or 0) for move in moved if move.hopper not in stood)
    leaves = ~stays & ~np.isnan(before)
    came_first = joined - np.where(leaves, before, 0.0).sum(axis=0)
    # what a hopper without a return has when the day ends is flows of the day, which are told as such, and the rest
    came_last = np.where(is_known & ~inside, closings, 0.0).sum(axis=0) - beside
    base = float("nan")
    if first < len(axis):  # who is there when it begins has not come then
        base, came_first[first] = float(starts[first] + joined[first]), 0.0
    part = slice(first, None)
    together = partial(_together, hoppers, rows, first)
    gap = np.zeros(len(axis))
    for id, one in hoppers.items():
        gap[rows[id] >= 0] = np.maximum(gap[rows[id] >= 0], one.gap)
    return PortfolioDays(
        axis[part],
        begins[part],
        ends[part],
        growth[part] - 1,
        values[part],
        base,
        (has_day & ~is_known).sum(axis=0).astype(np.int64)[part],
        came_first[part],
        came_last[part],
        flows[part],
        felt,
        gap[part],
        together("is_made_up", any),
        positions=together("positions", _count),
        **{name: together(name, total_of) for name in MONEY},
    )


class Came(NamedTuple):
    """``amount`` that came (below 0: went) at a second of the day that stands at ``place`` among days.

    The second between two days says nothing of which of them it is: what was brought is of the later, what is left of
    the earlier one.
    """

    place: int
    at: int
    amount: Decimal


def came(days: PortfolioDays) -> list[Came]:
    """Money that came or went, in order: flows, and what hoppers brought and took."""
    found = [Came(place, move.at, move.amount) for place, move in days.moves if move.amount is not None]
    for at, amounts in ((days.begins_at, days.came_first), (days.ends_at, days.came_last)):
        places = np.flatnonzero(amounts).tolist()
        found += [Came(place, int(at[place]), Decimal(repr(float(amounts[place])))) for place in places]
    return sorted(found)


def _placed(begins: Ints, ends: Ints, moves: Sequence[Move]) -> Iterator[tuple[int, Move]]:
    """Each move that is within a day, and that day's place."""
    for move, place in zip(moves, np.searchsorted(ends, [move.at for move in moves], side="right"), strict=True):
        if place < len(ends) and move.at >= begins[place]:
            yield int(place), move


def _felt(moves: Sequence[Move], stood: Collection[HopperId]) -> list[Move]:
    """Those of a day that all of them together feel; ``stood``: who is part of it. Those of one poll are one."""
    there = {move.flow for move in moves if move.hopper in stood and move.flow is not None}
    found: list[Move] = []
    for move in moves:
        if move.hopper in stood and move.counterpart in there:
            continue
        last = found[-1] if found else None
        if last is None or (last.hopper, last.at) != (move.hopper, move.at):
            found.append(move)
        else:
            found[-1] = replace(last, amount=total_of([last.amount, move.amount]))
    return found


def _growth(start: float, joined: float, close: float, stood: Mapping[HopperId, float], moves: Sequence[Move]) -> float:
    """What one unit has become over a day, flows taken out where they happened; NaN when that cannot be told.

    What joins does so at the beginning: beside others it is one more flow, alone it is what the day begins with.
    ``stood``: what each hopper that is part of the day began it with; that counts until something newer is known of it.
    """
    if start <= 0:
        start, joined = joined, 0.0
    if start <= 0:
        return float("nan")
    divisor = 1 + joined / start
    stands = dict(stood)
    second, together = -1, set[HopperId]()  # of one second none is before the other
    for move in moves:
        if move.hopper not in stands:
            continue
        if move.at != second:
            second, together = move.at, set()
        stands.update((id, worth) for id, worth in move.before.items() if id in stands and id not in together)
        before = sum(stands.values())
        if move.amount is None or not before > 0:
            return float("nan")
        factor = 1 + float(move.amount) / before
        if factor <= _NOTHING_LEFT:
            return float("nan")
        divisor *= factor
        stands[move.hopper] += float(move.amount)
        together.add(move.hopper)
    return close / (start * divisor)


def _rows(axis: Ints, days: Ints) -> Ints:
    """For each day of the axis its row among ``days``, -1 where it has none."""
    found = np.full(len(axis), -1, np.int64)
    found[np.searchsorted(axis, days)] = np.arange(len(days))
    return found


def _spread(rows: Ints, column: Floats) -> Floats:
    spread = np.full(len(rows), np.nan)
    spread[rows >= 0] = column
    return spread


def _together(
    hoppers: Mapping[HopperId, HopperDays],
    rows: Mapping[HopperId, Ints],
    first: int,
    name: str,
    combined: Callable[[list[Any]], Any],
) -> list[Any]:
    """A column on each day from the ``first`` place of the axis on, ``combined`` of the hoppers that have the day.

    Of one hopper alone it is his.
    """
    if len(hoppers) == 1:
        return [value for one in hoppers.values() for value in getattr(one, name)[first:]]
    columns = []
    for id, one in hoppers.items():
        column = getattr(one, name)
        columns.append([_ABSENT if row < 0 else column[row] for row in rows[id][first:].tolist()])
    return [combined([value for value in values if value is not _ABSENT]) for values in zip(*columns, strict=True)]


def total_of(amounts: Sequence[Decimal | None]) -> Decimal | None:
    """The sum, exact; None when one of them is not known."""
    if len(amounts) == 1:
        return amounts[0]
    total = Decimal(0)
    for amount in amounts:
        if amount is None:
            return None
        total = EXACT.add(total, amount)
    return total


def _count(numbers: Sequence[int | None]) -> int | None:
    return None if None in numbers else sum(each for each in numbers if each is not None)
