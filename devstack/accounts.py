"""The demo accounts: users of Cryptwire, linked to the simulated Cryptohopper as the app would link them."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import aiohttp
import argon2

from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.errors import CryptwireError, Unavailable
from cryptwire.gateway_client import GatewayClient, LinkState
from cryptwire.permissions import Needs, Permissions
from cryptwire.storage import database
from cryptwire.storage.assignments import Assignments
from cryptwire.storage.database import Database
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.imports import Imports
from cryptwire.storage.users import Users

POD = "shard-1"
PASSWORD = "cryptwire-demo"  # noqa: S105 - development only, and printed


@dataclass(frozen=True, slots=True)
class Demo:
    """A user of Cryptwire and the account of the simulated Cryptohopper that is his."""

    email: str
    zone: str
    currency: str
    username: str
    password: str


DEMOS = (
    Demo("demo@cryptwire.test", "Europe/Berlin", "EUR", "alice", "alice-demo"),
    Demo("bob@cryptwire.test", "America/New_York", "USD", "bob", "bob-demo"),
    Demo("carol@cryptwire.test", "Asia/Kolkata", "USD", "carol", "carol-demo"),
)


async def set_up(
    rows: Database,
    gateway: GatewayClient,
    redirect_uri: str,
    say: Callable[[str], None],
) -> list[HopperId]:
    """Make the demo users that are missing, link them, write down their hoppers and assign these; gives the hoppers."""
    users, hoppers = Users(rows), Hoppers(rows)
    everyone: list[HopperId] = []
    for demo in DEMOS:
        user = await _user(users, demo)
        if (await gateway.link_state(user)).state is not LinkState.LINKED:
            say(f"linking {demo.email} to the simulated Cryptohopper")
            url, state = await gateway.begin_link(user, redirect_uri)
            await gateway.link(user, await authorize(url, state, demo.username, demo.password), state)
        known = await hoppers.linked(user)
        if not known:  # from then on the processor notices what changes: a start asks upstream for nothing it knows
            for linked in await gateway.hoppers(user, timedelta(minutes=1)):
                await hoppers.put(linked.hopper)
                known.append(linked.hopper.id)
        everyone += known
    assignments = Assignments(rows)
    await assignments.confirm(POD)
    await assignments.follow(POD, tracked_plans())
    return everyone


async def import_later(address: str, pause: float = 180.0) -> None:
    """Have the demo accounts imported, once, when the start and the past of the charts do not need the budget."""
    await asyncio.sleep(pause)
    async with database.connect(address, "devstack", 1) as rows:
        while True:
            with contextlib.suppress(CryptwireError):
                for demo in DEMOS:
                    if (user := await Users(rows).by_email(demo.email)) is not None:
                        await Imports(rows).ask_once(user.id)
                return
            await asyncio.sleep(10)


def tracked_plans() -> list[str]:
    """The plans whose hoppers are tracked live."""
    return Permissions().plans_that_may(Needs("view", "live-candles"))


async def _user(users: Users, demo: Demo) -> UserId:
    known = await users.by_email(demo.email)
    if known is not None:
        return known.id
    return await users.add(demo.email, argon2.PasswordHasher().hash(PASSWORD), demo.zone, demo.currency, "pro")


async def authorize(url: str, state: str, username: str, password: str) -> str:
    """The code that a user's consent gives, as if he had filled the consent page at ``url``; raises Unavailable."""
    page = urlsplit(url)
    form = dict(parse_qsl(page.query)) | {"username": username, "password": password, "decision": "allow"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(urlunsplit(page._replace(query="")), data=form, allow_redirects=False) as answer,
    ):
        query = dict(parse_qsl(urlsplit(answer.headers.get("location", "")).query))
        if answer.status != 302 or "code" not in query or query.get("state") != state:
            raise Unavailable(f"the simulated Cryptohopper gave no code for {username}: status {answer.status}")
        return query["code"]
