"""Tables ``users`` and ``hoppers`` together: what figures of somebody's hoppers begin with, in one question."""

from dataclasses import dataclass

from cryptwire.domain.hopper import UserId
from cryptwire.domain.hopper_change import KnownHopper
from cryptwire.domain.preferences import Preferences
from cryptwire.errors import NotFound
from cryptwire.storage.database import Database
from cryptwire.storage.hoppers import KNOWN, known_of
from cryptwire.storage.users import preferences_of

_OF = f"""
    SELECT u.id AS of_user, u.zone, u.currency, u.preferences, h.*
      FROM (SELECT user_id::text AS id, zone, currency, preferences FROM users WHERE user_id = $1::text::uuid) u
      LEFT JOIN ({KNOWN}) h ON true
     ORDER BY h.name, h.hopper_id
"""  # noqa: S608 - SQL of ours


@dataclass(frozen=True, slots=True)
class Owner:
    """A user, as far as figures need him, and all of his hoppers by name, the deleted and unlinked ones too."""

    zone: str
    currency: str
    preferences: Preferences
    hoppers: list[KnownHopper]


class Owners:
    """Every user."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, user: UserId) -> Owner:
        """Raises NotFound."""
        rows = await self._database.fetch(_OF, user)
        if not rows:
            raise NotFound("there is no such user")
        first = rows[0]
        hoppers = [known_of(row) for row in rows if row["hopper_id"] is not None]
        preferences = preferences_of(first["of_user"], first["preferences"])
        return Owner(first["zone"], first["currency"], preferences, hoppers)
