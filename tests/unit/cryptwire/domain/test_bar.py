"""Bars begin where the clock on the wall says, in every zone; checked by walking every fifteen minutes."""

from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptwire.domain import bar
from cryptwire.domain.bar import Columns, Resolution, bar_at, bar_of, edges, folded, joined
from cryptwire.domain.candle import Candle, Quality
from cryptwire.domain.hopper import HopperId
from cryptwire.errors import Invalid

QUARTER = timedelta(minutes=15)
ZONES = (
    "UTC Europe/Berlin America/New_York Asia/Kolkata Asia/Kathmandu Pacific/Chatham Australia/Lord_Howe Australia/Eucla"
    " America/St_Johns America/Havana Africa/Cairo Asia/Beirut Atlantic/Azores America/Santiago America/Asuncion"
    " America/Nuuk Africa/Casablanca Asia/Tehran Pacific/Apia Pacific/Kiritimati Antarctica/Troll Europe/Dublin"
    " Asia/Gaza America/Sao_Paulo Pacific/Norfolk"
)
ZONE_NAMES = ZONES.split()


def wall_key(resolution: Resolution, local: datetime) -> Any:
    """What the bars of one resolution have in common, read off the wall."""
    match resolution:
        case Resolution.HOURS_4:
            return (local.date(), local.hour // 4)
        case Resolution.DAY:
            return local.date()
        case Resolution.WEEK:
            return local.date() - timedelta(days=local.weekday())
        case _:
            return local.date().replace(day=1)


def walked(resolution: Resolution, zone: ZoneInfo, first: datetime, last: datetime) -> list[tuple[int, int]]:
    """(start, stamp) of each bar that starts in the span, by walking it. Slow, and knows nothing of transitions."""
    found: list[tuple[int, int]] = []
    seen: Any = None
    before: datetime | None = None
    at = first - 3 * timedelta(days=1)
    while at < last:
        local = at.astimezone(zone)
        if resolution is Resolution.HOUR:
            is_new = local.minute < 15 or before is None or (before.date(), before.hour) != (local.date(), local.hour)
            stamp = int(at.timestamp())
        else:
            key = wall_key(resolution, local)
            is_new = seen is None or key > seen
            seen = key if seen is None else max(seen, key)
            stamp = int(at.timestamp())
            if isinstance(key, date):
                stamp = int(datetime(key.year, key.month, key.day, tzinfo=UTC).timestamp())
        if is_new and at >= first:
            found.append((int(at.timestamp()), stamp))
        before = local
        at += QUARTER
    return found


@pytest.mark.parametrize("name", ZONE_NAMES)
def test_every_bar_of_three_years_begins_where_a_walk_says(name: str) -> None:
    zone = ZoneInfo(name)
    first, last = datetime(2023, 12, 20, tzinfo=UTC), datetime(2027, 1, 10, tzinfo=UTC)
    since, until = int(first.timestamp()), int(last.timestamp())
    for resolution in Resolution:
        if resolution is Resolution.MINUTES_15:
            continue
        expected = walked(resolution, zone, first, last)
        got = edges(resolution, zone, since, until)
        inside = got.starts >= since
        pairs = list(zip(got.starts[inside].tolist(), got.times[inside].tolist(), strict=True))
        # the walk sees a first bar where it begins to look
        assert [p for p in pairs if p[0] > since] == [p for p in expected if p[0] > since], resolution
        assert int(got.starts[0]) <= since


@pytest.mark.parametrize(
    ("name", "resolution", "inside", "hours"),
    [
        ("Europe/Berlin", "1D", datetime(2026, 3, 29, 12, tzinfo=UTC), 23),
        ("Europe/Berlin", "1D", datetime(2026, 10, 25, 12, tzinfo=UTC), 25),
        ("Europe/Berlin", "240", datetime(2026, 3, 29, 0, 30, tzinfo=UTC), 3),
        ("Europe/Berlin", "240", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), 5),
        ("Europe/Berlin", "60", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), 1),
        ("Europe/Berlin", "60", datetime(2026, 10, 25, 1, 30, tzinfo=UTC), 1),
        ("Australia/Lord_Howe", "60", datetime(2026, 4, 4, 15, tzinfo=UTC), 1.5),
        ("Australia/Lord_Howe", "60", datetime(2026, 10, 3, 15, 45, tzinfo=UTC), 0.5),
        ("Australia/Lord_Howe", "1D", datetime(2026, 10, 3, 20, tzinfo=UTC), 23.5),
        ("America/Havana", "1D", datetime(2026, 11, 1, 12, tzinfo=UTC), 25),
        ("Atlantic/Azores", "240", datetime(2026, 10, 25, 1, 30, tzinfo=UTC), 5),
        ("Africa/Cairo", "1D", datetime(2026, 4, 24, 12, tzinfo=UTC), 23),
        ("Asia/Beirut", "1D", datetime(2026, 3, 29, 12, tzinfo=UTC), 23),
        ("Asia/Kathmandu", "60", datetime(2026, 3, 29, 12, tzinfo=UTC), 1),
    ],
)
def test_bars_on_days_when_the_clock_changes(name: str, resolution: str, inside: datetime, hours: float) -> None:
    found = bar_of(Resolution(resolution), ZoneInfo(name), inside)
    assert found.start <= inside.timestamp() < found.end
    assert (found.end - found.start) / 3600 == hours


