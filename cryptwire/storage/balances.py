"""Tables ``midnights`` and ``balances``: the only module that knows their columns."""

from collections.abc import Sequence
from datetime import datetime

from cryptwire.domain.daily import Midnight
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.storage.database import Database

Span = tuple[HopperId, datetime, datetime]
_COLUMNS = "hopper_id, at, taken_at, positions, invested, unrealised, reserved"
# What was taken at its time is never replaced; what was made up gives way to it, and to what is made up again.
_PUT = f"""
    INSERT INTO midnights AS m ({_COLUMNS})
    SELECT n.* FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::int[], $5::numeric[], $6::numeric[],
                           $7::numeric[]) AS n({_COLUMNS})
     WHERE EXISTS (SELECT FROM hoppers h WHERE h.hopper_id = n.hopper_id)
    ON CONFLICT (hopper_id, at) DO UPDATE
       SET taken_at = excluded.taken_at, positions = excluded.positions, invested = excluded.invested,
           unrealised = excluded.unrealised, reserved = excluded.reserved
     WHERE m.taken_at IS NULL
    RETURNING hopper_id, at
"""  # noqa: S608 - columns of ours
_CLEAR = """
    DELETE FROM balances b USING unnest($1::text[], $2::timestamptz[]) AS n(hopper_id, at)
     WHERE b.hopper_id = n.hopper_id AND b.at = n.at
"""
_BALANCES = """
    INSERT INTO balances (hopper_id, at, asset, quantity, price)
    SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::numeric[], $5::numeric[])
"""
_AT = f"""
    SELECT {_COLUMNS} FROM midnights m JOIN unnest($1::text[], $2::timestamptz[]) AS n(hopper_id, at)
     USING (hopper_id, at)
"""  # noqa: S608
_BALANCES_AT = """
    SELECT b.* FROM balances b JOIN unnest($1::text[], $2::timestamptz[]) AS n(hopper_id, at) USING (hopper_id, at)
"""
_NEXT = """
    SELECT at FROM midnights WHERE hopper_id = $1 AND at >= $2 AND taken_at IS NOT NULL ORDER BY at LIMIT 1
"""
# a midnight of whose coins none has a price says nothing of coins
_PRICED = """
    SELECT n.number, m.at
      FROM unnest($1::int[], $2::text[], $3::timestamptz[], $4::timestamptz[]) AS n(number, hopper_id, since, until)
     CROSS JOIN LATERAL (
        SELECT m.at FROM midnights m
         WHERE m.hopper_id = n.hopper_id AND m.at BETWEEN n.since AND n.until
           AND (SELECT count(*) = 0 OR count(b.price) > 0 FROM balances b
                 WHERE b.hopper_id = m.hopper_id AND b.at = m.at)
         ORDER BY m.at {} LIMIT 1) m
"""
_FIRST_PRICED, _LAST_PRICED = _PRICED.format(""), _PRICED.format("DESC")
_LAST = "SELECT max(at) FROM midnights WHERE hopper_id = $1 AND at <= $2 AND taken_at IS NOT NULL"


class Balances:
    """What hoppers held at midnights. Every method raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, midnights: Sequence[Midnight]) -> int:
        """Keep these at once, of hoppers that are there; how many. One that was taken at its time stays as it is."""
        ordered = sorted(midnights, key=lambda one: (one.hopper, one.at))
        if not ordered:
            return 0
        rows = [(m.hopper, m.at, m.taken_at, m.positions, m.invested, m.unrealised, m.reserved) for m in ordered]
        async with self._database.transaction() as connection:
            kept = await connection.fetch(_PUT, *map(list, zip(*rows, strict=True)))
            keys = {(row["hopper_id"], row["at"]) for row in kept}
            coins = [
                (m.hopper, m.at, asset, quantity, m.prices.get(asset))
                for m in ordered
                if (m.hopper, m.at) in keys
                for asset, quantity in m.quantities.items()
            ]
            await connection.execute(_CLEAR, [key[0] for key in keys], [key[1] for key in keys])
            if coins:
                await connection.execute(_BALANCES, *map(list, zip(*coins, strict=True)))
        return len(keys)

    async def at(self, keys: Sequence[tuple[HopperId, datetime]]) -> dict[tuple[HopperId, datetime], Midnight]:
        """Those of ``keys`` that are there."""
        columns = [key[0] for key in keys], [key[1] for key in keys]
        rows = await self._database.fetch(_AT, *columns)
        if not rows:
            return {}
        quantities: dict[tuple[str, datetime], tuple[dict[Asset, object], dict[Asset, object]]] = {}
        for row in await self._database.fetch(_BALANCES_AT, *columns):
            held, prices = quantities.setdefault((row["hopper_id"], row["at"]), ({}, {}))
            held[Asset(row["asset"])] = row["quantity"]
            if row["price"] is not None:
                prices[Asset(row["asset"])] = row["price"]
        found = {}
        for row in rows:
            held, prices = quantities.get((row["hopper_id"], row["at"]), ({}, {}))
            midnight = Midnight(
                HopperId(row["hopper_id"]),
                row["at"],
                held,  # type: ignore[arg-type]  # numeric columns are Decimal
                prices,  # type: ignore[arg-type]
                row["taken_at"],
                row["positions"],
                row["invested"],
                row["unrealised"],
                row["reserved"],
            )
            found[midnight.hopper, midnight.at] = midnight
        return found

    async def next_taken(self, hopper: HopperId, since: datetime) -> Midnight | None:
        """The first at or after ``since`` that was taken at its time."""
        at: datetime | None = await self._database.value(_NEXT, hopper, since)
        return None if at is None else (await self.at([(hopper, at)])).get((hopper, at))

    async def last_taken(self, hopper: HopperId, until: datetime) -> datetime | None:
        """The last midnight at or before ``until`` that was taken at its time."""
        last: datetime | None = await self._database.value(_LAST, hopper, until)
        return last

    async def last_priced(self, spans: Sequence[Span]) -> list[datetime | None]:
        """The last midnight in each ``[since, until]`` of whose coins one at least has a price, in this order."""
        return await self._edges(_LAST_PRICED, spans)

    async def first_priced(self, spans: Sequence[Span]) -> list[datetime | None]:
        """The first."""
        return await self._edges(_FIRST_PRICED, spans)

    async def _edges(self, query: str, spans: Sequence[Span]) -> list[datetime | None]:
        found: list[datetime | None] = [None] * len(spans)
        if spans:
            columns = [list(column) for column in zip(*spans, strict=True)]
            for row in await self._database.fetch(query, list(range(len(spans))), *columns):
                found[row["number"]] = row["at"]
        return found
