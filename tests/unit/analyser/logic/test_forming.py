"""The bar in progress is what folding its candles gives, in whatever order live and closed candles are heard."""

from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyser.logic.forming import Ended, Forming, past_bars
from cryptwire.domain.bar import Columns, Part, Resolution, bar_at, edges, folded

SPAN = 900
UTC = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")
START = 1_774_738_800  # Saturday 2026-03-28 23:00 UTC, before Berlin's clocks are put on
zones = st.sampled_from([UTC, BERLIN, ZoneInfo("Asia/Kolkata")])
resolutions = st.sampled_from([Resolution.MINUTES_15, Resolution.HOUR, Resolution.HOURS_4, Resolution.DAY])


def walk(count: int, seed: int) -> Columns:
    chance = np.random.default_rng(seed)
    closes = 100 * np.exp(np.cumsum(chance.normal(0, 0.01, count)))
    opens = np.concatenate([[100.0], closes[:-1]])
    highs = np.maximum(opens, closes) * (1 + chance.random(count) * 0.01)
    lows = np.minimum(opens, closes) * (1 - chance.random(count) * 0.01)
    at = START + SPAN * np.arange(count)
    return Columns(at, opens, highs, lows, closes, chance.integers(0, 5, count).astype(float))


def part(candles: Columns, number: int, *, is_live: bool = False) -> Part:
    """A candle, or the live one as it was seen a moment before it closed."""
    low, high, open_ = (float(column[number]) for column in (candles.low, candles.high, candles.open))
    close = (low + high) / 2 if is_live else float(candles.close[number])
    return Part(open_, high, low, close, float(candles.volume[number]))


def bars(candles: Columns, resolution: Resolution, zone: ZoneInfo) -> dict[int, Part]:
    whole = folded(candles, edges(resolution, zone, int(candles.at[0]), int(candles.at[-1]) + 1))
    columns = (whole.open, whole.high, whole.low, whole.close, whole.volume)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return {at: Part(*row) for at, row in zip(whole.at.tolist(), rows, strict=True)}


@given(st.integers(2, 130), st.integers(0, 1000), resolutions, zones, st.data())
def test_bars_that_end_are_the_folded_candles(
    count: int, seed: int, resolution: Resolution, zone: ZoneInfo, data: st.DataObject
) -> None:
    candles = walk(count, seed)
    began = data.draw(st.integers(0, count - 1))
    closed_bars, whole = past_bars(candles, resolution, zone, int(candles.at[began]), are_cut=False)
    forming = Forming(resolution, zone, SPAN, int(candles.at[began]), whole)
    ended: dict[int, Part] = {}

    def end(bars: list[Ended]) -> None:
        for bar in bars:
            assert bar.time not in ended, "a bar ends once"
            ended[bar.time] = bar.values

    late: int | None = None
    for number in range(began, count):
        at = int(candles.at[number])
        is_seen = data.draw(st.booleans()) or late is not None
        if is_seen:
            forming.on_live(at, part(candles, number, is_live=True))
        if late is not None:
            end(forming.on_closed(int(candles.at[late]), part(candles, late)))
            late = None
        if is_seen and data.draw(st.booleans()) and number + 1 < count:
            late = number
        else:
            end(forming.on_closed(at, part(candles, number)._replace(volume=0.0)))
        assert not forming.is_lost
        assert not forming.on_closed(at - SPAN, part(candles, number)), "an older one again counts nothing"
    expected = bars(candles, resolution, zone)
    last = bar_at(resolution, zone, int(candles.at[-1]))
    for time, values in ended.items():
        assert values[:4] == expected[time][:4]
    assert set(closed_bars.at.tolist()) | set(ended) | {last.time} == set(expected)
    now = forming.now
    assert now is not None
    assert now[:4] == expected[last.time][:4]


def test_a_bar_counts_its_live_candle_and_the_volume_of_all() -> None:
    forming = Forming(Resolution.HOUR, UTC, SPAN, START + SPAN, Part(1, 2, 1, 2, 5))
    forming.on_live(START + SPAN, Part(2, 9, 2, 3, 1))
    assert forming.now == Part(1, 9, 1, 3, 6)
    forming.on_live(START + SPAN, Part(2, 9, 0.5, 4, 2))
    assert forming.now == Part(1, 9, 0.5, 4, 7)
    forming.on_volume(6, START + SPAN)
    assert forming.now == Part(1, 9, 0.5, 4, 8)
    forming.on_volume(60, START)
    assert forming.now == Part(1, 9, 0.5, 4, 8), "counted up to another moment"


def test_what_is_missing_makes_it_lost() -> None:
    forming = Forming(Resolution.HOUR, UTC, SPAN, START, None)
    forming.on_live(START, Part(1, 1, 1, 1, 0))
    forming.on_live(START + 2 * SPAN, Part(1, 1, 1, 1, 0))
    assert forming.is_lost
    forming = Forming(Resolution.HOUR, UTC, SPAN, START, None)
    for number in range(3):
        forming.on_live(START + number * SPAN, Part(1, 1, 1, 1, 0))
    assert forming.is_lost, "the close of the first was never heard"


def test_a_late_message_of_an_older_candle_counts_nothing() -> None:
    forming = Forming(Resolution.HOUR, UTC, SPAN, START + SPAN, None)
    forming.on_live(START + SPAN, Part(1, 1, 1, 1, 0))
    forming.on_live(START, Part(9, 9, 9, 9, 0))
    assert forming.now == Part(1, 1, 1, 1, 0)


@pytest.mark.parametrize("are_cut", [False, True])
def test_of_a_cut_past_the_first_bar_is_left_out(are_cut: bool) -> None:
    candles = walk(9, 1)
    found, whole = past_bars(candles, Resolution.HOUR, UTC, START + 8 * SPAN, are_cut=are_cut)
    assert len(found) == (1 if are_cut else 2)
    assert whole is None
