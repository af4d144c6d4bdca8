"""What rings: APScheduler."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ScheduledBell:
    """Rings when it is told to; strokes that nobody waited for are one."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    async def ring(self) -> None:
        self._rung.set()

    async def rings(self) -> None:
        await self._rung.wait()
        self._rung.clear()


@asynccontextmanager
async def bells(rhythms: Sequence[timedelta], again: timedelta) -> AsyncIterator[list[ScheduledBell]]:
    """A bell for each rhythm that rings at its multiples since the epoch, and every ``again`` besides.

    The second is for what was missed or cut off.
    """
    scheduler = AsyncIOScheduler(timezone=UTC)
    made = [ScheduledBell() for _ in rhythms]
    for bell, every in zip(made, rhythms, strict=True):
        for rhythm in (every, again):
            trigger = IntervalTrigger(seconds=rhythm.total_seconds(), start_date=_EPOCH, timezone=UTC)
            scheduler.add_job(bell.ring, trigger, misfire_grace_time=None, coalesce=True)
    scheduler.start()
    try:
        yield made
    finally:
        scheduler.shutdown(wait=False)
