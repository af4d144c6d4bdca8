"""A pair's prices as bars and as samples, from the exchange's candles and from tickers since. Bars are UTC's."""

import math
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np

from analyser.logic.forming import Ended
from cryptwire.codec.ohlcv import Ohlcv
from cryptwire.domain.bar import Bar, Columns, Part, Resolution, bar_at

UTC_ZONE = ZoneInfo("UTC")
NAN = math.nan
FINE, COARSE = 60, 900
"""Seconds between samples of the price: by the minute for windows up to ``FINE_REACH`` minutes, else by the quarter."""
FINE_REACH = 900
TIMEFRAMES = {
    Resolution.MINUTES_15: "15m",
    Resolution.HOUR: "1h",
    Resolution.HOURS_4: "4h",
    Resolution.DAY: "1d",
    Resolution.WEEK: "1w",
    Resolution.MONTH: "1M",
}
_USUAL = {
    Resolution.MINUTES_15: 900,
    Resolution.HOUR: 3_600,
    Resolution.HOURS_4: 14_400,
    Resolution.DAY: 86_400,
    Resolution.WEEK: 604_800,
    Resolution.MONTH: 2_678_400,
}


def begins(resolution: Resolution, now: int, bars: int) -> int:
    """The second from which on there are ``bars`` bars before that of ``now``."""
    return max(bar_at(resolution, UTC_ZONE, max(now - bars * _USUAL[resolution], 86_400 * 730)).start, 0)


def bars_of(rows: Sequence[Ohlcv], resolution: Resolution) -> list[tuple[Bar, Part]]:
    """The exchange's candles on our bars, oldest first; of those that share a bar the last counts.

    One that cannot be (its high below its close) is left out.
    """
    found: dict[int, tuple[Bar, Part]] = {}
    for row in rows:
        part = Part(row.open, row.high, row.low, row.close, row.volume)
        if 0 < part.low <= min(part.open, part.close) <= max(part.open, part.close) <= part.high and part.volume >= 0:
            bar = bar_at(resolution, UTC_ZONE, int(row.opened_at.timestamp()))
            found[bar.start] = bar, part
    return [found[start] for start in sorted(found)]


def columns_of(bars: Sequence[tuple[Bar, Part]]) -> Columns:
    """Bars in columns."""
    values = np.array([part for _, part in bars], np.float64).reshape(len(bars), 5)
    columns = [np.ascontiguousarray(column) for column in values.T]
    return Columns(np.array([bar.time for bar, _ in bars], np.int64), *columns)


class MarketBar:
    """The bar in progress of a pair: the exchange's word on it, and what tickers have told since. Seconds."""

    __slots__ = ("_awaits", "bar", "resolution", "values")

    def __init__(self, resolution: Resolution, now: int, values: Part | None) -> None:
        """``values``: of the bar around ``now``, as the exchange tells it; None: nothing was traded in it yet."""
        self.resolution = resolution
        self.bar = bar_at(resolution, UTC_ZONE, now)
        self.values = values
        self._awaits: Bar | None = None  # the bar before, whose true numbers are not known yet

    def on_price(self, at: int, price: float) -> None:
        """A price received ``at``; one from before this bar counts nothing."""
        if at < self.bar.start:
            return
        if at >= self.bar.end:
            self._roll(at)
        now = self.values
        self.values = (
            Part(price, price, price, price, 0.0)
            if now is None
            else Part(now.open, max(now.high, price), min(now.low, price), price, now.volume)
        )

    def on_clock(self, now: int) -> None:
        """Time has passed; a new bar begins without anything traded in it."""
        if now >= self.bar.end:
            self._roll(now)

    def _roll(self, now: int) -> None:
        self._awaits = self.bar if self.values is not None else self._awaits
        self.bar = bar_at(self.resolution, UTC_ZONE, now)
        self.values = None

    @property
    def awaits(self) -> Bar | None:
        """The bar that is over and whose true numbers were not heard."""
        return self._awaits

    def on_candles(self, bars: Sequence[tuple[Bar, Part]]) -> list[Ended]:
        """The exchange's word on the last bars; the one that ended, if it was waited for, with its true numbers.

        Of the bar in progress its open and volume count, and what is higher or lower than tickers told: they tell the
        last price only.
        """
        ended = []
        for bar, part in bars:
            if self._awaits is not None and bar.start == self._awaits.start:
                ended.append(Ended(bar.time, part))
                self._awaits = None
            elif bar.start == self.bar.start:
                now = self.values
                self.values = part if now is None else Part(
                    part.open, max(now.high, part.high), min(now.low, part.low), now.close, part.volume
                )  # fmt: skip
        return ended


class Samples:
    """What a pair cost at the end of each minute, or of each quarter of an hour. Seconds.

    ``step`` between samples, ``reach`` how far back they are wanted.
    """

    __slots__ = ("_at", "_last", "_last_at", "_prices", "reach", "step")

    def __init__(self, step: int, reach: int, rows: Sequence[Ohlcv], now: int) -> None:
        self.step = step
        self.reach = reach
        self._at, self._prices = array("q"), array("d")
        self._last, self._last_at = NAN, 0
        for row in rows:
            at = int(row.opened_at.timestamp()) + step
            if row.close > 0 and (not self._at or at > self._at[-1]):
                if at > now:  # in progress: its last price is of now
                    self._last, self._last_at = row.close, now
                else:
                    self._at.append(at)
                    self._prices.append(row.close)

    def on_price(self, at: int, price: float) -> None:
        """A price received ``at``: the one before it was the last of every step that has ended since."""
        if at < self._last_at:
            return
        ended = self._last_at - self._last_at % self.step + self.step
        if self._last == self._last and ended <= at and (not self._at or ended > self._at[-1]):
            self._at.append(ended)
            self._prices.append(self._last)
        self._last, self._last_at = price, at
        old = bisect_right(self._at, at - self.reach - self.step) - 1
        if old > 200:
            del self._at[:old], self._prices[:old]

    def at(self, second: int) -> float:
        """The price at the last end of a step at or before a moment; NaN: not known."""
        if self._last == self._last and self._last_at <= second - second % self.step:
            return self._last
        number = bisect_right(self._at, second) - 1
        return self._prices[number] if number >= 0 else NAN
