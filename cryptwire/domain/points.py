"""In which order the four prices of a bar are told when nobody knows how they came: for replays.

A bar that opens at T and spans S is told at T, T+S/4, T+S/2 and T+S−1 ms: open, low, high, close if it closed at or
above its open, else open, high, low, close.
"""

import numpy as np
import numpy.typing as npt

POINTS = 4
"""Of each bar."""


def four_ticks(
    opened_at: npt.NDArray[np.int64], span_us: int, bars: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The ticks of bars: ``opened_at`` (bars,) microseconds, ``bars`` (bars, 4) open, high, low, close.

    Gives moments and prices, (4 × bars,) each.
    """
    opens, highs, lows, closes = bars.T
    rises = closes >= opens
    prices = np.column_stack([opens, np.where(rises, lows, highs), np.where(rises, highs, lows), closes])
    offsets = np.array([0, span_us // 4, span_us // 2, span_us - 1_000])
    return (opened_at[:, None] + offsets).ravel(), prices.ravel()
