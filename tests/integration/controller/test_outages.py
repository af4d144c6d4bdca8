"""What it stands on goes away and comes back, and it goes on (R5, R16, R17)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

import pytest

from cryptwire.domain.hopper import HopperId
from cryptwire.storage import redis
from cryptwire.storage.heartbeats import Heartbeats
from tests.integration.controller.conftest import PANIC, Scene
from tests.integration.gateway.test_outages import Door

SOLD = ["PATCH disable/buying", "GET panicbutton"]
STOP = {"rule": "stop-loss", "loss": 0.1, "confirm": {"ticks": 1, "seconds": 0}}


@contextlib.asynccontextmanager
async def through_a_door(scene: Scene, what: str) -> AsyncIterator[Door]:
    """The controller reaches its ``what`` by a door, which is open."""
    if what == "gateway_address":
        host, _, port = scene.settings.gateway_address.rpartition(":")
        door = Door(host, int(port))
        there = f"127.0.0.1:{door.listens_on}"
    else:
        parts = urlsplit(getattr(scene.settings, what))
        assert parts.hostname is not None
        assert parts.port is not None
        door = Door(parts.hostname, parts.port)
        login, at, _ = parts.netloc.rpartition("@")
        there = urlunsplit(parts._replace(netloc=f"{login}{at}127.0.0.1:{door.listens_on}"))
    scene.settings = replace(scene.settings, **{what: there})  # type: ignore[arg-type]  # a field's name
    await door.open()
    try:
        yield door
    finally:
        await door.shut()


@pytest.mark.parametrize("what", ["database_url", "nats_url", "redis_url", "gateway_address"])
async def test_R16_R17_while_something_is_away_nothing_is_decided_by_halves_and_then_it_goes_on(
    scene: Scene, what: str
) -> None:
    scene.upstream.begin()
    one = await scene.rule_set()
    async with through_a_door(scene, what) as door, scene.controller():
        await scene.phase(one, "watching")
        await door.shut()
        await asyncio.sleep(1)
        scene.upstream.begin("1")  # true from now on, when it cannot be decided or done
        await asyncio.sleep(3)
        if what in ("database_url", "nats_url"):
            assert await scene.owner.fetch("SELECT FROM intents") == []
        if what != "redis_url":  # which is asked for prices and told heartbeats alone
            assert scene.upstream.acts == []
        await door.open()
        await scene.intent(one, "done", within=25)
        await scene.phase(one, "over")
    assert scene.upstream.verbs() == SOLD
    assert len(await scene.audit("fired")) == 1


async def test_R11_the_database_that_goes_while_an_action_is_under_way_leaves_it_done_once(scene: Scene) -> None:
    scene.upstream.begin("1")
    scene.upstream.act_delay = 1.0
    one = await scene.rule_set()
    async with through_a_door(scene, "database_url") as door, scene.controller():
        async with asyncio.timeout(40):
            while len(scene.upstream.acts) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await door.shut()
        await asyncio.sleep(3)
        await door.open()
        await scene.intent(one, "done")
        await scene.phase(one, "over")
    assert scene.upstream.verbs() == SOLD


async def test_R17_after_a_start_nothing_fires_before_one_whole_evaluation(scene: Scene) -> None:
    scene.upstream.begin("1")
    scene.feed.is_on = False
    one = await scene.rule_set()
    async with scene.controller():
        await asyncio.sleep(1)
        await scene.feed.send()
        await asyncio.sleep(1)
        assert await scene.owner.fetch("SELECT FROM intents") == []
        for _ in range(3):  # a first reading must be seen again
            await scene.feed.send()
            await asyncio.sleep(0.05)
        await scene.intent(one, "done")


async def test_R17_a_jump_while_nobody_looked_needs_a_person(scene: Scene) -> None:
    scene.upstream.begin("1")
    one = await scene.rule_set(when=[STOP])
    async with scene.controller():
        await scene.phase(one, "watching")
        await asyncio.sleep(1)
    scene.feed.is_on = False
    await scene.owner.execute(
        "UPDATE rule_states SET state = jsonb_set(jsonb_set(state, '{looked_at}', to_jsonb($1::text)),"
        " '{seen,at}', to_jsonb($1::text))",
        (scene.feed.clock.now() - timedelta(minutes=20)).isoformat(),
    )
    scene.feed.index = 70.0  # far below the stop
    scene.feed.session = "another"
    async with scene.controller():
        scene.feed.is_on = True
        await scene.phase(one, "review")
        assert ("failure", "rule-review") in await scene.notices()
        await asyncio.sleep(1)
        assert scene.upstream.acts == []
        await scene.ask("resume", one)
        state = await scene.phase(one, "watching")
        assert state["epoch"] == 2
        async with asyncio.timeout(30):
            while (await scene.phase(one, "watching"))["start"] != 70.0:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_R5_duplicates_older_messages_and_malformed_ones_change_nothing(scene: Scene) -> None:
    scene.upstream.begin()
    scene.feed.is_on = False
    one = await scene.rule_set(when=[STOP], then=[PANIC])
    async with scene.controller():
        await asyncio.sleep(0.5)
        first = await scene.feed.send()
        await scene.feed.send()
        scene.feed.index = 101.0
        last = await scene.feed.send()
        scene.feed.index = 101.0
        await scene.feed.send()
        await scene.phase(one, "watching")
        scene.feed.index = 50.0
        for old in (first, last):
            await scene.feed.send(at=old.at, sequence=old.sequence)
        await scene.bus.publish("figure.501", b"\xff\xff\xff")
        await scene.feed.send(hopper=HopperId("999"))
        await scene.feed.send(balance=float("nan"))
        await scene.feed.send(is_fresh=False)
        await scene.feed.send(unpriced_share=0.02)
        await asyncio.sleep(1)
        assert await scene.owner.fetch("SELECT FROM intents") == []


async def test_R24_it_beats_for_evaluations_and_falls_silent_without_them(scene: Scene) -> None:
    scene.upstream.begin()
    await scene.rule_set(when=[STOP])
    async with scene.controller() as runtime:
        await asyncio.sleep(2)
        counted = runtime.meters.value("controller_evaluations")
        assert counted is not None
        assert counted > 5
        async with asyncio.timeout(30):
            while not await _beats(scene):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        scene.feed.is_on = False
        await asyncio.sleep(1.5)
        beats = await _beats(scene)
        await asyncio.sleep(3)
        assert await _beats(scene) == beats


async def _beats(scene: Scene) -> int:
    """How much work was told of."""
    async with redis.connect(scene.settings.redis_url) as client:
        beat = (await Heartbeats(client).all()).get("controller/shard-1")
        return 0 if beat is None else beat.count
