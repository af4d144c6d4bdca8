"""How a balance is spread over the market: tiers by market cap, distance to all-time highs, concentration."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Context, Decimal
from enum import Enum
from typing import NamedTuple

from cryptwire.domain.coin_profit import EXACT
from cryptwire.domain.currencies import CASH
from cryptwire.domain.hopper import Asset
from cryptwire.errors import Invalid

LARGE_FROM = Decimal(10_000_000_000)
MID_FROM = Decimal(1_000_000_000)
_LISTED_FOR = timedelta(days=2)
"""So long a coin's price in the list is compared with the exchange's."""
_ALIKE = Decimal("1.25")
"""By so much two prices of one coin may differ."""
_SHARE = Context(prec=28)


class Tier(Enum):
    """``CASH``: money of states and coins backed by it, which rise and fall with no market cap. ``UNKNOWN``: no list
    tells the coin, or not clearly.
    """

    LARGE = "large"
    MID = "mid"
    SMALL = "small"
    CASH = "cash"
    UNKNOWN = "unknown"


class Thresholds(NamedTuple):
    """Market caps in US dollars from which on a coin is large or mid."""

    large_from: Decimal = LARGE_FROM
    mid_from: Decimal = MID_FROM

    def checked(self) -> "Thresholds":
        """The same; raises Invalid when they contradict themselves."""
        if not 0 < self.mid_from < self.large_from:
            raise Invalid("tiers need 0 < midFrom < largeFrom, in US dollars")
        return self


@dataclass(frozen=True, slots=True)
class ListedCoin:
    """A coin of a list, as told at ``at``; money in US dollars. ``is_high_told``: else ``high`` is the highest price
    that was seen here, so the real one may be higher.
    """

    id: int
    symbol: str
    name: str
    rank: int
    price: Decimal
    market_cap: Decimal
    high: Decimal
    high_at: datetime
    is_high_told: bool
    at: datetime

    @property
    def distance(self) -> float:
        """How far the price is below the highest ever, as a fraction of that; 0 at a new high."""
        return max(0.0, 1.0 - float(self.price / self.high)) if self.high > 0 else 0.0


class Meant(NamedTuple):
    """The coin that a symbol is taken to mean, the others of the same symbol, and whether its price speaks against."""

    coin: ListedCoin | None
    others: Sequence[ListedCoin]
    is_doubtful: bool


def meant(listed: Sequence[ListedCoin], dollars: Decimal | None, now: datetime) -> Meant:
    """Which of the coins of one symbol, best first, is held: the best whose price is alike to the exchange's.

    ``dollars``: what the exchange's price is in US dollars, None when that is not known: then the best.
    """
    if not listed:
        return Meant(None, [], is_doubtful=False)
    fits = [coin for coin in listed if _is_alike(coin, dollars, now)]
    chosen = fits[0] if fits else listed[0]
    return Meant(chosen, [coin for coin in listed if coin is not chosen], is_doubtful=not fits)


def _is_alike(coin: ListedCoin, dollars: Decimal | None, now: datetime) -> bool:
    if dollars is None or dollars <= 0 or now - coin.at > _LISTED_FOR:
        return True
    return coin.price <= dollars * _ALIKE and dollars <= coin.price * _ALIKE


def tier_of(asset: Asset, coin: Meant, thresholds: Thresholds) -> Tier:
    """The tier of what is held; a coin without a market cap is unknown."""
    if asset in CASH:
        return Tier.CASH
    if coin.coin is None or coin.is_doubtful or coin.coin.market_cap <= 0:
        return Tier.UNKNOWN
    cap = coin.coin.market_cap
    if cap >= thresholds.large_from:
        return Tier.LARGE
    return Tier.MID if cap >= thresholds.mid_from else Tier.SMALL


def total_of(values: Iterable[Decimal]) -> Decimal:
    """The sum, exact."""
    total = Decimal(0)
    for value in values:
        total = EXACT.add(total, value)
    return total


@dataclass(frozen=True, slots=True)
class Weighted:
    """One asset of a balance. ``value`` and ``weight``, its share of all that is priced: None when it has no price."""

    asset: Asset
    quantity: Decimal
    value: Decimal | None
    weight: Decimal | None
    tier: Tier
    meant: Meant

    @property
    def distance(self) -> float | None:
        """To the highest price ever, of a coin of which that is known; cash has none."""
        if self.tier in (Tier.CASH, Tier.UNKNOWN) or self.meant.coin is None:
            return None
        return self.meant.coin.distance


@dataclass(frozen=True, slots=True)
class Spread:
    """A balance by assets, the heaviest first, those without price last; ``value`` of those that have one."""

    assets: Sequence[Weighted]
    value: Decimal

    def value_of(self, tier: Tier) -> Decimal:
        """What is in a tier; all tiers together are ``value``, to the last digit."""
        return total_of(one.value for one in self.assets if one.tier is tier and one.value is not None)

    def weight_of(self, tier: Tier) -> Decimal:
        """The share of a tier."""
        return sum((one.weight for one in self.assets if one.tier is tier and one.weight is not None), Decimal(0))

    @property
    def high_covers(self) -> float:
        """The share of the value whose all-time highs are known, cash left out."""
        return float(sum(one.weight for one in self.assets if one.weight is not None and one.distance is not None))

    @property
    def distance(self) -> float | None:
        """Σ w × (1 − price / high): cash is at its high, and what is not known adds nothing; None without value."""
        if not self.value:
            return None
        return sum(float(one.weight) * one.distance for one in self.assets if one.weight and one.distance is not None)

    @property
    def distance_of_coins(self) -> float | None:
        """The same as a mean of the coins whose highs are known; None when no high is."""
        covered = self.high_covers
        return None if self.distance is None or not covered else self.distance / covered

    @property
    def concentration(self) -> float | None:
        """Σ w²; None without value."""
        return sum(float(one.weight) ** 2 for one in self.assets if one.weight) if self.value else None


def spread(
    quantities: Mapping[Asset, Decimal],
    values: Mapping[Asset, Decimal],
    coins: Mapping[Asset, Meant],
    thresholds: Thresholds,
) -> Spread:
    """A balance over the market. ``values`` in one currency, of those assets that have a price."""
    total = total_of(values.values())
    nobody = Meant(None, [], is_doubtful=False)
    found = []
    for asset, quantity in quantities.items():
        value, coin = values.get(asset), coins.get(asset, nobody)
        weight = None if value is None or total <= 0 else _SHARE.divide(value, total)
        found.append(Weighted(asset, quantity, value, weight, tier_of(asset, coin, thresholds), coin))
    found.sort(key=lambda one: (one.value is None, -(one.value or Decimal(0)), one.asset))
    return Spread(found, total)


def symbols_of(assets: Collection[Asset]) -> list[str]:
    """Of what coins a list has to be asked: of all but cash."""
    return sorted(asset for asset in assets if asset not in CASH)
