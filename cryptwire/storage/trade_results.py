"""Tables ``trade_results`` and ``result_progress``, as they are written."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg

from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.trade_result import KnownTrade, Place, ResultProgress, ResultStanding, TradeResult
from cryptwire.storage.database import Connection, Database
from cryptwire.storage.hoppers import hopper_of
from cryptwire.storage.trade_columns import pack_months
from cryptwire.storage.trades import COLUMNS, ORDER, trade_of

_HOPPER = "h.hopper_id, h.user_id::text, h.name, h.exchange, h.base_currency, h.is_paper, h.refresh_seconds"
# A trade that was stored while results were computed has a time of storing before they were; nobody stores for so long.
_SINCE = "p.computed_at - interval '10 minutes'"
_LATE = f"""
    (SELECT min(t.at) FROM trades t LEFT JOIN trade_results r ON r.hopper_id = t.hopper_id AND r.trade_id = t.trade_id
      WHERE t.hopper_id = h.hopper_id AND t.stored_at > {_SINCE}
        AND (t.at, length(t.trade_id), t.trade_id COLLATE "C")
            <= (p.until_at, length(p.until_id), p.until_id COLLATE "C")
        AND (r.hopper_id IS NULL OR r.strategy IS DISTINCT FROM t.strategy))
"""  # noqa: S608 - columns of ours
# all in one statement: the base currency of now and those of before belong together
_STANDING = f"""
    SELECT {_HOPPER}, p.until_at, p.until_id, p.ledger, p.bases, p.again_at, coalesce(p.tries, 0) AS tries,
           p.computed_at, {_LATE} AS late_at, coalesce(p.again_at <= $2, false) AS is_again, now() AS read_at,
           ARRAY(SELECT e.at FROM hopper_events e WHERE e.hopper_id = h.hopper_id AND e.kind = 'base-changed'
                  ORDER BY e.at, e.event_id) AS until_ats,
           ARRAY(SELECT e.was FROM hopper_events e WHERE e.hopper_id = h.hopper_id AND e.kind = 'base-changed'
                  ORDER BY e.at, e.event_id) AS were
      FROM hoppers h JOIN users u USING (user_id) LEFT JOIN result_progress p USING (hopper_id)
     WHERE h.hopper_id = $1 AND u.deletion_asked_at IS NULL
"""  # noqa: S608
_DUE = f"""
    SELECT h.hopper_id FROM hoppers h JOIN users u USING (user_id) LEFT JOIN result_progress p USING (hopper_id)
     WHERE u.deletion_asked_at IS NULL AND h.hopper_id > $1
       AND CASE WHEN p.hopper_id IS NULL THEN EXISTS (SELECT FROM trades t WHERE t.hopper_id = h.hopper_id)
                ELSE p.again_at <= $2
                  OR p.bases <> (SELECT count(*) FROM hopper_events e
                                  WHERE e.hopper_id = h.hopper_id AND e.kind = 'base-changed')
                  OR EXISTS (SELECT FROM trades t WHERE t.hopper_id = h.hopper_id AND t.at >= p.until_at
                                AND (t.at, length(t.trade_id), t.trade_id COLLATE "C")
                                    > (p.until_at, length(p.until_id), p.until_id COLLATE "C"))
                  OR {_LATE} IS NOT NULL END
     ORDER BY h.hopper_id LIMIT $3
"""  # noqa: S608
_PAGE = f"""
    SELECT {COLUMNS} FROM trades
     WHERE hopper_id = $1 AND at >= $2
       AND (at, length(trade_id), trade_id COLLATE "C") > ($2, length($3::text), $3::text COLLATE "C")
     ORDER BY {ORDER} LIMIT $4
"""  # noqa: S608
_KNOWN = "SELECT trade_id, fee, currency, rate FROM trade_results WHERE hopper_id = $1 AND at >= $2 AND at <= $3"
_ASKS = """
    SELECT EXISTS (SELECT FROM trades
                    WHERE hopper_id = $1
                      AND (fee <> 0 AND fee_currency <> base AND fee_currency <> quote OR quote <> ALL($2::text[])))
