"""What must be so before anything is sent, beside what upstream shows (R9, R12, R19, R23)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.logic.limits import Limits, held_back
from controller.logic.moves import Standing
from controller.logic.standing import Facts, judge
from controller.settings import Settings
from cryptwire.domain.action import RuleSetId
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.domain.intent import Wish
from cryptwire.domain.rule_set import Action, Notify, PanicSell, Switch, Turn, Wait

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
WISH = Wish(RuleSetId("r"), 2, 7, 1, HopperId("1"), UserId("u"), False, "s/1", b"", NOW, (Action(PanicSell()),))
GOOD = Facts(5, True, 2, 7, "pro", False, False, False, False, "", "", "")
PLANS = frozenset({"pro", "trial"})
CHANGED = "the rule set was turned off, armed again or changed since it fired"
NO_PLAN = "the plan does not act any more"


def test_R9_when_all_is_as_it_was_it_may_act() -> None:
    assert judge(WISH, 5, GOOD, PLANS) == Standing()


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (replace(GOOD, switched_off="user: stop"), "the kill switch is on: user: stop"),
        (replace(GOOD, version=None), "the rule set was deleted"),
        (replace(GOOD, version=3), CHANGED),
        (replace(GOOD, mode_number=8), CHANGED),
        (replace(GOOD, plan="free"), NO_PLAN),
        (replace(GOOD, plan=None), NO_PLAN),
        (replace(GOOD, is_leaving=True), NO_PLAN),
        (replace(GOOD, is_gone=True), "the hopper is not linked any more"),
        (replace(GOOD, link_problem="link it again"), "link it again"),
        (replace(GOOD, is_paper_upstream=True), "the hopper is paper trading now, which is not what was known of it"),
        (replace(GOOD, is_paper=True), "the hopper is live trading now, which is not what was known of it"),
        (replace(GOOD, is_paper=None), "the hopper is live trading now, which is not what was known of it"),
        (replace(GOOD, held_back="too often"), "too often"),
    ],
)
def test_R9_each_thing_that_has_changed_is_an_obstacle_and_named(facts: Facts, said: str) -> None:
    assert judge(WISH, 5, facts, PLANS) == Standing(obstacle=said)


def test_R9_of_several_obstacles_the_first_is_named() -> None:
    """The kill switch before all, then the rule set, the plan, the hopper, and last how often."""
    facts = replace(GOOD, switched_off="user: x", version=3, plan="free", is_gone=True, link_problem="link it again")
    facts = replace(facts, is_paper_upstream=True, held_back="too often")
    said = []
    for mended in ("switched_off", "version", "plan", "is_gone", "link_problem", "is_paper_upstream", "held_back"):
        said.append(judge(WISH, 5, facts, PLANS).obstacle)
        facts = replace(facts, **{mended: getattr(GOOD, mended)})
    assert said == [
        "the kill switch is on: user: x",
        CHANGED,
        NO_PLAN,
        "the hopper is not linked any more",
        "link it again",
        "the hopper is paper trading now, which is not what was known of it",
        "too often",
    ]
    assert judge(WISH, 5, facts, PLANS) == Standing()


@pytest.mark.parametrize(
    "facts", [replace(GOOD, fence=6), replace(GOOD, fence=None), replace(GOOD, is_confirmed=False)]
)
def test_R12_another_fence_or_a_pod_that_is_not_confirmed_ends_it_here_whatever_else_there_is(facts: Facts) -> None:
    assert judge(WISH, 5, replace(facts, switched_off="platform: x"), PLANS) == Standing(is_lost=True)


# ---- how often ----


def test_R19_what_is_usual_is_said_in_one_place() -> None:
    said = Settings("pod", "", "", "", "", Path())
    assert Limits(said.actions_an_hour, said.actions_a_day, said.panics_a_day) == Limits()


LIMITS = Limits(an_hour=3, a_day=5, panics_a_day=2)
STOP = Action(Turn(Switch.BUYING, is_on=False))


def wish(minutes: float, *actions: Action, hopper: str = "1", user: str = "u", is_shadow: bool = False) -> Wish:
    at = NOW - timedelta(minutes=minutes)
    return replace(
        WISH,
        decided_at=at,
        actions=actions or (STOP,),
        hopper=HopperId(hopper),
        user=UserId(user),
        is_shadow=is_shadow,
    )


def test_R19_so_many_actions_of_a_hopper_within_an_hour() -> None:
    assert held_back(wish(0), [wish(5), wish(10)], LIMITS) == ""
    assert "within an hour" in held_back(wish(0), [wish(5), wish(10), wish(59)], LIMITS)
    assert "within an hour" in held_back(wish(0, STOP, STOP), [wish(5), wish(10)], LIMITS)
    assert held_back(wish(0), [wish(5), wish(10), wish(60)], LIMITS) == ""


def test_R19_so_many_within_a_day() -> None:
    spread = [wish(100 * number) for number in range(1, 6)]
    assert "within a day" in held_back(wish(0), spread, LIMITS)
    assert held_back(wish(0), spread[:4], LIMITS) == ""
    assert held_back(wish(0), [*spread[:4], wish(1440)], LIMITS) == ""


def test_R19_so_many_panics_of_an_account_whatever_the_hopper() -> None:
    panic = Action(PanicSell())
    two = [wish(300, panic, hopper="2"), wish(600, panic, hopper="3")]
    assert "panicked 2 times" in held_back(wish(0, panic), two, LIMITS)
    assert held_back(wish(0), two, LIMITS) == ""
    assert held_back(wish(0, panic), [replace(each, user=UserId("other")) for each in two], LIMITS) == ""


def test_R19_what_only_tells_or_waits_is_never_held_back_and_never_counts() -> None:
    many = [wish(number) for number in range(1, 30)]
    assert held_back(wish(0, Action(Notify("x")), Action(Wait(5))), many, LIMITS) == ""
    assert held_back(wish(0), [wish(1, Action(Notify("x")))] * 30, LIMITS) == ""


def test_R19_shadow_counts_among_its_like_and_hoppers_by_themselves() -> None:
    assert held_back(wish(0), [wish(1, is_shadow=True)] * 30, LIMITS) == ""
    assert held_back(wish(0, is_shadow=True), [wish(1, is_shadow=True)] * 3, LIMITS) != ""
    assert held_back(wish(0), [wish(1, hopper="2")] * 30, LIMITS) == ""
