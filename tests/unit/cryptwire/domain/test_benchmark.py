"""What the same money would have become in something else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptwire.domain.benchmark import basket, held_alongside

DAY = 86_400


def edges(count: int) -> tuple[np.ndarray, np.ndarray]:
    begins = np.arange(count, dtype=np.int64) * DAY
    return begins, begins + DAY


def rising(seconds: np.ndarray) -> np.ndarray:
    """100, and ten more each day."""
    return 100 + 10 * seconds / DAY


def test_money_buys_when_it_comes_and_is_sold_when_it_goes() -> None:
    begins, ends = edges(3)
    held = held_alongside(begins, ends, 1000, [(0, DAY, 110.0), (1, 2 * DAY, -240.0)], rising)
    assert held.values == pytest.approx([11 * 110, 9 * 120, 9 * 130])
    assert held.returns == pytest.approx([0.1, 120 / 110 - 1, 130 / 120 - 1])
    assert held.used_up_at is None


def test_what_comes_as_a_day_begins_is_not_there_as_the_day_before_ends() -> None:
    begins, ends = edges(3)
    held = held_alongside(begins, ends, 1000, [(1, DAY, 110.0), (2, 3 * DAY, 130.0)], rising)
    assert held.values == pytest.approx([10 * 110, 11 * 120, 12 * 130])


def test_more_than_there_would_have_been_cannot_be_taken() -> None:
    begins, ends = edges(3)
    held = held_alongside(begins, ends, 100, [(1, DAY + 1, -500.0)], rising)
    assert held.values[0] == pytest.approx(110)
    assert np.isnan(held.values[1:]).all()
    assert held.used_up_at == 1


def test_a_price_that_nobody_knows_is_no_price() -> None:
    begins, ends = edges(2)
    held = held_alongside(begins, ends, 100, [], lambda seconds: np.where(seconds > DAY, np.nan, 1.0))
    assert held.values[0] == 100
    assert np.isnan(held.values[1])
    assert np.isnan(held.returns[1])


def test_a_basket_is_worth_what_is_in_it() -> None:
    both = basket({"BTC": 2.0, "ETH": 5.0}, {"BTC": rising, "ETH": lambda seconds: np.full(len(seconds), 3.0)})
    assert both(np.array([0, DAY])).tolist() == [215.0, 235.0]


def test_nothing_is_nothing() -> None:
    begins, ends = edges(0)
    assert len(held_alongside(begins, ends, 5, [], rising).values) == 0


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(1, 500)), max_size=8), st.floats(1, 1000))
def test_without_a_move_it_is_what_was_paid(paid: list[tuple[int, float]], base: float) -> None:
    begins, ends = edges(10)
    came = [(day, day * DAY + 5, amount) for day, amount in sorted(paid)]
    held = held_alongside(begins, ends, base, came, lambda seconds: np.full(len(seconds), 7.0))
    assert held.values[-1] == pytest.approx(base + sum(amount for _, amount in paid))
    assert held.returns == pytest.approx(np.zeros(10))
