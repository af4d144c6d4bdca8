"""Table ``strange_calls``: the only module that knows its columns."""

import hashlib
from collections.abc import Sequence
from datetime import timedelta

from cryptwire.domain.strange_call import KeptCall, StrangeCall
from cryptwire.storage.database import Database

KEPT_FOR = timedelta(days=30)

_KEEP = """
    INSERT INTO strange_calls AS kept (digest, form, reason, size, body, first_at, last_at)
    VALUES ($1, $2, $3, $4, $5, $6, $6)
    ON CONFLICT (digest) DO UPDATE SET times = kept.times + 1, last_at = greatest(kept.last_at, excluded.last_at)
"""
_TRIM = """
    DELETE FROM strange_calls
     WHERE last_at < $1
        OR digest IN (SELECT digest FROM strange_calls WHERE last_at >= $2 AND last_at < $2 + interval '1 day'
                       ORDER BY last_at DESC, digest OFFSET $3)
"""
_NEWEST = "SELECT * FROM strange_calls ORDER BY last_at DESC, digest LIMIT $1"
_OVER = """
    DELETE FROM strange_calls WHERE digest IN (
        SELECT digest FROM strange_calls WHERE last_at < now() - $1::interval LIMIT $2)
"""


class StrangeCalls:
    """Calls for a person to look at: the newest ``most`` of each UTC day, of each body so many bytes, for a month."""

    def __init__(self, database: Database, most: int, most_bytes: int) -> None:
        self._database = database
        self._most = most
        self._most_bytes = most_bytes

    async def keep(self, calls: Sequence[StrangeCall]) -> None:
        """Keep them; one that came before is counted. Raises Unavailable."""
        async with self._database.transaction() as connection:
            for call in calls:
                body = call.body[: self._most_bytes]
                digest = hashlib.sha256(call.body).digest()
                await connection.execute(_KEEP, digest, call.form, call.reason, len(call.body), body, call.at)
            for day in {call.at.replace(hour=0, minute=0, second=0, microsecond=0) for call in calls}:
                await connection.execute(_TRIM, day - KEPT_FOR, day, self._most)

    async def newest(self, count: int = 100) -> list[KeptCall]:
        """The newest, newest first."""
        return [
            KeptCall(
                row["body"], row["size"], row["form"], row["reason"], row["first_at"], row["last_at"], row["times"]
            )
            for row in await self._database.fetch(_NEWEST, count)
        ]


async def forget(database: Database, after: timedelta, most: int) -> int:
    """Delete those that came last longer than ``after`` ago; how many it were, ``most`` at most."""
    return int((await database.execute(_OVER, after, most)).split()[1])
