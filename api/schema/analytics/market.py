"""Balance by market-cap tier, distance to all-time highs, concentration."""

from datetime import datetime
from decimal import Decimal
from typing import Self

import strawberry

from api.handlers.analytics.holdings import Held
from api.handlers.analytics.market import MarketBalance, market_balance
from api.handlers.analytics.scope import Scope
from api.schema.analytics.parts import Part, Ratio, analytic, plain, ratio
from api.schema.rules import covered
from cryptwire.domain import market_weights
from cryptwire.domain.market_weights import LARGE_FROM, MID_FROM, Spread, Thresholds, Tier
from cryptwire.errors import Invalid

_MOST_COINS = 500
_MOST_OTHERS = 5

MarketTier = strawberry.enum(
    Tier,
    name="MarketTier",
    description="By market cap; cash is money of states and coins backed by US dollars, unknown what no list of coins"
    " tells, or not clearly.",
)


@covered("view", "market")
@strawberry.type(description="What of a balance is in one tier.")
class TierShare:
    tier: MarketTier = strawberry.field(description="Which.")  # type: ignore[valid-type]
    weight: float | None = strawberry.field(description="Its share of all that has a price; null: nothing has.")
    value: Decimal | None = strawberry.field(description="What it is worth, in the currency of the choice.")
    assets: int = strawberry.field(description="How many assets that have a price are in it.")


@covered("view", "market")
@strawberry.type(description="An asset of a balance, and what the list of coins tells of it; prices in US dollars.")
class MarketAsset:
    asset: str = strawberry.field(description="Currency or coin, upper case.")
    tier: MarketTier = strawberry.field(description="Where it belongs.")  # type: ignore[valid-type]
    weight: float | None = strawberry.field(description="Its share of all that has a price; null: it has none.")
    value: Decimal | None = strawberry.field(description="What it is worth, in the currency of the choice.")
    quantity: Decimal | None = strawberry.field(description="Units, of all hoppers together.")
    name: str | None = strawberry.field(
        description="Of the coin that the symbol is taken to mean; null: none is known."
    )
    rank: int | None = strawberry.field(description="By market cap, 1 is the largest.")
    market_cap: Decimal | None = plain("In US dollars.")
    price: Decimal | None = plain("By the list of coins.")
    high: Decimal | None = plain("The highest price ever; see isHighTold.")
    high_at: datetime | None = strawberry.field(description="When that was.")
    is_high_told: bool | None = strawberry.field(
        description="False: the highest that was seen here, so the real one may be higher."
    )
    distance: float | None = strawberry.field(
        description="How far the price is below the highest ever, as a fraction of that; null: not known, or cash."
    )
    listed_at: datetime | None = strawberry.field(description="When the list told that.")
    others: list[str] = strawberry.field(
        description=f"Names of other coins of the same symbol, {_MOST_OTHERS} at most: it could be one of them."
    )
    is_doubtful: bool = strawberry.field(
        description="True when none of this symbol is listed at a price like the exchange's: it is counted as unknown."
    )

    @classmethod
    def of(cls, one: market_weights.Weighted) -> Self:
        coin = one.meant.coin
        return cls(
            asset=one.asset,
            tier=one.tier,
            weight=None if one.weight is None else float(one.weight),
            value=one.value,
            quantity=one.quantity,
            name=None if coin is None else coin.name,
            rank=None if coin is None else coin.rank,
            market_cap=None if coin is None else coin.market_cap,
            price=None if coin is None else coin.price,
            high=None if coin is None else coin.high,
            high_at=None if coin is None else coin.high_at,
            is_high_told=None if coin is None else coin.is_high_told,
            distance=one.distance,
            listed_at=None if coin is None else coin.at,
            others=[other.name for other in one.meant.others[:_MOST_OTHERS]],
            is_doubtful=one.meant.is_doubtful,
        )


@covered("view", "market")
@strawberry.type(description="As of when what a hopper holds is known.")
class HoldingsRead:
    hopper_id: strawberry.ID = strawberry.field(description="Cryptohopper's id of the hopper.")
    at: datetime = strawberry.field(description="When it held that, and at prices of when.")
    is_live: bool = strawberry.field(
        description="True when it is tracked; false: as of the last midnight that is known."
    )

    @classmethod
    def of(cls, held: Held) -> Self:
        return cls(hopper_id=strawberry.ID(held.hopper.id), at=held.at, is_live=held.is_live)


