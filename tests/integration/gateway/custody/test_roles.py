"""The schema of custody is the gateway's alone."""

import asyncpg
import pytest

from cryptwire.storage.database import SERVICES, role, url_of
from tests.integration.gateway.custody.conftest import Scene

OTHERS = [service for service in SERVICES if service != "gateway"]


async def tables(scene: Scene) -> list[str]:
    rows = await scene.sql("SELECT c.relname, c.relkind FROM pg_class c WHERE c.relnamespace = 'custody'::regnamespace")
    assert {row["relkind"] for row in rows} <= {b"r", b"i"}, "a view or sequence: this test must try it, too"
    return [row["relname"] for row in rows if row["relkind"] == b"r"]


def attempts(table: str) -> list[str]:
    return [
        f"SELECT * FROM custody.{table}",
        f"INSERT INTO custody.{table} DEFAULT VALUES",
        f"UPDATE custody.{table} SET user_id = gen_random_uuid()",
        f"DELETE FROM custody.{table}",
        f"TRUNCATE custody.{table} CASCADE",
        f"COPY custody.{table} TO STDOUT",
        f"CREATE VIEW pg_temp.mine AS SELECT * FROM custody.{table}",
    ]


@pytest.mark.parametrize("service", OTHERS)
async def test_another_role_can_do_nothing_with_it(scene: Scene, service: str) -> None:
    found = await tables(scene)
    assert {"tokens", "hoppers", "link_requests"} <= set(found)
    connection = await asyncpg.connect(url_of(service, scene.owner_url))
    try:
        for table in found:
            for statement in attempts(table):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)
        for statement in ("SET ROLE cryptwire_gateway", "GRANT cryptwire_gateway TO CURRENT_USER"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_the_gateway_can_read_it_and_owns_nothing(scene: Scene) -> None:
    connection = await asyncpg.connect(scene.url)
    try:
        for table in await tables(scene):
            await connection.execute(f"SELECT * FROM custody.{table}")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"DROP TABLE custody.{table}")
            await connection.execute(
                f"GRANT SELECT ON custody.{table} TO PUBLIC"
            )  # PostgreSQL warns and grants nothing
            for service in OTHERS:
                asked = "SELECT has_table_privilege($1, $2, 'SELECT')"
                assert not await connection.fetchval(asked, role(service), f"custody.{table}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("SELECT * FROM users")
    finally:
        await connection.close()
