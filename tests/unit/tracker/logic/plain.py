"""A book in plain Python, slow and from the words of the design alone: every value is added up from scratch.

It shares nothing with the project but the names of what it is told.
"""

import math
from dataclasses import dataclass

STONES = ("BTC", "USDT", "USDC", "FDUSD", "TUSD", "DAI", "BUSD")
Market = tuple[str, str, str]  # exchange, base, quote
Leg = tuple[Market, bool]  # the market, and whether its price divides


@dataclass
class Portfolio:
    exchange: str
    base: str
    held: dict[str, float]
    state: str = "waits"  # until every routed asset is priced; then "opens" until a boundary; then "tracked"
    open: float = 0.0
    high: float = 0.0
    low: float = 0.0


class PlainBook:
    """Routes are chosen when an asset is first held, and anew at boundaries only."""

    def __init__(self) -> None:
        self.prices: dict[Market, float] = {}
        self.known: set[Market] = set()
        self.routes: dict[Market, list[Leg] | None] = {}  # by exchange, base currency, asset
        self.portfolios: dict[str, Portfolio] = {}

    def _market(self, exchange: str, asset: str, into: str) -> Leg | None:
        for market, divides in (((exchange, asset, into), False), ((exchange, into, asset), True)):
            if market in self.known:
                return market, divides
        return None

    def _choose(self, exchange: str, base: str, asset: str) -> list[Leg] | None:
        if asset == base:
            return []
        if leg := self._market(exchange, asset, base):
            return [leg]
        for stone in STONES:
            if stone not in (asset, base):
                first, second = self._market(exchange, asset, stone), self._market(exchange, stone, base)
                if first and second:
                    return [first, second]
        return None

    def price(self, exchange: str, base: str, asset: str) -> float | None:
        """None where there is no route, NaN where a leg has no price yet."""
        legs = self.routes[exchange, base, asset]
        if legs is None:
            return None
        price = 1.0
        for market, divides in legs:
            last = self.prices.get(market, math.nan)
            price = price / last if divides else price * last
        return price

    def value(self, name: str) -> float:
        p = self.portfolios[name]
        worth = [(q, self.price(p.exchange, p.base, asset)) for asset, q in p.held.items()]
        return math.fsum(q * price for q, price in worth if price is not None and not math.isnan(price))

    def _is_priced(self, p: Portfolio) -> bool:
        prices = [self.price(p.exchange, p.base, asset) for asset in p.held]
        return not any(price is not None and math.isnan(price) for price in prices)

    def _after_event(self) -> None:
        for name, p in self.portfolios.items():
            value = self.value(name)
            if p.state != "waits":
                p.high, p.low = max(p.high, value), min(p.low, value)
            elif self._is_priced(p):
                p.state, p.open, p.high, p.low = "opens", value, value, value

    def hold(self, name: str, held: dict[str, float]) -> None:
        p = self.portfolios[name]
        p.held = {asset: quantity for asset, quantity in held.items() if quantity > 0}
        for asset in p.held:
            key = (p.exchange, p.base, asset)
            if key not in self.routes:
                self.routes[key] = self._choose(*key)
        self._after_event()

    def add(self, name: str, exchange: str, base: str, held: dict[str, float]) -> None:
        self.portfolios[name] = Portfolio(exchange, base, {})
        self.hold(name, held)

    def remove(self, name: str) -> None:
        del self.portfolios[name]

    def know(self, market: Market) -> None:
        self.known.add(market)

    def tick(self, market: Market, price: float) -> None:
        self.known.add(market)
        self.prices[market] = price
        self._after_event()

    def close(self) -> dict[str, tuple[float, float, float, float]]:
        """Candles by name: open, high, low, close."""
        for key in self.routes:
            self.routes[key] = self._choose(*key)
        self._after_event()
        candles = {}
        for name, p in self.portfolios.items():
            value = self.value(name)
            if p.state == "tracked":
                candles[name] = (p.open, p.high, p.low, value)
            if p.state != "waits":
                p.state, p.open, p.high, p.low = "tracked", value, value, value
        return candles
