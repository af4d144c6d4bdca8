"""Who may act: one of many, with the current fence, while no kill switch is on and all is as it was (R9 to R23)."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from cryptwire.domain.rule_set import Mode
from cryptwire.storage.assignments import Assignments
from cryptwire.storage.kill_switches import KillSwitches, Level
from tests.integration.controller.conftest import PANIC, POD, Scene
from tests.integration.gateway.conftest import HOPPER

SOLD = ["PATCH disable/buying", "GET panicbutton"]
LEVELS = list(Level)


async def test_R10_ten_workers_that_race_on_one_rule_set_act_once(scene: Scene) -> None:
    """All believe that they hold the hopper, all see the same messages, each has connections of its own."""
    scene.upstream.begin()
    one = await scene.rule_set()
    async with AsyncExitStack() as stack:
        for _ in range(10):
            await stack.enter_async_context(scene.controller())
        await asyncio.sleep(0.5)
        scene.upstream.begin("1", "2", "3")
        await scene.intent(one, "done")
        await scene.phase(one, "over")
        await asyncio.sleep(4)  # everybody has looked again for what is open
    assert scene.upstream.verbs() == SOLD
    assert scene.upstream.sold == ["1", "2", "3"]
    assert len(await scene.owner.fetch("SELECT FROM intents")) == 1
    assert len(await scene.audit("fired")) == 1
    assert len(await scene.audit("asks")) == 2
    assert [kind for _, kind in await scene.notices()] == ["rule-fired", "rule-done"]


async def switch(scene: Scene, level: Level, one_id: str, *, is_on: bool) -> None:
    ids = {Level.PLATFORM: "", Level.USER: scene.user, Level.HOPPER: HOPPER, Level.RULE: one_id}
    await KillSwitches(scene.owner).set(level, ids[level], is_on=is_on, reason="a test", by="test")


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.value)
async def test_R23_a_kill_switch_holds_back_within_two_seconds_and_no_longer_than_it_is_on(
    scene: Scene, level: Level
) -> None:
    scene.upstream.begin()
    one = await scene.rule_set()
    async with scene.controller():
        await asyncio.sleep(1)
        await switch(scene, level, one.id, is_on=True)
        await asyncio.sleep(2)
        scene.upstream.begin("1")  # from now on it is true
        async with asyncio.timeout(30):
            while not await scene.audit("held-back"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        assert scene.upstream.acts == []
        assert await scene.owner.fetch("SELECT FROM intents") == []
        assert await scene.notices() == [("failure", "rule-held-back")]
        await switch(scene, level, one.id, is_on=False)
        await scene.intent(one, within=8)
        await scene.intent(one, "done")
    assert scene.upstream.verbs() == SOLD


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.value)
async def test_R23_a_kill_switch_stops_what_is_under_way_before_its_next_request(scene: Scene, level: Level) -> None:
    scene.upstream.begin("1")
    then = ({"action": "turn", "what": "buying", "on": False}, {"action": "wait", "seconds": 2}, PANIC)
    one = await scene.rule_set(then)
    async with scene.controller():
        await scene.intent(one, "waiting")
        await switch(scene, level, one.id, is_on=True)
        intent = await scene.intent(one, "partial")
        await scene.phase(one, "review")
    assert scene.upstream.verbs() == ["PATCH disable/buying"]
    assert "kill switch" in str(intent["progress"]["results"])
    assert ("failure", "rule-partial") in await scene.notices()


async def test_R12_a_fenced_pod_neither_decides_nor_goes_on(scene: Scene) -> None:
    """The hopper is another pod's while an intent waits: what is left is the other's, which does it once."""
    scene.upstream.begin("1")
    one = await scene.rule_set(({"action": "wait", "seconds": 3}, PANIC))
    async with scene.controller():
        await scene.intent(one, "waiting")
        scene.pods.add("other")
        assignments = Assignments(scene.owner)
        await assignments.confirm("other")
        await assignments.assign([HOPPER], "other")
        await asyncio.sleep(4)
        assert scene.upstream.acts == []
        await scene.intent(one, "waiting")
        async with scene.controller(pod="other"):
            await scene.intent(one, "done")
            await scene.phase(one, "over")
    assert scene.upstream.verbs() == SOLD


async def test_a_hopper_that_comes_later_is_watched_within_seconds(scene: Scene) -> None:
    scene.upstream.begin("1")
    one = await scene.rule_set()
    scene.pods.add("late")
    assignments = Assignments(scene.owner)
    await assignments.confirm("late")
    async with scene.controller(pod="late"):
        await asyncio.sleep(0.7)
        await assignments.assign([HOPPER], "late")
        await scene.intent(one, "done", within=10)
    assert scene.upstream.verbs() == SOLD


async def test_R12_a_pod_that_is_not_confirmed_decides_nothing(scene: Scene) -> None:
    scene.upstream.begin()
    one = await scene.rule_set()
    async with scene.controller():
        await asyncio.sleep(0.5)
        scene.pods.clear()
        await asyncio.sleep(1)
        await scene.owner.execute("UPDATE pods SET confirmed_at = now() - interval '11 seconds'")
        await asyncio.sleep(4)
        scene.upstream.begin("1")
        await asyncio.sleep(2)
        assert await scene.owner.fetch("SELECT FROM intents") == []
        scene.pods.add(POD)
        await scene.intent(one, "done")
    assert scene.upstream.verbs() == SOLD


async def _plan(scene: Scene, one: Any) -> None:
    await scene.owner.execute("UPDATE users SET plan = 'free' WHERE user_id = $1::text::uuid", scene.user)


async def _deleted(scene: Scene, one: Any) -> None:
    await scene.owner.execute("DELETE FROM rule_sets WHERE rule_set_id = $1::text::uuid", one.id)


async def _off(scene: Scene, one: Any) -> None:
    await scene.turn(one, Mode.OFF)


async def _paper(scene: Scene, one: Any) -> None:
    scene.upstream.hopper["paper_trading"] = "1"


async def _disabled(scene: Scene, one: Any) -> None:
    scene.upstream.hopper["enabled"] = 0


async def _revoked(scene: Scene, one: Any) -> None:
    scene.upstream.is_revoked = True


async def _no_positions(scene: Scene, one: Any) -> None:
    scene.upstream.positions = []
    scene.upstream.show()


@pytest.mark.parametrize(
    ("change", "state", "said"),
    [
        (_plan, "failed", "plan"),
        (_deleted, "failed", "deleted"),
        (_off, "failed", "changed since it fired"),
        (_paper, "failed", "paper"),
        (_disabled, "failed", "disabled"),
        (_revoked, "failed", ""),
        (_no_positions, "done", "no position is open"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
async def test_R9_what_has_changed_since_it_fired_keeps_it_from_acting(
    scene: Scene, change: Any, state: str, said: str
) -> None:
    scene.upstream.begin("1")
    one = await scene.rule_set(({"action": "wait", "seconds": 1}, PANIC))
    async with scene.controller():
        await scene.intent(one, "waiting")
        await change(scene, one)
        # a wait that was waited is something done
        intent = await scene.intent(one, state if state == "done" else "partial")
    assert scene.upstream.acts == []
    assert said in str(intent["progress"]["results"])
    if state == "failed":
        assert ("failure", "rule-partial") in await scene.notices()


async def test_R19_rules_act_no_more_often_than_the_limits_say(scene: Scene) -> None:
    scene.settings = type(scene.settings)(
        **{name: getattr(scene.settings, name) for name in scene.settings.__dataclass_fields__} | {"panics_a_day": 1}
    )
    scene.upstream.begin("1")
    one = await scene.rule_set()
    async with scene.controller():
        await scene.intent(one, "done")
        scene.upstream.begin("2")
        other = await scene.rule_set()
        intent = await scene.intent(other, "failed")
    assert scene.upstream.acts == []
    assert "within a day" in str(intent["progress"]["results"])
