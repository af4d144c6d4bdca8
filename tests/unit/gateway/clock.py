"""A clock that a test turns."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta


async def settled() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


class HandClock:
    """Stands still; ``turn`` moves it on and wakes who has slept long enough, in order.

    ``settled`` is what lets everything run that a wake-up sets going, servers included.
    """

    def __init__(self, settled: Callable[[], Awaitable[None]] = settled) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []
        self._settled = settled

    def now(self) -> datetime:
        return self.at

    async def sleep(self, span: timedelta) -> None:
        if span > timedelta(0):
            woken = asyncio.get_running_loop().create_future()
            sleeper = (self.at + span, woken)
            self._sleepers.append(sleeper)
            try:
                await woken
            finally:
                if sleeper in self._sleepers:
                    self._sleepers.remove(sleeper)

    async def turn(self, seconds: float) -> None:
        until = self.at + timedelta(seconds=seconds)
        await self._settled()
        while due := [each for each in self._sleepers if each[0] <= until]:
            at, woken = min(due, key=lambda each: each[0])
            self._sleepers.remove((at, woken))
            self.at = max(self.at, at)
            if not woken.done():
                woken.set_result(None)
            await self._settled()
        self.at = until
