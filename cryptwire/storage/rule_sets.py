"""Tables ``rule_sets``, ``rule_set_versions`` and ``rule_set_changes``: the only module that knows their columns.

A version is never changed. Whatever is done to a rule set by a person is a row of ``rule_set_changes``, written in the
same transaction; the controller puts it into the audit. ``mode_number`` grows with each change of mode or version, so
a change that was decided on what is not there any more changes nothing.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from cryptwire.codec.rule_set import body_from_json, body_from_stored, body_to_json
from cryptwire.domain.action import RuleSetId
from cryptwire.domain.audit import Entry
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.domain.intent import Wish
from cryptwire.domain.rule_set import Mode, RuleSet, RuleSetBody
from cryptwire.errors import Corrupt, Invalid, NotFound
from cryptwire.storage import audit
from cryptwire.storage.database import Connection, Database

MOST_OF_A_HOPPER = 50
_BODIES_AT_ONCE = 200

_SELECT = """
    SELECT s.rule_set_id::text, s.user_id::text, s.hopper_id, s.version, s.mode, s.mode_number, s.changed_at,
           s.shadow_since, s.replayed_at, v.body
      FROM rule_sets s JOIN rule_set_versions v ON v.rule_set_id = s.rule_set_id AND v.version = s.version
"""
_OF_HOPPER = f"{_SELECT} WHERE s.user_id = $1::text::uuid AND s.hopper_id = $2 ORDER BY s.created_at, s.rule_set_id"
_ONE = f"{_SELECT} WHERE s.user_id = $1::text::uuid AND s.rule_set_id = $2::text::uuid"
_VERSIONS = """
    SELECT version, body, made_at FROM rule_set_versions
     WHERE user_id = $1::text::uuid AND rule_set_id = $2::text::uuid AND version < $3 ORDER BY version DESC LIMIT $4
"""
_CHANGES = """
    SELECT change_id, kind, version, mode, mode_number, by, note, at FROM rule_set_changes
     WHERE user_id = $1::text::uuid AND rule_set_id = $2::text::uuid AND change_id < $3
     ORDER BY change_id DESC LIMIT $4
"""
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('rule_sets'), hashtext($1))"
_ADD = """
    INSERT INTO rule_sets (user_id, hopper_id, version) VALUES ($1::text::uuid, $2, 1) RETURNING rule_set_id::text
"""
_ADD_VERSION = """
    INSERT INTO rule_set_versions (rule_set_id, version, user_id, body)
    VALUES ($1::text::uuid, $2, $3::text::uuid, $4::jsonb)
"""
# a version that nobody has watched yet has neither been in shadow nor replayed
_EDIT = """
    UPDATE rule_sets
       SET version = version + 1, mode_number = mode_number + 1, replayed_at = NULL, changed_at = now(),
           shadow_since = CASE WHEN mode = 'shadow' THEN now() END
     WHERE rule_set_id = $1::text::uuid AND user_id = $2::text::uuid AND mode_number = $3
"""
_SET_MODE = """
    UPDATE rule_sets
       SET mode = $4, mode_number = mode_number + 1, changed_at = now(),
           shadow_since = CASE $4 WHEN 'off' THEN NULL WHEN 'shadow' THEN coalesce(shadow_since, now())
                                  ELSE shadow_since END
     WHERE rule_set_id = $1::text::uuid AND user_id = $2::text::uuid AND mode_number = $3
"""
_DELETE = "DELETE FROM rule_sets WHERE rule_set_id = $1::text::uuid AND user_id = $2::text::uuid AND mode_number = $3"
_CHANGED = """
    INSERT INTO rule_set_changes (rule_set_id, hopper_id, user_id, kind, version, mode, mode_number, by, note)
    VALUES ($1::text::uuid, $2, $3::text::uuid, $4, $5, $6, $7, $8, $9)
"""
# what a pod's hoppers want; a mark that changes with it is asked for every few seconds, the whole only then
_WATCHED = """
    SELECT s.rule_set_id::text, s.user_id::text, s.hopper_id, s.version, s.mode, s.mode_number, s.changed_at,
           s.shadow_since, s.replayed_at, u.zone, a.fence
      FROM assignments a JOIN rule_sets s USING (hopper_id)
      JOIN hoppers h USING (hopper_id) JOIN users u ON u.user_id = s.user_id
     WHERE a.pod = $1 AND s.mode <> 'off' AND h.user_id = s.user_id AND u.deletion_asked_at IS NULL
