"""What rule sets did, over HTTP and sockets: intents, an audit that anybody can verify, acts as they are done."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cryptwire.codec.control import ActionTold, action_to_wire
from cryptwire.domain.action import IntentId, RuleSetId
from cryptwire.domain.audit import Entry
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.errors import Invalid
from cryptwire.messaging.subjects import LIVE
from cryptwire.storage import audit, database
from cryptwire.storage.own_data import EXPORTED, OwnData
from tests.integration.api.conftest import World, code_of
from tests.integration.api.rule_sets import Scene, acting
from tests.unit.api.test_subscriptions import Ear

T = datetime(2026, 3, 1, 12, 30, 0, 123456, tzinfo=UTC)
INTENTS = """query($h: ID!, $r: ID, $f: Int! = 20, $a: String) {
  intents(hopperId: $h, ruleSetId: $r, first: $f, after: $a) { hasMore endCursor
    nodes { id ruleSetId version epoch isShadow snapshotId decidedAt state alarms
      steps { action result reason isNext } } } }"""
AUDIT = """query($h: ID!, $f: Int! = 20, $a: String) { auditLog(hopperId: $h, first: $f, after: $a) {
  chain hasMore endCursor nodes { number at kind ruleSetId version intentId body previous hash } } }"""
ACTIONS = (
    "subscription($h: ID!) { ruleActions(hopperId: $h) { ruleSetId version epoch intentId auditNumber kind at body } }"
)
RETRY = "mutation($id: ID!) { retryIntent(id: $id) { id state } }"
ABANDON = "mutation($id: ID!) { abandonIntent(id: $id) { id state } }"
RESUME = "mutation($id: ID!) { resumeRuleSet(id: $id) { id } }"
RULE_SET = "00000000-0000-4000-8000-00000000000a"
_INTENT = """
    INSERT INTO intents (rule_set_id, version, mode_number, epoch, hopper_id, user_id, is_shadow, snapshot_id, snapshot,
                         decided_at, actions, progress, state)
    VALUES ($1::text::uuid, 1, 1, $2, $3, $4::text::uuid, false, 's/1', '', $5, $6::text::jsonb, $7::text::jsonb, $8)
    RETURNING intent_id::text
