"""Ticks a second of a whole replay: NATS with flow control, tracker, Redis, writer, database.

Over the folder named by ``CRYPTWIRE_MARKET_DATA`` (default: ``../shared/data/market``), else over generated bars.
"""

import json
import tempfile
import time
from pathlib import Path

from bench import place
from bench.report import Row, told
from cryptwire.domain.hopper import Asset
from replay.main import Addresses, replay
from replay.recorded import read_folder
from tests import market


async def measure() -> list[Row]:
    """The rate of one replay with every pair that is recorded, reading the files included."""
    with tempfile.TemporaryDirectory() as own:
        recorded = market.recorded_folder()
        folder = recorded or market.make_bars(Path(own), days=40)
        recording = read_folder(folder)
        quote = recording.pairs[0].quote
        assets = {pair.base: "10" for pair in recording.pairs if pair.quote == quote}
        portfolio = Path(own) / "portfolio.json"
        portfolio.write_text(json.dumps({"hopper": "bench", "assets": assets}))
        async with place.opened() as there:
            servers = there.servers
            addresses = Addresses(servers.postgres.url, servers.redis.url, servers.nats.url("replay"))
            began = time.perf_counter()
            candles = await replay(folder, portfolio, Asset(quote), addresses, is_quiet=True)
            took = time.perf_counter() - began
    what = "recorded bars" if recorded else "generated bars"
    note = f" ({len(recording):,} ticks of {what}, {len(candles):,} candles, {took:.1f} s)"
    return [told(f"replay: {len(assets)} pairs, whole chain", len(recording) / took, "ticks/s", note)]
