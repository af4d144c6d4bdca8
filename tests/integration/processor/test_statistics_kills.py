"""The processor, killed again and again at a midnight and over missed ones: its rows are those of a calm run."""

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from cryptwire import config
from cryptwire.clock import SystemClock
from cryptwire.domain.candle import opening
from cryptwire.domain.hopper import Exchange
from cryptwire.domain.ticker import Pair, Ticker
from cryptwire.domain.trade import Side
from cryptwire.storage import database, redis
from cryptwire.storage.database import url_of
from cryptwire.storage.last_prices import LastPrices
from devstack.servers import Process, Servers
from tests.conftest import ROOT
from tests.integration.imports.conftest import until
from tests.integration.processor.days import BTC, DAY, HOUR, USDT, D, World, everything, trade
from tests.integration.processor.midnight_victim import BEHIND
from tests.integration.processor.played_gateway import PlayedGateway, playing

KILLS = 50 if config.environment().get("CRYPTWIRE_FULL") else 8
TAKEN = 600  # hoppers whose midnight it is: three pages
HOPPERS, DAYS = (120, 80) if KILLS == 50 else (32, 40)
_TAKEN = "SELECT hopper_id, at, positions, invested, unrealised, reserved FROM midnights ORDER BY 1, 2"


@dataclass
class Midnights:
    """Hoppers whose days nobody has computed, and a processor to be started and killed."""

    world: World
    environment: dict[str, str]
    folder: Path
    gateway: PlayedGateway
    redis_url: str
    command: tuple[str, ...] = ("cryptwire", "run", "processor")
    started: int = 0

    def start(self) -> Process:
        process = Process("processor", self.folder / f"processor-{self.started}.log")
        self.started += 1
        inherited = {key: value for key, value in config.environment().items() if not key.startswith("CRYPTWIRE_")}
        command = [sys.executable, "-m", *self.command]
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
        environment = {
            "CRYPTWIRE_PROCESSOR_DATABASE_URL": url_of("processor", database_url),
            "CRYPTWIRE_PROCESSOR_REDIS_URL": redis_url,
            "CRYPTWIRE_PROCESSOR_PARTS": '["statistics", "flows"]',
            "CRYPTWIRE_PROCESSOR_NATS_URL": servers.nats.url("processor"),
            "CRYPTWIRE_PROCESSOR_GATEWAY_ADDRESS": gateway.address,
            "CRYPTWIRE_PROCESSOR_CERTIFICATES": str(tmp_path / "certificates"),
            "CRYPTWIRE_PROCESSOR_PATIENCE": "1",
        }
        yield Midnights(World(rows, owner), environment, tmp_path, gateway, redis_url)


@pytest.fixture
async def missed(midnights: Midnights) -> Midnights:
    """Hoppers of which nobody kept the days, that trade, and what they hold now."""
    world, owner = midnights.world, midnights.world.owner
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
    return midnights


async def test_killed_again_and_again_it_writes_the_rows_of_a_calm_run(missed: Midnights) -> None:
    midnights, owner = missed, missed.world.owner
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


@pytest.mark.timeout(900 if KILLS == 50 else 400)
async def test_killed_again_and_again_at_a_midnight_it_takes_what_a_calm_run_takes(midnights: Midnights) -> None:
    """Its clock is put so that it starts in the second in which the day of all its hoppers has ended."""
    owner, gateway, chance = midnights.world.owner, midnights.gateway, random.Random("midnight")
    user = await midnights.world.user("UTC")
    for number in range(TAKEN):
        await midnights.world.hopper(f"{number:04}", user)
    gateway.held = {"BTC": "0.125", "USDT": "1000.5"}
    now = SystemClock().now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    ticker = Ticker(Pair(Exchange("binance"), BTC, USDT), 40_000.0, None, None, None, now, "s", 1)
    async with redis.connect(midnights.redis_url) as values:
        await LastPrices(values).put([ticker])
    midnights.command = ("tests.integration.processor.midnight_victim",)
    midnights.environment["CRYPTWIRE_PROCESSOR_STATISTICS_WITHIN"] = "840"

    def begin() -> None:
        behind = SystemClock().now() - midnight - timedelta(seconds=1)
        midnights.environment[BEHIND] = str(behind.total_seconds())

    async def taken() -> int:
        return int(await owner.value("SELECT count(*) FROM midnights WHERE taken_at IS NOT NULL"))

    async def is_over() -> bool:
        query = "SELECT finished_at IS NOT NULL FROM job_runs WHERE job = 'daily-statistics' AND due_at = $1"
        return bool(await owner.value(query, midnight))

    async def outcome() -> dict[str, list[tuple[object, ...]]]:
        await until(is_over, 60)
        return await everything(owner) | {"midnights": [tuple(row) for row in await owner.fetch(_TAKEN)]}

    async def asks(asked: int) -> bool:
        assert process.is_running, process.last_words()
        return gateway.asked.total() > asked

    async def took(had: int) -> bool:
        return await taken() > had

    begin()
    process = midnights.start()
    calm = await outcome()
    await process.stop(5)
    assert len(calm["days"]) == len(calm["midnights"]) == TAKEN == await taken()
    assert {row[7] for row in calm["days"]} == {D("6000.5")}
    await owner.execute("TRUNCATE daily_statistics, statistics_progress, job_runs, midnights, balances")

    gateway.seconds = 0.05
    gateway.asked.clear()
    begin()
    killed, again = 0, Counter[str]()
    for number in range(1, KILLS + 1):
        process, asked, had = midnights.start(), gateway.asked.total(), await taken()
        await until(partial(asks, asked))
        if number % (KILLS // 3) == 0 and had < TAKEN // 2:
            await until(partial(took, had))
        await asyncio.sleep(chance.uniform(0, 1))
        assert process.popen is not None
        process.popen.kill()
        process.popen.wait()
        killed += TAKEN - await taken() > 0
        names = await owner.fetch("SELECT hopper_id FROM midnights")
        for name in (f"assets {row['hopper_id']}" for row in names):
            again.setdefault(name, gateway.asked[name])
    assert killed == KILLS, "each of them while midnights were taken"
    assert len(again) >= TAKEN // 3, "some of them after some"
    process = midnights.start()
    assert await outcome() == calm
    await process.stop(5)
    assert {name: gateway.asked[name] for name in again} == again, "what was taken is not asked for again"
