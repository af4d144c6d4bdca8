"""A real gateway before a played Cryptohopper, real servers, a hopper with rule sets, and figures as analysers send."""

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.main import main
from controller.ports import Points
from controller.settings import Settings
from cryptwire.clock import SystemClock
from cryptwire.codec.control import ControlRequest, control_reply_from_wire, control_request_to_wire
from cryptwire.codec.figure import Lease, lease_to_wire, snapshot_to_wire, wanted_from_wire
from cryptwire.codec.rule_set import body_from_json
from cryptwire.domain.action import RuleSetId
from cryptwire.domain.figure import Snapshot
from cryptwire.domain.hopper import Asset, UserId
from cryptwire.domain.rule_set import Mode, RuleSet
from cryptwire.errors import CryptwireError
from cryptwire.messaging import bus as messaging
from cryptwire.messaging.bus import Message, NatsBus
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from cryptwire.runtime import Health, Runtime
from cryptwire.storage import database
from cryptwire.storage.assignments import Assignments
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.rule_sets import RuleSets
from cryptwire.tasks import end as end_tasks
from tests.integration.controller.played import PlayedCryptohopper
from tests.integration.gateway.conftest import (
    HOPPER,
    Stage,
    certificate_folder,
    roomy,
    stage,
)

__all__ = ["certificate_folder", "roomy", "stage"]

POD = "shard-1"
SETTLE = timedelta(seconds=0)
HELD: Mapping[str, Any] = {"rule": "positions", "is": "above", "count": 0, "confirm": {"ticks": 1, "seconds": 0}}
"""True while a position is open."""
PANIC: Mapping[str, Any] = {"action": "panic-sell"}


@dataclass
class Feed:
    """Figures of the hopper, sent each ``every`` seconds while ``is_on``, as an analyser does."""

    bus: NatsBus
    upstream: PlayedCryptohopper
    clock: SystemClock = field(default_factory=SystemClock)
    every: float = 0.05
    index: float = 100.0
    is_on: bool = True
    session: str = "played"
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    wanted: list[tuple[str, ...]] = field(default_factory=list)

    def snapshot(self, **changes: Any) -> Snapshot:
        now = self.clock.now()
        values: dict[str, Any] = {
            "hopper": HOPPER,
            "session": self.session,
            "sequence": next(self.numbers),
            "at": now,
            "newest_price_at": now,
            "prices_at": now,
            "is_fresh": True,
            "assets_at": now,
            "refresh_seconds": 60,
            "unpriced_share": 0.0,
            "is_settling": False,
            "flows_version": 1,
            "base": Asset("USDT"),
            "balance": self.index * 10,
            "index": self.index,
            "positions": len(self.upstream.positions),
            "figures": {},
        }
        return Snapshot(**{**values, **changes})

    async def send(self, **changes: Any) -> Snapshot:
        snapshot = self.snapshot(**changes)
        await self.bus.publish(LIVE.figures(HOPPER), snapshot_to_wire(snapshot))
        return snapshot

    async def run(self) -> None:
        while True:
            if self.is_on:
                await self.send()
            await asyncio.sleep(self.every)

    async def lease(self, message: Message) -> None:
        self.wanted.append(wanted_from_wire(message.payload).keys)
        lease = Lease(self.clock.now() + timedelta(seconds=60), {})
        await self.bus.publish(message.reply, lease_to_wire(lease))


