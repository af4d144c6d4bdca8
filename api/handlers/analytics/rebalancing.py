"""What the hoppers of a scope would have to buy and sell to match the targets that their user set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from api.handlers.analytics.holdings import Held, holdings
from api.handlers.analytics.reading import Reading
from cryptwire.domain.coin_profit import EXACT
from cryptwire.domain.currencies import DOLLAR
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.open_position import FeeRate, candidates, quoted
from cryptwire.domain.rebalancing import Rebalancing, TargetSet, rebalancing
from cryptwire.domain.ticker import Pair, Ticker
from cryptwire.errors import Invalid

_LEAST_DOLLARS = Decimal(10)
"""What most exchanges take as a trade, about."""


@dataclass(frozen=True, slots=True)
class HopperRebalancing:
    """Of one hopper; ``prices`` in the currency of the scope; ``fee``: what its last trades paid, None: not known."""

    held: Held
    targets: TargetSet
    prices: Mapping[Asset, Decimal]
    fee: FeeRate | None
    found: Rebalancing


@dataclass(frozen=True, slots=True)
class Rebalancings:
    """Of the hoppers that have targets; ``least`` in the currency of the scope, amounts below it are not traded."""

    hoppers: Sequence[HopperRebalancing]
    least: Decimal
    without_targets: Sequence[HopperId]
    left_out: Sequence[HopperId]
    notes: Sequence[str]


async def rebalancings(reading: Reading, least: Decimal | None) -> Rebalancings:
    """As newly as balances are known, at the exchanges' last prices for coins that are not held.

    Without ``least`` it is what ten US dollars are. Raises Unavailable, and Invalid, also for a ``least`` while amounts
    are masked: what is traded above it and left below it would tell them to who asks again and again.
    """
    scope, sources = reading.scope, reading.sources
    if least is not None and scope.is_masked:
        raise Invalid("amounts are masked: leave least out, or ask with masked: false")
    if least is not None and least < 0:
        raise Invalid("the least amount of a trade is 0 or more")
    targets = await sources.targets.of(scope.user, scope.ids)
    notes: set[str] = set()
    if least is None:
        told = await sources.conversions.between(DOLLAR, scope.currency, scope.now, scope.now)
        rate = told.exactly(scope.now)
        least = Decimal(0) if rate is None else EXACT.multiply(_LEAST_DOLLARS, rate)
        if rate is None:
            notes.add(f"nobody tells what {scope.currency} is worth, so no trade is too small")
    without = [id for id in scope.ids if id not in targets]
    if not targets:
        return Rebalancings([], least, without, [], sorted(notes))
    known = await holdings(reading)
    wanted = [one for one in known.hoppers if one.hopper.id in targets]
    tickers = await sources.last_prices.of_many(_pairs(wanted, targets))
    fees = await sources.open_lots.fee_rates([one.hopper.id for one in wanted])
    found = []
    for one in wanted:
        id = one.hopper.id
        prices, fee = _prices(one, targets[id], tickers), fees.get(id)
        weights = targets[id].weights
        moves = rebalancing(one.quantities, prices, one.base, weights, None if fee is None else fee.rate, least)
        found.append(HopperRebalancing(one, targets[id], prices, fee, moves))
    left_out = [id for id in known.left_out if id in targets]
    return Rebalancings(found, least, without, left_out, sorted(notes | set(known.notes)))


def _lacking(held: Held, targets: TargetSet) -> list[Asset]:
    """Coins with a target of which the balance tells no price."""
    return [asset for asset in targets.weights if asset not in held.prices]


def _pairs(wanted: Sequence[Held], targets: Mapping[HopperId, TargetSet]) -> set[Pair]:
    return {
        pair
        for one in wanted
        for asset in _lacking(one, targets[one.hopper.id])
        for pair in candidates(one.hopper.exchange, asset, one.base)
    }


def _prices(held: Held, targets: TargetSet, tickers: Mapping[Pair, Ticker]) -> dict[Asset, Decimal]:
    """In the currency of the scope: those that the balance was valued at, and the last ones of what is not held."""
    found = {asset: price for asset in held.prices if (price := held.price(asset)) is not None}
    for asset in _lacking(held, targets):
        told = quoted(held.hopper.exchange, asset, held.base, tickers)
        if told is not None and held.rate is not None:
            found[asset] = EXACT.multiply(told.last, held.rate)
    return found
