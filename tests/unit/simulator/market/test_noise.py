"""Noise is the same wherever and however much of it is asked for."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simulator.market.noise import dips, growth, uniform, waves, waves_in_a_row

PERIODS = (1, 3, 27, 729, 59_049)


@given(of=st.integers(0, 2**64 - 1), first=st.integers(0, 2**40), count=st.integers(1, 3000))
def test_a_row_equals_its_places_one_by_one(of: int, first: int, count: int) -> None:
    row = waves_in_a_row(of, first, count, PERIODS)
    assert (row == waves(of, np.arange(first, first + count), PERIODS)).all()
    assert row[-1] == waves(of, np.array([first + count - 1]), PERIODS)[0]


@given(of=st.integers(0, 2**64 - 1), places=st.lists(st.integers(-(2**40), 2**40), min_size=1))
def test_hashed_numbers_lie_in_zero_to_one(of: int, places: list[int]) -> None:
    numbers = uniform(of, np.array(places))
    assert ((numbers >= 0) & (numbers < 1)).all()


def test_dips_are_rare_and_never_rise_above_nothing() -> None:
    shape = dips(7, np.arange(10_000_000, 10_400_000))
    assert shape.min() >= -1
    assert shape.max() == 0
    assert 0.02 < (shape < 0).mean() < 0.2


def test_growth_is_close_to_the_exponential_function() -> None:
    changes = np.linspace(-2, 2, 101)
    assert np.allclose(growth(changes), np.exp(changes), rtol=1e-3)
