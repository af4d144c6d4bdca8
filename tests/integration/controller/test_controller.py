"""A controller at work: what it decides, does, tells and answers."""

import asyncio
from zoneinfo import ZoneInfo

from controller.logic.evaluation import would_fire_now
from controller.logic.inputs import Care, Inputs
from controller.logic.verdict import Stage
from cryptwire.codec.figure import snapshot_from_wire
from cryptwire.domain.figure import Figure, Snapshot, figure_key
from cryptwire.domain.rule_set import Mode
from cryptwire.storage.audit import Audit
from tests.integration.controller.conftest import PANIC, Scene
from tests.integration.gateway.conftest import HOPPER


async def test_R10_R14_what_fires_sells_once_and_is_over(scene: Scene) -> None:
    scene.upstream.begin("1", "2")
    one = await scene.rule_set()
    async with scene.controller():
        intent = await scene.intent(one, "done")
        await scene.phase(one, "over")
    assert scene.upstream.verbs() == ["PATCH disable/buying", "GET panicbutton"]
    assert scene.upstream.sold == ["1", "2"]
    assert not intent["is_shadow"]
    assert len(intent["snapshot"]) > 20
    kinds = [entry["kind"] for entry in await scene.audit()]
    assert kinds[:2] == ["changed", "changed"]
    for kind in ("epoch", "started", "fired", "asks", "answered", "verified", "ended"):
        assert kind in kinds
    assert await scene.notices() == [("action", "rule-fired"), ("action", "rule-done")]
    audit = Audit(scene.owner)
    count, _ = await audit.verify(await audit.chain_of(HOPPER))
    assert count == len(kinds)
    calls = await scene.owner.fetch(
        "SELECT intent_id::text, number, rule_set_id FROM calls WHERE is_admitted ORDER BY 2"
    )
    assert [(str(row["intent_id"]), row["number"], row["rule_set_id"]) for row in calls] == [
        (str(intent["intent_id"]), 1, one.id),
        (str(intent["intent_id"]), 2, one.id),
    ]


async def test_R1_the_snapshot_of_an_intent_is_the_very_one_that_was_decided_on_and_the_audit_names_it(
    scene: Scene,
) -> None:
    """Every message has a balance and an age of its own, so no other could be taken for it."""
    scene.upstream.begin("1", "2")
    scene.feed.is_on = False
    one = await scene.rule_set()
    sent: dict[str, Snapshot] = {}
    async with scene.controller():
        for number in range(6):
            rsi = figure_key("rsi(length=14)@60")
            figures = {rsi: Figure(rsi, 30.0 + number / 3, 500 + number)}
            shot = await scene.feed.send(index=100 + number / 7, balance=1000 + number / 3, figures=figures)
            sent[shot.id] = shot
            await asyncio.sleep(0.05)
        intent = await scene.intent(one, "done")
    kept = snapshot_from_wire(bytes(intent["snapshot"]))
    assert kept == sent[intent["snapshot_id"]]
    assert kept.id == intent["snapshot_id"]
    (fired,) = await scene.audit("fired")
    assert fired["snapshot"] == intent["snapshot_id"]
    assert fired["numbers"] == {"index": kept.index}
    inputs = Inputs(kept, intent["decided_at"], ZoneInfo("UTC"), {}, Care())
    assert would_fire_now(one.body, inputs).stage is Stage.TRUE


async def test_R22_in_shadow_nothing_is_sent(scene: Scene) -> None:
    scene.upstream.begin("1", "2")
    one = await scene.rule_set(mode=Mode.SHADOW)
    async with scene.controller():
        intent = await scene.intent(one, "done")
        await scene.phase(one, "over")
    assert intent["is_shadow"]
    assert scene.upstream.acts == []
    assert [entry["call"] for entry in await scene.audit("would-ask")] == ["SetBuying", "StartPanic"]
    assert await scene.notices() == [("info", "rule-would-fire")]


async def test_every_action_has_its_effect_and_restore_sets_it_back(scene: Scene) -> None:
    scene.upstream.begin("1", "2", orders=("7",))
    then = (
        {"action": "cancel-orders"},
        {"action": "turn", "what": "selling", "on": False},
        {"action": "config", "fields": {"perc_buy_amount": "5"}},
        {"action": "sell", "which": "coins", "coins": ["C2"]},
        {"action": "notify", "text": "half of it is done"},
        {"action": "wait", "seconds": 1},
        {"action": "restore"},
        {"action": "turn", "what": "hopper", "on": False},
    )
    one = await scene.rule_set(then)
    async with scene.controller():
        await scene.intent(one, "done")
    assert scene.upstream.verbs() == [
        "DELETE order",
        "PATCH disable/selling",
        "PATCH config",
        "POST position/sell",
        "PATCH config",
        "PATCH enable/selling",
        "PATCH disable",
    ]
    assert scene.upstream.positions == ["1"]
    assert scene.upstream.configured["perc_buy_amount"] == "10"
    assert PANIC not in then
