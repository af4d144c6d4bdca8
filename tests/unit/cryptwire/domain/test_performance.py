"""Returns become figures: as the reference says, and not at all where a figure would be nonsense."""

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cryptwire.domain import drawdown, performance
from cryptwire.domain.measured import Measured
from cryptwire.domain.performance import Span, compounded
from cryptwire.errors import Invalid
from tests.returns import benchmark, fixture

Numbers = NDArray[np.float64]
NAN = float("nan")
EXPECTED = {
    "cumulative": -0.18353981194660018,
    "annual_growth": -0.16892407993842173,
    "volatility": 0.22653958980606598,
    "sharpe": -0.703325483094737,
    "sortino": -0.9536753989392855,
    "calmar": -0.7979319856341784,
    "omega": 0.9100812661179979,
    "tail_ratio": 0.9691069033362345,
    "value_at_risk": -0.018435677142390697,
    "conditional_value_at_risk": -0.024504931104787485,
    "winning_days": 0.5175,
}
ALONE = [getattr(performance, name) for name in EXPECTED]
"""Every figure of returns alone."""
BESIDE = [performance.beta, performance.alpha, performance.information_ratio]


def days(*returns: float) -> Numbers:
    return np.array(returns, np.float64)


def many(count: int) -> Numbers:
    return fixture()[:count]


def test_the_fixture_is_the_one_of_the_reference() -> None:
    first = [0.0188585965, 0.0023412552, -0.0080524841, 0.0061547332, 0.0068771234]
    assert fixture()[:5] == pytest.approx(first, abs=5e-11)
    assert len(fixture()) == 400


@pytest.mark.parametrize("name", EXPECTED)
def test_the_reference_says_the_same(name: str) -> None:
    told = getattr(performance, name)(fixture())
    assert told.value == pytest.approx(EXPECTED[name], rel=1e-9, abs=1e-12)
    assert told.sample_size == 400


def test_beta_is_that_of_the_reference() -> None:
    assert performance.beta(fixture(), benchmark()).value == pytest.approx(1.96157362951, rel=1e-9)
    assert performance.alpha(fixture(), benchmark()).value == pytest.approx(-0.0062780, abs=5e-8), "compounded"


def test_with_other_periods_the_reference_would_be_another() -> None:
    """365 is in the figures: by 252 the reference has −0.5844, and nobody could take one for the other."""
    assert performance.DAYS_A_YEAR == 365
    assert EXPECTED["sharpe"] * math.sqrt(252 / 365) == pytest.approx(-0.5844, abs=5e-5)


@pytest.mark.parametrize(
    ("figure", "least"),
    [
        (performance.annual_growth, 90),
        (performance.calmar, 90),
        (performance.volatility, 2),
        (performance.sharpe, 30),
        (performance.sortino, 30),
        (performance.omega, 30),
        (performance.tail_ratio, 100),
        (performance.value_at_risk, 100),
        (performance.conditional_value_at_risk, 100),
    ],
)
def test_too_few_days_are_too_short_and_one_more_is_enough(figure: object, least: int) -> None:
    assert callable(figure)
    short, enough = figure(many(least - 1)), figure(many(least))
    assert short.value is None
    assert short.note.startswith(f"too short: {least - 1} day")
    assert short.sample_size == least - 1
    assert enough.value is not None
    gap = np.append(many(least - 1), NAN)
    assert figure(gap).value is None, "a day of which nothing is known is none that counts"


@pytest.mark.parametrize("figure", BESIDE)
def test_beside_a_benchmark_thirty_common_days_are_needed(figure: object) -> None:
    assert callable(figure)
    other = np.append([NAN], benchmark()[1:30])
    assert figure(many(30), benchmark()[:30]).value is not None
    assert figure(many(30), other).value is None
    with pytest.raises(Invalid, match="30 returns and 29"):
        figure(many(30), benchmark()[:29])


def test_what_is_annualised_of_less_than_a_year_says_so() -> None:
    assert performance.annual_growth(many(120)).note == "annualised from 120 days"
    assert performance.calmar(many(364)).note == "annualised from 364 days"
    assert performance.annual_growth(many(365)).note is None
    assert performance.volatility(many(12)).note == "annualised from 12 days"


