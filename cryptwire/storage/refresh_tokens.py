"""Table ``refresh_tokens``: the only module that knows its columns.

A token is 256 random bits; the table holds its SHA-256.
"""

import secrets
from datetime import timedelta

from cryptwire.storage.database import Connection, Database
from cryptwire.storage.sessions import hash_of

_ADD = "INSERT INTO refresh_tokens (token_hash, session_id, generation) VALUES ($1, $2, $3)"
_OF = "SELECT session_id, generation FROM refresh_tokens WHERE token_hash = $1"
_OVER = """
    DELETE FROM refresh_tokens WHERE token_hash IN (
        SELECT t.token_hash FROM refresh_tokens t JOIN sessions s USING (session_id)
         WHERE t.made_at < now() - $1::interval AND t.generation < s.generation LIMIT $2)
"""


async def add_within(connection: Connection, session: bytes, generation: int) -> str:
    """A new token of a session, which is nowhere else."""
    token = secrets.token_urlsafe(32)
    await connection.execute(_ADD, hash_of(token), session, generation)
    return token


async def of_within(connection: Connection, token: str) -> tuple[bytes, int] | None:
    """The session and the generation of a token; None when there is no such token."""
    row = await connection.fetchrow(_OF, hash_of(token))
    return None if row is None else (bytes(row["session_id"]), row["generation"])


async def forget(database: Database, after: timedelta, most: int) -> int:
    """Delete those made longer than ``after`` ago that have a successor; how many it were, ``most`` at most."""
    return int((await database.execute(_OVER, after, most)).split()[1])
