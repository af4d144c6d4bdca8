"""The sum over hoppers is the aggregate, whatever candles they have, and says nothing where a rate is not known."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptwire.domain.aggregate import CARRIED, Share, split, summed
from cryptwire.domain.bar import GRID, Columns, Numbers, Resolution, Seconds, edges, folded
from cryptwire.domain.day import zone_of

T = 1_772_582_400


@dataclass(frozen=True)
class Steps:
    """A rate that changes each hour; unknown from ``unknown`` on."""

    base: float = 1.0
    unknown: int | None = None

    def of(self, second: int) -> float:
        if self.unknown is not None and second >= self.unknown:
            return math.nan
        return self.base * (1 + (second // 3600 % 17) / 100)

    def at(self, seconds: Seconds) -> Numbers:
        return np.array([self.of(second) for second in seconds.tolist()])


def columns(rows: dict[int, tuple[float, float, float]]) -> Columns:
    """Open, close and volume by the number of the candle."""
    numbers = sorted(rows)
    opens, closes, volumes = (np.array([rows[n][k] for n in numbers], np.float64) for k in range(3))
    at = np.array([T + n * GRID for n in numbers], np.int64)
    return Columns(at, opens, np.maximum(opens, closes) + 1, np.minimum(opens, closes) / 2, closes, volumes)


def naively(shares: list[tuple[dict[int, tuple[float, float, float]], Steps, int | None]]) -> dict[int, list[float]]:
    """Candle by candle, hopper by hopper."""
    found: dict[int, list[float]] = {}
    for number in sorted({n for rows, _, _ in shares for n in rows}):
        at, total = T + number * GRID, [0.0, 0.0, 0.0]
        for rows, rates, until in shares:
            if until is not None and at >= until:
                continue
            earlier = [n for n in rows if n <= number and (number - n) * GRID <= CARRIED]
            if not earlier:
                continue
            first, last, volume = rows[number] if number in rows else (rows[max(earlier)][1],) * 2 + (0.0,)
            total[0] += first * rates.of(at)
            total[1] += last * rates.of(at + GRID)
            total[2] += volume * rates.of(at)
        if not any(map(math.isnan, total)):
            found[at] = total
    return found


candle = st.tuples(st.floats(0, 1e9), st.floats(0, 1e9), st.floats(0, 1e6))
hoppers = st.lists(
    st.tuples(
        st.dictionaries(st.integers(0, 400), candle, max_size=30),
        st.builds(Steps, st.floats(1e-6, 1e6), st.none() | st.integers(T, T + 400 * GRID)),
        st.none() | st.integers(T, T + 400 * GRID),
    ),
    max_size=6,
)


@settings(deadline=None)
@given(hoppers)
def test_the_aggregate_is_the_sum_over_hoppers(
    drawn: list[tuple[dict[int, tuple[float, float, float]], Steps, int | None]],
) -> None:
    whole = summed([Share(columns(rows), rates, until) for rows, rates, until in drawn])
    expected = naively(drawn)
    assert whole.at.tolist() == list(expected)
    for row, (opened, closed, volume) in enumerate(expected.values()):
        assert whole.open[row] == pytest.approx(opened, rel=1e-12)
        assert whole.close[row] == pytest.approx(closed, rel=1e-12)
        assert whole.volume[row] == pytest.approx(volume, rel=1e-12)
        assert whole.high[row] == max(whole.open[row], whole.close[row])
        assert whole.low[row] == min(whole.open[row], whole.close[row])


@settings(deadline=None)
@given(st.integers(1, 5), st.integers(1, 300), st.sampled_from(["Europe/Berlin", "Asia/Kolkata"]))
def test_where_all_have_candles_that_join_the_sum_joins_too_and_bars_of_it_are_sums(
    count: int, candles: int, zone: str
) -> None:
    shares = []
    for hopper in range(count):
        prices = [100 * (hopper + 1) + math.sin(n * (hopper + 2)) for n in range(candles + 1)]
        rows = {n: (prices[n], prices[n + 1], 1.0) for n in range(candles)}
        shares.append(Share(columns(rows), Steps(hopper + 1)))
    whole = summed(shares)
    assert whole.open[1:].tolist() == whole.close[:-1].tolist(), "bit for bit"
    for resolution in (Resolution.HOUR, Resolution.DAY):
        days = edges(resolution, zone_of(zone), T, T + candles * GRID)
        bars = folded(whole, days)
        parts = [folded(summed([share]), days) for share in shares]
        assert bars.open.tolist() == pytest.approx(sum(part.open for part in parts))
        assert bars.close.tolist() == pytest.approx(sum(part.close for part in parts))


def test_a_hopper_joins_where_it_begins_stands_through_a_gap_of_a_day_and_goes_where_it_ends() -> None:
    always = dict.fromkeys(range(400), (100.0, 100.0, 0.0))
    late = dict.fromkeys(range(100, 110), (10.0, 11.0, 0.0)) | {390: (20.0, 20.0, 0.0)}
    flat = Share(columns(always), Steps(0))
    whole = summed([flat, Share(columns(late), _Plain())])
    worth = dict(zip((whole.at - T) // GRID, whole.close.tolist(), strict=True))
    assert [worth[n] for n in (99, 100, 109, 110, 205, 206, 389, 390, 399)] == [0, 11, 11, 11, 11, 0, 0, 20, 20]
    ended = summed([flat, Share(columns(late), _Plain(), until=T + 150 * GRID)])
    worth = dict(zip((ended.at - T) // GRID, ended.close.tolist(), strict=True))
    assert [worth[n] for n in (149, 150, 390)] == [11, 0, 0]


class _Plain:
    def at(self, seconds: Seconds) -> Numbers:
        return np.ones(len(seconds))


def test_nothing_is_the_sum_of_nothing() -> None:
    assert len(summed([])) == 0
    assert len(summed([Share(columns({}), Steps())])) == 0


def test_candles_are_split_by_the_currency_they_ended_in() -> None:
    rows = columns(dict.fromkeys(range(10), (1.0, 1.0, 0.0)))
    boundaries = [T + 3 * GRID, T + 5 * GRID + 1]
    assert [len(part) for part in split(rows, boundaries)] == [3, 2, 5]
    assert [len(part) for part in split(rows, [])] == [10]
