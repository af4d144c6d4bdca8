"""Exchanges through ccxt, the only module that knows it.

Facts of ccxt 4.5.90 that this rests on: every socket writes its tickers with ``ex.tickers[symbol] = ticker``, so a dict
that notes its writes hears all of them, also those that ``watch_tickers`` coalesces; a client whose socket broke leaves
``ex.clients``; protocol pongs count as messages of a client, so its own time of the last message does not tell a silent
socket from a live one; ``set_markets_from_exchange`` hands markets on to a new instance.
"""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any

import ccxt
import ccxt.pro

from cryptwire.clock import Clock, from_us, to_us
from cryptwire.codec.ohlcv import CandlesRequest, Ohlcv
from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Exhausted, Invalid, Unavailable
from cryptwire.tasks import end
from streamer.logic import Quotation

_PUSHES_ALL = frozenset({"binance", "binanceus", "kucoin"})
"""Exchanges that tell all pairs in one subscription; of the others every pair is named."""

_SPOT_ONLY: Mapping[str, object] = {
    **{name: {"types": ["spot"]} for name in ("binance", "binanceus", "kucoin", "okx")},
    "htx": {"types": {"spot": True, "linear": False, "inverse": False}},
}
_ASKED_TOO_MUCH = 10.0  # seconds to wait; exchanges tell it in as many ways as there are exchanges
_LOOK = 0.1  # seconds between two looks for errors; prices are noted as they come
_FIRST_FRAME = 2.0  # seconds to wait for the socket before all prices are asked for


@contextmanager
def _our_errors(exchange: str) -> Iterator[None]:
    """Turn ccxt's errors into ours; what an answer makes ccxt stumble over is an exchange in trouble, too."""
    try:
        yield
    except (ccxt.BadSymbol, ccxt.NotSupported, ccxt.ArgumentsRequired, ccxt.BadRequest) as error:
        raise Invalid(f"{exchange} refuses: {_short(error)}") from error
    except (ccxt.RateLimitExceeded, ccxt.DDoSProtection) as error:
        raise Exhausted(f"{exchange} was asked too much: {_short(error)}", _ASKED_TOO_MUCH) from error
    except (ccxt.BaseError, OSError, TimeoutError) as error:
        raise Unavailable(f"{exchange} is away: {_short(error)}") from error
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise Unavailable(f"{exchange} says what cannot be read: {_short(error)}") from error


def _short(error: BaseException) -> str:
    return f"{type(error).__name__} {str(error)[:160]}"


class _Tickers(dict[str, Any]):
    """``ex.tickers``; tells every write."""

    def __init__(self, told: Callable[[Mapping[str, Any]], None]) -> None:
        super().__init__()
        self._told = told

    def __setitem__(self, symbol: str, ticker: Any) -> None:
        super().__setitem__(symbol, ticker)
        self._told(ticker)


class CcxtSource:
    """One exchange. An instance of ccxt of its own answers for markets and candles as long as this is open."""

    def __init__(self, exchange: Exchange, endpoint: Mapping[str, Any], clock: Clock, poll_every: timedelta) -> None:
        if exchange not in ccxt.pro.exchanges:
            raise Invalid(f"ccxt knows no exchange {exchange!r} with live prices")
        self.exchange = exchange
        self._endpoint = endpoint
        self._clock = clock
        self._poll_every = poll_every
        self._rest = self._instance()
        self._live: Any = None
        self._symbols: dict[Pair, str] = {}
        self._traded: dict[str, Pair] = {}

    def _instance(self) -> Any:
        options: dict[str, Any] = {"defaultType": "spot"}
        if self.exchange in _SPOT_ONLY:
            options["fetchMarkets"] = _SPOT_ONLY[self.exchange]
        base = {"enableRateLimit": True, "options": options, "has": {"fetchCurrencies": False}}
        return getattr(ccxt.pro, self.exchange)(ccxt.Exchange.deep_extend(base, self._endpoint))

    @property
    def pairs(self) -> Mapping[Pair, str]:
        """Spot pairs, each with ccxt's symbol."""
        return self._symbols

    async def load(self) -> None:
        with _our_errors(self.exchange):
            await self._rest.load_markets(True)
            symbols: dict[Pair, str] = {}
            traded: dict[str, Pair] = {}
            for symbol, market in self._rest.markets.items():
                if market["spot"] and market["base"] and market["quote"]:
                    pair = Pair(self.exchange, Asset(market["base"].upper()), Asset(market["quote"].upper()))
                    symbols[pair] = symbol
                    if market["active"] is not False:
                        traded[symbol] = pair
            self._symbols, self._traded = symbols, traded
            if self._live is not None:
                self._live.set_markets_from_exchange(self._rest)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["CcxtConnection"]:
        ex = self._instance()
        with _our_errors(self.exchange):
            ex.set_markets_from_exchange(self._rest)
            ex.open()
        self._live = ex
        if ex.has["watchTickers"] is True:
            symbols = None if self.exchange in _PUSHES_ALL else list(self._traded)
            connection: CcxtConnection = PushedConnection(self, ex, self._clock, symbols)
        else:
            connection = PolledConnection(self, ex, self._clock, self._poll_every)
        try:
            yield connection
        finally:
            self._live = None
            await connection.close()

    def pair(self, symbol: str) -> Pair | None:
        """The pair of a symbol, if it is a spot pair that is traded."""
        return self._traded.get(symbol)

    async def candles(self, pair: Pair, request: CandlesRequest) -> list[Ohlcv]:
        symbol = self._symbols.get(pair)
        if symbol is None:
            raise Invalid(f"{self.exchange} has no spot pair {pair.base}/{pair.quote}")
        if request.timeframe not in (self._rest.timeframes or {}):
            raise Invalid(f"{self.exchange} has no candles of {request.timeframe[:20]}")
        since = to_us(request.since) // 1000
        with _our_errors(self.exchange):
            rows = await self._rest.fetch_ohlcv(symbol, request.timeframe, since, request.limit)
            return [
                Ohlcv(from_us(int(row[0]) * 1000), *(float(number) for number in row[1:6]))
                for row in rows[: request.limit]
                if row[0] >= since and all(n is not None and math.isfinite(n) for n in row[1:6])
            ]

    async def close(self) -> None:
        await self._rest.close()


