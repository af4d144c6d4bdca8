"""Pages of rows of several owners: in the order of one column of a fixed set, continued behind a row.

No page is found by counting rows, so a late page costs what the first does, and rows that are added meanwhile neither
double nor hide others. SQL is made of expressions of ours alone; what a user says comes to it as values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

import asyncpg

from cryptwire.errors import Invalid
from cryptwire.storage.database import Database

PLACE = "o.place"
"""An expression that orders by owner: their order is the one in which they are handed in."""


class Column(NamedTuple):
    """An expression of ours over the source, and its type in PostgreSQL."""

    sql: str
    kind: str
    is_nullable: bool = False


class Order(NamedTuple):
    """By which column. What is NULL comes last, whichever way."""

    column: str
    is_descending: bool = False


class Is(Enum):
    """How a column compares with a value."""

    LEAST = ">= {}"
    MOST = "<= {}"
    BELOW = "< {}"
    AMONG = "= ANY({})"


class Condition(NamedTuple):
    """What rows must be; nothing NULL passes, except where None is among the values of ``AMONG``."""

    column: str
    how: Is
    value: Any


class Row(NamedTuple):
    """What a row is known by."""

    owner: str
    id: str


@dataclass(frozen=True, eq=False)
class Listing:
    """What can be listed: ``fields`` of a row of ``source``, which is known by ``owner`` and ``id`` and made at ``at``.

    All of them are SQL. Rows that are alike in what they are ordered by are ordered by ``at``, ``id`` and ``owner``,
    the same way. An index on (owner, column, at, id) serves an order, and so does one on its first two.
    """

    fields: Mapping[str, str]
    source: str
    owner: str
    id: str
    at: str
    columns: Mapping[str, Column]

    async def page(
        self,
        database: Database,
        owners: Sequence[str],
        order: Order,
        conditions: Sequence[Condition],
        after: Row | None,
        most: int,
    ) -> list[asyncpg.Record]:
        """At most ``most`` rows, those behind ``after``; raises Invalid when that is not there any more."""
        shapes = tuple(map(_shape, conditions))
        values = [list(owners), most, *map(_value, conditions)]
        if after is None:
            return await database.fetch(_page(self, order, shapes, _Behind.NOTHING), *values)
        key = await database.row(_place(self, order), list(owners), *after)
        if key is None:
            raise Invalid("what stood before this page is not there any more; leave after out to begin anew")
        if key[0] is None:
            return await database.fetch(_page(self, order, shapes, _Behind.NULL), *values, *key[1:])
        return await database.fetch(_page(self, order, shapes, _Behind.VALUE), *values, *key)

    async def count(self, database: Database, owners: Sequence[str], conditions: Sequence[Condition]) -> int:
        """How many rows there are on all pages together."""
        statement = _count(self, tuple(map(_shape, conditions)))
        found: int = await database.value(statement, list(owners), *map(_value, conditions))
        return found


class _Behind(Enum):
    """Where a page begins: at the first row, behind one that has a value, behind one whose is NULL."""

    NOTHING = 0
    VALUE = 1
    NULL = 2


class _Shape(NamedTuple):
    """What of a condition is part of the text of a statement."""

    column: str
    how: Is
    takes_null: bool


def _shape(condition: Condition) -> _Shape:
    return _Shape(condition.column, condition.how, condition.how is Is.AMONG and None in condition.value)


def _value(condition: Condition) -> Any:
    if condition.how is Is.AMONG:
        return [each for each in condition.value if each is not None]
    return condition.value


def _column(listing: Listing, name: str) -> Column:
    column = listing.columns.get(name)
    if column is None:
        raise Invalid(f"there is no column {name[:40]!r}; there are {', '.join(listing.columns)}")
    return column


def _where(listing: Listing, shapes: tuple[_Shape, ...], first: int) -> str:
    """Conditions whose values are parameters from number ``first`` on."""
    said = []
    for number, shape in enumerate(shapes, first):
        column = _column(listing, shape.column)
        value = f"${number}::{column.kind}{'[]' if shape.how is Is.AMONG else ''}"
        each = f"{column.sql} {shape.how.value.format(value)}"
        said.append(f" AND ({each} OR {column.sql} IS NULL)" if shape.takes_null else f" AND {each}")
    return "".join(said)


def _keys(listing: Listing, column: Column) -> list[Column]:
    """What rows are ordered by, the column first."""
    moment, name, owner = Column(listing.at, "timestamptz"), Column(listing.id, "text"), Column(listing.owner, "text")
    return [moment, name, owner] if column.sql == listing.at else [column, moment, name, owner]


@lru_cache(512)
def _page(listing: Listing, order: Order, shapes: tuple[_Shape, ...], behind: _Behind) -> str:
    """$1 the owners, $2 how many, then the conditions' values, then what the page stands behind.

    Rows with a value and those without are two questions: each is then in the order of an index.
    """
    column = _column(listing, order.column)
    keys = _keys(listing, column)
    way, beyond = ("DESC", "<") if order.is_descending else ("ASC", ">")
    told = ", ".join(f"{sql} AS {name}" for name, sql in listing.fields.items())
    placed = ", ".join(f"{key.sql} AS _{number}" for number, key in enumerate(keys))
    where = _where(listing, shapes, 3)

    def part(number: int, also: str, by: list[Column], is_behind: bool) -> str:
        if is_behind:
            values = ", ".join(f"${n}::{key.kind}" for n, key in enumerate(by, 3 + len(shapes)))
            also += f" AND ({', '.join(key.sql for key in by)}) {beyond} ({values})"
        return (
            f"(SELECT {told}, {placed}, {number} AS _part FROM {listing.source}"  # noqa: S608 - SQL of ours
            f" WHERE {listing.owner} = o.owner{also}{where}"
            f" ORDER BY {', '.join(f'{key.sql} {way}' for key in by)} LIMIT $2)"
        )

    parts = []
    if behind is not _Behind.NULL:
        is_there = f" AND {column.sql} IS NOT NULL" if column.is_nullable else ""
        parts.append(part(0, is_there, keys, behind is _Behind.VALUE))
    if column.is_nullable:
        parts.append(part(1, f" AND {column.sql} IS NULL", keys[1:], behind is _Behind.NULL))
    return (
        f"SELECT {', '.join(f's.{name}' for name in listing.fields)}"  # noqa: S608 - SQL of ours
        " FROM unnest($1::text[]) WITH ORDINALITY AS o(owner, place)"
        f" CROSS JOIN LATERAL ({' UNION ALL '.join(parts)}) s"
        f" ORDER BY s._part, {', '.join(f's._{number} {way}' for number in range(len(keys)))} LIMIT $2"
    )


@lru_cache(128)
def _place(listing: Listing, order: Order) -> str:
    """What a row is ordered by: $1 the owners, $2 its owner, $3 its id."""
    keys = _keys(listing, _column(listing, order.column))
    return (
        f"SELECT {', '.join(key.sql for key in keys)}"  # noqa: S608 - SQL of ours
        f" FROM unnest($1::text[]) WITH ORDINALITY AS o(owner, place)"
        f" CROSS JOIN {listing.source} WHERE o.owner = $2 AND {listing.owner} = $2 AND {listing.id} = $3"
    )


@lru_cache(256)
def _count(listing: Listing, shapes: tuple[_Shape, ...]) -> str:
    return (
        f"SELECT count(*) FROM {listing.source}"  # noqa: S608 - SQL of ours
        f" WHERE {listing.owner} = ANY($1::text[]){_where(listing, shapes, 2)}"
    )
