"""Sums over trades in columns: by coin, by reason, by stretches of time, by kind; and what was closed, in its order.

Exact where they are Decimals. Moments are microseconds since the epoch. Sums of parts are added up by whoever read them
in parts; what was closed is put in order of all parts here.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from cryptwire.domain.coin_profit import Traded
from cryptwire.domain.exact_column import ExactColumn
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.trade import Side
from cryptwire.domain.trade_columns import NEVER, Reason, TradeColumns, TradeValues, Whole, one_list
from cryptwire.domain.trade_statistics import Tally
from cryptwire.domain.trade_tally import Earned, Stretch, TradeTally

Key = TypeVar("Key", bound=Hashable)


class TradeSum(NamedTuple):
    """``traded`` is valued in the currency that was asked for, ``native`` and ``native_fee`` in the hopper's own.

    ``has_result``: whether the processor has computed what they closed; ``first`` and ``newest``: when they were made.
    """

    hopper: HopperId
    traded: Traded
    native: Decimal | None
    native_fee: Decimal | None
    has_result: bool
    first: int
    newest: int


@dataclass(frozen=True, slots=True)
class ResultSums:
    """Results by hopper and coin, and by why they were; ``newest``: when the last of them closed."""

    by_coin: Mapping[tuple[HopperId, Asset], Tally]
    by_reason: Mapping[Reason, Tally]
    newest: int | None


@dataclass(frozen=True, slots=True)
class Closings:
    """Results whose net is known, in the order in which they closed: columns of equal length.

    ``signs`` of the net; ``nets`` about, in the ``currencies`` in which hoppers counted then, NaN when it is not known
    in it; ``shares``: about what each earned for what it was opened with, NaN when that was nothing; ``seconds`` from
    opening to closing, NaN when it is not known when it was opened; ``quantities`` in units of the coin; ``positions``:
    the same number for parts of what was opened at one time.
    """

    at: Whole
    signs: NDArray[np.int8]
    nets: NDArray[np.float64]
    shares: NDArray[np.float64]
    currencies: NDArray[np.str_]
    seconds: NDArray[np.float64]
    quantities: NDArray[np.float64]
    positions: Whole

    def __len__(self) -> int:
        return len(self.signs)


class ClosedRows(NamedTuple):
    """What ``Closings`` are made of, of one part of the trades, in no order: each is the trade at a ``place`` among
    ``ids``; ``lot``: which of ``lots``, whose coins they are.
    """

    at: Whole
    ids: Sequence[str]
    place: Whole
    signs: NDArray[np.int8]
    nets: NDArray[np.float64]
    shares: NDArray[np.float64]
    currencies: NDArray[np.str_]
    opened_at: Whole
    quantities: NDArray[np.float64]
    lot: Whole
    lots: Sequence[tuple[HopperId, Asset, bool]]


# ---- results ---------------------------------------------------------------------------------------------------------


def result_sums(values: TradeValues, since: int, until: int) -> ResultSums:
    """Of results that closed in ``[since, until)``."""
    trades, closed = values.trades, values.trades.closed
    at = trades.at[closed.trade]
    inside = (at >= since) & (at < until)
    coins, coin_of_kind = _numbered([(kind.hopper, kind.base) for kind in trades.kinds])
    reasons, reason_of = _numbered(closed.reasons)
    coin, reason = coin_of_kind[trades.kind[closed.trade]], reason_of[closed.reason]
    is_known = values.net.is_known
    signs = closed.net.signs() * is_known  # rates are above 0
    counted = (signs > 0, signs < 0, is_known & (signs == 0), closed.is_unknown, ~closed.is_unknown & ~is_known)
    # all results are added up once, by coin, reason and signs; from then on there are few
    gross = closed.net.plus(closed.fees).signs()
    groups, group = np.unique(
        ((coin * max(len(reasons), 1) + reason) * 3 + signs + 1) * 3 + gross + 1, return_inverse=True
    )
    group = np.where(inside, group, len(groups))
    net, fees = values.net.grouped(group, len(groups)), values.fees.only(is_known).grouped(group, len(groups))
    rest, gross_of = np.divmod(groups, 3)
    place, sign_of = np.divmod(rest, 3)
    moved = net.plus(fees).signed((gross_of - 1).astype(np.int8))

    def tallies(of_result: Whole, of_group: Whole, count: int) -> list[Tally]:
        results = np.where(inside, of_result, count)
        columns = zip(
            *(_counted(results[where], count) for where in counted),
            net.sums(np.where(sign_of > 1, of_group, count), count),
            net.sums(np.where(sign_of < 1, of_group, count), count),
            fees.sums(of_group, count),
            moved.sums(of_group, count),
            strict=True,
        )
        return [Tally(*row) for row in columns]

    by_coin = tallies(coin, place // max(len(reasons), 1), len(coins))
    by_reason = tallies(reason, place % max(len(reasons), 1), len(reasons))
    return ResultSums(
        {key: one for key, one in zip(coins, by_coin, strict=True) if one.count},
        {key: one for key, one in zip(reasons, by_reason, strict=True) if one.count},
        int(at[inside].max()) if inside.any() else None,
    )


def closed_rows(trades: TradeColumns, since: int, until: int) -> ClosedRows:
    """Results of which the net is known that closed in ``[since, until)``."""
    closed = trades.closed
    at = trades.at[closed.trade]
    rows = np.flatnonzero((at >= since) & (at < until) & closed.net.is_known)
    place = closed.trade[rows]
    kind, net, is_short = trades.kind[place], closed.net.at(rows), closed.is_short[rows]
    opened_with = closed.opened_with.at(rows).about()
    lots, lot_of_kind = _numbered([(one.hopper, one.base) for one in trades.kinds])
    currencies = np.array([one.currency for one in trades.kinds], np.str_)
    return ClosedRows(
        at[rows],
        trades.ids,
        place,
        net.signs(),
        net.times(trades.rate.at(place)).about(),
        net.about() / np.where(opened_with == 0, np.nan, opened_with),
        currencies[kind] if len(kind) else currencies[:0],
        closed.opened_at[rows],
        closed.quantity.at(rows).about(),
        2 * lot_of_kind[kind] + is_short,
        [(hopper, base, is_short) for hopper, base in lots for is_short in (False, True)],
    )


_NO_ROWS = ClosedRows(
    np.empty(0, np.int64),
    (),
    np.empty(0, np.int64),
    np.empty(0, np.int8),
    np.empty(0),
    np.empty(0),
    np.empty(0, np.str_),
    np.empty(0, np.int64),
    np.empty(0),
    np.empty(0, np.int64),
    (),
)


def closings(parts: Sequence[ClosedRows]) -> Closings:
    """Of all parts, as they were made: of one moment the shorter id first, then the lower one, then by hopper."""
    parts = parts or [_NO_ROWS]
    lots, lot = one_list([part.lots for part in parts], [part.lot for part in parts])
    at, opened_at = np.concatenate([one.at for one in parts]), np.concatenate([one.opened_at for one in parts])
    begins = np.cumsum([0, *(len(one.at) for one in parts)])

    def rank(row: int) -> tuple[int, str, str]:
        number = int(np.searchsorted(begins, row, side="right")) - 1
        id = parts[number].ids[parts[number].place[row - begins[number]]]
        return len(id), id, lots[lot[row]][0]

    order = _order(at, rank)
    at, opened_at, lots_in_order = at[order], opened_at[order], lot[order]
    is_opened = opened_at != NEVER
    moment = np.unique(opened_at, return_inverse=True)[1]
    return Closings(
        at,
        np.concatenate([one.signs for one in parts])[order],
        np.concatenate([one.nets for one in parts])[order],
        np.concatenate([one.shares for one in parts])[order],
        np.concatenate([one.currencies for one in parts])[order],
        np.where(is_opened, (at - np.where(is_opened, opened_at, at)) / 1e6, np.nan),
        np.concatenate([one.quantities for one in parts])[order],
        np.unique(moment * max(len(lots), 1) + lots_in_order, return_inverse=True)[1],
    )


def _order(at: Whole, rank: Callable[[int], tuple[int, str, str]]) -> Whole:
    """As they were made: of one moment by their rank."""
    by_time = np.argsort(at, kind="stable")
    same = np.flatnonzero(np.diff(at[by_time]) == 0)
    if not len(same):
        return by_time
    places = np.zeros(len(at), np.int64)
    for number, row in enumerate(sorted(by_time[np.union1d(same, same + 1)].tolist(), key=rank)):
        places[row] = number
    return np.lexsort((places, at))


# ---- trades ----------------------------------------------------------------------------------------------------------


def stretches(values: TradeValues, since: int, until: int, starts: Whole) -> dict[int, Stretch]:
    """What happened in ``[since, until)``, by which of ``starts``, ascending, was the last at or before it; what was
    before all of them counts nowhere, nor does a trade whose result is not computed yet. Where nothing was is left out.
    """
    trades, closed = values.trades, values.trades.closed
    has_result = _of_kinds(trades, [kind.has_result for kind in trades.kinds])
    is_bought = _of_kinds(trades, [kind.side is Side.BUY for kind in trades.kinds])
    number = np.searchsorted(starts, trades.at, side="right") - 1
    is_counted = has_result & (trades.at >= since) & (trades.at < until) & (number >= 0)
    if not is_counted.any():
        return {}
    first, last = int(number[is_counted].min()), int(number[is_counted].max())
    count = last - first + 1
    group = np.where(is_counted, number - first, count)
    group_of_result = group[closed.trade]
    worth = values.value.sums(np.where(is_counted, group + np.where(is_bought, 0, count), 2 * count), 2 * count)
    columns = zip(
        _counted(group[is_bought], count),
        _counted(group[~is_bought], count),
        _counted(group[~values.value.is_known], count),
        _counted(group[~values.fee.is_known], count),
        worth[:count],
        worth[count:],
        values.fee.sums(group, count),
        _counted(group_of_result, count),
        _counted(group_of_result[values.net.is_known], count),
        values.net.sums(group_of_result, count),
        strict=True,
    )
    return {
        place: Stretch(TradeTally(*row[:7]), Earned(*row[7:]))
        for place, row in enumerate(columns, first)
        if row[0] + row[1]
    }


def trade_sums(values: TradeValues, spans: Mapping[HopperId, tuple[int, int]]) -> list[TradeSum]:
    """Trades of hoppers in ``[since, until)`` of each, by their kind and by what nobody knows of them."""
    trades, none = values.trades, (0, 0)
    if not len(trades):
        return []
    edges = np.array([spans.get(kind.hopper, none) for kind in trades.kinds], np.int64)
    since, until = (_of_kinds(trades, column) for column in edges.T)
    inside = (trades.at >= since) & (trades.at < until)
    is_free = trades.fee_units.signs() == 0
    code = 8 * trades.kind + 4 * values.value.is_known + 2 * values.fee.is_known + is_free
    numbers = np.bincount(code[inside], minlength=8 * len(trades.kinds))
    found = np.flatnonzero(numbers)
    count = len(found)
    places = np.full(len(numbers), count)
    places[found] = np.arange(count)
    group = np.where(inside, places[code], count)
    first, newest = np.full(count + 1, np.iinfo(np.int64).max), np.full(count + 1, NEVER)
    np.minimum.at(first, group, trades.at)
    np.maximum.at(newest, group, trades.at)

    def summed(column: ExactColumn) -> list[Decimal]:
        return column.sums(group, count)

    amounts = zip(
        *map(summed, (trades.quantity, trades.total, values.value, values.native)),
        *map(summed, (trades.fee_units, values.fee, values.native_fee)),
        strict=True,
    )
    told = zip(*(each.tolist() for each in (found, numbers[found], first[:-1], newest[:-1])), strict=True)
    sums = []
    for (code_, number, first_, newest_), row in zip(told, amounts, strict=True):
        quantity, total, value, native, fee_units, fee, native_fee = row
        kind, is_valued, is_fee_valued = trades.kinds[code_ // 8], bool(code_ & 4), bool(code_ & 2)
        moved = quantity, total, value if is_valued else None, fee_units, fee if is_fee_valued else None
        sums.append(
            TradeSum(
                kind.hopper,
                Traded(kind.base, kind.quote, kind.side, kind.fee_currency, number, *moved),
                native if is_valued else None,
                native_fee if is_fee_valued else None,
                kind.has_result,
                first_,
                newest_,
            )
        )
    return sums


def _of_kinds(trades: TradeColumns, told: Sequence[bool] | Whole) -> NDArray[Any]:
    """What is told of each kind, of each trade."""
    column = np.asarray(told)
    return column[trades.kind] if len(column) else np.empty(0, np.bool_)


def _counted(groups: Whole, count: int) -> list[int]:
    found: list[int] = np.bincount(groups, minlength=count)[:count].tolist()
    return found


def _numbered(keys: Sequence[Key]) -> tuple[list[Key], Whole]:
    """Each key once, and the number of each of ``keys`` among these."""
    numbers: dict[Key, int] = {}
    found = [numbers.setdefault(key, len(numbers)) for key in keys]
    return list(numbers), np.array(found, np.int64)
