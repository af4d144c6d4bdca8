"""Money that comes and goes, through all who see it: gateway, tracker, writer, processor, analyser and controller.

The tracker sees the balance jump first; which flow it was the others learn later, and here as late as the test wants.
Each flow is of two coins: the live message shows one of them at once, so that until the database knows the other, the
index is another one, and only that it settles keeps a rule from it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from analyser.main import main as analyser
from analyser.settings import Settings as AnalyserSettings
from candles.writer.handlers import Writer
from candles.writer.logic import FLOWS
from cryptwire.clock import SystemClock
from cryptwire.codec.figure import snapshot_from_wire
from cryptwire.codec.ticker import feed_to_wire, ticker_to_wire
from cryptwire.domain.figure import Snapshot
from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.ticker import Feed, Pair, Ticker
from cryptwire.messaging.bus import Message
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from cryptwire.runtime import Health, Runtime
from cryptwire.storage import database, redis
from cryptwire.storage.database import url_of
from cryptwire.storage.flow_candidates import FlowCandidates
from cryptwire.storage.last_prices import LastPrices
from cryptwire.storage.write_queue import WriteQueue
from cryptwire.tasks import end
from processor.main import main as processor
from processor.settings import Settings as ProcessorSettings
from tests.integration.controller.conftest import PANIC, POD, Scene
from tests.integration.gateway.conftest import HOPPER
from tracker.main import main as tracker
from tracker.settings import Settings as TrackerSettings

COIN = Pair(Exchange("coinbase"), Asset("C1"), Asset("USDT"))
GUARD = {"rule": "trailing-stop", "arm_at": 0.1, "trail": 0.1, "confirm": {"ticks": 1, "seconds": 0}}
BEAT = 0.2
LATE = 10  # live messages that nobody knows of the flow for


@dataclass
class Chain:
    """Everybody at work, a market that is moved by hand, and what the analyser told."""

    scene: Scene
    prices: LastPrices
    queue: WriteQueue
    table: FlowCandidates
    price: float = 10.0
    told: list[Snapshot] = field(default_factory=list)
    clock: SystemClock = field(default_factory=SystemClock)

    def holds(self, coins: float, money: float) -> None:
        """What upstream says from now on."""
        self.scene.upstream.data["/v1/hopper/501/assets"] = {"C1": str(coins), "USDT": str(money)}

    async def on_figures(self, message: Message) -> None:
        self.told.append(snapshot_from_wire(message.payload))

    async def stream(self) -> None:
        """The streamer, forever: the price comes again with each beat, as one of a pair that trades."""
        number = 0
        while True:
            number += 1
            now = self.clock.now()
            ticker = Ticker(COIN, self.price, None, None, None, now, "s", number)
            await self.prices.put([ticker])
            await self.scene.bus.publish(LIVE.ticker(COIN), ticker_to_wire(ticker))
            feed = Feed(COIN.exchange, "s", number, now, timedelta(0))
            await self.scene.bus.publish(LIVE.feed(COIN.exchange), feed_to_wire(feed))
            await asyncio.sleep(BEAT)

    async def move(self, *prices: float) -> None:
        """The market goes over these, each seen by two live messages at least."""
        for price in prices:
            self.price = price
            await self.snapshots(4)

    async def snapshots(self, count: int, balance: float | None = None) -> list[Snapshot]:
        """So many more, of this balance."""
        begin = len(self.told)
        async with asyncio.timeout(40):
            while True:
                found = [one for one in self.told[begin:] if balance is None or one.balance == pytest.approx(balance)]
                if len(found) >= count:
                    return found
                await asyncio.sleep(0.02)

    async def settled(self) -> Snapshot:
        """The first that settles no more."""
        async with asyncio.timeout(40):
            while self.told[-1].is_settling:  # noqa: ASYNC110 - messages of another
                await asyncio.sleep(0.02)
        return self.told[-1]

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """The writer of flows at work."""
        stop = asyncio.Event()
        writer = Writer("w", FLOWS, self.queue, self.table, self.clock, Meters(), 100)
        task = asyncio.create_task(writer.run(stop))
        try:
            yield
        finally:
            stop.set()
            await task

    async def kept(self, one: Any) -> dict[str, Any]:
        """The rule set's state, as the controller has it by now."""
        await asyncio.sleep(3 * BEAT)
        return await self.scene.phase(one, "watching")


