"""The processor's wiring."""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from cryptwire import gateway_client
from cryptwire.errors import Invalid
from cryptwire.gateway_client import GatewayClient, Identity
from cryptwire.heartbeat import beating
from cryptwire.messaging import bus as messaging
from cryptwire.runtime import Runtime, jobs, keep_told
from cryptwire.storage import database, redis
from cryptwire.storage.job_runs import JobRuns
from processor.adapters.bells import bells
from processor.handlers.jobs import Worker
from processor.parts import MakesPart, Tools
from processor.parts.backfill import backfilling
from processor.parts.clean_up import cleaning_up
from processor.parts.comparison import comparing
from processor.parts.erasing import erasing
from processor.parts.flows import deciding_flows
from processor.parts.hoppers import looking_at_hoppers
from processor.parts.imports import importing
from processor.parts.mails import mailing
from processor.parts.market import telling_of_the_market
from processor.parts.notices import noticing
from processor.parts.observer import observing
from processor.parts.plans import ending
from processor.parts.rate_pasts import reading_rate_pasts
from processor.parts.results import keeping_results
from processor.parts.statistics import keeping_days
from processor.parts.webhooks_out import calling_out
from processor.settings import Settings

_AGAIN = timedelta(seconds=60)
_CONNECTIONS = 10
PARTS: Mapping[str, MakesPart] = {
    "comparison": comparing,
    "backfill": backfilling,
    "imports": importing,
    "hoppers": looking_at_hoppers,
    "market": telling_of_the_market,
    "rate_pasts": reading_rate_pasts,
    "notices": noticing,
    "mails": mailing,
    "webhooks_out": calling_out,
    "observer": observing,
    "clean_up": cleaning_up,
    "plans": ending,
    "erasing": erasing,
    "results": keeping_results,
    "statistics": keeping_days,
    "flows": deciding_flows,
}
"""Every part, by the name under which ``CRYPTWIRE_PROCESSOR_PARTS`` may choose it."""


async def main(settings: Settings, runtime: Runtime) -> None:
    """Do what is due until told to stop; what is in hand is then let go, and taken up by whoever is there."""
    identity = Identity(settings.certificates, "processor")
    async with (
        gateway_client.connect(settings.gateway_address, identity) as gateway,
        processing(settings, runtime, gateway),
    ):
        await runtime.stop.wait()


@asynccontextmanager
async def processing(settings: Settings, runtime: Runtime, gateway: GatewayClient) -> AsyncIterator[None]:
    """The chosen parts at work beside the block."""
    unknown = set(settings.parts) - set(PARTS)
    if unknown:
        raise Invalid(f"CRYPTWIRE_PROCESSOR_PARTS names {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    async with (
        database.connect(settings.database_url, "processor", _CONNECTIONS) as rows,
        redis.connect(settings.redis_url) as values,
        messaging.connect(settings.nats_url, "processor") as bus,
        beating(runtime, values, "processor", settings.instance) as heartbeat,
        AsyncExitStack() as opened,
    ):
        tools = Tools(settings, runtime, rows, values, bus, gateway, heartbeat.done)
        names = settings.parts or tuple(PARTS)
        made = [await opened.enter_async_context(PARTS[name](tools)) for name in names]
        todo = [job for part in made for job in part.jobs]
        runs = JobRuns(rows, settings.patience)
        worker = Worker(secrets.token_hex(6), runs, runtime.clock, runtime.meters, settings.patience, heartbeat.done)
        async with (
            bells([job.every for job in todo], min(_AGAIN, settings.patience)) as ringing,
            jobs(
                runtime,
                keep_told(runtime, "database", lambda: rows.value("SELECT 1")),
                keep_told(runtime, "nats", bus.look),
                heartbeat.looks(lambda: rows.value("SELECT 1"), "a look at the database"),
                *(worker.serve(job, bell) for job, bell in zip(todo, ringing, strict=True)),
                *(work for part in made for work in part.work),
            ),
        ):
            yield
        await bus.drain()
