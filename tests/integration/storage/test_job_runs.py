"""Of many who would do a run one does it, whoever is killed; and how far trades were compared is never set back."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from cryptwire.domain.hopper import HopperId
from cryptwire.storage import database
from cryptwire.storage.database import Database
from cryptwire.storage.job_runs import JobRuns
from cryptwire.storage.trade_comparisons import TradeComparisons

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator[Database]:
    """As the processor: its role may do all of this."""
    async with database.connect(database.url_of("processor", database_url), "test", 4) as connected:
        yield connected


async def test_of_many_who_claim_at_once_one_gets_the_run(rows: Database) -> None:
    runs = JobRuns(rows)
    for number in range(5):
        due = T + number * QUARTER
        got = await asyncio.gather(*(runs.claim("a", due, f"w{worker}") for worker in range(10)))
        assert [tries for tries in got if tries is not None] == [1]
        assert await runs.finish("a", due, f"w{got.index(1)}", "done")
    assert await runs.missing("a", [T, T + QUARTER, T + 5 * QUARTER]) == [T + 5 * QUARTER]


async def test_a_job_has_one_run_at_a_time_and_does_not_wait_for_another_job(rows: Database) -> None:
    runs = JobRuns(rows)
    assert await runs.claim("a", T, "x") == 1
    assert await runs.claim("a", T + QUARTER, "y") is None
    assert await runs.claim("b", T, "y") == 1
    assert await runs.missing("a", [T]) == []
    assert await runs.finish("a", T, "x", "done")
    assert await runs.claim("a", T, "y") is None
    assert await runs.claim("a", T + QUARTER, "y") == 1


async def test_whoever_is_silent_too_long_loses_his_run(rows: Database) -> None:
    runs = JobRuns(rows, patience=timedelta(seconds=1))
    assert await runs.claim("a", T, "killed") == 1
    assert await runs.claim("a", T, "other") is None
    for _ in range(4):
        await asyncio.sleep(0.3)
        assert await runs.alive("a", T, "killed")
        assert await runs.missing("a", [T]) == []
    await asyncio.sleep(1.2)
    assert await runs.missing("a", [T]) == [T]
    assert await runs.claim("a", T, "other") == 2
    assert not await runs.alive("a", T, "killed")
    assert not await runs.finish("a", T, "killed", "too late")
    assert await runs.finish("a", T, "other", "done")


async def test_a_run_that_was_let_go_is_anybodys_at_once(rows: Database) -> None:
    runs = JobRuns(rows)
    assert await runs.claim("a", T, "x") == 1
    await runs.let_go("a", T, "not his", "?")
    assert await runs.missing("a", [T]) == []
    await runs.let_go("a", T, "x", "cut off")
    assert await runs.missing("a", [T]) == [T]
    assert await runs.claim("a", T, "y") == 2


async def test_a_job_stands_as_its_last_finished_run_as_long_as_somebody_serves_it(
    rows: Database, database_url: str
) -> None:
    runs = JobRuns(rows)
    owner = await asyncpg.connect(database_url)
    await runs.served("a", QUARTER)
    await owner.execute("UPDATE jobs SET since = now() - interval '2 hours'")
    new = (await runs.standings())["a"]
    assert (new.every, new.finished_at) == (QUARTER, None)
    assert timedelta(hours=2) <= new.age < timedelta(hours=3)
    assert await runs.claim("a", T, "x") == 1
    await runs.let_go("a", T, "x", "cut off")
    assert (await runs.standings())["a"].last_at == new.last_at, "begun is not finished"
    assert await runs.claim("a", T, "x") == 2
    await owner.execute("UPDATE jobs SET served_at = now() - interval '6 minutes'")
    assert await runs.standings() == {}, "nobody serves it any more"
    assert await runs.alive("a", T, "x")
    assert list(await runs.standings()) == ["a"], "a run in hand, which may hang, is served"
    assert await runs.finish("a", T, "x", "done")
    done = (await runs.standings())["a"]
    assert done.finished_at == done.last_at
    assert done.age < timedelta(minutes=1)
    await owner.execute("UPDATE jobs SET served_at = now() - interval '1 day', finished_at = now() - interval '1 day'")
    await runs.served("a", QUARTER)
    assert (await runs.standings())["a"].age < timedelta(minutes=1), "while nobody was there nothing was missed"
    await owner.close()


async def test_a_claim_does_not_read_the_runs_of_the_past(rows: Database, database_url: str) -> None:
    owner = await asyncpg.connect(database_url)
    await owner.execute(
        "INSERT INTO job_runs (job, due_at, worker, finished_at)"
        " SELECT 'a', now() - n * interval '1 minute', 'w', now() FROM generate_series(1, 20000) n"
    )
    await owner.execute("VACUUM ANALYZE job_runs")
    read = "SELECT heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit FROM pg_statio_user_tables"
    await rows.execute("SELECT pg_stat_force_next_flush()")
    before = await owner.fetchval(f"{read} WHERE relname = 'job_runs'")
    assert await JobRuns(rows).claim("a", T, "x") == 1
    for _ in range(4):  # whichever connection claimed
        await rows.execute("SELECT pg_stat_force_next_flush()")
    await owner.execute("SELECT pg_stat_clear_snapshot()")
    assert await owner.fetchval(f"{read} WHERE relname = 'job_runs'") - before < 50
    await owner.close()


async def test_how_far_a_hopper_was_compared_only_grows(rows: Database, database_url: str) -> None:
    owner = await asyncpg.connect(database_url)
    user = await owner.fetchval("INSERT INTO users (email, password_hash) VALUES ('a', '-') RETURNING user_id")
    for id in "123":
        await owner.execute("INSERT INTO hoppers VALUES ($1, $2, 'n', 'binance', 'USDT', false, 60)", id, user)
    comparisons = TradeComparisons(rows)
    await comparisons.complete(HopperId("2"), T, 3)
    await comparisons.complete(HopperId("2"), T - QUARTER, 1)
    await comparisons.complete(HopperId("1"), T + QUARTER, 0)
    await comparisons.complete(HopperId("gone"), T, 0)
    waiting = await comparisons.waiting(T + 2 * QUARTER)
    assert [(hopper.id, until) for hopper, until in waiting] == [("2", T), ("1", T + QUARTER), ("3", None)]
    assert [hopper.id for hopper, _ in await comparisons.waiting(T + QUARTER)] == ["2", "3"]
    assert await owner.fetchval("SELECT mended FROM trade_comparisons WHERE hopper_id = '2'") == 4
    await owner.close()
