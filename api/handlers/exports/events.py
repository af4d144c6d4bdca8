"""All that ever happened to a user's coins, in order, each with what it was worth then."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from api.handlers.analytics.scope import Scope
from api.handlers.exports.pages import Files
from api.handlers.exports.rates import Rates
from api.handlers.exports.trades import needed, worth
from cryptwire.domain.fifo import EXACT, Place, Prices, place
from cryptwire.domain.flow import Flow
from cryptwire.domain.hopper import Asset, with_base
from cryptwire.domain.trade import Trade
from cryptwire.storage.valued_trades import ValuedTrade

_FIRST = datetime(1971, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PricedTrade:
    """A trade, and what coins were worth when it was made."""

    event: Trade
    prices: Prices


@dataclass(frozen=True, slots=True)
class PricedFlow:
    """A flow, and what all of its units were worth then; None: nobody knows."""

    event: Flow
    worth: Decimal | None


Priced = PricedTrade | PricedFlow


class Events:
    """Of all hoppers of a scope before ``until``, whatever its days; worth in the currency of the scope."""

    def __init__(self, files: Files, scope: Scope, until: datetime) -> None:
        self._files = files
        self._scope = scope
        self._until = until
        self._rates: Rates | None = None

    async def pages(self) -> AsyncIterator[Sequence[Priced]]:
        """In the order of ``cryptwire.domain.fifo.place``; raises Unavailable."""
        files, scope, until = self._files, self._scope, self._until
        flows = await _flows(files, scope, until)
        first = await files.trades.first_at(scope.ids)
        moments = [one.event.at for one in flows[:1]] + ([] if first is None else [first])
        rates = self._rates = Rates(files.figures.conversions, scope.currency, min(moments, default=until), until)
        waiting = [PricedFlow(one.event, await _worth(one, rates)) for one in flows]
        async for page in files.trades.pages(scope.ids, _FIRST, until):
            trades = await _priced(page, rates)
            last = place(trades[-1].event)
            due = [one for one in waiting if place(one.event) < last]
            waiting = waiting[len(due) :]
            yield sorted([*due, *trades], key=_place)
        yield waiting

    @property
    def notes(self) -> list[str]:
        """What was assumed of rates, once all pages were read."""
        return [] if self._rates is None else self._rates.notes


def _place(one: Priced) -> Place:
    return place(one.event)


@dataclass(frozen=True, slots=True)
class _Found:
    event: Flow
    base: Asset


async def _flows(files: Files, scope: Scope, until: datetime) -> list[_Found]:
    """Those that moved units; with the base currency that their hopper had."""
    bases = await files.figures.days.bases(scope.ids)
    hoppers = {one.hopper.id: one.hopper for one in scope.hoppers}
    spans = [(id, _FIRST, until) for id in scope.ids]
    found = await files.figures.flows.of_many(spans) if spans else {}
    moved = sorted((flow for flows in found.values() for flow in flows if flow.moved), key=place)
    return [_Found(flow, with_base(hoppers[flow.hopper], bases.get(flow.hopper, ()), flow.at).base) for flow in moved]


async def _worth(found: _Found, rates: Rates) -> Decimal | None:
    """By the price that the hopper saw then, else by rates."""
    flow = found.event
    units = flow.quantity.copy_abs()
    await rates.know((found.base, flow.asset))
    rate = rates.at(found.base, flow.at)
    if rate is not None and flow.price > 0:
        return EXACT.multiply(EXACT.multiply(units, Decimal(repr(flow.price))), rate)
    rate = rates.at(flow.asset, flow.at)
    return None if rate is None else EXACT.multiply(units, rate)


async def _priced(page: Sequence[ValuedTrade], rates: Rates) -> list[PricedTrade]:
    fees = {one.trade.fee_currency for one in page if one.trade.fee}
    await rates.know(needed(page) | fees)
    await rates.know({one.trade.pair.base for one in page if worth(one, rates) is None})  # which may be known instead
    return [PricedTrade(one.trade, _prices(one, rates)) for one in page]


def _prices(valued: ValuedTrade, rates: Rates) -> Prices:
    trade = valued.trade

    def price(asset: Asset, at: datetime) -> Decimal | None:
        if asset == trade.pair.quote:
            return worth(valued, rates)
        if asset == trade.fee_currency and valued.fee_in_quote is not None and trade.fee:
            of_quote = worth(valued, rates)
            if of_quote is not None:
                return valued.fee_in_quote / trade.fee * of_quote
        return rates.at(asset, at)

    return price
