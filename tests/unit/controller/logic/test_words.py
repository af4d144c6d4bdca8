"""Numbers as people read them."""

import pytest

from controller.logic.words import counted, duration, figure_value, listed, money, number, percent
from cryptwire.domain.figure import figure_key
from cryptwire.domain.hopper import Asset


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (10_450.4, "10,450"),
        (1000, "1,000"),
        (999.994, "999.99"),
        (12.5, "12.5"),
        (12, "12"),
        (1, "1"),
        (100, "100"),
        (0.123456, "0.1235"),
        (0.00001234567, "1.235e-05"),
        (0, "0"),
        (-1234.5, "-1,234"),
        (-0.5, "-0.5"),
    ],
)
def test_numbers_have_as_many_digits_as_their_size_needs(value: float, text: str) -> None:
    assert number(value) == text
    assert money(value, Asset("USDT")) == f"{text} USDT"


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.031, "3.1 %"),
        (0.05, "5 %"),
        (0.0512, "5.1 %"),
        (0.0994, "9.9 %"),
        (0.0995, "9.95 %"),
        (0.125, "12.5 %"),
        (1, "100 %"),
        (0, "0 %"),
        (-0.05, "-5 %"),
    ],
)
def test_shares_are_percent(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (15, "15 seconds"),
        (1, "1 second"),
        (0, "0 seconds"),
        (2.5, "2.5 seconds"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (90, "90 seconds"),
        (3600, "1 hour"),
        (5400, "90 minutes"),
        (86_400, "1 day"),
        (90_000, "25 hours"),
        (259_200, "3 days"),
    ],
)
def test_spans_have_the_largest_whole_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_what_is_counted_has_its_number() -> None:
    assert [counted(each, "tick") for each in (0, 1, 2)] == ["0 ticks", "1 tick", "2 ticks"]


def test_lists_have_their_last_word() -> None:
    assert [listed(each) for each in ("", "a", "ab", "abc")] == ["", "a", "a and b", "a, b and c"]
    assert listed("ab", "or") == "a or b"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("funds.usage", "50 %"),
        ("rsi@60", "0.5 %"),
        ("balance", "0.5 USDT"),
        ("positions", "0.5"),
        ("index", "0.5"),
        ("sma@60", "0.5"),
    ],
)
def test_a_figure_is_told_in_its_unit(key: str, text: str) -> None:
    assert figure_value(figure_key(key), 0.5, Asset("USDT")) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(999.999, "1,000"), (1000.4, "1,000"), (1.004, "1"), (1.5, "1.5"), (10, "10"), (0.9999, "0.9999")],
)
def test_numbers_at_the_edges_of_their_sizes(value: float, text: str) -> None:
    assert number(value) == text
