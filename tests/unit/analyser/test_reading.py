"""Each hopper is read at most once at a time, however often it is asked for."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from analyser.handlers.reading import Reader
from analyser.handlers.watch import Watch
from analyser.logic.portfolio import Ledger
from analyser.ports import FlowBook
from cryptwire.domain.figure import FigureKey
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.portfolio import FlowCandidate
from cryptwire.memory.clock import HandClock
from cryptwire.metrics import Meters
from cryptwire.tasks import end
from tests.unit.analyser.playing import PlayedTables

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
ONE = HopperId("1")


@dataclass
class SlowFlows:
    """What is read was found when the reading began; the first waits until it is let go."""

    books: list[FlowBook]
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    begun: int = 0

    async def of(self, hopper: HopperId) -> FlowBook:
        self.begun += 1
        book = self.books[self.begun - 1]
        if self.begun == 1:
            await self.let_go.wait()
        return book

    async def marks(self, hoppers: Sequence[HopperId]) -> dict[HopperId, int]:
        return {}


async def test_an_older_reading_never_comes_after_a_newer_one() -> None:
    deposit = FlowCandidate(ONE, T, Asset("USDT"), Decimal(500), 1.0, 1000.0, 1)
    flows = SlowFlows([FlowBook([], [], 1, None), FlowBook([], [deposit], 1, None)])
    tables = PlayedTables()
    reader = Reader(tables, flows, tables, HandClock(T), Meters(), span=timedelta(minutes=15))  # type: ignore[arg-type]
    hopper = Hopper(ONE, UserId("u"), "one", Exchange("binance"), Asset("USDT"), False, timedelta(minutes=1))
    watch = Watch(hopper, "figure.1", hopper.base, Ledger(60), zone=ZoneInfo("UTC"))
    watch.leases.want([FigureKey.of("index")], T + timedelta(hours=1))
    running = [asyncio.create_task(reader.run()) for _ in range(2)]
    try:
        reader.ask(watch)
        await asyncio.sleep(0.01)
        watch.needs_flows = True
        reader.ask(watch)
        await asyncio.sleep(0.01)
        assert flows.begun == 1, "the second waits for the first"
        flows.let_go.set()
        await asyncio.sleep(0.01)
        assert flows.begun == 2
        assert watch.ledger.course.index(1500.0) == pytest.approx(1000.0)
    finally:
        await end(running)
