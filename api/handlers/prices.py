"""Last prices of exchange pairs, from the cache that the streamer fills."""

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from cryptwire.clock import Clock
from cryptwire.domain.hopper import Exchange
from cryptwire.domain.pair_names import Names
from cryptwire.domain.ticker import Pair, Ticker
from cryptwire.errors import Invalid, NotFound

MOST = 100
_NAMES_LAST = timedelta(minutes=1)
_SYMBOL = re.compile(r"([A-Za-z0-9_]{2,30}):(\S{2,60})", re.ASCII)


class LastPrices(Protocol):
    """See cryptwire/storage/last_prices.py; raises Unavailable."""

    async def of_many(self, pairs: Iterable[Pair]) -> dict[Pair, Ticker]: ...

    async def pairs_of(self, exchange: Exchange) -> frozenset[Pair]: ...


@dataclass(frozen=True, slots=True)
class Priced:
    """What was asked for under ``symbol``: its pair and last price, or the ``reason`` why there is none."""

    symbol: str
    pair: Pair | None
    ticker: Ticker | None
    reason: str | None


class Prices:
    """Prices by symbols as the datafeed has them, ``BINANCE:BTCUSDT`` or ``BINANCE:BTC/USDT``, in whatever case."""

    def __init__(self, last: LastPrices, clock: Clock) -> None:
        self._last = last
        self._clock = clock
        self._names: dict[Exchange, tuple[datetime, Names]] = {}

    async def of(self, symbols: Sequence[str]) -> list[Priced]:
        """Of each symbol, in their order. Raises Invalid for more than 100, Unavailable."""
        if len(symbols) > MOST:
            raise Invalid(f"{MOST} pairs can be asked for at once, not {len(symbols)}")
        parsed = {symbol: _SYMBOL.fullmatch(symbol) for symbol in symbols}
        exchanges = sorted({Exchange(match[1].lower()) for match in parsed.values() if match is not None})
        names = dict(zip(exchanges, await asyncio.gather(*map(self._names_of, exchanges)), strict=True))
        pairs: dict[str, Pair] = {}
        reasons: dict[str, str] = {}
        for symbol, match in parsed.items():
            try:
                pairs[symbol] = _pair(match, names)
            except (NotFound, Invalid) as error:
                reasons[symbol] = str(error)
        tickers = await self._last.of_many(set(pairs.values()))
        return [
            Priced(symbol, pair := pairs.get(symbol), None if pair is None else tickers.get(pair), reasons.get(symbol))
            for symbol in symbols
        ]

    async def _names_of(self, exchange: Exchange) -> Names | None:
        """None for an exchange of which there is no price."""
        now = self._clock.now()
        known = self._names.get(exchange)
        if known is None or not known[0] <= now < known[0] + _NAMES_LAST:
            pairs = await self._last.pairs_of(exchange)
            if not pairs:
                return None
            known = self._names[exchange] = now, Names(pairs)
        return known[1]


def _pair(match: "re.Match[str] | None", names: dict[Exchange, Names | None]) -> Pair:
    if match is None:
        raise NotFound("this is no symbol of a pair; it looks like BINANCE:BTCUSDT or BINANCE:BTC/USDT")
    of_exchange = names[Exchange(match[1].lower())]
    if of_exchange is None:
        raise NotFound(f"no exchange {match[1].upper()} is followed here")
    try:
        return of_exchange.pair(match[2].upper())
    except NotFound:
        raise NotFound(f"{match[1].upper()} has no pair {match[2][:40]}, or none with a price") from None
