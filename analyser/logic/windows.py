"""Blocks over the last few bars: sums, extremes, spreads.

A window keeps the ``past`` numbers before the one in hand, oldest first, and a summary of them which it makes anew from
them at each close. So nothing drifts, and the bar in progress costs the same whatever the length (but for Deviation).
What a window gives is NaN while one of its numbers is, or is missing.
"""

import numpy as np

from analyser.logic.blocks import NAN, Across, Along, Block, Floats, Rows

_CHUNK = 1 << 20  # numbers of a window seen at once when it slides along a row


class Window(Block):
    """``kept`` (capacity, past): the numbers of each row; 8 · past bytes a row, and a few more for the summary."""

    reads_past = False  # whether the value needs more than the summary

    def __init__(self, past: int) -> None:
        self.past = past
        super().__init__(tuple(self.summary(np.full((1, past), NAN))[:, 0].tolist()))
        self.kept: Floats = np.empty((0, past))
        self._dropped: Floats = np.empty((0, 1))

    def summary(self, past: Floats) -> Floats:
        """(numbers, m) of windows (m, past)."""
        raise NotImplementedError

    def value(self, summary: Floats, past: Floats, x: Floats) -> Floats:
        """What is given for ``x`` (m,) after windows with that summary; ``past`` is empty unless ``reads_past``."""
        raise NotImplementedError

    def __call__(self, at: Across | Along, x: Floats) -> Floats:
        if isinstance(at, Along):
            return self._along(at.row, x)
        rows = at.rows
        y = self.value(self.now[:, rows], self.kept[rows] if self.reads_past else self.kept[:0], x)
        if at.keeps:
            self._push(rows, x)
        return y

    def _push(self, rows: Rows, x: Floats) -> None:
        longer = np.concatenate([self.kept[rows], x[:, None]], axis=1)
        self._dropped[rows] = longer[:, :1]
        past = np.ascontiguousarray(longer[:, 1:])
        self.kept[rows] = past
        self._keep(rows, *self.summary(past))

    def _along(self, row: int, x: Floats) -> Floats:
        longer = np.concatenate([self.kept[row], x])
        parts = []
        step = max(1, _CHUNK // (self.past + 1))
        for begin in range(0, len(x), step):
            here = x[begin : begin + step]
            index = np.arange(begin, begin + len(here))[:, None] + np.arange(self.past)
            past = longer[index]
            parts.append(self.value(self.summary(past), past, here))
        past = longer[len(x) :][None]
        self.kept[row] = past
        self.now[:, row] = self.summary(past)[:, 0]
        return np.concatenate(parts, axis=-1) if parts else self.value(self.now[:, :0], self.kept[:0], x)

    def reserve(self, capacity: int) -> None:
        super().reserve(capacity)
        for name in ("kept", "_dropped"):
            old: Floats = getattr(self, name)
            wide = np.full((capacity, old.shape[1]), NAN)
            wide[: len(old)] = old
            setattr(self, name, wide)

    def forget(self, row: int) -> None:
        super().forget(row)
        self.kept[row] = NAN

    def undo(self, rows: Rows) -> None:
        super().undo(rows)
        self.kept[rows] = np.concatenate([self._dropped[rows], self.kept[rows]], axis=1)[:, : self.past]

    @property
    def nbytes(self) -> int:
        return super().nbytes + self.kept.nbytes + self._dropped.nbytes


class Ago(Window):
    """The number ``bars`` bars ago."""

    def summary(self, past: Floats) -> Floats:
        return past[:, :1].T

    def value(self, summary: Floats, past: Floats, x: Floats) -> Floats:
        y: Floats = summary[0]
        return y


class Total(Window):
    """The sum of the last ``length`` numbers."""

    def __init__(self, length: int) -> None:
        super().__init__(length - 1)

    def summary(self, past: Floats) -> Floats:
        y: Floats = past.sum(axis=1)[None]
        return y

    def value(self, summary: Floats, past: Floats, x: Floats) -> Floats:
        y: Floats = summary[0] + x
        return y


class Mean(Total):
    """The mean of the last ``length`` numbers."""

    def value(self, summary: Floats, past: Floats, x: Floats) -> Floats:
        y: Floats = (summary[0] + x) / (self.past + 1)
        return y


class Weighted(Window):
    """The mean of the last ``length`` numbers, the newest weighing ``length``, the oldest 1."""

    def __init__(self, length: int) -> None:
        self._weights = np.arange(1.0, length)
        super().__init__(length - 1)

    def summary(self, past: Floats) -> Floats:
        y: Floats = (past * self._weights).sum(axis=1)[None]
        return y

    def value(self, summary: Floats, past: Floats, x: Floats) -> Floats:
        length = self.past + 1
        y: Floats = (summary[0] + x * length) / (length * (length + 1) / 2)
        return y


class Highest(Window):
    """The highest of the last ``length`` numbers."""

    def __init__(self, length: int) -> None:
        super().__init__(length - 1)

    def summary(self, past: Floats) -> Floats:
        y: Floats = past.max(axis=1, initial=-np.inf)[None]
        return y

    def value(self, summary: Floats, past: Floats, x: Floats) -> Floats:
        y: Floats = np.maximum(summary[0], x)
        return y


class Lowest(Window):
    """The lowest of the last ``length`` numbers."""

    def __init__(self, length: int) -> None:
        super().__init__(length - 1)

    def summary(self, past: Floats) -> Floats:
        y: Floats = past.min(axis=1, initial=np.inf)[None]
        return y

    def value(self, summary: Floats, past: Floats, x: Floats) -> Floats:
        y: Floats = np.minimum(summary[0], x)
        return y


class Spread(Window):
    """Mean and standard deviation (of all, not of a sample) of the last ``length`` numbers, two at least: (2, m).

    Reckoned from the last close, so that what does not move has a deviation of exactly 0.
    """

    def __init__(self, length: int) -> None:
        super().__init__(length - 1)

    def summary(self, past: Floats) -> Floats:
        newest = past[:, -1]
        apart = past - newest[:, None]
        return np.stack([newest, apart.sum(axis=1), (apart * apart).sum(axis=1)])

    def value(self, summary: Floats, past: Floats, x: Floats) -> Floats:
        newest, total, squares = summary
        apart = x - newest
        length = self.past + 1
        mean = (total + apart) / length
        variance = (squares + apart * apart) / length - mean * mean
        return np.stack([newest + mean, np.sqrt(np.maximum(variance, 0.0))])


class Deviation(Window):
    """How far the number is from the mean of the last ``length``, two at least, in their mean absolute deviations.

    NaN when all are alike. Its cost grows with the length: a mean that moves changes every deviation.
    """

    reads_past = True

    def __init__(self, length: int) -> None:
        super().__init__(length - 1)

    def summary(self, past: Floats) -> Floats:
        newest = past[:, -1]
        return np.stack([newest, (past - newest[:, None]).sum(axis=1)])

    def value(self, summary: Floats, past: Floats, x: Floats) -> Floats:
        newest, total = summary
        apart = x - newest
        mean = (total + apart) / (self.past + 1)
        deviations = past - newest[:, None]
        deviations -= mean[:, None]
        np.abs(deviations, out=deviations)
        off = apart - mean
        y: Floats = off / ((deviations.sum(axis=1) + np.abs(off)) / (self.past + 1))
        return y
