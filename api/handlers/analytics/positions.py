"""Open positions of a scope, as newly as they are known, at the last prices."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from api.handlers.analytics.held import held_last
from api.handlers.analytics.reading import Reading
from cryptwire.domain.account import Position, PositionKind
from cryptwire.domain.coin_profit import EXACT
from cryptwire.domain.conversion import Conversion
from cryptwire.domain.hopper import Asset, Hopper, HopperId
from cryptwire.domain.open_position import (
    Cost,
    FeeRate,
    Limits,
    Quoted,
    Valued,
    candidates,
    cost_of,
    limits_of,
    quoted,
    valued,
)
from cryptwire.domain.portfolio import Portfolio
from cryptwire.domain.result import Ledger
from cryptwire.domain.ticker import Pair, Ticker

NOT_IN_BALANCE = "its coin is not in the balance that was read: this cannot be, so it is not added"


@dataclass(frozen=True, slots=True)
class OpenPosition:
    """One position of ``hopper`` as it was ``read_at``; ``rate``: what one unit of its quote is worth in the currency
    of the scope; ``weight``: its share of the hopper's worth. None: nobody knows.
    """

    hopper: Hopper
    kind: PositionKind
    position: Position
    read_at: datetime
    is_live: bool
    is_data_error: bool
    price: Quoted | None
    cost: Cost
    fee: FeeRate | None
    valued: Valued
    limits: Limits
    rate: Decimal | None
    weight: float | None

    @property
    def id(self) -> str:
        """Among those of its hopper."""
        return f"{self.kind.value}/{self.position.id}"

    def told_in_currency(self, amount: Decimal | None) -> Decimal | None:
        """An amount in its quote, in the currency of the scope."""
        return None if amount is None or self.rate is None else EXACT.multiply(amount, self.rate)


@dataclass(frozen=True, slots=True)
class OpenPositions:
    """Those of a scope, in no order; ``left_out``: hoppers of which nothing can be read any more."""

    positions: Sequence[OpenPosition]
    left_out: Sequence[HopperId]
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Held:
    hopper: Hopper
    kind: PositionKind
    position: Position
    read_at: datetime
    live: Portfolio | None


async def open_positions(reading: Reading) -> OpenPositions:
    """Read once for an operation. Raises Unavailable.

    Of hoppers that are tracked the open ones are those of the live state; reserved coins and shorts, and those of all
    other hoppers, are as they were read last.
    """
    return await reading.once("open positions", lambda: _read(reading))


async def _read(reading: Reading) -> OpenPositions:
    scope, sources = reading.scope, reading.sources
    linked = {one.hopper.id: one.hopper for one in scope.hoppers if one.is_linked}
    left_out = [one.hopper.id for one in scope.hoppers if not one.is_linked]
    held = await _held(reading, linked)
    if not held:
        return OpenPositions([], left_out, [])
    tickers = await sources.last_prices.of_many(_pairs(held))
    ids, coins = sorted({one.hopper.id for one in held}), {one.position.base for one in held}
    ledgers, fees = await sources.open_lots.of(ids, coins), await sources.open_lots.fee_rates(ids)
    rates = await _rates(reading, {one.position.quote for one in held} | {one.hopper.base for one in held})
    worth = await _worth(reading, held, rates)
    counts: dict[tuple[HopperId, PositionKind, Asset, Asset], int] = {}
    for one in held:
        counts[_market(one)] = counts.get(_market(one), 0) + 1
    found = [
        _position(
            one,
            tickers,
            ledgers.get(one.hopper.id, Ledger()),
            fees.get(one.hopper.id),
            _rate(one, rates, tickers, scope.now),
            worth.get(one.hopper.id),
            is_only=counts[_market(one)] == 1,
        )
        for one in held
    ]
    notes = {note for rate in rates.values() if (note := rate.note) is not None}
    return OpenPositions(found, left_out, sorted(notes))


async def _held(reading: Reading, hoppers: Mapping[HopperId, Hopper]) -> list[_Held]:
    scope, sources = reading.scope, reading.sources
    live = {
        id: portfolio
        for id in (hoppers if reading.sees_live else ())
        if (portfolio := sources.portfolios.of(id, scope.now)) is not None
    }
    found = [
        _Held(hoppers[id], PositionKind.OPEN, one, portfolio.assets_at, portfolio)
        for id, portfolio in live.items()
        for one in portfolio.positions
    ]
    for kept in await held_last(reading):
        if kept.kind is not PositionKind.OPEN or kept.hopper not in live:
            hopper = hoppers[kept.hopper]
            found.append(_Held(hopper, kept.kind, kept.position, kept.read_at, live.get(kept.hopper)))
    return found


def _market(one: _Held) -> tuple[HopperId, PositionKind, Asset, Asset]:
    return one.hopper.id, one.kind, one.position.base, one.position.quote


def _pairs(held: Collection[_Held]) -> set[Pair]:
    """Every pair whose price may be needed."""
    ways = {(one.hopper.exchange, one.position.base, one.position.quote) for one in held}
    ways |= {(one.hopper.exchange, one.position.quote, one.hopper.base) for one in held}
    return {pair for way in ways for pair in candidates(*way)}


async def _rates(reading: Reading, currencies: Collection[Asset]) -> dict[Asset, Conversion]:
    """From each into the currency of the scope, at this moment."""
    scope, between = reading.scope, reading.sources.conversions.between
    return {one: await between(one, scope.currency, scope.now, scope.now) for one in sorted(currencies)}


def _rate(
    one: _Held, rates: Mapping[Asset, Conversion], tickers: Mapping[Pair, Ticker], now: datetime
) -> Decimal | None:
    """What one unit of a position's quote is worth; where nobody publishes it, by the exchange's own prices."""
    quote, hopper = one.position.quote, one.hopper
    rate = rates[quote].exactly(now)
    if rate is not None:
        return rate
    price, base = quoted(hopper.exchange, quote, hopper.base, tickers), rates[hopper.base].exactly(now)
    return None if price is None or base is None else EXACT.multiply(price.last, base)


async def _worth(
    reading: Reading, held: Collection[_Held], rates: Mapping[Asset, Conversion]
) -> dict[HopperId, Decimal]:
    """What hoppers are worth in the currency of the scope: live, else at their last close, a day old at most."""
    now = reading.scope.now
    live = {one.hopper.id: one.live.candle.close for one in held if one.live is not None}
    hoppers = {one.hopper.id: one.hopper for one in held}
    closed = await reading.sources.days.worth([(id, now) for id in sorted(hoppers.keys() - live.keys())])
    found: dict[HopperId, Decimal] = {}
    for id, hopper in hoppers.items():
        last, rate = closed.get((id, now)), rates[hopper.base].exactly(now)
        worth = live.get(id, None if last is None else last.value)
        if worth is not None and rate is not None:
            found[id] = Decimal(repr(worth)) * rate
    return found


def _position(
    one: _Held,
    tickers: Mapping[Pair, Ticker],
    ledger: Ledger,
    fee: FeeRate | None,
    rate: Decimal | None,
    worth: Decimal | None,
    *,
    is_only: bool,
) -> OpenPosition:
    position, kind = one.position, one.kind
    price = quoted(one.hopper.exchange, position.base, position.quote, tickers)
    cost = cost_of(position, kind, ledger, is_only=is_only)
    value = valued(position, kind, cost.amount, price, None if fee is None else fee.rate)
    is_error = kind is not PositionKind.SHORT and one.live is not None and not _is_in(one.live, position.base)
    is_weighed = not is_error and kind is not PositionKind.SHORT and value.value is not None
    weight = None
    if is_weighed and rate is not None and worth is not None and worth > 0:
        weight = float((value.value or Decimal(0)) * rate / worth)
    return OpenPosition(
        one.hopper,
        kind,
        position,
        one.read_at,
        one.live is not None and kind is PositionKind.OPEN,
        is_error,
        price,
        cost,
        fee,
        value,
        limits_of(position, None if price is None else price.last) if kind is PositionKind.OPEN else Limits(),
        rate,
        weight,
    )


def _is_in(live: Portfolio, coin: Asset) -> bool:
    return any(one.asset == coin and one.quantity > 0 for one in live.holdings)
