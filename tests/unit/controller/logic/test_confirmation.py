"""R8: a rule counts once it was true for some ticks and some seconds."""

from datetime import timedelta

import pytest

from controller.logic.confirmation import confirm
from controller.logic.inputs import Care
from controller.logic.state import RuleState
from controller.logic.verdict import Stage
from cryptwire.domain.figure import figure_key
from cryptwire.domain.rule_set import Compare, Confirmation, FigureOf, PairChange, Relation, Rule, StopLoss
from tests.unit.controller.logic.builders import BTC, LIVE, T, Watch, pair, snapshot, told

PAUSE = timedelta(seconds=30)
NO, MAYBE, YES = Stage.WAITS, Stage.CONFIRMING, Stage.TRUE


def course(confirmation: Confirmation, *messages: tuple[float, bool, bool]) -> list[Stage]:
    """Messages are (second, whether the rule is true, whether there is a newer price)."""
    state, stages = RuleState(), []
    for second, is_true, is_tick in messages:
        state, stage = confirm(confirmation, state, is_true, is_tick, T + timedelta(seconds=second), PAUSE)
        stages.append(stage)
    return stages


def test_r8_it_takes_the_ticks() -> None:
    three = Confirmation(3, 0)
    assert course(three, (0, True, True), (2, True, True), (4, True, True)) == [MAYBE, MAYBE, YES]
    assert course(three, (0, True, True), (2, True, False), (4, True, True), (6, True, True)) == [MAYBE] * 3 + [YES]


def test_r8_it_takes_the_seconds_and_they_may_end_between_ticks() -> None:
    fifteen = Confirmation(2, 15)
    assert course(fifteen, (0, True, True), (2, True, True), (14, True, True), (15, True, False)) == [MAYBE] * 3 + [YES]
    assert course(fifteen, (0, True, True), (16, True, False), (17, True, True)) == [MAYBE, MAYBE, YES]


def test_r8_the_seconds_run_from_the_first_message_that_found_it_true() -> None:
    assert course(Confirmation(1, 10), (0, True, False), (5, True, True), (10, True, False)) == [MAYBE, MAYBE, YES]


def test_r8_a_message_that_finds_it_false_sets_both_back() -> None:
    rule = Confirmation(2, 5)
    said = course(
        rule, (0, True, True), (4, True, True), (6, False, False), (8, True, True), (10, True, True), (13, True, False)
    )
    assert said == [MAYBE, MAYBE, NO, MAYBE, MAYBE, YES]


def test_r8_a_look_that_was_missed_for_long_sets_both_back() -> None:
    rule = Confirmation(2, 5)
    assert course(rule, (0, True, True), (30, True, True)) == [MAYBE, YES]
    assert course(rule, (0, True, True), (30.1, True, True), (35, True, False), (35.1, True, True)) == [
        MAYBE,
        MAYBE,
        MAYBE,
        YES,
    ]


def test_counters_stand_still_once_it_is_confirmed() -> None:
    state = RuleState()
    for second in range(0, 20, 2):
        state, _ = confirm(Confirmation(3, 4), state, True, True, T + timedelta(seconds=second), PAUSE)
    assert (state.ticks, state.since) == (3, T)
    state, _ = confirm(Confirmation(3, 4), state, False, True, T, PAUSE)
    assert state == RuleState()


def test_r8_three_ticks_and_fifteen_seconds_are_usual_and_a_wick_is_neither() -> None:
    watch = Watch.of(Rule(StopLoss(0.02)))
    assert not any(watch.fires([100, 100, 97, 100, 97, 97, 99, 97]))
    fires = watch.fires([97] * 8)
    assert fires == [False] * 7 + [True]  # the eighth comes 16 s after the first of them that was true


