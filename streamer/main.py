"""Wiring of the streamer."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

from cryptwire.domain.hopper import Exchange
from cryptwire.errors import Unavailable
from cryptwire.heartbeat import Heartbeat, beating, instance
from cryptwire.messaging import bus as messaging
from cryptwire.messaging.bus import NatsBus
from cryptwire.messaging.subjects import LIVE
from cryptwire.runtime import Runtime
from cryptwire.storage import redis as connections
from cryptwire.storage.last_prices import LastPrices
from cryptwire.storage.lease import Lease
from cryptwire.storage.redis import LIVE_KEYS, Redis
from streamer.adapters import CcxtSource
from streamer.handlers import Candles, Streamer
from streamer.settings import Settings

_QUEUE = "streamer"


class LateBus:
    """A bus that may come after prices do: not connected until then."""

    def __init__(self) -> None:
        self.bus: NatsBus | None = None

    @property
    def is_connected(self) -> bool:
        return self.bus is not None and self.bus.is_connected

    async def publish(self, subject: str, payload: bytes) -> None:
        if self.bus is None:
            raise Unavailable("NATS is not there yet")
        await self.bus.publish(subject, payload)


async def main(settings: Settings, runtime: Runtime) -> None:
    """Stream until ``stop`` is set; then the leases are let go, so that another replica goes on at once."""
    stopping = asyncio.create_task(runtime.stop.wait())
    working = asyncio.create_task(_work(settings, runtime))
    try:
        await asyncio.wait({stopping, working}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        if working.cancel():
            await asyncio.gather(working, return_exceptions=True)
    if not working.cancelled():
        working.result()


async def _work(settings: Settings, runtime: Runtime) -> None:
    poll_every = timedelta(seconds=settings.poll_seconds)
    wire = LateBus()
    async with connections.connect(settings.redis_url) as redis, AsyncExitStack() as beats:
        sources: list[CcxtSource] = []
        try:
            for name in settings.exchanges:
                endpoint = settings.endpoints.get(name, {})
                sources.append(CcxtSource(Exchange(name), endpoint, runtime.clock, poll_every))
            async with asyncio.TaskGroup() as group:
                group.create_task(_answer(settings, runtime, sources, wire))
                for source in sources:
                    name = f"{source.exchange}.{instance()}"  # one exchange may hang and the others go on
                    heartbeat = await beats.enter_async_context(beating(runtime, redis, "streamer", name))
                    group.create_task(_streamer(source, redis, wire, settings, runtime, heartbeat).run())
        finally:
            await asyncio.gather(*(source.close() for source in sources))


def _streamer(
    source: CcxtSource, redis: Redis, wire: LateBus, settings: Settings, runtime: Runtime, heartbeat: Heartbeat
) -> Streamer:
    exchange = source.exchange
    lease = Lease(redis, f"{LIVE_KEYS}lease:streamer:{exchange}", timedelta(seconds=settings.lease_seconds))
    return Streamer(
        source,
        lease,
        LastPrices(redis),
        wire,
        settings,
        runtime.clock,
        runtime.meters,
        runtime.health.mark,
        heartbeat.done,
    )


async def _answer(settings: Settings, runtime: Runtime, sources: list[CcxtSource], wire: LateBus) -> None:
    """Hold the connection to NATS, and answer about candles, forever."""
    async with messaging.connect(settings.nats_url, "streamer") as bus:
        wire.bus = bus
        answering = [Candles(source, bus.publish, runtime.meters) for source in sources]
        try:
            for source, candles in zip(sources, answering, strict=True):
                await bus.subscribe(LIVE.all_candles(source.exchange), candles.on_request, queue=_QUEUE)
            await asyncio.Event().wait()
        finally:
            await asyncio.gather(*(candles.close() for candles in answering))
