"""A clock that a test turns."""

import asyncio
from datetime import UTC, datetime, timedelta

_TURNS = 30


class HandClock:
    """Twin of ``SystemClock``: stands still until ``turn`` moves it on and wakes who has slept long enough."""

    def __init__(self, at: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._at = at
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._at

    async def sleep(self, span: timedelta) -> None:
        if span > timedelta(0):
            woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            sleeper = (self._at + span, woken)
            self._sleepers.append(sleeper)
            try:
                await woken
            finally:
                if sleeper in self._sleepers:
                    self._sleepers.remove(sleeper)

    async def turn(self, span: timedelta) -> None:
        """Let ``span`` pass: sleepers wake in the order of their moments, each at its own, and run until they wait."""
        until = self._at + span
        await settled()
        while due := [sleeper for sleeper in self._sleepers if sleeper[0] <= until]:
            sleeper = min(due, key=lambda each: each[0])
            self._sleepers.remove(sleeper)
            self._at = max(self._at, sleeper[0])
            if not sleeper[1].done():
                sleeper[1].set_result(None)
            await settled()
        self._at = until

    def set(self, at: datetime) -> None:
        """Stand at ``at``, which may be earlier, as a machine's clock is set; nobody wakes."""
        self._at = at


async def settled() -> None:
    """Let every task run until it waits."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
