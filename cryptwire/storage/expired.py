"""What expired long ago and tells nobody anything any more: sign-ups, mailed links, sessions and their tokens."""

from datetime import timedelta

from cryptwire.storage.database import Database

KEPT_FOR = timedelta(days=30)
"""So long a user may see in his export what expired; a refresh token is known as used for the longest idle time."""

_FORGET = (
    "DELETE FROM sign_ups WHERE expires_at < now() - $1::interval",
    "DELETE FROM one_time_tokens WHERE expires_at < now() - $1::interval",
    "DELETE FROM sessions WHERE least(ended_at, expires_at) < now() - $1::interval",
    "DELETE FROM refresh_tokens WHERE made_at < now() - 2 * $1::interval",
)


class Expired:
    """Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def forget(self) -> int:
        """How many rows went."""
        said = [await self._database.execute(query, KEPT_FOR) for query in _FORGET]
        return sum(int(each.removeprefix("DELETE ")) for each in said)
