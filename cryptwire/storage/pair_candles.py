"""Tables ``pair_series``, ``pair_candles``, ``pair_blocks``: closed candles of pairs, and which were asked for.

The only module that knows their columns. Seconds everywhere; candles travel as ``cryptwire.storage.columns`` says.
"""

from datetime import UTC, datetime
from typing import NamedTuple

from cryptwire.domain.bar import Columns
from cryptwire.domain.ticker import Pair
from cryptwire.storage.columns import floats, seconds
from cryptwire.storage.database import Database

_SERIES = """
    SELECT series_id, begins_at FROM pair_series WHERE exchange = $1 AND base = $2 AND quote = $3 AND grain = $4
"""
_ADD_SERIES = """
    INSERT INTO pair_series (exchange, base, quote, grain) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""
_BEGINS = "UPDATE pair_series SET begins_at = $2 WHERE series_id = $1"
_KNOWN = """
    SELECT begins_at, known_until FROM pair_blocks WHERE series_id = $1 AND begins_at >= $2 AND begins_at < $3
"""
_WITHIN = """
    SELECT array_send(array_agg(opened_at)), array_send(array_agg(open)), array_send(array_agg(high)),
           array_send(array_agg(low)), array_send(array_agg(close)), array_send(array_agg(volume))
      FROM (SELECT opened_at, open, high, low, close, volume FROM pair_candles
             WHERE series_id = $1 AND opened_at >= $2 AND opened_at < $3 ORDER BY opened_at) asked
"""
# With its limit TimescaleDB would refuse candles of chunks that are compressed. Elsewhere the setting means nothing.
_NO_LIMIT = "SET LOCAL timescaledb.max_tuples_decompressed_per_dml_transaction = 0"
_ADD = """
    INSERT INTO pair_candles (series_id, opened_at, open, high, low, close, volume)
    SELECT $1, * FROM unnest($2::timestamptz[], $3::float8[], $4::float8[], $5::float8[], $6::float8[], $7::float8[])
    ON CONFLICT DO NOTHING
"""
_ASKED = """
    INSERT INTO pair_blocks (series_id, begins_at, known_until) VALUES ($1, $2, $3)
    ON CONFLICT (series_id, begins_at) DO UPDATE
       SET known_until = greatest(pair_blocks.known_until, excluded.known_until)
"""


class StoredSeries(NamedTuple):
    """Candles of one length of one pair; nothing opened before ``begins`` (None: nobody has looked)."""

    id: int
    begins: int | None


class PairCandles:
    """What exchanges told of pairs. Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def series(self, pair: Pair, grain: int) -> StoredSeries:
        """The series of candles that are ``grain`` seconds long; made when there is none."""
        asked = pair.exchange, pair.base, pair.quote, grain
        row = await self._database.row(_SERIES, *asked)
        if row is None:
            await self._database.execute(_ADD_SERIES, *asked)
            row = await self._database.row(_SERIES, *asked)
            assert row is not None
        begins: datetime | None = row["begins_at"]
        return StoredSeries(row["series_id"], None if begins is None else int(begins.timestamp()))

    async def begins(self, series: int, at: int) -> None:
        """Keep that nothing opened before ``at``."""
        await self._database.execute(_BEGINS, series, _moment(at))

    async def known(self, series: int, since: int, until: int) -> dict[int, int]:
        """Of the blocks that begin in ``[since, until)``, by their beginnings: until when everything is here.

        Read it before the candles: they are written together.
        """
        rows = await self._database.fetch(_KNOWN, series, _moment(since), _moment(until))
        return {int(row["begins_at"].timestamp()): int(row["known_until"].timestamp()) for row in rows}

    async def within(self, series: int, since: int, until: int) -> Columns:
        """Candles opened in ``[since, until)``, oldest first; gaps stay gaps."""
        row = await self._database.row(_WITHIN, series, _moment(since), _moment(until))
        assert row is not None
        return Columns(seconds(row[0]), *map(floats, row[1:]))

    async def keep(self, series: int, begins: int, candles: Columns, known_until: int) -> None:
        """Keep ``candles`` of the block that begins at ``begins``, and that there are no others before ``known_until``.

        All of it or nothing. A candle that is there already stays.
        """
        async with self._database.transaction() as connection:
            if len(candles):
                await connection.execute(_NO_LIMIT)
                prices = candles.open, candles.high, candles.low, candles.close, candles.volume
                moments = [_moment(at) for at in candles.at.tolist()]
                await connection.execute(_ADD, series, moments, *(column.tolist() for column in prices))
            await connection.execute(_ASKED, series, _moment(begins), _moment(known_until))


def _moment(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
