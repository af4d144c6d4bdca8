"""What an execution does next after each thing it hears, and what of it is written down before."""

from dataclasses import replace
from typing import Any

import pytest

from controller.logic.execution import advance
from controller.logic.moves import (
    Answered,
    Begin,
    Declined,
    DoEnd,
    DoRecall,
    DoSend,
    DoSleep,
    Event,
    Instruction,
    Lost,
    Move,
    NotSent,
    Patience,
    Recalled,
    Record,
    Unknown,
    Woken,
)
from controller.logic.progress import Ended, Phase, Progress, Result
from controller.logic.requests import Noted
from cryptwire.domain.action import Outcome
from cryptwire.domain.intent import IntentState
from cryptwire.domain.rule_set import Action, Restore, Wait
from tests.unit.controller.logic.execution_steps import (
    AGAIN,
    ASKED,
    CONFIG,
    GUARDED,
    LOOKING,
    PANIC,
    READS_CONFIG,
    READS_SALE,
    REQUEST,
    after,
    read_of,
    reads,
    reads_sale,
    record,
    step,
)
from tests.unit.controller.logic.played_hopper import Played

OPEN = IntentState.OPEN
SLEEPING = Progress(phase=Phase.SLEEPING, pause_until=after(60))
PAUSED = Progress(pause_until=after(60))


# ---- before a request ----


def test_R9_it_is_read_before_anything_is_asked() -> None:
    assert step(Progress(), Begin()) == Move(Progress(), OPEN, (), (), READS_CONFIG)
    assert step(Progress(), Begin(), actions=(PANIC,)) == Move(Progress(), OPEN, (), (), READS_SALE)


def test_R11_what_is_asked_and_how_it_was_before_is_written_down_and_then_sent() -> None:
    asks = record(
        "asks",
        number=1,
        call="ChangeConfig",
        ids=[],
        coins=[],
        orders_before=[],
        is_on=False,
        is_market=True,
        changes={"a": "2"},
        changes_from={"config.a": {"before": "1", "then": "2"}},
    )
    assert step(Progress(), reads()) == Move(ASKED, OPEN, (asks,), (), DoSend(1, REQUEST))


def test_R22_only_who_is_told_so_is_in_shadow() -> None:
    assert advance((CONFIG,), Progress(), OPEN, reads(), after(0), Patience()).then == DoSend(1, REQUEST)
    assert step(Progress(), reads(), is_shadow=True).then == DoEnd()


def test_R11_R15_another_attempt_has_the_next_number_and_forgets_the_pause_before_it() -> None:
    move = step(replace(AGAIN, number=4, pause_until=after(9), is_unknown=True), reads(), at=10)
    assert move.progress == replace(ASKED, number=5, attempts=2, asked_at=after(10))
    assert move.then == DoSend(5, REQUEST)


def test_what_was_before_the_first_of_several_changes_stays_what_was_before() -> None:
    move = step(Progress(noted={"config.a": Noted("0", "1"), "config.b": Noted("7", "8")}), reads())
    assert move.progress.noted == {"config.a": Noted("0", "2"), "config.b": Noted("7", "8")}


def test_what_is_set_back_is_not_noted_as_a_change() -> None:
    noted = {"config.a": Noted("2", "1")}
    move = step(Progress(noted=noted), reads(), actions=(Action(Restore()),))
    assert (move.then, move.progress.noted) == (DoSend(1, REQUEST), noted)


def test_R14_buying_has_five_seconds_to_be_off_from_the_first_time_it_is_asked_for() -> None:
    first = step(Progress(), reads_sale("1"), actions=(PANIC,))
    assert first.progress == GUARDED
    again = replace(GUARDED, phase=Phase.PREPARE, request=None)
    second = step(again, reads_sale("1"), at=2, actions=(PANIC,))
    assert second.progress == replace(GUARDED, number=2, attempts=2, asked_at=after(2))


