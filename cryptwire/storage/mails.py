"""Table ``mails``: the only module that knows its columns."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from cryptwire.domain.hopper import UserId
from cryptwire.storage import deliveries
from cryptwire.storage.database import Connection, Database
from cryptwire.storage.facts import facts_to_json

_ADD = """
    INSERT INTO mails (address, template, facts, user_id) VALUES ($1, $2, $3::jsonb, $4::text::uuid)
    RETURNING mail_id::text
"""
# Whoever takes a mail has it for a while; one whose sender was killed is due again after that.
_TAKE = """
    UPDATE mails SET tries = tries + 1, due_at = now() + $1::interval
     WHERE mail_id = (SELECT mail_id FROM mails WHERE sent_at IS NULL AND given_up IS NULL AND due_at <= now()
                       ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING mail_id::text, address, template, facts, user_id::text, tries, now() - added_at AS age
"""
_SENT = "UPDATE mails SET sent_at = now() WHERE mail_id = $1::text::uuid AND sent_at IS NULL AND given_up IS NULL"
_AGAIN = """
    UPDATE mails SET due_at = now() + $2::interval
     WHERE mail_id = $1::text::uuid AND sent_at IS NULL AND given_up IS NULL
"""
_GIVEN_UP = "UPDATE mails SET given_up = $2 WHERE mail_id = $1::text::uuid AND sent_at IS NULL AND given_up IS NULL"
_OVER = """
    DELETE FROM mails WHERE mail_id IN (
        SELECT mail_id FROM mails
         WHERE (sent_at IS NOT NULL OR given_up IS NOT NULL) AND added_at < now() - $1::interval LIMIT $2)
"""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that is tried for the ``tries``-th time, ``age`` after it was added. The address shows in no log."""

    id: str
    address: str = field(repr=False)
    template: str
    facts: Mapping[str, str]
    user: UserId | None
    tries: int
    age: timedelta


class Mails:
    """The outbox: what is added is sent by the processor, again and again until the mail server takes it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, address: str, template: str, facts: Mapping[str, str], user: UserId | None = None) -> None:
        """Send ``template``, filled with ``facts`` (no secrets: who reads the table must gain nothing)."""
        await self._database.execute(_ADD, address, template, facts_to_json(facts), user)

    async def take(self, lease: timedelta) -> Mail | None:
        """A mail that is due, which nobody else gets within ``lease``; None when there is none."""
        row = await self._database.row(_TAKE, lease)
        if row is None:
            return None
        user = None if row["user_id"] is None else UserId(row["user_id"])
        facts = json.loads(row["facts"])
        return Mail(row["mail_id"], row["address"], row["template"], facts, user, row["tries"], row["age"])

    async def sent(self, mail: Mail) -> None:
        """The mail server has it."""
        async with self._database.transaction() as connection:
            await connection.execute(_SENT, mail.id)
            await deliveries.mail_over(connection, mail.id, "sent", mail.tries, "")

    async def again(self, mail: Mail, after: timedelta) -> None:
        """It was not taken; it is due again ``after`` now."""
        await self._database.execute(_AGAIN, mail.id, after)

    async def give_up(self, mail: Mail, why: str) -> None:
        """It will not be sent."""
        async with self._database.transaction() as connection:
            await connection.execute(_GIVEN_UP, mail.id, why)
            await deliveries.mail_over(connection, mail.id, "failed", mail.tries, why)
            await deliveries.call_instead(connection, mail.id)

    async def forget(self, after: timedelta, most: int) -> int:
        """Delete ``most`` of those that are over and older than ``after``; how many it were."""
        return int((await self._database.execute(_OVER, after, most)).split()[1])


async def add_within(
    connection: Connection, address: str, template: str, facts: Mapping[str, str], user: UserId | None = None
) -> str:
    """The same in the transaction of ``connection``: it is due if and only if that commits. Gives the mail's id."""
    return str(await connection.fetchval(_ADD, address, template, facts_to_json(facts), user))
