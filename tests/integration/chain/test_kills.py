"""Whatever is killed in mid-run and comes back: no candle is lost, none is there twice, and they join."""

import asyncio
import itertools
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from cryptwire.storage import redis
from cryptwire.storage.write_queue import WriteQueue
from devstack import servers as embedded
from devstack.servers import free_port, prepared
from devstack.stack import Stack

SPAN = timedelta(seconds=3)
ROOT = Path(__file__).parents[3]


@pytest.fixture
async def stack() -> AsyncIterator[Stack]:
    """The chain from the simulated exchange to the database, of its own, with candles of three seconds."""
    folder = ROOT / ".cryptwire" / "tests" / secrets.token_hex(4)
    settings = {
        "CRYPTWIRE_SIMULATOR_HISTORY_DAYS": "0",
        "CRYPTWIRE_SIMULATOR_TICK_SECONDS": "0.5",
        "CRYPTWIRE_SIMULATOR_DECISION_SECONDS": "10",
        "CRYPTWIRE_TRACKER_SPAN": str(SPAN.total_seconds()),
        "CRYPTWIRE_PROCESSOR_PARTS": '["comparison"]',  # what is filled is quarters of an hour
    }
    said: list[str] = []
    stack = Stack(ROOT, folder, free_port(), prepared(folder), said.append, settings=settings)
    stop = asyncio.Event()
    watching: asyncio.Task[None] | None = None
    try:
        await stack.start_servers()
        await stack.start_chain()
        await stack.ready("streamer", "writer")
        await stack.start_processor()
        watching = asyncio.create_task(stack.watch(stop))
        yield stack
    finally:
        stop.set()
        if watching is not None:
            await watching
        await stack.end()
        embedded.remove(folder)


async def candles(stack: Stack) -> dict[str, list[asyncpg.Record]]:
    """Every candle by hopper, oldest first."""
    connection = await asyncpg.connect(stack.servers.postgres.url)
    try:
        rows = await connection.fetch("SELECT * FROM candles ORDER BY hopper_id, opened_at")
    finally:
        await connection.close()
    found = defaultdict(list)
    for row in rows:
        found[row["hopper_id"]].append(row)
    return found


@pytest.mark.timeout(400)
async def test_kills_one_after_the_other_lose_nothing_and_double_nothing(stack: Stack) -> None:
    async with asyncio.timeout(30):
        while len(await candles(stack)) < 8:  # noqa: ASYNC110 - rows in a database
            await asyncio.sleep(0.5)
    kills = (
        stack.services["tracker"].process,
        stack.services["writer"].process,
        stack.servers.redis.process,
        stack.servers.nats.process,
        stack.servers.postgres.process,
        stack.services["streamer"].process,
        stack.services["gateway"].process,
    )
    killed_at: dict[str, datetime] = {}
    for process in kills:
        killed_at[process.name] = datetime.now(UTC)  # noqa: TID251 - compared with the services' own clock
        process.kill()
        await asyncio.sleep(5)
    ended = datetime.now(UTC)  # noqa: TID251
    await asyncio.sleep(8)  # two more boundaries, and the time to write them

    found = await candles(stack)
    assert len(found) == 8
    for hopper, rows in found.items():
        moments = [row["opened_at"] for row in rows]
        gaps = [(a, b) for a, b in itertools.pairwise(moments) if b - a != SPAN]
        assert not gaps, f"hopper {hopper}: boundaries are missing or doubled: {gaps}"
        assert moments[-1] >= ended, f"hopper {hopper}: nothing since the kills"
        pairs = itertools.pairwise(rows)
        breaks = [(a["opened_at"], a["close"], b["open"]) for a, b in pairs if a["close"] != b["open"]]
        assert not breaks, f"hopper {hopper}: candles do not join: {breaks}"
    partial = {row["opened_at"] for rows in found.values() for row in rows if row["quality"] == 1}
    down = killed_at["tracker"]
    assert any(down - SPAN <= moment <= down + 2 * SPAN for moment in partial), (
        "the tracker's absence must show as a gap"
    )
    assert await _aside(stack) == 0


async def _aside(stack: Stack) -> int:
    async with redis.connect(stack.servers.redis.url) as client:
        return len(await WriteQueue(client).aside())
