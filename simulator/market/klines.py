"""Klines and the last 24 hours of a pair, from the very prices that live pushes show."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from simulator.clock import milliseconds, moment
from simulator.market.listing import COINS
from simulator.market.noise import Ints, key, uniform
from simulator.market.prices import NODE, Pair

MINUTE = 60_000
DAY = 86_400_000
WEEK = 7 * DAY
_MONDAY = 4 * DAY  # 1970-01-05
_NODES_A_DAY = DAY // NODE


@dataclass(frozen=True, slots=True)
class Kline:
    """One bar: times in milliseconds, prices in the pair's ticks, volume in its lots."""

    opened_at: int
    ends_at: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    trades: int


@dataclass(frozen=True, slots=True)
class Day:
    """What a pair did in the 24 hours up to a tick: prices in ticks, volume in lots."""

    at: int
    last: int
    open: int
    high: int
    low: int
    volume: int


def fixed(span: int, since: int, count: int) -> list[int]:
    """Edges of ``count`` bars of a fixed span, the first at or after ``since``; a week begins on Monday, UTC."""
    shift = _MONDAY if span % WEEK == 0 else 0
    first = -(-(since - shift) // span) * span + shift
    return [first + span * number for number in range(count + 1)]


def months(since: int, count: int) -> list[int]:
    """Edges of ``count`` calendar months, UTC, the first at or after ``since``."""
    begin = moment(since)
    first = datetime(begin.year, begin.month, 1, tzinfo=UTC)
    if first < begin:
        first = (first + timedelta(days=32)).replace(day=1)
    edges = [first]
    while len(edges) <= count:
        edges.append((edges[-1] + timedelta(days=32)).replace(day=1))
    return [milliseconds(edge) for edge in edges]


class Bars:
    """Makes klines for one grid of ticks (``tick``: milliseconds, divides 15 s)."""

    def __init__(self, tick: int) -> None:
        self.tick = tick

    def last_tick(self, now: int) -> int:
        return now // self.tick * self.tick

    def klines(self, pair: Pair, edges: Sequence[int], now: int) -> list[Kline]:
        """Bars between neighbouring edges, oldest first; the open one as far as it got, none of the future.

        Edges are whole minutes, or whole seconds where bars are shorter than that.
        """
        until = self.last_tick(now)
        edges = [edge for position, edge in enumerate(edges) if position == 0 or edges[position - 1] <= until]
        if len(edges) < 2 or edges[0] > until:
            return []
        if edges[1] - edges[0] < MINUTE:
            return [self._from_ticks(pair, begin, end, until) for begin, end in itertools.pairwise(edges)]
        closed = len(edges) - 1 if edges[-1] - self.tick <= until else len(edges) - 2
        bars = self._closed(pair, edges[: closed + 1]) if closed else []
        if closed < len(edges) - 1:
            bars.append(self._open(pair, edges[-2], edges[-1], until))
        return bars

    def day(self, pair: Pair, now: int) -> Day:
        """The 24 hours up to the last tick; they begin on a whole minute."""
        return self._day(pair, now, {})

    def _closed(self, pair: Pair, edges: Sequence[int]) -> list[Kline]:
        at = np.array(edges, dtype=np.int64)
        first, count = edges[0] // NODE, (edges[-1] - edges[0]) // NODE
        starts, lasts = at[:-1] // NODE - first, at[1:] // NODE - 1 - first
        nodes, closes = pair.nodes_and(first, count, lasts, NODE - self.tick)
        highs = np.maximum(np.maximum.reduceat(nodes, starts), closes)
        lows = np.minimum(np.minimum.reduceat(nodes, starts), closes)
        volumes = np.add.reduceat(_lots(pair, edges[0] // MINUTE, count // 4), starts // 4)
        return [
            Kline(begin, end, opened, high, low, close, volume, _trades(pair, volume))
            for begin, end, opened, high, low, close, volume in zip(
                at[:-1].tolist(),
                at[1:].tolist(),
                nodes[starts].tolist(),
                highs.tolist(),
                lows.tolist(),
                closes.tolist(),
                volumes.tolist(),
                strict=True,
            )
        ]

    def _open(self, pair: Pair, begin: int, end: int, until: int) -> Kline:
        nodes = pair.nodes(begin // NODE, until // NODE - begin // NODE + 1)
        close = pair.at(until)
        volume = lots_between(pair, begin, until + self.tick)
        return Kline(
            begin,
            end,
            int(nodes[0]),
            max(int(nodes.max()), close),
            min(int(nodes.min()), close),
            close,
            volume,
            _trades(pair, volume),
        )

    def _from_ticks(self, pair: Pair, begin: int, end: int, until: int) -> Kline:
        prices = [pair.at(at) for at in range(-(-begin // self.tick) * self.tick, min(end, until + 1), self.tick)]
        prices = prices or [pair.at(self.last_tick(begin))]
        volume = lots_between(pair, begin, min(end, until + self.tick))
        return Kline(begin, end, prices[0], max(prices), min(prices), prices[-1], volume, _trades(pair, volume))

    def _day(self, pair: Pair, now: int, kept: dict[Pair, tuple[int, int, int, int, int]]) -> Day:
        at = self.last_tick(now)
        minute = at // MINUTE
        known = kept.get(pair)
        if known is None or known[0] != minute:
            first = (minute * MINUTE - DAY) // NODE
            nodes = pair.nodes(first, _NODES_A_DAY)
            volume = int(_lots(pair, minute - 1440, 1440).sum())
            known = kept[pair] = (minute, int(nodes[0]), int(nodes.max()), int(nodes.min()), volume)
        first = minute * MINUTE // NODE
        last = pair.at(at)
        fresh = [pair.at(node * NODE) for node in range(first, at // NODE + 1)] + [last]
        return Day(
            at,
            last,
            known[1],
            max(known[2], *fresh),
            min(known[3], *fresh),
            known[4] + lots_between(pair, minute * MINUTE, at + self.tick),
        )


class Days:
    """The 24 hours of many pairs, tick after tick: what a minute leaves unchanged is kept."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._kept: dict[Pair, tuple[int, int, int, int, int]] = {}

    def of(self, pair: Pair, now: int) -> Day:
        return self._bars._day(pair, now, self._kept)


def lots_between(pair: Pair, begin: int, end: int) -> int:
    """Volume in lots traded in ``[begin, end)``: minutes in part count in part."""
    first, last = begin // MINUTE, end // MINUTE
    minutes = _lots(pair, first, last - first + 1)
    return (
        int(minutes[:-1].sum())
        + int(minutes[-1]) * (end - last * MINUTE) // MINUTE
        - int(minutes[0]) * (begin - first * MINUTE) // MINUTE
    )


def _lots(pair: Pair, first: int, count: int) -> Ints:
    """Volume of ``count`` minutes in a row, in lots."""
    listed = pair.listed
    turnover = min(COINS[listed.base].turnover, COINS[listed.quote].turnover if listed.quote in COINS else 1e12)
    typical = turnover / COINS[listed.base].price * 10.0**listed.lot
    chance = uniform(key(pair.key, "volume"), np.arange(first, first + count, dtype=np.int64))
    lots = np.floor(typical * (0.2 + 1.6 * chance * chance) + 1.0).astype(np.int64)
    if listed.is_quiet:
        traded = pair.trades(first * (MINUTE // NODE), count * (MINUTE // NODE))
        lots *= traded.reshape(count, MINUTE // NODE).max(axis=1)
    return lots


def _trades(pair: Pair, volume: int) -> int:
    return 0 if volume == 0 else 1 + volume % 97 + volume // 10**pair.listed.lot % 911
