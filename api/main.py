"""Wiring of the API."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

import numpy.ma  # noqa: F401 - what np.unique looks for when it is called: no question is to wait for it
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute

from api.adapters import Argon2Passwords
from api.handlers import billing as payments
from api.handlers import export, playground, shares
from api.handlers.accounts import Accounts
from api.handlers.analytics.kept import Kept
from api.handlers.analytics.ports import HealthSources, Links
from api.handlers.analytics.reading import Sources
from api.handlers.arrivals import Arrivals
from api.handlers.billing import Billing, PlayedProvider
from api.handlers.changes import Changes
from api.handlers.controls import Acts, Controls
from api.handlers.dashboards import Dashboards
from api.handlers.entrance import Entrance, rules
from api.handlers.errors import MOST_BODY
from api.handlers.export import Export
from api.handlers.exports import routes as exports
from api.handlers.exports.pages import Files
from api.handlers.exports.streaming import Door
from api.handlers.exports.streaming import Limits as Room
from api.handlers.graphql import Endpoint
from api.handlers.history import History
from api.handlers.linking import Linking
from api.handlers.live import Portfolios
from api.handlers.persisted import Persisted, read_manifest
from api.handlers.prices import Prices
from api.handlers.reports import routes as reports
from api.handlers.reports import shared
from api.handlers.rule_history import RuleHistory
from api.handlers.rule_sets import RuleSets
from api.handlers.subscriptions import Sockets
from api.handlers.targets import Targets
from api.handlers.told import Told
from api.handlers.trade_news import TradeNews
from api.handlers.warm_up import warm_up
from api.handlers.web import AppFiles, Guard, config_json
from api.ports import Passwords
from api.schema.context import Services
from api.schema.cost import Limits
from api.settings import Settings
from cryptwire import gateway_client
from cryptwire.clock import Clock
from cryptwire.codec.access_token import AccessSigner, AccessVerifier
from cryptwire.codec.one_time import OneTimeKey, key_of
from cryptwire.codec.sealed import Seal
from cryptwire.codec.second_factor import SecondFactors
from cryptwire.domain.webhook_url import SEALED
from cryptwire.gateway_client import GatewayClient, Identity
from cryptwire.heartbeat import beating_at
from cryptwire.log import Log
from cryptwire.messaging import bus as messaging
from cryptwire.messaging.subjects import LIVE
from cryptwire.permissions import Needs, Permissions
from cryptwire.runtime import Runtime, collect_seldom, jobs, keep_memory, keep_told, serving
from cryptwire.storage import dashboards, database, redis, rule_history, rule_sets, targets
from cryptwire.storage import sources as asked
from cryptwire.storage.account_changes import AccountChanges
from cryptwire.storage.api_tokens import ApiTokens
from cryptwire.storage.assignments import Assignments
from cryptwire.storage.attempts import Attempts
from cryptwire.storage.balances import Balances
from cryptwire.storage.candle_series import CandleSeries
from cryptwire.storage.candles import Candles
from cryptwire.storage.conversions import Conversions
from cryptwire.storage.daily_statistics import DailyStatistics
from cryptwire.storage.day_series import DaySeries
from cryptwire.storage.flows import Flows
from cryptwire.storage.heartbeats import Heartbeats
from cryptwire.storage.hopper_health import HopperHealths
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.import_queue import ImportQueue
from cryptwire.storage.imports import Imports
from cryptwire.storage.kill_switches import KillSwitches
from cryptwire.storage.last_prices import LastPrices
from cryptwire.storage.link_states import LinkStates
from cryptwire.storage.mails import Mails
from cryptwire.storage.market_caps import MarketCaps
from cryptwire.storage.notices import Notices
from cryptwire.storage.one_time_tokens import OneTimeTokens
from cryptwire.storage.open_lots import OpenLots
from cryptwire.storage.outages import Outages
from cryptwire.storage.outgoing_webhooks import OutgoingWebhooks
from cryptwire.storage.own_data import OwnData
from cryptwire.storage.owners import Owners
from cryptwire.storage.plans import Plans
from cryptwire.storage.points import Points
from cryptwire.storage.positions import Positions
from cryptwire.storage.query_texts import QueryTexts
from cryptwire.storage.rate_series import RateSeries
from cryptwire.storage.rates import ExchangeRates
from cryptwire.storage.result_list import ResultList
from cryptwire.storage.result_standings import ResultStandings
from cryptwire.storage.second_factors import SecondFactorRows
from cryptwire.storage.session_book import Lifetimes, SessionBook
from cryptwire.storage.sessions import Sessions
from cryptwire.storage.share_links import ShareLinks
from cryptwire.storage.sign_ups import SignUps
from cryptwire.storage.trade_columns import TradeColumnRows
from cryptwire.storage.trade_list import TradeList
from cryptwire.storage.users import Users
from cryptwire.storage.valued_trades import ValuedTrades
from cryptwire.texts import Texts

_log = Log(__name__)
NEEDS: Mapping[str, Needs] = {
    "/graphql": Needs("view", "app"),  # each operation is decided by its fields
    "/config.json": Needs("view", "app"),
    payments.PATH: Needs("deliver", "webhooks"),
    export.PATH: export.NEEDS,
    **exports.NEEDS,
    **reports.NEEDS,
    shared.PATH: shared.NEEDS,
    "": Needs("view", "app"),
}
"""What each route needs; no route is made without."""


_FOR_COLUMNS = 64 * 2**20
"""Bytes: columns of 50,000 trades, and what is made of them."""


async def main(settings: Settings, runtime: Runtime) -> None:
    """Serve until told to stop."""
    keep_memory(_FOR_COLUMNS)
    collect_seldom()  # a schema is 100,000 objects, and looking through them was a tenth of the work
    async with (
        opened(settings, runtime) as app,
        serving(app, settings.host, settings.port, ws_per_message_deflate=False, ws_max_size=MOST_BODY) as port,
    ):
        _log.info("serves", port=port)
        await runtime.stop.wait()


@asynccontextmanager
async def opened(settings: Settings, runtime: Runtime, passwords: Passwords | None = None) -> AsyncIterator[Starlette]:
    """The application with full paths, working while the block runs; database and NATS may come later.

    ``passwords``: what hashes them, argon2 with the library's defaults unless somebody brings another.
    """
    async with (
        database.connect(settings.database_url, "api", settings.connections) as db,
        redis.connect(settings.redis_url) as store,
        _gateway(settings) as gateway,
        _linking(settings, runtime, db, gateway) as (linking, arrivals),
        beating_at(runtime, settings.redis_url, "api") as heartbeat,
    ):
        await db.open()
        portfolios, changes = Portfolios(runtime.meters), Changes(runtime.clock, runtime.meters)
        acts, controls = Acts(runtime.meters), Controls(Assignments(db))
        trade_news = TradeNews(runtime.meters)
        limits = _limits(settings)
        known = None if settings.known_operations is None else read_manifest(settings.known_operations)
        persisted = Persisted(QueryTexts(store, runtime.clock), limits, known)
        sessions = Sessions(db, runtime.clock, AccessVerifier(settings.session_public_key_file, runtime.clock))
        permissions = Permissions()
        accounts = await _accounts(settings, runtime, db, store, sessions, changes, permissions, passwords)
        plans, test_page = Plans(db), settings.test_checkout_page
        figures = figure_sources(runtime.clock, db, store, portfolios, linking)
        points = Points(store, settings.points_a_minute, runtime.clock)
        links = _shares(settings, runtime, db, store, figures, permissions, changes)
        services = Services(
            sessions,
            Users(db),
            Hoppers(db),
            accounts,
            portfolios,
            changes,
            limits,
            points,
            settings.request_time,
            permissions,
            runtime.clock,
            runtime.meters,
            settings.is_development,
            plans,
            None if test_page is None else PlayedProvider(test_page, settings.billing_secret or "", runtime.clock),
            linking,
            arrivals,
            History(DailyStatistics(db), Flows(db), Hoppers(db), changes, runtime.clock),
            _told(settings, runtime, db),
            _rule_sets(runtime, db, controls, linking, changes),
            RuleHistory(rule_history.RuleHistory(db), Hoppers(db)),
            acts,
            figures,
            Dashboards(dashboards.Dashboards(db), Hoppers(db), changes),
            trade_news,
            links,
            Prices(LastPrices(store), runtime.clock),
            Targets(targets.Targets(db), Hoppers(db), changes),
        )
        if settings.is_warmed_up:
            await warm_up(services, persisted, settings.connections)
        billing = None
        if settings.billing_secret is not None:
            told = (settings.billing_secret, settings.billing_provider)
            billing = Billing(plans, changes, *told, runtime.clock, runtime.meters)
        listening, looking = (
            _listen(settings, runtime, portfolios, changes, arrivals, acts, trade_news, controls),
            keep_told(runtime, "database", partial(db.value, "SELECT 1")),
        )
        sockets = Sockets(
            services,
            persisted,
            settings.origins,
            settings.sockets_a_user,
            settings.subscriptions_a_socket,
            settings.socket_patience,
        )
        beats = heartbeat.looks(partial(db.value, "SELECT 1"), "a look at the database")
        watching = (changes.tick(), sockets.watch(), links.keep_views(), points.watch())
        async with jobs(runtime, listening, looking, beats, *watching):
            everything = Export(sessions, permissions, OwnData(db), runtime.clock, runtime.meters)
            door, outside = (Door(sessions, permissions, _room(settings), runtime.meters) for _ in range(2))
            linked = shared.SharePage(links, outside, runtime.meters, settings.trusted_proxies, settings.request_time)
            yield _app(
                settings,
                runtime,
                Endpoint(services, persisted, sockets, has_playground=settings.has_playground),
                everything,
                [*exports.routes(_files(db, figures), door), *reports.routes(figures, door), linked.route()],
                billing,
            )


@asynccontextmanager
async def _gateway(settings: Settings) -> AsyncIterator[GatewayClient | None]:
    if settings.gateway_address is None:
        yield None
        return
    identity = Identity(settings.certificates, "api")
    async with gateway_client.connect(settings.gateway_address, identity) as gateway:
        yield gateway


@asynccontextmanager
async def _linking(
    settings: Settings, runtime: Runtime, db: database.Database, gateway: GatewayClient | None
) -> AsyncIterator[tuple[Linking, Arrivals]]:
    """What links accounts, and what is done when somebody comes."""
    hoppers, queue = Hoppers(db), ImportQueue(settings.redis_url)
    linking = Linking(
        gateway,
        LinkStates(db),
        hoppers,
        Imports(db),
        queue,
        redirect_uri=f"{settings.public_url.rstrip('/')}/link/callback",
        scopes=settings.link_scopes,
    )
    arrivals = Arrivals(gateway, hoppers, queue, runtime.clock, runtime.meters)
    try:
        yield linking, arrivals
    finally:
        await arrivals.close()
        await queue.close()


def _told(settings: Settings, runtime: Runtime, db: database.Database) -> Told:
    seal = None if settings.webhook_key is None else Seal.read_from(settings.webhook_key, SEALED)
    development = settings.is_development
    return Told(Notices(db), OutgoingWebhooks(db), Texts(), seal, runtime.clock, is_development=development)


def _rule_sets(
    runtime: Runtime, db: database.Database, controls: Controls, linking: Linking, changes: Changes
) -> RuleSets:
    rows, intents, switches = rule_sets.RuleSets(db), rule_history.RuleHistory(db), KillSwitches(db)
    return RuleSets(rows, intents, switches, Hoppers(db), controls, linking, changes, runtime.clock)


def figure_sources(
    clock: Clock, db: database.Database, store: redis.Redis, portfolios: Portfolios, links: Links
) -> Sources:
    """What figures are made of, over the database and Redis."""
    return Sources(
        owners=Owners(db),
        portfolios=portfolios,
        clock=clock,
        days=DaySeries(db),
        series=CandleSeries(db),
        flows=Flows(db),
        balances=Balances(db),
        conversions=Conversions(RateSeries(db), clock),
        trade_list=TradeList(db),
        result_list=ResultList(db),
        standings=ResultStandings(db),
        kept=Kept(),
        trade_columns=TradeColumnRows(db),
        positions=Positions(db),
        open_lots=OpenLots(db),
        last_prices=LastPrices(store),
        health=HealthSources(
            HopperHealths(db),
            links,
            Heartbeats(store),
            Outages(db),
            asked.Sources(db),
            DailyStatistics(db),
            ExchangeRates(db),
        ),
        coins=MarketCaps(db),
        targets=targets.Targets(db),
    )


def _files(db: database.Database, figures: Sources) -> Files:
    return Files(figures, Candles(db), CandleSeries(db), DailyStatistics(db), ValuedTrades(db))


def _room(settings: Settings) -> Room:
    return Room(settings.exports, settings.exports_of_user, settings.export_time, settings.export_patience)


def _shares(
    settings: Settings,
    runtime: Runtime,
    db: database.Database,
    store: redis.Redis,
    figures: Sources,
    permissions: Permissions,
    changes: Changes,
) -> shares.Shares:
    wrong = Attempts(store, shares.rules(settings.address_attempts_a_minute), runtime.clock)
    return shares.Shares(ShareLinks(db), figures, wrong, permissions, changes, runtime.clock, settings.public_url)


async def _accounts(
    settings: Settings,
    runtime: Runtime,
    db: database.Database,
    store: redis.Redis,
    sessions: Sessions,
    changes: Changes,
    permissions: Permissions,
    passwords: Passwords | None,
) -> Accounts:
    mail_key = key_of(settings.mail_key)
    hashing = passwords
    if hashing is None:
        hashing = await asyncio.to_thread(Argon2Passwords)
    factors, lifetimes = SecondFactorRows(db), Lifetimes(settings.session_lifetime, settings.session_longest)
    book = SessionBook(db, lifetimes)
    limits = rules(settings.attempts_a_minute, settings.address_attempts_a_minute, settings.mails_an_hour)
    attempts = Attempts(store, limits, runtime.clock)
    entrance = Entrance(Users(db), hashing, factors, SecondFactors(mail_key), attempts, runtime.clock, runtime.meters)
    return Accounts(
        entrance=entrance,
        passwords=hashing,
        sessions=sessions,
        book=book,
        sign_ups=SignUps(db, book),
        changes=AccountChanges(db),
        links=OneTimeTokens(db),
        link_key=OneTimeKey(mail_key),
        factors=factors,
        api_tokens=ApiTokens(db),
        mails=Mails(db),
        signer=AccessSigner(key_of(settings.session_key_file), runtime.clock),
        permissions=permissions,
        hub=changes,
        clock=runtime.clock,
        trusted_proxies=settings.trusted_proxies,
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        settings.most_tokens,
        settings.most_depth,
        settings.most_aliases,
        settings.most_directives,
        settings.most_fields,
        settings.most_cost,
        settings.has_introspection,
    )


def _app(
    settings: Settings,
    runtime: Runtime,
    endpoint: Endpoint,
    everything: Export,
    files: Sequence[Route],
    billing: Billing | None,
) -> Starlette:
    demo = None
    if settings.is_development and settings.demo_email is not None:
        demo = {"email": settings.demo_email, "password": settings.demo_password or ""}

    async def config(_: Request) -> Response:
        return config_json(demo)

    return Starlette(
        routes=[
            Route("/graphql", endpoint),
            WebSocketRoute("/graphql", endpoint),
            *([Route(playground.SCRIPT_PATH, playground.script)] if settings.has_playground else []),
            Route("/config.json", config),
            Route(export.PATH, everything.on_get, methods=["GET"]),
            *files,
            *([] if billing is None else [Route(payments.PATH, billing.on_event, methods=["POST"])]),
            Mount("/", AppFiles(settings.app_folder)),
        ],
        middleware=[
            Middleware(Guard, meters=runtime.meters),
            Middleware(
                CORSMiddleware,  # for the native apps' pages; their tokens are let in, nobody's cookies
                allow_origins=settings.origins,
                allow_methods=("GET", "POST"),
                allow_headers=("authorization", "content-type", "x-cryptwire"),
                expose_headers=("x-cost",),
            ),
        ],
    )


async def _listen(
    settings: Settings,
    runtime: Runtime,
    portfolios: Portfolios,
    changes: Changes,
    arrivals: Arrivals,
    acts: Acts,
    trade_news: TradeNews,
    controls: Controls,
) -> None:
    runtime.health.mark("nats", is_met=False, word="not connected yet")
    async with messaging.connect(settings.nats_url, "api") as bus:
        await bus.subscribe(LIVE.all_live, portfolios.on_live)
        await bus.subscribe(LIVE.all_actions, acts.on_action)
        await bus.subscribe(LIVE.all_trades, trade_news.on_trade)
        await changes.listen(bus)
        arrivals.speak(bus)
        controls.speak(bus)
        await keep_told(runtime, "nats", bus.look)