"""
_ASSIGNED = """
    SELECT s.rule_set_id::text, s.user_id::text, s.hopper_id, s.version, s.mode, s.mode_number, s.changed_at,
           s.shadow_since, s.replayed_at, v.body, u.zone, a.fence
      FROM rule_sets s JOIN rule_set_versions v USING (rule_set_id, version)
      JOIN assignments a USING (hopper_id) JOIN users u ON u.user_id = s.user_id
     WHERE s.rule_set_id = $1::text::uuid AND s.hopper_id = $2
"""
_BODIES = """
    SELECT v.rule_set_id::text, v.version, v.body
      FROM unnest($1::text[]::uuid[], $2::int[]) AS w (rule_set_id, version) JOIN rule_set_versions v USING (rule_set_id, version)
"""  # noqa: E501
_WATCH_MARK = """
    SELECT row(count(*), sum(s.mode_number), sum(hashtext(s.rule_set_id::text)::bigint * s.mode_number), sum(a.fence),
               sum(hashtext(u.zone)::bigint))::text
      FROM assignments a JOIN rule_sets s USING (hopper_id) JOIN users u ON u.user_id = s.user_id
     WHERE a.pod = $1 AND s.mode <> 'off' AND u.deletion_asked_at IS NULL
"""
_UNAUDITED = """
    SELECT c.change_id, c.rule_set_id::text, c.hopper_id, c.user_id::text, c.kind, c.version, c.mode, c.mode_number,
           c.by, c.note, c.at
      FROM rule_set_changes c JOIN assignments a USING (hopper_id)
     WHERE a.pod = $1 AND c.audited_at IS NULL ORDER BY c.change_id LIMIT $2 FOR UPDATE OF c SKIP LOCKED
"""
_AUDITED = "UPDATE rule_set_changes SET audited_at = now() WHERE change_id = ANY($1::bigint[])"
_REPLAYED = """
    UPDATE rule_sets SET replayed_at = $3 WHERE rule_set_id = $1::text::uuid AND version = $2
"""
_OF_ANYBODY = f"{_SELECT} WHERE s.hopper_id = $1 ORDER BY s.created_at, s.rule_set_id"
_MEANWHILE = "somebody has changed this rule set meanwhile; read it again"
Fits = Callable[[Sequence[RuleSet]], None]
"""Raises Invalid when a rule set does not go with these, the hopper's others."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version as it was made."""

    number: int
    body: RuleSetBody
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody did to a rule set; ``by``: ``user`` or ``admin:<name>``. ``number`` grows with time."""

    number: int
    kind: str
    version: int
    mode: Mode
    mode_number: int
    by: str
    note: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Watched:
    """A rule set that is in shadow or armed, the user's zone (IANA's name), and the fence under which it is watched."""

    rule_set: RuleSet
    zone: str
    fence: int


class RuleSets:
    """What people want. Every method raises Unavailable while the database is away, Corrupt for a body nobody can read.

    What changes one raises Invalid when it is not any more as it was ``before``.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_hopper(self, user: UserId, hopper: HopperId) -> list[RuleSet]:
        """A hopper's, the first first; none when it is not the user's."""
        return [rule_set_of(row) for row in await self._database.fetch(_OF_HOPPER, user, hopper)]

    async def of_anybody(self, hopper: HopperId) -> list[RuleSet]:
        """A hopper's, whosoever it is: for administrators."""
        return [rule_set_of(row) for row in await self._database.fetch(_OF_ANYBODY, hopper)]

    async def of(self, user: UserId, rule_set: RuleSetId) -> RuleSet:
        """Raises NotFound, also when it is somebody else's."""
        row = await self._database.row(_ONE, user, rule_set)
        if row is None:
            raise NotFound(f"there is no rule set {rule_set}")
        return rule_set_of(row)

    async def versions(self, user: UserId, rule_set: RuleSetId, before: int, most: int) -> list[Version]:
        """The newest first, from below ``before`` on."""
        rows = await self._database.fetch(_VERSIONS, user, rule_set, before, most)
        return [Version(row["version"], body_of(row), row["made_at"]) for row in rows]

    async def changes(self, user: UserId, rule_set: RuleSetId, before: int, most: int) -> list[Change]:
        """The newest first, from below number ``before`` on; those of a rule set that was deleted, too."""
        return [
            Change(
                row["change_id"],
                row["kind"],
                row["version"],
                Mode(row["mode"]),
                row["mode_number"],
                row["by"],
                row["note"],
                row["at"],
            )
            for row in await self._database.fetch(_CHANGES, user, rule_set, before, most)
        ]

    async def add(self, user: UserId, hopper: HopperId, body: RuleSetBody, fits: Fits) -> RuleSet:
        """A new one, off, of the user's hopper; raises Invalid, also when the hopper has 50."""
        async with self._database.transaction() as connection:
            others = await _others(connection, user, hopper)
            if len(others) >= MOST_OF_A_HOPPER:
                raise Invalid(f"a hopper has {MOST_OF_A_HOPPER} rule sets at most; delete one first")
            fits(others)
            id = RuleSetId(await connection.fetchval(_ADD, user, hopper))
            await connection.execute(_ADD_VERSION, id, 1, user, _text(body))
            return await _changed(connection, user, id, "created")

    async def edit(self, before: RuleSet, body: RuleSetBody, fits: Fits, note: str = "") -> RuleSet:
        """Its next version; it stays in its mode."""
        async with self._database.transaction() as connection:
            fits([one for one in await _others(connection, before.user, before.hopper) if one.id != before.id])
            await _must_do(connection, _EDIT, before)
            await connection.execute(_ADD_VERSION, before.id, before.version + 1, before.user, _text(body))
            return await _changed(connection, before.user, before.id, "edited", note)

    async def set_mode(self, before: RuleSet, mode: Mode, note: str = "", by: str = "user") -> RuleSet:
        """The same version in ``mode``, also when it was in it: then it begins anew."""
        async with self._database.transaction() as connection:
            await _must_do(connection, _SET_MODE, before, mode.value)
            return await _changed(connection, before.user, before.id, "mode", note, by)

    async def delete(self, before: RuleSet) -> None:
        """It and its versions; what was done to it and by it stays."""
        async with self._database.transaction() as connection:
            await _must_do(connection, _DELETE, before)
            await _note(connection, before, "deleted", "", "user")


