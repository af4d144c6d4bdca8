"""Trades of one hopper in columns <-> bytes, as table ``trade_packs`` keeps them.

Four bytes say how long the head is, which is JSON: the version, how many trades and results there are, their kinds and
reasons, how long the ids are, and of each exact column how many digits to the base 10,000 it has, the power of the
lowest, and the largest. Then come the columns, one behind the other, little end first: a trade takes some 90 bytes.
"""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryptwire.domain.exact_column import ExactColumn
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.trade import Side
from cryptwire.domain.trade_columns import ClosedColumns, Reason, TradeColumns, TradeKind
from cryptwire.errors import Corrupt, Invalid

VERSION = 1
_BETWEEN_IDS = "\n"


def trade_pack_to_bytes(trades: TradeColumns) -> bytes:
    """All of them with a result, of one hopper; raises Invalid for others."""
    if len({kind.hopper for kind in trades.kinds}) > 1 or not all(kind.has_result for kind in trades.kinds):
        raise Invalid("a pack holds the results of one hopper")
    closed = trades.closed
    ids = _BETWEEN_IDS.join(trades.ids).encode()
    exact = _exact(trades)
    head = {
        "version": VERSION,
        "trades": len(trades),
        "results": len(closed.trade),
        "kinds": [[one.base, one.quote, int(one.side), one.fee_currency, one.currency] for one in trades.kinds],
        "reasons": closed.reasons,
        "ids": len(ids),
        "exact": [[len(column.digits), column.lowest, int(column.most)] for column in exact],
    }
    told = json.dumps(head, separators=(",", ":")).encode()
    return b"".join(
        (
            len(told).to_bytes(4, "little"),
            told,
            ids,
            trades.at.astype("<i8").tobytes(),
            trades.kind.astype("<u2").tobytes(),
            closed.trade.astype("<u4").tobytes(),
            closed.reason.astype("<u4").tobytes(),
            closed.opened_at.astype("<i8").tobytes(),
            closed.is_short.astype("<u1").tobytes(),
            closed.is_unknown.astype("<u1").tobytes(),
            *(part for column in exact for part in _bytes_of(column)),
        )
    )


def trade_pack_from_bytes(packed: bytes, hopper: HopperId) -> TradeColumns:
    """The trades; raises Corrupt."""
    try:
        length = int.from_bytes(packed[:4], "little")
        head = json.loads(packed[4 : 4 + length])
        if head["version"] != VERSION:
            raise Corrupt(f"a pack of trades of version {head['version']}: version {VERSION} is read")
        return _read(_Columns(packed, 4 + length), head, hopper)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise Corrupt(f"this is no pack of trades ({type(error).__name__})") from None


def _read(columns: "_Columns", head: dict[str, Any], hopper: HopperId) -> TradeColumns:
    count, results = head["trades"], head["results"]
    ids = columns.next("u1", head["ids"]).tobytes().decode().split(_BETWEEN_IDS) if count else []
    if len(ids) != count:
        raise ValueError("ids")
    at, kind = columns.next("<i8", count), columns.next("<u2", count)
    closed = [columns.next(dtype, results) for dtype in ("<u4", "<u4", "<i8", "<u1", "<u1")]
    exact = [
        columns.exact(digits, lowest, most, count if number < _MOVED else results)
        for number, (digits, lowest, most) in enumerate(head["exact"])
    ]
    columns.end()
    trade, reason, opened_at, is_short, is_unknown = closed
    kinds = [
        TradeKind(hopper, Asset(base), Asset(quote), Side(side), Asset(fee), Asset(currency), has_result=True)
        for base, quote, side, fee, currency in head["kinds"]
    ]
    return TradeColumns(
        at.astype(np.int64),
        kind.astype(np.int64),
        kinds,
        ids,
        ClosedColumns(
            trade.astype(np.int64),
            reason.astype(np.int64),
            [Reason(*one) for one in head["reasons"]],
            opened_at.astype(np.int64),
            is_short.astype(np.bool_),
            is_unknown.astype(np.bool_),
            *exact[_MOVED:],
        ),
        *exact[:_MOVED],
    )


_MOVED = 5
"""Exact columns of trades come first, then those of what was closed."""


def _exact(trades: TradeColumns) -> list[ExactColumn]:
    closed = trades.closed
    moved = [trades.quantity, trades.total, trades.fee_units, trades.fee, trades.rate]
    return [*moved, closed.quantity, closed.net, closed.fees, closed.opened_with]


def _bytes_of(column: ExactColumn) -> Iterator[bytes]:
    yield np.packbits(column.is_known).tobytes()
    yield column.digits.astype("<i2").tobytes()


class _Columns:
    """What is read of a pack, one column after the other."""

    def __init__(self, packed: bytes, begins: int) -> None:
        self._packed = packed
        self._place = begins

    def next(self, dtype: str, count: int) -> NDArray[Any]:
        column = np.frombuffer(self._packed, dtype, count, self._place) if count else np.empty(0, dtype)
        self._place += column.nbytes
        return column

    def exact(self, digits: int, lowest: int, most: int, count: int) -> ExactColumn:
        is_known = np.unpackbits(self.next("u1", -(-count // 8)), count=count).astype(np.bool_)
        told = self.next("<i2", digits * count).reshape(digits, count)
        return ExactColumn(told.astype(np.float64), lowest, is_known, float(most))

    def end(self) -> None:
        if self._place != len(self._packed):
            raise ValueError("length")
