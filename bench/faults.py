"""``python -m bench.faults [CALLS]``: the gateway before an upstream of whose answers a fifth are faulty.

The simulator plays every fault it knows of (documented refusals, broken and cut answers, other types, time-outs before
and after the effect, lying pages of trades). Its hoppers have traded and stand still, so what reads must give is known:
it was read from the simulator directly, by a parser of the bench's own. Calls are made by many callers at once, four
fifths reads and one fifth actions. Then every action that arrived upstream is counted against the table of calls.

Wrong are: a read that gives anything else, an action that arrived more than once or says it was done and was not, one
that says it was not sent and arrived, and a call that outlives its deadline by more than two seconds. The exit code is
0 when nothing was wrong.
"""

import argparse
import asyncio
import json
import random
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import aiohttp

from bench import gateways, place
from bench.gateways import Gateways
from bench.place import Place
from bench.report import machine, percentile
from cryptwire.clock import EPOCH
from cryptwire.domain.action import Act, Acted, Fence, IntentId
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.errors import CryptwireError
from cryptwire.gateway_client import GatewayClient
from cryptwire.storage import database
from cryptwire.storage.assignments import Assignments
from cryptwire.storage.database import Database
from cryptwire.storage.hoppers import Hoppers
from devstack import accounts
from devstack.servers import free_port

CALLS = 100_000
SHARE = 0.2
_USERS = 60
_HOPPERS = 4  # of each user; the last one is sold, the others stand still
_LANES = 96
_DEADLINE = timedelta(seconds=8)
_GRACE = 2.0
_POD = "bench"
_DAYS = 3
_TRADE_LIES = [
    "results-as-number",
    "trades-shuffled",
    "trades-repeated",
    "trades-long",
    "offset-ignored",
    "date-ignored",
]


@dataclass(slots=True)
class Truth:
    """What a hopper that stands still has."""

    assets: dict[str, Decimal]
    positions: dict[str, Decimal]
    trades: list[str]
    config: dict[str, Any]


@dataclass(slots=True)
class Report:
    """What came of the calls."""

    calls: int = 0
    seconds: float = 0.0
    reads: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    upstream: int = 0

    def text(self) -> str:
        faulty = sum(self.faults.values())
        lines = [
            f"{self.calls} calls in {self.seconds:.0f} s, {self.upstream} requests upstream, {faulty} of them faulty"
            f" ({faulty / max(self.upstream, 1):.1%}, {len(self.faults)} kinds)",
            f"reads: {dict(self.reads.most_common())}",
            f"actions: {dict(self.actions.most_common())}",
            f"a call took p50 {percentile(self.took, 0.5):.3f} s, p99 {percentile(self.took, 0.99):.2f} s,"
            f" longest {max(self.took, default=0):.2f} s of {_DEADLINE.total_seconds():.0f} s",
            *(f"WRONG {what}" for what in self.wrong[:20]),
            f"wrong: {len(self.wrong)}",
        ]
        return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Call, print what was seen, and the exit code."""
    parser = argparse.ArgumentParser(prog="bench.faults", description=__doc__)
    parser.add_argument("calls", nargs="?", type=int, default=CALLS, metavar="CALLS")
    calls = parser.parse_args(arguments).calls
    print("\n".join(machine()), flush=True)
    report = asyncio.run(run(calls))
    print(report.text())
    return int(bool(report.wrong))


async def run(calls: int, users: int = _USERS, seed: str = "faults") -> Report:
    """Make so many calls, and look at what came of them."""
    async with place.opened() as there, _simulator(there, users) as upstream:
        settings = {
            "request_window": 1.0,
            "requests_per_window": 400,
            "reserved_per_window": 100,
            "orders_per_window": 400,
            "order_window": 1.0,
            "request_timeout": 1.0,
        }
        async with gateways.running(there, upstream.address, replicas=2, told=settings) as running:
            held = await _settled(running, upstream, users)
            await upstream.control("DELETE", "requests")
            await upstream.control("POST", "faults", _faults(seed))
            async with _confirmed(there):
                report = await _called(running, held, calls, random.Random(seed))
            await upstream.control("DELETE", "faults")
            await asyncio.sleep(_DEADLINE.total_seconds() / 4)  # what was begun is written down
            await _compare(there, upstream, report)
    return report


# ---- upstream ----


@dataclass(frozen=True, slots=True)
class Upstream:
    """The simulator's process, and what is asked of its control port."""

    address: str
    http: aiohttp.ClientSession

    async def control(self, method: str, what: str, body: object = None, **query: str) -> Any:
        async with self.http.request(
            method, f"{self.address}/control/{what}", json=body, params=query or None
        ) as answer:
            told = await answer.json()
            if answer.status >= 400:
                raise RuntimeError(f"the simulator refuses {what}: {told}")
            return told

    async def token(self, name: str) -> str:
        """An access token for the bench itself."""
        address = f"{self.address}/oauth2"
        url = f"{address}/authorize?response_type=code&client_id={gateways.CLIENT_ID}&scope=read&state=x"
        code = await accounts.authorize(f"{url}&redirect_uri={gateways.REDIRECT}", "x", name, f"{name}-demo")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": gateways.REDIRECT,
            "client_id": gateways.CLIENT_ID,
            "client_secret": gateways.CLIENT_SECRET,
        }
        async with self.http.post(f"{address}/token", data=form) as answer:
            return str((await answer.json())["access_token"])

    async def data(self, token: str, path: str) -> Any:
        async with self.http.get(f"{self.address}/v1/hopper{path}", headers={"access-token": token}) as answer:
            return (await answer.json())["data"]