class WatchedRuleSets:
    """What a pod's controller reads of them. Raises Unavailable while the database is away.

    A version never changes, so each body is read once and kept while it is watched.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._bodies: dict[tuple[str, int], RuleSetBody | Corrupt] = {}

    async def mark(self, pod: str) -> str:
        """Something that changes whenever ``of_pod`` does, and costs little."""
        return str(await self._database.value(_WATCH_MARK, pod))

    async def of_pod(self, pod: str) -> tuple[list[Watched], list[Corrupt]]:
        """Those in shadow and armed of the hoppers that ``pod`` holds, and what cannot be read of them."""
        rows = await self._database.fetch(_WATCHED, pod)
        wanted = {(row["rule_set_id"], row["version"]) for row in rows}
        known = {key: body for key, body in self._bodies.items() if key in wanted}
        missing = sorted(wanted - known.keys())
        for begin in range(0, len(missing), _BODIES_AT_ONCE):
            ids, versions = zip(*missing[begin : begin + _BODIES_AT_ONCE], strict=True)
            for row in await self._database.fetch(_BODIES, list(ids), list(versions)):
                known[row["rule_set_id"], row["version"]] = _stored(row)
        self._bodies = known
        found, broken = [], []
        for row in rows:
            body = known.get((row["rule_set_id"], row["version"]))
            if isinstance(body, RuleSetBody):
                found.append(Watched(_rule_set(row, body), row["zone"], row["fence"]))
            elif body is not None:
                broken.append(body)
        return found, broken

    async def one(self, rule_set: RuleSetId, hopper: HopperId) -> Watched:
        """One of a hopper's, also one that is off; raises NotFound, Corrupt."""
        row = await self._database.row(_ASSIGNED, rule_set, hopper)
        if row is None:
            raise NotFound(f"there is no rule set {rule_set[:40]}")
        return Watched(rule_set_of(row), row["zone"], row["fence"])

    async def zone_of(self, user: UserId) -> str:
        """The user's zone (IANA's name), which rules of time go by; raises NotFound."""
        zone: str | None = await self._database.value("SELECT zone FROM users WHERE user_id = $1::text::uuid", user)
        if zone is None:
            raise NotFound("there is no such user")
        return zone

    async def audit_changes(self, pod: str, most: int) -> int:
        """Take what people did to rule sets of the pod's hoppers into the audit, once; how much it was."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(_UNAUDITED, pod, most)
            await audit.append(connection, [_entry(row) for row in rows])
            await connection.execute(_AUDITED, [row["change_id"] for row in rows])
        return len(rows)

    async def note(self, one: RuleSet, kind: str, by: str, text: str = "") -> None:
        """Write down what a person asked the controller for: resumed, replayed."""
        async with self._database.transaction() as connection:
            await _note(connection, one, kind, text[:500], by)

    async def chosen(self, wish: Wish, kind: str, by: str) -> None:
        """What a person chose of an intent: retried, abandoned; its rule set may be gone by now."""
        mode = Mode.SHADOW if wish.is_shadow else Mode.ARMED  # when it fired
        row = (wish.rule_set, wish.hopper, wish.user, kind, wish.version, mode.value, wish.mode_number, by, "")
        await self._database.execute(_CHANGED, *row)

    async def replayed(self, one: RuleSet, at: datetime, by: str) -> None:
        """This version was replayed over the hopper's own history (R22)."""
        async with self._database.transaction() as connection:
            if await connection.execute(_REPLAYED, one.id, one.version, at) == "UPDATE 1":
                await _note(connection, one, "replayed", "", by)


