"""The live sum of hoppers: whoever is silent stands where he was, whoever closes late is waited for, a little."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from candles.datafeed.handlers.clients import Client
from candles.datafeed.handlers.hearing import Hearing
from candles.datafeed.handlers.live import LiveBook
from candles.datafeed.handlers.sum_charts import SumChart, SumCharts
from candles.datafeed.handlers.together import Together
from candles.datafeed.logic.symbols import AllSymbol
from cryptwire.codec.candle import candle_to_message, candle_to_wire
from cryptwire.domain.bar import Columns, Volumes
from cryptwire.domain.candle import Candle, Quality
from cryptwire.domain.conversion import NOTHING, Seconds, Tellings
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.hopper_change import KnownHopper
from cryptwire.messaging.bus import Message
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from cryptwire.storage.conversions import Conversions
from generated.wire.v1 import portfolio_pb2 as pb
from tests.unit.candles.datafeed.test_pair_charts import heard
from tests.unit.candles.datafeed.test_stream import NOON, TurnedClock, Twin, settled

ONE, TWO = HopperId("1"), HopperId("2")
USER = UserId("u")
QUARTER = timedelta(minutes=15)


@dataclass
class Known(Twin):
    """Two live hoppers, one on paper; what is stored of them."""

    hoppers: list[HopperId] = field(default_factory=lambda: [ONE, TWO])
    stored: dict[HopperId, tuple[datetime, float]] = field(default_factory=dict)
    ended_at: datetime | None = None

    async def known(self, user: UserId) -> list[KnownHopper]:
        def one(id: HopperId, *, is_paper: bool = False) -> Hopper:
            return Hopper(id, user, f"n{id}", Exchange("e"), Asset("USD"), is_paper, timedelta(seconds=60))

        live = [KnownHopper(one(id), NOON, self.ended_at if id == TWO else None, None) for id in self.hoppers]
        return [*live, KnownHopper(one(HopperId("9"), is_paper=True), NOON, None, None)]

    async def newest(self, hopper: HopperId, since: int, until: int, limit: int) -> Columns:
        at, close = self.stored.get(hopper, (None, 0.0))
        rows = [] if at is None or not since <= at.timestamp() < until else [int(at.timestamp())]
        closes = np.full(len(rows), close)
        return Columns(np.array(rows, np.int64), closes, closes, closes, closes, np.zeros(len(rows)))

    async def volumes(self, hopper: HopperId, base: Asset, since: int, until: int) -> Volumes:
        return Volumes(np.empty(0, np.int64), np.empty(0))

    async def bases(self, hoppers: Sequence[HopperId]) -> Mapping[HopperId, Sequence[tuple[datetime, Asset]]]:
        return {}

    async def told(self, currency: Asset, since: int, until: int) -> Tellings:
        return NOTHING

    async def near(self, currencies: Sequence[Asset], seconds: Seconds) -> dict[Asset, Tellings]:
        return {}


@dataclass
class World:
    clock: TurnedClock
    known: Known
    charts: SumCharts
    hearing: Hearing

    async def read(self, resolution: str = "15") -> tuple[Client, SumChart]:
        client = Client(Twin())
        chart = await self.charts.find(USER, AllSymbol(), "HOPPER:ALL", resolution)
        self.charts.join(chart, client)
        await settled()
        return client, chart

    async def live(self, hopper: HopperId, opened_at: datetime, opened: float, close: float) -> None:
        candle = Candle(hopper, opened_at, opened, 1e9, 0.0, close, timedelta(0), Quality.COMPLETE, 1)
        at = int(self.clock.now().timestamp() * 1e6)
        message = pb.Portfolio(
            hopper_id=hopper,
            at_us=at,
            candle=candle_to_message(candle),
            is_fresh=True,
            prices_at_us=at,
            assets_at_us=at,
        )
        await self.hearing.on_live(Message(LIVE.live(hopper), message.SerializeToString(), ""))

    async def closed(self, hopper: HopperId, opened_at: datetime, opened: float, close: float) -> None:
        candle = Candle(hopper, opened_at, opened, 1e9, 0.0, close, timedelta(0), Quality.COMPLETE, 1)
        await self.hearing.on_closed(Message(LIVE.closed(hopper), candle_to_wire(candle), ""))

    async def turn(self, seconds: int = 1) -> None:
        for _ in range(seconds):
            await self.clock.turn(1)
            self.charts.every_second(self.clock.now())
            await settled()


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    clock, known, meters = TurnedClock(), Known(), Meters()
    book, rates = LiveBook(meters), Conversions(known, clock)
    together = Together(known, known, known.bases, known, book, rates, clock)
    charts = SumCharts(known, together, book, clock, meters, QUARTER)
    tasks = [asyncio.create_task(job()) for job in charts.jobs()]
    try:
        yield World(clock, known, charts, Hearing(book, [charts], clock))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def told(messages: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [
        (m["final"], *(m["bar"][name] for name in ("open", "high", "low", "close")))
        for m in messages
        if m["type"] == "bar"
    ]


async def test_a_round_of_all_hoppers_is_summed_once() -> None:
    async with world() as it:
        await it.live(ONE, NOON, 10, 11)
        await it.live(TWO, NOON, 100, 90)
        client, _ = await it.read()
        assert told(await heard(client)) == [(False, 110, 110, 101, 101)]
        for one, two in ((12, 95), (13, 120)):
            await it.live(ONE, NOON, 10, one)
            await it.live(TWO, NOON, 100, two)
            await it.turn()
        assert told(await heard(client)) == [(False, 110, 133, 101, 133)], "not one with the other's old worth"


async def test_who_is_silent_stands_at_his_last_close_for_a_day() -> None:
    async with world() as it:
        it.known.stored[TWO] = NOON - timedelta(hours=20), 50.0
        await it.live(ONE, NOON, 10, 11)
        client, _ = await it.read()
        (message,) = await heard(client)
        assert told([message]) == [(False, 60, 61, 60, 61)]
        assert not message["is_fresh"]
    async with world() as it:
        it.known.stored[TWO] = NOON - timedelta(hours=25), 50.0
        await it.live(ONE, NOON, 10, 11)
        client, _ = await it.read()
        assert told(await heard(client)) == [(False, 10, 11, 10, 11)]


async def test_a_candle_ends_when_all_have_closed_even_if_the_next_has_begun() -> None:
    async with world() as it:
        await it.live(ONE, NOON, 10, 11)
        await it.live(TWO, NOON, 100, 90)
        client, _ = await it.read()
        await heard(client)
        await it.closed(ONE, NOON, 10, 12)
        await it.live(ONE, NOON + QUARTER, 12, 13)
        await it.live(TWO, NOON + QUARTER, 91, 92)
        await it.turn()
        assert told(await heard(client)) == [], "the second has not closed"
        await it.closed(TWO, NOON, 100, 91)
        await it.turn()
        messages = told(await heard(client))
        assert messages[0] == (True, 110, 110, 101, 103)
        assert messages[-1] == (False, 103, 105, 103, 105)


async def test_a_close_that_does_not_come_is_not_waited_for() -> None:
    async with world() as it:
        await it.live(ONE, NOON, 10, 11)
        await it.live(TWO, NOON, 100, 90)
        client, _ = await it.read()
        await it.turn()
        await heard(client)
        for _ in range(4):
            await it.live(ONE, NOON + QUARTER, 12, 13)
            await it.live(TWO, NOON + QUARTER, 91, 92)
            await it.turn()
        messages = told(await heard(client))
        assert [message[0] for message in messages[:2]] == [True, False]


async def test_readers_begin_anew_only_when_others_belong_to_the_sum() -> None:
    async with world() as it:
        await it.live(ONE, NOON, 10, 11)
        await it.live(TWO, NOON, 100, 90)
        client, chart = await it.read("60")
        await heard(client)
        it.charts.on_account(USER)
        await settled()
        assert await heard(client) == []
        it.known.hoppers = [ONE]
        it.charts.on_account(USER)
        await settled()
        messages = await heard(client)
        assert [message["type"] for message in messages] == ["reset", "bar"]
        assert messages[-1]["bar"]["close"] == 11
        it.charts.leave(chart, client)
        assert it.charts.all() == []
        it.charts.on_account(USER)
        await it.live(ONE, NOON, 10, 12)
        await it.turn()
        assert await heard(client) == []


async def test_who_has_left_is_no_part_any_more() -> None:
    async with world() as it:
        it.known.ended_at = NOON - timedelta(hours=1)
        it.known.stored[TWO] = NOON - timedelta(hours=2), 50.0
        await it.live(ONE, NOON, 10, 11)
        client, _ = await it.read()
        assert told(await heard(client)) == [(False, 10, 11, 10, 11)]
