"""Which pairs there are: those of allowed exchanges that have a last price."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from candles.datafeed.logic.names import matching
from candles.datafeed.logic.symbols import PairSymbol
from candles.datafeed.ports import Prices
from cryptwire.clock import Clock
from cryptwire.domain.hopper import Exchange
from cryptwire.domain.pair_names import Named, Names
from cryptwire.domain.ticker import Pair
from cryptwire.errors import CryptwireError, NotFound, Unavailable
from cryptwire.log import Log

_LOOKS_EVERY = timedelta(minutes=1)
_AGAIN = timedelta(seconds=5)
_log = Log(__name__)


class Markets:
    """The pairs of ``exchanges``, and of no other. While Redis is away those stand that were there before."""

    def __init__(self, exchanges: Sequence[Exchange], prices: Prices, clock: Clock) -> None:
        self.exchanges = exchanges
        self._prices = prices
        self._clock = clock
        self._names: dict[Exchange, Names] = {}
        self._looked_at: dict[Exchange, datetime] = {}
        self._looking = asyncio.Lock()

    async def find(self, symbol: PairSymbol) -> Named:
        """The pair that a symbol names; raises NotFound, Invalid when it could be several, Unavailable."""
        if symbol.exchange not in self.exchanges:
            raise NotFound("unknown_symbol")
        names = await self._of(symbol.exchange)
        if names is None:
            raise Unavailable(f"the pairs of {symbol.exchange} are not known yet")
        pair = names.pair(symbol.name)
        return Named(pair, names.symbol(pair))

    async def matching(self, query: str, exchange: str, limit: int) -> list[Named]:
        """Pairs whose name holds ``query``, the best first; of one exchange, upper case, or of all ("")."""
        asked = [each for each in self.exchanges if exchange in ("", each.upper())]
        found = [names for each in asked if (names := await self._of(each)) is not None]
        return matching((named for names in found for named in names.all()), query, limit)

    async def price_of(self, pair: Pair) -> list[float]:
        """The last price, bid and ask, as far as they are told; raises Unavailable."""
        ticker = await self._prices.of(pair)
        if ticker is None:
            return []
        return [price for price in (ticker.last, ticker.bid, ticker.ask) if price is not None]

    async def _of(self, exchange: Exchange) -> Names | None:
        now = self._clock.now()
        if self._is_old(exchange, now):
            async with self._looking:
                if self._is_old(exchange, now):
                    await self._look(exchange, now)
        return self._names.get(exchange)

    def _is_old(self, exchange: Exchange, now: datetime) -> bool:
        looked_at = self._looked_at.get(exchange)
        return looked_at is None or not now - _LOOKS_EVERY < looked_at <= now

    async def _look(self, exchange: Exchange, now: datetime) -> None:
        try:
            pairs = await self._prices.pairs_of(exchange)
        except CryptwireError as error:
            _log.warning("pairs cannot be looked up", exchange=exchange, reason=error)
            pairs = frozenset()
        if pairs:
            self._names[exchange] = Names(pairs)
            self._looked_at[exchange] = now
        else:
            self._looked_at[exchange] = now - _LOOKS_EVERY + _AGAIN
