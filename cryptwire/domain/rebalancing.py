"""What a hopper's balance lacks, or has too much of, beside targets that its user set. Advice: nothing acts by it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from enum import Enum

from cryptwire.domain.coin_profit import EXACT
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.market_weights import total_of
from cryptwire.errors import Invalid

MOST_TARGETS = 50
_ONE = Decimal(1)
_QUOTIENT = Context(prec=28)
_ESTIMATE = Context(prec=10)
_MOST_DIGITS = 12


class Advice(Enum):
    """``LEAVE``: it has no target, or no price. ``KEEP``: it is at its target, or too near for a trade."""

    BUY = "buy"
    SELL = "sell"
    KEEP = "keep"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class TargetSet:
    """Shares of a hopper's value that its user wants, the largest first."""

    hopper: HopperId
    weights: Mapping[Asset, Decimal]
    set_at: datetime


def checked(targets: Sequence[tuple[Asset, Decimal]]) -> dict[Asset, Decimal]:
    """Shares of the whole value by coin; raises Invalid for what contradicts itself."""
    if not 1 <= len(targets) <= MOST_TARGETS:
        raise Invalid(f"a hopper has 1 to {MOST_TARGETS} targets, not {len(targets)}; clearTargets removes them")
    found: dict[Asset, Decimal] = {}
    for asset, weight in targets:
        if asset in found:
            raise Invalid(f"{asset} is named twice")
        if not 0 < weight <= 1:
            raise Invalid(f"the target of {asset} is a share above 0 and at most 1, such as 0.25, not {weight:f}")
        exponent = weight.normalize().as_tuple().exponent
        if isinstance(exponent, int) and exponent < -_MOST_DIGITS:
            raise Invalid(f"the target of {asset} has more than {_MOST_DIGITS} digits after the point")
        found[asset] = weight
    if (total := total_of(found.values())) > 1:
        raise Invalid(f"targets add up to {total:f}; they are shares of the whole, 1 at most")
    return found


@dataclass(frozen=True, slots=True)
class Move:
    """One asset beside its target; weights are shares of the value. ``amount`` (below 0: to be sold) and ``fee`` in one
    currency, ``quantity`` in units. None: there is no target, no price, or nobody knows the fee.
    """

    asset: Asset
    weight: Decimal | None
    target: Decimal | None
    advice: Advice
    amount: Decimal | None
    quantity: Decimal | None
    fee: Decimal | None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Rebalancing:
    """``moves``: the largest amounts first. ``base_after`` is what is left of the base currency after all of them and
    their fees, in the same currency as the amounts; below 0 there is not enough of it.
    """

    moves: Sequence[Move]
    value: Decimal
    bought: Decimal
    sold: Decimal
    fees: Decimal | None
    base_after: Decimal
    is_whole: bool

    @property
    def trades(self) -> int:
        """How many trades are advised."""
        return sum(one.advice in (Advice.BUY, Advice.SELL) for one in self.moves)


def rebalancing(
    quantities: Mapping[Asset, Decimal],
    prices: Mapping[Asset, Decimal],
    base: Asset,
    targets: Mapping[Asset, Decimal],
    fee_rate: Decimal | None,
    least: Decimal,
) -> Rebalancing:
    """What brings a balance to its targets. ``prices`` in one currency; ``least``: amounts below are not traded.

    Targets are shares of what is priced. Coins are bought with the base currency and sold for it. A coin without a
    target is left alone, unless targets add up to 1: then nothing is left for it, and its target is 0. The base
    currency is not traded itself: what is left of it follows from the rest.
    """
    values = {
        asset: EXACT.multiply(quantity, prices[asset]) for asset, quantity in quantities.items() if asset in prices
    }
    value = total_of(values.values())
    is_whole = total_of(targets.values()) == _ONE
    assets = sorted(quantities.keys() | targets.keys())
    moves = []
    for asset in assets:
        target = targets.get(asset, Decimal(0) if is_whole else None)
        moves.append(_move(asset, values, value, prices.get(asset), base, target, fee_rate, least))
    moves.sort(key=lambda one: (-abs(one.amount or Decimal(0)), one.asset))
    traded = [one for one in moves if one.advice in (Advice.BUY, Advice.SELL)]
    bought = total_of(one.amount for one in traded if one.amount is not None and one.amount > 0)
    sold = total_of(one.amount for one in traded if one.amount is not None and one.amount < 0).copy_negate()
    fees = None
    if fee_rate is not None:
        fees = total_of(one.fee for one in traded if one.fee is not None)
    change = EXACT.subtract(sold, EXACT.add(bought, fees or Decimal(0)))
    base_after = EXACT.add(values.get(base, Decimal(0)), change)
    return Rebalancing(moves, value, bought, sold, fees, base_after, is_whole)


def _move(
    asset: Asset,
    values: Mapping[Asset, Decimal],
    value: Decimal,
    price: Decimal | None,
    base: Asset,
    target: Decimal | None,
    fee_rate: Decimal | None,
    least: Decimal,
) -> Move:
    held = values.get(asset, Decimal(0) if price is not None else None)
    weight = None if held is None or not value else _QUOTIENT.divide(held, value)
    if price is None or weight is None or held is None:
        said = "nobody tells its price here" if price is None else "nothing that has a price is held"
        return Move(asset, None, target, Advice.LEAVE, None, None, None, said)
    if target is None:
        return Move(asset, weight, None, Advice.LEAVE, None, None, None)
    amount = EXACT.subtract(EXACT.multiply(target, value), held)
    quantity = _QUOTIENT.divide(amount, price)
    if asset == base or abs(amount) < least or not amount:
        near = "what the other trades leave" if asset == base else "too little for a trade"
        return Move(asset, weight, target, Advice.KEEP, amount, quantity, None, near if amount else None)
    fee = None if fee_rate is None else _ESTIMATE.multiply(abs(amount), fee_rate)
    return Move(asset, weight, target, Advice.BUY if amount > 0 else Advice.SELL, amount, quantity, fee)
