"""The writer's wiring."""

import asyncio
import secrets
from datetime import timedelta

from candles.writer.handlers import Writer
from candles.writer.logic import CANDLES, FLOWS
from candles.writer.settings import Settings
from cryptwire.heartbeat import beating
from cryptwire.runtime import Runtime, collect_seldom
from cryptwire.storage import database, redis
from cryptwire.storage.candles import Candles
from cryptwire.storage.flow_candidates import FlowCandidates
from cryptwire.storage.write_queue import WriteQueue


async def main(settings: Settings, runtime: Runtime) -> None:
    """Write until told to stop. Each task has a name that nobody had before: what an earlier life took is adopted."""
    collect_seldom()  # thousands of values a batch and no cycles among them: looking for some was a fifth of the work
    async with (
        database.connect(settings.database_url, "writer", settings.connections) as rows,
        redis.connect(settings.redis_url) as values,
        beating(runtime, values, "writer") as heartbeat,
    ):
        queue, table = WriteQueue(values), Candles(rows)
        flow_queue, flows = WriteQueue(values, what="flows"), FlowCandidates(rows)
        clock, meters, stop = runtime.clock, runtime.meters, runtime.stop

        def on_round() -> None:
            heartbeat.done("a round over the list")

        runtime.health.mark("writer", True, "writes")
        async with asyncio.TaskGroup() as group:
            for _ in range(settings.connections):
                writer = Writer(secrets.token_hex(6), CANDLES, queue, table, clock, meters, settings.batch, on_round)
                group.create_task(writer.run(stop))
            seldom = Writer(secrets.token_hex(6), FLOWS, flow_queue, flows, clock, meters, settings.batch, on_round)
            group.create_task(seldom.run(stop, idle=timedelta(seconds=1)))
