"""When a hopper buys: signals from integer prices, the same however much is looked at at once."""

import numpy as np

from simulator.market.noise import Ints, key
from simulator.worlds.demo import Hopper, Style

LOOK_BACK = 96  # decisions before the first that signals need
_FAST, _SLOW = 16, 72
_DIP_MEAN = 60
_AVERAGE_EVERY = 160  # decisions between two buys of one coin


def parameter(hopper: Hopper, coin: str) -> float:
    """What tells a hopper's signals for a coin from others of its style: the dip, or when the style average buys."""
    if hopper.style == "average":
        return key(hopper.id, coin) % _AVERAGE_EVERY
    return hopper.dip if hopper.style == "dips" else 0.0


def calls(style: Style, parameter: float, prices: Ints, first: int, scale: float) -> list[int]:
    """Numbers of the decisions that call for buying, from number ``first`` on.

    ``prices`` of one pair have LOOK_BACK entries more, before the first. ``scale`` fits fractions to the time between
    decisions: moves grow with its root.

    - dips: below its mean by a fraction, and rising again;
    - cross: the fast mean has risen above the slow one;
    - average: at set intervals, unless it is well above its mean.
    """
    found = np.zeros(prices.shape, dtype=np.bool_)
    if style == "dips":
        is_low = prices * _DIP_MEAN < _sums(prices, _DIP_MEAN) * (1.0 - parameter * scale)
        found[1:] = is_low[1:] & (prices[1:] > prices[:-1])
    elif style == "cross":
        above = _sums(prices, _FAST) * _SLOW > _sums(prices, _SLOW) * _FAST
        found[1:] = above[1:] & ~above[:-1]
    else:
        number = np.arange(first - LOOK_BACK, first - LOOK_BACK + len(prices), dtype=np.int64)
        is_time = number % _AVERAGE_EVERY == int(parameter)
        found = is_time & (prices * _DIP_MEAN < _sums(prices, _DIP_MEAN) * (1.0 + 0.01 * scale))
    return [first + int(place) for place in np.flatnonzero(found[LOOK_BACK:])]


def _sums(prices: Ints, count: int) -> Ints:
    """The sum of the last ``count`` entries at each; entries with fewer before them are not to be used."""
    total = np.cumsum(prices)
    sums = total.copy()
    sums[count:] -= total[:-count]
    return sums
