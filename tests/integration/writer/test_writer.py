"""The writer on real servers, which are killed under its hands."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest

from candles.writer.handlers import Writer
from candles.writer.logic import CANDLES, FLOWS
from cryptwire.clock import SystemClock
from cryptwire.codec.candle import candle_to_wire
from cryptwire.codec.portfolio import flow_to_wire
from cryptwire.domain.candle import Candle, Quality
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.portfolio import FlowCandidate
from cryptwire.errors import Unavailable
from cryptwire.metrics import Meters
from cryptwire.storage import database, redis
from cryptwire.storage.candles import Candles
from cryptwire.storage.database import url_of
from cryptwire.storage.flow_candidates import FlowCandidates
from cryptwire.storage.migrate import migrate
from cryptwire.storage.write_queue import WriteQueue
from devstack import servers as embedded
from generated.wire.v1.candle_pb2 import CandleAside
from tests.conftest import ROOT

T = datetime(2026, 3, 1, tzinfo=UTC)
SPAN = timedelta(minutes=15)


def candle(number: int, hopper: str = "101", fence: int = 1) -> Candle:
    value = 1.0 + number
    opened_at = T + number * SPAN
    return Candle(HopperId(hopper), opened_at, value, value, value, value, timedelta(0), Quality.COMPLETE, fence)


class Place:
    """Queue and table, and an owner's connection to count with."""

    def __init__(self, owner_url: str, queue: WriteQueue, rows: database.Database) -> None:
        self.owner_url = owner_url
        self.queue = queue
        self.table = Candles(rows)
        self.meters = Meters()

    def writer(self, name: str, batch: int = 200) -> Writer[Candle]:
        return Writer(name, CANDLES, self.queue, self.table, SystemClock(), self.meters, batch)

    async def push(self, *candles: Candle) -> None:
        await self.queue.push([candle_to_wire(one) for one in candles])

    async def sql(self, query: str, *values: object) -> object:
        connection = await asyncpg.connect(self.owner_url)
        try:
            return await connection.fetchval(query, *values)
        finally:
            await connection.close()

    async def rows(self, hopper: str = "101") -> list[Candle]:
        connection = await asyncpg.connect(self.owner_url)
        try:
            found = await connection.fetch("SELECT * FROM candles WHERE hopper_id = $1 ORDER BY opened_at", hopper)
        finally:
            await connection.close()
        return [
            Candle(
                HopperId(r["hopper_id"]),
                r["opened_at"],
                r["open"],
                r["high"],
                r["low"],
                r["close"],
                timedelta(seconds=r["gap"]),
                Quality(r["quality"]),
                r["fence"],
            )
            for r in found
        ]


@asynccontextmanager
async def place_at(owner_url: str, redis_url: str) -> AsyncIterator[Place]:
    async with (
        database.connect(database.url_of("writer", owner_url), "writer", 4) as rows,
        redis.connect(redis_url) as values,
    ):
        yield Place(owner_url, WriteQueue(values), rows)


@pytest.fixture
async def place(database_url: str, redis_url: str) -> AsyncIterator[Place]:
    async with place_at(database_url, redis_url) as made:
        yield made


async def until(is_so: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not await is_so():  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.05)


