"""Wiring of the API."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from api.adapters import Argon2Passwords
from api.handlers.changes import Changes
from api.handlers.graphql import Endpoint
from api.handlers.live import Portfolios
from api.handlers.persisted import Persisted, read_manifest
from api.handlers.web import AppFiles, Guard, config_json
from api.logic import Attempts
from api.schema.context import Services
from api.schema.cost import Limits
from api.settings import Settings
from cryptwire.log import Log
from cryptwire.messaging import bus as messaging
from cryptwire.messaging.subjects import LIVE
from cryptwire.permissions import Permissions
from cryptwire.runtime import Runtime, jobs, keep_told, serving
from cryptwire.storage import database, redis
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.points import Points
from cryptwire.storage.query_texts import QueryTexts
from cryptwire.storage.sessions import Sessions
from cryptwire.storage.users import Users

_log = Log(__name__)


async def main(settings: Settings, runtime: Runtime) -> None:
    """Serve until told to stop."""
    async with opened(settings, runtime) as app, serving(app, settings.host, settings.port) as port:
        _log.info("serves", port=port)
        await runtime.stop.wait()


@asynccontextmanager
async def opened(settings: Settings, runtime: Runtime) -> AsyncIterator[Starlette]:
    """The application with full paths, working while the block runs; database and NATS may come later."""
    async with (
        database.connect(settings.database_url, "api", settings.connections) as db,
        redis.connect(settings.redis_url) as store,
    ):
        portfolios, changes = Portfolios(runtime.meters), Changes(runtime.clock, runtime.meters)
        limits = _limits(settings)
        known = None if settings.known_operations is None else read_manifest(settings.known_operations)
        persisted = Persisted(QueryTexts(store, runtime.clock), limits, known)
        services = Services(
            Sessions(db, runtime.clock),
            Users(db),
            Hoppers(db),
            await asyncio.to_thread(Argon2Passwords),
            portfolios,
            changes,
            limits,
            Points(store, settings.points_a_minute, runtime.clock),
            settings.request_time,
            Attempts(settings.attempts_a_minute),
            Permissions(),
            runtime.clock,
            runtime.meters,
            settings.session_lifetime,
            settings.is_development,
        )
        listening, looking = (
            _listen(settings, runtime, portfolios, changes),
            keep_told(runtime, "database", partial(db.value, "SELECT 1")),
        )
        async with jobs(runtime, listening, looking, changes.tick()):
            yield _app(settings, runtime, services, persisted)


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


def _app(settings: Settings, runtime: Runtime, services: Services, persisted: Persisted) -> Starlette:
    demo = None
    if settings.is_development and settings.demo_email is not None:
        demo = {"email": settings.demo_email, "password": settings.demo_password or ""}

    async def config(_: Request) -> Response:
        return config_json(demo)

    return Starlette(
        routes=[
            Route("/graphql", Endpoint(services, persisted)),
            Route("/config.json", config),
            Mount("/", AppFiles(settings.app_folder)),
        ],
        middleware=[Middleware(Guard, meters=runtime.meters)],
    )


async def _listen(settings: Settings, runtime: Runtime, portfolios: Portfolios, changes: Changes) -> None:
    runtime.health.mark("nats", is_met=False, word="not connected yet")
    async with messaging.connect(settings.nats_url, "api") as bus:
        await bus.subscribe(LIVE.all_live, portfolios.on_live)
        await changes.listen(bus)
        await keep_told(runtime, "nats", bus.look)
