"""What every table of candles does: one row a boundary, and rules for who wins it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from cryptwire.domain.candle import Candle, Quality
from cryptwire.domain.hopper import HopperId
from cryptwire.errors import Invalid
from cryptwire.memory.candles import MemoryCandles
from cryptwire.storage import database
from cryptwire.storage.candles import Candles

AnyCandles = Candles | MemoryCandles
Grant = Callable[[HopperId, int, datetime], Awaitable[None]]

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPAN = timedelta(minutes=15)
HOPPER = HopperId("101")


def candle(number: int = 0, value: float = 1.5, quality: Quality = Quality.COMPLETE, fence: int = 1) -> Candle:
    gap = timedelta(seconds=90 if quality is Quality.PARTIAL else 0)
    return Candle(HOPPER, T + number * SPAN, value, value, value, value, gap, quality, fence)


@pytest.fixture
def address(place: str, request: pytest.FixtureRequest) -> str | None:
    return str(request.getfixturevalue("database_url")) if place == "real" else None


@pytest.fixture
async def table(address: str | None) -> AsyncIterator[AnyCandles]:
    if address is None:
        yield MemoryCandles()
    else:
        async with database.connect(database.url_of("writer", address), "writer", 2) as rows:
            yield Candles(rows)


@pytest.fixture
def grant(table: AnyCandles, address: str | None) -> Grant:
    """Assign a hopper under a fence since a moment."""

    async def granted(hopper: HopperId, fence: int, at: datetime) -> None:
        if isinstance(table, MemoryCandles):
            table.grant(hopper, fence, at)
            return
        connection = await asyncpg.connect(address)
        await connection.execute("INSERT INTO users (email, password_hash) VALUES ('a@b.test', '-')")
        await connection.execute(
            "INSERT INTO hoppers SELECT $1, user_id, 'n', 'binance', 'USDT', false, 60 FROM users", hopper
        )
        await connection.execute("INSERT INTO pods VALUES ('pod', now())")
        await connection.execute("INSERT INTO assignments VALUES ($1, 'pod', $2, $3)", hopper, fence, at)
        await connection.close()

    return granted


async def everything(table: AnyCandles) -> list[Candle]:
    return await table.within(HOPPER, T - timedelta(days=1), T + timedelta(days=1))


async def test_what_was_written_is_read_bit_for_bit(table: AnyCandles) -> None:
    one = Candle(HOPPER, T, 0.1 + 0.2, 1e17 / 3, 5e-324, 1 / 3, timedelta(seconds=899.5), Quality.PARTIAL, 7)
    written = await table.write([one])
    assert (written.changed, written.refused) == (1, [])
    assert await everything(table) == [one]


async def test_within_takes_the_first_moment_and_leaves_the_last_and_keeps_gaps(table: AnyCandles) -> None:
    await table.write([candle(number) for number in (4, 0, 1)])
    found = await table.within(HOPPER, T, T + 4 * SPAN)
    assert [c.opened_at for c in found] == [T, T + SPAN]
    assert await table.within(HopperId("other"), T, T + 4 * SPAN) == []


RIVALS = [(fence, quality) for fence in (1, 2) for quality in (Quality.PARTIAL, Quality.BACKFILLED, Quality.COMPLETE)]


@pytest.mark.parametrize("is_one_batch", [False, True], ids=["batches", "batch"])
@pytest.mark.parametrize("first", RIVALS, ids=str)
async def test_on_conflict_fence_wins_then_quality_and_equal_leaves_the_first(
    table: AnyCandles, first: tuple[int, Quality], is_one_batch: bool
) -> None:
    for number, second in enumerate(RIVALS):
        here = candle(number, 1.0, first[1], first[0])
        there = candle(number, 2.0, second[1], second[0])
        if is_one_batch:
            written = await table.write([here, there])
            assert written.changed == 1
        else:
            await table.write([here])
            written = await table.write([there])
            assert written.changed == (second > first)
    assert [c.open for c in await everything(table)] == [2.0 if second > first else 1.0 for second in RIVALS]


async def test_writing_a_batch_again_changes_nothing(table: AnyCandles) -> None:
    batch = [candle(number) for number in range(5)]
    assert (await table.write(batch)).changed == 5
    assert (await table.write(batch)).changed == 0
    assert (await table.write([])).changed == 0
    assert await everything(table) == batch


async def test_an_older_fence_is_refused_unless_the_candle_opened_before_the_grant(
    table: AnyCandles, grant: Grant
) -> None:
    await grant(HOPPER, 3, T + SPAN)
    batch = [candle(0, fence=2), candle(1, fence=2), candle(2, fence=3), candle(3, fence=4)]
    written = await table.write(batch)
    assert (written.changed, written.refused) == (3, [batch[1]])
    assert await everything(table) == [batch[0], batch[2], batch[3]]


async def test_before_the_grant_a_newer_fence_still_wins(table: AnyCandles, grant: Grant) -> None:
    await grant(HOPPER, 3, T + SPAN)
    newer = candle(0, 3.0, Quality.PARTIAL, fence=3)
    await table.write([newer])
    written = await table.write([candle(0, 2.0, Quality.COMPLETE, fence=2)])
    assert (written.changed, written.refused) == (0, [])
    assert await everything(table) == [newer]


async def test_a_value_that_cannot_be_stored_stops_its_batch_and_no_other(table: AnyCandles) -> None:
    poison = replace(candle(1), hopper=HopperId("1\x000"))
    with pytest.raises(Invalid):
        await table.write([candle(0), poison])
    assert await everything(table) == []
    await table.write([candle(0)])
    assert await everything(table) == [candle(0)]


async def test_a_hopper_can_be_forgotten(table: AnyCandles) -> None:
    other = replace(candle(0), hopper=HopperId("102"))
    await table.write([candle(0), candle(1), other])
    if isinstance(table, MemoryCandles):  # the writer's role may not delete: only a replay's owner does
        assert await table.forget(HOPPER) == 2
        assert await everything(table) == []
        assert await table.within(HopperId("102"), T, T + SPAN) == [other]
