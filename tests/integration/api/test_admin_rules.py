"""`cryptwire admin rules …`: what an administrator sees of a hopper's rule sets, and turns off."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cryptwire import admin_rules
from cryptwire.errors import NotFound, Unavailable
from devstack.servers import Servers
from tests.integration.api.conftest import World
from tests.integration.api.rule_sets import ONE, Scene, acting

STANDING = {
    "rules": {
        "version": 1, "mode": "shadow", "mode_number": 2, "epoch": 3, "phase": "watching", "verdict": "false",
        "reason": "stop 95", "start": 100.0, "peak": 110.0, "index": 101.0,
        "evaluated_at": "2026-01-01T00:00:02+00:00", "snapshot_at": None,
    },
    "upstream": {
        "is_enabled": True, "is_buying": False, "is_selling": True, "positions": 3,
        "read_at": "2026-01-01T00:00:00+00:00",
    },
    "mismatches": ["upstream shows 3 positions, the rule was told of 2"],
}  # fmt: skip


@pytest.fixture
async def scene(world: World, tmp_path: Path) -> AsyncIterator[Scene]:
    async with acting(world, tmp_path / "certificates") as scene:
        yield scene


async def test_rule_sets_are_listed_told_of_and_turned_off(scene: Scene, database_url: str, servers: Servers) -> None:
    assert await admin_rules.list_rule_sets(database_url, "1") == ["hopper 1 has no rule set"]
    one, other = await scene.made(name="one"), await scene.made(name="other")
    await scene.set_to(one, "SHADOW")
    shadowed, off = await admin_rules.list_rule_sets(database_url, "1")
    assert (shadowed.split()[:2], off.split()[:2]) == (["shadow", one["id"]], ["off", other["id"]])
    operator = servers.nats.url("operator")
    scene.controller.answers["state"] = STANDING
    lines = await admin_rules.tell_state(database_url, operator, "1", "", "carol")
    assert lines == [
        f"{one['id']}  one: shadow",
        "  rules: watching, epoch 3, false (stop 95), looked at 2026-01-01 00:00:02Z",
        "  upstream: hopper on, buying off, selling on, 3 positions, read at 2026-01-01 00:00:00Z",
        "  MISMATCH: upstream shows 3 positions, the rule was told of 2",
        f"{other['id']}  other: off",
    ]
    verb, request = scene.controller.asked[-1]
    assert (verb, request.asked_by, request.user, request.rule_set) == ("state", "admin:carol", scene.me, one["id"])
    scene.controller.answers["state"] = Unavailable("no figures")
    (line,) = await admin_rules.tell_state(database_url, operator, "1", one["id"], "carol")
    assert line == f"{one['id']}  one: shadow, and nobody tells how it stands (no figures)"
    told = await admin_rules.turn_off(database_url, "1", "", "incident", "carol")
    assert told == [f"{one['id']} is off, it was shadow: one"]
    assert (await scene.ask(ONE, id=one["id"]))["data"]["ruleSet"]["mode"] == "OFF"
    row = await scene.world.owner.row("SELECT by, note FROM rule_set_changes ORDER BY change_id DESC LIMIT 1")
    assert row is not None
    assert tuple(row) == ("admin:carol", "incident")
    changes = f'{{ ruleSetChanges(id: "{one["id"]}", first: 1) {{ by note }} }}'
    shown = (await scene.ask(changes))["data"]["ruleSetChanges"]
    assert shown == [{"by": "administrator", "note": "incident"}], "who exactly is not told"
    assert await admin_rules.turn_off(database_url, "1", "", "again", "carol") == ["all were off"]
    with pytest.raises(NotFound):
        await admin_rules.turn_off(database_url, "1", "nothing", "x", "carol")
    with pytest.raises(NotFound):
        await admin_rules.tell_state(database_url, operator, "3", "", "carol")
