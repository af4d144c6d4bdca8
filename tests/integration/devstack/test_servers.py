"""As root PostgreSQL runs as nobody: what nobody cannot reach goes elsewhere, and no folder's rights are touched."""

import asyncio
import os
import pwd
import secrets
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from devstack import servers
from tests.integration.devstack.conftest import ROOT


@pytest.fixture
def closed() -> Iterator[Path]:
    """A folder that only its owner can enter."""
    if os.geteuid() != 0:
        pytest.skip("only root starts PostgreSQL as somebody else: run this as root")
    folder = ROOT / ".cryptwire" / "tests" / secrets.token_hex(4)
    folder.mkdir(parents=True)
    folder.chmod(0o700)
    yield folder
    servers.remove(folder / "data")
    servers.remove(folder)


def rights(path: Path) -> dict[Path, tuple[int, int]]:
    """Mode and owner of a folder and of all above it."""
    return {folder: (folder.stat().st_mode, folder.stat().st_uid) for folder in (path, *path.parents)}


def assert_is_of_nobody(home: Path, number: int) -> None:
    """The data are nobody's and closed, their home is root's, and the process runs as nobody."""
    nobody = pwd.getpwnam("nobody").pw_uid
    assert home.parent == Path("/var/tmp")
    assert home.stat().st_uid == 0
    assert (home / "postgres" / "PG_VERSION").is_file()
    assert (home / "postgres").stat().st_uid == nobody
    assert (home / "postgres").stat().st_mode & 0o077 == 0
    assert f"Uid:\t{nobody}\t" in Path(f"/proc/{number}/status").read_text()


async def asked(postgres: servers.Postgres, query: str) -> object:
    connection = await asyncpg.connect(postgres.url, timeout=10)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_data_that_nobody_cannot_reach_go_elsewhere_and_are_found_again(closed: Path) -> None:
    data, before = closed / "data", rights(closed)
    postgres = servers.prepared(data).postgres
    try:
        async with asyncio.timeout(60):
            await postgres.start()
            await asked(postgres, "CREATE TABLE kept AS SELECT 42 AS answer")
        pointer = data / "postgres.elsewhere"
        home = Path(pointer.read_text().strip())
        assert not (data / "postgres").exists()
        assert_is_of_nobody(home, postgres.process.pid)
        assert rights(closed) == before
    finally:
        await postgres.process.stop()

    again = servers.prepared(data).postgres
    try:
        async with asyncio.timeout(60):
            await again.start()
            assert await asked(again, "SELECT answer FROM kept") == 42
        assert Path(pointer.read_text().strip()) == home
        assert rights(closed) == before
    finally:
        await again.process.stop()

    servers.remove(data)
    assert not {data.name, home.name} & {entry.name for entry in (*os.scandir(closed), *os.scandir("/var/tmp"))}
    assert rights(closed) == before


async def test_data_that_are_gone_are_not_begun_anew_in_silence(closed: Path) -> None:
    data = closed / "data"
    prepared = servers.prepared(data)
    (data / "postgres.elsewhere").write_text("/var/tmp/cryptwire-that-is-gone\n")
    with pytest.raises(servers.ServerFailed, match="which is gone; remove"):
        await prepared.postgres.start()
    assert not prepared.postgres.process.is_running


async def test_passwords_are_kept_and_read_by_their_owner_alone(tmp_path: Path) -> None:
    first = servers.prepared(tmp_path / "data")
    kept = tmp_path / "data" / "secrets.json"
    assert kept.stat().st_mode & 0o077 == 0
    again = servers.prepared(tmp_path / "data")
    assert again.postgres.password == first.postgres.password
    assert again.nats.admin_url.split("@")[0] == first.nats.admin_url.split("@")[0]
    assert len({first.postgres.password, first.redis.password, first.nats.password}) == 3
