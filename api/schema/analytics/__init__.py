"""``analytics``: figures over a choice of hoppers and days, one module per group of widgets."""

from datetime import date, datetime
from typing import Any

import strawberry

from api.handlers.analytics.reading import Reading
from api.handlers.analytics.scope import Asked, HopperKind
from api.schema.analytics.benchmarks import BenchmarkFigures
from api.schema.analytics.candles import CandleFigures
from api.schema.analytics.coin_profit import CoinFigures
from api.schema.analytics.comparison import ComparisonFigures
from api.schema.analytics.health import HealthFigures
from api.schema.analytics.market import MarketFigures
from api.schema.analytics.performance import PerformanceFigures
from api.schema.analytics.positions import PositionFigures
from api.schema.analytics.rebalancing import RebalancingFigures
from api.schema.analytics.trade_figures import ResultFigures
from api.schema.analytics.trade_groups import TradeGroups
from api.schema.context import Info
from api.schema.rules import covered, field

Kind = strawberry.enum(HopperKind, name="HopperKind", description="Never summed with each other.")


@covered("view", "statistics")
@strawberry.type(description="What was asked about, as it was understood.")
class AnalyticsScope:
    hopper_ids: list[strawberry.ID] = strawberry.field(description="The hoppers, 100 at most.")
    is_paper: bool = strawberry.field(description="True when they trade with play money.")
    since: date = strawberry.field(description="The first day, in the user's zone.")
    until: date = strawberry.field(description="The last day, it is among them.")
    begins_at: datetime = strawberry.field(description="When the first day began.")
    ends_at: datetime = strawberry.field(description="When the last day ends, or now.")
    zone: str = strawberry.field(description="The user's zone, in which days begin and end.")
    currency: str = strawberry.field(description="In which amounts are told.")
    is_masked: bool = strawberry.field(description="True when amounts are not told.")


@strawberry.type(description="Figures over a choice of hoppers and days.")
class Analytics(
    PerformanceFigures,
    BenchmarkFigures,
    CandleFigures,
    CoinFigures,
    ResultFigures,
    TradeGroups,
    ComparisonFigures,
    PositionFigures,
    MarketFigures,
    RebalancingFigures,
    HealthFigures,
):
    @field("view", "statistics", "What was asked about, as it was understood.", name="scope")
    def understood(self) -> AnalyticsScope:
        scope = self.scope
        return AnalyticsScope(
            hopper_ids=[strawberry.ID(one) for one in scope.ids],
            is_paper=scope.is_paper,
            since=scope.since,
            until=scope.until,
            begins_at=scope.begins_at,
            ends_at=scope.ends_at,
            zone=scope.zone,
            currency=scope.currency,
            is_masked=scope.is_masked,
        )


@strawberry.type
class AnalyticsQuery:
    @field(
        "view",
        "statistics",
        "Figures of one hopper, several, or (without hopperIds) all of a kind, deleted ones included; over the user's"
        " days since to until, the last thirty without dates; amounts in the currency, the user's own unless another is"
        " named. NOT_FOUND also for a hopper that is somebody else's.",
    )
    async def analytics(
        self,
        info: Info,
        hopper_ids: list[strawberry.ID] | None = None,
        kind: Kind | None = None,  # type: ignore[valid-type]
        since: date | None = None,
        until: date | None = None,
        currency: str | None = None,
        masked: bool | None = None,
    ) -> Analytics:
        caller, sources = await info.context.caller(), info.context.services.analytics
        asked: Any = Asked(hopper_ids, kind, since, until, currency, masked)
        scope = await sources.scope(caller.user, asked)
        sees_live = await info.context.can("view", "live-portfolio")
        return Analytics(scope=scope, reading=Reading(sources, scope, sees_live=sees_live))
