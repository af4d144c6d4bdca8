"""A portfolio that has risen is sold when it falls from its peak, and not before."""

import pytest

from controller.logic.verdict import EventKind
from cryptwire.domain.rule_set import Rule, TrailingStop
from tests.unit.controller.logic.builders import Watch

# Each value is told twice in a row, for a peak is seen by two ticks.
STOP = TrailingStop(arm_at=0.10, trail=0.05)


def twice(*indexes: float) -> list[float]:
    return [index for index in indexes for _ in range(2)]


def fires_at(rule: TrailingStop, series: list[float]) -> list[float]:
    watch = Watch.of(rule)
    return [index for index, fires in zip(series, watch.fires(series), strict=True) if fires]


def test_it_sells_five_percent_below_the_peak() -> None:
    assert fires_at(STOP, twice(100, 104, 108, 111, 115, 120, 117, 114.1, 113.9)) == [113.9]


def test_exactly_at_the_stop_is_at_the_stop() -> None:
    assert fires_at(TrailingStop(0, 0.125), twice(64, 62, 60, 58, 56.000001, 56)) == [56]


def test_a_fall_before_it_armed_is_not_its_business() -> None:
    assert fires_at(STOP, twice(100, 105, 109.9, 105, 100, 95, 91, 87, 83, 79)) == []


def test_it_arms_exactly_where_it_says() -> None:
    rule = TrailingStop(0.125, 0.05)
    assert fires_at(rule, twice(64, 67, 70, 71.999, 70, 68)) == []
    assert fires_at(rule, twice(64, 67, 70, 72, 70, 68)) == [68]


def test_without_a_rise_to_wait_for_it_trails_from_the_first() -> None:
    assert fires_at(TrailingStop(0, 0.05), twice(100, 97, 95)) == [95]


def test_it_stays_armed_and_the_stop_stays_where_the_peak_was() -> None:
    watch = Watch.of(STOP)
    for index in twice(100, 104, 108, 112, 110, 108):
        watch.see(index)
    assert watch.last is not None
    part = watch.last.verdict.parts[0]
    assert part.text == "the value is 1,080 USDT, above the stop of 1,064 USDT, 5 % below the peak of 1,120 USDT"
    assert part.numbers == pytest.approx({"value": 1080, "start": 1000, "peak": 1120, "stop": 1064})
    assert part.distance == pytest.approx(1 - 106.4 / 108)


def test_before_it_is_armed_it_says_what_it_waits_for() -> None:
    watch = Watch.of(STOP)
    for index in twice(100, 104):
        watch.see(index)
    assert watch.last is not None
    part = watch.last.verdict.parts[0]
    assert part.text == "it arms at 1,100 USDT, 5.8 % above now"
    assert part.numbers == pytest.approx({"value": 1040, "start": 1000, "peak": 1040, "arms_at": 1100})
    assert part.distance is None


def test_arming_is_one_event() -> None:
    watch = Watch.of(Rule(STOP))
    for index in twice(100, 104, 108, 111, 108, 112):
        watch.see(index)
    armed = [event for event in watch.events if event.kind is EventKind.ARMED]
    assert [event.text for event in armed] == ["rule 1 is armed: 11 % above start"]


def test_r6_a_wick_of_one_tick_is_no_peak_and_arms_nothing() -> None:
    watch = Watch.of(STOP)
    assert not any(watch.fires([100, 100, 104, 104, 107, 107, 110.5, 107, 107, 103, 101, 100]))
    assert watch.state.peak == 107
    assert not watch.state.rules[0].is_armed


def test_r6_a_small_wick_up_does_not_move_the_stop() -> None:
    watch = Watch.of(TrailingStop(0, 0.03))
    assert not any(watch.fires([100, 100, 104, 100, 100, 100, 100, 98]))
    assert watch.fires([97]) == [True]
