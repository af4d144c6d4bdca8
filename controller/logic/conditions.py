"""Every condition by its kind, and those that remember nothing.

A reading's text is a fact of this moment, of both sides: what is so, and how that is to what the rule wants. So it
says why a rule is true as well as what it waits for, under a NOT, too.
"""

from controller.logic import compare, time_window, trailing_stop
from controller.logic.state import RuleState
from controller.logic.view import Reading, View, unknown
from controller.logic.words import counted, duration, money, percent
from cryptwire.domain.figure import FigureKey
from cryptwire.domain.rule_set import (
    Compare,
    Condition,
    DrawdownGuard,
    FigureOf,
    FundsUsage,
    PairChange,
    PositionCount,
    Relation,
    StopLoss,
    TakeProfit,
    TimeWindow,
    TrailingStop,
)


def step(condition: Condition, state: RuleState, view: View) -> tuple[RuleState, Reading]:
    """The rule's next state, and whether the condition holds at this message; confirmation is not its business."""
    match condition:
        case TrailingStop():
            return trailing_stop.step(condition, state, view)
        case Compare():
            return compare.step(condition, state, view)
        case StopLoss():
            return state, stop_loss(condition, view)
        case TakeProfit():
            return state, take_profit(condition, view)
        case DrawdownGuard():
            return state, drawdown(condition, view)
        case PairChange():
            return state, pair_change(condition, view)
        case PositionCount():
            return state, positions(condition, view)
        case FundsUsage():
            return state, funds_usage(condition, view)
        case TimeWindow():
            return state, time_window.read(condition, view)


def stop_loss(rule: StopLoss, view: View) -> Reading:
    """Down by ``loss`` or more from where the epoch began."""
    if view.start is None:
        return unknown("the epoch has not begun yet")
    stop = view.start * (1 - rule.loss)
    is_true, at, start = view.index <= stop, view.money(stop), view.money(view.start)

    def said() -> str:
        side = f"{'at or below' if is_true else 'above'} the stop of {money(at, view.snapshot.base)}"
        return f"{view.value_in_words}, {side}, {percent(rule.loss)} below the start"

    numbers = {"value": view.snapshot.balance, "start": start, "stop": at}
    return Reading(is_true, said, numbers, max(0.0, 1 - stop / view.index))


def take_profit(rule: TakeProfit, view: View) -> Reading:
    """Up by ``profit`` or more from where the epoch began."""
    if view.start is None:
        return unknown("the epoch has not begun yet")
    goal = view.start * (1 + rule.profit)
    is_true, at, start = view.index >= goal, view.money(goal), view.money(view.start)

    def said() -> str:
        side = f"{'at or above' if is_true else 'below'} the goal of {money(at, view.snapshot.base)}"
        return f"{view.value_in_words}, {side}, {percent(rule.profit)} above the start"

    numbers = {"value": view.snapshot.balance, "start": start, "goal": at}
    return Reading(is_true, said, numbers, max(0.0, goal / view.index - 1))


def drawdown(rule: DrawdownGuard, view: View) -> Reading:
    """Down by ``fall`` or more from the peak of the window."""
    fall = view.value(FigureOf(FigureKey.of("drawdown", minutes=rule.minutes)))
    if isinstance(fall, str):
        return unknown(fall)
    is_true, now = fall >= rule.fall, fall

    def said() -> str:
        window, wanted = duration(rule.minutes * 60), percent(rule.fall)
        side = f"{wanted} or more" if is_true else f"less than {wanted}"
        return f"the value is {percent(now)} below its peak of the past {window}, {side}"

    distance = max(0.0, 1 - (1 - rule.fall) / (1 - fall)) if fall < 1 else 0.0
    return Reading(is_true, said, {"fall": fall, "wanted": rule.fall}, distance)


def pair_change(rule: PairChange, view: View) -> Reading:
    """A pair's price, changed by so much in the rule's direction."""
    change = view.value(FigureOf(FigureKey.of("change", minutes=rule.minutes), rule.pair))
    if isinstance(change, str):
        return unknown(change)
    is_true = change <= rule.change if rule.change < 0 else change >= rule.change
    now = change

    def said() -> str:
        window, wanted = duration(rule.minutes * 60), f"{percent(abs(rule.change))} or more"
        side = f"by {wanted}" if is_true else f"and has not {_moved(rule.change)} by {wanted}"
        return f"{rule.pair} has {_moved(now)} by {percent(abs(now))} within {window}, {side}"

    distance = 0.0 if is_true else abs((1 + rule.change) / (1 + change) - 1) if change > -1 else None
    return Reading(is_true, said, {"change": change, "wanted": rule.change}, distance)


def positions(rule: PositionCount, view: View) -> Reading:
    """More or fewer open positions than a count."""
    count = view.snapshot.positions
    is_true = count > rule.count if rule.relation is Relation.ABOVE else count < rule.count

    def said() -> str:
        than = "more" if rule.relation is Relation.ABOVE else "fewer"
        are = f"{counted(count, 'position')} {'is' if count == 1 else 'are'} open"
        return f"{are}, {_not(is_true)}{than} than {rule.count}"

    return Reading(is_true, said, {"count": float(count), "wanted": float(rule.count)})


def funds_usage(rule: FundsUsage, view: View) -> Reading:
    """More or less of the balance invested than a share."""
    share = view.value(FigureOf(FigureKey.of("funds.usage")))
    if isinstance(share, str):
        return unknown(share)
    is_true = share > rule.share if rule.relation is Relation.ABOVE else share < rule.share
    now = share

    def said() -> str:
        than = "more" if rule.relation is Relation.ABOVE else "less"
        return f"{percent(now)} of the balance is invested, {_not(is_true)}{than} than {percent(rule.share)}"

    return Reading(is_true, said, {"share": share, "wanted": rule.share})


def _moved(change: float) -> str:
    return "fallen" if change < 0 else "risen"


def _not(is_true: bool) -> str:
    return "" if is_true else "not "
