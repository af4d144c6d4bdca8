"""The datafeed's port onto the streamer."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from candles.datafeed.ports import OnTicker
from cryptwire.codec.ohlcv import CandlesRequest, Ohlcv, reply_from_wire, request_to_wire
from cryptwire.codec.ticker import ticker_from_wire
from cryptwire.domain.hopper import Exchange
from cryptwire.domain.ticker import Pair, Ticker
from cryptwire.errors import Invalid, Unavailable
from cryptwire.log import Log
from cryptwire.messaging.bus import Bus, Message
from cryptwire.messaging.subjects import LIVE

_PATIENCE = 15.0  # seconds; the streamer may wait for the exchange's rate limit
_log = Log(__name__)


class StreamedExchanges:
    """Exchanges as the streamer tells of them over ``bus``, which may come later."""

    def __init__(self) -> None:
        self.bus: Bus | None = None

    async def candles(self, pair: Pair, timeframe: str, since: datetime, most: int) -> list[Ohlcv]:
        """Up to ``most`` candles opened at or after ``since``, the open one too; raises Unavailable, Refused."""
        request = request_to_wire(CandlesRequest(timeframe, since, most))
        return reply_from_wire(await self._there().request(LIVE.candles(pair), request, _PATIENCE))

    async def listen(self, pair: Pair, on_ticker: OnTicker) -> Callable[[], Awaitable[None]]:
        """Hand each ticker of ``pair`` to ``on_ticker``; what comes out ends it. Raises Unavailable."""

        async def on_message(message: Message) -> None:
            try:
                ticker = ticker_from_wire(message.payload)
            except Invalid as error:
                _log.warning("a ticker cannot be read", subject=message.subject, reason=error)
                return
            if ticker.pair == pair:  # two may share a subject, which knows no upper case
                on_ticker(ticker)

        return await self._there().subscribe(LIVE.ticker(pair), on_message)

    def _there(self) -> Bus:
        if self.bus is None:
            raise Unavailable("NATS is not there yet")
        return self.bus


class NoPrices:
    """Where Redis has no address: no pair is known."""

    async def pairs_of(self, exchange: Exchange) -> frozenset[Pair]:
        """None."""
        return frozenset()

    async def of(self, pair: Pair) -> Ticker | None:
        """None."""
        return None
