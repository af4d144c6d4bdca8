"""When a hopper buys: signals from integer prices, the same however much is looked at at once."""

import numpy as np
import numpy.typing as npt

from simulator.market.noise import Ints, key
from simulator.worlds.demo import Hopper

LOOK_BACK = 96  # decisions before the first that signals need
_FAST, _SLOW = 16, 72
_DIP_MEAN = 60
_AVERAGE_EVERY = 160  # decisions between two buys of one coin

Signals = npt.NDArray[np.bool_]


def signals(hopper: Hopper, prices: Ints, first: int, scale: float) -> Signals:
    """Whether to buy, one row for each decision from number ``first`` on: (decisions, coins).

    ``prices`` has LOOK_BACK rows more, before the first. ``scale`` fits fractions to the time between decisions:
    moves grow with its root.

    - dips: below its mean by a fraction, and rising again;
    - cross: the fast mean has risen above the slow one;
    - average: at set intervals, unless it is well above its mean.
    """
    if hopper.style == "dips":
        mean = _sums(prices, _DIP_MEAN)
        is_low = prices * _DIP_MEAN < mean * (1.0 - hopper.dip * scale)
        turns = np.zeros(prices.shape, dtype=np.bool_)
        turns[1:] = prices[1:] > prices[:-1]
        found = is_low & turns
    elif hopper.style == "cross":
        above = _sums(prices, _FAST) * _SLOW > _sums(prices, _SLOW) * _FAST
        found = np.zeros(prices.shape, dtype=np.bool_)
        found[1:] = above[1:] & ~above[:-1]
    else:
        number = np.arange(first - LOOK_BACK, first - LOOK_BACK + len(prices), dtype=np.int64)
        phases = np.array([key(hopper.id, coin) % _AVERAGE_EVERY for coin in hopper.coins], dtype=np.int64)
        is_time = number[:, None] % _AVERAGE_EVERY == phases
        found = is_time & (prices * _DIP_MEAN < _sums(prices, _DIP_MEAN) * (1.0 + 0.01 * scale))
    return found[LOOK_BACK:]


def _sums(prices: Ints, count: int) -> Ints:
    """The sum of the last ``count`` rows at each row; rows with fewer before them are not to be used."""
    total = np.cumsum(prices, axis=0)
    sums = total.copy()
    sums[count:] -= total[:-count]
    return sums
