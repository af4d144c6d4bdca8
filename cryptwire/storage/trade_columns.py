"""Tables ``trades``, ``trade_results`` and ``trade_packs`` as columns: what trades moved and what they closed.

Months that are over are read as they were packed, the others row by row. Results say all that is needed of a trade;
trades whose result is not computed yet are few and stored lately, and are valued if that takes nobody else's word.
"""

from collections.abc import AsyncGenerator, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import asyncpg
import numpy as np
from numpy.typing import NDArray

from cryptwire.clock import to_us
from cryptwire.codec.trade_pack import trade_pack_from_bytes, trade_pack_to_bytes
from cryptwire.domain.exact_column import ExactColumn
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.trade import Side
from cryptwire.domain.trade_columns import NEVER, ClosedColumns, Reason, TradeColumns, TradeKind, joined
from cryptwire.errors import Corrupt
from cryptwire.storage.columns import exact, whole
from cryptwire.storage.database import Connection, Database

MOST = 25_000
"""About so many trades are told at once: then columns stay in the processor's cache, and nobody waits long."""
STORED_SINCE = """
    t.hopper_id = n.hopper_id AND t.stored_at >= coalesce(p.computed_at - interval '10 minutes', '-infinity')
"""
"""Trades ``t`` of hoppers ``n`` that may have no result yet, by their progress ``p``: nobody stores for ten minutes."""

_ROW, _PART, _NONE = "\x1e", "\x1f", "\x1d"
"""Between rows, between their parts, and for nothing; words have no control characters (gateway/dialect/scalars.py)."""
_IS_SELL, _HAS_RESULT, _IS_RESULT = 1, 2, 4
_IS_UNKNOWN, _IS_SHORT = 1, 2
_SHORT = timedelta(seconds=1)
_EPOCH = to_us(datetime(2000, 1, 1, tzinfo=UTC))
"""PostgreSQL's."""
_BITS = 12
_MASK = 2**_BITS - 1
_MOVED = ("quantity", "total", "fee_units", "fee", "rate")
_CLOSED = ("closed", "net", "fees", "opened_with")
_RESULTS = """
    SELECT s.number, true AS has_result, r.trade_id, r.at, r.base, r.quote, r.side, r.fee_currency, r.currency,
           r.quantity, r.total, r.fee_units, r.fee, r.rate, r.closed, r.net, r.fees,
           CASE WHEN r.is_short THEN r.proceeds ELSE r.cost END AS opened_with, r.cost IS NULL AS is_unknown,
           r.is_short, r.opened_at, r.buy_trigger, r.trigger, r.buy_strategy
      FROM unnest($1::text[], $2::int[], $3::timestamptz[], $4::timestamptz[]) AS s(hopper_id, number, since, until)
      JOIN trade_results r ON r.hopper_id = s.hopper_id AND r.at >= s.since AND r.at < s.until
"""
# late ones are found by when they were stored (OFFSET 0)
_LATE = f"""
    SELECT n.number::int, false AS has_result, t.trade_id, t.at, t.base, t.quote, t.side, t.fee_currency, n.currency,
           t.quantity, t.total, t.fee AS fee_units,
           CASE t.fee_currency WHEN t.quote THEN t.fee WHEN t.base THEN t.fee * t.rate END AS fee,
           CASE WHEN t.quote = n.currency THEN 1::numeric END AS rate,
           NULL::numeric AS closed, NULL::numeric AS net, NULL::numeric AS fees, NULL::numeric AS opened_with,
           NULL::bool AS is_unknown, NULL::bool AS is_short, NULL::timestamptz AS opened_at,
           NULL::text AS buy_trigger, NULL::text AS trigger, NULL::text AS buy_strategy
      FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS n(hopper_id, currency, number)
      LEFT JOIN result_progress p USING (hopper_id)
     CROSS JOIN LATERAL (SELECT * FROM trades t WHERE {STORED_SINCE} OFFSET 0) t
     WHERE t.at >= $3 AND t.at < $4
       AND NOT EXISTS (SELECT FROM trade_results r WHERE r.hopper_id = t.hopper_id AND r.trade_id = t.trade_id)
"""  # noqa: S608 - parts of ours, as below
# OFFSET 0: what is made of a row is made once
_SENT = f"""
    SELECT trade_id, at, closed IS NOT NULL AS is_result, coalesce(opened_at, '-infinity') AS opened_at,
           number::int8 * 8 + (closed IS NOT NULL)::int * 4 + has_result::int * 2 + side - 1 AS flags,
           base || '{_PART}' || quote || '{_PART}' || fee_currency || '{_PART}' || currency AS words,
           {", ".join(f"numeric_send({name}) AS {name}" for name in (*_MOVED, *_CLOSED))},
           (is_short::int * 2 + is_unknown::int)::int8 AS closed_flags,
           CASE WHEN closed IS NOT NULL THEN coalesce(buy_trigger, '{_NONE}') || '{_PART}'
               || coalesce(trigger, '{_NONE}') || '{_PART}' || coalesce(buy_strategy, '{_NONE}') END AS reason
      FROM ({{rows}}) row OFFSET 0
"""  # noqa: S608


