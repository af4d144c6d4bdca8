"""Tables ``trade_results`` and ``result_progress``: what they say of open positions, their lots and the usual fee."""

import json
from collections.abc import Collection, Sequence

from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.open_position import FeeRate
from cryptwire.domain.result import Ledger, ledger_of
from cryptwire.storage.database import Database

# A lot is kept as a list: its id, then exchange, base, quote; a pool as its exchange, base, quote.
_LOTS = """
    SELECT hopper_id,
           (SELECT coalesce(jsonb_agg(l), '[]') FROM jsonb_array_elements(ledger->'lots') l WHERE l->>2 = ANY($2::text[]))
               AS lots,
           (SELECT coalesce(jsonb_agg(l), '[]') FROM jsonb_array_elements(ledger->'pools') l WHERE l->>1 = ANY($2::text[]))
               AS pools
      FROM result_progress WHERE hopper_id = ANY($1::text[]) AND ledger ? 'pools'
"""  # noqa: E501
_FEES = """
    SELECT n.hopper_id, count(*) AS trades, sum(l.fee) AS fees, sum(l.total) AS totals
      FROM unnest($1::text[]) AS n(hopper_id)
     CROSS JOIN LATERAL (SELECT fee, total FROM trade_results r
                          WHERE r.hopper_id = n.hopper_id AND r.fee IS NOT NULL AND r.total > 0
                          ORDER BY at DESC, trade_id DESC LIMIT $2) l
     GROUP BY n.hopper_id
"""
_TRADES = 50


class OpenLots:
    """Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, hoppers: Sequence[HopperId], coins: Collection[Asset]) -> dict[HopperId, Ledger]:
        """What the trades of these hoppers have left of ``coins``; without those of which no trade is known."""
        rows = await self._database.fetch(_LOTS, list(hoppers), list(coins))
        return {
            HopperId(row["hopper_id"]): ledger_of({name: json.loads(row[name]) for name in ("lots", "pools")})
            for row in rows
        }

    async def fee_rates(self, hoppers: Sequence[HopperId]) -> dict[HopperId, FeeRate]:
        """What the last 50 trades of each cost, of those whose fee could be converted; without those that have none."""
        rows = await self._database.fetch(_FEES, list(hoppers), _TRADES)
        return {HopperId(row["hopper_id"]): FeeRate(row["fees"], row["totals"], row["trades"]) for row in rows}
