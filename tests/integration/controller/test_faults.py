"""Every action against every fault of the simulator's Cryptohopper: the right end, the right alarm, nothing twice.

Each pair has a user and a hopper of its own, so all of one fault run side by side. The executor's clock goes thirty
times as fast as the simulator's, whose answers are at most a second old.
"""

import asyncio
import json
import secrets
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from controller.adapters import GatewayUpstream
from controller.handlers.executing import Executor
from controller.logic.limits import Limits
from controller.logic.moves import Patience
from controller.logic.progress import Progress, to_json
from controller.ports import NoPoints
from cryptwire import config, gateway_client
from cryptwire.clock import SystemClock
from cryptwire.codec.rule_set import body_from_json
from cryptwire.domain.audit import Entry
from cryptwire.domain.hopper import Assignment, HopperId, UserId
from cryptwire.domain.intent import Intent, Wish
from cryptwire.domain.rule_set import Mode
from cryptwire.gateway_client import GatewayClient, Identity
from cryptwire.memory.bus import MemoryBus
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from cryptwire.storage import database, redis
from cryptwire.storage.assignments import Assignments
from cryptwire.storage.calls import KeptCalls
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.intents import Intents
from cryptwire.storage.last_prices import LastPrices
from cryptwire.storage.rule_sets import RuleSets
from cryptwire.storage.rule_states import Decision, KeptState, RuleStates
from devstack import accounts, certificates
from devstack.servers import Process, free_port
from gateway.settings import Settings as GatewaySettings
from tests.conftest import ROOT
from tests.integration.imports.conftest import Simulated, running_gateway

POD = "faults"
REDIRECT = "http://127.0.0.1/link/callback"
SPEED = 30
LIKE = {
    "exchange": "binance",
    "base": "USDT",
    "coins": ["BTC", "ETH"],
    "reserved": [],
    "start": 20000,
    "snapshot_seconds": 60,
}
HELD = {"rule": "positions", "is": "above", "count": 0}


@dataclass(frozen=True)
class Deed:
    """An action; ``command`` is what the world makes of it, ``path`` where it is asked for."""

    name: str
    then: tuple[Mapping[str, Any], ...]
    command: str
    method: str
    path: str
    is_sale: bool = False
    has_parts: bool = True


def off(what: str) -> Mapping[str, Any]:
    return {"action": "turn", "what": what, "on": False}


