"""Jobs: what is done at a time, once among all replicas, and made up when it was missed."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptwire.clock import Clock
from cryptwire.errors import CryptwireError, Unavailable
from cryptwire.log import Log
from cryptwire.metrics import Meters
from cryptwire.tasks import end
from processor import logic
from processor.ports import Bell, Runs

_log = Log(__name__)
_BEATS = 4  # signs of life within the patience of others


@dataclass(frozen=True, slots=True)
class Job:
    """``work`` is due at each multiple of ``every`` since the epoch; it is handed that moment and says what it did.

    Of runs that were missed (nobody was there, the database was away, the worker was killed) those of the last
    ``makes_up`` are made up, oldest first; 0 means the newest alone, for work that makes up by itself. A run may be
    begun again after it was cut off anywhere, so ``work`` must bear repeating.
    """

    name: str
    every: timedelta
    makes_up: timedelta
    work: Callable[[datetime], Awaitable[str]]


class Worker:
    """One replica's hands. ``name`` must be nobody else's, ``patience`` that of ``runs``."""

    def __init__(
        self,
        name: str,
        runs: Runs,
        clock: Clock,
        meters: Meters,
        patience: timedelta,
        done: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._name = name
        self._runs = runs
        self._clock = clock
        self._meters = meters
        self._beat = patience / _BEATS
        self._done = done

    async def serve(self, job: Job, bell: Bell) -> None:
        """Do what is due whenever ``bell`` rings, forever."""
        while True:
            try:
                await self._runs.served(job.name, job.every)
                await self.do_due(job)
                self._done(f"what is due of {job.name}")
            except Unavailable as error:
                _log.warning("a job waits", job=job.name, reason=error)
                self._count(job, "unavailable")
            await bell.rings()

    async def do_due(self, job: Job) -> int:
        """Do what is due now and nobody else does; how many runs. Raises Unavailable: the next ring finds the rest."""
        done = 0
        dues = logic.due_times(self._clock.now(), job.every, job.makes_up)
        for due_at in await self._runs.missing(job.name, dues):
            tries = await self._runs.claim(job.name, due_at, self._name)
            if tries is None:
                break  # somebody works at this job; what is left is looked at with the next ring
            if tries > 1:
                _log.warning("a run is begun again", job=job.name, due=due_at.isoformat(), tries=tries)
            done += await self._do(job, due_at)
        return done

    async def _do(self, job: Job, due_at: datetime) -> bool:
        """One run, with signs of life; whether it was done. What is cut off is let go, so that others take it up."""
        said = "cut off"
        working: asyncio.Future[str] = asyncio.ensure_future(job.work(due_at))
        beating = asyncio.create_task(self._beats(job, due_at))
        try:
            both: set[asyncio.Future[Any]] = {working, beating}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                _log.error("a run was taken over; it ends here", job=job.name, due=due_at.isoformat())
                self._count(job, "lost")
                return False
            said = working.result()
            if not await self._runs.finish(job.name, due_at, self._name, said):
                self._count(job, "lost")
                return False
        except CryptwireError as error:
            said = str(error)
            self._count(job, "failed")
            _log.error("a run failed", job=job.name, due=due_at.isoformat(), reason=error)
            await self._let_go(job, due_at, said)
            raise Unavailable(f"{job.name} is tried again: {said}") from error
        except BaseException:  # a cancelled run, too, is let go at once, for another replica; nothing is swallowed
            await self._let_go(job, due_at, said)
            raise
        finally:
            await end((working, beating))
        self._count(job, "done")
        _log.info("a run is done", job=job.name, due=due_at.isoformat(), said=said)
        return True

    async def _beats(self, job: Job, due_at: datetime) -> None:
        """Tell that we are alive until the run is not ours any more; while the database is away nobody takes it."""
        while True:
            await self._clock.sleep(self._beat)
            with contextlib.suppress(Unavailable):
                if not await self._runs.alive(job.name, due_at, self._name):
                    return

    async def _let_go(self, job: Job, due_at: datetime, said: str) -> None:
        with contextlib.suppress(CryptwireError):
            await self._runs.let_go(job.name, due_at, self._name, said)

    def _count(self, job: Job, outcome: str) -> None:
        self._meters.count("processor_runs", "Runs of jobs", job=job.name, outcome=outcome)
