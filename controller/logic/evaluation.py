"""Whether a rule set fires: (rule set, state, inputs) to (state, verdict, events). Pure, and the same for live, shadow
and replay (R2).

The order of an evaluation: an older message or the same again changes nothing; what is stale or incomplete tells
nothing and leaves all as it was, but for the note that it was seen; flows; gaps; outliers; the epoch's start and peak;
the rules.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from controller.logic import epochs, outliers
from controller.logic.freshness import missing, missing_of_pair
from controller.logic.groups import untold, walk
from controller.logic.inputs import Care, Inputs
from controller.logic.settling import settle
from controller.logic.state import PairSeen, Phase, Readings, RuleState, Seen, State
from controller.logic.verdict import Event, EventKind, Stage, Verdict
from controller.logic.view import View
from controller.logic.words import money, percent
from cryptwire.domain.figure import FigureKey, PairSnapshot, Snapshot
from cryptwire.domain.rule_set import Confirmation, Node, Not, Rule, RuleSet, RuleSetBody, rules_of
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Invalid

PRICE = FigureKey.of("price")
"""Wanted of each pair that a rule set reads, for R6."""


_NAMES = {
    Phase.FIRED: "it fired, and its actions are being done",
    Phase.COOLING: "it cools down",
    Phase.RECOVERING: "it waits for the recovery",
    Phase.OVER: "it is over, until its user arms it again",
    Phase.REVIEW: "a person must look",
}


class Evaluation(NamedTuple):
    """``fires``: an intent is to be made of (rule set, version, state's epoch), in one transaction with the state."""

    state: State
    verdict: Verdict
    events: tuple[Event, ...] = ()
    fires: bool = False


def evaluate(rule_set: RuleSet, state: State, inputs: Inputs) -> Evaluation:
    """The next state, what can be said, what happened, and whether it fires.

    Raises Invalid for a state of another version.
    """
    if state.version != rule_set.version:
        raise Invalid(f"a state of version {state.version} is not one of version {rule_set.version}")
    when, snapshot, care = rule_set.body.when, inputs.snapshot, inputs.care
    if not _is_newer(state.seen, snapshot):
        return Evaluation(state, untold(when, "this message was seen already, or a newer one"))
    state = state.but(seen=Seen(snapshot.session, snapshot.sequence, snapshot.at))
    why = missing(snapshot, inputs.now, care)
    if why is not None:
        return _untold(rule_set, _emptied(state, snapshot), why, (), inputs)
    state, located = _located(state, snapshot, inputs.now)
    state, moved, waits_for = settle(state, snapshot, care)
    events = located + moved
    if waits_for is not None:
        state = replace(_looked(state, snapshot, care), told_at=inputs.now)
        return Evaluation(state, untold(when, waits_for), events)
    is_tick = snapshot.newest_price_at is None or _is_later(snapshot.newest_price_at, state.ticked_at)
    previous, was_doubted = state.readings.counted[-1:], state.readings.doubted
    assert snapshot.index is not None  # it is complete
    readings, index = outliers.accept(state.readings, snapshot.index, is_tick, care.outlier)
    state = state.but(readings=readings, ticked_at=_latest(snapshot.newest_price_at, state.ticked_at))
    if index is None:
        why = "the first reading must be seen again"
        if previous:
            why = f"the value moved by {snapshot.index / previous[-1] - 1:+.1%} in one tick: that must be seen again"
        is_new = bool(previous) and readings.doubted != was_doubted
        doubt = (Event(EventKind.DOUBT, why),) if is_new else ()
        return _untold(rule_set, _looked(state, snapshot, care), why, events + doubt, inputs)
    if previous:
        state, happened = epochs.after_gap(state, snapshot.at, previous[-1], index, care)
        events += happened
    state, happened = epochs.rested(state.but(looked_at=snapshot.at), rule_set, index, inputs.now)
    state, started = _measured(state, index, snapshot)
    market = _market(state.pairs, rule_set.body.pairs, inputs)
    view = _view(index, state.start, state.peak, market, is_tick, inputs)
    state = state if state.pairs == market.seen else state.but(pairs=market.seen)
    return _decided(rule_set, state, view, events + happened + started, inputs)


def overdue(state: State, now: datetime, care: Care) -> tuple[State, tuple[Event, ...]]:
    """Tells, once, that nothing could be told for too long (R4): also for a hopper of which no message comes."""
    if state.phase is not Phase.WATCHING or state.is_silent or now - state.told_at <= care.alert_after:
        return state, ()
    text = f"nothing can be told since {state.told_at:%Y-%m-%d %H:%M:%S} UTC"
    return replace(state, is_silent=True), (Event(EventKind.SILENT, text),)


def would_fire_now(body: RuleSetBody, inputs: Inputs) -> Verdict:
    """What the rules say of this very message, in an epoch that begins with it, without confirmation (R28).

    TRUE: whoever arms this sees it fire as soon as it is confirmed.
    """
    snapshot = inputs.snapshot
    why = missing(snapshot, inputs.now, inputs.care)
    if why is None and snapshot.is_settling:
        why = "money may have come or gone, and nobody has decided yet"
    if why is not None:
        return untold(body.when, why)
    assert snapshot.index is not None  # it is complete
    rules = (RuleState(),) * len(list(rules_of(body.when)))
    view = _view(snapshot.index, snapshot.index, snapshot.index, _market({}, body.pairs, inputs), True, inputs)
    return walk(_unconfirmed(body.when), rules, view, inputs.care.pause).verdict


def _decided(rule_set: RuleSet, state: State, view: View, events: tuple[Event, ...], inputs: Inputs) -> Evaluation:
    walked = walk(rule_set.body.when, state.rules, view, inputs.care.pause)
    verdict = walked.verdict
    if state.phase is not Phase.WATCHING:
        return Evaluation(state, replace(verdict, said=_NAMES[state.phase]), events)
    armed = tuple(
        Event(
            EventKind.ARMED,
            f"rule {number} is armed: {percent(view.index / (state.start or view.index) - 1)} above start",
        )
        for number, (before, after) in enumerate(zip(state.rules, walked.rules, strict=True), 1)
        if after.is_armed and not before.is_armed
    )
    state = state if state.rules == walked.rules else state.but(rules=walked.rules)
    if verdict.stage is Stage.NO_DATA:
        state, silent = overdue(state, inputs.now, inputs.care)
        return Evaluation(state, verdict, events + armed + silent)
    heard = (Event(EventKind.HEARD, "it can be told again"),) if state.is_silent else ()
    may_fire = not state.must_look
    state = state.but(must_look=False, is_silent=False, told_at=inputs.now)
    if verdict.stage is not Stage.TRUE or not may_fire:
        return Evaluation(state, verdict, events + armed + heard)
    fired = Event(EventKind.FIRED, f"all rules are true at snapshot {view.snapshot.id}", {"index": view.index})
    state = replace(state, phase=Phase.FIRED, fired_index=view.index)
    return Evaluation(state, verdict, (*events, *armed, *heard, fired), fires=True)


def _untold(rule_set: RuleSet, state: State, why: str, events: tuple[Event, ...], inputs: Inputs) -> Evaluation:
    state, silent = overdue(state, inputs.now, inputs.care)
    return Evaluation(state, untold(rule_set.body.when, why), events + silent)


def _is_newer(seen: Seen | None, snapshot: Snapshot) -> bool:
    """A live message counts once, whichever analyser tells of it."""
    if seen is None:
        return True
    return snapshot.at > seen.at and (snapshot.session != seen.session or snapshot.sequence > seen.sequence)


def _is_later(at: datetime | None, before: datetime | None) -> bool:
    return at is not None and (before is None or at > before)


def _latest(at: datetime | None, before: datetime | None) -> datetime | None:
    return at if _is_later(at, before) else before


def _emptied(state: State, snapshot: Snapshot) -> State:
    """Without an index, what was measured in it is of no use any more."""
    is_empty = snapshot.index is None and snapshot.is_fresh and not snapshot.is_settling
    return replace(state, money=None) if is_empty else state


def _located(state: State, snapshot: Snapshot, now: datetime) -> epochs.Changed:
    """In which currency's index it is measured; the first time there is nothing to change."""
    events: tuple[Event, ...] = ()
    if state.base is not None and state.base != snapshot.base:
        state, events = epochs.rebased_on(state, f"the base currency is {snapshot.base} now, not {state.base}", now)
    elif state.start is not None and state.money is None:
        state, events = epochs.rebased_on(state, "the index began anew after nothing was left", now)
    return (state if state.base == snapshot.base else replace(state, base=snapshot.base)), events


def _looked(state: State, snapshot: Snapshot, care: Care) -> State:
    """Seen, and not evaluated; a gap that went before is still to be judged."""
    is_gap = state.looked_at is not None and snapshot.at - state.looked_at > care.longest_gap
    return state if is_gap else replace(state, looked_at=snapshot.at)


def _measured(state: State, index: float, snapshot: Snapshot) -> epochs.Changed:
    """Start and peak of the epoch. A peak was seen by two ticks in a row: a wick is none, however small (R6)."""
    if state.phase is not Phase.WATCHING:
        return state, ()
    if state.start is None or state.peak is None:
        text = f"epoch {state.epoch} starts at {money(snapshot.balance, snapshot.base)}"
        numbers = {"index": index, "balance": snapshot.balance}
        return replace(state, start=index, peak=index), (Event(EventKind.STARTED, text, numbers),)
    peak = max(state.peak, min(state.readings.counted))
    return (state if peak == state.peak else state.but(peak=peak)), ()


class _Market(NamedTuple):
    """What was seen of pairs so far; those that can be told, why others cannot, and those with a newer price."""

    seen: dict[Pair, PairSeen]
    pairs: dict[Pair, PairSnapshot]
    blind: dict[Pair, str]
    newer: set[Pair]


def _market(seen: Mapping[Pair, PairSeen], wanted: frozenset[Pair], inputs: Inputs) -> _Market:
    market = _Market({pair: each for pair, each in seen.items() if pair in wanted}, {}, {}, set())
    for pair in wanted:
        if pair not in inputs.pairs:
            continue
        told = _pair(inputs.pairs[pair], seen.get(pair), inputs)
        if isinstance(told, str):
            market.blind[pair] = told
            continue
        market.seen[pair], is_newer, is_doubted = told
        if is_doubted:
            market.blind[pair] = f"the price of {pair} moved too much in one tick: that must be seen again"
            continue
        market.pairs[pair] = inputs.pairs[pair]
        if is_newer:
            market.newer.add(pair)
    return market


def _view(
    index: float, start: float | None, peak: float | None, market: _Market, is_tick: bool, inputs: Inputs
) -> View:
    return View(
        *(inputs.snapshot, index, start, peak, inputs.now, inputs.zone, is_tick),
        *(market.pairs, market.blind, market.newer),
    )


def _pair(snapshot: PairSnapshot, seen: PairSeen | None, inputs: Inputs) -> tuple[PairSeen, bool, bool] | str:
    """What was seen of a pair now, whether its price is newer, whether it is doubted; or why it tells nothing."""
    why = missing_of_pair(snapshot, inputs.now, inputs.care)
    if why is not None:
        return why
    if seen is not None and snapshot.at < seen.at:
        return f"a newer message of {snapshot.pair} was seen already"
    figure = snapshot.figures.get(PRICE)
    price = figure.value if figure is not None else None
    if price is None or not 0 < price < math.inf:
        return f"the price of {snapshot.pair} is not told yet"
    if seen is None:
        return PairSeen(snapshot.at, snapshot.price_at, Readings((price,))), True, False
    is_newer = _is_later(snapshot.price_at, seen.price_at)
    readings, counted = outliers.accept(seen.readings, price, is_newer, inputs.care.outlier)
    price_at = snapshot.price_at if is_newer else seen.price_at
    return PairSeen(snapshot.at, price_at, readings), is_newer, counted is None


def _unconfirmed(node: Node) -> Node:
    match node:
        case Rule(condition):
            return Rule(condition, Confirmation(1, 0))
        case Not(inner):
            return Not(_unconfirmed(inner))
        case _:
            return type(node)(tuple(_unconfirmed(each) for each in node.rules))
