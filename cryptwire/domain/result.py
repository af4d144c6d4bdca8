"""Results: sells matched to the average cost, fees in, of what they close (shared reference: performance-metrics 3, 7).

A buy opens a lot, under its trade's id. A sell closes the lot that its ``buy_id`` names, and of what that lot lacks the
hopper's average: the same share of every lot of the coin. Partial sells are results; buys that were merged (DCA) are
lots that later sells name or average over; a part of a lot costs its share, so costs add up to the last digit. A sell
of more than is known of opens a short, which a buy whose ``buy_id`` names that sell closes; until then its cost is
unknown. What is divided or converted is rounded to 18 decimals.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any

from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.lots import CRUMB, EXACT, NOTHING, Lot, Pool, Taken, grained, lot_of, mean_of, name_of, pool_of
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId

Prices = Callable[[Exchange, Asset, Asset, datetime], Decimal | None]
"""Units of the second asset that one of the first was worth at a moment; None when nobody knows."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a trade closed: ``quantity`` of the base; money in the pair's quote, ``proceeds`` and ``cost`` with fees.

    ``fees`` of both sides, as far as they could be converted. ``cost`` is None when nothing is known of what was sold;
    then there is no ``net``. ``opened_at`` is the mean of the buys' times, by quantity. ``buy_trigger`` and
    ``buy_strategy`` are those of what was closed (of a short: of its sale): ``several`` when more than a crumb of it
    differs, None when they are not known.
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
    buy_trigger: str | None = None
    buy_strategy: str | None = None

    @property
    def net(self) -> Decimal | None:
        """Profit, fees out, in the quote."""
        return None if self.cost is None else EXACT.subtract(self.proceeds, self.cost)


@dataclass(slots=True)
class Ledger:
    """What a hopper's trades have left: by coin the lots of each pair, and shorts, oldest first."""

    pools: dict[Asset, list[Pool]] = field(default_factory=dict)
    shorts: dict[TradeId, Lot] = field(default_factory=dict)

    @property
    def lots(self) -> list[Lot]:
        """How all lots stand, those of one pair oldest first."""
        with localcontext(EXACT):
            return [lot for pools in self.pools.values() for pool in pools for lot in pool.standing()]

    def add(
        self, trade: Trade, prices: Prices, known_fee: Decimal | None = None
    ) -> tuple[Result | None, Decimal, dict[Asset, Decimal]]:
        """The result of the next trade, if it closed anything; its fee in its quote; and the fee that is told in its
        own coin, since nobody knows what it was worth.

        ``known_fee``: what was found before that a fee in a third coin was worth in the quote.
        """
        with localcontext(EXACT):
            fee, other = _fee(trade, prices, known_fee)
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
            brought, fees = short.take(closed)
            cost, own = (amount if closed == got else grained(amount * closed / got) for amount in (paid, fee))
            names = short.trigger, short.strategy
            result = _result(trade, closed, brought, cost, fees + own, short.at, names, is_short=True)
            if not short.quantity:
                del self.shorts[short.id]
            got, paid, fee = got - closed, paid - cost, fee - own
        if got > 0:
            self._pool(trade.pair).add(
                Lot(trade.id, trade.pair, trade.at, got, paid, fee, trade.trigger, trade.strategy)
            )
        return result

    def _sell(self, trade: Trade, fee: Decimal, prices: Prices) -> Result | None:
        gone = trade.quantity + (trade.fee if trade.fee_currency == trade.pair.base else NOTHING)
        brought = trade.total - (fee if trade.fee_currency != trade.pair.base else NOTHING)
        if gone <= 0:
            return None
        parts = self._taken(trade, gone)
        known = sum((part.quantity for part in parts), NOTHING)
        lacks = gone - known
        if lacks > gone * CRUMB:
            short, own = (amount if not known else grained(amount * lacks / gone) for amount in (brought, fee))
            self.shorts[trade.id] = Lot(
                trade.id, trade.pair, trade.at, lacks, short, own, trade.trigger, trade.strategy
            )
            if not known:
                return _result(trade, gone, brought, None, fee)
            brought, fee = brought - short, fee - own
        cost: Decimal | None = NOTHING
        for part in parts:
            paid, paid_fees = _converted(part, trade.pair.quote, prices)
            cost = None if cost is None or paid is None else cost + paid
            fee += paid_fees
        names = name_of(part.triggers for part in parts), name_of(part.strategies for part in parts)
        return _result(trade, known, brought, cost, fee, mean_of(parts), names)

    def _taken(self, trade: Trade, quantity: Decimal) -> list[Taken]:
        """What a sell closes: the lot that it names, and of all lots of the coin what that lacks."""
        pools = self.pools.get(trade.pair.base, [])
        taken: list[Taken] = []
        named = TradeId(trade.buy_id or "")
        for pool in pools:
            lot = pool.lots.get(named)
            part = pool.take_of(lot, quantity) if lot is not None else None
            if part is not None:
                taken.append(part)
                quantity -= part.quantity
        if quantity > 0 and (not taken or quantity > trade.quantity * CRUMB):
            taken += _shares([pool for pool in pools if pool.lots], quantity, trade.pair.quote)
        if any(not pool.lots for pool in pools):
            self.pools[trade.pair.base] = [pool for pool in pools if pool.lots]
        return taken

    def _pool(self, pair: Pair) -> Pool:
        """That of a pair; a new one when it has no lots."""
        pools = self.pools.setdefault(pair.base, [])
        found = next((pool for pool in pools if pool.pair == pair), None)
        if found is None:
            found = Pool(pair)
            pools.append(found)
        return found

    def as_json(self) -> dict[str, Any]:
        """For keeping; ``ledger_of`` makes the same of it, to the last digit."""
        pools = [pool for of_coin in self.pools.values() for pool in of_coin]
        return {
            "lots": [lot.as_json() for pool in pools for lot in pool.lots.values()],
            "shorts": [lot.as_json() for lot in self.shorts.values()],
            "pools": [pool.as_json() for pool in pools],
        }


