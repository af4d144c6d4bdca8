"""Which family gives each figure of the catalogue that is made of bars.

A family says which names it gives and in what order, what its parameters are, and how it makes its values of a bar and
its blocks. The same lines serve the bar in progress, its close, and history. docs/indicators.md has formulas, sources,
and where they differ from the library ``ta``.
"""

import math
from collections.abc import Callable, Iterable, Mapping

from analyser.logic.averages import Close, Ema, Macd, Sma, Wma
from analyser.logic.family import Family
from analyser.logic.momentum import Cci, Roc, Rsi, Stochastic, StochRsi, WilliamsR
from analyser.logic.ranges import Adx, Atr, Bollinger, Donchian, Ichimoku, Keltner, Supertrend
from analyser.logic.volumes import Obv, SessionVwap, Vwap
from cryptwire.domain.figure import FigureKey

MOST_NEEDED = 5_000
"""More bars of history than these are asked for by no figure."""

_FAMILIES: tuple[type[Family], ...] = (
    Close,
    Sma,
    Ema,
    Wma,
    Rsi,
    Macd,
    Bollinger,
    Atr,
    Stochastic,
    StochRsi,
    Adx,
    Cci,
    WilliamsR,
    Roc,
    Obv,
    Vwap,
    SessionVwap,
    Donchian,
    Keltner,
    Ichimoku,
    Supertrend,
)
Make = Callable[..., Family]
"""Makes a family of its parameters, in the order of the catalogue."""

FAMILY_OF: Mapping[str, tuple[Make, int]] = {
    name: (family, index) for family in _FAMILIES for index, name in enumerate(family.NAMES)
}
"""Of each name: what makes its family, and which of the family's values it is."""


def bars_needed(keys: Iterable[FigureKey]) -> int:
    """Closed bars of history after which none of these figures shows what was before them; MOST_NEEDED at most.

    Averages over a window forget at its end. Exponential ones forget all but 1e-9 of where they began in about ten
    lengths, Wilder's in about twenty-one; a little more is left where that is more than MOST_NEEDED bars (Wilder's of
    more than 230).
    Supertrend forgets when its trend turns, OBV never: its level depends on where it begins.
    """
    wanted = {(FAMILY_OF[key.name][0], key.parameters) for key in keys if key.definition.of_bars}
    needs = [family(*parameters).needs() for family, parameters in wanted]
    return min(MOST_NEEDED, math.ceil(max(needs, default=0)))
