"""Table ``candles``, whole candles. Only this module and candle_series.py know its columns."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg

from cryptwire.domain.candle import Candle, Quality, Written
from cryptwire.domain.hopper import HopperId
from cryptwire.errors import Corrupt, Invalid
from cryptwire.storage.database import Database

_SECOND = timedelta(seconds=1)
# With its limit TimescaleDB would refuse, for ever, a batch that meets candles of more than some 150 hopper-weeks in
# compressed chunks. Elsewhere the setting means nothing.
_STAGE = """
    SET LOCAL timescaledb.max_tuples_decompressed_per_dml_transaction = 0;
    CREATE TEMP TABLE IF NOT EXISTS staged_candles (
        hopper_id text, opened_at timestamptz, open float8, high float8, low float8, close float8, gap float4,
        quality int2, fence int8
    ) ON COMMIT DELETE ROWS
"""
_COLUMNS = ("hopper_id", "opened_at", "open", "high", "low", "close", "gap", "quality", "fence")

# A pod that lost a hopper must not write on: its candles that opened after the fence grew are refused.
_UPSERT = """
    INSERT INTO candles
    SELECT s.* FROM staged_candles s LEFT JOIN assignments a USING (hopper_id)
     WHERE a.fence IS NULL OR s.fence >= a.fence OR s.opened_at < a.granted_at
    ON CONFLICT (hopper_id, opened_at) DO UPDATE
       SET open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
           gap = excluded.gap, quality = excluded.quality, fence = excluded.fence
     WHERE (excluded.fence, excluded.quality) > (candles.fence, candles.quality)
"""
_REFUSED = """
    SELECT s.hopper_id, s.opened_at FROM staged_candles s JOIN assignments a USING (hopper_id)
     WHERE s.fence < a.fence AND s.opened_at >= a.granted_at
"""


_WITHIN = f"""
    SELECT {", ".join(_COLUMNS)} FROM candles
     WHERE hopper_id = $1 AND opened_at >= $2 AND opened_at < $3
     ORDER BY opened_at
"""  # noqa: S608 - columns of ours


class Candles:
    """Fifteen-minute candles of every hopper."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, candles: Sequence[Candle]) -> Written[Candle]:
        """Write a batch in one transaction; keys may repeat.

        On conflict the higher fence wins, then complete over backfilled over partial; equal: the first stays. Raises
        Unavailable (nothing is written), or Invalid when the database refuses some value of the batch.
        """
        best = _best(candles)
        rows = [
            (c.hopper, c.opened_at, c.open, c.high, c.low, c.close, c.gap / _SECOND, c.quality, c.fence)
            for c in best.values()
        ]
        try:
            return await self._write(best, rows)
        except Corrupt as error:
            if isinstance(error.__cause__, asyncpg.ProgramLimitExceededError):  # a key too long for its index
                raise Invalid(f"the database refuses these values: {error.__cause__}") from error
            raise

    async def _write(
        self, best: dict[tuple[str, datetime], Candle], rows: Sequence[tuple[object, ...]]
    ) -> Written[Candle]:
        refused: list[asyncpg.Record] = []
        async with self._database.transaction() as connection:
            await connection.execute(_STAGE)
            await connection.copy_records_to_table("staged_candles", records=rows, columns=_COLUMNS)
            changed = int((await connection.execute(_UPSERT)).rpartition(" ")[2])
            if changed < len(rows):  # some are no better than what was there, or are refused
                refused = await connection.fetch(_REFUSED)
        return Written(changed, [best[row["hopper_id"], row["opened_at"]] for row in refused])

    async def within(self, hopper: HopperId, since: datetime, until: datetime) -> list[Candle]:
        """Candles opened in ``[since, until)``, oldest first; gaps stay gaps."""
        return [
            Candle(
                HopperId(row["hopper_id"]),
                row["opened_at"],
                row["open"],
                row["high"],
                row["low"],
                row["close"],
                timedelta(seconds=row["gap"]),
                Quality(row["quality"]),
                row["fence"],
            )
            for row in await self._database.fetch(_WITHIN, hopper, since, until)
        ]

    async def forget(self, hopper: str) -> int:
        """Delete every candle of a hopper (a replay's earlier rows); how many."""
        status = await self._database.execute("DELETE FROM candles WHERE hopper_id = $1", hopper)
        return int(status.rpartition(" ")[2])


def _best(candles: Sequence[Candle]) -> dict[tuple[str, datetime], Candle]:
    """By key, the one of each that counts; the first of equal ones. Seldom is there more than one."""
    best: dict[tuple[str, datetime], Candle] = {
        (candle.hopper, candle.opened_at): candle for candle in reversed(candles)
    }
    if len(best) < len(candles):
        for candle in candles:
            key = (candle.hopper, candle.opened_at)
            known = best[key]
            if (candle.fence, candle.quality) > (known.fence, known.quality):
                best[key] = candle
    return best
