"""Results: sells matched to the average cost, fees in, of what they close (shared reference: performance-metrics 3, 7).

A buy opens a lot, under its trade's id. A sell closes the lot that its ``buy_id`` names, and of what that lot lacks the
hopper's average: the same share of every lot of the coin. Partial sells are results; buys that were merged (DCA) are
lots that later sells name or average over; a part of a lot costs its share, so costs add up to the last digit. A sell
of more than is known of opens a short, which a buy whose ``buy_id`` names that sell closes; until then its cost is
unknown.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId

Prices = Callable[[Exchange, Asset, Asset, datetime], Decimal | None]
"""Units of the second asset that one of the first was worth at a moment; None when nobody knows."""

NOTHING = Decimal(0)
_CRUMB = Decimal("0.001")
"""What a sell may lack, as a share of it, and still be taken to close all it names: exchanges round."""


@dataclass(slots=True)
class Lot:
    """What is left of a buy: ``quantity`` of the base cost ``cost`` of the quote, of which ``fees`` were fees.

    Of a short: ``quantity`` is owed, and ``cost`` is what its sale brought.
    """

    id: TradeId
    pair: Pair
    at: datetime
    quantity: Decimal
    cost: Decimal
    fees: Decimal

    def take(self, quantity: Decimal) -> tuple[Decimal, Decimal]:
        """Cost and fees of a part, which is no longer the lot's; all of the rest when ``quantity`` is."""
        cost, fees = self.cost, self.fees
        if quantity < self.quantity:
            cost, fees = cost * quantity / self.quantity, fees * quantity / self.quantity
        self.quantity -= min(quantity, self.quantity)
        self.cost -= cost
        self.fees -= fees
        return cost, fees


@dataclass(frozen=True, slots=True)
class Result:
    """What a trade closed: ``quantity`` of the base; money in the pair's quote, ``proceeds`` and ``cost`` with fees.

    ``fees`` of both sides, as far as they could be converted. ``cost`` is None when nothing is known of what was sold;
    then there is no ``net``. ``opened_at`` is the mean of the buys' times, by quantity.
    """

    trade: TradeId
    at: datetime
    pair: Pair
    quantity: Decimal
    proceeds: Decimal
    cost: Decimal | None
    fees: Decimal
    opened_at: datetime | None
    is_short: bool = False

    @property
    def net(self) -> Decimal | None:
        """Profit, fees out, in the quote."""
        return None if self.cost is None else self.proceeds - self.cost


