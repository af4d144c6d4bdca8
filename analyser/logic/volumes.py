"""Figures that count volume."""

import numpy as np

from analyser.logic.blocks import NAN, Floats, Running, Session
from analyser.logic.family import At, Bars, Family
from analyser.logic.windows import Ago, Total

_DAY = 86_400


class Obv(Family):
    """Volume of rising bars less that of falling ones, 0 at the first bar known; NaN while there was no volume."""

    NAMES = ("obv",)

    def __init__(self) -> None:
        self._last = Ago(1)
        self._balance, self._volume = Running(), Running()
        super().__init__(self._last, self._balance, self._volume)

    def values(self, at: At, bar: Bars) -> tuple[Floats, ...]:
        change = np.sign(bar.close - self._last(at, bar.close))
        balance = self._balance(at, change * bar.volume)
        return (np.where(self._volume(at, bar.volume) > 0, balance, NAN),)

    def needs(self) -> float:
        return 500  # nothing is enough: its level is arbitrary, what it rises and falls by is not


class Vwap(Family):
    NAMES = ("vwap",)

    def __init__(self, length: float) -> None:
        self._length = length
        self._money, self._volume = Total(int(length)), Total(int(length))
        super().__init__(self._money, self._volume)

    def values(self, at: At, bar: Bars) -> tuple[Floats, ...]:
        return (self._money(at, bar.typical * bar.volume) / self._volume(at, bar.volume),)

    def needs(self) -> float:
        return self._length


class SessionVwap(Family):
    """Anew with each day of UTC; NaN in a day whose first bar was not seen."""

    NAMES = ("vwap.session",)

    def __init__(self) -> None:
        self._money, self._volume = Session(), Session()
        super().__init__(self._money, self._volume)

    def values(self, at: At, bar: Bars) -> tuple[Floats, ...]:
        day = (bar.start // _DAY).astype(np.float64)
        begins = bar.start % _DAY == 0
        money = self._money(at, bar.typical * bar.volume, day, begins)
        return (money / self._volume(at, bar.volume, day, begins),)

    def needs(self) -> float:
        return 97  # quarters of an hour of a day, and one of the day before
