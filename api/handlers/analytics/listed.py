"""Pages of lists that are made in memory, since what they are ordered by is only known at this moment."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from api.handlers.analytics.paging import cursor_of, place_of, up_to
from cryptwire.errors import Invalid
from cryptwire.storage.keyset import Order, Row

T = TypeVar("T")


class Page(NamedTuple, Generic[T]):
    """Some rows, in order; ``cursor`` of the last of them, None when there is none."""

    rows: list[T]
    has_more: bool
    cursor: str | None


def page_of(
    rows: Sequence[T],
    order: Order,
    key: Callable[[T], Any],
    name: Callable[[T], Row],
    first: int,
    after: str | None,
) -> Page[T]:
    """``first`` rows behind the row ``after``, by ``key``; None comes last, whichever way, and what is alike by name.

    Raises Invalid when the row is not there any more.
    """
    known = [row for row in sorted(rows, key=name) if key(row) is not None]
    known.sort(key=key, reverse=order.is_descending)
    listed = [*known, *(row for row in sorted(rows, key=name) if key(row) is None)]
    begin = 0
    if after is not None:
        place = place_of(after, order)
        begin = next((number for number, row in enumerate(listed, 1) if name(row) == place), 0)
        if not begin:
            raise Invalid("what stood before this page is not there any more; leave after out to begin anew")
    found = listed[begin : begin + up_to(first)]
    cursor = cursor_of(order, name(found[-1])) if found else None
    return Page(found, begin + len(found) < len(listed), cursor)
