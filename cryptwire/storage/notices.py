"""Table ``notices``: the only module that knows its columns."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.domain.notice import Notice, NoticeClass
from cryptwire.storage.database import Connection, Database
from cryptwire.storage.facts import facts_to_json

_ADD = """
    INSERT INTO notices (user_id, class, kind, key, facts, hopper_id, at)
    VALUES ($1::text::uuid, $2, $3, $4, $5::jsonb, $6, $7)
    ON CONFLICT DO NOTHING
"""
_COLUMNS = """
    n.notice_id, n.user_id::text, n.class, n.kind, n.key, n.facts, n.hopper_id, n.at, n.read_at, h.name AS hopper_name
"""
_FROM = "FROM notices n LEFT JOIN hoppers h ON h.hopper_id = n.hopper_id AND h.user_id = n.user_id"
_OF_USER = f"""
    SELECT {_COLUMNS} {_FROM}
     WHERE n.user_id = $1::text::uuid AND n.notice_id < $2 AND ($3::text IS NULL OR n.class = $3)
     ORDER BY n.notice_id DESC LIMIT $4
"""
_UNREAD = "SELECT count(*) FROM notices WHERE user_id = $1::text::uuid AND read_at IS NULL"
_READ = """
    UPDATE notices SET read_at = now() WHERE user_id = $1::text::uuid AND notice_id <= $2 AND read_at IS NULL
"""
_NEWEST = "SELECT coalesce(max(notice_id), 0) FROM notices WHERE user_id = $1::text::uuid"
_SINCE = f"""
    SELECT {_COLUMNS} {_FROM} WHERE n.user_id = $1::text::uuid AND n.notice_id > $2 ORDER BY n.notice_id LIMIT $3
"""
# Notices committed late have a lower number than ones before them: so they are told apart by `routed_at`, not by it.
_UNROUTED = f"""
    SELECT {_COLUMNS} {_FROM} WHERE n.routed_at IS NULL ORDER BY n.notice_id LIMIT $1
"""
_BY_ID = f"SELECT {_COLUMNS} {_FROM} WHERE n.notice_id = ANY($1::bigint[]) ORDER BY n.notice_id"
_HELD = f"""
    SELECT {_COLUMNS} {_FROM} JOIN deliveries d USING (notice_id)
     WHERE d.user_id = $1::text::uuid AND d.state = 'held' ORDER BY n.notice_id LIMIT 1000
"""
_ROUTED = "UPDATE notices SET routed_at = now() WHERE notice_id = ANY($1::bigint[])"
_ALONE = "SELECT pg_try_advisory_xact_lock(hashtext('notices'), 0)"
_OVER = """
    DELETE FROM notices WHERE notice_id IN (
        SELECT notice_id FROM notices WHERE read_at < now() - $1::interval
         UNION ALL
        SELECT notice_id FROM notices WHERE user_id IS NULL AND routed_at < now() - $1::interval LIMIT $2)
"""


@dataclass(frozen=True, slots=True)
class KeptNotice:
    """A notice with its number, which grows with time; ``words`` are its facts and the hopper's name."""

    id: int
    notice: Notice
    read_at: datetime | None
    hopper_name: str | None

    @property
    def words(self) -> Mapping[str, str]:
        """What is filled into the notice's text."""
        named = self.hopper_name or self.notice.hopper
        return dict(self.notice.facts) if named is None else {"hopper": named, **self.notice.facts}


class Notices:
    """What users are told; it is delivered by the processor. Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, notice: Notice) -> bool:
        """Whether it was added; False when the user was told under this key before."""
        return await self._database.execute(_ADD, *_row(notice)) == "INSERT 0 1"

    async def of(self, user: UserId, before: int, about: NoticeClass | None, most: int) -> list[KeptNotice]:
        """A user's notices with a number below ``before``, of one class or of all, newest first."""
        about_text = None if about is None else about.value
        return [_kept(row) for row in await self._database.fetch(_OF_USER, user, before, about_text, most)]

    async def unread(self, user: UserId) -> int:
        """How many a user has not marked as read."""
        return int(await self._database.value(_UNREAD, user))

    async def mark_read(self, user: UserId, until: int) -> int:
        """A user has read those up to ``until``; how many he had not before."""
        return int((await self._database.execute(_READ, user, until)).split()[1])

    async def newest(self, user: UserId) -> int:
        """The number of a user's newest notice; 0 when there is none."""
        return int(await self._database.value(_NEWEST, user))

    async def since(self, user: UserId, after: int, most: int) -> list[KeptNotice]:
        """A user's notices with a number above ``after``, oldest first."""
        return [_kept(row) for row in await self._database.fetch(_SINCE, user, after, most)]

    async def one(self, notice: int) -> KeptNotice | None:
        """A notice, by its number."""
        row = await self._database.row(_BY_ID, [notice])
        return None if row is None else _kept(row)

    async def forget(self, after: timedelta, most: int) -> int:
        """Delete ``most`` of those read more than ``after`` ago, and operators' of that age; how many it were."""
        return int((await self._database.execute(_OVER, after, most)).split()[1])


async def add_within(connection: Connection, notice: Notice) -> bool:
    """The same in the transaction of ``connection``."""
    return await connection.execute(_ADD, *_row(notice)) == "INSERT 0 1"


async def is_alone(connection: Connection) -> bool:
    """Whether nobody else chooses channels until the transaction of ``connection`` ends."""
    return bool(await connection.fetchval(_ALONE))


async def unrouted(connection: Connection, most: int) -> list[KeptNotice]:
    """Those whose channels nobody has chosen yet, oldest first."""
    return [_kept(row) for row in await connection.fetch(_UNROUTED, most)]


async def by_number(connection: Connection, notices: Sequence[int]) -> list[KeptNotice]:
    """Those of ``notices`` that are there, oldest first."""
    return [_kept(row) for row in await connection.fetch(_BY_ID, list(notices))]


async def held(connection: Connection, user: UserId) -> list[KeptNotice]:
    """A user's that are held back, oldest first."""
    return [_kept(row) for row in await connection.fetch(_HELD, user)]


async def routed(connection: Connection, notices: Sequence[int]) -> None:
    """Their channels have been chosen."""
    await connection.execute(_ROUTED, list(notices))


def _row(notice: Notice) -> tuple[object, ...]:
    facts = facts_to_json(notice.facts)
    return notice.user, notice.about.value, notice.kind, notice.key, facts, notice.hopper, notice.at


def _kept(row: asyncpg.Record) -> KeptNotice:
    facts: dict[str, Any] = json.loads(row["facts"])
    return KeptNotice(
        row["notice_id"],
        Notice(
            None if row["user_id"] is None else UserId(row["user_id"]),
            NoticeClass(row["class"]),
            row["kind"],
            row["key"],
            row["at"],
            {name: str(value) for name, value in facts.items()},
            None if row["hopper_id"] is None else HopperId(row["hopper_id"]),
        ),
        row["read_at"],
        row["hopper_name"],
    )
