"""Table ``sign_ups``: the only module that knows its columns.

A sign-up is no user: several for one address may wait, and whoever opens a mail must also know the password that was
given with it. So a stranger who signs up with somebody's address gains nothing.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from cryptwire.codec.one_time import Purpose, TokenId
from cryptwire.errors import Refused
from cryptwire.storage import mails, one_time_tokens, users
from cryptwire.storage.database import Database
from cryptwire.storage.session_book import Begun, Device, SessionBook

_ADD = """
    INSERT INTO sign_ups (email, password_hash, zone, currency, expires_at)
    VALUES ($1, $2, $3, $4, now() + $5::interval)
    RETURNING sign_up_id::text
"""
_ONE = "SELECT email, password_hash, zone, currency FROM sign_ups WHERE sign_up_id = $1::text::uuid"
_OVER = """
    DELETE FROM sign_ups WHERE sign_up_id IN (
        SELECT sign_up_id FROM sign_ups WHERE expires_at < now() - $1::interval LIMIT $2)
"""


@dataclass(frozen=True, slots=True)
class SignUp:
    """What somebody gave who signed up; ``password_hash`` shows in no log."""

    email: str
    password_hash: str = field(repr=False)
    zone: str
    currency: str


class SignUps:
    """Those who wait for confirmation. Raises Unavailable while the database is away."""

    def __init__(self, database: Database, book: SessionBook) -> None:
        self._database = database
        self._book = book

    async def add(self, sign_up: SignUp) -> None:
        """A sign-up and its mail. An address that is taken costs the same statements; its mail says that it is."""
        lives = one_time_tokens.LIVES[Purpose.SIGN_UP]
        async with self._database.transaction() as connection:
            is_taken = await users.is_taken_within(connection, sign_up.email)
            which = await connection.fetchval(
                _ADD, sign_up.email, sign_up.password_hash, sign_up.zone, sign_up.currency, lives
            )
            token = await one_time_tokens.add_within(connection, Purpose.SIGN_UP, sign_up=which)
            template, facts = ("sign-up-taken", {}) if is_taken else ("sign-up", {"token_id": token})
            await mails.add_within(connection, sign_up.email, template, facts)

    async def of(self, sign_up: str) -> SignUp | None:
        """A sign-up that waits; None when it is not there."""
        row = await self._database.row(_ONE, sign_up)
        return None if row is None else SignUp(row["email"], row["password_hash"], row["zone"], row["currency"])

    async def confirm(self, token: TokenId, sign_up: SignUp, device: Device) -> Begun:
        """Make the user, and begin his first session. Raises Refused when the token is used or the address taken."""
        async with self._database.transaction() as connection:
            used = await one_time_tokens.use_within(connection, Purpose.SIGN_UP, token)
            user = None
            if used is not None:
                user = await users.add_within(
                    connection, sign_up.email, sign_up.password_hash, sign_up.zone, sign_up.currency
                )
            if user is None:
                raise Refused("this link was used, or the address has an account: sign in, or reset the password")
            return await self._book.begin_within(connection, user, device, None)


async def forget(database: Database, after: timedelta, most: int) -> int:
    """Delete those that expired longer than ``after`` ago; how many it were, ``most`` at most."""
    return int((await database.execute(_OVER, after, most)).split()[1])
