"""What a family of figures is: figures that are computed together."""

import math
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from analyser.logic.blocks import Across, Along, Block, Floats, Rows
from cryptwire.domain.bar import Seconds

REST = 1e-9
"""So much of what was before the bars that are needed may show."""
At = Across | Along


class Bars(NamedTuple):
    """One bar of each of several series, or the bars of one, in columns (m,). ``start``: its stamp, seconds."""

    start: Seconds
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    @property
    def typical(self) -> Floats:
        typical: Floats = (self.high + self.low + self.close) / 3.0
        return typical

    def rows(self, where: Rows | npt.NDArray[np.bool_]) -> "Bars":
        """Those of some positions."""
        return Bars(
            self.start[where],
            self.open[where],
            self.high[where],
            self.low[where],
            self.close[where],
            self.volume[where],
        )


class Family:
    """Figures that are computed together, of some parameters (in the order of the catalogue)."""

    NAMES: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *blocks: Block) -> None:
        self.blocks = blocks

    def values(self, at: At, bar: Bars) -> tuple[Floats, ...]:
        """The figures of ``NAMES``, (m,) each, with ``bar`` counted in."""
        raise NotImplementedError

    def needs(self) -> float:
        """After so many bars a value shows no more than 1e-9 of what was before them."""
        raise NotImplementedError


def fading(length: float) -> float:
    """Bars in which an exponential average forgets all but REST."""
    return length + math.log(REST) / math.log(1 - 2 / (length + 1))


def wilder(length: float, rest: float = REST) -> float:
    """Bars in which Wilder's average forgets all but ``rest``."""
    return length + math.log(rest) / math.log(1 - 1 / length)


def true_range(bar: Bars, last_close: Floats) -> Floats:
    """NaN without a close before."""
    return np.maximum(bar.high, last_close) - np.minimum(bar.low, last_close)
