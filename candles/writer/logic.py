"""Which values of a batch are candles or flows, and what is told of those that are not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from google.protobuf.message import DecodeError

from cryptwire.clock import from_us, to_us
from cryptwire.codec.candle import candle_from_wire, candle_to_wire
from cryptwire.codec.portfolio import flow_from_wire, flow_to_wire
from cryptwire.domain.candle import Candle, Quality
from cryptwire.domain.portfolio import FlowCandidate
from cryptwire.errors import Invalid
from generated.wire.v1 import candle_pb2

V = TypeVar("V")


def sorted_out(values: Sequence[bytes], now: datetime) -> tuple[list[Candle], list[bytes]]:
    """The candles among ``values``, and a note for a person on each of the others.

    Does what ``candle_from_wire`` does, but makes each moment, gap and quality once: the candles of a batch share them.
    A value at which that fails goes through ``candle_from_wire``, whose word is the one that counts.
    """
    candles: list[Candle] = []
    aside: list[bytes] = []
    moments, gaps = _Made(from_us), _Made(_gap)
    read, made, qualities = candle_pb2.Candle.FromString, candles.append, _QUALITIES
    for value in values:
        try:
            m = read(value)
            made(
                Candle(
                    m.hopper_id,  # type: ignore[arg-type]  # a HopperId is text
                    moments[m.opened_at_us],
                    m.open,
                    m.high,
                    m.low,
                    m.close,
                    gaps[m.gap_us],
                    qualities[m.quality],
                    m.fence,
                )
            )
        except (DecodeError, KeyError, ValueError, OverflowError, Invalid):
            try:
                candles.append(candle_from_wire(value))
            except Invalid as fault:
                aside.append(note(value, str(fault), now))
    return candles, aside


def flows_sorted_out(values: Sequence[bytes], now: datetime) -> tuple[list[FlowCandidate], list[bytes]]:
    """The flow candidates among ``values``, and a note for a person on each of the others."""
    flows: list[FlowCandidate] = []
    aside: list[bytes] = []
    for value in values:
        try:
            flows.append(flow_from_wire(value))
        except Invalid as fault:
            aside.append(note(value, str(fault), now))
    return flows, aside


class _Made(dict[int, V]):
    """What ``make`` makes of a number, made once."""

    def __init__(self, make: Callable[[int], V]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, number: int) -> V:
        made = self[number] = self._make(number)
        return made


def _gap(microseconds: int) -> timedelta:
    return timedelta(microseconds=microseconds)


_QUALITIES = {int(quality): quality for quality in Quality}


@dataclass(frozen=True, slots=True)
class Kind(Generic[V]):
    """What a writer writes: its name in meters, how a batch is read, and the wire form of one."""

    name: str
    sorted_out: Callable[[Sequence[bytes], datetime], tuple[list[V], list[bytes]]]
    to_wire: Callable[[V], bytes]


def note(value: bytes, reason: str, now: datetime) -> bytes:
    """A value that cannot be written, with the reason."""
    return candle_pb2.CandleAside(payload=value, reason=reason, at_us=to_us(now)).SerializeToString()


CANDLES = Kind("candles", sorted_out, candle_to_wire)
FLOWS = Kind("flows", flows_sorted_out, flow_to_wire)
