"""What we chose where others differ, in numbers reckoned by hand; docs/indicators.md says why."""

import numpy as np
import pandas as pd
import pytest
from ta import momentum, trend, volatility, volume

from analyser.logic.families import bars_needed
from analyser.logic.panel import overlay
from cryptwire.domain.bar import Columns, Numbers
from cryptwire.domain.figure import FigureKey
from tests.unit.analyser.logic.walks import OF_BARS, QUARTER, after, flat, of_bars, of_closes, walk

NONE = float("nan")


def values(name: str, bars: Columns, **parameters: float) -> list[float]:
    found: list[float] = overlay(FigureKey.of(name, "15", **parameters), bars).tolist()
    return found


def about(*numbers: float) -> object:
    return pytest.approx(list(numbers), rel=1e-12, abs=1e-12, nan_ok=True)


# -- where averages begin ----------------------------------------------------------------------------------------------


def test_an_exponential_average_begins_with_the_first_close() -> None:
    # a weight of 1/2: 4; 4 + (8 - 4)/2 = 6; 6 + (2 - 6)/2 = 4; 4 + (10 - 4)/2 = 7
    assert values("ema", of_closes(4, 8, 2, 10), length=3) == about(NONE, NONE, 4, 7)


def test_a_weighted_average_weighs_the_newest_most() -> None:
    # (1·1 + 2·4 + 3·2) / 6, (1·4 + 2·2 + 3·8) / 6
    assert values("wma", of_closes(1, 4, 2, 8), length=3) == about(NONE, NONE, 15 / 6, 32 / 6)


def test_the_first_rsi_is_of_the_mean_of_the_first_changes() -> None:
    # gains 2, 0, 4; losses 0, 3, 0: means 2 and 1, then (2·2 + 0)/3 and (1·2 + 1)/3
    bars = of_closes(10, 12, 9, 13, 12)
    assert values("rsi", bars, length=3) == about(NONE, NONE, NONE, 100 - 100 / 3, 100 - 100 / (1 + 4 / 3))
    theirs = momentum.RSIIndicator(pd.Series(bars.close), 3).rsi()
    assert theirs[2] == theirs[2]  # has a value one bar earlier, of a change that was none
    assert theirs[3] != pytest.approx(100 - 100 / 3, rel=0.01)


def test_the_first_atr_is_the_mean_of_ranges_and_the_first_bar_has_no_close_before() -> None:
    # ranges 10 - 7, 12 - 6, 13 - 7 (a close of before), 12 - 11; their mean is 5, then (5·2 + 1)/3
    bars = of_bars((10, 7, 8), (12, 6, 7), (13, 11, 12), (12, 11, 11))
    assert values("atr", bars, length=3) == about(NONE, NONE, 5, 11 / 3)
    assert volatility.AverageTrueRange(*highs_lows_closes(bars), 3).average_true_range().tolist()[:2] == [0, 0]


def test_the_first_directions_are_of_means_and_the_first_adx_is_the_mean_of_their_differences() -> None:
    # ranges 3, 4, 5, 2; up 2, 0, 2, 1; down 0, 2, 0, 0; averages of two: from the third bar on
    bars = of_bars((10, 8, 9), (12, 9, 11), (11, 7, 8), (13, 8, 12), (14, 12, 13))
    assert values("adx.plus", bars, length=2) == about(NONE, NONE, 100 / 3.5, 150 / 4.25, 40)
    assert values("adx.minus", bars, length=2) == about(NONE, NONE, 100 / 3.5, 50 / 4.25, 8)
    # differences in percent of sums: 0, 50, 66.7
    assert values("adx", bars, length=2) == about(NONE, NONE, NONE, 25, (25 + 200 / 3) / 2)
    assert trend.ADXIndicator(*highs_lows_closes(bars), 2).adx_pos()[2] == 0


