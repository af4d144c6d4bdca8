"""Table ``calls``: every action that was asked for, and what became of it. The only module that knows its columns.

A row is written before the action is sent, in the transaction that checks the right to it, and gets its outcome after;
one without an outcome is under way, or nobody will ever know. Actions that were turned away have rows of their own,
which keep no intent's number.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from cryptwire.domain.action import Fence, IntentId, Outcome, RuleSetId
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.errors import Fenced, Invalid, NotFound
from cryptwire.storage import assignments, kill_switches, sessions, tokens
from cryptwire.storage.database import Connection, Database

_SAID = 200  # characters kept of what was said

_KNOWN = """
    SELECT call_id, sent_at, answered_at, outcome, reason, said, clock_timestamp() > begun_at + $7::interval AS is_over,
           user_id = $3::text::uuid AND hopper_id = $4 AND call = $5 AND parameters = $6::text::jsonb AS is_same
      FROM calls
     WHERE intent_id = $1::text::uuid AND number = $2 AND is_admitted
"""
_ENDED = """
    SELECT outcome, clock_timestamp() > begun_at + $3::interval AS is_over
      FROM calls WHERE intent_id = $1::text::uuid AND number = $2 AND is_admitted
"""
_VALUES = """
    INSERT INTO calls (is_admitted, intent_id, number, service, user_id, hopper_id, call, parameters, fence, session,
                       rule_set_id, sent_at, answered_at, outcome, reason, said)
    VALUES ($1, $2::text::uuid, $3, $4, $5::text::uuid, $6, $7, $8::text::jsonb, $9::text::numeric, $10, $11,
            NULL, $12, $13, $14, $15)
"""
_ADMIT = f"{_VALUES} ON CONFLICT (intent_id, number) WHERE is_admitted DO NOTHING RETURNING call_id"
_FINISH = """
    UPDATE calls SET sent_at = $2, answered_at = $3, outcome = $4, reason = $5, said = $6
     WHERE call_id = $1 AND outcome IS NULL
"""


@dataclass(frozen=True, slots=True)
class Session:
    """A session (its hash) whose token was verified."""

    hash: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """An action as it was asked for: by which service, for whom, what, and with what right.

    ``parameters`` go into JSON. Where an action is turned away for what it was asked with, some of it may be None.
    """

    service: str
    call: str
    user: UserId | None
    hopper: HopperId
    parameters: Mapping[str, Any]
    intent: IntentId | None
    number: int
    right: Fence | Session | None
    rule_set: RuleSetId


@dataclass(frozen=True, slots=True)
class Ending:
    """How an action ended. ``reason`` names the error that its caller got, empty for none; ``said`` is its text, else
    upstream's words.
    """

    outcome: Outcome
    reason: str
    said: str
    sent_at: datetime | None
    answered_at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an action that was admitted before; ``is_over``: it can not be under way any more."""

    ending: Ending | None
    is_over: bool