"""
_TYPES = {
    **dict.fromkeys(("hopper_id", "trade_id"), "text"),
    "at": "timestamptz",
    **dict.fromkeys(("exchange", "base", "quote"), "text"),
    "side": "smallint",
    **dict.fromkeys(("quantity", "price", "total", "fee", "fee_units"), "numeric"),
    **dict.fromkeys(("fee_currency", "currency"), "text"),
    "rate": "numeric",
    **dict.fromkeys(("trigger", "strategy"), "text"),
    **dict.fromkeys(("closed", "proceeds", "cost", "fees", "net"), "numeric"),
    "opened_at": "timestamptz",
    "is_short": "bool",
    **dict.fromkeys(("buy_trigger", "buy_strategy"), "text"),
}
_NAMES = ", ".join(_TYPES)
_OTHERS = list(_TYPES)[2:]
_OLD, _NEW = (", ".join(f"{table}.{name}" for name in _OTHERS) for table in ("r", "n"))
# rows that are there already as they should be are not touched: a trade that comes late changes few
_ADD = f"""
    INSERT INTO trade_results ({_NAMES})
    SELECT n.* FROM unnest({", ".join(f"${number}::{kind}[]" for number, kind in enumerate(_TYPES.values(), 1))})
                    AS n({_NAMES})
      LEFT JOIN trade_results r ON r.hopper_id = n.hopper_id AND r.trade_id = n.trade_id
     WHERE r.hopper_id IS NULL
        OR ({_OLD}) IS DISTINCT FROM ({_NEW})
    ON CONFLICT (hopper_id, trade_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _OTHERS)}
"""  # noqa: S608
# What is planned while the table is empty is used again when it is not: rows are found by their key in any case.
_MINE = """
    SELECT pg_try_advisory_xact_lock(hashtext('trade_results'), hashtext($1)), set_config('enable_seqscan', 'off', true)
"""
_COMPUTED_AT = "SELECT computed_at FROM result_progress WHERE hopper_id = $1"
_IS_THERE = "SELECT EXISTS (SELECT FROM hoppers WHERE hopper_id = $1)"
_MOVE = """
    INSERT INTO result_progress (hopper_id, until_at, until_id, ledger, bases, again_at, tries, computed_at, said)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (hopper_id) DO UPDATE
       SET until_at = excluded.until_at, until_id = excluded.until_id, ledger = excluded.ledger,
           bases = excluded.bases, again_at = excluded.again_at, tries = excluded.tries,
           computed_at = excluded.computed_at, said = excluded.said
