"""A rule counts once it was true for some ticks and some seconds (R8)."""

from dataclasses import replace
from datetime import datetime, timedelta

from controller.logic.state import RuleState
from controller.logic.verdict import Stage
from cryptwire.domain.rule_set import Confirmation


def confirm(
    confirmation: Confirmation, state: RuleState, is_true: bool, is_tick: bool, at: datetime, pause: timedelta
) -> tuple[RuleState, Stage]:
    """The counters after a message of ``at`` for which the rule is (or is not) true, and how far it is.

    Ticks are messages with a newer price; the seconds run from the first message that found it true and are looked at
    with every message. A message that finds it false sets both back, and so does a look that was missed for longer than
    ``pause``.
    """
    if not is_true:
        if state.since is None:
            return state, Stage.WAITS
        return replace(state, ticks=0, since=None, true_at=None), Stage.WAITS
    is_anew = state.true_at is None or at - state.true_at > pause
    since = at if is_anew or state.since is None else state.since
    ticks = min((0 if is_anew else state.ticks) + is_tick, confirmation.ticks)
    is_confirmed = ticks >= confirmation.ticks and at - since >= timedelta(seconds=confirmation.seconds)
    after = RuleState(state.is_armed, state.was_across, ticks, since, true_at=at)
    return after, Stage.TRUE if is_confirmed else Stage.CONFIRMING
