"""The back-fill: candles of the past that the live chain has not seen, from trades and the exchanges' candles."""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptwire.clock import Clock
from cryptwire.codec.candle import candle_to_wire
from cryptwire.domain.backfill import Filling
from cryptwire.domain.candle import SPAN, Candle, Quality, opening
from cryptwire.domain.hopper import Hopper, HopperId, with_base
from cryptwire.errors import CryptwireError, Exhausted, Unavailable
from cryptwire.log import Log
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from cryptwire.tasks import end
from processor.handlers.pasts import Pasts
from processor.logic import backfill as logic
from processor.logic.backfill_values import Values
from processor.ports.backfill import Bus, Candles, Fillings, Live, Queue, Tell

_log = Log(__name__)
_WAITING = 20_000
"""Candles that may wait in the Redis list before more are pushed."""
_WRITTEN_WITHIN = timedelta(minutes=2)
_SHORTLY = timedelta(milliseconds=50)
_AGAIN_SOON = timedelta(seconds=5)
_AGAIN_LATER = timedelta(hours=1)
_BEATS = 4


async def _untold(done: int, total: int) -> None:
    """Nobody wants to know."""


@dataclass(slots=True)
class _Count:
    done: int = 0
    total: int = 0


class Backfill:
    """Fills hoppers' pasts, each by one worker at a time.

    ``reach`` back from the first candle, or from now; partial candles of the last ``minutes_reach`` are replaced from
    one-minute candles. ``patience`` is that of ``fillings``.
    """

    def __init__(
        self,
        fillings: Fillings,
        pasts: Pasts,
        candles: Candles,
        live: Live,
        queue: Queue,
        bus: Bus,
        clock: Clock,
        meters: Meters,
        *,
        reach: timedelta,
        minutes_reach: timedelta,
        patience: timedelta,
    ) -> None:
        self._fillings = fillings
        self._pasts = pasts
        self._candles = candles
        self._live = live
        self._queue = queue
        self._bus = bus
        self._clock = clock
        self._meters = meters
        self._reach = reach
        self._minutes_reach = minutes_reach
        self._beat = patience / _BEATS

    async def fill(self, hopper: Hopper, tell: Tell = _untold) -> int:
        """Fill what ``hopper`` lacks up to the running quarter of an hour; how many candles came.

        ``tell`` hears how many of the missing candles are done. While another fills this hopper it waits. Cut off
        anywhere and begun again, it goes on with what is missing. Raises LinkAgain, Exhausted, Unavailable, Refused and
        Corrupt as the gateway does, and Unavailable when servers are away.
        """
        worker = secrets.token_hex(8)
        filling = await self._claimed(hopper.id, worker, tell)
        if filling is None:
            return 0
        count = _Count()
        working = asyncio.ensure_future(self._fill(hopper, worker, filling, count, tell))
        beating = asyncio.ensure_future(self._beats(hopper.id, worker, count))
        try:
            await asyncio.wait({working, beating}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise Unavailable(f"hopper {hopper.id} is filled by another")
            return working.result()
        except CryptwireError as error:
            await self._let_go(hopper.id, worker, _pause(error), str(error))
            raise
        except BaseException:  # cancelled: another may take it up at once; nothing is swallowed
            await self._let_go(hopper.id, worker, timedelta(0), "cut off")
            raise
        finally:
            await end((working, beating))

    async def _claimed(self, hopper: HopperId, worker: str, tell: Tell) -> Filling | None:
        """The filling, ours; None when there is no such hopper."""
        while True:
            filling = await self._fillings.claim(hopper, worker, opening(self._clock.now()), self._reach)
            if filling is not None:
                return filling
            progress = await self._fillings.progress(hopper)
            if progress is None:
                return None
            await tell(progress.done, progress.total)
            await self._clock.sleep(timedelta(seconds=1))

    async def _beats(self, hopper: HopperId, worker: str, count: _Count) -> None:
        """Tell that we are alive until the filling is not ours any more; while the database is away nobody takes it."""
        while True:
            await self._clock.sleep(self._beat)
            try:
                if not await self._fillings.alive(hopper, worker, count.done, count.total):
                    return
            except Unavailable as error:
                _log.warning("cannot tell that a filling goes on", hopper=hopper, reason=error)

    async def _let_go(self, hopper: HopperId, worker: str, again_in: timedelta, said: str) -> None:
        try:
            await self._fillings.let_go(hopper, worker, again_in, said)
        except CryptwireError as error:
            _log.warning("cannot let a filling go; it is free once we are silent", hopper=hopper, reason=error)

    # -- one filling -----------------------------------------------------------------------------------------------

    async def _fill(self, hopper: Hopper, worker: str, filling: Filling, count: _Count, tell: Tell) -> int:
        now = self._clock.now()
        end, minutes_from = opening(now), opening(now - self._minutes_reach)
        first = filling.since
        if not filling.is_first:
            first = min(filling.whole_until, max(first, minutes_from))
        stored = await self._candles.within(hopper.id, first - SPAN, end + SPAN)
        known = {candle.opened_at: candle for candle in stored}
        qualities = {at: candle.quality for at, candle in known.items()}
        changes = [until for until, _ in filling.bases]
        runs = logic.of_one_base(logic.missing_runs(qualities, first, end, minutes_from), changes)
        if not runs:
            await self._fillings.finish(hopper.id, worker, filling.since, end, "")
            return 0
        count.total = sum(run.candles for run in runs)
        await tell(0, count.total)
        past = await self._pasts.of(hopper, runs[0].first)
        live = await self._live.opening(hopper.id, end) if filling.grant and runs[-1].end == end else None
        pushed: list[datetime] = []
        closed: Candle | None = None
        pasts = {hopper.base: past}
        for run in runs:
            sides = logic.neighbours(run, known, closed, live if run.end == end else None, changes)
            then = with_base(hopper, filling.bases, run.end)
            if then.base not in pasts:
                pasts[then.base] = await self._pasts.priced_in(then, past)
            async for begin, found in self._pasts.valued(pasts[then.base], run, sides.close_before):
                made = self._made(hopper, begin, found, known, filling)
                if made and made[-1].opened_at == run.end - SPAN:
                    made[-1] = logic.ending_at(made[-1], sides.open_after)
                await self._push(made)
                pushed += [candle.opened_at for candle in made]
                closed = made[-1] if made else closed
                count.done += len(found.opens)
                if not await self._fillings.alive(hopper.id, worker, count.done, count.total):
                    raise Unavailable(f"hopper {hopper.id} is filled by another")
                await tell(count.done, count.total)
        await self._written(hopper.id, pushed)
        since = filling.since
        if filling.is_first and runs[0].first == since and since not in known:
            since = min([*pushed, *known, end])  # before, the exchange has no prices
        await self._fillings.finish(hopper.id, worker, max(since, filling.since), end, "; ".join(past.troubles))
        if pushed:
            await self._bus.publish(LIVE.rewritten(hopper.id), b"")
        self._meters.count("processor_backfilled", "Candles that were filled", len(pushed))
        _log.info("filled", hopper=hopper.id, candles=len(pushed), troubles=past.troubles)
        return len(pushed)

    def _made(
        self, hopper: Hopper, begin: datetime, found: Values, known: dict[datetime, Candle], filling: Filling
    ) -> list[Candle]:
        """The candles of ``found``, the first of which opened at ``begin``, from where prices are known."""
        columns = (found.opens, found.highs, found.lows, found.closes, found.silent, found.is_known)
        made = []
        for number, (open_, high, low, close, silent, is_known) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            if is_known:
                at = begin + number * SPAN
                fence = logic.fence_of(at, known.get(at), filling.grant)
                gap = silent * SPAN
                made.append(Candle(hopper.id, at, open_, high, low, close, gap, Quality.BACKFILLED, fence))
        return made

    async def _push(self, candles: list[Candle]) -> None:
        """Into the Redis list, never far ahead of the writers."""
        if candles:
            while await self._queue.waiting() > _WAITING:
                await self._clock.sleep(_SHORTLY)
            await self._queue.push([candle_to_wire(candle) for candle in candles])

    async def _written(self, hopper: HopperId, pushed: list[datetime]) -> None:
        """Return when everything pushed is in the table; raises Unavailable when the writers are too slow."""
        deadline = self._clock.now() + _WRITTEN_WITHIN
        missing = set(pushed)
        while missing:
            while await self._queue.waiting() and self._clock.now() < deadline:
                await self._clock.sleep(_SHORTLY)
            stored = await self._candles.within(hopper, min(missing), max(missing) + SPAN)
            missing -= {candle.opened_at for candle in stored if candle.quality is not Quality.PARTIAL}
            if missing and self._clock.now() >= deadline:
                raise Unavailable(f"{len(missing)} candles of hopper {hopper} are not written yet")
            if missing:
                await self._clock.sleep(_SHORTLY * 4)


def _pause(error: CryptwireError) -> timedelta:
    """When to try again."""
    if isinstance(error, Exhausted):
        return max(_AGAIN_SOON, timedelta(seconds=error.retry_after))
    return _AGAIN_SOON if isinstance(error, Unavailable) else _AGAIN_LATER
