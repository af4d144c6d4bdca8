"""The API as a process, as it is deployed: with authentication, permissions, limits; one user may ask without end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench import place
from bench.place import Child, Place
from cryptwire.domain.hopper import UserId
from cryptwire.storage import database
from cryptwire.storage.database import url_of
from devstack.servers import free_port
from tests.signing import issued, personal_token

CONNECTIONS = 4


@asynccontextmanager
async def running(there: Place) -> AsyncIterator[tuple[Child, int]]:
    """The process, ready, and its port."""
    port, servers = free_port(), there.servers
    settings = {
        **issued(there.folder / "keys").settings(),
        "database_url": url_of("api", servers.postgres.url),
        "nats_url": servers.nats.url("api"),
        "redis_url": servers.redis.url,
        "connections": CONNECTIONS,
        "port": port,
        "points_a_minute": 2_000_000_000,
    }
    async with place.service(there, "api", settings) as child:
        await child.ready()
        yield child, port


async def token_of(owner_url: str, user: UserId) -> str:
    """A personal token of a user."""
    async with database.connect(owner_url, "bench", 1) as rows:
        return await personal_token(rows, user)
