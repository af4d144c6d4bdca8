"""Table ``kill_switches``: the only module that knows its columns.

A switch that is on keeps the gateway from every action below it: of a rule set, a hopper, a user, or of all.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from cryptwire.domain.action import RuleSetId
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.errors import Invalid, SwitchedOff
from cryptwire.storage.database import Connection, Database

_ON = """
    SELECT level, reason FROM kill_switches
     WHERE is_on AND (level = 'platform' OR (level, id) IN (('user', $1), ('hopper', $2), ('rule', $3)))
     ORDER BY level
"""
_SET = """
    INSERT INTO kill_switches (level, id, is_on, reason, set_by) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (level, id) DO UPDATE
       SET is_on = excluded.is_on, reason = excluded.reason, set_by = excluded.set_by, set_at = now()
"""
_ALL = "SELECT level, id, is_on, reason, set_by, set_at FROM kill_switches ORDER BY is_on DESC, set_at DESC, level, id"


class Level(Enum):
    """What a switch keeps still."""

    RULE = "rule"
    HOPPER = "hopper"
    USER = "user"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """A switch as somebody left it; ``id`` is empty for the platform's."""

    level: Level
    id: str
    is_on: bool
    reason: str
    set_by: str
    set_at: datetime


class KillSwitches:
    """Every switch that was ever set."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def set(self, level: Level, id: str, *, is_on: bool, reason: str, by: str) -> None:
        """Turn a switch on or off; every action from then on heeds it. Raises Invalid unless ``id`` goes with it."""
        if (level is Level.PLATFORM) != (not id):
            raise Invalid("the platform's switch has no id, every other one has")
        if level is Level.USER:
            try:
                id = str(UUID(id))
            except ValueError:
                raise Invalid("a user's id is a UUID") from None
        await self._database.execute(_SET, level.value, id, is_on, reason, by)

    async def all(self) -> list[KillSwitch]:
        """Those that are on first, then the latest first."""
        return [
            KillSwitch(Level(row["level"]), row["id"], row["is_on"], row["reason"], row["set_by"], row["set_at"])
            for row in await self._database.fetch(_ALL)
        ]


async def must_be_off(connection: Connection, user: UserId, hopper: HopperId, rule_set: RuleSetId) -> None:
    """Raises SwitchedOff when a switch is on above this act; read in the transaction of ``connection``."""
    row = await connection.fetchrow(_ON, user, hopper, rule_set)
    if row is not None:
        raise SwitchedOff(f"the kill switch of the {row['level']} is on: {row['reason'] or 'no reason was given'}")
