"""What ten thousand simulated hoppers cost: the process that plays them, and their world alone.

A process as anyone starts it (``python -m simulator --scenario``) plays 10,000 hoppers whose decisions lie so close
that they place more than twenty orders a second together; it has been trading for ten minutes when it is measured.
Nobody asks it anything, so what it uses is for the hoppers and the market; the same process with the demo's eight tells
how much of it is the market. Orders are counted in a world of the same seed and beginning, which therefore is the same:
it is measured by itself, in steps of a quarter second, as the process takes them.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.place import Child, usage_of
from bench.report import Row, at_least, at_most, told
from cryptwire import config
from devstack.place import root
from devstack.servers import Process, free_port
from simulator.cryptohopper.state import Kept
from simulator.market.prices import Market
from simulator.worlds.plan import parsed
from simulator.worlds.world import World

USERS, EACH, DECISION, RATE = 1000, 10, 6, 20.0
_WINDOW, _PAST, _LATER, _STEP = 40.0, 600, 600, 250
_DEMO_DAYS = 90
_WORLD = {"users": USERS, "hoppers_per_user": EACH}


async def measure() -> list[Row]:
    """The process first, then its world."""
    began_at = _now() // 60_000 * 60_000 - _PAST * 1000
    hoppers = USERS * EACH
    async with _playing({"world": _WORLD, "settings": {"decision_seconds": DECISION}}, began_at) as (child, started):
        since, share, rss = await _share(child)
    async with _playing({}, _now() - _DEMO_DAYS * 86_400_000) as (child, demo_started):
        _, alone, demo_rss = await _share(child)
    world = _World(began_at)
    orders, _, _ = world.go_on(since, int(_WINDOW * 1000))
    later, cpu, longest = world.go_on(since + int(_WINDOW * 1000), _LATER * 1000)
    name = f"simulator: process with {hoppers:,} hoppers"
    return [
        at_most(name, share, 0.5, "of a core"),
        at_least("simulator: orders it placed meanwhile", orders / _WINDOW, RATE, "a second"),
        told("simulator: the same process with the demo's 8", alone, "of a core"),
        told("simulator: memory a hopper", (rss - demo_rss) / hoppers / 1000, "KB", " more than the demo's process"),
        told(f"simulator: start with {hoppers:,}, {_PAST // 60} minutes to make up", started, "s"),
        told(f"simulator: start of the demo, {_DEMO_DAYS} days to make up", demo_started, "s"),
        at_most(f"simulator: their world alone, {_LATER // 60} minutes of it", cpu / _LATER, 0.5, "of a core"),
        at_least("simulator: orders in these", later / _LATER, RATE, "a second"),
        told("simulator: its longest step of a quarter second", longest * 1000, "ms"),
        told("simulator: memory a hopper, world alone", world.bytes / hoppers / 1000, "KB"),
    ]


@asynccontextmanager
async def _playing(scenario: dict[str, Any], began_at: int) -> AsyncIterator[tuple[Child, float]]:
    """A simulator whose world began then, and the seconds until it answered."""
    with TemporaryDirectory() as place:
        folder, port = Path(place), free_port()
        kept = Kept(folder / "kept")
        kept.fact("began_at", str(began_at))
        kept.close()
        (folder / "scenario.json").write_text(json.dumps(scenario))
        process = Process("simulator", folder / "simulator.log")
        inherited = {key: each for key, each in config.environment().items() if not key.startswith("CRYPTWIRE_")}
        options = ["--port", str(port), "--folder", str(folder / "kept"), "--scenario", str(folder / "scenario.json")]
        began = time.monotonic()
        process.start([sys.executable, "-m", "simulator", *options], cwd=str(root()), environment=inherited)
        try:
            child = Child(process, port)
            await child.ready("healthz")
            yield child, time.monotonic() - began
        finally:
            await process.stop(5)


async def _share(child: Child) -> tuple[int, float, int]:
    """Begin of a window, the share of a core used within it, and the memory held at its end."""
    await asyncio.sleep(2.0)
    since, began, before = _now(), time.monotonic(), child.usage()
    await asyncio.sleep(_WINDOW)
    after = child.usage()
    return since, (after.cpu_seconds - before.cpu_seconds) / (time.monotonic() - began), after.rss_bytes


class _World:
    """The world that the process plays."""

    def __init__(self, began_at: int) -> None:
        self._before = usage_of(_pid()).rss_bytes
        self._world = World(Market("cryptwire"), began_at, DECISION * 1000, plan=parsed(_WORLD))

    @property
    def bytes(self) -> int:
        gc.collect()
        return usage_of(_pid()).rss_bytes - self._before

    def go_on(self, since: int, milliseconds: int) -> tuple[int, float, float]:
        """Orders that traded within a span, CPU seconds for it, and the longest step in seconds."""
        self._world.advance(since)
        self._world.new_trades()
        orders: set[tuple[str, str]] = set()
        longest, began = 0.0, time.process_time()
        for at in range(since + _STEP, since + milliseconds + 1, _STEP):
            step = time.perf_counter()
            self._world.advance(at)
            orders.update((hopper.id, trade.order_id) for hopper, trade in self._world.new_trades())
            longest = max(longest, time.perf_counter() - step)
        return len(orders), time.process_time() - began, longest


def _now() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


def _pid() -> int:
    return int(Path("/proc/self").readlink().name)
