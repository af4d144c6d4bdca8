"""Figures of a whole portfolio: the index, how far it fell and changed, positions, funds; and when money settles.

The past is told by fifteen-minute candles, so windows are exact to a candle: a window includes the whole candle that
it begins in. Nothing is remembered that candles and flows do not tell again after a restart.
"""

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

import numpy as np

from cryptwire.clock import to_us
from cryptwire.domain.account import Position
from cryptwire.domain.bar import Columns
from cryptwire.domain.flow import Flow, FlowId, FlowState, Index, flow_id, opened
from cryptwire.domain.hopper import Asset
from cryptwire.domain.portfolio import FlowCandidate

NAN = math.nan
SECOND = 1_000_000
SETTLED_AFTER = 2
"""Polls after the one that found it, after which a candidate that nobody has decided counts as a flow (R7).

One that the database does not even know settles for one poll more: others that were found with it may be missing, and
who evaluates takes what the polls changed for a flow while it is told that it settles.
"""


class Course:
    """What the value is divided by to give the index, as it changed with each flow. Moments in microseconds.

    Nothing before ``began_at`` can be compared with what came after: then the index started anew.
    """

    __slots__ = ("_at", "_before", "_divisors", "began_at")

    def __init__(self, flows: Iterable[Flow] = (), since: datetime | None = None) -> None:
        index = Index(1.0, since)
        self._at: list[int] = []
        self._before: list[float] = []
        self._divisors = [1.0]
        for at, together in groupby(flows, key=lambda flow: flow.at):
            listed = list(together)
            index = index.moved(at, float(sum(flow.amount for flow in listed)), listed[0].value_before)
            self._at.append(to_us(at))
            self._before.append(listed[0].value_before)
            self._divisors.append(index.divisor)
        self.began_at = 0 if index.began_at is None else to_us(index.began_at)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Course) and self._parts == other._parts

    __hash__ = None  # type: ignore[assignment]

    @property
    def _parts(self) -> tuple[object, ...]:
        return self._at, self._before, self._divisors, self.began_at

    def index(self, value: float) -> float:
        """Of a value now; NaN when nothing was left."""
        divisor = self._divisors[-1]
        return value / divisor if divisor > 0 else NAN

    def index_at(self, value: float, at: int) -> float:
        """Of what the value was at a moment; NaN when nothing was left then, or before the index began."""
        divisor = self._divisors[bisect_right(self._at, at)]
        return value / divisor if divisor > 0 and at >= self.began_at else NAN

    def peak(self, open_: float, high: float, close: float, begins: int, ends: int) -> float:
        """The highest index within a candle; NaN when there was none.

        Where money came or went within it nobody knows when its high was: then it counts by the divisor that makes it
        lower, beside what is known exactly: its open, the value before each flow, its close. A peak is never made up.
        """
        first, last = bisect_right(self._at, begins), bisect_left(self._at, ends)
        if last <= first:
            return self.index_at(high, begins)
        divisors = self._divisors
        sure = [self.index_at(open_, begins), self.index_at(close, ends - 1)]
        sure += [
            self._before[number] / divisors[number]
            for number in range(first, last)
            if divisors[number] > 0 and self._at[number] > self.began_at
        ]
        if begins >= self.began_at:
            largest = max(divisors[first : last + 1])
            sure.append(high / largest if largest > 0 else NAN)
        known = [value for value in sure if value == value]
        return max(known, default=NAN)

    def changes_within(self, begins: int, ends: int) -> bool:
        """Whether a flow is in ``[begins, ends)``."""
        return bisect_left(self._at, ends) > bisect_left(self._at, begins)


@dataclass(slots=True)
class _Pending:
    flow: Flow
    polls: int = 0  # after the one that found it
    is_known: bool = False  # the database has it

    @property
    def settles(self) -> bool:
        return self.polls < SETTLED_AFTER + (not self.is_known)


