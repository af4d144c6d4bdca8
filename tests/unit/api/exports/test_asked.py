"""What an address asks for, and what is refused in words."""

from datetime import UTC, date, datetime

import pytest
from starlette.datastructures import QueryParams

from api.handlers.analytics.scope import Asked, HopperKind, Scope
from api.handlers.exports.asked import SCOPE, asked_of, only, year_of
from api.handlers.exports.tax import asked_year
from cryptwire.domain.hopper import Asset, UserId
from cryptwire.errors import Invalid


def checked(query: QueryParams) -> Asked:
    only(query, SCOPE)
    return asked_of(query)


def test_an_address_names_hoppers_days_currency_and_masking() -> None:
    query = QueryParams("hopper=1&hopper=2&kind=paper&since=2026-01-01&until=2026-01-31&currency=EUR&masked=true")
    assert checked(query) == Asked(
        ["1", "2"], HopperKind.PAPER, date(2026, 1, 1), date(2026, 1, 31), "EUR", is_masked=True
    )
    assert asked_of(QueryParams("")) == Asked()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hoppers=1", "'hoppers'"),
        ("since=2026-01-01&since=2026-01-02", "since is said twice"),
        ("&".join(f"hopper={n}" for n in range(201)), "at most 200"),
        ("kind=real", "live or paper"),
        ("masked=1", "true or false"),
        ("since=20260101", "since is a date"),
        ("until=2026-02-30", "until is a date"),
        ("since=2026-W01-1", "since is a date"),
        ("until=", "until is a date"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(text: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        checked(QueryParams(text))


@pytest.mark.parametrize("text", ["", "year=", "year=26", "year=-026", "year=٢٠٢٦", "year=2026.0"])
def test_a_year_has_four_digits(text: str) -> None:
    assert year_of(QueryParams("year=2026"), "year") == 2026
    with pytest.raises(Invalid, match="a year such as 2026"):
        year_of(QueryParams(text), "year")


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "UTC", "Pacific/Pago_Pago"])
def test_the_years_that_are_told_are_those_that_are_named(zone: str) -> None:
    now, day = datetime(2026, 3, 1, tzinfo=UTC), date(2026, 3, 1)
    scope = Scope(UserId("u"), zone, (), False, day, day, now, now, Asset("EUR"), False, now)
    assert asked_year(QueryParams("year=1972"), scope).number == 1972
    assert asked_year(QueryParams("year=2026"), scope).ends_at == now
    for year in (1970, 1971, 2199):
        with pytest.raises(Invalid, match="years are told from 1972 to 2198"):
            asked_year(QueryParams(f"year={year}"), scope)
    with pytest.raises(Invalid, match="2198 has not begun yet"):
        asked_year(QueryParams("year=2198"), scope)
