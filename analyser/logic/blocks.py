"""What indicators are built of: averages and sums that remember, each over many series at once.

A block remembers the bars that have closed. It takes numbers in one of two ways, and gives the same for both, bit for
bit: ``Across`` one bar of several rows (a row is a series), or ``Along`` the bars of one row, oldest first. What it
gives counts the number it was given; whether it remembers that number too is for ``keeps`` to say, so the bar in
progress is a step that is not kept. NaN stands for what cannot be told yet.
"""

from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]
NAN = float("nan")


class Across(NamedTuple):
    """One bar of each of ``rows``: unlike one another, in any order."""

    rows: Rows
    keeps: bool


class Along(NamedTuple):
    """All bars of one ``row``, which remembers nothing yet; they are kept."""

    row: int


class Block:
    """Numbers that are remembered for each row, and how they were before the last one that was kept.

    ``now`` and ``before`` (numbers, capacity). ``capacity`` rows there are; a row that nobody uses is as ``forget``
    leaves it.
    """

    START: ClassVar[tuple[float, ...]] = ()
    """What a row's numbers are before the first bar."""

    def __init__(self, start: tuple[float, ...] | None = None) -> None:
        self._start = np.array(self.START if start is None else start).reshape(-1, 1)
        self.now: Floats = np.empty((len(self._start), 0))
        self.before: Floats = np.empty((len(self._start), 0))

    def reserve(self, capacity: int) -> None:
        """Make room for more rows."""
        self.now = _widened(self.now, self._start, capacity)
        self.before = _widened(self.before, self._start, capacity)

    def forget(self, row: int) -> None:
        """Start anew with a row."""
        self.now[:, row] = self.before[:, row] = self._start[:, 0]

    def undo(self, rows: Rows) -> None:
        """Remember of ``rows`` what was remembered before the last bar that was kept across; once for each bar."""
        self.now[:, rows] = self.before[:, rows]

    @property
    def nbytes(self) -> int:
        return self.now.nbytes + self.before.nbytes

    def _keep(self, rows: Rows, *numbers: Floats) -> None:
        self.before[:, rows] = self.now[:, rows]
        for number, kept in zip(self.now, numbers, strict=True):
            number[rows] = kept


def _widened(numbers: Floats, start: Floats, capacity: int) -> Floats:
    wide = np.empty((len(numbers), capacity))
    wide[:] = start
    wide[:, : numbers.shape[1]] = numbers
    return wide


class Exponential(Block):
    """y' = y + (x - y) · 2 / (length + 1), from the first number on; NaN before the ``length``-th. NaN is skipped.

    https://www.tradingview.com/pine-script-reference/v6/#fun_ta.ema, and ``ewm(span, adjust=False)`` of pandas.
    """

    START = (NAN, 0.0)

    def __init__(self, length: int) -> None:
        super().__init__()
        self._length = length
        self._weight = 2 / (length + 1)

    def __call__(self, at: Across | Along, x: Floats) -> Floats:
        if isinstance(at, Along):
            return self._along(at.row, x)
        last, seen = self.now[:, at.rows]
        is_number = x == x
        seen = seen + is_number
        average = np.where(last == last, last + (x - last) * self._weight, x)
        if at.keeps:
            self._keep(at.rows, np.where(is_number, average, last), seen)
        return np.where(seen >= self._length, average, NAN)

    def _along(self, row: int, x: Floats) -> Floats:
        last, seen = self.now[:, row].tolist()
        length, weight = self._length, self._weight
        y = []
        for number in x.tolist():
            if number == number:
                last = last + (number - last) * weight if seen else number
                seen += 1
                y.append(last if seen >= length else NAN)
            else:
                y.append(NAN)
        self.now[:, row] = last, seen
        return np.array(y, np.float64)


class Wilder(Block):
    """The mean of the first ``length`` numbers, then y' = y + (x - y) / length; NaN before. NaN is skipped.

    J. Welles Wilder, New Concepts in Technical Trading Systems (1978);
    https://www.tradingview.com/pine-script-reference/v6/#fun_ta.rma.
    """

    START = (0.0, 0.0)  # the sum so far, then the average; numbers seen

    def __init__(self, length: int) -> None:
        super().__init__()
        self._length = length

    def __call__(self, at: Across | Along, x: Floats) -> Floats:
        if isinstance(at, Along):
            return self._along(at.row, x)
        length = self._length
        last, seen = self.now[:, at.rows]
        is_number = x == x
        seen = seen + is_number
        total = last + x
        average = np.where(seen > length, last + (x - last) / length, np.where(seen == length, total / length, NAN))
        if at.keeps:
            self._keep(at.rows, np.where(is_number, np.where(seen < length, total, average), last), seen)
        return average

    def _along(self, row: int, x: Floats) -> Floats:
        last, seen = self.now[:, row].tolist()
        length = self._length
        y = []
        for number in x.tolist():
            if number != number:
                y.append(NAN)
                continue
            seen += 1
            if seen > length:
                last += (number - last) / length
            else:
                last += number
                if seen < length:
                    y.append(NAN)
                    continue
                last /= length
            y.append(last)
        self.now[:, row] = last, seen
        return np.array(y, np.float64)


