"""What the API asks the database for an operation, the first time and again, and what it answers."""

import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import asyncpg
import orjson
from starlette.requests import Request

from api.handlers.analytics.ports import Links
from api.handlers.live import Portfolios
from api.main import figure_sources
from api.schema import SCHEMA
from api.schema.context import Context, Services
from api.schema.cost import Limits
from cryptwire.clock import SystemClock
from cryptwire.domain.hopper import UserId
from cryptwire.metrics import Meters
from cryptwire.permissions import Permissions
from cryptwire.storage import database, redis
from cryptwire.storage.database import Connection, Database
from cryptwire.storage.sessions import Caller


@dataclasses.dataclass(frozen=True, slots=True)
class Recorded:
    """Statements in their order with their values, the first time and again, and the data of the answer."""

    first: list[dict[str, Any]]
    again: list[dict[str, Any]]
    data: dict[str, Any]

    def as_json(self, field: str) -> bytes:
        """With the answer of one field; moments and exact numbers are text."""
        said = {"first": self.first, "again": self.again, "answer": self.data[field]}
        return orjson.dumps(said, default=_text)


class Asking:
    """Operations of one user, answered in this process by the schema and the database of the API, without HTTP."""

    def __init__(self, rows: Database, store: redis.Redis, user: UserId) -> None:
        self._rows = rows
        self._store = store
        self._clock = SystemClock()
        self._caller = Caller(user, b"", self._clock.now() + timedelta(days=1), "pro")
        self._permissions = Permissions()
        self.forget()

    def forget(self) -> None:
        """What was kept of earlier answers; connections and their statements stay."""
        self._services = SimpleNamespace(
            analytics=figure_sources(
                self._clock, self._rows, self._store, Portfolios(Meters()), cast("Links", None)
            ),  # without links: nobody asks for data health
            limits=Limits(fields=1_000),
            spending=_Free(),
            permissions=self._permissions,
        )

    async def ask(self, text: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The data. Raises AssertionError for errors."""
        services = cast("Services", self._services)
        context = Context(services, Request({"type": "http", "headers": []})).asked_by(self._caller)
        answer = await SCHEMA.execute(text, variables, context)
        assert not answer.errors, answer.errors
        return answer.data or {}


@asynccontextmanager
async def asking(url: str, redis_url: str, user: UserId) -> AsyncIterator[Asking]:
    """Connected; ``url`` is that of the API's role."""
    async with database.connect(url, "bench", 4) as rows, redis.connect(redis_url) as store:
        yield Asking(rows, store, user)


async def recorded(url: str, redis_url: str, user: UserId, text: str, variables: dict[str, Any]) -> Recorded:
    """What comes of ``user`` asking twice; ``url`` is that of the API's role. Raises AssertionError for errors."""
    async with database.connect(url, "bench", 4) as rows, redis.connect(redis_url) as store:
        noting = _Noting(rows)
        asks = Asking(noting, store, user)
        await asks.ask(text, variables)
        first = list(noting.asked)
        noting.asked.clear()
        data = await asks.ask(text, variables)
        return Recorded(first, noting.asked, data)


class _Noting(Database):
    """Notes what is asked."""

    def __init__(self, rows: Database) -> None:
        self._rows = rows
        self.asked: list[dict[str, Any]] = []

    def _note(self, query: str, values: tuple[Any, ...]) -> None:
        self.asked.append({"text": query, "values": list(values)})

    async def fetch(self, query: str, *values: Any) -> list[asyncpg.Record]:
        self._note(query, values)
        return await self._rows.fetch(query, *values)

    async def row(self, query: str, *values: Any) -> asyncpg.Record | None:
        self._note(query, values)
        return await self._rows.row(query, *values)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        async with self._rows.snapshot() as connection:
            yield cast("Connection", _NotingConnection(connection, self._note))

    async def value(self, query: str, *values: Any) -> Any:
        self._note(query, values)
        return await self._rows.value(query, *values)


class _NotingConnection:
    """Of a snapshot: notes what is asked, too."""

    def __init__(self, connection: Connection, note: Callable[[str, tuple[Any, ...]], None]) -> None:
        self._connection = connection
        self._note = note

    async def fetch(self, query: str, *values: Any) -> list[asyncpg.Record]:
        self._note(query, values)
        return await self._connection.fetch(query, *values)

    async def fetchrow(self, query: str, *values: Any) -> asyncpg.Record | None:
        self._note(query, values)
        return await self._connection.fetchrow(query, *values)


class _Free:
    def spend(self, key: str, points: int) -> int:
        return 0


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, timedelta):
        return f"{value.total_seconds()} seconds"
    raise TypeError(f"{type(value).__name__} is not told")
