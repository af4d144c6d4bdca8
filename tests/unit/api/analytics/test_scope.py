"""What is asked about is a user's own, of one kind, and over days that there are."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from api.handlers.analytics.scope import MOST_HOPPERS, Asked, HopperKind, Scope, scope_of
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.hopper_change import KnownHopper
from cryptwire.domain.preferences import Preferences
from cryptwire.errors import Invalid, NotFound

ME = UserId("me")
NOW = datetime(2026, 3, 29, 10, tzinfo=UTC)  # the day on which Berlin's clocks went forward


@dataclass
class Person:
    zone: str = "Europe/Berlin"
    currency: str = "EUR"
    preferences: Preferences = field(default_factory=Preferences)


def known(id: str, *, is_paper: bool = False, deleted_at: datetime | None = None) -> KnownHopper:
    hopper = Hopper(HopperId(id), ME, id, Exchange("binance"), Asset("USDT"), is_paper, timedelta(minutes=1))
    return KnownHopper(hopper, NOW, deleted_at, None)


HOPPERS = [known("1"), known("2", deleted_at=NOW), known("p", is_paper=True)]


def scope(person: Person | None = None, now: datetime = NOW, **asked: Any) -> Scope:
    return scope_of(ME, person or Person(), HOPPERS, Asked(**asked), now)


def test_without_a_choice_it_is_all_live_hoppers_of_the_last_thirty_days() -> None:
    said = scope()
    assert said.ids == ["1", "2"], "the deleted one earned what it earned"
    assert not said.is_paper
    assert (said.since, said.until) == (date(2026, 2, 28), date(2026, 3, 29))
    assert said.begins_at == datetime(2026, 2, 27, 23, tzinfo=UTC)
    assert said.ends_at == NOW
    assert said.includes_today
    assert (said.currency, said.is_masked) == ("EUR", False)


def test_a_day_of_23_hours_ends_an_hour_early() -> None:
    said = scope(now=NOW + timedelta(days=2), since=date(2026, 3, 29), until=date(2026, 3, 29))
    assert said.ends_at - said.begins_at == timedelta(hours=23)
    assert not said.includes_today


def test_days_to_come_are_cut_off() -> None:
    said = scope(since=date(2026, 3, 1), until=date(2030, 1, 1))
    assert said.until == date(2026, 3, 29)


def test_kinds_are_never_mixed() -> None:
    assert scope(kind=HopperKind.PAPER).ids == ["p"]
    assert scope(hoppers=["p"]).is_paper
    assert scope(hoppers=["2", "1", "2"]).ids == ["2", "1"]


def test_who_has_no_paper_hopper_is_told_of_none() -> None:
    said = scope_of(ME, Person(), [known("1")], Asked(kind=HopperKind.PAPER), NOW)
    assert said.ids == []
    assert said.is_paper


def test_masking_is_the_users_preference_unless_he_says_otherwise() -> None:
    shy = Person(preferences=Preferences(masks_amounts=True))
    assert scope(shy).is_masked
    assert not scope(shy, is_masked=False).is_masked
    assert scope(currency="btc").currency == "BTC"
    with pytest.raises(Invalid, match="'' is no currency"):
        scope(currency="")


def test_a_date_that_a_zone_leaves_out_is_the_next_one() -> None:
    samoa, later = Person(zone="Pacific/Apia"), datetime(2012, 1, 5, tzinfo=UTC)
    said = scope(samoa, now=later, since=date(2011, 12, 30), until=date(2011, 12, 31))
    assert said.ends_at - said.begins_at == timedelta(days=1)


@pytest.mark.parametrize(
    ("asked", "kind", "told"),
    [
        ({"hoppers": ["9"]}, NotFound, "no hopper 9"),
        ({"hoppers": ["../x"]}, NotFound, "no such hopper"),
        ({"hoppers": []}, Invalid, "leave hopperIds out"),
        ({"hoppers": ["1", "p"]}, Invalid, "never summed"),
        ({"hoppers": ["1"], "kind": HopperKind.PAPER}, Invalid, "not paper"),
        ({"since": date(2026, 4, 1)}, Invalid, "after today"),
        ({"since": date(2026, 3, 2), "until": date(2026, 3, 1)}, Invalid, "swap the dates"),
        ({"since": date(1980, 1, 1)}, Invalid, "3,700 days"),
        ({"since": date(1, 1, 1)}, Invalid, "from 1971"),
        ({"until": date(9999, 12, 31)}, Invalid, "from 1971"),
        ({"currency": "€"}, Invalid, "no currency"),
    ],
)
def test_what_contradicts_itself_is_told(asked: dict[str, Any], kind: type[Exception], told: str) -> None:
    with pytest.raises(kind, match=told):
        scope(**asked)


def test_so_many_hoppers_must_be_named() -> None:
    many = [known(str(number)) for number in range(MOST_HOPPERS + 1)]
    with pytest.raises(Invalid, match="name them"):
        scope_of(ME, Person(), many, Asked(), NOW)
