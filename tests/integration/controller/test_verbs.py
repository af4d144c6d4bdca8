"""What one asks a controller, and what people choose of what did not come to a good end."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from starlette.responses import JSONResponse

from cryptwire.codec.rule_answers import preview_from_json, standing_from_json
from cryptwire.codec.rule_set import body_from_json, body_to_json
from cryptwire.domain.action import IntentId
from cryptwire.domain.hopper import UserId
from cryptwire.domain.rule_set import Mode
from cryptwire.errors import Invalid, NotFound, Unavailable
from cryptwire.storage.rule_history import RuleHistory
from cryptwire.storage.rule_sets import RuleSets
from tests.integration.controller.conftest import HELD, PANIC, Scene

STOP = {"rule": "stop-loss", "loss": 0.1, "confirm": {"ticks": 1, "seconds": 0}}
COARSE = {"fields": {"perc_buy_amount": "5"}, "action": "config"}


async def test_R20_both_truths_stand_side_by_side_and_where_they_differ(scene: Scene) -> None:
    scene.upstream.begin("1", "2")
    one = await scene.rule_set(when=[STOP])
    async with scene.controller():
        state = await scene.phase(one, "watching")
        await asyncio.sleep(0.3)
        told = standing_from_json(await scene.ask("state", one))
        assert told.rules.phase == "watching"
        assert told.rules.verdict == "false"
        assert told.rules.reason == "the value is 1,000 USDT, above the stop of 900 USDT, 10 % below the start"
        assert told.rules.start == 100.0
        assert told.rules.epoch == state["epoch"] == 1
        assert told.rules.evaluated_at is not None
        assert told.upstream is not None
        assert told.upstream.positions == 2
        assert told.mismatches == ()
        scene.feed.is_on = False
        await asyncio.sleep(0.2)
        scene.upstream.positions.append("3")
        scene.upstream.hopper["enabled"] = 0
        scene.upstream.show()
        told = standing_from_json(await scene.ask("state", one))
        assert told.mismatches == (
            "the hopper is disabled: nothing would be sold",
            "upstream shows 3 positions, the rule was told of 2",
        )
        scene.upstream.is_revoked = True
        await asyncio.sleep(0.2)  # what was read a moment ago serves
        told = standing_from_json(await scene.ask("state", one))
        assert told.upstream is None


async def test_R20_a_mismatch_that_stays_is_an_alarm_and_so_is_its_end(scene: Scene) -> None:
    scene.upstream.begin("1", "2")
    scene.settings = replace(scene.settings, look_each=timedelta(seconds=2))
    one = await scene.rule_set(when=[STOP])
    scene.upstream.hopper["enabled"] = 0
    async with scene.controller():
        await scene.phase(one, "watching")
        for kind in ("rule-mismatch", "rule-match"):
            async with asyncio.timeout(60):
                while ("data-problem", kind) not in await scene.notices():  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            scene.upstream.hopper["enabled"] = 1
    assert len(await scene.notices()) == 2
    assert [entry["what"] for entry in await scene.audit("mismatch")] == ["hopper-off"]


async def test_R21_R28_a_preview_in_words_tells_whether_it_would_fire_now(scene: Scene) -> None:
    scene.upstream.begin("1", "2")
    async with scene.controller():
        would = await scene.ask("preview", body={"body": {"name": "x", "when": [HELD], "then": [PANIC]}})
        told = preview_from_json(would)
        assert told.fires_now
        assert told.verdict == "true"
        assert told.words[1].startswith("sells all 2 positions at market price")
        assert told.reason == "2 positions are open, more than 0"
        not_yet = await scene.ask("preview", body={"body": {"name": "x", "when": [STOP], "then": [PANIC]}})
        assert not preview_from_json(not_yet).fires_now
        reason = preview_from_json(not_yet).reason
        assert reason == "the value is 1,000 USDT, above the stop of 900 USDT, 10 % below the start"
        with pytest.raises(Invalid, match=r"\$\.when"):
            await scene.ask("preview", body={"body": {"name": "x", "when": [{"rule": "y"}], "then": [PANIC]}})
        with pytest.raises(Invalid, match="body"):
            await scene.ask("preview")
    assert "index" in scene.feed.wanted[0]


async def test_R21_a_draft_is_told_by_its_users_clock(scene: Scene) -> None:
    scene.upstream.begin("1")
    await scene.owner.execute("UPDATE users SET zone = 'Pacific/Auckland' WHERE user_id = $1::text::uuid", scene.user)
    night = {"rule": "time", "from": "22:00", "until": "06:00", "confirm": {"ticks": 1, "seconds": 0}}
    async with scene.controller():
        told = await scene.ask("preview", body={"body": {"name": "x", "when": [night, HELD], "then": [PANIC]}})
    assert told["words"][0].startswith("the clock in Pacific/Auckland shows 22:00 to 06:00")


async def test_only_whose_hopper_it_is_is_answered_and_only_by_who_holds_it(scene: Scene) -> None:
    one = await scene.rule_set(mode=Mode.OFF)
    async with scene.controller():
        with pytest.raises(NotFound):
            await scene.ask("state", one, user=UserId("somebody else"))
        with pytest.raises(NotFound, match="off"):
            await scene.ask("state", one)
        with pytest.raises(Invalid, match="asked"):
            await scene.ask("dance", one)
    with pytest.raises(Unavailable):
        await asyncio.wait_for(scene.ask("state", one), 9)


async def test_R13_what_failed_is_tried_again_when_a_person_wants_it(scene: Scene) -> None:
    scene.upstream.begin("1")
    broken = [JSONResponse({"status": 403, "message": "no"}, 403) for _ in range(1)]
    scene.upstream.queue("/v1/hopper/501/config", *broken, verb="PATCH")
    one = await scene.rule_set((COARSE, PANIC))
    async with scene.controller():
        intent = await scene.intent(one, "failed")
        assert ("failure", "rule-failed") in await scene.notices()
        await scene.phase(one, "review")
        assert scene.upstream.verbs() == ["PATCH config"]
        with pytest.raises(NotFound):
            await scene.ask("retry", one, {"intent": "0" * 8 + "-0000-0000-0000-" + "0" * 12})
        await scene.ask("retry", one, {"intent": str(intent["intent_id"])})
        await scene.intent(one, "done")
        assert scene.upstream.verbs() == ["PATCH config", "PATCH config", "PATCH disable/buying", "GET panicbutton"]
        with pytest.raises(Invalid, match="done"):
            await scene.ask("retry", one, {"intent": str(intent["intent_id"])})
        await scene.ask("resume", one)
        state = await scene.phase(one, "watching")
        assert state["epoch"] == 2
        await asyncio.sleep(3.5)
    changes = {entry["what"] for entry in await scene.audit("changed")}
    assert {"created", "mode", "retried", "resumed"} <= changes
    people = await scene.owner.fetch("SELECT DISTINCT user_id::text FROM audit_people")
    assert [row["user_id"] for row in people] == [scene.user]


async def test_what_waits_is_abandoned_and_nothing_more_is_done(scene: Scene) -> None:
    scene.upstream.begin("1")
    one = await scene.rule_set(({"action": "wait", "seconds": 60}, PANIC))
    async with scene.controller():
        intent = await scene.intent(one, "waiting")
        with pytest.raises(Invalid, match="abandon"):
            await scene.ask("resume", one)
        await scene.ask("abandon", one, {"intent": str(intent["intent_id"])}, by="admin:eva")
        await scene.intent(one, "abandoned")
        await scene.phase(one, "review")
    assert scene.upstream.acts == []
    assert [entry["by"] for entry in await scene.audit("abandoned")] == ["admin:eva"]


@pytest.mark.parametrize("fate", ["off", "deleted"])
async def test_R9_R13_what_failed_is_abandoned_whatever_became_of_its_rule_set_and_tried_again_only_if_it_may_act(
    scene: Scene, fate: str
) -> None:
    scene.upstream.begin("1")
    refused = JSONResponse({"status": 403, "message": "no"}, 403)
    scene.upstream.queue("/v1/hopper/501/config", refused, verb="PATCH")
    one = await scene.rule_set((COARSE, PANIC))
    async with scene.controller():
        intent = {"intent": str((await scene.intent(one, "failed"))["intent_id"])}
        await scene.phase(one, "review")
        one = await scene.turn(one, Mode.OFF)
        if fate == "deleted":
            await RuleSets(scene.owner).delete(one)
        async with asyncio.timeout(30):
            while True:
                try:
                    await scene.ask("state", one)
                except NotFound:
                    break
                await asyncio.sleep(0.05)
        with pytest.raises(Invalid, match=f"not tried again: the rule set was .*{fate}"):
            await scene.ask("retry", one, intent)
        with pytest.raises(NotFound):
            await scene.ask("abandon", one, intent, user=UserId("somebody else"))
        await scene.ask("abandon", one, intent)
        await scene.intent(one, "abandoned")
        async with asyncio.timeout(8):
            while "abandoned" not in {entry["what"] for entry in await scene.audit("changed")}:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    assert scene.upstream.verbs() == ["PATCH config"]


@pytest.mark.parametrize("broken", ["progress", "actions"])
async def test_R15_an_intent_that_cannot_be_read_is_told_once_and_only_abandoned(scene: Scene, broken: str) -> None:
    scene.upstream.begin("1")
    one = await scene.rule_set(({"action": "wait", "seconds": 60}, PANIC))
    async with scene.controller():
        intent = {"intent": str((await scene.intent(one, "waiting"))["intent_id"])}
    value = {"progress": '{"phase": "dancing"}', "actions": '[{"action": "dance"}]'}[broken]
    await scene.owner.execute(f"UPDATE intents SET {broken} = $1::text::jsonb", value)
    for _ in range(2):
        async with scene.controller():
            kept = await scene.intent(one, "failed")
            await scene.phase(one, "review")
    assert kept[broken] == json.loads(value)
    told = [kind for _, kind in await scene.notices() if "unreadable" in kind]
    assert told == ["rule-unreadable", "intent-unreadable"]
    whose = await scene.owner.fetch("SELECT user_id::text FROM notices ORDER BY notice_id DESC LIMIT 2")
    assert {row["user_id"] for row in whose} == {scene.user, None}
    shown = await RuleHistory(scene.owner).intent(scene.user, IntentId(intent["intent"]))
    assert {step.result for step in shown.steps} == {None}
    assert len(await scene.audit("unreadable")) == 1
    async with scene.controller():
        with pytest.raises(Invalid, match="cannot be read"):
            await scene.ask("retry", one, intent)
        await scene.ask("abandon", one, intent)
        await scene.intent(one, "abandoned")
    assert scene.upstream.acts == []


async def test_R18_R28_an_edit_is_a_version_and_an_epoch_of_its_own(scene: Scene) -> None:
    scene.upstream.begin("1")
    one = await scene.rule_set(when=[STOP])
    async with scene.controller():
        scene.feed.index = 120.0
        await scene.phase(one, "watching")
        body = body_to_json(one.body) | {"name": "Other"}
        await RuleSets(scene.owner).edit(one, body_from_json(body), lambda _: None)
        async with asyncio.timeout(30):
            while (await scene.phase(one, "watching"))["version"] != 2:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        state = await scene.phase(one, "watching")
        assert state["epoch"] == 2
        async with asyncio.timeout(15):
            while (await scene.phase(one, "watching"))["start"] is None:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    assert [entry["epoch"] for entry in await scene.audit("epoch")] == [1, 2]
