"""The analyser's messages as a controller hears them: ``python -m bench.rules_source NATS_URL``.

Promises what is wanted; once figures of every hopper are, publishes those of each every 2 s, spread over the second
that an analyser takes for so many. Every index walks by itself. Some hoppers fall (or their RSI does) by enough and
stay there, so that the third message satisfies their rule, which is confirmed by three and three seconds. Prints
``measured`` when the first of them begin and one JSON object at its end.
"""

import asyncio
import json
import math
import random
import sys
import time
from datetime import timedelta

import uvloop

from bench import shard
from bench.rules import BURST, CONFIRMED_BY, FEW, HOPPERS, burst_hopper, few_hopper, is_trailing
from cryptwire.clock import SystemClock, to_us
from cryptwire.codec.figure import Lease, lease_to_wire, wanted_from_wire
from cryptwire.domain.figure import FigureKey
from cryptwire.messaging import bus as messaging
from cryptwire.messaging.bus import Message, NatsBus
from cryptwire.messaging.subjects import LIVE
from generated.wire.v1 import figure_pb2 as pb

_EVERY, _SPREAD, _AT_ONCE = 2.0, 1.0, 100
_A_ROUND = 8  # hoppers whose rule comes true
_LIFTED, _BEFORE, _AFTER = 8, 14, 6  # rounds: what the controller begins with is written before
_PATIENCE = 90.0
_RSI = FigureKey.of("rsi", "15", length=14)


class _Source:
    def __init__(self, bus: NatsBus) -> None:
        self._bus = bus
        self._clock = SystemClock()
        self._subjects = [LIVE.figures(shard.hopper_id(number)) for number in range(HOPPERS)]
        self._indexes = [100.0 + number % 100 for number in range(HOPPERS)]
        self._falls: dict[int, int] = {}  # number: the round in which it does
        self._read_at = to_us(self._clock.now())
        self.wanted: set[str] = set()
        self.wishes = 0
        self.satisfied: dict[int, float] = {}
        self.first_fall = _BEFORE
        for number in range(FEW):
            self._falls[few_hopper(number)] = _BEFORE + number // _A_ROUND
        at_once = max(self._falls.values()) + CONFIRMED_BY
        self._falls |= {burst_hopper(number): at_once for number in range(BURST)}
        self.rounds = at_once + CONFIRMED_BY + _AFTER

    async def lease(self, message: Message) -> None:
        self.wishes += 1
        self.wanted.add(str(wanted_from_wire(message.payload).of))
        lease = Lease(self._clock.now() + timedelta(seconds=60), {})
        await self._bus.publish(message.reply, lease_to_wire(lease))

    async def round(self, turn: int) -> float:
        """A message of every hopper; the seconds it took."""
        began = time.monotonic()
        for number in range(HOPPERS):
            if number % _AT_ONCE == 0:
                await asyncio.sleep(max(0.0, began + _SPREAD * number / HOPPERS - time.monotonic()))
                at = to_us(self._clock.now())
            payload = self._message(number, turn, at)
            if turn - self._falls.get(number, turn) == CONFIRMED_BY - 1:
                self.satisfied[number] = time.monotonic()
            await self._bus.publish(self._subjects[number], payload)
        return time.monotonic() - began

    def _message(self, number: int, turn: int, at: int) -> bytes:
        """One round lifts every index by 3 %, which arms the trailing stops."""
        falls = self._falls.get(number)
        factor = math.exp(random.gauss(0, 2e-4)) * (1.03 if turn == _LIFTED else 1.0)
        rsi = 50 + 10 * math.sin(number + turn)
        if turn == falls:
            factor *= 0.96 if is_trailing(number) else 1.0
        if falls is not None and turn >= falls:
            rsi = 10.0
        index = self._indexes[number] = self._indexes[number] * factor
        is_compared = not is_trailing(number)
        return pb.Figures(
            hopper_id=shard.hopper_id(number),
            session="bench",
            sequence=turn + 1,
            at_us=at,
            newest_price_at_us=at,
            prices_at_us=at,
            is_fresh=True,
            assets_at_us=self._read_at,
            refresh_seconds=300,
            flows_version=1,
            base_currency=shard.BASE,
            balance=index * 10,
            index=index,
            positions=3,
            figures=pb.FigureColumns(
                keys=["index", str(_RSI)] if is_compared else ["index"],
                values=[index, rsi] if is_compared else [index],
                sample_sizes=[1, 500] if is_compared else [1],
                bars_at_us=[0, at - at % 900_000_000] if is_compared else [0],
            ),
        ).SerializeToString()


async def _main(url: str) -> None:
    async with messaging.connect(url, "bench") as bus:
        source = _Source(bus)
        await bus.subscribe(LIVE.want, source.lease)
        print("ready", flush=True)
        async with asyncio.timeout(_PATIENCE):
            while len(source.wanted) < HOPPERS:  # noqa: ASYNC110 - another process wants them
                await asyncio.sleep(0.1)
        took, began = [], time.monotonic()
        for turn in range(source.rounds):
            if turn == source.first_fall:
                print("measured", flush=True)
                source.wishes = 0
            took.append(await source.round(turn))
            await asyncio.sleep(max(0.0, began + _EVERY * (turn + 1) - time.monotonic()))
        print(json.dumps({"satisfied": source.satisfied, "rounds": took, "wishes": source.wishes}))


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1]))
