"""Candles on the wire."""

from datetime import timedelta

from google.protobuf.message import DecodeError

from cryptwire.clock import from_us, to_us
from cryptwire.domain.candle import Candle, Quality
from cryptwire.domain.hopper import HopperId
from cryptwire.errors import Invalid
from generated.wire.v1 import candle_pb2 as pb

_US = timedelta(microseconds=1)


def candle_to_message(candle: Candle) -> pb.Candle:
    return pb.Candle(
        hopper_id=candle.hopper,
        opened_at_us=to_us(candle.opened_at),
        open=candle.open,
        high=candle.high,
        low=candle.low,
        close=candle.close,
        gap_us=candle.gap // _US,
        quality=int(candle.quality),  # type: ignore[arg-type]  # the same numbers
        fence=candle.fence,
    )


def candle_to_wire(candle: Candle) -> bytes:
    return candle_to_message(candle).SerializeToString()


def candle_from_message(message: pb.Candle) -> Candle:
    """The candle; raises Invalid when it contradicts itself."""
    try:
        return Candle(
            HopperId(message.hopper_id),
            from_us(message.opened_at_us),
            message.open,
            message.high,
            message.low,
            message.close,
            timedelta(microseconds=message.gap_us),
            Quality(message.quality),
            message.fence,
        )
    except (ValueError, OverflowError) as error:
        raise Invalid(f"a candle that cannot be: {error}") from None


def candle_from_wire(payload: bytes) -> Candle:
    """The candle; raises Invalid."""
    try:
        message = pb.Candle.FromString(payload)
    except DecodeError:
        raise Invalid("not a Candle message") from None
    return candle_from_message(message)
