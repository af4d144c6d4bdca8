"""An exchange's candles on the wire, asked for and answered."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from google.protobuf.message import DecodeError

from cryptwire.clock import from_us, to_us
from cryptwire.errors import Invalid, Refused, Unavailable
from generated.wire.v1 import ohlcv_pb2 as pb

MOST = 1000
"""Rows in one reply, at most."""


@dataclass(frozen=True, slots=True)
class Ohlcv:
    """One candle of a pair as its exchange tells it: prices in the pair's quote, volume in its base."""

    opened_at: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True, slots=True)
class CandlesRequest:
    """Candles opened at or after ``since``, at most ``limit`` of them; raises Invalid unless that is 1 to 1000."""

    timeframe: str
    since: datetime
    limit: int

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MOST:
            raise Invalid(f"1 to {MOST} candles can be asked for at once, not {self.limit}")
        if not self.timeframe:
            raise Invalid("candles of no timeframe")


def request_to_wire(request: CandlesRequest) -> bytes:
    return pb.CandlesRequest(
        timeframe=request.timeframe, since_us=to_us(request.since), limit=request.limit
    ).SerializeToString()


def request_from_wire(payload: bytes) -> CandlesRequest:
    """The request; raises Invalid."""
    try:
        message = pb.CandlesRequest.FromString(payload)
        return CandlesRequest(message.timeframe, from_us(message.since_us), message.limit)
    except DecodeError:
        raise Invalid("not a CandlesRequest message") from None
    except OverflowError:
        raise Invalid("candles since no possible time") from None


def reply_to_wire(candles: Sequence[Ohlcv]) -> bytes:
    return pb.CandlesReply(
        opened_at_us=[to_us(c.opened_at) for c in candles],
        open=[c.open for c in candles],
        high=[c.high for c in candles],
        low=[c.low for c in candles],
        close=[c.close for c in candles],
        volume=[c.volume for c in candles],
    ).SerializeToString()


def refusal_to_wire(error: str, *, retryable: bool) -> bytes:
    """The reply that there are no candles, and why."""
    return pb.CandlesReply(error=error, retryable=retryable).SerializeToString()


def reply_from_wire(payload: bytes) -> list[Ohlcv]:
    """The candles, oldest first.

    Raises Unavailable or Refused for an error that may or will not pass, Invalid when it is no such reply.
    """
    try:
        message = pb.CandlesReply.FromString(payload)
    except DecodeError:
        raise Invalid("not a CandlesReply message") from None
    if message.error:
        raise (Unavailable if message.retryable else Refused)(message.error)
    columns = (message.open, message.high, message.low, message.close, message.volume)
    if any(len(column) != len(message.opened_at_us) for column in columns):
        raise Invalid("candles whose columns differ in length")
    if not all(math.isfinite(number) for column in columns for number in column):
        raise Invalid("candles with a number that is not finite")
    try:
        moments = [from_us(us) for us in message.opened_at_us]
    except OverflowError:
        raise Invalid("candles of no possible time") from None
    return [Ohlcv(*row) for row in zip(moments, *columns, strict=True)]
