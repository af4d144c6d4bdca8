"""Tables ``candles`` and ``trades`` as a series in columns, for charts.

Candles come over as they are stored and ``cryptwire.domain.bar`` folds them (docs/decisions/0005).
They travel as ``cryptwire.storage.columns`` says.
"""

from datetime import UTC, datetime

import numpy as np

from cryptwire.domain.bar import Columns, Volumes
from cryptwire.domain.candle import Quality
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.storage.columns import floats, seconds
from cryptwire.storage.database import Database

_NEWEST = """
    SELECT array_send(array_agg(opened_at)), array_send(array_agg(open)), array_send(array_agg(high)),
           array_send(array_agg(low)), array_send(array_agg(close))
      FROM (SELECT opened_at, open, high, low, close FROM candles
             WHERE hopper_id = $1 AND opened_at >= $2 AND opened_at < $3
             ORDER BY opened_at DESC LIMIT $4) newest
"""
_VOLUMES = """
    SELECT array_send(array_agg(opened_at)), array_send(array_agg(volume))
      FROM (SELECT date_bin('15 minutes', at, 'epoch'::timestamptz) AS opened_at, sum(total)::float8 AS volume
              FROM trades
             WHERE hopper_id = $1 AND at >= $2 AND at < $3 AND quote = $4
             GROUP BY 1 ORDER BY 1) sums
"""
_VOLUME = """
    SELECT coalesce(sum(total), 0)::float8 FROM trades
     WHERE hopper_id = $1 AND at >= $2 AND at < $3 AND quote = $4
"""
_QUALITIES = """
    SELECT opened_at, quality FROM candles
     WHERE hopper_id = $1 AND opened_at >= $2 AND opened_at < $3 AND quality <> $4
"""
_EARLIEST = "SELECT opened_at FROM candles WHERE hopper_id = $1 ORDER BY opened_at LIMIT 1"
_LATEST = "SELECT opened_at FROM candles WHERE hopper_id = $1 AND opened_at < $2 ORDER BY opened_at DESC LIMIT 1"


class CandleSeries:
    """Candles and volumes of hoppers, oldest first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self, hopper: HopperId, since: int, until: int, limit: int) -> Columns:
        """The last ``limit`` candles opened in ``[since, until)`` seconds, without volume; gaps stay gaps."""
        row = await self._database.row(_NEWEST, hopper, _moment(since), _moment(until), limit)
        assert row is not None
        at = seconds(row[0])[::-1].copy()
        opens, highs, lows, closes = (floats(column)[::-1].copy() for column in row[1:])
        return Columns(at, opens, highs, lows, closes, np.zeros(len(at)))

    async def volumes(self, hopper: HopperId, base: Asset, since: int, until: int) -> Volumes:
        """The volume of the hopper's own trades made in ``[since, until)`` seconds, by trade time, in ``base``.

        A trade whose quote is the base currency counts its total; others do not count yet.
        """
        if until <= since:
            return Volumes(seconds(None), floats(None))
        row = await self._database.row(_VOLUMES, hopper, _moment(since), _moment(until), base)
        assert row is not None
        return Volumes(seconds(row[0]), floats(row[1]))

    async def volume(self, hopper: HopperId, base: Asset, since: int, until: int) -> float:
        """The sum of the hopper's own trades in ``[since, until)`` seconds, counted as ``volumes`` does."""
        if until <= since:
            return 0.0
        return float(await self._database.value(_VOLUME, hopper, _moment(since), _moment(until), base))

    async def imperfect(self, hopper: HopperId, since: int, until: int) -> dict[int, Quality]:
        """Those opened in ``[since, until)`` seconds that are not complete, by opening."""
        rows = await self._database.fetch(_QUALITIES, hopper, _moment(since), _moment(until), Quality.COMPLETE)
        return {int(row["opened_at"].timestamp()): Quality(row["quality"]) for row in rows}

    async def earliest(self, hopper: HopperId) -> int | None:
        """When the first candle of all opened, seconds."""
        moment: datetime | None = await self._database.value(_EARLIEST, hopper)
        return None if moment is None else int(moment.timestamp())

    async def latest(self, hopper: HopperId, before: int) -> int | None:
        """When the last candle before ``before`` opened, seconds."""
        moment: datetime | None = await self._database.value(_LATEST, hopper, _moment(before))
        return None if moment is None else int(moment.timestamp())


def _moment(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
