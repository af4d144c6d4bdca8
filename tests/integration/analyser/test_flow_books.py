"""A flow that begins while a hopper's flows are read is not missed: for a moment its deposit would be a profit."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from analyser.adapters import StoredFlows
from analyser.logic.portfolio import Ledger
from cryptwire.clock import SystemClock
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.portfolio import FlowCandidate
from cryptwire.storage import database
from cryptwire.storage.database import Database
from cryptwire.storage.flow_candidates import FlowCandidates
from cryptwire.storage.flows import Flows
from cryptwire.storage.hoppers import Hoppers

ONE = HopperId("1")


@dataclass
class Busy:
    """A database in which the processor begins flows after the ``after``-th reading."""

    rows: Database
    after: int
    readings: int = 0

    async def fetch(self, statement: str, *values: object) -> list[Any]:
        found = await self.rows.fetch(statement, *values)
        await self._read()
        return found

    async def value(self, statement: str, *values: object) -> Any:
        found = await self.rows.value(statement, *values)
        await self._read()
        return found

    async def _read(self) -> None:
        self.readings += 1
        if self.readings == self.after:
            assert await Flows(self.rows).open_new(SystemClock().now() - timedelta(days=1)) == 1


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator[Database]:
    async with database.connect(database_url, "test", 2) as rows:
        user = await rows.value("INSERT INTO users (email, password_hash) VALUES ('a@x.test', '-') RETURNING user_id")
        hopper = Hopper(
            ONE, UserId(str(user)), "one", Exchange("binance"), Asset("USDT"), False, timedelta(minutes=1)
        )  # fmt: skip
        await Hoppers(rows).put(hopper)
        yield rows


@pytest.mark.parametrize("after", [1, 2, 3])
async def test_r7_a_flow_that_begins_while_flows_are_read_is_in_what_was_read(rows: Database, after: int) -> None:
    deposit = FlowCandidate(ONE, SystemClock().now(), Asset("USDT"), Decimal(500), 1.0, 1000.0, 1)
    await FlowCandidates(rows).write([deposit])
    busy = Busy(rows, after)
    book = await StoredFlows(busy).of(ONE)  # type: ignore[arg-type]
    assert busy.readings >= after
    ledger = Ledger(60)
    ledger.read(book.flows, book.undecided, book.history_version, book.since)
    assert (ledger.course.index(1500.0), ledger.is_settling) == pytest.approx((1000.0, True))
