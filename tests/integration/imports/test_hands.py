"""Hands that fail, hang or are killed: what our own code fails at ends in words, and what is lost is found soon."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cryptwire import gateway_client
from cryptwire.clock import SystemClock
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.gateway_client import Identity
from cryptwire.memory.bus import MemoryBus
from cryptwire.memory.clock import HandClock
from cryptwire.metrics import Meters
from cryptwire.storage import database
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.hopper_configs import HopperConfigs
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.imports import Imports
from cryptwire.storage.positions import Positions
from processor.handlers.hoppers import HopperLooks
from processor.handlers.imports import Importer
from processor.logic.imports import fault_pause
from tests.integration.imports.played import played, playing
from tests.integration.imports.test_hoppers import Queue
from tests.integration.imports.test_kills import Play, kill, play
from tests.integration.imports.victim import PlayedBackfill
from tests.unit.processor.twins import broken_links

__all__ = ["play"]
MINUTE = timedelta(minutes=1)


@dataclass
class Configs:
    """Where configurations are kept, by code with a fault."""

    good: HopperConfigs
    is_broken: bool = True

    async def keep(self, hopper: HopperId, fields: Mapping[str, str], read_at: datetime) -> int:
        if self.is_broken:
            raise ZeroDivisionError("secret numbers")
        return await self.good.keep(hopper, fields, read_at)


@dataclass
class Stage:
    owner: Database
    imports: Imports
    importer: Importer
    configs: Configs
    queued: list[UserId] = field(default_factory=list)

    async def user(self) -> UserId:
        query = "INSERT INTO users (email, password_hash) VALUES ('a@x.test', '') RETURNING user_id::text"
        user = UserId(await self.owner.value(query))
        await self.imports.ask(user)
        return user

    async def pause_is_over(self) -> None:
        await self.owner.execute("UPDATE imports SET not_before = now()")


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    folder, clock = tmp_path / "certificates", SystemClock()
    async with (
        playing(folder, played(trades=10)) as account,
        database.connect(database_url, "test") as owner,
        database.connect(url_of("processor", database_url), "test") as rows,
        gateway_client.connect(account.address, Identity(folder, "processor")) as gateway,
    ):
        hoppers, imports, bus, meters = Hoppers(rows), Imports(rows, MINUTE), MemoryBus(), Meters()
        queued: list[UserId] = []
        looks = HopperLooks(
            gateway, hoppers, imports, Queue([]), bus, clock, meters, broken_links(bus, HandClock())[0], at_once=1
        )
        configs = Configs(HopperConfigs(rows))
        importer = Importer(
            "worker", gateway, imports, hoppers, looks, configs, Positions(rows), PlayedBackfill(), Queue(queued), bus,
            clock, meters, patience=MINUTE, gives_up=timedelta(seconds=1),
        )  # fmt: skip
        yield Stage(owner, imports, importer, configs, queued)


async def test_a_fault_of_ours_is_tried_five_times_with_growing_pauses_and_ends_in_words(stage: Stage) -> None:
    user = await stage.user()
    for number in range(1, 6):
        with pytest.raises(ZeroDivisionError):
            await stage.importer.work(user)
        row = await stage.owner.row("SELECT finished_at, not_before - now() AS pause FROM imports")
        assert row is not None
        pause = fault_pause(number)
        if pause is None:
            break
        assert row["finished_at"] is None
        assert pause - MINUTE / 2 < row["pause"] <= pause
        await stage.importer.work(user)  # not before the pause is over
        assert await stage.imports.free() == []
        await stage.pause_is_over()
        assert await stage.imports.free() == [user]
    assert number == 5
    progress = await stage.imports.progress(user)
    assert progress is not None
    assert progress.state.value == "failed"
    assert "begin the import again" in progress.problems[0].message
    told = await stage.owner.fetch("SELECT user_id::text, kind, facts FROM notices ORDER BY kind")
    assert [(row["user_id"], row["kind"]) for row in told] == [(None, "import-broken"), (user, "import-failed")]
    assert json.loads(told[0]["facts"]) == {"account": user, "stage": "configuration", "reason": "ZeroDivisionError"}

    stage.configs.is_broken = False
    assert await stage.imports.ask(user), "begun again it goes on, as if nothing had been"
    await stage.importer.work(user)
    again = await stage.imports.progress(user)
    assert again is not None
    assert (again.state.value, again.number, again.problems) == ("done", progress.number + 1, ())


def test_pauses_grow() -> None:
    assert [fault_pause(number) for number in range(1, 7)] == [MINUTE, 2 * MINUTE, 4 * MINUTE, 8 * MINUTE, None, None]


async def test_it_is_seen_whether_hands_work_at_what_waits(stage: Stage) -> None:
    nothing = await stage.imports.standing()
    assert (nothing.waits_for, nothing.moved_for, nothing.stuck_for) == (None, None, None)
    user = await stage.user()
    await stage.owner.execute("UPDATE imports SET asked_at = now() - interval '7 minutes'")
    waits = await stage.imports.standing()
    assert waits.waits_for is not None
    assert 7 * MINUTE <= waits.waits_for < 8 * MINUTE
    assert (waits.moved_for, waits.stuck_for) == (None, None)
    claim = await stage.imports.claim(user, "worker")
    assert claim is not None
    await stage.owner.execute("UPDATE imports SET moved_at = now() - interval '2 hours'")
    assert await stage.imports.alive(claim)
    hangs = await stage.imports.standing()
    assert hangs.waits_for is None
    assert hangs.stuck_for == hangs.moved_for
    assert hangs.stuck_for is not None
    assert hangs.stuck_for >= 120 * MINUTE
    stage.configs.is_broken = False
    await stage.imports.let_go(claim)
    await stage.importer.work(user)
    done = await stage.imports.standing()
    assert (done.waits_for, done.stuck_for) == (None, None)
    assert done.moved_for is not None
    assert done.moved_for < MINUTE


async def test_what_a_silent_worker_had_in_hand_is_queued_once_and_what_merely_waits_is_not(stage: Stage) -> None:
    user = await stage.user()
    await stage.importer.queue_lost()
    assert stage.queued == []
    assert await stage.imports.claim(user, "killed") is not None
    await stage.importer.queue_lost()
    assert stage.queued == []
    await stage.owner.execute("UPDATE imports SET alive_at = now() - interval '61 seconds'")
    for _ in range(3):
        await stage.importer.queue_lost()
    assert stage.queued == [user]


async def test_what_a_killed_replica_had_in_hand_another_finishes_without_the_look_at_all(play: Play) -> None:
    play.replicas.environment |= {
        "CRYPTWIRE_PROCESSOR_PATIENCE": "600",
        "CRYPTWIRE_PROCESSOR_IMPORT_LOOK_EVERY": "86400",
    }
    play.account.seconds = 0.1
    user = await play.user()
    await Imports(play.owner).ask(user)
    victim = play.replicas.start()
    while await play.owner.value("SELECT stage FROM imports") != "positions":
        assert victim.is_running
    play.replicas.start()
    kill(victim)
    assert await play.until_over(user) == "done"
