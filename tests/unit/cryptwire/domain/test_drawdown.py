"""How far and how long below the peak: the beginning counts, and so does today."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cryptwire.domain import drawdown
from cryptwire.domain.drawdown import Drawdown, drawdowns
from cryptwire.domain.measured import Measured

Numbers = NDArray[np.float64]
NAN = float("nan")
FIRST = date(2024, 2, 27)


def days(*returns: float) -> Numbers:
    return np.array(returns, np.float64)


def dates(returns: Numbers) -> NDArray[np.datetime64]:
    return np.datetime64(FIRST) + np.arange(len(returns))


def on(number: int) -> date:
    """The number-th day; 0 is the one before the first."""
    return FIRST + timedelta(number - 1)


def test_the_beginning_is_a_peak() -> None:
    returns = days(-0.1, -0.1, 0.3)
    (told,) = drawdowns(dates(returns), returns)
    assert told == Drawdown(on(0), on(2), on(3), told.depth, 2)
    assert told.depth == drawdown.max_drawdown(returns).value == pytest.approx(-0.19)


def test_a_drawdown_that_lasts_counts_today() -> None:
    returns = days(0.1, -0.05)
    (told,) = drawdowns(dates(returns), returns)
    assert told == Drawdown(on(1), on(2), None, told.depth, 1)
    assert drawdown.current_under_water(dates(returns), returns).value == 1
    assert drawdown.current_drawdown(returns).value == pytest.approx(-0.05)
    assert drawdown.share_under_water(returns).value == 0.5


def test_several_drawdowns_are_told_one_by_one() -> None:
    returns = days(0.1, -0.1, 0.2, -0.2, -0.1, 0.05, 0.5, 0)
    found = drawdowns(dates(returns), returns)
    assert [(one.peak_on, one.trough_on, one.recovered_on, one.days) for one in found] == [
        (on(1), on(2), on(3), 1),
        (on(3), on(5), on(7), 3),
    ]
    assert drawdown.longest_under_water(dates(returns), returns).value == 3
    assert drawdown.current_under_water(dates(returns), returns).value == 0


def test_a_day_of_which_nothing_is_known_is_time_below_but_no_day_that_counts() -> None:
    returns = days(-0.1, NAN, NAN, 0.05)
    assert drawdown.longest_under_water(dates(returns), returns) == Measured(
        4, 2, "2 days left out: nothing is known of them"
    )
    assert drawdown.share_under_water(returns).value == 1
    assert drawdown.ulcer(returns).value == pytest.approx(np.sqrt(0.1**2 + (1 - 0.9 * 1.05) ** 2))
    assert drawdown.max_drawdown(days(NAN)) == Measured(
        None, 0, "nothing is known; 1 day left out: nothing is known of it"
    )


def test_dates_that_a_zone_leaves_out_are_days_of_the_calendar_all_the_same() -> None:
    when = np.array(["2011-12-29", "2011-12-31", "2012-01-01"], "datetime64[D]")
    assert [one.days for one in drawdowns(when, days(-0.1, 0, 0.2))] == [3]


def test_rounding_is_no_drawdown() -> None:
    values = np.array([1000, 1003.1, 992.0, 999.1, 1003.1, 1003.1])
    back = values[1:] / values[:-1] - 1
    index = drawdown.growth(back)
    assert index[-1] < index[0], "or nothing is tried here"
    assert drawdown.current_under_water(dates(back), back).value == 0
    assert drawdown.current_drawdown(back).value == 0


def test_nothing_has_no_drawdown() -> None:
    assert drawdowns(dates(days()), days()) == []
    for told in (drawdown.max_drawdown(days()), drawdown.longest_under_water(dates(days()), days())):
        assert told == Measured(None, 0, "nothing is known")
    assert drawdown.ulcer(days(0.1)) == Measured(None, 1, "too short: 1 day")
    assert drawdown.max_drawdown(days(0.1)).value == 0


@given(st.lists(st.one_of(st.floats(-1, 1), st.just(NAN)), min_size=1, max_size=60))
def test_a_walk_day_by_day_says_the_same(listed: list[float]) -> None:
    index = peak = 1.0
    worst, stays, stay, below, known = 0.0, [], 0, 0, 0
    for change in listed:
        known += change == change
        index *= 1 + (change if change == change else 0)
        peak = max(peak, index)
        is_below = index / peak - 1 < -1e-12
        worst = min(worst, index / peak - 1 if is_below else 0)
        below += is_below and change == change
        if not is_below and stay:
            stays.append(stay)
        stay = stay + 1 if is_below else 0
    stays += [stay] if stay else []
    returns = days(*listed)
    assert [one.days for one in drawdowns(dates(returns), returns)] == stays
    assert min([0.0, *(one.depth for one in drawdowns(dates(returns), returns))]) == pytest.approx(worst, abs=1e-12)
    if known:
        assert drawdown.longest_under_water(dates(returns), returns).value == max(stays, default=0)
        assert drawdown.current_under_water(dates(returns), returns).value == stay
        assert drawdown.share_under_water(returns).value == pytest.approx(below / known)
