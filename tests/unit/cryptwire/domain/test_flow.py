"""A flow leaves no trace on the index."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptwire.domain.flow import DecidedBy, Flow, FlowKind, FlowState, Index, flow_id, opened
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.portfolio import FlowCandidate

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOPPER = HopperId("1")


def flow(
    at: datetime,
    amount: float,
    before: float,
    kind: FlowKind = FlowKind.DEPOSIT,
    state: FlowState = FlowState.CONFIRMED,
) -> Flow:
    asset = Asset("USDT")
    id_ = flow_id(HOPPER, at, asset)
    quantity = Decimal(repr(amount))
    return Flow(id_, 2, HOPPER, at, asset, quantity, 1.0, before, kind, state, DecidedBy.POLLS, at)


def test_the_worked_example() -> None:
    """Start 1,000 → 1,050; deposit 500 → 1,550 → 1,519; withdraw 300 → 1,219 → 1,279.95: +8.045 %."""
    flows = [flow(T, 500, 1050), flow(T + HOUR, -300, 1519)]
    index = Index().after(flows).of(1279.95)
    assert index is not None
    assert index / 1000 - 1 == pytest.approx(1.05 * 0.98 * 1.05 - 1, rel=1e-12)
    assert round((index / 1000 - 1) * 100, 3) == 8.045


@given(
    st.floats(1e-3, 1e9),
    st.lists(st.tuples(st.floats(-0.99, 1e6), st.floats(0.01, 10)), max_size=12),
)
def test_flows_of_any_size_leave_the_index_where_trading_has_it(value: float, steps: list[tuple[float, float]]) -> None:
    """Each step: money comes or goes (as a share of the value), then the market moves by a factor."""
    index, start, truth = Index(), value, 1.0
    for share, factor in steps:
        at = T + HOUR * len(steps)
        before = index.of(value)
        index = index.moved(at, value * share, value)
        value += value * share
        assert index.of(value) == pytest.approx(before, rel=1e-9)
        value *= factor
        truth *= factor
        if not 1e-200 < index.divisor < 1e200:
            return
    assert index.of(value) == pytest.approx(start * truth, rel=1e-6)


@given(st.lists(st.tuples(st.floats(-400, 400), st.floats(500, 2000)), min_size=1, max_size=9), st.integers(0, 9))
def test_splitting_a_period_changes_nothing(steps: list[tuple[float, float]], cut: int) -> None:
    flows = [flow(T + number * HOUR, amount, before) for number, (amount, before) in enumerate(steps)]
    assert Index().after(flows[:cut]).after(flows[cut:]) == Index().after(flows)


def test_after_nothing_was_left_the_index_starts_anew() -> None:
    empty = Index().after([flow(T, -1000, 1000)])
    assert empty.of(0.0) is None
    again = empty.after([flow(T + HOUR, 200, 0)])
    assert (again.of(200.0), again.began_at) == (200.0, T + HOUR)
    lost_all = Index().after([flow(T, 300, 0)])
    assert lost_all.began_at == T
    assert Index().after([flow(T, -1, 0)]) == Index(), "nothing comes from nothing"


def test_coins_of_one_poll_are_one_flow() -> None:
    half = [flow(T, -500, 1000), flow(T, -500, 1000)]
    assert Index().after(half).of(0.0) is None, "all of it went"
    three = Index().after([flow(T, 100, 1000), flow(T, 200, 1000), flow(T, 300, 1000)])
    assert three.divisor == pytest.approx(1.6)


def test_only_money_from_outside_that_is_confirmed_counts() -> None:
    for kind in FlowKind:
        for state in FlowState:
            counts = state is FlowState.CONFIRMED and kind in (
                FlowKind.DEPOSIT,
                FlowKind.WITHDRAWAL,
                FlowKind.TRANSFER,
            )
            one = flow(T, 100, 1000, kind, state)
            assert one.counts is counts
            assert (Index().after([one]) == Index()) is not counts
    assert flow(T, 1, 1, FlowKind.INCOME).moved
    assert not flow(T, 1, 1, FlowKind.DATA_ERROR).moved


def test_who_finds_the_same_again_finds_the_same_flow() -> None:
    candidate = FlowCandidate(HOPPER, T, Asset("BTC"), Decimal("-0.5"), 40_000.0, 50_000.0, 3)
    first = opened(candidate)
    assert first == opened(candidate)
    assert (first.kind, first.state, first.amount) == (FlowKind.WITHDRAWAL, FlowState.OPEN, Decimal("-20000.00"))
    assert first.id != flow_id(HOPPER, T, Asset("ETH")) != flow_id(HopperId("2"), T, Asset("ETH"))
    assert math.isfinite(Index().after([first]).divisor)