class Ledger:
    """The flows of one hopper: those that count, and candidates that nobody has decided yet.

    A candidate is taken for a flow from the instant it was found, so that a deposit is no profit for a moment either;
    when it is decided to be none the index goes back, and ``version`` tells so: it grows with whatever changes what
    counts, a candidate that is seen or told late, too.
    """

    def __init__(self, refresh_seconds: float) -> None:
        self._refresh_us = max(1.0, refresh_seconds * SECOND)
        self._counting: list[Flow] = []
        self._pending: dict[FlowId, _Pending] = {}
        self._decided: set[FlowId] = set()
        self._begun: set[FlowId] = set()  # that the database has a version of
        self._history = 0
        self._since: datetime | None = None
        self._polled_us = 0
        self._last: tuple[datetime, Asset] | None = None
        self.is_read = False
        self.version = 0
        self.mark = -1
        self.course = Course()

    @property
    def is_settling(self) -> bool:
        """Money may have come or gone, and nobody has decided: at most until two more polls."""
        return any(one.settles for one in self._pending.values())

    @property
    def is_waiting(self) -> bool:
        """Whether the database may soon tell something of a candidate."""
        return bool(self._pending)

    def read(
        self, flows: Sequence[Flow], undecided: Sequence[FlowCandidate], history_version: int, since: datetime | None
    ) -> None:
        """What the database tells: the newest version of every flow, candidates that are none yet, how often what
        counts has changed. Flows before ``since`` are of another currency. A candidate that was seen stays until it is
        decided, though a reading lacks it.
        """
        self._since = since
        fresh = [flow for flow in flows if since is None or flow.at >= since]
        self._counting = [flow for flow in fresh if flow.counts]
        self._decided = {flow.id for flow in flows if flow.state is not FlowState.OPEN}
        waiting = [flow for flow in fresh if flow.state is FlowState.OPEN]
        known = {flow.id for flow in waiting}
        waiting += [
            flow
            for flow in map(opened, undecided)
            if flow.id not in self._decided | known and (since is None or flow.at >= since)
        ]
        kept = {
            id_: one
            for id_, one in self._pending.items()
            if id_ not in self._decided and (since is None or one.flow.at >= since)
        }
        for flow in waiting:
            before = self._pending.get(flow.id)
            polls = (
                max(0, int((self._polled_us - to_us(flow.at)) / self._refresh_us)) if before is None else before.polls
            )
            kept[flow.id] = _Pending(flow, polls, is_known=True)
        self._pending = kept
        self._begun = {flow.id for flow in flows}
        self._history = history_version
        self.mark = sum(flow.version for flow in flows)
        self.is_read = True
        self._count()

    def see(self, candidate: FlowCandidate | None, polled_us: int) -> bool:
        """What a live message tells: its candidate, and when balances were read. Whether the index is another now."""
        if polled_us > self._polled_us:
            self._polled_us = polled_us
            for one in self._pending.values():
                one.polls += polled_us > to_us(one.flow.at)
        if candidate is None or self._last == (candidate.at, candidate.asset):
            return False
        self._last = (candidate.at, candidate.asset)
        id_ = flow_id(candidate.hopper, candidate.at, candidate.asset)
        if id_ in self._pending or id_ in self._decided or (self._since is not None and candidate.at < self._since):
            return False
        self._pending[id_] = _Pending(opened(candidate))
        self._count()
        return True

    def _count(self) -> None:
        flows = [*self._counting, *(one.flow for one in self._pending.values())]
        course = Course(sorted(flows, key=lambda flow: (flow.at, flow.asset)), self._since)
        if course != self.course:
            self.course = course
        self.version = self._history + self.mark + len(self._pending.keys() - self._begun)


@dataclass(slots=True)
class Open:
    """The candle in progress: opening in seconds, prices; ``at``: of the live message, microseconds."""

    opened_at: int
    open: float
    high: float
    value: float
    at: int


