"""What each coin has earned in the range of a scope: from a midnight to another one, or to this moment."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, localcontext

from api.handlers.analytics.days import bases_of
from api.handlers.analytics.ports import Bases
from api.handlers.analytics.reading import Reading
from api.handlers.analytics.traded import BEFORE, traded
from cryptwire.domain.coin_profit import (
    EXACT,
    NOTHING,
    CoinAccount,
    Held,
    Moved,
    Traded,
    added,
    added_by_coin,
    coin_accounts,
)
from cryptwire.domain.conversion import Conversion
from cryptwire.domain.daily import Midnight
from cryptwire.domain.flow import Flow
from cryptwire.domain.hopper import Asset, Hopper, HopperId, with_base
from cryptwire.domain.trade_column_sums import TradeSum

_INSTANT = timedelta(microseconds=1)
NO_MIDNIGHTS = "there are not two moments in this range of which it is known what was held and what that was worth"

Ends = tuple["End | None", "End | None"]
Spans = Mapping[HopperId, tuple["End", "End"]]


@dataclass(frozen=True, slots=True)
class End:
    """What a hopper held at a moment, priced in ``currency``; trades before ``trades_until`` are in it."""

    at: datetime
    trades_until: datetime
    flows_until: datetime
    currency: Asset
    quantities: Mapping[Asset, Decimal]
    prices: Mapping[Asset, Decimal]
    is_live: bool = False
    is_made_up: bool = False

    def held(self, rate: Decimal) -> dict[Asset, Held]:
        """The same in a currency of which one of ours is ``rate``."""
        return {
            asset: Held(quantity, EXACT.multiply(self.prices[asset], rate) if asset in self.prices else None)
            for asset, quantity in self.quantities.items()
        }


@dataclass(frozen=True, slots=True)
class HopperAccount:
    """The coins of one hopper between two moments, in the currency of the scope; ``reason``: why there are none.

    ``effects``: how much of a coin's profit comes from the rates between the hopper's currency and that of the scope:
    the profit less what it would be with all amounts converted at the rate of the end; None: nobody can tell.
    """

    hopper: Hopper
    since: End | None
    until: End | None
    coins: Mapping[Asset, CoinAccount]
    effects: Mapping[Asset, Decimal] | None
    reason: str | None = None

    @property
    def whole(self) -> CoinAccount:
        """All coins together."""
        return added(self.coins.values())

    @property
    def effect(self) -> Decimal | None:
        return None if self.effects is None else _sum(self.effects.values())


@dataclass(frozen=True, slots=True)
class CoinProfits:
    """All hoppers of a scope; the sum over hoppers is the sum over coins, to the last digit."""

    hoppers: Sequence[HopperAccount]
    coins: Mapping[Asset, CoinAccount]
    notes: Sequence[str]

    @property
    def whole(self) -> CoinAccount:
        return added(self.coins.values())

    @property
    def effect(self) -> Decimal | None:
        return _known_sum([one.effect for one in self.hoppers])

    def effect_of(self, coin: Asset) -> Decimal | None:
        """Of one coin in all hoppers."""
        effects = [one.effects for one in self.hoppers if coin in one.coins]
        return _known_sum([None if each is None else each[coin] for each in effects])

    @property
    def as_of(self) -> datetime | None:
        """How new the newest end is."""
        return max((one.until.at for one in self.hoppers if one.until is not None), default=None)


async def coin_profits(reading: Reading) -> CoinProfits:
    """Read once for an operation. Raises Unavailable.

    Every amount is converted at the moment at which it is one: what was held, at the rates of both ends; a trade, a fee
    and a flow when they happened. So sums over hoppers of different currencies balance to the last digit.
    """
    return await reading.once("coin profits", lambda: _read(reading))


async def _read(reading: Reading) -> CoinProfits:
    bases = await bases_of(reading)
    ends = await _ends(reading, bases)
    spans = {id: (since, until) for id, (since, until) in ends.items() if since is not None and until is not None}
    if not spans:
        return CoinProfits(
            [HopperAccount(one.hopper, *ends[one.hopper.id], {}, {}, NO_MIDNIGHTS) for one in reading.scope.hoppers],
            {},
            [],
        )
    rates = await _rates(reading, spans, bases)
    trades = await _trades(reading, spans, rates)
    flows = await reading.sources.flows.of_many(
        [(id, since.flows_until, until.flows_until) for id, (since, until) in spans.items()]
    )
    hoppers = []
    for one in reading.scope.hoppers:
        id = one.hopper.id
        facts = _Facts(one.hopper, trades.get(id, {}), flows.get(id, ()), bases.get(id, ()), rates)
        hoppers.append(_account(facts, *ends[id]))
    notes = {note for rate in rates.values() if (note := rate.note) is not None}
    return CoinProfits(hoppers, added_by_coin(one.coins for one in hoppers), sorted(notes))


# ---- between which moments -------------------------------------------------------------------------------------------


async def _ends(reading: Reading, bases: Bases) -> dict[HopperId, Ends]:
    """From the last midnight at or before the range, else the first in it, to the last one in it or to this moment."""
    scope, rows, ids = reading.scope, reading.sources.balances, reading.scope.ids
    begins, ends = scope.begins_at, scope.ends_at
    starts = dict(zip(ids, await rows.last_priced([(id, begins - BEFORE, begins) for id in ids]), strict=True))
    late = [id for id, at in starts.items() if at is None]
    starts.update(zip(late, await rows.first_priced([(id, begins, ends) for id in late]), strict=True))
    live = {one.hopper.id: end for one in scope.hoppers if (end := _now(reading, one.hopper)) is not None}
    open_ended = [(id, at + _INSTANT, ends) for id, at in starts.items() if at is not None and id not in live]
    stops = dict(zip((id for id, _, _ in open_ended), await rows.last_priced(open_ended), strict=True))
    keys = [(id, at) for id, at in (*starts.items(), *stops.items()) if at is not None]
    known = await rows.at(keys) if keys else {}
    found: dict[HopperId, Ends] = {}
    for one in scope.hoppers:
        hopper, id = one.hopper, one.hopper.id
        since = _midnight(hopper, starts[id], known, bases)
        until = live.get(id) or _midnight(hopper, stops.get(id), known, bases)
        found[id] = since, until if since is not None and until is not None and since.at < until.at else None
    return found


def _midnight(
    hopper: Hopper, at: datetime | None, known: Mapping[tuple[HopperId, datetime], Midnight], bases: Bases
) -> End | None:
    midnight = None if at is None else known.get((hopper.id, at))
    if at is None or midnight is None:
        return None
    base = with_base(hopper, bases.get(hopper.id, ()), at).base
    return End(at, at, at, base, midnight.quantities, midnight.prices, is_made_up=midnight.taken_at is None)


def _now(reading: Reading, hopper: Hopper) -> End | None:
    """A flow takes effect when the poll that showed it is applied, which is after the balances were read."""
    scope = reading.scope
    if not (scope.includes_today and reading.sees_live):
        return None
    live = reading.sources.portfolios.of(hopper.id, scope.now)
    if live is None:
        return None
    quantities = {one.asset: one.quantity for one in live.holdings}
    prices = {one.asset: Decimal(repr(one.price)) for one in live.holdings if one.price is not None}
    return End(live.at, live.assets_at, live.at + _INSTANT, live.base, quantities, prices, is_live=True)


# ---- what happened between them --------------------------------------------------------------------------------------


async def _rates(reading: Reading, spans: Spans, bases: Bases) -> dict[Asset, Conversion]:
    """From every currency that hoppers had into that of the scope, over all spans."""
    currencies = {end.currency for ends in spans.values() for end in ends}
    currencies |= {was for id in spans for _, was in bases.get(id, ())}
    currencies |= {one.hopper.base for one in reading.scope.hoppers if one.hopper.id in spans}
    begins, ends = min(since.at for since, _ in spans.values()), max(until.at for _, until in spans.values())
    between = reading.sources.conversions.between
    return {currency: await between(currency, reading.scope.currency, begins, ends) for currency in sorted(currencies)}


async def _trades(
    reading: Reading, spans: Spans, currencies: Iterable[Asset]
) -> dict[HopperId, dict[Asset, list[TradeSum]]]:
    """Of each hopper, by the currency in which it counted then."""
    asked = [(id, since.trades_until, until.trades_until) for id, (since, until) in spans.items()]
    found: dict[HopperId, dict[Asset, list[TradeSum]]] = {}
    for currency in currencies:
        for one in await traded(reading, asked, currency):
            found.setdefault(one.hopper, {}).setdefault(currency, []).append(one)
    return found


# ---- the accounts ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of one hopper; ``trades`` by the currency in which it counted then."""

    hopper: Hopper
    trades: Mapping[Asset, Sequence[TradeSum]]
    flows: Sequence[Flow]
    bases: Sequence[tuple[datetime, Asset]]
    rates: Mapping[Asset, Conversion]

    def currency_at(self, moment: datetime) -> Asset:
        return with_base(self.hopper, self.bases, moment).base

    def moved(self, at: datetime | None = None) -> list[Moved]:
        """Flows by which units really came or went, converted when they did, or ``at`` another moment."""
        return [
            Moved(one.asset, one.kind, one.quantity, _times(one.amount, rate.exactly(at or one.at)))
            for one in self.flows
            if one.moved
            for rate in [self.rates[self.currency_at(one.at)]]
        ]

    def traded(self, at: datetime | None = None) -> list[Traded]:
        """Trades, likewise; what could not be valued then is not valued at another moment, either."""
        if at is None:
            return [one.traded for sums in self.trades.values() for one in sums]
        return [
            one.traded._replace(
                value=None if one.traded.value is None else _times(one.native, rate),
                fee=None if one.traded.fee is None else _times(one.native_fee, rate),
            )
            for currency, sums in self.trades.items()
            for rate in [self.rates[currency].exactly(at)]
            for one in sums
        ]


