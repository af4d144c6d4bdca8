"""With TimescaleDB the table of candles is a hypertable whose old chunks are compressed, and answers the same.

The wheel's PostgreSQL has no TimescaleDB: these run where ``CRYPTWIRE_DATABASE_URL`` names a server that loads it.
"""

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import numpy as np
import pytest

from cryptwire.domain.bar import Columns
from cryptwire.domain.candle import SPAN, Candle, Quality
from cryptwire.domain.hopper import Asset, Exchange, HopperId
from cryptwire.domain.ticker import Pair
from cryptwire.storage import database
from cryptwire.storage.candle_series import CandleSeries
from cryptwire.storage.candles import Candles
from cryptwire.storage.database import SERVICES, role, url_of, with_database
from cryptwire.storage.migrate import migrate
from cryptwire.storage.pair_candles import PairCandles

Connection = asyncpg.Connection

T = datetime(2025, 1, 2, tzinfo=UTC)  # a Thursday: a chunk begins
WEEK = timedelta(days=7)


@pytest.fixture(autouse=True)
async def offered(server_url: str) -> None:
    """Skip where TimescaleDB is not loaded."""
    connection = await asyncpg.connect(with_database(server_url, "postgres"))
    try:
        is_offered = await connection.fetchval(
            "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')"
            " AND current_setting('shared_preload_libraries') LIKE '%timescaledb%'"
            " AND coalesce(current_setting('timescaledb.license', true), 'timescale') = 'timescale'"
        )
    finally:
        await connection.close()
    if not is_offered:
        pytest.skip("the server does not load TimescaleDB under its own licence: see CRYPTWIRE_DATABASE_URL")


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(database_url, server_settings={"timezone": "UTC"})
    yield connection
    await connection.close()


@pytest.fixture
async def table(database_url: str) -> AsyncIterator[Candles]:
    """As the writer has it, with the writer's rights."""
    async with database.connect(url_of("writer", database_url), "writer", 2) as rows:
        yield Candles(rows)


def candle(
    opened_at: datetime, value: float = 1.5, quality: Quality = Quality.COMPLETE, fence: int = 1, hopper: str = "1"
) -> Candle:
    return Candle(HopperId(hopper), opened_at, value, value, value, value, timedelta(0), quality, fence)


async def compress(owner: Connection) -> int:
    """Compress every chunk, as the policy does a month later; how many are compressed."""
    await owner.execute("SELECT compress_chunk(chunk, if_not_compressed => true) FROM show_chunks('candles') chunk")
    return len(await compressed(owner))


async def compressed(owner: Connection) -> list[datetime]:
    rows = await owner.fetch(
        "SELECT range_start FROM timescaledb_information.chunks"
        " WHERE hypertable_name = 'candles' AND is_compressed ORDER BY 1"
    )
    return [row["range_start"] for row in rows]


async def test_candles_are_a_hypertable_in_chunks_of_a_week(owner: Connection) -> None:
    rows = await owner.fetch(
        "SELECT hypertable_name, column_name, time_interval FROM timescaledb_information.dimensions ORDER BY 1"
    )
    month = timedelta(days=30)
    assert [tuple(row) for row in rows] == [
        ("balances", "at", month), ("candles", "opened_at", WEEK), ("market_caps", "at", WEEK),
        ("pair_candles", "opened_at", timedelta(days=180)), ("rates", "at", month),
    ]  # fmt: skip
    layout = await owner.fetch(
        "SELECT attname, segmentby_column_index, orderby_column_index FROM timescaledb_information.compression_settings"
        " WHERE hypertable_name = 'candles' ORDER BY attname"
    )
    assert [tuple(row) for row in layout] == [("hopper_id", 1, None), ("opened_at", None, 1)]


