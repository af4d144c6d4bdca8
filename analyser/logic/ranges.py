"""Figures that tell how far prices reach, and channels around them."""

import numpy as np

from analyser.logic.blocks import Exponential, Floats, Ratchet, Wilder
from analyser.logic.family import At, Bars, Family, fading, true_range, wilder
from analyser.logic.windows import Ago, Highest, Lowest, Spread

_KELTNER_ATR = 10


class Atr(Family):
    """Wilder's average of the true range; that of the first bar known is its high less its low."""

    NAMES = ("atr",)

    def __init__(self, length: float) -> None:
        self._length = length
        self._last = Ago(1)
        self._average = Wilder(int(length))
        super().__init__(self._last, self._average)

    def values(self, at: At, bar: Bars) -> tuple[Floats, ...]:
        last = self._last(at, bar.close)
        return (self._average(at, np.where(last == last, true_range(bar, last), bar.high - bar.low)),)

    def needs(self) -> float:
        return 1 + wilder(self._length)


class Adx(Family):
    """Directional movement; without any range there is none, in no direction: 0."""

    NAMES = ("adx", "adx.plus", "adx.minus")

    def __init__(self, length: float) -> None:
        size = int(length)
        self._needs = 1 + 2 * wilder(length)
        self._last_high, self._last_low, self._last_close = Ago(1), Ago(1), Ago(1)
        self._range, self._plus, self._minus, self._average = Wilder(size), Wilder(size), Wilder(size), Wilder(size)
        super().__init__(
            self._last_high, self._last_low, self._last_close, self._range, self._plus, self._minus, self._average
        )

    def values(self, at: At, bar: Bars) -> tuple[Floats, ...]:
        up = bar.high - self._last_high(at, bar.high)
        down = self._last_low(at, bar.low) - bar.low
        reach = self._range(at, true_range(bar, self._last_close(at, bar.close)))
        moved_up = self._plus(at, np.where((up > down) & (up > 0), up, up * 0.0))
        moved_down = self._minus(at, np.where((down > up) & (down > 0), down, down * 0.0))
        is_still = reach == 0
        plus = np.where(is_still, 0.0, 100 * moved_up / reach)
        minus = np.where(is_still, 0.0, 100 * moved_down / reach)
        both = plus + minus
        return self._average(at, np.where(both == 0, 0.0, 100 * np.abs(plus - minus) / both)), plus, minus

    def needs(self) -> float:
        return self._needs


class Bollinger(Family):
    """The bands, their width in percent of the middle, and where the close lies between them (NaN: they are one)."""

    NAMES = (
        "bollinger.middle",
        "bollinger.upper",
        "bollinger.lower",
        "bollinger.width",
        "bollinger.percent_b",
    )

    def __init__(self, length: float, deviations: float) -> None:
        self._length = length
        self._deviations = deviations
        self._spread = Spread(int(length))
        super().__init__(self._spread)

    def values(self, at: At, bar: Bars) -> tuple[Floats, ...]:
        middle, deviation = self._spread(at, bar.close)
        half = self._deviations * deviation
        return (
            middle,
            middle + half,
            middle - half,
            2 * half / middle * 100,
            (bar.close - middle + half) / (2 * half),
        )

    def needs(self) -> float:
        return self._length


class Donchian(Family):
    NAMES = ("donchian.upper", "donchian.middle", "donchian.lower")

    def __init__(self, length: float) -> None:
        self._length = length
        self._highest, self._lowest = Highest(int(length)), Lowest(int(length))
        super().__init__(self._highest, self._lowest)

    def values(self, at: At, bar: Bars) -> tuple[Floats, ...]:
        upper, lower = self._highest(at, bar.high), self._lowest(at, bar.low)
        return upper, (upper - lower) / 2.0 + lower, lower

    def needs(self) -> float:
        return self._length


class Keltner(Family):
    """An exponential average of closes, and a multiple of the average true range of ten bars around it."""

    NAMES = ("keltner.upper", "keltner.middle", "keltner.lower")

    def __init__(self, length: float, multiplier: float) -> None:
        self._multiplier = multiplier
        self._average = Exponential(int(length))
        self._atr = Atr(_KELTNER_ATR)
        self._needs = max(fading(length), self._atr.needs())
        super().__init__(self._average, *self._atr.blocks)

    def values(self, at: At, bar: Bars) -> tuple[Floats, ...]:
        middle = self._average(at, bar.close)
        (atr,) = self._atr.values(at, bar)
        half = self._multiplier * atr
        return middle + half, middle, middle - half

    def needs(self) -> float:
        return self._needs


class Ichimoku(Family):
    NAMES = ("ichimoku.conversion", "ichimoku.base", "ichimoku.span_a", "ichimoku.span_b")

    def __init__(self, conversion: float, base: float, span: float) -> None:
        lengths = (int(conversion), int(base), int(span))
        self._needs = max(lengths)
        self._middles = [(Highest(length), Lowest(length)) for length in lengths]
        super().__init__(*(block for middle in self._middles for block in middle))

    def values(self, at: At, bar: Bars) -> tuple[Floats, ...]:
        conversion, base, span = (
            0.5 * (highest(at, bar.high) + lowest(at, bar.low)) for highest, lowest in self._middles
        )
        return conversion, base, 0.5 * (conversion + base), span

    def needs(self) -> float:
        return self._needs


class Supertrend(Family):
    NAMES = ("supertrend", "supertrend.direction")

    def __init__(self, length: float, multiplier: float) -> None:
        self._length = length
        self._multiplier = multiplier
        self._atr = Atr(length)
        self._ratchet = Ratchet()
        super().__init__(*self._atr.blocks, self._ratchet)

    def values(self, at: At, bar: Bars) -> tuple[Floats, ...]:
        (atr,) = self._atr.values(at, bar)
        middle = (bar.high + bar.low) / 2.0
        half = self._multiplier * atr
        return self._ratchet(at, middle - half, middle + half, bar.close)

    def needs(self) -> float:
        return self._atr.needs() + 10 * self._length  # the trend of before is forgotten when it has turned
