"""Table ``one_time_tokens``: the only module that knows its columns.

A row is what a mailed link stands for; ``codec/one_time.py`` makes the link's token from its id.
"""

from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from cryptwire.codec.one_time import Purpose, TokenId
from cryptwire.domain.hopper import UserId
from cryptwire.storage.database import Connection, Database

LIVES = {
    Purpose.SIGN_UP: timedelta(hours=24),
    Purpose.PASSWORD_RESET: timedelta(hours=1),
    Purpose.EMAIL_CHANGE: timedelta(hours=24),
}
"""How long a token is good, by its purpose."""

_BEGIN_RESET = """
    INSERT INTO one_time_tokens (purpose, user_id, expires_at)
    SELECT 'password-reset', user_id, now() + $2::interval FROM users
     WHERE lower(email) = lower($1) AND deletion_asked_at IS NULL
    RETURNING token_id::text, user_id::text
"""
_ADD = """
    INSERT INTO one_time_tokens (purpose, user_id, sign_up_id, address, expires_at)
    VALUES ($1, $2::text::uuid, $3::text::uuid, $4, now() + $5::interval)
    RETURNING token_id::text
"""
_GOOD = "token_id = $1::text::uuid AND purpose = $2 AND used_at IS NULL AND expires_at > now()"
_COLUMNS = "user_id::text, sign_up_id::text, address"
_LOOK = f"SELECT {_COLUMNS} FROM one_time_tokens WHERE {_GOOD}"  # noqa: S608 - columns of ours
_USE = f"UPDATE one_time_tokens SET used_at = now() WHERE {_GOOD} RETURNING {_COLUMNS}"  # noqa: S608
_VOID = """
    UPDATE one_time_tokens SET used_at = now()
     WHERE user_id = $1::text::uuid AND purpose = $2 AND used_at IS NULL
"""
_OVER = """
    DELETE FROM one_time_tokens WHERE token_id IN (
        SELECT token_id FROM one_time_tokens WHERE expires_at < now() - $1::interval LIMIT $2)
"""


@dataclass(frozen=True, slots=True)
class OneTime:
    """Whose a token is: a user's or a sign-up's; ``address``: the new one of a change."""

    user: UserId | None
    sign_up: str | None
    address: str | None


class OneTimeTokens:
    """What mailed links stand for. Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin_reset(self, address: str) -> tuple[TokenId, UserId] | None:
        """A new token to reset the password of who has this address, good for an hour; None when nobody has it."""
        row = await self._database.row(_BEGIN_RESET, address, LIVES[Purpose.PASSWORD_RESET])
        return None if row is None else (TokenId(row["token_id"]), UserId(row["user_id"]))

    async def look(self, purpose: Purpose, token: TokenId) -> OneTime | None:
        """Whose a token is that is still good; None when it is used, expired or not there."""
        return _one(await self._database.row(_LOOK, token, purpose))


async def add_within(
    connection: Connection,
    purpose: Purpose,
    *,
    user: UserId | None = None,
    sign_up: str | None = None,
    address: str | None = None,
) -> TokenId:
    """A new token of a user, or of a sign-up, in the transaction of ``connection``."""
    return TokenId(await connection.fetchval(_ADD, purpose, user, sign_up, address, LIVES[purpose]))


async def use_within(connection: Connection, purpose: Purpose, token: TokenId) -> OneTime | None:
    """Use a token up in the transaction of ``connection``; None when it is not good. Of many at once one gets it."""
    return _one(await connection.fetchrow(_USE, token, purpose))


async def void_within(connection: Connection, purpose: Purpose, user: UserId) -> None:
    """None of a user's other tokens for ``purpose`` is good any more."""
    await connection.execute(_VOID, user, purpose)


def _one(row: asyncpg.Record | None) -> OneTime | None:
    if row is None:
        return None
    user = row["user_id"]
    return OneTime(None if user is None else UserId(user), row["sign_up_id"], row["address"])


async def forget(database: Database, after: timedelta, most: int) -> int:
    """Delete those that expired longer than ``after`` ago; how many it were, ``most`` at most."""
    return int((await database.execute(_OVER, after, most)).split()[1])
