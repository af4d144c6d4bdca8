"""Wiring of the datafeed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from candles.datafeed.handlers.hearing import Hearing
from candles.datafeed.handlers.live import LiveBook
from candles.datafeed.handlers.portfolio_charts import PortfolioCharts
from candles.datafeed.handlers.portfolios import Portfolios
from candles.datafeed.handlers.rules import STREAM, Rules
from candles.datafeed.handlers.stream import Hub
from candles.datafeed.handlers.udf import Udf
from candles.datafeed.logic.symbols import HopperSymbol
from candles.datafeed.settings import Settings
from cryptwire.codec.access_token import AccessVerifier
from cryptwire.heartbeat import beating_at
from cryptwire.log import Log
from cryptwire.messaging import bus as messaging
from cryptwire.messaging import subjects
from cryptwire.messaging.subjects import LIVE
from cryptwire.permissions import Permissions
from cryptwire.runtime import Runtime, jobs, keep_told, serving
from cryptwire.storage import database
from cryptwire.storage.candle_series import CandleSeries
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.sessions import Sessions
from cryptwire.storage.trades import Trades
from cryptwire.storage.users import Users

_log = Log(__name__)


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
    """The application with full paths, working while the block runs; database and NATS may come later."""
    async with (
        database.connect(settings.database_url, "datafeed", settings.connections) as db,
        beating_at(runtime, settings.redis_url, "datafeed") as heartbeat,
    ):
        verifier = AccessVerifier(settings.session_public_key_file, runtime.clock)
        sessions, people, hoppers = Sessions(db, runtime.clock, verifier), Users(db), Hoppers(db)
        series, book = CandleSeries(db), LiveBook(runtime.meters)
        rules = Rules(Permissions())
        portfolios = Portfolios(people, hoppers, Trades(db), series, book, rules, runtime.clock)
        portfolio_charts = PortfolioCharts(hoppers, people, series, book, runtime.clock, runtime.meters, settings.span)
        udf = Udf(sessions, hoppers, {HopperSymbol: portfolios}, rules, runtime.clock, runtime.meters)
        hub = Hub(sessions, rules, {HopperSymbol: portfolio_charts}, runtime.clock, runtime.meters)
        hearing = Hearing(book, [portfolio_charts], runtime.clock)
        looking = keep_told(runtime, "database", partial(db.value, "SELECT 1"))
        beats = heartbeat.looks(partial(db.value, "SELECT 1"), "a look at the database")
        async with jobs(
            runtime,
            _listen(settings, runtime, hub, hearing, portfolio_charts),
            looking,
            beats,
            *(job() for job in hub.jobs()),
        ):
            yield Starlette(routes=[*udf.routes(), WebSocketRoute(STREAM, hub.stream)])


async def _listen(
    settings: Settings, runtime: Runtime, hub: Hub, hearing: Hearing, portfolio_charts: PortfolioCharts
) -> None:
    runtime.health.mark("nats", is_met=False, word="not connected yet")
    async with messaging.connect(settings.nats_url, "datafeed") as bus:
        bus.on_gap(hub.on_gap)
        await bus.subscribe(LIVE.all_closed, hearing.on_closed)
        await bus.subscribe(LIVE.all_live, hearing.on_live)
        await bus.subscribe(LIVE.all_rewritten, portfolio_charts.on_rewritten)
        await bus.subscribe(LIVE.all_trades, portfolio_charts.on_trade)
        await bus.subscribe(subjects.ALL_ACCOUNTS, hub.on_account)
        await keep_told(runtime, "nats", bus.look)
