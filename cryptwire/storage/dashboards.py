"""Tables ``dashboards`` and ``dashboard_versions``: the only module that knows their columns.

A version is never changed; of each dashboard the newest twenty are kept. What changes one names the version that it was
made of, so that nobody overwrites what he has not seen.
"""

from dataclasses import dataclass
from datetime import datetime

import asyncpg
import orjson

from cryptwire.codec.dashboard import body_from_stored, body_to_json
from cryptwire.domain.dashboard import DashboardBody, DashboardId
from cryptwire.domain.hopper import UserId
from cryptwire.errors import Conflict, CryptwireError, Invalid, NotFound
from cryptwire.storage.database import Database

MOST_OF_A_USER = 20
KEPT_VERSIONS = 20

_SELECT = """
    SELECT d.dashboard_id::text, d.name, d.version, d.created_at, d.changed_at, v.body
      FROM dashboards d JOIN dashboard_versions v USING (dashboard_id, version)
"""
_OF_USER = f"{_SELECT} WHERE d.user_id = $1::text::uuid ORDER BY d.created_at, d.dashboard_id"
_ONE = f"{_SELECT} WHERE d.user_id = $1::text::uuid AND d.dashboard_id = $2::text::uuid"
_VERSIONS = """
    SELECT version, body, made_at FROM dashboard_versions
     WHERE user_id = $1::text::uuid AND dashboard_id = $2::text::uuid AND version < $3 ORDER BY version DESC LIMIT $4
"""
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('dashboards'), hashtext($1))"
_COUNT = "SELECT count(*) FROM dashboards WHERE user_id = $1::text::uuid"
_ADD = "INSERT INTO dashboards (user_id, name, version) VALUES ($1::text::uuid, $2, 1) RETURNING dashboard_id::text"
_ADD_VERSION = """
    INSERT INTO dashboard_versions (dashboard_id, version, user_id, body)
    VALUES ($2::text::uuid, $3, $1::text::uuid, $4::json)
"""
_LOCK = "SELECT version FROM dashboards WHERE user_id = $1::text::uuid AND dashboard_id = $2::text::uuid FOR UPDATE"
_SAVE = """
    UPDATE dashboards SET version = $3, changed_at = now()
     WHERE user_id = $1::text::uuid AND dashboard_id = $2::text::uuid
"""
_FORGET = "DELETE FROM dashboard_versions WHERE dashboard_id = $1::text::uuid AND version <= $2"
_RENAME = """
    UPDATE dashboards SET name = $3, changed_at = now()
     WHERE user_id = $1::text::uuid AND dashboard_id = $2::text::uuid
"""
_DELETE = "DELETE FROM dashboards WHERE user_id = $1::text::uuid AND dashboard_id = $2::text::uuid"


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard in its newest version; ``body``: or why it cannot be read, which keeps nobody from the others.

    Of one that is not kept yet nobody knows when it was made.
    """

    id: DashboardId
    name: str
    version: int
    body: DashboardBody | CryptwireError
    created_at: datetime | None
    changed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Version:
    """A version as it was made."""

    number: int
    body: DashboardBody | CryptwireError
    made_at: datetime


class Dashboards:
    """Every method raises Unavailable while the database is away, NotFound also for what is somebody else's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_user(self, user: UserId) -> list[Dashboard]:
        """The first first."""
        return [_dashboard(row) for row in await self._database.fetch(_OF_USER, user)]

    async def of(self, user: UserId, id: DashboardId) -> Dashboard:
        """One of a user's."""
        row = await self._database.row(_ONE, user, id)
        if row is None:
            raise NotFound("there is no such dashboard")
        return _dashboard(row)

    async def versions(self, user: UserId, id: DashboardId, before: int, most: int) -> list[Version]:
        """Those that are kept, the newest first, from below ``before`` on."""
        rows = await self._database.fetch(_VERSIONS, user, id, before, most)
        return [Version(row["version"], _body(row), row["made_at"]) for row in rows]

    async def version(self, user: UserId, id: DashboardId, number: int) -> Version:
        """One that is kept."""
        found = await self.versions(user, id, number + 1, 1)
        if not found or found[0].number != number:
            raise NotFound("there is no such version, or it is not kept any more")
        return found[0]

    async def add(self, user: UserId, name: str, body: DashboardBody, *, only_first: bool = False) -> Dashboard:
        """A new one; with ``only_first`` raises Conflict unless the user had none. Raises Invalid when he has 20."""
        async with self._database.transaction() as connection:
            await connection.execute(_ONE_AT_A_TIME, user)
            count = await connection.fetchval(_COUNT, user)
            if only_first and count:
                raise Conflict("there are dashboards of yours by now: read them again", 1)
            if count >= MOST_OF_A_USER:
                raise Invalid(f"you have {MOST_OF_A_USER} dashboards, which is the most; delete one first")
            id = DashboardId(await connection.fetchval(_ADD, user, name))
            await connection.execute(_ADD_VERSION, user, id, 1, _text(body))
            row = await connection.fetchrow(_ONE, user, id)
        assert row is not None
        return _dashboard(row)

    async def save(self, user: UserId, id: DashboardId, body: DashboardBody, version: int) -> Dashboard:
        """Its next version; raises Conflict when ``version`` is not the newest."""
        async with self._database.transaction() as connection:
            newest = await connection.fetchval(_LOCK, user, id)
            if newest is None:
                raise NotFound("there is no such dashboard")
            if newest != version:
                raise Conflict(f"version {version} is not the newest, {newest} is: read it again", newest)
            await connection.execute(_ADD_VERSION, user, id, newest + 1, _text(body))
            await connection.execute(_SAVE, user, id, newest + 1)
            await connection.execute(_FORGET, id, newest + 1 - KEPT_VERSIONS)
            row = await connection.fetchrow(_ONE, user, id)
        assert row is not None, "its row is locked by this transaction"
        return _dashboard(row)

    async def rename(self, user: UserId, id: DashboardId, name: str) -> Dashboard:
        """The same version under another name."""
        await self._database.execute(_RENAME, user, id, name)
        return await self.of(user, id)

    async def delete(self, user: UserId, id: DashboardId) -> None:
        """It and its versions."""
        if await self._database.execute(_DELETE, user, id) != "DELETE 1":
            raise NotFound("there is no such dashboard")


def _dashboard(row: asyncpg.Record) -> Dashboard:
    id = DashboardId(row["dashboard_id"])
    return Dashboard(id, row["name"], row["version"], _body(row), row["created_at"], row["changed_at"])


def _body(row: asyncpg.Record) -> DashboardBody | CryptwireError:
    try:
        return body_from_stored(orjson.loads(row["body"]))
    except CryptwireError as error:
        return error


def _text(body: DashboardBody) -> str:
    return orjson.dumps(body_to_json(body)).decode()
