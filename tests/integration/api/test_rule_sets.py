"""What a trader does with rule sets over HTTP: whose they are, what it takes to let them act, and what is refused."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cryptwire.codec.control import ControlRequest
from cryptwire.codec.rule_set import body_from_json, body_to_json, schema
from cryptwire.domain.figure import CATALOGUE, figure_key
from cryptwire.domain.hopper import HopperId
from cryptwire.errors import Forbidden, NotFound
from cryptwire.messaging import subjects
from cryptwire.storage.api_tokens import ApiTokens
from cryptwire.storage.assignments import Assignments
from generated.wire.v1 import gateway_pb2 as pb
from tests.integration.api.accounts import bearer
from tests.integration.api.conftest import EMAIL, PASSWORD, World, code_of
from tests.integration.api.rule_sets import (
    CREATE,
    DELETE,
    EDIT,
    HISTORY,
    LIST,
    MODE,
    ONE,
    PREVIEW,
    REPLAY,
    STATE,
    Scene,
    acting,
    body,
)

SELL: dict[str, object] = {"action": "sell", "which": "all"}
BUYING_OFF: dict[str, object] = {"action": "turn", "what": "buying", "on": False}
BUYING_ON: dict[str, object] = {"action": "turn", "what": "buying", "on": True}
NOBODYS = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
async def scene(world: World, tmp_path: Path) -> AsyncIterator[Scene]:
    async with acting(world, tmp_path / "certificates") as scene:
        yield scene


async def token(scene: Scene, *scopes: str, email: str = EMAIL) -> dict[str, str]:
    user = await scene.world.owner.value("SELECT user_id::text FROM users WHERE email = $1", email)
    return bearer((await ApiTokens(scene.world.owner).add(user, "t", list(scopes), None))[1])


async def proven(scene: Scene, id: str) -> None:
    await scene.world.owner.execute(
        "UPDATE rule_sets SET shadow_since = now() - interval '25 hours' WHERE rule_set_id = $1::text::uuid", id
    )


def words_of(answer: dict[str, Any]) -> str:
    (error,) = answer["errors"]
    return str(error["message"])


# ---- making and editing ----


async def test_a_rule_set_is_made_edited_read_and_deleted_and_all_of_it_is_written_down(scene: Scene) -> None:
    heard: list[str] = []

    async def hear(message: Any) -> None:
        heard.append(message.subject)

    await scene.world.bus.subscribe(subjects.account(scene.me), hear)
    await scene.world.bus.flush()
    one = await scene.made()
    canonical = body_to_json(body_from_json(body()))
    assert one == {
        "id": one["id"], "hopperId": "1", "name": "stop", "version": 1, "body": canonical, "mode": "OFF",
        "modeNumber": 1, "shadowSince": None, "replayedAt": None, "isProven": False, "confirmation": None,
    }  # fmt: skip
    assert canonical["again"] == {"policy": "once"}, "what was left out is written out"
    edited = (await scene.ask(EDIT, id=one["id"], b=body("other", SELL), v=1))["data"]["editRuleSet"]
    assert (edited["version"], edited["modeNumber"], edited["name"]) == (2, 2, "other")
    assert edited["confirmation"] == "Bot 1", "it sells: the hopper's name is typed"
    same = (await scene.ask(EDIT, id=one["id"], b=body("other", SELL), v=2))["data"]["editRuleSet"]
    assert same == edited, "what says the same is no new version"
    assert (await scene.ask(ONE, id=one["id"]))["data"]["ruleSet"] == edited
    assert (await scene.ask(LIST, h="1"))["data"]["ruleSets"] == [edited]
    shadowed = (await scene.set_to(edited, "SHADOW", n="to see"))["data"]["setRuleSetMode"]
    assert (shadowed["mode"], shadowed["modeNumber"]) == ("SHADOW", 3)
    assert shadowed["shadowSince"] is not None
    history = (await scene.ask(HISTORY, id=one["id"]))["data"]
    assert [(each["number"], each["body"]["name"]) for each in history["ruleSetVersions"]] == [
        (2, "other"),
        (1, "stop"),
    ]
    assert (await scene.ask(DELETE, id=one["id"]))["data"] == {"deleteRuleSet": True}
    changes = (await scene.ask(HISTORY, id=one["id"]))["data"]["ruleSetChanges"]
    assert [(each["kind"], each["version"], each["mode"], each["by"], each["note"]) for each in changes] == [
        ("deleted", 2, "SHADOW", "user", ""),
        ("mode", 2, "SHADOW", "user", "to see"),
        ("edited", 2, "OFF", "user", ""),
        ("created", 1, "OFF", "user", ""),
    ], "what was done to it outlives it"
    assert (await scene.ask(LIST, h="1"))["data"]["ruleSets"] == []
    assert code_of(await scene.ask(ONE, id=one["id"])) == "NOT_FOUND"
    assert code_of(await scene.ask(DELETE, id=one["id"])) == "NOT_FOUND"
    await scene.world.bus.flush()
    assert len(heard) == 4, "each change is told, what changed nothing is not"


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        "x",
        1.5,
        {},
        body(loss=2),
        body("x" * 81),
        body(" "),
        body("a\x00b"),
        {**body(), "then": []},
        {**body(), "more": 1},
        {**body(), "when": [{"rule": "stop-loss"}]},
        {**body(), "when": [{"rule": "stop-loss", "loss": "0.1"}]},
        {**body(), "when": [{"rule": "compare", "left": {"figure": "nothing"}, "is": "above", "right": 1}]},
        {**body(), "when": [{"rule": "time", "from": "10:00", "until": "11:00"}]},
        {**body(), "when": [{"not": {"not": {"not": {"not": {"rule": "stop-loss", "loss": 0.1}}}}}] * 2},
        body("x", *[{"action": "cancel-orders"}] * 13),
        body("x", {"action": "config", "fields": {"a": "1\x00"}}),
        body("x", {"action": "unheard-of"}),
    ],
)
async def test_a_body_that_is_none_is_refused_in_words_and_nothing_is_written(scene: Scene, wrong: object) -> None:
    answer = await scene.ask(CREATE, h="1", b=wrong)
    assert code_of(answer) == "INVALID"
    assert len(words_of(answer)) < 400
    assert code_of(await scene.ask(PREVIEW, h="1", b=wrong)) == "INVALID"
    one = await scene.made()
    assert code_of(await scene.ask(EDIT, id=one["id"], b=wrong, v=1)) == "INVALID"
    assert await scene.world.owner.value("SELECT count(*) FROM rule_set_versions") == 1


async def test_a_body_has_64_kilobytes_and_nests_only_so_deep(scene: Scene) -> None:
    long = body("x", *[{"action": "config", "fields": {f"f{n}": "x" * 4900}} for n in range(12)])
    assert "errors" not in await scene.ask(CREATE, h="1", b=long)
    longer = body("x", *[{"action": "config", "fields": {f"f{n}": "x" * 4900, f"g{n}": "x" * 900}} for n in range(12)])
    assert "64 KB" in words_of(await scene.ask(CREATE, h="1", b=longer))
    deep: Any = {"rule": "stop-loss", "loss": 0.1}
    for _ in range(900):
        deep = {"not": deep}
    assert code_of(await scene.ask(CREATE, h="1", b={**body(), "when": [deep]})) == "INVALID"
    wide = {**body(), "when": [{"any": [{"rule": "stop-loss", "loss": 0.1}] * 20}] * 20}
    assert code_of(await scene.ask(CREATE, h="1", b=wide)) == "INVALID"


async def test_a_hopper_has_fifty_however_many_are_made_at_once(scene: Scene) -> None:
    for _ in range(40):
        await scene.made()
    answers = await asyncio.gather(*(scene.ask(CREATE, h="1", b=body()) for _ in range(16)))
    assert sum("errors" not in answer for answer in answers) == 10
    assert {code_of(answer) for answer in answers if "errors" in answer} == {"INVALID"}
    assert await scene.world.owner.value("SELECT count(*) FROM rule_sets") == 50


async def test_rule_sets_that_undo_each_other_are_refused_also_when_made_at_once(scene: Scene) -> None:
    """R19."""
    pair = [body("stop", SELL), body("buy", BUYING_ON)]
    answers = await asyncio.gather(*(scene.ask(CREATE, h="1", b=each) for each in pair * 4))
    made = [answer["data"]["createRuleSet"]["name"] for answer in answers if "errors" not in answer]
    assert len(made) == 4
    assert len(set(made)) == 1
    refused = next(answer for answer in answers if "errors" in answer)
    assert "would undo" in words_of(refused)
    harmless = await scene.made(name="harmless")
    other = pair[0] if made[0] == "buy" else pair[1]
    assert "would undo" in words_of(await scene.ask(EDIT, id=harmless["id"], b=other, v=1))
    alone = await scene.made({"action": "restore"}, name="alone")
    assert "errors" not in await scene.ask(EDIT, id=alone["id"], b=pair[0] if made[0] == "stop" else pair[1], v=1)


async def test_of_many_who_edit_what_they_have_read_one_does(scene: Scene) -> None:
    one = await scene.made()
    answers = await asyncio.gather(*(scene.ask(EDIT, id=one["id"], b=body(f"n{n}"), v=1) for n in range(8)))
    assert sorted("errors" in answer for answer in answers) == [False] + [True] * 7
    assert {code_of(answer) for answer in answers if "errors" in answer} == {"INVALID"}
    for version in (0, -1, 1, 3, 2**31 - 1):
        assert code_of(await scene.ask(EDIT, id=one["id"], b=body("late"), v=version)) == "INVALID"
    assert await scene.world.owner.value("SELECT max(version) FROM rule_set_versions") == 2


# ---- modes ----


async def test_what_it_takes_to_arm_is_asked_for_one_thing_after_the_other(scene: Scene) -> None:
    """R21, R22, R28, and the preconditions of R9 that can be known now."""
    one = await scene.made(SELL)
    assert code_of(await scene.ask(MODE, id=one["id"], m="ARMED", c="Bot 1", n="why")) == "INVALID", "no number"
    assert "type its name" in words_of(await scene.set_to(one, "ARMED", n="why"))
    assert "type its name" in words_of(await scene.set_to(one, "ARMED", n="why", c="bot 1"))
    assert "say in note why" in words_of(await scene.set_to(one, "ARMED", c="Bot 1"))
    assert "say in note why" in words_of(await scene.set_to(one, "ARMED", c="Bot 1", n="  "))
    assert code_of(await scene.set_to(one, "ARMED", c="Bot 1", n="x" * 301)) == "INVALID"
    scene.links.scopes = ("read", "manage")
    answer = await scene.set_to(one, "ARMED", c="Bot 1", n="why")
    assert (code_of(answer), "trade" in words_of(answer)) == ("LINK_AGAIN", True)
    scene.links.scopes, scene.links.state = ("read", "trade"), pb.LINK_STATE_MUST_LINK_AGAIN
    assert code_of(await scene.set_to(one, "ARMED", c="Bot 1", n="why")) == "LINK_AGAIN"
    scene.links.state = pb.LINK_STATE_LINKED
    assert scene.controller.asked == [], "nobody is asked before all else is there"
    scene.controller.answers["preview"] = {"words": [], "verdict": "true", "fires_now": True, "reason": "9 % down"}
    assert "at once (9 % down)" in words_of(await scene.set_to(one, "ARMED", c="Bot 1", n="why"))
    assert (await scene.ask(ONE, id=one["id"]))["data"]["ruleSet"] == one, "nothing has changed so far"
    armed = (await scene.set_to(one, "ARMED", c="Bot 1", n="why", d=True))["data"]["setRuleSetMode"]
    assert (armed["mode"], armed["modeNumber"]) == ("ARMED", 2)
    row = await scene.world.owner.row("SELECT * FROM rule_set_changes ORDER BY change_id DESC LIMIT 1")
    assert row is not None
    assert row["note"] == "armed without a day in shadow or a replay; would fire at once: why"
    assert (row["kind"], row["version"], row["mode"], row["mode_number"], row["by"]) == ("mode", 1, "armed", 2, "user")
    verb, request = scene.controller.asked[-1]
    assert (verb, request.user, request.rule_set, request.asked_by) == ("preview", scene.me, one["id"], "user")
    assert request.body == {"body": one["body"]}
    assert code_of(await scene.set_to(one, "ARMED", c="Bot 1", n="why", d=True)) == "INVALID", "what it was is over"


async def test_a_day_in_shadow_or_a_replay_of_this_version_needs_no_note(scene: Scene) -> None:
    """R22."""
    one = await scene.made()
    shadowed = (await scene.set_to(one, "SHADOW"))["data"]["setRuleSetMode"]
    assert code_of(await scene.set_to(shadowed, "ARMED")) == "INVALID", "a minute is no day"
    await proven(scene, one["id"])
    assert (await scene.ask(ONE, id=one["id"]))["data"]["ruleSet"]["isProven"]
    armed = (await scene.set_to(shadowed, "ARMED"))["data"]["setRuleSetMode"]
    assert armed["mode"] == "ARMED"
    assert await scene.world.owner.value("SELECT note FROM rule_set_changes ORDER BY change_id DESC LIMIT 1") == ""
    off = (await scene.set_to(armed, "OFF"))["data"]["setRuleSetMode"]
    assert (off["shadowSince"], off["isProven"]) == (None, False), "who does not watch proves nothing"

    async def replayed(request: ControlRequest) -> dict[str, Any]:
        await scene.world.owner.execute("UPDATE rule_sets SET replayed_at = now()")
        fires = [{"at": "2026-01-02T00:00:00+00:00", "value": 900.5, "words": ["sells"]}]
        told = {"candles": 3, "is_approximation": True, "fires": fires, "saved": -1.5, "words": ["once"]}
        return {**(request.body or {}), **told}

    scene.controller.answers["replay"] = replayed
    shadowed = (await scene.set_to(off, "SHADOW"))["data"]["setRuleSetMode"]
    at: dict[str, Any] = {"s": "2026-01-01T00:00:00Z", "u": "2026-01-03T01:00:00+01:00"}
    found = (await scene.ask(REPLAY, id=one["id"], **at))["data"]["replayRuleSet"]
    assert found == {
        "since": "2026-01-01T00:00:00Z", "until": "2026-01-03T00:00:00Z", "candles": 3, "isApproximation": True,
        "saved": -1.5, "words": ["once"],
        "fires": [{"at": "2026-01-02T00:00:00Z", "value": 900.5, "words": ["sells"]}],
    }  # fmt: skip
    assert (await scene.set_to(shadowed, "ARMED"))["data"]["setRuleSetMode"]["mode"] == "ARMED"
    edited = await scene.ask(EDIT, id=one["id"], b=body("again"), v=1, n="x")
    assert edited["data"]["editRuleSet"]["replayedAt"] is None, "another version was not replayed"
    impossible: list[dict[str, Any]] = [
        {"s": "2026-01-03T00:00:00Z", "u": "2026-01-01T00:00:00Z"},
        {"s": "2026-01-01T00:00:00Z", "u": "9999-01-01T00:00:00Z"},
        {"s": "0001-01-01T00:00:00Z", "u": "2026-01-01T00:00:00Z"},
        {"s": "2026-01-01T00:00:00Z", "u": "2026-01-01T23:59:59Z"},
        {"s": "2026-01-01T00:00:00Z", "u": "2026-04-11T00:00:01Z"},
    ]
    for wrong in impossible:
        assert code_of(await scene.ask(REPLAY, id=one["id"], **wrong)) == "INVALID"
    await scene.ask(MODE, id=one["id"], m="OFF")
    assert (await scene.ask(REPLAY, id=one["id"], **at))["data"]["replayRuleSet"]["candles"] == 3, "a draft, too"


async def test_an_edit_of_what_is_armed_takes_what_arming_takes(scene: Scene) -> None:
    """R28: the new version acts at once, so it is looked at as if it were armed."""
    one = await scene.made()
    await scene.set_to(one, "ARMED", n="why")
    assert "say in note why" in words_of(await scene.ask(EDIT, id=one["id"], b=body("tight"), v=1))
    assert "type its name" in words_of(await scene.ask(EDIT, id=one["id"], b=body("tight", SELL), v=1, n="why"))
    scene.controller.answers["preview"] = {"words": [], "verdict": "true", "fires_now": True, "reason": ""}
    assert "at once" in words_of(await scene.ask(EDIT, id=one["id"], b=body("tight"), v=1, n="why"))
    assert await scene.world.owner.value("SELECT count(*) FROM rule_set_versions") == 1
    edited = (await scene.ask(EDIT, id=one["id"], b=body("tight"), v=1, n="why", d=True))["data"]["editRuleSet"]
    assert (edited["mode"], edited["version"], edited["modeNumber"]) == ("ARMED", 2, 3)
    row = await scene.world.owner.row("SELECT kind, note FROM rule_set_changes ORDER BY change_id DESC LIMIT 1")
    assert row is not None
    assert tuple(row) == ("edited", "armed without a day in shadow or a replay; would fire at once: why")


async def test_a_password_that_was_given_long_ago_arms_nothing(scene: Scene) -> None:
    one = await scene.made()
    await scene.world.sign_in()
    await scene.world.owner.execute("UPDATE sessions SET authenticated_at = now() - interval '11 minutes'")
    answer = await scene.set_to(one, "ARMED", n="why")
    assert (code_of(answer), "confirmPassword" in words_of(answer)) == ("FORBIDDEN", True)
    assert code_of(await scene.ask(HOPPER_SWITCH, h="1", on=False)) == "FORBIDDEN"
    assert "errors" not in await scene.ask(HOPPER_SWITCH, h="1", on=True), "stopping needs none"
    confirmed = await scene.ask("mutation($p: String!) { confirmPassword(password: $p) }", p=PASSWORD)
    assert confirmed["data"] == {"confirmPassword": True}
    assert (await scene.set_to(one, "ARMED", n="why"))["data"]["setRuleSetMode"]["mode"] == "ARMED"


async def test_off_is_never_refused_and_of_many_who_arm_one_does(scene: Scene) -> None:
    one = await scene.made()
    answers = await asyncio.gather(*(scene.set_to(one, "ARMED", n="why") for _ in range(6)))
    assert sorted("errors" in answer for answer in answers) == [False] + [True] * 5
    offs = await asyncio.gather(*(scene.ask(MODE, id=one["id"], m="OFF") for _ in range(6)))
    assert {answer["data"]["setRuleSetMode"]["mode"] for answer in offs} == {"OFF"}
    assert (await scene.ask(ONE, id=one["id"]))["data"]["ruleSet"]["modeNumber"] == 3, "turned off once"
    assert code_of(await scene.ask(MODE, id=one["id"], m="OFF", x=1)) == "INVALID", "unless a number is given"
    for wrong in (0, -1, 2**31 - 1):
        assert code_of(await scene.ask(MODE, id=one["id"], m="SHADOW", x=wrong)) == "INVALID"


async def test_a_hopper_that_is_gone_is_not_armed(scene: Scene) -> None:
    one = await scene.made()
    await scene.world.owner.execute("UPDATE hoppers SET unlinked_at = now() WHERE hopper_id = '1'")
    assert "not linked any more" in words_of(await scene.set_to(one, "ARMED", n="why"))


# ---- who may ----

HOPPER_SWITCH = 'mutation($h: ID!, $on: Boolean!, $r: String! = "") { setHopperKillSwitch(hopperId: $h, isOn: $on, reason: $r) { level id isOn reason isUsers } }'  # noqa: E501
RULE_SWITCH = "mutation($id: ID!, $on: Boolean!) { setRuleKillSwitch(id: $id, isOn: $on) { level id isOn } }"
ACCOUNT_SWITCH = "mutation($on: Boolean!) { setAccountKillSwitch(isOn: $on) { level id isOn } }"
SWITCHES = "{ killSwitches { level id isOn reason isUsers } }"


async def test_a_token_may_draft_and_stop_and_lets_nothing_act(scene: Scene) -> None:
    one = await scene.made()
    writes, reads = await token(scene, "write"), await token(scene, "read")
    assert "errors" not in await scene.ask(LIST, reads, h="1")
    for text, more in (
        (CREATE, {"h": "1", "b": body()}),
        (MODE, {"id": one["id"], "m": "OFF"}),
        (DELETE, {"id": one["id"]}),
        (HOPPER_SWITCH, {"h": "1", "on": True}),
    ):
        refused = await scene.ask(text, reads, **more)
        assert {each["extensions"]["code"] for each in refused["errors"]} == {"FORBIDDEN"}, text
    made = (await scene.ask(CREATE, writes, h="1", b=body()))["data"]["createRuleSet"]
    shadowed = (await scene.ask(MODE, writes, id=made["id"], m="SHADOW", x=1))["data"]["setRuleSetMode"]
    await proven(scene, made["id"])
    armed = await scene.ask(MODE, writes, id=made["id"], m="ARMED", x=shadowed["modeNumber"], n="why")
    assert code_of(armed) == "FORBIDDEN"
    assert (await scene.set_to(shadowed, "ARMED"))["data"]["setRuleSetMode"]["mode"] == "ARMED"
    edit = await scene.ask(EDIT, writes, id=made["id"], b=body("by a script"), v=1, n="why", d=True)
    assert code_of(edit) == "FORBIDDEN", "a script does not change what acts"
    assert (await scene.ask(MODE, writes, id=made["id"], m="OFF"))["data"]["setRuleSetMode"]["mode"] == "OFF"
    assert (await scene.ask(HOPPER_SWITCH, writes, h="1", on=True))["data"]["setHopperKillSwitch"]["isOn"]
    assert code_of(await scene.ask(HOPPER_SWITCH, writes, h="1", on=False)) == "FORBIDDEN"


async def test_a_plan_that_has_ended_makes_no_rules_and_may_stop_them_and_read_what_they_did(scene: Scene) -> None:
    one = await scene.made()
    await scene.world.owner.execute("UPDATE users SET plan = 'free'")
    await scene.world.sign_in()
    for text, more in (
        (LIST, {"h": "1"}),
        (CREATE, {"h": "1", "b": body()}),
        (MODE, {"id": one["id"], "m": "OFF"}),
        (PREVIEW, {"h": "1", "b": body()}),
    ):
        assert {each["extensions"]["code"] for each in (await scene.ask(text, **more))["errors"]} == {"FORBIDDEN"}, text
    assert (await scene.ask(RULE_SWITCH, id=one["id"], on=True))["data"]["setRuleKillSwitch"]["isOn"]
    for text in ('{ intents(hopperId: "1") { hasMore } }', '{ auditLog(hopperId: "1") { hasMore } }', SWITCHES):
        assert "errors" not in await scene.ask(text)


async def test_what_is_somebody_elses_is_not_there(scene: Scene) -> None:
    one = await scene.made()
    await scene.world.owner.execute("UPDATE users SET plan = 'pro'")
    await scene.world.sign_in("you@example.com", "other")
    for id in (one["id"], NOBODYS, "", "1", "x" * 500, "\x00", "{" + NOBODYS[1:]):
        for text, more in (
            (ONE, {}),
            (EDIT, {"b": body(), "v": 1}),
            (MODE, {"m": "OFF"}),
            (MODE, {"m": "ARMED", "x": 1}),
            (DELETE, {}),
            (STATE, {}),
            (RULE_SWITCH, {"on": True}),
        ):
            assert code_of(await scene.ask(text, id=id, **more)) == "NOT_FOUND", (id, text)
        assert (await scene.ask(ACCOUNT_SWITCH, on=False))["data"] == {"setAccountKillSwitch": None}
    assert (await scene.ask(HISTORY, id=one["id"]))["data"] == {"ruleSetVersions": [], "ruleSetChanges": []}
    assert code_of(await scene.ask(CREATE, h="1", b=body())) == "NOT_FOUND"
    assert code_of(await scene.ask(CREATE, {}, h="2", b=body())) == "FORBIDDEN", "another site's page"
    assert await scene.world.owner.value("SELECT count(*) FROM rule_set_changes") == 1


# ---- asking the controller ----


async def test_a_preview_is_the_controllers(scene: Scene) -> None:
    """R21."""
    told = {"words": ["sells all 12 positions"], "verdict": "no-data", "fires_now": False, "reason": "index is stale"}
    scene.controller.answers["preview"] = told
    assert (await scene.ask(PREVIEW, h="1", b=body()))["data"]["ruleSetPreview"] == {
        "words": ["sells all 12 positions"], "verdict": "NO_DATA", "firesNow": False, "reason": "index is stale"
    }  # fmt: skip
    _, request = scene.controller.asked[-1]
    assert (request.hopper, request.user, request.rule_set) == ("1", scene.me, "")
    assert request.body == {"body": body_to_json(body_from_json(body()))}
    one = await scene.made()
    text = "query($h: ID!, $b: JSON!, $id: ID) { ruleSetPreview(hopperId: $h, body: $b, id: $id) { words } }"
    assert "errors" not in await scene.ask(text, h="1", b=one["body"], id=one["id"])
    assert scene.controller.asked[-1][1].rule_set == one["id"]
    await scene.world.owner.execute("UPDATE rule_sets SET hopper_id = '2'")
    for id in (one["id"], NOBODYS, "x"):
        assert code_of(await scene.ask(text, h="1", b=one["body"], id=id)) == "NOT_FOUND"


async def test_both_truths_stand_side_by_side_with_their_ages(scene: Scene) -> None:
    """R20."""
    one = await scene.made()
    rules: dict[str, Any] = {
        "version": 1, "mode": "shadow", "mode_number": 2, "epoch": 3, "phase": "watching", "verdict": "false",
        "reason": "stop 95.00", "start": 100.0, "peak": 110, "index": None,
        "evaluated_at": "2026-01-01T00:00:02+00:00", "snapshot_at": None,
    }  # fmt: skip
    upstream = {
        "is_enabled": True, "is_buying": False, "is_selling": True, "positions": 3,
        "read_at": "2026-01-01T01:00:00+01:00",
    }  # fmt: skip
    assert code_of(await scene.ask(STATE, id=one["id"])) == "INVALID", "nobody watches what is off"
    await scene.set_to(one, "SHADOW")
    scene.controller.answers["state"] = {"rules": rules, "upstream": upstream, "mismatches": ["buying is off"]}
    assert (await scene.ask(STATE, id=one["id"]))["data"]["ruleSetState"] == {
        "isMismatch": True,
        "mismatches": ["buying is off"],
        "rules": {
            "version": 1, "mode": "shadow", "modeNumber": 2, "epoch": 3, "phase": "watching", "verdict": "FALSE",
            "reason": "stop 95.00", "start": 100.0, "peak": 110.0, "index": None,
            "evaluatedAt": "2026-01-01T00:00:02Z", "snapshotAt": None,
        },
        "upstream": {
            "isEnabled": True, "isBuying": False, "isSelling": True, "positions": 3, "readAt": "2026-01-01T00:00:00Z"
        },
    }  # fmt: skip
    scene.controller.answers["state"] = {"rules": rules, "upstream": None, "mismatches": []}
    shown = (await scene.ask(STATE, id=one["id"]))["data"]["ruleSetState"]
    assert (shown["isMismatch"], shown["upstream"]) == (False, None)
    odd: dict[str, Any] = {"rules": {**rules, "verdict": "maybe"}, "upstream": None, "mismatches": []}
    broken: dict[str, Any]
    for broken in ({"rules": None}, {"rules": {}}, odd):
        scene.controller.answers["state"] = broken
        assert code_of(await scene.ask(STATE, id=one["id"])) == "INTERNAL"


async def test_what_the_controller_refuses_and_that_nobody_watches_is_told(scene: Scene) -> None:
    one = await scene.made()
    for error, code in ((NotFound("no such"), "NOT_FOUND"), (Forbidden("not now"), "FORBIDDEN")):
        scene.controller.answers["preview"] = error
        answer = await scene.ask(PREVIEW, h="1", b=body())
        assert (code_of(answer), words_of(answer)) == (code, str(error))
    scene.controller.answers["preview"] = None
    answer = await scene.ask(PREVIEW, h="1", b=body())
    assert (code_of(answer), "did not answer" in words_of(answer)) == ("UNAVAILABLE", True)
    await Assignments(scene.world.owner).follow("pod", [])
    asked = len(scene.controller.asked)
    answer = await scene.set_to(one, "ARMED", n="why")
    assert (code_of(answer), "nobody watches" in words_of(answer)) == ("UNAVAILABLE", True)
    assert len(scene.controller.asked) == asked
    assert (await scene.ask(ONE, id=one["id"]))["data"]["ruleSet"]["mode"] == "OFF", "what nobody watches is not armed"


# ---- kill switches ----


async def test_a_users_switches_are_on_at_once_and_only_a_users_are_his_to_turn_off(scene: Scene) -> None:
    """R23."""
    one = await scene.made()
    on = (await scene.ask(HOPPER_SWITCH, h="1", on=True, r="holiday"))["data"]["setHopperKillSwitch"]
    assert on == {"level": "HOPPER", "id": "1", "isOn": True, "reason": "holiday", "isUsers": True}
    await scene.ask(RULE_SWITCH, id=one["id"], on=True)
    assert (await scene.ask(ACCOUNT_SWITCH, on=True))["data"]["setAccountKillSwitch"]["id"] is None
    again = (await scene.ask(HOPPER_SWITCH, h="1", on=True, r="other"))["data"]["setHopperKillSwitch"]
    assert again["reason"] == "holiday", "what is on stays as it is"
    shown = (await scene.ask(SWITCHES))["data"]["killSwitches"]
    assert [(each["level"], each["id"]) for each in shown] == [("ACCOUNT", None), ("RULE", one["id"]), ("HOPPER", "1")]
    off = (await scene.ask(HOPPER_SWITCH, h="1", on=False))["data"]["setHopperKillSwitch"]
    assert (off["isOn"], off["reason"]) == (False, "")
    assert (await scene.ask(HOPPER_SWITCH, h="1", on=False))["data"]["setHopperKillSwitch"]["isOn"] is False
    await scene.world.owner.execute("UPDATE kill_switches SET is_on = true, set_by = 'carol' WHERE level = 'hopper'")
    await scene.world.owner.execute("INSERT INTO kill_switches VALUES ('platform', '', true, 'incident', 'carol')")
    await scene.ask(HOPPER_SWITCH, h="1", on=True, r="mine now")
    answer = await scene.ask(HOPPER_SWITCH, h="1", on=False)
    assert (code_of(answer), "administrator" in words_of(answer)) == ("FORBIDDEN", True)
    shown = (await scene.ask(SWITCHES))["data"]["killSwitches"]
    assert {(each["level"], each["isUsers"]) for each in shown} == {
        ("PLATFORM", False), ("HOPPER", False), ("ACCOUNT", True), ("RULE", True)
    }  # fmt: skip
    assert "carol" not in str(shown)
    assert code_of(await scene.ask(HOPPER_SWITCH, h="1", on=True, r="x" * 301)) == "INVALID"
    assert code_of(await scene.ask(HOPPER_SWITCH, h="1", on=True, r="a\nb")) == "INVALID"
    await scene.world.owner.execute("UPDATE users SET plan = 'pro'")
    await scene.world.sign_in("you@example.com", "other")
    shown = (await scene.ask(SWITCHES))["data"]["killSwitches"]
    assert [each["level"] for each in shown] == ["PLATFORM"], "others' switches are not shown"
    assert code_of(await scene.ask(HOPPER_SWITCH, h="1", on=False)) == "NOT_FOUND"


# ---- what rules may be about ----


async def test_the_catalogue_is_every_figure_and_the_schema_is_the_one_that_is_gone_by(scene: Scene) -> None:
    text = """{ ruleSetSchema figureCatalogue { resolutions figures { name unit isOfBars
      parameters { name usual least most isWhole } } } }"""
    shown = (await scene.ask(text))["data"]
    assert shown["ruleSetSchema"] == schema()
    figures = shown["figureCatalogue"]["figures"]
    assert {each["name"] for each in figures} == CATALOGUE.keys()
    for each in figures:
        listed = ",".join(f"{one['name']}={one['usual']:g}" for one in each["parameters"])
        at = f"@{shown['figureCatalogue']['resolutions'][0]}" if each["isOfBars"] else ""
        assert figure_key(f"{each['name']}({listed}){at}").name == each["name"]


async def test_a_rule_set_within_an_operations_text_is_written_as_graphql_writes_objects(scene: Scene) -> None:
    text = """mutation { createRuleSet(hopperId: "1", body: {name: "x", when: [{rule: "stop-loss", loss: 0.1}],
      then: [{action: "notify", text: "look"}]}) { name } }"""
    assert (await scene.ask(text))["data"] == {"createRuleSet": {"name": "x"}}


async def test_a_rule_set_lives_no_longer_than_its_hopper_and_its_user(scene: Scene) -> None:
    await scene.made()
    await scene.world.owner.execute("DELETE FROM hoppers WHERE hopper_id = '1'")
    assert await scene.world.owner.value("SELECT count(*) FROM rule_sets") == 0
    assert code_of(await scene.ask(LIST, h=HopperId("1"))) == "NOT_FOUND"
