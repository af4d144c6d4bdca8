"""The figures of a hopper's days: from what it held at midnight, its candles, its trades and its flows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, localcontext

from cryptwire.domain.account import Position, Reserved
from cryptwire.domain.candle import SPAN
from cryptwire.domain.daily import NOTHING, Daily, DayCandles, Midnight
from cryptwire.domain.day import Day
from cryptwire.domain.flow import Flow, FlowKind, Index
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, with_base
from cryptwire.domain.lots import EXACT, Lot
from cryptwire.domain.portfolio import Portfolio
from cryptwire.domain.result import Ledger, Prices
from cryptwire.domain.trade import Trade


@dataclass(frozen=True, slots=True)
class Before:
    """How a hopper stood when a day began; ``closing`` of the day before, in ``currency``, None when there is none."""

    index: Index = field(default_factory=Index)
    closing: float | None = None
    currency: Asset | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the days of one hopper: a row of ``candles`` a day, midnights by moment, the rest by time.

    ``bases``: until when the hopper had another base currency, and which; the amount of a flow is in that of its time.
    """

    candles: Sequence[DayCandles | None]
    midnights: Mapping[datetime, Midnight]
    trades: Sequence[Trade]
    flows: Sequence[Flow]
    bases: Sequence[tuple[datetime, Asset]] = ()


def days_of(
    hopper: Hopper,
    zone: str,
    version: int,
    days: Sequence[Day],
    facts: Facts,
    ledger: Ledger,
    before: Before,
    prices: Prices,
) -> list[Daily]:
    """The figures of ``days``, which follow each other; ``ledger`` then holds what is left after the last.

    Money in another currency is converted when it moved, also that of flows before the base currency changed; what
    nobody can convert is left out, fees are then told in their own coin. The balance of a midnight of which no price is
    known is the close of the candle that ended there.
    When the day before was in another currency the index starts anew: between the two there is no return.
    """
    is_other = bool(days) and before.currency not in (None, hopper.base)
    if is_other:
        before = Before(Index(1.0, days[0].begins_at))
    trades, flows = _by_day(days, facts.trades), _by_day(days, facts.flows)
    found = []
    for number, day in enumerate(days):
        index = before.index.after(flows[number])
        with localcontext(EXACT):
            daily = _day(
                hopper, zone, version, day, facts, number, trades[number], flows[number], ledger, index, prices
            )
        if is_other and not number:
            daily = _opened_with(daily, None)  # its first candle is in the other currency
        elif daily.opening is None and before.closing is not None:
            daily = _opened_with(daily, before.closing)
        before = Before(index, daily.closing, hopper.base)
        found.append(daily)
    return found


def _day(
    hopper: Hopper,
    zone: str,
    version: int,
    day: Day,
    facts: Facts,
    number: int,
    trades: Sequence[Trade],
    flows: Sequence[Flow],
    ledger: Ledger,
    index: Index,
    prices: Prices,
) -> Daily:
    """One of them; in the context ``EXACT``, as all below: amounts have more digits than a Decimal is rounded to."""
    realised, fees, other, count = _traded(hopper, trades, ledger, prices)
    candles, midnight = facts.candles[number], facts.midnights.get(day.ends_at)
    is_closed = candles is not None and candles.last_at == day.ends_at - SPAN
    closing = candles.close if candles is not None and is_closed else None
    balance = None
    if midnight is not None and midnight.is_priced:
        balance = midnight.balance
    elif closing is not None:
        balance = Decimal(repr(closing))
    if closing is None and balance is not None:
        closing = float(balance)
    invested, unrealised, positions = _positions(hopper, midnight, ledger, day.ends_at, prices)
    reserved = None if midnight is None else midnight.reserved
    free = None if balance is None or invested is None else balance - invested - (reserved or NOTHING)
    return Daily(
        hopper.id,
        zone,
        day.date,
        version,
        day.begins_at,
        day.ends_at,
        hopper.base,
        balance,
        candles.open if candles is not None and candles.first_at == day.begins_at else None,
        closing,
        candles.quality if candles is not None and is_closed else 0,
        realised,
        unrealised,
        fees,
        other,
        count,
        len(trades),
        positions,
        free,
        invested,
        reserved,
        sum((_amount(hopper, flow, facts.bases, prices) for flow in flows if flow.counts), NOTHING),
        _differences(facts.midnights.get(day.begins_at), midnight, trades, flows),
        index,
        _gap(day, candles),
        midnight is None or midnight.taken_at is None,
    )


