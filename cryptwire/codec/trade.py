"""Trades on the wire."""

from decimal import Decimal, InvalidOperation

from google.protobuf.message import DecodeError

from cryptwire.clock import from_us, to_us
from cryptwire.domain.hopper import Asset, Exchange, HopperId
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.errors import Invalid
from generated.wire.v1 import trade_pb2 as pb


def decimal(text: str) -> Decimal:
    """A finite decimal number; raises Invalid."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise Invalid(f"not a decimal number: {text[:40]!r}") from None
    if not number.is_finite():
        raise Invalid(f"not a finite number: {text[:40]!r}")
    return number


def trade_to_message(trade: Trade) -> pb.Trade:
    return pb.Trade(
        hopper_id=trade.hopper,
        trade_id=trade.id,
        exchange=trade.pair.exchange,
        base=trade.pair.base,
        quote=trade.pair.quote,
        side=int(trade.side),  # type: ignore[arg-type]  # the same numbers
        quantity=str(trade.quantity),
        rate=str(trade.rate),
        total=str(trade.total),
        fee=str(trade.fee),
        fee_currency=trade.fee_currency,
        at_us=to_us(trade.at),
        buy_id=trade.buy_id or "",
        trigger=trade.trigger or "",
        result="" if trade.result is None else str(trade.result),
        strategy=trade.strategy or "",
    )


def trade_to_wire(trade: Trade) -> bytes:
    return trade_to_message(trade).SerializeToString()


def trade_from_message(message: pb.Trade) -> Trade:
    """The trade; raises Invalid."""
    try:
        side = Side(message.side)
        at = from_us(message.at_us)
    except (ValueError, OverflowError) as error:
        raise Invalid(f"a trade that cannot be: {error}") from None
    if not (message.hopper_id and message.trade_id):
        raise Invalid("a trade without hopper or id")
    return Trade(
        HopperId(message.hopper_id),
        TradeId(message.trade_id),
        Pair(Exchange(message.exchange), Asset(message.base), Asset(message.quote)),
        side,
        decimal(message.quantity),
        decimal(message.rate),
        decimal(message.total),
        decimal(message.fee),
        Asset(message.fee_currency),
        at,
        message.buy_id or None,
        message.trigger or None,
        decimal(message.result) if message.result else None,
        message.strategy or None,
    )


def trade_from_wire(payload: bytes) -> Trade:
    """The trade; raises Invalid."""
    try:
        message = pb.Trade.FromString(payload)
    except DecodeError:
        raise Invalid("not a Trade message") from None
    return trade_from_message(message)
