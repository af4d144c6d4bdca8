"""Rule sets as JSON: what API, app, database and people write.

``rule_set.schema.json`` beside this file says which form it has; what a schema cannot say (how deep, which figures
there are, what contradicts itself) the domain does. ``body_to_json`` is canonical: everything is written out, in one
order, and ``body_from_json`` of it is the same body. docs/rules.md has examples.
"""

import json
import re
from datetime import time
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema.protocols import Validator

from cryptwire.codec.checked_json import at, checker, must_fit
from cryptwire.domain.figure import figure_key
from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.rule_set import (
    Action,
    After,
    Again,
    AllOf,
    AnyOf,
    CancelOrders,
    ChangeConfig,
    Compare,
    Condition,
    Confirmation,
    Deed,
    DrawdownGuard,
    FigureOf,
    FundsUsage,
    Node,
    Not,
    Notify,
    Once,
    PairChange,
    PanicSell,
    PositionCount,
    Recovery,
    Relation,
    Restore,
    Rule,
    RuleSetBody,
    SellPositions,
    StopLoss,
    Switch,
    TakeProfit,
    TimeWindow,
    TrailingStop,
    Turn,
    Wait,
    Which,
)
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Invalid

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PAIR = re.compile(r"([a-z0-9_]{1,40}):([^\s:/]{1,30})/([^\s:/]{1,30})")
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_HINT = "groups stand four deep at most, with 20 rules in all"  # the domain counts them

Json = dict[str, Any]


def schema() -> Json:
    """The JSON schema, a copy of one's own."""
    text = files("cryptwire.codec").joinpath("rule_set.schema.json").read_text(encoding="utf-8")
    found: Json = json.loads(text)
    return found


@cache
def _validator() -> Validator:
    return checker(schema())


def body_from_json(value: object) -> RuleSetBody:
    """The body that ``value``, parsed JSON, writes down. Raises Invalid, naming the path and what to do about it."""
    must_fit(value, _validator(), _FORMS, _HINT)
    return _body(value)  # type: ignore[arg-type]  # the schema says so


def body_from_stored(value: object) -> RuleSetBody:
    """What ``body_to_json`` wrote: its form is not looked at again, which is most of the work. Raises Invalid."""
    try:
        return _body(value)  # type: ignore[arg-type]  # what it is not raises
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise Invalid(f"it is no rule set ({type(error).__name__})") from None


def _body(body: Json) -> RuleSetBody:
    when = AllOf(_nodes(body["when"], "$.when"))
    then = tuple(_action(each, f"$.then[{index}]") for index, each in enumerate(body["then"]))
    with at("$.again"):
        again = _again(body.get("again", {"policy": "once"}))
    with at("$"):
        return RuleSetBody(body["name"], when, then, again)


def body_to_json(body: RuleSetBody) -> Json:
    """The canonical form of ``body``."""
    return {
        "name": body.name,
        "when": [_node_json(each) for each in body.when.rules],
        "then": [action_to_json(each) for each in body.then],
        "again": _again_json(body.again),
    }


def action_to_json(action: Action) -> Json:
    """One action, as it stands under ``then``."""
    return {**_deed_json(action.deed), "may_fail": action.may_fail}


def action_from_json(value: object) -> Action:
    """One action, as ``action_to_json`` wrote it. Raises Invalid."""
    must_fit(value, _validator().evolve(schema=_action_schema()), _FORMS, _HINT)
    return _action(value, "$")  # type: ignore[arg-type]  # the schema says so


@cache
def _action_schema() -> Json:
    return {"$defs": schema()["$defs"], "$ref": "#/$defs/action"}


_FORMS = {
    "^([01][0-9]|2[0-3]):[0-5][0-9]$": "as 22:00",
    "^[a-z0-9_]{1,40}:[^a-z\\s:/]{1,30}/[^a-z\\s:/]{1,30}$": "as binance:BTC/USDT",
    "^[^a-z\\s:/]{1,30}$": "in capitals, as BTC",
}


# ---- rules ----


def _nodes(values: list[Json], path: str) -> tuple[Node, ...]:
    return tuple(_node(each, f"{path}[{index}]") for index, each in enumerate(values))


def _node(value: Json, path: str) -> Node:
    match value:
        case {"not": node}:
            return Not(_node(node, f"{path}.not"))
        case {"any": nodes}:
            return AnyOf(_nodes(nodes, f"{path}.any"))
        case {"all": nodes}:
            return AllOf(_nodes(nodes, f"{path}.all"))
        case _:
            with at(path):
                return Rule(_condition(value), _confirmation(value.get("confirm", {})))


def _confirmation(value: Json) -> Confirmation:
    usual = Confirmation()
    return Confirmation(int(value.get("ticks", usual.ticks)), float(value.get("seconds", usual.seconds)))


def _condition(value: Json) -> Condition:
    match value["rule"]:
        case "trailing-stop":
            return TrailingStop(float(value["arm_at"]), float(value["trail"]))
        case "stop-loss":
            return StopLoss(float(value["loss"]))
        case "take-profit":
            return TakeProfit(float(value["profit"]))
        case "drawdown":
            return DrawdownGuard(float(value["fall"]), int(value["minutes"]))
        case "compare":
            right = value["right"]
            number = _figure(right) if isinstance(right, dict) else float(right)
            return Compare(_figure(value["left"]), Relation(value["is"]), number)
        case "pair-change":
            return PairChange(_pair(value["pair"]), float(value["change"]), int(value["minutes"]))
        case "positions":
            return PositionCount(Relation(value["is"]), int(value["count"]))
        case "funds-usage":
            return FundsUsage(Relation(value["is"]), float(value["share"]))
        case _:
            days = frozenset(_DAYS.index(day) for day in value.get("days", _DAYS))
            return TimeWindow(_time(value["from"]), _time(value["until"]), days)


