"""A controller that is killed at any point leaves nothing that is done twice, and nothing that is not done (R11, R16).

The processes are real, and so are the kills: SIGKILL, by the process itself, at the point of a given number. Points lie
before and after each transaction and each request that acts. ``CRYPTWIRE_FULL=1``: a thousand kills.
"""

import asyncio
import itertools
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from cryptwire import config
from cryptwire.config import environment
from cryptwire.domain.rule_set import RuleSet
from cryptwire.storage.audit import Audit
from cryptwire.storage.rule_sets import RuleSets
from tests.conftest import ROOT
from tests.integration.controller.conftest import PANIC, Scene
from tests.integration.gateway.conftest import HOPPER

IS_FULL = environment().get("CRYPTWIRE_FULL") == "1"
KILLS = 1000 if IS_FULL else 40
POINTS = {"round", "rounded", "move", "moved", "send", "sent"}
_EACH = 40.0  # seconds that one rule set may take, through all its kills
ACTIONS: tuple[tuple[Mapping[str, Any], ...], ...] = (
    (PANIC,),
    ({"action": "sell", "which": "all"}, {"action": "restore"}),
    ({"action": "cancel-orders"}, {"action": "config", "fields": {"perc_buy_amount": "5"}}, PANIC),
    ({"action": "turn", "what": "selling", "on": False}, {"action": "notify", "text": "x"}, {"action": "restore"}),
)
DONE = (
    ["PATCH disable/buying", "GET panicbutton"],
    ["PATCH disable/buying", "POST position/sell", "PATCH enable/buying"],
    ["DELETE order", "PATCH config", "PATCH disable/buying", "GET panicbutton"],
    ["PATCH disable/selling", "PATCH enable/selling"],
)
_SELLS = (True, True, True, False)


