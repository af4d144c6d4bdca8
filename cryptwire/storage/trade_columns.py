"""Tables ``trades`` and ``trade_results`` as columns: what trades moved and what they closed.

Results are read by themselves, since they say all that is needed of a trade; trades whose result is not computed yet
are few and stored lately, and are valued if that takes nobody else's word.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import asyncpg
import numpy as np
from numpy.typing import NDArray

from cryptwire.clock import to_us
from cryptwire.domain.exact_column import ExactColumn
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.trade import Side
from cryptwire.domain.trade_columns import NEVER, ClosedColumns, Reason, TradeColumns, TradeKind
from cryptwire.errors import Corrupt
from cryptwire.storage.columns import exact, whole
from cryptwire.storage.database import Database

MOST = 60_000
"""Trades that are told at once; their columns take some 20 MB."""
STORED_SINCE = """
    t.hopper_id = n.hopper_id AND t.stored_at >= coalesce(p.computed_at - interval '10 minutes', '-infinity')
"""
"""Trades ``t`` of hoppers ``n`` that may have no result yet, by their progress ``p``: nobody stores for ten minutes."""

_ROW, _PART, _NONE = "\x1e", "\x1f", "\x1d"
"""Between rows, between their parts, and for nothing; words have no control characters (gateway/dialect/scalars.py)."""
_IS_SELL, _HAS_RESULT, _IS_RESULT = 1, 2, 4
_IS_UNKNOWN, _IS_SHORT = 1, 2
_EPOCH = to_us(datetime(2000, 1, 1, tzinfo=UTC))
"""PostgreSQL's."""
_BITS = 12
_MASK = 2**_BITS - 1
_MOVED = ("quantity", "total", "fee_units", "fee", "rate")
_CLOSED = ("closed", "net", "fees", "opened_with")
# OFFSET 0: what is made of a row is made once. Late trades are found by when they were stored.
_ROWS = f"""
    SELECT n.number, true AS has_result, r.trade_id, r.at, r.base, r.quote, r.side, r.fee_currency, r.currency,
           r.quantity, r.total, r.fee_units, r.fee, r.rate, r.closed, r.net, r.fees,
           CASE WHEN r.is_short THEN r.proceeds ELSE r.cost END AS opened_with, r.cost IS NULL AS is_unknown,
           r.is_short, r.opened_at, r.buy_trigger, r.trigger, r.buy_strategy
      FROM named n JOIN trade_results r ON r.hopper_id = n.hopper_id
     WHERE r.at >= $3 AND r.at < $4
    UNION ALL
    SELECT n.number, false, t.trade_id, t.at, t.base, t.quote, t.side, t.fee_currency, n.currency,
           t.quantity, t.total, t.fee,
           CASE t.fee_currency WHEN t.quote THEN t.fee WHEN t.base THEN t.fee * t.rate END,
           CASE WHEN t.quote = n.currency THEN 1 END,
           NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
      FROM named n LEFT JOIN result_progress p USING (hopper_id)
     CROSS JOIN LATERAL (SELECT * FROM trades t WHERE {STORED_SINCE} OFFSET 0) t
     WHERE t.at >= $3 AND t.at < $4
       AND NOT EXISTS (SELECT FROM trade_results r WHERE r.hopper_id = t.hopper_id AND r.trade_id = t.trade_id)
"""  # noqa: S608 - parts of ours, as below
_NAMED = """
    WITH named AS (
        SELECT * FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS n(hopper_id, currency, number))
"""
_SENT = f"""
    SELECT trade_id, at, closed IS NOT NULL AS is_result, coalesce(opened_at, '-infinity') AS opened_at,
           number * 8 + (closed IS NOT NULL)::int * 4 + has_result::int * 2 + side - 1 AS flags,
           base || '{_PART}' || quote || '{_PART}' || fee_currency || '{_PART}' || currency AS words,
           {", ".join(f"numeric_send({name}) AS {name}" for name in (*_MOVED, *_CLOSED))},
           (is_short::int * 2 + is_unknown::int)::int8 AS closed_flags,
           CASE WHEN closed IS NOT NULL THEN coalesce(buy_trigger, '{_NONE}') || '{_PART}'
               || coalesce(trigger, '{_NONE}') || '{_PART}' || coalesce(buy_strategy, '{_NONE}') END AS reason
      FROM ({_ROWS} LIMIT $5) row OFFSET 0
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
    {_NAMED}
    SELECT count(*), {_all("at")}, {_all("flags")}, string_agg(words, '{_ROW}'), string_agg(trade_id, '{_ROW}'),
           {_all(_lengths(_MOVED))}, {", ".join(f"string_agg({name}, '')" for name in _MOVED)},
           {_all("opened_at", _ONLY)}, {_all("closed_flags", _ONLY)},
           string_agg(reason, '{_ROW}'),
           {_all(_lengths(_CLOSED), _ONLY)}, {", ".join(f"string_agg({name}, '')" for name in _CLOSED)}
      FROM ({_SENT}) sent
"""  # noqa: S608
_CUTS = f"""
    {_NAMED}
    SELECT at FROM (SELECT at, row_number() OVER (ORDER BY at) AS number FROM ({_ROWS}) row) counted
     WHERE number % $5 = 0 ORDER BY at
"""  # noqa: S608

Span = tuple[datetime, datetime]
"""From the first moment until before the second."""
Numbers = NDArray[np.int64]


class TradeColumnRows:
    """Every method raises Unavailable while the database is away."""

    def __init__(self, database: Database, most: int = MOST) -> None:
        self._database = database
        self._most = most

    async def of(
        self, hoppers: Sequence[tuple[HopperId, Asset]], spans: Sequence[Span]
    ) -> AsyncIterator[TradeColumns | None]:
        """Trades of hoppers in each of some spans; each hopper with its base currency of now, which is that of trades
        without a result. While one is looked at the next is read. None when there are more in it than are told at once:
        then parts of it are to be asked for.
        """
        names, currencies = [id for id, _ in hoppers], [currency for _, currency in hoppers]
        values = [(names, currencies, *span, self._most + 1) for span in spans]
        async for row in self._database.rows(_COLUMNS, values):
            assert row is not None
            yield None if row[0] > self._most else _columns(row, names)

    async def parts(self, hoppers: Sequence[tuple[HopperId, Asset]], span: Span) -> list[Span]:
        """The same span in parts that follow each other, of half as many trades as are told at once."""
        names, currencies = [id for id, _ in hoppers], [currency for _, currency in hoppers]
        rows = await self._database.fetch(_CUTS, names, currencies, *span, max(self._most // 2, 1))
        return list(pairwise([span[0], *sorted({row[0] for row in rows} - {span[0]}), span[1]]))


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
