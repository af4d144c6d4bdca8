"""What the audit keeps of an intent and what its user is told, word for word."""

from datetime import timedelta

import pytest

from controller.logic.execution import end_of, words_of
from controller.logic.moves import Alarm, Record
from controller.logic.progress import Ended, Result
from cryptwire.domain.hopper import Asset
from cryptwire.domain.intent import IntentState
from cryptwire.domain.rule_set import (
    Action,
    CancelOrders,
    ChangeConfig,
    Deed,
    Notify,
    PanicSell,
    Restore,
    SellPositions,
    Switch,
    Turn,
    Wait,
    Which,
)
from tests.unit.controller.logic.played_hopper import START, Fault, Played, Run, unread, with_positions

CONFIG = Action(ChangeConfig({"a": "2"}))
STOP_BUYING = Action(Turn(Switch.BUYING, is_on=False))
PANIC = Action(PanicSell())
REFUSED = Fault("refused")


SKIPPED = ["skipped", "an action before it failed"]


def configured() -> Played:
    return Played(config={"a": "1"})


def record(action: int, part: int, kind: str, **body: object) -> Record:
    return Record(kind, {"action": action, "part": part, **body})


def request(call: str, **more: object) -> dict[str, object]:
    usual = {"ids": [], "coins": [], "orders_before": [], "is_on": False, "is_market": True, "changes": {}}
    return {"call": call, **usual, **more}


# ---- the audit ----


def test_the_audit_of_a_sale_says_each_step_of_it() -> None:
    run = Run([PANIC], with_positions("1", "2")).go()
    first, second = ((START + timedelta(milliseconds=each)).isoformat() for each in (50, 100))
    before = {"buying": {"before": "1", "then": "0"}}
    positions = request("StartPanic", ids=["1", "2"], coins=["C1", "C2"])
    assert run.records == [
        record(0, 0, "asks", number=1, changes_from=before, **request("SetBuying")),
        record(0, 0, "answered", said="ok", sent_at=first, answered_at=first, is_repeated=False),
        record(0, 0, "verified", number=1),
        record(0, 1, "asks", number=2, changes_from={}, **positions),
        record(0, 1, "answered", said="ok", sent_at=second, answered_at=second, is_repeated=False),
        record(0, 1, "verified", number=2),
        record(0, 1, "action-ended", words="panic sell", result="done", reason=""),
        record(0, 1, "ended", state="done", results=[["done", ""]], changed={"buying": {"before": "1", "now": "0"}}),
    ]


def test_R22_the_audit_in_shadow_says_what_would_be_asked_and_waited_for() -> None:
    played = with_positions("1")
    played.config = {"a": "1"}
    actions = [Action(Wait(3600)), Action(Notify("hello")), PANIC, CONFIG, Action(Restore())]
    run = Run(actions, played, is_shadow=True).go()
    why = "buying is on already"
    assert run.records == [
        record(0, 0, "would-wait", seconds=3600),
        record(0, 0, "action-ended", words="wait", result="done", reason=""),
        record(1, 0, "says", text="hello"),
        record(1, 0, "action-ended", words="notify", result="done", reason=""),
        record(2, 0, "would-ask", **request("SetBuying")),
        record(2, 1, "would-ask", **request("StartPanic", ids=["1"], coins=["C1"])),
        record(2, 1, "action-ended", words="panic sell", result="done", reason=""),
        record(3, 0, "would-ask", **request("ChangeConfig", changes={"a": "2"})),
        record(3, 0, "action-ended", words="change configuration", result="done", reason=""),
        record(4, 0, "nothing-to-do", reason="nothing is as it was left", attempts=0),
        record(4, 1, "nothing-to-do", reason=why, attempts=0),
        record(4, 1, "action-ended", words="restore", result="nothing", reason=why),
        record(4, 1, "ended", state="done", results=[["done", ""]] * 4 + [["nothing", why]], changed={}),
    ]
    assert (run.alarms, played.now, played.sent) == ([], START, [])


def test_a_reason_of_any_length_is_kept_in_two_hundred_characters() -> None:
    run = Run([CONFIG], Played(unread=[unread("!" * 300, is_final=True)])).go()
    assert run.records[0] == record(
        0, 0, "action-ended", words="change configuration", result="failed", reason="!" * 200
    )
    assert run.progress.results == (Ended(Result.FAILED, "!" * 200),)


def test_R14_the_audit_of_an_end_says_how_each_action_ended_and_what_stays_changed() -> None:
    played = configured()
    played.faults = [Fault(), REFUSED]
    run = Run([CONFIG, STOP_BUYING, Action(Notify("x"))], played).go()
    assert run.records[-2:] == [
        record(1, 0, "action-ended", words="turn buying off", result="failed", reason="must be linked again"),
        record(
            1,
            0,
            "ended",
            state="partial",
            results=[["done", ""], ["failed", "must be linked again"], SKIPPED],
            changed={"config.a": {"before": "1", "now": "2"}, "buying": {"before": "1", "now": "0"}},
        ),
    ]


