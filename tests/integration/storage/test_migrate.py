"""Migrations run from nothing and twice; every service gets the least rights."""

import asyncpg
import pytest

from cryptwire.errors import Corrupt
from cryptwire.storage.database import SERVICES, url_of
from cryptwire.storage.migrate import migrate


async def test_the_first_run_applies_everything_and_the_second_nothing(empty_database_url: str) -> None:
    first = await migrate(empty_database_url)
    assert first == sorted(first)
    assert len(first) >= 4
    assert await migrate(empty_database_url) == []


async def test_a_step_that_was_changed_after_it_was_applied_is_named(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("UPDATE migrations SET digest = 'other' WHERE name = '0001_accounts.sql'")
    await connection.close()
    with pytest.raises(Corrupt, match=r"0001_accounts\.sql was changed"):
        await migrate(database_url)


@pytest.mark.parametrize("service", SERVICES)
async def test_only_the_gateway_reads_tokens(database_url: str, service: str) -> None:
    connection = await asyncpg.connect(url_of(service, database_url))
    try:
        if service == "gateway":
            assert await connection.fetch("SELECT * FROM custody.tokens") == []
        else:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch("SELECT * FROM custody.tokens")
    finally:
        await connection.close()


async def test_no_service_may_write_another_ones_table(database_url: str) -> None:
    connection = await asyncpg.connect(url_of("tracker", database_url))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("DELETE FROM candles")
    finally:
        await connection.close()


async def test_roles_that_are_there_get_the_password_of_the_owner_again(database_url: str) -> None:
    owner = await asyncpg.connect(database_url)
    try:
        await owner.execute("ALTER ROLE cryptwire_controller PASSWORD 'something else'")
        await migrate(database_url)
    finally:
        await owner.close()
    await (await asyncpg.connect(url_of("controller", database_url))).close()
