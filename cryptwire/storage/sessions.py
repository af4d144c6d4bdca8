"""Tables ``sessions`` and ``api_tokens``, as everybody reads them who answers users; session_book.py writes sessions.

A session's id is 32 random bytes and no secret: the client shows a signed access token that names it. A personal API
token is shown itself; its table holds its SHA-256.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg

from cryptwire.clock import Clock
from cryptwire.codec.access_token import AccessVerifier
from cryptwire.domain.hopper import UserId
from cryptwire.errors import Unauthenticated
from cryptwire.storage.database import Connection, Database

REMEMBERED = timedelta(seconds=5)
TOKEN_PREFIX = "cwp_"  # noqa: S105 - how a personal API token begins
FRESH = timedelta(minutes=10)
"""How long a password that was given counts as given just now."""
_MOST_REMEMBERED = 20_000
_MOST_TOKEN = 100  # characters of a personal one; ours have 47
_NEVER = datetime.max.replace(tzinfo=UTC)

_WHO = """
    SELECT s.user_id::text, s.expires_at, s.authenticated_at, NULL::text[] AS scopes,
           plan_now(u.plan, u.plan_until) AS plan
      FROM sessions s JOIN users u USING (user_id)
     WHERE s.session_id = $1 AND s.user_id = $2::text::uuid
       AND s.ended_at IS NULL AND s.expires_at > now() AND u.deletion_asked_at IS NULL
"""
_WHOSE = """
    SELECT t.user_id::text, t.expires_at, NULL::timestamptz AS authenticated_at, t.scopes,
           plan_now(u.plan, u.plan_until) AS plan,
           t.seen_at IS NULL OR t.seen_at < now() - interval '1 minute' AS is_news
      FROM api_tokens t JOIN users u USING (user_id)
     WHERE t.token_hash = $1 AND t.ended_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())
       AND u.deletion_asked_at IS NULL
"""
_SEEN = "UPDATE api_tokens SET seen_at = now() WHERE token_hash = $1"
_AGAIN = """
    SELECT s.session_id AS id, s.user_id::text, s.expires_at, s.authenticated_at, NULL::text[] AS scopes,
           plan_now(u.plan, u.plan_until) AS plan
      FROM sessions s JOIN users u USING (user_id)
     WHERE s.session_id = ANY($1::bytea[])
       AND s.ended_at IS NULL AND s.expires_at > now() AND u.deletion_asked_at IS NULL
    UNION ALL
    SELECT t.token_hash, t.user_id::text, t.expires_at, NULL, t.scopes, plan_now(u.plan, u.plan_until)
      FROM api_tokens t JOIN users u USING (user_id)
     WHERE t.token_hash = ANY($1::bytea[])
       AND t.ended_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now()) AND u.deletion_asked_at IS NULL
"""
_LIVES = """
    SELECT 1 FROM sessions
     WHERE session_id = $1 AND user_id = $2::text::uuid AND ended_at IS NULL AND expires_at > now()
"""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking: the user with his plan of this moment, and the session (its id) under which he does.

    ``scopes`` narrow what a personal API token may (its hash then stands for the session); None for a person, who gave
    his password last at ``authenticated_at``.
    """

    user: UserId
    session: bytes
    expires_at: datetime
    plan: str
    scopes: frozenset[str] | None = None
    authenticated_at: datetime | None = None


class Sessions:
    """Sessions and personal API tokens of every user; an answer may be five seconds old."""

    def __init__(self, database: Database, clock: Clock, verifier: AccessVerifier) -> None:
        self._database = database
        self._clock = clock
        self._verifier = verifier
        self._remembered: dict[bytes, tuple[datetime, Caller]] = {}

    async def who(self, token: str) -> Caller:
        """The caller that shows ``token``: an access token or a personal one.

        Raises Unauthenticated when it is neither, or what it stands for has ended.
        """
        now = self._clock.now()
        if token.startswith(TOKEN_PREFIX):
            key, user = hash_of(token[:_MOST_TOKEN]), None
        elif token:
            access = self._verifier.verified(token)
            key, user = access.session, access.user
        else:
            raise Unauthenticated("sign in first")
        read_at, caller = self._remembered.get(key, (datetime.min.replace(tzinfo=UTC), None))
        if caller is None or not timedelta(0) <= now - read_at < REMEMBERED:
            caller = await (self._by_token(key) if user is None else self._by_session(key, user))
            if caller is None:
                self._remembered.pop(key, None)
                raise Unauthenticated("sign in first")
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[key] = (now, caller)
        if caller.expires_at <= now or (user is not None and caller.user != user):
            raise Unauthenticated("sign in first")
        return caller

    async def again(self, sessions: Sequence[bytes]) -> dict[bytes, Caller]:
        """The callers of those of ``sessions`` that have not ended or expired, with their plans of this moment."""
        rows = await self._database.fetch(_AGAIN, list(sessions))
        return {bytes(row["id"]): _caller(row, bytes(row["id"])) for row in rows}

    def forget(self, user: UserId) -> None:
        """Something of this user has changed: what is remembered of him is asked anew."""
        for key in [key for key, (_, caller) in self._remembered.items() if caller.user == user]:
            self._remembered.pop(key, None)

    async def _by_session(self, session: bytes, user: UserId) -> Caller | None:
        row = await self._database.row(_WHO, session, user)
        return None if row is None else _caller(row, session)

    async def _by_token(self, token: bytes) -> Caller | None:
        row = await self._database.row(_WHOSE, token)
        if row is None:
            return None
        if row["is_news"]:
            await self._database.execute(_SEEN, token)
        return _caller(row, token)


async def lives(connection: Connection, session: bytes, user: UserId) -> bool:
    """Whether a session (its id) is this user's and goes on; read in the transaction of ``connection``."""
    return await connection.fetchval(_LIVES, session, user) is not None


def hash_of(secret: str) -> bytes:
    """What a table holds of a secret of 256 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def _caller(row: asyncpg.Record, session: bytes) -> Caller:
    scopes = None if row["scopes"] is None else frozenset(f"scope:{scope}" for scope in row["scopes"])
    expires_at = row["expires_at"] or _NEVER
    return Caller(UserId(row["user_id"]), session, expires_at, row["plan"], scopes, row["authenticated_at"])
