"""Figures, snapshots and leases on the wire.

Thousands of snapshots are sent each 2 s, so what stays while the same figures are wanted is serialised once: joined
serialised messages are one merged message (Protocol Buffers, encoding).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from google.protobuf.message import DecodeError

from cryptwire.clock import from_us, to_us
from cryptwire.domain.figure import Figure, FigureKey, PairSnapshot, Snapshot, figure_key
from cryptwire.domain.hopper import Asset, Exchange, HopperId
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Invalid
from generated.wire.v1 import figure_pb2 as pb

_MOST_WANTED = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """Figures of a hopper, or of a pair, that somebody wants, by their keys' texts."""

    of: HopperId | Pair
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lease:
    """Until when figures are computed; ``refused``: keys that cannot be, each with the reason."""

    until: datetime
    refused: Mapping[str, str]


def snapshot_to_wire(snapshot: Snapshot) -> bytes:
    return pb.Figures(
        hopper_id=snapshot.hopper,
        session=snapshot.session,
        sequence=snapshot.sequence,
        at_us=to_us(snapshot.at),
        newest_price_at_us=_us(snapshot.newest_price_at),
        prices_at_us=_us(snapshot.prices_at),
        is_fresh=snapshot.is_fresh,
        assets_at_us=to_us(snapshot.assets_at),
        refresh_seconds=snapshot.refresh_seconds,
        unpriced_share=snapshot.unpriced_share,
        is_settling=snapshot.is_settling,
        flows_version=snapshot.flows_version,
        base_currency=snapshot.base,
        balance=snapshot.balance,
        index=math.nan if snapshot.index is None else snapshot.index,
        positions=snapshot.positions,
        figures=columns_to_message(snapshot.figures.values()),
    ).SerializeToString()


def keys_part(keys: Sequence[FigureKey]) -> bytes:
    """The part of a snapshot on the wire that tells which figures it has, in the order of their values."""
    return pb.Figures(figures=pb.FigureColumns(keys=[str(key) for key in keys])).SerializeToString()


def snapshot_from_wire(payload: bytes) -> Snapshot:
    """The snapshot; raises Invalid."""
    try:
        message = pb.Figures.FromString(payload)
    except DecodeError:
        raise Invalid("not a Figures message") from None
    if not (message.hopper_id and message.session and message.base_currency):
        raise Invalid("figures without hopper, session or currency")
    if not math.isfinite(message.balance):
        raise Invalid("figures whose balance is no number")
    if not 0 <= message.unpriced_share <= 1:
        raise Invalid("figures whose unpriced share is not 0 to 1")
    return Snapshot(
        HopperId(message.hopper_id),
        message.session,
        message.sequence,
        _must(message.at_us),
        _moment(message.newest_price_at_us),
        _moment(message.prices_at_us),
        message.is_fresh,
        _must(message.assets_at_us),
        message.refresh_seconds,
        message.unpriced_share,
        message.is_settling,
        message.flows_version,
        Asset(message.base_currency),
        message.balance,
        message.index if math.isfinite(message.index) else None,
        message.positions,
        figures_from_message(message.figures),
    )


def pair_snapshot_to_wire(snapshot: PairSnapshot) -> bytes:
    return pb.PairFigures(
        exchange=snapshot.pair.exchange,
        base=snapshot.pair.base,
        quote=snapshot.pair.quote,
        session=snapshot.session,
        sequence=snapshot.sequence,
        at_us=to_us(snapshot.at),
        price_at_us=_us(snapshot.price_at),
        is_fresh=snapshot.is_fresh,
        figures=columns_to_message(snapshot.figures.values()),
    ).SerializeToString()


