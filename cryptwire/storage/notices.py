"""Table ``notices``: the only module that knows its columns."""

import json

from cryptwire.domain.notice import Notice
from cryptwire.storage.database import Connection, Database

_ADD = """
    INSERT INTO notices (user_id, class, kind, key, facts, hopper_id, at)
    VALUES ($1::text::uuid, $2, $3, $4, $5::jsonb, $6, $7)
    ON CONFLICT DO NOTHING
"""


class Notices:
    """What users are told; it is delivered by the processor. Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, notice: Notice) -> bool:
        """Whether it was added; False when the user was told under this key before."""
        return await self._database.execute(_ADD, *_row(notice)) == "INSERT 0 1"


async def add_within(connection: Connection, notice: Notice) -> bool:
    """The same in the transaction of ``connection``."""
    return await connection.execute(_ADD, *_row(notice)) == "INSERT 0 1"


def _row(notice: Notice) -> tuple[object, ...]:
    facts = json.dumps(dict(notice.facts))
    return notice.user, notice.about.value, notice.kind, notice.key, facts, notice.hopper, notice.at
