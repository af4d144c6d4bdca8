"""How what a scope holds is spread over the market."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from api.handlers.analytics.holdings import Holdings, holdings
from api.handlers.analytics.reading import Reading
from cryptwire.domain.coin_profit import EXACT
from cryptwire.domain.hopper import Asset
from cryptwire.domain.market_weights import ListedCoin, Meant, Spread, Thresholds, meant, spread, symbols_of


@dataclass(frozen=True, slots=True)
class MarketBalance:
    """``spread`` of all hoppers together; ``listed_at``: how new the list of coins is, None when there is none."""

    holdings: Holdings
    spread: Spread
    listed_at: datetime | None


async def market_balance(reading: Reading, thresholds: Thresholds) -> MarketBalance:
    """Raises Invalid for thresholds that contradict themselves, Unavailable."""
    thresholds.checked()
    held = await holdings(reading)
    quantities: dict[Asset, Decimal] = {}
    values: dict[Asset, Decimal] = {}
    for one in held.hoppers:
        for asset, quantity in one.quantities.items():
            quantities[asset] = EXACT.add(quantities.get(asset, Decimal(0)), quantity)
            if (value := one.value(asset)) is not None:
                values[asset] = EXACT.add(values.get(asset, Decimal(0)), value)
    symbols = symbols_of(quantities)
    listed = await reading.once(("coins", *symbols), lambda: reading.sources.coins.of_symbols(symbols))
    now = reading.scope.now
    coins = {asset: meant(listed.get(asset, []), _dollars(held, asset), now) for asset in quantities}
    return MarketBalance(held, spread(quantities, values, coins, thresholds), _listed_at(listed, coins))


def _dollars(held: Holdings, asset: Asset) -> Decimal | None:
    """The newest price of an asset among the hoppers, in US dollars."""
    known = [one for one in held.hoppers if asset in one.quantities and asset in one.prices and one.dollars is not None]
    newest = max(known, key=lambda one: one.at, default=None)
    return None if newest is None or newest.dollars is None else newest.prices[asset] * newest.dollars


def _listed_at(listed: Mapping[str, list[ListedCoin]], coins: Mapping[Asset, Meant]) -> datetime | None:
    return min((one.coin.at for one in coins.values() if one.coin is not None), default=None) if listed else None
