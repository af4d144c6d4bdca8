"""Writing: take, write, done; again."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from candles.writer.logic import note, sorted_out
from candles.writer.ports import Queue, Table
from cryptwire.clock import Clock
from cryptwire.codec.candle import candle_to_wire
from cryptwire.domain.candle import Candle
from cryptwire.errors import Invalid, Unavailable
from cryptwire.log import Log
from cryptwire.metrics import Meters

_log = Log(__name__)
_REGISTERS_EVERY = timedelta(seconds=2)


class Writer:
    """One task that writes, under a name of its own."""

    def __init__(self, name: str, queue: Queue, table: Table, clock: Clock, meters: Meters, batch: int) -> None:
        self._name = name
        self._queue = queue
        self._table = table
        self._clock = clock
        self._meters = meters
        self._batch = batch
        self._registered_at = clock.now() - _REGISTERS_EVERY

    async def run(self, stop: asyncio.Event, idle: timedelta = timedelta(milliseconds=100)) -> None:
        """Write until ``stop`` is set and the batch in hand is done."""
        pause = idle
        while not stop.is_set():
            try:
                count = await self.once()
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
                _log.info("adopted what a writer that is gone had taken", writer=self._name, candles=adopted)
        values = await self._queue.take(self._name, self._batch)
        if not values:
            return 0
        candles, aside = sorted_out(values, now)
        aside += await self._write(candles)
        if aside:
            self._meters.count("writer_aside", "Values that could not be written and were set aside.", len(aside))
            _log.error("set aside", writer=self._name, values=len(aside))
            await self._queue.set_aside(aside)
        await self._queue.done(self._name)
        return len(values)

    async def _write(self, candles: Sequence[Candle]) -> list[bytes]:
        """Write what can be written, halving a batch that the database refuses; notes on the rest."""
        if not candles:
            return []
        try:
            written = await self._table.write(candles)
        except Invalid as fault:
            if len(candles) == 1:
                return [note(candle_to_wire(candles[0]), str(fault), self._clock.now())]
            half = len(candles) // 2
            return await self._write(candles[:half]) + await self._write(candles[half:])
        self._meters.count(
            "writer_candles", "Candles in the database, new or better than what was there.", written.changed
        )
        self._meters.count("writer_batches", "Batches committed.")
        reason = "the hopper belongs to another pod by now: an older fence"
        return [note(candle_to_wire(candle), reason, self._clock.now()) for candle in written.refused]
