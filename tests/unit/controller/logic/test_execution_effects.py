"""Whether what an execution asked for has come: looked at until it is seen, looked up when nobody knows (R11, R13)."""

from dataclasses import replace
from typing import Any

import pytest

from controller.logic.moves import (
    DoEnd,
    DoRecall,
    DoSend,
    DoSleep,
    Event,
    Instruction,
    Move,
    Recalled,
    Record,
    Whereabouts,
)
from controller.logic.progress import Ended, Phase, Progress, Result
from controller.logic.requests import Call, Request
from cryptwire.domain.action import Outcome
from cryptwire.domain.intent import IntentState
from cryptwire.domain.rule_set import Action, CancelOrders, SellPositions, Which
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
from tests.unit.controller.logic.played_hopper import Played, sell_order

OPEN = IntentState.OPEN


@pytest.mark.parametrize(
    ("at", "is_unknown", "then"),
    [
        (0, False, 1),
        (1.5, False, 2.5),
        (4, False, 6),
        (29, False, 43.5),
        (40, False, 55),
        (170, False, 180),
        (179, False, 180),
        (4, True, 6),
        (24, True, 30),
    ],
)
def test_R13_looks_grow_rarer_up_to_fifteen_seconds_and_end_with_the_time_there_is(
    at: float, is_unknown: bool, then: float
) -> None:
    looking = replace(LOOKING, is_unknown=is_unknown)
    assert step(looking, reads(), at=at) == Move(looking, OPEN, (), (), DoSleep(after(then)))


@pytest.mark.parametrize(("at", "then"), [(29.5, DoSleep(after(30))), (30, DoRecall(1)), (179, DoRecall(1))])
def test_R11_what_became_of_an_unknown_request_is_looked_up_once_it_must_be_over(at: float, then: Instruction) -> None:
    assert step(replace(LOOKING, is_unknown=True), reads(), at=at).then == then


@pytest.mark.parametrize("at", [180, 200])
def test_R13_what_is_not_seen_in_time_is_asked_for_again_by_a_fresh_read(at: float) -> None:
    move = step(LOOKING, reads(), at=at)
    why = "no effect was seen in time: 1 of 1 left"
    unseen, again = record("unseen", number=1, left=["a"]), record("again", reason=why, attempts=1)
    assert move == Move(replace(AGAIN, deadline=after(180)), OPEN, (unseen, again), (), READS_CONFIG)


def looking_for(request: Request, **more: Any) -> Progress:
    return replace(LOOKING, request=request, **more)


@pytest.mark.parametrize(
    ("left", "has_effect"), [(["1", "2", "3"], False), (["1", "2"], True)], ids=["nothing came", "some came"]
)
def test_R13_what_is_left_is_said_and_whether_some_of_it_came_is_kept(left: list[str], has_effect: bool) -> None:
    played = Played(orders=[sell_order(id_) for id_ in left])
    request = Request(Call.CANCEL, ("1", "2", "3"))
    move = step(looking_for(request), read_of(played, reads().standing), at=180, actions=(Action(CancelOrders()),))
    assert move.records[0] == record("unseen", number=1, left=left)
    assert move.records[1].body["reason"] == f"no effect was seen in time: {len(left)} of 3 left"
    assert move.progress.has_effect is has_effect


def test_R13_of_a_configuration_the_fields_are_counted() -> None:
    looking = looking_for(Request(Call.CONFIG, changes={"a": "2", "b": "3", "c": "4"}))
    move = step(looking, read_of(Played(config={"a": "2", "b": "1"}), reads().standing), at=180)
    assert move.records[0] == record("unseen", number=1, left=["b", "c"])
    assert move.records[1].body["reason"] == "no effect was seen in time: 2 of 3 left"


def test_R13_of_many_that_are_left_a_hundred_are_named() -> None:
    ids = [str(number) for number in range(150)]
    played = Played(orders=[sell_order(id_) for id_ in ids])
    looking = looking_for(Request(Call.CANCEL, tuple(ids)))
    move = step(looking, read_of(played, reads().standing), at=180, actions=(Action(CancelOrders()),))
    assert move.records[0].body["left"] == ids[:100]


@pytest.mark.parametrize("progress", [LOOKING, replace(LOOKING, is_unknown=True), ASKED])
def test_R13_once_all_of_it_is_seen_the_action_is_done(progress: Progress) -> None:
    move = step(progress, reads("2"), at=500, actions=(CONFIG, Action(CancelOrders())))
    ended = record("action-ended", words="change configuration", result="done", reason="")
    assert move.records == (record("verified", number=1), ended)
    assert move.progress == Progress(deed=1, number=1, patience=180.0, noted=ASKED.noted, results=(Ended(Result.DONE),))


def test_R14_that_buying_is_seen_to_be_off_is_no_effect_of_the_sale() -> None:
    seen = step(replace(GUARDED, phase=Phase.VERIFY), reads_sale("1", is_buying=False), actions=(PANIC,))
    assert (seen.progress.part, seen.progress.has_effect) == (1, False)
    assert seen.records == (record("verified", number=1),)