class Past:
    """The index of closed candles: its peaks, and where it stood at each opening. Seconds.

    ``peaks_for``, ``changes_for``: how far back either is wanted; 0: not at all. Peaks are kept as those that no later
    one exceeds, so a month of them is a handful. ``until``: the end of the newest candle. ``unclosed``: a candle after
    it that is over and was not heard closed yet, as it was last seen.
    """

    __slots__ = (
        "_at",
        "_closes",
        "_opens",
        "_peak_at",
        "_peaks",
        "changes_for",
        "first_at",
        "peaks_for",
        "unclosed",
        "until",
    )

    def __init__(self, candles: Columns, course: Course, span: int, peaks_for: int, changes_for: int) -> None:
        self.peaks_for = peaks_for
        self.changes_for = changes_for
        self.first_at: int | None = None
        self.until = 0
        self.unclosed: Open | None = None
        self._at, self._opens, self._closes = array("q"), array("d"), array("d")
        self._peak_at: list[int] = []
        self._peaks: list[float] = []
        rows = zip(
            *(column.tolist() for column in (candles.at, candles.open, candles.high, candles.close)), strict=True
        )
        for at, open_, high, close in rows:
            self.add(at, open_, high, close, course, span)

    def add(self, at: int, open_: float, high: float, close: float, course: Course, span: int) -> None:
        """A candle that opened ``at``, later than all before. One that was left counts as it was last seen."""
        left, self.unclosed = self.unclosed, None
        if left is not None and left.opened_at < at:
            self.add(left.opened_at, left.open, left.high, left.value, course, span)
        begins, ends = at * SECOND, (at + span) * SECOND
        self.until = at + span
        closed = course.index_at(close, ends - 1)
        if closed != closed and course.index_at(open_, begins) != course.index_at(open_, begins):
            return
        if self.first_at is None:
            self.first_at = at
        if self.changes_for:
            self._at.append(at)
            self._opens.append(course.index_at(open_, begins))
            self._closes.append(closed)
            too_old = bisect_right(self._at, at - self.changes_for - span) - 1
            if too_old > max(100, len(self._at) // 2):
                del self._at[:too_old], self._opens[:too_old], self._closes[:too_old]
        if self.peaks_for:
            peak = course.peak(open_, high, close, begins, ends)
            if peak == peak:
                while self._peaks and self._peaks[-1] <= peak:
                    self._peaks.pop()
                    self._peak_at.pop()
                self._peaks.append(peak)
                self._peak_at.append(at)
            if self._peak_at and self._peak_at[0] < at - self.peaks_for - span:
                del self._peaks[0], self._peak_at[0]

    def leave(self, candle: Open) -> None:
        """The live candle is over; if it was heard closed it is known already."""
        if candle.opened_at >= self.until:
            self.unclosed = candle

    def peak_since(self, at: int, span: int) -> float:
        """The highest index of the candles that were open at ``at`` or later; NaN without any."""
        number = bisect_right(self._peak_at, at - span)
        return self._peaks[number] if number < len(self._peaks) else NAN

    def at(self, second: int, span: int) -> float:
        """The index at the last opening at or before a moment; in a gap, at the close before it; NaN: not known."""
        number = bisect_right(self._at, second) - 1
        if number < 0:
            return NAN
        return self._opens[number] if second < self._at[number] + span else self._closes[number]


def no_candles() -> Columns:
    """Columns without rows."""
    nothing = np.empty(0)
    return Columns(np.empty(0, np.int64), nothing, nothing, nothing, nothing, nothing)


def drawdown(past: Past, course: Course, now: Open, minutes: int, span: int) -> tuple[float, int]:
    """How far the index is below its peak within the past ``minutes``, and how many candles tell so.

    0 at the peak; NaN when there is no index.
    """
    index = course.index(now.value)
    since = now.at // SECOND - minutes * 60
    live = course.peak(now.open, now.high, now.value, now.opened_at * SECOND, now.at + 1)
    seen = [past.peak_since(since, span), live, index]
    if (left := past.unclosed) is not None:
        ends = (left.opened_at + span) * SECOND
        seen.append(course.peak(left.open, left.high, left.value, left.opened_at * SECOND, ends))
    known = [value for value in seen if value == value]
    if index != index or not known:
        return NAN, 0
    begins = now.opened_at if past.first_at is None else max(past.first_at, since - since % span)
    peak = max(known)
    return (1 - index / peak if peak > 0 else NAN), max(1, (now.opened_at - begins) // span + 1)


def change(past: Past, course: Course, now: Open, minutes: int, span: int) -> tuple[float, int]:
    """The index now against that ``minutes`` ago, as a fraction, and of how many readings it is made.

    It is taken at the candle's opening at or before that moment. NaN when the past does not reach so far.
    """
    second = now.at // SECOND - minutes * 60
    if second >= now.opened_at:
        before = course.index_at(now.open, now.opened_at * SECOND)
    elif (left := past.unclosed) is not None and second >= left.opened_at:
        before = course.index_at(left.open, left.opened_at * SECOND)
    else:
        before = past.at(second, span)
    index = course.index(now.value)
    return (index / before - 1, 2) if before > 0 and index == index else (NAN, 0)


@dataclass(slots=True)
class Held:
    """What a hopper holds, as far as it changes only with a poll; prices come with each live message, in this order.

    An asset's ``quantities`` are units; ``positions`` as read.
    """

    base: Asset
    assets: Sequence[Asset]
    quantities: Sequence[float]
    positions: tuple[Position, ...] = ()
    _place: dict[Asset, int] = field(default_factory=dict)
    _costs: dict[Asset, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._place = {asset: number for number, asset in enumerate(self.assets)}
        for position in self.positions:
            if position.quote == self.base:
                self._costs[position.base] = self._costs.get(position.base, 0.0) + float(position.cost)

    def funds_usage(self, value: float) -> float:
        """The share of ``value`` that is not in the base currency; NaN of nothing."""
        place = self._place.get(self.base)
        free = 0.0 if place is None else self.quantities[place]
        return min(1.0, max(0.0, 1 - free / value)) if value > 0 else NAN

    def unpriced(self, prices: Sequence[float], known: dict[Asset, float]) -> float:
        """What cannot be priced is worth, by its last known price (``known``), else by what its positions cost.

        What was never priced and is in no position counts nothing: nobody knows anything of its worth.
        """
        worth = 0.0
        for asset, quantity, price in zip(self.assets, self.quantities, prices, strict=True):
            if price == price:
                continue
            last = known.get(asset)
            worth += self._costs.get(asset, 0.0) if last is None else quantity * last
        return worth

    def results(self, prices: Sequence[float]) -> list[tuple[float, float]]:
        """(worth now, cost) of each open position in the base currency; NaN where it cannot be told."""
        return [
            (
                float(position.quantity) * self._price(position.base, prices),
                float(position.cost) * self._price(position.quote, prices),
            )
            for position in self.positions
        ]

    def _price(self, asset: Asset, prices: Sequence[float]) -> float:
        if asset == self.base:
            return 1.0
        place = self._place.get(asset)
        return NAN if place is None else prices[place]


def positions_figure(name: str, results: Sequence[tuple[float, float]]) -> float:
    """``positions.winning``, ``.losing``, ``.profit`` or ``.return``; NaN when one of them cannot be told."""
    if any(worth != worth or cost != cost for worth, cost in results):
        return NAN
    match name:
        case "positions.winning":
            return float(sum(worth > cost for worth, cost in results))
        case "positions.losing":
            return float(sum(worth < cost for worth, cost in results))
        case _:
            profit = math.fsum(worth - cost for worth, cost in results)
            if name == "positions.profit":
                return profit
            cost = math.fsum(cost for _, cost in results)
            return profit / cost if cost > 0 else NAN
