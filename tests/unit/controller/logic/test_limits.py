"""R19: however often rules fire, a hopper is acted on so often within an hour and a day, an account panics so often."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controller.logic.limits import Limits, held_back
from cryptwire.domain.action import RuleSetId
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.domain.intent import Wish
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
from tests.unit.controller.logic.builders import T

HOUR, DAY, A_MOMENT = timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)
CANCEL, PANIC = CancelOrders(), PanicSell()
FEW = Limits(an_hour=3, a_day=5, panics_a_day=2)


def wish(
    *deeds: Deed, ago: timedelta = timedelta(0), hopper: str = "7", user: str = "u1", is_shadow: bool = False
) -> Wish:
    """What a rule set wanted so long before ``T``."""
    actions = tuple(map(Action, deeds))
    of = HopperId(hopper), UserId(user)
    return Wish(RuleSetId("r1"), 1, 1, 1, *of, is_shadow, "s-1", b"", T - ago, actions)


def test_what_stays_within_the_limits_is_acted_on() -> None:
    assert held_back(wish(CANCEL), [], FEW) == ""
    assert held_back(wish(CANCEL), [wish(CANCEL, ago=timedelta(minutes=1))] * 2, FEW) == ""


def test_of_an_hour_and_a_day_so_many_actions_are_the_most_if_nobody_says_otherwise() -> None:
    """Of them all, what makes one more than 12 within an hour, 48 within a day, or a fourth panic is held back."""
    now, earlier = wish(CANCEL), wish(CANCEL, ago=2 * HOUR)
    assert held_back(now, [wish(CANCEL)] * 11, Limits()) == ""
    assert held_back(now, [wish(CANCEL)] * 12, Limits()) != ""
    assert held_back(now, [earlier] * 47, Limits()) == ""
    assert held_back(now, [earlier] * 48, Limits()) != ""
    assert held_back(wish(PANIC), [wish(PANIC)] * 2, Limits()) == ""
    assert held_back(wish(PANIC), [wish(PANIC)] * 3, Limits()) != ""


def test_it_says_how_many_were_done_and_how_many_may_be() -> None:
    late, earlier = wish(CANCEL, ago=timedelta(minutes=59)), wish(CANCEL, ago=23 * HOUR)
    assert held_back(wish(CANCEL), [late] * 3, FEW) == (
        "rules did 3 actions on this hopper within an hour; 3 are the most"
    )
    assert held_back(wish(CANCEL), [earlier] * 5, FEW) == (
        "rules did 5 actions on this hopper within a day; 5 are the most"
    )
    assert held_back(wish(PANIC), [wish(PANIC, ago=23 * HOUR, hopper="8")] * 2, FEW) == (
        "rules of this account panicked 2 times within a day; 2 are the most"
    )


def test_all_actions_of_the_wish_must_fit_not_only_its_first() -> None:
    assert held_back(wish(CANCEL, CANCEL), [wish(CANCEL)], FEW) == ""
    assert "3 are the most" in held_back(wish(CANCEL, CANCEL), [wish(CANCEL)] * 2, FEW)
    earlier = wish(CANCEL, ago=2 * HOUR)
    assert held_back(wish(CANCEL, CANCEL), [earlier] * 3, FEW) == ""
    assert "5 are the most" in held_back(wish(CANCEL, CANCEL), [earlier] * 4, FEW)


def test_all_actions_of_what_came_before_count() -> None:
    assert "did 3 actions" in held_back(wish(CANCEL), [wish(CANCEL, CANCEL, CANCEL)], FEW)


def test_what_is_just_an_hour_or_a_day_old_counts_no_more() -> None:
    assert held_back(wish(CANCEL), [wish(CANCEL, ago=HOUR)] * 3, FEW) == ""
    assert held_back(wish(CANCEL), [wish(CANCEL, ago=HOUR - A_MOMENT)] * 3, FEW) != ""
    assert held_back(wish(CANCEL), [wish(CANCEL, ago=DAY)] * 5, FEW) == ""
    assert held_back(wish(CANCEL), [wish(CANCEL, ago=DAY - A_MOMENT)] * 5, FEW) != ""
    assert held_back(wish(PANIC), [wish(PANIC, ago=DAY)] * 2, FEW) == ""
    assert held_back(wish(PANIC), [wish(PANIC, ago=DAY - A_MOMENT)] * 2, FEW) != ""


def test_actions_are_counted_by_hopper() -> None:
    assert held_back(wish(CANCEL), [wish(CANCEL, hopper="8")] * 9, FEW) == ""


def test_panics_are_counted_by_account_whichever_of_its_hoppers_panicked() -> None:
    assert held_back(wish(PANIC), [wish(PANIC, hopper="8"), wish(PANIC, hopper="9")], FEW) != ""
    assert held_back(wish(PANIC), [wish(PANIC, hopper="8", user="u2")] * 2, FEW) == ""
    assert held_back(wish(CANCEL), [wish(PANIC, hopper="8")] * 2, FEW) == ""  # only panics wait for panics
    assert held_back(wish(PANIC), [wish(SellPositions(Which.ALL), hopper="8")] * 9, FEW) == ""


def test_a_panic_counts_wherever_it_stands_among_its_actions() -> None:
    assert held_back(wish(CANCEL, PANIC), [wish(CANCEL, PANIC, hopper="8")] * 2, FEW) != ""


def test_who_only_tells_or_waits_is_never_held_back_and_is_not_counted() -> None:
    only_tells = wish(Notify("it falls"), Wait(60))
    assert held_back(only_tells, [wish(CANCEL)] * 99, FEW) == ""
    assert held_back(wish(CANCEL), [only_tells] * 99, FEW) == ""
    assert held_back(only_tells, [wish(PANIC)] * 99, Limits(0, 0, 0)) == ""


@pytest.mark.parametrize(
    "deed",
    [CANCEL, PANIC, SellPositions(Which.ALL), Turn(Switch.BUYING, is_on=True), ChangeConfig({"a": "1"}), Restore()],
    ids=lambda deed: type(deed).__name__,
)
def test_everything_else_is_an_action(deed: Deed) -> None:
    assert held_back(wish(deed), [], Limits(an_hour=0)) != ""
    assert "did 3 actions" in held_back(wish(CANCEL), [wish(deed)] * 3, FEW)


def test_R22_what_is_in_shadow_counts_among_its_like_and_never_holds_back_what_is_armed() -> None:
    in_shadow = wish(CANCEL, is_shadow=True)
    assert held_back(wish(CANCEL), [in_shadow] * 9, FEW) == ""
    assert held_back(in_shadow, [wish(CANCEL)] * 9, FEW) == ""
    assert held_back(in_shadow, [in_shadow] * 3, FEW) != ""
    assert held_back(replace(in_shadow, actions=(Action(PANIC),)), [wish(PANIC, hopper="8")] * 2, FEW) == ""
