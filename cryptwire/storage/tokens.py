"""Tables ``custody.tokens`` and ``custody.hoppers``: the only module that knows their columns.

Only the gateway's role can read them. Nothing in here can open what it stores.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.errors import NotFound
from cryptwire.storage.database import Connection, Database

_COLUMNS = (
    "user_id::text, wrapped_key, master_key, nonce, sealed, scopes, expires_at, is_revoked, linked_at, refreshed_at"
)
_OF = f"SELECT {_COLUMNS} FROM custody.tokens WHERE user_id = $1::text::uuid"  # noqa: S608 - columns of ours
_HOLD = f"{_OF} FOR UPDATE"
_LINK = """
    INSERT INTO custody.tokens (user_id, wrapped_key, master_key, nonce, sealed, scopes, expires_at, linked_at)
    VALUES ($1::text::uuid, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (user_id) DO UPDATE
       SET wrapped_key = excluded.wrapped_key, master_key = excluded.master_key, nonce = excluded.nonce,
           sealed = excluded.sealed, scopes = excluded.scopes, expires_at = excluded.expires_at,
           linked_at = excluded.linked_at, is_revoked = false, refreshed_at = NULL
"""
_RENEW = """
    UPDATE custody.tokens
       SET wrapped_key = $2, master_key = $3, nonce = $4, sealed = $5, scopes = $6, expires_at = $7,
           refreshed_at = $9, is_revoked = false
     WHERE user_id = $1::text::uuid AND linked_at = $8
"""
_REVOKE = "UPDATE custody.tokens SET is_revoked = true WHERE user_id = $1::text::uuid AND linked_at = $2"
_IS_HELD = "SELECT 1 FROM custody.hoppers WHERE user_id = $1::text::uuid AND hopper_id = $2"
_FORGET = "DELETE FROM custody.hoppers WHERE user_id = $1::text::uuid AND NOT hopper_id = ANY($2::text[])"
_REMEMBER = """
    INSERT INTO custody.hoppers (user_id, hopper_id)
    SELECT user_id, unnest($2::text[]) FROM custody.tokens WHERE user_id = $1::text::uuid
    ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class SealedToken:
    """A user's tokens as they are stored: who has no master key cannot open them.

    ``linked_at`` tells one link from the next; ``refreshed_at`` is None until the first renewal.
    """

    user: UserId
    wrapped_key: bytes
    master_key: str
    nonce: bytes
    sealed: bytes
    scopes: tuple[str, ...]
    expires_at: datetime
    is_revoked: bool
    linked_at: datetime
    refreshed_at: datetime | None


class HeldToken:
    """A user's row, locked until the block ends; other processes wait for it."""

    def __init__(self, connection: Connection, token: SealedToken) -> None:
        self._connection = connection
        self.token = token

    async def renew(self, token: SealedToken) -> None:
        await self._connection.execute(_RENEW, *_values(token), token.refreshed_at)

    async def revoke(self) -> None:
        """Note that upstream refuses it: it must be linked again."""
        await self._connection.execute(_REVOKE, self.token.user, self.token.linked_at)


class Tokens:
    """The sealed tokens of every linked user, and which hoppers these have."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def answer(self) -> None:
        """Return when the database answers; raises Unavailable."""
        await self._database.value("SELECT 1")

    async def of(self, user: UserId) -> SealedToken | None:
        """A user's tokens, if the account was ever linked."""
        row = await self._database.row(_OF, user)
        return None if row is None else _token(row)

    @asynccontextmanager
    async def held(self, user: UserId) -> AsyncIterator[HeldToken]:
        """A user's row for the block alone, committed unless an error leaves it; raises NotFound."""
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(_HOLD, user)
            if row is None:
                raise NotFound("no account is linked")
            yield HeldToken(connection, _token(row))

    async def link(self, token: SealedToken) -> None:
        """Keep the tokens of a new link in place of any older. Raises Invalid when there is no such user."""
        await self._database.execute(_LINK, *_values(token))

    async def renew(self, token: SealedToken) -> None:
        """Keep renewed tokens, unless the account was linked anew meanwhile."""
        await self._database.execute(_RENEW, *_values(token), token.refreshed_at)

    async def has_hopper(self, user: UserId, hopper: HopperId) -> bool:
        """Whether a hopper is one of a user's, as last read."""
        return await self._database.value(_IS_HELD, user, hopper) is not None

    async def keep_hoppers(self, user: UserId, hoppers: Sequence[HopperId]) -> None:
        """These are all of a user's hoppers now."""
        async with self._database.transaction() as connection:
            await connection.execute(_FORGET, user, list(hoppers))
            await connection.execute(_REMEMBER, user, list(hoppers))


def _values(token: SealedToken) -> tuple[object, ...]:
    return (
        token.user,
        token.wrapped_key,
        token.master_key,
        token.nonce,
        token.sealed,
        list(token.scopes),
        token.expires_at,
        token.linked_at,
    )


def _token(row: asyncpg.Record) -> SealedToken:
    return SealedToken(
        UserId(row["user_id"]),
        row["wrapped_key"],
        row["master_key"],
        row["nonce"],
        row["sealed"],
        tuple(row["scopes"]),
        row["expires_at"],
        row["is_revoked"],
        row["linked_at"],
        row["refreshed_at"],
    )
