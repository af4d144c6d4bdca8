"""An API of its own over real servers, with a user, a stranger, and their hoppers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import argon2
import pytest

from api.adapters import Argon2Passwords
from api.main import opened
from api.ports import Passwords
from api.settings import Settings
from cryptwire.clock import SystemClock
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId
from cryptwire.messaging import bus as messaging
from cryptwire.messaging.bus import NatsBus
from cryptwire.metrics import Meters
from cryptwire.runtime import Health, Runtime, serving
from cryptwire.storage import database
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.users import Users
from tests.signing import Keys, issued

EMAIL, PASSWORD = "Me@Example.com", "right horse"
QUICK = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
OURS = {"X-Cryptwire": "1"}


@dataclass
class World:
    """What a test asks."""

    base: str
    http: aiohttp.ClientSession
    owner: Database
    bus: NatsBus
    runtime: Runtime
    keys: Keys
    settings: Settings

    async def ask(self, query: str, headers: dict[str, str] | None = None, **variables: Any) -> dict[str, Any]:
        """The answer to a query, by POST, with the cookies of the session."""
        body = {"query": query, "variables": variables}
        async with self.http.post(f"{self.base}/graphql", json=body, headers=OURS if headers is None else headers) as r:
            assert r.status == 200, await r.text()
            answer = await r.json()
            assert isinstance(answer, dict)
            return answer

    async def sign_in(self, email: str = EMAIL, password: str = PASSWORD) -> dict[str, Any]:
        return await self.ask(
            "mutation($e: String!, $p: String!) {"
            " signIn(email: $e, password: $p) { user { id email zone currency } expiresAt } }",
            e=email,
            p=password,
        )


def code_of(answer: dict[str, Any]) -> str:
    """The code of the only error."""
    (error,) = answer["errors"]
    code = error["extensions"]["code"]
    assert isinstance(code, str)
    return code


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Return when ``condition`` holds; fail after ``seconds``."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is awaited has no event
            await asyncio.sleep(0.01)


@pytest.fixture
def app_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "browser"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html><title>app</title>")
    (folder / "main-ZPTY6KHE.js").write_text("1")
    (folder / "icon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("secret")
    return folder


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return issued(tmp_path / "keys")


@asynccontextmanager
async def running(settings: Settings, passwords: Passwords | None = None) -> AsyncIterator[tuple[str, Runtime]]:
    """An API: its address and its runtime."""
    runtime = Runtime(asyncio.Event(), SystemClock(), Meters(), Health())
    async with (
        opened(settings, runtime, passwords or Argon2Passwords(QUICK)) as app,
        serving(app, "127.0.0.1", 0) as port,
    ):
        yield f"http://127.0.0.1:{port}", runtime


@pytest.fixture
async def world(database_url: str, redis_url: str, nats_url: str, app_folder: Path, keys: Keys) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        owner = await stack.enter_async_context(database.connect(database_url, "test"))
        users, hoppers = Users(owner), Hoppers(owner)
        me = await users.add(EMAIL, QUICK.hash(PASSWORD), "Europe/Berlin", "EUR", "pro")
        you = await users.add("you@example.com", QUICK.hash("other"), "UTC", "USD", "free")
        for number, whose in (("1", me), ("2", you)):
            name = f"Bot {number}"
            await hoppers.put(
                Hopper(HopperId(number), whose, name, Exchange("binance"), Asset("USDT"), False, timedelta(seconds=60))
            )
        settings = Settings(
            is_warmed_up=False,
            database_url=url_of("api", database_url),
            nats_url=nats_url,
            redis_url=redis_url,
            **keys.settings(),
            app_folder=app_folder,
            is_development=True,
            demo_email=EMAIL,
            demo_password=PASSWORD,
        )
        base, runtime = await stack.enter_async_context(running(settings))
        jar = aiohttp.CookieJar(unsafe=True)
        http = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
        bus = await stack.enter_async_context(messaging.connect(nats_url, "test"))
        await until(lambda: runtime.health.needs.get("nats", (False, ""))[0])
        yield World(base, http, owner, bus, runtime, keys, settings)