class CcxtConnection:
    """What pushed and polled prices have in common."""

    interval = timedelta(0)

    def __init__(self, source: CcxtSource, ex: Any, clock: Clock) -> None:
        self._source = source
        self._ex = ex
        self._clock = clock

    async def _fetched(self) -> list[Quotation]:
        with _our_errors(self._source.exchange):
            tickers = await self._ex.fetch_tickers()
            now = self._clock.now()
            found = (self._quotation(ticker, now) for ticker in tickers.values())
            return [quotation for quotation in found if quotation is not None]

    def _quotation(self, ticker: Mapping[str, Any], received_at: Any) -> Quotation | None:
        pair = self._source.pair(ticker["symbol"])
        if pair is None:
            return None
        at = ticker.get("timestamp")
        return Quotation(
            pair,
            _number(ticker.get("last")),
            _number(ticker.get("bid")),
            _number(ticker.get("ask")),
            from_us(int(at) * 1000) if at and 0 < at < 1e14 else None,
            received_at,
        )

    async def everything(self) -> list[Quotation]:
        return await self._fetched()

    async def changed(self) -> list[Quotation]:
        raise NotImplementedError

    async def close(self) -> None:
        await self._ex.close()


class PolledConnection(CcxtConnection):
    """All prices asked for again and again."""

    def __init__(self, source: CcxtSource, ex: Any, clock: Clock, every: timedelta) -> None:
        super().__init__(source, ex, clock)
        self.interval = every

    async def changed(self) -> list[Quotation]:
        await self._clock.sleep(self.interval)
        return await self._fetched()


class PushedConnection(CcxtConnection):
    """A subscription. A task watches, for its errors; prices are noted when ccxt has read them."""

    def __init__(self, source: CcxtSource, ex: Any, clock: Clock, symbols: list[str] | None) -> None:
        super().__init__(source, ex, clock)
        self._symbols = symbols
        self._noted: list[Quotation] = []
        self._told: set[Pair] = set()
        self._heard = asyncio.Event()
        self._had_frame = False
        ex.tickers = _Tickers(self._on_ticker)
        self._watching = asyncio.create_task(self._watch())
        self._watching.add_done_callback(lambda _: self._heard.set())

    def _on_ticker(self, ticker: Mapping[str, Any]) -> None:
        quotation = self._quotation(ticker, self._clock.now())
        if quotation is not None:
            self._noted.append(quotation)
            self._told.add(quotation.pair)
        self._frame()

    def _frame(self) -> None:
        self._had_frame = True
        self._heard.set()

    async def _watch(self) -> None:
        """Runs until the connection is lost, which is always an error."""
        seen: set[Any] = set()
        with _our_errors(self._source.exchange):
            while True:
                await self._ex.watch_tickers(self._symbols)
                self._frame()
                seen |= set(self._ex.clients.values())
                await asyncio.sleep(_LOOK)
                if seen - set(self._ex.clients.values()):  # ccxt would open another, without a word
                    raise Unavailable(f"{self._source.exchange} closed the connection")

    async def everything(self) -> list[Quotation]:
        """Asked for when the subscription has begun: what changes from then on is pushed, so nothing falls between."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._heard.wait(), _FIRST_FRAME)
        if self._watching.done():
            self._lost()
        return [quotation for quotation in await self._fetched() if quotation.pair not in self._told]

    async def changed(self) -> list[Quotation]:
        while True:
            noted, self._noted = self._noted, []
            if noted or self._had_frame:
                self._had_frame = False
                return noted
            if self._watching.done():
                self._lost()
            self._heard.clear()
            await self._heard.wait()

    def _lost(self) -> None:
        if self._watching.cancelled():
            raise Unavailable(f"{self._source.exchange} closed the connection")
        self._watching.result()

    async def close(self) -> None:
        await end([self._watching])
        await super().close()


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
