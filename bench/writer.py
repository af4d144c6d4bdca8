"""Candles a second from the Redis list into the table, beside a bare loop of COPY and upsert over the same rows.

The writer is the real process with its four connections, begun on 200,000 candles that are in the list already; the
bare loop is one connection that is handed rows already decoded, in batches of the same size, into a table of the same
definition. They take turns, three times each, in one run, each time into an empty table.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from bench import place
from bench.place import Place
from bench.report import Row, at_least, median, told
from candles.writer.settings import Settings
from cryptwire.codec.candle import candle_to_wire
from cryptwire.domain.candle import SPAN, Candle, Quality
from cryptwire.domain.hopper import HopperId
from cryptwire.storage import redis
from cryptwire.storage.database import url_of
from cryptwire.storage.write_queue import WriteQueue

HOPPERS, BOUNDARIES = 10_000, 20
TURNS = 3
_DEFAULTS = Settings("", "")
_FIRST = datetime(2026, 1, 1, tzinfo=UTC)
_PREPARED = "bench:candles"
_COLUMNS = ("hopper_id", "opened_at", "open", "high", "low", "close", "gap", "quality", "fence")

Values = tuple[str, datetime, float, float, float, float, float, int, int]


async def measure() -> list[Row]:
    """Rows a second of both, and the ratio."""
    candles = [_candle(hopper, _FIRST + SPAN * boundary) for boundary in range(BOUNDARIES) for hopper in range(HOPPERS)]
    rows = [
        (c.hopper, c.opened_at, c.open, c.high, c.low, c.close, c.gap.total_seconds(), int(c.quality), c.fence)
        for c in candles
    ]
    messages = [candle_to_wire(candle) for candle in candles]
    async with place.opened() as there:
        told_it = {"database_url": url_of("writer", there.servers.postgres.url), "redis_url": there.servers.redis.url}
        async with place.service(there, "writer", {**told_it}) as child:
            await child.ready()
            connection = await asyncpg.connect(there.servers.postgres.url)
            try:
                await connection.execute("CREATE TABLE bare_candles (LIKE candles INCLUDING ALL)")
                await _written(there, messages[:10_000])  # connections are made, plans known
                bare, ours = [], []
                for _ in range(TURNS):
                    await connection.execute("TRUNCATE candles; TRUNCATE bare_candles; CHECKPOINT")
                    bare.append(len(rows) / await _bare(connection, rows))
                    before = child.usage().cpu_seconds
                    ours.append(len(rows) / await _written(there, messages))
                    used = child.usage().cpu_seconds - before
                    count = await connection.fetchval("SELECT count(*) FROM candles")
                    if count != len(rows):
                        raise AssertionError(f"{count} rows were written and not {len(rows)}")
            finally:
                await connection.close()
    ratio = median([one / other for one, other in zip(ours, bare, strict=True)])
    note = f" ({_DEFAULTS.connections} connections, batches of {_DEFAULTS.batch:,})"
    return [
        told("writer: bare COPY and upsert, one connection", median(bare), "rows/s"),
        told("writer: the process", median(ours), "rows/s", note),
        told("writer: CPU of the process for a candle", used / len(rows) * 1e6, "µs"),
        at_least("writer: the process against the bare loop", ratio, 0.7, "×"),
    ]


def _candle(hopper: int, opened_at: datetime) -> Candle:
    value = 1000.0 + hopper / 7
    return Candle(
        HopperId(str(1_000_000 + hopper)), opened_at, value, value * 1.01, value * 0.99, value * 1.001,
        timedelta(0), Quality.COMPLETE, 1,
    )  # fmt: skip


async def _bare(connection: "asyncpg.Connection[asyncpg.Record]", rows: Sequence[Values]) -> float:
    """Seconds for all of ``rows``."""
    began = time.perf_counter()
    for start in range(0, len(rows), _DEFAULTS.batch):
        async with connection.transaction():
            await connection.execute("CREATE TEMP TABLE IF NOT EXISTS staged (LIKE bare_candles) ON COMMIT DELETE ROWS")
            await connection.copy_records_to_table(
                "staged", records=rows[start : start + _DEFAULTS.batch], columns=_COLUMNS
            )
            await connection.execute(
                "INSERT INTO bare_candles SELECT * FROM staged ON CONFLICT (hopper_id, opened_at) DO UPDATE"
                " SET open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,"
                " gap = excluded.gap, quality = excluded.quality, fence = excluded.fence"
            )
    return time.perf_counter() - began


async def _written(there: Place, messages: list[bytes]) -> float:
    """Seconds from the moment the list is there until every value of it was committed."""
    async with redis.connect(there.servers.redis.url) as client:
        for start in range(0, len(messages), 5_000):
            await client.rpush(_PREPARED, *messages[start : start + 5_000])
        queue = WriteQueue(client)
        await asyncio.sleep(0.3)
        began = time.perf_counter()
        await client.rename(_PREPARED, "cw:candles")
        async with asyncio.timeout(60):
            while await queue.waiting() or await _taken(client):  # noqa: ASYNC110 - values in a server
                await asyncio.sleep(0.005)
        took = time.perf_counter() - began
        if aside := await queue.aside():
            raise AssertionError(f"{len(aside)} candles were set aside")
        return took


async def _taken(client: redis.Redis) -> int:
    names: Any = await client.smembers("cw:candles:writers")
    if not names:
        return 0
    return int(await client.exists(*(b"cw:candles:taken:" + name for name in names)))