DEEDS = (
    Deed("panic", ({"action": "panic-sell"},), "panic", "GET", "panicbutton", is_sale=True),
    Deed("sell-all", ({"action": "sell", "which": "all"},), "sell", "POST", "position/sell", is_sale=True),
    Deed("buying", (off("buying"),), "buying", "PATCH", "/buying", has_parts=False),
    Deed("selling", (off("selling"),), "selling", "PATCH", "/selling", has_parts=False),
    Deed("hopper", (off("hopper"),), "enabled", "PATCH", "/disable", has_parts=False),
    Deed(
        "config",
        ({"action": "config", "fields": {"perc_buy_amount": "3", "max_open_positions": "2"}},),
        "config",
        "PATCH",
        "/config",
    ),
    Deed("cancel", ({"action": "cancel-orders"},), "cancel", "DELETE", "/order"),
    Deed(
        "restore",
        (off("selling"), {"action": "restore"}),
        "selling",
        "PATCH",
        "enable/selling",
        has_parts=False,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Trouble:
    """A fault of the answer (``fault``) or of the effect (``effect``), and how it must end."""

    name: str
    fault: Mapping[str, Any] = field(default_factory=dict)
    effect: Mapping[str, Any] = field(default_factory=dict)
    state: str = "done"
    requests: int = 2
    is_revoked: bool = False


TROUBLES = (
    Trouble("timeout-after-effect", {"fault": "timeout-after", "times": 1}, requests=1),
    Trouble("timeout-without-effect", {"fault": "timeout", "times": 1}),
    Trouble("502", {"fault": "502", "times": 1}),
    Trouble("reset-after-effect", {"fault": "reset-after", "times": 1}, requests=1),
    Trouble("429", {"fault": "429", "times": 1}),
    Trouble("partial-effect", effect={"share": 0.5, "times": 1}),
    Trouble("late-effect", effect={"delay_seconds": 3, "times": 1}, requests=1),
    Trouble("no-effect-once", effect={"share": 0, "times": 1}),
    Trouble("no-effect", effect={"share": 0, "times": None}, state="failed", requests=3),
    Trouble("revoked-token", state="failed", requests=0, is_revoked=True),
)


class QuickClock:
    """A clock that goes ``SPEED`` times as fast as the machine's."""

    def __init__(self) -> None:
        self._system = SystemClock()
        self._began = self._system.now()

    def now(self) -> datetime:
        return self._began + (self._system.now() - self._began) * SPEED

    async def sleep(self, span: timedelta) -> None:
        await self._system.sleep(span / SPEED)


@dataclass
class Bench:
    """The simulator, the gateway, and an executor."""

    simulated: Simulated
    api: GatewayClient
    owner: Database
    executor: Executor
    states: RuleStates
    held: dict[HopperId, Assignment] = field(default_factory=dict)

    async def user(self, name: str) -> UserId:
        row = await self.owner.value(
            "INSERT INTO users (email, password_hash, plan) VALUES ($1, '', 'pro') RETURNING user_id::text",
            f"{secrets.token_hex(6)}@x.test",
        )
        url, state = await self.api.begin_link(UserId(row), REDIRECT)
        await self.api.link(UserId(row), await accounts.authorize(url, state, name, f"{name}-demo"), state)
        return UserId(row)

    async def hopper(self, user: UserId) -> HopperId:
        """The user's hopper, with positions and an open order, assigned."""
        (linked,) = await self.api.hoppers(user)
        id_ = linked.id
        for command in (
            {"command": "enabled", "value": "1"},
            {"command": "buying", "value": "1"},
            {"command": "order", "value": "buy ETH market Test", "amount": "0.05"},
            {"command": "order", "value": "buy BTC market Test", "amount": "0.005"},
            {"command": "order", "value": "buy ETH 1 Test", "amount": "0.01"},
            {"command": "order", "value": "buy BTC 2 Test", "amount": "0.01"},
        ):
            await self.simulated.control("POST", f"hopper/{id_}/command", command)
        await Hoppers(self.owner).put(linked.hopper)
        await Assignments(self.owner).assign([id_], POD)
        return id_

    async def fired(self, user: UserId, hopper: HopperId, deed: Deed) -> Intent:
        """The intent of a rule set that has fired."""
        body = body_from_json({"name": deed.name, "when": [HELD], "then": list(deed.then)})
        sets = RuleSets(self.owner)
        one = await sets.set_mode(await sets.add(user, hopper, body, lambda _: None), Mode.ARMED)
        now = SystemClock().now()
        fence = self.held[hopper].fence
        state = KeptState(one.id, hopper, one.version, one.mode_number, 1, {"phase": "fired"}, fence, 1, now)
        wish = Wish(
            one.id, one.version, one.mode_number, 1, hopper, user, False, "s/1", b"snapshot", now, one.body.then
        )
        entry = Entry(hopper, now, "fired", {}, one.id, one.version)
        committed = await self.states.commit([Decision(state, [entry], (), wish)], to_json(Progress()))
        (intent,) = committed.intents
        return intent

    async def ended(self, intent: Intent) -> Mapping[str, Any]:
        began = time.monotonic()
        while True:
            row = await self.owner.row(
                "SELECT state, progress FROM intents WHERE intent_id = $1::text::uuid", intent.id
            )
            assert row is not None
            if row["state"] not in ("open", "waiting"):
                return {"state": row["state"], "progress": json.loads(row["progress"])}
            assert time.monotonic() - began < 120, row["progress"]
            await asyncio.sleep(0.2)

    async def requests(self, hopper: HopperId, deed: Deed) -> list[dict[str, Any]]:
        """What arrived of the deed's own request."""
        query = f"requests?hopper={hopper}&method={deed.method}&path={deed.path}"
        told = await self.simulated.control("GET", query)
        listed: list[dict[str, Any]] = told["requests"] if isinstance(told, dict) else told
        return listed


@asynccontextmanager
async def simulating(folder: Path, users: int) -> AsyncIterator[Simulated]:
    port = free_port()
    scenario = folder / "scenario.json"
    scenario.write_text(
        json.dumps(
            {
                "settings": {
                    "port": port,
                    "folder": str(folder / "simulator"),
                    "history_days": 0,
                    "decision_seconds": 3600,
                    "snapshot_seconds": 1,
                    "rate_limit": 0,
                    "client_id": "client",
                    "client_secret": "client-secret",
                    "redirect_uris": [REDIRECT],
                },
                "world": {"users": users, "hoppers_per_user": 1, "like": LIKE},
            }
        )
    )
    process = Process("simulator", folder / "simulator.log")
    inherited = {key: value for key, value in config.environment().items() if not key.startswith("CRYPTWIRE_")}
    process.start(
        [sys.executable, "-m", "simulator", "--scenario", str(scenario)], cwd=str(ROOT), environment=inherited
    )
    try:
        async with aiohttp.ClientSession() as http:
            simulated = Simulated(f"http://127.0.0.1:{port}", http)
            async with asyncio.timeout(60):
                while True:
                    try:
                        async with http.get(f"{simulated.address}/healthz"):
                            break
                    except aiohttp.ClientError:
                        assert process.is_running, process.last_words()
                        await asyncio.sleep(0.05)
            yield simulated
    finally:
        await process.stop(10)


@pytest.fixture(scope="module")
async def simulated(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Simulated]:
    async with simulating(tmp_path_factory.mktemp("faults"), len(TROUBLES) * len(DEEDS)) as running:
        yield running


@pytest.fixture
async def bench(simulated: Simulated, database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Bench]:
    folder = tmp_path / "certificates"
    certificates.issue(folder, ("gateway", "api", "controller"), SystemClock().now())
    certificates.issue_session_key(tmp_path)
    key = tmp_path / "master.key"
    key.touch(mode=0o600)
    key.write_text(secrets.token_hex(32))
    settings = GatewaySettings(
        database_url=url_of("gateway", database_url),
        redis_url=redis_url,
        certificates=folder,
        master_key_file=key,
        session_key_file=tmp_path / "session-key-public.pem",
        client_id="client",
        client_secret="client-secret",
        address=f"127.0.0.1:{free_port()}",
        upstream_url=f"{simulated.address}/v1",
        oauth_url=f"{simulated.address}/oauth2",
        requests_per_window=10_000,
        orders_per_window=9_000,
        request_timeout=timedelta(seconds=1),
    )
    async with (
        running_gateway(settings),
        gateway_client.connect(settings.address, Identity(folder, "api")) as api,
        gateway_client.connect(settings.address, Identity(folder, "controller")) as acting,
        database.connect(database_url, "test", 4) as owner,
        database.connect(url_of("controller", database_url), "test", 8) as rows,
        redis.connect(redis_url) as values,
    ):
        clock = QuickClock()
        executor = Executor(
            Intents(rows),
            KeptCalls(rows),
            GatewayUpstream(acting, LastPrices(values), clock),
            MemoryBus(),
            LIVE,
            clock,
            Meters(),
            NoPoints(),
            plans=frozenset({"pro"}),
            patience=Patience(guard=timedelta(seconds=2 * SPEED), settle=timedelta(seconds=60)),
            limits=Limits(),
            names=str,
            may_act=lambda: True,
            on_over=lambda _: None,
        )
        confirming = asyncio.create_task(_confirm(owner))
        try:
            yield Bench(simulated, api, owner, executor, RuleStates(rows))
        finally:
            await executor.stop()
            confirming.cancel()


async def _confirm(owner: Database) -> None:
    while True:
        await Assignments(owner).confirm(POD)
        await asyncio.sleep(2)


@pytest.mark.slow
@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.name)
async def test_R11_R13_R15_every_fault_of_every_action_ends_as_it_should(bench: Bench, trouble: Trouble) -> None:
    first = TROUBLES.index(trouble) * len(DEEDS) + 1
    deeds = [deed for deed in DEEDS if deed.has_parts or trouble.name != "partial-effect"]
    names = {deed.name: f"user-{first + number}" for number, deed in enumerate(deeds)}
    users = {deed.name: await bench.user(names[deed.name]) for deed in deeds}
    hoppers = {deed.name: await bench.hopper(users[deed.name]) for deed in deeds}
    await asyncio.sleep(2.5)  # what was bought is shown
    held = await Assignments(bench.owner).of_pod(POD) or []
    bench.held = {assignment.hopper.id: assignment for assignment in held}
    await bench.executor.hold(bench.held)
    for deed in deeds:
        assert len(await bench.api.positions(users[deed.name], hoppers[deed.name])) >= 2
        if trouble.fault:
            fits = {"hopper": hoppers[deed.name], "method": deed.method, "path": deed.path}
            await bench.simulated.control("POST", "faults", {**trouble.fault, **fits})
        if trouble.effect:
            on = {"command": deed.command, "hopper": hoppers[deed.name]}
            if deed.name == "restore":  # its first request is a switch of the same kind, and is to succeed
                await bench.simulated.control("POST", "effects", {**on, "times": 1})
            await bench.simulated.control("POST", "effects", {**on, **trouble.effect})
        if trouble.is_revoked:
            await bench.simulated.control("POST", f"users/{names[deed.name]}/revoke")
    intents = {deed.name: await bench.fired(users[deed.name], hoppers[deed.name], deed) for deed in deeds}
    for intent in intents.values():
        bench.executor.take(intent)
    ends = {deed.name: await bench.ended(intents[deed.name]) for deed in deeds}
    for deed in deeds:
        where = (trouble.name, deed.name, ends[deed.name]["progress"]["results"])
        is_after_another = deed.name == "restore" and trouble.state == "failed" and not trouble.is_revoked
        state = "partial" if is_after_another else trouble.state
        assert ends[deed.name]["state"] == state, where
        arrived = await bench.requests(hoppers[deed.name], deed)
        assert len(arrived) == trouble.requests, (where, arrived)
        told = await bench.owner.fetch(
            "SELECT class, kind FROM notices WHERE user_id = $1::text::uuid ORDER BY notice_id", users[deed.name]
        )
        kinds = [(row["class"], row["kind"]) for row in told]
        assert (("action", "rule-done") if state == "done" else ("failure", f"rule-{state}")) in kinds, (where, kinds)
        if state == "done":
            assert not [kind for kind in kinds if kind[0] == "failure"], (where, kinds)
            if deed.is_sale:
                left = await bench.api.positions(users[deed.name], hoppers[deed.name])
                assert left == (), (where, left)
        calls = await bench.owner.fetch(
            "SELECT intent_id, number, count(*) AS n FROM calls WHERE hopper_id = $1 AND is_admitted GROUP BY 1, 2",
            hoppers[deed.name],
        )
        assert all(row["n"] == 1 for row in calls)
