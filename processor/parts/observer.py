"""The observer: its rounds, what it hears, and who tells when it is silent itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cryptwire.messaging.subjects import LIVE
from cryptwire.storage.heartbeats import Heartbeats
from cryptwire.storage.imports import Imports
from cryptwire.storage.job_runs import JobRuns
from processor.handlers.looking import looking
from processor.handlers.observer import Observer, Patience
from processor.parts import Part, Tools


@asynccontextmanager
async def observing(tools: Tools) -> AsyncIterator[Part]:
    """Every replica observes; each silence is told once."""
    settings, runtime = tools.settings, tools.runtime
    patience = Patience(settings.silent_after, settings.silent_user_after, settings.gone_after, settings.observe_every)
    observer = Observer(
        tools.rows,
        Heartbeats(tools.redis),
        JobRuns(tools.rows),
        Imports(tools.rows, settings.import_patience),
        tools.bus.look,
        tools.bus,
        runtime.clock,
        runtime.meters,
        runtime.health,
        patience,
    )
    end = await tools.bus.subscribe(LIVE.all_live, observer.on_live)
    rounds = looking("a round of the observer", observer.observe, runtime.clock, patience.round_every, tools.done)
    yield Part(work=[rounds, observer.watch_itself()])
    await end()
