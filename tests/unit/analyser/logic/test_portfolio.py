"""The index and what is told by it: deposits are no profit, a peak is never made up, a restart changes nothing."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyser.logic.portfolio import (
    SECOND,
    Course,
    Held,
    Ledger,
    Open,
    Past,
    change,
    drawdown,
    no_candles,
    positions_figure,
)
from cryptwire.clock import to_us
from cryptwire.domain.account import Position
from cryptwire.domain.bar import Columns
from cryptwire.domain.flow import DecidedBy, Flow, FlowKind, FlowState, Index, flow_id, opened
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.portfolio import FlowCandidate

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)
SPAN = 900
ONE = HopperId("1")
T0 = int(T.timestamp())


def candidate(at: datetime, amount: float, before: float, asset: str = "USDT") -> FlowCandidate:
    return FlowCandidate(ONE, at, Asset(asset), Decimal(str(amount)), 1.0, before, 1)


def flow(
    at: datetime,
    amount: float,
    before: float,
    state: FlowState = FlowState.CONFIRMED,
    kind: FlowKind = FlowKind.DEPOSIT,
    version: int = 2,
) -> Flow:
    first = opened(candidate(at, amount, before))
    return Flow(first.id, version, ONE, at, first.asset, first.quantity, 1.0, before, kind, state, DecidedBy.POLLS, at)


def columns(*candles: tuple[float, float, float, float], since: datetime = T) -> Columns:
    """Candles (open, high, low, close) that follow each other."""
    opens, highs, lows, closes = (np.array(column, np.float64) for column in zip(*candles, strict=True))
    at = np.array([int(since.timestamp()) + SPAN * number for number in range(len(candles))], np.int64)
    return Columns(at, opens, highs, lows, closes, np.zeros(len(candles)))


def past(candles: Columns, course: Course, reach: int = 86_400) -> Past:
    return Past(candles, course, SPAN, reach, reach)


def now(opened_at: datetime, open_: float, high: float, value: float, after: timedelta = MINUTE) -> Open:
    return Open(int(opened_at.timestamp()), open_, high, value, to_us(opened_at + after))


# -- the index ---------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.floats(-0.9, 5), st.floats(0.2, 3)), max_size=8),
    st.floats(1, 1e6),
)
def test_the_index_is_that_of_daily_statistics(moves: list[tuple[float, float]], start: float) -> None:
    value, flows = start, []
    for number, (share, growth) in enumerate(moves):
        flows.append(flow(T + number * QUARTER, round(share * value, 6), value))
        value = (value + float(flows[-1].amount)) * growth
    theirs = Index().after(flows).of(value)
    ours = Course(flows).index(value)
    assert ours == theirs if theirs is not None else math.isnan(ours)


def test_when_everything_went_there_is_no_index_and_new_money_starts_one() -> None:
    gone = Course([flow(T, -100.0, 100.0)])
    assert math.isnan(gone.index(50.0))
    anew = Course([flow(T, -100.0, 100.0), flow(T + QUARTER, 40.0, 0.0)])
    assert anew.index(44.0) == 44.0
    assert math.isnan(anew.index_at(100.0, to_us(T - QUARTER))), "what was before says nothing of it"


# -- settling ----------------------------------------------------------------------------------------------------------


def ledger(*flows: Flow, refresh: float = 60) -> Ledger:
    book = Ledger(refresh)
    book.read(flows, [], 1, None)
    return book


def test_a_deposit_does_not_move_the_index_from_the_message_that_shows_it() -> None:
    book = ledger()
    book.see(None, to_us(T))
    assert book.course.index(100.0) == 100.0
    assert book.see(candidate(T + MINUTE, 50.0, 100.0), to_us(T + MINUTE))
    assert book.course.index(150.0) == pytest.approx(100.0)
    assert book.is_settling
    assert book.version == 2, "another flow counts"


def test_it_settles_until_the_database_knows_and_then_counts_or_not() -> None:
    book = ledger()
    book.see(candidate(T + MINUTE, 50.0, 100.0), to_us(T + MINUTE))
    book.read([], [], 1, None)
    assert book.is_settling, "the database does not know it yet"
    book.read([flow(T + MINUTE, 50.0, 100.0, FlowState.OPEN, version=1)], [], 1, None)
    assert (book.is_settling, book.course.index(150.0)) == pytest.approx((True, 100.0))
    before = book.version
    book.read([flow(T + MINUTE, 50.0, 100.0)], [], 2, None)
    assert (book.is_settling, book.course.index(150.0)) == pytest.approx((False, 100.0))
    assert book.version > before
    counted = book.version
    book.read([flow(T + MINUTE, 50.0, 100.0, FlowState.REJECTED, version=3)], [], 3, None)
    assert book.course.index(150.0) == 150.0
    assert book.version > counted


def test_a_candidate_that_was_none_changes_the_index_and_says_so() -> None:
    book = ledger()
    book.see(candidate(T, 50.0, 100.0), to_us(T))
    before = book.version
    book.read([flow(T, 50.0, 100.0, FlowState.EXPLAINED)], [], 1, None)
    assert (book.course.index(150.0), book.is_settling) == (150.0, False)
    assert book.version > before
    assert not book.see(candidate(T, 50.0, 100.0), to_us(T)), "still in the live message, and decided"
    assert book.course.index(150.0) == 150.0


def test_after_two_more_polls_it_counts_though_nobody_decided() -> None:
    book = ledger()
    book.see(candidate(T, 50.0, 100.0), to_us(T))
    book.see(candidate(T, 50.0, 100.0), to_us(T))
    book.read([], [candidate(T, 50.0, 100.0)], 1, None)
    book.see(None, to_us(T + MINUTE))
    book.see(None, to_us(T + MINUTE))
    assert book.is_settling, "one more poll"
    book.see(None, to_us(T + 2 * MINUTE))
    assert not book.is_settling
    assert book.course.index(150.0) == pytest.approx(100.0)


def test_all_assets_of_one_poll_count_as_soon_as_the_database_tells() -> None:
    book = ledger()
    book.see(candidate(T, 50.0, 100.0), to_us(T))
    book.read([], [candidate(T, 50.0, 100.0), candidate(T, -20.0, 100.0, "BTC")], 1, None)
    assert book.course.index(130.0) == pytest.approx(100.0)


def test_what_the_database_does_not_know_settles_for_a_poll_more() -> None:
    """By then whoever decides has taken what the polls changed for a flow: others of the same poll may be missing."""
    book = ledger()
    book.see(candidate(T, 50.0, 100.0), to_us(T))
    book.see(None, to_us(T + MINUTE))
    book.see(None, to_us(T + 2 * MINUTE))
    assert book.is_settling
    book.see(None, to_us(T + 3 * MINUTE))
    assert not book.is_settling, "and for no longer"


def test_a_candidate_that_the_database_tells_late_changes_the_index_and_says_so() -> None:
    book = ledger()
    book.see(candidate(T, 50.0, 100.0), to_us(T))
    for polls in (1, 2, 3):
        book.see(None, to_us(T + polls * MINUTE))
    before = book.version
    book.read([], [candidate(T, 50.0, 100.0), candidate(T, 20.0, 100.0, "BTC")], 1, None)
    assert (book.course.index(170.0), book.is_settling) == pytest.approx((100.0, False))
    assert book.version > before
    counted = book.version
    book.read([flow(T, 50.0, 100.0, FlowState.OPEN, version=1)], [candidate(T, 20.0, 100.0, "BTC")], 1, None)
    assert book.version == counted, "nothing counts that did not"


def test_a_candidate_stays_until_it_is_decided_though_a_reading_lacks_it() -> None:
    book = ledger()
    book.see(candidate(T, 50.0, 100.0), to_us(T))
    book.read([], [candidate(T, 50.0, 100.0)], 1, None)
    book.read([], [], 1, None)
    assert (book.course.index(150.0), book.is_settling) == pytest.approx((100.0, True))
    book.read([flow(T, 50.0, 100.0, FlowState.EXPLAINED)], [], 1, None)
    assert (book.course.index(150.0), book.is_settling) == (150.0, False)
    book.see(candidate(T + MINUTE, 50.0, 100.0), to_us(T + MINUTE))
    book.read([], [], 1, T + QUARTER)
    assert not book.is_waiting, "it was of another currency"


def test_what_was_settled_before_a_restart_is_settled_after_it() -> None:
    book = Ledger(60)
    book.see(None, to_us(T + 10 * MINUTE))
    book.read([flow(T, 50.0, 100.0, FlowState.OPEN, version=1)], [], 1, None)
    assert not book.is_settling
    book = Ledger(60)
    book.see(None, to_us(T + MINUTE))
    book.read([flow(T, 50.0, 100.0, FlowState.OPEN, version=1)], [], 1, None)
    assert book.is_settling


def test_flows_of_another_currency_are_not_of_this_index() -> None:
    book = Ledger(60)
    book.read([flow(T, 50.0, 100.0), flow(T + QUARTER, 10.0, 100.0)], [], 2, T + MINUTE)
    assert book.course.index(110.0) == pytest.approx(100.0)
    assert math.isnan(book.course.index_at(100.0, to_us(T)))


# -- drawdown and change -----------------------------------------------------------------------------------------------


def test_drawdown_is_the_fall_from_the_highest_high_within_the_window() -> None:
    course = Course()
    told = past(columns((100, 130, 90, 120), (120, 125, 100, 110), (110, 112, 100, 104)), course)
    live = now(T + 3 * QUARTER, 104, 106, 105)
    assert drawdown(told, course, live, 60, SPAN) == pytest.approx((1 - 105 / 130, 4))
    assert drawdown(told, course, live, 30, SPAN) == pytest.approx((1 - 105 / 125, 3)), "130 was over 31 minutes ago"
    assert drawdown(told, course, live, 31, SPAN)[0] == pytest.approx(1 - 105 / 125)
    assert drawdown(told, course, live, 32, SPAN)[0] == pytest.approx(1 - 105 / 130)
    assert drawdown(past(no_candles(), course), course, now(T, 100, 100, 100), 60, SPAN) == (0.0, 1)


def test_the_candle_that_the_window_begins_in_counts_whole() -> None:
    course = Course()
    told = past(columns((100, 130, 90, 120), (120, 125, 100, 110)), course)
    live = now(T + 2 * QUARTER, 110, 110, 110, after=14 * MINUTE)
    assert drawdown(told, course, live, 30, SPAN)[0] == pytest.approx(1 - 110 / 130), "44 minutes ago it was open"
    assert drawdown(told, course, live, 29, SPAN)[0] == pytest.approx(1 - 110 / 125)


def test_the_live_candles_high_is_a_peak() -> None:
    course = Course()
    told = past(columns((100, 101, 99, 100)), course)
    assert drawdown(told, course, now(T + QUARTER, 100, 120, 90), 60, SPAN)[0] == pytest.approx(0.25)


def test_a_withdrawal_is_no_drawdown_and_a_deposit_hides_none() -> None:
    course = Course([flow(T + 2 * MINUTE, -50.0, 100.0, kind=FlowKind.WITHDRAWAL)])
    told = past(columns((100, 100, 50, 50)), course)
    assert drawdown(told, course, now(T + QUARTER, 50, 50, 50), 60, SPAN)[0] == pytest.approx(0.0)
    course = Course([flow(T + QUARTER + MINUTE, 100.0, 80.0)])
    told = past(columns((100, 100, 80, 80)), course)
    assert drawdown(told, course, now(T + QUARTER, 80, 180, 180, 2 * MINUTE), 60, SPAN)[0] == pytest.approx(0.2)


@given(st.lists(st.tuples(st.floats(0.5, 2), st.floats(-0.5, 1)), min_size=1, max_size=12), st.integers(15, 200))
def test_no_peak_is_made_up_by_flows(steps: list[tuple[float, float]], minutes: int) -> None:
    """Against a walk that is known at every instant: never a higher peak than there was, exact without flows."""
    value = index = 100.0
    flows: list[Flow] = []
    candles, peaks = [], []
    for number, (growth, share) in enumerate(steps):
        begins = T + number * QUARTER
        seen, indexes = [value], [index]
        if abs(share) > 0.1:
            flows.append(flow(begins + MINUTE, round(share * value, 9), value))
            value += float(flows[-1].amount)
            seen.append(value)
        value, index = value * growth, index * growth
        seen.append(value)
        indexes.append(index)
        candles.append((seen[0], max(seen), min(seen), value))
        peaks.append(max(indexes))
    course = Course(flows)
    told = past(columns(*candles), course)
    live = now(T + len(steps) * QUARTER, value, value, value)
    found, _ = drawdown(told, course, live, minutes, SPAN)
    within = [peak for number, peak in enumerate(peaks) if T0 + (number + 1) * SPAN > live.at // SECOND - minutes * 60]
    exact = 1 - index / max([*within, index])
    assert found <= exact + 1e-9
    assert found == pytest.approx(exact, abs=1e-9) or any(abs(share) > 0.1 for _, share in steps)


def test_change_is_taken_at_the_opening_before_the_window() -> None:
    course = Course()
    told = past(columns((100, 130, 90, 120), (120, 125, 100, 110)), course)
    live = now(T + 2 * QUARTER, 110, 112, 111)
    assert change(told, course, live, 20, SPAN) == pytest.approx((111 / 100 - 1, 2))
    assert change(told, course, live, 16, SPAN)[0] == pytest.approx(111 / 120 - 1)
    assert change(told, course, live, 1, SPAN)[0] == pytest.approx(111 / 110 - 1), "within the live candle"
    value, size = change(told, course, live, 60, SPAN)
    assert (math.isnan(value), size) == (True, 0)


def test_change_in_a_gap_is_taken_at_the_close_before_it() -> None:
    course = Course()
    candles = columns((100, 100, 100, 90))
    told = past(candles, course)
    live = now(T + 4 * QUARTER, 90, 99, 99)
    assert change(told, course, live, 20, SPAN)[0] == pytest.approx(99 / 90 - 1)


def test_a_candle_that_is_over_and_not_heard_closed_counts_as_it_was_seen() -> None:
    course = Course()
    told = past(columns((100, 100, 100, 100)), course)
    told.leave(now(T + QUARTER, 100, 140, 120))
    live = now(T + 2 * QUARTER, 120, 120, 105)
    assert drawdown(told, course, live, 60, SPAN)[0] == pytest.approx(1 - 105 / 140)
    assert change(told, course, live, 10, SPAN)[0] == pytest.approx(105 / 100 - 1)
    told.add(T0 + SPAN, 100, 150, 120, course, SPAN)
    assert drawdown(told, course, live, 60, SPAN)[0] == pytest.approx(1 - 105 / 150)


@given(st.lists(st.tuples(st.floats(0.7, 1.4), st.floats(0, 0.2)), min_size=3, max_size=150), st.integers(1, 149))
def test_begun_anew_from_candles_it_says_what_it_said_before(moves: list[tuple[float, float]], cut: int) -> None:
    value, rows = 100.0, []
    for growth, wick in moves:
        ends = value * growth
        rows.append((value, max(value, ends) * (1 + wick), min(value, ends), ends))
        value = ends
    course = Course()
    whole = columns(*rows)
    first = past(whole.between(0, min(cut, len(rows))), course, reach=20 * SPAN)
    for number in range(min(cut, len(rows)), len(rows)):
        open_, high, _, close = rows[number]
        first.add(T0 + number * SPAN, open_, high, close, course, SPAN)
    anew = past(whole, course, reach=20 * SPAN)
    live = now(T + len(rows) * QUARTER, value, value, value)
    for minutes in (15, 40, 300):
        assert drawdown(first, course, live, minutes, SPAN) == drawdown(anew, course, live, minutes, SPAN)
        assert change(first, course, live, minutes, SPAN) == pytest.approx(
            change(anew, course, live, minutes, SPAN), nan_ok=True
        )


# -- what it holds -----------------------------------------------------------------------------------------------------


def position(base: str, quantity: str, cost: str, quote: str = "USDT") -> Position:
    return Position("p", Asset(base), Asset(quote), Decimal(quantity), Decimal(1), Decimal(cost), None)


def held(*positions: Position, **quantities: float) -> Held:
    return Held(Asset("USDT"), [Asset(one) for one in quantities], list(quantities.values()), positions)


def test_funds_usage_is_what_is_not_in_the_base_currency() -> None:
    assert held(USDT=25, BTC=1).funds_usage(100.0) == 0.75
    assert held(BTC=1).funds_usage(100.0) == 1.0
    assert held(USDT=10).funds_usage(10.0) == 0.0
    assert math.isnan(held().funds_usage(0.0))


def test_positions_are_counted_by_what_they_are_worth_now() -> None:
    book = held(position("BTC", "2", "150"), position("ETH", "1", "60"), USDT=1, BTC=2, ETH=1)
    results = book.results([1.0, 100.0, 50.0])
    assert [positions_figure(f"positions.{name}", results) for name in ("winning", "losing", "profit")] == [1, 1, 40]
    assert positions_figure("positions.return", results) == pytest.approx(40 / 210)
    assert positions_figure("positions.profit", []) == 0.0
    assert math.isnan(positions_figure("positions.return", []))


def test_a_position_that_cannot_be_priced_makes_their_figures_unknown_never_0() -> None:
    book = held(position("BTC", "2", "150"), position("XYZ", "1", "60"), BTC=2, XYZ=1)
    results = book.results([100.0, math.nan])
    assert all(math.isnan(positions_figure(f"positions.{name}", results)) for name in ("winning", "losing", "profit"))


def test_what_cannot_be_priced_is_worth_its_last_price_else_its_cost_else_nothing() -> None:
    book = held(position("XYZ", "3", "60"), BTC=1, XYZ=3, NEW=5)
    prices = [100.0, math.nan, math.nan]
    assert book.unpriced(prices, {}) == 60.0
    assert book.unpriced(prices, {Asset("XYZ"): 30.0}) == 90.0
    assert book.unpriced([100.0, 1.0, 1.0], {}) == 0.0


def test_ids_of_candidates_are_those_of_the_flows_they_become() -> None:
    assert opened(candidate(T, 1.0, 1.0)).id == flow_id(ONE, T, Asset("USDT"))
