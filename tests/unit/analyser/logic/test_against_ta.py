"""Figures are those of the library ``ta``, but where docs/indicators.md says otherwise (test_choices has these)."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ta import momentum, trend, volatility, volume

from analyser.logic.families import bars_needed
from analyser.logic.panel import overlay
from cryptwire.domain.bar import Columns
from cryptwire.domain.figure import FigureKey
from tests.unit.analyser.logic.walks import OF_BARS, keys, some_walks, walk

Numbers = npt.NDArray[np.float64]
CLOSELY = 1e-9


class Theirs:
    """The library's series of the same candles."""

    def __init__(self, bars: Columns, key: FigureKey) -> None:
        self.parameters = [int(number) if number == int(number) else number for number in key.parameters]
        self.high, self.low, self.close = pd.Series(bars.high), pd.Series(bars.low), pd.Series(bars.close)
        self.volume = pd.Series(bars.volume)

    def sma(self) -> pd.Series:
        return trend.SMAIndicator(self.close, *self.parameters).sma_indicator()

    def ema(self) -> pd.Series:
        return trend.EMAIndicator(self.close, *self.parameters).ema_indicator()

    def wma(self) -> pd.Series:
        return trend.WMAIndicator(self.close, *self.parameters).wma()

    def rsi(self) -> pd.Series:
        return momentum.RSIIndicator(self.close, *self.parameters).rsi()

    def macd(self) -> trend.MACD:
        fast, slow, signal = self.parameters
        return trend.MACD(self.close, slow, fast, signal)

    def bollinger(self) -> volatility.BollingerBands:
        return volatility.BollingerBands(self.close, *self.parameters)

    def atr(self) -> pd.Series:
        return volatility.AverageTrueRange(self.high, self.low, self.close, *self.parameters).average_true_range()

    def stochastic(self) -> momentum.StochasticOscillator:
        return momentum.StochasticOscillator(self.high, self.low, self.close, *self.parameters)

    def stochrsi(self) -> momentum.StochRSIIndicator:
        return momentum.StochRSIIndicator(self.close, *self.parameters)

    def adx(self) -> trend.ADXIndicator:
        return trend.ADXIndicator(self.high, self.low, self.close, *self.parameters)

    def cci(self) -> pd.Series:
        return trend.CCIIndicator(self.high, self.low, self.close, *self.parameters).cci()

    def williams_r(self) -> pd.Series:
        return momentum.WilliamsRIndicator(self.high, self.low, self.close, *self.parameters).williams_r()

    def roc(self) -> pd.Series:
        return momentum.ROCIndicator(self.close, *self.parameters).roc()

    def obv(self) -> pd.Series:
        return volume.OnBalanceVolumeIndicator(self.close, self.volume).on_balance_volume() - self.volume[0]

    def vwap(self) -> pd.Series:
        return volume.VolumeWeightedAveragePrice(
            self.high, self.low, self.close, self.volume, *self.parameters
        ).volume_weighted_average_price()

    def donchian(self) -> volatility.DonchianChannel:
        return volatility.DonchianChannel(self.high, self.low, self.close, *self.parameters)

    def keltner(self) -> volatility.KeltnerChannel:
        length, multiplier = self.parameters
        return volatility.KeltnerChannel(
            self.high, self.low, self.close, length, original_version=False, multiplier=multiplier
        )

    def ichimoku(self) -> trend.IchimokuIndicator:
        return trend.IchimokuIndicator(self.high, self.low, *self.parameters)


