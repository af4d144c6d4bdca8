"""The returns that the shared reference names (performance-metrics 1): made without dice, so anybody can make them."""

import numpy as np
from numpy.typing import NDArray

_DAY = np.arange(1, 401)


def fixture() -> NDArray[np.float64]:
    """(400,): days from 2023-01-01."""
    waves: NDArray[np.float64] = 0.012 * np.sin(1.7 * _DAY) + 0.008 * np.cos(0.37 * _DAY) - 0.0005
    jumps: NDArray[np.float64] = 0.03 * (_DAY % 53 == 0) - 0.045 * (_DAY % 97 == 0)
    return waves + jumps


def benchmark() -> NDArray[np.float64]:
    """(400,): what they are compared with."""
    wave: NDArray[np.float64] = 0.001 * np.sin(0.9 * _DAY)
    return 0.5 * fixture() + wave
