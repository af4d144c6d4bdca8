"""Numbers as people read them."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from api.handlers.reports import words
from api.handlers.reports.words import Amounts
from cryptwire.domain.hopper import Asset
from cryptwire.domain.preferences import Preferences

T = datetime(2026, 3, 1, 23, 5, tzinfo=UTC)
D = Decimal


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0.12345, "+12.35\u202f%"),
        (-0.1, "\u221210.00\u202f%"),
        (0.0, "0.00\u202f%"),
        (-1e-9, "0.00\u202f%"),
        (12.0, "+1,200.00\u202f%"),
        (None, "–"),
        (float("nan"), "–"),
        (float("inf"), "–"),
    ],
)
def test_percent(value: float | None, told: str) -> None:
    assert words.percent(value) == told


def test_amounts_have_the_decimals_that_their_user_wants() -> None:
    preferences = Preferences(stablecoin_decimals=2, other_decimals=6)
    euros, coins = (Amounts.of(Asset(one), preferences, is_masked=False) for one in ("EUR", "BTC"))
    assert euros.told(D("1234567.895")) == "1,234,567.90"
    assert (
        euros.told(D("12345678901234567890123456789012345.675")) == "12,345,678,901,234,567,890,123,456,789,012,345.68"
    )
    assert coins.told(D("-0.0000004"), is_signed=True) == "0.000000"
    assert coins.told(0.1, is_signed=True) == "+0.100000"
    assert euros.told(None) == "–"
    assert Amounts.of(Asset("EUR"), preferences, is_masked=True).told(None) == "•••"
    assert Amounts.of(Asset("JPY"), Preferences(stablecoin_decimals=0), is_masked=False).told(D("0.5")) == "1"


def test_spans_days_and_moments() -> None:
    assert [words.span(value) for value in (None, 59.0, 90 * 60, 86_400 + 3 * 3_600 + 1_799, float("nan"))] == [
        "–",
        "1 min",
        "1 h 30 min",
        "1 d 3 h",
        "–",
    ]
    assert [words.days(value) for value in (None, 0, 1, 2.0)] == ["–", "0 days", "1 day", "2 days"]
    assert words.moment(T, ZoneInfo("Europe/Berlin")) == "2 Mar 2026, 00:05"
    assert (words.day(date(2026, 3, 2)), words.day(None), words.moment(None, ZoneInfo("UTC"))) == (
        "2 Mar 2026",
        "–",
        "–",
    )
    assert words.age(T, T + timedelta(seconds=30)) == "this moment"
    assert words.age(T, T + timedelta(hours=30)) == "1 d 6 h old"
    assert words.age(None, T) == "nothing is known"
    assert (words.count(1234), words.count(None), words.ratio(None)) == ("1,234", "–", "–")
