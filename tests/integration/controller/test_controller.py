"""A controller at work: what it decides, does, tells and answers."""

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
    assert [kind for _, kind in await scene.notices()] == ["rule-fired", "rule-done"]
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
