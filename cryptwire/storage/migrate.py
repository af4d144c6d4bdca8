"""Apply the migrations that are missing, and give each service its role."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from importlib.resources import files

import asyncpg

from cryptwire.errors import Corrupt
from cryptwire.storage.database import SERVICES, our_errors, role, role_password

_LOCK = 0x63727970_74776972  # "cryptwir": one migration at a time in this database


async def migrate(owner_url: str, say: Callable[[str], None] = lambda _: None) -> list[str]:
    """Bring the database at ``owner_url`` up to date; the names of the steps applied, none the second time.

    Each step commits by itself. Raises Unavailable, or Corrupt when an applied step was changed afterwards.
    """
    steps = sorted(
        (entry.name, entry.read_text()) for entry in files("migrations").iterdir() if entry.name.endswith(".sql")
    )
    applied: list[str] = []
    with our_errors():
        connection = await asyncpg.connect(owner_url, timeout=10, server_settings={"timezone": "UTC"})
        try:
            await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
            await _make_roles(connection, owner_url)
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS migrations"
                " (name text PRIMARY KEY, digest text NOT NULL, at timestamptz NOT NULL DEFAULT now())"
            )
            done = {row["name"]: row["digest"] for row in await connection.fetch("SELECT * FROM migrations")}
            for name, text in steps:
                digest = hashlib.sha256(text.encode()).hexdigest()
                if name in done:
                    if done[name] != digest:
                        raise Corrupt(f"migration {name} was changed after it had been applied; add a new step instead")
                    continue
                async with connection.transaction():
                    await connection.execute(text)
                    await connection.execute("INSERT INTO migrations (name, digest) VALUES ($1, $2)", name, digest)
                applied.append(name)
                say(name)
        finally:
            await connection.close()
    return applied


async def _make_roles(connection: "asyncpg.Connection[asyncpg.Record]", owner_url: str) -> None:
    """Roles belong to the whole server: another database's migration may be making them right now."""
    for service in SERVICES:
        password = role_password(owner_url, service)  # hexadecimal: nothing to quote
        try:
            await connection.execute(f"CREATE ROLE {role(service)} LOGIN PASSWORD '{password}'")
        except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
            with suppress(asyncpg.InternalServerError):  # another migration sets the same password right now
                await connection.execute(f"ALTER ROLE {role(service)} PASSWORD '{password}'")
