"""Table ``api_tokens``, as its owner's requests write it; sessions.py reads whose a token is that is shown."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from cryptwire.domain.hopper import UserId
from cryptwire.errors import Refused
from cryptwire.storage import mails, users
from cryptwire.storage.database import Connection, Database
from cryptwire.storage.sessions import TOKEN_PREFIX, hash_of

MOST_TOKENS = 50
"""Of one user, that go on."""
_COLUMNS = "token_id::text, name, scopes, created_at, expires_at, seen_at"
_GOES_ON = "user_id = $1::text::uuid AND ended_at IS NULL AND (expires_at IS NULL OR expires_at > now())"
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('api_tokens'), hashtext($1))"
_COUNT = f"SELECT count(*) FROM api_tokens WHERE {_GOES_ON}"  # noqa: S608 - columns of ours
_ADD = f"""
    INSERT INTO api_tokens (token_hash, user_id, name, scopes, expires_at) VALUES ($2, $1::text::uuid, $3, $4, $5)
    RETURNING {_COLUMNS}
"""  # noqa: S608
_OF_USER = f"SELECT {_COLUMNS} FROM api_tokens WHERE {_GOES_ON} ORDER BY created_at DESC, token_id"  # noqa: S608
_END = f"UPDATE api_tokens SET ended_at = now() WHERE {_GOES_ON} AND token_id = $2::text::uuid"  # noqa: S608
_END_ALL = f"UPDATE api_tokens SET ended_at = now() WHERE {_GOES_ON}"  # noqa: S608
_OVER = """
    DELETE FROM api_tokens WHERE token_id IN (
        SELECT token_id FROM api_tokens WHERE least(ended_at, expires_at) < now() - $1::interval LIMIT $2)
"""


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A personal token that goes on; ``scopes`` are ``read`` and ``write``."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    seen_at: datetime | None


class ApiTokens:
    """Personal tokens for scripts. Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, user: UserId, name: str, scopes: Iterable[str], expires_at: datetime | None, proved: str | None = None
    ) -> tuple[ApiToken, str]:
        """A new token, and its text, which is nowhere else; its owner is written to.

        ``proved``: the hash of the password that was given for it.

        Raises Refused when the user has too many, or that password was changed meanwhile.
        """
        text = TOKEN_PREFIX + secrets.token_urlsafe(32)
        async with self._database.transaction() as connection:
            person = await users.lock_within(connection, user)  # first: two who only shared him would block each other
            if proved is not None:
                await users.must_know_within(connection, user, proved)
            await connection.execute(_LOCK, user)
            if await connection.fetchval(_COUNT, user) >= MOST_TOKENS:
                raise Refused(f"you have {MOST_TOKENS} API tokens, which is the most; end one first")
            row = await connection.fetchrow(_ADD, user, hash_of(text), name, sorted(set(scopes)), expires_at)
            assert row is not None
            await mails.add_within(connection, person.email, "api-token-made", _facts(row), user)
            return _token(row), text

    async def of_user(self, user: UserId) -> list[ApiToken]:
        """A user's tokens that go on, the newest first."""
        return [_token(row) for row in await self._database.fetch(_OF_USER, user)]

    async def end(self, user: UserId, token: str) -> bool:
        """End one of a user's tokens (its id); False when it was none that goes on."""
        return await self._database.execute(_END, user, token) == "UPDATE 1"


async def end_all_within(connection: Connection, user: UserId) -> None:
    """End all of a user's tokens in the transaction of ``connection``."""
    await connection.execute(_END_ALL, user)


def _facts(row: asyncpg.Record) -> dict[str, str]:
    """What is told of a new token: nothing that lets anybody in."""
    until = row["expires_at"]
    return {
        "name": row["name"],
        "scopes": " and ".join(sorted(row["scopes"])),
        "at": row["created_at"].isoformat(timespec="seconds"),
        "until": "until it is ended" if until is None else until.isoformat(timespec="seconds"),
    }


def _token(row: asyncpg.Record) -> ApiToken:
    return ApiToken(
        row["token_id"], row["name"], tuple(row["scopes"]), row["created_at"], row["expires_at"], row["seen_at"]
    )


async def forget(database: Database, after: timedelta, most: int) -> int:
    """Delete those that ended longer than ``after`` ago; how many it were, ``most`` at most."""
    return int((await database.execute(_OVER, after, most)).split()[1])
