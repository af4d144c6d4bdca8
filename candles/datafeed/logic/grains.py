"""Of which of an exchange's candles bars are made, and in which blocks these are asked for and kept.

A *grain* is a length of candles that exchanges tell: a bar of any zone is made, exactly, of the coarsest grain on whose
multiples (since the epoch) it begins and ends. Seconds everywhere.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from candles.datafeed.logic.questions import Question, window
from cryptwire.domain.bar import Bar, Columns, Resolution, Seconds, bar_at, edges
from cryptwire.domain.hopper import Exchange

_YEAR = 365 * 86_400
REACH = 10 * _YEAR
"""Charts of pairs go back so far."""
SETTLES_WITHIN = 60
"""Nobody's clock is wrong by more, and no exchange tells a candle later."""


class Grain(IntEnum):
    """Lengths of candles, in seconds."""

    QUARTER = 900
    HALF = 1_800
    HOUR = 3_600
    DAY = 86_400

    @property
    def timeframe(self) -> str:
        """The exchanges' word for it."""
        return _TIMEFRAMES[self]

    @property
    def block(self) -> int:
        """How long the block is that is asked for at once: what most exchanges answer in one reply."""
        return self * _ROWS[self]


_TIMEFRAMES = {Grain.QUARTER: "15m", Grain.HALF: "30m", Grain.HOUR: "1h", Grain.DAY: "1d"}
_ROWS = {Grain.QUARTER: 960, Grain.HALF: 960, Grain.HOUR: 960, Grain.DAY: 360}
_UTC_DAYS = frozenset({"binance", "binanceus", "bitvavo", "coinbase", "cryptocom", "kraken", "kucoin", "okx"})
_USUAL = {
    Resolution.MINUTES_15: 900,
    Resolution.HOUR: 3_600,
    Resolution.HOURS_4: 14_400,
    Resolution.DAY: 86_400,
    Resolution.WEEK: 7 * 86_400,
    Resolution.MONTH: 31 * 86_400,
}


def coarsest_of(exchange: Exchange) -> Grain:
    """The longest candles of an exchange that can be of use: some have days that begin elsewhere (HTX: 16 h UTC)."""
    return Grain.DAY if exchange in _UTC_DAYS else Grain.HOUR


class Span(NamedTuple):
    """Whole bars that follow one another: the first begins at ``since``, the last ends at ``until``."""

    since: int
    until: int
    grain: Grain
    bars: int


def grain_of(boundaries: Seconds, coarsest: Grain) -> Grain:
    """The coarsest candles that fit between all of these boundaries."""
    for grain in (Grain.DAY, Grain.HOUR, Grain.HALF):
        if grain <= coarsest and not (boundaries % grain).any():
            return grain
    return Grain.QUARTER


def span_of(asked: Question, zone: ZoneInfo, now: int, coarsest: Grain, bars: int | None = None) -> Span:
    """The bars that an answer may hold: those asked for, or the last ``bars``; none of the future or beyond reach."""
    taken = window(asked, zone, now)
    until = min(taken.until, bar_at(asked.resolution, zone, now).end)
    oldest = bar_at(asked.resolution, zone, now - REACH).end
    since = taken.since
    if asked.countback is not None:
        since = until - (max(asked.countback, bars or 0) + 2) * _USUAL[asked.resolution]
    if until <= max(since, oldest):
        return Span(until, until, Grain.QUARTER, 0)
    starts = edges(asked.resolution, zone, max(since, oldest), until).starts
    if asked.countback is not None:
        starts = starts[-max(asked.countback, bars or 0) :]
    grain = Grain.QUARTER
    if asked.resolution is not Resolution.MINUTES_15:
        grain = grain_of(np.append(starts, until), coarsest)
    return Span(int(starts[0]), until, grain, len(starts))


def live_grain(resolution: Resolution, zone: ZoneInfo, bar: Bar) -> Grain:
    """The candles of which ``bar`` and the one after it are made while they form: not longer than an hour."""
    following = bar_at(resolution, zone, bar.end)
    return grain_of(np.array([bar.start, bar.end, following.end]), Grain.HOUR)


def begin_of(grain: Grain, second: int) -> int:
    """Where the block begins that contains ``second``."""
    return second - second % grain.block


def begins_of(grain: Grain, since: int, until: int) -> list[int]:
    """Where the blocks begin that have a part in ``[since, until)``, oldest first."""
    return list(range(begin_of(grain, since), until, grain.block)) if until > since else []


def settled_until(grain: Grain, now: int) -> int:
    """Candles that opened before this have closed long enough ago to be told of for the last time."""
    second = now - SETTLES_WITHIN
    return second - second % grain


def closed_until(grain: Grain, opened: Seconds, asked_at: int) -> int:
    """Until when candles are closed of which those ``opened`` were told, when they were asked for at ``asked_at``.

    One that another follows is closed, by the exchange's own clock; else the time that has passed since must tell.
    """
    settled = settled_until(grain, asked_at)
    return max(settled, int(opened.max())) if len(opened) else settled


def sound(grain: int, candles: Columns) -> Columns:
    """Those of ``candles`` that can be, by time, the last of several with one opening."""
    is_sound = (
        (candles.at % grain == 0)
        & (candles.low > 0)
        & (candles.low <= np.minimum(candles.open, candles.close))
        & (candles.high >= np.maximum(candles.open, candles.close))
        & np.isfinite(candles.high)
        & np.isfinite(candles.volume)
        & (candles.volume >= 0)
    )
    order = np.argsort(candles.at, kind="stable")
    order = order[is_sound[order]]
    at = candles.at[order]
    order = order[np.append(at[1:] != at[:-1], True)] if len(order) else order
    return Columns(*(getattr(candles, name)[order] for name in Columns.__slots__))


def chained(parts: Sequence[Columns]) -> Columns:
    """Columns that follow each other, as one."""
    kept = [part for part in parts if len(part)]
    if len(kept) == 1:
        return kept[0]
    if not kept:
        nothing = np.empty(0)
        return Columns(np.empty(0, np.int64), nothing, nothing, nothing, nothing, nothing)
    return Columns(*(np.concatenate([getattr(part, name) for part in kept]) for name in Columns.__slots__))


def between(candles: Columns, since: int, until: int) -> Columns:
    """Those of ``candles`` that opened in ``[since, until)``."""
    begin, end = candles.at.searchsorted([since, until])
    return candles.between(int(begin), int(end))
