"""Wiring of the datafeed."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from candles.datafeed.adapters import NoPrices, StreamedExchanges
from candles.datafeed.handlers.asking import Asking
from candles.datafeed.handlers.charts import Charts
from candles.datafeed.handlers.everything import Everything
from candles.datafeed.handlers.hearing import Hearing
from candles.datafeed.handlers.kinds import Kind
from candles.datafeed.handlers.live import LiveBook
from candles.datafeed.handlers.markets import Markets
from candles.datafeed.handlers.pair_book import PairBook
from candles.datafeed.handlers.pair_charts import PairCharts
from candles.datafeed.handlers.pairs import Pairs
from candles.datafeed.handlers.portfolio_charts import PortfolioCharts
from candles.datafeed.handlers.portfolios import Portfolios
from candles.datafeed.handlers.rules import STREAM, Rules
from candles.datafeed.handlers.stream import Hub
from candles.datafeed.handlers.sum_charts import SumCharts
from candles.datafeed.handlers.together import Together
from candles.datafeed.handlers.udf import Udf
from candles.datafeed.logic.budget import Budget
from candles.datafeed.logic.symbols import AllSymbol, HopperSymbol, PairSymbol, Symbol
from candles.datafeed.settings import Settings
from cryptwire.codec.access_token import AccessVerifier
from cryptwire.domain.hopper import Exchange
from cryptwire.heartbeat import beating_at
from cryptwire.log import Log
from cryptwire.messaging import bus as messaging
from cryptwire.messaging import subjects
from cryptwire.messaging.subjects import LIVE
from cryptwire.permissions import Permissions
from cryptwire.runtime import Runtime, jobs, keep_told, serving
from cryptwire.storage import database
from cryptwire.storage import redis as connections
from cryptwire.storage.candle_series import CandleSeries
from cryptwire.storage.conversions import Conversions
from cryptwire.storage.database import Database
from cryptwire.storage.hopper_events import bases
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.last_prices import LastPrices
from cryptwire.storage.lease import Lease
from cryptwire.storage.pair_candles import PairCandles
from cryptwire.storage.positions import Positions
from cryptwire.storage.rate_series import RateSeries
from cryptwire.storage.redis import LIVE_KEYS, Redis
from cryptwire.storage.sessions import Sessions
from cryptwire.storage.trades import Trades
from cryptwire.storage.users import Users

_log = Log(__name__)
_ASKS_FOR = timedelta(seconds=20)  # a block of candles; who has it then has died
_MOST_RATES = 16_000_000  # bytes


async def main(settings: Settings, runtime: Runtime) -> None:
    """Serve ``/udf`` and ``/stream`` until told to stop."""
    async with (
        opened(settings, runtime) as app,
        serving(app, settings.host, settings.port, ws_per_message_deflate=False, ws_max_size=16_384) as port,
    ):
        _log.info("serves", port=port)
        await runtime.stop.wait()


@asynccontextmanager
async def opened(settings: Settings, runtime: Runtime) -> AsyncIterator[Starlette]:
    """The application with full paths, working while the block runs; database, Redis and NATS may come later."""
    async with (
        database.connect(settings.database_url, "datafeed", settings.connections) as db,
        beating_at(runtime, settings.redis_url, "datafeed") as heartbeat,
        _served(settings, runtime, db) as served,
    ):
        looking = keep_told(runtime, "database", partial(db.value, "SELECT 1"))
        beats = heartbeat.looks(partial(db.value, "SELECT 1"), "a look at the database")
        async with jobs(runtime, _listen(settings, runtime, served), looking, beats, *served.jobs()):
            yield Starlette(routes=[*served.udf.routes(), WebSocketRoute(STREAM, served.hub.stream)])


@dataclass(frozen=True, slots=True)
class _Served:
    """Who answers, and who hears."""

    udf: Udf
    hub: Hub
    hearing: Hearing
    portfolios: PortfolioCharts
    sums: SumCharts
    pairs: PairCharts | None
    exchanges: StreamedExchanges

    def jobs(self) -> list[Any]:
        return [job() for job in self.hub.jobs()]


@asynccontextmanager
async def _served(settings: Settings, runtime: Runtime, db: Database) -> AsyncIterator[_Served]:
    clock, meters = runtime.clock, runtime.meters
    verifier = AccessVerifier(settings.session_public_key_file, clock)
    sessions, people, hoppers = Sessions(db, clock, verifier), Users(db), Hoppers(db)
    series, trades, live, rules = CandleSeries(db), Trades(db), LiveBook(meters), Rules(Permissions())
    portfolios = PortfolioCharts(hoppers, people, series, live, clock, meters, settings.span)
    rates = Conversions(RateSeries(db), clock, _MOST_RATES)
    together = Together(people, hoppers, partial(bases, db), series, live, rates, clock)
    sums = SumCharts(people, together, live, clock, meters, settings.span)
    exchanges, pairs = StreamedExchanges(), None
    kinds: dict[type[Symbol], Kind] = {
        HopperSymbol: Portfolios(people, hoppers, trades, series, live, rules, clock),
        AllSymbol: Everything(people, together, sums, trades, rules, clock),
    }
    charts: dict[type[Symbol], Charts[Any]] = {HopperSymbol: portfolios, AllSymbol: sums}
    async with AsyncExitStack() as stack:
        redis: Redis | None = None
        if settings.redis_url is not None:
            redis = await stack.enter_async_context(connections.connect(settings.redis_url))
        prices = NoPrices() if redis is None else LastPrices(redis)
        shown = () if redis is None else tuple(map(Exchange, settings.exchanges))
        markets = Markets(shown, prices, clock)
        if redis is not None:
            book = PairBook(Asking(exchanges, clock, meters), PairCandles(db), partial(_lease, redis), clock)
            stack.push_async_callback(book.close)
            budget = Budget()
            pairs = PairCharts(people, markets, book, exchanges, budget, clock, meters)
            of_pairs = Pairs(
                people, hoppers, markets, book, pairs, trades, Positions(db), live, budget, rules, clock
            )  # fmt: skip
            kinds[PairSymbol], charts[PairSymbol] = of_pairs, pairs
        udf = Udf(sessions, hoppers, markets, kinds, rules, clock, meters)
        hub = Hub(sessions, rules, charts, clock, meters)
        yield _Served(udf, hub, Hearing(live, [portfolios, sums], clock), portfolios, sums, pairs, exchanges)


def _lease(redis: Redis, name: str) -> Lease:
    return Lease(redis, f"{LIVE_KEYS}lease:pair:{name}", _ASKS_FOR)


async def _listen(settings: Settings, runtime: Runtime, served: _Served) -> None:
    runtime.health.mark("nats", is_met=False, word="not connected yet")
    async with messaging.connect(settings.nats_url, "datafeed") as bus:
        bus.on_gap(served.hub.on_gap)
        await bus.subscribe(LIVE.all_closed, served.hearing.on_closed)
        await bus.subscribe(LIVE.all_live, served.hearing.on_live)
        for charts in (served.portfolios, served.sums):
            await bus.subscribe(LIVE.all_rewritten, charts.on_rewritten)
            await bus.subscribe(LIVE.all_trades, charts.on_trade)
        await bus.subscribe(subjects.ALL_ACCOUNTS, served.hub.on_account)
        if served.pairs is not None:
            await bus.subscribe(LIVE.all_feeds, served.pairs.on_feed)
        served.exchanges.bus = bus
        await keep_told(runtime, "nats", bus.look)
