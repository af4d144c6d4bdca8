"""The tracker as it is deployed: its process, the servers, and a gateway that answers at once."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from bench import place, shard
from bench.place import Child, Place
from cryptwire.clock import SystemClock, to_us
from cryptwire.domain.candle import SPAN
from cryptwire.domain.ticker import Ticker
from cryptwire.storage import database, redis
from cryptwire.storage.accounts import Accounts
from cryptwire.storage.assignments import Assignments
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.last_prices import LastPrices
from cryptwire.storage.write_queue import WriteQueue
from devstack import certificates
from devstack.servers import free_port, listens
from tracker.logic.shard import Shard

POD = "bench"
COLUMNS = 500
_POLLED_EVERY = timedelta(minutes=5)
"""Between the plans' 60 s and 10 min; longer than a bench lasts, so that each hopper is polled once."""
_PATIENCE = 90.0


@asynccontextmanager
async def tracker(there: Place, hoppers: int) -> AsyncIterator[Child]:
    """A tracker's process whose pod is confirmed and holds nobody yet; ``hoppers`` are in the table, and are polled."""
    address = f"127.0.0.1:{free_port()}"
    certificates.issue(there.folder / "certificates", ("gateway", "tracker"), SystemClock().now())
    arguments = (address, str(there.folder / "certificates"), str(hoppers))
    async with confirmed(there, hoppers), place.module(there, "bench.played_gateway", *arguments) as gateway:
        await _price(there)
        async with asyncio.timeout(_PATIENCE):
            while not await asyncio.to_thread(listens, int(address.rpartition(":")[2])):
                if not gateway.process.is_running:
                    raise RuntimeError(gateway.process.last_words())
                await asyncio.sleep(0.1)
        async with place.service(there, "tracker", _told(there, address, SPAN)) as child:
            await child.ready("healthz")
            yield child


@asynccontextmanager
async def resumed_tracker(there: Place, hoppers: int, span: timedelta) -> AsyncIterator[Child]:
    """A tracker's process that goes on with ``hoppers`` as after a restart, when it is ready.

    It finds no last prices, so it polls nobody and needs no gateway.
    """
    certificates.issue(there.folder / "certificates", ("gateway", "tracker"), SystemClock().now())
    async with confirmed(there, hoppers):
        await assigned(there, hoppers)
        await _keep(there, hoppers, span)
        async with place.service(there, "tracker", _told(there, f"127.0.0.1:{free_port()}", span)) as child:
            await child.ready()
            yield child


def _told(there: Place, gateway_address: str, span: timedelta) -> dict[str, object]:
    servers = there.servers
    return {
        "pod": POD,
        "database_url": url_of("tracker", servers.postgres.url),
        "redis_url": servers.redis.url,
        "nats_url": servers.nats.url("tracker"),
        "gateway_address": gateway_address,
        "certificates": there.folder / "certificates",
        "span": span.total_seconds(),
    }


@asynccontextmanager
async def confirmed(there: Place, hoppers: int) -> AsyncIterator[None]:
    """The hoppers are in the table and the pod lives, while the block runs."""
    async with database.connect(there.servers.postgres.url, "bench", 2) as rows:
        await _settle(rows, hoppers)
        await Assignments(rows).confirm(POD)
        confirming = asyncio.create_task(_confirm(rows))
        try:
            yield
        finally:
            confirming.cancel()


async def assign(there: Place, child: Child, hoppers: int) -> float:
    """Give every hopper to the pod; the seconds until all of them are told live."""
    began = time.monotonic()
    await assigned(there, hoppers)
    async with asyncio.timeout(_PATIENCE):
        while (await child.meters()).get("cryptwire_tracker_live_hoppers", 0) < hoppers:  # noqa: ASYNC110 - a process
            await asyncio.sleep(0.25)
    return time.monotonic() - began


async def assigned(there: Place, hoppers: int) -> None:
    """Give every hopper to the pod."""
    async with database.connect(there.servers.postgres.url, "bench", 1) as rows:
        await Assignments(rows).assign([shard.hopper_id(number) for number in range(hoppers)], POD)


async def _keep(there: Place, hoppers: int, span: timedelta) -> None:
    """Accounts and the state of the shard, as a tracker that was there before kept them."""
    held, now = shard.world(hoppers), SystemClock().now()
    before = Shard(span)
    for column, pair in enumerate(held.pairs):
        before.on_price(to_us(now - 2 * span), pair, shard.start_price(column))
    for number in shard.MARKERS:
        before.on_price(to_us(now - 2 * span), shard.marker_pair(number), 100.0)
    async with redis.connect(there.servers.redis.url) as client:
        accounts = Accounts(client, POD)
        for number in range(hoppers):
            account = held.deployed_account(number)
            before.take_in(shard.hopper(number, "bench", _POLLED_EVERY), 1, account, now - 2 * span)
            await accounts.keep(account)
        now = SystemClock().now()
        before.advance(to_us(now))
        await WriteQueue(client).push([], POD, before.state(now))


async def _confirm(rows: Database) -> None:
    while True:
        await asyncio.sleep(3)
        await Assignments(rows).confirm(POD)


async def _settle(rows: Database, hoppers: int) -> None:
    """A user with one hopper each."""
    await rows.execute(
        "WITH people AS (INSERT INTO users (email, password_hash, plan)"
        " SELECT 'bench' || n || '@example.com', '-', 'pro' FROM generate_series(0, $1::int - 1) n"
        " RETURNING user_id, substr(split_part(email, '@', 1), 6)::int AS n)"
        " INSERT INTO hoppers (hopper_id, user_id, name, exchange, base_currency, is_paper, refresh_seconds)"
        " SELECT (1000000 + n)::text, user_id, 'bench ' || n, $2, $3, false, $4 FROM people",
        hoppers,
        shard.EXCHANGE,
        shard.BASE,
        int(_POLLED_EVERY.total_seconds()),
    )
    await rows.execute("ANALYZE")


async def _price(there: Place) -> None:
    """Last prices of every pair, as the streamer keeps them."""
    now = SystemClock().now()
    pairs = [(pair, shard.start_price(column)) for column, pair in enumerate(shard.world(1, columns=COLUMNS).pairs)]
    pairs += [(shard.marker_pair(number), 100.0) for number in shard.MARKERS]
    tickers = [Ticker(pair, price, None, None, None, now, "kept", 0) for pair, price in pairs]
    async with redis.connect(there.servers.redis.url) as client:
        await LastPrices(client).put(tickers)
