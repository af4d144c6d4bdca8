"""The back-fill of candles."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal

from cryptwire.clock import Clock
from cryptwire.codec.ohlcv import MOST, CandlesRequest, Ohlcv, reply_from_wire, request_to_wire
from cryptwire.codec.portfolio import portfolio_from_wire
from cryptwire.domain.candle import Quality
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import news
from cryptwire.errors import Invalid, Unavailable
from cryptwire.gateway_client import GatewayClient
from cryptwire.messaging.bus import Message, NatsBus
from cryptwire.messaging.subjects import LIVE
from cryptwire.messaging.trades import tell
from cryptwire.storage.backfills import Backfills
from cryptwire.storage.candles import Candles
from cryptwire.storage.flows import Flows
from cryptwire.storage.last_prices import LastPrices
from cryptwire.storage.trade_comparisons import TradeComparisons
from cryptwire.storage.trades import Trades
from cryptwire.storage.write_queue import WriteQueue
from processor.handlers.backfill import Backfill
from processor.handlers.candle_book import CandleBook
from processor.handlers.filling import Filler
from processor.handlers.jobs import Job
from processor.handlers.pasts import Pasts
from processor.logic import compared_from
from processor.logic.backfill import MINUTE, Change
from processor.parts import Part, Tools

_FRAMES = {MINUTE: "1m", timedelta(minutes=15): "15m", timedelta(hours=1): "1h"}
_ANSWERS_WITHIN = 30.0
_LIVE_WITHIN = 5.0
"""The tracker tells each live candle every 2 s."""
_READS_WITHIN = timedelta(minutes=10)
_MARKETS_LAST = timedelta(minutes=1)


class GatewayAccount:
    """Balances and trades as the gateway reads them."""

    def __init__(
        self, gateway: GatewayClient, comparisons: TradeComparisons, trades: Trades, bus: NatsBus, clock: Clock
    ) -> None:
        self._gateway = gateway
        self._comparisons = comparisons
        self._trades = trades
        self._bus = bus
        self._clock = clock

    async def assets(self, user: UserId, hopper: HopperId, max_age: timedelta) -> tuple[dict[Asset, Decimal], datetime]:
        return await self._gateway.assets(user, hopper, max_age)

    async def catch_up(self, hopper: Hopper, since: datetime) -> None:
        now = self._clock.now()
        until = await self._comparisons.until(hopper.id)
        begin = since if until is None else compared_from(until, now, now - since)
        mended = 0
        # no import for the budget: somebody looks at an empty chart meanwhile, and it is not far back
        async for page in self._gateway.trade_pages(hopper.user, hopper.id, begin, within=_READS_WITHIN):
            added = await self._trades.add(page)
            mended += len(added)
            await tell(self._bus, hopper, news(added, now, is_first_look=until is None))
        if until is None:
            await self._comparisons.complete(hopper.id, now, mended)


class StreamedExchanges:
    """The exchanges as the streamer answers for them."""

    def __init__(self, bus: NatsBus, prices: LastPrices, clock: Clock) -> None:
        self._bus = bus
        self._prices = prices
        self._clock = clock
        self._markets: dict[Exchange, tuple[datetime, frozenset[Pair]]] = {}

    async def markets(self, exchange: Exchange) -> frozenset[Pair]:
        now = self._clock.now()
        known = self._markets.get(exchange)
        if known is None or not now - _MARKETS_LAST < known[0] <= now:
            markets = frozenset(ticker.pair for ticker in await self._prices.all_of(exchange))
            if not markets:
                raise Unavailable(f"{exchange} has no prices yet")
            known = self._markets[exchange] = now, markets
        return known[1]

    async def candles(self, pair: Pair, span: timedelta, since: datetime, most: int) -> list[Ohlcv]:
        request = CandlesRequest(_FRAMES[span], since, min(most, MOST))
        return reply_from_wire(await self._bus.request(LIVE.candles(pair), request_to_wire(request), _ANSWERS_WITHIN))


class LiveCandles:
    """The live candles that the tracker tells."""

    def __init__(self, bus: NatsBus) -> None:
        self._bus = bus

    async def opening(self, hopper: HopperId, opened_at: datetime) -> float | None:
        told: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()

        async def on_live(message: Message) -> None:
            try:
                candle = portfolio_from_wire(message.payload).candle
            except Invalid:
                return
            if candle.opened_at >= opened_at and not told.done():  # at a boundary the one before may still be told
                is_whole = candle.opened_at == opened_at and candle.quality is not Quality.PARTIAL
                told.set_result(candle.open if is_whole else None)

        end = await self._bus.subscribe(LIVE.live(hopper), on_live)
        try:
            async with asyncio.timeout(_LIVE_WITHIN):
                return await told
        except TimeoutError:
            return None
        finally:
            await end()


class KnownFlows:
    """Money that came or went without a trade, as far as it is decided."""

    def __init__(self, flows: Flows) -> None:
        self._flows = flows

    async def counting(self, hopper: HopperId, since: datetime, until: datetime) -> list[Change]:
        moved = await self._flows.moved(hopper, since, until)
        return [Change(flow.at, flow.asset, flow.quantity) for flow in moved]


def backfill_of(tools: Tools) -> Backfill:
    """What fills a past."""
    settings, clock, rows = tools.settings, tools.runtime.clock, tools.rows
    trades = Trades(rows)
    exchanges = StreamedExchanges(tools.bus, LastPrices(tools.redis), clock)
    pasts = Pasts(
        GatewayAccount(tools.gateway, TradeComparisons(rows), trades, tools.bus, clock),
        trades,
        KnownFlows(Flows(rows)),
        exchanges,
        CandleBook(exchanges, clock),
        clock,
    )
    return Backfill(
        Backfills(rows, settings.import_patience),
        pasts,
        Candles(rows),
        LiveCandles(tools.bus),
        WriteQueue(tools.redis),
        tools.bus,
        clock,
        tools.runtime.meters,
        reach=settings.backfill_reach,
        minutes_reach=settings.backfill_minutes,
        patience=settings.import_patience,
    )


@asynccontextmanager
async def backfilling(tools: Tools) -> AsyncIterator[Part]:
    """Hoppers that are new are filled as they come; the rest by two jobs, which find what is missing by themselves."""
    settings = tools.settings
    filler = Filler(
        backfill_of(tools),
        Backfills(tools.rows, settings.import_patience),
        tools.runtime.clock,
        minutes_reach=settings.backfill_minutes,
        at_once=settings.backfill_hoppers,
    )
    yield Part(
        [
            Job("mend-candles", timedelta(minutes=15), timedelta(0), filler.mend),
            Job("fill-untracked", timedelta(hours=1), timedelta(0), filler.go_on),
        ],
        [filler.fill_new()],
    )
