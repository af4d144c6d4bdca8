"""Two thousand charts on one datafeed: from the publication of a live portfolio to the socket.

The datafeed's own process; another process holds the sockets, one chart each (four each where the limit of open files
wants it), every chart another hopper's; this one publishes the live portfolio of each hopper every 2 s, one after the
other as a tracker's round does. The time is that from just before a message is published to the moment the client has
its bar, on one machine and one clock.
"""

import asyncio
import json
import resource
import time

from bench import place
from bench.place import Child, until_ended
from bench.report import Row, at_most, median, percentile, told
from cryptwire.clock import SystemClock, to_us
from cryptwire.domain.hopper import HopperId
from cryptwire.messaging import bus as messaging
from cryptwire.messaging.bus import NatsBus
from cryptwire.messaging.subjects import LIVE
from cryptwire.storage import database
from cryptwire.storage.database import url_of
from cryptwire.storage.users import Users
from devstack.servers import free_port
from generated.wire.v1 import candle_pb2, portfolio_pb2
from tests.signing import issued, personal_token

CHARTS, SECONDS = 2_000, 20
_EVERY = 2.0
_SPARE_FILES = 200
_READY_SECONDS = 60.0
_SPAN_US = 900_000_000


async def measure() -> list[Row]:
    """Milliseconds to the socket."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    sockets = CHARTS if limit >= CHARTS + _SPARE_FILES else CHARTS // 4
    async with place.opened() as there:
        owner_url = there.servers.postgres.url
        async with database.connect(owner_url, "bench", 2) as owner:
            user = await Users(owner).add("bench@example.com", "-", "Europe/Berlin", "USD", "pro")
            await owner.execute(
                "INSERT INTO hoppers SELECT n::text, $1::text::uuid, 'bench ' || n, 'binance', 'USDT', false, 60"
                " FROM generate_series(0, $2::int - 1) n",
                user,
                CHARTS,
            )
            secret = await personal_token(owner, user)
            keys = issued(there.folder / "keys")
        port = free_port()
        told_it = {
            "database_url": url_of("datafeed", owner_url),
            "nats_url": there.servers.nats.url("datafeed"),
            "session_public_key_file": keys.session_public_key_file,
        }
        arguments = (f"http://127.0.0.1:{port}/stream", secret, str(CHARTS), str(sockets), str(SECONDS))
        async with (
            place.service(there, "datafeed", {**told_it, "port": port}) as datafeed,
            messaging.connect(there.servers.nats.admin_url, "bench") as bus,
        ):
            await datafeed.ready()
            async with place.module(there, "bench.stream_clients", *arguments) as clients:
                stop = asyncio.Event()
                publishing = asyncio.create_task(_publish(bus, stop))
                try:
                    await _subscribed(clients)
                    began, before = time.monotonic(), datafeed.usage().cpu_seconds
                    said = json.loads((await until_ended(clients, SECONDS + 30)).splitlines()[-1])
                    share = (datafeed.usage().cpu_seconds - before) / (time.monotonic() - began)
                finally:
                    stop.set()
                    rounds = await publishing
            memory = datafeed.usage().rss_bytes / 1e6
    took = [seconds * 1e3 for seconds in said["took"]]
    note = f" (p50 {median(took):.0f} ms, {len(took):,} bars over {sockets:,} sockets)"
    return [
        at_most(f"stream: {CHARTS:,} charts, live message to socket, p99", percentile(took, 0.99), 250, "ms", note),
        told("stream: the datafeed's process", share * 100, "% of a core", f", {memory:.0f} MB"),
        told("stream: publishing all once", median(rounds), "s", f"; sockets that broke: {said['broken']}"),
    ]


async def _subscribed(clients: Child) -> None:
    """Return when every chart had its first bar."""
    async with asyncio.timeout(_READY_SECONDS):
        while "ready" not in clients.process.log.read_text():
            if not clients.process.is_running:
                raise RuntimeError(clients.process.last_words())
            await asyncio.sleep(0.1)


async def _publish(bus: NatsBus, stop: asyncio.Event) -> list[float]:
    """Rounds of live portfolios until ``stop``; seconds that each took."""
    clock, took = SystemClock(), []
    now = to_us(clock.now())
    opened_at = now - now % _SPAN_US  # one candle for the whole run: no boundary is measured here
    turn = 0
    while not stop.is_set():
        turn += 1
        began = time.monotonic()
        for number in range(CHARTS):
            at, value = to_us(clock.now()), 1000.0 + number + turn / 100
            message = portfolio_pb2.Portfolio(
                hopper_id=str(number),
                at_us=at,
                base_currency="USDT",
                candle=candle_pb2.Candle(
                    hopper_id=str(number),
                    opened_at_us=opened_at,
                    open=1000.0 + number,
                    high=value,
                    low=1000.0 + number,
                    close=value,
                    quality=candle_pb2.QUALITY_COMPLETE,
                    fence=1,
                ),
                is_fresh=True,
                prices_at_us=at,
                assets_at_us=at,
                assets=[f"C{asset}" for asset in range(10)],
                quantities=["1.5"] * 10,
                prices=[100.0] * 10,
            )
            await bus.publish(LIVE.live(HopperId(str(number))), message.SerializeToString())
            if number % 250 == 249:
                await asyncio.sleep(0)
        took.append(time.monotonic() - began)
        await asyncio.sleep(max(0.0, _EVERY - took[-1]))
    return took
