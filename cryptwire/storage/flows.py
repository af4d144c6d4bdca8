"""Tables ``flows`` and ``hopper_histories``, and ``flow_candidates`` as flows begin with them.

The only module that knows the first two's columns. Versions are added and none is changed; who adds the next version
of a hopper's flows waits for whoever is at it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import asyncpg

from cryptwire.domain.flow import DecidedBy, Flow, FlowId, FlowKind, FlowState, opened
from cryptwire.domain.hopper import Asset, Hopper, HopperId
from cryptwire.domain.notice import Notice
from cryptwire.domain.portfolio import FlowCandidate
from cryptwire.errors import NotFound
from cryptwire.storage.database import Connection, Database
from cryptwire.storage.hoppers import hopper_of
from cryptwire.storage.keyset import PLACE, Column, Condition, Listing, Order, Row
from cryptwire.storage.notices import add_within

_COLUMNS = (
    "flow_id, version, hopper_id, at, asset, quantity, price, value_before, kind, state, decided_by, decided_at,"
    " counterpart"
)
_EXTERNAL = ", ".join(f"'{kind.value}'" for kind in FlowKind if kind.is_external)
_ADD = f"""
    INSERT INTO flows ({_COLUMNS}) VALUES
    ($1::text::uuid, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::text::uuid) ON CONFLICT DO NOTHING
"""  # noqa: S608 - columns of ours
_NEWEST = f"""
    SELECT * FROM (SELECT DISTINCT ON (flow_id) {_COLUMNS} FROM flows WHERE hopper_id = $1 AND at >= $2 AND at < $3
                    ORDER BY flow_id, version DESC) newest
     ORDER BY at, asset
"""  # noqa: S608
_NEWEST_OF_MANY = f"""
    SELECT DISTINCT ON (flow_id) {", ".join("f." + name.strip() for name in _COLUMNS.split(","))}
      FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS n(hopper_id, since, until)
      JOIN flows f ON f.hopper_id = n.hopper_id AND f.at >= n.since AND f.at < n.until
     ORDER BY flow_id, version DESC
"""  # noqa: S608
MOVED_WORTH = """
    (SELECT coalesce(sum(quantity * price::numeric), 0)
       FROM (SELECT DISTINCT ON (flow_id) quantity, price, kind, state FROM flows
              WHERE hopper_id = {hopper} AND at >= {since} AND at < {until}
              ORDER BY flow_id, version DESC) newest
      WHERE state = 'confirmed' AND kind <> 'data-error')
