"""The fifteen-minute candle of a portfolio."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Generic, TypeVar

from cryptwire.domain.hopper import HopperId
from cryptwire.errors import Invalid

SPAN = timedelta(minutes=15)
T = TypeVar("T")
_NO_GAP = timedelta(0)


class Quality(IntEnum):
    """How much a candle may be trusted; the higher one replaces the lower."""

    PARTIAL = 1
    BACKFILLED = 2
    COMPLETE = 3


def opening(moment: datetime, span: timedelta = SPAN) -> datetime:
    """The boundary at or before ``moment``: boundaries are the multiples of ``span`` since the Unix epoch."""
    epoch = datetime(1970, 1, 1, tzinfo=moment.tzinfo)
    return moment - (moment - epoch) % span


@dataclass(frozen=True, slots=True)
class Candle:
    """The value of one hopper's portfolio over fifteen minutes from ``opened_at``.

    Prices in the hopper's base currency; ``opened_at`` is UTC and a multiple of 900 s since the epoch (tests may
    shorten the span: whole seconds that divide 900). Coarser ones are Bars. ``gap`` is the time without a fresh price
    for some asset; ``fence`` that of the assignment it was folded under. Raises Invalid when it contradicts itself.
    """

    hopper: HopperId
    opened_at: datetime
    open: float
    high: float
    low: float
    close: float
    gap: timedelta
    quality: Quality
    fence: int = 0

    def __post_init__(self) -> None:
        if (  # ten thousand at a boundary: what is right is seen at once
            0 <= self.low <= self.open <= self.high < math.inf
            and self.low <= self.close <= self.high
            and _NO_GAP <= self.gap <= SPAN
            and self.opened_at.tzinfo is UTC
            and not self.opened_at.microsecond
            and self.hopper
        ):
            return
        if not all(map(math.isfinite, (self.open, self.high, self.low, self.close))):
            raise Invalid(f"{self.hopper} {self.opened_at}: a price is not finite")
        if not self.low <= min(self.open, self.close) <= max(self.open, self.close) <= self.high:
            raise Invalid(f"{self.hopper} {self.opened_at}: high and low do not enclose open and close")
        if self.low < 0:
            raise Invalid(f"{self.hopper} {self.opened_at}: a portfolio is not worth less than nothing")
        if not _NO_GAP <= self.gap <= SPAN:
            raise Invalid(f"{self.hopper} {self.opened_at}: a gap of {self.gap} does not fit into a candle")
        if self.opened_at.utcoffset() != timedelta(0) or self.opened_at.microsecond:
            raise Invalid(f"{self.hopper} {self.opened_at}: not on a boundary in UTC")
        if not self.hopper:
            raise Invalid(f"{self.opened_at}: a candle of no hopper")


@dataclass(frozen=True, slots=True)
class Written(Generic[T]):
    """What became of a batch: rows inserted or replaced, and what was refused for an older fence."""

    changed: int
    refused: list[T]
