"""A second opinion: where TA-Lib defines a figure as we do, it has the same values, early ones apart."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from analyser.logic.families import bars_needed
from analyser.logic.panel import overlay
from cryptwire.domain.bar import Columns
from tests.unit.analyser.logic.walks import keys, some_walks

Numbers = npt.NDArray[np.float64]

SERIES: dict[str, Callable[..., Numbers]] = {
    "sma": lambda bars, length: talib.SMA(bars.close, length),
    "ema": lambda bars, length: talib.EMA(bars.close, length),
    "wma": lambda bars, length: talib.WMA(bars.close, length),
    "rsi": lambda bars, length: talib.RSI(bars.close, length),
    "macd": lambda bars, fast, slow, signal: talib.EMA(bars.close, fast) - talib.EMA(bars.close, slow),
    "macd.signal": lambda bars, fast, slow, signal: talib.MACD(bars.close, fast, slow, signal)[1],
    "atr": lambda bars, length: talib.ATR(bars.high, bars.low, bars.close, length),
    "adx": lambda bars, length: talib.ADX(bars.high, bars.low, bars.close, length),
    "adx.plus": lambda bars, length: talib.PLUS_DI(bars.high, bars.low, bars.close, length),
    "adx.minus": lambda bars, length: talib.MINUS_DI(bars.high, bars.low, bars.close, length),
    "cci": lambda bars, length: talib.CCI(bars.high, bars.low, bars.close, length),
    "williams_r": lambda bars, length: talib.WILLR(bars.high, bars.low, bars.close, length),
    "roc": lambda bars, length: talib.ROC(bars.close, length),
    "stochastic.k": lambda bars, length, smooth: talib.STOCHF(bars.high, bars.low, bars.close, length, smooth)[0],
    "stochastic.d": lambda bars, length, smooth: talib.STOCHF(bars.high, bars.low, bars.close, length, smooth)[1],
    "donchian.upper": lambda bars, length: talib.MAX(bars.high, length),
    "donchian.lower": lambda bars, length: talib.MIN(bars.low, length),
    "obv": lambda bars: talib.OBV(bars.close, bars.volume) - bars.volume[0],
}


@pytest.mark.parametrize("name", SERIES)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_a_figure_is_that_of_ta_lib(name: str, data: st.DataObject) -> None:
    key = data.draw(keys(name, longest=20, shortest=3))
    bars: Columns = data.draw(some_walks(1200))
    numbers = [int(number) for number in key.parameters]
    ours, other = overlay(key, bars), SERIES[name](bars, *numbers)
    begin = bars_needed([key])
    apart = np.abs(ours - other)[begin:] / np.maximum(1.0, np.abs(other[begin:]))
    assert apart.max() <= 1e-8  # TA-Lib adds and takes away in running sums
