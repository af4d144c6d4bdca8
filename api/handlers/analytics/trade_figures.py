"""Sums over the trades and results of a scope, in its currency: each read once an operation, and kept while it holds.

They are made of columns of all trades (cryptwire/domain/trade_columns.py), which take a tenth of a second for 50,000;
what was summed holds until the processor writes results of one of the hoppers again, or a rate that is in it changes
(docs/decisions/0026).
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from api.handlers.analytics.days import bases_of
from api.handlers.analytics.reading import Reading
from api.handlers.analytics.scope import Scope
from api.handlers.analytics.traded import ends_at, standing_of, trade_columns, trade_rates, trade_values, traded
from cryptwire.clock import from_us, to_us
from cryptwire.domain import trade_column_sums
from cryptwire.domain.bar import Edges, Resolution, edges
from cryptwire.domain.coin_profit import NOTHING, Traded
from cryptwire.domain.conversion import Conversion
from cryptwire.domain.day import day_at, zone_of
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.measured import Measured, few
from cryptwire.domain.trade import Side
from cryptwire.domain.trade_column_sums import Closings, ResultSums, TradeSum, closed_rows
from cryptwire.domain.trade_columns import Reason
from cryptwire.domain.trade_statistics import EXACT, HoldingTimes, Tally, extremes, grouped, holding_times
from cryptwire.domain.trade_tally import PaidFees, Stretch, TradeTally, joined
from cryptwire.errors import Invalid
from cryptwire.storage.result_list import ListedResult

MOST_STRETCHES = 5_000
_QUIET = Stretch()
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Choice:
    """Trades that hoppers made while they counted in one currency; ``note``: what is to be known of its rates."""

    hoppers: tuple[HopperId, ...]
    currency: Asset
    note: str | None


class Ranked(NamedTuple):
    """A result with its net in the currency of the scope, and that by what it was opened with."""

    result: ListedResult
    profit: Decimal
    share: Decimal | None


class Place(NamedTuple):
    """Whose trades, of which coin, and in what their fees were paid."""

    hopper: HopperId
    coin: Asset
    fee_coin: Asset


@dataclass(frozen=True, slots=True)
class AllTrades:
    """All trades, and what they paid in fees; ``first``: when each hopper made its first one, ``newest``: when the last
    of all was made.
    """

    trades: Mapping[Place, TradeTally]
    paid: Mapping[Place, PaidFees]
    first: Mapping[HopperId, datetime]
    newest: datetime | None


# ---- what is asked of the database -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Results:
    """Results by hopper and coin, and by why they were; ``newest``: when the last of them closed."""

    by_coin: Mapping[tuple[HopperId, Asset], Tally]
    by_reason: Mapping[Reason, Tally]
    newest: datetime | None


async def result_sums(reading: Reading) -> Results:
    """All of the scope."""
    since, until = _edges(reading.scope)

    async def of(currency: Asset) -> list[ResultSums]:
        return [trade_column_sums.result_sums(each, since, until) async for each in trade_values(reading, currency)]

    async def read() -> Results:
        parts = [part for those in await _each(reading, "results", of, _size_of_results) for part in those]
        newest = [part.newest for part in parts if part.newest is not None]
        return Results(
            grouped(Tally, (each for part in parts for each in part.by_coin.items())),
            grouped(Tally, (each for part in parts for each in part.by_reason.items())),
            from_us(max(newest)) if newest else None,
        )

    return await reading.once("result sums", read)


async def trade_sums(reading: Reading) -> AllTrades:
    """All trades by hopper, coin, and in what fees were paid; those whose result is not computed yet do not count."""

    async def read() -> AllTrades:
        spans = [(id, reading.scope.begins_at, ends_at(reading.scope)) for id in reading.scope.ids]
        rows = [
            one
            for choice in await _choices(reading)
            for one in await traded(reading, spans, choice.currency)
            if one.has_result
        ]
        first: dict[HopperId, int] = {}
        for one in rows:
            first[one.hopper] = min(one.first, first.get(one.hopper, one.first))
        return AllTrades(
            grouped(TradeTally, ((_place(one), _tally(one.traded)) for one in rows)),
            grouped(PaidFees, ((_place(one), _paid(one.traded)) for one in rows)),
            {hopper: from_us(at) for hopper, at in first.items()},
            from_us(max(one.newest for one in rows)) if rows else None,
        )

    return await reading.once("trade sums", read)


def _place(one: TradeSum) -> Place:
    return Place(one.hopper, one.traded.base, one.traded.fee_currency)


def _tally(trades: Traded) -> TradeTally:
    is_bought, number, worth = trades.side is Side.BUY, trades.number, trades.value or NOTHING
    return TradeTally(
        number if is_bought else 0,
        0 if is_bought else number,
        number if trades.value is None else 0,
        number if trades.fee is None else 0,
        worth if is_bought else NOTHING,
        NOTHING if is_bought else worth,
        trades.fee or NOTHING,
    )


def _paid(trades: Traded) -> PaidFees:
    lacking = trades.fee_units if trades.fee is None else NOTHING
    return PaidFees(trades.number, trades.fee_units, lacking, trades.fee or NOTHING)


async def stretches(reading: Reading, starts: NDArray[np.int64]) -> list[Stretch]:
    """What happened in each stretch that begins at one of ``starts``, (n,), seconds, ascending; the last ends with the
    scope. Raises Invalid for more than 5,000.
    """
    if len(starts) > MOST_STRETCHES:
        raise Invalid(
            f"{len(starts):,} rows are too many, {MOST_STRETCHES:,} are told at once: choose a coarser resolution, or"
            " fewer days"
        )
    key, moments = ("stretches", starts.tobytes()), starts * 1_000_000
    since, until = _edges(reading.scope)

    async def of(currency: Asset) -> list[dict[int, Stretch]]:
        return [
            trade_column_sums.stretches(each, since, until, moments) async for each in trade_values(reading, currency)
        ]

    async def read() -> list[Stretch]:
        parts = [part for those in await _each(reading, key, of, _size_of_stretches) for part in those]
        happened = [[part[number] for part in parts if number in part] for number in range(len(moments))]
        return [joined(those) if those else _QUIET for those in happened]

    return await reading.once(key, read)


class ByDay(NamedTuple):
    """What happened on each local date of a scope; ``starts``: seconds at which they begin, ascending."""

    starts: Sequence[int]
    stretches: Sequence[Stretch]

    def between(self, begin: int, end: int) -> Stretch | None:
        """On the dates that begin in ``[begin, end)`` seconds; None when none does."""
        first, last = bisect_left(self.starts, begin), bisect_left(self.starts, end)
        return joined(self.stretches[first:last]) if last > first else None


async def by_day(reading: Reading) -> ByDay:
    """The dates of the scope."""
    bars = bars_of(reading.scope, Resolution.DAY)
    return ByDay(bars.starts.tolist(), await stretches(reading, bars.starts))


def bars_of(scope: Scope, resolution: Resolution) -> Edges:
    """The bars that have a part in the scope, in the user's zone."""
    begin, end = int(scope.begins_at.timestamp()), int(-(-scope.ends_at.timestamp() // 1))
    return edges(resolution, zone_of(scope.zone), begin, end)


async def ranked(reading: Reading, count: int, *, by_share: bool, is_worst: bool) -> list[Ranked]:
    """The ``count`` best of the winners, or worst of the losers, the extremes first; of equal ones the earlier first.

    By what they brought in the currency of the scope, or by the share of what they were opened with.
    """
    found = await reading.once(("ranked", count, by_share), lambda: _extremes(reading, count, by_share=by_share))

    def place(one: Ranked) -> tuple[Decimal, datetime, int, str, str]:
        value = one.share if by_share else one.profit
        assert value is not None
        result = one.result
        return value if is_worst else -value, result.at, len(result.trade_id), result.trade_id, result.hopper_id

    those = [one for one in found if (one.profit < 0 if is_worst else one.profit > 0)]
    return sorted((one for one in those if not by_share or one.share is not None), key=place)[:count]


async def _extremes(reading: Reading, count: int, *, by_share: bool) -> list[Ranked]:
    """What may be among the best and the worst, by about what all are; exact numbers of thousands take longer."""
    closed = await closings(reading)

    async def of(currency: Asset) -> list[Ranked]:
        conversion = await trade_rates(reading, currency)
        nets = np.where(closed.currencies == currency, closed.nets * conversion.at(closed.at // 1_000_000), np.nan)
        values = np.where(np.isnan(nets), np.nan, closed.shares) if by_share else nets
        moments = [from_us(at) for at in np.unique(closed.at[extremes(values, closed.signs, count)]).tolist()]
        listed = await reading.sources.result_list.closed_at(reading.scope.ids, moments) if moments else []
        return [
            Ranked(one, profit, one.gain)
            for one in listed
            if one.currency == currency and (profit := _profit(one, conversion)) is not None
        ]

    return [one for part in await _each(reading, ("extremes", count, by_share), of, len) for one in part]


def _profit(one: ListedResult, conversion: Conversion) -> Decimal | None:
    rate = conversion.exactly(one.at)
    if one.net is None or one.rate is None or rate is None:
        return None
    return EXACT.multiply(EXACT.multiply(one.net, one.rate), rate)


async def closings(reading: Reading) -> Closings:
    """Results in the order in which they closed, over all hoppers."""
    scope, (since, until) = reading.scope, _edges(reading.scope)

    async def made() -> Closings:
        return trade_column_sums.closings([closed_rows(each, since, until) async for each in trade_columns(reading)])

    async def read() -> Closings:
        return await reading.sources.kept.of(
            ("closings", tuple(scope.ids), since, until),
            await _version(reading, scope.ids),
            made,
            lambda told: len(told) // 6,  # columns
        )

    return await reading.once("closings", read)


async def held_for(reading: Reading, sign: int | None = None) -> HoldingTimes:
    """How long positions were held of which it is known when they were opened.

    With a ``sign`` the parts of them that won (1), or lost (-1): of a position that was sold at a gain and at a loss
    some are here, some there.
    """

    scope = reading.scope

    async def work_out() -> HoldingTimes:
        closed = await closings(reading)
        known = closed.seconds == closed.seconds
        if sign is not None:
            known &= closed.signs == sign
        return holding_times(closed.positions[known], closed.seconds[known], closed.quantities[known])

    async def read() -> HoldingTimes:
        key, version = ("holding times", sign, tuple(scope.ids), _edges(scope)), await _version(reading, scope.ids)
        return await reading.sources.kept.of(key, version, work_out, len)

    return await reading.once(("holding times", sign), read)


def trades_a_day(scope: Scope, trades: int, first: Mapping[HopperId, datetime]) -> Measured:
    """Over the local dates from that of the ``first`` of them on: before it the hoppers may not have been there."""
    if not trades:
        return Measured.none(0, "no trade")
    zone = zone_of(scope.zone)
    days = (scope.until - max(scope.since, day_at(zone, min(first.values())).date)).days + 1
    return Measured.of(trades / max(1, days), trades)


async def notes_of(reading: Reading) -> list[str]:
    """What is to be known about all sums."""
    due = sum(one.is_due for one in (await standing_of(reading)).values())
    said = {choice.note for choice in await _choices(reading)}
    late = [f"what trades of {few(due, 'hopper')} closed is not computed yet"] if due else []
    return [*late, *sorted(note for note in said if note is not None)]


# ---- by choices ------------------------------------------------------------------------------------------------------


async def _each(
    reading: Reading, what: object, of: Callable[[Asset], Awaitable[T]], size: Callable[[T], int]
) -> list[T]:
    """What is made of the trades of each currency in which hoppers of the scope counted, or was kept."""
    found = []
    for choice in await _choices(reading):
        rates = await trade_rates(reading, choice.currency)
        key = what, choice.hoppers, _edges(reading.scope), choice.currency, reading.scope.currency
        version = await _version(reading, reading.scope.ids), rates.version
        found.append(await reading.sources.kept.of(key, version, partial(of, choice.currency), size))
    return found


async def _choices(reading: Reading) -> list[_Choice]:
    return await reading.once("trade choices", lambda: _read_choices(reading))


async def _read_choices(reading: Reading) -> list[_Choice]:
    scope = reading.scope
    if not scope.hoppers:
        return []
    bases = await bases_of(reading)
    by_currency = defaultdict[Asset, list[HopperId]](list)
    for one in scope.hoppers:
        hopper = one.hopper
        for currency in {hopper.base, *(was for _, was in bases.get(hopper.id, ()))}:
            by_currency[currency].append(hopper.id)
    between = reading.sources.conversions.between
    return [
        _Choice(tuple(ids), currency, (await between(currency, scope.currency, scope.begins_at, scope.ends_at)).note)
        for currency, ids in sorted(by_currency.items())
    ]


async def _version(reading: Reading, hoppers: Sequence[HopperId]) -> tuple[datetime | None, ...]:
    standing = await standing_of(reading)
    return tuple(standing[hopper].computed_at if hopper in standing else None for hopper in hoppers)


def _edges(scope: Scope) -> tuple[int, int]:
    """Microseconds."""
    return to_us(scope.begins_at), to_us(ends_at(scope))


def _size_of_results(parts: Sequence[ResultSums]) -> int:
    return sum(len(sums.by_coin) + len(sums.by_reason) for sums in parts)


def _size_of_stretches(parts: Sequence[Mapping[int, Stretch]]) -> int:
    return sum(map(len, parts))
