"""Tables ``hopper_configs`` and ``hopper_config_changes``: the only module that knows their columns."""

import json
from collections.abc import Mapping
from datetime import datetime

from cryptwire.domain.hopper import HopperId
from cryptwire.storage.database import Database

_KNOWN = "SELECT fields, read_at FROM hopper_configs WHERE hopper_id = $1 FOR UPDATE"
_KEEP = """
    INSERT INTO hopper_configs (hopper_id, read_at, fields) VALUES ($1, $2, $3::jsonb)
    ON CONFLICT (hopper_id) DO UPDATE SET read_at = excluded.read_at, fields = excluded.fields
     WHERE hopper_configs.read_at < excluded.read_at
"""
_CHANGED = """
    INSERT INTO hopper_config_changes (hopper_id, at, field, was, became)
    SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::text[])
"""


class HopperConfigs:
    """Each hopper's configuration as last read, and every change that was noticed. Raises Unavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, hopper: HopperId, fields: Mapping[str, str], read_at: datetime) -> int:
        """Keep what was read at ``read_at``, and how it differs from what was kept before: how many fields do.

        Nothing differs from what was never read; an older reading changes nothing.
        """
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(_KNOWN, hopper)
            changes: list[tuple[str, str | None, str | None]] = []
            if row is not None:
                if row["read_at"] >= read_at:
                    return 0
                known: dict[str, str] = json.loads(row["fields"])
                changes = [
                    (name, known.get(name), fields.get(name))
                    for name in sorted(known.keys() | fields.keys())
                    if known.get(name) != fields.get(name)
                ]
            await connection.execute(_KEEP, hopper, read_at, json.dumps(dict(fields)))
            if changes:
                await connection.execute(_CHANGED, hopper, read_at, *map(list, zip(*changes, strict=True)))
        return len(changes)
