"""Random series, flows, restarts, duplicates and reorderings: what must hold whatever comes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.logic import epochs
from controller.logic.state import Phase
from controller.logic.state_json import state_from_json, state_to_json
from controller.logic.verdict import EventKind, Stage
from cryptwire.domain.figure import Snapshot
from cryptwire.domain.rule_set import Confirmation, Rule, StopLoss, TakeProfit, TrailingStop
from tests.unit.controller.logic.builders import LIVE, T, Watch, snapshot

_STEPS = st.one_of(st.floats(0.97, 1.03), st.sampled_from([0.8, 0.94, 1.0, 1.06, 1.25]))
SERIES = st.lists(_STEPS, min_size=2, max_size=60)
CONFIRMATIONS = st.builds(Confirmation, st.integers(1, 4), st.sampled_from([0.0, 4.0, 15.0]))
TRAILING = st.builds(TrailingStop, st.sampled_from([0.0, 0.02, 0.1]), st.sampled_from([0.01, 0.05, 0.2]))
SETTINGS = settings(max_examples=150, deadline=None)


def indexes(steps: Sequence[float]) -> list[float]:
    index, series = 100.0, [100.0, 100.0]
    for step in steps:
        index *= step
        series.append(index)
    return series


@SETTINGS
@given(SERIES, TRAILING, CONFIRMATIONS)
def test_the_peak_never_falls_the_stop_never_falls_nothing_fires_before_it_is_armed_or_twice(
    steps: list[float], rule: TrailingStop, confirmation: Confirmation
) -> None:
    watch, series = Watch.of(Rule(rule, confirmation)), indexes(steps)
    peak, stop, fires = 0.0, 0.0, 0
    for number, index in enumerate(series):
        said = watch.see(index)
        fires += said.fires
        if watch.state.peak is not None:
            assert watch.state.peak >= peak
            peak = watch.state.peak
            assert peak <= max(series[: number + 1])
        part = said.verdict.parts[0]
        if "stop" in part.numbers and watch.state.phase is Phase.WATCHING:
            assert part.numbers["stop"] >= stop * (1 - 1e-12)  # money, by way of the index
            stop = part.numbers["stop"]
        if said.fires:
            assert watch.state.rules[0].is_armed
            assert watch.state.start is not None
            assert peak >= watch.state.start * (1 + rule.arm_at)
            assert number >= confirmation.ticks
    assert fires == watch.kinds().count(EventKind.FIRED) <= 1


@dataclass(frozen=True)
class Noise:
    """What happens between two messages."""

    again: int
    is_late: bool
    is_killed: bool
    is_other: bool


NOISE = st.lists(
    st.builds(Noise, st.integers(0, 2), st.booleans(), st.booleans(), st.booleans()), min_size=62, max_size=62
)


@SETTINGS
@given(SERIES, TRAILING, CONFIRMATIONS, NOISE)
def test_r5_r16_restarts_duplicates_and_reorderings_change_nothing(
    steps: list[float], rule: TrailingStop, confirmation: Confirmation, noise: list[Noise]
) -> None:
    """A restart alone may delay a firing, by the evaluation that comes first (R17): it is left out here."""
    calm, rough = Watch.of(Rule(rule, confirmation)), Watch.of(Rule(rule, confirmation))
    sent: list[Snapshot] = []
    for number, (index, happens) in enumerate(zip(indexes(steps), noise, strict=False), 1):
        shot = snapshot(index, number)
        sent.append(shot)
        expected = calm.take(shot)
        assert rough.take(shot).fires is expected.fires
        for _ in range(happens.again):
            assert not rough.take(replace(shot, session="another") if happens.is_other else shot).fires
        if happens.is_late:
            assert not rough.take(sent[number // 2]).fires
        if happens.is_killed:
            rough.state = state_from_json(json.loads(json.dumps(state_to_json(rough.state))))
        assert rough.state == calm.state
    assert rough.events == calm.events


@SETTINGS
@given(SERIES, CONFIRMATIONS, st.sets(st.integers(0, 60)))
def test_r17_a_restart_delays_a_firing_and_never_makes_one(
    steps: list[float], confirmation: Confirmation, kills: set[int]
) -> None:
    calm, killed = Watch.of(Rule(StopLoss(0.02), confirmation)), Watch.of(Rule(StopLoss(0.02), confirmation))
    fired = False
    for number, index in enumerate(indexes(steps)):
        if number in kills:
            killed.state = epochs.started(state_from_json(state_to_json(killed.state)))
        fired |= calm.see(index).fires
        fires = killed.see(index).fires
        assert not (fires and number in kills)
        assert not fires or fired


@SETTINGS
@given(st.floats(0.5, 2), st.integers(2, 20), st.integers(2, 20), TRAILING, CONFIRMATIONS)
def test_r8_a_wick_of_one_tick_fires_nothing_up_or_down(
    wick: float, before: int, after: int, rule: TrailingStop, confirmation: Confirmation
) -> None:
    """However tight the stop, and whatever the confirmation: two ticks at least."""
    confirmation = Confirmation(max(2, confirmation.ticks), confirmation.seconds)
    watch = Watch.of(Rule(rule, confirmation))
    assert not any(watch.fires([100.0] * before + [100.0 * wick] + [100.0] * after))
    other = Watch.of(Rule(StopLoss(0.001), confirmation))
    assert not any(other.fires([100.0] * before + [100.0 * wick] + [100.0] * after))


@SETTINGS
@given(SERIES, st.sets(st.integers(0, 60)), TRAILING)
def test_r4_messages_that_tell_nothing_change_neither_peak_nor_start_nor_arm(
    steps: list[float], blind: set[int], rule: TrailingStop
) -> None:
    watch = Watch.of(Rule(rule), Rule(TakeProfit(0.1)))
    for number, index in enumerate(indexes(steps)):
        before = watch.state
        if number not in blind:
            watch.see(index)
            continue
        said = watch.see(index * 3, is_fresh=False)
        assert (said.fires, said.verdict.stage) == (False, Stage.NO_DATA)
        assert said.state == replace(before, seen=said.state.seen)


@SETTINGS
@given(SERIES, st.floats(0.01, 100), st.integers(1, 40), TRAILING, CONFIRMATIONS)
def test_r7_money_that_comes_or_goes_changes_no_decision(
    steps: list[float], size: float, at: int, rule: TrailingStop, confirmation: Confirmation
) -> None:
    """Undecided flows are waited for; here one is decided with the poll that found it."""
    calm, moved = Watch.of(Rule(rule, confirmation)), Watch.of(Rule(rule, confirmation))
    for number, index in enumerate(indexes(steps)):
        is_after = number >= at
        expected = calm.see(index)
        said = moved.see(
            index, factor=10 * size if is_after else 10.0, flows_version=1 + is_after, assets_at=T + is_after * LIVE
        )
        if abs(size - 1) > 0.7:  # smaller ones may be taken for a move of the market: see test_settling.py
            assert said.fires is expected.fires
            assert (moved.state.start, moved.state.peak) == (calm.state.start, calm.state.peak)


@SETTINGS
@given(SERIES, st.lists(st.integers(1, 2000), min_size=62, max_size=62))
def test_r17_clock_jumps_never_fire_on_what_was_not_seen_to_last(steps: list[float], gaps: list[int]) -> None:
    """Messages any time apart: each of the confirming looks came within the pause of the one before."""
    watch = Watch.of(Rule(StopLoss(0.02), Confirmation(3, 15)))
    at, looks = T, [T]
    for number, (index, gap) in enumerate(zip(indexes(steps), gaps, strict=False), 1):
        at += timedelta(seconds=gap)
        looks.append(at)
        if watch.take(snapshot(index, number, at=at)).fires:
            assert all(later - earlier <= timedelta(seconds=30) for earlier, later in pairwise(looks[-3:]))
            return
