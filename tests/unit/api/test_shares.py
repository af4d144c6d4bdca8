"""Links are followed by strangers: what they show moves on with the days, and how often is counted now and then."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from api.handlers.analytics.scope import MOST_DAYS
from api.handlers.shares import Shares, shown_scope
from cryptwire.domain.day_range import Dates, DayRange, Rolling
from cryptwire.domain.hopper import HopperId
from cryptwire.domain.hopper_change import KnownHopper
from cryptwire.domain.preferences import Preferences
from cryptwire.domain.share import LONGEST, Share, ShareId, SharePart, must_end, must_show
from cryptwire.errors import Exhausted, Invalid, NotFound, Unavailable
from cryptwire.memory.clock import HandClock
from cryptwire.permissions import Needs, Permissions
from cryptwire.storage.share_links import ShareLink
from cryptwire.tasks import end
from tests.unit.api.playing import ME, hopper

NOW = datetime(2026, 3, 15, 23, 30, tzinfo=UTC)  # the 16th in Berlin
BERLIN: Any = SimpleNamespace(zone="Europe/Berlin", currency="EUR", preferences=Preferences(masks_amounts=False))
KNOWN = [
    KnownHopper(hopper(number, ME), datetime(2026, 1, day, 12, tzinfo=UTC), None, None)
    for number, day in (("1", 5), ("2", 1), ("3", 9))
]


def link(days: DayRange = Rolling.DAYS_7, *hoppers: str, **more: Any) -> ShareLink:
    ids = tuple(map(HopperId, hoppers or ("3", "1")))
    share = Share("Mine", ids, frozenset({SharePart.RISK}), days, **more)
    return ShareLink(ShareId("a"), ME, share, NOW, NOW + timedelta(days=1), None, 0, None)


def test_a_range_moves_on_with_the_users_days_and_dates_stay() -> None:
    for days, since, until in (
        (Rolling.DAYS_7, date(2026, 3, 10), date(2026, 3, 16)),
        (Rolling.ALL, date(2026, 1, 5), date(2026, 3, 16)),  # of the hoppers that it shows
        (Dates(date(2026, 2, 1), date(2026, 2, 28)), date(2026, 2, 1), date(2026, 2, 28)),
        (Dates(date(2026, 2, 1)), date(2026, 2, 1), date(2026, 3, 16)),
        (Dates(date(1980, 2, 1)), date(2026, 3, 16) - timedelta(days=MOST_DAYS - 1), date(2026, 3, 16)),
    ):
        scope = shown_scope(link(days), BERLIN, KNOWN, NOW)
        assert (scope.since, scope.until) == (since, until), days
    assert shown_scope(link(), BERLIN, KNOWN, NOW + timedelta(days=2)).until == date(2026, 3, 18)


def test_amounts_are_masked_and_hoppers_numbered_unless_it_was_chosen_otherwise() -> None:
    scope = shown_scope(link(), BERLIN, KNOWN, NOW)
    assert (scope.is_masked, scope.currency, scope.ids) == (True, "EUR", ["3", "1"])
    assert [one.hopper.name for one in scope.hoppers] == ["Hopper 1", "Hopper 2"]
    told = shown_scope(link(is_masked=False, shows_names=True, currency="BTC"), BERLIN, KNOWN, NOW)
    assert (told.is_masked, told.currency) == (False, "BTC")
    assert [one.hopper.name for one in told.hoppers] == ["Bot 3", "Bot 1"]
    shy: Any = SimpleNamespace(zone="UTC", currency="EUR", preferences=Preferences(masks_amounts=True))
    assert not shown_scope(link(is_masked=False), shy, KNOWN, NOW).is_masked


@pytest.mark.parametrize(
    ("span", "is_so"),
    [
        (timedelta(minutes=4), False),
        (timedelta(minutes=5), True),
        (LONGEST, True),
        (LONGEST + timedelta(seconds=1), False),
        (timedelta(days=-1), False),
    ],
)
def test_a_link_ends_within_a_year(span: timedelta, is_so: bool) -> None:
    if is_so:
        must_end(NOW + span, NOW)
    else:
        with pytest.raises(Invalid, match="5 minutes to 366 days"):
            must_end(NOW + span, NOW)


def test_a_link_shows_something() -> None:
    for days in (Dates(date(2026, 3, 17)), Dates(date(1, 1, 1), date(2, 1, 1))):
        with pytest.raises(Invalid, match="since is from 1971-01-02 to today"):
            must_show(link(days).share, date(2026, 3, 16))
    with pytest.raises(Invalid, match="one part at least"):
        must_show(replace(link().share, parts=frozenset()), date(2026, 3, 16))
    for hoppers in ((), ("1", "1"), tuple(map(str, range(101)))):
        with pytest.raises(Invalid, match="1 to 100 hoppers"):
            Share("x", tuple(map(HopperId, hoppers)), frozenset({SharePart.RISK}), Rolling.ALL)
    with pytest.raises(Invalid, match="the title of a link has 1 to 80"):
        replace(link().share, title="\x00")


# ---- following ----


@dataclass
class Rows:
    """One link, with the token ``right``."""

    link: ShareLink
    plan: str = "free"
    is_away: bool = False
    written: list[dict[ShareId, tuple[int, datetime]]] = field(default_factory=list)

    async def by_token(self, token: str) -> tuple[ShareLink, str] | None:
        return (self.link, self.plan) if token == "right" else None

    async def viewed(self, views: dict[ShareId, tuple[int, datetime]]) -> None:
        if self.is_away:
            raise Unavailable("the database is away")
        self.written.append(dict(views))


@dataclass
class Attempts:
    """Three of them."""

    left: int = 3

    async def must_have_left(self, *_: object) -> None:
        if not self.left:
            raise Exhausted("too many attempts", 60)

    async def take(self, *_: object) -> None:
        await self.must_have_left()
        self.left -= 1


def shares(rows: Rows) -> tuple[Shares, HandClock, Any]:
    clock = HandClock(NOW)
    played: Any = SimpleNamespace(known=list(KNOWN))

    async def of(_: object) -> Any:
        return SimpleNamespace(**vars(BERLIN), hoppers=list(played.known))

    figures: Any = SimpleNamespace(owners=SimpleNamespace(of=of))
    anything: Any = rows
    attempts: Any = Attempts()
    changes: Any = None
    return Shares(anything, figures, attempts, Permissions(), changes, clock, "https://x/"), clock, played


async def test_what_is_there_no_more_is_answered_as_what_never_was() -> None:
    rows = Rows(link())
    links, _, played = shares(rows)
    followed = await links.follow("right", "192.0.2.1")
    assert followed.numbers == {"3": "1", "1": "2"}
    said = []
    for known in (
        KNOWN[:1],
        [KNOWN[0], replace(KNOWN[2], hopper=replace(KNOWN[2].hopper, is_paper=True))],
        [],
    ):
        played.known = known
        with pytest.raises(NotFound) as refused:
            await links.follow("right", "192.0.2.1")
        said.append(str(refused.value))
    with pytest.raises(NotFound) as refused:
        await links.follow("wrong", "192.0.2.1")
    assert {*said, str(refused.value)} == {"there is no such link, or it has ended"}


async def test_who_guesses_is_refused_after_some_time_also_when_he_is_right() -> None:
    links, _, _ = shares(Rows(link()))
    for _ in range(3):
        await links.follow("right", "192.0.2.1")
        with pytest.raises(NotFound):
            await links.follow("wrong" * 100, "192.0.2.1")
    for token in ("right", "wrong"):
        with pytest.raises(Exhausted):
            await links.follow(token, "192.0.2.1")


async def test_a_link_shows_what_its_owner_may_see_at_that_time() -> None:
    rows = Rows(link())
    links, _, _ = shares(rows)
    live = Needs("view", "live-portfolio")
    for plan, is_so in (("free", False), ("pro", True)):
        rows.plan = plan
        followed = await links.follow("right", "192.0.2.1")
        assert followed.may(live) is followed.reading.sees_live is is_so


async def test_views_are_written_together_each_minute_and_lost_rather_than_waited_for() -> None:
    rows = Rows(link())
    links, clock, played = shares(rows)
    task = asyncio.create_task(links.keep_views())
    try:
        await clock.turn(timedelta(minutes=1))
        assert rows.written == [], "nothing was looked at"
        for _ in range(3):
            await links.follow("right", "192.0.2.1")
        await clock.turn(timedelta(seconds=30))
        await links.follow("right", "192.0.2.1")
        played.known = []
        with pytest.raises(NotFound):
            await links.follow("right", "192.0.2.1")
        await clock.turn(timedelta(minutes=5))
        assert rows.written == [{ShareId("a"): (4, NOW + timedelta(seconds=90))}]
        rows.is_away, played.known = True, KNOWN
        await links.follow("right", "192.0.2.1")
        await clock.turn(timedelta(minutes=1))
        rows.is_away = False
        await clock.turn(timedelta(minutes=1))
        assert len(rows.written) == 1
    finally:
        await end([task])
