"""Tables ``audit``, ``audit_chains`` and ``audit_people``: the only module that writes them.

One chain of hashes per hopper (R25), under a number of its own: what ties it to a hopper and to people is kept apart,
so that an account can be erased and the chain still be verified.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg

from cryptwire.domain.audit import FIRST, Entry, Sealed, sealed, verify
from cryptwire.domain.hopper import HopperId
from cryptwire.errors import NotFound
from cryptwire.storage.database import Connection, Database

_PAGE = 1000

_NEW_CHAINS = "INSERT INTO audit_chains (hopper_id) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING"
_CHAINS = "SELECT hopper_id, chain::text FROM audit_chains WHERE hopper_id = ANY($1::text[])"
# in one order, so that two who write to several chains do not wait for each other
_LOCK = """
    SELECT pg_advisory_xact_lock(hashtext('audit'), hashtext(chain))
      FROM (SELECT DISTINCT chain FROM unnest($1::text[]) AS chain ORDER BY chain) chains
"""
_LAST = """
    SELECT c.chain, l.number, l.hash
      FROM unnest($1::text[]) AS c (chain)
     CROSS JOIN LATERAL (SELECT number, hash FROM audit WHERE chain = c.chain::uuid ORDER BY number DESC LIMIT 1) l
"""
_ADD = """
    INSERT INTO audit (chain, number, at, kind, rule_set_id, version, intent_id, body, previous, hash)
    SELECT chain::uuid, number, at, kind, rule_set::uuid, version, intent::uuid, body::json, previous, hash
      FROM unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::int[], $7::text[],
                  $8::text[], $9::bytea[], $10::bytea[])
           AS e (chain, number, at, kind, rule_set, version, intent, body, previous, hash)
"""
_PEOPLE = """
    INSERT INTO audit_people (chain, number, user_id)
    SELECT chain::uuid, number, user_id::uuid
      FROM unnest($1::text[], $2::bigint[], $3::text[]) AS p (chain, number, user_id)
     WHERE EXISTS (SELECT FROM users u WHERE u.user_id = p.user_id::uuid)
"""
_CHAIN_OF = "SELECT chain::text FROM audit_chains WHERE hopper_id = $1"
_ENTRIES = """
    SELECT chain::text, number, at, kind, rule_set_id::text, version, intent_id::text, body::text, previous, hash
      FROM audit WHERE chain = $1::text::uuid AND number > $2 ORDER BY number LIMIT $3
"""


class Audit:
    """What was decided and done. Every method raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def chain_of(self, hopper: HopperId) -> str:
        """The number of a hopper's chain; raises NotFound when nothing was ever written down of it."""
        chain: str | None = await self._database.value(_CHAIN_OF, hopper)
        if chain is None:
            raise NotFound(f"nothing was ever decided for hopper {hopper[:40]}")
        return chain

    async def entries(self, chain: str) -> AsyncIterator[Sealed]:
        """All of a chain, the first first."""
        after = 0
        while rows := await self._database.fetch(_ENTRIES, chain, after, _PAGE):
            for row in rows:
                yield _sealed(row)
            after = rows[-1]["number"]

    async def verify(self, chain: str) -> tuple[int, bytes]:
        """How many entries a chain has, and the last one's hash; raises Corrupt that names where it is broken."""
        found = [entry async for entry in self.entries(chain)]
        return verify(found), found[-1].hash if found else FIRST


async def append(connection: Connection, entries: Sequence[Entry]) -> list[Sealed]:
    """Write ``entries`` down behind their chains, in their order, in the transaction of ``connection``.

    Chains are locked until it ends. Users that are gone leave no trace of who.
    """
    if not entries:
        return []
    hoppers = sorted({entry.hopper for entry in entries})
    await connection.execute(_NEW_CHAINS, hoppers)
    chains: dict[str, str] = {row["hopper_id"]: row["chain"] for row in await connection.fetch(_CHAINS, hoppers)}
    named = sorted(chains.values())
    await connection.execute(_LOCK, named)
    ends: dict[str, tuple[int, bytes]] = {
        row["chain"]: (row["number"], bytes(row["hash"])) for row in await connection.fetch(_LAST, named)
    }
    written: list[Sealed] = []
    people: list[tuple[str, int, str]] = []
    for entry in entries:
        chain = chains[entry.hopper]
        number, previous = ends.get(chain, (0, FIRST))
        one = sealed(chain, number + 1, entry, previous)
        ends[chain] = (one.number, one.hash)
        written.append(one)
        if entry.by is not None:
            people.append((chain, one.number, entry.by))
    await connection.execute(_ADD, *_columns(written))
    if people:
        await connection.execute(_PEOPLE, *(list(column) for column in zip(*people, strict=True)))
    return written


def _columns(entries: Sequence[Sealed]) -> list[list[Any]]:
    names = ("chain", "number", "at", "kind", "rule_set", "version", "intent", "body", "previous", "hash")
    return [[getattr(entry, name) for entry in entries] for name in names]


def _sealed(row: asyncpg.Record) -> Sealed:
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