@covered("view", "market")
@strawberry.type(description="How what is held now is spread over the market, whatever the range.")
class MarketSpread:
    currency: str = strawberry.field(description="The currency of the choice.")
    value: Decimal | None = strawberry.field(description="What all is worth that has a price.")
    large_from: Decimal = plain("From which market cap on a coin is large, in US dollars.")
    mid_from: Decimal = plain("From which market cap on a coin is mid, in US dollars.")
    tiers: list[TierShare] = strawberry.field(description="All tiers, the large first.")
    assets: list[MarketAsset] = strawberry.field(description="The heaviest first, those without a price last.")
    count: int = strawberry.field(description="How many assets there are.")
    distance: Ratio = strawberry.field(description="To all-time highs, of the whole.")
    distance_of_coins: Ratio = strawberry.field(description="The same of coins whose highs are known.")
    high_covers: float = strawberry.field(description="The share of the whole that these coins are.")
    concentration: Ratio = strawberry.field(description="The Herfindahl–Hirschman index.")
    effective_assets: Ratio = strawberry.field(description="As many assets of equal weight would be as concentrated.")
    as_of: datetime | None = strawberry.field(description="How old the oldest balance is.")
    listed_at: datetime | None = strawberry.field(
        description="How old the oldest market cap and high is; null: no list of coins is known."
    )
    holdings: list[HoldingsRead] = strawberry.field(description="The hoppers that are counted.")
    left_out: list[strawberry.ID] = strawberry.field(
        description="Hoppers of which nothing is known, or nothing of the last thirty days."
    )
    notes: list[str] = strawberry.field(description="What is to be known about it.")

    @classmethod
    def of(cls, found: MarketBalance, scope: Scope, thresholds: Thresholds, first: int) -> Self:
        spread, as_of = found.spread, found.holdings.as_of
        priced = [one for one in spread.assets if one.weight is not None]
        covering = sum(one.distance is not None for one in priced)
        concentration = spread.concentration
        effective = None if not concentration else 1 / concentration
        return cls(
            currency=scope.currency,
            value=spread.value,
            large_from=thresholds.large_from,
            mid_from=thresholds.mid_from,
            tiers=[_share(spread, tier) for tier in Tier],
            assets=[MarketAsset.of(one) for one in spread.assets[:first]],
            count=len(spread.assets),
            distance=ratio("ath-distance", spread.distance, len(priced), found.listed_at),
            distance_of_coins=ratio("ath-distance-of-coins", spread.distance_of_coins, covering, found.listed_at),
            high_covers=spread.high_covers,
            concentration=ratio("concentration", concentration, len(priced), as_of),
            effective_assets=ratio("effective-assets", effective, len(priced), as_of),
            as_of=as_of,
            listed_at=found.listed_at,
            holdings=[HoldingsRead.of(one) for one in found.holdings.hoppers],
            left_out=[strawberry.ID(id) for id in found.holdings.left_out],
            notes=list(found.holdings.notes),
        )


def _share(spread: Spread, tier: Tier) -> TierShare:
    inside = [one for one in spread.assets if one.tier is tier and one.value is not None]
    return TierShare(
        tier=tier,
        weight=float(spread.weight_of(tier)) if spread.value else None,
        value=spread.value_of(tier),
        assets=len(inside),
    )


@strawberry.type
class MarketFigures(Part):
    @analytic(
        "view",
        "market",
        "How what the hoppers hold now is spread over the market, as newly as it is known and whatever the range: by"
        " market cap (US dollars), distance to all-time highs, concentration; first: that many assets, 500 at most.",
    )
    async def market_spread(
        self, large_from: Decimal = LARGE_FROM, mid_from: Decimal = MID_FROM, first: int = 100
    ) -> MarketSpread:
        if not 1 <= first <= _MOST_COINS:
            raise Invalid(f"first is 1 to {_MOST_COINS}, not {first}")
        thresholds = Thresholds(large_from, mid_from)
        found = await market_balance(self.reading, thresholds)
        return MarketSpread.of(found, self.scope, thresholds, first)
