"""The processor's wiring."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from cryptwire import gateway_client
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.domain.trade import Trade
from cryptwire.gateway_client import GatewayClient, Identity
from cryptwire.messaging import bus as messaging
from cryptwire.runtime import Runtime, jobs, keep_told
from cryptwire.storage import database
from cryptwire.storage.job_runs import JobRuns
from cryptwire.storage.trade_comparisons import TradeComparisons
from cryptwire.storage.trades import Trades
from processor.adapters import bells
from processor.handlers.comparison import Comparison
from processor.handlers.jobs import Job, Worker
from processor.ports import TradeList
from processor.settings import Settings

_AGAIN = timedelta(seconds=60)
_CONNECTIONS = 6


class GatewayTrades:
    """The trade list as the gateway reads it."""

    def __init__(self, gateway: GatewayClient) -> None:
        self._gateway = gateway

    async def since(
        self, user: UserId, hopper: HopperId, since: datetime, within: timedelta, *, is_import: bool
    ) -> list[Trade]:
        return await self._gateway.trades_since(user, hopper, since, is_import=is_import, within=within)


async def main(settings: Settings, runtime: Runtime) -> None:
    """Do what is due until told to stop; what is in hand is then let go, and taken up by whoever is there."""
    identity = Identity(settings.certificates, "processor")
    async with (
        gateway_client.connect(settings.gateway_address, identity) as gateway,
        processing(settings, runtime, GatewayTrades(gateway)),
    ):
        await runtime.stop.wait()


@asynccontextmanager
async def processing(settings: Settings, runtime: Runtime, trade_list: TradeList) -> AsyncIterator[None]:
    """Jobs beside the block, with a trade list handed in."""
    async with (
        database.connect(settings.database_url, "processor", _CONNECTIONS) as rows,
        messaging.connect(settings.nats_url, "processor") as bus,
    ):
        comparison = Comparison(
            trade_list,
            TradeComparisons(rows),
            Trades(rows),
            bus,
            runtime.clock,
            runtime.meters,
            first=settings.compare_first,
            at_once=settings.compare_users,
        )
        todo = [Job("compare-trades", settings.compare_every, timedelta(0), comparison.compare)]
        runs = JobRuns(rows, settings.patience)
        worker = Worker(secrets.token_hex(6), runs, runtime.clock, runtime.meters, settings.patience)
        async with (
            bells([job.every for job in todo], min(_AGAIN, settings.patience)) as ringing,
            jobs(
                runtime,
                keep_told(runtime, "database", lambda: rows.value("SELECT 1")),
                keep_told(runtime, "nats", bus.look),
                *(worker.serve(job, bell) for job, bell in zip(todo, ringing, strict=True)),
            ),
        ):
            yield
        await bus.drain()
