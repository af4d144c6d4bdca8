"""Windows of the user's clock, over midnight and on days on which clocks are changed."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.logic.time_window import contains, words
from controller.logic.verdict import Stage
from cryptwire.domain.rule_set import PositionCount, Relation, TimeWindow
from tests.unit.controller.logic.builders import Watch, snapshot

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
DAY, NIGHT = TimeWindow(time(9), time(17)), TimeWindow(time(22), time(6))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("window", "clock", "is_within"),
    [
        (DAY, "08:59", False),
        (DAY, "09:00", True),
        (DAY, "16:59", True),
        (DAY, "17:00", False),
        (NIGHT, "21:59", False),
        (NIGHT, "22:00", True),
        (NIGHT, "00:00", True),
        (NIGHT, "05:59", True),
        (NIGHT, "06:00", False),
        (TimeWindow(time(8), time(8)), "07:59", True),
        (TimeWindow(time(8), time(8)), "08:00", True),
        (TimeWindow(time(0), time(0)), "00:00", True),
        (TimeWindow(time(0), time(0)), "23:59", True),
        (TimeWindow(time(20), time(0)), "23:59", True),
        (TimeWindow(time(20), time(0)), "00:00", False),
    ],
)
def test_from_is_within_and_until_is_not(window: TimeWindow, clock: str, is_within: bool) -> None:
    assert contains(window, at(f"2026-03-02T{clock}:59")) is is_within
    assert contains(window, at(f"2026-03-02T{clock}:00")) is is_within


@pytest.mark.parametrize(
    ("window", "moment", "is_within"),
    [
        (TimeWindow(time(9), time(17), frozenset({0})), "2026-03-02T10:00", True),
        (TimeWindow(time(9), time(17), frozenset({0})), "2026-03-03T10:00", False),
        (TimeWindow(time(22), time(6), frozenset({0})), "2026-03-02T05:00", False),
        (TimeWindow(time(22), time(6), frozenset({0})), "2026-03-02T23:00", True),
        (TimeWindow(time(22), time(6), frozenset({0})), "2026-03-03T05:00", True),
        (TimeWindow(time(22), time(6), frozenset({0})), "2026-03-03T23:00", False),
        (TimeWindow(time(22), time(6), frozenset({6})), "2026-03-02T05:00", True),
    ],
)
def test_the_day_is_the_one_on_which_the_window_began(window: TimeWindow, moment: str, is_within: bool) -> None:
    assert contains(window, at(moment)) is is_within


@pytest.mark.parametrize(
    ("utc", "is_within"),
    [
        # 29 March: 02:00 becomes 03:00, at 01:00 UTC
        ("2026-03-29T00:29:00+00:00", False),
        ("2026-03-29T00:30:00+00:00", True),
        ("2026-03-29T00:59:59+00:00", True),
        ("2026-03-29T01:00:00+00:00", False),
        # 25 October: 03:00 becomes 02:00, at 01:00 UTC; what is repeated is within again
        ("2026-10-24T23:30:00+00:00", True),
        ("2026-10-25T00:29:00+00:00", True),
        ("2026-10-25T00:30:00+00:00", False),
        ("2026-10-25T01:00:00+00:00", True),
        ("2026-10-25T01:29:00+00:00", True),
        ("2026-10-25T01:30:00+00:00", False),
    ],
)
def test_what_the_clock_skips_or_repeats_the_window_does(utc: str, is_within: bool) -> None:
    window = TimeWindow(time(1, 30), time(2, 30))
    assert contains(window, at(utc).astimezone(AMSTERDAM)) is is_within


@settings(deadline=None)
@given(
    st.integers(1_577_836_800, 1_893_456_000).map(lambda second: datetime.fromtimestamp(second, UTC)),
    st.times().map(lambda each: each.replace(second=0, microsecond=0)),
    st.times().map(lambda each: each.replace(second=0, microsecond=0)),
)
def test_two_windows_that_meet_are_the_whole_day(moment: datetime, one: time, two: time) -> None:
    if one == two:
        assert contains(TimeWindow(one, two), moment)
    else:
        assert contains(TimeWindow(one, two), moment) is not contains(TimeWindow(two, one), moment)


def test_it_is_of_the_users_zone_and_says_so() -> None:
    watch = Watch.of(TimeWindow(time(13), time(14), frozenset({0, 4})), PositionCount(Relation.ABOVE, 0))
    for number in (1, 2):
        watch.take(snapshot(100, number))
    assert watch.last is not None
    part = watch.last.verdict.parts[0]
    assert part.stage is Stage.TRUE
    assert part.text == "it is 13:00 on Monday in Europe/Amsterdam, within 13:00 to 14:00 on Monday and Friday"


def test_it_says_that_it_is_not_within() -> None:
    watch = Watch.of(NIGHT, PositionCount(Relation.ABOVE, 0))
    for number in (1, 2):
        watch.take(snapshot(100, number))
    assert watch.last is not None
    part = watch.last.verdict.parts[0]
    assert part.stage is Stage.WAITS
    assert part.text == "it is 13:00 on Monday in Europe/Amsterdam, not within 22:00 to 06:00 every day"


def test_every_day_is_said_as_such() -> None:
    assert words(NIGHT) == "22:00 to 06:00 every day"
    assert (
        words(TimeWindow(time(1), time(2), frozenset({2, 0, 1}))) == "01:00 to 02:00 on Monday, Tuesday and Wednesday"
    )
