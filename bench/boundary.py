"""Ten thousand hoppers close at one instant: how long until PostgreSQL has all of them.

The tracker's and the writer's real processes, real Redis, tickers at 1,000/s; the tracker resumed, as after a restart,
and polls nobody. Boundaries are 10 s apart here, so that several are seen; nothing else is shortened. The database is
asked every few milliseconds how many rows it has.
"""

import asyncio
import time
from datetime import datetime, timedelta

import asyncpg

from bench import deployed, place
from bench.place import Place
from bench.report import Row, at_most, told
from candles.writer.settings import MOST_CONNECTIONS
from cryptwire.clock import EPOCH
from cryptwire.storage import redis
from cryptwire.storage.database import url_of
from cryptwire.storage.write_queue import WriteQueue

HOPPERS = 10_000
SPAN = timedelta(seconds=10)
BOUNDARIES = 3
_RATE = 1_000
_LOOK_EVERY = 0.01
_COUNT = "SELECT count(*) FROM candles WHERE opened_at = $1"
_AT_ONCE = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cryptwire-writer'"


async def measure() -> list[Row]:
    """The slowest of the boundaries, and what came of all of them."""
    async with (
        place.opened() as there,
        deployed.resumed_tracker(there, HOPPERS, SPAN),
        place.service(
            there,
            "writer",
            {"database_url": url_of("writer", there.servers.postgres.url), "redis_url": there.servers.redis.url},
        ) as writer,
    ):
        await writer.ready()
        seconds = str(SPAN.total_seconds() * (BOUNDARIES + 2) + 10)
        arguments = (there.servers.nats.admin_url, str(deployed.COLUMNS), str(_RATE), seconds)
        async with place.module(there, "bench.ticker_source", *arguments):
            connection = await asyncpg.connect(there.servers.postgres.url)
            try:
                took, connections = await _watched(connection)
                rows = await connection.fetch(
                    "SELECT opened_at, count(*) AS count, count(DISTINCT hopper_id) AS hoppers FROM candles"
                    " GROUP BY 1 ORDER BY 1"
                )
                joints = await connection.fetchval(
                    "SELECT count(*) FROM candles a JOIN candles b ON b.hopper_id = a.hopper_id"
                    " AND b.opened_at = a.opened_at + $1 WHERE a.close <> b.open",
                    SPAN,
                )
            finally:
                await connection.close()
        aside = await _aside(there)
    wrong = [
        row for row in rows if row["count"] != HOPPERS or row["hoppers"] != HOPPERS or (row["opened_at"] - EPOCH) % SPAN
    ]
    note = f" ({', '.join(f'{one:.2f}' for one in took)})"
    return [
        at_most(f"boundary: {HOPPERS:,} close until all are durable, slowest", max(took), 2, "s", note),
        at_most("boundary: connections of the writer", connections, MOST_CONNECTIONS, "connections"),
        at_most(
            "boundary: moments off the boundary, short or doubled", len(wrong), 0, "boundaries", f" of {len(rows)}"
        ),
        at_most("boundary: candles set aside, or that do not join", aside + joints, 0, "candles"),
        told("boundary: candles written", sum(row["count"] for row in rows), "candles"),
    ]


async def _watched(connection: "asyncpg.Connection[asyncpg.Record]") -> tuple[list[float], int]:
    """Seconds of each boundary until its last candle was there, and the most connections that the writer had."""
    took: list[float] = []
    most = 0
    opened_at = EPOCH + (_now() - EPOCH) // SPAN * SPAN
    while len(took) < BOUNDARIES:
        boundary = opened_at + SPAN
        await asyncio.sleep((boundary - _now()).total_seconds())
        async with asyncio.timeout(20):
            while await connection.fetchval(_COUNT, opened_at) < HOPPERS:
                most = max(most, await connection.fetchval(_AT_ONCE))
                await asyncio.sleep(_LOOK_EVERY)
        took.append((_now() - boundary).total_seconds())
        opened_at = boundary
    return took, most


def _now() -> datetime:
    return EPOCH + timedelta(seconds=time.time())


async def _aside(there: Place) -> int:
    async with redis.connect(there.servers.redis.url) as client:
        return len(await WriteQueue(client).aside())