def ledger_of(kept: Mapping[str, Any]) -> Ledger:
    """The ledger that ``as_json`` kept, also before lots knew what had opened them and were in pools."""
    ledger = Ledger()
    ledger.shorts = {lot.id: lot for lot in map(lot_of, kept.get("shorts", ()))}
    for sums in kept.get("pools", ()):
        pool = pool_of(sums)
        ledger.pools.setdefault(pool.pair.base, []).append(pool)
    with localcontext(EXACT):
        for lot in map(lot_of, kept.get("lots", ())):
            if "pools" in kept:
                ledger._pool(lot.pair).lots[lot.id] = lot
            else:
                ledger._pool(lot.pair).add(lot)
    return ledger


def _result(
    trade: Trade,
    quantity: Decimal,
    proceeds: Decimal,
    cost: Decimal | None,
    fees: Decimal,
    opened_at: datetime | None = None,
    names: tuple[str | None, str | None] = (None, None),
    *,
    is_short: bool = False,
) -> Result:
    return Result(trade.id, trade.at, trade.pair, quantity, proceeds, cost, fees, opened_at, is_short, *names)


def _shares(pools: list[Pool], quantity: Decimal, quote: Asset) -> list[Taken]:
    """``quantity`` of all pools together, of each the same share; all when there is no more."""
    held = sum((pool.quantity for pool in pools), NOTHING)
    left = min(quantity, held)
    taken = []
    for number, pool in enumerate(pools, 1):
        part = left if number == len(pools) else min(left, grained(pool.quantity * quantity / held))
        if quantity >= held:
            part = pool.quantity
        if part > 0:
            taken.append(pool.take_share(part, with_sources=pool.pair.quote != quote))
            left -= taken[-1].quantity
    return taken


def _converted(part: Taken, into: Asset, prices: Prices) -> tuple[Decimal | None, Decimal]:
    """Cost and fees in ``into``, each buy's at its time; the cost is None when that is not known of one of them."""
    if part.pair.quote == into:
        return part.cost, part.fees
    cost: Decimal | None = NOTHING
    fees = NOTHING
    for at, paid, paid_fees in part.sources:
        rate = prices(part.pair.exchange, part.pair.quote, into, at)
        cost = None if cost is None or rate is None else cost + paid * rate
        fees += paid_fees * (rate or NOTHING)
    return None if cost is None else grained(cost), grained(fees)


def _fee(trade: Trade, prices: Prices, known: Decimal | None) -> tuple[Decimal, dict[Asset, Decimal]]:
    """A trade's fee in its quote, and what of it nobody could convert."""
    if not trade.fee or trade.fee_currency == trade.pair.quote:
        return trade.fee, {}
    if trade.fee_currency == trade.pair.base:
        return trade.fee * trade.rate, {}
    if known is not None:
        return known, {}
    price = prices(trade.pair.exchange, trade.fee_currency, trade.pair.quote, trade.at)
    return (NOTHING, {trade.fee_currency: trade.fee}) if price is None else (grained(trade.fee * price), {})
