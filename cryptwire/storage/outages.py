"""Table ``outages``: silences that were told and have not ended. The only module that knows its columns.

A row is inserted and deleted in the transaction that adds the notice of it: of several observers one tells.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from cryptwire.domain.hopper import UserId
from cryptwire.storage.database import Connection, Database

_OPEN = "SELECT subject, user_id::text, began_at FROM outages"
_OF = "SELECT subject, began_at FROM outages WHERE subject = ANY($1::text[])"
_BEGIN = """
    INSERT INTO outages (subject, user_id, began_at) VALUES ($1, $2::text::uuid, $3) ON CONFLICT DO NOTHING
"""
_END = "DELETE FROM outages WHERE subject = $1 AND began_at = $2"


@dataclass(frozen=True, slots=True)
class Outage:
    """What is silent since when; ``user`` was told, or None: those who run the system."""

    subject: str
    user: UserId | None
    began_at: datetime


class Outages:
    """Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def since(self, subjects: Collection[str]) -> dict[str, datetime]:
        """Since when those of ``subjects`` are silent of which that was told and has not ended."""
        rows = await self._database.fetch(_OF, list(subjects))
        return {row["subject"]: row["began_at"] for row in rows}

    async def open(self) -> dict[str, Outage]:
        """Those that have not ended, by subject."""
        return {
            row["subject"]: Outage(
                row["subject"], None if row["user_id"] is None else UserId(row["user_id"]), row["began_at"]
            )
            for row in await self._database.fetch(_OPEN)
        }


async def begin(connection: Connection, outage: Outage) -> bool:
    """Whether it is new: then it is to be told, in the transaction of ``connection``."""
    return await connection.execute(_BEGIN, outage.subject, outage.user, outage.began_at) == "INSERT 0 1"


async def end(connection: Connection, outage: Outage) -> bool:
    """Whether it ended by this: then that is to be told."""
    return await connection.execute(_END, outage.subject, outage.began_at) == "DELETE 1"