"""
DEEDS = [
    {"action": "turn", "what": "buying", "on": False, "may_fail": False},
    {"action": "sell", "which": "all", "market": True, "may_fail": False},
    {"action": "notify", "text": "sold", "may_fail": False},
]


@pytest.fixture
async def scene(world: World, tmp_path: Path) -> AsyncIterator[Scene]:
    async with acting(world, tmp_path / "certificates") as scene:
        yield scene


async def intent(
    scene: Scene, epoch: int, state: str = "partial", rule_set: str = RULE_SET, hopper: str = "1", user: str = ""
) -> str:
    progress = {"results": [["done", ""], ["partial", "2 of 3 are sold"]], "alarms": ["partial"]}
    at = T + timedelta(minutes=epoch // 2)  # pairs of the same instant
    who = user or scene.me
    deeds, told = json.dumps(DEEDS), json.dumps(progress)
    id = await scene.world.owner.value(_INTENT, rule_set, epoch, hopper, who, at, deeds, told, state)
    return str(id)


async def entries(scene: Scene, hopper: str, count: int) -> None:
    made = [
        Entry(HopperId(hopper), T, "fired", {"value": 0.1 + number, "ü": [1e-7]}, RuleSetId(RULE_SET), 1)
        for number in range(count)
    ]
    async with scene.world.owner.transaction() as connection:
        await audit.append(connection, made)


async def test_intents_come_newest_first_with_what_became_of_each_action(scene: Scene) -> None:
    made = [await intent(scene, epoch) for epoch in range(1, 6)]
    other = await intent(scene, 9, "open", "00000000-0000-4000-8000-00000000000b")
    you = await scene.world.owner.value("SELECT user_id::text FROM hoppers WHERE hopper_id = '2'")
    await intent(scene, 9, hopper="2", user=you, rule_set="00000000-0000-4000-8000-00000000000c")
    seen: list[str] = []
    after = None
    while True:
        page = (await scene.ask(INTENTS, h="1", f=2, a=after))["data"]["intents"]
        seen += [each["id"] for each in page["nodes"]]
        after = page["endCursor"]
        if not page["hasMore"]:
            break
    assert sorted(seen) == sorted([*made, other])
    assert seen[0] == other
    (last,) = (await scene.ask(INTENTS, h="1", r=RULE_SET, f=1))["data"]["intents"]["nodes"]
    assert last["state"] == "PARTIAL"
    assert last["alarms"] == ["partial"]
    assert [(one["action"], one["result"], one["reason"], one["isNext"]) for one in last["steps"]] == [
        (DEEDS[0], "done", "", False),
        (DEEDS[1], "partial", "2 of 3 are sold", False),
        (DEEDS[2], None, "", False),
    ]
    (going_on,) = (await scene.ask(INTENTS, h="1", f=1))["data"]["intents"]["nodes"]
    assert [one["isNext"] for one in going_on["steps"]] == [False, False, True]
    assert code_of(await scene.ask(INTENTS, h="2")) == "NOT_FOUND"
    assert code_of(await scene.ask(INTENTS, h="1", r="x")) == "NOT_FOUND"
    odd: list[dict[str, Any]] = [{"f": 0}, {"f": 101}, {"a": "x"}, {"a": "9" * 30 + "." + seen[0]}, {"a": "1.\x00"}]
    for wrong in odd:
        assert code_of(await scene.ask(INTENTS, h="1", **wrong)) == "INVALID", wrong


async def test_a_person_chooses_what_becomes_of_what_stopped(scene: Scene) -> None:
    """R13."""
    id = await intent(scene, 1)
    scene.controller.answers |= {"retry": {}, "abandon": Invalid("it is over")}
    assert (await scene.ask(RETRY, id=id))["data"]["retryIntent"] == {"id": id, "state": "PARTIAL"}
    verb, request = scene.controller.asked[-1]
    assert (verb, request.body, request.rule_set, request.user) == ("retry", {"intent": id}, RULE_SET, scene.me)
    answer = await scene.ask(ABANDON, id=id)
    assert (code_of(answer), answer["errors"][0]["message"]) == ("INVALID", "it is over")
    one = await scene.made()
    scene.controller.answers["resume"] = {}
    assert (await scene.ask(RESUME, id=one["id"]))["data"]["resumeRuleSet"] == {"id": one["id"]}
    assert scene.controller.asked[-1][1].rule_set == one["id"]
    for wrong in ("", "1", "x" * 999, RULE_SET):
        for text in (RETRY, ABANDON, RESUME):
            assert code_of(await scene.ask(text, id=wrong)) == "NOT_FOUND"
    asked = len(scene.controller.asked)
    await scene.world.sign_in()
    await scene.world.owner.execute("UPDATE sessions SET authenticated_at = now() - interval '11 minutes'")
    assert code_of(await scene.ask(RETRY, id=id)) == "FORBIDDEN"
    assert code_of(await scene.ask(RESUME, id=one["id"])) == "FORBIDDEN"
    assert len(scene.controller.asked) == asked
    await scene.world.owner.execute("UPDATE users SET plan = 'pro'")
    await scene.world.sign_in("you@example.com", "other")
    for text in (RETRY, ABANDON):
        assert code_of(await scene.ask(text, id=id)) == "NOT_FOUND", "somebody else's"


async def test_the_audit_can_be_verified_by_whoever_reads_it(scene: Scene) -> None:
    """R25."""
    assert (await scene.ask(AUDIT, h="1"))["data"]["auditLog"] == {
        "chain": None, "hasMore": False, "endCursor": None, "nodes": []
    }  # fmt: skip
    await entries(scene, "1", 7)
    await entries(scene, "2", 1)
    nodes: list[dict[str, Any]] = []
    after, chain = None, None
    while True:
        page = (await scene.ask(AUDIT, h="1", f=3, a=after))["data"]["auditLog"]
        nodes, after, chain = [*nodes, *page["nodes"]], page["endCursor"], page["chain"]
        if not page["hasMore"]:
            break
    assert [each["number"] for each in nodes] == list(range(7, 0, -1))
    previous = bytes(32)
    for each in reversed(nodes):
        at = datetime.fromisoformat(each["at"]).astimezone(UTC).isoformat(timespec="microseconds")
        hashed = [chain, each["number"], at, each["kind"], each["ruleSetId"], each["version"], each["intentId"]]
        text = json.dumps([*hashed, each["body"]], separators=(",", ":"))
        assert each["previous"] == previous.hex()
        previous = hashlib.sha256(previous + text.encode()).digest()
        assert each["hash"] == previous.hex()
    assert json.loads(nodes[0]["body"]) == {"value": 6.1, "ü": [1e-7]}
    odd: list[dict[str, Any]] = [{"f": 0}, {"f": 101}, {"a": "x"}, {"a": "-1"}, {"a": "9" * 19}, {"a": "٣"}]
    for wrong in odd:
        assert code_of(await scene.ask(AUDIT, h="1", **wrong)) == "INVALID", wrong
    assert code_of(await scene.ask(AUDIT, h="2")) == "NOT_FOUND"


async def test_all_of_the_audit_is_in_the_export_of_ones_data(scene: Scene) -> None:
    """R25: and nothing of others'."""
    await entries(scene, "1", 3)
    await entries(scene, "2", 2)
    (held,) = [each for each in EXPORTED if each.table == "audit"]
    pieces: list[bytes] = []

    async def write(piece: bytes) -> None:
        pieces.append(piece)

    async with database.connect(scene.world.settings.database_url, "test") as db:
        assert await OwnData(db).copy(scene.me, held, write) == 3
    head, *rows = b"".join(pieces).decode().splitlines()
    assert head == "hopper_id,chain,number,at,kind,rule_set_id,version,intent_id,body,previous,hash"
    assert [row.split(",")[2] for row in rows] == ["1", "2", "3"]


