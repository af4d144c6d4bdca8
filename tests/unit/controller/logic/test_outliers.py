"""R6: a move that is too large for one tick must be seen again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.logic.outliers import accept
from controller.logic.state import Readings
from controller.logic.verdict import EventKind, Stage
from cryptwire.domain.rule_set import PairChange, StopLoss, TakeProfit
from tests.unit.controller.logic.builders import BTC, LIVE, T, Watch, pair


def course(*values: float | tuple[float, bool], most: float = 0.05) -> list[float | None]:
    """What counts after each value; (value, False) is a message without a newer price."""
    readings, counted = Readings(), []
    for each in values:
        value, is_tick = each if isinstance(each, tuple) else (each, True)
        readings, told = accept(readings, value, is_tick, most)
        counted.append(told)
    return counted


def test_r6_the_first_reading_must_be_seen_again() -> None:
    assert course(100, 101) == [None, 101]
    assert course(100, 101, 100.5) == [None, 101, 100.5]
    assert course(150, 100, 101) == [None, None, 101]
    assert course(100, (100, False), 100) == [None, None, 100]
    assert course(100, (150, False), 100) == [None, None, 100]


def test_r6_a_wick_is_forgotten() -> None:
    assert course(100, 100, 110, 100, 101) == [None, 100, None, 100, 101]
    assert course(100, 100, 90, 100, 101) == [None, 100, None, 100, 101]


def test_r6_what_is_seen_twice_counts_by_the_nearer() -> None:
    assert course(100, 100, 90, 80, 80) == [None, 100, None, 90, 80]
    assert course(100, 100, 80, 90, 90) == [None, 100, None, 90, 90]
    assert course(100, 100, 110, 130, 130) == [None, 100, None, 110, 130]
    assert course(100, 100, 130, 110, 110) == [None, 100, None, 110, 110]


def test_r6_a_wick_to_each_side_is_two_wicks() -> None:
    assert course(100, 100, 110, 90, 100) == [None, 100, None, None, 100]
    assert course(100, 100, 110, 90, 110, 111) == [None, 100, None, None, None, 110]


def test_r6_exactly_as_much_is_no_outlier() -> None:
    assert course(64, 64, 72, most=0.125) == [None, 64, 72]
    assert course(64, 64, 72.01, most=0.125) == [None, 64, None]
    assert course(64, 72, most=0.125) == [None, 72]


def test_r6_near_to_either_of_two_readings_is_near() -> None:
    assert course(100, 104, 108.9) == [None, 104, 108.9]
    assert course(100, 104, 95.5) == [None, 104, 95.5]
    assert course(100, 104, 107, 98.9) == [None, 104, 107, 98.9]  # 104 is near, 107 is not


def test_r6_only_a_newer_price_confirms_or_clears() -> None:
    assert course(100, 100, 110, (110, False), (110, False), 110) == [None, 100, None, None, None, 110]
    assert course(100, 100, 110, (100, False), 100) == [None, 100, None, None, 100]
    assert course(100, 100, (110, False), (100, False), 110) == [None, 100, None, None, 110]


def test_r6_readings_are_of_ticks() -> None:
    assert course(100, 100, 104, (104, False), (104, False), 95.5) == [None, 100, 104, 104, 104, 95.5]


@settings(deadline=None)
@given(st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=30), st.floats(0.001, 0.5))
def test_r6_what_counts_is_near_to_the_readings_before_or_was_passed_by_two_in_a_row(
    values: list[float], most: float
) -> None:
    readings, before = Readings(), None
    for value in values:
        known = readings.counted
        readings, told = accept(readings, value, True, most)
        if told is not None and known and all(abs(told / each - 1) > most for each in known):
            assert before is not None
            assert all((value > each) == (before > each) for each in known)
            assert told in (value, before)
            assert abs(told - known[-1]) == min(abs(value - known[-1]), abs(before - known[-1]))
        before = value


def test_r6_a_wick_of_one_tick_neither_fires_nor_arms_however_little_is_confirmed() -> None:
    for rule, wick in ((StopLoss(0.1), 60.0), (TakeProfit(0.1), 160.0)):
        watch = Watch.of(rule)
        assert watch.fires([100, 100, wick, 100]) == [False] * 4
        assert watch.state.peak == watch.state.start == 100
        assert watch.fires([wick, wick]) == [False, True]


def test_r6_a_doubt_is_told_once_and_says_how_much() -> None:
    watch = Watch.of(StopLoss(0.1))
    watch.fires([100, 100])
    newest = T + 3 * LIVE
    for _ in range(3):
        said = watch.see(90, newest_price_at=newest)
        assert said.verdict.stage is Stage.NO_DATA
    doubts = [event for event in watch.events if event.kind is EventKind.DOUBT]
    assert [event.text for event in doubts] == ["the value moved by -10.0% in one tick: that must be seen again"]
    assert not doubts[0].kind.is_audited


def test_r6_a_pair_in_doubt_tells_nothing_until_it_is_seen_again() -> None:
    watch = Watch.of(PairChange(BTC, -0.05, 60))
    watch.see(100)

    def see(number: int, price: float, change: float, **more: object) -> Stage:
        told = watch.see(100, pair(price, T + number * LIVE, {"change(minutes=60)": change}, **more))
        return told.verdict.parts[0].stage

    assert see(2, 50_000, 0.0) is Stage.WAITS
    assert see(3, 40_000, -0.2) is Stage.NO_DATA
    assert watch.last is not None
    assert (
        watch.last.verdict.text == "the price of binance BTC/USDT moved too much in one tick: that must be seen again"
    )
    assert see(4, 50_000, 0.0) is Stage.WAITS
    assert see(5, 40_000, -0.2) is Stage.NO_DATA
    assert see(6, 40_000, -0.2, price_at=T + 5 * LIVE) is Stage.NO_DATA
    assert see(7, 40_000, -0.2) is Stage.TRUE


@pytest.mark.parametrize("price", [None, 0.0, -1.0, float("nan"), float("inf")])
def test_r3_a_pair_without_a_price_tells_nothing(price: float | None) -> None:
    watch = Watch.of(PairChange(BTC, -0.05, 60))
    watch.see(100)
    said = watch.see(100, pair(price, T + 2 * LIVE, {"change(minutes=60)": -0.2}))
    assert (said.verdict.stage, said.verdict.text) == (Stage.NO_DATA, "the price of binance BTC/USDT is not told yet")
    assert not watch.state.pairs


def test_r3_a_pair_of_which_no_price_is_told_tells_nothing() -> None:
    watch = Watch.of(PairChange(BTC, -0.05, 60))
    watch.see(100)
    said = watch.see(100, pair(50_000, T + 2 * LIVE, figures={}))
    assert (said.verdict.stage, said.verdict.text) == (Stage.NO_DATA, "the price of binance BTC/USDT is not told yet")


def test_a_pair_may_cost_less_than_one() -> None:
    watch = Watch.of(PairChange(BTC, -0.05, 60))
    watch.see(100)
    assert watch.see(100, pair(0.5, T + 2 * LIVE, {"change(minutes=60)": 0.0})).verdict.stage is Stage.WAITS
    assert watch.state.pairs[BTC].readings.counted == (0.5,)
