"""The database may go away at any moment, and the way to the gateway may be slow; no link is lost by it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

import pytest

from cryptwire.errors import Unavailable
from cryptwire.gateway_client import LinkState
from devstack.servers import free_port
from tests.integration.gateway.conftest import HOPPER, Stage

ASSETS = "/v1/hopper/501/assets"


@dataclass
class Door:
    """A way to a server that a test can shut: what is open is cut, and nothing new comes in."""

    host: str
    port: int
    delay: float = 0  # seconds until what comes in is let through
    listens_on: int = field(default_factory=free_port)
    server: asyncio.Server | None = None
    open_ends: list[asyncio.StreamWriter] = field(default_factory=list)

    async def open(self) -> None:
        self.server = await asyncio.start_server(self._pass, "127.0.0.1", self.listens_on)

    async def shut(self) -> None:
        if self.server is not None:
            self.server.close()
            for end in self.open_ends:
                end.transport.abort()
            self.open_ends.clear()
            await self.server.wait_closed()
            self.server = None

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(self.delay)
        far_reader, far_writer = await asyncio.open_connection(self.host, self.port)
        self.open_ends += [writer, far_writer]
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))

    @staticmethod
    async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(65536):
                writer.write(chunk)
                await writer.drain()
        with suppress(OSError):
            writer.close()


@pytest.fixture
async def door(stage: Stage) -> AsyncIterator[Door]:
    """The gateway of ``stage`` reaches its database through this, shut at first."""
    parts = urlsplit(stage.settings.database_url)
    assert parts.hostname is not None
    assert parts.port is not None
    door = Door(parts.hostname, parts.port)
    netloc = f"{parts.username}:{parts.password}@127.0.0.1:{door.listens_on}"
    stage.settings = replace(stage.settings, database_url=urlunsplit(parts._replace(netloc=netloc)))
    yield door
    await door.shut()


async def test_it_starts_before_the_database_and_survives_its_restart(stage: Stage, door: Door) -> None:
    stage.upstream.data[ASSETS] = {"BTC": "1"}
    user = await stage.user()
    async with stage.running() as runtime, stage.client("api") as api, stage.client("tracker") as tracker:
        with pytest.raises(Unavailable, match="database"):
            await api.link_state(user)
        assert not runtime.health.is_ready
        await door.open()
        await stage.link(api, user)
        async with asyncio.timeout(5):
            while not runtime.health.is_ready:  # noqa: ASYNC110 - health has no event
                await asyncio.sleep(0.05)
        for _ in range(2):
            assert await tracker.assets(user, HOPPER)
            await door.shut()
            with pytest.raises(Unavailable):
                await tracker.assets(user, HOPPER)
            await door.open()
        assert await tracker.assets(user, HOPPER)
    assert stage.upstream.issued == 1


async def test_a_rotated_token_is_saved_when_the_database_is_back(stage: Stage, door: Door) -> None:
    """Upstream rotated, then the database went away: the old refresh token is worth nothing any more."""
    await door.open()
    stage.upstream.data[ASSETS] = {"BTC": "1"}
    async with stage.running(), stage.client("tracker") as tracker:
        user = await stage.linked_user()
        stage.upstream.token_delay = 0.5
        await stage.sql("UPDATE custody.tokens SET expires_at = now() - interval '1 second'")
        reading = asyncio.create_task(tracker.assets(user, HOPPER))
        async with asyncio.timeout(5):
            while stage.upstream.issued < 2:  # noqa: ASYNC110 - nor has upstream
                await asyncio.sleep(0.01)
        await door.shut()
        await asyncio.sleep(1)
        await door.open()
        assert await reading
        assert await tracker.assets(user, HOPPER)
    async with stage.running(), stage.client("tracker") as tracker:
        await asyncio.sleep(2.1)
        assert await tracker.assets(user, HOPPER, within=timedelta(seconds=5))
    assert stage.upstream.issued == 2


async def test_a_gateway_that_is_slow_to_shake_hands_is_not_away(stage: Stage) -> None:
    """A busy machine, or the other side of the world: gRPC gives an attempt its least back-off and no more."""
    host, port = stage.settings.address.split(":")
    way = Door(host, int(port), delay=1.5)
    await way.open()
    async with stage.running(), stage.on(f"127.0.0.1:{way.listens_on}").client("api") as api:
        assert (await api.link_state(await stage.user())).state is LinkState.NONE
    await way.shut()
