"""What a rule set will do, in plain words and today's numbers, before anybody arms it (R21)."""

from collections.abc import Iterator
from dataclasses import dataclass

from controller.logic import time_window
from controller.logic.inputs import Inputs
from controller.logic.state import State
from controller.logic.view import View
from controller.logic.words import counted, duration, figure_value, listed, money, number, percent
from cryptwire.domain.figure import FigureKey
from cryptwire.domain.hopper import Asset
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

_IS = {
    Relation.ABOVE: "is above",
    Relation.BELOW: "is below",
    Relation.CROSSES_ABOVE: "crosses above",
    Relation.CROSSES_BELOW: "crosses below",
}


@dataclass(frozen=True, slots=True)
class Preview:
    """``when``: all of them must hold; ``then``: done in this order; ``again``: what comes after; ``text`` in one."""

    when: tuple[str, ...]
    then: tuple[str, ...]
    again: str

    @property
    def text(self) -> str:
        """``Sells all 12 positions at market price if …; today's distance 3.1 %. After that it is over, …``"""
        said = f"{', then '.join(self.then)} if {', and '.join(self.when)}. {self.again}."
        return said[0].upper() + said[1:]


def preview(body: RuleSetBody, state: State | None, inputs: Inputs | None) -> Preview:
    """What ``body`` will do; without a state, in an epoch that begins now; without inputs, in shares alone."""
    view = _view(state, inputs) if inputs is not None else None
    armed = iter([each.is_armed for each in state.rules] if state is not None else [])
    when = tuple(_node(each, view, armed) for each in body.when.rules)
    return Preview(when, tuple(_action(each, view) for each in body.then), _again(body.again))


def _view(state: State | None, inputs: Inputs) -> View | None:
    """None when the hopper has no index."""
    snapshot = inputs.snapshot
    if snapshot.index is None or snapshot.index <= 0:
        return None
    start, peak = (state.start, state.peak) if state is not None else (None, None)
    start, peak = start or snapshot.index, max(peak or snapshot.index, snapshot.index)
    return View(snapshot, snapshot.index, start, peak, inputs.now, inputs.zone, True, inputs.pairs)


# ---- rules ----


def _node(node: Node, view: View | None, armed: Iterator[bool]) -> str:
    match node:
        case Rule(condition, confirmation):
            held = f"seen by {counted(confirmation.ticks, 'tick')} and for {duration(confirmation.seconds)}"
            return f"{_condition(condition, view, next(armed, False))} ({held})"
        case Not(inner):
            return f"not [{_node(inner, view, armed)}]"
        case AnyOf(nodes):
            return f"any of [{'; or '.join(_node(each, view, armed) for each in nodes)}]"
        case AllOf(nodes):
            return f"all of [{'; and '.join(_node(each, view, armed) for each in nodes)}]"


def _condition(condition: Condition, view: View | None, is_armed: bool) -> str:
    match condition:
        case TrailingStop():
            return _trailing(condition, view, is_armed)
        case StopLoss(loss):
            return _level("falls", loss, -loss, view)
        case TakeProfit(profit):
            return _level("rises", profit, profit, view)
        case DrawdownGuard(fall, minutes):
            drawdown = FigureOf(FigureKey.of("drawdown", minutes=minutes))
            window = duration(minutes * 60)
            return f"the value is {percent(fall)} or more below its peak of the past {window}{_today(drawdown, view)}"
        case Compare(left, relation, right):
            wanted = str(right) if isinstance(right, FigureOf) else _value(left, right, view)
            return f"{left} {_IS[relation]} {wanted}{_today(left, view)}"
        case PairChange(pair, change, minutes):
            verb, figure = ("falls" if change < 0 else "rises"), FigureOf(FigureKey.of("change", minutes=minutes), pair)
            return (
                f"{pair} {verb} by {percent(abs(change))} or more within {duration(minutes * 60)}{_today(figure, view)}"
            )
        case PositionCount(relation, count):
            than = "more" if relation is Relation.ABOVE else "fewer"
            today = f"; today {view.snapshot.positions}" if view else ""
            return f"{than} than {counted(count, 'position')} {'is' if count == 1 else 'are'} open{today}"
        case FundsUsage(relation, share):
            than = "more" if relation is Relation.ABOVE else "less"
            usage = FigureOf(FigureKey.of("funds.usage"))
            return f"{than} than {percent(share)} of the balance is invested{_today(usage, view)}"
        case TimeWindow():
            zone = f" in {view.zone.key}" if view else ""
            return f"the clock{zone} shows {time_window.words(condition)}"


