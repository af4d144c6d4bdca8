"""Days tile time, in every zone of the world, whatever is done to its clock."""

import zoneinfo
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptwire.config import environment
from cryptwire.domain.day import Day, day_at, day_of, days_ended, last_midnight, zone_of
from cryptwire.errors import Invalid

QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
FIRST, LAST = date(2025, 1, 1), date(2026, 12, 31)
ZONES = sorted(zoneinfo.available_timezones())
IS_FULL = bool(environment().get("CRYPTWIRE_FULL"))


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]  # year to minute


def moments(first: int, last: int) -> st.SearchStrategy[datetime]:
    return st.integers(int(at(first, 1, 1).timestamp()), int(at(last, 1, 1).timestamp())).map(
        lambda second: datetime.fromtimestamp(second, UTC)
    )


def rules_of(name: str) -> bytes:
    """What tzdata says of a zone: two names of one zone have the same."""
    for folder in zoneinfo.TZPATH:
        if (Path(folder) / name).is_file():
            return (Path(folder) / name).read_bytes()
    return files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()


def naive_beginning(zone: ZoneInfo, on: date) -> datetime:
    """The first quarter of an hour that shows ``on`` or a later date, looked for one by one."""
    about = datetime(on.year, on.month, on.day, tzinfo=zone).astimezone(UTC)
    about -= timedelta(seconds=about.timestamp() % 900)
    before, after = about - 4 * HOUR, about + 4 * HOUR
    if before.astimezone(zone).utcoffset() == after.astimezone(zone).utcoffset():
        return about  # nobody turns the clock near this midnight
    moment = before
    while moment.astimezone(zone).date() < on:
        moment += QUARTER
    return moment


def test_the_clock_turned_through_two_years_ends_each_day_of_each_zone_once_and_at_its_midnight() -> None:
    """Rings before, at and after each midnight; with CRYPTWIRE_FULL at every quarter of an hour.

    Names with the same rules are one zone; zones with the same midnights are walked ring by ring once.
    """
    zones = {rules_of(name): name for name in ZONES}
    assert len(ZONES) > 400
    assert len(zones) > 250
    walked = set()
    dates = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 2)]
    lengths = set()
    for name in zones.values():
        zone = ZoneInfo(name)
        begins = [naive_beginning(zone, on) for on in dates]
        expected = [Day(*row) for row in zip(dates, begins, begins[1:], strict=False)]
        assert days_ended(zone, begins[0], begins[-1]) == expected, name
        if tuple(begins) in walked:
            continue
        walked.add(tuple(begins))
        if IS_FULL:
            rings = [begins[0] + number * QUARTER for number in range((begins[-1] - begins[0]) // QUARTER + 1)]
        else:
            rings = sorted({ring for begin in begins for ring in (begin - QUARTER, begin, begin + QUARTER)})
            rings = [ring for ring in rings if begins[0] <= ring <= begins[-1]]
        ended: list[Day] = []
        before = rings[0]
        for ring in rings[1:]:
            found = days_ended(zone, before, ring)
            assert all(day.ends_at == ring for day in found), name  # it is done at the midnight, not later
            ended += found
            before = ring
        assert ended == expected, name
        lengths |= {day.length for day in ended}
    assert len(walked) > 50
    assert {23 * HOUR, 24 * HOUR, 25 * HOUR, 23.5 * HOUR, 24.5 * HOUR} <= lengths


@pytest.mark.parametrize("name", ["Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Chatham"])
def test_odd_offsets_have_midnights_on_quarters_of_an_hour(name: str) -> None:
    zone = ZoneInfo(name)
    for day in days_ended(zone, at(2026, 1, 1), at(2026, 12, 31)):
        assert day.ends_at.timestamp() % 900 == 0
        assert day.begins_at.astimezone(zone).strftime("%H:%M") == "00:00"
        assert day_of(zone, day.date) == day


def test_a_date_that_a_zone_leaves_out_is_no_day_and_its_neighbours_join() -> None:
    samoa = ZoneInfo("Pacific/Apia")
    assert day_of(samoa, date(2011, 12, 30)) is None
    before, after = day_of(samoa, date(2011, 12, 29)), day_of(samoa, date(2011, 12, 31))
    assert before is not None
    assert after is not None
    assert before.ends_at == after.begins_at


def test_a_day_whose_midnight_does_not_exist_begins_at_one_o_clock() -> None:
    zone = ZoneInfo("Africa/Cairo")  # 25 April 2025: 00:00 becomes 01:00
    day = day_of(zone, date(2025, 4, 25))
    assert day is not None
    assert day.begins_at.astimezone(zone).strftime("%d %H:%M") == "25 01:00"
    assert day.length == 23 * HOUR


def test_a_midnight_that_comes_twice_begins_a_day_once() -> None:
    zone = ZoneInfo("America/Havana")  # 2 November 2025: 01:00 becomes 00:00
    day = day_of(zone, date(2025, 11, 2))
    assert day == Day(date(2025, 11, 2), at(2025, 11, 2, 4), at(2025, 11, 3, 5))


@given(
    st.sampled_from(ZONES),
    moments(1975, 2037),
    st.lists(st.timedeltas(timedelta(0), timedelta(days=9)), max_size=6),
)
def test_however_time_is_cut_no_day_ends_twice_and_none_is_lost(
    name: str, since: datetime, steps: list[timedelta]
) -> None:
    zone = ZoneInfo(name)
    moment, ended = since, []
    for step in steps:
        ended += days_ended(zone, moment, moment + step)
        moment += step
    assert ended == days_ended(zone, since, moment)
    assert all(day.ends_at == following.begins_at for day, following in pairwise(ended))
    assert all(since < day.ends_at <= moment for day in ended)


@given(st.sampled_from(ZONES), st.sampled_from(ZONES), moments(2010, 2030))
def test_who_moves_has_every_moment_in_one_day_of_his_calendar(old: str, new: str, moment: datetime) -> None:
    """Whichever calendar is shown, before the move and after it: each moment is in one day, and the days join."""
    for name in (old, new):
        zone = ZoneInfo(name)
        around = days_ended(zone, moment - timedelta(days=4), moment + timedelta(days=4))
        assert all(day.ends_at == following.begins_at for day, following in pairwise(around))
        assert sum(day.begins_at <= moment < day.ends_at for day in around) == 1
        here = day_at(zone, moment)
        assert here in around
        assert last_midnight(zone, moment) == here.begins_at
        assert here.date == day_of(zone, here.date)[0]  # type: ignore[index]


def test_what_is_no_zone_or_no_year_of_ours_is_refused() -> None:
    for name in ("Mars/Olympus", "", "../etc/passwd", "a\x00b", "x" * 300):
        with pytest.raises(Invalid):
            zone_of(name)
    for year in (1, 1969, 9999):
        with pytest.raises(Invalid):
            day_of(zone_of("UTC"), date(year, 6, 1))
