"""R20: where upstream is not as a rule set believes, seen twice before it is an alarm, told once and its end once."""

from dataclasses import replace

import pytest

from controller.logic.mismatches import Looks, Mismatch, looked, mismatches
from controller.logic.requests import Seen
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, LinkedHopper, UserId
from cryptwire.domain.rule_set import Action, Notify, RuleSetBody, SellPositions, StopLoss, Which
from tests.unit.controller.logic.builders import body, snapshot
from tests.unit.controller.logic.played_hopper import MINUTE, START, position

SHOT = snapshot(100, positions=2)
HOPPER = Hopper(HopperId("7"), UserId("u1"), "Main", Exchange("binance"), Asset("USDT"), False, MINUTE)
SEEN = Seen(START, LinkedHopper(HOPPER, True, "pro", None, None), (position("1"), position("2")))
SELLS = body(StopLoss(0.1))
TELLS = body(StopLoss(0.1), then=(Action(Notify("x")),))
ONE, OTHER = Mismatch.POSITIONS, Mismatch.ERROR


def test_r20_what_is_the_same_is_no_mismatch() -> None:
    assert mismatches(SELLS, SEEN, SHOT) == {}
    assert mismatches(SELLS, replace(SEEN, positions=()), None) == {}


@pytest.mark.parametrize("deed", [SELLS, body(StopLoss(0.1), then=(Action(SellPositions(Which.LOSING)),))])
def test_r20_a_hopper_that_is_off_matters_to_who_sells(deed: RuleSetBody) -> None:
    off = replace(SEEN, hopper=replace(SEEN.hopper, is_enabled=False))
    assert mismatches(deed, off, SHOT) == {Mismatch.DISABLED: "the hopper is disabled: nothing would be sold"}
    assert mismatches(TELLS, off, SHOT) == {}


def test_r20_each_difference_is_said_in_words() -> None:
    linked = replace(SEEN.hopper, error="locked", hopper=replace(SEEN.hopper.hopper, base=Asset("BTC")))
    assert mismatches(TELLS, replace(SEEN, hopper=linked, positions=None), SHOT) == {
        Mismatch.POSITIONS: "upstream shows 0 positions, the rule was told of 2",
        Mismatch.BASE: "upstream's base currency is BTC, the rule counts in USDT",
        Mismatch.ERROR: "upstream reports an error of the hopper",
    }


def course(*looks: set[Mismatch], epochs: tuple[int, ...] = ()) -> list[tuple[set[Mismatch], set[Mismatch]]]:
    state, heard = Looks(), []
    for number, found in enumerate(looks):
        state, alarms, over = looked(state, epochs[number] if epochs else 1, dict.fromkeys(found, "x"))
        heard.append((alarms, over))
    return heard


NONE: tuple[set[Mismatch], set[Mismatch]] = (set(), set())


def test_r20_two_looks_in_a_row_make_an_alarm_and_two_its_end_each_once() -> None:
    assert course({ONE}, {ONE}, {ONE}) == [NONE, ({ONE}, set()), NONE]
    assert course({ONE}, set(), {ONE}, set()) == [NONE] * 4
    assert course({ONE}, {ONE}, set(), {ONE}, set(), set(), set()) == [
        NONE, ({ONE}, set()), NONE, NONE, NONE, (set(), {ONE}), NONE,
    ]  # fmt: skip
    assert course({ONE}, {ONE}, set(), set(), {ONE}, {ONE}, set(), set())[4:] == [NONE] * 4
    assert course({ONE}, {ONE, OTHER}, {OTHER}, set(), set()) == [
        NONE, ({ONE}, set()), ({OTHER}, set()), (set(), {ONE}), (set(), {OTHER}),
    ]  # fmt: skip


def test_r20_another_epoch_begins_anew() -> None:
    assert course({ONE}, {ONE}, {ONE}, {ONE}, epochs=(1, 2, 2, 3)) == [NONE, NONE, ({ONE}, set()), NONE]
    assert course({ONE}, {ONE}, set(), set(), epochs=(1, 1, 2, 2))[2:] == [NONE, NONE]


def test_r20_it_is_unsure_until_what_was_seen_is_told() -> None:
    state, _, _ = looked(Looks(), 1, {ONE: "x"})
    assert state.is_unsure
    state, _, _ = looked(state, 1, {ONE: "x"})
    assert not state.is_unsure
    assert not looked(state, 1, {})[0].is_unsure
