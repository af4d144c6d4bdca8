"""Which values of a batch are candles, and what is told of those that are not."""

from collections.abc import Sequence
from datetime import datetime

from cryptwire.clock import to_us
from cryptwire.codec.candle import candle_from_wire
from cryptwire.domain.candle import Candle
from cryptwire.errors import Invalid
from generated.wire.v1 import candle_pb2


def sorted_out(values: Sequence[bytes], now: datetime) -> tuple[list[Candle], list[bytes]]:
    """The candles among ``values``, and a note for a person on each of the others."""
    candles: list[Candle] = []
    aside: list[bytes] = []
    for value in values:
        try:
            candles.append(candle_from_wire(value))
        except Invalid as fault:
            aside.append(note(value, str(fault), now))
    return candles, aside


def note(value: bytes, reason: str, now: datetime) -> bytes:
    """A value that cannot be written, with the reason."""
    return candle_pb2.CandleAside(payload=value, reason=reason, at_us=to_us(now)).SerializeToString()