async def test_the_policies_compress_after_a_month_and_drop_after_ten_years(owner: Connection, table: Candles) -> None:
    jobs = await owner.fetch(
        "SELECT job_id, proc_name FROM timescaledb_information.jobs WHERE hypertable_name = 'candles'"
    )
    assert {job["proc_name"] for job in jobs} == {"policy_compression", "policy_retention"}
    await owner.execute(
        "SELECT alter_job(job, scheduled => false) FROM unnest($1::int[]) job", [j["job_id"] for j in jobs]
    )
    now: datetime = await owner.fetchval("SELECT date_bin('15 minutes', now(), 'epoch')")
    ages = {days: candle(now - timedelta(days=days)) for days in (0, 20, 45, 3600, 3700)}
    await table.write(list(ages.values()))
    for job in sorted(jobs, key=lambda job: str(job["proc_name"])):
        await owner.execute("CALL run_job($1)", job["job_id"])
    kept = await table.within(HopperId("1"), now - timedelta(days=4000), now + SPAN)
    assert kept == [ages[days] for days in (3600, 45, 20, 0)]
    chunks = await compressed(owner)
    assert [start <= c.opened_at < start + WEEK for start, c in zip(chunks, kept[:2], strict=True)] == [True, True]


async def test_in_a_compressed_chunk_the_better_candle_wins_and_the_worse_changes_nothing(
    owner: Connection, table: Candles
) -> None:
    await table.write([candle(T + n * SPAN, quality=Quality.BACKFILLED, fence=2) for n in range(100)])
    assert await compress(owner) == 1
    better = [candle(T, 2.0, fence=2), candle(T + SPAN, 3.0, Quality.PARTIAL, fence=3)]
    worse = [candle(T + 2 * SPAN, 4.0, Quality.PARTIAL, fence=2), candle(T + 3 * SPAN, 5.0, fence=1)]
    equal = [candle(T + 4 * SPAN, 6.0, Quality.BACKFILLED, fence=2)]
    fresh = [candle(T + 100 * SPAN, 7.0), candle(T, 8.0, hopper="2")]
    assert (await table.write(better + worse + equal + fresh)).changed == 4
    found = await table.within(HopperId("1"), T, T + WEEK)
    assert len(found) == 101
    assert found[:2] == better
    assert {c.open for c in found[2:100]} == {1.5}
    assert found[100:] == fresh[:1]
    assert await table.within(HopperId("2"), T, T + WEEK) == fresh[1:]
    await compress(owner)  # what was written meanwhile goes in as well
    assert await table.within(HopperId("1"), T, T + WEEK) == found


async def test_a_batch_may_meet_any_number_of_compressed_weeks(
    owner: Connection, database_url: str, table: Candles
) -> None:
    await table.write(
        [candle(T + week * WEEK + n * SPAN, quality=Quality.PARTIAL) for week in range(3) for n in range(60)]
    )
    assert await compress(owner) == 3
    name = urlsplit(database_url).path[1:]
    await owner.execute(f"ALTER DATABASE {name} SET timescaledb.max_tuples_decompressed_per_dml_transaction = 100")
    other = await asyncpg.connect(database_url)  # settings of the database are for those who come later
    with pytest.raises(asyncpg.ConfigurationLimitExceededError):
        await other.execute("UPDATE candles SET gap = 1 WHERE open > 0")
    await other.close()
    batch = [candle(T + week * WEEK, 2.0) for week in range(3)]
    async with database.connect(url_of("writer", database_url), "writer", 1) as rows:
        assert (await Candles(rows).write(batch)).changed == 3
    assert [c for c in await table.within(HopperId("1"), T, T + 3 * WEEK) if c.open == 2.0] == batch


async def test_series_are_the_same_bit_for_bit_when_compressed(
    owner: Connection, database_url: str, table: Candles
) -> None:
    await table.write([candle(T + n * SPAN, 1e17 / (3 + n)) for n in range(1000) if n % 7])
    since, until = int(T.timestamp()), int((T + 3 * WEEK).timestamp())
    async with database.connect(url_of("datafeed", database_url), "datafeed", 1) as rows:
        series, hopper = CandleSeries(rows), HopperId("1")
        before = await series.newest(hopper, since, until, 700)
        edges = await series.earliest(hopper), await series.latest(hopper, until)
        assert await compress(owner) == 2
        after = await series.newest(hopper, since, until, 700)
        assert (await series.earliest(hopper), await series.latest(hopper, until)) == edges
    assert len(after) == 700
    for one, other in zip((before.at, before.open, before.close), (after.at, after.open, after.close), strict=True):
        assert one.tobytes() == other.tobytes()