def _account(facts: _Facts, since: End | None, until: End | None) -> HopperAccount:
    hopper, rates = facts.hopper, facts.rates
    if since is None or until is None:
        return HopperAccount(hopper, since, until, {}, {}, NO_MIDNIGHTS)
    first, last = (rates[end.currency].exactly(end.at) for end in (since, until))
    if first is None or last is None:
        end = since if first is None else until
        why = f"nobody tells what {end.currency} was worth in {rates[end.currency].target} on {end.at:%Y-%m-%d}"
        return HopperAccount(hopper, since, until, {}, {}, why)
    held = until.held(last)
    coins = coin_accounts(since.held(first), held, facts.traded(), facts.moved())
    currencies = {since.currency, until.currency, *facts.trades, *(facts.currency_at(one.at) for one in facts.flows)}
    if all(rates[currency].is_identity for currency in currencies):
        return HopperAccount(hopper, since, until, coins, dict.fromkeys(coins, NOTHING))
    steady = {currency: rates[currency].exactly(until.at) for currency in currencies}
    rate = steady[since.currency]
    if rate is None or None in steady.values():
        return HopperAccount(hopper, since, until, coins, None)
    again = coin_accounts(since.held(rate), held, facts.traded(until.at), facts.moved(until.at))
    effects = {asset: EXACT.subtract(one.profit, again[asset].profit) for asset, one in coins.items()}
    return HopperAccount(hopper, since, until, coins, effects)


def _times(amount: Decimal | None, rate: Decimal | None) -> Decimal | None:
    return None if amount is None or rate is None else EXACT.multiply(amount, rate)


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    with localcontext(EXACT):
        return sum(amounts, NOTHING)


def _known_sum(amounts: Sequence[Decimal | None]) -> Decimal | None:
    """None when one of them is not known."""
    return None if any(one is None for one in amounts) else _sum(one for one in amounts if one is not None)
