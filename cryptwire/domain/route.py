"""How an asset is priced in a base currency on one exchange."""

from collections.abc import Container
from dataclasses import dataclass

from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.ticker import Pair

STEPPING_STONES = tuple(map(Asset, ("BTC", "USDT", "USDC", "FDUSD", "TUSD", "DAI", "BUSD")))
"""What an asset without a direct pair is routed through, best first: BTC, then stablecoins."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One market of a route; its price multiplies, or divides when the market is the other way round."""

    pair: Pair
    is_inverse: bool


Route = tuple[Leg, ...]
"""Legs whose prices give the price of one unit of the asset; empty for the base currency itself."""


def route(exchange: Exchange, asset: Asset, base: Asset, markets: Container[Pair]) -> Route | None:
    """The best route among ``markets``: direct, then through BTC, then a stablecoin; None where there is none."""
    if asset == base:
        return ()
    direct = _leg(exchange, asset, base, markets)
    if direct is not None:
        return (direct,)
    for stone in STEPPING_STONES:
        if stone in (asset, base):
            continue
        first, second = _leg(exchange, asset, stone, markets), _leg(exchange, stone, base, markets)
        if first is not None and second is not None:
            return (first, second)
    return None


def _leg(exchange: Exchange, asset: Asset, into: Asset, markets: Container[Pair]) -> Leg | None:
    if (pair := Pair(exchange, asset, into)) in markets:
        return Leg(pair, is_inverse=False)
    if (pair := Pair(exchange, into, asset)) in markets:
        return Leg(pair, is_inverse=True)
    return None
