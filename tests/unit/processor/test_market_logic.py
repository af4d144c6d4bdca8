"""An allowance lasts for the time it is meant for."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.adapters.answers import moment, number, text, whole
from processor.logic.market import HOUR, is_due, pause_after, rhythm, until_next_day, until_next_month

NOW = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)


@given(st.integers(1, 20), st.integers(0, 10_000), st.timedeltas(timedelta(hours=1), timedelta(days=31)))
def test_what_is_spent_by_the_rhythm_never_exceeds_what_is_left(cost: int, left: int, remaining: timedelta) -> None:
    every = rhythm(cost, left, remaining)
    if every is None:
        assert left < cost
    else:
        assert every >= HOUR
        assert (remaining // every) * cost <= left


def test_without_limit_it_is_each_hour() -> None:
    assert rhythm(10, None, timedelta(days=31)) == HOUR
    assert is_due(NOW, None, HOUR)
    assert is_due(NOW, NOW - timedelta(minutes=56), HOUR)
    assert not is_due(NOW, NOW - timedelta(minutes=50), HOUR)
    assert not is_due(NOW, None, None)


def test_pauses_grow_to_an_hour() -> None:
    assert [pause_after(n) // timedelta(minutes=1) for n in (0, 1, 3, 5, 6, 1000)] == [1, 2, 8, 32, 60, 60]


def test_allowances_begin_anew_at_the_borders_of_utc() -> None:
    assert until_next_day(NOW) == until_next_month(NOW) == timedelta(minutes=30)
    assert until_next_month(datetime(2026, 1, 31, tzinfo=UTC)) == timedelta(days=1)


@pytest.mark.parametrize("value", [None, True, 0, -1, "", "x", "NaN", "Infinity", [], {}, Decimal("1e50"), "1e-50"])
def test_what_is_no_number_above_nothing_is_none(value: object) -> None:
    assert number(value) is None


def test_what_is_told_is_taken_exactly_or_not_at_all() -> None:
    assert number(Decimal("0.1000")) == Decimal("0.1")
    assert (whole(3), whole(-1), whole(True), whole("3"), whole(2**70)) == (3, None, None, None, None)
    assert (text("BTC", 3), text("BTC", 2), text("B\x00", 5), text("", 5), text(7, 5)) == (
        "BTC",
        None,
        None,
        None,
        None,
    )
    assert moment("2026-01-01T00:00:00Z") == datetime(2026, 1, 1, tzinfo=UTC)
    assert moment("2026-01-01T00:00:00") is moment("x") is moment(5) is None
