"""A long history goes through in pages: what an import holds in memory does not grow with it."""

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from cryptwire import gateway_client
from cryptwire.clock import SystemClock
from cryptwire.domain.hopper import UserId
from cryptwire.gateway_client import Identity
from cryptwire.memory.bus import MemoryBus
from cryptwire.memory.clock import HandClock
from cryptwire.metrics import Meters
from cryptwire.storage import database
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.hopper_configs import HopperConfigs
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.imports import Imports
from cryptwire.storage.positions import Positions
from processor.handlers.hoppers import HopperLooks
from processor.handlers.imports import Importer
from tests.integration.imports.conftest import until
from tests.integration.imports.played import PlayedAccount, linked, played, playing
from tests.integration.imports.test_hoppers import Queue
from tests.integration.imports.test_kills import IS_FULL
from tests.integration.imports.victim import PlayedBackfill
from tests.unit.processor.twins import broken_links

FEW, MANY = 500, 100_000 if IS_FULL else 6_000
MOST_MORE = 4_000_000  # bytes; 6,000 trades as objects are about 9 MB, 100,000 about 150 MB


@dataclass
class Stage:
    """An importer in this process, and the account that it reads."""

    account: PlayedAccount
    owner: Database
    importer: Importer
    imports: Imports
    bus: MemoryBus

    async def user(self, number: int, trades: int) -> UserId:
        """Who has one hopper with so many trades, and an import that nobody has begun."""
        self.account.hoppers, self.account.trades = [linked(str(number))], trades
        query = "INSERT INTO users (email, password_hash) VALUES ($1, '') RETURNING user_id::text"
        user = UserId(await self.owner.value(query, f"{number}@x.test"))
        await self.imports.ask(user)
        return user

    async def peak(self, user: UserId) -> int:
        """Bytes that working at this import takes at most."""
        gc.collect()
        tracemalloc.start()
        await self.importer.work(user)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    async def is_whole(self, user: UserId, number: int, trades: int) -> bool:
        """Whether it is done, and every trade stored and counted."""
        state = await self.owner.value("SELECT state FROM imports WHERE user_id = $1::text::uuid", user)
        counted = await self.owner.value("SELECT trades FROM import_hoppers WHERE hopper_id = $1", str(number))
        return bool(state == "done" and await self.stored(number) == counted == trades)

    async def stored(self, number: int) -> int:
        """Trades of that hopper."""
        return int(await self.owner.value("SELECT count(*) FROM trades WHERE hopper_id = $1", str(number)))

    async def has_begun(self, number: int) -> bool:
        """Whether a page of it is stored."""
        return await self.stored(number) > 0

    def told(self) -> int:
        """How many trades were told of."""
        return sum(subject.startswith("trade.") for subject, _ in self.bus.published)


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
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
        yield Stage(account, owner, importer, imports, bus)


async def test_what_an_import_holds_does_not_grow_with_the_trades(stage: Stage) -> None:
    peaks = []
    for number, trades in enumerate((FEW, FEW, MANY)):
        user = await stage.user(number, trades)
        peaks.append(await stage.peak(user))
        assert await stage.is_whole(user, number, trades)
    assert peaks[2] - peaks[1] < MOST_MORE, peaks


async def test_one_that_is_taken_up_again_holds_no_more_and_tells_no_past(stage: Stage) -> None:
    peaks = []
    for number, trades in enumerate((2 * FEW, 2 * FEW, MANY)):
        user = await stage.user(number, trades)
        stage.account.seconds = 0.2
        cut = asyncio.create_task(stage.importer.work(user))
        await until(partial(stage.has_begun, number))
        cut.cancel()
        await asyncio.wait({cut})
        assert await stage.stored(number) < trades
        stage.account.seconds, told = 0, stage.told()
        peaks.append(await stage.peak(user))
        assert await stage.is_whole(user, number, trades)
        assert stage.told() - told == 1, "the newest, from which others learn that there is something to read"
    assert peaks[2] - peaks[1] < MOST_MORE, peaks
