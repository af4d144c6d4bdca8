"""The past of a linked account, filled by the processor's process through kills: the rows of an undisturbed run."""

import asyncio
import json
import secrets
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from cryptwire import config, gateway_client
from cryptwire.clock import SystemClock
from cryptwire.domain.hopper import Exchange, UserId
from cryptwire.gateway_client import Identity
from cryptwire.storage import database, redis
from cryptwire.storage.database import url_of
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.last_prices import LastPrices
from cryptwire.storage.write_queue import WriteQueue
from devstack import accounts, certificates
from devstack.servers import Process, Servers, free_port
from gateway.settings import Settings as GatewaySettings
from tests.conftest import ROOT
from tests.integration.imports.conftest import REDIRECT, running_gateway, simulating

REACH = timedelta(days=30)
HOPPERS = 4
KILLS = 50 if config.environment().get("CRYPTWIRE_FULL") else 3
WHOLE = HOPPERS * (REACH // timedelta(minutes=15))
Rows = dict[tuple[str, datetime], tuple[Any, ...]]


@dataclass
class Scene:
    """A linked account, the streamer, a writer, and processors that a test starts and kills."""

    owner: "asyncpg.Connection[asyncpg.Record]"
    environment: dict[str, str]
    folder: Path
    processes: list[Process] = field(default_factory=list)

    def start(self, service: str) -> Process:
        process = Process(service, self.folder / f"{service}-{len(self.processes)}.log")
        inherited = {key: value for key, value in config.environment().items() if not key.startswith("CRYPTWIRE_")}
        command = [sys.executable, "-m", "cryptwire", "run", service]
        process.start(command, cwd=str(ROOT), environment={**inherited, **self.environment})
        self.processes.append(process)
        return process

    async def stored(self) -> int:
        return int(await self.owner.fetchval("SELECT count(*) FROM candles"))

    async def filled(self) -> int:
        return int(await self.owner.fetchval("SELECT count(*) FROM backfills WHERE filled_at IS NOT NULL"))

    async def until(self, is_so: Any, what: str, seconds: float = 60) -> None:
        began = time.monotonic()
        while not await is_so():
            assert time.monotonic() - began < seconds, (what, [process.last_words() for process in self.processes])
            await asyncio.sleep(0.02)

    async def rows(self) -> Rows:
        found = await self.owner.fetch("SELECT * FROM candles")
        return {(row["hopper_id"], row["opened_at"]): tuple(row) for row in found}


@pytest.fixture
async def scene(
    servers: Servers, database_url: str, redis_url: str, nats_url: str, tmp_path: Path
) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        told = {"history_days": 10, "decision_seconds": 3600}  # after a trade balances are waited for, a minute long
        simulated = await stack.enter_async_context(simulating(tmp_path, **told))
        folder = tmp_path / "certificates"
        certificates.issue(folder, ("gateway", "api", "devstack", "processor"), SystemClock().now())
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
        await stack.enter_async_context(running_gateway(settings))
        owner = await asyncpg.connect(database_url)
        stack.push_async_callback(owner.close)
        gateway = await stack.enter_async_context(
            gateway_client.connect(settings.address, Identity(folder, "devstack"))
        )
        user = UserId(
            await owner.fetchval("INSERT INTO users (email, password_hash) VALUES ('a@b', '') RETURNING user_id::text")
        )
        url, state = await gateway.begin_link(user, REDIRECT)
        await gateway.link(user, await accounts.authorize(url, state, "alice", "alice-demo"), state)
        async with database.connect(database_url, "test", 1) as rows:
            for linked in await gateway.hoppers(user):
                await Hoppers(rows).put(linked.hopper)
        plain = {"options": {"fetchMarkets": {"types": ["spot"]}}, "has": {"fetchCurrencies": False}}
        sockets = simulated.address.replace("http://", "ws://")
        binance = {"public": f"{simulated.address}/binance/api/v3", "ws": {"spot": f"{sockets}/binance/ws"}}
        endpoints = {
            "binance": {"urls": {"api": binance}, **plain},
            "kucoin": {"urls": {"api": {"public": f"{simulated.address}/kucoin"}}, **plain},
        }
        made = Scene(
            owner,
            {
                "CRYPTWIRE_STREAMER_REDIS_URL": redis_url,
                "CRYPTWIRE_STREAMER_NATS_URL": servers.nats.url("streamer"),
                "CRYPTWIRE_STREAMER_EXCHANGES": json.dumps(sorted(endpoints)),
                "CRYPTWIRE_STREAMER_ENDPOINTS": json.dumps(endpoints),
                "CRYPTWIRE_WRITER_DATABASE_URL": url_of("writer", database_url),
                "CRYPTWIRE_WRITER_REDIS_URL": redis_url,
                "CRYPTWIRE_PROCESSOR_DATABASE_URL": url_of("processor", database_url),
                "CRYPTWIRE_PROCESSOR_REDIS_URL": redis_url,
                "CRYPTWIRE_PROCESSOR_NATS_URL": servers.nats.url("processor"),
                "CRYPTWIRE_PROCESSOR_GATEWAY_ADDRESS": settings.address,
                "CRYPTWIRE_PROCESSOR_CERTIFICATES": str(folder),
                "CRYPTWIRE_PROCESSOR_PARTS": '["backfill"]',
                "CRYPTWIRE_PROCESSOR_PATIENCE": "1",
                "CRYPTWIRE_PROCESSOR_IMPORT_PATIENCE": "1",
                "CRYPTWIRE_PROCESSOR_BACKFILL_REACH": str(REACH.total_seconds()),
            },
            tmp_path,
        )
        for service in ("streamer", "writer"):
            made.start(service)
        values = await stack.enter_async_context(redis.connect(redis_url))

        async def is_priced() -> bool:
            return all([await LastPrices(values).all_of(Exchange(name)) for name in endpoints])

        await made.until(is_priced, "every exchange has prices")
        yield made
        await asyncio.gather(*(process.stop(5) for process in made.processes))


@pytest.mark.timeout(400 if KILLS < 10 else 900)
async def test_killed_again_and_again_the_rows_are_those_of_an_undisturbed_run(scene: Scene, redis_url: str) -> None:
    async def is_done() -> bool:
        return await scene.filled() == HOPPERS

    undisturbed = scene.start("processor")
    await scene.until(is_done, "every hopper is filled")
    expected = await scene.rows()
    assert len(expected) == WHOLE
    await undisturbed.stop(10)
    async with scene.owner.transaction():
        await scene.owner.execute("DELETE FROM candles")
        await scene.owner.execute("DELETE FROM backfills")

    reached = []
    for number in range(1, KILLS + 1):
        killed = scene.start("processor")
        least = WHOLE * number // (KILLS + 2)

        async def is_on(least: int = least) -> bool:
            return await scene.stored() >= least

        await scene.until(is_on, f"{least} candles")
        assert killed.popen is not None
        killed.popen.kill()
        killed.popen.wait()
        reached.append(await scene.stored())
    assert sum(each < WHOLE for each in reached) >= KILLS * 4 // 5, "most of them in the middle of it"
    scene.start("processor")
    await scene.until(is_done, "every hopper is filled after all")
    found = await scene.rows()
    both = expected.keys() & found.keys()
    assert len(both) >= WHOLE - 2 * HOPPERS  # a boundary may have passed meanwhile
    assert [found[key] for key in sorted(both)] == [expected[key] for key in sorted(both)]
    assert not await scene.owner.fetchval("""
        SELECT count(*) FROM (
            SELECT close, opened_at, lead(open) OVER each AS next, lead(opened_at) OVER each AS next_at
              FROM candles WINDOW each AS (PARTITION BY hopper_id ORDER BY opened_at)) c
         WHERE next <> close OR next_at <> opened_at + interval '15 minutes'
    """)
    async with redis.connect(redis_url) as values:
        assert await WriteQueue(values).aside() == []
    assert {row["said"] for row in await scene.owner.fetch("SELECT said FROM backfills")} == {""}
