"""Tables ``trades`` and ``trade_results`` as sums over a span: what trades moved, and what that was worth then.

Values are exact: PostgreSQL multiplies and adds numerics without rounding.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import asyncpg

from cryptwire.domain.coin_profit import Traded
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.trade import Side
from cryptwire.storage.database import Database
from cryptwire.storage.steps import Steps, joined

STORED_SINCE = """
    t.hopper_id = n.hopper_id AND t.stored_at >= coalesce(p.computed_at - interval '10 minutes', '-infinity')
"""
"""Trades ``t`` of hoppers ``n`` that may have no result yet, by their progress ``p``: nobody stores for ten minutes."""

# Results are read by themselves, since they say all that is needed of a trade; trades whose result is not computed yet
# are few and stored lately (OFFSET 0: they are found by that), and are valued if that takes nobody else's word. Of the
# steps the last one that began at or before a trade counts.
_SUMS = """
    WITH span AS (
        SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::text[]) AS n(hopper_id, since, until, base)
    ), one AS (
        SELECT r.hopper_id, r.base, r.quote, r.side, r.fee_currency, r.quantity, r.total, r.fee_units, r.at,
               r.rate IS NULL AS is_unvalued, r.fee IS NULL AS is_unconverted, r.total * r.rate AS native,
               r.fee * r.rate AS native_fee, true AS has_result
          FROM span n JOIN trade_results r ON r.hopper_id = n.hopper_id AND r.at >= n.since AND r.at < n.until
         WHERE r.currency = $5
        UNION ALL
        SELECT t.hopper_id, t.base, t.quote, t.side, t.fee_currency, t.quantity, t.total, t.fee, t.at,
               v.rate IS NULL, v.fee IS NULL, t.total * v.rate, v.fee * v.rate, false
          FROM span n LEFT JOIN result_progress p USING (hopper_id)
         CROSS JOIN LATERAL (SELECT * FROM trades t WHERE {since} OFFSET 0) t
         CROSS JOIN LATERAL (SELECT CASE WHEN t.quote = n.base THEN 1 END AS rate, CASE t.fee_currency
               WHEN t.quote THEN t.fee WHEN t.base THEN t.fee * t.rate END AS fee) v
         WHERE n.base = $5 AND t.at >= n.since AND t.at < n.until
           AND NOT EXISTS (SELECT FROM trade_results r WHERE r.hopper_id = t.hopper_id AND r.trade_id = t.trade_id)
    )
    SELECT hopper_id, base, quote, side, fee_currency, count(*) AS number, sum(quantity) AS quantity,
           sum(total) AS total, {value} AS value, sum(native) AS native, sum(fee_units) AS fee_units,
           CASE WHEN fee_units = 0 THEN 0 ELSE {fee} END AS fee,
           CASE WHEN fee_units = 0 THEN 0 ELSE sum(native_fee) END AS native_fee,
           has_result, min(o.at) AS first, max(o.at) AS newest
      FROM one o {steps}
     GROUP BY hopper_id, base, quote, side, fee_currency, is_unvalued, is_unconverted, fee_units = 0, has_result{known}
"""  # noqa: E501
_IN_THEIR_OWN = _SUMS.format(since=STORED_SINCE, value="sum(native)", fee="sum(native_fee)", steps="", known="")
_BY_STEPS = _SUMS.format(
    since=STORED_SINCE,
    value="sum(native * s.rate)",
    fee="sum(native_fee * s.rate)",
    steps=joined(6, "o.at"),
    known=", s.rate IS NULL",
)


class TradeSum(NamedTuple):
    """``traded`` is valued in the currency that was asked for, ``native`` and ``native_fee`` in the hopper's own.

    ``has_result``: whether the processor has computed what they closed; ``first`` and ``newest``: when they were made.
    """

    hopper: HopperId
    traded: Traded
    native: Decimal | None
    native_fee: Decimal | None
    has_result: bool
    first: datetime
    newest: datetime


class TradeSums:
    """Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(
        self,
        spans: Sequence[tuple[HopperId, datetime, datetime, Asset]],
        currency: Asset,
        steps: Steps | None,
    ) -> list[TradeSum]:
        """Trades in ``[since, until)`` of each hopper that were made while its base currency was ``currency``.

        A span ends with the base currency that the hopper has now, that of trades whose result is not computed yet.
        ``steps``: what one ``currency`` is worth in that which is asked for; None: that is itself.
        """
        if not spans:
            return []
        columns = [list(column) for column in zip(*spans, strict=True)]
        if steps is None:
            rows = await self._database.fetch(_IN_THEIR_OWN, *columns, currency)
        else:
            rows = await self._database.planned(_BY_STEPS, *columns, currency, *steps)
        return [_sum(row) for row in rows]


def _sum(row: asyncpg.Record) -> TradeSum:
    is_valued, is_fee_valued = row["value"] is not None, row["fee"] is not None
    return TradeSum(
        HopperId(row["hopper_id"]),
        Traded(
            Asset(row["base"]),
            Asset(row["quote"]),
            Side(row["side"]),
            Asset(row["fee_currency"]),
            row["number"],
            row["quantity"],
            row["total"],
            row["value"],
            row["fee_units"],
            row["fee"],
        ),
        row["native"] if is_valued else None,
        row["native_fee"] if is_fee_valued else None,
        row["has_result"],
        row["first"],
        row["newest"],
    )