def test_what_is_restored_is_not_said_to_stay_changed() -> None:
    run = Run([CONFIG, Action(Restore())], configured()).go()
    assert run.records[-1].body["changed"] == {}
    nothing = Run([Action(Restore())], Played()).go()
    assert nothing.progress.results == (Ended(Result.NOTHING, "nothing was changed"),)


# ---- what the user is told ----


@pytest.mark.parametrize(
    ("actions", "faults", "told"),
    [
        ([CONFIG, STOP_BUYING], [], ("rule-done", {"actions": "2", "done": "change configuration, turn buying off"})),
        ([STOP_BUYING, PANIC], [], ("rule-done", {"actions": "2", "done": "turn buying off"})),
        ([PANIC], [], ("rule-done", {"actions": "1"})),
        (
            [CONFIG, STOP_BUYING, CONFIG],
            [Fault(), REFUSED],
            (
                "rule-partial",
                {
                    "actions": "3",
                    "done": "change configuration",
                    "failed": "turn buying off",
                    "reason": "must be linked again",
                    "changed": "config.a was 1, buying was 1",
                },
            ),
        ),
        (
            [Action(CONFIG.deed, may_fail=True), STOP_BUYING],
            [REFUSED, REFUSED],
            (
                "rule-failed",
                {
                    "actions": "2",
                    "failed": "change configuration",
                    "reason": "must be linked again",
                    "changed": "config.a was 1, buying was 1",
                },
            ),
        ),
        (
            [Action(SellPositions(Which.LOSING))],
            [],
            (
                "rule-failed",
                {
                    "actions": "1",
                    "failed": "sell losing positions",
                    "reason": "the hopper is disabled",
                },
            ),
        ),
    ],
    ids=["done", "nothing to sell", "nothing at all", "partial", "failed", "nothing changed"],
)
def test_an_end_is_told_once_with_what_was_done_what_failed_and_what_was_changed(
    actions: list[Action], faults: list[Fault], told: tuple[str, dict[str, str]]
) -> None:
    played = configured()
    played.faults = list(faults)
    played.is_enabled = "the hopper is disabled" not in told[1].values()
    run = Run(actions, played).go()
    assert run.alarms == [Alarm(*told, is_failure=told[0] != "rule-done")]


def test_of_what_was_changed_three_hundred_characters_are_told() -> None:
    played = Played(config={"a": "1" * 400})
    played.faults = [REFUSED]
    facts = Run([CONFIG], played).go().alarms[0].facts
    assert facts["changed"] == f"config.a was {'1' * 287}"


def test_a_notice_is_told_when_its_turn_comes_and_is_no_failure() -> None:
    run = Run([Action(Notify("hello")), CONFIG], configured()).go()
    assert run.alarms[0] == Alarm("rule-says", {"text": "hello"}, is_failure=False)
    assert run.records[:2] == [
        record(0, 0, "says", text="hello"),
        record(0, 0, "action-ended", words="notify", result="done", reason=""),
    ]
    assert run.told() == ["rule-says", "rule-done"]


def test_a_wait_ends_and_what_follows_is_not_said_to_have_failed() -> None:
    run = Run([Action(Wait(60)), CONFIG], configured()).go()
    assert run.progress.results == (Ended(Result.DONE), Ended(Result.DONE))
    assert run.alarms[0].facts == {"actions": "2", "done": "wait, change configuration"}


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (PanicSell(), "panic sell"),
        (SellPositions(Which.ALL), "sell all positions"),
        (SellPositions(Which.COINS, (Asset("BTC"),)), "sell coins positions"),
        (Turn(Switch.BUYING, is_on=True), "turn buying on"),
        (Turn(Switch.HOPPER, is_on=False), "turn hopper off"),
        (CancelOrders(), "cancel orders"),
        (ChangeConfig({"a": "1"}), "change configuration"),
        (Notify("x"), "notify"),
        (Wait(1), "wait"),
        (Restore(), "restore"),
    ],
)
def test_each_action_has_its_words(deed: Deed, words: str) -> None:
    assert words_of(deed) == words


@pytest.mark.parametrize(
    ("results", "state"),
    [
        ("done", IntentState.DONE),
        ("nothing", IntentState.DONE),
        ("done nothing", IntentState.DONE),
        ("failed", IntentState.FAILED),
        ("failed skipped", IntentState.FAILED),
        ("nothing failed skipped", IntentState.FAILED),
        ("done failed", IntentState.PARTIAL),
        ("failed done", IntentState.PARTIAL),
        ("partial", IntentState.PARTIAL),
        ("partial failed skipped", IntentState.PARTIAL),
    ],
)
def test_R14_an_intent_ends_well_unless_an_action_failed_and_partly_if_anything_was_done(
    results: str, state: IntentState
) -> None:
    assert end_of([Ended(Result(each)) for each in results.split()]) is state