def _lengths(names: Sequence[str]) -> str:
    """SQL that packs how long these are, sent, into one number, the first lowest."""
    return " | ".join(
        f"(coalesce(octet_length({name}), 0)::int8 << {place * _BITS})" for place, name in enumerate(names)
    )


def _all(of: str, where: str = "") -> str:
    return f"array_send(array_agg({of}){where})"


_ONLY = " FILTER (WHERE is_result)"
_COLUMNS = f"""
    SELECT count(*), {_all("at")}, {_all("flags")}, string_agg(words, '{_ROW}'), string_agg(trade_id, '{_ROW}'),
           {_all(_lengths(_MOVED))}, {", ".join(f"string_agg({name}, '')" for name in _MOVED)},
           {_all("opened_at", _ONLY)}, {_all("closed_flags", _ONLY)},
           string_agg(reason, '{_ROW}'),
           {_all(_lengths(_CLOSED), _ONLY)}, {", ".join(f"string_agg({name}, ''){_ONLY}" for name in _CLOSED)}
      FROM ({_SENT}) sent
"""  # noqa: S608
_OF_RESULTS, _OF_LATE = (_COLUMNS.replace("{rows}", rows) for rows in (_RESULTS + "LIMIT $5", _LATE))
_PACKS = """
    SELECT hopper_id, month, trades FROM trade_packs
     WHERE hopper_id = ANY($1::text[]) AND month >= $2 AND month < $3 ORDER BY month, hopper_id
"""
_PACKED = """
    SELECT p.hopper_id, p.packed FROM unnest($1::text[], $2::date[]) AS n(hopper_id, month)
      JOIN trade_packs p USING (hopper_id, month) ORDER BY p.month, p.hopper_id
"""
_MONTH = "date_trunc('month', {} AT TIME ZONE 'UTC')"
_UNPACKED = f"""
    SELECT DISTINCT {_MONTH.format("at")}::date FROM trade_results
     WHERE hopper_id = $1
       AND at < (SELECT {_MONTH.format("until_at")} AT TIME ZONE 'UTC' FROM result_progress WHERE hopper_id = $1)
    EXCEPT SELECT month FROM trade_packs WHERE hopper_id = $1
    ORDER BY 1
"""  # noqa: S608
_PUT = "INSERT INTO trade_packs (hopper_id, month, trades, packed) VALUES ($1, $2, $3, $4)"

Numbers = NDArray[np.int64]
Hoppers = Sequence[tuple[HopperId, Asset]]
"""Each with its base currency of now."""


class _Span(NamedTuple):
    """Results of the hopper of a number, from one in a list, in ``[since, until)``."""

    hopper: HopperId
    number: int
    since: datetime
    until: datetime


