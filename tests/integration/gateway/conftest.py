"""A real gateway with a real database, and an upstream that the test plays."""

import asyncio
import logging
import secrets
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import asyncpg
import pytest

from cryptwire import gateway_client
from cryptwire.clock import SystemClock
from cryptwire.codec.session_token import Signer
from cryptwire.codec.signed_session import SignedSession
from cryptwire.domain.action import Act, Fence, IntentId, SessionToken
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.gateway_client import GatewayClient, Identity, LinkState
from cryptwire.metrics import Meters
from cryptwire.runtime import Health, Runtime, serving
from cryptwire.storage import database
from cryptwire.storage.assignments import Assignments
from cryptwire.storage.database import url_of
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.session_book import SessionBook
from devstack import certificates
from devstack.servers import free_port
from gateway.main import main
from gateway.settings import Settings
from tests.integration.gateway.upstream import FakeUpstream

SERVICES = (
    "gateway",
    "analyser",
    "api",
    "cluster_manager",
    "controller",
    "datafeed",
    "devstack",
    "processor",
    "streamer",
    "tracker",
    "webhook",
    "writer",
)
HOPPER = HopperId("501")
REDIRECT = "http://127.0.0.1/link/callback"


def act(right: Fence | SessionToken, number: int = 1, intent: str = "") -> Act:
    """An act of a new intent, unless one is named."""
    return Act(IntentId(intent or str(uuid.uuid4())), number, right)


@dataclass
class Stage:
    """One gateway and everything around it."""

    settings: Settings
    upstream: FakeUpstream
    owner_url: str

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Runtime]:
        """The gateway, until the block ends; it must end in time."""
        runtime = Runtime(asyncio.Event(), SystemClock(), Meters(), Health())
        task = asyncio.create_task(main(self.settings, runtime))
        try:
            while not runtime.health.needs.get("grpc", (False, ""))[0]:
                if task.done():
                    await task
                await asyncio.sleep(0.01)
            yield runtime
        finally:
            runtime.stop.set()
            await asyncio.wait_for(task, 10)

    @asynccontextmanager
    async def client(self, service: str, folder: Path | None = None) -> AsyncIterator[GatewayClient]:
        identity = Identity(folder or self.settings.certificates, service)
        async with gateway_client.connect(self.settings.address, identity) as client:
            yield client

    async def user(self) -> UserId:
        """A new user."""
        connection = await asyncpg.connect(self.owner_url)
        try:
            name = uuid.uuid4().hex
            row = await connection.fetchval(
                "INSERT INTO users (email, password_hash) VALUES ($1, 'none') RETURNING user_id::text", f"{name}@x.test"
            )
            return UserId(row)
        finally:
            await connection.close()

    async def linked_user(self) -> UserId:
        user = await self.user()
        async with self.client("api") as api:
            await self.link(api, user)
        return user

    async def link(self, api: GatewayClient, user: UserId) -> LinkState:
        """Link an account as the app does it: ask, consent, and give what comes back."""
        url, state = await api.begin_link(user, REDIRECT)
        async with aiohttp.ClientSession() as session, session.get(url, allow_redirects=False) as answer:
            query = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
        assert query["state"] == state
        return await api.link(user, query["code"], state)

    async def assigned(self, user: UserId, pod: str = "shard-1") -> Fence:
        """The fence of the hopper, which ``pod`` holds from now on."""
        async with database.connect(self.owner_url, "test", 1) as rows:
            await Hoppers(rows).put(
                Hopper(HOPPER, user, "Main", Exchange("coinbase"), Asset("USDT"), False, timedelta(minutes=1))
            )
            assignments = Assignments(rows)
            await assignments.confirm(pod)
            await assignments.assign([HOPPER], pod)
        ((fence,),) = await self.sql("SELECT fence FROM assignments WHERE hopper_id = $1", HOPPER)
        return Fence(fence)

    async def session(self, user: UserId) -> SignedSession:
        """A session of ``user``, which has begun."""
        async with database.connect(self.owner_url, "test", 1) as rows:
            begun = await SessionBook(rows).begin(user)
        return SignedSession(user, begun.session)

    def token(self, session: SignedSession) -> SessionToken:
        """What the API signs for a session."""
        assert self.settings.session_key_file is not None
        key = self.settings.session_key_file.with_name("session-key.pem").read_bytes()
        return SessionToken(Signer(key, SystemClock()).signed(session))

    def on(self, address: str) -> "Stage":
        """Another gateway beside this one, on the same servers."""
        return replace(self, settings=replace(self.settings, address=address))

    async def sql(self, statement: str, *values: object) -> list[asyncpg.Record]:
        """What the owner of the database does or sees."""
        connection = await asyncpg.connect(self.owner_url)
        try:
            return await connection.fetch(statement, *values)
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def certificate_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    certificates.issue(folder, SERVICES, SystemClock().now())
    return folder


@pytest.fixture
async def upstream() -> FakeUpstream:
    return FakeUpstream()


@pytest.fixture
async def stage(
    database_url: str, redis_url: str, certificate_folder: Path, tmp_path: Path, upstream: FakeUpstream
) -> AsyncIterator[Stage]:
    """All of it but the gateway, which the test starts."""
    master_key = tmp_path / "master.key"
    master_key.touch(mode=0o600)
    master_key.write_text(secrets.token_hex(32))
    certificates.issue_session_key(tmp_path)
    async with serving(upstream.app, "127.0.0.1", 0) as port:
        settings = Settings(
            database_url=url_of("gateway", database_url),
            redis_url=redis_url,
            certificates=certificate_folder,
            master_key_file=master_key,
            session_key_file=tmp_path / "session-key-public.pem",
            client_id="client",
            client_secret="client-secret-of-the-test",
            address=f"127.0.0.1:{free_port()}",
            upstream_url=f"http://127.0.0.1:{port}/v1",
            oauth_url=f"http://127.0.0.1:{port}/oauth2",
        )
        yield Stage(settings, upstream, database_url)


@pytest.fixture
async def gateway(stage: Stage) -> AsyncIterator[Stage]:
    """The stage with the gateway running."""
    async with stage.running():
        yield stage


@pytest.fixture
async def roomy(stage: Stage) -> AsyncIterator[Stage]:
    """A gateway whose budget is never short."""
    stage.settings = replace(stage.settings, requests_per_window=10_000, orders_per_window=9_000)
    async with stage.running():
        yield stage


@pytest.fixture
def everything_logged() -> Iterator[list[str]]:
    """Every line that any logger of this process writes, as it is written, debug and all."""
    lines: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    root, keeper = logging.getLogger(), Keeper(logging.DEBUG)
    level = root.level
    root.addHandler(keeper)
    root.setLevel(logging.DEBUG)
    yield lines
    root.setLevel(level)
    root.removeHandler(keeper)
