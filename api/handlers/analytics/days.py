"""The days of a scope: of each hopper, and of all of them as one portfolio, the day in progress included."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from functools import partial
from typing import Any

import numpy as np

from api.handlers.analytics.held import held_last
from api.handlers.analytics.ports import Bases
from api.handlers.analytics.reading import Reading
from api.handlers.analytics.scope import Scope
from cryptwire.domain.account import PositionKind
from cryptwire.domain.conversion import Conversion
from cryptwire.domain.day import day_at, zone_of
from cryptwire.domain.flow import Flow
from cryptwire.domain.hopper import Asset, Hopper, HopperId, with_base
from cryptwire.domain.hopper_days import (
    HopperDays,
    Move,
    PortfolioDays,
    Rates,
    converted,
    date_of,
    day_number,
    portfolio_days,
)
from cryptwire.domain.lots import EXACT
from cryptwire.domain.portfolio import Portfolio
from cryptwire.storage.positions import Held

RATES_BEFORE = timedelta(days=31)
"""So long before a scope rates are read: the day before its first may lie as far back."""
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class ScopeDays:
    """Days of each hopper in the currency of the scope, from the last one before it where there is one; ``flows`` that
    count, and the same as ``moves``, oldest first; ``as_of``: how new the newest value is.
    """

    hoppers: Mapping[HopperId, HopperDays]
    flows: Sequence[Flow]
    moves: Sequence[Move]
    as_of: datetime | None
    computed_until: datetime | None
    notes: Sequence[str]


async def scope_days(reading: Reading) -> ScopeDays:
    """The days of a scope, read once for an operation."""
    return await reading.once("days", lambda: _read(reading))


async def all_days(reading: Reading) -> PortfolioDays:
    """The same as one portfolio."""

    async def combine() -> PortfolioDays:
        days = await scope_days(reading)
        return portfolio_days(days.hoppers, reading.scope.since, days.moves)

    return await reading.once("portfolio days", combine)


async def days_of(reading: Reading, hopper: HopperId) -> PortfolioDays:
    """The same of one hopper alone: a transfer to another one counts for it. Nothing more is read for it."""
    days = await scope_days(reading)
    own = {id: one for id, one in days.hoppers.items() if id == hopper}
    moves = await _moves(reading, own, [flow for flow in days.flows if flow.hopper == hopper])
    return portfolio_days(own, reading.scope.since, moves)


async def _read(reading: Reading) -> ScopeDays:
    scope, rows = reading.scope, reading.sources.days
    stored = await rows.read(scope.ids, scope.zone, scope.since, scope.until)
    told_at: list[datetime] = []
    if scope.includes_today:
        stored = await _with_today(reading, stored, told_at)
    currencies = {currency for days in stored.values() for currency in days.currency}
    rates, flows, computed_until = await asyncio.gather(
        conversions(reading, currencies), _flows(reading, stored), rows.computed_until(scope.ids, scope.zone)
    )
    hoppers = {id: converted(days, scope.currency, rates) for id, days in stored.items()}
    ends = [int(days.ends_at[-1]) for days in stored.values() if len(days)]
    as_of = max(told_at, default=None) or (datetime.fromtimestamp(max(ends), UTC) if ends else None)
    return ScopeDays(
        hoppers,
        flows,
        await _moves(reading, hoppers, flows),
        as_of,
        computed_until,
        _notes(rates),
    )


def _notes(rates: Mapping[Asset, Rates]) -> list[str]:
    said = [getattr(one, "note", None) for one in rates.values()]
    return sorted({note for note in said if note is not None})


async def conversions(reading: Reading, currencies: set[Asset]) -> dict[Asset, Conversion]:
    """From each of ``currencies`` into that of the scope, over its days and the one before."""
    return {one: await reading.once(("rates", one), partial(_rates, reading, one)) for one in sorted(currencies)}


async def _rates(reading: Reading, currency: Asset) -> Conversion:
    scope = reading.scope
    return await reading.sources.conversions.between(
        currency, scope.currency, scope.begins_at - RATES_BEFORE, scope.ends_at
    )


async def bases_of(reading: Reading) -> Bases:
    """Which other base currencies the hoppers of the scope had, and until when."""
    return await reading.once("bases", lambda: reading.sources.days.bases(reading.scope.ids))


async def _flows(reading: Reading, hoppers: Mapping[HopperId, HopperDays]) -> list[Flow]:
    """Every flow that counts within the days of these hoppers, oldest first."""
    spans = [
        (id, datetime.fromtimestamp(int(days.begins_at[0]), UTC), reading.scope.ends_at)
        for id, days in hoppers.items()
        if len(days)
    ]
    if not spans:
        return []
    found = await reading.sources.flows.of_many(spans)
    counting = (flow for flows in found.values() for flow in flows if flow.counts)
    return sorted(counting, key=lambda flow: (flow.at, flow.hopper, flow.asset))


async def _moves(reading: Reading, hoppers: Mapping[HopperId, HopperDays], flows: Sequence[Flow]) -> list[Move]:
    """Flows as a portfolio feels them."""
    if not flows:
        return []
    rows = reading.sources.days
    known = {one.hopper.id: one.hopper for one in reading.scope.hoppers}
    bases = await bases_of(reading)
    others = [(id, flow.at) for flow in flows for id in hoppers if id != flow.hopper]
    worth = await rows.worth(sorted(set(others)))
    moments = {(known[id], at) for id, at in worth} | {(known[flow.hopper], flow.at) for flow in flows}
    was = {(hopper.id, at): _base_at(hopper, bases, at) for hopper, at in moments}
    rates = await conversions(reading, set(was.values()))
    seconds = np.array([int(at.timestamp()) for _, at in was], np.int64)
    floats = {currency: dict(zip(was, map(float, rate.at(seconds)), strict=True)) for currency, rate in rates.items()}

    def told(id: HopperId, at: datetime, amount: float) -> float:
        return amount * floats[was[id, at]][id, at]

    moves: list[Move] = []
    for flow in flows:
        rate = rates[was[flow.hopper, flow.at]].exactly(flow.at)
        amount = None if rate is None else EXACT.multiply(flow.amount, rate)
        before = {id: told(id, flow.at, worth[id, flow.at].value) for id in hoppers if (id, flow.at) in worth}
        before[flow.hopper] = told(flow.hopper, flow.at, flow.value_before)
        moves.append(Move(flow.hopper, int(flow.at.timestamp()), amount, before, flow.id, flow.counterpart))
    return moves


def _base_at(hopper: Hopper, bases: Bases, at: datetime) -> Asset:
    return with_base(hopper, bases.get(hopper.id, ()), at).base


async def _with_today(
    reading: Reading, stored: Mapping[HopperId, HopperDays], told_at: list[datetime]
) -> dict[HopperId, HopperDays]:
    """The same with a row for what has passed since the last one, for hoppers whose value now is known."""
    scope, sources = reading.scope, reading.sources
    alive = [one.hopper for one in scope.hoppers if one.is_linked]
    live = {
        hopper.id: portfolio
        for hopper in alive
        if reading.sees_live and (portfolio := sources.portfolios.of(hopper.id, scope.now)) is not None
    }
    asked = [(hopper.id, scope.now) for hopper in alive if hopper.id not in live]
    closed = await sources.days.worth(asked)
    kept = await held_last(reading) if live else ()
    found = dict(stored)
    for hopper in alive:
        before, portfolio, last = stored.get(hopper.id), live.get(hopper.id), closed.get((hopper.id, scope.now))
        if portfolio is not None:
            told_at.append(portfolio.at)
            row = _lived(scope, hopper, portfolio, [one for one in kept if one.hopper == hopper.id])
        elif last is not None:
            told_at.append(last.at)
            row = _today(scope, hopper, last.value, Decimal(repr(last.value)))
        else:
            continue
        found[hopper.id] = row if before is None else _appended(before, row)
    return found


def _lived(scope: Scope, hopper: Hopper, portfolio: Portfolio, kept: Sequence[Held]) -> HopperDays:
    """Money as a midnight has it (processor/logic/statistics.py): reserved coins are in the balance, and not free."""
    priced = {one.asset: Decimal(repr(one.price)) for one in portfolio.holdings if one.price is not None}
    priced[hopper.base] = Decimal(1)
    coins = [one.position for one in kept if one.kind is PositionKind.RESERVED]
    invested = unrealised = free = None
    with localcontext(EXACT):
        balance = sum((one.quantity * priced[one.asset] for one in portfolio.holdings if one.asset in priced), _NOTHING)
        reserved = sum((one.quantity * priced.get(one.base, _NOTHING) for one in coins), _NOTHING) if kept else None
        if all(one.base in priced and one.quote in priced for one in portfolio.positions):
            invested = sum((one.quantity * priced[one.base] for one in portfolio.positions), _NOTHING)
            unrealised = invested - sum((one.cost * priced[one.quote] for one in portfolio.positions), _NOTHING)
            free = balance - invested - (reserved or _NOTHING)
    money = (unrealised, free, invested, reserved)
    return _today(scope, hopper, portfolio.candle.close, balance, money, len(portfolio.positions))


def _today(
    scope: Scope,
    hopper: Hopper,
    close: float,
    balance: Decimal,
    money: tuple[Decimal | None, Decimal | None, Decimal | None, Decimal | None] = (None, None, None, None),
    positions: int | None = None,
) -> HopperDays:
    """The day in progress; ``money``: unrealised, free, invested and reserved."""
    begins = int(day_at(zone_of(scope.zone), scope.now).begins_at.timestamp())
    now = max(int(scope.now.timestamp()), begins + 1)
    unrealised, free, invested, reserved = money
    return HopperDays(
        np.array([day_number(scope.until)]),
        np.array([begins]),
        np.array([now]),
        [hopper.base],
        np.array([np.nan]),
        np.array([close]),
        np.array([0.0]),
        [False],
        [balance],
        [unrealised],
        [free],
        [invested],
        [reserved],
        [positions],
    )


def _appended(days: HopperDays, row: HopperDays) -> HopperDays:
    if date_of(int(days.days[-1])) >= date_of(int(row.days[-1])):
        return days
    columns: dict[str, Any] = {}
    for name in HopperDays.__slots__:
        was, more = getattr(days, name), getattr(row, name)
        columns[name] = np.concatenate([was, more]) if isinstance(was, np.ndarray) else [*was, *more]
    return HopperDays(**columns)