@asynccontextmanager
async def running(main: Callable[[Any, Runtime], Awaitable[None]], settings: Any) -> AsyncIterator[None]:
    runtime = Runtime(asyncio.Event(), SystemClock(), Meters(), Health())
    task = asyncio.ensure_future(main(settings, runtime))
    try:
        yield
    finally:
        runtime.stop.set()
        await asyncio.wait_for(task, 10)


@pytest.fixture
async def chain(quiet: Scene, database_url: str) -> AsyncIterator[Chain]:
    known, upstream = quiet.settings, quiet.upstream
    upstream.begin("1")
    rest = {"/v1/hopper/501/trade": {"trades": []}, "/v1/hopper/501/reserved": [], "/v1/hopper/501/short": []}
    upstream.data |= rest
    await quiet.owner.execute("UPDATE hoppers SET refresh_seconds = 5 WHERE hopper_id = $1", HOPPER)
    shared: dict[str, Any] = {"redis_url": known.redis_url, "nats_url": known.nats_url}
    mutual: dict[str, Any] = {"gateway_address": known.gateway_address, "certificates": known.certificates}

    def address(service: str) -> str:
        return url_of(service, database_url)

    beat, second = timedelta(seconds=BEAT), timedelta(seconds=1)
    tracking = TrackerSettings(pod=POD, database_url=address("tracker"), live_every=beat, **shared, **mutual)
    analysing = AnalyserSettings(pod=POD, database_url=address("analyser"), **shared)
    processing = ProcessorSettings(
        database_url=address("processor"), parts=("flows",), flows_every=second, **shared, **mutual
    )
    async with (
        database.connect(url_of("writer", database_url), "writer", 1) as rows,
        redis.connect(known.redis_url) as values,
    ):
        made = Chain(quiet, LastPrices(values), WriteQueue(values, what="flows"), FlowCandidates(rows))
        made.holds(50, 500)
        unsubscribe = await quiet.bus.subscribe(LIVE.figures(HOPPER), made.on_figures)
        streaming = asyncio.create_task(made.stream())
        try:
            async with running(analyser, analysing), running(tracker, tracking), running(processor, processing):
                yield made
        finally:
            await unsubscribe()
            await end([streaming])


def index_of(snapshot: Snapshot) -> float:
    assert snapshot.index is not None
    return snapshot.index


@pytest.mark.timeout(400)
async def test_r7_a_deposit_arms_nothing_a_withdrawal_sells_nothing_and_a_fall_sells_all(chain: Chain) -> None:
    scene = chain.scene
    one = await scene.rule_set((PANIC,), (GUARD,))
    async with scene.controller():
        await chain.snapshots(5, balance=1000)
        assert (await chain.kept(one))["start"] == pytest.approx(1000)

        chain.holds(70, 800)
        unknown = await chain.snapshots(LATE, balance=1500)
        assert all(snapshot.is_settling for snapshot in unknown)
        assert index_of(unknown[-1]) > 1100, "of one of the two nobody knows, and what is told would arm it"
        async with chain.writing():
            decided = await chain.settled()
            assert index_of(decided) == pytest.approx(1000)
        assert all(told.is_settling or told.index == pytest.approx(1000) for told in chain.told)
        state = await chain.kept(one)
        assert state["peak"] == pytest.approx(1000)
        assert state["rules"][0]["is_armed"] is False

        await chain.move(11, 12, 13)
        state = await chain.kept(one)
        assert state["peak"] == pytest.approx(1140), "the market's own rise, of the new money too"
        assert state["rules"][0]["is_armed"] is True

        chain.told.clear()
        chain.holds(30, 465)
        unknown = await chain.snapshots(LATE, balance=855)
        assert all(snapshot.is_settling for snapshot in unknown)
        assert index_of(unknown[-1]) < 0.9 * 1140, "what is told would fire it"
        async with chain.writing():
            await chain.settled()
        assert all(told.is_settling or told.index == pytest.approx(1140) for told in chain.told)
        state = await chain.kept(one)
        assert (state["start"], state["peak"]) == pytest.approx((1000, 1140))
        assert await scene.owner.value("SELECT count(*) FROM intents") == 0
        assert scene.upstream.acts == []

        await chain.move(12, 11)
        assert scene.upstream.acts == [], "it has fallen by 7 %"
        await chain.move(9, 8)
        await scene.intent(one, "done")
    assert scene.upstream.sold == ["1"]
    assert await scene.owner.value("SELECT count(*) FROM flows WHERE state = 'confirmed'") == 4
