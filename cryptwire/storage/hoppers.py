"""Table ``hoppers``: the only module that knows its columns."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import asyncpg

from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, LinkedHopper, UserId
from cryptwire.domain.hopper_change import HopperChange, HopperEvent, KnownHopper, changes
from cryptwire.domain.notice import Notice
from cryptwire.errors import NotFound
from cryptwire.storage import hopper_events, notices
from cryptwire.storage.database import Database

_COLUMNS = "hopper_id, user_id::text, name, exchange, base_currency, is_paper, refresh_seconds"
_OF_USER = f"SELECT {_COLUMNS} FROM hoppers WHERE user_id = $1::text::uuid ORDER BY name, hopper_id"  # noqa: S608
_ONE = f"SELECT {_COLUMNS} FROM hoppers WHERE user_id = $1::text::uuid AND hopper_id = $2"  # noqa: S608
_BY_ID = f"SELECT {_COLUMNS} FROM hoppers WHERE hopper_id = ANY($1::text[])"  # noqa: S608
KNOWN = f"""
    SELECT {_COLUMNS}, coalesce(began_at, created_at) AS created_at, deleted_at, unlinked_at
      FROM hoppers WHERE user_id = $1::text::uuid ORDER BY name, hopper_id
"""  # noqa: S608
"""All hoppers of user $1 with what became of them, by name."""
_KNOWN_ONE = f"""
    SELECT {_COLUMNS}, coalesce(began_at, created_at) AS created_at, deleted_at, unlinked_at
      FROM hoppers WHERE user_id = $1::text::uuid AND hopper_id = $2
"""  # noqa: S608
_OWNERS = """
    SELECT hopper_id FROM hoppers WHERE hopper_id = ANY($2::text[]) AND user_id <> $1::text::uuid ORDER BY hopper_id
"""
_LINKED_USERS = """
    SELECT DISTINCT h.user_id::text FROM hoppers h JOIN users u USING (user_id)
     WHERE h.unlinked_at IS NULL AND u.deletion_asked_at IS NULL ORDER BY 1
"""
_LINKED = """
    SELECT hopper_id FROM hoppers
     WHERE user_id = $1::text::uuid AND deleted_at IS NULL AND unlinked_at IS NULL ORDER BY hopper_id
"""
_READABLE = f"""
    SELECT {_COLUMNS} FROM hoppers
     WHERE user_id = $1::text::uuid AND deleted_at IS NULL AND unlinked_at IS NULL ORDER BY hopper_id
"""  # noqa: S608 - columns of ours
_NEVER_IMPORTED = """
    SELECT hopper_id FROM hoppers h
     WHERE user_id = $1::text::uuid AND deleted_at IS NULL AND unlinked_at IS NULL
       AND created_at < now() - interval '10 minutes'
       AND NOT EXISTS (SELECT FROM import_hoppers p WHERE p.hopper_id = h.hopper_id)
     ORDER BY hopper_id
"""
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('hoppers'), hashtext($1))"
_SEE = """
    INSERT INTO hoppers (hopper_id, user_id, name, exchange, base_currency, is_paper, refresh_seconds, began_at, total,
                         is_enabled, wrong, seen_at)
    SELECT hopper_id, $1::text::uuid, name, exchange, base, is_paper, refresh, began_at, total, is_enabled, wrong, $12
      FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bool[], $7::int[], $8::timestamptz[],
                  $9::numeric[], $10::bool[], $11::text[])
           AS s (hopper_id, name, exchange, base, is_paper, refresh, began_at, total, is_enabled, wrong)
    ON CONFLICT (hopper_id) DO UPDATE
       SET name = excluded.name, exchange = excluded.exchange, base_currency = excluded.base_currency,
           is_paper = excluded.is_paper, refresh_seconds = excluded.refresh_seconds,
           began_at = coalesce(excluded.began_at, hoppers.began_at), deleted_at = NULL,
           unlinked_at = CASE WHEN hoppers.unlinked_at > $12 THEN hoppers.unlinked_at END,
           total = excluded.total, is_enabled = excluded.is_enabled, wrong = excluded.wrong, seen_at = excluded.seen_at
     WHERE hoppers.user_id = excluded.user_id
"""
_MOST_WRONG = 500
_DELETED = "UPDATE hoppers SET deleted_at = $2 WHERE hopper_id = ANY($1::text[])"
_UNLINK = "UPDATE hoppers SET unlinked_at = now() WHERE user_id = $1::text::uuid AND unlinked_at IS NULL"
_PUT = """
    INSERT INTO hoppers (hopper_id, user_id, name, exchange, base_currency, is_paper, refresh_seconds)
    VALUES ($1, $2::text::uuid, $3, $4, $5, $6, $7)
    ON CONFLICT (hopper_id) DO UPDATE
       SET name = excluded.name, exchange = excluded.exchange, base_currency = excluded.base_currency,
           is_paper = excluded.is_paper, refresh_seconds = excluded.refresh_seconds
     WHERE hoppers.user_id = excluded.user_id
