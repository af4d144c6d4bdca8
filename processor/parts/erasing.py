"""Accounts that are deleted, and what has expired of the others."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from cryptwire.storage.erasures import Erasures, KeptValues
from cryptwire.storage.expired import Expired
from processor.handlers.erasing import Erasing
from processor.handlers.jobs import Job
from processor.parts import Part, Tools

_EVERY = timedelta(minutes=1)
_FORGETS_EVERY = timedelta(hours=1)


@asynccontextmanager
async def erasing(tools: Tools) -> AsyncIterator[Part]:
    """Two jobs: erasing every minute, forgetting every hour; a run that was missed is made up by the next."""
    job = Erasing(
        Erasures(tools.rows),
        KeptValues(tools.redis),
        tools.gateway,
        Expired(tools.rows),
        tools.bus,
        tools.runtime.meters,
    )
    yield Part(
        [
            Job("erase-accounts", _EVERY, timedelta(0), job.erase),
            Job("forget-expired", _FORGETS_EVERY, timedelta(0), job.forget),
        ]
    )