@dataclass(slots=True)
class Ledger:
    """What a hopper's trades have left: lots and shorts, oldest first."""

    lots: dict[TradeId, Lot] = field(default_factory=dict)
    shorts: dict[TradeId, Lot] = field(default_factory=dict)

    def add(self, trade: Trade, prices: Prices) -> tuple[Result | None, Decimal, dict[Asset, Decimal]]:
        """The result of the next trade, if it closed anything; its fee in its quote; and the fee that is told in its
        own coin, since nobody knows what it was worth.
        """
        fee, other = _fee(trade, prices)
        if trade.side is Side.BUY:
            return self._buy(trade, fee), fee, other
        return self._sell(trade, fee, prices), fee, other

    def _buy(self, trade: Trade, fee: Decimal) -> Result | None:
        got = trade.quantity - (trade.fee if trade.fee_currency == trade.pair.base else NOTHING)
        paid = trade.total + (fee if trade.fee_currency != trade.pair.base else NOTHING)
        short = self.shorts.get(TradeId(trade.buy_id)) if trade.buy_id else None
        result = None
        if short is not None and got > 0:
            closed = min(got, short.quantity)
            opened_at, (brought, fees) = short.at, short.take(closed)
            cost, own = paid * closed / got, fee * closed / got
            result = Result(trade.id, trade.at, trade.pair, closed, brought, cost, fees + own, opened_at, is_short=True)
            if not short.quantity:
                del self.shorts[short.id]
            got, paid, fee = got - closed, paid - cost, fee - own
        if got > 0:
            self.lots[trade.id] = Lot(trade.id, trade.pair, trade.at, got, paid, fee)
        return result

    def _sell(self, trade: Trade, fee: Decimal, prices: Prices) -> Result | None:
        gone = trade.quantity + (trade.fee if trade.fee_currency == trade.pair.base else NOTHING)
        brought = trade.total - (fee if trade.fee_currency != trade.pair.base else NOTHING)
        parts = self._taken(trade, gone)
        known = sum((part.quantity for part, _, _ in parts), NOTHING)
        if gone <= 0:
            return None
        lacks = gone - known
        if lacks > gone * _CRUMB:
            short = brought * lacks / gone, fee * lacks / gone
            self.shorts[trade.id] = Lot(trade.id, trade.pair, trade.at, lacks, *short)
            if not known:
                return Result(trade.id, trade.at, trade.pair, gone, brought, None, fee, None)
            brought, fee = brought - short[0], fee - short[1]
        cost: Decimal | None = NOTHING
        fees = fee
        for lot, paid, paid_fees in parts:
            rate = _rate(lot.pair, trade.pair.quote, lot.at, prices)
            cost = None if cost is None or rate is None else cost + paid * rate
            fees += paid_fees * (rate or NOTHING)
        return Result(trade.id, trade.at, trade.pair, known, brought, cost, fees, _mean(parts))

    def _taken(self, trade: Trade, quantity: Decimal) -> list[tuple[Lot, Decimal, Decimal]]:
        """What a sell closes: as lots of the part that was taken, with its cost and fees."""
        taken: list[tuple[Lot, Decimal, Decimal]] = []

        def take(lot: Lot, part: Decimal) -> None:
            cost, fees = lot.take(part)
            taken.append((Lot(lot.id, lot.pair, lot.at, part, cost, fees), cost, fees))
            if not lot.quantity:
                del self.lots[lot.id]

        named = self.lots.get(TradeId(trade.buy_id)) if trade.buy_id else None
        if named is not None and named.pair.base == trade.pair.base:
            part = min(quantity, named.quantity)
            take(named, part)
            quantity -= part
        others = [lot for lot in self.lots.values() if lot.pair.base == trade.pair.base]
        held = sum((lot.quantity for lot in others), NOTHING)
        if quantity > 0 and held > 0 and (not taken or quantity > trade.quantity * _CRUMB):
            share = min(Decimal(1), quantity / held)
            for lot in others:
                take(lot, lot.quantity * share)
        return taken

    def as_json(self) -> dict[str, Any]:
        """For keeping; ``ledger_of`` makes the same of it."""
        return {name: [_lot_json(lot) for lot in lots.values()] for name, lots in self._both().items()}

    def _both(self) -> dict[str, dict[TradeId, Lot]]:
        return {"lots": self.lots, "shorts": self.shorts}


def ledger_of(kept: Mapping[str, Any]) -> Ledger:
    """The ledger that ``as_json`` kept."""
    lots, shorts = ({lot.id: lot for lot in map(_lot_of, kept.get(name, ()))} for name in ("lots", "shorts"))
    return Ledger(lots, shorts)


def results(trades: Iterable[Trade], prices: Prices) -> list[Result]:
    """Of all of a hopper's trades, oldest first."""
    ledger = Ledger()
    return [result for trade in trades if (result := ledger.add(trade, prices)[0]) is not None]


def _fee(trade: Trade, prices: Prices) -> tuple[Decimal, dict[Asset, Decimal]]:
    """A trade's fee in its quote, and what of it nobody could convert."""
    if not trade.fee or trade.fee_currency == trade.pair.quote:
        return trade.fee, {}
    if trade.fee_currency == trade.pair.base:
        return trade.fee * trade.rate, {}
    price = prices(trade.pair.exchange, trade.fee_currency, trade.pair.quote, trade.at)
    return (NOTHING, {trade.fee_currency: trade.fee}) if price is None else (trade.fee * price, {})


def _rate(pair: Pair, into: Asset, at: datetime, prices: Prices) -> Decimal | None:
    return Decimal(1) if pair.quote == into else prices(pair.exchange, pair.quote, into, at)


def _mean(parts: list[tuple[Lot, Decimal, Decimal]]) -> datetime | None:
    """The mean of the lots' times by quantity."""
    if not parts:
        return None
    first = min(lot.at for lot, _, _ in parts)
    total = sum((lot.quantity for lot, _, _ in parts), NOTHING)
    if not total:
        return first
    return first + sum(((lot.at - first) * float(lot.quantity / total) for lot, _, _ in parts), start=first - first)


def _lot_json(lot: Lot) -> list[str]:
    return [lot.id, *lot.pair, lot.at.isoformat(), str(lot.quantity), str(lot.cost), str(lot.fees)]


def _lot_of(kept: list[str]) -> Lot:
    name, exchange, base, quote, at, quantity, cost, fees = kept
    return Lot(
        TradeId(name),
        Pair(Exchange(exchange), Asset(base), Asset(quote)),
        datetime.fromisoformat(at),
        Decimal(quantity),
        Decimal(cost),
        Decimal(fees),
    )
