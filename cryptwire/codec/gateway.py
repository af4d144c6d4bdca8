"""The gateway's values on the wire: ``wire.v1.Gateway``. Reading a message raises Invalid where it makes no sense."""

import math
from datetime import datetime, timedelta
from decimal import Decimal

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from cryptwire.clock import EPOCH, MICROSECOND
from cryptwire.codec.trade import decimal
from cryptwire.domain.account import Order, OutputEntry, Reserved, Short
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, LinkedHopper, UserId
from cryptwire.domain.trade import Side
from cryptwire.errors import Invalid
from generated.wire.v1 import gateway_pb2 as pb


def hopper_to_message(linked: LinkedHopper) -> pb.Hopper:
    it = linked.hopper
    return pb.Hopper(
        hopper_id=it.id,
        name=it.name,
        exchange=it.exchange,
        base_currency=it.base,
        is_paper=it.is_paper,
        is_enabled=linked.is_enabled,
        plan=linked.plan,
        refresh_every=duration(it.refresh_every),
        total="" if linked.total is None else _text(linked.total),
        created_at=None if linked.created_at is None else timestamp(linked.created_at),
        is_buying=linked.is_buying,
        is_selling=linked.is_selling,
        error=linked.error,
    )


def hopper_from_message(said: pb.Hopper, user: UserId) -> LinkedHopper:
    return LinkedHopper(
        Hopper(
            HopperId(said.hopper_id),
            user,
            said.name,
            Exchange(said.exchange),
            Asset(said.base_currency),
            said.is_paper,
            span(said.refresh_every),
        ),
        said.is_enabled,
        said.plan,
        decimal(said.total) if said.total else None,
        moment(said.created_at) if said.HasField("created_at") else None,
        said.is_buying,
        said.is_selling,
        said.error,
    )


def reserved_to_message(reserved: Reserved) -> pb.ReservedCoins:
    return pb.ReservedCoins(
        id=reserved.id,
        base=reserved.base,
        quote=reserved.quote,
        quantity=_text(reserved.quantity),
        rate=_text(reserved.rate),
        cost=_text(reserved.cost),
        opened_at=None if reserved.opened_at is None else timestamp(reserved.opened_at),
    )


def reserved_from_message(said: pb.ReservedCoins) -> Reserved:
    return Reserved(
        said.id,
        Asset(said.base),
        Asset(said.quote),
        decimal(said.quantity),
        decimal(said.rate),
        decimal(said.cost),
        moment(said.opened_at) if said.HasField("opened_at") else None,
    )


def short_to_message(short: Short) -> pb.ShortPosition:
    return pb.ShortPosition(
        id=short.id,
        base=short.base,
        quote=short.quote,
        quantity=_text(short.quantity),
        rate=_text(short.rate),
        cost=_text(short.cost),
        opened_at=None if short.opened_at is None else timestamp(short.opened_at),
        is_held=short.is_held,
    )


def short_from_message(said: pb.ShortPosition) -> Short:
    return Short(
        said.id,
        Asset(said.base),
        Asset(said.quote),
        decimal(said.quantity),
        decimal(said.rate),
        decimal(said.cost),
        moment(said.opened_at) if said.HasField("opened_at") else None,
        said.is_held,
    )


def order_to_message(order: Order) -> pb.OpenOrder:
    return pb.OpenOrder(
        id=order.id,
        base=order.base,
        quote=order.quote,
        side=int(order.side),  # type: ignore[arg-type]  # the same numbers
        is_market=order.is_market,
        quantity=_text(order.quantity),
        rate="0" if order.rate is None else _text(order.rate),
        trigger=order.trigger,
        opened_at=None if order.opened_at is None else timestamp(order.opened_at),
    )


def order_from_message(said: pb.OpenOrder) -> Order:
    try:
        side = Side(said.side)
    except ValueError:
        raise Invalid("an order of neither side") from None
    return Order(
        said.id,
        Asset(said.base),
        Asset(said.quote),
        side,
        said.is_market,
        decimal(said.quantity),
        decimal(said.rate) or None,
        said.trigger,
        moment(said.opened_at) if said.HasField("opened_at") else None,
    )


def entry_to_message(entry: OutputEntry) -> pb.OutputEntry:
    return pb.OutputEntry(at=timestamp(entry.at), is_error=entry.is_error, text=entry.text)


def entry_from_message(said: pb.OutputEntry) -> OutputEntry:
    return OutputEntry(moment(said.at), said.is_error, said.text)


def timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def moment(stamp: Timestamp) -> datetime:
    """To the microsecond that follows: what is wanted since a moment is not wanted from before it."""
    try:
        return EPOCH + timedelta(seconds=stamp.seconds, microseconds=math.ceil(stamp.nanos / 1000))
    except OverflowError:
        raise Invalid("a time that cannot be") from None


def duration(span: timedelta) -> Duration:
    """Whole microseconds, at least 0."""
    message = Duration()
    message.FromTimedelta(max(span, timedelta(0)))
    return message


def span(duration: Duration) -> timedelta:
    try:
        return timedelta(seconds=duration.seconds) + duration.nanos // 1000 * MICROSECOND
    except OverflowError:
        raise Invalid("a span that cannot be") from None


def _text(number: Decimal) -> str:
    return f"{number:f}"
