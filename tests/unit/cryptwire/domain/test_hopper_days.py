"""Days of several hoppers make one portfolio, whose return no deposit changes."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptwire.domain.flow import FlowId, Index
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.hopper_days import HopperDays, Move, came, converted, day_number, portfolio_days

A, B = HopperId("a"), HopperId("b")
FIRST = day_number(date(2026, 3, 1))
DAY = 86_400
NAN = float("nan")


def days(closings: list[float], opening: float = NAN, first: int = FIRST, currency: str = "USDT") -> HopperDays:
    """Days from ``first`` on, in UTC."""
    count = len(closings)
    numbers = np.arange(first, first + count, dtype=np.int64)
    openings = [opening, *closings[:-1]]
    nothing: list[Decimal | None] = [None] * count
    return HopperDays(
        numbers,
        numbers * DAY,
        (numbers + 1) * DAY,
        [Asset(currency)] * count,
        np.array(openings),
        np.array(closings),
        np.zeros(count),
        [False] * count,
        [None if one != one else Decimal(repr(one)) for one in closings],
        nothing,
        nothing,
        nothing,
        nothing,
        [1] * count,
    )


def move(hopper: HopperId, day: int, amount: str, hour: float = 12, **before: float) -> Move:
    worth = {HopperId(name): value for name, value in before.items()}
    return Move(hopper, (FIRST + day) * DAY + int(hour * 3600), Decimal(amount), worth)


@pytest.mark.parametrize("place", [(0, 0), (1, 2)])
def test_the_worked_example_of_the_reference(place: tuple[int, int]) -> None:
    closings = [1000.0, 1279.95] if place == (0, 0) else [1000.0, 1519.0, 1279.95]
    held = days(closings)
    moves = [move(A, 1, "500", 6, a=1050.0), move(A, len(closings) - 1, "-300", 9, a=1519.0)]
    whole = portfolio_days({A: held}, date(2026, 3, 2), moves)
    assert np.prod(1 + whole.returns) - 1 == pytest.approx(0.08045, abs=1e-12)
    assert whole.base == 1000.0
    assert sum(one for one in whole.flows if one is not None) == 200


@given(
    st.lists(st.floats(0.9, 1.1), min_size=2, max_size=12),
    st.lists(st.tuples(st.integers(0, 10), st.integers(-400, 4000)), max_size=6),
)
def test_it_is_the_index_of_one_hopper(growths: list[float], paid: list[tuple[int, int]]) -> None:
    """Growth until noon, a flow there, and none in the afternoon: the index of cryptwire.domain.flow is the oracle."""
    value, index, closings, indices = 1000.0, Index(), [1000.0], [1000.0]
    moves: list[Move] = []
    for number, growth in enumerate(growths, 1):
        value *= growth
        for _, amount in [one for one in paid if one[0] == number]:
            moves.append(Move(A, (FIRST + number) * DAY + 43_200 + len(moves), Decimal(amount), {A: value}))
            index = index.moved(datetime(2026, 3, 1, tzinfo=UTC), float(amount), value)
            value += amount
        closings.append(value)
        indices.append(index.of(value) or NAN)
    whole = portfolio_days({A: days(closings)}, date(2026, 3, 2), moves)
    expected = np.array(indices)
    if not np.isnan(whole.returns).any():
        assert np.cumprod(1 + whole.returns) == pytest.approx(expected[1:] / expected[0], rel=1e-9)


@given(st.lists(st.tuples(st.floats(0.9, 1.1), st.floats(0.9, 1.1), st.integers(-300, 900)), min_size=2, max_size=8))
def test_two_hoppers_are_one_portfolio(story: list[tuple[float, float, int]]) -> None:
    """Every day both grow until noon, when the first gets money; the total is a hopper of its own."""
    a, b = 1000.0, 500.0
    closings_a, closings_b, both, alone, naive = [a], [b], [], [], []
    for number, (growth_a, growth_b, amount) in enumerate(story, 1):
        start, a, b = a + b, a * growth_a, b * growth_b
        naive.append((a + b) / start - 1)
        both.append(move(A, number, str(amount), 12, a=a, b=b))
        alone.append(move(A, number, str(amount), 12, a=a + b))
        a += amount
        closings_a.append(a)
        closings_b.append(b)
    two = portfolio_days({A: days(closings_a), B: days(closings_b)}, date(2026, 3, 2), both)
    total = [x + y for x, y in zip(closings_a, closings_b, strict=True)]
    one = portfolio_days({A: days(total)}, date(2026, 3, 2), alone)
    assert two.values == pytest.approx(one.values)
    if not np.isnan(two.returns).any():
        assert two.returns == pytest.approx(one.returns)
        assert two.returns == pytest.approx(np.array(naive))


def test_a_hopper_that_comes_or_leaves_is_no_profit() -> None:
    old, new = days([100.0, 110.0, 121.0, 121.0]), days([55.0, 60.5, NAN], opening=50.0, first=FIRST + 1)
    whole = portfolio_days({A: old, B: new}, date(2026, 3, 2), [])
    assert whole.returns == pytest.approx([165 / 150 - 1, 0.1, 0.0])
    assert whole.values == pytest.approx([165.0, 181.5, 121.0])
    assert whole.missing.tolist() == [0, 0, 1]
    assert whole.base == 100.0 + 50.0
    assert (whole.came_first.tolist(), whole.came_last.tolist()) == ([0.0, 0.0, -60.5], [0.0, 0.0, 0.0])
    assert whole.balance == [Decimal("165.0"), Decimal("181.5"), None]


def test_it_begins_with_the_opening_of_the_first_candle() -> None:
    whole = portfolio_days({A: days([110.0, 121.0], opening=100.0)}, date(2026, 3, 1), [])
    assert whole.returns == pytest.approx([0.1, 0.1])
    assert whole.base == 100.0


def test_who_joins_after_a_flow_is_worth_then_what_he_joins_with() -> None:
    """Joining is taken for the beginning of the day, so a deposit at six comes to what both are worth."""
    old, new = days([100.0, 200.0]), days([100.0], opening=100.0, first=FIRST + 1)
    whole = portfolio_days({A: old, B: new}, date(2026, 3, 2), [move(A, 1, "100", 6, a=100.0)])
    assert whole.returns == pytest.approx([0.0])


def test_a_flow_counts_for_those_of_whom_nothing_newer_is_known() -> None:
    moves = [move(A, 1, "1000", 10, a=100.0), move(B, 1, "1000", 11, b=100.0)]
    whole = portfolio_days({A: days([100.0, 1100.0]), B: days([100.0, 1100.0])}, date(2026, 3, 2), moves)
    assert whole.returns == pytest.approx([0.0])


def test_flows_of_one_second_are_one() -> None:
    moves = [move(A, 1, "1000", 10, a=100.0, b=100.0), move(B, 1, "1000", 10, a=100.0, b=100.0)]
    whole = portfolio_days({A: days([100.0, 1100.0]), B: days([100.0, 1100.0])}, date(2026, 3, 2), moves)
    assert whole.returns == pytest.approx([0.0])


def test_a_deposit_of_the_first_day_is_no_loss() -> None:
    """What it opened with is not known: of what it has in the evening the deposit is one part, the rest came, too."""
    moves = [move(A, 1, "500", a=1000.0)]
    whole = portfolio_days({A: days([1500.0], first=FIRST + 1)}, date(2026, 3, 2), moves)
    assert (whole.base, whole.flows, whole.came_last.tolist()) == (0.0, [Decimal(500)], [1000.0])
    noon = (FIRST + 1) * DAY + DAY // 2
    assert came(whole) == [(0, noon, Decimal(500)), (0, (FIRST + 2) * DAY, Decimal("1000.0"))]


def test_what_came_between_days_came_with_the_later_one() -> None:
    """A flow of a day that is not computed is in what its hopper brings when it is heard of again."""
    early, late = days([100.0]), days([170.0], opening=160.0, first=FIRST + 2)
    moves = [move(B, 1, "60", b=100.0)]
    whole = portfolio_days({A: early, B: late}, date(2026, 3, 1), moves)
    assert [one.amount for one in came(whole)] == [Decimal("100.0"), Decimal("60.0")]


def test_days_that_are_not_computed_yet_are_no_fall() -> None:
    """The day in progress may be known before the days between are."""
    early, late = days([100.0, 110.0]), days([55.0], first=FIRST + 9)
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(early, name), getattr(late, name)])
        if isinstance(getattr(early, name), np.ndarray)
        else [*getattr(early, name), *getattr(late, name)]
        for name in HopperDays.__slots__
    }
    whole = portfolio_days({A: HopperDays(**columns)}, date(2026, 3, 2), [])
    assert whole.returns[0] == pytest.approx(0.1)
    assert np.isnan(whole.returns[1])
    assert (whole.came_first.tolist(), whole.came_last.tolist()) == ([0.0, -110.0], [0.0, 55.0])


def test_what_began_within_a_day_has_no_return_that_day() -> None:
    whole = portfolio_days({A: days([110.0, 121.0])}, date(2026, 3, 1), [])
    assert (whole.base, whole.came_last.tolist()) == (0.0, [110.0, 0.0])
    assert np.isnan(whole.returns[0])
    assert whole.returns[1] == pytest.approx(0.1)


def test_a_flow_that_takes_all_leaves_no_return() -> None:
    whole = portfolio_days({A: days([100.0, 0.0])}, date(2026, 3, 2), [move(A, 1, "-100", a=100.0)])
    assert np.isnan(whole.returns[0])


def test_a_flow_of_an_unknown_rate_leaves_no_return() -> None:
    unknown = replace(move(A, 1, "5", a=100.0), amount=None)
    whole = portfolio_days({A: days([100.0, 105.0])}, date(2026, 3, 2), [unknown])
    assert np.isnan(whole.returns[0])
    assert whole.flows == [None]


def test_no_days_are_no_portfolio() -> None:
    whole = portfolio_days({}, date(2026, 3, 2), [])
    assert len(whole) == 0
    assert np.isnan(whole.base)


def transfer(left: Move, arrived: Move) -> list[Move]:
    """Both sides of one."""
    ids = FlowId("out"), FlowId("in")
    return [replace(left, flow=ids[0], counterpart=ids[1]), replace(arrived, flow=ids[1], counterpart=ids[0])]


def test_a_transfer_within_a_day_is_nothing_for_both_together() -> None:
    moves = transfer(move(A, 1, "-1000", 9, a=2000.0, b=500.0), move(B, 1, "1000", 15, a=1000.0, b=500.0))
    two = {A: days([2000.0, 1000.0]), B: days([500.0, 1500.0])}
    whole = portfolio_days(two, date(2026, 3, 2), moves)
    assert whole.returns == pytest.approx([0.0])
    assert (whole.flows, whole.moves, came(whole)) == ([Decimal(0)], [], [])
    alone = portfolio_days({A: two[A]}, date(2026, 3, 2), moves[:1])
    assert alone.returns == pytest.approx([0.0])
    assert alone.flows == [Decimal(-1000)], "the other one is not among them"


def test_a_transfer_that_is_under_way_at_midnight_is_no_loss() -> None:
    moves = transfer(move(A, 1, "-1000", 23.9, a=2000.0, b=500.0), move(B, 2, "1000", 0.1, a=1000.0, b=500.0))
    two = {A: days([2000.0, 1000.0, 1000.0]), B: days([500.0, 500.0, 1500.0])}
    whole = portfolio_days(two, date(2026, 3, 2), moves)
    assert whole.returns == pytest.approx([0.0, 0.0])
    assert whole.flows == [Decimal(-1000), Decimal(1000)]


def test_a_transfer_to_a_hopper_of_today_is_no_loss() -> None:
    """What it began with is not known, so it is no part of the day: what left the first one is not among them."""
    moves = transfer(move(A, 1, "-1000", 9, a=2000.0), move(B, 1, "1000", 15, a=1000.0))
    two = {A: days([2000.0, 1000.0, 1100.0]), B: days([1000.0, 1100.0], first=FIRST + 1)}
    whole = portfolio_days(two, date(2026, 3, 2), moves)
    assert whole.returns == pytest.approx([0.0, 0.1])
    assert (whole.flows, whole.came_last.tolist()) == ([Decimal(0), Decimal(0)], [0.0, 0.0])
    assert whole.values.tolist() == [2000.0, 2200.0]


def test_flows_of_one_poll_are_one() -> None:
    """In two coins, of which one came from elsewhere and one from the other hopper."""
    both = [move(A, 1, "300", 9, a=1000.0, b=500.0), move(A, 1, "200", 9, a=1000.0, b=500.0)]
    whole = portfolio_days({A: days([1000.0, 1500.0]), B: days([500.0, 500.0])}, date(2026, 3, 2), both)
    assert [one.amount for _, one in whole.moves] == [Decimal(500)]
    assert whole.returns == pytest.approx([0.0])


class Doubling:
    """Two units, and four from the second day on."""

    def at(self, seconds: np.ndarray) -> np.ndarray:
        return np.where(seconds >= (FIRST + 1) * DAY, 4.0, 2.0)

    def exactly(self, at: datetime) -> Decimal | None:
        return self.exactly_at(np.array([int(at.timestamp())]))[0]

    def exactly_at(self, seconds: np.ndarray) -> list[Decimal | None]:
        return [Decimal(4) if second >= (FIRST + 1) * DAY else Decimal(2) for second in seconds.tolist()]


def test_days_in_another_currency_take_the_rates_of_their_ends() -> None:
    told = converted(days([10.0, 20.0], opening=5.0), Asset("EUR"), {Asset("USDT"): Doubling()})
    assert told.closing.tolist() == [40.0, 80.0]
    assert told.opening.tolist() == [10.0, 40.0]
    assert told.balance == [Decimal("40.0"), Decimal("80.0")]
    assert told.currency == ["EUR", "EUR"]
    same = days([10.0])
    assert converted(same, Asset("USDT"), {}) is same


class Finely:
    """A rate of twenty digits."""

    rate = Decimal("1.2345678901234567891")

    def at(self, seconds: np.ndarray) -> np.ndarray:
        return np.full(len(seconds), float(self.rate))

    def exactly(self, at: datetime) -> Decimal | None:
        return self.rate

    def exactly_at(self, seconds: np.ndarray) -> list[Decimal | None]:
        return [self.rate] * len(seconds)


def test_money_is_converted_and_summed_to_the_last_digit() -> None:
    """More digits than a Decimal has unless it is told so."""
    amounts = [Decimal("123456789.123456789012345678"), Decimal("0.000000000000000001")]
    held = {
        id: converted(replace(days([1.0]), balance=[amount]), Asset("EUR"), {Asset("USDT"): Finely()})
        for id, amount in zip((A, B), amounts, strict=True)
    }
    whole = portfolio_days(held, date(2026, 3, 1), [move(A, 0, "1e20", a=1.0), move(B, 0, "1e-20", b=1.0)])
    assert whole.balance[0] is not None
    assert Fraction(whole.balance[0]) == Fraction(Finely.rate) * sum(Fraction(each) for each in amounts)
    assert Fraction(whole.flows[0] or 0) == Fraction(10**20) + Fraction(1, 10**20)


@given(
    st.lists(st.lists(st.one_of(st.none(), st.floats(1, 1000)), min_size=4, max_size=4), min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.integers(-300, 900)), max_size=4),
)
def test_what_came_and_what_was_earned_is_the_value(
    columns: list[list[float | None]], paid: list[tuple[int, int, int]]
) -> None:
    """Whoever comes and goes, with money or without: the value changes by what was earned, and by what came.

    All that is earned is so before noon, when flows happen; what is earned is known of whom it is known at both ends.
    """
    held = {
        HopperId(str(number)): days([NAN if one is None else one for one in column])
        for number, column in enumerate(columns)
    }
    moves = [Move(HopperId(str(who)), (FIRST + day) * DAY + 43_200, Decimal(amount), {}) for who, day, amount in paid]
    whole = portfolio_days(held, date(2026, 3, 2), sorted(moves, key=lambda one: one.at))
    value = whole.base
    for place in range(len(whole)):
        earned = 0.0
        for number, column in enumerate(columns):
            begun, ended = column[place], column[place + 1]
            if begun is not None and ended is not None:
                earned += ended - begun - sum(amount for who, day, amount in paid if (who, day) == (number, place + 1))
        value += whole.came_first[place] + float(whole.flows[place] or 0) + earned + whole.came_last[place]
        shown = whole.values[place]
        assert value == pytest.approx(0.0 if np.isnan(shown) else shown, rel=1e-9, abs=1e-9)
        if not any(day == place + 1 for _, day, _ in paid) and not np.isnan(whole.returns[place]):
            there = value - whole.came_last[place] - earned
            assert earned == pytest.approx(there * whole.returns[place], rel=1e-9, abs=1e-9)