"""
"""What units that really came, less those that went, were worth then, in the hopper's base currency of then."""
_BY_ID = f"SELECT {_COLUMNS} FROM flows WHERE flow_id = $1::text::uuid ORDER BY version DESC LIMIT 1"  # noqa: S608
_VERSIONS = f"SELECT {_COLUMNS} FROM flows WHERE flow_id = $1::text::uuid ORDER BY version"  # noqa: S608
_TEXT, _NUMBER, _MOMENT = "text", "numeric", "timestamptz"
LISTING = Listing(
    fields={name: f"f.{name}" for name in _COLUMNS.split(", ")},
    source="(SELECT * FROM flows v WHERE NOT EXISTS"
    " (SELECT FROM flows later WHERE later.flow_id = v.flow_id AND later.version > v.version)) f",
    owner="f.hopper_id",
    id="f.flow_id::text",
    at="f.at",
    columns={
        "at": Column("f.at", _MOMENT),
        "hopper": Column(PLACE, "bigint"),
        "asset": Column("f.asset", _TEXT),
        "quantity": Column("f.quantity", _NUMBER),
        "amount": Column("f.quantity * f.price::text::numeric", _NUMBER),  # a cast by itself keeps 15 digits
        "value_before": Column("f.value_before::text::numeric", _NUMBER),
        "kind": Column("f.kind", _TEXT),
        "state": Column("f.state", _TEXT),
        "is_flow": Column(f"(f.state = 'confirmed' AND f.kind IN ({_EXTERNAL}))", "boolean"),
        "decided_by": Column("f.decided_by", _TEXT),
        "decided_at": Column("f.decided_at", _MOMENT),
    },
)
"""The newest version of each flow, ordered and filtered by what a table of them shows."""
_NEW = """
    SELECT c.hopper_id, c.at, c.asset, c.quantity, c.price, c.value_before, c.fence
      FROM flow_candidates c JOIN hoppers h USING (hopper_id)
     WHERE c.at > $1
       AND NOT EXISTS (SELECT FROM flows f WHERE f.hopper_id = c.hopper_id AND f.at = c.at AND f.asset = c.asset)
     ORDER BY c.hopper_id, c.at, c.asset LIMIT $2
"""
_UNDECIDED = """
    SELECT c.hopper_id, c.at, c.asset, c.quantity, c.price, c.value_before, c.fence FROM flow_candidates c
     WHERE c.hopper_id = $1
       AND NOT EXISTS (SELECT FROM flows f WHERE f.hopper_id = c.hopper_id AND f.at = c.at AND f.asset = c.asset)
     ORDER BY c.at, c.asset
"""
_MARKS = "SELECT hopper_id, count(*) AS mark FROM flows WHERE hopper_id = ANY($1::text[]) GROUP BY hopper_id"
_HOPPERS_WITH_OPEN = """
    SELECT DISTINCT h.hopper_id, h.user_id::text, h.name, h.exchange, h.base_currency, h.is_paper, h.refresh_seconds
      FROM flows f JOIN hoppers h USING (hopper_id)
     WHERE f.state = 'open' AND h.deleted_at IS NULL AND h.unlinked_at IS NULL
       AND NOT EXISTS (SELECT FROM flows later WHERE later.flow_id = f.flow_id AND later.version > f.version)
     ORDER BY h.hopper_id
"""
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('flows'), hashtext($1))"
_HISTORY = """
    INSERT INTO hopper_histories (hopper_id, version, changed_from)
    SELECT $1, coalesce(max(version), 1) + 1, $2 FROM hopper_histories WHERE hopper_id = $1
"""
_HISTORY_VERSION = "SELECT coalesce(max(version), 1) FROM hopper_histories WHERE hopper_id = $1"


