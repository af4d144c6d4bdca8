"""Table ``intents``: the only module that writes it. One row for each wish to act; written before anything is sent."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import asyncpg

from cryptwire.codec.rule_set import action_from_json, action_to_json
from cryptwire.domain.action import Fence, IntentId, RuleSetId
from cryptwire.domain.audit import Entry, Sealed
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.domain.intent import Intent, IntentState, Wish
from cryptwire.domain.notice import Notice
from cryptwire.domain.rule_set import Action
from cryptwire.errors import Fenced, Invalid, NotFound
from cryptwire.storage import assignments, audit, notices
from cryptwire.storage.database import Connection, Database

_COLUMNS = """
    intent_id::text, rule_set_id::text, version, mode_number, epoch, hopper_id, user_id::text, is_shadow, snapshot_id,
    snapshot, decided_at, actions, progress, state, turn
"""
_ADD = """
    INSERT INTO intents (intent_id, rule_set_id, version, mode_number, epoch, hopper_id, user_id, is_shadow,
                         snapshot_id, snapshot, decided_at, actions, progress, state)
    VALUES ($1::text::uuid, $2::text::uuid, $3, $4, $5, $6, $7::text::uuid, $8, $9, $10, $11, $12::text::jsonb,
            $13::text::jsonb, 'open')
    ON CONFLICT DO NOTHING
    RETURNING intent_id
"""
_ONE = f"SELECT {_COLUMNS} FROM intents WHERE intent_id = $1::text::uuid"  # noqa: S608 - columns of ours
_OPEN = f"""
    SELECT {_COLUMNS} FROM intents WHERE hopper_id = ANY($1::text[]) AND state IN ('open', 'waiting')
     ORDER BY decided_at, intent_id
"""  # noqa: S608
_LAST = """
    SELECT DISTINCT ON (rule_set_id) rule_set_id::text, version, epoch, state, changed_at
      FROM intents WHERE rule_set_id = ANY($1::text[]::uuid[]) ORDER BY rule_set_id, epoch DESC, version DESC
"""
_MOVE = """
    UPDATE intents SET progress = $3::text::jsonb, state = $4, turn = turn + 1, changed_at = now()
     WHERE intent_id = $1::text::uuid AND turn = $2
"""
_STANDING = """
    SELECT a.fence, p.confirmed_at > now() - interval '20 seconds' AS is_confirmed, s.version, s.mode_number, s.mode,
           plan_now(u.plan, u.plan_until) AS plan, u.deletion_asked_at IS NOT NULL AS is_leaving, h.is_paper,
           h.deleted_at IS NOT NULL OR h.unlinked_at IS NOT NULL AS is_gone,
           (SELECT k.level || ': ' || coalesce(nullif(k.reason, ''), 'no reason was given') FROM kill_switches k
             WHERE k.is_on AND (k.level = 'platform' OR (k.level, k.id) IN
                   (('user', i.user_id::text), ('hopper', i.hopper_id), ('rule', i.rule_set_id::text)))
             ORDER BY k.level LIMIT 1) AS switched_off
      FROM intents i
      LEFT JOIN assignments a ON a.hopper_id = i.hopper_id
      LEFT JOIN pods p ON p.pod = a.pod
      LEFT JOIN rule_sets s ON s.rule_set_id = i.rule_set_id
      LEFT JOIN users u ON u.user_id = i.user_id
      LEFT JOIN hoppers h ON h.hopper_id = i.hopper_id AND h.user_id = i.user_id
     WHERE i.intent_id = $1::text::uuid
"""
_BEFORE = f"""
    SELECT {_COLUMNS} FROM intents
     WHERE user_id = $1::text::uuid AND intent_id <> $2::text::uuid AND decided_at <= $3
       AND decided_at > $3 - interval '1 day'
     ORDER BY decided_at DESC LIMIT 500
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Standing:
    """What the database says of an intent's right to act now. None: there is no such thing any more.

    ``switched_off``: which kill switch is on, and why; empty for none.
    """

    fence: int | None
    is_confirmed: bool
    version: int | None
    mode_number: int | None
    mode: str | None
    plan: str | None
    is_leaving: bool
    is_paper: bool | None
    is_gone: bool
    switched_off: str


def intent_id(wish: Wish) -> IntentId:
    """The same for the same rule set, version and epoch, whoever makes it."""
    return IntentId(str(uuid5(UUID(wish.rule_set), f"{wish.version}/{wish.epoch}")))