@asynccontextmanager
async def _simulator(there: Place, users: int) -> AsyncIterator[Upstream]:
    """A world that has traded for days and stands still since some hours."""
    stop = {"hopper": "*", "kind": "enabled", "value": "0", "after": _DAYS * 86_400 - 7_200}
    port = free_port()
    scenario = there.folder / "scenario.json"
    scenario.write_text(
        json.dumps(
            {
                "settings": {
                    "port": port,
                    "folder": str(there.folder / "simulator"),
                    "history_days": _DAYS,
                    "rate_limit": 0,
                    "client_id": gateways.CLIENT_ID,
                    "client_secret": gateways.CLIENT_SECRET,
                    "redirect_uris": [gateways.REDIRECT],
                    "requests_kept": 2_000_000,
                },
                "world": {"users": users, "hoppers_per_user": _HOPPERS, "commands": [stop]},
            }
        )
    )
    async with place.module(there, "simulator", "--scenario", str(scenario)) as child, aiohttp.ClientSession() as http:
        upstream = Upstream(f"http://127.0.0.1:{port}", http)
        async with asyncio.timeout(120):
            while True:
                try:
                    async with http.get(f"{upstream.address}/healthz"):
                        break
                except aiohttp.ClientError:
                    if not child.process.is_running:
                        raise RuntimeError(child.process.last_words()) from None
                    await asyncio.sleep(0.1)
        yield upstream


def _faults(seed: str) -> list[dict[str, object]]:
    """A fifth of all answers; in pages of trades a part of it are lies about the page."""
    common = {"fault": "random", "times": None, "seed": seed}
    return [
        {**common, "path": "/trade", "kinds": _TRADE_LIES, "chance": SHARE / 2},
        {**common, "path": "/v1/", "kinds": ["true", "broken", "stuck", "refusal"], "chance": SHARE},
    ]


# ---- the calls ----


@dataclass(frozen=True, slots=True)
class Held:
    """A linked hopper; ``truth`` None: it is acted on, and what it has changes."""

    user: UserId
    hopper: HopperId
    fence: int
    truth: Truth | None


async def _settled(running: Gateways, upstream: Upstream, users: int) -> list[Held]:
    """Users linked, hoppers assigned, and what they have read directly."""

    async def consent(number: int, url: str, state: str) -> str:
        return await accounts.authorize(url, state, f"user-{number + 1}", f"user-{number + 1}-demo")

    people = await gateways.linked(running, users, consent)
    found: list[Held] = []
    async with database.connect(running.there.servers.postgres.url, "bench", 2) as rows, running.client("api") as api:
        for number, user in enumerate(people):
            token = await upstream.token(f"user-{number + 1}")
            hoppers = sorted(await api.hoppers(user, timedelta(minutes=5)), key=lambda linked: linked.id)
            for linked in hoppers:
                await Hoppers(rows).put(linked.hopper)
                truth = None if linked is hoppers[-1] else await _truth(upstream, token, linked.id)
                found.append(Held(user, linked.id, 0, truth))
        await Assignments(rows).confirm(_POD)
        await Assignments(rows).assign([held.hopper for held in found], _POD)
        fences = {one.hopper.id: one.fence for one in await Assignments(rows).of_pod(_POD) or ()}
    return [replace(held, fence=fences[held.hopper]) for held in found]


