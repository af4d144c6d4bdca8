"""Table ``users``: the only module that knows its columns."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from cryptwire.domain.hopper import UserId
from cryptwire.errors import NotFound
from cryptwire.storage.database import Connection, Database

_COLUMNS = "user_id::text, email, password_hash, zone, currency, plan"
_BY_EMAIL = f"SELECT {_COLUMNS} FROM users WHERE lower(email) = lower($1)"  # noqa: S608 - columns of ours
_BY_ID = f"SELECT {_COLUMNS} FROM users WHERE user_id = $1::text::uuid"  # noqa: S608
_ADD = """
    INSERT INTO users (email, password_hash, zone, currency, plan) VALUES ($1, $2, $3, $4, $5)
    RETURNING user_id::text
"""
_CONTACTS = """
    SELECT user_id::text, email, preferences FROM users
     WHERE user_id = ANY($1::text[]::uuid[]) AND deletion_asked_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class User:
    """A user. ``zone`` is IANA's name, ``password_hash`` argon2's; it shows in no log."""

    id: UserId
    email: str
    password_hash: str = field(repr=False)
    zone: str
    currency: str
    plan: str


class Users:
    """Every user."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_email(self, email: str) -> User | None:
        """The user with this address, in whatever case it is written; None when there is none."""
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


@dataclass(frozen=True, slots=True)
class Contact:
    """Where a user is told, and how he wishes to be: his preferences as they are kept."""

    email: str = field(repr=False)
    preferences: Mapping[str, Any]


async def contacts(connection: Connection, users: Sequence[UserId]) -> dict[UserId, Contact]:
    """Those of ``users`` who are there and have not asked to be forgotten."""
    rows = await connection.fetch(_CONTACTS, list(users))
    return {UserId(row["user_id"]): Contact(row["email"], json.loads(row["preferences"])) for row in rows}


def _user(row: asyncpg.Record) -> User:
    return User(UserId(row["user_id"]), row["email"], row["password_hash"], row["zone"], row["currency"], row["plan"])