class Flows:
    """Money that came or went without a trade. Every method raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_new(self, since: datetime, most: int = 1000) -> int:
        """Begin a flow for each of the tracker's candidates since ``since`` that has none; how many."""
        rows = await self._database.fetch(_NEW, since, most)
        fresh = [opened(_candidate(row)) for row in rows]
        for hopper in sorted({flow.hopper for flow in fresh}):
            async with self._database.transaction() as connection:
                await connection.execute(_LOCK, hopper)
                await connection.executemany(_ADD, [_row(flow) for flow in fresh if flow.hopper == hopper])
        return len(fresh)

    async def hoppers_with_open(self) -> list[Hopper]:
        """Hoppers with flows that nobody decided, by id."""
        return [hopper_of(row) for row in await self._database.fetch(_HOPPERS_WITH_OPEN)]

    async def within(self, hopper: HopperId, since: datetime, until: datetime) -> list[Flow]:
        """The newest version of each flow in ``[since, until)``, oldest first."""
        return [_flow(row) for row in await self._database.fetch(_NEWEST, hopper, since, until)]

    async def counting(self, hopper: HopperId, since: datetime, until: datetime) -> list[Flow]:
        """Those of ``within`` that are taken out of performance."""
        return [flow for flow in await self.within(hopper, since, until) if flow.counts]

    async def moved(self, hopper: HopperId, since: datetime, until: datetime) -> list[Flow]:
        """Those of ``within`` by which units really came or went: income and conversions, too."""
        return [flow for flow in await self.within(hopper, since, until) if flow.moved]

    async def of_many(self, spans: Sequence[tuple[HopperId, datetime, datetime]]) -> dict[HopperId, list[Flow]]:
        """``within`` for one span of each hopper."""
        columns = [list(column) for column in zip(*spans, strict=True)]
        found: dict[HopperId, list[Flow]] = {}
        for flow in sorted(map(_flow, await self._database.fetch(_NEWEST_OF_MANY, *columns)), key=_order):
            found.setdefault(flow.hopper, []).append(flow)
        return found

    async def candidates(self, hopper: HopperId) -> list[FlowCandidate]:
        """The tracker's candidates that no flow has begun of yet, oldest first."""
        return [_candidate(row) for row in await self._database.fetch(_UNDECIDED, hopper)]

    async def marks(self, hoppers: Sequence[HopperId]) -> dict[HopperId, int]:
        """How many versions of flows each of these has, those that have any: it grows with everything that changes."""
        rows = await self._database.fetch(_MARKS, list(hoppers))
        return {HopperId(row["hopper_id"]): row["mark"] for row in rows}

    async def page(
        self, hoppers: Sequence[str], order: Order, conditions: Sequence[Condition], after: Row | None, most: int
    ) -> list[Flow]:
        """At most ``most`` flows of ``hoppers`` in an order, those behind a row; raises Invalid when it is gone."""
        return [_flow(row) for row in await LISTING.page(self._database, hoppers, order, conditions, after, most)]

    async def count(self, hoppers: Sequence[str], conditions: Sequence[Condition]) -> int:
        """How many flows there are on all pages together."""
        return await LISTING.count(self._database, hoppers, conditions)

    async def by_id(self, flow: FlowId) -> Flow:
        """Its newest version; raises NotFound."""
        row = await self._database.row(_BY_ID, flow)
        if row is None:
            raise NotFound(f"there is no flow {flow[:40]}")
        return _flow(row)

    async def versions(self, flow: FlowId) -> list[Flow]:
        """All of them, oldest first."""
        return [_flow(row) for row in await self._database.fetch(_VERSIONS, flow)]

    async def decide(self, decided: Sequence[Flow], notices: Iterable[Notice] = ()) -> list[Flow]:
        """Add these versions, of flows of one hopper, at once; those that were added.

        A flow that got another version meanwhile is left out: what was decided is not of what is there. When what
        counts or moved changes, the hopper's history has a new version from there on. ``notices`` go along if anything
        was added.
        """
        if not decided:
            return []
        async with self._database.transaction() as connection:
            await connection.execute(_LOCK, decided[0].hopper)
            added, changed = await _add(connection, decided)
            if changed:
                await connection.execute(_HISTORY, decided[0].hopper, min(changed))
            if added:
                for notice in notices:
                    await add_within(connection, notice)
        return added

    async def history_version(self, hopper: HopperId) -> int:
        """How often what counts has changed; 1 when never."""
        version: int = await self._database.value(_HISTORY_VERSION, hopper)
        return version


async def _add(connection: Connection, decided: Sequence[Flow]) -> tuple[list[Flow], list[datetime]]:
    added, changed = [], []
    for flow in decided:
        row = await connection.fetchrow(_BY_ID, flow.id)
        if row is None or row["version"] != flow.version - 1:
            continue
        before = _flow(row)
        await connection.execute(_ADD, *_row(flow))
        added.append(flow)
        if (before.counts, before.moved) != (flow.counts, flow.moved) or (
            flow.moved and before.quantity != flow.quantity
        ):
            changed.append(flow.at)
    return added, changed


def _order(flow: Flow) -> tuple[HopperId, datetime, Asset]:
    return flow.hopper, flow.at, flow.asset


def _candidate(row: asyncpg.Record) -> FlowCandidate:
    return FlowCandidate(
        HopperId(row["hopper_id"]),
        row["at"],
        Asset(row["asset"]),
        row["quantity"],
        row["price"],
        row["value_before"],
        row["fence"],
    )


def _row(flow: Flow) -> tuple[object, ...]:
    return (
        flow.id,
        flow.version,
        flow.hopper,
        flow.at,
        flow.asset,
        flow.quantity,
        flow.price,
        flow.value_before,
        flow.kind.value,
        flow.state.value,
        flow.decided_by.value,
        flow.decided_at,
        flow.counterpart,
    )


def _flow(row: asyncpg.Record) -> Flow:
    return Flow(
        FlowId(str(row["flow_id"])),
        row["version"],
        HopperId(row["hopper_id"]),
        row["at"],
        Asset(row["asset"]),
        row["quantity"],
        row["price"],
        row["value_before"],
        FlowKind(row["kind"]),
        FlowState(row["state"]),
        DecidedBy(row["decided_by"]),
        row["decided_at"],
        None if row["counterpart"] is None else FlowId(str(row["counterpart"])),
    )
