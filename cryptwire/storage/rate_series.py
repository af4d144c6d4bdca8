"""What was told of a currency over time, in columns: tables ``rates``, ``market_caps`` and ``coins``.

Columns travel as ``cryptwire.storage.columns`` says; numbers besides as text, which is exact.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryptwire.domain.conversion import FRESH, NOTHING, Tellings, held, joined
from cryptwire.domain.currencies import DOLLAR, FIAT
from cryptwire.domain.hopper import Asset
from cryptwire.storage.columns import floats, seconds_after, small
from cryptwire.storage.database import Database

# Symbols repeat: a coin is the one of best rank among those that the newest list holds, else of best rank.
COIN_OF_SYMBOL = """
    SELECT coin_id FROM coins WHERE symbol = $1
     ORDER BY at > (SELECT max(at) FROM coins) - interval '1 day' DESC, rank LIMIT 1
"""
_SECOND = timedelta(seconds=1)
_NEAR_BY = FRESH + _SECOND
"""What was told within a second counts from the next one."""
_TOLD = f"""
    SELECT array_send(array_agg(at)), array_send(array_agg(source)), string_agg(number::text, ' ')
      FROM (SELECT at, source, per_usd AS number FROM rates WHERE currency = $1 AND at > $2 AND at <= $3
             UNION ALL
            SELECT at, 0::smallint, price FROM market_caps
             WHERE coin_id = (SELECT coin_id FROM ({COIN_OF_SYMBOL}) best WHERE NOT $4) AND at > $2 AND at <= $3
               AND price > 0
             ORDER BY at, source) told
"""  # noqa: S608 - queries of ours

_COIN_OF = f"""
    (SELECT coin_id FROM ({COIN_OF_SYMBOL.replace("$1", "n.currency")}) best WHERE NOT n.is_fiat) AS coin_id
"""  # noqa: S608
# Before a moment every word counts that is fresh (OFFSET 0: each span is found by itself, in an index) ...
_NEAR = f"""
    WITH wanted AS MATERIALIZED (
        SELECT n.*, {_COIN_OF} FROM unnest($1::text[], $2::bool[]) WITH ORDINALITY AS n(currency, is_fiat, number))
    SELECT number, array_send(array_agg(at)), array_send(array_agg(source)), array_send(array_agg(value))
      FROM (SELECT w.number, near.* FROM wanted w
             CROSS JOIN (SELECT to_timestamp(second) AS at FROM unnest($3::int8[]) AS second) m
             CROSS JOIN LATERAL (
                SELECT at, source, per_usd::float8 AS value FROM rates
                 WHERE currency = w.currency AND at > m.at - $4::interval AND at <= m.at
                 UNION ALL
                SELECT at, 0::smallint, price::float8 FROM market_caps
                 WHERE coin_id = w.coin_id AND at > m.at - $4::interval AND at <= m.at AND price > 0 OFFSET 0) near
           ) told
     GROUP BY number
"""  # noqa: S608
# ... and where there is none, the last one that stands.
_LAST = f"""
    WITH wanted AS MATERIALIZED (
        SELECT n.*, {_COIN_OF}
          FROM unnest($1::text[], $2::bool[], $3::interval[]) WITH ORDINALITY AS n(currency, is_fiat, held, number))
    SELECT number, array_send(array_agg(at)), array_send(array_agg(source)), array_send(array_agg(value))
      FROM (SELECT w.number, last.* FROM wanted w
              JOIN (SELECT number, to_timestamp(second) AS at
                      FROM unnest($4::int8[], $5::int8[]) AS told(number, second)) m USING (number)
             CROSS JOIN LATERAL (
                (SELECT at, source, per_usd::float8 AS value FROM rates
                  WHERE currency = w.currency AND at > m.at - w.held AND at <= m.at ORDER BY at DESC LIMIT 1)
                 UNION ALL
                (SELECT at, 0::smallint, price::float8 FROM market_caps
                  WHERE coin_id = w.coin_id AND at > m.at - w.held AND at <= m.at AND price > 0
                  ORDER BY at DESC LIMIT 1)) last) told
     GROUP BY number
"""  # noqa: S608


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
        texts = np.array((row[2] or "").split(), dtype=np.bytes_)
        return Tellings(seconds_after(row[0]), small(row[1]), texts.astype(np.float64), texts)

    async def near(self, currencies: Sequence[Asset], seconds: NDArray[np.int64]) -> dict[Asset, Tellings]:
        """As much of what was told as says what currencies were worth at these ``seconds``, not exactly: without texts.

        Currencies of which nothing was told are left out.
        """
        names, are_fiat = list(currencies), [currency in FIAT for currency in currencies]
        rows = await self._database.fetch(_NEAR, names, are_fiat, seconds.tolist(), _NEAR_BY)
        near = {row[0] - 1: _without_texts(row) for row in rows}
        silent = {number: _silent(near.get(number, NOTHING), seconds) for number in range(len(names))}
        if any(map(len, silent.values())):
            spans = [held(currency) for currency in currencies]
            numbers = [number + 1 for number, moments in silent.items() for _ in moments]
            moments = [second for those in silent.values() for second in those.tolist()]
            for row in await self._database.fetch(_LAST, names, are_fiat, spans, numbers, moments):
                number = row[0] - 1
                near[number] = joined([near.get(number, NOTHING), _without_texts(row)])
        return {currencies[number]: _in_order(told) for number, told in near.items()}


def _without_texts(row: Any) -> Tellings:
    at = seconds_after(row[1])
    return Tellings(at, small(row[2]), floats(row[3]), np.zeros(len(at), "S1"))


def _silent(told: Tellings, seconds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those of ``seconds`` before which no word is fresh."""
    at = np.append(np.sort(told.at), np.iinfo(np.int64).min)  # the last is found where there is none before
    return seconds[at[np.searchsorted(at[:-1], seconds, side="right") - 1] < seconds - FRESH // _SECOND]


def _in_order(told: Tellings) -> Tellings:
    """Oldest first, of one moment who goes before first."""
    order = np.lexsort((told.by, told.at))
    return Tellings(told.at[order], told.by[order], told.numbers[order], told.texts[order])