def test_the_signal_of_macd_begins_with_the_first_line() -> None:
    # slow, of three, begins at the third bar: weights 2/3 and 1/2
    bars = of_closes(3, 6, 12, 12)
    fast = [3, 5, 29 / 3, 101 / 9]
    slow = [3, 4.5, 8.25, 10.125]
    line = [fast[2] - slow[2], fast[3] - slow[3]]
    signal = line[0] + (line[1] - line[0]) * 2 / 3
    assert values("macd", bars, fast=2, slow=3, signal=2) == about(NONE, NONE, *line)
    assert values("macd.signal", bars, fast=2, slow=3, signal=2) == about(NONE, NONE, NONE, signal)
    assert values("macd.histogram", bars, fast=2, slow=3, signal=2) == about(NONE, NONE, NONE, line[1] - signal)


# -- what charts show --------------------------------------------------------------------------------------------------


def test_stochastic_rsi_is_smoothed_and_goes_to_a_hundred() -> None:
    # RSI of two bars: 66.7, 85.7, 54.5, 81.5; within its last two: top, bottom, top; means of two
    bars = of_closes(10, 12, 11, 13, 12, 14)
    assert values("stochrsi.k", bars, length=2, smooth_k=1, smooth_d=1) == about(NONE, NONE, NONE, 100, 0, 100)
    assert values("stochrsi.k", bars, length=2, smooth_k=2, smooth_d=2) == about(NONE, NONE, NONE, NONE, 50, 50)
    assert values("stochrsi.d", bars, length=2, smooth_k=2, smooth_d=2) == about(NONE, NONE, NONE, NONE, NONE, 50)
    assert momentum.StochRSIIndicator(pd.Series(walk(1).close)).stochrsi_k().max() <= 1 + 1e-9


def test_vwap_is_of_the_last_bars() -> None:
    bars = of_bars((10, 10, 10), (20, 20, 20), (40, 40, 40), volumes=(1, 3, 2))
    assert values("vwap", bars, length=2) == about(NONE, 70 / 4, 140 / 5)


def test_vwap_of_the_session_begins_anew_at_midnight_of_utc() -> None:
    bars = of_bars((10, 10, 10), (20, 20, 20), (30, 30, 30), (60, 60, 60), volumes=(1, 1, 1, 2))
    before_midnight = Columns(bars.at + 86_400 - 2 * QUARTER, *columns(bars))
    assert values("vwap.session", before_midnight) == about(NONE, NONE, 30, 150 / 3)
    after_midnight = Columns(bars.at + 86_400 + QUARTER, *columns(bars))
    assert values("vwap.session", after_midnight) == about(NONE, NONE, NONE, NONE)
    at_midnight = Columns(bars.at + 86_400, *columns(bars))
    assert values("vwap.session", at_midnight) == about(10, 15, 20, 180 / 5)


def test_a_session_whose_first_bars_are_missing_begins_with_the_first_there_is() -> None:
    bars = of_bars((10, 10, 10), (20, 20, 20), (40, 40, 40), volumes=(1, 1, 1))
    gap = Columns(np.array([80_000, 90_000, 90_900]), *columns(bars))
    assert values("vwap.session", gap) == about(NONE, 20, 30)


def test_volume_of_a_bar_that_did_not_move_is_on_no_side() -> None:
    bars = of_bars((1, 1, 1), (2, 2, 2), (2, 2, 2), (1, 1, 1), volumes=(5, 6, 7, 8))
    assert values("obv", bars) == [0, 6, 6, -2]
    theirs = volume.OnBalanceVolumeIndicator(pd.Series(bars.close), pd.Series(bars.volume)).on_balance_volume()
    assert theirs.tolist() == [5, 11, 18, 10]


@pytest.mark.parametrize("name", ["obv", "vwap", "vwap.session"])
def test_without_volume_there_is_none(name: str) -> None:
    bars = walk(1)
    silent = Columns(bars.at, *columns(bars)[:4], np.zeros(300))
    assert np.isnan(values(name, silent)).all()


def test_keltner_is_an_exponential_average_and_a_range_of_ten_bars() -> None:
    bars = of_bars(*[(11, 9, 10)] * 12)
    assert values("keltner.upper", bars, length=3, multiplier=1.5) == about(*[NONE] * 9, 13, 13, 13)
    assert values("keltner.lower", bars, length=3, multiplier=1.5) == about(*[NONE] * 9, 7, 7, 7)
    assert values("keltner.middle", bars, length=3) == about(NONE, NONE, *[10] * 10)


