"""Daily statistics."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal

from cryptwire.domain.account import Position, Reserved
from cryptwire.domain.hopper import Asset, Hopper
from cryptwire.gateway_client import GatewayClient
from cryptwire.messaging.subjects import LIVE
from cryptwire.storage.balances import Balances
from cryptwire.storage.daily_statistics import DailyStatistics
from cryptwire.storage.flows import Flows
from cryptwire.storage.last_prices import LastPrices
from cryptwire.storage.trades import Trades
from processor.handlers.candle_book import CandleBook
from processor.handlers.jobs import Job
from processor.handlers.statistics import Statistics
from processor.handlers.statistics_live import LiveStates
from processor.handlers.statistics_prices import PairPrices
from processor.parts import Part, Tools
from processor.parts.backfill import StreamedExchanges

_BOUNDARY = timedelta(minutes=15)
_LOOKS = timedelta(minutes=1)
_READS_WITHIN = timedelta(seconds=20)


class HopperAccount:
    """What a hopper holds, as the gateway reads it."""

    def __init__(self, gateway: GatewayClient) -> None:
        self._gateway = gateway

    async def assets(self, hopper: Hopper, max_age: timedelta) -> tuple[dict[Asset, Decimal], datetime]:
        return await self._gateway.assets(hopper.user, hopper.id, max_age, within=_READS_WITHIN)

    async def positions(self, hopper: Hopper, max_age: timedelta) -> tuple[Position, ...]:
        return await self._gateway.positions(hopper.user, hopper.id, max_age, within=_READS_WITHIN)

    async def reserved(self, hopper: Hopper, max_age: timedelta) -> tuple[Reserved, ...]:
        return await self._gateway.reserved(hopper.user, hopper.id, max_age, within=_READS_WITHIN)


@asynccontextmanager
async def keeping_days(tools: Tools) -> AsyncIterator[Part]:
    """At each boundary the days that end there; each minute what is not there or not right any more.

    Both make up for missed runs by themselves: what is due is what is not there.
    """
    settings, clock, meters = tools.settings, tools.runtime.clock, tools.runtime.meters
    live, last = LiveStates(clock), LastPrices(tools.redis)
    statistics = Statistics(
        DailyStatistics(tools.rows),
        Balances(tools.rows),
        Trades(tools.rows),
        Flows(tools.rows),
        HopperAccount(tools.gateway),
        live,
        PairPrices(last, CandleBook(StreamedExchanges(tools.bus, last, clock), clock, most=500), clock),
        clock,
        meters,
        within=settings.statistics_within,
        makes_up=settings.statistics_makes_up,
        at_once=settings.statistics_at_once,
    )
    end = await tools.bus.subscribe(LIVE.all_live, live.on_live)
    try:
        yield Part(
            [
                Job("daily-statistics", _BOUNDARY, timedelta(0), statistics.ring),
                Job("statistics-anew", _LOOKS, timedelta(0), statistics.mend),
            ]
        )
    finally:
        await end()