def test_r8_a_message_without_a_newer_price_is_no_tick() -> None:
    watch = Watch.of(Rule(StopLoss(0.02), Confirmation(3, 0)))
    watch.fires([100, 100])
    first = watch.see(97)
    newest = T + watch.number * LIVE
    for _ in range(5):
        assert watch.see(97, newest_price_at=newest).verdict.parts[0].ticks == 1
    assert first.verdict.parts[0].since == newest
    assert watch.fires([97, 97]) == [False, True]


def test_r8_an_older_price_that_comes_back_is_no_newer_one() -> None:
    watch = Watch.of(Rule(StopLoss(0.02), Confirmation(2, 0)))
    watch.fires([100, 100, 97])
    assert not watch.see(97, newest_price_at=T).fires
    assert not watch.see(97, newest_price_at=T + watch.number * LIVE - 2 * LIVE).fires
    assert watch.see(97).fires


def test_r8_ticks_of_a_pairs_rule_are_the_pairs() -> None:
    watch = Watch.of(Rule(PairChange(BTC, -0.05, 60), Confirmation(2, 0)))
    told_at = T + LIVE
    values = {"change(minutes=60)": -0.06}
    watch.see(100, pair(50_000, told_at, values))
    for number in (2, 3, 4):
        late = pair(50_000, T + number * LIVE, values, price_at=told_at)
        assert not watch.see(100, late).fires
    assert watch.last is not None
    assert watch.last.verdict.parts[0].ticks == 1
    assert watch.see(100, pair(50_000, T + 5 * LIVE, values)).fires


def test_r8_ticks_of_two_sources_are_ticks_of_either() -> None:
    rule = Compare(
        FigureOf(figure_key("change(minutes=60)")), Relation.BELOW, FigureOf(figure_key("change(minutes=60)"), BTC)
    )
    watch = Watch.of(Rule(rule, Confirmation(3, 0)))
    watch.see(100)
    mine, its = told({"change(minutes=60)": -0.1}), {"change(minutes=60)": 0.0}
    old = T + 2 * LIVE
    watch.see(100, pair(50_000, old, its), figures=mine)
    watch.see(100, pair(50_000, T + 3 * LIVE, its, price_at=old), figures=mine)
    watch.see(100, pair(50_000, T + 4 * LIVE, its, price_at=old), figures=mine, newest_price_at=T + 3 * LIVE)
    assert watch.last is not None
    assert watch.last.verdict.parts[0].ticks == 2
    assert watch.see(100, pair(50_000, T + 5 * LIVE, its), figures=mine, newest_price_at=T + 3 * LIVE).fires


def test_a_hopper_without_any_price_has_a_tick_with_each_message() -> None:
    watch = Watch.of(Rule(StopLoss(0.02), Confirmation(3, 0)))
    fires = [watch.see(index, newest_price_at=None).fires for index in (100, 100, 97, 97, 97)]
    assert fires == [False, False, False, False, True]


@pytest.mark.parametrize(("seconds", "fires"), [(30, True), (31, False)])
def test_r8_the_pause_is_of_recorded_time(seconds: int, fires: bool) -> None:
    watch = Watch.of(Rule(StopLoss(0.02), Confirmation(2, 0)))
    watch.fires([100, 100, 97])
    late = T + watch.number * LIVE + timedelta(seconds=seconds)
    assert watch.take(snapshot(97, 99, at=late), care=Care()).fires is fires


def test_r8_an_older_price_of_a_pair_that_comes_back_is_no_newer_one() -> None:
    watch = Watch.of(Rule(PairChange(BTC, -0.05, 60), Confirmation(3, 0)))
    watch.see(100)
    values = {"change(minutes=60)": -0.06}
    ticks = []
    for number, price_at in enumerate((5, 3, 4, 5, 6), 2):
        said = watch.see(100, pair(50_000, T + number * LIVE, values, price_at=T + price_at * LIVE / 10))
        ticks.append(said.verdict.parts[0].ticks)
    assert ticks == [1, 1, 1, 1, 2]
