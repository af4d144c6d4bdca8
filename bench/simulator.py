"""What ten thousand simulated hoppers cost: the process that plays them, and their world alone.

A process as anyone starts it (``python -m simulator --scenario``) plays 10,000 hoppers whose decisions lie so close
that they place more than twenty orders a second together; it has been trading for ten minutes when it is measured.
Every trade is told by webhook to an address that answers. At first nobody asks it anything but how it is, fifty times
a second over one connection: the longest of these answers is the longest that nothing else could go on. What it uses is
for the hoppers, the market and the webhooks; the same process with the demo's eight tells how much of it is the market.
Then five hundred users poll it, each with a token of his own, and what it uses more is what requests cost.
Orders are counted in a world of the same seed and beginning, which therefore is the same: it is measured by itself, in
steps of a quarter second, as the process takes them.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
from aiohttp import web

from bench.place import Child, usage_of
from bench.report import Row, at_least, at_most, percentile, told
from cryptwire import config
from devstack.place import root
from devstack.servers import Process, free_port
from simulator.cryptohopper.state import Grant, Kept
from simulator.market.prices import Market
from simulator.pace import PIECE
from simulator.worlds.plan import parsed
from simulator.worlds.world import World

USERS, EACH, DECISION, RATE = 1000, 10, 4, 20.0
POLLED, POLLS = 500, 100.0  # users, and requests a second of all of them
STALL = 0.1  # seconds
_WINDOW, _PAST, _LATER, _STEP = 40.0, 600, 600, 250
_DEMO_DAYS, _PROBE, _A_DAY = 90, 0.02, 86_400_000
_WORLD = {"users": USERS, "hoppers_per_user": EACH}
_READS = ("", "/{hopper}", "/{hopper}/assets", "/{hopper}/position", "/{hopper}/trade?count=100", "/{hopper}/output")


async def measure() -> list[Row]:
    """The process first, then its world."""
    began_at = _now() // 60_000 * 60_000 - _PAST * 1000
    hoppers = USERS * EACH
    async with _hook() as (address, heard):
        told_to = {"decision_seconds": DECISION, "webhook_url": address}
        async with _playing({"world": _WORLD, "settings": told_to}, began_at) as (child, started):
            await asyncio.sleep(2.0)
            since, before = _now(), len(heard)
            probed, share = await _share(child, _probe(child.health_port))
            messages, rss = sum(heard[before:]), child.usage().rss_bytes
            polled, busy = await _share(child, _poll(child.health_port))
    async with _playing({}, _now() - _DEMO_DAYS * _A_DAY) as (child, demo_started):
        await asyncio.sleep(2.0)
        _, alone = await _share(child, _probe(child.health_port))
        demo_rss = child.usage().rss_bytes
    world = _World(began_at)
    orders, _, _, _ = world.go_on(since, int(_WINDOW * 1000))
    later, cpu, longest, piece = world.go_on(since + int(_WINDOW * 1000), _LATER * 1000)
    name = f"simulator: process with {hoppers:,} hoppers, webhooks sent"
    return [
        at_most(name, share, 0.5, "of a core"),
        at_least("simulator: orders it placed meanwhile", orders / _WINDOW, RATE, "a second"),
        at_least("simulator: messages its webhooks told meanwhile", messages / _WINDOW, RATE, "a second"),
        at_most("simulator: longest time it answered nobody", max(probed) * 1000, STALL * 1000, "ms"),
        told("simulator: 99.9 % of these below", percentile(probed, 0.999) * 1000, "ms"),
        told(
            f"simulator: the same, {POLLED} users polling",
            busy,
            "of a core",
            f" at {len(polled) / _WINDOW:.0f} a second",
        ),
        told("simulator: CPU a request of these", (busy - share) * _WINDOW / len(polled) * 1000, "ms"),
        told("simulator: 99 % of these answered within", percentile(polled, 0.99) * 1000, "ms"),
        told("simulator: the slowest of these", max(polled) * 1000, "ms"),
        told("simulator: the same process with the demo's 8", alone, "of a core"),
        told("simulator: memory a hopper", (rss - demo_rss) / hoppers / 1000, "KB", " more than the demo's process"),
        told(f"simulator: start with {hoppers:,}, {_PAST // 60} minutes to make up", started, "s"),
        told(f"simulator: start of the demo, {_DEMO_DAYS} days to make up", demo_started, "s"),
        at_most(f"simulator: their world alone, {_LATER // 60} minutes of it", cpu / _LATER, 0.5, "of a core"),
        at_least("simulator: orders in these", later / _LATER, RATE, "a second"),
        told("simulator: its longest step of a quarter second", longest * 1000, "ms"),
        told(f"simulator: the longest piece of one, {PIECE} acts", piece * 1000, "ms"),
        told("simulator: memory a hopper, world alone", world.bytes / hoppers / 1000, "KB"),
    ]


@asynccontextmanager
async def _hook() -> AsyncIterator[tuple[str, list[int]]]:
    """An address for webhooks, and how many messages each call held."""
    heard: list[int] = []

    async def receive(request: web.BaseRequest) -> web.Response:
        heard.append(len(json.loads(await request.read())["messages"]))
        return web.Response()

    runner = web.ServerRunner(web.Server(receive))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/", heard
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _playing(scenario: dict[str, Any], began_at: int) -> AsyncIterator[tuple[Child, float]]:
    """A simulator whose world began then, and the seconds until it answered."""
    with TemporaryDirectory() as place:
        folder, port = Path(place), free_port()
        kept = Kept(folder / "kept")
        kept.fact("began_at", str(began_at))
        for number in range(POLLED):
            grant = Grant(str(100_001 + number), "cryptwire-dev", ("read",), _now() + _A_DAY)
            kept.add_token(f"bench-{number}", "access", grant, str(number))
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


async def _share(child: Child, asking: Coroutine[Any, Any, list[float]]) -> tuple[list[float], float]:
    """What ``asking`` gives, and the share of a core used meanwhile."""
    began, before = time.monotonic(), child.usage()
    found = await asking
    return found, (child.usage().cpu_seconds - before.cpu_seconds) / (time.monotonic() - began)


async def _probe(port: int) -> list[float]:
    """How long each answer took, in seconds, of requests over one connection that the world has no part in."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    found, end = [], time.monotonic() + _WINDOW
    while (began := time.monotonic()) < end:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split()[0]))
        found.append(time.monotonic() - began)
        await asyncio.sleep(_PROBE)
    writer.close()
    await writer.wait_closed()
    return found


