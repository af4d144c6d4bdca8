"""The comparison of stored trades with the trade lists."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.domain.trade import Trade
from cryptwire.gateway_client import GatewayClient
from cryptwire.storage.trade_comparisons import TradeComparisons
from cryptwire.storage.trades import Trades
from processor.handlers.comparison import Comparison
from processor.handlers.jobs import Job
from processor.parts import Part, Tools
from processor.parts.links import broken_links_of


class GatewayTrades:
    """The trade list as the gateway reads it."""

    def __init__(self, gateway: GatewayClient) -> None:
        self._gateway = gateway

    async def since(
        self, user: UserId, hopper: HopperId, since: datetime, within: timedelta, *, is_import: bool
    ) -> list[Trade]:
        return await self._gateway.trades_since(user, hopper, since, is_import=is_import, within=within)


@asynccontextmanager
async def comparing(tools: Tools) -> AsyncIterator[Part]:
    """One job, every ``compare_every``."""
    settings, runtime = tools.settings, tools.runtime
    comparison = Comparison(
        GatewayTrades(tools.gateway),
        TradeComparisons(tools.rows),
        Trades(tools.rows),
        tools.bus,
        runtime.clock,
        runtime.meters,
        broken_links_of(tools),
        first=settings.compare_first,
        at_once=settings.compare_users,
    )
    yield Part([Job("compare-trades", settings.compare_every, timedelta(0), comparison.compare)])