@pytest.mark.parametrize(("count", "is_over"), [(499, True), (500, False)])
@pytest.mark.parametrize(
    ("call", "action"),
    [(Call.CANCEL, CancelOrders()), (Call.SELL, SellPositions(Which.WINNING))],
    ids=["orders", "positions"],
)
def test_one_request_names_500_so_after_so_many_it_is_looked_for_more(
    count: int, is_over: bool, call: Call, action: CancelOrders | SellPositions
) -> None:
    ids = tuple(map(str, range(count)))
    looking = looking_for(Request(call, ids, ids if call is Call.SELL else ()))
    move = step(looking, read_of(Played(), reads().standing), at=1, actions=(Action(action),))
    assert (move.then == DoEnd()) is is_over
    if not is_over:
        assert move.progress == Progress(number=1, patience=180.0, has_effect=True, noted=ASKED.noted)


# ---- what became of a request whose answer nobody has ----

DONE_AGAIN = record("again", reason="the request was not done", attempts=1)
AFTER_IT = replace(AGAIN, deadline=LOOKING.deadline)
UNSURE = replace(LOOKING, is_unknown=True)


@pytest.mark.parametrize(
    ("progress", "found", "next_", "records", "then"),
    [
        (ASKED, Outcome.DONE, replace(LOOKING, deadline=after(184)), [], READS_CONFIG),
        (ASKED, Outcome.UNKNOWN, replace(LOOKING, deadline=after(184)), [], READS_CONFIG),
        (ASKED, Outcome.REFUSED, AGAIN, [DONE_AGAIN], READS_CONFIG),
        (ASKED, Outcome.NOT_SENT, AGAIN, [DONE_AGAIN], READS_CONFIG),
        (ASKED, Whereabouts.UNDER_WAY, ASKED, [], DoSleep(after(5))),
        (ASKED, Whereabouts.ABSENT, ASKED, [], READS_CONFIG),
        (UNSURE, Outcome.DONE, LOOKING, [], DoSleep(after(6))),
        (UNSURE, Outcome.UNKNOWN, LOOKING, [], DoSleep(after(6))),
        (UNSURE, Outcome.REFUSED, AFTER_IT, [DONE_AGAIN], READS_CONFIG),
        (UNSURE, Whereabouts.UNDER_WAY, UNSURE, [], DoSleep(after(5))),
        (UNSURE, Whereabouts.ABSENT, AFTER_IT, [DONE_AGAIN], READS_CONFIG),
    ],
)
def test_R11_after_what_the_gateway_wrote_down(
    progress: Progress, found: Outcome | Whereabouts, next_: Progress, records: list[Record], then: Instruction
) -> None:
    move = step(progress, Recalled(found), at=4)
    assert move == Move(next_, OPEN, (record("recalled", number=1, found=found.value), *records), (), then)


@pytest.mark.parametrize(
    ("event", "at", "then"),
    [
        (reads(), 5, DoSend(1, REQUEST)),
        (reads(), 100, DoSend(1, REQUEST)),
        (reads(obstacle="stop"), 29, DoSleep(after(30))),
        (reads(obstacle="stop"), 30, DoEnd()),
    ],
)
def test_R11_what_never_arrived_is_sent_under_its_number_if_it_still_may_be(
    event: Event, at: float, then: Instruction
) -> None:
    move = step(ASKED, event, at=at)
    assert move.then == then
    if then == DoEnd():
        assert move.progress.results == (Ended(Result.FAILED, "stop"),)
    else:
        assert (move.progress, move.records) == (ASKED, ())


def test_R9_an_obstacle_for_what_never_arrived_keeps_the_others_from_being_done_too() -> None:
    move = step(ASKED, reads(obstacle="stop"), at=31, actions=(Action(CONFIG.deed, may_fail=True), CONFIG))
    assert [ended.result for ended in move.progress.results] == [Result.FAILED, Result.SKIPPED]


@pytest.mark.parametrize(("at", "part"), [(4.9, 0), (5, 1)])
@pytest.mark.parametrize("found", [Outcome.REFUSED, Outcome.NOT_SENT])
def test_R14_a_guard_that_was_not_done_is_tried_again_within_its_seconds_only(
    found: Outcome, at: float, part: int
) -> None:
    move = step(GUARDED, Recalled(found), at=at, actions=(PANIC,))
    assert (move.progress.part, move.then) == (part, READS_SALE)


def test_what_was_asked_for_last_is_not_kept_beyond_the_end() -> None:
    for progress in (
        replace(LOOKING, attempts=3),
        replace(AGAIN, attempts=3, deadline=after(180), pause_until=after(9)),
    ):
        move = step(progress, reads("1" if progress.request else "2"), at=180)
        end = move.progress
        assert (end.phase, end.request, end.deadline, end.pause_until) == (Phase.OVER, None, None, None)
