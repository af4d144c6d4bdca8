"""Table ``trades``: the only module that knows its columns."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import asyncpg

from cryptwire.domain.hopper import Asset, Exchange, HopperId
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.storage.database import Connection, Database

COLUMNS = (
    "hopper_id, trade_id, exchange, base, quote, side, quantity, rate, total, fee, fee_currency, at, buy_id, trigger,"
    " result, strategy"
)
ORDER = 'at, length(trade_id), trade_id COLLATE "C"'
"""Oldest first, of one moment by their ids, which are numbers: 9 before 10."""

# A strategy that was not told when a trade was stored is added; what is computed from trades then finds it by the time.
_ADD = f"""
    WITH told ({COLUMNS}) AS (
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::smallint[], $7::numeric[],
                             $8::numeric[], $9::numeric[], $10::numeric[], $11::text[], $12::timestamptz[],
                             $13::text[], $14::text[], $15::numeric[], $16::text[])),
    added AS (INSERT INTO trades ({COLUMNS}) SELECT * FROM told ON CONFLICT DO NOTHING RETURNING trade_id),
    filled AS (
        UPDATE trades t SET strategy = told.strategy, stored_at = now() FROM told
         WHERE t.hopper_id = told.hopper_id AND t.trade_id = told.trade_id AND t.strategy IS NULL
           AND told.strategy IS NOT NULL)
    SELECT trade_id FROM added
"""  # noqa: S608 - columns of ours

_BATCH = 5_000
_WITHIN = f"SELECT {COLUMNS} FROM trades WHERE hopper_id = $1 AND at >= $2 AND at < $3 ORDER BY {ORDER}"  # noqa: S608
_OF_MANY = f"""
    SELECT {", ".join("t." + name.strip() for name in COLUMNS.split(","))}
      FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS n(hopper_id, since, until)
      JOIN trades t ON t.hopper_id = n.hopper_id AND t.at >= n.since AND t.at < n.until
     ORDER BY t.hopper_id, t.at, length(t.trade_id), t.trade_id COLLATE "C"
"""  # noqa: S608
_OF_PAIR = f"""
    SELECT {COLUMNS} FROM trades
     WHERE hopper_id = ANY($1::text[]) AND base = $3 AND quote = $4 AND at >= $5 AND at < $6 AND exchange = $2
     ORDER BY at DESC, hopper_id, trade_id LIMIT $7
"""  # noqa: S608
_PAGE = f"""
    SELECT {COLUMNS} FROM trades WHERE hopper_id = $1 AND at < $2 AND at >= $3
       AND (at, length(trade_id), trade_id COLLATE "C") > ($3, length($4::text), $4::text COLLATE "C")
     ORDER BY {ORDER} LIMIT {_BATCH}
"""  # noqa: S608
_LAST_AT = "SELECT max(at) FROM trades WHERE hopper_id = $1"


class Trades:
    """Fills of every hopper. They come only from the trade list; a trade that is there already stays as it is, but for
    a strategy that was not told the first time.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, trades: Sequence[Trade]) -> list[Trade]:
        """Store what is not there yet; gives just these, in the order of ``trades`` (all of one hopper).

        Whoever adds the same at the same time: one of them is given each. Stored in batches; when one cannot be, those
        before it are there.
        """
        first: dict[TradeId, Trade] = {}
        for trade in trades:
            first.setdefault(trade.id, trade)
        # in one order, whoever adds: two that insert the same rows in different orders would wait for each other
        ordered = sorted(first.values(), key=lambda trade: trade.id)
        added: set[TradeId] = set()
        for begin in range(0, len(ordered), _BATCH):
            columns = map(list, zip(*map(_row, ordered[begin : begin + _BATCH]), strict=True))
            added.update(TradeId(row["trade_id"]) for row in await self._database.fetch(_ADD, *columns))
        return [trade for trade in first.values() if trade.id in added]

    async def within(self, hopper: HopperId, since: datetime, until: datetime) -> list[Trade]:
        """Trades in ``[since, until)``, oldest first."""
        return [trade_of(row) for row in await self._database.fetch(_WITHIN, hopper, since, until)]

    async def of_many(self, spans: Sequence[tuple[HopperId, datetime, datetime]]) -> dict[HopperId, list[Trade]]:
        """``within`` for one span of each hopper."""
        found: dict[HopperId, list[Trade]] = {}
        for row in await self._database.fetch(_OF_MANY, *map(list, zip(*spans, strict=True))):
            found.setdefault(HopperId(row["hopper_id"]), []).append(trade_of(row))
        return found

    async def of_pair(
        self, hoppers: Sequence[HopperId], pair: Pair, since: datetime, until: datetime, most: int
    ) -> list[Trade]:
        """Of several hoppers' trades in one pair in ``[since, until)`` the last ``most``, oldest first."""
        rows = await self._database.fetch(_OF_PAIR, list(hoppers), *pair, since, until, most)
        return [trade_of(row) for row in reversed(rows)]

    async def pages(self, hopper: HopperId, until: datetime) -> AsyncIterator[list[Trade]]:
        """All before ``until``, oldest first, 5,000 at a time."""
        at, name = datetime(1, 1, 2, tzinfo=UTC), ""
        while page := [trade_of(row) for row in await self._database.fetch(_PAGE, hopper, until, at, name)]:
            yield page
            at, name = page[-1].at, page[-1].id

    async def last_at(self, hopper: HopperId) -> datetime | None:
        """When the newest stored trade was made."""
        last: datetime | None = await self._database.value(_LAST_AT, hopper)
        return last


async def add_within(connection: Connection, trades: Sequence[Trade]) -> list[Trade]:
    """Store a page (a few thousand at most) of one hopper in the transaction of ``connection``; gives the new ones."""
    first = {trade.id: trade for trade in reversed(trades)}
    ordered = sorted(first.values(), key=lambda trade: trade.id)
    if not ordered:
        return []
    rows = await connection.fetch(_ADD, *map(list, zip(*map(_row, ordered), strict=True)))
    added = {TradeId(row["trade_id"]) for row in rows}
    return [trade for trade in trades if trade.id in added]


def _row(trade: Trade) -> tuple[object, ...]:
    return (
        trade.hopper,
        trade.id,
        trade.pair.exchange,
        trade.pair.base,
        trade.pair.quote,
        int(trade.side),
        trade.quantity,
        trade.rate,
        trade.total,
        trade.fee,
        trade.fee_currency,
        trade.at,
        trade.buy_id,
        trade.trigger,
        trade.result,
        trade.strategy,
    )


def trade_of(row: asyncpg.Record) -> Trade:
    """The trade of a row that has ``COLUMNS``."""
    return Trade(
        HopperId(row["hopper_id"]),
        TradeId(row["trade_id"]),
        Pair(Exchange(row["exchange"]), Asset(row["base"]), Asset(row["quote"])),
        Side(row["side"]),
        row["quantity"],
        row["rate"],
        row["total"],
        row["fee"],
        Asset(row["fee_currency"]),
        row["at"],
        row["buy_id"],
        row["trigger"],
        row["result"],
        row["strategy"],
    )
