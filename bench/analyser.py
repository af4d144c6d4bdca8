"""What figures cost: the analyser's process as it is deployed, with 10,000 hoppers × 12 indicators each 2 s.

Real NATS, Redis and PostgreSQL; another process plays tracker and controller: it publishes a live message of every
hopper each 2 s in one burst, wants twelve figures of each, renews its leases, and watches how long figures take. CPU is
that of the analyser's process, all included: what NATS brings, decoding, computing, encoding, publishing, leases.
"""

import asyncio
import json
import time

from bench import deployed, place
from bench.place import Child, Place, until_ended
from bench.report import Row, at_most, median, percentile, told
from cryptwire.storage import database
from cryptwire.storage.database import url_of

HOPPERS = 10_000
CANDLES = 50
SECONDS = 30.0
KEYS = (
    *("sma(length=20)@15", "ema(length=20)@15", "rsi(length=14)@15", "macd@15", "macd.signal@15", "bollinger.upper@15"),
    *("bollinger.lower@15", "atr@15", "stochastic.k@15", "adx@15", "cci@15", "supertrend@15"),
)
_PATIENCE = 150.0
# Prices walk round 1000 and the hopper's number; rows lie as they were written, boundary by boundary.
_FILL = """
    INSERT INTO candles (hopper_id, opened_at, open, high, low, close, gap, quality, fence)
    SELECT (1000000 + h)::text, to_timestamp(c * 900), 1000 + h, (1000 + h) * (1.01 + 0.005 * sin(c + h)),
           (1000 + h) * (0.99 + 0.005 * sin(c * 2 + h)), (1000 + h) * (1 + 0.004 * sin(c * 3 + h)), 0, 3, 1
      FROM generate_series($2::bigint - $3, $2::bigint - 1) c, generate_series(0, $1::int - 1) h
"""


async def measure() -> list[Row]:
    """The analyser's process under a shard."""
    async with place.opened() as there, deployed.confirmed(there, HOPPERS):
        await deployed.assigned(there, HOPPERS)
        async with database.connect(there.servers.postgres.url, "bench", 1) as rows:
            await rows.execute(_FILL, HOPPERS, int(time.time()) // 900, CANDLES)
            await rows.execute("ANALYZE candles")
        servers = there.servers
        told_it: dict[str, object] = {
            "pod": deployed.POD,
            "database_url": url_of("analyser", servers.postgres.url),
            "redis_url": servers.redis.url,
            "nats_url": servers.nats.url("analyser"),
        }
        async with place.service(there, "analyser", told_it) as analyser:
            await analyser.ready()
            before = analyser.usage().rss_bytes
            return await _under_load(there, analyser, before)


async def _under_load(there: Place, analyser: Child, before: int) -> list[Row]:
    arguments = (there.servers.nats.admin_url, str(HOPPERS), str(SECONDS), *KEYS)
    async with place.module(there, "bench.analyser_source", *arguments) as source:
        async with asyncio.timeout(_PATIENCE):
            while "ready" not in source.process.log.read_text():
                if not source.process.is_running:
                    raise RuntimeError(source.process.last_words())
                await asyncio.sleep(0.1)
        began, start = time.monotonic(), analyser.usage()
        await asyncio.sleep(SECONDS - 2)
        took, end = time.monotonic() - began, analyser.usage()
        meters = await analyser.meters()
        said = json.loads((await until_ended(source, SECONDS + 30)).splitlines()[-1])
    share = (end.cpu_seconds - start.cpu_seconds) / took
    expected = len(said["rounds"]) * HOPPERS
    arrays = meters["cryptwire_analyser_panel_bytes"] / HOPPERS
    size = f"analyser: {HOPPERS:,} hoppers × {len(KEYS)} indicators each 2 s"
    note = f" (p50 {median(said['took']):.2f} s, {len(said['took']):,} watched; {expected - said['told']:,} not told)"
    return [
        at_most(size, share * 100, 50, "% of a core", f", {share * 2 / HOPPERS * 1e6:.0f} µs a hopper and message"),
        told("analyser: live message to figures, p99", percentile(said["took"], 0.99), "s", note),
        told("analyser: publishing a round of all", median(said["rounds"]), "s"),
        told("analyser: until all are wanted and complete", said["complete"], "s", f"; wanted {said['wanted']:.1f} s"),
        told("analyser: memory of a hopper", (end.rss_bytes - before) / HOPPERS / 1000, "KB",
             f" ({before / 1e6:.0f} MB without; arrays {arrays:.0f} bytes)"),
        told("analyser: wanted a core and got none (others disturb)",
             (end.waited_seconds - start.waited_seconds) / took * 100, "% of the time",
             f"; warnings in its log: {analyser.faults()}; wishes not answered: {said['unanswered']}"),
    ]  # fmt: skip