class Intents:
    """Every wish to act. Raises Unavailable while the database is away; a row that cannot be read says so itself."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_of(self, hoppers: Iterable[HopperId]) -> list[Intent]:
        """Those of ``hoppers`` that are not over, in the order in which they were decided."""
        return [_intent(row) for row in await self._database.fetch(_OPEN, list(hoppers))]

    async def one(self, intent: IntentId) -> Intent:
        """Raises NotFound."""
        row = await self._database.row(_ONE, intent)
        if row is None:
            raise NotFound(f"there is no intent {intent[:40]}")
        return _intent(row)

    async def last_of(self, rule_sets: Sequence[RuleSetId]) -> dict[RuleSetId, tuple[int, int, IntentState, datetime]]:
        """Of each rule set's newest intent: version, epoch, state, and when that changed last."""
        return {
            RuleSetId(row["rule_set_id"]): (
                row["version"],
                row["epoch"],
                IntentState(row["state"]),
                row["changed_at"],
            )
            for row in await self._database.fetch(_LAST, list(rule_sets))
        }

    async def move(
        self,
        intent: Intent,
        progress: Mapping[str, Any],
        state: IntentState,
        right: Fence,
        entries: Sequence[Entry],
        told: Sequence[Notice],
    ) -> list[Sealed] | None:
        """Write down how far it came, with its entries and notices; None when somebody else did since it was read.

        Raises Fenced when ``right`` is not the hopper's current fence, or its pod was not confirmed within 20 s.
        """
        async with self._database.transaction() as connection:
            standing = await assignments.standing(connection, intent.wish.hopper)
            if standing != (right.number, True):
                raise Fenced(f"another pod acts for hopper {intent.wish.hopper[:40]}, or will soon")
            said = await connection.execute(_MOVE, intent.id, intent.turn, _json(progress), state.value)
            if said != "UPDATE 1":
                return None
            for notice in told:
                await notices.add_within(connection, notice)
            return await audit.append(connection, entries)

    async def before(self, intent: Intent) -> list[Wish]:
        """The other wishes of its user within the day before it, the newest first, 500 at most."""
        rows = await self._database.fetch(_BEFORE, intent.wish.user, intent.id, intent.wish.decided_at)
        return [_intent(row).wish for row in rows]

    async def standing(self, intent: IntentId) -> Standing:
        """Everything beside upstream that says whether it may act now (R9). Raises NotFound."""
        row = await self._database.row(_STANDING, intent)
        if row is None:
            raise NotFound(f"there is no intent {intent[:40]}")
        return Standing(
            row["fence"],
            bool(row["is_confirmed"]),
            row["version"],
            row["mode_number"],
            row["mode"],
            row["plan"],
            bool(row["is_leaving"]),
            row["is_paper"],
            row["is_gone"] is not False,
            row["switched_off"] or "",
        )


async def add_within(connection: Connection, wishes: Sequence[Wish], progress: Mapping[str, Any]) -> list[Intent]:
    """Write down wishes in the transaction of ``connection``; those that nobody wrote down before (R10)."""
    added = []
    for wish in wishes:
        id_ = intent_id(wish)
        row = await connection.fetchrow(
            _ADD,
            id_,
            wish.rule_set,
            wish.version,
            wish.mode_number,
            wish.epoch,
            wish.hopper,
            wish.user,
            wish.is_shadow,
            wish.snapshot_id,
            wish.snapshot,
            wish.decided_at,
            json.dumps([action_to_json(action) for action in wish.actions]),
            _json(progress),
        )
        if row is not None:
            added.append(Intent(id_, wish, IntentState.OPEN, progress, 0))
    return added


def _intent(row: asyncpg.Record) -> Intent:
    actions: tuple[Action, ...] = ()
    fault = ""
    try:
        actions = tuple(map(action_from_json, json.loads(row["actions"])))
    except Invalid as error:
        fault = f"its actions cannot be read: {error}"
    wish = Wish(
        RuleSetId(row["rule_set_id"]),
        row["version"],
        row["mode_number"],
        row["epoch"],
        HopperId(row["hopper_id"]),
        UserId(row["user_id"]),
        row["is_shadow"],
        row["snapshot_id"],
        bytes(row["snapshot"]),
        row["decided_at"],
        actions,
    )
    id_, state, progress = IntentId(row["intent_id"]), IntentState(row["state"]), json.loads(row["progress"])
    return Intent(id_, wish, state, progress, row["turn"], fault)


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, allow_nan=False)