def pair_snapshot_from_wire(payload: bytes) -> PairSnapshot:
    """The pair's snapshot; raises Invalid."""
    try:
        message = pb.PairFigures.FromString(payload)
    except DecodeError:
        raise Invalid("not a PairFigures message") from None
    if not message.session:
        raise Invalid("figures without session")
    return PairSnapshot(
        _pair(message.exchange, message.base, message.quote),
        message.session,
        message.sequence,
        _must(message.at_us),
        _moment(message.price_at_us),
        message.is_fresh,
        figures_from_message(message.figures),
    )


def columns_to_message(figures: Iterable[Figure]) -> pb.FigureColumns:
    """Figures as columns, in their order."""
    listed = list(figures)
    return pb.FigureColumns(
        keys=[str(figure.key) for figure in listed],
        values=[math.nan if figure.value is None else figure.value for figure in listed],
        sample_sizes=[figure.sample_size for figure in listed],
        bars_at_us=[_us(figure.bar_at) for figure in listed],
    )


def figures_from_message(message: pb.FigureColumns) -> dict[FigureKey, Figure]:
    """Figures by key; a value that is not finite is None. Raises Invalid."""
    columns = (message.keys, message.values, message.sample_sizes, message.bars_at_us)
    if len({len(column) for column in columns}) != 1:
        raise Invalid("figures whose columns differ in length")
    found: dict[FigureKey, Figure] = {}
    for text, value, size, bar_at_us in zip(*columns, strict=True):
        key = figure_key(text)
        found[key] = Figure(key, value if math.isfinite(value) else None, size, _moment(bar_at_us))
    return found


def wanted_to_wire(wanted: Wanted) -> bytes:
    if isinstance(wanted.of, Pair):
        pair = wanted.of
        return pb.Want(keys=wanted.keys, exchange=pair.exchange, base=pair.base, quote=pair.quote).SerializeToString()
    return pb.Want(keys=wanted.keys, hopper_id=wanted.of).SerializeToString()


def wanted_from_wire(payload: bytes) -> Wanted:
    """What is wanted; its keys are texts that nobody has looked at yet. Raises Invalid."""
    try:
        message = pb.Want.FromString(payload)
    except DecodeError:
        raise Invalid("not a Want message") from None
    if not 0 < len(message.keys) <= _MOST_WANTED:
        raise Invalid(f"1 to {_MOST_WANTED} figures can be wanted at once")
    if message.hopper_id:
        return Wanted(HopperId(message.hopper_id), tuple(message.keys))
    return Wanted(_pair(message.exchange, message.base, message.quote), tuple(message.keys))


def lease_to_wire(lease: Lease) -> bytes:
    return pb.WantReply(
        until_us=to_us(lease.until), refused=list(lease.refused), reasons=list(lease.refused.values())
    ).SerializeToString()


def want_error_to_wire(error: str) -> bytes:
    """The answer to a wish that makes no sense."""
    return pb.WantReply(error=error or "it cannot be computed").SerializeToString()


def lease_from_wire(payload: bytes) -> Lease:
    """The lease; raises Invalid, also when the answer is an error."""
    try:
        message = pb.WantReply.FromString(payload)
    except DecodeError:
        raise Invalid("not a WantReply message") from None
    if message.error:
        raise Invalid(message.error)
    if len(message.refused) != len(message.reasons):
        raise Invalid("a lease whose columns differ in length")
    return Lease(_must(message.until_us), dict(zip(message.refused, message.reasons, strict=True)))


def _pair(exchange: str, base: str, quote: str) -> Pair:
    if not (exchange and base and quote):
        raise Invalid("a pair without exchange, base or quote")
    return Pair(Exchange(exchange), Asset(base), Asset(quote))


def _us(moment: datetime | None) -> int:
    return 0 if moment is None else to_us(moment)


def _moment(microseconds: int) -> datetime | None:
    return _must(microseconds) if microseconds else None


@lru_cache(maxsize=4096)  # thousands of messages are of one instant, and all of an exchange heard it at one
def _must(microseconds: int) -> datetime:
    try:
        return from_us(microseconds)
    except OverflowError:
        raise Invalid("a message of no possible time") from None
