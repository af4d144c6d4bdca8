"""The portfolio's trailing stop: armed by a rise since the epoch began, true on a fall from its peak."""

from dataclasses import replace

from controller.logic.state import RuleState
from controller.logic.view import Reading, View, unknown
from controller.logic.words import money, percent
from cryptwire.domain.rule_set import TrailingStop


def step(rule: TrailingStop, state: RuleState, view: View) -> tuple[RuleState, Reading]:
    """Next state and reading. Once armed it stays so while the epoch lasts; start and peak are the epoch's."""
    if view.start is None or view.peak is None:
        return state, unknown("the epoch has not begun yet")
    base, arms_at = view.snapshot.base, view.start * (1 + rule.arm_at)
    numbers = {"value": view.snapshot.balance, "start": view.money(view.start), "peak": view.money(view.peak)}
    if not state.is_armed and view.peak < arms_at:

        def waits() -> str:
            return f"it arms at {money(view.money(arms_at), base)}, {percent(arms_at / view.index - 1)} above now"

        numbers["arms_at"] = view.money(arms_at)
        return state, Reading(False, waits, numbers)
    stop = view.peak * (1 - rule.trail)
    is_true = view.index <= stop

    def said() -> str:
        at, peak = money(view.money(stop), base), money(numbers["peak"], base)
        side = "at or below" if is_true else "above"
        return f"{view.value_in_words}, {side} the stop of {at}, {percent(rule.trail)} below the peak of {peak}"

    numbers["stop"] = view.money(stop)
    reading = Reading(is_true, said, numbers, max(0.0, 1 - stop / view.index))
    return (state if state.is_armed else replace(state, is_armed=True)), reading
