"""Trades with what they closed, as a table of them shows them: from tables ``trades`` and ``trade_results``."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from cryptwire.domain.trade import Side
from cryptwire.storage.database import Database
from cryptwire.storage.keyset import PLACE, Column, Condition, Listing, Order, Row


class ListedTrade(NamedTuple):
    """A trade (``cryptwire.domain.trade.Trade``) and ``net``: what it earned by what it closed, in quote, fees out.

    ``net`` is None for what closed nothing, and while it is not known. Numbers are text as PostgreSQL tells them, exact
    and without exponent: they are shown, and nobody computes with them.
    """

    hopper_id: str
    id: str
    at: datetime
    exchange: str
    coin: str
    quote: str
    side: Side
    quantity: str
    rate: str
    total: str
    fee: str
    fee_currency: str
    trigger: str | None
    strategy: str | None
    result: str | None
    net: str | None

    @property
    def row(self) -> Row:
        return Row(self.hopper_id, self.id)


_TEXT, _NUMBER = "text", "numeric"
LISTING = Listing(
    fields={
        "hopper_id": "t.hopper_id",
        "id": "t.trade_id",
        "at": "t.at",
        "exchange": "t.exchange",
        "coin": "t.base",
        "quote": "t.quote",
        "side": "t.side",
        "quantity": "t.quantity::text",
        "rate": "t.rate::text",
        "total": "t.total::text",
        "fee": "t.fee::text",
        "fee_currency": "t.fee_currency",
        "trigger": "t.trigger",
        "strategy": "t.strategy",
        "result": "t.result::text",
        "net": "r.net::text",
    },
    source="trades t LEFT JOIN trade_results r ON r.hopper_id = t.hopper_id AND r.trade_id = t.trade_id",
    owner="t.hopper_id",
    id="t.trade_id",
    at="t.at",
    columns={
        "at": Column("t.at", "timestamptz"),
        "hopper": Column(PLACE, "bigint"),
        "exchange": Column("t.exchange", _TEXT),
        "coin": Column("t.base", _TEXT),
        "quote": Column("t.quote", _TEXT),
        "side": Column("t.side", "smallint"),
        "quantity": Column("t.quantity", _NUMBER),
        "rate": Column("t.rate", _NUMBER),
        "total": Column("t.total", _NUMBER),
        "fee": Column("t.fee", _NUMBER),
        "fee_currency": Column("t.fee_currency", _TEXT),
        "trigger": Column("t.trigger", _TEXT, is_nullable=True),
        "strategy": Column("t.strategy", _TEXT, is_nullable=True),
        "result": Column("t.result", _NUMBER, is_nullable=True),
        "net": Column("r.net", _NUMBER, is_nullable=True),
    },
)
_SIDE = ListedTrade._fields.index("side")
_SIDES = {int(side): side for side in Side}


class TradeList:
    """Every method raises Unavailable while the database is away, Invalid for a column that there is not."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, hoppers: Sequence[str], order: Order, conditions: Sequence[Condition], after: Row | None, most: int
    ) -> list[ListedTrade]:
        """At most ``most`` trades of ``hoppers`` in an order, those behind a row; raises Invalid when it is gone."""
        rows = await LISTING.page(self._database, hoppers, order, conditions, after, most)
        columns = list(zip(*rows, strict=True))
        if columns:
            columns[_SIDE] = tuple(map(_SIDES.__getitem__, columns[_SIDE]))
        return list(map(ListedTrade._make, zip(*columns, strict=True)))

    async def count(self, hoppers: Sequence[str], conditions: Sequence[Condition]) -> int:
        """How many trades there are on all pages together."""
        return await LISTING.count(self._database, hoppers, conditions)
