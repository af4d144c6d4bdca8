"""Gateways as they are deployed, each a process of its own, and users that are linked through them."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from bench import place
from bench.place import Child, Place
from cryptwire import gateway_client
from cryptwire.clock import SystemClock
from cryptwire.domain.hopper import UserId
from cryptwire.gateway_client import GatewayClient, Identity
from cryptwire.storage import database
from cryptwire.storage.database import url_of
from devstack import certificates
from devstack.servers import free_port

REDIRECT = "http://127.0.0.1/link/callback"
CLIENT_ID = "cryptwire-bench"
CLIENT_SECRET = "cryptwire-bench-secret"  # of nothing
CALLERS = ("gateway", "api", "tracker", "controller", "processor", "devstack")
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Gateways:
    """Running gateways that share one database and one Redis, and where each is called."""

    there: Place
    children: tuple[Child, ...]
    addresses: tuple[str, ...]

    @asynccontextmanager
    async def client(self, service: str, number: int = 0) -> AsyncIterator[GatewayClient]:
        """A client of one of them, with the certificate of ``service``."""
        identity = Identity(self.there.folder / "certificates", service)
        async with gateway_client.connect(self.addresses[number], identity) as client:
            yield client


@asynccontextmanager
async def running(
    there: Place, upstream: str, replicas: int = 1, *, told: Mapping[str, object]
) -> AsyncIterator[Gateways]:
    """``replicas`` gateways before the Cryptohopper at ``upstream``, ready; ``told`` is more settings of theirs."""
    folder = there.folder
    certificates.issue(folder / "certificates", CALLERS, SystemClock().now())
    certificates.issue_session_key(folder)
    master_key = folder / "master-key"
    master_key.touch(mode=0o600)
    master_key.write_text(secrets.token_hex(32))
    settings: dict[str, object] = {
        "database_url": url_of("gateway", there.servers.postgres.url),
        "redis_url": there.servers.redis.url,
        "certificates": folder / "certificates",
        "master_key_file": master_key,
        "session_key_file": folder / "session-key-public.pem",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "upstream_url": f"{upstream}/v1",
        "oauth_url": f"{upstream}/oauth2",
        **told,
    }
    addresses = tuple(f"127.0.0.1:{free_port()}" for _ in range(replicas))
    async with AsyncExitStack() as stack:
        children = [
            await stack.enter_async_context(place.service(there, "gateway", {**settings, "address": address}))
            for address in addresses
        ]
        for child in children:
            await child.ready()
        yield Gateways(there, tuple(children), addresses)


Consent = Callable[[int, str, str], Awaitable[str]]
"""The code that the user of a number gets at an authorize address, with its state."""


async def linked(gateways: Gateways, count: int, consent: Consent) -> list[UserId]:
    """``count`` new users, linked."""
    async with database.connect(gateways.there.servers.postgres.url, "bench", 2) as rows:
        made = await rows.fetch(
            "INSERT INTO users (email, password_hash, plan)"
            " SELECT 'bench' || n || '@example.com', '-', 'pro' FROM generate_series(0, $1::int - 1) n"
            " RETURNING user_id::text, email",
            count,
        )
    numbers = {int(row["email"].partition("@")[0].removeprefix("bench")): UserId(row["user_id"]) for row in made}
    users = [numbers[number] for number in range(count)]
    few = asyncio.Semaphore(_AT_ONCE)
    async with gateways.client("api") as api:

        async def link(number: int) -> None:
            async with few:
                url, state = await api.begin_link(users[number], REDIRECT)
                await api.link(users[number], await consent(number, url, state), state)

        await asyncio.gather(*map(link, range(count)))
    return users


def spread(values: Sequence[float]) -> str:
    """Minimum, median and maximum, for a note."""
    ordered = sorted(values)
    return f"{ordered[0]:.3g} / {ordered[len(ordered) // 2]:.3g} / {ordered[-1]:.3g}"