"""
_FIRST = Place(datetime(1, 1, 2, tzinfo=UTC), "")


# where nothing is packed yet although a month is over
_UNPACKED = """
    SELECT p.hopper_id FROM result_progress p
     WHERE p.hopper_id > $1
       AND EXISTS (SELECT FROM trade_results r WHERE r.hopper_id = p.hopper_id
                      AND r.at < date_trunc('month', p.until_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC')
       AND NOT EXISTS (SELECT FROM trade_packs k WHERE k.hopper_id = p.hopper_id)
     ORDER BY p.hopper_id LIMIT $2
"""


class Writing:
    """A hopper's results while one alone writes them; all at once or not at all."""

    def __init__(self, connection: Connection, before: Place | None) -> None:
        self._connection = connection
        self._oldest = None if before is None else before.at

    async def page(self, hopper: HopperId, after: Place | None, most: int) -> list[KnownTrade]:
        """As ``TradeResults.page``."""
        return await _page(self._connection, hopper, after, most)

    async def add(self, rows: Sequence[TradeResult]) -> None:
        """Some thousands at most; those that are there are written over where they differ."""
        if rows:
            self._oldest = min(rows[0].trade.at, self._oldest or rows[0].trade.at)
            await self._connection.execute(_ADD, *map(list, zip(*map(_row, rows), strict=True)))

    async def move(self, progress: ResultProgress) -> None:
        """How far they are there now; months that are over by them are packed."""
        until_at, until_id = progress.until or (None, None)
        await self._connection.execute(
            _MOVE,
            progress.hopper,
            until_at,
            until_id,
            json.dumps(progress.ledger),
            progress.bases,
            progress.again_at,
            progress.tries,
            progress.computed_at,
            progress.said,
        )
        if until_at is not None and _month(self._oldest or until_at) < _month(until_at):
            await pack_months(self._connection, progress.hopper)


class TradeResults:
    """What trades cost and closed. Every method raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, now: datetime, after: str, most: int) -> list[HopperId]:
        """Hoppers whose results are not all there, or not as they should be, by id, after ``after``.

        None of a user who is leaving.
        """
        return [HopperId(row["hopper_id"]) for row in await self._database.fetch(_DUE, after, now, most)]

    async def standing(self, hopper: HopperId, now: datetime) -> ResultStanding | None:
        """How far the results of a hopper are; None when it is not there, or its user is leaving."""
        row = await self._database.row(_STANDING, hopper, now)
        return None if row is None else _standing(row)

    async def page(self, hopper: HopperId, after: Place | None, most: int) -> list[KnownTrade]:
        """Its next trades after a place, in their order, with what is known of them."""
        return await _page(self._database, hopper, after, most)

    async def asks_prices(self, standing: ResultStanding) -> bool:
        """Whether some of a hopper's trades need prices of the past."""
        bases = {standing.hopper.base, *(was for _, was in standing.bases)}
        single = [standing.hopper.base] if len(bases) == 1 else []
        return bool(await self._database.value(_ASKS, standing.hopper.id, single))

    @asynccontextmanager
    async def writing(self, standing: ResultStanding) -> AsyncIterator[Writing | None]:
        """Write what was computed from ``standing``; None when somebody else is at it, or was quicker, or the hopper is
        gone. What the block wrote is there when it ends without an error, all of it at once.
        """
        hopper = standing.hopper.id
        async with self._database.transaction() as connection:
            is_mine = await connection.fetchval(_MINE, hopper) and await connection.fetchval(_IS_THERE, hopper)
            if is_mine and await connection.fetchval(_COMPUTED_AT, hopper) == standing.computed_at:
                yield Writing(connection, standing.until)
            else:
                yield None

    async def unpacked(self, after: str, most: int) -> list[HopperId]:
        """Hoppers of which no month is packed though one is over, by id, after ``after``."""
        return [HopperId(row["hopper_id"]) for row in await self._database.fetch(_UNPACKED, after, most)]

    async def pack(self, hopper: HopperId) -> int:
        """Pack its months that are over; how many. None while somebody else is at its results."""
        async with self._database.transaction() as connection:
            return await pack_months(connection, hopper) if await connection.fetchval(_MINE, hopper) else 0


def _month(moment: datetime) -> tuple[int, int]:
    utc = moment.astimezone(UTC)
    return utc.year, utc.month


def _standing(row: asyncpg.Record) -> ResultStanding:
    until = None if row["until_at"] is None else Place(row["until_at"], row["until_id"])
    ledger: dict[str, Any] = {} if row["ledger"] is None else json.loads(row["ledger"])
    return ResultStanding(
        hopper_of(row),
        [(at, Asset(was)) for at, was in zip(row["until_ats"], row["were"], strict=True)],
        until,
        ledger,
        row["bases"] or 0,
        row["late_at"],
        row["again_at"],
        row["is_again"],
        row["tries"],
        row["computed_at"],
        row["read_at"],
    )


async def _page(rows: Connection | Database, hopper: HopperId, after: Place | None, most: int) -> list[KnownTrade]:
    trades = [trade_of(row) for row in await rows.fetch(_PAGE, hopper, *(after or _FIRST), most)]
    if not trades:
        return []
    known = {
        row["trade_id"]: (row["fee"], Asset(row["currency"]), row["rate"])
        for row in await rows.fetch(_KNOWN, hopper, trades[0].at, trades[-1].at)
    }
    return [KnownTrade(trade, *known.get(trade.id, ())) for trade in trades]


def _row(row: TradeResult) -> tuple[object, ...]:
    trade, result = row.trade, row.result
    closed: tuple[object, ...] = (None,) * 9
    if result is not None:
        money = result.quantity, result.proceeds, result.cost, result.fees, result.net
        closed = *money, result.opened_at, result.is_short, result.buy_trigger, result.buy_strategy
    return (
        trade.hopper,
        trade.id,
        trade.at,
        *trade.pair,
        int(trade.side),
        trade.quantity,
        trade.rate,
        trade.total,
        row.fee,
        trade.fee,
        trade.fee_currency,
        row.currency,
        row.rate,
        trade.trigger,
        trade.strategy,
        *closed,
    )
