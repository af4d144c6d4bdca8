"""Where a Cryptohopper token can be found while the whole system runs: in the gateway's memory, and nowhere else.

Every token that the simulator gives begins with a mark, which is searched for in all that the other processes write,
store, send and hold in memory, also where it was encoded.
"""

import asyncio
import base64
import contextlib
import secrets
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from cryptwire import gateway_client
from cryptwire.domain.action import Act, Fence, IntentId
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.errors import CryptwireError
from cryptwire.gateway_client import Identity
from cryptwire.messaging import bus as messaging
from cryptwire.storage import redis
from devstack import servers as embedded
from devstack.servers import free_port, prepared
from devstack.stack import Stack
from tests.conftest import ROOT

HOPPER = HopperId("1042001")
_LIVES = 6  # seconds of a token: several are renewed while the system runs
_RUNS = 16.0
_CHUNK = 16 * 1024 * 1024


@dataclass
class Scene:
    """A stack that has run for a while, its mark, and what was heard and said meanwhile."""

    stack: Stack
    mark: str
    heard: list[bytes] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    metrics: dict[str, bytes] = field(default_factory=dict)
    renewed: float = 0.0

    def needles(self) -> list[bytes]:
        """The mark as it is, in hexadecimal, and as base64 at each of the three places it can begin."""
        plain = self.mark.encode()
        shifted = (base64.b64encode(b"\0" * n + plain)[(0, 2, 3)[n] : -4] for n in range(3))
        return [plain, plain.hex().encode(), *shifted]

    def finds(self, content: bytes) -> bool:
        return any(needle in content for needle in self.needles())


@pytest.fixture(scope="module")
async def scene(data_folder: Path) -> AsyncIterator[Scene]:
    mark = "mark" + secrets.token_hex(6)
    folder = data_folder / "secrecy"
    settings = {
        "CRYPTWIRE_SIMULATOR_TOKEN_PREFIX": mark,
        "CRYPTWIRE_SIMULATOR_TOKEN_SECONDS": str(_LIVES),
        "CRYPTWIRE_SIMULATOR_HISTORY_DAYS": "1",
        "CRYPTWIRE_SIMULATOR_DECISION_SECONDS": "10",
    }
    said: list[str] = []
    stack = Stack(ROOT, folder, free_port(), prepared(folder), said.append, settings=settings)
    scene = Scene(stack, mark, said=said)
    app = folder / "app"
    try:
        await stack.start_servers()
        async with messaging.connect(stack.servers.nats.admin_url, "admin") as bus:

            async def hear(message: messaging.Message) -> None:
                scene.heard.append(message.payload)

            await bus.subscribe(">", hear)
            await stack.start_chain()
            app.mkdir(parents=True)
            (app / "index.html").write_text("<!doctype html><title>none</title>")
            await stack.start_edge(app)
            await stack.ready("streamer", "writer")
            await stack.start_processor()
            await _use(scene)
            await asyncio.sleep(_RUNS)
            await _measure(scene)
            yield scene
    finally:
        await stack.end()
        embedded.remove(folder)


async def _use(scene: Scene) -> None:
    """What users, controller and a moody upstream do; what is answered is kept."""
    stack = scene.stack
    simulator = f"http://127.0.0.1:{stack.services['simulator'].environment['CRYPTWIRE_SIMULATOR_PORT']}"
    connection = await asyncpg.connect(stack.servers.postgres.url)
    row = await connection.fetchrow("SELECT user_id::text, fence FROM hoppers JOIN assignments USING (hopper_id)"
                                    " WHERE hopper_id = $1", HOPPER)  # fmt: skip
    await connection.close()
    assert row is not None
    user, fence = UserId(row["user_id"]), int(row["fence"])
    async with (
        aiohttp.ClientSession() as http,
        gateway_client.connect(stack.gateway_address, Identity(stack.folder / "certificates", "processor")) as reader,
        gateway_client.connect(stack.gateway_address, Identity(stack.folder / "certificates", "controller")) as actor,
    ):
        for fault in ("401", "500", "half", "200-says-error", "403-html", "reset"):
            rule = {"fault": fault, "path": "/config", "times": 1}
            async with http.post(f"{simulator}/control/faults", json=rule) as answer:
                assert answer.status == 200, await answer.text()
            with _kept(scene):
                scene.said.append(str(await reader.config(user, HOPPER)))
        for number, is_on in enumerate((False, True)):
            act = Act(IntentId(str(uuid.uuid4())), number, Fence(fence))
            with _kept(scene):
                scene.said.append(str(await actor.set_buying(user, HOPPER, act, is_on=is_on)))
        with _kept(scene):
            scene.said.append(str(await reader.output(user, HOPPER, _long_ago())))


async def _measure(scene: Scene) -> None:
    async with aiohttp.ClientSession() as http:
        for name, service in scene.stack.services.items():
            if name != "simulator" and service.process.is_running:
                async with http.get(service.ready_url.replace("readyz", "metrics")) as answer:
                    scene.metrics[name] = await answer.read()
    lines = scene.metrics["gateway"].decode().splitlines()
    found = [line for line in lines if line.startswith("cryptwire_gateway_renewals_total") and '"renewed"' in line]
    scene.renewed = float(found[0].rpartition(" ")[2]) if found else 0.0


