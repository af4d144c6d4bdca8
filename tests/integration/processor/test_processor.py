"""The processor's real process: what webhooks missed is mended, by one of several replicas, through kills."""

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import asyncpg
import grpc
import pytest

from cryptwire import config
from cryptwire.clock import SystemClock
from cryptwire.codec.trade import trade_from_wire
from cryptwire.domain.hopper import HopperId
from cryptwire.domain.trade import Trade
from cryptwire.messaging import bus as messaging
from cryptwire.messaging.bus import Message
from cryptwire.messaging.subjects import LIVE
from cryptwire.storage import database
from cryptwire.storage.database import url_of
from cryptwire.storage.trades import Trades
from devstack.servers import Process, Servers
from tests.conftest import ROOT
from tests.integration.processor.played_gateway import PlayedGateway, playing
from tests.unit.webhook.twins import USER, trade

HOPPERS = 12


@dataclass
class Play:
    """A played gateway, a database with hoppers, and replicas of the processor that a test starts and kills."""

    gateway: PlayedGateway
    environment: dict[str, str]
    owner: "asyncpg.Connection[asyncpg.Record]"
    folder: Path
    told: list[str] = field(default_factory=list)
    replicas: list[Process] = field(default_factory=list)

    def start(self) -> Process:
        process = Process("processor", self.folder / f"processor-{len(self.replicas)}.log")
        inherited = {key: value for key, value in config.environment().items() if not key.startswith("CRYPTWIRE_")}
        command = [sys.executable, "-m", "cryptwire", "run", "processor"]
        process.start(command, cwd=str(ROOT), environment={**inherited, **self.environment})
        self.replicas.append(process)
        return process

    async def stored(self) -> int:
        return int(await self.owner.fetchval("SELECT count(*) FROM trades"))

    async def finished(self) -> int:
        return int(await self.owner.fetchval("SELECT count(*) FROM job_runs WHERE finished_at IS NOT NULL"))

    async def heard(self) -> int:
        return len(self.told)

    async def until(self, number: Callable[[], Awaitable[int]], least: int, seconds: float = 30) -> None:
        began = time.monotonic()
        while await number() < least:
            assert time.monotonic() - began < seconds, [process.last_words() for process in self.replicas]
            await asyncio.sleep(0.05)


@pytest.fixture
async def play(servers: Servers, database_url: str, tmp_path: Path) -> AsyncIterator[Play]:
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(playing(tmp_path / "certificates"))
        owner = await asyncpg.connect(database_url)
        stack.push_async_callback(owner.close)
        await owner.execute("INSERT INTO users (user_id, email, password_hash) VALUES ($1, 'a@b', '')", USER)
        environment = {
            "CRYPTWIRE_PROCESSOR_DATABASE_URL": url_of("processor", database_url),
            "CRYPTWIRE_PROCESSOR_REDIS_URL": servers.redis.url,
            "CRYPTWIRE_PROCESSOR_PARTS": '["comparison"]',
            "CRYPTWIRE_PROCESSOR_NATS_URL": servers.nats.url("processor"),
            "CRYPTWIRE_PROCESSOR_GATEWAY_ADDRESS": gateway.address,
            "CRYPTWIRE_PROCESSOR_CERTIFICATES": str(tmp_path / "certificates"),
            "CRYPTWIRE_PROCESSOR_PATIENCE": "2",
            "CRYPTWIRE_PROCESSOR_COMPARE_EVERY": "3600",
        }
        playing_ = Play(gateway, environment, owner, tmp_path)
        now = SystemClock().now()
        for number in range(1, HOPPERS + 1):
            id = str(number)
            await owner.execute("INSERT INTO hoppers VALUES ($1, $2, 'A', 'binance', 'USDT', false, 300)", id, USER)
            gateway.trades[HopperId(id)] = [trade(id, f"t{age}", now - timedelta(days=age)) for age in (80, 9, 1)]
        bus = await stack.enter_async_context(messaging.connect(servers.nats.admin_url, "admin"))

        async def on_trade(message: Message) -> None:
            playing_.told.append(trade_from_wire(message.payload).id)

        await bus.subscribe(LIVE.all_trades, on_trade)
        await bus.flush()
        yield playing_
        for process in playing_.replicas:
            await process.stop(5)


async def test_what_is_missing_is_mended_and_who_cannot_be_read_holds_up_no_other(play: Play) -> None:
    play.gateway.trouble = {
        HopperId("1"): grpc.StatusCode.FAILED_PRECONDITION,
        HopperId("2"): grpc.StatusCode.RESOURCE_EXHAUSTED,
        HopperId("3"): grpc.StatusCode.DATA_LOSS,
    }
    play.start()
    await play.until(play.finished, 1)
    assert await play.stored() == 3 * (HOPPERS - 3)
    await play.until(play.heard, HOPPERS - 3)
    said = await play.owner.fetchval("SELECT said FROM job_runs")
    assert said == f"{HOPPERS - 3} mended, 1 refused, 1 to be linked again, 1 without budget"


async def test_of_several_replicas_one_does_each_run(play: Play) -> None:
    play.environment["CRYPTWIRE_PROCESSOR_COMPARE_EVERY"] = "2"
    for _ in range(3):
        play.start()
    await play.until(play.finished, 3)
    assert await play.owner.fetchval("SELECT max(tries) FROM job_runs WHERE finished_at IS NOT NULL") == 1
    for process in play.replicas:
        await process.stop(5)
    runs = await play.owner.fetch("SELECT said FROM job_runs WHERE finished_at IS NOT NULL")
    # a run that comes late compares only what nobody has since it was due, and says how many that were
    compared = sum(int(number) for run in runs for number in re.findall(r"\d+", run["said"]))
    begun = await play.owner.fetchval("SELECT sum(tries) FROM job_runs")  # who stops lets go, and another takes it up
    assert compared <= sum(play.gateway.asked.values()) <= compared + HOPPERS * (begun - len(runs))
    assert max(play.gateway.asked.values()) <= begun
    assert await play.stored() == 3 * HOPPERS


async def test_a_replica_killed_in_the_middle_is_replaced_and_what_was_done_is_not_done_again(play: Play) -> None:
    play.gateway.seconds = 0.25
    killed = play.start()
    await play.until(play.stored, 9)
    play.start()
    assert killed.popen is not None
    killed.popen.kill()
    killed.popen.wait()
    done = await play.stored()
    assert done < 3 * HOPPERS
    await play.until(play.finished, 1)
    assert await play.stored() == 3 * HOPPERS
    assert await play.owner.fetchval("SELECT tries FROM job_runs") == 2
    assert sum(play.gateway.asked.values()) <= HOPPERS + 2


async def test_a_trade_that_comes_by_webhook_comparison_and_import_is_one_row_told_once(
    database_url: str, play: Play
) -> None:
    now = SystemClock().now()
    listed = [trade("1", f"x{number}", now - timedelta(minutes=number)) for number in range(300)]

    async def come(service: str, trades: list[Trade]) -> list[Trade]:
        async with database.connect(url_of(service, database_url), "test", 2) as rows:
            return await Trades(rows).add(trades)

    for begin in range(0, 300, 60):
        part = listed[: begin + 60]
        shuffled = [*part[begin:], *part[:begin]]
        added = await asyncio.gather(
            come("webhook", part), come("processor", list(reversed(part))), come("processor", shuffled)
        )
        assert sorted(each.id for one in added for each in one) == sorted(each.id for each in part[begin:])
    assert await play.stored() == 300