def told(scene: Scene, number: int, user: UserId | None = None, hopper: str = "1") -> bytes:
    act = ActionTold(
        HopperId(hopper), user or scene.me, RuleSetId(RULE_SET), 2, 3, IntentId(""), number, "fired", T, {"value": 1.5}
    )
    return action_to_wire(act)


async def test_acts_are_told_as_they_are_done_all_of_them_in_order_and_to_nobody_else(scene: Scene) -> None:
    bus, subject = scene.world.bus, LIVE.action(HopperId("1"))
    headers = {"Authorization": f"Bearer {await scene.world.keys.signed_in(scene.world.owner, scene.me)}"}
    url = f"{scene.world.base}/graphql"
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(url, headers=headers, protocols=["graphql-transport-ws"]) as socket,
    ):
        ear = Ear(socket)
        await ear.send("connection_init")
        assert (await ear.heard())["type"] == "connection_ack"
        await ear.send("subscribe", id="2", payload={"query": ACTIONS, "variables": {"h": "2"}})
        (error,) = (await ear.heard())["payload"]["errors"]
        assert error["extensions"]["code"] == "NOT_FOUND", "it is somebody else's"
        assert (await ear.heard())["type"] == "complete"
        await ear.send("subscribe", id="1", payload={"query": ACTIONS, "variables": {"h": "1"}})
        await asyncio.sleep(0.3)
        await bus.publish(subject, b"\xff\xff")
        await bus.publish(subject, told(scene, 1, hopper="2"))
        await bus.publish(subject, told(scene, 2, user=UserId("5f0c1c1e-0000-4000-8000-000000000001")))
        for number in range(3, 60):
            await bus.publish(subject, told(scene, number))
        await bus.flush()
        heard = [(await ear.heard())["payload"]["data"]["ruleActions"] for _ in range(3, 60)]
    assert [each["auditNumber"] for each in heard] == list(range(3, 60)), "none is left out, and none that is not his"
    assert heard[0] == {
        "ruleSetId": RULE_SET, "version": 2, "epoch": 3, "intentId": None, "auditNumber": 3, "kind": "fired",
        "at": "2026-03-01T12:30:00.123456Z", "body": {"value": 1.5},
    }  # fmt: skip
