"""What a position cost, what it is worth, what closing it now would bring, and how far its limits are.

Money in the position's quote. What it would bring: quantity × bid × (1 − fee) − cost; of a short what its sale brought
− quantity × ask × (1 + fee) (shared reference: performance-metrics 5). Coins without a pair of their own are priced
through BTC or a stablecoin, as everywhere (``route``). Quotients have 28 digits.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal, localcontext
from enum import Enum
from typing import NamedTuple

from cryptwire.domain.account import Position, PositionKind
from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.lots import EXACT, NOTHING, Lot
from cryptwire.domain.result import Ledger
from cryptwire.domain.route import STEPPING_STONES, Route, route
from cryptwire.domain.ticker import Pair, Ticker
from cryptwire.domain.trade import TradeId

_QUOTIENT = Context(prec=28)
_ONE, _PERCENT = Decimal(1), Decimal(100)
_NEARLY = Decimal("1.01")
"""A position may be told with the fee that was paid in its coin: so much more than trades know is the same."""


class PriceSource(Enum):
    """At what a position would be closed: the best offers, or the last prices where an offer is not told."""

    OFFER = "offer"
    LAST = "last"


class CostSource(Enum):
    """Who tells a cost: the trades, with their fees, or Cryptohopper, without."""

    TRADES = "trades"
    CRYPTOHOPPER = "cryptohopper"


class Quoted(NamedTuple):
    """Prices of one base in a quote. ``at``: when the oldest of them was received; None when none was needed."""

    last: Decimal
    sells: Decimal
    buys: Decimal
    source: PriceSource
    at: datetime | None
    is_routed: bool


class FeeRate(NamedTuple):
    """What a hopper pays: the ``fees`` of its last ``trades``, and what these were worth, both in their quotes."""

    fees: Decimal
    totals: Decimal
    trades: int

    @property
    def rate(self) -> Decimal:
        """A fraction."""
        return _QUOTIENT.divide(self.fees, self.totals)


class Cost(NamedTuple):
    """What a position cost, or what the sale of a short brought; ``lot``: what is left of the buy that opened it."""

    amount: Decimal
    source: CostSource
    lot: Lot | None = None


@dataclass(frozen=True, slots=True)
class Valued:
    """``value`` at the last price; ``unrealised`` that less the cost; ``profit`` of closing it now, with the fee of
    that. None: it has no price, or nobody knows the fee.
    """

    cost: Decimal
    value: Decimal | None
    unrealised: Decimal | None
    profit: Decimal | None

    @property
    def share(self) -> float | None:
        """``profit`` as a fraction of the cost."""
        return None if self.profit is None or self.cost <= 0 else float(self.profit / self.cost)


class Limit(NamedTuple):
    """A price at which something happens: ``percent`` as it is set, ``distance`` how far the last price is from it, as
    a fraction of the last price: it must fall so far, or rise when it is below 0; None without a price.
    """

    percent: Decimal
    price: Decimal
    distance: float | None


@dataclass(frozen=True, slots=True)
class Limits:
    """Of an open position; None: off, or not told.

    ``is_armed``: whether the last price is at or above the arm. The trailing ``stop`` of one that is armed is where it
    would be if the last price were the peak: Cryptohopper does not tell the peak, so it is there or higher.
    """

    stop_loss: Limit | None = None
    take_profit: Limit | None = None
    arm: Limit | None = None
    is_armed: bool | None = None
    stop: Limit | None = None


def candidates(exchange: Exchange, base: Asset, quote: Asset) -> set[Pair]:
    """Every pair that may serve to price ``base`` in ``quote``."""
    stones = [stone for stone in STEPPING_STONES if stone not in (base, quote)]
    ways = [(base, quote), *((base, stone) for stone in stones), *((stone, quote) for stone in stones)]
    return {Pair(exchange, *sides) for one, two in ways if one != two for sides in ((one, two), (two, one))}


def quoted(exchange: Exchange, base: Asset, quote: Asset, tickers: Mapping[Pair, Ticker]) -> Quoted | None:
    """What ``base`` costs in ``quote``; None when it cannot be priced."""
    way = route(exchange, base, quote, tickers)
    last = None if way is None else _along(way, tickers, lambda ticker, _: ticker.last)
    if way is None or last is None:
        return None
    sells = _along(way, tickers, lambda ticker, is_inverse: ticker.ask if is_inverse else ticker.bid)
    buys = _along(way, tickers, lambda ticker, is_inverse: ticker.bid if is_inverse else ticker.ask)
    at = min((tickers[leg.pair].received_at for leg in way), default=None)
    if sells is None or buys is None:
        return Quoted(last, last, last, PriceSource.LAST, at, len(way) > 1)
    return Quoted(last, sells, buys, PriceSource.OFFER, at, len(way) > 1)


def _along(
    way: Route, tickers: Mapping[Pair, Ticker], price_of: Callable[[Ticker, bool], float | None]
) -> Decimal | None:
    price = _ONE
    for leg in way:
        told = price_of(tickers[leg.pair], leg.is_inverse)
        if told is None or not (math.isfinite(told) and told > 0):
            return None
        one = Decimal(repr(told))
        price = _QUOTIENT.divide(price, one) if leg.is_inverse else EXACT.multiply(price, one)
    return price


def cost_of(position: Position, kind: PositionKind, ledger: Ledger, *, is_only: bool) -> Cost:
    """Average cost with the fees of buying, by what the trades have left; else as Cryptohopper tells.

    The trades are believed where it is plain which of them make the position: the lot that it names is as large, or it
    ``is_only`` one of its coin and there are as many coins.
    """
    pools = ledger.pools.get(position.base, []) if kind is PositionKind.OPEN else []
    for pool in pools:
        lot = pool.lots.get(TradeId(position.buy_id or ""))
        if lot is None or pool.pair.quote != position.quote:
            continue
        with localcontext(EXACT):
            now = pool.now(lot)
            if now.quantity > 0 and position.quantity <= now.quantity * _NEARLY:
                return Cost(_share(now.cost, position.quantity, now.quantity), CostSource.TRADES, lot)
            if is_only and pool.quantity > 0 and position.quantity <= pool.quantity * _NEARLY:
                return Cost(_share(pool.cost, position.quantity, pool.quantity), CostSource.TRADES, lot)
        return Cost(position.cost, CostSource.CRYPTOHOPPER, lot)
    return Cost(position.cost, CostSource.CRYPTOHOPPER)


def _share(cost: Decimal, quantity: Decimal, whole: Decimal) -> Decimal:
    """What a part of a lot cost; a little more than all of it is all."""
    return cost if quantity >= whole else _QUOTIENT.divide(cost * quantity, whole)


def valued(position: Position, kind: PositionKind, cost: Decimal, price: Quoted | None, fee: Decimal | None) -> Valued:
    """What a position is worth at ``price``; ``fee`` a fraction of what is traded, None: nobody knows."""
    if price is None:
        return Valued(cost, None, None, None)
    with localcontext(EXACT):
        value, is_short = position.quantity * price.last, kind is PositionKind.SHORT
        profit = None
        if fee is not None and is_short:
            profit = cost - position.quantity * price.buys * (_ONE + fee)
        elif fee is not None:
            profit = position.quantity * price.sells * (_ONE - fee) - cost
        return Valued(cost, value, cost - value if is_short else value - cost, profit)


def limits_of(position: Position, price: Decimal | None) -> Limits:
    """How far the limits of an open position are from ``price``, the last one."""
    if position.rate <= NOTHING:
        return Limits()

    def limit(percent: Decimal | None, base: Decimal, sign: int) -> Limit | None:
        if percent is None:
            return None
        with localcontext(EXACT):
            level = base * (_PERCENT + sign * percent) / _PERCENT
        return Limit(percent, level, None if price is None else float(1 - level / price))

    arm = limit(position.trailing_arm, position.rate, 1)
    is_armed = None if arm is None or price is None or position.trailing is None else price >= arm.price
    return Limits(
        limit(position.stop_loss, position.rate, -1),
        limit(position.take_profit, position.rate, 1),
        arm,
        is_armed,
        limit(position.trailing, price, -1) if is_armed and price is not None else None,
    )
