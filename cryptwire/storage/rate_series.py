"""What was told of a currency over time, in columns: tables ``rates``, ``market_caps`` and ``coins``.

Columns travel as ``cryptwire.storage.columns`` says; numbers besides as text, which is exact.
"""

from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryptwire.domain.conversion import NOTHING, Tellings
from cryptwire.domain.currencies import DOLLAR, FIAT
from cryptwire.domain.hopper import Asset
from cryptwire.storage.columns import floats, seconds_after, small
from cryptwire.storage.database import Database

# Symbols repeat: a coin is the one of best rank among those that the newest list holds, else of best rank.
COIN_OF_SYMBOL = """
    SELECT coin_id FROM coins WHERE symbol = $1
     ORDER BY at > (SELECT max(at) FROM coins) - interval '1 day' DESC, rank LIMIT 1
"""
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


def _texts(listed: Any) -> NDArray[np.bytes_]:
    return np.array((listed or "").split(), dtype=np.bytes_)
