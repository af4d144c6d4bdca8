"""Table ``hoppers``: the only module that knows its columns."""

from datetime import timedelta

import asyncpg

from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.errors import NotFound
from cryptwire.storage.database import Database

_COLUMNS = "hopper_id, user_id::text, name, exchange, base_currency, is_paper, refresh_seconds"
_OF_USER = f"SELECT {_COLUMNS} FROM hoppers WHERE user_id = $1::text::uuid ORDER BY name, hopper_id"  # noqa: S608
_ONE = f"SELECT {_COLUMNS} FROM hoppers WHERE user_id = $1::text::uuid AND hopper_id = $2"  # noqa: S608
_BY_ID = f"SELECT {_COLUMNS} FROM hoppers WHERE hopper_id = ANY($1::text[])"  # noqa: S608
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
        """A user's hoppers, by name."""
        return [hopper_of(row) for row in await self._database.fetch(_OF_USER, user)]

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
