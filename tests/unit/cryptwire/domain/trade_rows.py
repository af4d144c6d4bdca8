"""Trades one by one, and the same in columns: what tests of columns compare."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import strategies as st

from cryptwire.domain.exact_column import ExactColumn
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.trade import Side
from cryptwire.domain.trade_columns import NEVER, ClosedColumns, Reason, TradeColumns, TradeKind

D = Decimal
_NOTHING, _ONE, _NO_REASON = D(0), D(1), Reason(None, None, None)


@dataclass(frozen=True)
class TradeRow:
    """A trade; ``closed`` None: it closed nothing, and what follows says nothing."""

    hopper: str
    id: str
    at: int
    base: str = "BTC"
    quote: str = "USDT"
    side: Side = Side.BUY
    fee_currency: str = "USDT"
    currency: str = "USDT"
    has_result: bool = True
    quantity: Decimal = _ONE
    total: Decimal = _ONE
    fee_units: Decimal = _NOTHING
    fee: Decimal | None = _NOTHING
    rate: Decimal | None = _ONE
    closed: Decimal | None = None
    net: Decimal | None = None
    fees: Decimal | None = None
    opened_with: Decimal | None = None
    opened_at: int = NEVER
    is_short: bool = False
    is_unknown: bool = False
    reason: Reason = _NO_REASON

    @property
    def kind(self) -> TradeKind:
        base, quote, fee, currency = map(Asset, (self.base, self.quote, self.fee_currency, self.currency))
        return TradeKind(HopperId(self.hopper), base, quote, self.side, fee, currency, self.has_result)


def columns_of(rows: Sequence[TradeRow]) -> TradeColumns:
    """The same in columns."""
    kinds = list(dict.fromkeys(row.kind for row in rows))
    closed = [(number, row) for number, row in enumerate(rows) if row.closed is not None]
    reasons = list(dict.fromkeys(row.reason for _, row in closed))
    return TradeColumns(
        np.array([row.at for row in rows], np.int64),
        np.array([kinds.index(row.kind) for row in rows], np.int64),
        kinds,
        [row.id for row in rows],
        ClosedColumns(
            np.array([number for number, _ in closed], np.int64),
            np.array([reasons.index(row.reason) for _, row in closed], np.int64),
            reasons,
            np.array([row.opened_at for _, row in closed], np.int64),
            np.array([row.is_short for _, row in closed], np.bool_),
            np.array([row.is_unknown for _, row in closed], np.bool_),
            *(
                ExactColumn.of(getattr(row, name) for _, row in closed)
                for name in ("closed", "net", "fees", "opened_with")
            ),
        ),
        *(
            ExactColumn.of(getattr(row, name) for row in rows)
            for name in ("quantity", "total", "fee_units", "fee", "rate")
        ),
    )


def rows_of(trades: TradeColumns) -> list[TradeRow]:
    """The same one by one."""
    closed = trades.closed
    place = {int(trade): number for number, trade in enumerate(closed.trade)}
    moved = [one.numbers() for one in (trades.quantity, trades.total, trades.fee_units, trades.fee, trades.rate)]
    results = [one.numbers() for one in (closed.quantity, closed.net, closed.fees, closed.opened_with)]
    found = []
    for number, id in enumerate(trades.ids):
        kind = trades.kinds[trades.kind[number]]
        row: tuple[Any, ...] = (
            kind.hopper,
            id,
            int(trades.at[number]),
            *kind[1:],
            *(column[number] for column in moved),
        )
        result = place.get(number)
        told: tuple[Any, ...] = ()
        if result is not None:
            flags = bool(closed.is_short[result]), bool(closed.is_unknown[result])
            reason = closed.reasons[closed.reason[result]]
            told = (*(column[result] for column in results), int(closed.opened_at[result]), *flags, reason)
        found.append(TradeRow(*row, *told))
    return found


_AMOUNTS = st.decimals(-(10**12), 10**12, allow_nan=False, allow_infinity=False, places=9)
_ABOVE = st.decimals(0, 10**12, allow_nan=False, allow_infinity=False, places=12)
_WORDS = st.none() | st.sampled_from(["Manual", "Stop-loss", 'RSI, "α"', "several"])


@st.composite
def rows(draw: st.DrawFn, hoppers: Sequence[str] = ("1", "2")) -> TradeRow:
    """Any trade within some seconds."""
    closed = draw(st.none() | _ABOVE)
    row = (
        draw(st.sampled_from(hoppers)),
        str(draw(st.integers(1, 2_000))),
        draw(st.integers(0, 20)) * 500_000,
        *(draw(st.sampled_from(names)) for names in (("BTC", "ETH"), ("USDT", "EUR"))),
        draw(st.sampled_from(Side)),
        *(draw(st.sampled_from(names)) for names in (("USDT", "BNB"), ("USDT", "BTC"))),
        draw(st.booleans()),
        draw(_ABOVE),
        draw(_ABOVE),
        draw(st.just(D(0)) | _ABOVE),
        draw(st.none() | _ABOVE),
        draw(st.none() | st.just(D(1)) | st.decimals("0.001", 1000, places=6)),
    )
    if closed is None:
        return TradeRow(*row)
    opened_with = draw(st.none() | _ABOVE)
    net = None if opened_with is None else draw(_AMOUNTS | st.just(D(0)))
    moment = draw(st.just(NEVER) | st.integers(-10, 0).map(lambda second: second * 1_000_000))
    reason = Reason(*(draw(_WORDS) for _ in range(3)))
    flags = draw(st.booleans()), opened_with is None
    told: tuple[Any, ...] = (*row, closed, net, draw(_ABOVE), opened_with, moment, *flags, reason)
    return TradeRow(*told)
