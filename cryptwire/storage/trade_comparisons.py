"""Table ``trade_comparisons``: how far each hopper's trades were compared. The only module that knows its columns."""

from datetime import datetime

from cryptwire.domain.hopper import Hopper, HopperId
from cryptwire.storage.database import Database
from cryptwire.storage.hoppers import hopper_of

_WAITING = """
    SELECT h.hopper_id, h.user_id::text, h.name, h.exchange, h.base_currency, h.is_paper, h.refresh_seconds,
           c.complete_until
      FROM hoppers h LEFT JOIN trade_comparisons c USING (hopper_id)
     WHERE h.deleted_at IS NULL AND h.unlinked_at IS NULL
       AND (c.complete_until < $1 OR c.complete_until IS NULL AND NOT EXISTS (
            SELECT FROM imports i LEFT JOIN import_hoppers p ON p.hopper_id = h.hopper_id AND p.number = i.number
             WHERE i.user_id = h.user_id AND i.finished_at IS NULL AND p.traded_at IS NULL AND p.problem IS NULL
               AND (i.only_hoppers IS NULL OR h.hopper_id = ANY (i.only_hoppers))))
     ORDER BY c.complete_until NULLS LAST, h.hopper_id
"""
_COMPLETE = """
    INSERT INTO trade_comparisons AS c (hopper_id, complete_until, mended)
    SELECT hopper_id, $2, $3 FROM hoppers WHERE hopper_id = $1
    ON CONFLICT (hopper_id) DO UPDATE
       SET complete_until = greatest(c.complete_until, excluded.complete_until), mended = c.mended + excluded.mended
"""
_UNTIL = "SELECT complete_until FROM trade_comparisons WHERE hopper_id = $1"


class TradeComparisons:
    """Until when every trade of a hopper is known to be stored. Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def waiting(self, due_at: datetime) -> list[tuple[Hopper, datetime | None]]:
        """Hoppers not compared since ``due_at``, each with the moment until which it was; who waited longest first.

        Those never compared come last: they have most to read; while they are being imported they are left to that.
        """
        return [(hopper_of(row), row["complete_until"]) for row in await self._database.fetch(_WAITING, due_at)]

    async def until(self, hopper: HopperId) -> datetime | None:
        """Until when every trade of a hopper is stored; None when it was never compared."""
        until: datetime | None = await self._database.value(_UNTIL, hopper)
        return until

    async def complete(self, hopper: HopperId, until: datetime, mended: int) -> None:
        """Every trade before ``until`` is stored; comparing found ``mended`` of them. A hopper gone is no error."""
        await self._database.execute(_COMPLETE, hopper, until, mended)
