"""Servers of a bench's own, and the processes it starts beside them."""

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from cryptwire import config
from cryptwire.storage.migrate import migrate
from devstack import servers as embedded
from devstack.place import root
from devstack.servers import Process, Servers, free_port

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_READY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Place:
    """Running servers with the whole schema, below a folder that is removed afterwards."""

    folder: Path
    servers: Servers


@asynccontextmanager
async def opened() -> AsyncIterator[Place]:
    """PostgreSQL, Redis and NATS of this run alone, on free ports of 127.0.0.1."""
    folder = root() / ".cryptwire" / "bench" / secrets.token_hex(4)
    try:
        async with embedded.running(folder) as servers:
            await migrate(servers.postgres.url)
            yield Place(folder, servers)
    finally:
        embedded.remove(folder)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used so far, and how long its main thread could have run and got no core."""

    cpu_seconds: float
    rss_bytes: int
    waited_seconds: float


@dataclass(slots=True)
class Child:
    """A process that a bench started."""

    process: Process
    health_port: int = 0

    def usage(self) -> Usage:
        return usage_of(self.process.pid)

    async def ready(self, path: str = "readyz") -> None:
        """Return when it answers 200; raises ServerFailed when it ends or half a minute passes."""
        url = f"http://127.0.0.1:{self.health_port}/{path}"
        async with aiohttp.ClientSession() as http, asyncio.timeout(_READY_SECONDS):
            while True:
                with suppress(aiohttp.ClientError, OSError):
                    async with http.get(url) as answer:
                        if answer.status == 200:
                            return
                if not self.process.is_running:
                    raise embedded.ServerFailed(f"{self.process.name} ended: {self.process.last_words()}")
                await asyncio.sleep(0.05)

    async def meters(self) -> dict[str, float]:
        """What ``/metrics`` says now, by the name of the sample with its labels."""
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"http://127.0.0.1:{self.health_port}/metrics") as answer,
        ):
            lines = (await answer.text()).splitlines()
        samples = (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in samples}

    def faults(self) -> int:
        """Lines of its log that warn or tell an error."""
        lines = self.process.log.read_text(errors="replace").splitlines()
        return sum(1 for line in lines if " WARNING " in line or " ERROR " in line)


def usage_of(pid: int) -> Usage:
    """CPU time with that of the system for it, resident memory, and waiting for a core: others disturb."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    try:
        waited = int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        waited = 0.0  # a kernel that does not count it
    cpu = (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND
    return Usage(cpu, int(fields[21]) * os.sysconf("SC_PAGE_SIZE"), waited)


@asynccontextmanager
async def service(place: Place, name: str, told: dict[str, object]) -> AsyncIterator[Child]:
    """``cryptwire run <name>``, told ``CRYPTWIRE_<NAME>_<FIELD>`` for each of ``told``."""
    health = free_port()
    variables = {f"CRYPTWIRE_{name.upper()}_{field.upper()}": str(value) for field, value in told.items()}
    variables[f"CRYPTWIRE_{name.upper()}_HEALTH_PORT"] = str(health)
    async with _started(place, name, [sys.executable, "-m", "cryptwire", "run", name], variables, health) as child:
        yield child


@asynccontextmanager
async def module(place: Place, name: str, *arguments: str) -> AsyncIterator[Child]:
    """``python -m <name>``: a part of a bench that needs a process of its own."""
    async with _started(place, name, [sys.executable, "-m", name, *arguments], {}, 0) as child:
        yield child


@asynccontextmanager
async def program(
    place: Place, name: str, command: list[str], folder: Path, variables: dict[str, str]
) -> AsyncIterator[Child]:
    """Something that is not ours, run in ``folder``."""
    async with _started(place, name, command, variables, 0, folder) as child:
        yield child


@asynccontextmanager
async def _started(
    place: Place, name: str, command: list[str], variables: dict[str, str], health: int, folder: Path | None = None
) -> AsyncIterator[Child]:
    inherited = {key: value for key, value in config.environment().items() if not key.startswith("CRYPTWIRE_")}
    process = Process(name, place.folder / f"{name}-{secrets.token_hex(2)}.log")
    process.start(command, cwd=str(folder or root()), environment=inherited | variables)
    try:
        yield Child(process, health)
    finally:
        await process.stop(5)


async def until_ended(child: Child, seconds: float) -> str:
    """Wait for a module to end; what it wrote to its log. Raises ServerFailed unless it ended well."""
    popen = child.process.popen
    assert popen is not None
    code = await asyncio.to_thread(popen.wait, seconds)
    if code:
        raise embedded.ServerFailed(f"{child.process.name} ended with {code}: {child.process.last_words()}")
    return child.process.log.read_text()
