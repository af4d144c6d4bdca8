"""Candles of exchange pairs: in memory, in the database, and asked for where nobody has yet (docs/decisions/0020)."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from candles.datafeed.handlers.asking import Asking, Pay
from candles.datafeed.logic.grains import (
    REACH,
    Grain,
    begin_of,
    begins_of,
    between,
    chained,
    closed_until,
    settled_until,
)
from candles.datafeed.ports import KnownSeries, Lease, PairTable
from cryptwire.clock import Clock
from cryptwire.domain.bar import Columns
from cryptwire.domain.ticker import Pair
from cryptwire.errors import CryptwireError, NotFound, Refused, Unavailable
from cryptwire.log import Log
from cryptwire.tasks import end

_log = Log(__name__)
_PATIENCE = 8.0  # seconds
_AT_ONCE = 4  # blocks of one question: others get their turn between
_AT_A_TIME = 12  # blocks of one query to the database
_OPEN_FOR = timedelta(seconds=10)
_ELSEWHERE = timedelta(milliseconds=250)
_ELSEWHERE_TRIES = 40


class Newest(NamedTuple):
    """What an exchange told last: candles are closed until ``closed_until``; those that are not, with this state."""

    closed_until: int
    open: Columns
    read_at: datetime


class Loaded(NamedTuple):
    """Candles, of which all from ``known_from`` on are there; those before are not yet, because of ``error``.

    ``is_first``: nothing is before them.
    """

    candles: Columns
    known_from: int
    is_first: bool
    error: CryptwireError | None


@dataclass(slots=True)
class _Block:
    candles: Columns
    known_until: int


@dataclass(slots=True, eq=False)
class _Series:
    """Candles of one length of one pair."""

    pair: Pair
    grain: Grain
    id: int
    begins: int | None
    newest: Newest | None = None
    reading: "asyncio.Task[Newest] | None" = None
    asking: "dict[int, asyncio.Task[None]]" = field(default_factory=dict)
    looking: asyncio.Lock = field(default_factory=asyncio.Lock)


class PairBook:
    """Each closed candle is asked for once, for everybody; who wants what is asked for already waits for that.

    ``most`` blocks of up to 960 candles (46 KB) are kept in memory, then the one not used for longest goes.
    ``lease_of``: among several processes one asks for a block, the others wait until it is in the database.
    """

    def __init__(
        self,
        asking: Asking,
        table: PairTable,
        lease_of: Callable[[str], Lease],
        clock: Clock,
        most: int = 1_500,
    ) -> None:
        self._asking = asking
        self._table = table
        self._lease_of = lease_of
        self._clock = clock
        self._most = most
        self._known: dict[tuple[Pair, Grain], _Series] = {}
        self._making = asyncio.Lock()
        self._blocks: OrderedDict[tuple[_Series, int], _Block] = OrderedDict()
        self._running: set[asyncio.Task[Any]] = set()

    # what is wanted

    async def candles(
        self, pair: Pair, grain: Grain, since: int, until: int, pay: Pay, patience: float = _PATIENCE
    ) -> Loaded:
        """Candles opened in ``[since, until)`` seconds, the open one too, the newest in any case.

        Within ``patience`` seconds: what is not there by then is asked for all the same, and known the next time.
        Raises NotFound when the exchange knows no such candles and none are stored; Unavailable when not even the
        newest are there; Exhausted of ``pay`` likewise.
        """
        series = await self._series(pair, grain)
        settled = settled_until(grain, self._now())
        current = begin_of(grain, settled)
        held: dict[int, _Block] = {}
        filling = self._start(self._fill(series, since, min(until, settled), settled, pay, held))
        jobs: list[asyncio.Task[Any]] = [filling]
        block = self._blocks.get((series, current))
        if until > (current if block is None else block.known_until):
            jobs.append(self._read(series, _OPEN_FOR))
        await asyncio.wait(jobs, timeout=patience)
        error = next((found for job in jobs if (found := _error_of(job)) is not None), None)
        loaded = self._loaded(series, since, until, settled, held)
        if loaded.known_from > since or (len(jobs) > 1 and not jobs[1].done()):
            error = error or Unavailable(f"{pair.exchange} is still being asked")
        if not len(loaded.candles) and error is not None and loaded.known_from >= min(until, settled):
            raise NotFound("unknown_symbol") if isinstance(error, Refused) else error
        return loaded._replace(error=error if loaded.known_from > since else None)

    async def newest(self, pair: Pair, grain: Grain, max_age: timedelta = timedelta(0)) -> Newest:
        """The open candle, read at most ``max_age`` ago, and until when those before it are closed.

        Raises Unavailable, Refused.
        """
        return await asyncio.shield(self._read(await self._series(pair, grain), max_age))

    def in_memory(self, pair: Pair, grain: Grain, since: int, until: int) -> Columns:
        """Closed candles opened in ``[since, until)`` seconds, as far as they are at hand."""
        series = self._known.get((pair, grain))
        if series is None:
            return chained([])
        blocks = (self._blocks.get((series, begin)) for begin in begins_of(grain, since, until))
        return chained([between(block.candles, since, until) for block in blocks if block is not None])

    async def close(self) -> None:
        """End what runs."""
        await end(self._running)

    # what is there

    def _loaded(self, series: _Series, since: int, until: int, settled: int, held: Mapping[int, _Block]) -> Loaded:
        """The newest that are known without a hole; ``held``: what was dropped from memory meanwhile."""
        parts: list[Columns] = []
        if series.newest is not None and series.newest.closed_until >= settled:
            parts.append(between(series.newest.open, since, until))
        known_from, is_first = until, False
        for begin in reversed(begins_of(series.grain, since, until)):
            if series.begins is not None and begin + series.grain.block <= series.begins:
                known_from, is_first = since, True
                break
            block = self._blocks.get((series, begin))
            if begin in held and (block is None or block.known_until < held[begin].known_until):
                block = held[begin]
            if block is None and begin >= settled:
                continue  # nothing in it has closed
            if block is None or block.known_until < min(begin + series.grain.block, until, settled):
                break
            parts.append(between(block.candles, since, until))
            known_from = max(begin, since)
        return Loaded(chained(parts[::-1]), known_from, is_first, None)

    def _block(self, series: _Series, begin: int) -> _Block:
        key = (series, begin)
        block = self._blocks.get(key)
        if block is None:
            block = self._blocks[key] = _Block(chained([]), begin)
        self._blocks.move_to_end(key)
        while len(self._blocks) > self._most:
            self._blocks.popitem(last=False)
        return block

    def _add(self, series: _Series, begin: int, candles: Columns, since: int, until: int) -> None:
        """``candles`` are all of ``[since, until)``; what is known already stays."""
        block = self._block(series, begin)
        if since <= block.known_until < until:
            block.candles = chained([block.candles, between(candles, block.known_until, until)])
            block.known_until = until

    async def _recall(self, series: _Series, begins: Sequence[int]) -> None:
        """Bring blocks from the database into memory, as far as they are there."""
        missing = sorted(begin for begin in begins if (series, begin) not in self._blocks)
        if not missing:
            return
        first, last = missing[0], missing[-1] + series.grain.block
        known = await self._table.known(series.id, first, last)  # before the candles: they are written together
        stored = await self._table.within(series.id, first, last) if known else chained([])
        for begin in missing:
            until = known.get(begin, begin)
            self._add(series, begin, stored, begin, until)
            self._block(series, begin)

    # who asks

    async def _fill(
        self, series: _Series, since: int, until: int, settled: int, pay: Pay, held: dict[int, _Block]
    ) -> None:
        """Ask for what is not known of whole blocks, newest first, until nothing can be before; ``held`` gets them."""
        begins = begins_of(series.grain, since, until)[::-1]
        for begin in begins:  # what is here of them must not make room for the rest
            if (series, begin) in self._blocks:
                self._blocks.move_to_end((series, begin))
        for number in range(0, len(begins), _AT_A_TIME):
            some = begins[number : number + _AT_A_TIME]
            await self._recall(series, some)
            self._hold(series, some, held)
            for wave in range(0, len(some), _AT_ONCE):
                blocks = [begin for begin in some[wave : wave + _AT_ONCE] if not self._is_before(series, begin)]
                if not blocks:
                    return
                whole = [begin for begin in blocks if begin + series.grain.block <= settled]  # else see `newest`
                await self._ask_for([(series, begin) for begin in whole if not _is_whole(series, begin, held)], pay)
                self._hold(series, whole, held)
                if series.begins is None and any(begin in held and not len(held[begin].candles) for begin in whole):
                    await self._look_for_the_beginning(series, pay)

    def _hold(self, series: _Series, begins: Sequence[int], held: dict[int, _Block]) -> None:
        for begin in begins:
            block = self._blocks.get((series, begin))
            if block is not None and (begin not in held or block.known_until > held[begin].known_until):
                held[begin] = block

    def _is_before(self, series: _Series, begin: int) -> bool:
        return series.begins is not None and begin + series.grain.block <= series.begins

    async def _ask_for(self, blocks: Sequence[tuple[_Series, int]], pay: Pay) -> None:
        """Return when these blocks are known whole; raises what comes of the first that cannot be."""
        tasks: list[asyncio.Task[None]] = []
        refused: CryptwireError | None = None
        for series, begin in blocks:
            if self._block(series, begin).known_until >= begin + series.grain.block:
                continue
            task = series.asking.get(begin)
            if task is None:
                try:
                    pay()
                except CryptwireError as error:
                    refused = error
                    break
                task = series.asking[begin] = self._start(self._complete(series, begin))
            tasks.append(task)
        if tasks:
            await asyncio.wait(tasks)
        for task in tasks:
            task.result()
        if refused is not None:
            raise refused

    async def _complete(self, series: _Series, begin: int) -> None:
        """Make a block whole: from the database when somebody else is asking for it, else from the exchange."""
        until = begin + series.grain.block
        lease = self._lease_of(f"{series.pair.exchange}.{series.pair.quote}.{series.pair.base}.{series.grain}.{begin}")
        try:
            if not await self._is_ours(lease, series, begin):
                return
            since = self._block(series, begin).known_until
            candles = await self._asking.all_of(series.pair, series.grain, since, until)
            self._add(series, begin, candles, since, until)
            await self._keep(series, begin, between(candles, since, until), until)
            await _quietly(lease.release())
        finally:
            series.asking.pop(begin, None)

    async def _is_ours(self, lease: Lease, series: _Series, begin: int) -> bool:
        """Whether we are to ask; no when somebody else has done so meanwhile."""
        for _ in range(_ELSEWHERE_TRIES):
            try:
                is_taken = await lease.take()
            except Unavailable:
                return True  # nobody can tell: at worst two ask
            await self._look_again(series, begin)
            if self._block(series, begin).known_until >= begin + series.grain.block:
                if is_taken:
                    await _quietly(lease.release())
                return False
            if is_taken:
                return True
            await self._clock.sleep(_ELSEWHERE)
        return True

    async def _look_again(self, series: _Series, begin: int) -> None:
        """What another process has added to a block."""
        block = self._block(series, begin)
        known = (await self._table.known(series.id, begin, begin + 1)).get(begin, begin)
        if known > block.known_until:
            since = block.known_until
            self._add(series, begin, await self._table.within(series.id, since, known), since, known)

    async def _keep(self, series: _Series, begin: int, candles: Columns, until: int) -> None:
        try:
            await self._table.keep(series.id, begin, candles, until)
        except Unavailable as error:
            _log.warning("candles of a pair are known here alone", pair=str(series.pair), reason=error)

    async def _look_for_the_beginning(self, series: _Series, pay: Pay) -> None:
        """Nothing is before the first candle of a day: of those there are few."""
        async with series.looking:
            if series.begins is not None:
                return
            try:
                series.begins = await self._asking.beginning(series.pair, self._now(), pay)
            except Refused:  # it does not tell of days
                series.begins = self._now() - REACH
                return
            if series.begins < self._now() - Grain.DAY:  # else it may begin today
                await _quietly(self._table.begins(series.id, series.begins))

    # the newest

    def _read(self, series: _Series, max_age: timedelta) -> "asyncio.Task[Newest]":
        if series.reading is None or series.reading.done():
            series.reading = self._start(self._read_newest(series, max_age))
        return series.reading

    async def _read_newest(self, series: _Series, max_age: timedelta) -> Newest:
        asked_at, grain, known = self._clock.now(), series.grain, series.newest
        now = int(asked_at.timestamp())
        if known is not None and _is_young(known, grain, asked_at, max_age):
            return known
        since = begin_of(grain, settled_until(grain, now))
        await self._recall(series, [since])
        begin, since = since, self._block(series, since).known_until
        if known is not None and since == begin and known.closed_until > begin - grain.block:
            since = known.closed_until  # the end of the block before may still be missing
        rows = await self._asking.all_of(series.pair, grain, since, now + 1)
        until = closed_until(grain, rows.at, now)
        for begin in begins_of(grain, since, until):
            first, last = max(since, begin), min(until, begin + grain.block)
            await self._recall(series, [begin])
            self._add(series, begin, between(rows, first, last), first, last)
            if self._block(series, begin).known_until >= last:
                await self._keep(series, begin, between(rows, first, last), last)
        series.newest = Newest(until, between(rows, until, now + 1), asked_at)
        return series.newest

    async def _series(self, pair: Pair, grain: Grain) -> _Series:
        known = self._known.get((pair, grain))
        if known is None:
            async with self._making:
                known = self._known.get((pair, grain))
                if known is None:
                    stored: KnownSeries = await self._table.series(pair, grain)
                    known = self._known[pair, grain] = _Series(pair, grain, stored.id, stored.begins)
        return known

    def _start(self, work: "Coroutine[Any, Any, Any]") -> "asyncio.Task[Any]":
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._running.discard(task)
        if not task.cancelled() and not isinstance(task.exception(), CryptwireError | None):
            _log.error("candles of a pair could not be read", exception=task.exception())

    def _now(self) -> int:
        return int(self._clock.now().timestamp())


def _is_whole(series: _Series, begin: int, held: Mapping[int, _Block]) -> bool:
    return begin in held and held[begin].known_until >= begin + series.grain.block


def _is_young(known: Newest, grain: Grain, now: datetime, max_age: timedelta) -> bool:
    """Whether it need not be asked for again: read a moment ago, and no candle has ended since."""
    boundary = int(now.timestamp()) // grain
    return now - known.read_at < max_age and int(known.read_at.timestamp()) // grain == boundary


def _error_of(job: "asyncio.Task[Any]") -> CryptwireError | None:
    if not job.done() or job.cancelled():
        return None
    error = job.exception()
    return error if isinstance(error, CryptwireError) else None


async def _quietly(work: "Coroutine[Any, Any, object]") -> None:
    """What may be left undone while its place is away."""
    with contextlib.suppress(Unavailable):
        await work