def test_days_of_which_nothing_is_known_are_left_out_and_counted() -> None:
    holes = np.insert(fixture(), [0, 7, 7, 250], NAN)
    for name, value in EXPECTED.items():
        told = getattr(performance, name)(holes)
        assert told.value == pytest.approx(value, rel=1e-9), name
        assert told.sample_size == 400
        assert "4 days left out: nothing is known of them" in told.note
    assert performance.cumulative(days(NAN)) == Measured(
        None, 0, "nothing is known; 1 day left out: nothing is known of it"
    )
    assert performance.cumulative(days()) == Measured(None, 0, "nothing is known")


def test_a_total_loss_is_told_and_nothing_is_made_of_it() -> None:
    lost = np.append(many(200), [-1.0, 0.5])
    assert performance.cumulative(lost) == Measured(-1.0, 202, "total loss")
    assert performance.cumulative(days(-1.7, -1.7)).value == -1, "two of them are no gain"
    for figure in (performance.annual_growth, performance.volatility, performance.sharpe, performance.sortino):
        assert figure(lost).value is None
        assert figure(lost).note == "total loss"
    assert performance.calmar(lost).note == "total loss"
    assert performance.alpha(lost, np.resize(benchmark(), 202)).note == "total loss"
    assert drawdown.max_drawdown(lost).value == -1
    assert drawdown.current_drawdown(lost).value == -1, "it is not undone by what comes later"


def test_nothing_is_divided_by_nothing() -> None:
    same, up = np.full(120, 0.1), np.abs(many(120)) + 0.001
    assert performance.sharpe(same).note == "every day is like the other"
    assert performance.sortino(up).note == "no losing day"
    assert performance.omega(up).note == "no losing day"
    assert performance.calmar(up).note == "no drawdown"
    assert performance.tail_ratio(np.zeros(120)).note == "the worst days lost nothing"
    assert performance.winning_days(np.zeros(5)) == Measured(None, 0, "no day moved")
    assert performance.beta(up, same).note == performance.alpha(up, same).note == "the benchmark did not move"
    assert performance.information_ratio(up, up).value is None
    assert performance.cumulative(np.full(400, 1e10)).note == "too large to tell"


def test_what_rounding_leaves_is_neither_won_nor_lost_nor_divided_by() -> None:
    """Cash to which money comes: value / (value before × (1 + flow / it)) is 1 but for the last bit."""
    cash = np.resize([2e-16, 0.0, -1e-16, 0.0, 3e-16], 120)
    assert performance.winning_days(cash).note == "no day moved"
    assert performance.sharpe(cash).note == "every day is like the other"
    assert performance.sortino(cash).note == performance.omega(cash).note == "no losing day"
    assert performance.calmar(cash).note == "no drawdown"
    assert performance.tail_ratio(cash).note == "the worst days lost nothing"
    assert performance.beta(many(120), cash).note == "the benchmark did not move"
    assert performance.sharpe(0.001 + cash).note == "every day is like the other"
    assert performance.information_ratio(many(120), many(120) - cash).note == "no difference varies"


def test_days_without_change_are_not_won_and_are_told() -> None:
    assert performance.winning_days(days(0.1, 0, -0.1, 0.1, 0)) == Measured(
        2 / 3, 3, "2 days without change not counted"
    )


def test_the_risk_free_return_of_a_year_is_one_of_a_day() -> None:
    a_day = 1.05 ** (1 / 365) - 1
    assert performance.sharpe(fixture(), 0.05).value == pytest.approx(
        performance.sharpe(fixture() - a_day).value, rel=1e-9
    )


def test_exposure_is_weighted_by_time() -> None:
    told = performance.exposure(days(50, 100, NAN), days(100, 100, 100), days(82_800, 90_000, 86_400))
    assert told.value == pytest.approx((0.5 * 82_800 + 90_000) / 172_800)
    assert told == (told.value, 2, "1 day left out: nothing is known of it")
    assert performance.exposure(days(), days(), days()).value is None


DATES = np.arange("2023-12-28", "2024-03-02", dtype="datetime64[D]")


