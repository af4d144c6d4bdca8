"""Table ``sessions``, as the API writes it; sessions.py reads it for everybody.

Refresh tokens rotate. Those of one generation stand beside each other (two tabs that refreshed at once, an answer that
was lost); the first of them that is used begins the next generation. One of an earlier generation is a thief's or the
robbed one's: the session ends.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from cryptwire.domain.hopper import UserId
from cryptwire.errors import Unauthenticated
from cryptwire.storage import mails, refresh_tokens, users
from cryptwire.storage.database import Connection, Database

GRACE = timedelta(seconds=10)
"""For so long after a rotation the token before it is answered with a sibling of its successor."""
_MOST_TOKEN = 200  # characters; ours have 43

# rows of sessions that are long over are forgotten: only a new account's first device goes without saying
_IS_NEW_DEVICE = """
    SELECT (EXISTS (SELECT FROM sessions WHERE user_id = $1::text::uuid)
            OR EXISTS (SELECT FROM users WHERE user_id = $1::text::uuid AND created_at < now() - interval '1 day'))
       AND NOT EXISTS (SELECT FROM sessions
                        WHERE user_id = $1::text::uuid AND device = $2 AND user_agent = $3 AND address = $4)
"""
_BEGIN = """
    INSERT INTO sessions (session_id, user_id, expires_at, device, user_agent, address)
    VALUES ($1, $2::text::uuid, now() + least($3::interval, $4::interval), $5, $6, $7)
    RETURNING expires_at, now() AS at
"""
_LOCKED = """
    SELECT s.user_id::text, s.generation, s.rotated_at > now() - $2::interval AS is_in_grace, s.device, s.address,
           s.ended_at IS NULL AND s.expires_at > now() AND u.deletion_asked_at IS NULL AS lives,
           u.email, now() AS at
      FROM sessions s JOIN users u USING (user_id)
     WHERE s.session_id = $1
       FOR UPDATE OF s
"""
_ROTATE = """
    UPDATE sessions SET generation = generation + 1, rotated_at = now(), seen_at = now(),
           expires_at = least(now() + $2::interval, began_at + $3::interval)
     WHERE session_id = $1
    RETURNING expires_at
"""
_EXPIRES = "SELECT expires_at FROM sessions WHERE session_id = $1"
_AUTHENTICATED = "UPDATE sessions SET authenticated_at = now() WHERE session_id = $1 AND ended_at IS NULL"
_OF_USER = """
    SELECT session_id, device, user_agent, address, began_at, seen_at, expires_at FROM sessions
     WHERE user_id = $1::text::uuid AND ended_at IS NULL AND expires_at > now()
     ORDER BY seen_at DESC, session_id
"""
_END = """
    UPDATE sessions SET ended_at = now(), ended_why = $3
     WHERE session_id = $1 AND user_id = $2::text::uuid AND ended_at IS NULL AND expires_at > now()
"""
_END_ALL = """
    UPDATE sessions SET ended_at = now(), ended_why = $3
     WHERE user_id = $1::text::uuid AND session_id IS DISTINCT FROM $2 AND ended_at IS NULL AND expires_at > now()
"""
_OVER = """
    DELETE FROM sessions WHERE session_id IN (
        SELECT session_id FROM sessions WHERE least(ended_at, expires_at) < now() - $1::interval LIMIT $2)
