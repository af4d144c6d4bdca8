"""Bars of pairs are made, exactly, of the coarsest candles that fit, in every zone; what is no candle is left out."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candles.datafeed.logic.grains import (
    REACH,
    Grain,
    begin_of,
    begins_of,
    between,
    chained,
    closed_until,
    coarsest_of,
    grain_of,
    live_grain,
    settled_until,
    sound,
    span_of,
)
from candles.datafeed.logic.questions import Question
from cryptwire.domain.bar import Columns, Resolution, bar_at, edges, folded
from cryptwire.domain.hopper import Exchange

ZONES = ("UTC", "Europe/Berlin", "Europe/London", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe",
         "America/St_Johns", "Pacific/Chatham", "Pacific/Apia")  # fmt: skip
NOW = int(datetime(2026, 3, 4, 12, tzinfo=UTC).timestamp())
resolutions = st.sampled_from(list(Resolution))
moments = st.integers(NOW - 9 * 365 * 86_400, NOW)


def asked(resolution: Resolution, until: int, countback: int | None = None, since: int = 0) -> Question:
    return Question("-", resolution, since, until, countback)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(ZONES), resolutions, moments, st.integers(1, 400))
def test_a_span_is_just_the_bars_asked_for_and_its_candles_fit_between_them(
    zone: str, resolution: Resolution, until: int, countback: int
) -> None:
    where = ZoneInfo(zone)
    span = span_of(asked(resolution, until, countback), where, NOW, Grain.DAY)
    if not span.bars:
        assert until < NOW - REACH + 40 * 86_400
        return
    bars = edges(resolution, where, span.since, span.until)
    assert (len(bars.starts), bars.starts[0]) == (span.bars, span.since)
    assert span.bars <= countback
    assert span.bars == countback or span.since - 40 * 86_400 <= NOW - REACH
    assert all(start % span.grain == 0 for start in (*bars.starts.tolist(), span.until))
    assert bars.times[-1] < until or bar_at(resolution, where, NOW).start == bars.starts[-1]
    coarser = [grain for grain in Grain if grain > span.grain]
    whole = np.append(bars.starts, span.until)
    assert resolution is Resolution.MINUTES_15 or all((whole % grain).any() for grain in coarser)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(ZONES), resolutions, moments, st.integers(1, 30))
def test_bars_of_coarse_candles_are_those_of_quarters(
    zone: str, resolution: Resolution, until: int, countback: int
) -> None:
    where = ZoneInfo(zone)
    span = span_of(asked(resolution, until, countback), where, NOW, Grain.DAY)
    count = (span.until - span.since) // 900
    if not 0 < count <= 100_000:
        return
    closes = np.random.default_rng(count).uniform(1, 2, count)
    opens = np.append(1.5, closes[:-1])
    at = span.since + 900 * np.arange(count)
    high, low = np.maximum(opens, closes), np.minimum(opens, closes)
    fine = Columns(at, opens, high, low, closes, np.ones(count))
    starts = np.arange(span.since, span.until, span.grain)
    coarse = folded(
        fine, edges(Resolution.MINUTES_15, where, span.since, span.until)._replace(starts=starts, times=starts)
    )
    bars = edges(resolution, where, span.since, span.until)
    one, other = folded(fine, bars), folded(coarse, bars)
    for name in ("at", "open", "high", "low", "close"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist()
    assert one.volume.tolist() == pytest.approx(other.volume.tolist())


@settings(deadline=None)
@given(st.sampled_from(ZONES), resolutions, moments)
def test_a_live_bar_and_the_next_are_made_of_whole_candles(zone: str, resolution: Resolution, second: int) -> None:
    where = ZoneInfo(zone)
    bar = bar_at(resolution, where, second)
    grain = live_grain(resolution, where, bar)
    following = bar_at(resolution, where, bar.end)
    assert grain <= Grain.HOUR
    assert [bar.start % grain, bar.end % grain, following.end % grain] == [0, 0, 0]


def test_days_of_some_exchanges_are_none_of_ours() -> None:
    assert coarsest_of(Exchange("binance")) is Grain.DAY
    assert coarsest_of(Exchange("htx")) is Grain.HOUR
    assert grain_of(np.array([0, 86_400]), Grain.HOUR) is Grain.HOUR


def test_a_candle_is_closed_when_another_follows_or_a_minute_has_passed() -> None:
    opened = np.array([0, 900, 1800])
    assert closed_until(Grain.QUARTER, opened, 1801) == 1800
    assert closed_until(Grain.QUARTER, opened[:2], 1801) == 900
    assert closed_until(Grain.QUARTER, opened[:2], 1859) == 900
    assert closed_until(Grain.QUARTER, opened[:2], 1860) == settled_until(Grain.QUARTER, 1860) == 1800
    assert closed_until(Grain.QUARTER, opened[:0], 1860) == 1800


def test_blocks_cover_a_span() -> None:
    block = Grain.HOUR.block
    assert begins_of(Grain.HOUR, block - 1, block + 1) == [0, block]
    assert begins_of(Grain.HOUR, block, block) == []
    assert begin_of(Grain.DAY, Grain.DAY.block * 3 - 1) == Grain.DAY.block * 2


numbers = st.one_of(st.floats(), st.sampled_from([0.0, -1.0, 1.0, 2.0]))


@given(st.lists(st.tuples(st.integers(-5, 5), numbers, numbers, numbers, numbers, numbers), max_size=12))
def test_only_what_can_be_a_candle_is_taken(rows: list[tuple[int, float, float, float, float, float]]) -> None:
    columns = np.array([row[1:] for row in rows], np.float64).reshape(len(rows), 5).T
    told = Columns(np.array([row[0] * 450 for row in rows], np.int64), *columns)
    found = sound(Grain.QUARTER, told)
    assert found.at.tolist() == sorted(set(found.at.tolist()))
    assert (found.at % 900 == 0).all()
    assert (found.low > 0).all()
    assert (found.low <= found.open).all()
    assert (found.open <= found.high).all()
    assert np.isfinite(found.high).all()
    good = [row for row in rows if row[0] % 2 == 0 and 0 < row[3] <= min(row[1], row[4]) <= max(row[1], row[4])]
    good = [row for row in good if max(row[1], row[4]) <= row[2] < float("inf") and 0 <= row[5] < float("inf")]
    assert set(found.at.tolist()) == {row[0] * 450 for row in good}


def test_columns_are_chained_and_cut() -> None:
    one = sound(1, Columns(np.arange(4), *np.ones((5, 4))))
    assert chained([one.between(0, 1), one.between(1, 1), one.between(1, 4)]).at.tolist() == [0, 1, 2, 3]
    assert between(one, 1, 3).at.tolist() == [1, 2]
    assert len(chained([])) == 0
