"""What was told of a currency over time, in columns: tables ``rates``, ``market_caps`` and ``coins``.

Columns travel as ``cryptwire.storage.columns`` says; numbers besides as text, which is exact.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryptwire.domain.conversion import FRESH, NOTHING, Tellings, held
from cryptwire.domain.currencies import DOLLAR, FIAT
from cryptwire.domain.hopper import Asset
from cryptwire.storage.columns import floats, seconds_after, small
from cryptwire.storage.database import Database

# Symbols repeat: a coin is the one of best rank among those that the newest list holds, else of best rank.
COIN_OF_SYMBOL = """
    SELECT coin_id FROM coins WHERE symbol = $1
     ORDER BY at > (SELECT max(at) FROM coins) - interval '1 day' DESC, rank LIMIT 1
"""
_NEAR_BY = FRESH + timedelta(seconds=1)
"""What was told within a second counts from the next one."""
_TOLD = f"""
    SELECT array_send(array_agg(at)), array_send(array_agg(source)), array_send(array_agg(number::float8)),
           array_to_string(array_agg(number), ' ')
      FROM (SELECT at, source, per_usd AS number FROM rates WHERE currency = $1 AND at > $2 AND at <= $3
             UNION ALL
            SELECT at, 0::smallint, price FROM market_caps
             WHERE coin_id = (SELECT coin_id FROM ({COIN_OF_SYMBOL}) best WHERE NOT $4) AND at > $2 AND at <= $3
               AND price > 0
             ORDER BY at, source) told
"""  # noqa: S608 - queries of ours

# Before a moment every word counts that is fresh; where there is none, the last one that stands.
_NEAR = f"""
    WITH wanted AS MATERIALIZED (
        SELECT n.*, (SELECT coin_id FROM ({COIN_OF_SYMBOL.replace("$1", "n.currency")}) best WHERE NOT n.is_fiat) AS coin_id
          FROM unnest($1::text[], $2::interval[], $3::bool[]) WITH ORDINALITY AS n(currency, held, is_fiat, number))
    SELECT number, array_send(array_agg(at)), array_send(array_agg(source)), array_send(array_agg(value))
      FROM (SELECT w.number, coalesce(near.at, last.at) AS at, coalesce(near.source, last.source) AS source,
                   coalesce(near.value, last.value) AS value
              FROM wanted w
             CROSS JOIN (SELECT to_timestamp(second) AS at FROM unnest($4::int8[]) AS second) m
              LEFT JOIN LATERAL (
                SELECT at, source, per_usd::float8 AS value FROM rates
                 WHERE currency = w.currency AND at > m.at - $5::interval AND at <= m.at
                 UNION ALL
                SELECT at, 0::smallint, price::float8 FROM market_caps
                 WHERE coin_id = w.coin_id AND at > m.at - $5::interval AND at <= m.at AND price > 0 OFFSET 0) near ON true
              LEFT JOIN LATERAL (
                (SELECT at, source, per_usd::float8 AS value FROM rates
                  WHERE near.at IS NULL AND currency = w.currency AND at > m.at - w.held AND at <= m.at
                  ORDER BY at DESC LIMIT 1)
                 UNION ALL
                (SELECT at, 0::smallint, price::float8 FROM market_caps
                  WHERE near.at IS NULL AND coin_id = w.coin_id AND at > m.at - w.held AND at <= m.at AND price > 0
                  ORDER BY at DESC LIMIT 1)) last ON true
             ORDER BY number, at, source) told
     WHERE at IS NOT NULL GROUP BY number
"""  # noqa: S608, E501


class RateSeries:
    """What currencies were worth. Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def told(self, currency: Asset, since: int, until: int) -> Tellings:
        """All that was told of ``currency`` in ``[since, until)`` seconds, oldest first; nothing of dollars.

        What was told within a second counts from the next one. By a symbol of fiat money no coin is meant.
        """
        if currency == DOLLAR:
            return NOTHING
        begin, end = (datetime.fromtimestamp(second - 1, UTC) for second in (since, until))
        row = await self._database.row(_TOLD, currency, begin, end, currency in FIAT)
        assert row is not None
        return Tellings(seconds_after(row[0]), small(row[1]), floats(row[2]), _texts(row[3]))

    async def near(self, currencies: Sequence[Asset], seconds: NDArray[np.int64]) -> dict[Asset, Tellings]:
        """As much of what was told as says what currencies were worth at these ``seconds``, not exactly: without texts.

        Currencies of which nothing was told are left out.
        """
        spans = [held(currency) for currency in currencies]
        are_fiat = [currency in FIAT for currency in currencies]
        rows = await self._database.fetch(_NEAR, list(currencies), spans, are_fiat, seconds.tolist(), _NEAR_BY)
        return {
            currencies[row[0] - 1]: Tellings(
                at := seconds_after(row[1]), small(row[2]), floats(row[3]), np.zeros(len(at), "S1")
            )
            for row in rows
        }


def _texts(listed: Any) -> NDArray[np.bytes_]:
    return np.array((listed or "").split(), dtype=np.bytes_)
