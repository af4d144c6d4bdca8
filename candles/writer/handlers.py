"""Writing: take, write, done; again."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Generic, TypeVar

from candles.writer.logic import Kind, note
from candles.writer.ports import Queue, Table
from cryptwire.clock import Clock
from cryptwire.errors import Invalid, Unavailable
from cryptwire.log import Log
from cryptwire.metrics import Meters

_log = Log(__name__)
T = TypeVar("T")
_REGISTERS_EVERY = timedelta(seconds=2)


class Writer(Generic[T]):
    """One task that writes one kind of values, under a name of its own."""

    def __init__(
        self,
        name: str,
        kind: Kind[T],
        queue: Queue,
        table: Table[T],
        clock: Clock,
        meters: Meters,
        batch: int,
        on_round: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._kind = kind
        self._queue = queue
        self._table = table
        self._clock = clock
        self._meters = meters
        self._batch = batch
        self._on_round = on_round  # told of every look at the list, of one that found nothing, too
        self._registered_at = clock.now() - _REGISTERS_EVERY

    async def run(self, stop: asyncio.Event, idle: timedelta = timedelta(milliseconds=100)) -> None:
        """Write until ``stop`` is set and the batch in hand is done."""
        pause = idle
        while not stop.is_set():
            try:
                count = await self.once()
                self._on_round()
                pause = timedelta(0) if count else idle
            except Unavailable as reason:
                pause = min(timedelta(seconds=2), max(pause, idle) * 2)
                self._meters.count("writer_unavailable", "Batches that found a server away.")
                _log.warning("cannot write yet", writer=self._name, reason=reason)
            if pause:
                await self._clock.sleep(pause)
        try:
            await self._queue.leave(self._name)
        except Unavailable:
            _log.warning("could not say goodbye; the name expires", writer=self._name)

    async def once(self) -> int:
        """Write one batch, if there is any; how many values it had. Raises Unavailable: nothing is lost, try again."""
        now = self._clock.now()
        if not timedelta(0) <= now - self._registered_at < _REGISTERS_EVERY:  # a clock may be set back
            await self._queue.register(self._name)
            adopted = await self._queue.adopt(self._name)
            self._registered_at = now
            if adopted:
                _log.info("adopted what a writer that is gone had taken", writer=self._name, values=adopted)
        values = await self._queue.take(self._name, self._batch)
        if not values:
            return 0
        batch, aside = self._kind.sorted_out(values, now)
        aside += await self._write(batch)
        if aside:
            self._meters.count("writer_aside", "Values that could not be written and were set aside.", len(aside))
            _log.error("set aside", writer=self._name, values=len(aside))
            await self._queue.set_aside(aside)
        await self._queue.done(self._name)
        return len(values)

    async def _write(self, batch: Sequence[T]) -> list[bytes]:
        """Write what can be written, halving a batch that the database refuses; notes on the rest."""
        if not batch:
            return []
        try:
            written = await self._table.write(batch)
        except Invalid as fault:
            if len(batch) == 1:
                return [note(self._kind.to_wire(batch[0]), str(fault), self._clock.now())]
            half = len(batch) // 2
            return await self._write(batch[:half]) + await self._write(batch[half:])
        name = self._kind.name
        self._meters.count(f"writer_{name}", f"{name} written, new or better than what was there.", written.changed)
        self._meters.count("writer_batches", "Batches committed.")
        reason = "the hopper belongs to another pod by now: an older fence"
        return [note(self._kind.to_wire(refused), reason, self._clock.now()) for refused in written.refused]
