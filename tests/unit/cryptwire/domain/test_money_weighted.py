"""What one's own money earned."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptwire.domain.money_weighted import money_weighted, money_weighted_of_period, rates
from cryptwire.errors import Invalid

D = Decimal
T = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def test_a_spreadsheets_example() -> None:
    """Microsoft's for XIRR: 0.373362535 (whole days, actual/365)."""
    on = [
        datetime(*each, tzinfo=UTC)
        for each in ((2008, 1, 1), (2008, 3, 1), (2008, 10, 30), (2009, 2, 15), (2009, 4, 1))
    ]
    years = np.array([(each - on[0]).days / 365 for each in on])
    (rate,) = rates(years, np.array([-10000.0, 2750, 4250, 3250, 2750]))
    assert rate == pytest.approx(0.373362535, abs=1e-8)
    gone = [(at, -D(amount)) for at, amount in zip(on[1:4], (2750, 4250, 3250), strict=True)]
    assert money_weighted(on[0], D(10_000), gone, on[4], D(2750)).value == pytest.approx(rate, rel=1e-12)


def test_a_year_without_flows_is_what_it_grew_by() -> None:
    told = money_weighted(T, D(1000), [], T + 365 * DAY, D(1100))
    assert told.value == pytest.approx(0.1, rel=1e-12)
    assert told.note is None
    half = money_weighted(T, D(1000), [], T + 182.5 * DAY, D(1100))
    assert half.value == pytest.approx(1.1**2 - 1, rel=1e-12)
    assert half.note == "annualised from 182 days"


def test_less_than_ninety_days_are_not_told_for_a_year_but_for_themselves() -> None:
    assert money_weighted(T, D(1000), [], T + 89 * DAY, D(1100)).note == "too short: 90 days are needed"
    assert money_weighted_of_period(T, D(1000), [], T + DAY, D(1100)).value == pytest.approx(0.1, rel=1e-12)
    assert money_weighted_of_period(T, D(1000), [], T, D(1100)).value is None


def test_a_deposit_before_a_fall_weighs_as_much_as_it_is_large() -> None:
    """1,000 doubled; then 9,000 came, and all of it fell by a tenth: well invested, and yet money was lost."""
    told = money_weighted_of_period(T, D(1000), [(T + 50 * DAY, D(9000))], T + 100 * DAY, D("9900"))
    assert told.value is not None
    assert told.value < 0
    assert told.sample_size == 1


def test_the_worked_example_is_between_what_was_lost_and_won() -> None:
    flows = [(T + 100 * DAY, D(500)), (T + 200 * DAY, D(-300))]
    rate = money_weighted_of_period(T, D(1000), flows, T + 300 * DAY, D("1279.95")).value
    assert rate is not None
    worth = 1000 * (1 + rate) + 500 * (1 + rate) ** (2 / 3) - 300 * (1 + rate) ** (1 / 3)
    assert worth == pytest.approx(1279.95, rel=1e-12)
    assert rate == pytest.approx(0.0648, abs=0.001), "near to what Modified Dietz has"


def test_no_rate_is_none() -> None:
    for opening, closing in ((D(1000), D(0)), (D(0), D(0)), (D(0), D(100))):
        told = money_weighted(T, opening, [], T + 365 * DAY, closing)
        assert told.value is None
        assert told.note == "no rate would make this of what came and went"
    assert money_weighted(T, D(1), [], T + 365 * DAY, D(1_000_002)).value is None, "more than a millionfold"
    assert money_weighted(T, D(1_000_000), [], T + 365 * DAY, D(99)).value is None, "less than a ten-thousandth"


def test_several_rates_are_none() -> None:
    found = rates(np.array([0.0, 1, 2]), np.array([-1000.0, 2500, -1540]))
    assert found == pytest.approx([0.1, 0.4])
    told = money_weighted(T, D(1000), [(T + 365 * DAY, D(-2500)), (T + 729 * DAY, D(1540))], T + 730 * DAY, D(0))
    assert told.value is None
    assert told.note == "several rates would make this of what came and went"


def test_a_flow_outside_is_refused() -> None:
    with pytest.raises(Invalid, match="not between"):
        money_weighted(T, D(1), [(T - DAY, D(1))], T + 365 * DAY, D(2))


@given(
    st.floats(-0.9, 20),
    st.lists(st.tuples(st.floats(0.01, 2.99), st.floats(1, 1e9)), max_size=20),
    st.floats(1, 1e9),
    st.floats(1e-6, 1e6),
)
def test_the_rate_that_made_it_is_found(
    rate: float, paid: list[tuple[float, float]], opening: float, unit: float
) -> None:
    """Deposits only: one sign changes, so there is one rate, whatever the unit of money."""
    closing = opening * (1 + rate) ** 3 + sum(amount * (1 + rate) ** (3 - at) for at, amount in paid)
    at = np.array([0.0, *(each for each, _ in paid), 3.0])
    amounts = np.array([-opening, *(-amount for _, amount in paid), closing])
    (found,) = rates(at, amounts * unit)
    assert 1 + found == pytest.approx(1 + rate, rel=1e-8)


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(-1e6, 1e6)), max_size=12))
def test_what_is_found_is_a_root_and_every_turn_between_places_is_found(flows: list[tuple[float, float]]) -> None:
    at, amounts = np.array([t for t, _ in flows]), np.array([a for _, a in flows])
    found = rates(at, amounts)
    assert found == sorted(found)
    assert len(found) <= max(0, len(flows) - 1)
    for rate in found:
        near = [float((amounts * (1 + rate) ** -at * f**-at).sum()) for f in (1 - 1e-7, 1 + 1e-7)]
        size = float(np.abs(amounts * (1 + rate) ** -at).sum())
        assert near[0] * near[1] <= (size * 1e-9) ** 2, "the sign changes there"
