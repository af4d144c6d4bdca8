"""What money and coins are worth in the world: exchange rates and market caps, in US dollars."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Rates:
    """Units of each currency for one US dollar, as published at ``at``; a rate from A to B is B's divided by A's."""

    at: datetime
    per_usd: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Coin:
    """A coin as listed at ``at``. ``id`` is CoinMarketCap's, the only stable key; money in US dollars."""

    id: int
    symbol: str
    name: str
    slug: str
    rank: int
    price: Decimal
    market_cap: Decimal
    supply: Decimal | None
    at: datetime


@dataclass(frozen=True, slots=True)
class High:
    """The highest price that a coin ever had, in US dollars, and when."""

    price: Decimal
    at: datetime