@dataclass
class Scene:
    """A hopper of a Pro user, held by a pod that lives."""

    stage: Stage
    upstream: PlayedCryptohopper
    owner: Database
    bus: NatsBus
    user: UserId
    feed: Feed
    settings: Settings
    pods: set[str] = field(default_factory=lambda: {POD})  # that live

    async def rule_set(
        self,
        then: Sequence[Mapping[str, Any]] = (PANIC,),
        when: Sequence[Mapping[str, Any]] = (HELD,),
        mode: Mode = Mode.ARMED,
        **more: Any,
    ) -> RuleSet:
        """A new one."""
        body = body_from_json({"name": "Guard", "when": list(when), "then": list(then), **more})
        sets = RuleSets(self.owner)
        made = await sets.add(self.user, HOPPER, body, lambda _: None)
        return made if mode is Mode.OFF else await sets.set_mode(made, mode)

    async def turn(self, one: RuleSet, mode: Mode) -> RuleSet:
        return await RuleSets(self.owner).set_mode(one, mode)

    @asynccontextmanager
    async def controller(self, points: Points | None = None, pod: str = POD) -> AsyncIterator[Runtime]:
        """A controller until the block ends; it must end in time."""
        runtime = Runtime(asyncio.Event(), SystemClock(), Meters(), Health())
        settings = Settings(**{**_fields(self.settings), "pod": pod})
        task = asyncio.create_task(main(settings, runtime, points))
        try:
            async with asyncio.timeout(40):
                while not runtime.health.is_ready:
                    if task.done():
                        await task
                    await asyncio.sleep(0.01)
            yield runtime
        finally:
            runtime.stop.set()
            await asyncio.wait_for(task, 10)

    async def ask(self, verb: str, rule_set: RuleSet | None = None, body: Any = None, **more: Any) -> dict[str, Any]:
        request = ControlRequest(
            HOPPER,
            more.get("user", self.user),
            more.get("by", "user"),
            RuleSetId("") if rule_set is None else rule_set.id,
            body,
        )
        subject = LIVE.control(HOPPER, "controller", verb)
        return control_reply_from_wire(await self.bus.request(subject, control_request_to_wire(request), 8))

    async def intent(self, one: RuleSet, *states: str, within: float = 60) -> Mapping[str, Any]:
        """Its newest intent, once it is in one of ``states``."""
        began = time.monotonic()
        while True:
            row = await self.owner.row(
                "SELECT * FROM intents WHERE rule_set_id = $1::text::uuid ORDER BY epoch DESC LIMIT 1", one.id
            )
            if row is not None and (not states or row["state"] in states):
                return {**row, "progress": json.loads(row["progress"]), "actions": json.loads(row["actions"])}
            assert time.monotonic() - began < within, (row and row["state"], await self.audit())
            await asyncio.sleep(0.02)

    async def phase(self, one: RuleSet, *wanted: str, within: float = 30) -> dict[str, Any]:
        """The state of a rule set, once it is in one of these phases."""
        async with asyncio.timeout(within):
            while True:
                row = await self.owner.row("SELECT state FROM rule_states WHERE rule_set_id = $1::text::uuid", one.id)
                state: dict[str, Any] = {} if row is None else json.loads(row["state"])
                if state.get("phase") in wanted:
                    return state
                await asyncio.sleep(0.02)

    async def audit(self, kind: str = "") -> list[dict[str, Any]]:
        """The bodies of the hopper's entries, the first first."""
        rows = await self.owner.fetch(
            "SELECT a.* FROM audit a JOIN audit_chains c USING (chain) WHERE c.hopper_id = $1 ORDER BY number", HOPPER
        )
        return [{"kind": row["kind"], **json.loads(row["body"])} for row in rows if kind in ("", row["kind"])]

    async def notices(self) -> list[tuple[str, str]]:
        """Class and kind of every notice, in order."""
        rows = await self.owner.fetch("SELECT class, kind FROM notices ORDER BY notice_id")
        return [(row["class"], row["kind"]) for row in rows]


def _fields(settings: Settings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in Settings.__dataclass_fields__}


@pytest.fixture
async def upstream() -> PlayedCryptohopper:
    return PlayedCryptohopper()


@pytest.fixture
async def quiet(
    roomy: Stage,
    upstream: PlayedCryptohopper,
    database_url: str,
    redis_url: str,
    nats_url: str,
    certificate_folder: Path,
) -> AsyncIterator[Scene]:
    """A hopper and a gateway, and nobody who tells figures."""
    async with (
        database.connect(database_url, "test", 4) as owner,
        messaging.connect(nats_url, "admin") as bus,
    ):
        user = await roomy.linked_user()
        await owner.execute("UPDATE users SET plan = 'pro' WHERE user_id = $1::text::uuid", user)
        await roomy.assigned(user, POD)
        feed = Feed(bus, upstream)
        settings = Settings(
            pod=POD,
            database_url=url_of("controller", database_url),
            redis_url=redis_url,
            nats_url=nats_url,
            gateway_address=roomy.settings.address,
            certificates=certificate_folder,
            settle=SETTLE,
            actions_an_hour=1_000_000,
            actions_a_day=1_000_000,
            panics_a_day=1_000_000,
        )
        made = Scene(roomy, upstream, owner, bus, user, feed, settings)
        confirming = asyncio.create_task(_confirm(made))
        try:
            yield made
        finally:
            await end_tasks([confirming])


@pytest.fixture
async def scene(quiet: Scene) -> AsyncIterator[Scene]:
    """The same, with figures that are played."""
    end = await quiet.bus.subscribe(LIVE.want, quiet.feed.lease)
    playing = asyncio.create_task(quiet.feed.run())
    try:
        yield quiet
    finally:
        await end_tasks([playing])
        await end()


async def _confirm(scene: Scene) -> None:
    while True:
        for pod in scene.pods:
            with contextlib.suppress(CryptwireError):
                await Assignments(scene.owner).confirm(pod)
        await asyncio.sleep(1)
