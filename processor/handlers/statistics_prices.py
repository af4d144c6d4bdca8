"""What the exchanges' pairs cost, now and then."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Context, Decimal
from typing import Protocol

import numpy as np

from cryptwire.clock import Clock, from_us, to_us
from cryptwire.domain.candle import SPAN
from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.route import Route, route
from cryptwire.domain.ticker import Pair, Ticker
from cryptwire.errors import CryptwireError
from cryptwire.log import Log
from processor.handlers.candle_book import CandleBook

_log = Log(__name__)
_FRESH = timedelta(seconds=5)
_PAUSE = timedelta(minutes=5)
_A_DAY = 96
_ROUNDED = Context(prec=18)
_WIDTH = SPAN // timedelta(microseconds=1)

Wanted = tuple[Exchange, Asset, Asset, datetime]


class LastPrices(Protocol):
    async def all_of(self, exchange: Exchange) -> list[Ticker]: ...


class PairPrices:
    """Prices by the routes that the exchange's pairs allow: direct, through BTC, through a stablecoin.

    While the exchanges' candles cannot be had they are not asked for again for five minutes: a price is a help here,
    and thousands of hoppers must not wait for it one after the other. A candle that is not there is waited for until
    ``settles`` after its end; then the one before stands for it.
    """

    def __init__(self, last: LastPrices, book: CandleBook, clock: Clock, *, settles: timedelta = timedelta(0)) -> None:
        self._last = last
        self._book = book
        self._clock = clock
        self._settles = settles
        self._read: dict[Exchange, tuple[datetime, dict[Pair, float]]] = {}
        self._away_until: datetime | None = None

    async def _prices(self, exchange: Exchange, fresh: timedelta) -> dict[Pair, float]:
        now = self._clock.now()
        kept = self._read.get(exchange)
        if kept is None or now - kept[0] > fresh:
            kept = self._read[exchange] = now, {each.pair: each.last for each in await self._last.all_of(exchange)}
        return kept[1]

    async def now(self, exchange: Exchange, base: Asset, assets: Iterable[Asset]) -> dict[Asset, Decimal]:
        """Of those that can be priced, in ``base``, by the last prices. Raises Unavailable."""
        prices = await self._prices(exchange, _FRESH)
        found = {}
        for asset in assets:
            way = route(exchange, asset, base, prices)
            if way is not None:
                found[asset] = _along(way, {leg.pair: Decimal(repr(prices[leg.pair])) for leg in way})
        return found

    async def then(self, wanted: Iterable[Wanted]) -> dict[Wanted, Decimal]:
        """The closes of the quarters of an hour that ended last before; at most a day old, else left out."""
        found: dict[Wanted, Decimal] = {}
        for each in sorted(set(wanted)):
            exchange, asset, into, at = each
            if asset == into:
                found[each] = Decimal(1)
                continue
            now = self._clock.now()
            if self._away_until is not None and now < self._away_until:
                continue
            try:
                price = await self._then(exchange, asset, into, at)
            except CryptwireError as error:
                _log.warning("prices of the past cannot be had now", reason=error)
                self._away_until = now + _PAUSE
                continue
            if price is not None:
                found[each] = price
        return found

    async def _then(self, exchange: Exchange, asset: Asset, into: Asset, at: datetime) -> Decimal | None:
        way = route(exchange, asset, into, await self._prices(exchange, _PAUSE))
        if way is None:
            return None
        end = to_us(at) // _WIDTH
        prices: dict[Pair, Decimal] = {}
        for pair, bars in (await self._book.bars({leg.pair for leg in way}, SPAN, end - _A_DAY, end)).items():
            closes = bars[3][~np.isnan(bars[3])]
            if not len(closes) or (np.isnan(bars[3][-1]) and from_us(end * _WIDTH) > self._clock.now() - self._settles):
                return None
            prices[pair] = Decimal(repr(float(closes[-1])))
        return _along(way, prices)


def _along(way: Route, prices: dict[Pair, Decimal]) -> Decimal:
    """Rounded: what is told has no more digits, and what is multiplied with it stays short."""
    price = Decimal(1)
    for leg in way:
        price = price / prices[leg.pair] if leg.is_inverse else price * prices[leg.pair]
    return _ROUNDED.plus(price)