def test_a_day_without_midnight_opens_when_its_date_first_shows_and_is_stamped_like_any() -> None:
    day = bar_of(Resolution.DAY, ZoneInfo("Africa/Cairo"), datetime(2026, 4, 24, 12, tzinfo=UTC))
    assert datetime.fromtimestamp(day.start, ZoneInfo("Africa/Cairo")).hour == 1
    assert day.time == int(datetime(2026, 4, 24, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(("text", "resolution"), [("D", "1D"), ("1W", "1W"), ("M", "1M"), ("15", "15")])
def test_both_spellings_are_understood(text: str, resolution: str) -> None:
    assert Resolution.of(text).value == resolution


@pytest.mark.parametrize("text", ["", "1", "1H", "d", "15 ", "1D1", "11D"])
def test_other_resolutions_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        Resolution.of(text)


def test_years_without_bars_are_refused() -> None:
    for second in (-1, 0, 10**12):
        with pytest.raises(Invalid):
            bar_at(Resolution.DAY, ZoneInfo("UTC"), second)


seconds = st.integers(1_600_000_000, 1_900_000_000)
zones = st.sampled_from(ZONE_NAMES).map(ZoneInfo)
resolutions = st.sampled_from(list(Resolution))


@settings(deadline=None)
@given(resolutions, zones, seconds)
def test_bars_follow_one_another_without_gap_or_overlap(resolution: Resolution, zone: ZoneInfo, second: int) -> None:
    found = bar_at(resolution, zone, second)
    assert found.start <= second < found.end
    assert found.start % 900 == found.end % 900 == 0
    following = bar_at(resolution, zone, found.end)
    assert following.start == found.end
    assert following.time > found.time
    assert bar_at(resolution, zone, found.end - 1) == found
    assert (found.end - found.start) // 900 <= resolution.most_candles


@settings(deadline=None)
@given(resolutions, zones, seconds, st.integers(1, 40_000_000))
def test_edges_cover_a_span_and_no_more(resolution: Resolution, zone: ZoneInfo, first: int, length: int) -> None:
    last = first + (length % 2_000_000 if resolution is Resolution.MINUTES_15 else length) + 1
    got = edges(resolution, zone, first, last)
    assert got.starts[0] == bar_at(resolution, zone, first).start
    assert got.starts[-1] == bar_at(resolution, zone, last - 1).start
    assert (np.diff(got.starts) > 0).all()
    assert (np.diff(got.times) > 0).all()


def test_an_empty_span_has_no_edges() -> None:
    assert len(edges(Resolution.DAY, ZoneInfo("UTC"), 1_700_000_000, 1_700_000_000).starts) == 0


prices = st.floats(0.01, 1e9)


def columns(rows: list[tuple[int, float, float, float, float, float]]) -> Columns:
    at, *numbers = zip(*rows, strict=True) if rows else ((),) * 6
    opens, highs, lows, closes, volumes = (np.array(column, np.float64) for column in numbers)
    return Columns(np.array(at, np.int64), opens, highs, lows, closes, volumes)


@st.composite
def candles(draw: st.DrawFn) -> Columns:
    places = sorted(draw(st.sets(st.integers(0, 4000), max_size=60)))
    rows = []
    for place in places:
        four = sorted(draw(st.tuples(prices, prices, prices, prices)))
        opened, closed = draw(st.permutations(four[1:3]))
        rows.append((1_774_700_100 + place * 900, opened, four[3], four[0], closed, draw(st.floats(0, 1e6))))
    return columns(rows)


@settings(deadline=None)
@given(candles(), resolutions, zones)
def test_folding_is_what_a_loop_does(given_candles: Columns, resolution: Resolution, zone: ZoneInfo) -> None:
    rows = [
        tuple(float(getattr(given_candles, name)[i]) for name in Columns.__slots__) for i in range(len(given_candles))
    ]
    expected = []
    for found, group in groupby(rows, key=lambda row: bar_at(resolution, zone, int(row[0]))):
        inside = list(group)
        expected.append((found.time, inside[0][1], max(r[2] for r in inside), min(r[3] for r in inside), inside[-1][4]))
    bars = given_candles
    if len(given_candles):
        bars = folded(given_candles, edges(resolution, zone, int(rows[0][0]), int(rows[-1][0]) + 1))
    got = list(zip(*(getattr(bars, name).tolist() for name in Columns.__slots__[:5]), strict=True))
    assert got == expected
    assert np.isclose(bars.volume.sum(), given_candles.volume.sum())


def test_where_two_series_have_a_candle_the_stored_one_counts() -> None:
    stored = columns([(900, 1, 2, 1, 2, 5), (2700, 2, 3, 2, 3, 6)])
    fresh = columns([(900, 9, 9, 9, 9, 9), (1800, 4, 4, 4, 4, 0), (3600, 3, 3, 3, 3, 0)])
    both = joined(stored, fresh)
    assert both.at.tolist() == [900, 1800, 2700, 3600]
    assert both.open.tolist() == [1, 4, 2, 3]
    assert joined(stored, stored) is stored
    assert joined(columns([]), fresh).at.tolist() == fresh.at.tolist()


def test_candles_become_columns_in_order() -> None:
    moments = [datetime(2026, 1, 1, 12, 15, tzinfo=UTC), datetime(2026, 1, 1, 12, tzinfo=UTC)]
    made = bar.columns_of(
        Candle(HopperId("1"), at, 1.5, 3.0, 1.0, 2.0, timedelta(0), Quality.COMPLETE) for at in moments
    )
    assert made.at.tolist() == sorted(int(at.timestamp()) for at in moments)
    assert (made.open[0], made.high[0], made.low[0], made.close[0]) == (1.5, 3.0, 1.0, 2.0)
    assert len(bar.columns_of([])) == 0


def test_edges_of_five_thousand_bars_take_milliseconds() -> None:
    zone = ZoneInfo("America/New_York")
    for resolution in (Resolution.MINUTES_15, Resolution.HOUR):
        spans = []
        for _ in range(5):
            begun = perf_counter()
            edges(resolution, zone, 1_750_000_000, 1_750_000_000 + 5000 * 900)
            spans.append(perf_counter() - begun)
        assert min(spans) < 0.005