def test_weeks_begin_on_mondays_and_months_are_the_calendars() -> None:
    returns = np.linspace(-0.02, 0.03, len(DATES))
    for span, key in (
        (Span.WEEK, lambda day: date.fromordinal(day.toordinal() - day.weekday())),
        (Span.MONTH, lambda day: day.replace(day=1)),
        (Span.YEAR, lambda day: day.replace(month=1, day=1)),
    ):
        expected: dict[date, float] = {}
        for day, change in zip(DATES.tolist(), returns.tolist(), strict=True):
            expected[key(day)] = expected.get(key(day), 1.0) * (1 + change)
        periods = compounded(DATES, returns, span)
        assert periods.starts.tolist() == list(expected)
        assert periods.returns + 1 == pytest.approx(list(expected.values()), rel=1e-12)
        assert periods.known.sum() == len(DATES)
        assert not periods.missing.any()


def test_a_week_of_which_nothing_is_known_has_no_return() -> None:
    returns = np.full(14, 0.01)
    returns[7:] = NAN
    returns[2] = NAN
    first, second = compounded(np.arange("2024-01-01", "2024-01-15", dtype="datetime64[D]"), returns, Span.WEEK).returns
    assert first == pytest.approx(1.01**6 - 1)
    assert math.isnan(second)
    periods = compounded(np.arange("2024-01-01", "2024-01-15", dtype="datetime64[D]"), returns, Span.WEEK)
    assert (periods.known.tolist(), periods.missing.tolist()) == ([6, 0], [1, 7])
    assert len(compounded(DATES[:0], returns[:0], Span.WEEK).starts) == 0


# ---- whatever the returns --------------------------------------------------------------------------------------------

a_return = st.floats(-0.9, 3, allow_subnormal=False).map(lambda value: round(value, 6))
series = st.lists(st.one_of(a_return, st.just(NAN)), min_size=1, max_size=130).map(lambda some: days(*some))
money = st.floats(0.01, 1e9)


@given(series, st.integers(0, 130))
def test_a_period_that_is_split_and_linked_has_the_same_return(returns: Numbers, cut: int) -> None:
    parts = [performance.cumulative(part).value or 0.0 for part in (returns[:cut], returns[cut:])]
    whole = performance.cumulative(returns).value or 0.0
    assert (1 + parts[0]) * (1 + parts[1]) == pytest.approx(1 + whole, rel=1e-9)


@given(series)
def test_years_are_made_of_months_as_of_days(returns: Numbers) -> None:
    dates = np.arange("2023-11-20", "2030-01-01", dtype="datetime64[D]")[: len(returns)]
    for span in Span:
        periods = compounded(dates, returns, span)
        linked, whole = performance.cumulative(periods.returns).value, performance.cumulative(returns).value
        assert linked == (None if whole is None else pytest.approx(whole, rel=1e-9, abs=1e-12))
        assert (periods.known + periods.missing).sum() == len(returns)


@given(series, money)
def test_another_unit_of_money_changes_no_ratio(returns: Numbers, unit: float) -> None:
    """Values times ``unit`` have the same returns up to rounding, and so has everything that is made of them."""
    values = np.append([1.0], drawdown.growth(returns)) * unit
    scaled = np.where(np.isfinite(returns), values[1:] / values[:-1] - 1, NAN)
    for figure in (*ALONE, drawdown.max_drawdown, drawdown.ulcer):
        first, second = (
            figure(np.where(np.abs(returns) < 1e-9, NAN, returns)),
            figure(np.where(np.abs(returns) < 1e-9, NAN, scaled)),
        )
        assert (first.value is None) == (second.value is None)
        if first.value is not None:
            assert second.value == pytest.approx(first.value, rel=1e-6, abs=1e-9), figure.__name__


@given(series, st.randoms())
def test_the_order_of_days_counts_for_drawdowns_alone(returns: Numbers, dice: object) -> None:
    shuffled = returns.tolist()
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    for figure in ALONE:
        if figure is not performance.calmar:
            first, second = figure(returns), figure(days(*shuffled))
            assert first.value == (None if second.value is None else pytest.approx(second.value, rel=1e-6, abs=1e-9))


@given(series)
def test_every_figure_is_finite_or_says_why_it_is_not_there(returns: Numbers) -> None:
    for figure in (
        *ALONE,
        drawdown.max_drawdown,
        drawdown.current_drawdown,
        drawdown.ulcer,
        drawdown.share_under_water,
    ):
        told = figure(returns)
        assert told.note if told.value is None else math.isfinite(told.value)
        assert 0 <= told.sample_size <= len(returns)
