"""Custody with a real database and a sign-in that the test plays over HTTP."""

import asyncio
import os
import secrets
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from cryptwire.clock import Clock, SystemClock
from cryptwire.domain.hopper import UserId
from cryptwire.metrics import Meters
from cryptwire.runtime import serving
from cryptwire.storage import database
from cryptwire.storage.database import url_of, with_database
from cryptwire.storage.migrate import migrate
from cryptwire.storage.tokens import SealedToken, Tokens
from gateway.custody import Custody
from gateway.custody.keys import FileKeys
from gateway.custody.sealing import OpenToken, opened
from gateway.ports import MasterKeys
from tests.integration.gateway.custody.oauth import OAuthServer
from tests.integration.gateway.custody.sign_in import HttpSignIn

REDIRECT = "http://127.0.0.1/link/callback"


@dataclass
class Scene:
    """Everything around custody; ``replica`` gives one more of it with connections of its own."""

    owner_url: str
    oauth_url: str
    oauth: OAuthServer
    key_file: Path
    meters: Meters = field(default_factory=Meters)

    @property
    def url(self) -> str:
        return url_of("gateway", self.owner_url)

    @property
    def sign_in(self) -> HttpSignIn:
        return HttpSignIn(self.oauth_url)

    @asynccontextmanager
    async def tokens(self, connections: int = 4) -> AsyncIterator[Tokens]:
        async with database.connect(self.url, "gateway", connections) as pool:
            yield Tokens(pool)

    @asynccontextmanager
    async def replica(
        self,
        keys: MasterKeys | None = None,
        *,
        lease: timedelta = timedelta(seconds=40),
        uses_pkce: bool = True,
        clock: Clock | None = None,
    ) -> AsyncIterator[Custody]:
        async with self.tokens() as tokens:
            custody = Custody(
                tokens,
                keys or FileKeys(self.key_file),
                self.sign_in,
                clock or SystemClock(),
                self.meters,
                uses_pkce=uses_pkce,
                lease=lease,
            )
            yield custody
            await custody.finish(timedelta(seconds=5))

    async def user(self) -> UserId:
        rows = await self.sql(
            "INSERT INTO users (email, password_hash) VALUES ($1, 'none') RETURNING user_id::text", uuid.uuid4().hex
        )
        return UserId(rows[0][0])

    async def linked(self, custody: Custody) -> UserId:
        """A new user whose account is linked."""
        user = await self.user()
        await self.link(custody, user)
        return user

    async def all_linked(self, custody: Custody, count: int) -> list[UserId]:
        """As many new users whose accounts are linked."""
        rows = await self.sql(
            "INSERT INTO users (email, password_hash) SELECT gen_random_uuid()::text, 'none'"
            " FROM generate_series(1, $1) RETURNING user_id::text",
            count,
        )
        users = [UserId(row[0]) for row in rows]
        await asyncio.gather(*(self.link(custody, user) for user in users))
        return users

    async def link(self, custody: Custody, user: UserId) -> None:
        url, state = await custody.begin_link(user, REDIRECT)
        await custody.link(user, self.oauth.consent(url), state)

    async def expire(self) -> None:
        """Every access token has expired."""
        await self.sql("UPDATE custody.tokens SET expires_at = now() - interval '1 second'")

    async def stored(self, user: UserId) -> SealedToken | None:
        async with self.tokens(1) as tokens:
            return await tokens.of(user)

    async def opened(self, user: UserId) -> OpenToken:
        row = await self.stored(user)
        assert row is not None
        return await opened(FileKeys(self.key_file), row)

    async def sql(self, statement: str, *values: object) -> list[asyncpg.Record]:
        """What the owner of the database does or sees."""
        connection = await asyncpg.connect(self.owner_url)
        try:
            return await connection.fetch(statement, *values)
        finally:
            await connection.close()


@pytest.fixture(scope="session")
async def custody_database(server_url: str) -> AsyncIterator[str]:
    """The owner's address of a database with the whole schema, for all tests of custody in this process."""
    name = f"custody_{os.getpid()}"
    connection = await asyncpg.connect(with_database(server_url, "postgres"))
    try:
        await connection.execute(f"CREATE DATABASE {name}")
        url = with_database(server_url, name)
        await migrate(url)
        yield url
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


@pytest.fixture
async def scene(custody_database: str, tmp_path: Path) -> AsyncIterator[Scene]:
    """Nobody is there yet."""
    key_file = tmp_path / "master.key"
    key_file.touch(mode=0o600)
    key_file.write_text(secrets.token_hex(32) + "\n")
    oauth = OAuthServer()
    async with serving(oauth.app, "127.0.0.1", 0) as port:
        scene = Scene(custody_database, f"http://127.0.0.1:{port}/oauth2", oauth, key_file)
        await scene.sql("DELETE FROM users")
        yield scene