def _trailing(rule: TrailingStop, view: View | None, is_armed: bool) -> str:
    if view is None or view.start is None or view.peak is None:
        return f"the value, having risen by {percent(rule.arm_at)}, falls by {percent(rule.trail)} from its peak"
    base, arms_at = view.snapshot.base, view.start * (1 + rule.arm_at)
    if is_armed or view.peak >= arms_at:
        stop = view.peak * (1 - rule.trail)
        peak = number(view.money(view.peak))
        return f"the value falls from its peak of {peak} to {money(view.money(stop), base)}{_distance(stop, view)}"
    at, away = money(view.money(arms_at), base), percent(arms_at / view.index - 1)
    first = money(view.money(arms_at * (1 - rule.trail)), base)
    return (
        f"the value, having risen to {at} (today's distance {away}), falls by {percent(rule.trail)} from its peak: "
        f"to {first} at first, and higher with each new peak"
    )


def _level(verb: str, share: float, change: float, view: View | None) -> str:
    if view is None or view.start is None:
        return f"the value {verb} by {percent(share)} from the start"
    level = view.start * (1 + change)
    start = number(view.money(view.start))
    at = money(view.money(level), view.snapshot.base)
    return f"the value {verb} by {percent(share)}, from {start} at the start to {at}{_distance(level, view)}"


def _distance(level: float, view: View) -> str:
    """How far the value is from ``level``."""
    return f"; today's distance {percent(abs(level / view.index - 1))}"


def _value(figure: FigureOf, value: float, view: View | None) -> str:
    """In the figure's unit; of a hopper whose currency is not known, as a number."""
    if view is None and figure.key.definition.unit == "amount":
        return number(value)
    return figure_value(figure.key, value, view.snapshot.base if view else Asset(""))


def _today(figure: FigureOf, view: View | None) -> str:
    if view is None:
        return ""
    value = view.value(figure)
    return f"; today unknown: {value}" if isinstance(value, str) else f"; today {_value(figure, value, view)}"


# ---- actions ----


def _action(action: Action, view: View | None) -> str:
    return f"{_deed(action.deed, view)}{' (what follows is done even if this fails)' if action.may_fail else ''}"


def _deed(deed: Deed, view: View | None) -> str:
    match deed:
        case PanicSell(is_market):
            return f"sells {_all(view)} {_price(is_market)} and stops buying until a person ends the panic"
        case SellPositions(which, coins, is_market):
            return f"sells {_which(which, coins, view)} {_price(is_market)}"
        case Turn(switch, is_on):
            what = "the hopper" if switch is Switch.HOPPER else switch.value
            return f"turns {what} {'on' if is_on else 'off'}"
        case ChangeConfig(changes):
            return f"sets {listed(f'{name} to {value!r}' for name, value in sorted(changes.items()))}"
        case CancelOrders():
            return "cancels all open orders"
        case Notify(text):
            return f"tells you {text!r}"
        case Wait(seconds):
            return f"waits {duration(seconds)}"
        case Restore():
            return "sets back what it changed before"


def _all(view: View | None) -> str:
    if view is None:
        return "all positions"
    count = view.snapshot.positions
    return "the one position" if count == 1 else f"all {count} positions" if count else "all positions (today none)"


def _which(which: Which, coins: tuple[Asset, ...], view: View | None) -> str:
    match which:
        case Which.ALL:
            return _all(view)
        case Which.COINS:
            return f"the positions in {listed(coins)}"
        case _:
            name = which.value
            count = view.value(FigureOf(FigureKey.of(f"positions.{name}"))) if view else ""
            return f"the {name} positions" + ("" if isinstance(count, str) else f" (today {count:g})")


def _price(is_market: bool) -> str:
    return "at market price" if is_market else "by limit orders"


def _again(again: Again) -> str:
    match again:
        case Once():
            return "After that it is over until you arm it again"
        case After(minutes):
            return f"It watches anew {duration(minutes * 60)} after that"
        case Recovery(rise, minutes):
            hours = duration(minutes * 60)
            return (
                f"It watches anew once the value is {percent(rise)} above where it fired, {hours} after that at least"
            )
