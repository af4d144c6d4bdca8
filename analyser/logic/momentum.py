"""Figures that tell how strongly prices move, and where in its range the last one is."""

import numpy as np

from analyser.logic.blocks import NAN, Floats, Wilder
from analyser.logic.family import REST, At, Bars, Family, wilder
from analyser.logic.windows import Ago, Deviation, Highest, Lowest, Mean

_NOISE = 1e-9  # points of RSI: closer than this, its highest and lowest differ by rounding alone


class Rsi(Family):
    NAMES = ("rsi",)

    def __init__(self, length: float) -> None:
        self._length = length
        self._last = Ago(1)
        self._gain, self._loss = Wilder(int(length)), Wilder(int(length))
        super().__init__(self._last, self._gain, self._loss)

    def values(self, at: At, bar: Bars) -> tuple[Floats, ...]:
        change = bar.close - self._last(at, bar.close)
        gain = self._gain(at, np.maximum(change, 0.0))
        loss = self._loss(at, np.maximum(-change, 0.0))
        return (np.where(loss == 0, 100.0, 100 - 100 / (1 + gain / loss)),)

    def needs(self) -> float:
        return 1 + wilder(self._length, REST / 1e3)  # a ratio of two, times a hundred


class StochRsi(Family):
    """The stochastic oscillator of the RSI, 0 to 100; NaN while the RSI does not move."""

    NAMES = ("stochrsi.k", "stochrsi.d")

    def __init__(self, length: float, smooth_k: float, smooth_d: float) -> None:
        self._rsi = Rsi(length)
        self._highest, self._lowest = Highest(int(length)), Lowest(int(length))
        self._k, self._d = Mean(int(smooth_k)), Mean(int(smooth_d))
        # a small range of the RSI makes a small rest of it large
        self._needs = 1 + wilder(length, REST / 1e5) + length + smooth_k + smooth_d
        super().__init__(*self._rsi.blocks, self._highest, self._lowest, self._k, self._d)

    def values(self, at: At, bar: Bars) -> tuple[Floats, ...]:
        (rsi,) = self._rsi.values(at, bar)
        lowest = self._lowest(at, rsi)
        spread = self._highest(at, rsi) - lowest
        k = self._k(at, np.where(spread > _NOISE, 100 * (rsi - lowest) / spread, NAN))
        return k, self._d(at, k)

    def needs(self) -> float:
        return self._needs


class Stochastic(Family):
    NAMES = ("stochastic.k", "stochastic.d")

    def __init__(self, length: float, smooth: float) -> None:
        self._needs = length + smooth
        self._highest, self._lowest = Highest(int(length)), Lowest(int(length))
        self._d = Mean(int(smooth))
        super().__init__(self._highest, self._lowest, self._d)

    def values(self, at: At, bar: Bars) -> tuple[Floats, ...]:
        lowest = self._lowest(at, bar.low)
        k = 100 * (bar.close - lowest) / (self._highest(at, bar.high) - lowest)
        return k, self._d(at, k)

    def needs(self) -> float:
        return self._needs


class WilliamsR(Family):
    NAMES = ("williams_r",)

    def __init__(self, length: float) -> None:
        self._length = length
        self._highest, self._lowest = Highest(int(length)), Lowest(int(length))
        super().__init__(self._highest, self._lowest)

    def values(self, at: At, bar: Bars) -> tuple[Floats, ...]:
        highest = self._highest(at, bar.high)
        return (-100 * (highest - bar.close) / (highest - self._lowest(at, bar.low)),)

    def needs(self) -> float:
        return self._length


class Roc(Family):
    NAMES = ("roc",)

    def __init__(self, length: float) -> None:
        self._length = length
        self._ago = Ago(int(length))
        super().__init__(self._ago)

    def values(self, at: At, bar: Bars) -> tuple[Floats, ...]:
        ago = self._ago(at, bar.close)
        return ((bar.close - ago) / ago * 100,)

    def needs(self) -> float:
        return self._length + 1


class Cci(Family):
    NAMES = ("cci",)

    def __init__(self, length: float) -> None:
        self._length = length
        self._deviation = Deviation(int(length))
        super().__init__(self._deviation)

    def values(self, at: At, bar: Bars) -> tuple[Floats, ...]:
        return (self._deviation(at, bar.typical) / 0.015,)

    def needs(self) -> float:
        return self._length
