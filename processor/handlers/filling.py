"""Whose past is filled, and when: who is new at once, who is not tracked each hour, what an outage left soon."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptwire.clock import Clock
from cryptwire.domain.candle import opening
from cryptwire.domain.hopper import Hopper, HopperId
from cryptwire.errors import CryptwireError, Exhausted, LinkAgain, Unavailable
from cryptwire.log import Log
from cryptwire.tasks import end
from processor.handlers.backfill import Backfill
from processor.ports.backfill import Fillings

_log = Log(__name__)
_LOOKS_EVERY = timedelta(seconds=2)
_SETTLED = timedelta(seconds=8)
"""After a boundary the closed candles are written, and the exchanges' candles final."""


class Filler:
    """Fills ``at_once`` hoppers together. A hopper that cannot be filled holds up no other and is tried again later."""

    def __init__(
        self, backfill: Backfill, fillings: Fillings, clock: Clock, *, minutes_reach: timedelta, at_once: int
    ) -> None:
        self._backfill = backfill
        self._fillings = fillings
        self._clock = clock
        self._minutes_reach = minutes_reach
        self._at_once = at_once

    async def fill_new(self) -> None:
        """Fill whoever has no past, within seconds after he is there, forever."""
        running: dict[HopperId, asyncio.Task[str]] = {}
        try:
            while True:
                free = self._at_once - len(running)
                for hopper in await self._unfilled(list(running), free) if free else ():
                    running[hopper.id] = asyncio.create_task(self._one(hopper))
                await self._clock.sleep(_LOOKS_EVERY)
                for name in [name for name, task in running.items() if task.done()]:
                    running.pop(name).result()  # raises what is no error of ours
        finally:
            await end(running.values())

    async def _unfilled(self, but: Sequence[HopperId], most: int) -> list[Hopper]:
        try:
            return await self._fillings.unfilled(but, most)
        except Unavailable as error:
            _log.warning("cannot look for hoppers without a past", reason=error)
            return []

    async def mend(self, due_at: datetime) -> str:
        """Fill what tracked hoppers lack before the running quarter of an hour: an outage, or where tracking began."""
        return await self._all(due_at, is_tracked=True)

    async def go_on(self, due_at: datetime) -> str:
        """Fill what hoppers lack that are not tracked."""
        said = await self._all(due_at, is_tracked=False)
        await self._fillings.whole(opening(self._clock.now()))
        return said

    async def _all(self, due_at: datetime, *, is_tracked: bool) -> str:
        await self._clock.sleep(due_at + _SETTLED - self._clock.now())
        until = opening(self._clock.now())
        waiting = iter(await self._fillings.lacking(until, opening(until - self._minutes_reach), is_tracked=is_tracked))
        outcomes: Counter[str] = Counter()

        async def fill() -> None:
            for hopper in waiting:
                outcomes[await self._one(hopper)] += 1

        async with asyncio.TaskGroup() as group:
            for _ in range(self._at_once):
                group.create_task(fill())
        return ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items())) or "nothing to fill"

    async def _one(self, hopper: Hopper) -> str:
        """Fill one hopper; what became of it."""
        try:
            return "filled" if await self._backfill.fill(hopper) else "complete"
        except LinkAgain:
            return "to be linked again"  # the user is told elsewhere
        except Exhausted as error:
            _log.warning("no budget to fill a past", hopper=hopper.id, reason=error)
            return "without budget"
        except Unavailable as error:
            _log.warning("a past cannot be filled now", hopper=hopper.id, reason=error)
            return "unavailable"
        except CryptwireError as error:
            _log.error("a past is not filled", hopper=hopper.id, reason=error)
            return "refused"
