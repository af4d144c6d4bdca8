"""What is asked of a history, which candles an answer needs, and which bars belong into it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from cryptwire.domain.bar import Columns, Resolution, bar_at, edges, folded
from cryptwire.errors import Invalid

MOST_BARS = 5_000
_SLACK = 2 * 86_400  # a stamp is at most this far from the instant its bar starts at
_BEGINNING = 31_536_000 + _SLACK  # 1971: before any candle
_LAST_SECOND = 4_102_444_800  # 2100
_POLL_LATE = 60  # a client's clock and its question may be this late
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Question:
    """A request for history: bars stamped in ``[since, until)``, or the last ``countback`` before ``until``."""

    symbol: str
    resolution: Resolution
    since: int
    until: int
    countback: int | None


class Window(NamedTuple):
    """The candles an answer is made of: the last ``limit`` of ``[since, until)``, in seconds."""

    since: int
    until: int
    limit: int


def question(parameters: Mapping[str, str]) -> Question:
    """What a request for history or marks asks for; raises Invalid that says which part is wrong."""
    symbol = parameters.get("symbol", "")
    if not symbol:
        raise Invalid("symbol is missing")
    if "resolution" not in parameters:
        raise Invalid("resolution is missing")
    resolution = Resolution.of(parameters["resolution"])
    until = _second(parameters, "to")
    countback = None
    if "countback" in parameters:
        countback = _whole(parameters, "countback")
        if not 1 <= countback <= MOST_BARS:
            raise Invalid(f"countback must be 1 to {MOST_BARS:,}, not {countback}")
    since = 0 if countback is not None and "from" not in parameters else _second(parameters, "from")
    if since > until:
        raise Invalid(f"from ({since}) is after to ({until})")
    return Question(symbol, resolution, since, until, countback)


def _whole(parameters: Mapping[str, str], name: str) -> int:
    text = parameters.get(name)
    if text is None:
        raise Invalid(f"{name} is missing")
    if not _NUMBER.fullmatch(text):
        raise Invalid(f"{name} is not a number: {text[:30]!r}")
    return int(float(text) // 1)


def _second(parameters: Mapping[str, str], name: str) -> int:
    second = _whole(parameters, name)
    if not 0 <= second <= _LAST_SECOND:
        raise Invalid(f"{name} must be Unix seconds from 0 to {_LAST_SECOND}, not {second}")
    return second


def window(asked: Question, zone: ZoneInfo, now: int) -> Window:
    """Which candles to read for an answer.

    ``to`` leaves out the bar stamped with it. The bar in progress belongs to an answer up to now even where its stamp,
    00:00 UTC of a local date east of Greenwich, is still to come.
    """
    until = max(asked.until, _BEGINNING)
    near = edges(asked.resolution, zone, until - _SLACK, until + _SLACK)
    after = int(np.searchsorted(near.times, asked.until, side="left"))
    is_last = after == len(near.starts)  # a week or a month may go on for long
    end = bar_at(asked.resolution, zone, int(near.starts[-1])).end if is_last else int(near.starts[after])
    going_on = bar_at(asked.resolution, zone, now)
    if going_on.start < asked.until < going_on.time and asked.until >= now - _POLL_LATE:
        end = going_on.end
    if asked.countback is not None:
        return Window(0, end, (asked.countback + 1) * asked.resolution.usual_candles)
    return Window(_start_from(asked, zone), end, (MOST_BARS + 1) * asked.resolution.most_candles)


def _start_from(asked: Question, zone: ZoneInfo) -> int:
    """The first instant of the first bar stamped ``from`` or later."""
    since = max(asked.since, _BEGINNING)
    near = edges(asked.resolution, zone, since - _SLACK, since + _SLACK)
    first = int(np.searchsorted(near.times, since, side="left"))
    return int(near.starts[first]) if first < len(near.starts) else _after(asked.resolution, zone, since)


def _after(resolution: Resolution, zone: ZoneInfo, second: int) -> int:
    return bar_at(resolution, zone, second + _SLACK).end


def wider(asked: Question, window: Window) -> Window:
    """``window`` for when the clock was turned so often that the usual number of candles does not fill the bars."""
    return window._replace(limit=((asked.countback or MOST_BARS) + 1) * asked.resolution.most_candles)


def bars_of(asked: Question, zone: ZoneInfo, candles: Columns, *, are_cut: bool) -> Columns:
    """The bars of an answer; raises Invalid when they would be too many.

    ``are_cut``: there are candles before the first one, so that its bar may lack some.
    """
    if not len(candles):
        return candles
    bars = folded(candles, edges(asked.resolution, zone, int(candles.at[0]), int(candles.at[-1]) + 1))
    if asked.countback is not None:
        if are_cut:
            bars = bars.between(1, len(bars))
        return bars.between(max(0, len(bars) - asked.countback), len(bars))
    if len(bars) > MOST_BARS:
        raise Invalid(f"more than {MOST_BARS:,} bars from {asked.since} to {asked.until}: ask for a shorter span")
    return bars
