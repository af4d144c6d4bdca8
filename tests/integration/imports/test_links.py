"""An account is linked, looked at and unlinked through the API, the real gateway and the simulated Cryptohopper."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import aiohttp
import argon2
import pytest

from api.adapters import Argon2Passwords
from api.main import opened
from api.settings import Settings
from cryptwire.clock import SystemClock
from cryptwire.domain.hopper import UserId
from cryptwire.gateway_client import LinkState
from cryptwire.metrics import Meters
from cryptwire.runtime import Health, Runtime, serving
from cryptwire.storage import redis
from cryptwire.storage.database import url_of
from cryptwire.storage.users import Users
from devstack import accounts
from tests.integration.imports.conftest import Scene
from tests.signing import issued

PASSWORD = "right horse"
QUICK = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
BEGIN = "mutation { beginLink { authorizeUrl } }"
COMPLETE = (
    "mutation($code: String!, $state: String!) { completeLink(code: $code, state: $state)"
    " { state scopes missingScopes linkedAt } }"
)
STATE = "{ link { state scopes missingScopes linkedAt } }"
PROGRESS = "{ importProgress { state stage done total problems { hopper message } } }"
UNLINK = "mutation($p: String!) { unlink(password: $p) }"


@dataclass
class Person:
    """Somebody with a session of his own."""

    user: UserId
    email: str
    base: str
    http: aiohttp.ClientSession

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        body = {"query": query, "variables": variables}
        async with self.http.post(f"{self.base}/graphql", json=body, headers={"X-Cryptwire": "1"}) as answer:
            said: dict[str, Any] = await answer.json()
            return said

    async def get(self, query: str, **variables: Any) -> Any:
        """The only field of the answer."""
        said = await self.ask(query, **variables)
        assert "errors" not in said, said
        (value,) = said["data"].values()
        return value

    async def refused(self, query: str, **variables: Any) -> tuple[str, str]:
        """Code and words of the only error."""
        (error,) = (await self.ask(query, **variables))["errors"]
        return error["extensions"]["code"], error["message"]

    async def consent(self, name: str, scope: str | None = None) -> dict[str, str]:
        """What the user brings back from Cryptohopper."""
        url = (await self.get(BEGIN))["authorizeUrl"]
        state = dict(parse_qsl(urlsplit(url).query))["state"]
        if scope is not None:
            page = urlsplit(url)
            url = urlunsplit(page._replace(query=urlencode(dict(parse_qsl(page.query)) | {"scope": scope})))
        return {"code": await accounts.authorize(url, state, name, f"{name}-demo"), "state": state}


@dataclass
class Door:
    """The API, and everything behind it."""

    scene: Scene
    base: str
    stack: AsyncExitStack

    async def person(self) -> Person:
        email = f"{secrets.token_hex(6)}@x.test"
        user = await Users(self.scene.owner).add(email, QUICK.hash(PASSWORD), "Europe/Berlin", "EUR", "free")
        return await self.signed_in(user, email)

    async def signed_in(self, user: UserId, email: str) -> Person:
        """Another session."""
        jar = aiohttp.CookieJar(unsafe=True)
        http = await self.stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
        person = Person(user, email, self.base, http)
        sign_in = "mutation($e: String!, $p: String!) { signIn(email: $e, password: $p) { user { id } } }"
        await person.get(sign_in, e=email, p=PASSWORD)
        return person


@asynccontextmanager
async def at_the_door(scene: Scene, database_url: str, folder: Path) -> AsyncIterator[Door]:
    keys = issued(folder / "keys")
    settings = Settings(
        database_url=url_of("api", database_url),
        nats_url=scene.nats_url,
        redis_url=scene.redis_url,
        session_key_file=keys.session_key_file,
        session_public_key_file=keys.session_public_key_file,
        mail_key=keys.mail_key,
        gateway_address=scene.gateway_address,
        certificates=scene.certificates,
        public_url="http://127.0.0.1",
        is_development=True,
        attempts_a_minute=1_000,
        address_attempts_a_minute=1_000,
    )
    runtime = Runtime(asyncio.Event(), SystemClock(), Meters(), Health())
    async with (
        AsyncExitStack() as stack,
        opened(settings, runtime, Argon2Passwords(QUICK)) as app,
        serving(app, "127.0.0.1", 0) as port,
    ):
        while not runtime.health.needs.get("nats", (False, ""))[0]:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)
        async with stack:
            yield Door(scene, f"http://127.0.0.1:{port}", stack)


@pytest.fixture
async def door(scene: Scene, database_url: str, tmp_path: Path) -> AsyncIterator[Door]:
    async with at_the_door(scene, database_url, tmp_path) as door_:
        yield door_


async def test_an_account_is_linked_by_its_users_consent_and_its_import_waits_in_the_queue(door: Door) -> None:
    me = await door.person()
    assert await me.get(STATE) == {"state": "NONE", "scopes": [], "missingScopes": [], "linkedAt": None}
    assert await me.get(PROGRESS) is None
    link = await me.get(COMPLETE, **await me.consent("alice"))
    assert link["state"] == "LINKED"
    assert link["scopes"] == ["read", "notifications", "manage", "trade"]
    assert link["linkedAt"] is not None
    assert await me.get(STATE) == link
    assert (await me.get(PROGRESS))["state"] == "WAITING"
    async with redis.connect(door.scene.redis_url) as values:
        assert await values.xlen("cw:imports") >= 1
    assert await me.get("mutation { refreshImport }") is False


async def test_the_state_of_another_session_is_refused_and_so_is_one_that_was_used(door: Door) -> None:
    me, other = await door.person(), await door.person()
    again = await door.signed_in(me.user, me.email)
    brought = await me.consent("alice")
    for stranger in (other, again):
        code, words = await stranger.refused(COMPLETE, **brought)
        assert code == "INVALID"
        assert "not asked for in this session" in words
    assert (await me.get(COMPLETE, **brought))["state"] == "LINKED"
    assert (await me.refused(COMPLETE, **brought))[0] == "INVALID"
    assert (await other.get(STATE))["state"] == "NONE"


async def test_of_two_who_bring_the_same_consent_at_once_one_links(door: Door) -> None:
    me = await door.person()
    brought = await me.consent("alice")
    said = await asyncio.gather(*(me.ask(COMPLETE, **brought) for _ in range(5)))
    assert sum("errors" not in one for one in said) == 1
    assert (await me.get(STATE))["state"] == "LINKED"


async def test_a_state_is_good_for_ten_minutes(door: Door) -> None:
    me = await door.person()
    brought = await me.consent("alice")
    await door.scene.owner.execute("UPDATE link_states SET expires_at = now()")
    assert (await me.refused(COMPLETE, **brought))[0] == "INVALID"


async def test_what_is_no_code_or_no_state_links_nothing_and_says_what_to_do(door: Door) -> None:
    me = await door.person()
    for bad in ("", "wrong", "\0", "x" * 50_000, "a\nb", "\u202e"):
        brought = await me.consent("alice")
        for changed in ({"state": bad}, {"code": bad}):
            code, words = await me.refused(COMPLETE, **(brought | changed))
            assert code == "INVALID"
            assert "connect again" in words
    assert (await me.get(STATE))["state"] == "NONE"


async def test_what_was_not_allowed_is_shown(door: Door) -> None:
    me = await door.person()
    link = await me.get(COMPLETE, **await me.consent("alice", scope="read"))
    assert (link["state"], link["scopes"]) == ("SCOPES_MISSING", ["read"])
    assert link["missingScopes"] == ["notifications", "manage", "trade"]
    assert (await me.get(COMPLETE, **await me.consent("alice")))["state"] == "LINKED"


async def test_an_account_that_is_another_users_is_not_linked(door: Door) -> None:
    me, other = await door.person(), await door.person()
    await me.get(COMPLETE, **await me.consent("alice"))
    await imported(door, me)
    code, words = await other.refused(COMPLETE, **await other.consent("alice"))
    assert code == "INVALID"
    assert "another user" in words
    assert (await other.get(STATE))["state"] == "NONE"
    assert await other.get("{ hoppers { id } }") == []
    assert (await me.get(STATE))["state"] == "LINKED"
    assert len(await door.scene.gateway.hoppers(me.user)) == 4


async def test_another_account_than_before_is_not_linked_until_the_first_is_unlinked(door: Door) -> None:
    me = await door.person()
    await me.get(COMPLETE, **await me.consent("alice"))
    await imported(door, me)
    code, words = await me.refused(COMPLETE, **await me.consent("dave"))
    assert code == "INVALID"
    assert "another Cryptohopper account" in words
    assert (await me.get(STATE))["state"] == "MUST_LINK_AGAIN"
    assert len(await me.get("{ hoppers { id } }")) == 4
    assert (await me.get(COMPLETE, **await me.consent("alice")))["state"] == "LINKED"
    await me.get(UNLINK, p=PASSWORD)
    assert (await me.get(COMPLETE, **await me.consent("dave")))["state"] == "LINKED"


async def test_unlinking_destroys_the_token_stops_the_import_and_keeps_the_history(door: Door) -> None:
    me = await door.person()
    await me.get(COMPLETE, **await me.consent("alice"))
    await imported(door, me)
    trades = await door.scene.owner.value("SELECT count(*) FROM trades")
    assert await me.get("mutation { refreshImport }") is True
    assert (await me.refused(UNLINK, p="wrong horse"))[0] == "INVALID"
    assert (await me.get(STATE))["state"] == "LINKED"
    assert await me.get(UNLINK, p=PASSWORD) is True
    assert await door.scene.owner.value("SELECT count(*) FROM custody.tokens") == 0
    assert (await door.scene.gateway.link_state(me.user)).state is LinkState.NONE
    assert (await me.get(STATE))["state"] == "NONE"
    progress = await me.get(PROGRESS)
    assert progress["state"] == "STOPPED"
    assert progress["problems"] == [{"hopper": None, "message": "The account was unlinked."}]
    hoppers = await me.get("{ hoppers { isLinked deletedAt createdAt } }")
    assert len(hoppers) == 4
    assert all(one["isLinked"] is False and one["deletedAt"] is None for one in hoppers)
    assert await door.scene.owner.value("SELECT count(*) FROM trades") == trades > 0
    assert (await me.refused("mutation { refreshImport }"))[0] == "NOT_FOUND"
    assert await me.get(UNLINK, p=PASSWORD) is False  # nothing was linked, so nothing was confirmed


async def test_who_signs_in_finds_his_balance_read_anew(door: Door) -> None:
    me = await door.person()
    await me.get(COMPLETE, **await me.consent("alice"))
    await imported(door, me)
    await door.scene.simulated.control("DELETE", "requests")
    began = len(await door.scene.owner.fetch("SELECT 1 FROM hoppers"))
    again = await door.signed_in(me.user, me.email)
    await door.signed_in(me.user, me.email)  # within a minute nothing is read again
    assert began == len(await again.get("{ hoppers { id } }"))
    async with redis.connect(door.scene.redis_url) as values:
        for _ in range(100):
            asked = await door.scene.simulated.control("GET", "requests?path=/assets")
            if len(asked["requests"]) == 4:
                break
            await asyncio.sleep(0.05)
        assert len(asked["requests"]) == 4
        await asyncio.sleep(0.2)
        assert len((await door.scene.simulated.control("GET", "requests?path=/assets"))["requests"]) == 4
        assert await values.xlen("cw:imports") >= 2


async def imported(door: Door, person: Person) -> None:
    """The import is done by a processor of its own, which then ends."""
    process = door.scene.replicas.start()
    await door.scene.until(
        "SELECT state FROM imports WHERE user_id = $1::text::uuid", person.user, is_what="done", seconds=40
    )
    await process.stop(10)
