"""What money and coins are worth in the world: exchange rates and market caps, in US dollars."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from cryptwire.domain.hopper import Asset


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


class RateNeed(NamedTuple):
    """Somebody sees in ``shown``, from ``since`` on, what a hopper of his counts or counted in ``currency``."""

    currency: Asset
    shown: Asset
    since: datetime
