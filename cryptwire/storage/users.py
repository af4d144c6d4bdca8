"""Table ``users``: the only module that knows its columns."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg

from cryptwire.domain.hopper import UserId
from cryptwire.domain.preferences import Preferences, preferences_from, preferences_to
from cryptwire.errors import Invalid, NotFound, Refused
from cryptwire.log import Log
from cryptwire.storage.database import Connection, Database

_log = Log(__name__)
_COLUMNS = """
    user_id::text, email, password_hash, zone, currency, plan_now(plan, plan_until) AS plan,
    CASE WHEN plan_until > now() THEN plan_until END AS plan_ends_at, created_at, preferences
"""
_BY_EMAIL = f"SELECT {_COLUMNS} FROM users WHERE lower(email) = lower($1) AND deletion_asked_at IS NULL"  # noqa: S608 - columns of ours
_BY_ID = f"SELECT {_COLUMNS} FROM users WHERE user_id = $1::text::uuid"  # noqa: S608
_IS_TAKEN = "SELECT EXISTS (SELECT FROM users WHERE lower(email) = lower($1))"
_ADD = """
    INSERT INTO users (email, password_hash, zone, currency, plan) VALUES ($1, $2, $3, $4, $5)
    RETURNING user_id::text
"""
_ADD_IF_FREE = """
    INSERT INTO users (email, password_hash, zone, currency) VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING
    RETURNING user_id::text
"""
_SET_PASSWORD = "UPDATE users SET password_hash = $2 WHERE user_id = $1::text::uuid"  # noqa: S105
_REHASH = "UPDATE users SET password_hash = $3 WHERE user_id = $1::text::uuid AND password_hash = $2"
_SET_EMAIL = """
    UPDATE users SET email = $2
     WHERE user_id = $1::text::uuid AND deletion_asked_at IS NULL
       AND NOT EXISTS (SELECT FROM users o WHERE lower(o.email) = lower($2) AND o.user_id <> $1::text::uuid)
"""
_LOCK = f"SELECT {_COLUMNS} FROM users WHERE user_id = $1::text::uuid AND deletion_asked_at IS NULL FOR UPDATE"  # noqa: S608
_KNOWS = """
    SELECT 1 FROM users
     WHERE user_id = $1::text::uuid AND password_hash = $2 AND deletion_asked_at IS NULL FOR SHARE
"""
_SET_PREFERENCES = """
    UPDATE users SET zone = $2, currency = $3, preferences = preferences || $4::jsonb WHERE user_id = $1::text::uuid
"""
_CONTACTS = """
    SELECT user_id::text, email, preferences FROM users
     WHERE user_id = ANY($1::text[]::uuid[]) AND deletion_asked_at IS NULL
"""
_ASK_DELETION = """
    UPDATE users SET deletion_asked_at = now() WHERE user_id = $1::text::uuid AND deletion_asked_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class User:
    """A user. ``zone`` is IANA's name, ``plan`` that of this moment, ``plan_ends_at`` None unless it ends by itself.

    ``password_hash`` is argon2's; it shows in no log.
    """

    id: UserId
    email: str
    password_hash: str = field(repr=False)
    zone: str
    currency: str
    plan: str
    plan_ends_at: datetime | None
    created_at: datetime
    preferences: Preferences


class Users:
    """Every user."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_email(self, email: str) -> User | None:
        """The user with this address, in whatever case it is written; None when there is none, or he is leaving."""
        row = await self._database.row(_BY_EMAIL, email)
        return None if row is None else _user(row)

    async def by_id(self, user: UserId) -> User:
        """A user; raises NotFound."""
        row = await self._database.row(_BY_ID, user)
        if row is None:
            raise NotFound("there is no such user")
        return _user(row)

    async def add(self, email: str, password_hash: str, zone: str, currency: str, plan: str) -> UserId:
        """Add a user; raises Invalid when the address is taken. Needs the owner's connection."""
        return UserId(await self._database.value(_ADD, email, password_hash, zone, currency, plan))

    async def rehash(self, user: UserId, old: str, new: str) -> None:
        """The same password under another hash, unless it was changed meanwhile."""
        await self._database.execute(_REHASH, user, old, new)


@dataclass(frozen=True, slots=True)
class Contact:
    """Where a user is told, and how he wishes to be: his preferences as they are kept."""

    email: str = field(repr=False)
    preferences: Mapping[str, Any]


async def contacts(connection: Connection, users: Sequence[UserId]) -> dict[UserId, Contact]:
    """Those of ``users`` who are there and have not asked to be forgotten."""
    rows = await connection.fetch(_CONTACTS, list(users))
    return {UserId(row["user_id"]): Contact(row["email"], json.loads(row["preferences"])) for row in rows}


async def is_taken_within(connection: Connection, email: str) -> bool:
    """Whether somebody has this address, or had it and is not erased yet."""
    return bool(await connection.fetchval(_IS_TAKEN, email))


async def add_within(connection: Connection, email: str, password_hash: str, zone: str, currency: str) -> UserId | None:
    """A new user in the transaction of ``connection``; None when somebody has the address."""
    user = await connection.fetchval(_ADD_IF_FREE, email, password_hash, zone, currency)
    return None if user is None else UserId(user)


async def lock_within(connection: Connection, user: UserId) -> User:
    """A user, whom nobody else changes until the transaction ends; raises NotFound, also when he is leaving."""
    row = await connection.fetchrow(_LOCK, user)
    if row is None:
        raise NotFound("there is no such user")
    return _user(row)


async def must_know_within(connection: Connection, user: UserId, password_hash: str) -> None:
    """Keep a user's password as it is until the transaction ends; Refused when it is not the one of this hash any more.

    Proving a password takes a while: what it gives must not outlive a change that was made meanwhile.
    """
    if await connection.fetchval(_KNOWS, user, password_hash) is None:
        raise Refused("the password was changed a moment ago; sign in with the new one")


async def set_password_within(connection: Connection, user: UserId, password_hash: str) -> None:
    """A new password."""
    await connection.execute(_SET_PASSWORD, user, password_hash)


async def set_email_within(connection: Connection, user: UserId, email: str) -> bool:
    """A new address; False when somebody else has it."""
    return await connection.execute(_SET_EMAIL, user, email) == "UPDATE 1"


async def set_preferences_within(
    connection: Connection, user: UserId, zone: str, currency: str, preferences: Preferences
) -> None:
    """Other preferences; what others keep in the same document stays."""
    await connection.execute(_SET_PREFERENCES, user, zone, currency, json.dumps(preferences_to(preferences)))


async def ask_deletion_within(connection: Connection, user: UserId) -> bool:
    """He wants to be forgotten; False when he has said so before."""
    return await connection.execute(_ASK_DELETION, user) == "UPDATE 1"


def _user(row: asyncpg.Record) -> User:
    return User(
        UserId(row["user_id"]),
        row["email"],
        row["password_hash"],
        row["zone"],
        row["currency"],
        row["plan"],
        row["plan_ends_at"],
        row["created_at"],
        preferences_of(row["user_id"], row["preferences"]),
    )


def preferences_of(user: str, stored: str) -> Preferences:
    """Those of a new user when they cannot be read: nobody is kept out for it."""
    try:
        return preferences_from(json.loads(stored))
    except Invalid as error:
        _log.error("preferences cannot be read", user=user, reason=error)
        return Preferences()