async def _truth(upstream: Upstream, token: str, hopper: HopperId) -> Truth:
    assets = await upstream.data(token, f"/{hopper}/assets")
    positions = await upstream.data(token, f"/{hopper}/position")
    config = await upstream.data(token, f"/{hopper}/config")
    trades: list[str] = []
    while True:
        page = (await upstream.data(token, f"/{hopper}/trade?offset={len(trades)}"))["trades"]
        trades += [each["id"] for each in page]
        if len(page) < 500:
            break
    return Truth(
        {name: Decimal(amount) for name, amount in dict(assets or {}).items()},
        {each["id"]: Decimal(each["amount"]) for each in positions},
        trades[::-1],
        {name: config[name] for name in ("name", "exchange", "collect_currency", "strategy")},
    )


@asynccontextmanager
async def _confirmed(there: Place) -> AsyncIterator[None]:
    """The pod lives while the block runs."""

    async def confirm(rows: Database) -> None:
        while True:
            await Assignments(rows).confirm(_POD)
            await asyncio.sleep(3)

    async with database.connect(there.servers.postgres.url, "bench", 1) as rows:
        confirming = asyncio.create_task(confirm(rows))
        try:
            yield
        finally:
            confirming.cancel()


async def _called(running: Gateways, held: Sequence[Held], calls: int, chance: random.Random) -> Report:
    report = Report(calls)
    began = time.monotonic()
    numbers = iter(range(calls))
    quiet = [each for each in held if each.truth is not None]
    async with (
        running.client("processor", 0) as first,
        running.client("processor", 1) as second,
        running.client("controller", 0) as acting,
        running.client("controller", 1) as also,
    ):

        async def lane() -> None:
            for number in numbers:
                if number % 1000 == 0:
                    print(f"  {number} calls, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
                which = chance.random()
                at = time.monotonic()
                if which < 0.8:
                    await _read(chance.choice((first, second)), chance.choice(quiet), chance, report)
                else:
                    await _act(chance.choice((acting, also)), chance.choice(held), chance, report)
                took = time.monotonic() - at
                report.took.append(took)
                if took > _DEADLINE.total_seconds() + _GRACE:
                    report.wrong.append(f"a call took {took:.1f} s")

        await asyncio.gather(*(lane() for _ in range(_LANES)))
    report.seconds = time.monotonic() - began
    return report


async def _read(client: GatewayClient, held: Held, chance: random.Random, report: Report) -> None:
    truth, user, hopper = held.truth, held.user, held.hopper
    assert truth is not None
    found: object
    wanted: object
    name = chance.choice(("assets", "assets", "positions", "trades", "config", "hopper"))
    age = chance.choice((timedelta(0), timedelta(seconds=5)))
    try:
        match name:
            case "assets":
                found, wanted = (await client.assets(user, hopper, age, within=_DEADLINE))[0], truth.assets
            case "positions":
                listed = await client.positions(user, hopper, age, within=_DEADLINE)
                found, wanted = {each.id: each.quantity for each in listed}, truth.positions
            case "trades":
                trades = await client.trades_since(user, hopper, EPOCH, within=_DEADLINE)
                found, wanted = sorted(trade.id for trade in trades), sorted(truth.trades)
            case "config":
                config = await client.config(user, hopper, age, within=_DEADLINE)
                found = {name: value for name, value in config.items() if name in truth.config or _is_secret(name)}
                wanted = truth.config
            case _:
                found, wanted = (await client.hopper(user, hopper, age, within=_DEADLINE)).id, hopper
    except CryptwireError as error:
        report.reads[type(error).__name__] += 1
        return
    report.reads["ok"] += 1
    if found != wanted:
        report.wrong.append(f"{name} of {hopper}: {found!s:.300} instead of {wanted!s:.300}")


def _is_secret(name: str) -> bool:
    return "key" in name or "secret" in name or "pass" in name


async def _act(client: GatewayClient, held: Held, chance: random.Random, report: Report) -> None:
    """One action, sometimes asked for twice at once: the second is answered as the first and not sent."""
    act = Act(IntentId(str(uuid.UUID(int=chance.getrandbits(128)))), 0, Fence(held.fence))
    call = _call(client, held, act, chance)
    asked = [call() for _ in range(2 if chance.random() < 0.2 else 1)]
    for outcome in await asyncio.gather(*asked, return_exceptions=True):
        if isinstance(outcome, BaseException) and not isinstance(outcome, CryptwireError):
            raise outcome
        report.actions["ok" if isinstance(outcome, Acted) else type(outcome).__name__] += 1


def _call(client: GatewayClient, held: Held, act: Act, chance: random.Random) -> Callable[[], Awaitable[Acted]]:
    user, hopper = held.user, held.hopper
    is_on = chance.random() < 0.5
    if held.truth is not None:
        return lambda: client.set_buying(user, hopper, act, is_on=is_on, within=_DEADLINE)
    match chance.randrange(5):
        case 0:
            return lambda: client.start_panic(user, hopper, act, is_market=True, within=_DEADLINE)
        case 1:
            return lambda: client.stop_panic(user, hopper, act, within=_DEADLINE)
        case 2:
            return lambda: client.set_selling(user, hopper, act, is_on=is_on, within=_DEADLINE)
        case 3:
            return lambda: client.cancel_orders(user, hopper, act, [], within=_DEADLINE)
        case _:
            share = str(chance.randrange(1, 50))
            changes = {"perc_buy_amount": share}
            return lambda: client.change_config(user, hopper, act, changes, within=_DEADLINE)


# ---- afterwards ----

_ACTIONS = {
    "StartPanic": ("GET", "panicbutton"),
    "StopPanic": ("DELETE", "panicbutton"),
    "SetBuying": ("PATCH", "buying"),
    "SetSelling": ("PATCH", "selling"),
    "CancelOrders": ("DELETE", "order/all"),
    "ChangeConfig": ("PATCH", "config"),
}


async def _compare(there: Place, upstream: Upstream, report: Report) -> None:
    """Every action that arrived against the table of calls, by hopper and kind."""
    told = await upstream.control("GET", "requests", count="2000000")
    report.upstream = told["total"]
    report.faults = Counter(note["fault"] for note in told["requests"] if note["fault"])
    arrived: Counter[tuple[str, str]] = Counter()
    effective: Counter[tuple[str, str]] = Counter()
    for note in told["requests"]:
        for call in _ACTIONS:
            hopper = (note["path"].split("/") + [""] * 4)[3]
            if _is(note, hopper, call):
                arrived[hopper, call] += 1
                effective[hopper, call] += bool(note["command"])
    async with database.connect(there.servers.postgres.url, "bench", 1) as rows:
        listed = await rows.fetch(
            "SELECT hopper_id, call, count(*) FILTER (WHERE sent_at IS NOT NULL) AS sent,"
            " count(*) FILTER (WHERE outcome = 'done') AS done, count(*) FILTER (WHERE outcome IS NULL) AS open"
            " FROM calls WHERE is_admitted GROUP BY 1, 2"
        )
    known = {(row["hopper_id"], row["call"]): row for row in listed}
    for key in arrived.keys() | known.keys():
        row = known.get(key)
        sent, done, left = (row["sent"], row["done"], row["open"]) if row is not None else (0, 0, 0)
        if arrived[key] != sent:
            faults = [note["fault"] for note in told["requests"] if _is(note, *key)]
            report.wrong.append(f"{key}: {arrived[key]} arrived, {sent} were sent by the table of calls ({faults})")
        if done > effective[key]:
            report.wrong.append(f"{key}: {done} are said to be done, {effective[key]} took effect")
        if left:
            report.wrong.append(f"{key}: {left} have no outcome")


def _is(note: dict[str, Any], hopper: str, call: str) -> bool:
    method, end = _ACTIONS[call]
    return bool(
        note["method"] == method and note["path"].startswith(f"/v1/hopper/{hopper}/") and note["path"].endswith(end)
    )


if __name__ == "__main__":
    sys.exit(main())
