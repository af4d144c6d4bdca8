"""Twelve indicators of ten thousand series: a live update, a boundary at which all close; beside TA-Lib and ``ta``."""

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
import talib
from ta import momentum, trend, volatility, volume

from analyser.logic.families import bars_needed
from analyser.logic.panel import Panel, SeriesId
from bench.report import Row, at_most, median, told
from cryptwire.domain.bar import Columns, Resolution
from cryptwire.domain.figure import FigureKey
from cryptwire.domain.hopper import HopperId

Numbers = npt.NDArray[np.float64]
_SERIES = 10_000
_BEGINNINGS = 1_000  # of the series, timed
_BARS = 500  # that TA-Lib and ta compute anew
_EVERY = 2.0  # seconds between two live messages
_BUDGET = 0.1  # seconds of these; half a core is for decoding and encoding, too
_ROUNDS = 7
_OF_TALIB = 400  # series of a turn; the others are taken to cost the same
_OF_TA = 3
_NAMES = (
    "sma",
    "ema",
    "rsi",
    "macd",
    "bollinger.upper",
    "atr",
    "stochastic.k",
    "stochrsi.k",
    "adx",
    "cci",
    "obv",
    "vwap",
)


async def measure() -> list[Row]:
    """CPU seconds of this process, medians; the three take turns."""
    keys = tuple(FigureKey.of(name, "15") for name in _NAMES)
    series = [SeriesId(HopperId(str(1_000_000 + number)), Resolution.MINUTES_15) for number in range(_SERIES)]
    history = _walks(8, bars_needed(keys))
    panel = Panel()

    def begin(numbers: range) -> None:
        for number in numbers:
            panel.begin(series[number], keys, history[number % len(history)])

    begin(range(_BEGINNINGS, _SERIES))
    beginning = _cpu(lambda: begin(range(_BEGINNINGS)))
    chance = np.random.default_rng(2)
    start = int(history[0].at[-1])
    live, read, shut, late, theirs, library = [], [], [], [], [], []
    past = _walks(8, _BARS)
    for _ in range(_ROUNDS):
        start += 900
        panel.update(series, *_bars(chance, start))
        bars = _bars(chance, start)
        live.append(_cpu(lambda bars=bars: panel.update(series, *bars)))  # type: ignore[misc]
        read.append(_cpu(lambda: panel.values(series)))
        theirs.append(_cpu(lambda: [_talib(past[number % 8]) for number in range(_OF_TALIB)]) / _OF_TALIB)
        library.append(_cpu(lambda: [_ta(past[number]) for number in range(_OF_TA)]) / _OF_TA)
        bars = _bars(chance, start)
        shut.append(_cpu(lambda bars=bars: panel.close(series, *bars)))  # type: ignore[misc]
        panel.update(series, *_bars(chance, start + 900))
        start += 1800
        panel.update(series, *_bars(chance, start))
        bars = _bars(chance, start - 900)
        late.append(_cpu(lambda bars=bars: panel.close(series, *bars)))  # type: ignore[misc]
    ours = median(live) + median(read)
    once, whole = median(theirs), median(library)
    what = f"indicators: {_SERIES:,} series × {len(keys)}"
    return [
        at_most(f"{what}, live update and values", ours, _BUDGET, "s", f", {ours / _EVERY:.1%} of a core each 2 s"),
        told(
            f"{what}, TA-Lib over {_BARS} bars each time",
            once * _SERIES,
            "s",
            f", {once * _SERIES / ours:.0f} × ours, {once * _SERIES / _EVERY:.0%} of a core; {_OF_TALIB} measured",
        ),
        told(
            f"{what}, ta over {_BARS} bars each time",
            whole * _SERIES,
            "s",
            f", {whole * _SERIES / ours:,.0f} × ours, {whole / once:.0f} × TA-Lib; {_OF_TA} measured, extrapolated",
        ),
        told("indicators: of that, values alone", median(read) * 1e3, "ms"),
        told("indicators: boundary, all close with their true numbers", median(shut) * 1e3, "ms"),
        told("indicators: the same when the next bars are open already", median(late) * 1e3, "ms"),
        told(f"indicators: a series begins, {len(history[0])} bars", beginning / _BEGINNINGS * 1e3, "ms"),
        told("indicators: memory of a series", panel.nbytes / _SERIES / 1024, "KB", " of arrays"),
    ]


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _walks(count: int, bars: int) -> list[Columns]:
    chance = np.random.default_rng(1)
    walks = []
    for _ in range(count):
        close = 1000 * np.exp(np.cumsum(chance.normal(0, 0.003, bars)))
        open_ = np.concatenate([close[:1], close[:-1]])
        high, low = np.maximum(open_, close) * 1.001, np.minimum(open_, close) * 0.999
        stamps = np.arange(bars, dtype=np.int64) * 900
        walks.append(Columns(stamps, open_, high, low, close, chance.lognormal(3, 1, bars)))
    return walks


def _bars(
    chance: np.random.Generator, start: int
) -> tuple[npt.NDArray[np.int64], Numbers, Numbers, Numbers, Numbers, Numbers]:
    open_, close = (1000 * np.exp(chance.normal(0, 0.003, _SERIES)) for _ in range(2))
    high, low = np.maximum(open_, close) * 1.001, np.minimum(open_, close) * 0.999
    return np.full(_SERIES, start, np.int64), open_, high, low, close, chance.lognormal(3, 1, _SERIES)


def _talib(bars: Columns) -> list[float]:
    """The newest values; VWAP, which it has not, by numpy."""
    high, low, close, amount = bars.high, bars.low, bars.close, bars.volume
    typical = (high[-14:] + low[-14:] + close[-14:]) / 3
    rsi = talib.RSI(close, 14)
    return [
        talib.SMA(close, 20)[-1],
        talib.EMA(close, 20)[-1],
        rsi[-1],
        talib.MACD(close, 12, 26, 9)[0][-1],
        talib.BBANDS(close, 20, 2, 2)[0][-1],
        talib.ATR(high, low, close, 14)[-1],
        talib.STOCHF(high, low, close, 14, 3)[0][-1],
        talib.STOCH(rsi, rsi, rsi, 14, 3, slowd_period=3)[0][-1],
        talib.ADX(high, low, close, 14)[-1],
        talib.CCI(high, low, close, 20)[-1],
        talib.OBV(close, amount)[-1],
        float((typical * amount[-14:]).sum() / amount[-14:].sum()),
    ]


def _ta(bars: Columns) -> list[float]:
    high, low, close, amount = (pd.Series(column) for column in (bars.high, bars.low, bars.close, bars.volume))
    series = [
        trend.SMAIndicator(close, 20).sma_indicator(),
        trend.EMAIndicator(close, 20).ema_indicator(),
        momentum.RSIIndicator(close).rsi(),
        trend.MACD(close).macd(),
        volatility.BollingerBands(close).bollinger_hband(),
        volatility.AverageTrueRange(high, low, close).average_true_range(),
        momentum.StochasticOscillator(high, low, close).stoch(),
        momentum.StochRSIIndicator(close).stochrsi_k(),
        trend.ADXIndicator(high, low, close).adx(),
        trend.CCIIndicator(high, low, close).cci(),
        volume.OnBalanceVolumeIndicator(close, amount).on_balance_volume(),
        volume.VolumeWeightedAveragePrice(high, low, close, amount).volume_weighted_average_price(),
    ]
    return [float(one.iloc[-1]) for one in series]