class TradeColumnRows:
    """Every method raises Unavailable while the database is away."""

    def __init__(self, database: Database, most: int = MOST) -> None:
        self._database = database
        self._most = most

    async def of(self, hoppers: Hoppers, since: datetime, until: datetime) -> AsyncGenerator[TradeColumns]:
        """Trades of hoppers in ``[since, until)``, as of one moment, in parts that are in no order; to be read to the
        end, or closed. The base currency of a hopper is that of its trades without a result.
        """
        held, trades = list[TradeColumns](), 0
        async for piece in self._pieces(hoppers, since, until):
            if held and trades + len(piece) > self._most:
                yield joined(held)
                held, trades = [], 0
            held.append(piece)
            trades += len(piece)
        if held:
            yield joined(held)

    async def _pieces(self, hoppers: Hoppers, since: datetime, until: datetime) -> AsyncGenerator[TradeColumns]:
        """The same as they are read: month by month, what is in no pack, and what has no result."""
        names = [id for id, _ in hoppers]
        months = _month_after(since), until.astimezone(UTC).date().replace(day=1)
        async with self._database.snapshot() as connection:
            packs = await connection.fetch(_PACKS, names, *months)
            for part in _in_parts(packs, self._most):
                keys = zip(*((row["hopper_id"], row["month"]) for row in part), strict=True)
                for row in await connection.fetch(_PACKED, *map(list, keys)):
                    yield trade_pack_from_bytes(row["packed"], HopperId(row["hopper_id"]))
            async for trades in self._results(connection, _unpacked(names, packs, since, until), names):
                yield trades
            late = await _row(connection, _OF_LATE, names, [base for _, base in hoppers], since, until)
            if late[0]:
                yield _columns(late, names)

    async def _results(
        self, connection: Connection, spans: Sequence[_Span], names: Sequence[HopperId]
    ) -> AsyncGenerator[TradeColumns]:
        """Results row by row; where there are very many in halves."""
        if not spans:
            return
        row = await _row(connection, _OF_RESULTS, *map(list, zip(*spans, strict=True)), 3 * self._most)
        if row[0] < 3 * self._most or all(one.until - one.since < _SHORT for one in spans):
            if row[0]:
                yield _columns(row, names)
            return
        middles = [one.since + (one.until - one.since) / 2 for one in spans]
        halves = (
            [one._replace(until=middle) for one, middle in zip(spans, middles, strict=True)],
            [one._replace(since=middle) for one, middle in zip(spans, middles, strict=True)],
        )
        for half in halves:
            async for trades in self._results(connection, half, names):
                yield trades


async def pack_months(connection: Connection, hopper: HopperId) -> int:
    """Pack the months of a hopper that are over, as its results say, and are not packed; how many. Nobody else must
    write its results meanwhile.
    """
    rows = await connection.fetch(_UNPACKED, hopper)
    for (month,) in rows:
        begins = datetime(month.year, month.month, 1, tzinfo=UTC)
        spans = [hopper], [1], [begins], [_next(begins)]
        trades = _columns(await _row(connection, _OF_RESULTS, *spans, None), [hopper])
        await connection.execute(_PUT, hopper, month, len(trades), trade_pack_to_bytes(trades))
    return len(rows)


async def _row(connection: Connection, query: str, *values: Any) -> asyncpg.Record:
    """The one row of sums over all rows."""
    row = await connection.fetchrow(query, *values)
    assert row is not None
    return row


def _in_parts(packs: Sequence[asyncpg.Record], most: int) -> list[list[asyncpg.Record]]:
    """Packs that follow each other, of about ``most`` trades together."""
    parts: list[list[asyncpg.Record]] = []
    trades = most
    for pack in packs:
        if trades + pack["trades"] > most:
            parts.append([])
            trades = 0
        parts[-1].append(pack)
        trades += pack["trades"]
    return parts