async def _poll(port: int) -> list[float]:
    """How long each answer took, in seconds, that users got, one read after the other of one hopper each."""
    found: list[float] = []

    async def read(http: aiohttp.ClientSession, number: int) -> None:
        user, hopper = number % POLLED, 2_000_001 + number % POLLED * EACH
        path = _READS[number // POLLED % len(_READS)].format(hopper=hopper)
        began = time.monotonic()
        async with http.get(f"/v1/hopper{path}", headers={"access-token": f"bench-{user}"}) as answer:
            await answer.read()
            answer.raise_for_status()
        found.append(time.monotonic() - began)

    connector = aiohttp.TCPConnector(limit=100)
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{port}", connector=connector) as http,
        asyncio.TaskGroup() as all_,
    ):
        began = time.monotonic()
        for number in range(int(_WINDOW * POLLS)):
            await asyncio.sleep(max(0.0, began + number / POLLS - time.monotonic()))
            all_.create_task(read(http, number))
    return found


class _World:
    """The world that the process plays."""

    def __init__(self, began_at: int) -> None:
        self._before = usage_of(_pid()).rss_bytes
        self._world = World(Market("cryptwire"), began_at, DECISION * 1000, plan=parsed(_WORLD))

    @property
    def bytes(self) -> int:
        gc.collect()
        return usage_of(_pid()).rss_bytes - self._before

    def go_on(self, since: int, milliseconds: int) -> tuple[int, float, float, float]:
        """Orders that traded within a span, CPU seconds for it, and the longest step and piece in seconds."""
        self._world.advance(since)
        self._world.new_trades()
        gc.disable()  # the process spares the world, too, but by a way that would last
        orders: set[tuple[str, str]] = set()
        longest, longest_piece, began = 0.0, 0.0, time.process_time()
        for at in range(since + _STEP, since + milliseconds + 1, _STEP):
            step, is_done = time.perf_counter(), False
            while not is_done:
                piece = time.perf_counter()
                is_done = self._world.advance(at, PIECE)
                longest_piece = max(longest_piece, time.perf_counter() - piece)
            orders.update((hopper.id, trade.order_id) for hopper, trade in self._world.new_trades())
            longest = max(longest, time.perf_counter() - step)
        gc.enable()
        return len(orders), time.process_time() - began, longest, longest_piece


def _now() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


def _pid() -> int:
    return int(Path("/proc/self").readlink().name)
