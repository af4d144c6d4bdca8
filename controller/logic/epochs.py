"""When a rule set begins to watch, and what comes after it fired (R18, R19).

Every beginning is an epoch of its own: start, peak and counters are new, and one event says why. An epoch's number
never comes back, so that an intent is unique by it (R10).
"""

from dataclasses import replace
from datetime import datetime, timedelta

from controller.logic.groups import count
from controller.logic.inputs import Care
from controller.logic.state import Phase, Readings, RuleState, State
from controller.logic.verdict import Event, EventKind
from cryptwire.domain.rule_set import After, Once, Recovery, RuleSet

Changed = tuple[State, tuple[Event, ...]]


def begin(rule_set: RuleSet, epoch: int, now: datetime, reason: str = "it was armed") -> Changed:
    """The state of a rule set that begins to watch; ``epoch`` is above every one it had."""
    rules = (RuleState(),) * count(rule_set.body.when)
    return State(rule_set.version, epoch, Phase.WATCHING, rules, now), (_began(epoch, reason),)


def anew(state: State, reason: str, now: datetime) -> Changed:
    """It watches in a new epoch; what was seen so far is not forgotten."""
    began = replace(
        state,
        epoch=state.epoch + 1,
        phase=Phase.WATCHING,
        rules=(RuleState(),) * len(state.rules),
        must_look=True,
        start=None,
        peak=None,
        until=None,
        fired_index=None,
        told_at=now,
        is_silent=False,
    )
    return began, (_began(began.epoch, reason),)


def edited(state: State, rule_set: RuleSet, now: datetime) -> Changed:
    """After an edit (R28): it watches anew, unless its actions are being done: then it goes on once they are over, as
    the new version's policy says.
    """
    rules = (RuleState(),) * count(rule_set.body.when)
    began, events = anew(replace(state, version=rule_set.version, rules=rules), "it was edited", now)
    if state.phase is not Phase.FIRED:
        return began, events
    return replace(began, phase=Phase.FIRED, fired_index=state.fired_index), events


def resumed(state: State, now: datetime) -> Changed:
    """After its user armed it again, or looked (R17); what it does while its actions are being done stays."""
    return (state, ()) if state.phase is Phase.FIRED else anew(state, "its user resumed it", now)


def rebased_on(state: State, why: str, now: datetime) -> Changed:
    """After the index began anew, in another currency or from nothing: nothing of the old one counts.

    What watches begins anew; what recovers counts from the first reading in the new index; else nothing changes.
    """
    state = replace(state, money=None, readings=Readings())
    if state.phase is Phase.WATCHING:
        return anew(state, why, now)
    return replace(state, start=None, peak=None, fired_index=None), (Event(EventKind.REBASED, why),)


def started(state: State) -> State:
    """After its service started: a whole evaluation comes before the first action (R17)."""
    return replace(state, must_look=True)


def fired_ended(state: State, rule_set: RuleSet, now: datetime, is_done: bool = True) -> Changed:
    """After the actions of what fired are over; ``is_done``: with the effect they should have.

    Done: it is over, or cools, or waits for the recovery, as its policy says. Else a person must look. Nothing changes
    when it is not fired: an end that is told twice is one end.
    """
    if state.phase is not Phase.FIRED:
        return state, ()
    if not is_done:
        return review(state, "its actions did not have their effect")
    match rule_set.body.again:
        case Once():
            ended, text = replace(state, phase=Phase.OVER), "over until its user arms it again"
        case After(minutes):
            until = now + timedelta(minutes=minutes)
            ended, text = (
                replace(state, phase=Phase.COOLING, until=until),
                f"it watches anew at {until:%Y-%m-%d %H:%M} UTC",
            )
        case Recovery(rise, minutes):
            until = now + timedelta(minutes=minutes)
            ended = replace(state, phase=Phase.RECOVERING, until=until)
            text = f"it watches anew after {until:%Y-%m-%d %H:%M} UTC, {rise:.1%} above where it fired"
    return ended, (Event(EventKind.ENDED, text),)


def review(state: State, why: str) -> Changed:
    """A person must look before it watches again."""
    return replace(state, phase=Phase.REVIEW), (Event(EventKind.REVIEW, f"{why}: a person must look"),)


def after_gap(state: State, at: datetime, previous: float, index: float, care: Care) -> Changed:
    """Disarms what watches when nothing was seen for too long and the index jumped meanwhile (R17)."""
    if state.phase is not Phase.WATCHING or state.looked_at is None or at - state.looked_at <= care.longest_gap:
        return state, ()
    change = index / previous - 1
    if abs(change) <= care.jump:
        return state, ()
    gap = (at - state.looked_at).total_seconds() / 60
    return review(state, f"the index changed by {change:+.1%} while nothing was seen for {gap:.0f} minutes")


def rested(state: State, rule_set: RuleSet, index: float, now: datetime) -> Changed:
    """Watches anew when it has cooled, or the index recovered."""
    if state.phase not in (Phase.COOLING, Phase.RECOVERING) or (state.until is not None and now < state.until):
        return state, ()
    if state.phase is Phase.COOLING:
        return anew(state, "it has cooled down", now)
    if state.fired_index is None:
        return replace(state, fired_index=index), ()
    again = rule_set.body.again
    assert isinstance(again, Recovery)  # nothing else recovers, and an edit begins anew
    return anew(state, "the index recovered", now) if index >= state.fired_index * (1 + again.rise) else (state, ())


def _began(epoch: int, reason: str) -> Event:
    return Event(EventKind.EPOCH, f"epoch {epoch}: {reason}", {"epoch": float(epoch)})
