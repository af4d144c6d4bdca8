"""``python -m bench.polls [MINUTES]``: a thousand hoppers polled at their plans' rhythm; not one 429 from upstream.

A whole stack of its own with 250 users of four hoppers each, beside the demo's, whose plans are 60, 120, 300 and 600 s.
The tracker polls them through the first gateway; a second one, which shares the budget, reads every hopper's trades
meanwhile as an import does, as fast as the budget lets it. The simulator's limits are the documented ones. The exit
code is 0 when nothing was refused upstream and the polls kept their rhythm.
"""

import argparse
import asyncio
import itertools
import json
import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import aiohttp

from bench.place import Child, usage_of
from bench.report import machine, percentile
from cryptwire import config, gateway_client
from cryptwire.clock import EPOCH, SystemClock
from cryptwire.domain.hopper import HopperId, LinkedHopper, UserId
from cryptwire.errors import CryptwireError, Exhausted
from cryptwire.gateway_client import GatewayClient, Identity
from cryptwire.storage import database
from cryptwire.storage.assignments import Assignments
from cryptwire.storage.database import Database
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.users import Users
from devstack import accounts, place
from devstack import servers as embedded
from devstack.servers import Process, free_port, prepared
from devstack.stack import Stack

MINUTES = 10.0
_USERS = 250
_PLANS = (60, 120, 300, 600)  # seconds; one hopper of each for every user
_LATE = 1.5
"""A poll keeps its rhythm when it comes within so many of its plan's intervals."""
_AT_ONCE = 8


def main(arguments: Sequence[str] | None = None) -> int:
    """Poll, print what was seen, and the exit code."""
    parser = argparse.ArgumentParser(prog="bench.polls", description=__doc__)
    parser.add_argument("minutes", nargs="?", type=float, default=MINUTES, metavar="MINUTES")
    minutes = parser.parse_args(arguments).minutes
    try:
        return asyncio.run(_polls(timedelta(minutes=minutes)))
    except KeyboardInterrupt:
        return 130


async def _polls(lasts: timedelta) -> int:
    print("\n".join(machine()), flush=True)
    folder = place.root() / ".cryptwire" / "bench" / secrets.token_hex(4)
    servers = prepared(folder)
    scenario = folder / "scenario.json"
    scenario.write_text(json.dumps({"says": "a thousand hoppers", "world": _world()}))
    told = {
        **config.environment(),
        "CRYPTWIRE_SIMULATOR_SCENARIO": str(scenario),
        "CRYPTWIRE_SIMULATOR_HISTORY_DAYS": "2",
        "CRYPTWIRE_SIMULATOR_REQUESTS_KEPT": "400000",
    }
    stack = Stack(place.root(), folder, free_port(), servers, _say, settings=told)
    try:
        await stack.start_servers()
        await stack.start_chain()
        await stack.ready("streamer", "writer")
        await stack.start_processor()
        identity = Identity(folder / "certificates", "devstack")
        async with (
            database.connect(servers.postgres.url, "bench", 2) as rows,
            gateway_client.connect(stack.gateway_address, identity) as gateway,
            _second(stack) as second,
        ):
            hoppers = await _linked(rows, gateway, f"http://127.0.0.1:{stack.port}/link/callback")
            await Assignments(rows).assign([linked.id for linked in hoppers], accounts.POD)
            print(f"{len(hoppers)} hoppers are assigned; {lasts} of polls begin", flush=True)
            first = await _requests(stack, count=0)
            began = SystemClock().now()
            importing = asyncio.create_task(_import(second, hoppers))
            await asyncio.sleep(lasts.total_seconds())
            importing.cancel()
            seconds = (SystemClock().now() - began).total_seconds()
            return await _judged(stack, hoppers, first["total"], seconds)
    finally:
        await stack.end()
        embedded.remove(folder)


def _world() -> dict[str, object]:
    demo = [
        {"id": "5001", "name": "alice", "password": "alice-demo", "full_name": "Alice"},
        {"id": "5002", "name": "bob", "password": "bob-demo", "full_name": "Bob"},
        {"id": "5003", "name": "carol", "password": "carol-demo", "full_name": "Carol"},
    ]
    people = [
        {"id": str(7001 + n), "name": f"user-{n}", "password": f"user-{n}-demo", "full_name": f"User {n}"}
        for n in range(_USERS)
    ]
    hoppers: list[dict[str, object]] = [
        {"id": str(1042001 + n), "user": user["id"], "name": "Demo"} for n, user in enumerate(demo)
    ]
    hoppers += [
        {
            "id": str(2000000 + 10 * n + m),
            "user": user["id"],
            "name": f"Hopper {m}",
            "snapshot_seconds": seconds,
            "phase": (n * len(_PLANS) + m) % 20 / 20,
        }
        for n, user in enumerate(people)
        for m, seconds in enumerate(_PLANS)
    ]
    return {"users": demo + people, "hoppers": hoppers}


