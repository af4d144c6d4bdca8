"""Money that comes or goes: what is watched neither rises nor falls by it (R7).

While a flow is undecided nothing is evaluated, for two polls at most; then it is taken for a flow: if the index has
jumped by it, start and peak move as much. When the history of flows changes, the index of the past changes with it, or
not:

* a flow that was just decided took effect after the last evaluation. The index goes on where it was; nothing moves.
* a flow of long ago divides the index of now, and start and peak, which were read in the old one, move by that factor.

Which of the two it is, the balance tells: the first has made it jump with a poll since the last evaluation.
"""

import math
from dataclasses import replace
from typing import NamedTuple

from controller.logic.inputs import Care
from controller.logic.state import Money, Polled, State
from controller.logic.verdict import Event, EventKind
from cryptwire.domain.figure import Snapshot

DUST = 0.001
"""What moves the balance by no more is no flow; the tracker asks nobody about it."""
_SAME = 1e-9


class Settled(NamedTuple):
    """The state after a complete snapshot was looked at; ``waits_for``: why it cannot be evaluated yet."""

    state: State
    events: tuple[Event, ...]
    waits_for: str | None


def settle(state: State, snapshot: Snapshot, care: Care) -> Settled:
    """Take note of what polls did, and move start and peak where the history of flows has changed."""
    state, polled = _polled(state, snapshot)
    if polled.settling is not None and polled.settling < care.polls and not polled.is_presumed:
        return Settled(state, (), "money may have come or gone; until that is decided nothing moves")
    state, events, jump = _reconsidered(state, snapshot)
    if polled.settling is not None:
        state = replace(state, polled=replace(polled, is_presumed=True))
        if abs(jump - 1) > DUST:
            what = f"what changed the index by {jump - 1:+.2%} with polls"
            text = f"{what} is undecided and taken for money that came or went"
            events += (Event(EventKind.PRESUMED, text, {"factor": jump}),)
            state = state.rebased(jump)
    assert snapshot.index is not None  # the snapshot is complete
    money = Money(snapshot.index, snapshot.balance, snapshot.flows_version)
    return Settled(state.but(money=money), events, None)


def _polled(state: State, snapshot: Snapshot) -> tuple[State, Polled]:
    """How much the balance jumped if this is the first snapshot after a poll, and how long a flow is undecided."""
    before = state.polled
    is_poll = before is not None and snapshot.assets_at > before.assets_at
    if before is not None and is_poll and state.money is not None:
        jump = state.money.jump * snapshot.balance / before.balance
        state = replace(state, money=replace(state.money, jump=jump))
    settling, is_presumed = None, False
    if snapshot.is_settling:
        was = before.settling if before is not None else None
        settling = 0 if was is None else was + is_poll
        is_presumed = before is not None and before.is_presumed
    polled = Polled(snapshot.assets_at, snapshot.balance, settling, is_presumed)
    return state.but(polled=polled), polled


def _reconsidered(state: State, snapshot: Snapshot) -> tuple[State, tuple[Event, ...], float]:
    """Start and peak after the history of flows may have changed; and how much the index jumped with polls."""
    money = state.money
    if money is None:
        return state, (), 1.0
    assert snapshot.index is not None
    divided = (snapshot.balance / snapshot.index) / (money.balance / money.index)
    is_explained = abs(math.log(money.jump / divided)) <= abs(math.log(divided)) / 2
    if snapshot.flows_version == money.flows_version or is_explained or abs(divided - 1) < _SAME:
        return state, (), money.jump / divided
    text = f"another history of flows: the past's index is {1 / divided - 1:+.2%} another, start and peak with it"
    return state.rebased(1 / divided), (Event(EventKind.REBASED, text, {"factor": 1 / divided}),), money.jump
