"""Results, which are trades that closed something, as a table of closed positions shows them: ``trade_results``."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import NamedTuple

import asyncpg

from cryptwire.storage.database import Database
from cryptwire.storage.keyset import PLACE, Column, Condition, Listing, Order, Row

_EXACT = Context(prec=200, rounding=ROUND_HALF_UP)
_GRAIN = Decimal("1e-18")


class ListedResult(NamedTuple):
    """A result (``cryptwire.domain.result.Result``) by the trade that closed: money in ``quote``; None: not known.

    ``currency`` is the hopper's base currency then, ``rate`` units of it for one of quote. ``sell_trigger`` and
    ``sell_strategy`` are of the trade that closed, ``buy_trigger`` and ``buy_strategy`` of what opened.
    """

    hopper_id: str
    trade_id: str
    at: datetime
    opened_at: datetime | None
    exchange: str
    coin: str
    quote: str
    is_short: bool
    quantity: Decimal
    proceeds: Decimal
    cost: Decimal | None
    fees: Decimal
    net: Decimal | None
    buy_trigger: str | None
    sell_trigger: str | None
    buy_strategy: str | None
    sell_strategy: str | None
    currency: str
    rate: Decimal | None

    @property
    def row(self) -> Row:
        return Row(self.hopper_id, self.trade_id)

    @property
    def held_for(self) -> int | None:
        """Whole seconds since the mean of the times of opening."""
        return None if self.opened_at is None else round((self.at - self.opened_at).total_seconds())

    @property
    def entry_price(self) -> Decimal | None:
        """What one unit was opened at, fees in: it cost that, or, sold short, it brought that."""
        return _share(self.proceeds if self.is_short else self.cost, self.quantity)

    @property
    def exit_price(self) -> Decimal | None:
        """What one unit was closed at, fees in."""
        return _share(self.cost if self.is_short else self.proceeds, self.quantity)

    @property
    def gain(self) -> Decimal | None:
        """Net in parts of what it was opened with: the cost, of a short what its sale brought."""
        return _share(self.net, self.proceeds if self.is_short else self.cost)


class Earned(NamedTuple):
    """Of a ``ListedResult`` what its worth in another currency is made of."""

    hopper_id: str
    trade_id: str
    at: datetime
    currency: str
    net: Decimal | None
    rate: Decimal | None

    @property
    def row(self) -> Row:
        return Row(self.hopper_id, self.trade_id)


def _share(amount: Decimal | None, whole: Decimal | None) -> Decimal | None:
    """Rounded as PostgreSQL does, to 18 decimals."""
    return None if amount is None or not whole else _EXACT.divide(amount, whole).quantize(_GRAIN, context=_EXACT)


_TEXT, _NUMBER, _MOMENT = "text", "numeric", "timestamptz"
_BROUGHT, _COST = "round(r.proceeds / nullif(r.closed, 0), 18)", "round(r.cost / nullif(r.closed, 0), 18)"
_OPENED_WITH = "CASE WHEN r.is_short THEN r.proceeds ELSE r.cost END"
_COLUMNS = {
    "at": Column("r.at", _MOMENT),
    "opened_at": Column("r.opened_at", _MOMENT, is_nullable=True),
    "held_for": Column("round(extract(epoch FROM r.at - r.opened_at))", _NUMBER, is_nullable=True),
    "exchange": Column("r.exchange", _TEXT),
    "coin": Column("r.base", _TEXT),
    "quote": Column("r.quote", _TEXT),
    "is_short": Column("r.is_short", "boolean"),
    "quantity": Column("r.closed", _NUMBER),
    "entry_price": Column(f"CASE WHEN r.is_short THEN {_BROUGHT} ELSE {_COST} END", _NUMBER, is_nullable=True),
    "exit_price": Column(f"CASE WHEN r.is_short THEN {_COST} ELSE {_BROUGHT} END", _NUMBER, is_nullable=True),
    "proceeds": Column("r.proceeds", _NUMBER),
    "cost": Column("r.cost", _NUMBER, is_nullable=True),
    "fees": Column("r.fees", _NUMBER),
    "net": Column("r.net", _NUMBER, is_nullable=True),
    "gain": Column(f"round(r.net / nullif({_OPENED_WITH}, 0), 18)", _NUMBER, is_nullable=True),
    "buy_trigger": Column("r.buy_trigger", _TEXT, is_nullable=True),
    "sell_trigger": Column("r.trigger", _TEXT, is_nullable=True),
    "buy_strategy": Column("r.buy_strategy", _TEXT, is_nullable=True),
    "sell_strategy": Column("r.strategy", _TEXT, is_nullable=True),
}
LISTING = Listing(
    fields={
        "hopper_id": "r.hopper_id",
        "trade_id": "r.trade_id",
        **{name: column.sql for name, column in _COLUMNS.items() if name in ListedResult._fields},
        "currency": "r.currency",
        "rate": "r.rate",
    },
    source="(SELECT * FROM trade_results WHERE closed IS NOT NULL) r",
    owner="r.hopper_id",
    id="r.trade_id",
    at="r.at",
    columns={
        **_COLUMNS,
        "hopper": Column(PLACE, "bigint"),
        "outcome": Column("sign(r.net)::smallint", "smallint", is_nullable=True),
    },
)
"""Ordered and filtered by any of its fields, by hopper, and by ``outcome``: 1 won, -1 lost, 0 neither, NULL unknown."""
_EARNED = replace(LISTING, fields={name: LISTING.fields[name] for name in Earned._fields})
_SOME = f"""
    SELECT {", ".join(f"{sql} AS {name}" for name, sql in LISTING.fields.items())}
      FROM unnest($1::text[], $2::text[]) AS n(hopper_id, trade_id)
      JOIN trade_results r ON r.hopper_id = n.hopper_id AND r.trade_id = n.trade_id AND r.closed IS NOT NULL