class Running(Block):
    """The sum of all numbers so far; NaN counts nothing."""

    START = (0.0,)

    def __call__(self, at: Across | Along, x: Floats) -> Floats:
        x = np.where(x == x, x, 0.0)
        if isinstance(at, Along):
            totals = np.cumsum(x)
            if len(totals):
                self.now[0, at.row] = totals[-1]
            return totals
        total: Floats = self.now[0, at.rows] + x
        if at.keeps:
            self._keep(at.rows, total)
        return total


class Session(Block):
    """The sum of the numbers since the session of the bar in hand began; NaN in a session whose begin was not seen."""

    START = (NAN, NAN)  # the session, the sum

    def __call__(self, at: Across | Along, x: Floats, session: Floats, begins: npt.NDArray[np.bool_]) -> Floats:
        """``session``: a number that another session has not; ``begins``: the bar is the first that it can have."""
        if isinstance(at, Along):
            return self._along(at.row, x, session, begins)
        last, total = self.now[:, at.rows]
        fresh = np.where((last == last) | begins, x, NAN)
        y = np.where(session == last, total + x, fresh)
        if at.keeps:
            self._keep(at.rows, session, y)
        return y

    def _along(self, row: int, x: Floats, session: Floats, begins: npt.NDArray[np.bool_]) -> Floats:
        last, total = self.now[:, row].tolist()
        y = []
        for number, one, is_first in zip(x.tolist(), session.tolist(), begins.tolist(), strict=True):
            if one == last:
                total += number
            else:
                total = number if last == last or is_first else NAN
            last = one
            y.append(total)
        self.now[:, row] = last, total
        return np.array(y, np.float64)


class Ratchet(Block):
    """Supertrend: bands that only tighten while the close stays within, and the one that the trend follows.

    Gives the line and the trend, 1 up and -1 down, each (m,). It begins with a trend that is down.
    https://www.tradingview.com/pine-script-reference/v6/#fun_ta.supertrend, whose direction has the opposite sign.
    """

    START = (0.0, float("inf"), NAN, NAN)  # lower band, upper band, line, close

    def __call__(self, at: Across | Along, lower: Floats, upper: Floats, close: Floats) -> tuple[Floats, Floats]:
        """The bare bands around the bar's middle, NaN before there are any."""
        if isinstance(at, Along):
            return self._along(at.row, lower, upper, close)
        last_lower, last_upper, last_line, last_close = self.now[:, at.rows]
        is_known = lower == lower
        lower = np.where((lower > last_lower) | (last_close < last_lower), lower, last_lower)
        upper = np.where((upper < last_upper) | (last_close > last_upper), upper, last_upper)
        is_down = np.where(last_line == last_upper, ~(close > upper), close < lower) | (last_line != last_line)
        line = np.where(is_known, np.where(is_down, upper, lower), NAN)
        if at.keeps:
            self._keep(
                at.rows,
                np.where(is_known, lower, last_lower),
                np.where(is_known, upper, last_upper),
                np.where(is_known, line, last_line),
                close,
            )
        return line, np.where(is_known, np.where(is_down, -1.0, 1.0), NAN)

    def _along(self, row: int, lower: Floats, upper: Floats, close: Floats) -> tuple[Floats, Floats]:
        low, high, line, last = self.now[:, row].tolist()
        lines, trends = [], []
        for new_low, new_high, price in zip(lower.tolist(), upper.tolist(), close.tolist(), strict=True):
            if new_low != new_low:
                lines.append(NAN)
                trends.append(NAN)
            else:
                was_down = line == high
                low = new_low if new_low > low or last < low else low
                high = new_high if new_high < high or last > high else high
                is_down = line != line or (not price > high if was_down else price < low)
                line = high if is_down else low
                lines.append(line)
                trends.append(-1.0 if is_down else 1.0)
            last = price
        self.now[:, row] = low, high, line, last
        return np.array(lines, np.float64), np.array(trends, np.float64)