"""


class Hoppers:
    """The hoppers of every user."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_user(self, user: UserId) -> list[Hopper]:
        """A user's hoppers, by name, those included that are deleted or not linked any more."""
        return [hopper_of(row) for row in await self._database.fetch(_OF_USER, user)]

    async def known(self, user: UserId) -> list[KnownHopper]:
        """The same with what became of them."""
        return [known_of(row) for row in await self._database.fetch(KNOWN, user)]

    async def known_one(self, user: UserId, hopper: HopperId) -> KnownHopper:
        """One of a user's hoppers with what became of it; raises NotFound, also when it is somebody else's."""
        row = await self._database.row(_KNOWN_ONE, user, hopper)
        if row is None:
            raise NotFound(f"there is no hopper {hopper[:40]}")
        return known_of(row)

    async def others(self, user: UserId, hoppers: Sequence[HopperId]) -> list[HopperId]:
        """Those of ``hoppers`` that are another user's."""
        return [HopperId(row["hopper_id"]) for row in await self._database.fetch(_OWNERS, user, list(hoppers))]

    async def linked_users(self) -> list[UserId]:
        """Who has hoppers that can be read."""
        return [UserId(row["user_id"]) for row in await self._database.fetch(_LINKED_USERS)]

    async def linked(self, user: UserId) -> list[HopperId]:
        """A user's hoppers that can be read."""
        return [HopperId(row["hopper_id"]) for row in await self._database.fetch(_LINKED, user)]

    async def readable(self, user: UserId) -> list[Hopper]:
        """The same, with what is known of them."""
        return [hopper_of(row) for row in await self._database.fetch(_READABLE, user)]

    async def never_imported(self, user: UserId) -> list[HopperId]:
        """Hoppers that can be read, are here for ten minutes, and that no import has listed yet."""
        return [HopperId(row["hopper_id"]) for row in await self._database.fetch(_NEVER_IMPORTED, user)]

    async def unlink(self, user: UserId) -> None:
        """Nothing of this user's hoppers can be read from now on; their history stays."""
        await self._database.execute(_UNLINK, user)

    async def see(
        self,
        user: UserId,
        seen: Sequence[LinkedHopper],
        at: datetime,
        notice: Callable[[HopperEvent, int], Notice],
    ) -> list[HopperEvent]:
        """Bring all of a user's hoppers up to what was ``seen``: what that changed, written down and told.

        The list was asked for at ``at``; who has unlinked since stays so. ``notice`` makes what he is told of an event
        and its number. Another user's hopper is left alone.
        """
        async with self._database.transaction() as connection:
            await connection.execute(_ONE_AT_A_TIME, user)
            others = {row["hopper_id"] for row in await connection.fetch(_OWNERS, user, [one.id for one in seen])}
            own = [one for one in seen if one.id not in others]
            known = {known.hopper.id: known for known in map(known_of, await connection.fetch(KNOWN, user))}
            events = changes(known, own)
            if own:
                await connection.execute(_SEE, user, *map(list, zip(*map(_seen, own), strict=True)), at)
            gone = [event.hopper for event in events if event.kind is HopperChange.DELETED]
            if gone:
                await connection.execute(_DELETED, gone, at)
            numbers = await hopper_events.add_within(connection, user, events, at)
            for event, number in zip(events, numbers, strict=True):
                await notices.add_within(connection, notice(event, number))
        return events

    async def of(self, user: UserId, hopper: HopperId) -> Hopper:
        """One of a user's hoppers; raises NotFound, also when it is somebody else's."""
        row = await self._database.row(_ONE, user, hopper)
        if row is None:
            raise NotFound(f"there is no hopper {hopper[:40]}")
        return hopper_of(row)

    async def by_id(self, hoppers: list[HopperId]) -> dict[HopperId, Hopper]:
        """Those of ``hoppers`` that are there."""
        return {HopperId(row["hopper_id"]): hopper_of(row) for row in await self._database.fetch(_BY_ID, hoppers)}

    async def put(self, hopper: Hopper) -> None:
        """Add a hopper, or bring what is known of it up to date; another user's is left alone."""
        await self._database.execute(
            _PUT,
            hopper.id,
            hopper.user,
            hopper.name,
            hopper.exchange,
            hopper.base,
            hopper.is_paper,
            int(hopper.refresh_every.total_seconds()),
        )


def known_of(row: asyncpg.Record) -> KnownHopper:
    """The hopper of a row with the columns of ``KNOWN``."""
    return KnownHopper(hopper_of(row), row["created_at"], row["deleted_at"], row["unlinked_at"])


def _seen(linked: LinkedHopper) -> tuple[object, ...]:
    it = linked.hopper
    refresh = max(1, int(it.refresh_every.total_seconds()))
    told = linked.total, linked.is_enabled, linked.error[:_MOST_WRONG]
    return it.id, it.name, it.exchange, it.base, it.is_paper, refresh, linked.created_at, *told


def hopper_of(row: asyncpg.Record) -> Hopper:
    """The hopper of a row with this table's columns."""
    return Hopper(
        HopperId(row["hopper_id"]),
        UserId(row["user_id"]),
        row["name"],
        Exchange(row["exchange"]),
        Asset(row["base_currency"]),
        row["is_paper"],
        timedelta(seconds=row["refresh_seconds"]),
    )
