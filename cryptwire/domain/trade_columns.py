"""Trades in columns, with what they closed: what figures over tens of thousands of them are summed of.

Amounts are exact (``exact_column.py``). What is told in a quote becomes the hopper's base currency of then by the rate
that was found for its trade, and the currency that is asked for by the rate of that moment; nothing is rounded.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import compress
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from cryptwire.domain import exact_column
from cryptwire.domain.conversion import Conversion
from cryptwire.domain.exact_column import ExactColumn
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.trade import Side

NEVER = -(2**63)
"""As a moment: it is not known when."""
_SECOND = 1_000_000

Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]
Key = TypeVar("Key", bound=Hashable)


class TradeKind(NamedTuple):
    """What many trades have in common; ``currency``: the hopper's base currency at that time; ``has_result``: whether
    the processor has computed what they closed.
    """

    hopper: HopperId
    base: Asset
    quote: Asset
    side: Side
    fee_currency: Asset
    currency: Asset
    has_result: bool


class Reason(NamedTuple):
    """Why and by which strategy something was opened, and why it was closed; None: not known, or none."""

    opened_by: str | None
    closed_by: str | None
    strategy: str | None


@dataclass(frozen=True, slots=True)
class ClosedColumns:
    """Trades that closed something, (results,): the place of each among all ``trades``, ascending.

    ``reason``: which of ``reasons``; ``opened_at``: microseconds, ``NEVER``: nobody knows; ``is_unknown``: it is not
    known what was sold; ``quantity`` of the base. In quote: ``net``; ``fees`` of both sides; ``opened_with``: what it
    had cost, or, of a short, what its sale had brought.
    """

    trade: Whole
    reason: Whole
    reasons: Sequence[Reason]
    opened_at: Whole
    is_short: Flags
    is_unknown: Flags
    quantity: ExactColumn
    net: ExactColumn
    fees: ExactColumn
    opened_with: ExactColumn


@dataclass(frozen=True, slots=True)
class TradeColumns:
    """Columns of equal length, (trades,), in no order, and those of what they ``closed``.

    ``at``: microseconds since the epoch; ``kind``: which of ``kinds``; ``quantity`` of the base; ``total`` in quote;
    ``fee_units`` of what the fee was paid in, ``fee`` in quote; ``rate``: units of the hopper's currency for one of the
    quote. Where ``fee`` or ``rate`` is not known nobody knows it.
    """

    at: Whole
    kind: Whole
    kinds: Sequence[TradeKind]
    ids: Sequence[str]
    closed: ClosedColumns
    quantity: ExactColumn
    total: ExactColumn
    fee_units: ExactColumn
    fee: ExactColumn
    rate: ExactColumn

    def __len__(self) -> int:
        return len(self.at)

    def of_currency(self, currency: Asset) -> "TradeColumns":
        """Those that were made while hoppers counted in it."""
        is_its = np.array([kind.currency == currency for kind in self.kinds], np.bool_)
        return self if is_its.all() else self._only(is_its[self.kind])

    def _only(self, where: Flags) -> "TradeColumns":
        closed, is_left = self.closed, where[self.closed.trade]
        return TradeColumns(
            self.at[where],
            self.kind[where],
            self.kinds,
            list(compress(self.ids, where.tolist())),
            ClosedColumns(
                (np.cumsum(where) - 1)[closed.trade[is_left]],
                closed.reason[is_left],
                closed.reasons,
                closed.opened_at[is_left],
                closed.is_short[is_left],
                closed.is_unknown[is_left],
                *(one.at(is_left) for one in (closed.quantity, closed.net, closed.fees, closed.opened_with)),
            ),
            *(one.at(where) for one in (self.quantity, self.total, self.fee_units, self.fee, self.rate)),
        )


def joined(parts: Sequence[TradeColumns]) -> TradeColumns:
    """Several as one, in their order; one at least."""
    if len(parts) == 1:
        return parts[0]
    kinds, kind = one_list([part.kinds for part in parts], [part.kind for part in parts])
    closed = [part.closed for part in parts]
    reasons, reason = one_list([one.reasons for one in closed], [one.reason for one in closed])
    begins = np.cumsum([0, *map(len, parts)])
    return TradeColumns(
        np.concatenate([part.at for part in parts]),
        kind,
        kinds,
        [id for part in parts for id in part.ids],
        ClosedColumns(
            np.concatenate([one.trade + begin for one, begin in zip(closed, begins, strict=False)]),
            reason,
            reasons,
            np.concatenate([one.opened_at for one in closed]),
            np.concatenate([one.is_short for one in closed]),
            np.concatenate([one.is_unknown for one in closed]),
            exact_column.joined([one.quantity for one in closed]),
            exact_column.joined([one.net for one in closed]),
            exact_column.joined([one.fees for one in closed]),
            exact_column.joined([one.opened_with for one in closed]),
        ),
        exact_column.joined([part.quantity for part in parts]),
        exact_column.joined([part.total for part in parts]),
        exact_column.joined([part.fee_units for part in parts]),
        exact_column.joined([part.fee for part in parts]),
        exact_column.joined([part.rate for part in parts]),
    )


def one_list(told: Sequence[Sequence[Key]], columns: Sequence[Whole]) -> tuple[list[Key], Whole]:
    """What several lists hold, each once, and columns of places in these as one of places in it."""
    numbers: dict[Key, int] = {}
    places = [np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64) for keys in told]
    return list(numbers), np.concatenate([place[column] for place, column in zip(places, columns, strict=True)])


@dataclass(frozen=True, slots=True)
class RateSteps:
    """What one unit of a currency is worth in another: from each of ``seconds``, in order, the rate at its place; of
    several at one second the last counts.
    """

    seconds: Whole
    rates: ExactColumn

    @classmethod
    def of(cls, conversion: Conversion, since: datetime, until: datetime) -> "RateSteps | None":
        """Those that count somewhere in ``[since, until]``; None: nothing is converted."""
        if conversion.is_identity:
            return None
        return cls(*conversion.columns(since, until))

    @classmethod
    def joined(cls, parts: Sequence["RateSteps"]) -> "RateSteps":
        """Those of spans that follow each other; one at least."""
        seconds = np.concatenate([one.seconds for one in parts])
        return cls(seconds, exact_column.joined([one.rates for one in parts]))

    def at(self, moments: Whole) -> ExactColumn:
        """At each of these, microseconds; before the first nobody knows."""
        place = np.searchsorted(self.seconds, moments // _SECOND, side="right") - 1
        return self.rates.at(np.maximum(place, 0)).only(place >= 0)


@dataclass(frozen=True, slots=True)
class TradeValues:
    """Trades that were made while hoppers counted in one currency, and what they were worth in that which is asked for.

    ``native`` and ``native_fee`` in the hoppers' own; ``value`` and ``fee`` in the other: (trades,). A fee of no units
    is nothing, whatever it was paid in. ``net`` and ``fees`` of what was closed in the other: (results,).
    """

    trades: TradeColumns
    native: ExactColumn
    native_fee: ExactColumn
    value: ExactColumn
    fee: ExactColumn
    net: ExactColumn
    fees: ExactColumn


def valued(trades: TradeColumns, steps: RateSteps | None) -> TradeValues:
    """``trades`` of one currency, each at the rate of its moment."""
    closed = trades.closed
    is_free = trades.fee_units.signs() == 0
    native, native_fee = (one.times(trades.rate) for one in (trades.total, trades.fee))
    rate = trades.rate.at(closed.trade)
    net, fees = (one.times(rate) for one in (closed.net, closed.fees))
    value, fee = native, native_fee
    if steps is not None:
        at_trades = steps.at(trades.at)
        at_closed = at_trades.at(closed.trade)
        value, fee = (one.times(at_trades) for one in (native, native_fee))
        net, fees = (one.times(at_closed) for one in (net, fees))
    return TradeValues(trades, native, native_fee.or_zero(is_free), value, fee.or_zero(is_free), net, fees)