async def test_the_past_of_pairs_goes_into_compressed_chunks_and_reads_the_same(
    owner: Connection, database_url: str
) -> None:
    pair = Pair(Exchange("binance"), Asset("BTC"), Asset("USDT"))
    since = int(T.timestamp())
    at = np.arange(since, since + 960 * 900, 900, dtype=np.int64)
    prices = 1e17 / (3 + np.arange(960))
    candles = Columns(at, prices, prices * 2, prices / 2, prices, prices / 7)
    async with database.connect(url_of("datafeed", database_url), "datafeed", 1) as rows:
        table = PairCandles(rows)
        series = (await table.series(pair, 900)).id
        await table.keep(series, since, candles.between(0, 500), since + 500 * 900)
        await owner.execute("SELECT compress_chunk(chunk) FROM show_chunks('pair_candles') chunk")
        await table.keep(series, since, candles, since + 960 * 900)
        other = (await table.series(pair, 3600)).id
        await table.keep(other, since, candles.between(0, 10), since + 9000)
        found = await table.within(series, since, since + 10**6)
        assert await table.known(series, since, since + 1) == {since: since + 960 * 900}
    for name in Columns.__slots__:
        assert getattr(found, name).tobytes() == getattr(candles, name).tobytes()
    jobs = await owner.fetch(
        "SELECT proc_name FROM timescaledb_information.jobs WHERE hypertable_name = 'pair_candles' ORDER BY 1"
    )
    assert [job["proc_name"] for job in jobs] == ["policy_compression", "policy_retention"]


async def test_a_hopper_is_forgotten_from_compressed_chunks_too(owner: Connection, database_url: str) -> None:
    async with database.connect(database_url, "replay", 1) as rows:
        table = Candles(rows)
        await table.write([candle(T + n * SPAN, hopper=hopper) for hopper in ("1", "2") for n in range(1000)])
        assert await compress(owner) == 2
        assert await table.forget("1") == 1000
        assert await table.within(HopperId("1"), T, T + 2 * WEEK) == []
        assert len(await table.within(HopperId("2"), T, T + 2 * WEEK)) == 1000


async def test_an_owner_who_is_no_superuser_migrates(empty_database_url: str) -> None:
    parts = urlsplit(empty_database_url)
    name, database_name = f"owner_{secrets.token_hex(4)}", parts.path[1:]
    by_name = urlunsplit(parts._replace(netloc=f"{name}:{parts.password}@{parts.netloc.rpartition('@')[2]}"))
    await migrate(empty_database_url)  # makes the services' roles, on a server that has none yet
    admin = await asyncpg.connect(with_database(empty_database_url, "postgres"))
    try:
        await admin.execute(f"DROP DATABASE {database_name} WITH (FORCE)")
        await admin.execute(f"CREATE ROLE {name} LOGIN CREATEROLE PASSWORD '{parts.password}'")
        await admin.execute(f"GRANT {', '.join(map(role, SERVICES))} TO {name} WITH ADMIN OPTION")
        await admin.execute(f"CREATE DATABASE {database_name} OWNER {name}")
        assert len(await migrate(by_name)) >= 4
        connection = await asyncpg.connect(by_name)
        assert await connection.fetchval("SELECT count(*) FROM timescaledb_information.hypertables") == 5
        await connection.close()
    finally:
        await admin.execute(f"DROP DATABASE IF EXISTS {database_name} WITH (FORCE)")
        await admin.execute(f"CREATE DATABASE {database_name}")  # what the fixture drops
        await admin.execute(f"DROP ROLE IF EXISTS {name}")
        await admin.close()
