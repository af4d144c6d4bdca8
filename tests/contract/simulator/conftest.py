"""The simulator as a process of its own, on a free port."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from devstack.servers import free_port

ROOT = Path(__file__).parents[3]
Process = asyncio.subprocess.Process


class Running:
    """One run: its address, and how to end it."""

    def __init__(self, port: int, process: Process) -> None:
        self.port, self.process = port, process
        self.url = f"http://127.0.0.1:{port}"
        self.socket_url = f"ws://127.0.0.1:{port}"

    async def stop(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Exit code, and seconds it took to exit."""
        begin = time.perf_counter()
        if self.process.returncode is None:
            self.process.send_signal(number)
        code = await asyncio.wait_for(self.process.wait(), 10)
        return code, time.perf_counter() - begin


Run = Callable[..., AbstractAsyncContextManager[Running]]


@asynccontextmanager
async def running(folder: Path, **settings: Any) -> AsyncIterator[Running]:
    """Run the simulator until the block ends."""
    port = free_port()
    given = {"port": port, "folder": folder, "history_days": 1, "rate_limit": 0, **settings}
    environment = {f"CRYPTWIRE_SIMULATOR_{name.upper()}": str(value) for name, value in given.items()}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "simulator", cwd=ROOT, env=environment)
    here = Running(port, process)
    try:
        async with aiohttp.ClientSession() as session:
            for _ in range(300):
                assert process.returncode is None, "the simulator did not start"
                try:
                    async with session.get(f"{here.url}/healthz") as answer:
                        if answer.status == 200:
                            break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)
        yield here
    finally:
        await here.stop(signal.SIGKILL if process.returncode is None else signal.SIGTERM)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a simulator on the test's folder, one at a time."""

    def starting(**settings: Any) -> AbstractAsyncContextManager[Running]:
        return running(tmp_path, **settings)

    return starting


async def within(seconds: float, what: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(what, seconds)
