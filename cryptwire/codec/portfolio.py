"""Live portfolios, accounts and flow candidates on the wire.

The tracker sends a live portfolio of every hopper each 2 s, so what changes only with a poll is serialised once: joined
serialised messages are one merged message (Protocol Buffers, encoding: "last one wins, repeated fields are
concatenated").
"""

import math
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from google.protobuf.message import DecodeError

from cryptwire.clock import from_us, to_us
from cryptwire.codec.candle import candle_from_message
from cryptwire.codec.trade import decimal
from cryptwire.domain.account import Account, Position
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.portfolio import FlowCandidate, Holding, Portfolio
from cryptwire.errors import Invalid
from generated.wire.v1 import portfolio_pb2 as pb


def position_to_message(position: Position) -> pb.OpenPosition:
    return pb.OpenPosition(
        id=position.id,
        base=position.base,
        quote=position.quote,
        quantity=str(position.quantity),
        rate=str(position.rate),
        cost=str(position.cost),
        opened_at_us=0 if position.opened_at is None else to_us(position.opened_at),
        trigger=position.trigger,
        is_held=position.is_held,
        take_profit=_text(position.take_profit),
        stop_loss=_text(position.stop_loss),
        trailing_arm=_text(position.trailing_arm),
        trailing=_text(position.trailing),
        buy_id=position.buy_id or "",
    )


def position_from_message(message: pb.OpenPosition) -> Position:
    """The position; raises Invalid."""
    return Position(
        message.id,
        Asset(message.base),
        Asset(message.quote),
        decimal(message.quantity),
        decimal(message.rate),
        decimal(message.cost),
        _moment(message.opened_at_us),
        message.trigger,
        message.is_held,
        _percent(message.take_profit),
        _percent(message.stop_loss),
        _percent(message.trailing_arm),
        _percent(message.trailing),
        message.buy_id or None,
    )


def _percent(told: str) -> Decimal | None:
    return decimal(told) if told else None


def _text(number: Decimal | None) -> str:
    return "" if number is None else str(number)


def account_to_wire(account: Account) -> bytes:
    return pb.Account(
        hopper_id=account.hopper,
        at_us=to_us(account.at),
        assets=list(account.quantities),
        quantities=[str(quantity) for quantity in account.quantities.values()],
        positions=[position_to_message(position) for position in account.positions],
    ).SerializeToString()


def account_from_wire(payload: bytes) -> Account:
    """The account; raises Invalid."""
    try:
        message = pb.Account.FromString(payload)
    except DecodeError:
        raise Invalid("not an Account message") from None
    if len(message.assets) != len(message.quantities):
        raise Invalid("an account whose columns differ in length")
    return Account(
        HopperId(message.hopper_id),
        _must(message.at_us),
        {Asset(asset): decimal(quantity) for asset, quantity in zip(message.assets, message.quantities, strict=True)},
        tuple(map(position_from_message, message.positions)),
    )


def settled_part(account: Account, base: Asset, assets: Sequence[Asset], flow: FlowCandidate | None = None) -> bytes:
    """The part of a live portfolio that changes only with a poll; holdings in the order of ``assets``."""
    return pb.Portfolio(
        flow=None if flow is None else flow_to_message(flow),
        hopper_id=account.hopper,
        base_currency=base,
        assets_at_us=to_us(account.at),
        assets=assets,
        quantities=[str(account.quantities[asset]) for asset in assets],
        positions=[position_to_message(position) for position in account.positions],
    ).SerializeToString()


def portfolio_from_wire(payload: bytes) -> Portfolio:
    """The live portfolio; raises Invalid."""
    try:
        message = pb.Portfolio.FromString(payload)
    except DecodeError:
        raise Invalid("not a Portfolio message") from None
    if not len(message.assets) == len(message.quantities) == len(message.prices):
        raise Invalid("a portfolio whose columns differ in length")
    return Portfolio(
        HopperId(message.hopper_id),
        _must(message.at_us),
        Asset(message.base_currency),
        candle_from_message(message.candle),
        message.volume,
        message.is_fresh,
        _moment(message.prices_at_us),
        _must(message.assets_at_us),
        tuple(
            Holding(Asset(asset), decimal(quantity), None if math.isnan(price) else price)
            for asset, quantity, price in zip(message.assets, message.quantities, message.prices, strict=True)
        ),
        tuple(map(position_from_message, message.positions)),
        flow_from_message(message.flow) if message.HasField("flow") else None,
        _moment(message.newest_price_at_us),
    )


def flow_to_message(flow: FlowCandidate) -> pb.FlowCandidate:
    return pb.FlowCandidate(
        hopper_id=flow.hopper,
        at_us=to_us(flow.at),
        asset=flow.asset,
        quantity=str(flow.quantity),
        price=flow.price,
        value_before=flow.value_before,
        fence=flow.fence,
    )


def flow_to_wire(flow: FlowCandidate) -> bytes:
    return flow_to_message(flow).SerializeToString()


def flow_from_wire(payload: bytes) -> FlowCandidate:
    """The flow candidate; raises Invalid."""
    try:
        return flow_from_message(pb.FlowCandidate.FromString(payload))
    except DecodeError:
        raise Invalid("not a FlowCandidate message") from None
    except OverflowError:
        raise Invalid("a flow of no possible time") from None


def flow_from_message(message: pb.FlowCandidate) -> FlowCandidate:
    """The flow candidate; raises Invalid."""
    return FlowCandidate(
        HopperId(message.hopper_id),
        _must(message.at_us),
        Asset(message.asset),
        decimal(message.quantity),
        message.price,
        message.value_before,
        message.fence,
    )


def _must(microseconds: int) -> datetime:
    """The moment; raises Invalid."""
    try:
        return from_us(microseconds)
    except OverflowError:
        raise Invalid("a message of no possible time") from None


def _moment(microseconds: int) -> datetime | None:
    return _must(microseconds) if microseconds else None