def _entry(row: asyncpg.Record) -> Entry:
    is_user = row["by"] == "user"
    body = {"by": row["by"], "what": row["kind"], "mode": row["mode"], "mode_number": row["mode_number"]}
    return Entry(
        HopperId(row["hopper_id"]),
        row["at"],
        "changed",
        body | {"is_explained": bool(row["note"])},  # in words of his own: they stay in the row, and go with him
        RuleSetId(row["rule_set_id"]),
        row["version"],
        None,
        UserId(row["user_id"]) if is_user else None,
    )


async def _others(connection: Connection, user: UserId, hopper: HopperId) -> list[RuleSet]:
    """The hopper's rule sets, while nobody else adds to them or edits them."""
    await connection.execute(_ONE_AT_A_TIME, hopper)
    return [rule_set_of(row) for row in await connection.fetch(_OF_HOPPER, user, hopper)]


async def _must_do(connection: Connection, statement: str, before: RuleSet, *values: object) -> None:
    said = await connection.execute(statement, before.id, before.user, before.mode_number, *values)
    if not said.endswith(" 1"):
        raise Invalid(_MEANWHILE)


async def _changed(
    connection: Connection, user: UserId, id: RuleSetId, kind: str, note: str = "", by: str = "user"
) -> RuleSet:
    row = await connection.fetchrow(_ONE, user, id)
    assert row is not None, "its row is ours in this transaction"
    after = rule_set_of(row)
    await _note(connection, after, kind, note, by)
    return after


async def _note(connection: Connection, one: RuleSet, kind: str, note: str, by: str) -> None:
    row = (one.id, one.hopper, one.user, kind, one.version, one.mode.value, one.mode_number, by, note)
    await connection.execute(_CHANGED, *row)


def _stored(row: asyncpg.Record) -> RuleSetBody | Corrupt:
    try:
        return body_from_stored(json.loads(row["body"]))
    except Invalid as error:
        return Corrupt(f"version {row['version']} of rule set {row['rule_set_id']} cannot be read: {error}")


def rule_set_of(row: asyncpg.Record) -> RuleSet:
    """A row with the columns of ``rule_sets`` and the body of its newest version."""
    return _rule_set(row, body_of(row))


def _rule_set(row: asyncpg.Record, body: RuleSetBody) -> RuleSet:
    return RuleSet(
        RuleSetId(row["rule_set_id"]),
        UserId(row["user_id"]),
        HopperId(row["hopper_id"]),
        row["version"],
        body,
        Mode(row["mode"]),
        row["mode_number"],
        row["changed_at"],
        row["shadow_since"],
        row["replayed_at"],
    )


def body_of(row: asyncpg.Record) -> RuleSetBody:
    """Raises Corrupt."""
    try:
        value: Any = json.loads(row["body"])
        return body_from_json(value)
    except Invalid as error:
        raise Corrupt(f"a stored rule set cannot be read: {error}") from None


def _text(body: RuleSetBody) -> str:
    return json.dumps(body_to_json(body))
