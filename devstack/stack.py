"""The processes of a development stack: which there are, how each is told what, started, watched and ended."""

import asyncio
import contextlib
import json
import os
import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from cryptwire import config, gateway_client
from cryptwire.clock import SystemClock
from cryptwire.errors import CryptwireError
from cryptwire.gateway_client import Identity
from cryptwire.storage import database
from cryptwire.storage.assignments import Assignments
from cryptwire.storage.database import url_of
from cryptwire.storage.migrate import migrate
from devstack import accounts, certificates, filling
from devstack.place import Running, started_at
from devstack.servers import Process, ServerFailed, Servers, free_port

Say = Callable[[str], None]
_CLIENT_ID = "cryptwire-dev"
_READY_SECONDS = 60.0
_POD = ("tracker", "analyser", "controller")
_CERTIFIED = ("gateway", "tracker", "webhook", "api", "processor", "controller", "devstack")


class StepFailed(Exception):
    """A step of the start failed; the text says what, and what to do."""


@dataclass(slots=True)
class Service:
    """A process of the stack: how it is started, and where it tells whether it is ready."""

    name: str
    command: list[str]
    environment: dict[str, str]
    ready_url: str
    process: Process

    def start(self, root: Path) -> None:
        inherited = {key: value for key, value in config.environment().items() if not key.startswith("CRYPTWIRE_")}
        self.process.start(self.command, cwd=str(root), environment={**inherited, **self.environment})


