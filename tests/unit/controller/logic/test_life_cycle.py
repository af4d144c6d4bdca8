"""A rule set through its life, whatever is done to it: a model beside the real one."""

import json

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from controller.logic import epochs
from controller.logic.evaluation import evaluate
from controller.logic.state import Phase, State
from controller.logic.state_json import state_from_json, state_to_json
from controller.logic.verdict import Event, EventKind
from cryptwire.domain.hopper import Asset
from cryptwire.domain.rule_set import After, Again, Once, Recovery, RuleSet, StopLoss
from tests.unit.controller.logic.builders import LIVE, T, inputs, rule_set, snapshot

LOSS = 0.1
AGAIN: list[Again] = [Once(), After(1), Recovery(0.05, 1)]
CURRENCIES = [Asset("USDT"), Asset("BTC")]


class Life(RuleBasedStateMachine):
    """Values move by less than a twentieth a tick; a rule fires with the first tick that finds it true.

    The model knows phase, epoch, start, and which epochs fired.
    """

    said: RuleSet
    state: State

    @initialize(again=st.sampled_from(AGAIN))
    def arm(self, again: Again) -> None:
        self.said = rule_set(StopLoss(LOSS), again=again)
        self.number, self.now, self.index, self.base = 0, T, 100.0, CURRENCIES[0]
        self.state, events = epochs.begin(self.said, 1, self.now)
        self.phase, self.epoch, self.start, self.fired = Phase.WATCHING, 1, None, set[tuple[int, int]]()
        self.resets, self.readings = 0, 0
        self.take(events)

    start: float | None

    def take(self, events: tuple[Event, ...]) -> None:
        self.resets += sum(event.kind is EventKind.EPOCH for event in events)

    def begin(self) -> None:
        self.phase, self.epoch, self.start = Phase.WATCHING, self.epoch + 1, None

    @rule(step=st.floats(0.955, 1.045), seconds=st.sampled_from([2, 2, 2, 20, 45]))
    def message(self, step: float, seconds: int) -> None:
        self.index *= step
        self.number += 1
        self.now += LIVE * (seconds // 2)
        shot = snapshot(self.index, self.number, at=self.now, base=self.base)
        told = evaluate(self.said, self.state, inputs(shot))
        self.state = told.state
        self.take(told.events)
        self.readings += 1
        if self.readings == 1:
            assert not told.fires
            return
        if self.phase is Phase.COOLING and self.state.phase is Phase.WATCHING:
            self.begin()
        if self.phase is Phase.RECOVERING and self.state.phase is Phase.WATCHING:
            assert isinstance(self.said.body.again, Recovery)
            self.begin()
        if self.phase is Phase.WATCHING and self.start is None:
            self.start = self.index
            assert not told.fires
            return
        if told.fires:
            assert self.phase is Phase.WATCHING
            assert self.start is not None
            assert self.index <= self.start * (1 - LOSS)
            assert (self.state.version, self.state.epoch) not in self.fired
            self.fired.add((self.state.version, self.state.epoch))
            self.phase = Phase.FIRED

    @rule(stale=st.booleans())
    def nothing_told(self, stale: bool) -> None:
        self.number += 1
        self.now += LIVE
        shot = snapshot(
            self.index / 2, self.number, at=self.now, base=self.base, is_fresh=not stale, unpriced_share=0.5
        )
        told = evaluate(self.said, self.state, inputs(shot))
        assert not told.fires
        self.state = told.state

    @rule()
    def told_again(self) -> None:
        if self.number:
            told = evaluate(self.said, self.state, inputs(snapshot(1.0, self.number, at=self.now, base=self.base)))
            assert told.state == self.state
            assert not told.fires

    @rule()
    def killed(self) -> None:
        self.state = epochs.started(state_from_json(json.loads(json.dumps(state_to_json(self.state)))))

    @precondition(lambda self: self.phase is Phase.FIRED)
    @rule(is_done=st.booleans())
    def actions_over(self, is_done: bool) -> None:
        self.state, events = epochs.fired_ended(self.state, self.said, self.now, is_done)
        assert len(events) == 1
        if not is_done:
            self.phase = Phase.REVIEW
        else:
            after = {Once: Phase.OVER, After: Phase.COOLING, Recovery: Phase.RECOVERING}
            self.phase = after[type(self.said.body.again)]

    @precondition(lambda self: self.phase is not Phase.FIRED)
    @rule(is_done=st.booleans())
    def told_of_an_end_again(self, is_done: bool) -> None:
        assert epochs.fired_ended(self.state, self.said, self.now, is_done) == (self.state, ())

    @rule(again=st.sampled_from(AGAIN))
    def edit(self, again: Again) -> None:
        self.said = rule_set(StopLoss(LOSS), again=again, version=self.said.version + 1)
        self.state, events = epochs.edited(self.state, self.said, self.now)
        self.take(events)
        is_fired = self.phase is Phase.FIRED
        self.begin()
        if is_fired:
            self.phase = Phase.FIRED

    @rule()
    def resume(self) -> None:
        self.state, events = epochs.resumed(self.state, self.now)
        self.take(events)
        if self.phase is not Phase.FIRED:
            self.begin()

    @rule()
    def another_currency(self) -> None:
        self.base = CURRENCIES[1 - CURRENCIES.index(self.base)]
        self.index *= 1000 if self.base == "USDT" else 0.001
        first = self.state.base is not None
        self.number += 1
        self.now += LIVE
        told = evaluate(self.said, self.state, inputs(snapshot(self.index, self.number, at=self.now, base=self.base)))
        assert not told.fires
        self.state = told.state
        self.take(told.events)
        self.readings = 1
        if first and self.phase is Phase.WATCHING:
            self.begin()

    @invariant()
    def the_model_and_the_real_one_agree(self) -> None:
        assert (self.state.phase, self.state.epoch, self.state.version) == (self.phase, self.epoch, self.said.version)
        if self.phase is Phase.WATCHING:
            assert self.state.start == self.start

    @invariant()
    def each_reset_is_one_event(self) -> None:
        assert self.resets == self.state.epoch


Life.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestLife = pytest.mark.slow(Life.TestCase)
