"""Connections are made when they are needed, or all at once; a server that is away is no reason not to begin."""

import asyncio

import asyncpg
import pytest

from cryptwire.errors import Corrupt
from cryptwire.storage import database
from cryptwire.storage.database import with_database
from devstack.servers import free_port

_COUNT = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cryptwire-test' AND datname = $1"


async def test_all_connections_can_be_made_before_anybody_asks(database_url: str) -> None:
    watcher = await asyncpg.connect(with_database(database_url, "postgres"))
    name = database_url.rpartition("/")[2]
    async with database.connect(database_url, "test", 3) as rows:
        assert await watcher.fetchval(_COUNT, name) == 0
        await rows.open()
        assert await watcher.fetchval(_COUNT, name) == 3
        assert await rows.value("SELECT 1") == 1
        assert await watcher.fetchval(_COUNT, name) == 3
    await watcher.close()


async def test_a_server_that_is_away_is_waited_for_later() -> None:
    async with database.connect(f"postgresql://nobody:-@127.0.0.1:{free_port()}/none", "test", 2) as rows:
        await rows.open()


async def test_a_snapshot_sees_one_moment_and_leaves_nothing(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with database.connect(database_url, "test", 2) as rows:
        await rows.execute("CREATE TABLE told (number integer)")
        async with rows.snapshot() as connection:
            assert await connection.fetchval("SELECT count(*) FROM told") == 0
            await rows.execute("INSERT INTO told VALUES (1)")
            assert await connection.fetchval("SELECT count(*) FROM told") == 0, "it would be of another moment"
        with pytest.raises(Corrupt, match="read-only"):
            async with rows.snapshot() as connection:
                await connection.execute("INSERT INTO told VALUES (2)")

        async def sleep() -> None:
            async with rows.snapshot() as connection:
                await connection.execute("SELECT pg_sleep(60)")

        sleeping = asyncio.create_task(sleep())
        await asyncio.sleep(0.1)
        sleeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeping
        assert await rows.value("SELECT count(*) FROM told") == 1
    assert not caplog.records
