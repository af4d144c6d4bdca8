"""Apply the migrations that are missing, and give each service its role."""

import base64
import hashlib
import hmac
import secrets
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
    there = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
    for service in SERVICES:
        verifier = _scram_verifier(role_password(owner_url, service))
        if role(service) not in there:
            with suppress(asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
                await connection.execute(f"CREATE ROLE {role(service)} LOGIN PASSWORD '{verifier}'")
                continue
        with suppress(asyncpg.InternalServerError):  # another migration sets the same password right now
            await connection.execute(f"ALTER ROLE {role(service)} PASSWORD '{verifier}'")


def _scram_verifier(password: str) -> str:
    """What PostgreSQL stores of a password: a statement that fails is logged whole, and must not hold the password.

    SCRAM-SHA-256 (RFC 5803), as PostgreSQL writes it: ``$<iterations>:<salt>$<stored key>:<server key>``.
    """
    salt, iterations = secrets.token_bytes(16), 4096
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    text = [base64.b64encode(part).decode() for part in (salt, stored_key, server_key)]
    return f"SCRAM-SHA-256${iterations}:{text[0]}${text[1]}:{text[2]}"
