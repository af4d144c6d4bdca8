"""The simulated Cryptohopper and a real gateway, and replicas of the processor that a test starts and kills."""

import asyncio
import secrets
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cryptwire import config, gateway_client
from cryptwire.clock import SystemClock
from cryptwire.domain.hopper import UserId
from cryptwire.gateway_client import GatewayClient, Identity
from cryptwire.metrics import Meters
from cryptwire.runtime import Health, Runtime
from cryptwire.storage import database
from cryptwire.storage.database import Database, url_of
from devstack import accounts, certificates
from devstack.servers import Process, Servers, free_port
from gateway.main import main as gateway_main
from gateway.settings import Settings as GatewaySettings
from tests.conftest import ROOT

REDIRECT = "http://127.0.0.1/link/callback"
_READY = 30.0


@dataclass
class Simulated:
    """The simulator's process."""

    address: str
    http: aiohttp.ClientSession

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        async with self.http.request(method, f"{self.address}/control/{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()


@dataclass
class Replicas:
    """Processes of the processor, all told the same."""

    environment: dict[str, str]
    folder: Path
    processes: list[Process] = field(default_factory=list)

    def start(self) -> Process:
        process = Process("processor", self.folder / f"processor-{len(self.processes)}.log")
        inherited = {key: value for key, value in config.environment().items() if not key.startswith("CRYPTWIRE_")}
        command = [sys.executable, "-m", "tests.integration.imports.victim"]
        process.start(command, cwd=str(ROOT), environment={**inherited, **self.environment})
        self.processes.append(process)
        return process

    async def stop(self) -> None:
        await asyncio.gather(*(process.stop(10) for process in self.processes))

    def last_words(self) -> list[str]:
        return [process.last_words() for process in self.processes]


@dataclass
class Scene:
    """Everything around the processor."""

    simulated: Simulated
    gateway: GatewayClient
    gateway_address: str
    certificates: Path
    owner: Database
    rows: Database  # with the processor's rights
    redis_url: str
    nats_url: str
    replicas: Replicas

    async def user(self, plan: str = "free") -> UserId:
        email = f"{secrets.token_hex(6)}@x.test"
        row = await self.owner.value(
            "INSERT INTO users (email, password_hash, plan) VALUES ($1, '', $2) RETURNING user_id::text", email, plan
        )
        return UserId(row)

    async def link(self, user: UserId, name: str) -> None:
        """Link a user's simulated account, as he would."""
        url, state = await self.gateway.begin_link(user, REDIRECT)
        await self.gateway.link(user, await accounts.authorize(url, state, name, f"{name}-demo"), state)

    async def linked(self, name: str = "alice") -> UserId:
        user = await self.user()
        await self.link(user, name)
        return user

    async def until(self, query: str, *values: object, is_what: object = True, seconds: float = 30) -> None:
        """Return when the database answers so."""
        began = time.monotonic()
        while (found := await self.owner.value(query, *values)) != is_what:
            assert time.monotonic() - began < seconds, (found, self.replicas.last_words())
            await asyncio.sleep(0.05)


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    began = time.monotonic()
    while not await condition():
        assert time.monotonic() - began < seconds
        await asyncio.sleep(0.05)


@asynccontextmanager
async def simulating(folder: Path, **told: object) -> AsyncIterator[Simulated]:
    """The simulator on a port of its own, without limits unless told otherwise."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    settings: dict[str, object] = {
        "port": port, "folder": folder / "simulator", "redirect_uris": REDIRECT, "client_id": "client",
        "client_secret": "client-secret", "rate_limit": 0, "history_days": 10, **told,
    }  # fmt: skip
    inherited = {key: value for key, value in config.environment().items() if not key.startswith("CRYPTWIRE_")}
    process = Process("simulator", folder / "simulator.log")
    environment = {f"CRYPTWIRE_SIMULATOR_{name.upper()}": str(value) for name, value in settings.items()}
    process.start([sys.executable, "-m", "simulator"], cwd=str(ROOT), environment={**inherited, **environment})
    try:
        async with aiohttp.ClientSession() as http:
            began = time.monotonic()
            while True:
                try:
                    async with http.get(f"{address}/healthz") as answer:
                        assert answer.status == 200
                        break
                except aiohttp.ClientError:
                    assert process.is_running, process.last_words()
                    assert time.monotonic() - began < _READY, process.last_words()
                    await asyncio.sleep(0.05)
            yield Simulated(address, http)
    finally:
        await process.stop(10)


@asynccontextmanager
async def running_gateway(settings: GatewaySettings) -> AsyncIterator[None]:
    runtime = Runtime(asyncio.Event(), SystemClock(), Meters(), Health())
    task = asyncio.create_task(gateway_main(settings, runtime))
    try:
        while not runtime.health.needs.get("grpc", (False, ""))[0]:
            if task.done():
                await task
            await asyncio.sleep(0.01)
        yield
    finally:
        runtime.stop.set()
        await asyncio.wait_for(task, 10)


def told_processor(
    database_url: str, redis_url: str, nats_url: str, gateway_address: str, certificates: Path
) -> dict[str, str]:
    """The settings of a processor that imports, and notices quickly what was left."""
    return {
        "CRYPTWIRE_PROCESSOR_DATABASE_URL": url_of("processor", database_url),
        "CRYPTWIRE_PROCESSOR_REDIS_URL": redis_url,
        "CRYPTWIRE_PROCESSOR_NATS_URL": nats_url,
        "CRYPTWIRE_PROCESSOR_GATEWAY_ADDRESS": gateway_address,
        "CRYPTWIRE_PROCESSOR_CERTIFICATES": str(certificates),
        "CRYPTWIRE_PROCESSOR_PARTS": '["imports"]',
        "CRYPTWIRE_PROCESSOR_PATIENCE": "1",
        "CRYPTWIRE_PROCESSOR_IMPORT_PATIENCE": "1",
        "CRYPTWIRE_PROCESSOR_IMPORT_LOOK_EVERY": "1",
    }


@pytest.fixture(scope="session")
async def simulated(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Simulated]:
    async with simulating(tmp_path_factory.mktemp("simulated")) as running:
        yield running


@pytest.fixture
async def scene(
    simulated: Simulated, servers: Servers, database_url: str, redis_url: str, nats_url: str, tmp_path: Path
) -> AsyncIterator[Scene]:
    await simulated.control("DELETE", "faults")
    folder = tmp_path / "certificates"
    certificates.issue(folder, ("gateway", "api", "processor"), SystemClock().now())
    certificates.issue_session_key(tmp_path)
    key = tmp_path / "master.key"
    key.touch(mode=0o600)
    key.write_text(secrets.token_hex(32))
    settings = GatewaySettings(
        database_url=url_of("gateway", database_url),
        redis_url=redis_url,
        certificates=folder,
        master_key_file=key,
        session_key_file=tmp_path / "session-key-public.pem",
        client_id="client",
        client_secret="client-secret",
        address=f"127.0.0.1:{free_port()}",
        upstream_url=f"{simulated.address}/v1",
        oauth_url=f"{simulated.address}/oauth2",
        requests_per_window=10_000,
        orders_per_window=9_000,
    )
    replicas = Replicas(
        told_processor(database_url, redis_url, servers.nats.url("processor"), settings.address, folder), tmp_path
    )
    async with (
        running_gateway(settings),
        gateway_client.connect(settings.address, Identity(folder, "api")) as client,
        database.connect(database_url, "test") as owner,
        database.connect(url_of("processor", database_url), "test") as rows,
    ):
        yield Scene(simulated, client, settings.address, folder, owner, rows, redis_url, nats_url, replicas)
        await replicas.stop()
