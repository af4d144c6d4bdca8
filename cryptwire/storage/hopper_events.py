"""Table ``hopper_events``: what became of hoppers. The only module that knows its columns."""

from collections.abc import Sequence
from datetime import datetime

from cryptwire.domain.hopper import Asset, HopperId, UserId
from cryptwire.domain.hopper_change import HopperEvent
from cryptwire.storage.database import Connection, Database

_ADD = """
    INSERT INTO hopper_events (hopper_id, user_id, kind, was, became, at)
    VALUES ($1, $2::text::uuid, $3, $4, $5, $6) RETURNING event_id
"""
_BASES = """
    SELECT hopper_id, at, was FROM hopper_events WHERE hopper_id = ANY($1::text[]) AND kind = 'base-changed'
     ORDER BY at, event_id
"""


async def add_within(connection: Connection, user: UserId, events: Sequence[HopperEvent], at: datetime) -> list[int]:
    """Write events down in the transaction of ``connection``; gives their numbers, which are nobody else's."""
    return [
        await connection.fetchval(_ADD, event.hopper, user, event.kind.value, event.was, event.became, at)
        for event in events
    ]


async def bases(database: Database, hoppers: Sequence[HopperId]) -> dict[HopperId, list[tuple[datetime, Asset]]]:
    """Of those of ``hoppers`` whose base currency has changed: until when it was another, and which, oldest first."""
    found: dict[HopperId, list[tuple[datetime, Asset]]] = {}
    for row in await database.fetch(_BASES, list(hoppers)):
        found.setdefault(HopperId(row["hopper_id"]), []).append((row["at"], Asset(row["was"])))
    return found
