"""A replica of the processor that imports, with a played back-fill; it is told as the processor is, and killed."""

import asyncio
import os

from cryptwire import gateway_client
from cryptwire.config import load
from cryptwire.domain.hopper import Hopper
from cryptwire.gateway_client import Identity
from cryptwire.messaging import bus as messaging
from cryptwire.runtime import Runtime, jobs, run
from cryptwire.storage import database, redis
from cryptwire.storage.job_runs import JobRuns
from processor.adapters.bells import bells
from processor.handlers.jobs import Worker
from processor.parts import Tools
from processor.parts.imports import importing
from processor.ports.imports import Tell
from processor.settings import Settings

CANDLES = 40


class PlayedBackfill:
    """Says that it fills."""

    async def fill(self, hopper: Hopper, tell: Tell) -> int:
        for done in range(0, CANDLES, 10):
            await tell(done, CANDLES)
            await asyncio.sleep(0.02)
        return CANDLES


async def main(settings: Settings, runtime: Runtime) -> None:
    async with (
        gateway_client.connect(settings.gateway_address, Identity(settings.certificates, "processor")) as gateway,
        database.connect(settings.database_url, "processor", 10) as rows,
        redis.connect(settings.redis_url) as values,
        messaging.connect(settings.nats_url, "processor") as bus,
        importing(Tools(settings, runtime, rows, values, bus, gateway), PlayedBackfill()) as part,
        bells([job.every for job in part.jobs], settings.patience) as ringing,
    ):
        runs = JobRuns(rows, settings.patience)
        worker = Worker(str(os.getpid()), runs, runtime.clock, runtime.meters, settings.patience)
        serving = (worker.serve(job, bell) for job, bell in zip(part.jobs, ringing, strict=True))
        async with jobs(runtime, *serving, *part.work):
            await runtime.stop.wait()


if __name__ == "__main__":
    raise SystemExit(run("processor", main, load(Settings, "processor"), health_port=0))
