"""Table ``kill_switches``: the only module that knows its columns.

A switch that is on keeps the gateway from every action below it: of a rule set, a hopper, a user, or of all.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

import asyncpg

from cryptwire.domain.action import RuleSetId
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.errors import Forbidden, Invalid, SwitchedOff
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
_COLUMNS = "k.level, k.id, k.is_on, k.reason, k.set_by, k.set_at"
_OVER = f"""
    SELECT {_COLUMNS} FROM kill_switches k
     WHERE k.is_on AND (k.level = 'platform' OR (k.level = 'user' AND k.id = $1)
        OR (k.level = 'hopper' AND k.id IN (SELECT h.hopper_id FROM hoppers h WHERE h.user_id = $1::text::uuid))
        OR (k.level = 'rule'
            AND k.id IN (SELECT s.rule_set_id::text FROM rule_sets s WHERE s.user_id = $1::text::uuid)))
     ORDER BY k.set_at DESC, k.level, k.id
"""  # noqa: S608 - columns of ours
# one that is on stays whose it is: else a user could take an administrator's over, and turn it off
_USER_ON = """
    INSERT INTO kill_switches AS k (level, id, is_on, reason, set_by) VALUES ($1, $2, true, $3, $4)
    ON CONFLICT (level, id) DO UPDATE
       SET is_on = true, reason = excluded.reason, set_by = excluded.set_by, set_at = now() WHERE NOT k.is_on
"""
_USER_OFF = """
    UPDATE kill_switches SET is_on = false, reason = '', set_by = $3, set_at = now()
     WHERE level = $1 AND id = $2 AND is_on AND set_by LIKE 'user:%'
"""
_ONE = f"SELECT {_COLUMNS} FROM kill_switches k WHERE k.level = $1 AND k.id = $2"  # noqa: S608
_ALL = "SELECT level, id, is_on, reason, set_by, set_at FROM kill_switches ORDER BY is_on DESC, set_at DESC, level, id"


_USERS = "user:"  # how ``set_by`` begins when a user turned it; the policies of the table know it, too


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

    @property
    def is_users(self) -> bool:
        """False for the platform's and an administrator's, which no user turns off."""
        return self.set_by.startswith(_USERS)


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
        return [_switch(row) for row in await self._database.fetch(_ALL)]

    async def over(self, user: UserId) -> list[KillSwitch]:
        """Those that are on and keep something of this user's still, the latest first."""
        return [_switch(row) for row in await self._database.fetch(_OVER, user)]

    async def turn(self, level: Level, id: str, user: UserId, *, is_on: bool, reason: str = "") -> KillSwitch | None:
        """Turn a switch below the platform's as ``user``, whose ``id`` must be; as it is then, None: it never was on.

        One that is on stays as it is. Raises Forbidden when somebody else than a user turned on what is to be off.
        """
        by = f"{_USERS}{user}"
        async with self._database.transaction() as connection:
            if is_on:
                await connection.execute(_USER_ON, level.value, id, reason, by)
            else:
                await connection.execute(_USER_OFF, level.value, id, by)
            row = await connection.fetchrow(_ONE, level.value, id)
        switch = None if row is None else _switch(row)
        if switch is not None and switch.is_on and not is_on:
            raise Forbidden("an administrator turned this kill switch on, and only an administrator turns it off")
        return switch


def _switch(row: asyncpg.Record) -> KillSwitch:
    return KillSwitch(Level(row["level"]), row["id"], row["is_on"], row["reason"], row["set_by"], row["set_at"])


async def must_be_off(connection: Connection, user: UserId, hopper: HopperId, rule_set: RuleSetId) -> None:
    """Raises SwitchedOff when a switch is on above this act; read in the transaction of ``connection``."""
    row = await connection.fetchrow(_ON, user, hopper, rule_set)
    if row is not None:
        raise SwitchedOff(f"the kill switch of the {row['level']} is on: {row['reason'] or 'no reason was given'}")
