"""The bar in progress of a portfolio: closed candles of the bar, and the live one."""

from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from cryptwire.domain.bar import Bar, Columns, Part, Resolution, bar_at, edges, folded


class Ended(NamedTuple):
    """A bar that has closed, by its stamp, with its true numbers."""

    time: int
    values: Part


class _Placed(NamedTuple):
    at: int
    part: Part


class _Before(NamedTuple):
    """The bar before this one, whose last candle was not heard closed yet."""

    bar: Bar
    whole: Part | None
    last: _Placed


def past_bars(
    candles: Columns, resolution: Resolution, zone: ZoneInfo, live_at: int, *, are_cut: bool
) -> tuple[Columns, Part | None]:
    """Bars that were over when the candle opened ``live_at`` began, and what there is of the bar that it is in.

    ``are_cut``: there are candles before the first, so its bar may lack some and is left out.
    """
    before = candles.between(0, int(np.searchsorted(candles.at, live_at)))
    bar = bar_at(resolution, zone, live_at)
    here = before.between(int(np.searchsorted(before.at, bar.start)), len(before))
    over = before.between(0, len(before) - len(here))
    bars = over
    if len(over):
        bars = folded(over, edges(resolution, zone, int(over.at[0]), int(over.at[-1]) + 1))
    if are_cut:
        bars = bars.between(1, len(bars))
    if not len(here):
        return bars, None
    return bars, Part(
        float(here.open[0]),
        float(here.high.max()),
        float(here.low.min()),
        float(here.close[-1]),
        float(here.volume.sum()),
    )


class Forming:
    """One bar as it forms. Seconds.

    A live candle that follows another closes that one as it was last seen, until it is heard closed with its true
    numbers. ``is_lost``: candles are missing, or what counted was not so: it must begin anew.
    """

    __slots__ = ("_before", "_last", "_live", "_span", "_until", "_whole", "bar", "is_lost", "resolution", "zone")

    def __init__(self, resolution: Resolution, zone: ZoneInfo, span: int, live_at: int, whole: Part | None) -> None:
        """``whole``: closed candles of the bar around ``live_at``, before the live one, which opened then."""
        self.resolution = resolution
        self.zone = zone
        self.bar = bar_at(resolution, zone, live_at)
        self.is_lost = False
        self._span = span
        self._whole = whole
        self._until = live_at  # the next candle that is expected
        self._last: _Placed | None = None
        self._live: _Placed | None = None
        self._before: _Before | None = None

    @property
    def now(self) -> Part | None:
        """The bar so far; None before its first candle."""
        values = self._whole
        for placed in (self._last, self._live):
            if placed is not None:
                values = placed.part if values is None else values.then(placed.part)
        return values

    @property
    def is_over(self) -> bool:
        """True when all of its candles have closed and the next bar has not begun."""
        return self._live is None and self._until >= self.bar.end

    @property
    def waits_for_close(self) -> bool:
        """True while a candle counts as it was last seen, not as it closed."""
        return self._last is not None or self._before is not None

    def on_live(self, at: int, part: Part) -> None:
        """The live candle, opened ``at``; an older one than is known counts nothing."""
        live = self._live
        if live is not None and at == live.at:
            self._live = _Placed(at, part)
            return
        expected = self._until if live is None else live.at + self._span
        if at < expected:
            return
        if at > expected:
            self.is_lost = True
            return
        if live is not None:
            self._fold_last()
            self._last = live
        if at >= self.bar.end:
            if self._last is not None:
                self._before = _Before(self.bar, self._whole, self._last)
            self._begin(at)
        self._live = _Placed(at, part)

    def on_closed(self, at: int, part: Part) -> list[Ended]:
        """A closed candle with its true prices; its volume is that which was last seen. The bars that ended by it."""
        before, live, last = self._before, self._live, self._last
        if before is not None and at == before.last.at:
            self._before = None
            return [Ended(before.bar.time, _joined(before.whole, part._replace(volume=before.last.part.volume)))]
        if last is not None and at == last.at:
            self._last = None
            self._whole = _joined(self._whole, part._replace(volume=last.part.volume))
            return []
        if live is not None and at == live.at:
            self._fold_last()
            self._live = None
            return self._close(at, part._replace(volume=live.part.volume))
        if live is None and at == self._until:  # never seen live
            if at >= self.bar.end:
                self._begin(at)
            return self._close(at, part._replace(volume=0.0))
        if at >= (self._until if live is None else live.at):
            self.is_lost = True
        return []

    def on_volume(self, volume: float, until: int) -> None:
        """What the hopper's trades of this bar before ``until`` come to; counts when the live candle opened then."""
        if self._live is None or self._live.at != until or self._whole is None:
            return
        if self._last is not None:
            volume -= self._last.part.volume
        self._whole = self._whole._replace(volume=volume)

    def _close(self, at: int, part: Part) -> list[Ended]:
        self._whole = _joined(self._whole, part)
        self._until = at + self._span
        return [Ended(self.bar.time, self._whole)] if self._until >= self.bar.end else []

    def _begin(self, at: int) -> None:
        self.bar = bar_at(self.resolution, self.zone, at)
        self._whole = self._last = self._live = None
        self._until = at

    def _fold_last(self) -> None:
        if self._last is not None:
            self._whole = _joined(self._whole, self._last.part)
            self._last = None
            self.is_lost = True  # its close was never heard


def _joined(whole: Part | None, part: Part) -> Part:
    return part if whole is None else whole.then(part)
