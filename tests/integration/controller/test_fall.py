"""The fall of 16-17 January 2018, message by message, through a real controller, a real gateway, to an empty hopper."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cryptwire.codec.figure import snapshot_from_wire
from tests import falls, market
from tests.falls import ASSETS, GENERATED, Message, Stop
from tests.integration.controller.conftest import PANIC, Scene

COUNT = "SELECT count(*) FROM intents WHERE rule_set_id = $1::text::uuid"
BEHIND = 30  # messages after the one at which it fires


def guard(stop: Stop) -> dict[str, object]:
    confirm = {"ticks": stop.ticks, "seconds": stop.seconds}
    return {"rule": "trailing-stop", "arm_at": stop.arm_at, "trail": stop.trail, "confirm": confirm}


async def through(scene: Scene, told: list[Message], stop: Stop) -> None:
    """Every message as fast as they go: times are of now, and what it fires at is a matter of order alone."""
    fires = falls.first_fire(told, stop)
    assert fires is not None
    number, _, _ = fires
    scene.feed.is_on = False
    await asyncio.sleep(2 * scene.feed.every)
    scene.upstream.begin("1", "2", "3")
    one = await scene.rule_set((PANIC,), (guard(stop),))
    async with scene.controller():
        first, last = told[0][1], 0
        for place, (_, value) in enumerate(told[: number + BEHIND]):
            snapshot = await scene.feed.send(index=100 * value / first, balance=value)
            last = snapshot.sequence if place == number else last
            if place % 50 == 0:
                await scene.bus.flush()
                await asyncio.sleep(0.01)
            if place == number - 1:
                await scene.bus.flush()
                await asyncio.sleep(0.3)
                assert await scene.owner.value(COUNT, one.id) == 0, f"it must fire at {number}, not before"
            if place == number:
                await scene.intent(one)
        intent = await scene.intent(one, "done")
        await scene.phase(one, "over")
        assert await scene.owner.value(COUNT, one.id) == 1
    assert snapshot_from_wire(bytes(intent["snapshot"])).sequence == last
    assert scene.upstream.sold == ["1", "2", "3"]
    assert scene.upstream.positions == []
    assert scene.upstream.verbs() == ["PATCH disable/buying", "GET panicbutton"]
    assert len(await scene.audit("fired")) == 1


async def test_R8_R10_a_generated_fall_fires_once_where_it_must_and_sells_all(scene: Scene, tmp_path: Path) -> None:
    told = falls.messages(falls.make_fall(tmp_path), GENERATED)
    await through(scene, told, Stop(0.05, 0.1, ticks=3, seconds=0))


async def test_the_fall_of_january_2018_fires_once_where_it_must_and_sells_all(scene: Scene) -> None:
    folder = market.recorded_folder()
    if folder is None:
        pytest.skip("no recorded market data (CRYPTWIRE_MARKET_DATA): only a generated fall was played")
    told = falls.messages(folder, ASSETS)
    begins = datetime(2018, 1, 12, tzinfo=UTC).timestamp() * 1000
    told = [message for message in told if message[0] >= begins][::4]  # one of each bar: nothing else is faster
    await through(scene, told, Stop(0.01, 0.25, ticks=3, seconds=0))


async def test_R6_a_wick_of_one_message_sells_nothing(scene: Scene) -> None:
    scene.feed.is_on = False
    await asyncio.sleep(2 * scene.feed.every)
    scene.upstream.begin("1")
    one = await scene.rule_set((PANIC,), (guard(Stop(0.0, 0.1, ticks=1, seconds=0)),))
    async with scene.controller():
        for number in range(60):
            await scene.feed.send(index=60.0 if number in (20, 40) else 100.0)
            await asyncio.sleep(0.01)
        await scene.phase(one, "watching")
        await asyncio.sleep(0.3)
        assert await scene.owner.value("SELECT count(*) FROM intents") == 0
        await scene.feed.send(index=60.0)
        await scene.feed.send(index=60.0)
        await scene.intent(one, "done")
    assert scene.upstream.sold == ["1"]


async def test_R7_a_deposit_arms_nothing(scene: Scene) -> None:
    """The balance doubles and the index goes on: a stop that arms at a rise of 5 % stays as it was."""
    scene.feed.is_on = False
    await asyncio.sleep(2 * scene.feed.every)
    scene.upstream.begin("1")
    one = await scene.rule_set((PANIC,), (guard(Stop(0.05, 0.1, ticks=1, seconds=0)),))
    async with scene.controller():
        for _ in range(20):
            await scene.feed.send(index=100.0, balance=1000.0)
        for _ in range(20):
            await scene.feed.send(index=100.0, balance=2000.0, flows_version=2)
        for _ in range(20):
            await scene.feed.send(index=85.0, balance=1700.0, flows_version=2)
        await scene.bus.flush()
        await asyncio.sleep(0.5)
        state = await scene.phase(one, "watching")
        assert state["rules"][0]["is_armed"] is False
        assert await scene.owner.value("SELECT count(*) FROM intents") == 0
    assert scene.upstream.acts == []