@asynccontextmanager
async def running(*writers: Writer[Candle]) -> AsyncIterator[None]:
    """Writers at work until the block ends."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(writer.run(stop, timedelta(milliseconds=10))) for writer in writers]
    try:
        yield
        assert not any(task.done() for task in tasks), "a writer ended by itself"
    finally:
        stop.set()
        await asyncio.gather(*tasks, return_exceptions=True)


# -- what is written ---------------------------------------------------------------------------------------------------


async def test_poison_is_set_aside_with_its_reason_and_the_rest_is_written(place: Place) -> None:
    wanted = [candle(number) for number in range(20)]
    unstorable = candle_to_wire(candle(40, hopper="1\x000"))
    huge = candle_to_wire(candle(41, hopper=secrets.token_hex(8_000)))
    values = [candle_to_wire(one) for one in wanted]
    await place.queue.push([*values[:7], b"\xff", unstorable, *values[7:15], huge, *values[15:], b"x" * 1_000_000])
    writer = place.writer("a")
    while await writer.once():
        pass
    assert await place.rows() == wanted
    notes = [CandleAside.FromString(value) for value in await place.queue.aside()]
    assert {note.payload for note in notes} == {b"\xff", unstorable, huge, b"x" * 1_000_000}
    assert all(note.reason for note in notes)


async def test_duplicates_conflicts_and_older_fences_in_one_batch(place: Place) -> None:
    await place.sql("INSERT INTO users (email, password_hash) VALUES ('a@b.test', '-')")
    await place.sql("INSERT INTO hoppers SELECT '7', user_id, 'n', 'binance', 'USDT', false, 60 FROM users")
    await place.sql("INSERT INTO pods VALUES ('pod', now())")
    await place.sql("INSERT INTO assignments VALUES ('7', 'pod', 2, $1)", T + 2 * SPAN)
    early, late, new = candle(0, "7", 1), candle(3, "7", 1), candle(4, "7", 2)
    partial = replace(candle(5, "7", 2), quality=Quality.PARTIAL, gap=timedelta(seconds=3))
    await place.push(early, early, late, new, partial, candle(5, "7", 2), new)
    await place.writer("a").once()
    assert await place.rows("7") == [early, new, candle(5, "7", 2)]
    (note,) = [CandleAside.FromString(value) for value in await place.queue.aside()]
    assert (note.payload, "older fence" in note.reason) == (candle_to_wire(late), True)


async def test_a_dead_writers_batch_is_adopted(place: Place, redis_url: str) -> None:
    wanted = [candle(number) for number in range(10)]
    await place.push(*wanted)
    await place.queue.register("dead")
    await place.queue.take("dead", 6)  # and then it was killed
    heir = place.writer("heir")
    await heir.once()
    assert len(await place.rows()) == 4
    async with redis.connect(redis_url) as client:
        await client.delete("cw:candles:alive:dead")  # as it expires after ten seconds
    later = place.writer("later")
    await later.once()
    assert await place.rows() == wanted


async def test_the_sign_of_life_expires(place: Place, redis_url: str) -> None:
    await place.queue.register("a")
    async with redis.connect(redis_url) as client:
        assert 5_000 < await client.pttl("cw:candles:alive:a") <= 10_000


async def test_however_many_writers_there_are_at_most_four_connections(place: Place) -> None:
    names = [f"w{number}" for number in range(12)]
    wanted = [candle(number) for number in range(3_000)]
    await place.push(*wanted)
    most = 0
    connection = await asyncpg.connect(place.owner_url)
    async with running(*(place.writer(name, batch=20) for name in names)):
        while await place.queue.waiting():
            count = await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cryptwire-writer'"
                " AND datname = current_database()"
            )
            most = max(most, count)
            await asyncio.sleep(0.01)
    await connection.close()
    assert 1 <= most <= 4
    assert await place.rows() == wanted
    assert place.meters.value("writer_candles") == 3_000


# -- servers killed in mid-batch ---------------------------------------------------------------------------------------


@pytest.fixture
def own_folder() -> Iterator[Path]:
    folder = ROOT / ".cryptwire" / "tests" / f"writer-{secrets.token_hex(4)}"
    yield folder
    embedded.remove(folder)


@pytest.fixture
async def own(own_folder: Path) -> AsyncIterator[embedded.Servers]:
    """PostgreSQL and Redis of one's own, to be killed."""
    servers = embedded.prepared(own_folder)
    try:
        await asyncio.gather(servers.postgres.start(), servers.redis.start())
        await migrate(servers.postgres.url)
        yield servers
    finally:
        for process in (servers.postgres.process, servers.redis.process):
            await process.stop()


async def restarted(server: embedded.Postgres | embedded.Redis) -> None:
    """The kernel frees what a killed server held a moment later than its death: try again."""
    for attempt in range(10):
        try:
            await server.start()
        except embedded.ServerFailed:
            if attempt == 9:
                raise
            await asyncio.sleep(0.3)
        else:
            return


async def test_servers_killed_in_mid_batch_lose_nothing_and_double_nothing(own: embedded.Servers) -> None:
    wanted = [candle(number) for number in range(4_000)]
    async with place_at(own.postgres.url, own.redis.url) as place:
        await place.push(*wanted[:2_000])
        async with running(*(place.writer(f"w{number}", batch=25) for number in range(4))):

            async def some() -> bool:
                return place.meters.value("writer_batches") >= 5

            await until(some)
            own.postgres.process.kill()
            await asyncio.sleep(0.3)
            assert await place.queue.waiting() > 0, "killed in mid-run"
            await restarted(own.postgres)

            async def more() -> bool:
                return place.meters.value("writer_batches") >= 15

            await until(more)
            await asyncio.sleep(1.1)  # appendfsync everysec: what Redis said it has is on disk after a second
            own.redis.process.kill()
            with contextlib.suppress(Unavailable):
                await place.queue.waiting()
            await restarted(own.redis)
            await place.push(*wanted[2_000:])

            async def all_of_them() -> bool:
                return len(await place.rows()) == 4_000

            await until(all_of_them)
        assert await place.rows() == wanted
        assert await place.queue.waiting() == 0
        assert await place.queue.aside() == []
        for number in range(4):
            assert await place.queue.taken(f"w{number}") == []
        assert place.meters.value("writer_unavailable") >= 1


async def test_flow_candidates_are_written_once_and_nonsense_is_set_aside(place: Place, redis_url: str) -> None:
    flow = FlowCandidate(HopperId("101"), T, Asset("BTC"), Decimal("-0.123456789012345678"), 10.0, 99.5, 3)
    async with (
        redis.connect(redis_url) as values,
        database.connect(url_of("writer", place.owner_url), "writer", 1) as rows,
    ):
        queue = WriteQueue(values, what="flows")
        await queue.push([flow_to_wire(flow), b"\xff", flow_to_wire(flow)])
        assert await Writer("f", FLOWS, queue, FlowCandidates(rows), SystemClock(), place.meters, 10).once() == 3
        assert len(await queue.aside()) == 1
    assert await place.sql("SELECT count(*) FROM flow_candidates") == 1
    assert await place.sql("SELECT quantity FROM flow_candidates") == flow.quantity
