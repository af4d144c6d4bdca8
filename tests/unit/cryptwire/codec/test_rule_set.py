"""Rule sets as JSON: what is written is read as the same, what is wrong is named by its path."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cryptwire.codec.rule_set import action_from_json, action_to_json, body_from_json, body_to_json, schema
from cryptwire.domain.rule_set import Action, Confirmation, Once, PanicSell, Rule, RuleSetBody, TrailingStop
from cryptwire.errors import Invalid
from tests.rule_sets import ACTIONS, BODIES

Json = dict[str, Any]
STOP = {"rule": "stop-loss", "loss": 0.1}
RSI = {"figure": "rsi(length=14)@60"}
RULES_PAGE = Path(__file__).parents[4] / "docs" / "rules.md"
SLOW = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def written(**changes: object) -> Json:
    return {"name": "guard", "when": [STOP], "then": [{"action": "panic-sell"}], **changes}


@SLOW
@given(BODIES)
def test_every_body_is_read_as_it_was_written_and_the_schema_agrees(body: RuleSetBody) -> None:
    value = json.loads(json.dumps(body_to_json(body)))
    assert body_from_json(value) == body
    assert body_to_json(body_from_json(value)) == value
    assert Draft202012Validator(schema()).is_valid(value)


@settings(deadline=None)
@given(ACTIONS)
def test_every_action_is_read_as_it_was_written(action: Action) -> None:
    assert action_from_json(json.loads(json.dumps(action_to_json(action)))) == action


def test_what_is_left_out_is_usual() -> None:
    value = written(when=[{"rule": "trailing-stop", "arm_at": 0.1, "trail": 0.05}])
    body = body_from_json(value)
    assert body.when.rules == (Rule(TrailingStop(0.1, 0.05), Confirmation(3, 15)),)
    assert body.then == (Action(PanicSell(is_market=True), may_fail=False),)
    assert body.again == Once()
    assert body_to_json(body) == {
        "name": "guard",
        "when": [{"rule": "trailing-stop", "arm_at": 0.1, "trail": 0.05, "confirm": {"ticks": 3, "seconds": 15}}],
        "then": [{"action": "panic-sell", "market": True, "may_fail": False}],
        "again": {"policy": "once"},
    }


def test_whole_numbers_and_fractions_are_what_their_field_is() -> None:
    value = written(
        when=[
            {"rule": "take-profit", "profit": 1, "confirm": {"ticks": 2.0, "seconds": 5}},
            {"rule": "positions", "is": "above", "count": 3.0},
        ]
    )
    first, second = body_to_json(body_from_json(value))["when"]
    assert json.dumps([first["profit"], first["confirm"]]) == '[1.0, {"ticks": 2, "seconds": 5.0}]'
    assert json.dumps(second["count"]) == "3"


@pytest.mark.parametrize(
    ("changes", "path", "says"),
    [
        ({"name": ""}, "$.name", "at least 1"),
        ({"name": "a\nb"}, "$", "printable"),
        ({"name": "x" * 81}, "$.name", "at most 80"),
        ({"name": 3}, "$.name", "is a string"),
        ({"more": 1}, "$", "does not know 'more'; it has name, when, then, again"),
        ({"when": []}, "$.when", "at least 1"),
        ({"when": STOP}, "$.when", "is an array"),
        ({"when": [3]}, "$.when[0]", "is an object"),
        ({"when": [STOP] * 21}, "$.when", "at most 20"),
        ({"when": [{"any": [STOP] * 11}, {"all": [STOP] * 11}]}, "$", "1 to 20 rules"),
        ({"when": [{}]}, "$.when[0]", "needs rule"),
        ({"when": [STOP, {"rule": "hope"}]}, "$.when[1].rule", "is one of trailing-stop, stop-loss"),
        ({"when": [{"rule": "stop-loss"}]}, "$.when[0]", "needs loss"),
        ({"when": [{**STOP, "trail": 1}]}, "$.when[0]", "does not know 'trail'"),
        ({"when": [{**STOP, "loss": "10 %"}]}, "$.when[0].loss", "is a number"),
        ({"when": [{**STOP, "loss": True}]}, "$.when[0].loss", "is a number"),
        ({"when": [{**STOP, "loss": 5}]}, "$.when[0].loss", "at most 0.99"),
        ({"when": [{**STOP, "loss": 10**400}]}, "$.when[0].loss", "at most 0.99"),
        ({"when": [{**STOP, "loss": float("nan")}]}, "$.when[0]", "loss is 0.001 to 0.99"),
        ({"when": [{**STOP, "confirm": {"ticks": 0}}]}, "$.when[0].confirm.ticks", "at least 1"),
        ({"when": [{**STOP, "confirm": {"ticks": 1.5}}]}, "$.when[0].confirm.ticks", "is an integer"),
        ({"when": [{**STOP, "confirm": {"tick": 1}}]}, "$.when[0].confirm", "does not know 'tick'"),
        ({"when": [{"not": STOP, "any": [STOP]}]}, "$.when[0]", "does not know 'any'; it has not"),
        ({"when": [{"any": [STOP, {"not": {"rule": "time"}}]}]}, "$.when[0].any[1].not", "needs from, until"),
        (
            {"when": [{"rule": "time", "from": "24:00", "until": "06:00"}]},
            "$.when[0].from",
            "as 22:00",
        ),
        (
            {"when": [STOP, {"rule": "time", "from": "1:00", "until": "06:00"}]},
            "$.when[1].from",
            "as 22:00",
        ),
        (
            {"when": [STOP, {"rule": "time", "from": "01:00", "until": "06:00", "days": ["mon", "mon"]}]},
            "$.when[1].days",
            "each one once",
        ),
        (
            {"when": [{"rule": "pair-change", "pair": "binance:btc/usdt", "change": -0.05, "minutes": 60}]},
            "$.when[0].pair",
            "as binance:BTC/USDT",
        ),
        (
            {"when": [{"rule": "pair-change", "pair": "binance:BTC/USDT\n", "change": -0.05, "minutes": 60}]},
            "$.when[0]",
            "no pair",
        ),
        (
            {"when": [{"rule": "pair-change", "pair": "binance:BTC/USDT", "change": -1, "minutes": 60}]},
            "$.when[0].change",
            "more than -1",
        ),
        (
            {"when": [{"rule": "pair-change", "pair": "binance:BTC/USDT", "change": 0.0001, "minutes": 60}]},
            "$.when[0]",
            "at least 0.001",
        ),
        ({"when": [{"rule": "compare", "left": RSI, "is": "near", "right": 30}]}, "$.when[0].is", "is one of above"),
        ({"when": [{"rule": "compare", "left": RSI, "is": "above", "right": {}}]}, "$.when[0].right", "needs figure"),
        ({"when": [{"rule": "compare", "left": RSI, "is": "above", "right": RSI}]}, "$.when[0]", "with itself"),
        ({"when": [{"rule": "compare", "left": RSI, "is": "above", "right": 1e16}]}, "$.when[0].right", "at most"),
        (
            {"when": [{"rule": "compare", "left": {"figure": "rsi"}, "is": "above", "right": 1}]},
            "$.when[0]",
            "resolution",
        ),
        (
            {"when": [{"rule": "compare", "left": {"figure": "price"}, "is": "above", "right": 1}]},
            "$.when[0]",
            "price is no figure of a hopper",
        ),
        ({"when": [{"rule": "time", "from": "01:00", "until": "06:00"}]}, "$", "a calendar"),
        ({"then": []}, "$.then", "at least 1"),
        ({"then": [{"action": "buy"}]}, "$.then[0].action", "is one of panic-sell"),
        ({"then": [{"action": "sell", "which": "coins"}]}, "$.then[0]", "coins are named"),
        ({"then": [{"action": "sell", "which": "coins", "coins": ["btc"]}]}, "$.then[0].coins[0]", "in capitals"),
        ({"then": [{"action": "turn", "what": "buying", "on": "no"}]}, "$.then[0].on", "is a boolean"),
        ({"then": [{"action": "config", "fields": {}}]}, "$.then[0].fields", "at least 1"),
        ({"then": [{"action": "config", "fields": {"a": 1}}]}, "$.then[0].fields.a", "is a string"),
        ({"then": [{"action": "wait", "seconds": 0}]}, "$.then[0].seconds", "at least 1"),
        ({"then": [{"action": "notify", "text": "\0"}]}, "$.then[0]", "printable"),
        ({"again": {"policy": "after"}}, "$.again", "needs minutes"),
        ({"again": {"policy": "never"}}, "$.again.policy", "is one of once, after, recovery"),
        ({"again": {"policy": "recovery", "rise": float("nan"), "minutes": 1}}, "$.again", "rise is"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(changes: Json, path: str, says: str) -> None:
    with pytest.raises(Invalid) as refused:
        body_from_json(written(**changes))
    where, _, what = str(refused.value).partition(": ")
    assert (where, says in what) == (path, True), str(refused.value)


@pytest.mark.parametrize("value", [None, 3, "x", [], [written()], {}])
def test_what_is_no_rule_set_at_all_is_refused(value: object) -> None:
    with pytest.raises(Invalid, match=r"^\$: "):
        body_from_json(value)


@pytest.mark.parametrize("depth", [4, 5, 12, 5_000])
def test_groups_stand_four_deep_and_no_depth_breaks_the_parser(depth: int) -> None:
    node: Json = STOP
    for _ in range(depth):
        node = {"not": node}
    with pytest.raises(Invalid, match="deep"):
        body_from_json(written(when=[node]))


def test_no_length_keeps_the_parser_busy() -> None:
    with pytest.raises(Invalid, match="too long"):
        body_from_json(written(then=[{"action": "config", "fields": {str(n): "x" for n in range(6_000)}}]))


_ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["rule", "not", "any", "all", "action", "policy", "loss", "confirm", "name"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=8,
)


@SLOW
@given(st.dictionaries(st.sampled_from(["name", "when", "then", "again"]), _ANY))
def test_anything_else_is_refused_and_nothing_breaks(changes: Json) -> None:
    said = _refusal(written(**changes))
    assert said == "" or said.startswith("$")
    assert len(said) < 600


def _refusal(value: object) -> str:
    try:
        body_from_json(value)
    except Invalid as error:
        return str(error)
    return ""


def test_the_examples_of_the_page_are_rule_sets_and_name_all_there_is() -> None:
    blocks = re.findall(r"```json\n(.*?)```", RULES_PAGE.read_text(encoding="utf-8"), re.DOTALL)
    examples = [json.loads(block) for block in blocks]
    assert len(examples) >= 3
    for example in examples:
        body_from_json(example)
    text = json.dumps(examples)
    definitions = schema()["$defs"]
    for name in (
        *definitions["rule"]["properties"]["rule"]["enum"],
        *definitions["action"]["properties"]["action"]["enum"],
    ):
        assert f'"{name}"' in text
