"""What the gateway adds to a call, beside calling upstream directly in the same run.

Upstream answers at once and is a process of its own; the gateway's process is kept on one core. Every call reads
another hopper's balances with ``max_age`` 0, so each goes upstream: caller, certificate, policy, hopper and token from
the database, a turn in Redis, the token opened, HTTP on the loopback. "At rest" is one call after the other, "busy" 32
at a time; directly and through the gateway they take turns.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import aiohttp

from bench import gateways, place
from bench.place import usage_of
from bench.report import Row, median, percentile, told
from cryptwire.domain.hopper import HopperId
from devstack.servers import free_port, listens

_USERS = 400
_HOPPERS = 2
_SECONDS = 4.0
_ROUNDS = 2
_BUSY = 32
_MS = 1000


async def measure() -> list[Row]:
    async with place.opened() as there:
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        # a turn costs the same whatever the window is; a token's own limit must not be what is measured
        roomy: dict[str, object] = {"request_window": 1.0, "requests_per_window": 120, "reserved_per_window": 20}
        async with (
            place.module(there, "bench.played_upstream", str(port), str(_HOPPERS)),
            gateways.running(there, address, told=roomy) as running,
            running.client("tracker") as client,
            aiohttp.ClientSession() as http,
        ):
            while not await asyncio.to_thread(listens, port):  # noqa: ASYNC110 - a process
                await asyncio.sleep(0.05)
            users = await gateways.linked(running, _USERS, _consent)
            asked = [(user, HopperId(str(1 + number))) for number in range(_HOPPERS) for user in users]
            pid = running.children[0].process.pid
            os.sched_setaffinity(pid, {max(os.sched_getaffinity(0))})

            async def direct(number: int) -> None:
                url = f"{address}/v1/hopper/{1 + number % _HOPPERS}/assets"
                async with http.get(url, headers={"access-token": "x" * 40}) as answer:
                    await answer.json()

            async def through(number: int) -> None:
                await client.assets(*asked[number % len(asked)])

            async def kept(number: int) -> None:
                await client.assets(*asked[number % len(asked)], max_age=timedelta(minutes=5))

            seen: dict[tuple[str, int], list[float]] = {}
            rates: dict[tuple[str, int], list[float]] = {}
            cpu: dict[str, list[float]] = {}
            for _ in range(_ROUNDS):
                for at_once in (1, _BUSY):
                    for name, call in (("direct", direct), ("through", through), ("kept", kept)):
                        before = usage_of(pid).cpu_seconds
                        took, rate = await _load(call, at_once)
                        spent = usage_of(pid).cpu_seconds - before
                        seen.setdefault((name, at_once), []).extend(took)
                        rates.setdefault((name, at_once), []).append(rate)
                        if at_once == _BUSY:
                            cpu.setdefault(name, []).append(spent / len(took))
            rss = usage_of(pid).rss_bytes
    return _rows(seen, rates, cpu, rss)


def _rows(
    seen: dict[tuple[str, int], list[float]],
    rates: dict[tuple[str, int], list[float]],
    cpu: dict[str, list[float]],
    rss: int,
) -> list[Row]:
    rows = []
    for at_once, word in ((1, "at rest"), (_BUSY, f"busy, {_BUSY} at a time")):
        for name in ("direct", "through", "kept"):
            took, rate = seen[name, at_once], median(rates[name, at_once])
            label = {"direct": "upstream directly", "through": "through the gateway", "kept": "gateway, kept answer"}
            note = f"; p50 {median(took) * _MS:.2f}, p99 {percentile(took, 0.99) * _MS:.2f} ms"
            rows.append(told(f"gateway: {label[name]}, {word}", rate, "calls/s", note))
        added = [
            (percentile(seen["through", at_once], share) - percentile(seen["direct", at_once], share)) * _MS
            for share in (0.5, 0.99)
        ]
        rows.append(told(f"gateway: adds, {word}, p99", added[1], "ms", f"; p50 {added[0]:.2f} ms"))
    rows.append(told("gateway: its CPU for a call that goes upstream", median(cpu["through"]) * _MS, "ms"))
    rows.append(told("gateway: its CPU for a kept answer", median(cpu["kept"]) * _MS, "ms"))
    rows.append(told(f"gateway: memory, {_USERS} users", rss / 1e6, "MB"))
    return rows


async def _load(call: Callable[[int], Awaitable[None]], at_once: int) -> tuple[list[float], float]:
    """Calls one after the other on ``at_once`` lanes for some seconds: how long each took, and how many a second."""
    took: list[float] = []
    began = time.perf_counter()
    until = began + _SECONDS
    numbers = iter(range(1 << 60))

    async def lane() -> None:
        while (at := time.perf_counter()) < until:
            await call(next(numbers))
            took.append(time.perf_counter() - at)

    await asyncio.gather(*(lane() for _ in range(at_once)))
    return took, len(took) / (time.perf_counter() - began)


async def _consent(_: int, url: str, state: str) -> str:
    return "any"