@pytest.mark.parametrize(
    ("progress", "result"),
    [(Progress(), Ended(Result.NOTHING, "the configuration is so already")), (AGAIN, Ended(Result.DONE))],
    ids=["never asked for", "asked for before"],
)
def test_what_is_so_already_is_no_action_unless_it_came_of_an_earlier_attempt(
    progress: Progress, result: Ended
) -> None:
    move = step(progress, reads("2"))
    why = "the configuration is so already"
    assert move.records[0] == record("nothing-to-do", reason=why, attempts=progress.attempts)
    assert move.progress.results == (result,)
    assert (move.state, move.then) == (IntentState.DONE, DoEnd())


def test_R14_that_buying_is_off_is_no_sale() -> None:
    """Neither when it was so already, nor when it was turned off and then there is nothing left to sell."""
    sale = step(replace(GUARDED, phase=Phase.PREPARE, request=None), reads_sale("1", is_buying=False), actions=(PANIC,))
    assert sale.records[0].body["reason"] == "buying is off already"
    assert (sale.progress.part, sale.progress.has_effect, sale.then) == (1, False, READS_SALE)
    end = step(sale.progress, reads_sale(is_buying=False), actions=(PANIC,))
    assert end.progress.results == (Ended(Result.NOTHING, "no position is open"),)


def test_R9_what_cannot_be_done_fails_with_its_reason() -> None:
    move = step(Progress(), read_of(Played(), reads().standing))
    why = "the configuration has no field a: how it was could not be noted"
    assert move.progress.results == (Ended(Result.FAILED, why),)
    assert (move.state, move.then) == (IntentState.FAILED, DoEnd())


def test_R9_what_keeps_one_action_from_being_done_keeps_the_others_from_it_too() -> None:
    move = step(Progress(), reads(obstacle="stop"), actions=(Action(CONFIG.deed, may_fail=True), CONFIG, PANIC))
    skipped = Ended(Result.SKIPPED, "an action before it failed")
    assert move.progress.results == (Ended(Result.FAILED, "stop"), skipped, skipped)
    assert (move.progress.phase, move.state, move.then) == (Phase.OVER, IntentState.FAILED, DoEnd())


# ---- whoever else acts, and what does not fit ----


@pytest.mark.parametrize("progress", [Progress(), ASKED, LOOKING, SLEEPING], ids=lambda each: each.phase.value)
@pytest.mark.parametrize("event", [Lost(), reads(is_lost=True)], ids=["heard", "read"])
def test_R12_when_somebody_else_acts_nothing_more_is_done_or_written_here(progress: Progress, event: Event) -> None:
    assert step(progress, event) == Move(progress, OPEN, (), (), DoEnd(is_lost=True))


@pytest.mark.parametrize(
    ("progress", "then"),
    [
        (Progress(), READS_CONFIG),
        (PAUSED, DoSleep(after(60))),
        (ASKED, DoRecall(1)),
        (LOOKING, READS_CONFIG),
        (SLEEPING, DoSleep(after(60))),
    ],
    ids=["new", "paused", "asked", "looking", "sleeping"],
)
@pytest.mark.parametrize("event", [Begin(), Woken()])
def test_R16_whoever_takes_it_up_goes_on_where_it_was(progress: Progress, event: Event, then: Instruction) -> None:
    assert step(progress, event, at=59) == Move(progress, OPEN, (), (), then)


@pytest.mark.parametrize(
    ("progress", "event", "then"),
    [
        (Progress(), Answered("ok", after(0), after(0)), READS_CONFIG),
        (Progress(), Recalled(Outcome.DONE), READS_CONFIG),
        (LOOKING, NotSent("away"), READS_CONFIG),
        (SLEEPING, reads(), DoSleep(after(60))),
        (SLEEPING, Unknown("timeout"), DoSleep(after(60))),
    ],
)
def test_what_does_not_fit_leaves_everything_as_it_is(progress: Progress, event: Event, then: Instruction) -> None:
    assert step(progress, event) == Move(progress, OPEN, (), (), then)


