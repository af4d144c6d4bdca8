"""Pairs and their last prices."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.errors import Invalid


class Pair(NamedTuple):
    """A market of one exchange: units of ``quote`` are paid for one ``base``."""

    exchange: Exchange
    base: Asset
    quote: Asset

    def __str__(self) -> str:
        return f"{self.exchange} {self.base}/{self.quote}"


def positive(price: float) -> float:
    """``price``; raises Invalid unless it is finite and above 0: one NaN would poison a whole row."""
    if not (math.isfinite(price) and price > 0):
        raise Invalid(f"a price must be finite and above 0, not {price!r}")
    return price


@dataclass(frozen=True, slots=True)
class Ticker:
    """The last price of a pair as it was received; a quiet pair keeps its price.

    ``received_at`` decides which candle it belongs to; ``exchange_at`` tells only age. ``sequence`` grows by one with
    each ticker of the exchange within ``session``. Raises Invalid for a price that is not finite or not above 0.
    """

    pair: Pair
    last: float
    bid: float | None
    ask: float | None
    exchange_at: datetime | None
    received_at: datetime
    session: str
    sequence: int

    def __post_init__(self) -> None:
        positive(self.last)


@dataclass(frozen=True, slots=True)
class Feed:
    """The pulse of one exchange's feed. ``interval`` is the time between polls, 0 where there is a WebSocket."""

    exchange: Exchange
    session: str
    sequence: int
    last_frame_at: datetime | None
    interval: timedelta
