"""A clock that a test turns."""

import asyncio
from datetime import UTC, datetime, timedelta


class HandClock:
    """Stands still; ``turn`` moves it on and wakes who has slept long enough, in order."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self.at

    async def sleep(self, span: timedelta) -> None:
        if span > timedelta(0):
            woken = asyncio.get_running_loop().create_future()
            self._sleepers.append((self.at + span, woken))
            await woken

    async def turn(self, seconds: float) -> None:
        until = self.at + timedelta(seconds=seconds)
        await settled()
        while due := [each for each in self._sleepers if each[0] <= until]:
            at, woken = min(due, key=lambda each: each[0])
            self._sleepers.remove((at, woken))
            self.at = max(self.at, at)
            if not woken.done():
                woken.set_result(None)
            await settled()
        self.at = until


async def settled() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)
