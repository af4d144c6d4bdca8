"""The reads that calls bring forward."""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Collection
from datetime import datetime, timedelta

from cryptwire.clock import Clock
from cryptwire.domain.hopper import HopperId
from cryptwire.domain.trade import news
from cryptwire.errors import Corrupt, Exhausted, Refused, Unavailable
from cryptwire.log import Log
from cryptwire.messaging.trades import tell
from cryptwire.metrics import Meters
from cryptwire.tasks import end
from webhook import logic
from webhook.ports import Bus, Hints, Hoppers, TradeList, Trades

_log = Log(__name__)
_AT_ONCE = 16


class Reads:
    """Trade lists to be read, one task for each hopper that was hinted at.

    A hopper is read at most once in ``every``; hints that come meanwhile are served by one read, later. A hopper that
    cannot be read now is tried again and holds up no other. No more than ``rate`` reads begin in a second (but for the
    first few): they have time, and the answers to those who call have not.
    """

    def __init__(
        self,
        trade_list: TradeList,
        hoppers: Hoppers,
        trades: Trades,
        hints: Hints,
        bus: Bus,
        clock: Clock,
        meters: Meters,
        *,
        every: timedelta,
        most: int,
        rate: int = 100,
    ) -> None:
        self._list = trade_list
        self._hoppers = hoppers
        self._trades = trades
        self._hints = hints
        self._bus = bus
        self._clock = clock
        self._meters = meters
        self._every = every
        self._most = most
        self._between = timedelta(seconds=1) / rate
        self._next_at = clock.now() - _AT_ONCE * self._between
        self._wanted: set[HopperId] = set()
        self._heard_at: dict[HopperId, datetime] = {}  # of what is wanted, when that was last said
        self._tasks: dict[HopperId, asyncio.Task[None]] = {}
        self._read_at: OrderedDict[HopperId, datetime] = OrderedDict()  # oldest first
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._ending = asyncio.Event()

    def has_room_for(self, hoppers: Collection[HopperId]) -> bool:
        """Whether hints for these can be taken: so many hoppers wait at most, and twice as many are remembered."""
        self._forget()
        if self._ending.is_set() or len(self._read_at) > 2 * self._most:
            return False
        return len(self._tasks) + len(set(hoppers) - self._tasks.keys()) <= self._most

    def want(self, hopper: HopperId) -> None:
        """Have its trades read, now or when it is its turn."""
        self._wanted.add(hopper)
        self._heard_at[hopper] = self._clock.now()
        if hopper not in self._tasks:
            self._tasks[hopper] = asyncio.create_task(self._serve(hopper))

    async def finish(self, within: float) -> None:
        """Read what is wanted without further waiting; what is not done then is left to the comparison."""
        self._ending.set()
        if self._tasks:
            _, left = await asyncio.wait(self._tasks.values(), timeout=within)
            await end(left)

    async def _serve(self, hopper: HopperId) -> None:
        try:
            while hopper in self._wanted:
                read_at = self._read_at.get(hopper)
                if read_at is not None:
                    await self._wait(read_at + self._every - self._clock.now())
                self._wanted.discard(hopper)
                await self._read_until_done(hopper)
        finally:
            del self._tasks[hopper]
            self._heard_at.pop(hopper, None)

    def _forget(self) -> None:
        """Keep only times that still matter."""
        now = self._clock.now()
        while self._read_at and now - next(iter(self._read_at.values())) >= self._every:
            self._read_at.popitem(last=False)

    def _pause(self) -> timedelta:
        """How long a read waits for its turn; reads that nobody asked for in the meantime are made up for, a few."""
        now = self._clock.now()
        self._next_at = max(self._next_at, now - _AT_ONCE * self._between) + self._between
        return self._next_at - now

    async def _wait(self, span: timedelta) -> None:
        """Let ``span`` pass, or the end come."""
        if span <= timedelta(0) or self._ending.is_set():
            return
        sleeping = asyncio.ensure_future(self._clock.sleep(span))
        ending = asyncio.ensure_future(self._ending.wait())
        try:
            await asyncio.wait({sleeping, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            ending.cancel()

    async def _read_until_done(self, hopper: HopperId) -> None:
        failures = 0
        while True:
            retry_after = 0.0
            try:
                async with self._places:
                    await self._wait(self._pause())
                    self._read_at[hopper] = self._clock.now()
                    self._read_at.move_to_end(hopper)
                    await self._read(hopper)
                return
            except Unavailable as error:
                failures += 1
                retry_after = error.retry_after if isinstance(error, Exhausted) else 0.0
                self._count_read("unavailable")
                if failures == 1:
                    _log.warning("a trade list cannot be read now", hopper=hopper, reason=error)
            except (Refused, Corrupt) as error:
                self._count_read("refused")
                _log.warning("a trade list is not read", hopper=hopper, reason=error)
                return
            await self._wait(logic.pause(failures, random.random(), retry_after))
            if self._ending.is_set():
                return

    async def _read(self, hopper_id: HopperId) -> None:
        hopper = (await self._hoppers.by_id([hopper_id])).get(hopper_id)
        if hopper is None:
            self._count_read("unknown_hopper")
            return
        heard_at = self._heard_at.get(hopper.id)
        if heard_at is not None:
            await self._hints.heard(hopper.id, heard_at)
            if self._heard_at.get(hopper.id) == heard_at:
                del self._heard_at[hopper.id]
        last_at, now = await self._trades.last_at(hopper.id), self._clock.now()
        listed = await self._list.since(hopper.user, hopper.id, logic.read_from(last_at, now))
        added = await self._trades.add(listed)
        self._count_read("added" if added else "nothing_new")
        self._meters.count("webhook_trades", "Trades added", len(added))
        await tell(self._bus, hopper, news(added, now, is_first_look=last_at is None))

    def _count_read(self, outcome: str) -> None:
        self._meters.count("webhook_reads", "Trade lists read", outcome=outcome)
