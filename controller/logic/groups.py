"""The tree of rules: groups of confirmed rules, and what cannot be told (R4, R8)."""

from datetime import timedelta
from typing import NamedTuple

from controller.logic import conditions
from controller.logic.confirmation import confirm
from controller.logic.state import RuleState
from controller.logic.verdict import Stage, Verdict
from controller.logic.view import View
from cryptwire.domain.rule_set import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    FigureOf,
    Node,
    Not,
    PairChange,
    Rule,
    rules_of,
)

_ORDER = (Stage.NO_DATA, Stage.WAITS, Stage.CONFIRMING, Stage.TRUE)


class Walked(NamedTuple):
    """The rules' next states, in the order of ``rules_of``, and the verdict of all."""

    rules: tuple[RuleState, ...]
    verdict: Verdict


def walk(root: Node, states: tuple[RuleState, ...], view: View, pause: timedelta) -> Walked:
    """Every rule is looked at, also where the group is decided without it.

    NOT stands before conditions: a rule beneath it is confirmed in being false, so that no wick makes a NOT true; and
    NOT of a group is the other group of NOTs. A group with a member that cannot be told cannot be told.
    """
    before, after = iter(states), list[RuleState]()

    def visit(node: Node, is_negated: bool) -> Verdict:
        match node:
            case Rule():
                state, verdict = _rule(node, is_negated, next(before), view, pause)
                after.append(state)
                return verdict
            case Not(inner):
                part = visit(inner, not is_negated)
                return Verdict(
                    part.stage,
                    part.said if part.stage is Stage.NO_DATA else "not",
                    distance=part.distance,
                    parts=(part,),
                )
            case _:
                parts = tuple(visit(each, is_negated) for each in node.rules)
                return _group(isinstance(node, AnyOf) is not is_negated, node, parts)

    verdict = visit(root, False)
    return Walked(tuple(after), verdict)


def untold(root: Node, why: str) -> Verdict:
    """The same tree when nothing can be told."""
    match root:
        case Rule():
            return Verdict(Stage.NO_DATA, why)
        case Not(inner):
            return Verdict(Stage.NO_DATA, why, parts=(untold(inner, why),))
        case _:
            return Verdict(Stage.NO_DATA, why, parts=tuple(untold(each, why) for each in root.rules))


def _rule(rule: Rule, is_negated: bool, state: RuleState, view: View, pause: timedelta) -> tuple[RuleState, Verdict]:
    state, reading = conditions.step(rule.condition, state, view)
    if reading.is_true is None:
        return state, Verdict(Stage.NO_DATA, reading.said)
    is_tick = _is_tick(rule.condition, view)
    is_wanted = reading.is_true is not is_negated
    at, distance = view.snapshot.at, None if is_negated else reading.distance
    state, stage = confirm(rule.confirmation, state, is_wanted, is_tick, at, pause)
    return state, Verdict(stage, reading.said, reading.numbers, distance, state.ticks, state.since)


def _is_tick(condition: Condition, view: View) -> bool:
    """Whether there is a newer price of what a rule is about: of a pair, or of what the hopper holds.

    A hopper that holds nothing with a price has a tick with each message: no price can be wrong.
    """
    match condition:
        case Compare(left, _, right):
            return view.has_ticked(left.pair) or (isinstance(right, FigureOf) and view.has_ticked(right.pair))
        case PairChange(pair):
            return view.has_ticked(pair)
        case _:
            return view.is_tick


def _group(is_any: bool, node: AllOf | AnyOf, parts: tuple[Verdict, ...]) -> Verdict:
    name, (first, *others) = "any of" if isinstance(node, AnyOf) else "all of", parts
    if not others:  # as most are
        said = first.said if first.stage is Stage.NO_DATA else name
        return Verdict(first.stage, said, {}, 0.0 if first.stage is Stage.TRUE else first.distance, parts=parts)
    stages = [part.stage for part in parts]
    if Stage.NO_DATA in stages:
        why = next(part.said for part in parts if part.stage is Stage.NO_DATA)
        return Verdict(Stage.NO_DATA, why, parts=parts)
    stage = (max if is_any else min)(stages, key=_ORDER.index)
    far = [part.distance for part in parts if part.distance is not None and part.stage is not Stage.TRUE]
    distance = 0.0 if stage is Stage.TRUE else (min if is_any else max)(far) if far else None
    return Verdict(stage, name, distance=distance, parts=parts)


def count(root: Node) -> int:
    """How many rules there are."""
    return sum(1 for _ in rules_of(root))
