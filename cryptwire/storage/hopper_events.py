"""Table ``hopper_events``: what became of hoppers. The only module that knows its columns."""

from collections.abc import Sequence
from datetime import datetime

from cryptwire.domain.hopper import UserId
from cryptwire.domain.hopper_change import HopperEvent
from cryptwire.storage.database import Connection

_ADD = """
    INSERT INTO hopper_events (hopper_id, user_id, kind, was, became, at)
    VALUES ($1, $2::text::uuid, $3, $4, $5, $6) RETURNING event_id
"""


async def add_within(connection: Connection, user: UserId, events: Sequence[HopperEvent], at: datetime) -> list[int]:
    """Write events down in the transaction of ``connection``; gives their numbers, which are nobody else's."""
    return [
        await connection.fetchval(_ADD, event.hopper, user, event.kind.value, event.was, event.became, at)
        for event in events
    ]
