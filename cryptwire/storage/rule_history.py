"""Tables ``intents`` and ``audit`` as their user reads them; the controller alone writes them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from cryptwire.domain.action import IntentId, RuleSetId
from cryptwire.domain.audit import Sealed
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.domain.intent import IntentState
from cryptwire.errors import NotFound
from cryptwire.storage.database import Database

_SELECT = """
    SELECT intent_id::text, rule_set_id::text, version, epoch, hopper_id, is_shadow, snapshot_id, decided_at, actions,
           progress, state, changed_at
      FROM intents
"""
_PAGE = f"""
    {_SELECT}
     WHERE hopper_id = $1 AND user_id = $2::text::uuid AND ($3::text IS NULL OR rule_set_id = $3::text::uuid)
       AND ($4::timestamptz IS NULL OR (decided_at, intent_id) < ($4, $5::text::uuid))
     ORDER BY decided_at DESC, intent_id DESC LIMIT $6
"""
_ONE = f"{_SELECT} WHERE intent_id = $1::text::uuid AND user_id = $2::text::uuid"
_AUDIT = """
    SELECT c.chain::text, a.number, a.at, a.kind, a.rule_set_id::text, a.version, a.intent_id::text, a.body::text,
           a.previous, a.hash
      FROM audit a JOIN audit_chains c USING (chain)
     WHERE c.hopper_id = $1 AND a.number < $2 ORDER BY a.number DESC LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class KeptStep:
    """An action of an intent. ``result``: done, nothing (was to do), partial, failed, skipped; None: not over.

    ``action`` is JSON as in a rule set's body; ``is_next``: it is under way, or comes next.
    """

    action: Mapping[str, Any]
    result: str | None
    reason: str
    is_next: bool


@dataclass(frozen=True, slots=True)
class KeptIntent:
    """A wish to act, as it stands, and how far each of its actions came. ``alarms``: what was told of it."""

    id: IntentId
    rule_set: RuleSetId
    version: int
    epoch: int
    hopper: HopperId
    is_shadow: bool
    snapshot: str
    decided_at: datetime
    steps: tuple[KeptStep, ...]
    alarms: tuple[str, ...]
    state: IntentState
    changed_at: datetime


class RuleHistory:
    """What rule sets did. Every method raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def intents(
        self,
        user: UserId,
        hopper: HopperId,
        rule_set: RuleSetId | None,
        after: tuple[datetime, IntentId] | None,
        most: int,
    ) -> list[KeptIntent]:
        """The newest first, from behind ``after`` on; of one rule set alone, or of all the hopper has or had."""
        at, id = after or (None, None)
        return [_intent(row) for row in await self._database.fetch(_PAGE, hopper, user, rule_set, at, id, most)]

    async def intent(self, user: UserId, intent: IntentId) -> KeptIntent:
        """Raises NotFound, also when it is somebody else's."""
        row = await self._database.row(_ONE, intent, user)
        if row is None:
            raise NotFound(f"there is no intent {intent}")
        return _intent(row)

    async def audit(self, hopper: HopperId, before: int, most: int) -> list[Sealed]:
        """The newest first, from below number ``before`` on."""
        return [_entry(row) for row in await self._database.fetch(_AUDIT, hopper, before, most)]


def _intent(row: asyncpg.Record) -> KeptIntent:
    progress, state = json.loads(row["progress"]), IntentState(row["state"])
    results, alarms = _ends(progress)
    return KeptIntent(
        IntentId(row["intent_id"]),
        RuleSetId(row["rule_set_id"]),
        row["version"],
        row["epoch"],
        HopperId(row["hopper_id"]),
        row["is_shadow"],
        row["snapshot_id"],
        row["decided_at"],
        tuple(_steps(json.loads(row["actions"]), results, state)),
        alarms,
        state,
        row["changed_at"],
    )


def _ends(progress: Any) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    """How actions ended, and what was told; nothing where the controller cannot read it either, and has said so."""
    try:
        ends = [(str(result), str(reason)) for result, reason in progress["results"]]
        return ends, tuple(map(str, progress["alarms"]))
    except (KeyError, TypeError, ValueError):
        return [], ()


def _steps(
    actions: Sequence[Mapping[str, Any]], results: Sequence[tuple[str, str]], state: IntentState
) -> Iterator[KeptStep]:
    """Results come in the actions' order; those that have none yet were not over."""
    for index, action in enumerate(actions):
        result: str | None
        result, reason = results[index] if index < len(results) else (None, "")
        yield KeptStep(action, result, reason, index == len(results) and not state.is_over)


def _entry(row: asyncpg.Record) -> Sealed:
    return Sealed(
        row["chain"],
        row["number"],
        row["at"],
        row["kind"],
        row["rule_set_id"],
        row["version"],
        row["intent_id"],
        row["body"],
        bytes(row["previous"]),
        bytes(row["hash"]),
    )
