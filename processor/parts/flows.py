"""Flows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from cryptwire.messaging.subjects import LIVE
from cryptwire.storage.flows import Flows
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.trades import Trades
from processor.handlers.flows import FlowDecisions
from processor.handlers.jobs import Job
from processor.handlers.statistics_live import LiveStates
from processor.parts import Part, Tools
from processor.parts.statistics import HopperAccount


@asynccontextmanager
async def deciding_flows(tools: Tools) -> AsyncIterator[Part]:
    """One job, every ``flows_every``; what is open stays open until it can be decided."""
    settings, clock = tools.settings, tools.runtime.clock
    live = LiveStates(clock)
    decisions = FlowDecisions(
        Flows(tools.rows),
        Hoppers(tools.rows),
        Trades(tools.rows),
        HopperAccount(tools.gateway),
        live,
        tools.bus,
        clock,
        tools.runtime.meters,
        transfer_within=settings.flows_transfer_within,
    )
    end = await tools.bus.subscribe(LIVE.all_live, live.on_live)
    try:
        yield Part([Job("flows", settings.flows_every, timedelta(0), decisions.decide)])
    finally:
        await end()
