"""R11, R16: how far an intent came is kept as plain JSON and comes back as the same; anything else is set aside."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.logic.progress import Ended, Phase, Progress, Result, from_json, request_to_json, to_json
from controller.logic.requests import Call, Noted, Request
from cryptwire.errors import Corrupt

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
REQUEST = Request(Call.SELL, ("1", "2"), ("BTC", "ETH"), ("9",), is_on=True, is_market=False, changes={"a": "5"})
FULL = Progress(
    deed=1,
    part=2,
    phase=Phase.VERIFY,
    number=3,
    attempts=4,
    request=REQUEST,
    asked_at=AT,
    is_unknown=True,
    patience=61.5,
    deadline=AT + MINUTE,
    pause_until=AT + 2 * MINUTE,
    stalled_since=AT + 3 * MINUTE,
    stalls=5,
    has_effect=True,
    noted={"buying": Noted("1", "0"), "config.a": Noted("4", "5")},
    results=(Ended(Result.DONE), Ended(Result.FAILED, "the hopper is disabled")),
    alarms=("rule-delayed", "buying-not-off"),
)
WRITTEN: dict[str, Any] = {
    "deed": 1,
    "part": 2,
    "phase": "verify",
    "number": 3,
    "attempts": 4,
    "request": {
        "call": "SellPositions",
        "ids": ["1", "2"],
        "coins": ["BTC", "ETH"],
        "orders_before": ["9"],
        "is_on": True,
        "is_market": False,
        "changes": {"a": "5"},
    },
    "asked_at": "2026-03-02T12:00:00+00:00",
    "is_unknown": True,
    "patience": 61.5,
    "deadline": "2026-03-02T12:01:00+00:00",
    "pause_until": "2026-03-02T12:02:00+00:00",
    "stalled_since": "2026-03-02T12:03:00+00:00",
    "stalls": 5,
    "has_effect": True,
    "noted": [["buying", "1", "0"], ["config.a", "4", "5"]],
    "results": [["done", ""], ["failed", "the hopper is disabled"]],
    "alarms": ["rule-delayed", "buying-not-off"],
}
EMPTY: dict[str, Any] = {
    "deed": 0,
    "part": 0,
    "phase": "prepare",
    "number": 0,
    "attempts": 0,
    "request": None,
    "asked_at": None,
    "is_unknown": False,
    "patience": 0.0,
    "deadline": None,
    "pause_until": None,
    "stalled_since": None,
    "stalls": 0,
    "has_effect": False,
    "noted": [],
    "results": [],
    "alarms": [],
}


@pytest.mark.parametrize(("progress", "written"), [(FULL, WRITTEN), (Progress(), EMPTY)], ids=["full", "empty"])
def test_what_is_kept_are_names_and_plain_values(progress: Progress, written: Mapping[str, Any]) -> None:
    """Intents outlive a release: what an older one wrote must still be read, so the form is fixed."""
    assert to_json(progress) == written
    assert from_json(json.loads(json.dumps(written))) == progress


def test_a_request_is_written_for_the_audit_in_the_gateways_words() -> None:
    assert request_to_json(REQUEST) == WRITTEN["request"]


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("call", Call)
def test_every_phase_and_call_comes_back(phase: Phase, call: Call) -> None:
    progress = Progress(phase=phase, request=Request(call))
    assert from_json(to_json(progress)) == progress


@pytest.mark.parametrize("result", Result)
def test_every_end_comes_back(result: Result) -> None:
    progress = Progress(results=(Ended(result, "why"),))
    assert from_json(to_json(progress)) == progress


def test_order_is_kept_since_what_is_restored_goes_by_it() -> None:
    noted = {"selling": Noted("1", "0"), "buying": Noted("1", "0"), "hopper": Noted("1", "0")}
    assert list(from_json(to_json(Progress(noted=noted))).noted) == ["selling", "buying", "hopper"]


UNREADABLE = "an intent's progress cannot be read "
NOT_WRITTEN = "an intent's progress holds what nobody wrote"


def unreadable(why: str) -> str:
    return f"{UNREADABLE}({why})"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"number": -1}, unreadable("ValueError: -1 is no count")),
        ({"stalls": 1.0}, unreadable("ValueError: 1.0 is no count")),
        ({"deed": True}, unreadable("ValueError: True is no count")),
        ({"part": "1"}, unreadable("ValueError: '1' is no count")),
        ({"attempts": None}, unreadable("ValueError: None is no count")),
        ({"is_unknown": 1}, unreadable("ValueError: 1 is neither true nor false")),
        ({"has_effect": "yes"}, unreadable("ValueError: 'yes' is neither true nor false")),
        ({"phase": "later"}, UNREADABLE + "(ValueError: "),
        ({"patience": "soon"}, UNREADABLE + "(ValueError: "),
        ({"deadline": "soon"}, UNREADABLE + "(ValueError: "),
        ({"results": [["well", ""]]}, UNREADABLE + "(ValueError: "),
        ({"request": {**WRITTEN["request"], "call": "Buy"}}, UNREADABLE + "(ValueError: "),
        ({"request": {**WRITTEN["request"], "is_on": 1}}, unreadable("ValueError: 1 is neither true nor false")),
        ({"request": {**WRITTEN["request"], "is_market": 0}}, unreadable("ValueError: 0 is neither true nor false")),
        ({"request": {}}, unreadable("KeyError: 'call'")),
        (
            {"request": {**WRITTEN["request"], "changes": []}},
            UNREADABLE + "(AttributeError: ",
        ),
        ({"asked_at": 5}, UNREADABLE + "(TypeError: "),
        ({"more": 1}, NOT_WRITTEN),
        ({"patience": "61.5"}, NOT_WRITTEN),
        ({"asked_at": "2026-03-02 12:00:00+00:00"}, NOT_WRITTEN),
        ({"noted": [["buying", 1, 0]]}, NOT_WRITTEN),
        ({"results": [["done", None]]}, NOT_WRITTEN),
        ({"alarms": [1]}, NOT_WRITTEN),
        ({"alarms": "ab"}, NOT_WRITTEN),
        ({"request": {**WRITTEN["request"], "ids": [1, 2]}}, NOT_WRITTEN),
        ({"request": {**WRITTEN["request"], "coins": "AB"}}, NOT_WRITTEN),
        ({"request": {**WRITTEN["request"], "orders_before": [9]}}, NOT_WRITTEN),
        ({"request": {**WRITTEN["request"], "changes": {"a": 5}}}, NOT_WRITTEN),
        ({"request": {**WRITTEN["request"], "more": 1}}, NOT_WRITTEN),
    ],
    ids=str,
)
def test_anything_else_is_set_aside_and_says_what_is_wrong(change: Mapping[str, Any], says: str) -> None:
    with pytest.raises(Corrupt) as refused:
        from_json({**WRITTEN, **change})
    assert str(refused.value).startswith(says)


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_no_field_may_be_missing(name: str) -> None:
    with pytest.raises(Corrupt) as refused:
        from_json({each: value for each, value in WRITTEN.items() if each != name})
    assert str(refused.value) == unreadable(f"KeyError: '{name}'")


def test_a_count_may_be_nothing() -> None:
    assert from_json({**WRITTEN, "number": 0}).number == 0


# ---- the next step ----


def test_R9_a_part_that_is_made_anew_is_read_and_planned_first_and_counts_on() -> None:
    """What was asked is forgotten, what was tried and found is not."""
    later = AT + timedelta(hours=1)
    assert FULL.prepared(pause_until=later) == replace(
        FULL, phase=Phase.PREPARE, request=None, is_unknown=False, pause_until=later
    )
    assert FULL.prepared().pause_until is None


def test_another_part_begins_without_what_the_last_one_left() -> None:
    assert FULL.at(1, 3) == Progress(
        deed=1,
        part=3,
        number=FULL.number,
        patience=FULL.patience,
        has_effect=True,
        noted=FULL.noted,
        results=FULL.results,
        alarms=FULL.alarms,
    )


def test_an_effect_is_one_of_its_action_only() -> None:
    assert FULL.at(1, 0).has_effect
    assert not FULL.at(2, 0).has_effect
    assert not replace(FULL, has_effect=False).at(1, 0).has_effect
    assert (FULL.at(2, 0).deed, FULL.at(2, 0).part) == (2, 0)


def test_what_begins_has_asked_and_noted_nothing() -> None:
    begun = Progress()
    assert begun.noted == {}
    assert (begun.phase, begun.number, begun.request, begun.results) == (Phase.PREPARE, 0, None, ())
