"""Pages of what is made in memory: every row once, in order, wherever a page is cut."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.handlers.analytics.listed import Page, page_of
from cryptwire.errors import Invalid
from cryptwire.storage.keyset import Order, Row


class Thing(NamedTuple):
    name: str
    worth: int | None


def page(things: list[Thing], first: int, after: str | None, *, is_descending: bool = False) -> Page[Thing]:
    order = Order("worth", is_descending)
    return page_of(things, order, lambda one: one.worth, lambda one: Row("", one.name), first, after)


things = st.dictionaries(st.text("abc", max_size=4), st.none() | st.integers(0, 3), max_size=12)


@given(things, st.integers(1, 5), st.booleans())
def test_all_pages_together_are_all_rows_in_order(
    known: dict[str, int | None], first: int, is_descending: bool
) -> None:
    listed = [Thing(*one) for one in known.items()]
    found: list[Thing] = []
    after: str | None = None
    while True:
        part = page(listed, first, after, is_descending=is_descending)
        found += part.rows
        assert part.has_more is (len(found) < len(listed))
        assert (part.cursor is None) is (not part.rows)
        if not part.has_more:
            break
        after = part.cursor
    assert sorted(found) == sorted(listed, key=lambda one: one.name)
    worths = [one.worth for one in found]
    known_worths = [worth for worth in worths if worth is not None]
    assert worths == [*sorted(known_worths, reverse=is_descending), *[None] * (len(worths) - len(known_worths))]


def test_a_row_that_is_gone_is_no_place() -> None:
    listed = [Thing("a", 1), Thing("b", 2)]
    cursor = page(listed, 1, None).cursor
    with pytest.raises(Invalid, match="not there any more"):
        page(listed[1:], 1, cursor)
    with pytest.raises(Invalid, match="another order"):
        page(listed, 1, cursor, is_descending=True)
    with pytest.raises(Invalid, match="first is 1 to 100"):
        page(listed, 101, None)