class Nursery:
    """Controllers' processes, one at a time."""

    def __init__(self, process: asyncio.subprocess.Process, scene: Scene, folder: Path) -> None:
        self._process = process
        self._environment = config.variables(scene.settings, "controller")
        self._folder = folder
        self.points = folder / "points"
        self.points.touch()
        self.log = folder / "controllers.log"
        self._running: int | None = None
        self._ended = asyncio.Event()
        self.status = 0

    async def start(self, kill_at: int) -> None:
        assert self._process.stdin is not None
        told = {"environment": self._environment, "kill_at": kill_at, "log": str(self.log), "points": str(self.points)}
        self._ended.clear()
        self._process.stdin.write(json.dumps(told).encode() + b"\n")
        await self._process.stdin.drain()

    async def listen(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            pid, what, status = line.decode().split()
            if what == "began":
                self._running = int(pid)
            else:
                self._running, self.status = None, int(status)
                self._ended.set()

    async def ended(self) -> None:
        await self._ended.wait()

    async def kill(self) -> None:
        """End the one that runs."""
        if self._running is not None:
            os.kill(self._running, signal.SIGKILL)
            await self.ended()

    async def close(self) -> None:
        """No more begin: it forks what it was told to, says so, and goes without waiting for it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    def kill_orphan(self) -> None:
        """After everything that the nursery said was read: end what it left."""
        if self._running is not None:
            with suppress(ProcessLookupError):
                os.kill(self._running, signal.SIGKILL)


@asynccontextmanager
async def nursing(scene: Scene, folder: Path) -> AsyncIterator[Nursery]:
    inherited = {name: value for name, value in environment().items() if not name.startswith("CRYPTWIRE_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.controller.nursery",
        cwd=ROOT,
        env=inherited,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    nursery = Nursery(process, scene, folder)
    listening = asyncio.create_task(nursery.listen())
    try:
        yield nursery
    finally:
        await nursery.close()
        await listening
        nursery.kill_orphan()


async def through(scene: Scene, nursery: Nursery, which: int, kills: "itertools.chain[int]") -> int:
    """One rule set that fires, through kills at these points, to its end; how many it were."""
    scene.upstream.begin("1", "2", orders=("7",))
    one = await scene.rule_set(ACTIONS[which])
    began, count = time.monotonic(), 0
    watching = asyncio.create_task(_over(scene, one))
    try:
        while not watching.done():
            await nursery.start(next(kills, 0))
            ended = asyncio.create_task(nursery.ended())
            left = _EACH - (time.monotonic() - began)
            await asyncio.wait({watching, ended}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                assert nursery.status == signal.SIGKILL, nursery.log.read_text()[-3000:]
                count += 1
            ended.cancel()
            assert time.monotonic() - began < _EACH, (
                await scene.intent(one, within=1),
                nursery.log.read_text()[-3000:],
            )
        await watching
    finally:
        watching.cancel()
        await nursery.kill()
    await _as_it_should(scene, one, which)
    await RuleSets(scene.owner).delete(one)
    return count


async def _over(scene: Scene, one: RuleSet) -> None:
    await scene.intent(one, "done", "partial", "failed", "abandoned", within=_EACH)
    await scene.phase(one, "over", "review", within=_EACH)


async def _as_it_should(scene: Scene, one: RuleSet, which: int) -> None:
    """Nothing twice, nothing lost: upstream, in the table of calls, among intents, notices and in the audit."""
    intents = await scene.owner.fetch("SELECT * FROM intents WHERE rule_set_id = $1::text::uuid", one.id)
    assert [(row["state"], row["epoch"]) for row in intents] == [("done", 1)], await scene.audit()
    assert scene.upstream.verbs() == DONE[which], await scene.audit()
    assert sorted(map(str, scene.upstream.sold)) == (["1", "2"] if _SELLS[which] else [])
    calls = await scene.owner.fetch(
        "SELECT number, outcome FROM calls WHERE intent_id = $1 AND is_admitted ORDER BY number",
        intents[0]["intent_id"],
    )
    assert [row["outcome"] for row in calls] == ["done"] * len(DONE[which])
    entries = await scene.owner.fetch("SELECT kind FROM audit WHERE rule_set_id = $1::text::uuid", one.id)
    kinds = Counter(row["kind"] for row in entries)
    for kind in ("epoch", "started", "fired", "ended"):
        wanted = 2 if kind == "ended" else 1  # the intent's, and the rule set's
        assert kinds[kind] == wanted, (kind, kinds)
    told = await scene.owner.fetch("SELECT kind FROM notices WHERE key LIKE '%' || $1 || '%'", one.id)
    assert [row["kind"] for row in told] == ["rule-fired"]
    done = await scene.owner.fetch(
        "SELECT kind FROM notices WHERE key LIKE 'rule-done/' || $1 || '%'", str(intents[0]["intent_id"])
    )
    assert len(done) == 1
    assert (await scene.phase(one, "over"))["epoch"] == 1


@pytest.mark.slow
@pytest.mark.timeout(7200 if IS_FULL else 400)
async def test_R11_R16_killed_anywhere_nothing_is_done_twice_and_nothing_is_lost(
    scene: Scene, tmp_path: Path, record_property: Any
) -> None:
    """Each point in turn as the only one, then many in a row, the first few points of each life being the likeliest."""
    chance = random.Random("crashes")
    kills = sets = 0
    async with nursing(scene, tmp_path) as nursery:
        for number in itertools.count(1):  # until a life passes fewer points than that
            count = await through(scene, nursery, 0, itertools.chain([number]))
            kills, sets = kills + count, sets + 1
            if not count or (not IS_FULL and kills >= KILLS // 2):
                break
        while kills < KILLS:
            row = [chance.randint(1, 5) for _ in range(chance.randint(1, 9))]
            kills += await through(scene, nursery, chance.randrange(len(ACTIONS)), itertools.chain(row))
            sets += 1
        points = Counter(nursery.points.read_text().split())
    record_property("kills", kills)
    print(f"{kills} kills over {sets} rule sets, by point: {dict(points)}")
    assert points.keys() == POINTS
    assert sum(points.values()) >= kills >= KILLS  # of one that came just after the end only the point is noted
    audit = Audit(scene.owner)
    await audit.verify(await audit.chain_of(HOPPER))
