"""One family of figures with the same parameters, of all series that want it, whatever their resolution."""

import numpy as np
import numpy.typing as npt

from analyser.logic.blocks import NAN, Across, Along, Floats, Rows
from analyser.logic.family import At, Bars, Family

NOWHERE = -1
_LEAST = 16


class Table:
    """The values of a family, and what it remembers, one row for each series.

    ``values`` (figures of the family, capacity): as they were last computed; NaN: cannot be told. ``places`` (numbers
    of series): the row of each series here, NOWHERE when it is not in here. Free rows are used again.
    """

    def __init__(self, family: Family) -> None:
        self.family = family
        self.values: Floats = np.empty((len(family.NAMES), 0))
        self.places: Rows = np.empty(0, np.intp)
        self._free: list[int] = []
        self._used = 0

    def __len__(self) -> int:
        return self._used

    def add(self, series: int, bars: Bars) -> None:
        """Take a series in, or begin anew with it, from its closed bars, oldest first."""
        if series >= len(self.places):
            places = np.full(max(_LEAST, 2 * series), NOWHERE)
            places[: len(self.places)] = self.places
            self.places = places
        row = int(self.places[series])
        if row == NOWHERE:
            row = self._new_row()
            self.places[series] = row
        self._forget(row)
        if len(bars.start):
            self.values[:, row] = self._values(Along(row), bars)[:, -1]

    def remove(self, series: int) -> None:
        """Let a series go, if it is in here."""
        row = int(self.places[series]) if series < len(self.places) else NOWHERE
        if row != NOWHERE:
            self._forget(row)
            self.places[series] = NOWHERE
            self._free.append(row)
            self._used -= 1

    def step(self, series: Rows, bars: Bars, *, keeps: bool) -> None:
        """Count a bar of each of ``series`` in, each at most once; those that are not in here do not matter."""
        rows, is_here = self._rows(series)
        if is_here is not None:
            bars = bars.rows(is_here)
        if len(rows):
            self.values[:, rows] = self._values(Across(rows, keeps), bars)

    def undo(self, series: Rows) -> None:
        """Forget the bar that was kept last of each of ``series``; the values are old until the next step."""
        rows, _ = self._rows(series)
        for block in self.family.blocks:
            block.undo(rows)

    @property
    def nbytes(self) -> int:
        """Memory of what is remembered."""
        return self.values.nbytes + self.places.nbytes + sum(block.nbytes for block in self.family.blocks)

    def _rows(self, series: Rows) -> tuple[Rows, npt.NDArray[np.bool_] | None]:
        """Rows of those that are here, and which these are: None when all are."""
        if not len(self.places):
            return self.places, np.zeros(len(series), np.bool_)
        places = self.places[np.minimum(series, len(self.places) - 1)]
        is_here = (places != NOWHERE) & (series < len(self.places))
        return (places, None) if is_here.all() else (places[is_here], is_here)

    def _values(self, at: At, bars: Bars) -> Floats:
        with np.errstate(all="ignore"):
            values = np.array(self.family.values(at, bars))
        values[~np.isfinite(values)] = NAN
        return values

    def _forget(self, row: int) -> None:
        for block in self.family.blocks:
            block.forget(row)
        self.values[:, row] = NAN

    def _new_row(self) -> int:
        self._used += 1
        if self._free:
            return self._free.pop()
        row = self._used - 1
        old = self.values.shape[1]
        if row == old:
            capacity = max(_LEAST, 2 * old)
            values = np.full((len(self.values), capacity), NAN)
            values[:, :old] = self.values
            self.values = values
            for block in self.family.blocks:
                block.reserve(capacity)
        return row


def history(family: Family, bars: Bars) -> Floats:
    """(figures of the family, n): the values at each of ``bars``, which are oldest first. ``family`` is a fresh one."""
    for block in family.blocks:
        block.reserve(1)
    with np.errstate(all="ignore"):
        values = np.array(family.values(Along(0), bars))
    values[~np.isfinite(values)] = NAN
    return values
