"""Table ``users``, as far as whoever makes bars needs it: the zones that users live in."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cryptwire.domain.hopper import UserId
from cryptwire.storage.database import Database

_ZONES = "SELECT user_id::text, zone FROM users WHERE user_id = ANY($1::text[]::uuid[])"


class Zones:
    """Where users live. Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, users: Sequence[UserId]) -> dict[UserId, ZoneInfo]:
        """The zone of each of these that there is; UTC for one whose name the machine does not know."""
        rows = await self._database.fetch(_ZONES, list(users))
        return {UserId(row["user_id"]): _zone(row["zone"]) for row in rows}


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