def test_ichimoku_is_told_where_it_is_computed_and_when_it_is_whole() -> None:
    bars = of_bars((10, 8, 9), (14, 9, 10), (12, 4, 11), (20, 11, 12))
    parameters = {"conversion": 1, "base": 2, "span": 3}
    assert values("ichimoku.conversion", bars, **parameters) == about(9, 11.5, 8, 15.5)
    assert values("ichimoku.base", bars, **parameters) == about(NONE, 11, 9, 12)
    assert values("ichimoku.span_a", bars, **parameters) == about(NONE, 11.25, 8.5, 13.75)
    assert values("ichimoku.span_b", bars, **parameters) == about(NONE, NONE, 9, 12)
    assert trend.IchimokuIndicator(*highs_lows_closes(bars)[:2], 1, 2, 3).ichimoku_b()[0] == 9


def test_bands_are_of_the_deviation_of_all_and_their_width_is_in_percent() -> None:
    bars = of_closes(2, 4, 4, 4, 5, 5, 7, 9)  # mean 5, deviation 2
    parameters = {"length": 8, "deviations": 1.5}
    assert values("bollinger.upper", bars, **parameters)[-1] == 8
    assert values("bollinger.lower", bars, **parameters)[-1] == 2
    assert values("bollinger.width", bars, **parameters)[-1] == 120
    assert values("bollinger.percent_b", bars, **parameters)[-1] == pytest.approx(7 / 6)


# -- supertrend, which ta has not --------------------------------------------------------------------------------------


def naive_supertrend(bars: Columns, length: int, multiplier: float) -> list[tuple[float, int]]:
    """Line and trend from the bar on that has a range, as the reference of Pine Script has it, in plain Python."""
    high, low, close = bars.high.tolist(), bars.low.tolist(), bars.close.tolist()
    ranges = [high[0] - low[0]] + [
        max(high[i] - low[i], abs(high[i] - close[i - 1]), abs(low[i] - close[i - 1])) for i in range(1, len(close))
    ]
    found: list[tuple[float, int]] = []
    atr = lower = upper = line = 0.0
    for i in range(length - 1, len(close)):
        is_first = i == length - 1
        atr = sum(ranges[:length]) / length if is_first else (atr * (length - 1) + ranges[i]) / length
        middle = (high[i] + low[i]) / 2
        new_lower, new_upper = middle - multiplier * atr, middle + multiplier * atr
        before_lower, before_upper = lower, upper
        if not (new_lower > before_lower or close[i - 1] < before_lower):
            new_lower = before_lower
        if not (new_upper < before_upper or close[i - 1] > before_upper):
            new_upper = before_upper
        if is_first:
            is_up = False
        elif line == before_upper:
            is_up = close[i] > new_upper
        else:
            is_up = not close[i] < new_lower
        lower, upper = new_lower, new_upper
        line = lower if is_up else upper
        found.append((line, 1 if is_up else -1))
    return found


@pytest.mark.parametrize(("length", "multiplier"), [(10, 3.0), (3, 1.0), (7, 0.3)])
@pytest.mark.parametrize("seed", range(6))
def test_supertrend_is_that_of_pine_script(seed: int, length: int, multiplier: float) -> None:
    bars = walk(seed, 500, jumps=0.05)
    expected = naive_supertrend(bars, length, multiplier)
    lines = values("supertrend", bars, length=length, multiplier=multiplier)
    trends = values("supertrend.direction", bars, length=length, multiplier=multiplier)
    assert np.isnan(lines[: length - 1]).all()
    assert np.isnan(trends[: length - 1]).all()
    assert trends[length - 1 :] == [trend for _, trend in expected]
    assert lines[length - 1 :] == pytest.approx([line for line, _ in expected], rel=1e-12)
    assert {1.0, -1.0} <= set(trends)


# -- what stands still -------------------------------------------------------------------------------------------------