async def _linked(rows: Database, gateway: GatewayClient, redirect: str) -> list[LinkedHopper]:
    users, hoppers = Users(rows), Hoppers(rows)
    few = asyncio.Semaphore(_AT_ONCE)
    found: list[LinkedHopper] = []

    async def link(number: int) -> None:
        async with few:
            user = await users.add(f"user{number}@cryptwire.test", "-", "UTC", "USD", "pro")
            url, state = await gateway.begin_link(user, redirect)
            code = await accounts.authorize(url, state, f"user-{number}", f"user-{number}-demo")
            await gateway.link(user, code, state)
            for linked in await gateway.hoppers(user, timedelta(minutes=1)):
                await hoppers.put(linked.hopper)
                found.append(linked)

    await asyncio.gather(*map(link, range(_USERS)))
    return found


@asynccontextmanager
async def _second(stack: Stack) -> AsyncIterator[GatewayClient]:
    """Another gateway before the same database, Redis and Cryptohopper."""
    first = stack.services["gateway"]
    address, health = f"127.0.0.1:{free_port()}", free_port()
    process = Process("gateway-2", stack.folder / "logs" / "gateway-2.log")
    told = {"CRYPTWIRE_GATEWAY_ADDRESS": address, "CRYPTWIRE_GATEWAY_HEALTH_PORT": str(health)}
    service = replace(first, environment={**first.environment, **told}, process=process)
    service.start(stack.root)
    try:
        await Child(process, health).ready()
        identity = Identity(stack.folder / "certificates", "processor")
        async with gateway_client.connect(address, identity) as client:
            yield client
    finally:
        await process.stop(15)


async def _import(gateway: GatewayClient, hoppers: Sequence[LinkedHopper]) -> None:
    """Read everybody's trades over and over, a user's hoppers one after the other."""
    owned: dict[UserId, list[HopperId]] = {}
    for linked in hoppers:
        owned.setdefault(linked.hopper.user, []).append(linked.id)

    async def read(user: UserId) -> None:
        for hopper in itertools.cycle(owned[user]):
            try:
                async for _ in gateway.trade_pages(user, hopper, EPOCH, is_import=True, within=timedelta(minutes=2)):
                    pass
            except Exhausted as error:
                await asyncio.sleep(error.retry_after)
            except CryptwireError:
                await asyncio.sleep(1)

    await asyncio.gather(*map(read, owned))


async def _requests(stack: Stack, **asked: object) -> dict[str, Any]:
    """What the simulator tells of the requests it got."""
    port = stack.services["simulator"].environment["CRYPTWIRE_SIMULATOR_PORT"]
    query = {name: str(value) for name, value in asked.items()}
    url = f"http://127.0.0.1:{port}/control/requests"
    async with aiohttp.ClientSession() as http, http.get(url, params=query) as answer:
        found: dict[str, Any] = await answer.json()
        return found


async def _judged(stack: Stack, hoppers: Sequence[LinkedHopper], since: int, seconds: float) -> int:
    told = await _requests(stack, since=since, path="/assets", count=1_000_000)
    trades = await _requests(stack, since=since, path="/trade", count=0)
    reads: dict[str, list[datetime]] = {}
    for note in told["requests"]:
        reads.setdefault(note["path"].split("/")[3], []).append(datetime.fromisoformat(note["at"]))
    late: list[float] = []
    polls = 0
    for linked in hoppers:
        every = linked.refresh_every.total_seconds()
        at = reads.get(linked.id, [])
        # a poll reads the assets first and last, and again when they differ
        gaps = [gap for a, b in itertools.pairwise(at) if (gap := (b - a).total_seconds()) > every / 4]
        polls += len(gaps) + bool(at)
        late += [gap / every for gap in gaps[1:]]  # the second poll falls into its place among the user's, up to 1.75
        if not at and every < seconds:
            late.append(float("inf"))
    refused = int(told["statuses"].get("429", 0)) + sum(told["rate_limited"].values())
    print(f"{len(hoppers)} hoppers in {seconds:.0f} s: {polls} polls, {trades['found']} reads of trades")
    print(f"answers of upstream {told['statuses']}, refused by a bucket {told['rate_limited']}")
    spread = ", ".join(f"{word} {percentile(late, share):.2f}" for word, share in (("p50", 0.5), ("p99", 0.99)))
    print(f"between two polls, in intervals of the plan: {spread}, longest {max(late):.2f}")
    for name in ("simulator", "gateway", "tracker"):
        usage = usage_of(stack.services[name].process.pid)
        print(f"{name}: {usage.cpu_seconds:.0f} s of CPU, {usage.rss_bytes / 1e6:.0f} MB")
    faults = [f"{refused} requests were refused"] * bool(refused)
    if percentile(late, 0.99) > _LATE:
        faults.append("polls did not keep their rhythm")
    print("\n".join(["", *(f"FAULT {fault}" for fault in faults), "polls: failed" if faults else "polls: ok"]))
    return int(bool(faults))


def _say(line: str) -> None:
    print(f"  {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
