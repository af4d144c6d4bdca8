"""Connections are made when they are needed, or all at once; a server that is away is no reason not to begin."""

import asyncio

import asyncpg
import pytest

from cryptwire.errors import Invalid
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


async def test_a_long_statement_that_fails_or_is_given_up_leaves_nothing(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with database.connect(database_url, "test", 1) as rows:
        jit = await rows.value("SHOW jit")
        with pytest.raises(Invalid):
            await rows.planned("SELECT set_config('jit', 'off', true), 1 / 0")
        sleeping = asyncio.create_task(rows.planned("SELECT pg_sleep(60)"))
        await asyncio.sleep(0.1)
        sleeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeping
        assert await rows.value("SHOW jit") == jit
        assert [row[0] for row in await rows.planned("SELECT 7")] == [7]
    assert not caplog.records


async def test_long_statements_leave_connections_to_others(database_url: str) -> None:
    holder = await asyncpg.connect(database_url)
    await holder.execute("SELECT pg_advisory_lock(7)")
    async with database.connect(database_url, "test", 2) as rows:
        long = [asyncio.create_task(rows.planned("SELECT pg_advisory_xact_lock(7)")) for _ in range(3)]
        assert await rows.value("SELECT 1") == 1, "it would wait for them"
        assert not any(one.done() for one in long)
        await holder.execute("SELECT pg_advisory_unlock(7)")
        await asyncio.gather(*long)
    await holder.close()
