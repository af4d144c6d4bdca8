"""Tables ``positions``, ``open_orders`` and ``hopper_reads``: what hoppers held and wanted when they were last read.

The only module that knows their columns.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from cryptwire.domain.account import Order, Position, PositionKind, Reserved, Short
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.storage.database import Connection, Database

# who reads later wins; two who keep at once wait for each other at this row
_READ = """
    INSERT INTO hopper_reads (hopper_id, what, read_at) VALUES ($1, $2, $3)
    ON CONFLICT (hopper_id, what) DO UPDATE SET read_at = excluded.read_at
     WHERE hopper_reads.read_at < excluded.read_at
"""
_CLEAR = "DELETE FROM positions WHERE hopper_id = $1 AND kind = $2"
_ADD = """
    INSERT INTO positions (hopper_id, kind, position_id, base, quote, quantity, rate, cost, opened_at, trigger, is_held,
                           take_profit, stop_loss, trailing_arm, trailing_fall, buy_id)
    SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::text[], $6::numeric[], $7::numeric[], $8::numeric[],
                                 $9::timestamptz[], $10::text[], $11::bool[], $12::numeric[], $13::numeric[],
                                 $14::numeric[], $15::numeric[], $16::text[])
    ON CONFLICT DO NOTHING
"""
_CLEAR_ORDERS = "DELETE FROM open_orders WHERE hopper_id = $1"
_ADD_ORDERS = """
    INSERT INTO open_orders (hopper_id, order_id, base, quote, side, is_market, quantity, rate, trigger, opened_at)
    SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::smallint[], $6::bool[], $7::numeric[],
                             $8::numeric[], $9::text[], $10::timestamptz[])
    ON CONFLICT DO NOTHING
"""
_HELD = """
    SELECT p.hopper_id, p.kind, p.position_id, p.base, p.quote, p.quantity, p.rate, p.cost, p.opened_at, p.trigger,
           p.is_held, p.take_profit, p.stop_loss, p.trailing_arm, p.trailing_fall, p.buy_id, r.read_at
      FROM positions p JOIN hopper_reads r ON r.hopper_id = p.hopper_id AND r.what = p.kind
     WHERE p.hopper_id = ANY($1::text[])
"""
_ORDER = " ORDER BY p.hopper_id, p.kind, p.opened_at NULLS FIRST, p.position_id"
_IN_PAIR = f"{_HELD} AND p.kind IN ('open', 'short') AND p.base = $2 AND p.quote = $3{_ORDER}"
_NO_LIMITS = (None,) * 5  # nor the trade that opened it


class Held(NamedTuple):
    """A position of a hopper as it was read last; what a kind has not is None or False."""

    hopper: HopperId
    position: Position
    kind: PositionKind
    read_at: datetime

    @property
    def is_short(self) -> bool:
        return self.kind is PositionKind.SHORT


class Positions:
    """Positions, reserved coins, shorts and open orders as last read. Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(
        self,
        hopper: HopperId,
        positions: Sequence[Position],
        reserved: Sequence[Reserved],
        shorts: Sequence[Short],
        orders: Sequence[Order],
        read_at: datetime,
    ) -> None:
        """In place of what was read before ``read_at``, all of it or nothing; an older reading changes nothing."""
        async with self._database.transaction() as connection:
            for kind, rows in (
                ("open", [_position(one) for one in positions]),
                ("reserved", [(*_coins(one), "", False, *_NO_LIMITS) for one in reserved]),
                ("short", [(*_coins(one), "", one.is_held, *_NO_LIMITS) for one in shorts]),
            ):
                if await _is_newer(connection, hopper, kind, read_at):
                    await connection.execute(_CLEAR, hopper, kind)
                    if rows:
                        await connection.execute(_ADD, hopper, kind, *map(list, zip(*rows, strict=True)))
            if await _is_newer(connection, hopper, "orders", read_at):
                await connection.execute(_CLEAR_ORDERS, hopper)
                if orders:
                    columns = map(list, zip(*map(_order, orders), strict=True))
                    await connection.execute(_ADD_ORDERS, hopper, *columns)

    async def in_pair(self, hoppers: Sequence[HopperId], base: Asset, quote: Asset) -> list[Held]:
        """Open and short positions in one pair, by hopper, the oldest first. The table does not know of exchanges."""
        return [_held(row) for row in await self._database.fetch(_IN_PAIR, list(hoppers), base, quote)]

    async def of(self, hoppers: Sequence[HopperId]) -> list[Held]:
        """Everything that these hold, by hopper and kind, the oldest first."""
        return [_held(row) for row in await self._database.fetch(_HELD + _ORDER, list(hoppers))]


def _held(row: asyncpg.Record) -> Held:
    position = Position(
        row["position_id"],
        Asset(row["base"]),
        Asset(row["quote"]),
        *(row[name] for name in ("quantity", "rate", "cost", "opened_at", "trigger", "is_held")),
        *(row[name] for name in ("take_profit", "stop_loss", "trailing_arm", "trailing_fall", "buy_id")),
    )
    return Held(HopperId(row["hopper_id"]), position, PositionKind(row["kind"]), row["read_at"])


async def _is_newer(connection: Connection, hopper: HopperId, what: str, read_at: datetime) -> bool:
    return await connection.execute(_READ, hopper, what, read_at) == "INSERT 0 1"


def _coins(one: Position | Reserved | Short) -> tuple[object, ...]:
    return one.id, one.base, one.quote, one.quantity, one.rate, one.cost, one.opened_at


def _position(one: Position) -> tuple[object, ...]:
    limits = one.take_profit, one.stop_loss, one.trailing_arm, one.trailing
    return (*_coins(one), one.trigger, one.is_held, *limits, one.buy_id)


def _order(one: Order) -> tuple[object, ...]:
    side, opened_at = int(one.side), one.opened_at
    return one.id, one.base, one.quote, side, one.is_market, one.quantity, one.rate, one.trigger, opened_at
