"""What a report is made of: fields of ``Analytics`` as a client of GraphQL is told them, masked by the same hand."""

import asyncio
from dataclasses import dataclass
from typing import Any

from strawberry.types.base import get_object_definition

from api.schema.analytics import Analytics
from api.schema.analytics.benchmarks import Benchmark
from api.schema.analytics.coin_profit import CoinProfit
from api.schema.analytics.performance import AnalyticsDays, Calendar, Drawdown, Returns, Risk
from cryptwire.domain.performance import Span

_DRAWDOWNS = 5
_COINS = 100
BENCHMARK = "BTC"


@dataclass(frozen=True, slots=True)
class Figures:
    """As GraphQL has them."""

    days: AnalyticsDays
    returns: Returns
    risk: Risk
    drawdowns: list[Drawdown]
    months: Calendar
    years: Calendar
    benchmark: Benchmark
    holding: Benchmark
    coins: CoinProfit


async def figures_of(analytics: Analytics) -> Figures:
    """All that a report tells; raises Unavailable."""
    fields = {one.python_name: one for one in get_object_definition(Analytics, strict=True).fields}

    def told(name: str, **arguments: Any) -> Any:
        resolver = fields[name].base_resolver
        assert resolver is not None
        function: Any = resolver.wrapped_func
        return function(analytics, **arguments)

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
    )
    return Figures(*found)
