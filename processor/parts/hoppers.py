"""Hoppers that are made, renamed, deleted or changed at Cryptohopper later."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.import_queue import ImportQueue
from cryptwire.storage.imports import Imports
from processor.handlers.hoppers import HopperLooks
from processor.handlers.jobs import Job
from processor.parts import Part, Tools
from processor.parts.links import broken_links_of


def looks_of(tools: Tools, queue: ImportQueue) -> HopperLooks:
    """What compares a user's hoppers."""
    return HopperLooks(
        tools.gateway,
        Hoppers(tools.rows),
        Imports(tools.rows, tools.settings.import_patience),
        queue,
        tools.bus,
        tools.runtime.clock,
        tools.runtime.meters,
        broken_links_of(tools),
        at_once=tools.settings.import_users,
    )


@asynccontextmanager
async def looking_at_hoppers(tools: Tools) -> AsyncIterator[Part]:
    """One job, every ``hoppers_every``."""
    queue = ImportQueue(tools.settings.redis_url)
    try:
        looks = looks_of(tools, queue)
        yield Part([Job("compare-hoppers", tools.settings.hoppers_every, timedelta(0), looks.look_at_all)])
    finally:
        await queue.close()
