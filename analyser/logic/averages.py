"""Figures that are averages of closes, and the difference of two of them."""

from analyser.logic.blocks import Exponential, Floats
from analyser.logic.family import At, Bars, Family, fading
from analyser.logic.windows import Mean, Weighted


class Close(Family):
    NAMES = ("close",)

    def values(self, at: At, bar: Bars) -> tuple[Floats, ...]:
        return (bar.close,)

    def needs(self) -> float:
        return 1


class Sma(Family):
    NAMES = ("sma",)

    def __init__(self, length: float) -> None:
        self._length = length
        self._mean = Mean(int(length))
        super().__init__(self._mean)

    def values(self, at: At, bar: Bars) -> tuple[Floats, ...]:
        return (self._mean(at, bar.close),)

    def needs(self) -> float:
        return self._length


class Ema(Family):
    NAMES = ("ema",)

    def __init__(self, length: float) -> None:
        self._length = length
        self._average = Exponential(int(length))
        super().__init__(self._average)

    def values(self, at: At, bar: Bars) -> tuple[Floats, ...]:
        return (self._average(at, bar.close),)

    def needs(self) -> float:
        return fading(self._length)


class Wma(Family):
    NAMES = ("wma",)

    def __init__(self, length: float) -> None:
        self._length = length
        self._mean = Weighted(int(length))
        super().__init__(self._mean)

    def values(self, at: At, bar: Bars) -> tuple[Floats, ...]:
        return (self._mean(at, bar.close),)

    def needs(self) -> float:
        return self._length


class Macd(Family):
    NAMES = ("macd", "macd.signal", "macd.histogram")

    def __init__(self, fast: float, slow: float, signal: float) -> None:
        self._fast, self._slow = Exponential(int(fast)), Exponential(int(slow))
        self._signal = Exponential(int(signal))
        self._needs = fading(slow) + fading(signal)
        super().__init__(self._fast, self._slow, self._signal)

    def values(self, at: At, bar: Bars) -> tuple[Floats, ...]:
        line = self._fast(at, bar.close) - self._slow(at, bar.close)
        signal = self._signal(at, line)
        return line, signal, line - signal

    def needs(self) -> float:
        return self._needs
