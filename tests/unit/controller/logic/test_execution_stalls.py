"""What an execution does when nothing can be read or sent, when its guard takes too long, and what people choose."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controller.logic.moves import (
    Abandon,
    Alarm,
    Answered,
    Begin,
    Declined,
    DoEnd,
    DoSleep,
    Event,
    Move,
    NotSent,
    Patience,
    Record,
    Retry,
    Unread,
    Woken,
)
from controller.logic.progress import Ended, Phase, Progress, Result
from controller.logic.requests import Noted
from cryptwire.domain.intent import IntentState
from cryptwire.domain.rule_set import Action, Notify
from tests.unit.controller.logic.execution_steps import (
    AGAIN,
    ASKED,
    CONFIG,
    GUARDED,
    LOOKING,
    PANIC,
    READS_CONFIG,
    READS_SALE,
    after,
    reads,
    reads_sale,
    record,
    step,
)

OPEN = IntentState.OPEN
AWAY = Unread("away")
STALLED = Progress(stalled_since=after(0), stalls=3)
GUARD_LOOKING = replace(GUARDED, phase=Phase.VERIFY)


# ---- nothing can be read ----


@pytest.mark.parametrize(
    ("stalls", "pause"), [(0, 1), (1, 2), (2, 4), (3, 8), (4, 16), (5, 30), (6, 30), (7, 30), (60, 30)]
)
def test_what_cannot_be_read_is_read_again_ever_rarer_up_to_thirty_seconds(stalls: int, pause: int) -> None:
    move = step(replace(STALLED, stalls=stalls), AWAY, at=5)
    until = after(5 + pause)
    assert move == Move(replace(STALLED, stalls=stalls + 1, pause_until=until), OPEN, (), (), DoSleep(until))


@pytest.mark.parametrize(
    ("stalls", "retry_after", "pause"), [(0, 0.5, 1), (0, 7.5, 7.5), (3, 7.5, 8), (0, 31, 31), (5, 90, 90)]
)
def test_whoever_says_how_long_to_wait_is_left_alone_so_long(stalls: int, retry_after: float, pause: float) -> None:
    move = step(replace(STALLED, stalls=stalls), Unread("busy", retry_after=retry_after))
    assert move.then == DoSleep(after(pause))


def test_a_stall_begins_with_the_first_that_cannot_be_read() -> None:
    move = step(Progress(), AWAY, at=7)
    assert move.progress == Progress(stalled_since=after(7), stalls=1, pause_until=after(8))


@pytest.mark.parametrize(("at", "is_told"), [(59.9, False), (60, True), (61, True)], ids=["before", "at", "after"])
def test_the_user_is_told_once_that_it_takes_more_than_a_minute(at: float, is_told: bool) -> None:
    alarm = Alarm("rule-delayed", {"reason": "away" * 50, "action": "change configuration"}, is_failure=True)
    move = step(STALLED, Unread("away" * 60), at=at)
    assert move.alarms == ((alarm,) if is_told else ())
    assert move.progress.alarms == (("rule-delayed/0",) if is_told else ())
    assert step(move.progress, AWAY, at=at + 8).alarms == (() if is_told else (replace(alarm, facts=FACTS),))


FACTS = {"reason": "away", "action": "change configuration"}


def test_each_action_tells_its_own_delay() -> None:
    move = step(replace(STALLED, deed=1, alarms=("rule-delayed/0",)), AWAY, at=60, actions=(CONFIG, CONFIG))
    assert [alarm.facts for alarm in move.alarms] == [FACTS]
    assert move.progress.alarms == ("rule-delayed/0", "rule-delayed/1")


@pytest.mark.parametrize(("at", "is_over"), [(599, False), (600, True), (700, True)])
@pytest.mark.parametrize("phase", [Phase.PREPARE, Phase.ASKING])
def test_after_ten_minutes_without_a_read_it_is_given_up(phase: Phase, at: float, is_over: bool) -> None:
    progress = replace(ASKED, phase=phase, stalled_since=after(0), stalls=9)
    move = step(progress, AWAY, at=at)
    if is_over:
        assert move.progress.results == (Ended(Result.FAILED, "away"),)
        assert (move.state, move.then) == (IntentState.FAILED, DoEnd())
    else:
        assert (move.state, move.then) == (OPEN, DoSleep(after(at + 30)))


def test_what_was_written_down_to_be_sent_is_looked_up_again_after_the_pause() -> None:
    move = step(ASKED, AWAY, at=40)
    assert move.progress == replace(ASKED, stalled_since=after(40), stalls=1)
    assert move.then == DoSleep(after(41))


@pytest.mark.parametrize("phase", [Phase.PREPARE, Phase.ASKING])
def test_what_will_not_be_read_until_a_person_does_something_is_given_up_at_once(phase: Phase) -> None:
    move = step(replace(ASKED, phase=phase), Unread("must be linked again", is_final=True))
    assert move.progress.results == (Ended(Result.FAILED, "must be linked again"),)


def test_R14_what_may_fail_keeps_nothing_from_being_done() -> None:
    actions = (Action(CONFIG.deed, may_fail=True), PANIC)
    move = step(Progress(), Unread("must be linked again", is_final=True), actions=actions)
    assert move.progress == Progress(deed=1, results=(Ended(Result.FAILED, "must be linked again"),))
    assert move.then == READS_SALE


def test_R15_what_was_declined_is_a_stall_no_more_so_the_next_attempt_has_its_ten_minutes() -> None:
    declined = step(replace(ASKED, stalled_since=after(0), stalls=4), Declined("busy", retry_after=600), at=1)
    assert declined.progress == replace(AGAIN, pause_until=after(601))
    away = step(declined.progress, AWAY, at=601)
    assert (away.state, away.then, away.alarms) == (OPEN, DoSleep(after(602)), ())
    assert away.progress.stalled_since == after(601)


# ---- nothing can be read back ----


@pytest.mark.parametrize("is_final", [False, True])
@pytest.mark.parametrize(("at", "until"), [(0, 8), (100, 108), (175, 180), (179.5, 180)])
def test_R13_what_cannot_be_read_back_is_tried_until_the_end_of_its_time(
    at: float, until: float, is_final: bool
) -> None:
    looking = replace(LOOKING, stalls=3, stalled_since=after(at))
    move = step(looking, Unread("away", is_final=is_final), at=at)
    assert move == Move(replace(looking, stalls=4), OPEN, (), (), DoSleep(after(until)))


def test_R13_two_looks_that_fail_are_no_stall_when_one_between_them_did_not() -> None:
    away = step(LOOKING, AWAY, at=5)
    seen = step(away.progress, reads(), at=40)
    assert seen.progress == LOOKING
    again = step(seen.progress, AWAY, at=70)
    assert again == Move(replace(LOOKING, stalled_since=after(70), stalls=1), OPEN, (), (), DoSleep(after(71)))


WHY = "whether it was done could not be read back: away"


@pytest.mark.parametrize(
    ("at", "is_final", "is_over"),
    [(180, False, False), (779, False, False), (780, False, True), (180, True, True), (800, True, True)],
)
def test_R13_and_ten_minutes_more_unless_it_will_not_be_read_anyway(at: float, is_final: bool, is_over: bool) -> None:
    move = step(replace(LOOKING, stalls=3), Unread("away", is_final=is_final), at=at)
    if is_over:
        assert move.progress.results == (Ended(Result.FAILED, WHY),)
    else:
        assert move.then == DoSleep(after(at + 8))


def test_R14_a_guard_that_cannot_be_read_back_keeps_nothing_from_being_sold() -> None:
    before = step(GUARD_LOOKING, AWAY, at=4.5, actions=(PANIC,))
    assert before.then == DoSleep(after(5))
    move = step(before.progress, AWAY, at=5, actions=(PANIC,))
    why = "it could not be read back: away"
    assert move.records == (record("unverified", reason=why),)
    assert move.alarms == (Alarm("buying-not-off", {"reason": why}, is_failure=True),)
    assert (move.progress.part, move.progress.alarms, move.then) == (1, ("buying-not-off/0",), READS_SALE)


# ---- nothing can be sent ----


def test_what_is_not_sent_is_no_attempt_and_tried_for_ten_minutes() -> None:
    progress = replace(ASKED, attempts=2, stalled_since=after(0), stalls=2)
    move = step(progress, NotSent("away"), at=599)
    assert move.progress == replace(
        AGAIN, attempts=1, stalled_since=after(0), stalls=3, pause_until=after(603), alarms=("rule-delayed/0",)
    )
    assert move.then == DoSleep(after(603))
    assert step(replace(ASKED, attempts=0), NotSent("away")).progress.attempts == 0
    assert step(progress, NotSent("away"), at=600).progress.results == (Ended(Result.FAILED, "away"),)


@pytest.mark.parametrize(
    ("event", "at", "until"),
    [(NotSent("away"), 3.9, 4.9), (NotSent("away"), 4, None), (Declined("busy", retry_after=3), 1.9, 4.9)],
)
def test_R14_a_guard_is_tried_again_within_its_seconds_only(event: Event, at: float, until: float | None) -> None:
    move = step(GUARDED, event, at=at, actions=(PANIC,))
    assert move.then == (READS_SALE if until is None else DoSleep(after(until)))
    assert move.progress.part == (1 if until is None else 0)


@pytest.mark.parametrize(
    "event",
    [Declined("!" * 300, retry_after=5), Declined("!" * 300, is_final=True)],
    ids=["too late", "for good"],
)
def test_R14_a_guard_that_is_given_up_is_told_and_the_sale_goes_on(event: Event) -> None:
    move = step(GUARDED, event, actions=(PANIC,))
    why = "!" * 200
    assert move.records == (record("declined", reason=why), record("unverified", reason=why))
    assert move.alarms == (Alarm("buying-not-off", {"reason": why}, is_failure=True),)
    assert move.progress == Progress(
        part=1, number=1, patience=5.0, noted={"buying": Noted("1", "0")}, alarms=("buying-not-off/0",)
    )
    assert move.then == READS_SALE


def test_R14_a_guard_that_was_asked_for_three_times_is_given_up_in_time_too() -> None:
    move = step(replace(GUARDED, attempts=3), NotSent("away"), actions=(PANIC,))
    assert move.records[-1] == record("unverified", reason="away")
    assert step(replace(GUARDED, attempts=2), NotSent("away"), actions=(PANIC,)).then == DoSleep(after(1))


def test_R14_what_was_told_of_a_guard_is_not_told_again() -> None:
    move = step(replace(GUARDED, alarms=("buying-not-off/0",)), Declined("no", is_final=True), actions=(PANIC,))
    assert move.alarms == ()
    assert move.progress.alarms == ("buying-not-off/0",)


def test_R14_a_guard_is_looked_at_each_second_until_its_end() -> None:
    answered = step(GUARDED, Answered("ok", after(0), after(1)), at=1, actions=(PANIC,))
    assert answered.progress == GUARD_LOOKING
    seen = reads_sale("1")
    assert step(GUARD_LOOKING, seen, at=1, actions=(PANIC,)).then == DoSleep(after(2))
    assert step(GUARD_LOOKING, seen, at=4.5, actions=(PANIC,)).then == DoSleep(after(5))
    over = step(GUARD_LOOKING, seen, at=5, actions=(PANIC,))
    why = "no effect was seen in time: 1 of 1 left"
    assert over.records == (record("unseen", number=1, left=["buying"]), record("unverified", reason=why))


def test_whoever_executes_says_how_patient_he_is() -> None:
    spans = Patience(2, *(timedelta(seconds=seconds) for seconds in (10, 3, 20, 100, 30, 2)))
    assert step(replace(ASKED, attempts=2), Declined("busy"), spans=spans).then == DoEnd()
    assert step(GUARD_LOOKING, reads_sale("1"), spans=spans, actions=(PANIC,)).then == DoSleep(after(2))
    assert step(Progress(), reads_sale("1"), spans=spans, actions=(PANIC,)).progress.patience == 3
    assert step(Progress(part=1), reads_sale("1"), spans=spans, actions=(PANIC,)).progress.patience == 130
    assert step(STALLED, AWAY, at=30, spans=spans).alarms[0].kind == "rule-delayed"
    assert step(STALLED, AWAY, at=100, spans=spans).then == DoEnd()
    assert step(LOOKING, AWAY, at=280, spans=spans).then == DoEnd()


# ---- what a person chooses ----

SKIPPED = Ended(Result.SKIPPED, "an action before it failed")
THREE = (Action(Notify("x")), CONFIG, PANIC)
FAILED = Progress(
    deed=1,
    phase=Phase.OVER,
    number=3,
    attempts=3,
    patience=180.0,
    has_effect=True,
    noted=ASKED.noted,
    results=(Ended(Result.DONE), Ended(Result.FAILED, "busy"), SKIPPED),
)


@pytest.mark.parametrize("state", [IntentState.PARTIAL, IntentState.FAILED])
@pytest.mark.parametrize("result", [Result.PARTIAL, Result.FAILED])
def test_R13_a_retry_goes_on_with_the_first_action_that_failed_and_with_the_next_number(
    state: IntentState, result: Result
) -> None:
    failed = replace(FAILED, results=(FAILED.results[0], Ended(result, "busy"), SKIPPED))
    move = step(failed, Retry("user"), state=state, actions=THREE)
    retried = Record("retried", {"action": 1, "part": 0, "by": "user", "from": 1})
    progress = Progress(deed=1, number=3, patience=180.0, noted=ASKED.noted, results=(Ended(Result.DONE),))
    assert move == Move(progress, OPEN, (retried,), (), READS_CONFIG)


@pytest.mark.parametrize("state", [IntentState.PARTIAL, IntentState.FAILED])
def test_what_failed_can_be_abandoned(state: IntentState) -> None:
    move = step(FAILED, Abandon("user"), state=state, actions=THREE)
    abandoned = Record("abandoned", {"action": 1, "part": 0, "by": "user"})
    assert move == Move(FAILED, IntentState.ABANDONED, (abandoned,), (), DoEnd())


def test_what_is_under_way_can_be_abandoned_too() -> None:
    for progress in (replace(STALLED, pause_until=after(60)), ASKED, LOOKING):
        move = step(progress, Abandon("user"))
        over = replace(progress, phase=Phase.OVER, pause_until=None)
        assert move == Move(over, IntentState.ABANDONED, (record("abandoned", by="user"),), (), DoEnd())


@pytest.mark.parametrize("state", [IntentState.DONE, IntentState.ABANDONED])
@pytest.mark.parametrize("event", [Retry("user"), Abandon("user"), Begin(), Woken()])
def test_what_came_to_an_end_stays_so(state: IntentState, event: Event) -> None:
    assert step(FAILED, event, state=state, actions=THREE) == Move(FAILED, state, (), (), DoEnd())


@pytest.mark.parametrize("event", [Begin(), Woken(), AWAY])
def test_what_failed_waits_for_a_person(event: Event) -> None:
    move = step(FAILED, event, state=IntentState.FAILED, actions=THREE)
    assert move == Move(FAILED, IntentState.FAILED, (), (), DoEnd())
