"""The analyser's wiring."""

import secrets
from datetime import timedelta
from functools import partial

from analyser.adapters import StoredFlows, StreamedCandles
from analyser.handlers.hoppers import Hoppers
from analyser.handlers.pairs import Pairs
from analyser.handlers.reading import Reader
from analyser.handlers.replaying import Replaying
from analyser.handlers.service import Analyser
from analyser.settings import Settings
from cryptwire.domain.ticker import Pair
from cryptwire.heartbeat import beating
from cryptwire.messaging import bus as messaging
from cryptwire.messaging.subjects import LIVE
from cryptwire.runtime import Runtime, jobs, keep_told
from cryptwire.storage import database, redis
from cryptwire.storage.assignments import Assignments
from cryptwire.storage.candle_series import CandleSeries
from cryptwire.storage.last_prices import LastPrices
from cryptwire.storage.lease import Lease
from cryptwire.storage.redis import LIVE_KEYS
from cryptwire.storage.zones import Zones

_LEASE = timedelta(seconds=10)


async def main(settings: Settings, runtime: Runtime) -> None:
    """Analyse until told to stop."""
    runtime.health.mark("rounds", False, "no round yet")
    async with (
        database.connect(settings.database_url, "analyser", settings.connections) as rows,
        redis.connect(settings.redis_url) as values,
        messaging.connect(settings.nats_url, "analyser") as bus,
        beating(runtime, values, "analyser", settings.pod) as heartbeat,
    ):
        session = secrets.token_hex(8)
        clock, meters = runtime.clock, runtime.meters
        reader = Reader(CandleSeries(rows), StoredFlows(rows), Zones(rows), clock, meters, span=settings.span)
        hoppers = Hoppers(session, bus, LIVE, clock, meters, reader.ask, span=settings.span, gather=settings.gather)

        def lease_of(pair: Pair) -> Lease:
            return Lease(values, f"{LIVE_KEYS}lease:analyser:{LIVE.pair_figures(pair)}", _LEASE)

        pairs = Pairs(session, StreamedCandles(bus, LIVE), LastPrices(values), lease_of, bus, LIVE, clock, meters)

        def on_round(count: int) -> None:
            runtime.health.mark("rounds", True, f"figures of {count} hoppers and pairs")
            heartbeat.done("a round of figures")

        analyser = Analyser(
            settings.pod,
            hoppers,
            pairs,
            reader,
            Assignments(rows),
            bus,
            LIVE,
            clock,
            meters,
            replaying=Replaying(
                *(CandleSeries(rows), StoredFlows(rows), Zones(rows), StreamedCandles(bus, LIVE), bus, clock, meters),
                settings.span,
            ),
            readers=settings.connections,
            pairs_every=settings.pairs_every,
            on_round=on_round,
        )
        async with jobs(runtime, keep_told(runtime, "database", partial(rows.value, "SELECT 1")),
                        keep_told(runtime, "nats", bus.look)):  # fmt: skip
            await analyser.run(runtime.stop)
            await bus.drain()