"""  # noqa: S608 - columns of ours
_CLOSED_AT = f"""
    SELECT {", ".join(f"{sql} AS {name}" for name, sql in LISTING.fields.items())} FROM trade_results r
     WHERE r.hopper_id = ANY($1::text[]) AND r.at = ANY($2::timestamptz[]) AND r.closed IS NOT NULL
"""  # noqa: S608 - columns of ours


class ResultList:
    """Every method raises Unavailable while the database is away, Invalid for a column that there is not."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, hoppers: Sequence[str], order: Order, conditions: Sequence[Condition], after: Row | None, most: int
    ) -> list[ListedResult]:
        """At most ``most`` results of ``hoppers`` in an order, those behind a row; raises Invalid when it is gone."""
        rows = await LISTING.page(self._database, hoppers, order, conditions, after, most)
        return list(map(_listed, rows))

    async def count(self, hoppers: Sequence[str], conditions: Sequence[Condition]) -> int:
        """How many results there are on all pages together."""
        return await LISTING.count(self._database, hoppers, conditions)

    async def earned(
        self, hoppers: Sequence[str], order: Order, conditions: Sequence[Condition], most: int
    ) -> list[Earned]:
        """What each of the first ``most`` results in an order earned."""
        return [Earned(*row) for row in await _EARNED.page(self._database, hoppers, order, conditions, None, most)]

    async def some(self, rows: Sequence[Row]) -> list[ListedResult]:
        """The results that these rows are, in their order; without those that are not there any more."""
        owners, ids = [row.owner for row in rows], [row.id for row in rows]
        found = {one.row: one for one in map(_listed, await self._database.fetch(_SOME, owners, ids))}
        return [found[row] for row in rows if row in found]

    async def closed_at(self, hoppers: Sequence[str], moments: Sequence[datetime]) -> list[ListedResult]:
        """Results of ``hoppers`` that closed at one of ``moments``, in no order."""
        rows = await self._database.fetch(_CLOSED_AT, list(hoppers), list(moments))
        return list(map(_listed, rows))


def _listed(row: asyncpg.Record) -> ListedResult:
    return ListedResult(*row)
