"""Table ``rule_states``: the only module that writes it. How rule sets stand, written together with what they decided.

A round is one transaction (R16): the states that changed, the wishes to act, the audit's entries and the notices. A
state is written only over the revision that it was made from, and only by the pod whose fence is the hopper's.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptwire.domain.action import RuleSetId
from cryptwire.domain.audit import Entry, Sealed
from cryptwire.domain.hopper import HopperId
from cryptwire.domain.intent import Intent, Wish
from cryptwire.domain.notice import Notice
from cryptwire.storage import audit, intents, notices
from cryptwire.storage.database import Database

_OF = """
    SELECT rule_set_id::text, hopper_id, version, mode_number, epoch, state, fence, revision, snapshot_at
      FROM rule_states WHERE rule_set_id = ANY($1::text[]::uuid[])
"""
_WRITE = """
    INSERT INTO rule_states AS s (rule_set_id, hopper_id, version, mode_number, epoch, state, fence, revision, snapshot_at)
    SELECT r.rule_set::uuid, r.hopper, r.version, r.mode_number, r.epoch, r.state::jsonb, r.fence, r.revision, r.snapshot_at
      FROM unnest($1::text[], $2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::text[], $7::bigint[], $8::bigint[],
                  $9::timestamptz[])
           AS r (rule_set, hopper, version, mode_number, epoch, state, fence, revision, snapshot_at)
      JOIN assignments a ON a.hopper_id = r.hopper AND a.fence = r.fence
      JOIN rule_sets t ON t.rule_set_id = r.rule_set::uuid
     ORDER BY r.rule_set
    ON CONFLICT (rule_set_id) DO UPDATE
       SET version = excluded.version, mode_number = excluded.mode_number, epoch = excluded.epoch, state = excluded.state,
           fence = excluded.fence, revision = excluded.revision, snapshot_at = excluded.snapshot_at, written_at = now()
     WHERE s.revision = excluded.revision - 1 AND s.fence <= excluded.fence
    RETURNING rule_set_id::text
"""  # noqa: E501


@dataclass(frozen=True, slots=True)
class KeptState:
    """How a rule set stands, as JSON; ``revision`` is one more than that of the state it was made from, 1 the first."""

    rule_set: RuleSetId
    hopper: HopperId
    version: int
    mode_number: int
    epoch: int
    state: Mapping[str, Any]
    fence: int
    revision: int
    snapshot_at: datetime | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What one evaluation of one rule set, or several in a row, came to."""

    state: KeptState
    entries: Sequence[Entry] = ()
    notices: Sequence[Notice] = ()
    wish: Wish | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """What was written: whose states, which intents that nobody had written before, and the entries with numbers."""

    states: frozenset[RuleSetId]
    intents: tuple[Intent, ...]
    entries: tuple[tuple[Entry, Sealed], ...]


class RuleStates:
    """How every rule set stands. Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, rule_sets: Sequence[RuleSetId]) -> dict[RuleSetId, KeptState]:
        """Those that have one."""
        rows = await self._database.fetch(_OF, list(rule_sets))
        return {
            RuleSetId(row["rule_set_id"]): KeptState(
                RuleSetId(row["rule_set_id"]),
                HopperId(row["hopper_id"]),
                row["version"],
                row["mode_number"],
                row["epoch"],
                json.loads(row["state"]),
                row["fence"],
                row["revision"],
                row["snapshot_at"],
            )
            for row in rows
        }

    async def commit(self, decisions: Sequence[Decision], progress: Mapping[str, Any]) -> Committed:
        """Write a round, of each rule set one decision at most; new intents begin with ``progress``.

        A decision is left out, whole, when another pod holds the hopper, its state was written by somebody else since,
        or the rule set is gone.
        """
        columns = zip(*(_row(decision.state) for decision in decisions), strict=True)
        async with self._database.transaction() as connection:
            rows = await connection.fetch(_WRITE, *map(list, columns))
            written = frozenset(RuleSetId(row["rule_set_id"]) for row in rows)
            kept = [decision for decision in decisions if decision.state.rule_set in written]
            wishes = [decision.wish for decision in kept if decision.wish is not None]
            added = await intents.add_within(connection, wishes, progress)
            entries = [entry for decision in kept for entry in decision.entries]
            sealed = await audit.append(connection, entries)
            for decision in kept:
                for notice in decision.notices:
                    await notices.add_within(connection, notice)
        return Committed(written, tuple(added), tuple(zip(entries, sealed, strict=True)))


def _row(state: KeptState) -> tuple[object, ...]:
    return (
        state.rule_set,
        state.hopper,
        state.version,
        state.mode_number,
        state.epoch,
        json.dumps(state.state, allow_nan=False),
        state.fence,
        state.revision,
        state.snapshot_at,
    )
