"""What comes first within a token's budget, and how long things wait."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway import logic
from gateway.ports import Urgency

SINCE = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("caller", "call", "is_import", "urgency"),
    [
        ("controller", "GetAssets", False, Urgency.ACTION),
        ("controller", "ListTradesSince", False, Urgency.ACTION),
        ("api", "ListHoppers", False, Urgency.SIGN_IN),
        ("api", "ListOutput", False, Urgency.SIGN_IN),
        ("devstack", "LinkAccount", False, Urgency.SIGN_IN),
        ("tracker", "GetAssets", False, Urgency.POLL),
        ("tracker", "ListPositions", False, Urgency.POLL),
        ("processor", "GetConfig", False, Urgency.POLL),
        ("processor", "ListOrders", False, Urgency.POLL),
        ("webhook", "ListTradesSince", False, Urgency.TRADES),
        ("tracker", "ListTradesSince", False, Urgency.TRADES),
        ("processor", "ListTradesSince", True, Urgency.IMPORT),
        ("nobody", "NoSuchCall", False, Urgency.POLL),
    ],
)
def test_actions_and_their_checks_come_first_and_long_histories_last(
    caller: str, call: str, is_import: bool, urgency: Urgency
) -> None:
    assert logic.urgency(caller, call, is_import=is_import) is urgency


def test_what_the_controller_takes_a_while_old_is_a_look_and_no_check() -> None:
    old = timedelta(seconds=1)
    assert logic.urgency("controller", "ListPositions", is_import=False, max_age=old) is Urgency.SIGN_IN
    assert logic.urgency("tracker", "ListPositions", is_import=False, max_age=old) is Urgency.POLL


@pytest.mark.parametrize(
    ("plan", "seconds"),
    [("Hero", 60), ("hero - yearly", 60), ("Adventurer", 120), ("Explorer-monthly", 300), ("PIONEER", 600), ("", 300)],
)
def test_a_plan_tells_how_often_its_data_are_renewed(plan: str, seconds: int) -> None:
    assert logic.refresh_every(plan) == timedelta(seconds=seconds)


def test_pauses_double_and_are_spread() -> None:
    assert [logic.pause(n, 0.5).total_seconds() for n in (1, 2, 3)] == [0.25, 0.5, 1.0]
    assert logic.pause(1, 0) < logic.pause(1, 0.99)


@pytest.mark.parametrize(
    ("oldest", "falls", "is_complete"),
    [
        (SINCE - timedelta(hours=2), True, True),
        (SINCE - timedelta(hours=2), False, False),
        (SINCE - timedelta(minutes=30), True, False),
        (None, True, False),
    ],
)
def test_a_page_that_reaches_beyond_is_the_last(oldest: datetime | None, falls: bool, is_complete: bool) -> None:
    assert logic.is_complete(oldest, SINCE, falls) is is_complete