def _figure(value: Json) -> FigureOf:
    return FigureOf(figure_key(value["figure"]), _pair(value["pair"]) if "pair" in value else None)


def _pair(text: str) -> Pair:
    match = _PAIR.fullmatch(text)
    if match is None or match[2] + match[3] != (match[2] + match[3]).upper() or not text.isprintable():
        raise Invalid(f"{text[:40]!r} is no pair; write one as binance:BTC/USDT")
    return Pair(Exchange(match[1]), Asset(match[2]), Asset(match[3]))


def _time(text: str) -> time:
    match = _TIME.fullmatch(text)
    if match is None:
        raise Invalid(f"{text[:10]!r} is no time; write one as 22:00")
    return time(int(match[1]), int(match[2]))


def _node_json(node: Node) -> Json:
    match node:
        case Not(rule):
            return {"not": _node_json(rule)}
        case AnyOf(rules):
            return {"any": [_node_json(each) for each in rules]}
        case AllOf(rules):
            return {"all": [_node_json(each) for each in rules]}
        case Rule(condition, confirmation):
            confirm = {"ticks": confirmation.ticks, "seconds": confirmation.seconds}
            return {**_condition_json(condition), "confirm": confirm}


def _condition_json(condition: Condition) -> Json:
    match condition:
        case TrailingStop(arm_at, trail):
            return {"rule": "trailing-stop", "arm_at": arm_at, "trail": trail}
        case StopLoss(loss):
            return {"rule": "stop-loss", "loss": loss}
        case TakeProfit(profit):
            return {"rule": "take-profit", "profit": profit}
        case DrawdownGuard(fall, minutes):
            return {"rule": "drawdown", "fall": fall, "minutes": minutes}
        case Compare(left, relation, right):
            other = _figure_json(right) if isinstance(right, FigureOf) else right
            return {"rule": "compare", "left": _figure_json(left), "is": relation.value, "right": other}
        case PairChange(pair, change, minutes):
            return {"rule": "pair-change", "pair": _pair_json(pair), "change": change, "minutes": minutes}
        case PositionCount(relation, count):
            return {"rule": "positions", "is": relation.value, "count": count}
        case FundsUsage(relation, share):
            return {"rule": "funds-usage", "is": relation.value, "share": share}
        case TimeWindow(since, until, weekdays):
            days = [_DAYS[day] for day in sorted(weekdays)]
            return {"rule": "time", "from": f"{since:%H:%M}", "until": f"{until:%H:%M}", "days": days}


def _figure_json(figure: FigureOf) -> Json:
    key = {"figure": str(figure.key)}
    return key if figure.pair is None else {**key, "pair": _pair_json(figure.pair)}


def _pair_json(pair: Pair) -> str:
    return f"{pair.exchange}:{pair.base}/{pair.quote}"


# ---- actions ----


def _action(value: Json, path: str) -> Action:
    with at(path):
        return Action(_deed(value), value.get("may_fail", False))


def _deed(value: Json) -> Deed:
    match value["action"]:
        case "panic-sell":
            return PanicSell(value.get("market", True))
        case "sell":
            coins = tuple(Asset(coin) for coin in value.get("coins", []))
            return SellPositions(Which(value["which"]), coins, value.get("market", True))
        case "turn":
            return Turn(Switch(value["what"]), value["on"])
        case "config":
            return ChangeConfig(dict(value["fields"]))
        case "cancel-orders":
            return CancelOrders()
        case "notify":
            return Notify(value["text"])
        case "wait":
            return Wait(int(value["seconds"]))
        case _:
            return Restore()


def _deed_json(deed: Deed) -> Json:
    match deed:
        case PanicSell(is_market):
            return {"action": "panic-sell", "market": is_market}
        case SellPositions(which, coins, is_market):
            named = {"coins": list(coins)} if coins else {}
            return {"action": "sell", "which": which.value, **named, "market": is_market}
        case Turn(switch, is_on):
            return {"action": "turn", "what": switch.value, "on": is_on}
        case ChangeConfig(changes):
            return {"action": "config", "fields": dict(sorted(changes.items()))}
        case CancelOrders():
            return {"action": "cancel-orders"}
        case Notify(text):
            return {"action": "notify", "text": text}
        case Wait(seconds):
            return {"action": "wait", "seconds": seconds}
        case Restore():
            return {"action": "restore"}


def _again(value: Json) -> Again:
    match value["policy"]:
        case "after":
            return After(int(value["minutes"]))
        case "recovery":
            return Recovery(float(value["rise"]), int(value["minutes"]))
        case _:
            return Once()


def _again_json(again: Again) -> Json:
    match again:
        case Once():
            return {"policy": "once"}
        case After(minutes):
            return {"policy": "after", "minutes": minutes}
        case Recovery(rise, minutes):
            return {"policy": "recovery", "rise": rise, "minutes": minutes}