class Calls:
    """Every action of the gateway. ``lasts``: nothing that was admitted longer ago is still under way."""

    def __init__(self, database: Database, lasts: timedelta) -> None:
        self._database = database
        self._lasts = lasts

    async def known(self, asked: Asked) -> Known | None:
        """What became of this intent and number, if it was admitted before; None when nothing keeps it from being sent.

        Raises Fenced or SwitchedOff when something does, Invalid when the number stands for another act.
        """
        async with self._database.transaction() as connection:
            return await self._judged(connection, asked)

    async def admit(self, asked: Asked) -> int | None:
        """Write down that it is about to be sent, if it may be: the row's number, None when it was admitted before.

        In the same transaction: the right to it, the kill switches, and the hopper's generation, which outdates what
        was read of it. Raises Fenced, SwitchedOff, Invalid; NotFound when the hopper was unlinked meanwhile.
        """
        assert asked.user is not None
        async with self._database.transaction() as connection:
            if await self._judged(connection, asked) is not None:
                return None
            row: int | None = await connection.fetchval(_ADMIT, *_values(asked, None, is_admitted=True))
            if row is not None and not await tokens.outdate(connection, asked.user, asked.hopper):
                raise NotFound(f"there is no hopper {asked.hopper[:40]}")
            return row

    async def finish(self, row: int, asked: Asked, ending: Ending) -> None:
        """Write down how it ended, once; and outdate what was read while it was under way."""
        assert asked.user is not None
        async with self._database.transaction() as connection:
            await connection.execute(
                _FINISH,
                row,
                ending.sent_at,
                ending.answered_at,
                ending.outcome.value,
                ending.reason or None,
                _storable(ending.said),
            )
            await tokens.outdate(connection, asked.user, asked.hopper)

    async def turned_away(self, asked: Asked, ending: Ending) -> None:
        """Write down an action that was not admitted."""
        await self._database.execute(_VALUES, *_values(asked, ending, is_admitted=False))

    async def _judged(self, connection: Connection, asked: Asked) -> Known | None:
        """A right that is gone for good comes first; then what is known; then what may change again.

        Who was answered "switched off" would else take for not sent what was sent before the switch.
        """
        assert asked.user is not None
        is_confirmed = await _stands(connection, asked)
        row = await connection.fetchrow(
            _KNOWN,
            asked.intent,
            asked.number,
            asked.user,
            asked.hopper,
            asked.call,
            _json(asked.parameters),
            self._lasts,
        )
        if row is not None:
            if not row["is_same"]:
                raise Invalid(f"number {asked.number} of this intent stands for another act; take the next number")
            return _known(row)
        if not is_confirmed:
            raise Fenced("the pod that holds this hopper was not confirmed within 20 s")
        await kill_switches.must_be_off(connection, asked.user, asked.hopper, asked.rule_set)
        return None


async def _stands(connection: Connection, asked: Asked) -> bool:
    """Whether the right is confirmed now; raises Fenced when it will never be again."""
    match asked.right:
        case Fence(number):
            standing = await assignments.standing(connection, asked.hopper)
            if standing is None:
                raise Fenced(f"no pod holds hopper {asked.hopper[:40]}")
            fence, is_confirmed = standing
            if number != fence:
                raise Fenced(f"fence {number} is not the current one of hopper {asked.hopper[:40]}")
            return is_confirmed
        case Session(hash):
            assert asked.user is not None
            if not await sessions.lives(connection, hash, asked.user):
                raise Fenced("the session has ended; sign in again")
            return True
        case None:
            raise Fenced("an action needs a fence or a session")


def _values(asked: Asked, ending: Ending | None, *, is_admitted: bool) -> tuple[object, ...]:
    return (
        is_admitted,
        asked.intent,
        asked.number,
        asked.service,
        asked.user,
        asked.hopper,
        asked.call,
        _json(asked.parameters),
        str(asked.right.number) if isinstance(asked.right, Fence) else None,
        asked.right.hash if isinstance(asked.right, Session) else None,
        asked.rule_set,
        None if ending is None else ending.answered_at,
        None if ending is None else ending.outcome.value,
        None if ending is None else ending.reason or None,
        None if ending is None else _storable(ending.said),
    )


class KeptCalls:
    """What others may look up in the table. Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def outcome(self, intent: IntentId, number: int, lasts: timedelta) -> tuple[bool, Outcome | None]:
        """Whether this number of an intent was ever admitted, and how it ended; None: it may be under way still.

        One without an end that was admitted longer than ``lasts`` ago is UNKNOWN.
        """
        row = await self._database.row(_ENDED, intent, number, lasts)
        if row is None:
            return False, None
        if row["outcome"] is None:
            return True, Outcome.UNKNOWN if row["is_over"] else None
        return True, Outcome(row["outcome"])


def _json(parameters: Mapping[str, Any]) -> str:
    return json.dumps(parameters, sort_keys=True)


def _storable(text: str) -> str:
    return text.replace("\0", "")[:_SAID]  # PostgreSQL's text has no such character


def _known(row: asyncpg.Record) -> Known:
    if row["outcome"] is None:
        return Known(None, row["is_over"])
    return Known(
        Ending(Outcome(row["outcome"]), row["reason"] or "", row["said"] or "", row["sent_at"], row["answered_at"]),
        is_over=True,
    )
