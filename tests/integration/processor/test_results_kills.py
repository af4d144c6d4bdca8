"""The processor's process, killed again and again while it writes results; then two of them, told of each trade."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cryptwire import config
from cryptwire.domain.hopper import Hopper
from cryptwire.domain.trade import Trade
from cryptwire.messaging import bus as messaging
from cryptwire.messaging.trades import tell
from cryptwire.storage import database
from cryptwire.storage.database import url_of
from devstack.servers import Process, Servers
from tests.conftest import ROOT
from tests.integration.imports.conftest import until
from tests.integration.processor.days import World
from tests.integration.processor.played_gateway import playing
from tests.integration.processor.resulting import calm, life, stored

IS_FULL = bool(config.environment().get("CRYPTWIRE_FULL"))
KILLS, HOPPERS, TRADES = (30, 40, 2_500) if IS_FULL else (3, 8, 1_500)
_COUNTS = "SELECT hopper_id, count(*) AS number FROM trade_results GROUP BY 1"


@dataclass
class Chain:
    """Hoppers with trades, and processors to be started and killed."""

    world: World
    environment: dict[str, str]
    folder: Path
    nats: str
    started: list[Process] = field(default_factory=list)

    def start(self) -> Process:
        process = Process("processor", self.folder / f"processor-{len(self.started)}.log")
        inherited = {key: value for key, value in config.environment().items() if not key.startswith("CRYPTWIRE_")}
        command = [sys.executable, "-m", "cryptwire", "run", "processor"]
        process.start(command, cwd=str(ROOT), environment={**inherited, **self.environment})
        self.started.append(process)
        return process

    async def counts(self) -> dict[str, int]:
        return {row["hopper_id"]: row["number"] for row in await self.world.owner.fetch(_COUNTS)}


@pytest.fixture
async def chain(servers: Servers, database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Chain]:
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(playing(tmp_path / "certificates"))
        rows = await stack.enter_async_context(database.connect(url_of("processor", database_url), "test", 2))
        owner = await stack.enter_async_context(database.connect(database_url, "owner", 2))
        environment = {
            "CRYPTWIRE_PROCESSOR_DATABASE_URL": url_of("processor", database_url),
            "CRYPTWIRE_PROCESSOR_REDIS_URL": redis_url,
            "CRYPTWIRE_PROCESSOR_PARTS": '["results"]',
            "CRYPTWIRE_PROCESSOR_NATS_URL": servers.nats.url("processor"),
            "CRYPTWIRE_PROCESSOR_GATEWAY_ADDRESS": gateway.address,
            "CRYPTWIRE_PROCESSOR_CERTIFICATES": str(tmp_path / "certificates"),
            "CRYPTWIRE_PROCESSOR_PATIENCE": "1",
            "CRYPTWIRE_PROCESSOR_RESULTS_AT_ONCE": "2",
        }
        chain = Chain(World(rows, owner), environment, tmp_path, servers.nats.url("webhook"))
        yield chain
        for process in chain.started:
            if process.is_running:
                await process.stop(5)


@pytest.mark.timeout(900 if IS_FULL else 400)
async def test_killed_again_and_again_it_writes_the_rows_of_a_calm_run(chain: Chain) -> None:
    world, chance = chain.world, random.Random("kills")
    user = await world.user("UTC")
    hoppers, lives = list[Hopper](), dict[str, list[Trade]]()
    for number in range(HOPPERS):
        hopper = await world.hopper(f"{number:02}", user)
        hoppers.append(hopper)
        trades = lives[hopper.id] = life(number, TRADES, hopper.id, ("USDT",), ("USDT",))
        await world.trades.add(trades[:-2])

    killed = 0
    for number in range(1, KILLS + 1):
        process = chain.start()

        async def goes_on(least: int = min(HOPPERS - 1, HOPPERS * number // (KILLS + 1))) -> bool:
            assert process.is_running, process.last_words()  # noqa: B023 - called before the next is started
            return len(await chain.counts()) >= least

        await until(goes_on, 60)
        await asyncio.sleep(chance.uniform(0, 0.1))
        assert process.popen is not None
        process.popen.kill()
        process.popen.wait()
        counts = await chain.counts()
        assert set(counts.values()) == {TRADES - 2}, "all of a hopper's rows, or none"
        killed += len(counts) < HOPPERS
    assert killed > 0, "some while results were written"

    first, second = chain.start(), chain.start()

    async def has(number: int) -> bool:
        assert first.is_running, first.last_words()
        assert second.is_running, second.last_words()
        counts = await chain.counts()
        return len(counts) == HOPPERS and set(counts.values()) == {number}

    await until(lambda: has(TRADES - 2), 60)
    async with messaging.connect(chain.nats, "webhook") as bus:
        for hopper in hoppers:
            for trade in lives[hopper.id][-2:]:
                await tell(bus, hopper, await world.trades.add([trade]))
        await until(lambda: has(TRADES), 60)
    assert await stored(world.rows) == [row for hopper in hoppers for row in calm(hopper, lives[hopper.id])]
