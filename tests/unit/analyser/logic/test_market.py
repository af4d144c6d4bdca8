"""A pair's bars are the exchange's, and its price at any minute is the last one before."""

import math
from datetime import UTC, datetime, timedelta

from analyser.logic.forming import Ended
from analyser.logic.market import MarketBar, Samples, bars_of, begins
from cryptwire.codec.ohlcv import Ohlcv
from cryptwire.domain.bar import Part, Resolution

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
T0 = int(T.timestamp())


def row(minute: int, close: float, volume: float = 1.0) -> Ohlcv:
    return Ohlcv(T + timedelta(minutes=minute), close, close + 1, close - 1, close, volume)


def test_rows_that_cannot_be_are_left_out_and_the_others_lie_on_our_bars() -> None:
    bad = Ohlcv(T, 5.0, 4.0, 3.0, 4.0, 1.0)
    found = bars_of([row(60, 12.0), bad, row(0, 10.0), row(60, 11.0)], Resolution.HOUR)
    assert [(bar.time, part.close) for bar, part in found] == [(T0, 10.0), (T0 + 3600, 11.0)]


def test_history_begins_so_many_bars_ago() -> None:
    assert begins(Resolution.HOUR, T0 + 5, 3) == T0 - 3 * 3600
    assert begins(Resolution.MONTH, T0, 5_000) >= 0


def test_a_bar_takes_prices_and_the_exchanges_volume() -> None:
    bar = MarketBar(Resolution.HOUR, T0 + 60, Part(10, 12, 9, 11, 5))
    bar.on_price(T0 + 70, 13.0)
    bar.on_price(T0 - 1, 99.0)
    assert bar.values == Part(10, 13, 9, 13, 5)
    assert bar.on_candles(bars_of([Ohlcv(T, 10, 12.5, 8, 12, 7)], Resolution.HOUR)) == []
    assert bar.values == Part(10, 13, 8, 13, 7)


def test_the_bar_before_gets_its_true_numbers_once() -> None:
    bar = MarketBar(Resolution.HOUR, T0 + 60, Part(10, 12, 9, 11, 5))
    bar.on_price(T0 + 3600, 14.0)
    assert (bar.bar.time, bar.values) == (T0 + 3600, Part(14, 14, 14, 14, 0))
    true = bars_of([Ohlcv(T, 10, 15, 9, 13, 8), Ohlcv(T + timedelta(hours=1), 13.5, 14, 13, 14, 1)], Resolution.HOUR)
    assert bar.on_candles(true) == [Ended(T0, Part(10, 15, 9, 13, 8))]
    assert bar.values == Part(13.5, 14, 13, 14, 1)
    assert bar.on_candles(true) == []


def test_time_alone_begins_a_bar_of_which_nothing_is_known() -> None:
    bar = MarketBar(Resolution.HOUR, T0, Part(1, 1, 1, 1, 1))
    bar.on_clock(T0 + 3600)
    assert bar.values is None
    assert bar.awaits is not None


def test_samples_are_the_last_price_before_each_minute() -> None:
    samples = Samples(60, 3600, [row(0, 10.0), row(1, 11.0), row(3, 13.0)], T0 + 200)
    assert samples.at(T0 + 60) == 10.0
    assert samples.at(T0 + 130) == 11.0
    assert samples.at(T0 + 185) == 11.0, "nothing was traded in the third minute"
    assert math.isnan(samples.at(T0 + 59))
    samples.on_price(T0 + 210, 14.0)
    assert samples.at(T0 + 239) == 11.0
    samples.on_price(T0 + 700, 20.0)
    assert [samples.at(T0 + second) for second in (239, 240, 659, 660, 720)] == [11.0, 14.0, 14.0, 14.0, 20.0]


def test_samples_go_on_as_if_they_had_been_read_again() -> None:
    live = Samples(60, 600, [row(minute, 10.0 + minute) for minute in range(10)], T0 + 600)
    for minute in range(10, 400):
        live.on_price(T0 + minute * 60 + 30, 10.0 + minute)
    anew = Samples(60, 600, [row(minute, 10.0 + minute) for minute in range(380, 400)], T0 + 400 * 60)
    assert [live.at(T0 + 400 * 60 - back) for back in (60, 300, 600)] == [
        anew.at(T0 + 400 * 60 - back) for back in (60, 300, 600)
    ]
