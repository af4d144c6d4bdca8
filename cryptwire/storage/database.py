"""Connections to PostgreSQL."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import asyncpg

from cryptwire.errors import Corrupt, Invalid, Unavailable

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]
    Connection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Pool = asyncpg.Pool
    Connection = asyncpg.pool.PoolConnectionProxy

SERVICES = ("analyser", "api", "controller", "datafeed", "gateway", "processor", "tracker", "webhook", "writer")
"""Those with a role of their own in the database."""

_LONGEST_COPY = 600.0  # seconds
_AWAY = (
    OSError,
    TimeoutError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what leaving a transaction raises when PostgreSQL died inside COPY
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.ObjectNotInPrerequisiteStateError,  # the database takes no connections right now
)


@contextmanager
def our_errors() -> Iterator[None]:
    """Turn asyncpg's errors into ours: Unavailable (again later), Invalid (these values), Corrupt (the rest)."""
    try:
        yield
    except _AWAY as error:
        raise Unavailable(f"the database is away ({type(error).__name__})") from error
    except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError) as error:
        raise Invalid(f"the database refuses these values: {error}") from error
    except asyncpg.PostgresError as error:
        raise Corrupt(f"the database answers {error.sqlstate}: {error}") from error


class Database:
    """A pool of connections. Every method raises Unavailable while the server is away, and works when it is back."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def open(self) -> None:
        """Make all connections now, so that nobody waits for one; while the server is away it is done when needed."""
        with suppress(Unavailable), our_errors():
            async with AsyncExitStack() as stack:
                for _ in range(self._pool.get_max_size()):
                    await stack.enter_async_context(self._pool.acquire(timeout=10))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection within a transaction, which is committed unless an error leaves the block."""
        with our_errors():
            async with self._pool.acquire(timeout=10) as connection, connection.transaction():
                yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """A connection for several questions that are all answered as of one moment."""
        with our_errors():
            async with (
                self._pool.acquire(timeout=10) as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                yield connection

    async def fetch(self, query: str, *values: Any) -> list[asyncpg.Record]:
        """All rows."""
        with our_errors():
            return await self._pool.fetch(query, *values)

    async def row(self, query: str, *values: Any) -> asyncpg.Record | None:
        """The first row, if there is one."""
        with our_errors():
            return await self._pool.fetchrow(query, *values)

    async def value(self, query: str, *values: Any) -> Any:
        """The first column of the first row, if there is one."""
        with our_errors():
            return await self._pool.fetchval(query, *values)

    async def execute(self, query: str, *values: Any) -> str:
        """The status line of one statement."""
        with our_errors():
            return await self._pool.execute(query, *values)

    async def columns(self, query: str) -> list[tuple[str, str]]:
        """Names and types, as PostgreSQL calls them (an array begins with ``_``), of what a query would tell."""
        with our_errors():
            async with self._pool.acquire(timeout=10) as connection:
                prepared = await connection.prepare(query)
                return [(one.name, one.type.name) for one in prepared.get_attributes()]

    async def copy(self, query: str, *values: Any, write: Callable[[bytes], Coroutine[Any, Any, None]]) -> int:
        """Hand all rows to ``write`` as CSV with a head, in pieces and at its pace; how many rows."""
        with our_errors():
            async with self._pool.acquire(timeout=10) as connection:
                said = await connection.copy_from_query(
                    query, *values, output=write, format="csv", header=True, timeout=_LONGEST_COPY
                )
        return int(said.removeprefix("COPY "))


async def _reset(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Between two uses of a connection: nothing of ours outlives its transaction, so there is nothing to ask.

    asyncpg's own reset is a question to the server after every use.
    """
    if connection.is_in_transaction():
        await connection.reset()


@asynccontextmanager
async def connect(url: str, service: str, connections: int = 4) -> AsyncIterator[Database]:
    """A database with at most ``connections`` connections, which are made when needed: the server may come later."""
    pool = asyncpg.create_pool(
        url,
        min_size=0,
        max_size=connections,
        command_timeout=60,
        timeout=5,
        server_settings={"timezone": "UTC", "application_name": f"cryptwire-{service}"},
        reset=_reset,
    )
    with our_errors():
        await pool
    try:
        yield Database(pool)
    finally:
        try:
            await asyncio.wait_for(pool.close(), 3)
        except (TimeoutError, *_AWAY):
            pool.terminate()


def role(service: str) -> str:
    """The role of a service in the database."""
    return f"cryptwire_{service}"


def role_password(owner_url: str, service: str) -> str:
    """A role's password, derived from the owner's: nothing more to hand around, and no role can tell another's."""
    owner = unquote(urlsplit(owner_url).password or "")
    return hmac.new(owner.encode(), role(service).encode(), hashlib.sha256).hexdigest()


def url_of(service: str, owner_url: str) -> str:
    """The owner's address, with the role of ``service`` instead of the owner."""
    parts = urlsplit(owner_url)
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{role(service)}:{role_password(owner_url, service)}@{host}"
    return urlunsplit(parts._replace(netloc=netloc))


def with_database(url: str, name: str) -> str:
    """The address of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(name)}"))
