"""A tracker's live messages over NATS: ``python -m bench.analyser_source NATS_URL HOPPERS SECONDS KEY …``.

Wants the figures ``KEY …`` of every hopper and renews, as a controller does; publishes a live message of each every
2 s, as fast as a round of the tracker goes, and watches how long the figures of one in twenty take. Says ``ready`` when
all of them are told with every value. Prints one JSON object at its end.
"""

import asyncio
import json
import math
import random
import sys
import time

import uvloop

from bench import shard
from cryptwire.clock import SystemClock, to_us
from cryptwire.codec.figure import Wanted, lease_from_wire, wanted_to_wire
from cryptwire.codec.portfolio import settled_part
from cryptwire.errors import Unavailable
from cryptwire.messaging import bus as messaging
from cryptwire.messaging.bus import Message, NatsBus
from cryptwire.messaging.subjects import LIVE
from generated.wire.v1 import candle_pb2, figure_pb2, portfolio_pb2

_EVERY, _RENEW_EVERY, _WATCHED = 2.0, 20.0, 20
_SPAN_US = 900_000_000
_READY_SECONDS = 120.0
_AT_ONCE = 50


class _Source:
    def __init__(self, bus: NatsBus, hoppers: int, keys: tuple[str, ...]) -> None:
        self._bus = bus
        self._clock = SystemClock()
        self._hoppers = hoppers
        self._keys = keys
        held = shard.world(hoppers)
        self._settled = []
        self._prices = []
        for number in range(hoppers):
            account = held.account(number)
            self._settled.append(settled_part(account, shard.BASE, list(account.quantities)))
            self._prices.append([shard.start_price(column) for column in held.assets[number].tolist()])
        self._values = [1000.0 + number for number in range(hoppers)]
        self._sent: dict[str, tuple[int, float]] = {}
        self.took: list[float] = []
        self.told = 0
        self.is_measured = False
        self.incomplete = 0
        self.unanswered = 0

    async def on_figures(self, message: Message) -> None:
        self.told += 1
        sent = self._sent.get(message.subject)
        if sent is None:
            return
        figures = figure_pb2.Figures.FromString(message.payload)
        if figures.at_us == sent[0]:
            if self.is_measured:
                self.took.append(time.monotonic() - sent[1])
            self.incomplete += any(map(math.isnan, figures.figures.values))

    async def want(self) -> None:
        """A lease on every hopper's figures, some at once."""
        for begin in range(0, self._hoppers, _AT_ONCE):
            some = range(begin, min(self._hoppers, begin + _AT_ONCE))
            wishes = (wanted_to_wire(Wanted(shard.hopper_id(number), self._keys)) for number in some)
            answers = await asyncio.gather(*(self._bus.request(LIVE.want, wish, 30) for wish in wishes))
            for answer in answers:
                refused = lease_from_wire(answer).refused
                if refused:
                    raise RuntimeError(f"refused: {refused}")
            await asyncio.sleep(_RENEW_EVERY / (self._hoppers / _AT_ONCE) / 2 if self.is_measured else 0)

    async def keep_wanting(self) -> None:
        while True:
            await asyncio.sleep(_RENEW_EVERY / 2)
            try:
                await self.want()
            except Unavailable:
                self.unanswered += 1

    async def round(self) -> None:
        """A live message of every hopper."""
        at = to_us(self._clock.now())
        opened_at = at - at % _SPAN_US
        for number in range(self._hoppers):
            value = self._values[number] = self._values[number] * math.exp(random.gauss(0, 2e-4))
            hopper = shard.hopper_id(number)
            message = portfolio_pb2.Portfolio(
                at_us=at,
                candle=candle_pb2.Candle(
                    hopper_id=hopper,
                    opened_at_us=opened_at,
                    open=1000.0 + number,
                    high=max(value, 1000.0 + number) * 1.02,
                    low=min(value, 1000.0 + number) * 0.98,
                    close=value,
                    quality=candle_pb2.QUALITY_COMPLETE,
                    fence=1,
                ),
                volume=1.0,
                is_fresh=True,
                prices_at_us=at,
                newest_price_at_us=at,
                prices=self._prices[number],
            )
            if number % _WATCHED == 0:
                self._sent[LIVE.figures(hopper)] = at, time.monotonic()
            await self._bus.publish(LIVE.live(hopper), message.SerializeToString() + self._settled[number])
            if number % 250 == 249:
                await asyncio.sleep(0)

    async def rounds(self, seconds: float) -> list[float]:
        """Rounds for so long; how long each took."""
        took = []
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            began = time.monotonic()
            await self.round()
            took.append(time.monotonic() - began)
            await asyncio.sleep(max(0.0, _EVERY - took[-1]))
        return took

    async def until_complete(self) -> None:
        """Rounds until every value of those that are watched is told."""
        until = time.monotonic() + _READY_SECONDS
        while time.monotonic() < until:
            before, self.incomplete = self.told, 0
            await self.rounds(2 * _EVERY)
            if self.told - before >= self._hoppers and not self.incomplete:
                return
        raise RuntimeError(f"{self.incomplete} of those that are watched are not complete")


async def _main(url: str, hoppers: int, seconds: float, keys: tuple[str, ...]) -> None:
    async with messaging.connect(url, "bench") as bus:
        source = _Source(bus, hoppers, keys)
        await bus.subscribe(LIVE.all_figures, source.on_figures)
        began = time.monotonic()
        await source.round()
        await source.want()
        wanted = time.monotonic() - began
        wanting = asyncio.create_task(source.keep_wanting())
        await source.until_complete()
        complete = time.monotonic() - began
        print("ready", flush=True)
        source.is_measured = True
        source.told = 0
        took = await source.rounds(seconds)
        await asyncio.sleep(4)
        told = source.told
        wanting.cancel()
        print(
            json.dumps(
                {
                    "took": source.took,
                    "told": told,
                    "rounds": took,
                    "wanted": wanted,
                    "complete": complete,
                    "unanswered": source.unanswered,
                }
            )
        )


if __name__ == "__main__":
    _, _url, _hoppers, _seconds, *_keys = sys.argv
    uvloop.run(_main(_url, int(_hoppers), float(_seconds), tuple(_keys)))
