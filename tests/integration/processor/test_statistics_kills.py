"""The processor's real process, killed again and again over missed midnights: its rows are those of a calm run."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from cryptwire import config
from cryptwire.clock import SystemClock
from cryptwire.domain.candle import opening
from cryptwire.domain.trade import Side
from cryptwire.storage import database
from cryptwire.storage.database import url_of
from devstack.servers import Process, Servers
from tests.conftest import ROOT
from tests.integration.processor.days import BTC, DAY, HOUR, USDT, D, World, everything, trade
from tests.integration.processor.played_gateway import playing

KILLS = 50 if config.environment().get("CRYPTWIRE_FULL") else 8
HOPPERS, DAYS = (120, 80) if KILLS == 50 else (32, 40)


@dataclass
class Midnights:
    """Hoppers whose days nobody has computed, and a processor to be started and killed."""

    world: World
    environment: dict[str, str]
    folder: Path
    started: int = 0

    def start(self) -> Process:
        process = Process("processor", self.folder / f"processor-{self.started}.log")
        self.started += 1
        inherited = {key: value for key, value in config.environment().items() if not key.startswith("CRYPTWIRE_")}
        command = [sys.executable, "-m", "cryptwire", "run", "processor"]
        process.start(command, cwd=str(ROOT), environment={**inherited, **self.environment})
        return process

    async def rows(self) -> int:
        return int(
            await self.world.owner.value(
                "SELECT (SELECT count(*) FROM daily_statistics) + (SELECT count(*) FROM midnights)"
            )
        )

    async def finished(self) -> bool:
        query = "SELECT count(*) FROM statistics_progress WHERE until_at > now() - interval '25 hours'"
        return bool(await self.world.owner.value(query) == HOPPERS)

    async def until(self, process: Process, least: int, seconds: float = 60) -> bool:
        """Wait for so many rows; False when all is done before."""
        began = time.monotonic()
        while await self.rows() < least:
            assert time.monotonic() - began < seconds, process.last_words()
            if await self.finished():
                return False
            await asyncio.sleep(0.01)
        return True


@pytest.fixture
async def midnights(servers: Servers, database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Midnights]:
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(playing(tmp_path / "certificates"))
        rows = await stack.enter_async_context(database.connect(url_of("processor", database_url), "test", 2))
        owner = await stack.enter_async_context(database.connect(database_url, "owner", 2))
        world = World(rows, owner)
        now = opening(SystemClock().now())
        since = now - DAYS * DAY
        trades = []
        for number in range(HOPPERS):
            name = str(number)
            zone = ("UTC", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe")[number % 4]
            await world.hopper(name, await world.user(zone, f"{number}@b.test"))
            await world.candles(name, since, now)
            trades += [
                trade(name, n, Side.SELL if n % 3 == 2 else Side.BUY, "0.1", since + n * 17 * HOUR, "0.5")
                for n in range(DAYS)
            ]
            await owner.execute("INSERT INTO midnights (hopper_id, at, taken_at) VALUES ($1, $2, $2)", name, now)
            query = "INSERT INTO balances VALUES ($1, $2, $3, $4, 1)"
            for asset, quantity in ((BTC, D(3)), (USDT, D(50_000))):
                await owner.execute(query, name, now, asset, quantity)
        await world.traded(*trades)
        environment = {
            "CRYPTWIRE_PROCESSOR_DATABASE_URL": url_of("processor", database_url),
            "CRYPTWIRE_PROCESSOR_REDIS_URL": redis_url,
            "CRYPTWIRE_PROCESSOR_PARTS": '["statistics", "flows"]',
            "CRYPTWIRE_PROCESSOR_NATS_URL": servers.nats.url("processor"),
            "CRYPTWIRE_PROCESSOR_GATEWAY_ADDRESS": gateway.address,
            "CRYPTWIRE_PROCESSOR_CERTIFICATES": str(tmp_path / "certificates"),
            "CRYPTWIRE_PROCESSOR_PATIENCE": "1",
        }
        yield Midnights(world, environment, tmp_path)


async def test_killed_again_and_again_it_writes_the_rows_of_a_calm_run(midnights: Midnights) -> None:
    owner = midnights.world.owner
    process = midnights.start()
    assert not await midnights.until(process, 10**9, 100)
    await process.stop(5)
    calm = await everything(owner)
    assert await owner.value("SELECT said FROM job_runs WHERE job = 'flows' AND finished_at IS NOT NULL") == "no flows"
    assert len(calm["days"]) >= HOPPERS * (DAYS - 1)
    assert len(calm["midnights"]) >= HOPPERS * DAYS
    await owner.execute("TRUNCATE daily_statistics, statistics_progress, job_runs")
    await owner.execute(
        "DELETE FROM balances b USING midnights m WHERE (b.hopper_id, b.at) = (m.hopper_id, m.at) AND taken_at IS NULL"
    )
    await owner.execute("DELETE FROM midnights WHERE taken_at IS NULL")
    step = len(calm["days"] + calm["midnights"]) // (KILLS + 2)
    killed = 0
    for number in range(1, KILLS + 1):
        process = midnights.start()
        is_under_way = await midnights.until(process, number * step)
        assert process.popen is not None
        process.popen.kill()
        process.popen.wait()
        killed += is_under_way
    assert killed >= KILLS - 2, "most of them in the middle of it"
    process = midnights.start()
    assert not await midnights.until(process, 10**9, 100)
    await process.stop(5)
    assert await everything(owner) == calm
