"""Trades of several hoppers in the order in which lots are kept, with what the processor has found them worth.

From tables ``trades`` and ``trade_results``; the order is that of ``cryptwire.domain.fifo.place``.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import asyncpg

from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.trade import Trade
from cryptwire.storage.database import Database
from cryptwire.storage.trades import COLUMNS, trade_of

_BATCH = 500
_KEYS = 't.at, t.side, length(t.trade_id), t.trade_id COLLATE "C", t.hopper_id COLLATE "C"'
# of each hopper no more than a page is read: then its rows are in the order of an index but for those of one moment
_PAGE = f"""
    SELECT t.*, r.fee AS fee_in_quote, r.net, r.currency, r.rate AS worth
      FROM (SELECT t.* FROM unnest($1::text[]) AS n(hopper_id)
             CROSS JOIN LATERAL (
                SELECT {COLUMNS} FROM trades t
                 WHERE t.hopper_id = n.hopper_id AND t.at >= $3 AND t.at < $2
                   AND ({_KEYS})
                       > ($3, $4::smallint, length($5::text), $5::text COLLATE "C", $6::text COLLATE "C")
                 ORDER BY {_KEYS} LIMIT {_BATCH}) t
             ORDER BY {_KEYS} LIMIT {_BATCH}) t
      LEFT JOIN trade_results r ON r.hopper_id = t.hopper_id AND r.trade_id = t.trade_id
     ORDER BY {_KEYS}
"""  # noqa: S608 - columns of ours
_FIRST_AT = """
    SELECT min(first.at) FROM unnest($1::text[]) AS n(hopper_id)
     CROSS JOIN LATERAL (SELECT at FROM trades t WHERE t.hopper_id = n.hopper_id ORDER BY at LIMIT 1) first
"""


class ValuedTrade(NamedTuple):
    """A trade; its fee in its quote at that time; what it earned by what it closed, in quote, fees out; and ``worth``
    units of ``currency``, its hopper's base currency then, for one of its quote.

    None: it closed nothing, the processor does not know, or has not got to it yet.
    """

    trade: Trade
    fee_in_quote: Decimal | None
    net: Decimal | None
    currency: Asset | None
    worth: Decimal | None


class ValuedTrades:
    """Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def pages(
        self, hoppers: Sequence[HopperId], since: datetime, until: datetime
    ) -> AsyncIterator[list[ValuedTrade]]:
        """Those of ``[since, until)``, some at a time."""
        place = (since, 0, "", "")
        while rows := await self._database.fetch(_PAGE, list(hoppers), until, *place):
            yield [_valued(row) for row in rows]
            last = rows[-1]
            place = (last["at"], last["side"], last["trade_id"], last["hopper_id"])

    async def first_at(self, hoppers: Sequence[HopperId]) -> datetime | None:
        """When the first of all was made."""
        first: datetime | None = await self._database.value(_FIRST_AT, list(hoppers))
        return first


def _valued(row: asyncpg.Record) -> ValuedTrade:
    currency = None if row["currency"] is None else Asset(row["currency"])
    return ValuedTrade(trade_of(row), row["fee_in_quote"], row["net"], currency, row["worth"])
