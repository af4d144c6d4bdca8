"""Packs of months: what is read with them is what is read without, and no pack outlives what it was made of."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest

from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.storage import database
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.trade_columns import TradeColumnRows
from cryptwire.storage.trade_results import TradeResults
from tests.unit.cryptwire.domain.trade_rows import TradeRow, rows_of

D = Decimal
ONE, TWO, USDT = HopperId("1"), HopperId("2"), Asset("USDT")
HOPPERS = [(ONE, USDT), (TWO, USDT)]
BEGIN, END = datetime(2025, 11, 10, tzinfo=UTC), datetime(2026, 3, 20, tzinfo=UTC)
_RESULT = """
    INSERT INTO trade_results (hopper_id, trade_id, at, exchange, base, quote, side, quantity, price, total, fee,
                               fee_units, fee_currency, currency, rate, closed, proceeds, cost, fees, net, is_short)
    VALUES ($1, $2, $3, 'binance', $4, 'USDT', $5, $6, 1, $6, 0.001, 0.001, 'USDT', 'USDT', 1, $7, $7, $8, 0.002, $9,
            false)
"""
_MONTHS = "SELECT hopper_id || ' ' || to_char(month, 'YYYY-MM') FROM trade_packs ORDER BY 1"


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """The database's, with two hoppers that have traded for four months and a bit."""
    connection = await asyncpg.connect(database_url)
    user = await connection.fetchval("INSERT INTO users (email, password_hash) VALUES ('u', '-') RETURNING user_id")
    draw = random.Random(9)
    for hopper in (ONE, TWO):
        await connection.execute("INSERT INTO hoppers VALUES ($1, $2, 'n', 'binance', 'USDT', false, 60)", hopper, user)
        for number in range(120):
            at = BEGIN + timedelta(seconds=draw.randrange(int((END - BEGIN).total_seconds())))
            amount = D(draw.randrange(1, 10**12)).scaleb(-8)
            closes = number % 2 == 1
            told = (amount, amount / 2 if number % 3 else None, D(draw.randrange(-(10**9), 10**9)).scaleb(-7))
            amounts = (amount, *(told if closes else (None,) * 3))
            await connection.execute(
                _RESULT, hopper, str(number), at, draw.choice(["BTC", "ETH"]), 1 + closes, *amounts
            )
        await connection.execute(
            "INSERT INTO result_progress (hopper_id, until_at, until_id, ledger, computed_at)"
            " SELECT $1, max(at), '1', '{}', now() FROM trade_results WHERE hopper_id = $1",
            hopper,
        )
    yield connection
    await connection.close()


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator[Database]:
    """As the API has it."""
    async with database.connect(url_of("api", database_url), "test", 2) as connected:
        yield connected


@pytest.fixture
async def results(database_url: str) -> AsyncIterator[TradeResults]:
    """As the processor has them."""
    async with database.connect(url_of("processor", database_url), "test", 2) as connected:
        yield TradeResults(connected)


async def told(rows: Database, since: datetime, until: datetime, most: int = 25_000) -> list[TradeRow]:
    found = [row async for part in TradeColumnRows(rows, most).of(HOPPERS, since, until) for row in rows_of(part)]
    return sorted(found, key=lambda row: (row.hopper, int(row.id)))


async def test_what_is_packed_is_told_as_before(
    owner: asyncpg.Connection, rows: Database, results: TradeResults
) -> None:
    spans = [
        (BEGIN, END),
        (datetime(2025, 12, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
        (datetime(2025, 12, 1, 0, 0, 1, tzinfo=UTC), datetime(2026, 1, 31, 23, tzinfo=UTC)),
        (datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 6, tzinfo=UTC)),
    ]
    before = [await told(rows, *span) for span in spans]
    assert len(before[0]) == 240
    assert await results.unpacked("", 10) == [ONE, TWO]
    assert await results.pack(ONE) == 4
    assert [await told(rows, *span) for span in spans] == before, "one is packed, the other is not"
    assert await results.unpacked("", 10) == [TWO]
    assert await results.pack(TWO) == 4
    assert [row[0] for row in await owner.fetch(_MONTHS)] == [
        f"{hopper} {month}" for hopper in (ONE, TWO) for month in ("2025-11", "2025-12", "2026-01", "2026-02")
    ]
    for most in (25_000, 50, 1):
        assert [await told(rows, *span, most) for span in spans] == before
    assert await results.pack(ONE) == 0
    assert await results.unpacked("", 10) == []


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        ("UPDATE trade_results SET net = 7 WHERE hopper_id = '1' AND at < '2025-11-30Z'", {"2025-11"}),
        ("UPDATE trade_results SET at = '2026-01-15Z' WHERE hopper_id = '1' AND at < '2025-11-12Z'",
         {"2025-11", "2026-01"}),
        ("DELETE FROM trade_results WHERE hopper_id = '1' AND at >= '2025-12-01Z' AND at < '2026-02-01Z'",
         {"2025-12", "2026-01"}),
        ("INSERT INTO trade_results (hopper_id, trade_id, at, exchange, base, quote, side, quantity, price, total,"
         " fee_units, fee_currency, currency) VALUES ('1', '999', '2026-01-31T23:59:59.999999Z', 'b', 'BTC', 'USDT', 1,"
         " 1, 1, 1, 0, 'USDT', 'USDT')", {"2026-01"}),
        ("INSERT INTO trade_results SELECT * FROM trade_results WHERE hopper_id = '1' AND at < '2025-12-01Z'"
         " ON CONFLICT (hopper_id, trade_id) DO UPDATE SET net = 1", {"2025-11"}),
        ("UPDATE trade_results SET net = 7 WHERE hopper_id = '1' AND at >= '2026-03-01Z'", set()),
    ],
)  # fmt: skip
async def test_whoever_changes_a_result_takes_its_months_pack_away(
    owner: asyncpg.Connection, rows: Database, results: TradeResults, change: str, gone: set[str]
) -> None:
    await results.pack(ONE)
    await results.pack(TWO)
    before = {row[0] for row in await owner.fetch(_MONTHS)}
    await owner.execute(change)
    assert before - {row[0] for row in await owner.fetch(_MONTHS)} == {f"1 {month}" for month in gone}
    changed = await told(rows, BEGIN, END)
    await owner.execute("DELETE FROM trade_packs")
    assert changed == await told(rows, BEGIN, END)


async def test_with_a_hopper_its_packs_go(owner: asyncpg.Connection, results: TradeResults) -> None:
    await results.pack(ONE)
    await owner.execute("DELETE FROM hoppers WHERE hopper_id = '1'")
    assert await owner.fetchval("SELECT count(*) FROM trade_packs") == 0


async def test_nobody_packs_what_somebody_else_is_writing(owner: asyncpg.Connection, results: TradeResults) -> None:
    async with owner.transaction():
        await owner.execute("SELECT pg_advisory_xact_lock(hashtext('trade_results'), hashtext('1'))")
        assert await results.pack(ONE) == 0
    assert await results.pack(ONE) == 4
