"""How far results are (table ``result_progress``), and what was stored since."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from cryptwire.domain.hopper import HopperId
from cryptwire.storage.database import Database
from cryptwire.storage.trade_columns import STORED_SINCE

_STANDING = f"""
    SELECT n.hopper_id, p.computed_at, p.hopper_id IS NULL AND late.number > 0 AS is_due, late.number, late.newest
      FROM unnest($1::text[]) AS n(hopper_id) LEFT JOIN result_progress p USING (hopper_id)
     CROSS JOIN LATERAL (SELECT count(*) AS number, max(t.stored_at) AS newest FROM trades t WHERE {STORED_SINCE}) late
"""  # noqa: S608 - a part of ours


class Standing(NamedTuple):
    """When a hopper's results were written last, None for never: then ``is_due`` says whether there are any to be.

    ``late``: how many trades were stored since then, or shortly before, and when the last of them was.
    """

    computed_at: datetime | None
    is_due: bool
    late: tuple[int, datetime | None] = (0, None)


class ResultStandings:
    """Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, hoppers: Sequence[HopperId]) -> dict[HopperId, Standing]:
        """Of each hopper; as long as it is the same, so are all its trades and what they closed."""
        rows = await self._database.fetch(_STANDING, list(hoppers))
        return {
            HopperId(row["hopper_id"]): Standing(row["computed_at"], row["is_due"], (row["number"], row["newest"]))
            for row in rows
        }
