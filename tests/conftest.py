"""What every kind of test may ask for: real servers, and a database of its own in them."""

import itertools
import os
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from hypothesis import settings

from cryptwire.config import environment
from cryptwire.storage import redis
from cryptwire.storage.database import with_database
from cryptwire.storage.migrate import migrate
from devstack import servers as embedded
from devstack.servers import Servers
from tests import market

ROOT = Path(__file__).parent.parent
settings.register_profile("untimed", deadline=None)  # how long a case takes says how busy the machine is, and no more
settings.load_profile("untimed")
_numbers = itertools.count()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest file first, for all others would wait for it; then those with the most tests.

    With ``--dist loadfile --no-loadscope-reorder`` (make test) workers take files in this order.
    """
    count = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path.name != "test_life.py", -count[item.path], item.path))


@pytest.fixture(scope="session")
def data_folder() -> Iterator[Path]:
    """A folder for server data, below the checkout: what another user must reach cannot lie in a private one."""
    folder = ROOT / ".cryptwire" / "tests" / secrets.token_hex(4)
    yield folder
    embedded.remove(folder)


@pytest.fixture(scope="session")
async def servers(data_folder: Path) -> AsyncIterator[Servers]:
    """PostgreSQL, Redis and NATS for this run, on free ports."""
    async with embedded.running(data_folder) as running:
        yield running


@pytest.fixture(scope="session")
def server_url(servers: Servers) -> str:
    """The owner's address of a PostgreSQL server: ``CRYPTWIRE_DATABASE_URL``, else the embedded one."""
    return environment().get("CRYPTWIRE_DATABASE_URL") or servers.postgres.url


@pytest.fixture
async def empty_database_url(server_url: str) -> AsyncIterator[str]:
    """The owner's address of a new, empty database."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    connection = await asyncpg.connect(with_database(server_url, "postgres"))
    try:
        await connection.execute(f"CREATE DATABASE {name}")
        yield with_database(server_url, name)
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


@pytest.fixture(scope="session")
async def template(server_url: str) -> AsyncIterator[str | None]:
    """A database with the whole schema, to be copied; None where it cannot be: TimescaleDB's workers sit in it."""
    name = f"template_{os.getpid()}_{secrets.token_hex(3)}"
    url = with_database(server_url, name)
    owner = await asyncpg.connect(with_database(server_url, "postgres"))
    try:
        await owner.execute(f"CREATE DATABASE {name}")
        await migrate(url)
        inside = await asyncpg.connect(url)
        is_hyper = await inside.fetchval("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')")
        await inside.close()
        yield None if is_hyper else name
        await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await owner.close()


@pytest.fixture
async def database_url(server_url: str, template: str | None) -> AsyncIterator[str]:
    """The owner's address of a new database with the whole schema: a copy of one that was migrated."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    url = with_database(server_url, name)
    connection = await asyncpg.connect(with_database(server_url, "postgres"))
    try:
        if template is None:
            await connection.execute(f"CREATE DATABASE {name}")
            await migrate(url)
        else:
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield url
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


@pytest.fixture
async def redis_url(servers: Servers) -> str:
    """An address of Redis, emptied before the test."""
    async with redis.connect(servers.redis.url) as client:
        await client.flushdb()
    return servers.redis.url


@pytest.fixture
def nats_url(servers: Servers) -> str:
    """An address of NATS whose user may do everything."""
    return servers.nats.admin_url


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say on what the replay's tests ran where the recorded market is not there."""
    if market.recorded_folder() is None:
        line = "no recorded market data (CRYPTWIRE_MARKET_DATA): the replay's tests ran on generated bars"
        terminalreporter.write_line(line)
