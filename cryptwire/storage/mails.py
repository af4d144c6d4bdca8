"""Table ``mails``: the only module that knows its columns."""

import json
from collections.abc import Mapping

from cryptwire.domain.hopper import UserId
from cryptwire.storage.database import Connection, Database

_ADD = "INSERT INTO mails (address, template, facts, user_id) VALUES ($1, $2, $3::jsonb, $4::text::uuid)"


class Mails:
    """The outbox: what is added is sent by the processor, again and again until the mail server takes it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, address: str, template: str, facts: Mapping[str, str], user: UserId | None = None) -> None:
        """Send ``template``, filled with ``facts`` (no secrets: who reads the table must gain nothing)."""
        await self._database.execute(_ADD, address, template, json.dumps(dict(facts)), user)


async def add_within(
    connection: Connection, address: str, template: str, facts: Mapping[str, str], user: UserId | None = None
) -> None:
    """The same in the transaction of ``connection``: it is due if and only if that commits."""
    await connection.execute(_ADD, address, template, json.dumps(dict(facts)), user)
