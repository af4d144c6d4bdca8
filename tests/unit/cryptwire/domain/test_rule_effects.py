"""Rule sets that would undo what each other does are told apart from those that go together."""

import pytest

from cryptwire.codec.rule_set import body_from_json
from cryptwire.domain.rule_effects import is_destructive, opposing
from cryptwire.domain.rule_set import RuleSetBody

OFF, ON = {"action": "turn", "what": "buying", "on": False}, {"action": "turn", "what": "buying", "on": True}
SELL_ALL, SELL_LOSING = {"action": "sell", "which": "all"}, {"action": "sell", "which": "losing"}


def body(*then: dict[str, object]) -> RuleSetBody:
    when = [{"rule": "stop-loss", "loss": 0.1}]
    return body_from_json({"name": "x", "when": when, "then": list(then)})


@pytest.mark.parametrize(
    ("one", "other", "is_opposing"),
    [
        ([OFF], [ON], True),
        ([OFF], [OFF], False),
        ([SELL_ALL], [ON], True),
        ([{"action": "panic-sell"}], [ON], True),
        ([SELL_LOSING], [ON], False),
        ([OFF, {"action": "wait", "seconds": 5}, ON], [{"action": "cancel-orders"}], False),
        ([OFF, {"action": "wait", "seconds": 5}, ON], [ON], True),
        ([OFF, {"action": "wait", "seconds": 5}, ON], [OFF], True),
        ([{"action": "turn", "what": "hopper", "on": False}], [ON], False),
        ([{"action": "config", "fields": {"a": "1"}}], [{"action": "config", "fields": {"a": "2"}}], True),
        ([{"action": "config", "fields": {"a": "1"}}], [{"action": "config", "fields": {"a": "1", "b": "2"}}], False),
        ([{"action": "notify", "text": "x"}], [{"action": "restore"}], False),
    ],
)
def test_what_opposes_what(one: list[dict[str, object]], other: list[dict[str, object]], is_opposing: bool) -> None:
    harmless = body({"action": "notify", "text": "x"})
    assert (opposing(body(*one), [harmless, body(*other)]) is not None) is is_opposing
    assert (opposing(body(*other), [body(*one)]) is not None) is is_opposing
    assert opposing(body(*one), []) is None


@pytest.mark.parametrize(
    ("then", "is_so"),
    [
        (SELL_LOSING, True),
        ({"action": "panic-sell"}, True),
        ({"action": "turn", "what": "hopper", "on": False}, True),
        ({"action": "turn", "what": "hopper", "on": True}, False),
        (OFF, False),
        ({"action": "cancel-orders"}, False),
    ],
)
def test_what_must_be_typed_for(then: dict[str, object], is_so: bool) -> None:
    assert is_destructive(body(then)) is is_so
