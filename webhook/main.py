"""Wiring of the webhook receiver."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from starlette.applications import Starlette
from starlette.routing import Route

from cryptwire import gateway_client
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.domain.trade import Trade
from cryptwire.gateway_client import GatewayClient, Identity
from cryptwire.heartbeat import beating_at
from cryptwire.messaging import bus as messaging
from cryptwire.permissions import Needs, Permissions, Roles
from cryptwire.runtime import Runtime, jobs, serving
from cryptwire.storage import database
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.strange_calls import StrangeCalls
from cryptwire.storage.trades import Trades
from cryptwire.storage.webhook_hints import WebhookHints
from webhook.handlers.aside import Waiting
from webhook.handlers.reads import Reads
from webhook.handlers.receiver import Receiver
from webhook.logic import Secrets
from webhook.ports import TradeList
from webhook.settings import Settings

PATH = "/webhooks/cryptohopper"
NEEDS: Mapping[str, Needs] = {PATH: Needs("deliver", "webhooks")}
"""What each route needs; Cryptohopper is a stranger to us, and is believed for its signature."""
_FINISH_SECONDS = 5.0
_WITHIN = timedelta(seconds=10)  # who has no budget is told so, and waits here and not in a place of another's


class GatewayTrades:
    """The trade list as the gateway reads it."""

    def __init__(self, gateway: GatewayClient) -> None:
        self._gateway = gateway

    async def since(self, user: UserId, hopper: HopperId, since: datetime) -> list[Trade]:
        return await self._gateway.trades_since(user, hopper, since, within=_WITHIN)


@asynccontextmanager
async def opened(settings: Settings, runtime: Runtime) -> AsyncIterator[Starlette]:
    """The application, with its whole path; on the way out what is wanted is read, for some seconds at most."""
    identity = Identity(settings.certificates, "webhook")
    async with (
        gateway_client.connect(settings.gateway_address, identity) as gateway,
        reading(settings, runtime, GatewayTrades(gateway)) as app,
    ):
        yield app


@asynccontextmanager
async def reading(settings: Settings, runtime: Runtime, trade_list: TradeList) -> AsyncIterator[Starlette]:
    """``opened``, with a trade list handed in."""
    async with (
        database.connect(settings.database_url, "webhook") as rows,
        messaging.connect(settings.nats_url, "webhook") as bus,
        beating_at(runtime, settings.redis_url, "webhook") as heartbeat,
    ):
        reads = Reads(
            trade_list,
            Hoppers(rows),
            Trades(rows),
            WebhookHints(rows),
            bus,
            runtime.clock,
            runtime.meters,
            every=settings.read_every,
            most=settings.queue_size,
            rate=settings.reads_a_second,
        )
        aside = Waiting(
            StrangeCalls(rows, settings.strange_a_day, settings.strange_bytes), runtime.clock, runtime.meters
        )
        secrets = Secrets(settings.app_secret, settings.shared_secret)
        receiver = Receiver(secrets, settings.verification_code, reads, aside, runtime.clock, runtime.meters)
        runtime.health.mark("webhook", True, "receives")
        try:
            looking = heartbeat.looks(lambda: rows.value("SELECT 1"), "a look at the database")
            async with jobs(runtime, aside.run(), looking):
                yield Starlette(routes=routes(receiver, Permissions()))
        finally:
            await reads.finish(_FINISH_SECONDS)
            await aside.flush()
            await bus.drain()


def routes(receiver: Receiver, permissions: Permissions) -> list[Route]:
    """The one route; none when the policy lets no stranger deliver."""
    if not permissions.can(Roles(), NEEDS[PATH]):
        return []
    return [Route(PATH, receiver.on_call, methods=["POST"])]


async def main(settings: Settings, runtime: Runtime) -> None:
    """Receive until ``stop`` is set."""
    async with opened(settings, runtime) as app, serving(app, settings.host, settings.port):
        await runtime.stop.wait()
