"""A linked account is imported whole, through the real gateway and the simulated Cryptohopper, whatever happens."""

import asyncio

from cryptwire.codec.imports import import_from_wire
from cryptwire.domain.imports import ImportProgress, ImportState
from cryptwire.messaging import bus as messaging
from cryptwire.messaging import subjects
from cryptwire.messaging.bus import Message
from cryptwire.storage import redis
from cryptwire.storage.import_queue import ImportQueue
from cryptwire.storage.imports import Imports
from tests.integration.imports.conftest import Scene
from tests.integration.imports.victim import CANDLES

DONE = "SELECT state FROM imports WHERE user_id = $1::text::uuid"


async def test_everything_of_an_account_is_there_and_its_owner_is_told(scene: Scene) -> None:
    user = await scene.linked("alice")
    heard: list[ImportProgress] = []

    async def hear(message: Message) -> None:
        heard.append(import_from_wire(message.payload))

    queue = ImportQueue(scene.redis_url)
    async with messaging.connect(scene.nats_url, "admin") as bus:
        await bus.subscribe(subjects.imports(user), hear)
        await bus.flush()
        assert await Imports(scene.owner).ask(user)
        await queue.put(user)
        scene.replicas.start()
        await scene.until(DONE, user, is_what="done")
        async with asyncio.timeout(10):
            while not (heard and heard[-1].state is ImportState.DONE):  # noqa: ASYNC110 - it comes by the bus
                await asyncio.sleep(0.05)
    await queue.close()

    linked = await scene.gateway.hoppers(user)
    assert len(linked) == 4
    rows = await scene.owner.fetch("SELECT hopper_id, name, began_at FROM hoppers WHERE user_id = $1::text::uuid", user)
    assert {(row["hopper_id"], row["name"]) for row in rows} == {(one.id, one.hopper.name) for one in linked}
    assert all(row["began_at"] is not None for row in rows)
    for one in linked:
        fields = await scene.owner.value("SELECT fields FROM hopper_configs WHERE hopper_id = $1", one.id)
        assert '"stop_loss' in fields
        assert "api_" not in fields
        assert await scene.owner.value("SELECT count(*) FROM hopper_reads WHERE hopper_id = $1", one.id) == 4
        stored = await scene.owner.value("SELECT count(*) FROM trades WHERE hopper_id = $1", one.id)
        counted = await scene.owner.value("SELECT trades FROM import_hoppers WHERE hopper_id = $1", one.id)
        assert stored == counted > 0
    assert await scene.owner.value("SELECT count(*) FROM trade_comparisons") == 4
    assert await scene.owner.value("SELECT count(*) FROM hopper_events") == 0  # all of them are old
    notice = await scene.owner.row("SELECT class, kind, facts FROM notices")
    assert notice is not None
    assert (notice["class"], notice["kind"]) == ("info", "import-done")
    assert heard[-1].state is ImportState.DONE
    assert heard[-1].done == heard[-1].total == 4 * CANDLES
    assert heard[0].state is ImportState.RUNNING
    assert len(heard) <= 3 + 2 * (heard[-1].finished_at - heard[-1].began_at).total_seconds()  # type: ignore[operator]
    async with redis.connect(scene.redis_url) as values:
        assert all(str(key).startswith("b'cw:") for key in await values.keys("*"))
