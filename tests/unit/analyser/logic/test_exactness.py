"""Nothing drifts, and neither tiny nor huge prices cost digits."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyser.logic.panel import overlay
from cryptwire.domain.figure import FigureKey
from tests.unit.analyser.logic.walks import OF_BARS, of_closes, scaled, walk


@pytest.mark.parametrize("power", [-60, 70])
@pytest.mark.parametrize("name", OF_BARS)
def test_a_figure_does_not_depend_on_the_unit_of_the_price(name: str, power: int) -> None:
    """Powers of two change no digit: prices of 1e-16 and of 1e23 give the same bits as prices of 100."""
    key, bars, factor = FigureKey.of(name, "15"), walk(4), 2.0**power
    expected = overlay(key, bars) * (factor if key.definition.unit == "price" else 1)
    assert np.array_equal(overlay(key, scaled(bars, factor)), expected, equal_nan=True)


@settings(max_examples=60, deadline=None)
@given(
    closes=st.lists(st.floats(1e-8, 1e8), min_size=2, max_size=12),
    deviations=st.sampled_from([0.1, 2.0]),
)
def test_bands_of_any_closes(closes: list[float], deviations: float) -> None:
    exact = [Fraction(close) for close in closes]
    mean = sum(exact) / len(exact)
    variance = sum((close - mean) ** 2 for close in exact) / len(exact)
    largest = max(closes)
    middle, upper = (
        float(overlay(FigureKey.of(name, "15", length=len(closes), deviations=deviations), of_closes(*closes))[-1])
        for name in ("bollinger.middle", "bollinger.upper")
    )
    assert middle == pytest.approx(float(mean), rel=1e-13, abs=1e-14 * largest)
    assert upper == pytest.approx(float(mean) + deviations * float(variance) ** 0.5, rel=1e-12, abs=1e-13 * largest)


@pytest.mark.parametrize("apart", [1e-3, 1e-6, 1e-9])
def test_the_place_within_narrow_bands_is_exact(apart: float) -> None:
    chance = np.random.default_rng(1)
    closes = (50_000 * (1 + apart * chance.normal(0, 1, 20))).tolist()
    exact = [Fraction(close) for close in closes]
    mean = sum(exact) / 20
    deviation = (sum((float(close - mean)) ** 2 for close in exact) / 20) ** 0.5
    expected = 0.5 + float(exact[-1] - mean) / (4 * deviation)
    found = overlay(FigureKey.of("bollinger.percent_b", "15"), of_closes(*closes))[-1]
    assert found == pytest.approx(expected, rel=1e-9 if apart > 1e-8 else 1e-6)


@pytest.mark.parametrize("name", ["sma", "wma", "bollinger.middle", "cci", "vwap", "donchian.middle", "stochastic.k"])
def test_a_spike_leaves_nothing_behind(name: str) -> None:
    """Running sums would keep what a price of a million million rounded away."""
    key, bars = FigureKey.of(name, "15", length=9), walk(6, 200)
    spiked = scaled(bars, 1.0)
    for column in (spiked.high, spiked.close):
        column[50] = 1e12
    assert np.array_equal(overlay(key, spiked)[80:], overlay(key, bars)[80:])