def test_a_pause_ends_at_its_time() -> None:
    assert step(PAUSED, Woken(), at=60).then == READS_CONFIG
    waits = (Action(Wait(60)), CONFIG)
    begun = step(Progress(), Begin(), actions=waits)
    assert begun == Move(
        SLEEPING, IntentState.WAITING, (record("waits", until=after(60).isoformat()),), (), DoSleep(after(60))
    )
    woken = step(SLEEPING, Woken(), at=60, actions=waits, state=IntentState.WAITING)
    assert woken.progress == Progress(deed=1, results=(Ended(Result.DONE),))
    assert (woken.state, woken.then) == (OPEN, READS_CONFIG)


# ---- what is answered ----

SENT, HEARD = after(0.25), after(0.5)
ANSWERED: dict[str, Any] = {"sent_at": SENT.isoformat(), "answered_at": HEARD.isoformat()}


@pytest.mark.parametrize(
    ("event", "progress", "records", "then"),
    [
        (
            Answered("ok" * 200, SENT, HEARD),
            replace(LOOKING, deadline=after(181)),
            [record("answered", said="ok" * 100, is_repeated=False, **ANSWERED)],
            READS_CONFIG,
        ),
        (
            Answered("ok", SENT, HEARD, is_repeated=True),
            replace(LOOKING, deadline=after(181)),
            [record("answered", said="ok", is_repeated=True, **ANSWERED)],
            READS_CONFIG,
        ),
        (
            Unknown("?" * 300),
            replace(LOOKING, deadline=after(181), is_unknown=True),
            [record("unknown", reason="?" * 200)],
            READS_CONFIG,
        ),
        (
            Declined("!" * 300, retry_after=2),
            replace(AGAIN, pause_until=after(3)),
            [record("declined", reason="!" * 200), record("again", reason="!" * 200, attempts=1)],
            DoSleep(after(3)),
        ),
        (
            Declined("busy"),
            replace(AGAIN, pause_until=after(2)),
            [record("declined", reason="busy"), record("again", reason="busy", attempts=1)],
            DoSleep(after(2)),
        ),
        (
            NotSent("." * 300),
            replace(AGAIN, attempts=0, stalled_since=after(1), stalls=1, pause_until=after(2)),
            [record("not-sent", reason="." * 200)],
            DoSleep(after(2)),
        ),
    ],
    ids=["answered", "answered before", "unknown", "declined", "declined without a time", "not sent"],
)
def test_R11_R15_after_each_answer(event: Event, progress: Progress, records: list[Record], then: Instruction) -> None:
    assert step(ASKED, event, at=1) == Move(progress, OPEN, tuple(records), (), then)


def test_what_was_waited_for_before_an_answer_is_forgotten_by_it() -> None:
    move = step(replace(ASKED, stalled_since=after(0), stalls=3), Answered("ok", SENT, HEARD))
    assert move.progress == LOOKING


@pytest.mark.parametrize(
    ("event", "second"),
    [
        (Declined("no", is_final=True), None),
        (Declined("no", ends_all=True), Ended(Result.SKIPPED, "an action before it failed")),
    ],
    ids=["for good", "and all that follows"],
)
def test_R23_what_is_declined_for_good_has_no_other_attempt(event: Event, second: Ended | None) -> None:
    move = step(ASKED, event, actions=(Action(CONFIG.deed, may_fail=True), CONFIG))
    assert move.progress.results == (Ended(Result.FAILED, "no"), *([second] if second else ()))
    assert move.then == (DoEnd() if second else READS_CONFIG)


def test_R23_a_kill_switch_ends_a_sale_although_its_guard_may_fail() -> None:
    move = step(GUARDED, Declined("the kill switch is on", ends_all=True), actions=(PANIC, CONFIG))
    assert [ended.result for ended in move.progress.results] == [Result.FAILED, Result.SKIPPED]
    assert move.then == DoEnd()


@pytest.mark.parametrize(("attempts", "ends"), [(2, False), (3, True), (4, True)])
def test_R15_three_attempts_are_the_most(attempts: int, ends: bool) -> None:
    move = step(replace(ASKED, attempts=attempts), Declined("busy", retry_after=2))
    assert move.then == (DoEnd() if ends else DoSleep(after(2)))