def _traded(
    hopper: Hopper, trades: Sequence[Trade], ledger: Ledger, prices: Prices
) -> tuple[Decimal, Decimal, dict[Asset, Decimal], int]:
    """What trades earned and what they cost in fees, to the last digit, as the sum over their results says it; fees
    that nobody can convert, by coin; and how many closed something.
    """
    realised, fees, other, count = NOTHING, NOTHING, dict[Asset, Decimal](), 0
    for trade in trades:
        result, fee, unconverted = ledger.add(trade, prices)
        rate = _rate(hopper, trade, prices)
        if result is not None:
            count += 1
            realised += (result.net or NOTHING) * (rate or NOTHING)
        if rate is not None:
            fees += fee * rate
        elif fee:
            unconverted = {**unconverted, trade.pair.quote: fee}
        for coin, amount in unconverted.items():
            other[coin] = other.get(coin, NOTHING) + amount
    return realised, fees, other, count


def _opened_with(daily: Daily, opening: float | None) -> Daily:
    values = {name: getattr(daily, name) for name in Daily.__slots__}
    return Daily(**{**values, "opening": opening})


def _by_day(days: Sequence[Day], items: Sequence[Trade] | Sequence[Flow]) -> list[list]:  # type: ignore[type-arg]
    """Items, oldest first, by the day that they fall into."""
    found: list[list] = [[] for _ in days]  # type: ignore[type-arg]
    number = 0
    for item in items:
        while number < len(days) and item.at >= days[number].ends_at:
            number += 1
        if number < len(days) and item.at >= days[number].begins_at:
            found[number].append(item)
    return found


def _rate(hopper: Hopper, trade: Trade, prices: Prices) -> Decimal | None:
    """What one unit of the trade's quote was worth in the hopper's base currency."""
    if trade.pair.quote == hopper.base:
        return Decimal(1)
    return prices(trade.pair.exchange, trade.pair.quote, hopper.base, trade.at)


def _amount(hopper: Hopper, flow: Flow, bases: Sequence[tuple[datetime, Asset]], prices: Prices) -> Decimal:
    """What a flow was worth in the base currency of its day's end; nothing when nobody can tell."""
    was = with_base(hopper, bases, flow.at).base
    if was == hopper.base:
        return flow.amount
    rate = prices(hopper.exchange, was, hopper.base, flow.at)
    return NOTHING if rate is None else flow.amount * rate


def _positions(
    hopper: Hopper, midnight: Midnight | None, ledger: Ledger, at: datetime, prices: Prices
) -> tuple[Decimal | None, Decimal | None, int]:
    """Worth of what is invested, that less its cost, and how many are open: as they were, else as trades left them."""
    if midnight is not None and midnight.positions is not None:
        return midnight.invested, midnight.unrealised, midnight.positions
    lots = ledger.lots
    worth, cost = NOTHING, NOTHING
    for lot in lots:
        price = None if midnight is None else midnight.prices.get(lot.pair.base)
        rate = (
            Decimal(1) if lot.pair.quote == hopper.base else prices(lot.pair.exchange, lot.pair.quote, hopper.base, at)
        )
        if price is None or rate is None:
            return None, None, len(lots)
        worth += lot.quantity * price
        cost += lot.cost * rate
    return worth, worth - cost, len(lots)


def prices_needed(
    hopper: Hopper, trades: Sequence[Trade], lots: Sequence[Lot], ends: Sequence[datetime]
) -> set[tuple[Exchange, Asset, Asset, datetime]]:
    """Which prices of the past ``days_of`` asks for: of third coins' fees, of quotes that are not the base currency at
    the trade and at each day's end, and of a coin's other quotes when it was bought.
    """
    wanted = set()
    quotes: dict[Asset, set[Asset]] = {}
    bought = [(lot.pair, lot.at) for lot in lots] + [(each.pair, each.at) for each in trades]
    for pair, at in bought:
        quotes.setdefault(pair.base, set()).add(pair.quote)
        if pair.quote != hopper.base:
            wanted |= {(pair.exchange, pair.quote, hopper.base, moment) for moment in (at, *ends)}
    for pair, at in bought:
        wanted |= {(pair.exchange, pair.quote, other, at) for other in quotes[pair.base] if other != pair.quote}
    for trade in trades:
        if trade.fee and trade.fee_currency not in (trade.pair.base, trade.pair.quote):
            wanted.add((trade.pair.exchange, trade.fee_currency, trade.pair.quote, trade.at))
    return wanted


