"""An exchange's tickers over NATS: ``python -m bench.ticker_source NATS_URL COLUMNS RATE SECONDS [MARKS_A_SECOND]``.

Publishes ``RATE`` tickers a second as the streamer does, every hundredth of a second some, and the feed's pulse each
second. With marks, it also moves the price of one of the markers (bench.shard) and waits to see it in that hopper's
live portfolio. Prints one JSON object at its end: ticks published, and the seconds from each mark's tick to the
message that showed it.
"""

import asyncio
import itertools
import json
import math
import random
import secrets
import sys
import time
from datetime import timedelta

import uvloop

from bench import shard
from cryptwire.clock import SystemClock
from cryptwire.codec.ticker import feed_to_wire, ticker_to_wire
from cryptwire.domain.ticker import Feed, Pair, Ticker
from cryptwire.messaging import bus as messaging
from cryptwire.messaging.bus import Handler, Message, NatsBus
from cryptwire.messaging.subjects import LIVE
from generated.wire.v1 import portfolio_pb2 as pb

_BEAT = 0.01
_LAST_LOOK = 5.0  # seconds that a mark may still take to show after the last tick


class _Source:
    def __init__(self, bus: NatsBus) -> None:
        self._bus = bus
        self._clock = SystemClock()
        self._session = secrets.token_hex(4)
        self._subjects: dict[Pair, str] = {}
        self.sequence = 0

    async def tick(self, pair: Pair, price: float) -> None:
        self.sequence += 1
        ticker = Ticker(pair, price, None, None, None, self._clock.now(), self._session, self.sequence)
        subject = self._subjects.get(pair)
        if subject is None:
            subject = self._subjects[pair] = LIVE.ticker(pair)
        await self._bus.publish(subject, ticker_to_wire(ticker))

    async def pulse(self) -> None:
        feed = Feed(shard.EXCHANGE, self._session, self.sequence, self._clock.now(), timedelta(0))
        await self._bus.publish(LIVE.feed(shard.EXCHANGE), feed_to_wire(feed))


class _Marks:
    """One mark of a hopper at a time: the tick that it waits for."""

    def __init__(self) -> None:
        self._waits: dict[int, tuple[float, float]] = {}
        self._count = 0
        self.took: list[float] = []

    async def watch(self, bus: NatsBus) -> None:
        for number in shard.MARKERS:
            await bus.subscribe(LIVE.live(shard.hopper_id(number)), self._watcher(number))

    def _watcher(self, number: int) -> Handler:
        async def on_live(message: Message) -> None:
            wait = self._waits.get(number)
            if wait is not None and math.isclose(pb.Portfolio.FromString(message.payload).candle.close, wait[0]):
                self.took.append(time.monotonic() - wait[1])
                del self._waits[number]

        return on_live

    async def make(self, source: _Source) -> None:
        free = [number for number in shard.MARKERS if number not in self._waits]
        if free:
            number = random.choice(free)
            self._count += 1
            price = 100.0 + self._count
            self._waits[number] = (price, time.monotonic())
            await source.tick(shard.marker_pair(number), price)

    @property
    def waiting(self) -> int:
        return len(self._waits)


async def _main(url: str, columns: int, rate: int, seconds: float, marks_a_second: float) -> None:
    held = shard.world(1, columns=columns)
    pairs, (chosen, prices) = held.pairs, held.ticks(int(rate * seconds) + 1)
    async with messaging.connect(url, "bench") as bus:
        source, marks = _Source(bus), _Marks()
        if marks_a_second:
            await marks.watch(bus)
        for column, pair in enumerate(pairs):
            await source.tick(pair, shard.start_price(column))
        for number in shard.MARKERS:
            await source.tick(shard.marker_pair(number), 100.0)
        ticks = shard.feed_of_prices(chosen, prices)
        began = time.monotonic()
        next_pulse, next_mark, sent = began, began + 1, 0
        while (now := time.monotonic()) < began + seconds:
            for column, price in itertools.islice(ticks, max(0, int((now - began) * rate) - sent)):
                await source.tick(pairs[column], price)
                sent += 1
            if now >= next_pulse:
                next_pulse += 1
                await source.pulse()
            if marks_a_second and now >= next_mark:
                next_mark += random.expovariate(marks_a_second)
                await marks.make(source)
            await asyncio.sleep(max(0.0, _BEAT - (time.monotonic() - now)))
        took = time.monotonic() - began
        last_look = time.monotonic() + _LAST_LOOK
        while marks.waiting and time.monotonic() < last_look:
            await source.pulse()
            await asyncio.sleep(0.1)
        print(json.dumps({"ticks": sent, "seconds": took, "marks": marks.took, "lost": marks.waiting}))


if __name__ == "__main__":
    _, _url, _columns, _rate, _seconds, *_more = sys.argv
    uvloop.run(_main(_url, int(_columns), int(_rate), float(_seconds), float(_more[0]) if _more else 0.0))
