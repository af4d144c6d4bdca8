"""Figures made of bars, of every series that somebody wants figures of: live, and over the past."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analyser.logic.blocks import Floats, Rows
from analyser.logic.families import FAMILY_OF, Make
from analyser.logic.family import Bars
from analyser.logic.table import Table, history
from cryptwire.domain.bar import Columns, Resolution, Seconds
from cryptwire.domain.figure import FigureKey
from cryptwire.domain.hopper import HopperId
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Invalid

NEVER = -1
"""The start of a bar that there is not."""
_LEAST = 16


class SeriesId(NamedTuple):
    """The bars of one hopper or pair, of one resolution."""

    owner: HopperId | Pair
    resolution: Resolution


class Group(NamedTuple):
    """Figures of series that have the same keys, in the same order.

    ``positions`` (m,): which of the series asked for; ``values`` (m, keys), NaN: cannot be told yet; ``sample_sizes``
    (m,): bars they are made of, the open one included; ``starts`` (m,): of the newest bar in them, NEVER without any.
    """

    keys: tuple[FigureKey, ...]
    positions: Rows
    values: Floats
    sample_sizes: npt.NDArray[np.int64]
    starts: Seconds


class Panel:
    """The bar in progress of each series, and its figures with that bar counted in.

    A bar is told by its start, the stamp that ``Columns.at`` has. It closes once: when a later one is heard of it
    closes as it was last seen, and when its true numbers come, before that or until the next bar has closed, these
    count. Values never depend on the order in which the two come. Bars that nobody told of are not made up: a gap is
    no bar, as in history.

    ``older``, ``repeated``, ``refused`` count bars that were let pass: of a bar that is over, told to be closed again,
    not numbers or in contradiction to themselves.

    Memory: about 250 bytes a series and, for each of its families, what docs/indicators.md says.
    """

    def __init__(self) -> None:
        self.older = 0
        self.repeated = 0
        self.refused = 0
        self._numbers: dict[SeriesId, int] = {}
        self._free: list[int] = []
        self._tables: dict[tuple[Make, tuple[float, ...]], Table] = {}
        # what series that want the same have in common has a number, too, as long as there is one of them
        self._plans: dict[tuple[FigureKey, ...], int] = {}
        self._keys: dict[int, tuple[FigureKey, ...]] = {}
        self._users: dict[int, int] = {}
        # (numbers of series,); a bar's start is NEVER when there is none
        self._plan: Rows = np.empty(0, np.intp)
        self._count: npt.NDArray[np.int64] = np.empty(0, np.int64)  # bars that have closed
        self._is_final: npt.NDArray[np.bool_] = np.empty(0, np.bool_)  # whether the last of them had its true numbers
        self._open = _no_bars(0)
        self._closed = _no_bars(0)

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, series: object) -> bool:
        return series in self._numbers

    # -- series ----------------------------------------------------------------------------------------------------

    def begin(self, series: SeriesId, keys: Iterable[FigureKey], bars: Columns) -> None:
        """Compute ``keys`` of a series from now on, beginning with its closed bars; replaces what there was of it.

        ``bars``: oldest first; ``bars_needed`` tells how many there should be. An open bar that is later than all of
        them stays open. Raises Invalid, changing nothing, for a key that is not made of bars or has another
        resolution, and for bars that are not numbers or not in order.
        """
        wanted = tuple(keys)
        for key in wanted:
            if not key.definition.of_bars or key.resolution != series.resolution.value:
                raise Invalid(f"{key} is not made of bars of {series.resolution.value}")
        if len(set(wanted)) != len(wanted):
            raise Invalid("a figure is wanted twice of the same series")
        past = Bars(bars.at, bars.open, bars.high, bars.low, bars.close, bars.volume)
        if not _is_sane(past).all() or (np.diff(past.start) <= 0).any():
            raise Invalid("bars are finite numbers, high and low enclose the others, and each is later than the last")
        number = self._numbers.get(series)
        if number is None:
            number = self._numbers[series] = self._free.pop() if self._free else self._new_number()
        families = dict.fromkeys((FAMILY_OF[key.name][0], key.parameters) for key in wanted)
        for one in families:
            if one not in self._tables:
                self._tables[one] = Table(one[0](*one[1]))
            self._tables[one].add(number, past)
        self._leave(number, families)
        self._plan[number] = self._plan_of(wanted)
        self._count[number] = len(past.start)
        self._is_final[number] = True
        for kept, column in zip(self._closed, past, strict=True):
            kept[number] = column[-1] if len(column) else NEVER
        if self._open.start[number] <= self._closed.start[number]:
            self._open.start[number] = NEVER
        else:
            self._count_open_in(np.array([number]))

    def drop(self, series: SeriesId) -> None:
        """Forget a series; one that is not known is forgotten already."""
        number = self._numbers.pop(series, None)
        if number is not None:
            self._leave(number, ())
            self._open.start[number] = self._closed.start[number] = NEVER
            self._count[number] = 0
            self._free.append(number)

    # -- bars ------------------------------------------------------------------------------------------------------

    def update(
        self,
        series: Sequence[SeriesId],
        starts: Seconds,
        opens: Floats,
        highs: Floats,
        lows: Floats,
        closes: Floats,
        volumes: Floats,
    ) -> None:
        """The bar in progress of each series, as it is now; columns (n,). One that was open before has closed.

        Those of one series count in the order in which they are here. KeyError for a series that has not begun.
        """
        numbers = self._numbers_of(series)
        for here in _rounds(numbers):
            self._update(numbers[here], _part(starts, opens, highs, lows, closes, volumes, here))

    def close(
        self,
        series: Sequence[SeriesId],
        starts: Seconds,
        opens: Floats,
        highs: Floats,
        lows: Floats,
        closes: Floats,
        volumes: Floats,
    ) -> None:
        """The true numbers of a bar of each series that has closed; columns (n,).

        Before the next bar's, or after it as long as that one is open; what comes later than this is old, and only
        ``begin`` can put it right. KeyError for a series that has not begun.
        """
        numbers = self._numbers_of(series)
        for here in _rounds(numbers):
            self._close(numbers[here], _part(starts, opens, highs, lows, closes, volumes, here))

    # -- figures ---------------------------------------------------------------------------------------------------

    def values(self, series: Sequence[SeriesId]) -> list[Group]:
        """The figures of each series, as of what was told last; grouped by their keys. KeyError as above."""
        numbers = self._numbers_of(series)
        plans = self._plan[numbers]
        order = np.argsort(plans, kind="stable")
        bounds = np.flatnonzero(np.diff(plans[order], prepend=NEVER - 1, append=NEVER - 1))
        groups = []
        for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            positions = order[begin:end]
            here = numbers[positions]
            keys = self._keys[int(plans[positions[0]])]
            values = np.empty((len(here), len(keys)))
            for column, key in enumerate(keys):
                family, index = FAMILY_OF[key.name]
                table = self._tables[family, key.parameters]
                values[:, column] = table.values[index][table.places[here]]
            open_at = self._open.start[here]
            is_open = open_at != NEVER
            starts = np.where(is_open, open_at, self._closed.start[here])
            groups.append(Group(keys, positions, values, self._count[here] + is_open, starts))
        return groups

    @property
    def nbytes(self) -> int:
        """Memory of the arrays."""
        own = sum(column.nbytes for bars in (self._open, self._closed) for column in bars)
        own += self._plan.nbytes + self._count.nbytes + self._is_final.nbytes
        return own + sum(table.nbytes for table in self._tables.values())

    # -- how a bar goes --------------------------------------------------------------------------------------------

    def _update(self, numbers: Rows, bars: Bars) -> None:
        is_sane = _is_sane(bars)
        open_at = self._open.start[numbers]
        is_new = (bars.start >= open_at) & (bars.start > self._closed.start[numbers])
        self.refused += int((~is_sane).sum())
        self.older += int((is_sane & ~is_new).sum())
        counts = is_sane & is_new
        self._close_open(numbers[counts & (open_at != NEVER) & (bars.start > open_at)])
        numbers = numbers[counts]
        for column, new in zip(self._open, bars, strict=True):
            column[numbers] = new[counts]
        self._count_open_in(numbers)

    def _close(self, numbers: Rows, bars: Bars) -> None:
        is_sane = _is_sane(bars)
        self.refused += int((~is_sane).sum())
        numbers, bars = numbers[is_sane], bars.rows(is_sane)
        last = self._closed.start[numbers]
        is_again = bars.start == last
        is_repeated = is_again & self._is_final[numbers]
        self.repeated += int(is_repeated.sum())
        self.older += int((bars.start < last).sum())
        corrects = is_again & ~is_repeated
        self._undo(numbers[corrects])
        counts = corrects | (bars.start > last)
        open_at = self._open.start[numbers]
        self._close_open(numbers[counts & (open_at != NEVER) & (open_at < bars.start)])
        numbers, bars = numbers[counts], bars.rows(counts)
        ended = numbers[self._open.start[numbers] == bars.start]
        self._open.start[ended] = NEVER
        self._keep(numbers, bars, is_final=True)
        self._count_open_in(numbers[self._open.start[numbers] != NEVER])

    def _close_open(self, numbers: Rows) -> None:
        """What is open has closed, as it was last seen."""
        if len(numbers):
            self._keep(numbers, self._open.rows(numbers), is_final=False)
            self._open.start[numbers] = NEVER

    def _undo(self, numbers: Rows) -> None:
        if len(numbers):
            for table in self._tables.values():
                table.undo(numbers)
            self._count[numbers] -= 1

    def _keep(self, numbers: Rows, bars: Bars, *, is_final: bool) -> None:
        if len(numbers):
            for table in self._tables.values():
                table.step(numbers, bars, keeps=True)
            for column, new in zip(self._closed, bars, strict=True):
                column[numbers] = new
            self._count[numbers] += 1
            self._is_final[numbers] = is_final

    def _count_open_in(self, numbers: Rows) -> None:
        if len(numbers):
            bars = self._open.rows(numbers)
            for table in self._tables.values():
                table.step(numbers, bars, keeps=False)

    # -- numbers of series -----------------------------------------------------------------------------------------

    def _numbers_of(self, series: Sequence[SeriesId]) -> Rows:
        numbers = self._numbers
        return np.fromiter((numbers[one] for one in series), np.intp, len(series))

    def _new_number(self) -> int:
        number = len(self._numbers)  # none is free, so all below are used
        old = len(self._plan)
        if number == old:
            more = max(_LEAST, 2 * old) - old
            self._plan = np.concatenate([self._plan, np.full(more, NEVER)])
            self._count = np.concatenate([self._count, np.zeros(more, np.int64)])
            self._is_final = np.concatenate([self._is_final, np.zeros(more, np.bool_)])
            self._open = _joined(self._open, _no_bars(more))
            self._closed = _joined(self._closed, _no_bars(more))
        return number

    def _plan_of(self, keys: tuple[FigureKey, ...]) -> int:
        """The number of those keys, for one series more."""
        plan = self._plans.get(keys)
        if plan is None:
            plan = next(number for number in range(len(self._keys) + 1) if number not in self._keys)
            self._plans[keys] = plan
            self._keys[plan] = keys
            self._users[plan] = 0
        self._users[plan] += 1
        return plan

    def _leave(self, number: int, stays: Iterable[tuple[Make, tuple[float, ...]]]) -> None:
        """Take a series out of the tables that it is in, but for those, and from its plan."""
        plan = int(self._plan[number])
        if plan == NEVER:
            return
        self._plan[number] = NEVER
        keys = self._keys[plan]
        kept = set(stays)
        for one in {(FAMILY_OF[key.name][0], key.parameters) for key in keys} - kept:
            table = self._tables[one]
            table.remove(number)
            if not len(table):
                del self._tables[one]
        self._users[plan] -= 1
        if not self._users[plan]:
            del self._plans[keys], self._keys[plan], self._users[plan]


def overlay(key: FigureKey, bars: Columns) -> Floats:
    """(n,): a figure at each of ``bars``, oldest first: what it was live when that bar closed. NaN before it is known.

    Raises Invalid for a key that is not made of bars.
    """
    if not key.definition.of_bars:
        raise Invalid(f"{key} is not made of bars")
    family, index = FAMILY_OF[key.name]
    past = Bars(bars.at, bars.open, bars.high, bars.low, bars.close, bars.volume)
    result: Floats = history(family(*key.parameters), past)[index]
    return result


def _is_sane(bars: Bars) -> npt.NDArray[np.bool_]:
    """NaN compares false, so it is not."""
    is_enclosed = (bars.low <= np.minimum(bars.open, bars.close)) & (bars.high >= np.maximum(bars.open, bars.close))
    return (
        is_enclosed
        & (bars.start >= 0)
        & (bars.low >= 0)
        & (bars.high < np.inf)
        & (bars.volume >= 0)
        & (bars.volume < np.inf)
    )


def _no_bars(count: int) -> Bars:
    return Bars(np.full(count, NEVER, np.int64), *(np.zeros(count) for _ in Bars._fields[1:]))


def _joined(first: Bars, second: Bars) -> Bars:
    return Bars(*(np.concatenate(both) for both in zip(first, second, strict=True)))


def _part(
    starts: Seconds, opens: Floats, highs: Floats, lows: Floats, closes: Floats, volumes: Floats, here: Rows
) -> Bars:
    return Bars(starts, opens, highs, lows, closes, volumes).rows(here)


def _rounds(numbers: Rows) -> list[Rows]:
    """Positions: within a round no number comes twice; those of one number are in their order, round by round."""
    rounds = []
    left = np.arange(len(numbers))
    while len(left):
        _, first = np.unique(numbers[left], return_index=True)
        if len(first) == len(left):
            rounds.append(left)
            break
        rounds.append(left[first])
        left = np.delete(left, first)
    return rounds