def prices_of_flows(
    hopper: Hopper, day: Day, flows: Sequence[Flow], bases: Sequence[tuple[datetime, Asset]]
) -> set[tuple[Exchange, Asset, Asset, datetime]]:
    """Which prices of the past ``days_of`` asks for besides: of flows before the base currency changed on ``day``."""
    inside = [flow for flow in flows if flow.counts and day.begins_at <= flow.at < day.ends_at]
    before = {(with_base(hopper, bases, flow.at).base, flow.at) for flow in inside}
    return {(hopper.exchange, was, hopper.base, at) for was, at in before if was != hopper.base}


def _differences(
    before: Midnight | None, after: Midnight | None, trades: Sequence[Trade], flows: Sequence[Flow]
) -> dict[Asset, Decimal]:
    """Units that came or went between two midnights without trade or flow: dust, also where it was found to be that,
    income nobody told, errors.
    """
    if before is None or after is None:
        return {}
    left = dict(after.quantities)
    for asset, quantity in before.quantities.items():
        left[asset] = left.get(asset, NOTHING) - quantity
    named = [flow for flow in flows if flow.kind is not FlowKind.DIFFERENCE]
    for asset, change in _changes(trades, named).items():
        left[asset] = left.get(asset, NOTHING) - change
    return {asset: amount for asset, amount in left.items() if amount}


def _changes(trades: Sequence[Trade], flows: Sequence[Flow]) -> dict[Asset, Decimal]:
    """What trades and flows add to each balance."""
    changes: dict[Asset, Decimal] = {}
    for trade in trades:
        for asset, amount in trade.changes().items():
            changes[asset] = changes.get(asset, NOTHING) + amount
    for flow in flows:
        if flow.moved:
            changes[flow.asset] = changes.get(flow.asset, NOTHING) + flow.quantity
    return changes


def _gap(day: Day, candles: DayCandles | None) -> float:
    """Seconds of the day without fresh prices, those without a candle too."""
    whole = day.length / SPAN
    missing = whole - (0 if candles is None else candles.count)
    return max(0.0, missing) * SPAN.total_seconds() + (0.0 if candles is None else candles.gap)


# ---- what was held at midnight -----------------------------------------------------------------------------------


def lived(portfolio: Portfolio, at: datetime, reserved: Sequence[Reserved] | None) -> Midnight:
    """The midnight ``at`` as a live state at or right after it shows it."""
    prices = {each.asset: Decimal(repr(each.price)) for each in portfolio.holdings if each.price is not None}
    quantities = {each.asset: each.quantity for each in portfolio.holdings}
    return held(portfolio.hopper, portfolio.base, at, portfolio.at, quantities, prices, portfolio.positions, reserved)


def held(
    hopper: HopperId,
    base: Asset,
    at: datetime,
    taken_at: datetime,
    quantities: Mapping[Asset, Decimal],
    prices: Mapping[Asset, Decimal],
    positions: Sequence[Position],
    reserved: Sequence[Reserved] | None,
) -> Midnight:
    """The midnight of a hopper that holds this; a position without a price leaves its worth unknown."""
    known = {**prices, base: Decimal(1)}
    invested: Decimal | None = NOTHING
    cost: Decimal | None = NOTHING
    kept = None
    with localcontext(EXACT):
        for position in positions:
            price, rate = known.get(position.base), known.get(position.quote)
            invested = None if invested is None or price is None else invested + position.quantity * price
            cost = None if cost is None or rate is None else cost + position.cost * rate
        unrealised = None if invested is None or cost is None else invested - cost
        if reserved is not None:
            kept = sum((each.quantity * known.get(each.base, NOTHING) for each in reserved), NOTHING)
    return Midnight(
        hopper,
        at,
        dict(quantities),
        {asset: price for asset, price in known.items() if asset in quantities},
        taken_at,
        len(positions),
        invested,
        unrealised,
        kept,
    )


def undone(held_after: Mapping[Asset, Decimal], trades: Sequence[Trade], flows: Sequence[Flow]) -> dict[Asset, Decimal]:
    """What was held before ``trades`` and ``flows``; what would be below nothing was not known, and is nothing."""
    before = dict(held_after)
    with localcontext(EXACT):
        for asset, change in _changes(trades, flows).items():
            before[asset] = before.get(asset, NOTHING) - change
    return {asset: quantity for asset, quantity in before.items() if quantity > 0}


def is_at(portfolio: Portfolio, at: datetime, within: timedelta) -> bool:
    """Whether a live state can stand for the moment ``at``."""
    return at <= portfolio.at <= at + within


def is_settled(daily: Daily, now: datetime, patience: timedelta) -> bool:
    """Whether a day may be written down: its value is known, or has been waited for."""
    return daily.balance is not None or daily.ends_at < now - patience
