"""R18, R19: when it begins to watch, and what comes after it fired."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controller.logic import epochs
from controller.logic.evaluation import evaluate
from controller.logic.inputs import Care
from controller.logic.state import Phase, Readings, RuleState
from controller.logic.verdict import Event, EventKind, Stage
from cryptwire.domain.hopper import Asset
from cryptwire.domain.rule_set import (
    After,
    Again,
    FundsUsage,
    Once,
    Recovery,
    Relation,
    RuleSet,
    StopLoss,
    TakeProfit,
    TrailingStop,
)
from cryptwire.errors import Invalid
from tests.unit.controller.logic.builders import LIVE, ONCE, T, Watch, inputs, rule_set, snapshot

MINUTE = timedelta(minutes=1)
BTC = Asset("BTC")


def fired(again: Again = ONCE) -> Watch:
    watch = Watch.of(StopLoss(0.02), again=again)
    assert watch.fires([100, 100, 97]) == [False, False, True]
    assert (watch.state.phase, watch.state.fired_index) == (Phase.FIRED, 97)
    return watch


def ended(again: Again, *, is_done: bool = True) -> Watch:
    watch = fired(again)
    watch.state, events = epochs.fired_ended(watch.state, watch.rules, T + MINUTE, is_done)
    watch.events += events
    return watch


def see_at(watch: Watch, minutes: float, index: float, **more: object) -> None:
    watch.number += 1
    watch.take(snapshot(index, watch.number, at=T + minutes * MINUTE, **more))  # type: ignore[arg-type]


def resets(events: list[Event]) -> list[str]:
    return [event.text for event in events if event.kind is EventKind.EPOCH]


def test_r18_arming_begins_an_epoch_whose_start_is_the_first_reading_seen_twice() -> None:
    watch = Watch.of(TrailingStop(0.1, 0.05))
    assert resets(watch.events) == ["epoch 1: it was armed"]
    assert watch.see(100).verdict.text == "the first reading must be seen again"
    watch.see(101)
    assert (watch.state.start, watch.state.peak, watch.state.epoch) == (101, 101, 1)
    started = [event for event in watch.events if event.kind is EventKind.STARTED]
    assert started == [Event(EventKind.STARTED, "epoch 1 starts at 1,010 USDT", {"index": 101, "balance": 1010})]


def test_r10_it_fires_once_in_an_epoch() -> None:
    watch = fired()
    assert watch.fires([97, 96, 100, 97, 95]) == [False] * 5
    assert watch.kinds().count(EventKind.FIRED) == 1
    assert watch.last is not None
    assert watch.last.verdict.text == "it fired, and its actions are being done"
    assert watch.last.verdict.parts[0].stage is Stage.TRUE
    said = [event for event in watch.events if event.kind is EventKind.FIRED]
    assert (said[0].text, said[0].numbers) == ("all rules are true at snapshot s/3", {"index": 97})


def test_r19_once_is_over_until_its_user_arms_it_again() -> None:
    watch = ended(Once())
    assert watch.state.phase is Phase.OVER
    for minutes in (2, 1000):
        see_at(watch, minutes, 97)
    assert watch.last is not None
    assert watch.last.verdict.text == "it is over, until its user arms it again"
    assert watch.state.phase is Phase.OVER
    watch.state, events = epochs.resumed(watch.state, T)
    assert resets(list(events)) == ["epoch 2: its user resumed it"]
    assert (watch.state.phase, watch.state.start, watch.state.peak, watch.state.rules) == (
        Phase.WATCHING,
        None,
        None,
        (RuleState(),),
    )


def test_r19_after_watches_anew_when_its_time_is_over() -> None:
    watch = ended(After(10))
    assert (watch.state.phase, watch.state.until) == (Phase.COOLING, T + 11 * MINUTE)
    assert watch.events[-1] == Event(EventKind.ENDED, "it watches anew at 2026-03-02 12:11 UTC")
    see_at(watch, 10.99, 97)
    assert watch.last is not None
    assert (watch.state.phase, watch.last.verdict.text) == (Phase.COOLING, "it cools down")
    see_at(watch, 11, 96)
    assert (watch.state.phase, watch.state.epoch, watch.state.start, watch.state.peak) == (Phase.WATCHING, 2, 96, 96)
    assert (watch.state.until, watch.state.fired_index) == (None, None)
    assert resets(watch.events) == ["epoch 1: it was armed", "epoch 2: it has cooled down"]
    see_at(watch, 11.1, 94)
    assert watch.last.fires


def test_r19_recovery_waits_for_its_level_and_its_time() -> None:
    watch = ended(Recovery(0.125, 10))
    assert (watch.state.phase, watch.state.until) == (Phase.RECOVERING, T + 11 * MINUTE)
    assert watch.events[-1].text == "it watches anew after 2026-03-02 12:11 UTC, 12.5% above where it fired"
    watch.state = replace(watch.state, fired_index=96.0)
    for minutes, index in ((2, 101), (3, 105), (4, 108), (5, 108), (10.9, 108), (11.1, 107.9)):
        see_at(watch, minutes, index)
        assert watch.state.phase is Phase.RECOVERING
    assert watch.last is not None
    assert watch.last.verdict.text == "it waits for the recovery"
    see_at(watch, 12, 108)
    assert (watch.state.phase, watch.state.epoch, watch.state.start) == (Phase.WATCHING, 2, 108)
    assert resets(watch.events)[-1] == "epoch 2: the index recovered"


def test_r13_actions_without_their_effect_need_a_person() -> None:
    watch = ended(After(10), is_done=False)
    assert watch.state.phase is Phase.REVIEW
    assert watch.events[-1] == Event(EventKind.REVIEW, "its actions did not have their effect: a person must look")
    assert watch.events[-1].kind.is_alarm
    see_at(watch, 100, 97)
    assert watch.last is not None
    assert (watch.state.phase, watch.last.verdict.text) == (Phase.REVIEW, "a person must look")


def test_r18_an_end_that_is_told_twice_is_one() -> None:
    watch = ended(After(10))
    again = epochs.fired_ended(watch.state, watch.rules, T + 5 * MINUTE)
    assert again == (watch.state, ())
    watching = Watch.of(StopLoss(0.02))
    assert epochs.fired_ended(watching.state, watching.rules, T, is_done=False) == (watching.state, ())


def edited(rules: RuleSet) -> RuleSet:
    return rule_set(StopLoss(0.1), TrailingStop(0.2, 0.1), again=rules.body.again, version=rules.version + 1)


@pytest.mark.parametrize("again", [Once(), After(10), Recovery(0.1, 10)])
def test_r18_r28_an_edit_begins_an_epoch(again: Again) -> None:
    watch = ended(again)
    rules = edited(watch.rules)
    state, events = epochs.edited(watch.state, rules, T + MINUTE)
    assert resets(list(events)) == ["epoch 2: it was edited"]
    assert (state.version, state.epoch, state.phase, state.start, state.peak) == (2, 2, Phase.WATCHING, None, None)
    assert state.rules == (RuleState(), RuleState())
    assert (state.told_at, state.must_look, state.until, state.fired_index) == (T + MINUTE, True, None, None)
    assert state.readings == watch.state.readings


def test_r28_an_edit_while_actions_are_done_watches_only_when_they_are_over() -> None:
    watch = fired(After(10))
    rules = edited(watch.rules)
    state, events = epochs.edited(watch.state, rules, T + MINUTE)
    assert (state.phase, state.epoch, state.version, state.fired_index) == (Phase.FIRED, 2, 2, 97)
    assert resets(list(events)) == ["epoch 2: it was edited"]
    said = evaluate(rules, state, inputs(snapshot(80, 9)))
    assert not said.fires
    state, _ = epochs.fired_ended(said.state, rules, T + MINUTE)
    assert state.phase is Phase.COOLING


def test_r9_a_state_of_another_version_is_refused() -> None:
    watch = Watch.of(StopLoss(0.02))
    with pytest.raises(Invalid, match="a state of version 1 is not one of version 2"):
        evaluate(edited(watch.rules), watch.state, inputs(snapshot(100)))


def test_resuming_what_is_being_done_changes_nothing() -> None:
    watch = fired()
    assert epochs.resumed(watch.state, T) == (watch.state, ())


def test_r17_a_person_who_resumes_begins_an_epoch() -> None:
    state, _ = epochs.review(Watch.of(StopLoss(0.02)).state, "why")
    resumed, events = epochs.resumed(state, T + MINUTE)
    assert (resumed.phase, resumed.epoch, resumed.told_at) == (Phase.WATCHING, 2, T + MINUTE)
    assert len(resets(list(events))) == 1


def test_r18_another_currency_begins_an_epoch_once() -> None:
    watch = Watch.of(TrailingStop(0.1, 0.05))
    watch.fires([100, 100, 104, 104])
    for index in (0.005, 0.005, 0.0051):
        watch.see(index, base=BTC)
    assert resets(watch.events) == ["epoch 1: it was armed", "epoch 2: the base currency is BTC now, not USDT"]
    assert (watch.state.start, watch.state.peak, watch.state.base) == (0.005, 0.005, "BTC")
    assert not any(kind is EventKind.FIRED for kind in watch.kinds())


def test_r18_another_currency_while_it_recovers_counts_from_the_first_reading_there() -> None:
    watch = ended(Recovery(0.125, 1))
    for minutes, index in ((2, 64), (2.1, 64), (2.2, 66), (2.3, 69), (2.4, 71.9)):
        see_at(watch, minutes, index, base=BTC)
        assert watch.state.phase is Phase.RECOVERING
    assert watch.state.fired_index == 64
    see_at(watch, 2.5, 72, base=BTC)
    assert (watch.state.phase, watch.state.epoch) == (Phase.WATCHING, 2)
    assert [event.text for event in watch.events if event.kind is EventKind.REBASED] == [
        "the base currency is BTC now, not USDT"
    ]


def test_r18_an_index_that_began_anew_begins_an_epoch_once() -> None:
    watch = Watch.of(TrailingStop(0.1, 0.05))
    watch.fires([100, 100, 104])
    for index in (None, None, 5000.0, 5000.0, 5000.0):
        watch.see(index)
    assert resets(watch.events) == ["epoch 1: it was armed", "epoch 2: the index began anew after nothing was left"]
    assert (watch.state.start, watch.state.peak) == (5000, 5000)


@pytest.mark.parametrize("more", [{"is_fresh": False}, {"is_settling": True}])
def test_r18_nothing_left_counts_only_when_that_is_sure(more: dict[str, object]) -> None:
    watch = Watch.of(TrailingStop(0.1, 0.05))
    watch.fires([100, 100, 104])
    for index in (None, 103.0, 103.0):
        watch.see(index, **(more if index is None else {}))  # type: ignore[arg-type]
    assert watch.state.epoch == 1


def test_r17_after_a_start_one_whole_evaluation_comes_before_the_first_action() -> None:
    watch = Watch.of(StopLoss(0.02))
    watch.fires([100, 100, 99])
    watch.state = epochs.started(watch.state)
    assert not watch.see(97, is_fresh=False).fires
    assert watch.fires([97, 97]) == [False, True]


GAP = Care(longest_gap=timedelta(minutes=15), jump=0.125, outlier=0.5, pause=timedelta(hours=9))


def after(minutes: float, index: float, *, care: Care = GAP, before: tuple[float, ...] = (100, 100, 100)) -> Watch:
    watch = Watch.of(StopLoss(0.02))
    watch.fires(before)
    for second in range(3):
        late = T + len(before) * LIVE + minutes * MINUTE + second * LIVE
        watch.take(snapshot(index, 100 + second, at=late), care=care)
    return watch


@pytest.mark.parametrize(
    ("minutes", "index", "phase"),
    [
        (15, 80, Phase.FIRED),
        (15.1, 80, Phase.REVIEW),
        (15.1, 120, Phase.REVIEW),
        (15.1, 87.5, Phase.FIRED),
        (15.1, 112.5, Phase.WATCHING),
        (600, 100, Phase.WATCHING),
    ],
)
def test_r17_a_long_gap_with_a_jump_needs_a_person(minutes: float, index: float, phase: Phase) -> None:
    watch = after(minutes, index)
    assert watch.state.phase is phase
    reviews = [event.text for event in watch.events if event.kind is EventKind.REVIEW]
    assert len(reviews) == (phase is Phase.REVIEW)


def test_r17_it_says_what_happened_meanwhile() -> None:
    review = next(event for event in after(600, 80).events if event.kind is EventKind.REVIEW)
    assert review.text == "the index changed by -20.0% while nothing was seen for 600 minutes: a person must look"


def test_r17_a_gap_is_judged_after_what_must_be_waited_for() -> None:
    watch = after(600, 80, care=replace(GAP, outlier=0.05))
    assert watch.state.phase is Phase.REVIEW
    watch = Watch.of(StopLoss(0.02))
    watch.fires([100, 100])
    late = T + 600 * MINUTE
    watch.take(snapshot(80, 9, at=late, is_settling=True), care=GAP)
    watch.take(snapshot(80, 10, at=late + LIVE), care=GAP)
    assert watch.state.phase is Phase.REVIEW


def test_r17_waiting_for_a_flow_is_no_gap() -> None:
    watch = Watch.of(StopLoss(0.5))
    watch.fires([100, 100])
    for minutes in range(1, 31):
        late, index = T + minutes * MINUTE, 100 - minutes
        watch.take(snapshot(index, 9 + minutes, at=late, is_settling=True, assets_at=T, refresh_seconds=3600), care=GAP)
    watch.take(snapshot(70, 99, at=T + 31 * MINUTE), care=GAP)
    assert watch.state.phase is Phase.WATCHING


def test_r17_who_does_not_watch_is_not_disarmed() -> None:
    watch = ended(Once())
    see_at(watch, 1000, 60)
    see_at(watch, 1000.1, 60)
    assert watch.state.phase is Phase.OVER


def test_r18_another_currency_while_it_cools_forgets_what_was_measured() -> None:
    watch = ended(After(10))
    assert (watch.state.start, watch.state.peak) == (100, 100)
    see_at(watch, 2, 64, base=BTC)
    assert (watch.state.start, watch.state.peak, watch.state.fired_index) == (None, None, None)
    see_at(watch, 2.1, 64, base=BTC)
    assert watch.last is not None
    assert watch.last.verdict.parts[0].text == "the epoch has not begun yet"


def test_r18_another_currency_with_another_history_of_flows_moves_nothing() -> None:
    watch = Watch.of(StopLoss(0.1))
    watch.fires([100, 100])
    for _ in range(3):
        watch.see(64, base=BTC, factor=5.0, flows_version=2)
    assert (watch.state.start, watch.state.epoch) == (64, 2)
    assert EventKind.REBASED not in watch.kinds()


@pytest.mark.parametrize("rule", [StopLoss(0.1), TakeProfit(0.1), TrailingStop(0, 0.1)])
def test_an_epoch_that_has_not_begun_tells_nothing(rule: StopLoss | TakeProfit | TrailingStop) -> None:
    watch = fired()
    rules = rule_set(rule, version=2)
    state, _ = epochs.edited(watch.state, rules, T)
    said = evaluate(rules, state, inputs(snapshot(97, 9)))
    assert (said.verdict.parts[0].stage, said.verdict.parts[0].text) == (Stage.NO_DATA, "the epoch has not begun yet")


def test_r19_it_says_that_it_is_over() -> None:
    assert ended(Once()).events[-1] == Event(EventKind.ENDED, "over until its user arms it again")


def test_r18_a_new_epoch_has_not_been_silent() -> None:
    watch = Watch.of(StopLoss(0.1))
    state, events = epochs.resumed(replace(watch.state, is_silent=True), T)
    assert not state.is_silent
    assert len(events) == 1


def test_r7_every_index_of_the_past_moves_together() -> None:
    watch = Watch.of(StopLoss(0.1))
    readings = Readings((100.0, 104.0), 120.0)
    state = replace(watch.state, start=100.0, peak=104.0, fired_index=96.0, readings=readings)
    moved = state.rebased(0.5)
    assert (moved.start, moved.peak, moved.fired_index) == (50, 52, 48)
    assert moved.readings == Readings((50, 52), 60)
    assert state.rebased(1.0) == state
    assert watch.state.rebased(0.5) == watch.state


@pytest.mark.parametrize("again", [After(1), Recovery(0.05, 1)])
def test_r4_what_watches_anew_is_silent_from_then_on(again: Again) -> None:
    """Also where a figure is missing at once."""
    rules = rule_set(FundsUsage(Relation.ABOVE, 0.5), again=again)
    state, _ = epochs.begin(rules, 1, T)
    for number in (1, 2):
        state = evaluate(rules, state, inputs(snapshot(100, number))).state
    state = replace(state, phase=Phase.FIRED, fired_index=95.0)
    state, _ = epochs.fired_ended(state, rules, T)
    for minutes, kinds in (
        (9.0, [EventKind.EPOCH, EventKind.STARTED]),
        (13.9, []),
        (14.1, [EventKind.SILENT]),
    ):
        late = T + minutes * MINUTE
        said = evaluate(rules, state, inputs(snapshot(100, 3 + int(minutes * 10), at=late)))
        state = said.state
        assert [event.kind for event in said.events] == kinds
    assert state.phase is Phase.WATCHING
