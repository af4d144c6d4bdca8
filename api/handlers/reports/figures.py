"""What a report is made of: fields of ``Analytics`` as a client of GraphQL is told them, masked by the same hand."""

import asyncio
from dataclasses import dataclass
from typing import Any

from strawberry.types.base import get_object_definition

from api.schema.analytics import Analytics
from api.schema.analytics.benchmarks import Benchmark
from api.schema.analytics.coin_profit import CoinProfit
from api.schema.analytics.performance import AnalyticsDays, Calendar, Drawdown, Returns, Risk
from api.schema.analytics.trade_figures import HoldingHistogram, RankedResult, TradeFigures
from api.schema.analytics.trade_groups import Attribution, FeeFigures
from api.schema.shared import SharedAnalytics
from cryptwire.domain.performance import Span

_DRAWDOWNS = 5
_COINS = 100
_RANKED = 5
BENCHMARK = "BTC"


@dataclass(frozen=True, slots=True)
class Figures:
    """As GraphQL has them; None: a link does not show it."""

    days: AnalyticsDays | None
    returns: Returns | None
    risk: Risk | None
    drawdowns: list[Drawdown] | None
    months: Calendar | None
    years: Calendar | None
    benchmark: Benchmark | None
    holding: Benchmark | None
    coins: CoinProfit | None
    trades: TradeFigures | None
    best: list[RankedResult] | None
    worst: list[RankedResult] | None
    held: HoldingHistogram | None
    attribution: Attribution | None
    fees: FeeFigures | None


async def figures_of(analytics: Analytics | SharedAnalytics) -> Figures:
    """All that a report tells, of a link what it shows; raises Unavailable."""
    fields = {one.python_name: one for one in get_object_definition(type(analytics), strict=True).fields}

    async def told(name: str, **arguments: Any) -> Any:
        if name not in fields:
            return None  # no link shows it
        resolver = fields[name].base_resolver
        assert resolver is not None
        function: Any = resolver.wrapped_func
        return await function(analytics, **arguments)

    found = await asyncio.gather(
        told("days"),
        told("returns"),
        told("risk"),
        told("drawdowns", first=_DRAWDOWNS),
        told("calendar", span=Span.MONTH),
        told("calendar", span=Span.YEAR),
        told("benchmark", coin=BENCHMARK),
        told("holding"),
        told("coin_profit", first=_COINS),
        told("trade_figures"),
        told("best_trades", first=_RANKED),
        told("worst_trades", first=_RANKED),
        told("holding_times"),
        told("attribution"),
        told("fees"),
    )
    return Figures(*found)