SERIES: dict[str, Callable[[Theirs], pd.Series]] = {
    "sma": Theirs.sma,
    "ema": Theirs.ema,
    "wma": Theirs.wma,
    "rsi": Theirs.rsi,
    "macd": lambda theirs: theirs.macd().macd(),
    "macd.signal": lambda theirs: theirs.macd().macd_signal(),
    "macd.histogram": lambda theirs: theirs.macd().macd_diff(),
    "bollinger.middle": lambda theirs: theirs.bollinger().bollinger_mavg(),
    "bollinger.upper": lambda theirs: theirs.bollinger().bollinger_hband(),
    "bollinger.lower": lambda theirs: theirs.bollinger().bollinger_lband(),
    "bollinger.width": lambda theirs: theirs.bollinger().bollinger_wband(),
    "bollinger.percent_b": lambda theirs: theirs.bollinger().bollinger_pband(),
    "atr": Theirs.atr,
    "stochastic.k": lambda theirs: theirs.stochastic().stoch(),
    "stochastic.d": lambda theirs: theirs.stochastic().stoch_signal(),
    "stochrsi.k": lambda theirs: 100 * theirs.stochrsi().stochrsi_k(),
    "stochrsi.d": lambda theirs: 100 * theirs.stochrsi().stochrsi_d(),
    "adx": lambda theirs: theirs.adx().adx(),
    "adx.plus": lambda theirs: theirs.adx().adx_pos(),
    "adx.minus": lambda theirs: theirs.adx().adx_neg(),
    "cci": Theirs.cci,
    "williams_r": Theirs.williams_r,
    "roc": Theirs.roc,
    "obv": Theirs.obv,
    "vwap": Theirs.vwap,
    "donchian.upper": lambda theirs: theirs.donchian().donchian_channel_hband(),
    "donchian.middle": lambda theirs: theirs.donchian().donchian_channel_mband(),
    "donchian.lower": lambda theirs: theirs.donchian().donchian_channel_lband(),
    "keltner.upper": lambda theirs: theirs.keltner().keltner_channel_hband(),
    "keltner.middle": lambda theirs: theirs.keltner().keltner_channel_mband(),
    "keltner.lower": lambda theirs: theirs.keltner().keltner_channel_lband(),
    "ichimoku.conversion": lambda theirs: theirs.ichimoku().ichimoku_conversion_line(),
    "ichimoku.base": lambda theirs: theirs.ichimoku().ichimoku_base_line(),
    "ichimoku.span_a": lambda theirs: theirs.ichimoku().ichimoku_a(),
    "ichimoku.span_b": lambda theirs: theirs.ichimoku().ichimoku_b(),
}
NOT_THEIRS = {"close", "vwap.session", "supertrend", "supertrend.direction"}
BEGINS_OTHERWISE = {"rsi", "stochrsi.k", "stochrsi.d"}
"""Where the first value that is averaged differs: alike when that is forgotten."""
ZERO_AT_FIRST = {"adx.plus", "adx.minus"}
"""``ta`` has 0 for one bar longer than we have no value."""


SHORTEST = {"stochrsi": 7, "bollinger": 5, "cci": 5}
"""In very few bars a range may be what rounding has left: nothing to compare. test_exactness has the bands of two."""


def theirs(key: FigureKey, bars: Columns) -> Numbers:
    series: Numbers = SERIES[key.name](Theirs(bars, key)).to_numpy(np.float64)
    return series


def are_wide(key: FigureKey, bars: Columns) -> npt.NDArray[np.bool_]:
    """Where the deviation is above 1/500 of the highest price so far: pandas keeps running sums, and of a smaller one
    they have lost too much. What ours are worth there is for test_exactness to say.
    """
    upper, middle = (
        overlay(FigureKey.of(name, "15", length=key.parameters[0], deviations=1), bars)
        for name in ("bollinger.upper", "bollinger.middle")
    )
    wide: npt.NDArray[np.bool_] = (upper - middle) * 500 > np.maximum.accumulate(bars.close)
    return wide


def test_every_figure_of_bars_is_compared() -> None:
    assert set(OF_BARS) == SERIES.keys() | NOT_THEIRS


@pytest.mark.parametrize("name", SERIES)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_a_figure_is_that_of_ta(name: str, data: st.DataObject) -> None:
    key = data.draw(keys(name, longest=20, shortest=SHORTEST.get(name.partition(".")[0], 1)))
    bars = data.draw(some_walks(800))
    ours, other = overlay(key, bars), theirs(key, bars)
    begin = int(np.flatnonzero(~np.isnan(ours))[0]) + (name in ZERO_AT_FIRST)
    if name in BEGINS_OTHERWISE:
        begin = bars_needed([key])
        assert begin < 750
    assert not np.isnan(ours[begin:]).any()
    apart = np.abs(ours - other)[begin:] / np.maximum(1.0, np.abs(other[begin:]))
    if name.startswith("bollinger"):
        apart = apart[are_wide(key, bars)[begin:]]
        assert len(apart) > 30
    assert apart.max() <= CLOSELY


@pytest.mark.parametrize("name", sorted(SERIES.keys() - BEGINS_OTHERWISE))
def test_a_value_is_told_from_the_same_bar_on_or_ta_has_a_zero_or_a_part(name: str) -> None:
    key, bars = FigureKey.of(name, "15"), walk(3)
    ours, other = overlay(key, bars), theirs(key, bars)
    first = int(np.flatnonzero(~np.isnan(ours))[0])
    assert not np.isnan(other[first])
    early = other[:first]
    assert np.isnan(early).all() or (early == 0).all() or name == "ichimoku.span_b"
