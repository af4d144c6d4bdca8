"""The ends of trials and plans."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from cryptwire.storage.plans import Plans
from processor.handlers.jobs import Job
from processor.handlers.plans import Ends
from processor.parts import Part, Tools


@asynccontextmanager
async def ending(tools: Tools) -> AsyncIterator[Part]:
    """One job, every ``plans_every``; a run that was missed is made up by the next."""
    ends = Ends(Plans(tools.rows), tools.bus, tools.runtime.meters)
    yield Part([Job("end-plans", tools.settings.plans_every, timedelta(0), ends.look)])
