"""``control.<hopper_id>.analyser.replay``: figures of the past as they were told when it happened, page by page."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from analyser.logic.families import bars_needed
from analyser.logic.market import TIMEFRAMES, UTC_ZONE, bars_of, columns_of
from analyser.logic.rerun import PairPast, Past, Rerun
from analyser.ports import Flows, PairCandles, Recorded, Zones
from cryptwire.clock import Clock
from cryptwire.codec.control import ControlRequest, control_reply_to_wire, control_request_from_wire
from cryptwire.codec.ohlcv import MOST, Ohlcv
from cryptwire.codec.recall import VERB, Page, PastWanted, page_to_json, wish_from_json
from cryptwire.domain.bar import Columns, Resolution, bar_at, with_volumes
from cryptwire.domain.figure import FigureKey
from cryptwire.domain.flow import Flow, FlowState, opened
from cryptwire.domain.hopper import Hopper, HopperId
from cryptwire.domain.ticker import Pair
from cryptwire.errors import CryptwireError, Invalid, NotFound, Refused, Unavailable
from cryptwire.log import Log
from cryptwire.messaging.bus import Bus, Message
from cryptwire.metrics import Meters

_log = Log(__name__)
LONGEST = timedelta(days=366)
_MOST_BYTES = 700_000
_POINT_BYTES = 100
_FIGURE_BYTES = 45
_MOST_CANDLES = 500  # of a page
_MOST_ROWS = 250_000  # of a hopper's candles, history included: some seven years
_MOST_ASKED = 60  # requests for a pair's candles
_KEPT = 4
_KEPT_FOR = timedelta(minutes=2)
_MOST_WAITING = 8


@dataclass(slots=True)
class _Running:
    """A replay that somebody goes on with, until when."""

    past: Past
    rerun: Rerun
    until: datetime
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Replaying:
    """Tells the past again. What was read is kept for a while, so a page costs its candles only; when it is not there
    any more it is read again, and the page is the same.
    """

    def __init__(
        self,
        candles: Recorded,
        flows: Flows,
        zones: Zones,
        pair_candles: PairCandles,
        bus: Bus,
        clock: Clock,
        meters: Meters,
        span: timedelta,
    ) -> None:
        self._candles = candles
        self._flows = flows
        self._zones = zones
        self._pair_candles = pair_candles
        self._bus = bus
        self._clock = clock
        self._meters = meters
        self._span = int(span.total_seconds())
        self._running: OrderedDict[object, _Running] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._one_at_a_time = asyncio.Lock()

    async def on_request(self, message: Message, *, held: Callable[[HopperId], Hopper | None]) -> None:
        """``control.*.analyser.*``: answered beside what is live, one at a time.

        ``held``: a hopper that this pod holds, None for others, which are another pod's to answer.
        """
        if not message.reply:
            return
        try:
            request = control_request_from_wire(message.payload)
        except Invalid as fault:
            await self._bus.publish(message.reply, control_reply_to_wire(fault))
            return
        hopper = held(request.hopper)
        if hopper is None:
            return
        if len(self._tasks) >= _MOST_WAITING:
            busy = Unavailable("too many replays run at this moment; try again in a minute")
            await self._bus.publish(message.reply, control_reply_to_wire(busy))
            return
        task = asyncio.create_task(self._reply(hopper, request, message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End what runs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _reply(self, hopper: Hopper, request: ControlRequest, message: Message) -> None:
        outcome = "answered"
        try:
            if message.subject.rpartition(".")[2] != VERB:
                raise Invalid("the analyser is asked for a replay only")
            if request.user != hopper.user:
                raise NotFound(f"there is no hopper {hopper.id}")
            wish = wish_from_json(request.body or {})
            payload = await self._page(hopper, wish)
        except CryptwireError as error:
            outcome = type(error).__name__.lower()
            payload = control_reply_to_wire(error)
        self._meters.count("analyser_replays", "Pages of replays that were asked for.", outcome=outcome)
        try:
            await self._bus.publish(message.reply, payload)
        except Unavailable as reason:
            _log.warning("a page of a replay cannot be told", reason=reason)

    async def _page(self, hopper: Hopper, wish: PastWanted) -> bytes:
        running = await self._of(hopper, wish)
        async with running.lock:
            if wish.cursor is not None and running.rerun.at != wish.cursor:
                running.rerun = await asyncio.to_thread(Rerun, running.past, wish.cursor)
            async with self._one_at_a_time:
                return await asyncio.to_thread(_answer, hopper, running, _candles_at_once(wish))

    async def _of(self, hopper: Hopper, wish: PastWanted) -> _Running:
        now = self._clock.now()
        key = (hopper.id, hopper.base, wish.keys, tuple(sorted(wish.pairs.items())), wish.since, wish.until)
        for old in [each for each, one in self._running.items() if one.until <= now]:
            del self._running[old]
        running = self._running.get(key)
        if running is None or wish.cursor is None:  # who begins wants what there is now
            past = await self._read(hopper, wish)
            running = _Running(past, await asyncio.to_thread(Rerun, past, wish.cursor), now)
            self._running[key] = running
            while len(self._running) > _KEPT:
                self._running.popitem(last=False)
        running.until = now + _KEPT_FOR
        self._running.move_to_end(key)
        return running

    # -- what is read ----------------------------------------------------------------------------------------------

    async def _read(self, hopper: Hopper, wish: PastWanted) -> Past:
        if wish.until - wish.since > LONGEST:
            raise Invalid(f"{LONGEST.days} days are replayed at once at most")
        span = self._span
        book = await self._flows.of(hopper.id)
        zone = (await self._zones.of([hopper.user])).get(hopper.user, UTC_ZONE)
        own = 0 if book.since is None else _next(book.since, span)  # before, it was another currency
        began = max(_next(wish.since, span), own)
        until = _next(wish.until, span)
        if until <= began:
            raise Invalid(f"the hopper trades {hopper.base} only since {book.since}: replay what came after")
        reads_from = max(own, began - _history(wish.keys, span))
        columns = await self._candles.newest(hopper.id, reads_from, until, _MOST_ROWS)
        if any(key.definition.needs_volume for key in wish.keys):
            columns = with_volumes(columns, await self._candles.volumes(hopper.id, hopper.base, reads_from, until))
        earliest = await self._candles.earliest(hopper.id)
        pairs, silent = await self._pairs(wish, began, until)
        return Past(
            wish.keys,
            columns,
            began,
            until,
            len(columns) > 0 and earliest is not None and earliest < columns.at[0],
            zone,
            span,
            await self._candles.imperfect(hopper.id, began, until),
            _counting(book.flows, [opened(one) for one in book.undecided]),
            book.since,
            book.history_version,
            pairs,
            silent,
        )

    async def _pairs(self, wish: PastWanted, began: int, until: int) -> tuple[dict[Pair, PairPast], dict[Pair, str]]:
        told: dict[Pair, PairPast] = {}
        silent: dict[Pair, str] = {}
        for pair, keys in wish.pairs.items():
            try:
                told[pair] = await self._pair(pair, keys, began, until)
            except (Unavailable, Refused) as error:
                silent[pair] = str(error)
        return told, silent

    async def _pair(self, pair: Pair, keys: tuple[FigureKey, ...], began: int, until: int) -> PairPast:
        """Fifteen-minute candles over the whole, and before it the closed bars of each resolution."""
        resolutions = {Resolution.of(key.resolution) for key in keys if key.definition.of_bars}
        starts = {one: bar_at(one, UTC_ZONE, began).start for one in resolutions}
        changes = max((int(key.parameters[0]) * 60 for key in keys if key.name == "change"), default=0)
        first = min([began - changes - self._span, *starts.values()])
        candles = await self._all(pair, Resolution.MINUTES_15, first, until)
        bars = {}
        for one in resolutions:
            needed = bars_needed(key for key in keys if key.resolution == one.value)
            seconds = (needed + 2) * one.usual_candles * self._span
            bars[one] = await self._all(pair, one, starts[one] - seconds, starts[one])
        return PairPast(keys, candles, bars)

    async def _all(self, pair: Pair, resolution: Resolution, since: int, until: int) -> Columns:
        rows: dict[int, Ohlcv] = {}
        step = resolution.usual_candles * self._span
        at = since
        for _ in range(_MOST_ASKED):
            if at >= until:
                break
            asked = min(MOST, max(1, (until - at) // step + 1))
            moment = datetime.fromtimestamp(at, UTC)
            page = await self._pair_candles.since(pair, TIMEFRAMES[resolution], moment, asked)
            fresh = [row for row in page if int(row.opened_at.timestamp()) >= at]
            rows.update((int(row.opened_at.timestamp()), row) for row in fresh)
            # exchanges give fewer at once than they are asked for; where there are none, later ones may be
            at = max(rows) + step if fresh else at + asked * step
        bars = bars_of([rows[each] for each in sorted(rows) if since <= each < until], resolution)
        if not bars and resolution is Resolution.MINUTES_15:
            raise Refused(f"{pair.exchange} tells nothing of {pair.base}/{pair.quote} in that time")
        return columns_of(bars)


def _answer(hopper: Hopper, running: _Running, count: int) -> bytes:
    past, told = running.past, running.rerun.page(count)
    page = Page(
        hopper.id,
        hopper.base,
        past.flows_version,
        told.points,
        told.pairs,
        past.silent,
        told.candles,
        told.partial,
        told.backfilled,
        told.missing,
        running.rerun.at,
        past.since,
    )
    return control_reply_to_wire(page_to_json(page))


def _candles_at_once(wish: PastWanted) -> int:
    """As many as one message holds."""
    figures = len(wish.keys) + sum(map(len, wish.pairs.values()))
    point = _POINT_BYTES * (1 + len(wish.pairs)) + _FIGURE_BYTES * figures
    return max(1, min(_MOST_CANDLES, _MOST_BYTES // (4 * point)))


def _history(keys: Sequence[FigureKey], span: int) -> int:
    """So many seconds before the first candle that is told something of it counts."""
    reach = [int(key.parameters[0]) * 60 + 2 * span for key in keys if key.name in ("drawdown", "change")]
    for resolution in {Resolution.of(key.resolution) for key in keys if key.definition.of_bars}:
        bars = bars_needed(key for key in keys if key.resolution == resolution.value)
        reach.append((bars * resolution.usual_candles + 2 * resolution.most_candles) * span)
    return max(reach, default=0)


def _counting(flows: Sequence[Flow], undecided: Sequence[Flow]) -> list[Flow]:
    """What is taken for money that came or went: what is decided to be, and what nobody has decided."""
    known = {flow.id for flow in flows}
    return [flow for flow in flows if flow.counts or flow.state is FlowState.OPEN] + [
        flow for flow in undecided if flow.id not in known
    ]


def _next(moment: datetime, span: int) -> int:
    """The first opening at or after a moment, seconds."""
    return -int(-moment.timestamp() // span) * span
