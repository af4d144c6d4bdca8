"""A figure against a number or another figure; and whether it has crossed it."""

from dataclasses import replace

from controller.logic.state import RuleState
from controller.logic.view import Reading, View, unknown
from controller.logic.words import figure_value
from cryptwire.domain.hopper import Asset
from cryptwire.domain.rule_set import Compare, FigureOf, Relation

_ABOVE = (Relation.ABOVE, Relation.CROSSES_ABOVE)


def step(rule: Compare, state: RuleState, view: View) -> tuple[RuleState, Reading]:
    """Next state and reading.

    A crossing is true while the figure stays across, once it was seen on the other side, or on it, in this epoch.
    """
    left = view.value(rule.left)
    right = view.value(rule.right) if isinstance(rule.right, FigureOf) else rule.right
    if isinstance(left, str):
        return state, unknown(left)
    if isinstance(right, str):
        return state, unknown(right)
    is_across = left > right if rule.relation in _ABOVE else left < right
    distance = 0.0 if is_across else abs(right / left - 1) if left else None

    def said() -> str:
        return _said(rule, left, right, is_across, view.snapshot.base)

    numbers = {"left": left, "right": right}
    if not rule.relation.is_crossing:
        return state, Reading(is_across, said, numbers, distance)
    if not is_across:
        state = state if state.was_across else replace(state, was_across=True)
        return state, Reading(False, said, numbers, distance)
    if not state.was_across:
        return state, Reading(False, lambda: f"{said()}; it must be on the other side first", numbers)
    return state, Reading(True, said, numbers, distance)


def _said(rule: Compare, left: float, right: float, is_across: bool, base: Asset) -> str:
    key = rule.left.key
    name = f"{rule.right} at " if isinstance(rule.right, FigureOf) else ""
    side = "above" if rule.relation in _ABOVE else "below"
    found, wanted = figure_value(key, left, base), figure_value(key, right, base)
    return f"{rule.left} is {found}, {'' if is_across else 'not '}{side} {name}{wanted}"