STILL = {
    **dict.fromkeys(["close", "sma", "ema", "wma", "vwap", "vwap.session", "supertrend"], 1.0),
    **dict.fromkeys(["bollinger.middle", "bollinger.upper", "bollinger.lower"], 1.0),
    **dict.fromkeys(["donchian.upper", "donchian.middle", "donchian.lower"], 1.0),
    **dict.fromkeys(["keltner.upper", "keltner.middle", "keltner.lower"], 1.0),
    **dict.fromkeys(["ichimoku.conversion", "ichimoku.base", "ichimoku.span_a", "ichimoku.span_b"], 1.0),
    **dict.fromkeys(["macd", "macd.signal", "macd.histogram", "bollinger.width", "atr", "roc", "obv"], 0.0),
    **dict.fromkeys(["adx", "adx.plus", "adx.minus"], 0.0),
    **dict.fromkeys(["bollinger.percent_b", "stochastic.k", "stochastic.d", "williams_r", "cci"], NONE),
    **dict.fromkeys(["stochrsi.k", "stochrsi.d"], NONE),
    "rsi": 100.0,
    "supertrend.direction": -1.0,
}
"""Prices in units of the price; NaN where 0 would be divided by 0."""


@pytest.mark.parametrize("price", [0.1 + 0.2, 1e-9, 98_765.4321, 3e12])
@pytest.mark.parametrize("name", OF_BARS)
def test_a_price_that_never_moved(name: str, price: float) -> None:
    expected = STILL[name] * (price if FigureKey.of(name, "15").definition.unit == "price" else 1)
    assert values(name, flat(price, 120))[-1] == pytest.approx(expected, rel=1e-12, abs=0, nan_ok=True)


@pytest.mark.parametrize(
    "name", ["bollinger.percent_b", "stochastic.k", "williams_r", "cci", "stochrsi.k", "stochrsi.d"]
)
@pytest.mark.parametrize("price", [0.1 + 0.2, 61_234.56])
def test_a_price_that_stopped_moving_leaves_no_noise(name: str, price: float) -> None:
    bars = after(walk(5, 200, start=price), flat(float(walk(5, 200, start=price).close[-1]), 80))
    assert np.isnan(values(name, bars)[-20:]).all()
    assert not np.isnan(values(name, bars)[150])


def test_what_stopped_moving_keeps_its_strength_and_has_less_and_less_range() -> None:
    bars = after(walk(5, 200), flat(float(walk(5, 200).close[-1]), 80))
    rsi = values("rsi", bars)[200:]
    assert rsi == pytest.approx([rsi[0]] * 80, rel=1e-9)
    assert 0 < values("atr", bars)[-1] < values("atr", bars)[200] / 100


@pytest.mark.parametrize("name", OF_BARS)
def test_a_portfolio_worth_nothing_has_no_infinite_figures(name: str) -> None:
    found = np.array(values(name, after(walk(5, 60), flat(0.0, 60))))
    assert not np.isinf(found).any()


# -- how much history --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(OF_BARS) - {"obv"}))
@pytest.mark.parametrize("seed", range(3))
def test_what_was_before_the_bars_that_are_needed_does_not_show(name: str, seed: int) -> None:
    key = FigureKey.of(name, "15")
    needed = bars_needed([key])
    bars = after(walk(seed, 300, start=50.0, volatility=0.03), walk(seed + 50, needed + 40, start=100.0))
    ours = overlay(key, bars)[-40:]
    without = overlay(key, bars.between(300, len(bars)))[-40:]
    assert without == pytest.approx(ours, rel=1e-7, abs=1e-7)


def test_needs_of_several_figures_are_the_longest_of_them() -> None:
    keys = [FigureKey.of("sma", "15", length=50), FigureKey.of("roc", "60"), FigureKey.of("balance")]
    assert bars_needed(keys) == 50
    assert bars_needed([FigureKey.of("rsi", "1D", length=500)]) == 5_000
    assert bars_needed([]) == 0


def columns(bars: Columns) -> tuple[Numbers, Numbers, Numbers, Numbers, Numbers]:
    return bars.open, bars.high, bars.low, bars.close, bars.volume


def highs_lows_closes(bars: Columns) -> tuple[pd.Series, pd.Series, pd.Series]:
    return pd.Series(bars.high), pd.Series(bars.low), pd.Series(bars.close)
