"""Table ``webhook_hints``: when Cryptohopper last told of a hopper's trade. The only module that knows its columns."""

from collections.abc import Sequence
from datetime import datetime

from cryptwire.domain.hopper import HopperId
from cryptwire.storage.database import Database

_HEARD = """
    INSERT INTO webhook_hints AS w (hopper_id, heard_at) VALUES ($1, $2)
    ON CONFLICT (hopper_id) DO UPDATE SET heard_at = greatest(w.heard_at, excluded.heard_at), times = w.times + 1
"""
_LAST = "SELECT hopper_id, heard_at FROM webhook_hints WHERE hopper_id = ANY($1::text[])"


class WebhookHints:
    """Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def heard(self, hopper: HopperId, at: datetime) -> None:
        """A message told ``at`` that this hopper, which is known, has traded."""
        await self._database.execute(_HEARD, hopper, at)

    async def last_of(self, hoppers: Sequence[HopperId]) -> dict[HopperId, datetime]:
        """When one was last heard of each of these; those of which none ever was are left out."""
        rows = await self._database.fetch(_LAST, list(hoppers))
        return {HopperId(row["hopper_id"]): row["heard_at"] for row in rows}
