"""What a client may send as a place in a list, and as a filter: what was said to it, and nothing else."""

import base64
from datetime import UTC, datetime
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.handlers.analytics.paging import among, between, cursor_of, place_of, up_to, within
from cryptwire.errors import Invalid
from cryptwire.storage.keyset import Condition, Is, Order, Row

ORDER = Order("total", is_descending=True)
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@given(NAMES, NAMES)
def test_a_cursor_leads_back_to_its_row(owner: str, name: str) -> None:
    assert place_of(cursor_of(ORDER, Row(owner, name)), ORDER) == Row(owner, name)


def test_a_cursor_of_another_order_is_refused() -> None:
    cursor = cursor_of(ORDER, Row("1", "2"))
    for other in (Order("total"), Order("fee", is_descending=True)):
        with pytest.raises(Invalid, match="another order"):
            place_of(cursor, other)


def sent(said: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(said)).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "=",
        "é",
        "\0",
        "W10\n",
        "a" * 2_000,
        "[" * 999,
        sent([]),
        sent("abcd"),
        sent({"a": 1, "b": 2, "c": 3, "d": 4}),
        sent(["total", True, "1"]),
        sent(["total", True, "1", 2]),
        sent(["total", True, None, "2"]),
        sent(["total", True, ["1"], "2"]),
        sent(["total", True, "1", "a\0b"]),
        sent(["total", True, "1", "2", "3"]),
        base64.urlsafe_b64encode(b'["total",true,"1","\\ud800"]').decode(),
    ],
)
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid, match="leave it out to begin"):
        place_of(cursor, ORDER)


@given(st.text() | st.binary().map(lambda said: base64.urlsafe_b64encode(said).decode()))
def test_no_text_does_more_than_be_refused(cursor: str) -> None:
    with pytest.raises(Invalid):
        place_of(cursor, ORDER)


@pytest.mark.parametrize("first", [0, -1, 101, 2**31])
def test_a_page_has_1_to_100(first: int) -> None:
    assert [up_to(1), up_to(100)] == [1, 100]
    with pytest.raises(Invalid, match="1 to 100"):
        up_to(first)


def test_a_filter_is_conditions_and_none_where_nothing_is_said() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert among("coin", None, "coins") == between("fee", None, None) == within("at", None, None) == []
    assert among("trigger", ["x", None], "triggers") == [Condition("trigger", Is.AMONG, ("x", None))]
    assert between("fee", Decimal(1), Decimal(2)) == [
        Condition("fee", Is.LEAST, Decimal(1)),
        Condition("fee", Is.MOST, Decimal(2)),
    ]
    assert within("at", now, now) == [Condition("at", Is.LEAST, now), Condition("at", Is.BELOW, now)]


@pytest.mark.parametrize("values", [[], ["x"] * 101, ["x" * 101], ["a\0b"]])
def test_a_filter_of_too_much_is_refused_by_name(values: list[str | int | None]) -> None:
    with pytest.raises(Invalid, match="coins are"):
        among("coin", values, "coins")
