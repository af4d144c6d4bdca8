"""R16: a state comes back from the database as the very same, and nothing else is taken for one."""

import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.logic.state import Money, PairSeen, Phase, Polled, Readings, RuleState, Seen, State
from controller.logic.state_json import state_from_json, state_to_json
from cryptwire.domain.hopper import Asset
from cryptwire.domain.rule_set import PairChange, TrailingStop
from cryptwire.errors import Corrupt
from tests.rule_sets import PAIRS
from tests.unit.controller.logic.builders import BTC, LIVE, T, Watch, pair

_NUMBERS = st.floats(1e-300, 1e300)
_WHOLES = st.integers(1, 2**53)
_INSTANTS = st.integers(0, 4_000_000_000_000_000).map(
    lambda us: datetime.fromtimestamp(0, UTC) + timedelta(microseconds=us)
)
_READINGS = st.builds(Readings, st.lists(_NUMBERS, max_size=2).map(tuple), st.none() | _NUMBERS)
_RULES = st.builds(
    RuleState, st.booleans(), st.booleans(), st.integers(0, 1000), st.none() | _INSTANTS, st.none() | _INSTANTS
)
STATES = st.builds(
    State,
    version=_WHOLES,
    epoch=_WHOLES,
    phase=st.sampled_from(Phase),
    rules=st.lists(_RULES, min_size=1, max_size=4).map(tuple),
    told_at=_INSTANTS,
    must_look=st.booleans(),
    is_silent=st.booleans(),
    base=st.none() | st.just(Asset("USDT")),
    start=st.none() | _NUMBERS,
    peak=st.none() | _NUMBERS,
    until=st.none() | _INSTANTS,
    fired_index=st.none() | _NUMBERS,
    seen=st.none() | st.builds(Seen, st.text(max_size=5), _WHOLES, _INSTANTS),
    ticked_at=st.none() | _INSTANTS,
    looked_at=st.none() | _INSTANTS,
    readings=_READINGS,
    money=st.none() | st.builds(Money, _NUMBERS, _NUMBERS, _WHOLES, _NUMBERS),
    polled=st.none() | st.builds(Polled, _INSTANTS, _NUMBERS, st.none() | st.integers(0, 9), st.booleans()),
    pairs=st.dictionaries(PAIRS, st.builds(PairSeen, _INSTANTS, st.none() | _INSTANTS, _READINGS), max_size=3),
)


@settings(deadline=None)
@given(STATES)
def test_r16_a_state_comes_back_as_the_very_same(state: State) -> None:
    value = json.loads(json.dumps(state_to_json(state)))
    assert state_from_json(value) == state
    assert state_to_json(state_from_json(value)) == value


@settings(deadline=None)
@given(STATES, STATES, st.sets(st.sampled_from([each.name for each in fields(State)])))
def test_another_state_is_what_replace_would_make(state: State, other: State, names: set[str]) -> None:
    before, changes = replace(state), {name: getattr(other, name) for name in names}
    made = state.but(**changes)
    assert made == replace(state, **changes)
    assert state == before
    with pytest.raises(FrozenInstanceError):
        made.peak = 1.0  # type: ignore[misc]


def written() -> dict[str, Any]:
    watch = Watch.of(TrailingStop(0.1, 0.05), PairChange(BTC, -0.05, 60))
    for number in (1, 2, 3):
        watch.see(100, pair(50_000, T + number * LIVE, {"change(minutes=60)": 0.0}))
    value: dict[str, Any] = json.loads(json.dumps(state_to_json(watch.state)))
    return value


def test_its_form_is_names_and_plain_values() -> None:
    value = written()
    assert state_from_json(value).phase is Phase.WATCHING
    assert value["phase"] == "watching"
    assert value["told_at"] == "2026-03-02T12:00:06+00:00"
    assert value["seen"] == {"session": "s", "sequence": 3, "at": "2026-03-02T12:00:06+00:00"}
    assert value["pairs"] == [
        [
            *("binance", "BTC", "USDT"),
            {
                "at": "2026-03-02T12:00:06+00:00",
                "price_at": "2026-03-02T12:00:06+00:00",
                "readings": {"counted": [50_000, 50_000], "doubted": None},
            },
        ]
    ]


@pytest.mark.parametrize(
    "harm",
    [
        lambda value: value.pop("peak"),
        lambda value: value.update(more=1),
        lambda value: value.update(phase="sleeping"),
        lambda value: value.update(version="1"),
        lambda value: value.update(version=True),
        lambda value: value.update(epoch=1.5),
        lambda value: value.update(rules={}),
        lambda value: value["rules"][0].pop("ticks"),
        lambda value: value["rules"][0].update(ticks=None),
        lambda value: value["rules"][0].update(is_armed=1),
        lambda value: value["rules"][0].update(since="2026-03-02T12:00:06"),
        lambda value: value["rules"][0].update(since="yesterday"),
        lambda value: value.update(told_at=None),
        lambda value: value.update(must_look="yes"),
        lambda value: value.update(start=float("nan")),
        lambda value: value.update(start=float("inf")),
        lambda value: value.update(start=0),
        lambda value: value.update(peak=-1.0),
        lambda value: value.update(peak="100"),
        lambda value: value.update(peak=True),
        lambda value: value.update(peak=10**400),
        lambda value: value.update(base=3),
        lambda value: value["seen"].update(session=3),
        lambda value: value["readings"].update(counted=[None]),
        lambda value: value["money"].update(jump=None),
        lambda value: value["polled"].update(settling="1"),
        lambda value: value["pairs"][0].pop(),
        lambda value: value["pairs"][0].__setitem__(0, None),
        lambda value: value["pairs"][0][3].pop("readings"),
    ],
)
def test_anything_else_is_set_aside(harm: Callable[[dict[str, Any]], object]) -> None:
    value = written()
    harm(value)
    with pytest.raises(Corrupt, match="the state of a rule set cannot be read"):
        state_from_json(value)


@pytest.mark.parametrize("value", [None, [], "state", 3, {}])
def test_what_is_no_state_at_all_is_set_aside(value: object) -> None:
    with pytest.raises(Corrupt):
        state_from_json(value)


def test_whole_numbers_are_numbers_too() -> None:
    value = written()
    value.update(start=100, peak=101)
    state = state_from_json(value)
    assert (state.start, state.peak) == (100.0, 101.0)
    assert isinstance(state.start, float)


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda value: value.update(more=1), "State has other fields"),
        (lambda value: value["rules"][0].pop("ticks"), "RuleState has other fields"),
        (lambda value: value["seen"].pop("at"), "Seen has other fields"),
        (lambda value: value["readings"].pop("doubted"), "Readings has other fields"),
        (lambda value: value["money"].pop("jump"), "Money has other fields"),
        (lambda value: value["polled"].pop("settling"), "Polled has other fields"),
        (lambda value: value["pairs"][0][3].pop("at"), "PairSeen has other fields"),
        (lambda value: value.update(version=True), "true is no number"),
        (lambda value: value.update(start=-1.5), "-1.5 is no index, balance, price or factor"),
        (lambda value: value.update(told_at="2026-03-02T12:00:06"), "an instant has no zone"),
        (lambda value: value.update(base=3), "a str is wanted"),
    ],
)
def test_it_says_what_is_wrong_with_it(harm: Callable[[dict[str, Any]], object], says: str) -> None:
    value = written()
    harm(value)
    with pytest.raises(Corrupt) as refused:
        state_from_json(value)
    assert str(refused.value) == f"the state of a rule set cannot be read: {says}"
