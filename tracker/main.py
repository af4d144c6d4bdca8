"""The tracker's wiring."""

from cryptwire import gateway_client
from cryptwire.gateway_client import Identity
from cryptwire.heartbeat import beating
from cryptwire.messaging import bus as messaging
from cryptwire.messaging.subjects import LIVE
from cryptwire.runtime import Runtime
from cryptwire.storage import database, redis
from cryptwire.storage.accounts import Accounts
from cryptwire.storage.assignments import Assignments
from cryptwire.storage.last_prices import LastPrices
from cryptwire.storage.trades import Trades
from cryptwire.storage.write_queue import WriteQueue
from tracker.adapters import GatewayBalances
from tracker.handlers import Tracker
from tracker.logic.shard import Shard
from tracker.settings import Settings


async def main(settings: Settings, runtime: Runtime) -> None:
    """Track until told to stop, then finish what was begun."""
    runtime.health.mark("live", False, "no live candle yet")
    async with (
        database.connect(settings.database_url, "tracker", 2) as rows,
        redis.connect(settings.redis_url) as values,
        gateway_client.connect(settings.gateway_address, Identity(settings.certificates, "tracker")) as gateway,
        messaging.connect(settings.nats_url, "tracker") as bus,
        beating(runtime, values, "tracker", settings.pod) as heartbeat,
    ):
        tracker = Tracker(
            settings.pod,
            Shard(settings.span),
            duties=Assignments(rows),
            balances=GatewayBalances(gateway, runtime.clock),
            accounts=Accounts(values, settings.pod),
            prices=LastPrices(values),
            candles=WriteQueue(values),
            trades=Trades(rows),
            flows=WriteQueue(values, what="flows"),
            bus=bus,
            world=LIVE,
            clock=runtime.clock,
            meters=runtime.meters,
            live_every=settings.live_every,
            on_live=lambda count: runtime.health.mark("live", True, f"{count} hoppers"),
            on_round=lambda: heartbeat.done("a live round"),
        )
        await tracker.run(runtime.stop)
        await bus.drain()  # before the queue closes: messages already taken still need it
