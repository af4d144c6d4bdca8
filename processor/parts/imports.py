"""Imports, and what the API asks to be looked at: from the queue in Redis, by any replica."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from cryptwire.storage import import_queue
from cryptwire.storage.hopper_configs import HopperConfigs
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.import_queue import ImportQueue
from cryptwire.storage.imports import Imports
from cryptwire.storage.positions import Positions
from processor.handlers.imports import Importer
from processor.handlers.jobs import Job
from processor.handlers.looking import looking
from processor.parts import Part, Tools
from processor.parts.backfill import backfill_of
from processor.parts.hoppers import looks_of
from processor.ports.imports import Backfill

_LOST_EVERY = timedelta(seconds=3)


@asynccontextmanager
async def importing(tools: Tools, backfill: Backfill | None = None) -> AsyncIterator[Part]:
    """A hand for the queue, and a job that queues again what nobody works at; ``backfill`` None: the processor's."""
    settings, runtime = tools.settings, tools.runtime
    imports = Imports(tools.rows, settings.import_patience)
    queue = ImportQueue(settings.redis_url)
    looks = looks_of(tools, queue)
    try:
        importer = Importer(
            secrets.token_hex(6),
            tools.gateway,
            imports,
            Hoppers(tools.rows),
            looks,
            HopperConfigs(tools.rows),
            Positions(tools.rows),
            backfill or backfill_of(tools),
            queue,
            tools.bus,
            runtime.clock,
            runtime.meters,
            patience=settings.import_patience,
            gives_up=settings.import_gives_up,
        )
        serving = import_queue.serve(
            settings.redis_url, importer.work, looks.look, at_once=settings.import_users, reclaim=settings.patience * 10
        )
        lost = looking("imports that lost their worker", importer.queue_lost, runtime.clock, _LOST_EVERY)
        yield Part(
            [Job("queue-imports", settings.import_look_every, timedelta(0), importer.queue_free)], [serving, lost]
        )
    finally:
        await queue.close()
