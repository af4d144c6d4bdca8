"""Two libraries that were written apart from us say the same, to 1e-9: QuantStats and empyrical-reloaded.

They are fed what they cannot misread: dates without zone, and returns that nothing takes for prices (what is never
below 0 and somewhere above 1). Both think of 252 days a year unless they are told.
"""

import math
from datetime import date, timedelta
from importlib import import_module
from typing import Any

import empyrical
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cryptwire.domain import drawdown, performance
from tests.returns import benchmark, fixture

quantstats: Any = import_module("quantstats.stats")  # in part without types
Numbers = NDArray[np.float64]
P = 365
FIRST = date(2023, 1, 1)


def dated(returns: Numbers) -> Any:
    return pd.Series(returns, index=pd.date_range(FIRST, periods=len(returns), freq="D"))


def dates(returns: Numbers) -> NDArray[np.datetime64]:
    return np.datetime64(FIRST) + np.arange(len(returns))


def near(value: Any) -> Any:
    return pytest.approx(float(value), rel=1e-9, abs=1e-12)


def agree(r: Numbers, b: Numbers) -> None:
    """Every figure that a library has is ours."""
    series, other = dated(r), dated(b)
    worst = empyrical.max_drawdown(series)
    both: list[tuple[float | None, list[Any]]] = [
        (performance.cumulative(r).value, [empyrical.cum_returns_final(series), quantstats.comp(series)]),
        (
            performance.annual_growth(r).value,
            [empyrical.cagr(series, annualization=P), quantstats.cagr(series, periods=P)],
        ),
        (
            performance.volatility(r).value,
            [empyrical.annual_volatility(series, annualization=P), quantstats.volatility(series, periods=P)],
        ),
        (
            performance.sharpe(r).value,
            [empyrical.sharpe_ratio(series, annualization=P), quantstats.sharpe(series, periods=P)],
        ),
        (performance.sharpe(r, 0.05).value, [quantstats.sharpe(series, rf=0.05, periods=P)]),
        (
            performance.sortino(r).value,
            [empyrical.sortino_ratio(series, annualization=P), quantstats.sortino(series, periods=P)],
        ),
        (
            performance.calmar(r).value,
            [empyrical.calmar_ratio(series, annualization=P), quantstats.calmar(series, periods=P)],
        ),
        (performance.omega(r).value, [empyrical.omega_ratio(series), quantstats.omega(series)]),
        (performance.tail_ratio(r).value, [empyrical.tail_ratio(series), quantstats.tail_ratio(series)]),
        (performance.value_at_risk(r).value, [empyrical.value_at_risk(series)]),
        (performance.conditional_value_at_risk(r).value, [empyrical.conditional_value_at_risk(series)]),
        (performance.winning_days(r).value, [quantstats.win_rate(series)]),
        (drawdown.max_drawdown(r).value, [worst, quantstats.max_drawdown(series)]),
        (drawdown.ulcer(r).value, [quantstats.ulcer_index(series)]),
        (performance.beta(r, b).value, [empyrical.beta(series, other), quantstats.greeks(series, other)["beta"]]),
        (performance.alpha(r, b).value, [empyrical.alpha(series, other, annualization=P)]),
        (
            performance.information_ratio(r, b).value,
            [empyrical.excess_sharpe(series, other), quantstats.information_ratio(series, other)],
        ),
    ]
    for number, (ours, theirs) in enumerate(both):
        for other_value in theirs:
            assert ours == near(other_value), number


def test_both_agree_on_the_fixture_of_the_reference() -> None:
    agree(fixture(), benchmark())
    assert drawdown.max_drawdown(fixture()).value == near(-0.21170235431051765)
    assert drawdown.ulcer(fixture()).value == near(0.11552920580901344)
    assert drawdown.longest_under_water(dates(fixture()), fixture()).value == 347


def test_they_define_these_otherwise_and_we_follow_empyrical() -> None:
    """So the words of the definitions are right about whose formula it is."""
    series, other = dated(fixture()), dated(benchmark())
    assert quantstats.var(series) == near(-0.01994057943127139)
    assert quantstats.cvar(series) == near(-0.02489539650926553)
    slope = performance.beta(fixture(), benchmark()).value
    assert slope is not None
    assert quantstats.greeks(series, other, periods=P)["alpha"] == near((fixture() - slope * benchmark()).mean() * P), (
        "multiplied, not compounded"
    )


def test_what_they_would_misread_is_the_traps_of_the_reference() -> None:
    """What is never below 0 and somewhere above 1 is taken for prices: it is guarded here by not being fed."""
    fed = dated(np.array([0.5, 1.5, 0.2]))
    assert quantstats.sharpe(fed, periods=P) == pytest.approx(5.34, abs=0.01)
    assert empyrical.sharpe_ratio(fed, annualization=P) == pytest.approx(20.58, abs=0.01)


def test_quantstats_has_the_same_drawdowns() -> None:
    series = dated(fixture())
    theirs = quantstats.drawdown_details(quantstats.to_drawdown_series(series))
    ours = drawdown.drawdowns(dates(fixture()), fixture())
    assert len(ours) == len(theirs) == 3
    for our, (_, their) in zip(ours, theirs.iterrows(), strict=True):
        assert (our.peak_on + timedelta(1)).isoformat() == their["start"]
        assert our.trough_on.isoformat() == their["valley"]
        assert our.days == their["days"]
        assert our.depth * 100 == near(their["max drawdown"])
        if our.recovered_on is not None:
            assert (our.recovered_on - timedelta(1)).isoformat() == their["end"]


some = st.floats(-0.5, 0.9).map(lambda value: round(value, 4))


@settings(max_examples=15)
@given(st.lists(st.tuples(some, some), min_size=100, max_size=140))
def test_both_agree_on_whatever_returns(rows: list[tuple[float, float]]) -> None:
    r, b = np.array(rows).T.copy()
    if math.isclose(np.ptp(r), 0) or math.isclose(np.ptp(b), 0) or math.isclose(np.ptp(r - b), 0):
        return  # nothing varies: they say 0 or infinity, we say none
    agree(np.append(r, -0.001), np.append(b, 0.002))
