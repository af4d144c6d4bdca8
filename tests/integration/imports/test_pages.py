"""A long history goes through in pages: what an import holds in memory does not grow with it."""

import gc
import tracemalloc
from datetime import timedelta
from pathlib import Path

from cryptwire import gateway_client
from cryptwire.clock import SystemClock
from cryptwire.gateway_client import Identity
from cryptwire.memory.bus import MemoryBus
from cryptwire.memory.clock import HandClock
from cryptwire.metrics import Meters
from cryptwire.storage import database
from cryptwire.storage.database import url_of
from cryptwire.storage.hopper_configs import HopperConfigs
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.imports import Imports
from cryptwire.storage.positions import Positions
from processor.handlers.hoppers import HopperLooks
from processor.handlers.imports import Importer
from tests.integration.imports.played import linked, played, playing
from tests.integration.imports.test_hoppers import Queue
from tests.integration.imports.test_kills import IS_FULL
from tests.integration.imports.victim import PlayedBackfill
from tests.unit.processor.twins import broken_links

FEW, MANY = 500, 100_000 if IS_FULL else 6_000
MOST_MORE = 4_000_000  # bytes; 6,000 trades as objects are about 9 MB, 100,000 about 150 MB


async def test_what_an_import_holds_does_not_grow_with_the_trades(database_url: str, tmp_path: Path) -> None:
    peaks = []
    folder, clock = tmp_path / "certificates", SystemClock()
    async with (
        playing(folder, played(hoppers=[], page=500)) as account,
        database.connect(database_url, "test") as owner,
        database.connect(url_of("processor", database_url), "test") as rows,
        gateway_client.connect(account.address, Identity(folder, "processor")) as gateway,
    ):
        hoppers, imports, bus, meters = Hoppers(rows), Imports(rows), MemoryBus(), Meters()
        broken = broken_links(bus, HandClock())[0]
        looks = HopperLooks(gateway, hoppers, imports, Queue([]), bus, clock, meters, broken, at_once=1)
        importer = Importer(
            "worker", gateway, imports, hoppers, looks, HopperConfigs(rows), Positions(rows), PlayedBackfill(),
            Queue([]), bus, clock, meters, patience=timedelta(minutes=1), gives_up=timedelta(seconds=1),
        )  # fmt: skip
        for number, trades in enumerate((FEW, FEW, MANY)):
            account.hoppers, account.trades = [linked(str(number))], trades
            user = await owner.value(
                "INSERT INTO users (email, password_hash) VALUES ($1, '') RETURNING user_id::text", f"{number}@x.test"
            )
            await imports.ask(user)
            gc.collect()
            tracemalloc.start()
            await importer.work(user)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            assert await owner.value("SELECT state FROM imports WHERE user_id = $1::text::uuid", user) == "done"
            stored = await owner.value("SELECT count(*) FROM trades WHERE hopper_id = $1", str(number))
            assert (
                stored
                == trades
                == await owner.value("SELECT trades FROM import_hoppers WHERE hopper_id = $1", str(number))
            )
    assert peaks[2] - peaks[1] < MOST_MORE, peaks
