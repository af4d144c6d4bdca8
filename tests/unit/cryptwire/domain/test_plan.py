"""What a user has paid for follows from what the provider told, in whatever order and however often it came."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptwire.domain.hopper import UserId
from cryptwire.domain.plan import (
    ADMIN,
    FREE,
    GRACE,
    PRO,
    TOLD_WITHIN,
    TRIAL,
    BillingEvent,
    BillingKind,
    Held,
    Standing,
    after_billing,
    paid_for,
    warned_days,
)
from cryptwire.errors import Invalid

T = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
MONTH = 30 * DAY


def event(kind: str, day: float, until: float | None = None, contract: str = "c", id: str = "") -> BillingEvent:
    return BillingEvent(
        "test",
        id or f"{contract}-{kind}-{day}",
        UserId("u"),
        contract,
        BillingKind(kind),
        PRO,
        T + day * DAY,
        None if until is None else T + until * DAY,
    )


BEGAN = event("paid", 0, 30)


@pytest.mark.parametrize(
    ("events", "until", "is_failing"),
    [
        ([BEGAN], T + MONTH + TOLD_WITHIN, False),
        ([BEGAN, event("paid", 30, 60)], T + 2 * MONTH + TOLD_WITHIN, False),
        ([BEGAN, event("cancelled", 3)], T + MONTH, False),
        ([BEGAN, event("cancelled", 3), event("paid", 4, 30)], T + MONTH + TOLD_WITHIN, False),
        ([BEGAN, event("payment-failed", 30)], T + MONTH + GRACE, True),
        ([BEGAN, event("payment-failed", 31), event("payment-failed", 34)], T + 31 * DAY + GRACE, True),
        ([BEGAN, event("payment-failed", 30), event("paid", 33, 60)], T + 2 * MONTH + TOLD_WITHIN, False),
        ([BEGAN, event("cancelled", 3), event("payment-failed", 30)], T + MONTH, False),
        ([BEGAN, event("payment-failed", 30), event("ended", 33)], T + MONTH, False),
        ([BEGAN, event("refunded", 2)], T + 2 * DAY, False),
        ([BEGAN, event("ended", 2), event("paid", 5, 35)], T + 35 * DAY + TOLD_WITHIN, False),
        ([BEGAN, event("ended", 2), event("paid", 1, 60, "other")], T + 2 * MONTH + TOLD_WITHIN, False),
    ],
)
def test_events_amount_to_a_plan_until_a_moment(events: list[BillingEvent], until: datetime, is_failing: bool) -> None:
    assert paid_for(events) == Standing(PRO, until, is_failing)


@pytest.mark.parametrize("kind", ["cancelled", "ended", "refunded", "payment-failed"])
def test_what_was_never_paid_is_nothing(kind: str) -> None:
    assert paid_for([event(kind, 1)]) is None
    assert paid_for([]) is None


KINDS = [kind.value for kind in BillingKind]
MOMENTS = st.integers(0, 90)
EVENTS = st.lists(
    st.builds(
        lambda kind, day, length, contract: event(kind, day, day + length if kind == "paid" else None, contract),
        st.sampled_from(KINDS),
        MOMENTS,
        st.integers(1, 40),
        st.sampled_from(["c", "d"]),
    ),
    max_size=8,
    unique_by=lambda one: one.id,
)


@settings(deadline=None)
@given(EVENTS, st.integers(0, 1000), st.sampled_from([Held(FREE), Held(TRIAL, T + 14 * DAY, "trial", T + 14 * DAY)]))
def test_repeated_and_reordered_events_come_to_the_same(events: list[BillingEvent], seed: int, begun: Held) -> None:
    now = T + 100 * DAY if begun.plan == FREE else T + 10 * DAY
    events = [one for one in events if one.at <= now]
    outcomes = set()
    for order in (events, random.Random(seed).sample(events * 2, 2 * len(events))):
        held, heard = begun, []
        for one in order:
            heard.append(one)
            held = after_billing(held, paid_for(heard), now) or held
        is_over = held.until is not None and held.until <= now
        outcomes.add((FREE, None) if is_over else (held.plan, held.until))
    assert len(outcomes) == 1


PAID = Standing(PRO, T + MONTH)
OVER = Standing(PRO, T - DAY)


@pytest.mark.parametrize(
    ("held", "standing", "after"),
    [
        (Held(FREE), PAID, Held(PRO, T + MONTH, "billing")),
        (Held(TRIAL, T + DAY, "trial"), PAID, Held(PRO, T + MONTH, "billing")),
        (Held(PRO, T + DAY, "billing"), PAID, Held(PRO, T + MONTH, "billing")),
        (Held(PRO, T + MONTH, "billing"), PAID, None),
        (Held(PRO, T + MONTH, "billing"), OVER, Held(PRO, T - DAY, "billing")),
        (Held(PRO, T + 2 * MONTH, "admin"), PAID, None),
        (Held(PRO, None, "admin"), PAID, None),
        (Held(PRO, T + DAY, "admin"), PAID, Held(PRO, T + MONTH, "billing")),
        (Held(PRO, T + DAY, "admin"), OVER, None),
        (Held(ADMIN, None, "admin"), PAID, None),
        (Held(ADMIN), PAID, None),
        (Held(FREE, None, "billing"), OVER, None),
        (Held(FREE), None, None),
    ],
)
def test_billing_takes_back_what_billing_gave_and_nothing_else(
    held: Held, standing: Standing | None, after: Held | None
) -> None:
    assert after_billing(held, standing, T) == after


def test_a_trial_goes_on_beneath_a_contract_that_is_refunded() -> None:
    trial = Held(TRIAL, T + 9 * DAY, "trial", T + 9 * DAY)
    paid = after_billing(trial, PAID, T)
    assert paid == Held(PRO, T + MONTH, "billing", T + 9 * DAY)
    assert after_billing(paid, OVER, T) == trial
    assert after_billing(paid, Standing(PRO, T + 9 * DAY), T + 9 * DAY) == Held(
        PRO, T + 9 * DAY, "billing", T + 9 * DAY
    )


def test_a_trial_is_warned_of_three_days_and_one_day_before_its_end() -> None:
    told = [warned_days(T, T - hours * timedelta(hours=1)) for hours in (200, 73, 72, 25, 24, 1, 0, -1)]
    assert told == [None, None, 3, 3, 1, 1, None, None]


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"id": "x" * 201},
        {"id": "a\x00"},
        {"subscription": "\n"},
        {"plan": "admin"},
        {"until": None},
        {"until": T + 2000 * DAY},
    ],
)
def test_an_event_that_contradicts_itself_is_refused(change: dict[str, object]) -> None:
    told = {"id": "e", "subscription": "c", "plan": PRO, "until": T + MONTH} | change
    with pytest.raises(Invalid):
        BillingEvent(provider="test", user=UserId("u"), kind=BillingKind.PAID, at=T, **told)  # type: ignore[arg-type]