def _unpacked(
    names: Sequence[HopperId], packs: Iterable[asyncpg.Record], since: datetime, until: datetime
) -> list[_Span]:
    """What is in no pack, oldest first for each hopper."""
    packed: dict[str, list[datetime]] = {}
    for pack in packs:
        month = pack["month"]
        packed.setdefault(pack["hopper_id"], []).append(datetime(month.year, month.month, 1, tzinfo=UTC))
    spans = []
    for number, name in enumerate(names, 1):
        begin = since
        for month in packed.get(name, ()):
            if begin < month:
                spans.append(_Span(name, number, begin, month))
            begin = _next(month)
        if begin < until:
            spans.append(_Span(name, number, begin, until))
    return spans


def _month_after(moment: datetime) -> date:
    """The first day of the first month that begins at the moment or after it."""
    begins = moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (begins if begins == moment else _next(begins)).date()


def _next(month: datetime) -> datetime:
    """When the month after begins."""
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def _columns(row: asyncpg.Record, names: Sequence[HopperId]) -> TradeColumns:
    count, at, flags, words, ids, lengths = row[:6]
    moved, rest = row[6 : 6 + len(_MOVED)], row[6 + len(_MOVED) :]
    (opened_at, closed_flags, reasons, closed_lengths), closed = rest[:4], rest[4:]
    numbers = whole(flags)
    kinds, kind = _kinds(numbers, words, names)
    trade = np.flatnonzero(numbers & _IS_RESULT)
    told, reason = _numbered(reasons, len(trade))
    known = whole(closed_flags)
    return TradeColumns(
        whole(at) + _EPOCH,
        kind,
        kinds,
        _apart(ids, count),
        ClosedColumns(
            trade,
            reason,
            [Reason(*(None if word == _NONE else word for word in one.split(_PART))) for one in told],
            np.where((moments := whole(opened_at)) == NEVER, NEVER, moments + _EPOCH),
            known & _IS_SHORT != 0,
            known & _IS_UNKNOWN != 0,
            *_exact(closed, closed_lengths),
        ),
        *_exact(moved, lengths),
    )


def _kinds(flags: NDArray[np.int64], words: str | None, names: Sequence[HopperId]) -> tuple[list[TradeKind], Numbers]:
    """What kinds there are, and which each trade is of."""
    texts, text = _numbered(words, len(flags))
    apart = int(flags.max(initial=0)) + 1
    code = text * apart + (flags & ~_IS_RESULT)
    found = np.flatnonzero(np.bincount(code))
    kinds = []
    for one in found.tolist():
        number, flag = divmod(one % apart, 8)
        base, quote, fee_currency, currency = map(Asset, texts[one // apart].split(_PART))
        side = Side.BUY if not flag & _IS_SELL else Side.SELL
        kinds.append(
            TradeKind(names[number - 1], base, quote, side, fee_currency, currency, has_result=bool(flag & _HAS_RESULT))
        )
    return kinds, np.searchsorted(found, code)


def _exact(sent: Sequence[bytes | None], lengths: Any) -> list[ExactColumn]:
    packed = whole(lengths)
    return [exact(one, packed >> place * _BITS & _MASK) for place, one in enumerate(sent)]


def _numbered(joined: str | None, count: int) -> tuple[list[str], Numbers]:
    """Texts, each once, and which each row has."""
    rows = _apart(joined, count)
    numbers = {text: number for number, text in enumerate(dict.fromkeys(rows))}
    return list(numbers), np.fromiter(map(numbers.__getitem__, rows), np.int64, count)


def _apart(joined: str | None, count: int) -> list[str]:
    """Raises Corrupt when there are not ``count``."""
    rows = [] if joined is None else joined.split(_ROW)
    if len(rows) != count:
        raise Corrupt(f"{len(rows)} texts of {count} trades: one holds a control character")
    return rows
