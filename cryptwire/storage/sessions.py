"""Table ``sessions``: the only module that knows its columns.

The client holds a random secret of 256 bits, the table its SHA-256: who reads the table cannot sign in.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptwire.clock import Clock
from cryptwire.domain.hopper import UserId
from cryptwire.errors import Unauthenticated
from cryptwire.storage.database import Connection, Database

COOKIE = "cw_session"
REMEMBERED = timedelta(seconds=5)
_MOST_REMEMBERED = 20_000
_MOST_SECRET = 200  # characters; ours have 43

_WHO = """
    SELECT s.user_id::text, s.expires_at, u.plan FROM sessions s JOIN users u USING (user_id)
     WHERE s.session_id = $1 AND s.ended_at IS NULL AND s.expires_at > now()
"""
_LIVING = """
    SELECT session_id FROM sessions
     WHERE session_id = ANY($1::bytea[]) AND ended_at IS NULL AND expires_at > now()
"""
_LIVES = """
    SELECT 1 FROM sessions
     WHERE session_id = $1 AND user_id = $2::text::uuid AND ended_at IS NULL AND expires_at > now()
"""
_BEGIN = "INSERT INTO sessions (session_id, user_id, expires_at) VALUES ($1, $2::text::uuid, now() + $3::interval)"
_END = "UPDATE sessions SET ended_at = now() WHERE session_id = $1 AND ended_at IS NULL"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking: the user with his plan of this moment, and the session (its hash) under which he does.

    ``scopes`` narrow what a personal API token may; None for a person.
    """

    user: UserId
    session: bytes
    expires_at: datetime
    plan: str
    scopes: frozenset[str] | None = None


class Sessions:
    """Sessions of every user; an answer may be five seconds old."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._remembered: dict[bytes, tuple[datetime, Caller]] = {}

    async def who(self, secret: str) -> Caller:
        """The caller that holds ``secret``; raises Unauthenticated when there is no such session or it has ended."""
        if not secret or len(secret) > _MOST_SECRET:
            raise Unauthenticated("sign in first")
        session = hash_of(secret)
        now = self._clock.now()
        read_at, caller = self._remembered.get(session, (datetime.min.replace(tzinfo=UTC), None))
        if caller is None or not timedelta(0) <= now - read_at < REMEMBERED:
            row = await self._database.row(_WHO, session)
            if row is None:
                self._remembered.pop(session, None)
                raise Unauthenticated("sign in first")
            caller = Caller(UserId(row["user_id"]), session, row["expires_at"], row["plan"])
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[session] = (now, caller)
        if caller.expires_at <= now:
            raise Unauthenticated("sign in first")
        return caller

    async def living(self, sessions: list[bytes]) -> set[bytes]:
        """Those of ``sessions`` (hashes) that have not ended or expired; asked anew each time."""
        return {bytes(row["session_id"]) for row in await self._database.fetch(_LIVING, sessions)}

    async def begin(self, user: UserId, lifetime: timedelta) -> str:
        """Begin a session; gives the secret, which is nowhere else."""
        secret = secrets.token_urlsafe(32)
        await self._database.execute(_BEGIN, hash_of(secret), user, lifetime)
        return secret

    async def end(self, session: bytes) -> None:
        """End a session, by its hash. Other processes notice within five seconds."""
        await self._database.execute(_END, session)
        self._remembered.pop(session, None)


async def lives(connection: Connection, session: bytes, user: UserId) -> bool:
    """Whether a session (its hash) is this user's and goes on; read in the transaction of ``connection``."""
    return await connection.fetchval(_LIVES, session, user) is not None


def hash_of(secret: str) -> bytes:
    """What the table holds of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