"""


@dataclass(frozen=True, slots=True)
class Device:
    """On what somebody signs in: the name that the client gives, its user agent, and whence it asks."""

    name: str = ""
    user_agent: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """A session ends when it was not refreshed for ``idle``, and ``longest`` after it began."""

    idle: timedelta = timedelta(days=30)
    longest: timedelta = timedelta(days=180)


@dataclass(frozen=True, slots=True, repr=False)
class Begun:
    """A session that was begun or refreshed, and the refresh token, which is nowhere else."""

    user: UserId
    session: bytes
    expires_at: datetime
    refresh_token: str


@dataclass(frozen=True, slots=True)
class Session:
    """A session that goes on."""

    id: bytes
    device: Device
    began_at: datetime
    seen_at: datetime
    expires_at: datetime


class SessionBook:
    """Begins, refreshes and ends sessions. Raises Unavailable while the database is away."""

    def __init__(self, database: Database, lifetimes: Lifetimes | None = None) -> None:
        self._database = database
        self._lifetimes = lifetimes or Lifetimes()

    async def begin(
        self, user: UserId, device: Device | None = None, tell: str | None = None, proved: str | None = None
    ) -> Begun:
        """A new session; ``tell`` as in ``begin_within``; ``proved``: the hash of the password that was given for it.

        Raises Refused when that password was changed meanwhile.
        """
        async with self._database.transaction() as connection:
            if proved is not None:
                await users.must_know_within(connection, user, proved)
            return await self.begin_within(connection, user, device or Device(), tell)

    async def begin_within(self, connection: Connection, user: UserId, device: Device, tell: str | None) -> Begun:
        """A new session; ``tell``: the address that is written to when he was never signed in from there."""
        where = (user, device.name, device.user_agent, device.address)
        is_new_device = tell is not None and await connection.fetchval(_IS_NEW_DEVICE, *where)
        session = secrets.token_bytes(32)
        life = self._lifetimes
        row = await connection.fetchrow(
            _BEGIN, session, user, life.idle, life.longest, device.name, device.user_agent, device.address
        )
        assert row is not None
        if is_new_device and tell is not None:
            await mails.add_within(connection, tell, "new-device", _facts(device.name, device.address, row["at"]), user)
        return Begun(user, session, row["expires_at"], await refresh_tokens.add_within(connection, session, 0))

    async def refresh(self, token: str) -> Begun:
        """The session of a refresh token goes on, under a new one.

        Raises Unauthenticated when it cannot; when the token was used before, the session has ended by it and its
        user is written to.
        """
        begun = None
        if len(token) <= _MOST_TOKEN:
            async with self._database.transaction() as connection:
                begun = await self._rotated(connection, token)
        if begun is None:
            raise Unauthenticated("the session has ended; sign in again")
        return begun

    async def _rotated(self, connection: Connection, token: str) -> Begun | None:
        found = await refresh_tokens.of_within(connection, token)
        row = None if found is None else await connection.fetchrow(_LOCKED, found[0], GRACE)
        if found is None or row is None or not row["lives"]:
            return None
        session, generation = found
        user = UserId(row["user_id"])
        if generation == row["generation"]:
            life = self._lifetimes
            expires_at = await connection.fetchval(_ROTATE, session, life.idle, life.longest)
        elif generation == row["generation"] - 1 and row["is_in_grace"]:
            expires_at = await connection.fetchval(_EXPIRES, session)
        else:
            await connection.execute(_END, session, user, "a refresh token was used twice")
            facts = _facts(row["device"], row["address"], row["at"])
            await mails.add_within(connection, row["email"], "session-reused", facts, user)
            return None
        return Begun(user, session, expires_at, await refresh_tokens.add_within(connection, session, generation + 1))

    async def end_by(self, token: str, why: str) -> UserId | None:
        """End the session of a refresh token, used or not; whose it was, None when there was none that went on."""
        if len(token) > _MOST_TOKEN:
            return None
        async with self._database.transaction() as connection:
            found = await refresh_tokens.of_within(connection, token)
            row = None if found is None else await connection.fetchrow(_LOCKED, found[0], GRACE)
            if found is None or row is None or not row["lives"]:
                return None
            user = UserId(row["user_id"])
            await connection.execute(_END, found[0], user, why)
            return user

    async def authenticated(self, session: bytes) -> None:
        """The password was given again in this session."""
        await self._database.execute(_AUTHENTICATED, session)

    async def of_user(self, user: UserId) -> list[Session]:
        """A user's sessions that go on, the last seen first."""
        return [_session(row) for row in await self._database.fetch(_OF_USER, user)]

    async def end(self, user: UserId, session: bytes, why: str) -> bool:
        """End one of a user's sessions; False when it was none that goes on. Everybody notices within five seconds."""
        return await self._database.execute(_END, session, user, why) == "UPDATE 1"

    async def end_others(self, user: UserId, session: bytes, why: str) -> int:
        """End all of a user's sessions but one; how many."""
        async with self._database.transaction() as connection:
            return await end_all_within(connection, user, why, but=session)


async def end_all_within(connection: Connection, user: UserId, why: str, but: bytes | None = None) -> int:
    """End all of a user's sessions, ``but`` one, in the transaction of ``connection``; how many."""
    return int((await connection.execute(_END_ALL, user, but, why)).removeprefix("UPDATE "))


def _facts(device: str, address: str, at: datetime) -> dict[str, str]:
    return {"device": device, "address": address, "at": at.isoformat(timespec="seconds")}


def _session(row: asyncpg.Record) -> Session:
    device = Device(row["device"], row["user_agent"], row["address"])
    return Session(bytes(row["session_id"]), device, row["began_at"], row["seen_at"], row["expires_at"])


async def forget(database: Database, after: timedelta, most: int) -> int:
    """Delete sessions that ended longer than ``after`` ago; how many it were, ``most`` at most."""
    return int((await database.execute(_OVER, after, most)).split()[1])
