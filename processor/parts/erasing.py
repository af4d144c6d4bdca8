"""Accounts that are deleted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from cryptwire.storage.erasures import Erasures, KeptValues
from processor.handlers.erasing import Erasing
from processor.handlers.jobs import Job
from processor.parts import Part, Tools

_EVERY = timedelta(minutes=1)


@asynccontextmanager
async def erasing(tools: Tools) -> AsyncIterator[Part]:
    """One job, every minute; a run that was missed is made up by the next."""
    job = Erasing(
        Erasures(tools.rows),
        KeptValues(tools.redis),
        tools.gateway,
        tools.bus,
        tools.runtime.meters,
    )
    yield Part([Job("erase-accounts", _EVERY, timedelta(0), job.erase)])