@dataclass(slots=True)
class Stack:
    """Servers and services below one data folder, reached under one port."""

    root: Path
    folder: Path
    port: int
    servers: Servers
    say: Say
    services: dict[str, Service] = field(default_factory=dict)
    gateway_address: str = ""
    simulated: str = ""
    mail_port: int = 0
    settings: dict[str, str] = field(default_factory=dict)
    """What is said beyond the defaults: CRYPTWIRE_<SERVICE>_<FIELD>, passed on to the service."""
    _chores: list[asyncio.Task[None]] = field(default_factory=list)

    # -- starting --------------------------------------------------------------------------------------------------

    async def start_servers(self) -> None:
        """PostgreSQL, Redis, NATS, and the schema."""
        (self.folder / "logs").mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        servers = self.servers
        await asyncio.gather(servers.postgres.start(), servers.redis.start(), servers.nats.start())
        self.write_down()
        self.say(f"PostgreSQL, Redis and NATS run ({time.monotonic() - began:.1f} s)")
        applied = await migrate(servers.postgres.url, lambda name: self.say(f"migration {name}"))
        self.say(f"schema is up to date ({len(applied)} migrations applied)")

    async def start_chain(self) -> None:
        """Simulator, gateway, streamer, writer and the pod, with the demo accounts linked and assigned."""
        certificates.issue(self.folder / "certificates", _CERTIFIED, SystemClock().now())
        certificates.issue_session_key(self.folder)
        self.mail_port = free_port()
        self.simulated = simulated = self._add_simulator()
        self._add_gateway(simulated)
        self._add_streamer(simulated)
        self._add_writer()
        self._add_tracker()
        self._add_analyser()
        self._add_controller()
        for name in ("simulator", "gateway", "streamer", "writer"):
            self.services[name].start(self.root)
        self.write_down()
        await self.ready("simulator", "gateway")
        identity = Identity(self.folder / "certificates", "devstack")
        async with (
            database.connect(self.servers.postgres.url, "devstack", 2) as rows,
            gateway_client.connect(self.gateway_address, identity) as gateway,
        ):
            hoppers = await accounts.set_up(rows, gateway, self._redirect, self.say)
        self.say(f"{len(hoppers)} hoppers of {len(accounts.DEMOS)} demo users are assigned to pod {accounts.POD}")
        self._chores = [
            asyncio.create_task(self._confirm()),
            asyncio.create_task(filling.show(self.servers.postgres.url, self.say)),
            asyncio.create_task(accounts.import_later(self.servers.postgres.url)),
            asyncio.create_task(
                certificates.keep_issued(self.folder / "certificates", _CERTIFIED, SystemClock(), self.say)
            ),
        ]
        for name in _POD:
            self.services[name].start(self.root)
        self.write_down()

    async def start_processor(self) -> None:
        """The processor, when the pod is live: what it reads of the past shares a budget with the first polls."""
        await self.ready(*_POD)
        self._add_processor(self.simulated)
        self.services["processor"].start(self.root)
        self.write_down()

    async def start_edge(self, app: Path) -> None:
        """API with the built ``app``, datafeed and webhook under the stack's port; and where mails are shown."""
        owner, nats = self.servers.postgres.url, self.servers.nats
        self._add(
            "edge",
            {
                "CRYPTWIRE_EDGE_PORT": str(self.port),
                "CRYPTWIRE_EDGE_MAIL_PORT": str(self.mail_port),
                "CRYPTWIRE_EDGE_MAIL_FOLDER": str(self.folder / "mails"),
                "CRYPTWIRE_API_DATABASE_URL": url_of("api", owner),
                "CRYPTWIRE_API_NATS_URL": nats.url("api"),
                "CRYPTWIRE_API_REDIS_URL": self.servers.redis.url,
                "CRYPTWIRE_API_HAS_INTROSPECTION": "true",
                "CRYPTWIRE_API_HAS_PLAYGROUND": "true",
                "CRYPTWIRE_API_SESSION_KEY_FILE": str(self.folder / "session-key.pem"),
                "CRYPTWIRE_API_SESSION_PUBLIC_KEY_FILE": str(self.folder / "session-key-public.pem"),
                "CRYPTWIRE_API_MAIL_KEY": self._secret_file("mail-key"),
                "CRYPTWIRE_API_WEBHOOK_KEY": self._secret_file("webhook-key"),
                "CRYPTWIRE_API_GATEWAY_ADDRESS": self.gateway_address,
                "CRYPTWIRE_API_CERTIFICATES": str(self.folder / "certificates"),
                "CRYPTWIRE_API_PUBLIC_URL": f"http://127.0.0.1:{self.port}",
                "CRYPTWIRE_API_APP_FOLDER": str(app),
                "CRYPTWIRE_API_IS_DEVELOPMENT": "true",
                "CRYPTWIRE_API_BILLING_SECRET": self._secret("billing-secret"),
                "CRYPTWIRE_API_TEST_CHECKOUT_PAGE": f"http://127.0.0.1:{self.port}/dev/checkout",
                "CRYPTWIRE_EDGE_BILLING_SECRET": self._secret("billing-secret"),
                "CRYPTWIRE_API_DEMO_EMAIL": accounts.DEMOS[0].email,
                "CRYPTWIRE_API_DEMO_PASSWORD": accounts.PASSWORD,
                "CRYPTWIRE_DATAFEED_DATABASE_URL": url_of("datafeed", owner),
                "CRYPTWIRE_DATAFEED_NATS_URL": nats.url("datafeed"),
                "CRYPTWIRE_DATAFEED_REDIS_URL": self.servers.redis.url,
                "CRYPTWIRE_DATAFEED_SESSION_PUBLIC_KEY_FILE": str(self.folder / "session-key-public.pem"),
                "CRYPTWIRE_WEBHOOK_DATABASE_URL": url_of("webhook", owner),
                "CRYPTWIRE_WEBHOOK_NATS_URL": nats.url("webhook"),
                "CRYPTWIRE_WEBHOOK_REDIS_URL": self.servers.redis.url,
                "CRYPTWIRE_WEBHOOK_GATEWAY_ADDRESS": self.gateway_address,
                "CRYPTWIRE_WEBHOOK_CERTIFICATES": str(self.folder / "certificates"),
                "CRYPTWIRE_WEBHOOK_APP_SECRET": self._secret("client-secret"),
                "CRYPTWIRE_WEBHOOK_VERIFICATION_CODE": self._secret("webhook-verification"),
                "CRYPTWIRE_WEBHOOK_SHARED_SECRET": self._secret("webhook-shared"),
                **self._passed_on("CRYPTWIRE_API_", "CRYPTWIRE_DATAFEED_", "CRYPTWIRE_WEBHOOK_"),
            },
        ).start(self.root)
        self.write_down()
        await self.ready("edge")

    async def ready(self, *names: str) -> None:
        """Return when all of these are ready; raises StepFailed for the first that ends or takes too long."""
        for name in names:
            service = self.services[name]
            began = time.monotonic()
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
                while not await _answers(session, service.ready_url):
                    log, words = os.path.relpath(service.process.log), service.process.last_words()
                    if not service.process.is_running:
                        raise StepFailed(f"{name} ended at its start; {log} says:\n{words}")
                    if time.monotonic() - began > _READY_SECONDS:
                        raise StepFailed(f"{name} was not ready within a minute; {log} says:\n{words}")
                    await asyncio.sleep(0.05)
            self.say(f"{name} is ready")

    # -- while it runs ---------------------------------------------------------------------------------------------

    async def watch(self, stop: asyncio.Event) -> None:
        """Start again what ends unasked, until ``stop``."""
        while not stop.is_set():
            for server in (self.servers.postgres, self.servers.redis, self.servers.nats):
                if not server.process.is_running:
                    self.say(f"{server.process.name} ended; starting it again")
                    try:
                        await server.start()
                    except ServerFailed as failure:
                        self.say(f"not yet: {failure}")
                    self.write_down()
            for service in self.services.values():
                if not service.process.is_running:
                    self.say(f"{service.name} ended; starting it again ({service.process.log.name} tells why)")
                    service.start(self.root)
                    self.write_down()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1)

    def write_down(self) -> None:
        """For `down`, `status`, `replay`, and the next `up` should this one be killed."""
        processes = {p.name: p.pid for p in self.servers.processes if p.is_running}
        processes |= {s.name: s.process.pid for s in self.services.values() if s.process.is_running}
        addresses = {
            "postgres": self.servers.postgres.url,
            "redis": self.servers.redis.url,
            "nats_replay": self.servers.nats.url("replay"),
            "nats_admin": self.servers.nats.admin_url,
            "nats_operator": self.servers.nats.url("operator"),
        }
        address, pid = f"http://127.0.0.1:{self.port}", os.getpid()
        began = {name: moment for name, number in processes.items() if (moment := started_at(number)) is not None}
        Running(pid, started_at(pid) or 0.0, address, addresses, processes, began).write(self.folder)

    async def _confirm(self) -> None:
        """Each 3 s, as the cluster manager will: the pod lives, and holds the hoppers of who may see live candles."""
        plans = accounts.tracked_plans()
        async with database.connect(self.servers.postgres.url, "devstack", 1) as rows:
            assignments = Assignments(rows)
            while True:
                with contextlib.suppress(CryptwireError):
                    await assignments.confirm(accounts.POD)
                    await assignments.follow(accounts.POD, plans)
                await asyncio.sleep(3)

    async def end(self) -> None:
        """Stop everything: first what feeds others, the servers last."""
        for chore in self._chores:
            chore.cancel()
        order = (("edge", "streamer", "processor"), _POD, ("writer",), ("gateway", "simulator"))
        for names in order:
            known = [self.services[name].process for name in names if name in self.services]
            await asyncio.gather(*(process.stop(15) for process in known))
        await asyncio.gather(*(process.stop(15) for process in self.servers.processes))
        (self.folder / "running.json").unlink(missing_ok=True)

    # -- what each service is told ---------------------------------------------------------------------------------

    @property
    def _redirect(self) -> str:
        return f"http://127.0.0.1:{self.port}/link/callback"

    def _secret(self, name: str) -> str:
        """32 random bytes in hexadecimal, made once, readable by the owner alone."""
        path = self.folder / name
        if not path.exists():
            fresh = path.with_name(f"{name}.new")
            fresh.touch(mode=0o600)
            fresh.write_text(secrets.token_hex(32))
            fresh.rename(path)
        return path.read_text().strip()

    def _secret_file(self, name: str) -> str:
        """The path of such a secret."""
        self._secret(name)
        return str(self.folder / name)

    def _passed_on(self, *prefixes: str) -> dict[str, str]:
        return {key: value for key, value in self.settings.items() if key.startswith(prefixes)}

    def _add(self, name: str, told: dict[str, str]) -> Service:
        """A service of `cryptwire run`, not started yet."""
        health = free_port()
        return self._add_command(
            name,
            [sys.executable, "-m", "cryptwire", "run", name],
            {f"CRYPTWIRE_{name.upper()}_HEALTH_PORT": str(health), **told},
            f"http://127.0.0.1:{health}/readyz",
        )

    def _add_command(self, name: str, command: list[str], told: dict[str, str], ready_url: str) -> Service:
        process = Process(name, self.folder / "logs" / f"{name}.log")
        service = self.services[name] = Service(name, command, told, ready_url, process)
        return service

    def _add_simulator(self) -> str:
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        told = {
            "CRYPTWIRE_SIMULATOR_PORT": str(port),
            "CRYPTWIRE_SIMULATOR_FOLDER": str(self.folder / "simulator"),
            "CRYPTWIRE_SIMULATOR_CLIENT_ID": _CLIENT_ID,
            "CRYPTWIRE_SIMULATOR_CLIENT_SECRET": self._secret("client-secret"),
            "CRYPTWIRE_SIMULATOR_REDIRECT_URIS": self._redirect,
            "CRYPTWIRE_SIMULATOR_WEBHOOK_URL": f"http://127.0.0.1:{self.port}/webhooks/cryptohopper",
            "CRYPTWIRE_SIMULATOR_WEBHOOK_VERIFICATION": self._secret("webhook-verification"),
            "CRYPTWIRE_SIMULATOR_WEBHOOK_SHARED_SECRET": self._secret("webhook-shared"),
            **self._passed_on("CRYPTWIRE_SIMULATOR_"),
        }
        self._add_command("simulator", [sys.executable, "-m", "simulator"], told, f"{address}/healthz")
        return address

    def _add_gateway(self, simulated: str) -> None:
        self.gateway_address = f"127.0.0.1:{free_port()}"
        self._add(
            "gateway",
            {
                "CRYPTWIRE_GATEWAY_DATABASE_URL": url_of("gateway", self.servers.postgres.url),
                "CRYPTWIRE_GATEWAY_REDIS_URL": self.servers.redis.url,
                "CRYPTWIRE_GATEWAY_SESSION_KEY_FILE": str(self.folder / "session-key-public.pem"),
                "CRYPTWIRE_GATEWAY_IS_DEVELOPMENT": "true",
                "CRYPTWIRE_GATEWAY_CERTIFICATES": str(self.folder / "certificates"),
                "CRYPTWIRE_GATEWAY_MASTER_KEY_FILE": self._secret_file("master-key"),
                "CRYPTWIRE_GATEWAY_CLIENT_ID": _CLIENT_ID,
                "CRYPTWIRE_GATEWAY_CLIENT_SECRET": self._secret("client-secret"),
                "CRYPTWIRE_GATEWAY_ADDRESS": self.gateway_address,
                "CRYPTWIRE_GATEWAY_UPSTREAM_URL": f"{simulated}/v1",
                "CRYPTWIRE_GATEWAY_OAUTH_URL": f"{simulated}/oauth2",
                **self._passed_on("CRYPTWIRE_GATEWAY_"),
            },
        )

    def _add_streamer(self, simulated: str) -> None:
        sockets = simulated.replace("http://", "ws://")
        plain = {"options": {"fetchMarkets": {"types": ["spot"]}}, "has": {"fetchCurrencies": False}}
        binance = {"public": f"{simulated}/binance/api/v3", "ws": {"spot": f"{sockets}/binance/ws"}}
        endpoints = {
            "binance": {"urls": {"api": binance}, **plain},
            "kucoin": {"urls": {"api": {"public": f"{simulated}/kucoin"}}, **plain},
        }
        self._add(
            "streamer",
            {
                "CRYPTWIRE_STREAMER_REDIS_URL": self.servers.redis.url,
                "CRYPTWIRE_STREAMER_NATS_URL": self.servers.nats.url("streamer"),
                "CRYPTWIRE_STREAMER_EXCHANGES": json.dumps(sorted(endpoints)),
                "CRYPTWIRE_STREAMER_ENDPOINTS": json.dumps(endpoints),
                **self._passed_on("CRYPTWIRE_STREAMER_"),
            },
        )

    def _add_writer(self) -> None:
        self._add(
            "writer",
            {
                "CRYPTWIRE_WRITER_DATABASE_URL": url_of("writer", self.servers.postgres.url),
                "CRYPTWIRE_WRITER_REDIS_URL": self.servers.redis.url,
                **self._passed_on("CRYPTWIRE_WRITER_"),
            },
        )

    def _add_tracker(self) -> None:
        self._add(
            "tracker",
            {
                "CRYPTWIRE_TRACKER_POD": accounts.POD,
                "CRYPTWIRE_TRACKER_DATABASE_URL": url_of("tracker", self.servers.postgres.url),
                "CRYPTWIRE_TRACKER_REDIS_URL": self.servers.redis.url,
                "CRYPTWIRE_TRACKER_NATS_URL": self.servers.nats.url("tracker"),
                "CRYPTWIRE_TRACKER_GATEWAY_ADDRESS": self.gateway_address,
                "CRYPTWIRE_TRACKER_CERTIFICATES": str(self.folder / "certificates"),
                **self._passed_on("CRYPTWIRE_TRACKER_"),
            },
        )

    def _add_analyser(self) -> None:
        span = self.settings.get("CRYPTWIRE_TRACKER_SPAN")  # both make the same candles
        self._add(
            "analyser",
            {
                "CRYPTWIRE_ANALYSER_POD": accounts.POD,
                "CRYPTWIRE_ANALYSER_DATABASE_URL": url_of("analyser", self.servers.postgres.url),
                "CRYPTWIRE_ANALYSER_REDIS_URL": self.servers.redis.url,
                "CRYPTWIRE_ANALYSER_NATS_URL": self.servers.nats.url("analyser"),
                **({"CRYPTWIRE_ANALYSER_SPAN": span} if span else {}),
                **self._passed_on("CRYPTWIRE_ANALYSER_"),
            },
        )

    def _add_controller(self) -> None:
        self._add(
            "controller",
            {
                "CRYPTWIRE_CONTROLLER_POD": accounts.POD,
                "CRYPTWIRE_CONTROLLER_DATABASE_URL": url_of("controller", self.servers.postgres.url),
                "CRYPTWIRE_CONTROLLER_REDIS_URL": self.servers.redis.url,
                "CRYPTWIRE_CONTROLLER_NATS_URL": self.servers.nats.url("controller"),
                "CRYPTWIRE_CONTROLLER_GATEWAY_ADDRESS": self.gateway_address,
                "CRYPTWIRE_CONTROLLER_CERTIFICATES": str(self.folder / "certificates"),
                **self._passed_on("CRYPTWIRE_CONTROLLER_"),
            },
        )

    def _add_processor(self, simulated: str) -> None:
        self._add(
            "processor",
            {
                "CRYPTWIRE_PROCESSOR_DATABASE_URL": url_of("processor", self.servers.postgres.url),
                "CRYPTWIRE_PROCESSOR_REDIS_URL": self.servers.redis.url,
                "CRYPTWIRE_PROCESSOR_NATS_URL": self.servers.nats.url("processor"),
                "CRYPTWIRE_PROCESSOR_GATEWAY_ADDRESS": self.gateway_address,
                "CRYPTWIRE_PROCESSOR_CERTIFICATES": str(self.folder / "certificates"),
                "CRYPTWIRE_PROCESSOR_OPENEXCHANGERATES_URL": f"{simulated}/openexchangerates/api",
                "CRYPTWIRE_PROCESSOR_OPENEXCHANGERATES_APP_ID": "sim-free",
                "CRYPTWIRE_PROCESSOR_COINMARKETCAP_URL": f"{simulated}/coinmarketcap",
                "CRYPTWIRE_PROCESSOR_COINMARKETCAP_KEY": "sim-startup",
                "CRYPTWIRE_PROCESSOR_SMTP_URL": f"smtp://127.0.0.1:{self.mail_port}",
                "CRYPTWIRE_PROCESSOR_MAIL_KEY": self._secret_file("mail-key"),
                "CRYPTWIRE_PROCESSOR_WEBHOOK_KEY": self._secret_file("webhook-key"),
                "CRYPTWIRE_PROCESSOR_PUBLIC_URL": f"http://127.0.0.1:{self.port}",
                "CRYPTWIRE_PROCESSOR_OPERATORS_MAIL": "operators@cryptwire.test",
                "CRYPTWIRE_PROCESSOR_IS_DEVELOPMENT": "true",
                **self._passed_on("CRYPTWIRE_PROCESSOR_"),
            },
        )


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False
