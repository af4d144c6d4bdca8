"""Lists by pages: what a client says of filters and where to go on, as ``cryptwire.storage.keyset`` takes it."""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import orjson

from cryptwire.errors import Invalid
from cryptwire.storage.keyset import Condition, Is, Order, Row

MOST_AT_ONCE = 100
_MOST_VALUES = 100
_MOST_TEXT = 100
_MOST_CURSOR = 1_000  # characters


def up_to(first: int) -> int:
    """How many are asked for; raises Invalid."""
    if not 1 <= first <= MOST_AT_ONCE:
        raise Invalid(f"first is 1 to {MOST_AT_ONCE}, not {first}")
    return first


def cursor_of(order: Order, row: Row) -> str:
    """Where a page in this order ends: the row's name alone, so that it tells no amount that may be masked."""
    told = orjson.dumps([order.column, order.is_descending, *row])
    return base64.urlsafe_b64encode(told).rstrip(b"=").decode()


def place_of(cursor: str, order: Order) -> Row:
    """The row that ``cursor_of`` was told; raises Invalid for what it has not said, or has of another order."""
    try:
        if len(cursor) > _MOST_CURSOR:
            raise ValueError
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        column, is_descending, owner, name = orjson.loads(text)
    except (ValueError, TypeError, binascii.Error):
        column = is_descending = owner = name = None
    if not isinstance(owner, str) or not isinstance(name, str) or "\0" in owner + name:
        raise Invalid("after is not an endCursor of this list; leave it out to begin")
    if (column, is_descending) != order:
        raise Invalid("after is an endCursor of another order of this list; leave it out to begin")
    return Row(owner, name)


def among(column: str, values: Sequence[str | int | None] | None, what: str) -> list[Condition]:
    """That a column is one of ``values``, where None stands for unknown; nothing when there is no such wish.

    Raises Invalid that names ``what`` for more than 100, for an empty list, and for text that is too long.
    """
    if values is None:
        return []
    if not 1 <= len(values) <= _MOST_VALUES:
        raise Invalid(f"{what} are 1 to {_MOST_VALUES} values, not {len(values)}; leave them out for all")
    for value in values:
        if isinstance(value, str) and (len(value) > _MOST_TEXT or "\0" in value):
            raise Invalid(f"{what} are texts of at most {_MOST_TEXT} characters")
    return [Condition(column, Is.AMONG, tuple(values))]


def between(column: str, least: Decimal | None, most: Decimal | None) -> list[Condition]:
    """That a column is from ``least`` to ``most``, both among them."""
    bounds = ((Is.LEAST, least), (Is.MOST, most))
    return [Condition(column, how, value) for how, value in bounds if value is not None]


def within(column: str, since: datetime | None, until: datetime | None) -> list[Condition]:
    """That a column is in ``[since, until)``."""
    bounds = ((Is.LEAST, since), (Is.BELOW, until))
    return [Condition(column, how, value) for how, value in bounds if value is not None]