@contextlib.contextmanager
def _kept(scene: Scene) -> Iterator[None]:
    try:
        yield
    except CryptwireError as error:
        scene.said.append(repr(error))


async def test_tokens_were_given_used_and_renewed_meanwhile(scene: Scene) -> None:
    """Else finding nothing would say nothing."""
    assert scene.renewed >= 3
    assert len(scene.heard) > 20
    assert any("Acted" in line for line in scene.said)
    kept = (scene.stack.folder / "simulator").rglob("*")
    assert any(scene.finds(path.read_bytes()) for path in kept if path.is_file())


async def test_no_token_in_logs_answers_and_metrics(scene: Scene) -> None:
    logs = [path for path in scene.stack.folder.rglob("*.log") if path.stem != "simulator"]
    assert {"gateway", "tracker", "edge", "postgres", "redis", "nats"} <= {path.stem for path in logs}
    assert [path.name for path in logs if scene.finds(path.read_bytes())] == []
    assert [line for line in scene.said if scene.finds(line.encode())] == []
    assert [name for name, text in scene.metrics.items() if scene.finds(text)] == []


async def test_no_token_in_messages(scene: Scene) -> None:
    assert [payload for payload in scene.heard if scene.finds(payload)] == []


async def test_no_token_in_any_table_nor_in_the_databases_files(scene: Scene) -> None:
    connection = await asyncpg.connect(scene.stack.servers.postgres.url)
    try:
        tables = await connection.fetch(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND schemaname NOT LIKE 'pg_temp%'"
        )
        assert "custody.tokens" in {row["name"] for row in tables}
        for name in [row["name"] for row in tables]:
            rows = await connection.fetch(f"SELECT t::text AS row FROM {name} t")
            assert not any(scene.finds(row["row"].encode()) for row in rows), name
        sealed = await connection.fetch("SELECT sealed FROM custody.tokens")
        assert sealed
        assert not any(scene.finds(bytes(row["sealed"])) for row in sealed)
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
    folder = scene.stack.folder
    pointer = folder / "postgres.elsewhere"
    roots = [folder, *([Path(pointer.read_text().strip())] if pointer.exists() else [])]
    searched = [path for root in roots for path in _files(root) if folder / "simulator" not in path.parents]
    assert any("pg_wal" in path.parts for path in searched)
    assert [path for path in searched if scene.finds(_read(path))] == []


async def test_no_token_in_redis(scene: Scene) -> None:
    async with redis.connect(scene.stack.servers.redis.url) as client:
        keys = [key async for key in client.scan_iter("*")]
        assert any(b"budget" in key for key in keys)
        for key in keys:
            assert not scene.finds(key)
            assert not scene.finds(await client.dump(key) or b""), key


async def test_no_token_in_the_memory_of_any_other_process(scene: Scene) -> None:
    running = {
        name: service.process.pid for name, service in scene.stack.services.items() if service.process.is_running
    }
    running |= {process.name: process.pid for process in scene.stack.servers.processes if process.is_running}
    simulator, gateway = running.pop("simulator"), running.pop("gateway")
    try:
        is_found = any(scene.finds(part) for part in _memory(simulator))
    except OSError as error:
        pytest.skip(f"this system does not let the memory of processes be read, so it was not searched: {error}")
    assert is_found, "the search itself finds nothing"
    assert {"tracker", "edge", "streamer", "writer"} <= running.keys()
    family = {name: [pid, *_children(pid)] for name, pid in running.items()}
    for name, pids in family.items():
        for pid in pids:
            assert not scene.finds(_about(pid)), f"{name}: its environment or command line"
            assert not any(scene.finds(part) for part in _memory(pid)), f"{name} ({pid}) holds a token"
    with contextlib.suppress(PermissionError):  # the gateway forbids it to everybody but root
        assert not scene.finds(_about(gateway))


def _long_ago() -> datetime:
    return datetime(2020, 1, 1, tzinfo=UTC)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""  # PostgreSQL removed it meanwhile


def _about(pid: int) -> bytes:
    return b"".join(_read(Path(f"/proc/{pid}/{name}")) for name in ("environ", "cmdline"))


def _children(pid: int) -> Iterable[int]:
    with contextlib.suppress(OSError):
        for child in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
            yield child
            yield from _children(child)


def _memory(pid: int) -> Iterator[bytes]:
    """What a process holds in memory that can be written, in parts that overlap."""
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            addresses, rights, *_ = line.split()
            if not rights.startswith("rw"):
                continue
            begin, end = (int(part, 16) for part in addresses.split("-"))
            for at in range(begin, end, _CHUNK):
                with contextlib.suppress(OSError):  # parts of it may be away meanwhile
                    memory.seek(at)
                    yield memory.read(min(_CHUNK + 64, end - at))
