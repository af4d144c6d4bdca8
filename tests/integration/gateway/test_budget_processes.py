"""Two gateways as processes: one takes over what the other has spent, and does not wait for the dead."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptwire.clock import SystemClock
from tests.integration.gateway import budget_process

WINDOW = 3.0


@dataclass
class Gateway:
    process: asyncio.subprocess.Process

    async def ask(self, urgency: str = "POLL", patience: float = 20) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{urgency} {patience}\n".encode())
        await self.process.stdin.drain()

    async def answer(self) -> str:
        assert self.process.stdout is not None
        return (await asyncio.wait_for(self.process.stdout.readline(), 20)).decode().strip()

    async def went_at(self) -> datetime:
        return datetime.fromtimestamp(float(await self.answer()), SystemClock().now().tzinfo)


@asynccontextmanager
async def gateway(url: str, requests: int) -> AsyncIterator[Gateway]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", budget_process.__name__, url, str(requests), str(WINDOW)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Gateway(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_what_a_dead_gateway_has_spent_stays_spent(redis_url: str) -> None:
    async with gateway(redis_url, 6) as one, gateway(redis_url, 6) as two:
        for _ in range(5):
            await one.ask()
        first = min([await one.went_at() for _ in range(5)])
        one.process.kill()
        await two.ask()
        assert await two.went_at() < first + timedelta(seconds=WINDOW)
        await two.ask(patience=0)
        assert await two.answer() == "Exhausted"
        await two.ask()
        assert await two.went_at() - first >= timedelta(seconds=WINDOW - 0.05)


async def test_who_waits_in_a_gateway_that_dies_is_forgotten_within_two_seconds(redis_url: str) -> None:
    """One request a window: the dead one's turn would have come first."""
    async with gateway(redis_url, 1) as one, gateway(redis_url, 1) as two:
        await one.ask()
        first = await one.went_at()
        await two.ask(patience=0)
        assert await two.answer() == "Exhausted"  # it has started
        await one.ask("ACTION")
        await asyncio.sleep(0.2)
        await two.ask()
        died = first + timedelta(seconds=WINDOW - 0.3)
        await asyncio.sleep((died - SystemClock().now()).total_seconds())
        one.process.kill()
        went = await two.went_at()
    assert timedelta(seconds=WINDOW) <= went - first
    assert went - died < timedelta(seconds=2.3)
