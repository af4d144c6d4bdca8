"""Table ``backfills``: who is to be filled, who fills, and what is noted; with the rights of the processor."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from cryptwire.domain.candle import SPAN
from cryptwire.domain.hopper import HopperId
from cryptwire.storage import database
from cryptwire.storage.backfills import Backfills

END = datetime(2026, 3, 1, 12, tzinfo=UTC)
REACH = timedelta(days=90)
ONE, TWO = HopperId("1"), HopperId("2")


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(database_url)
    await connection.execute("INSERT INTO users (email, password_hash, plan) VALUES ('a@b', '', 'pro')")
    for hopper in (ONE, TWO):
        await connection.execute(
            "INSERT INTO hoppers (hopper_id, user_id, name, exchange, base_currency, is_paper, refresh_seconds)"
            " SELECT $1, user_id, 'n', 'binance', 'USDT', false, 60 FROM users",
            hopper,
        )
    yield connection
    await connection.close()


@pytest.fixture
async def table(database_url: str, owner: "asyncpg.Connection[asyncpg.Record]") -> AsyncIterator[Backfills]:
    async with database.connect(database.url_of("processor", database_url), "test", 2) as rows:
        yield Backfills(rows, timedelta(seconds=60))


async def candle(owner: "asyncpg.Connection[asyncpg.Record]", at: datetime, quality: int = 3) -> None:
    await owner.execute("INSERT INTO candles VALUES ($1, $2, 1, 1, 1, 1, 0, $3, 1)", ONE, at, quality)


async def ids(table: Backfills, *but: HopperId) -> list[HopperId]:
    return [hopper.id for hopper in await table.unfilled(but, 10)]


async def test_who_fills_is_told_what_the_base_currency_was(
    table: Backfills, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    for number, (was, became) in enumerate([("BTC", "ETH"), ("ETH", "USDT")]):
        await owner.execute(
            "INSERT INTO hopper_events (hopper_id, user_id, kind, was, became, at)"
            " SELECT $1, user_id, 'base-changed', $2, $3, $4 FROM users",
            ONE, was, became, END + number * SPAN,
        )  # fmt: skip
    one, two = await table.claim(ONE, "a", END, REACH), await table.claim(TWO, "a", END, REACH)
    assert one is not None
    assert two is not None
    assert (list(one.bases), list(two.bases)) == ([(END, "BTC"), (END + SPAN, "ETH")], [])


async def test_who_was_never_filled_is_new_unless_he_is_imported_gone_or_in_hand(
    table: Backfills, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    assert await ids(table) == [ONE, TWO]
    assert await ids(table, ONE) == [TWO]
    assert len(await table.unfilled((), 1)) == 1
    await table.claim(ONE, "a", END, REACH)
    assert await ids(table) == [TWO]
    await table.let_go(ONE, "a", timedelta(hours=1), "later")
    assert await ids(table) == [TWO]
    await table.claim(ONE, "a", END, REACH)
    await table.let_go(ONE, "a", timedelta(0), "at once")
    assert await ids(table) == [ONE, TWO]
    await owner.execute("UPDATE hoppers SET unlinked_at = now() WHERE hopper_id = '2'")
    assert await ids(table) == [ONE]
    await owner.execute("INSERT INTO imports (user_id) SELECT user_id FROM users")
    assert await ids(table) == []
    await owner.execute("UPDATE imports SET finished_at = now(), state = 'done'")
    assert await ids(table) == [ONE]
    await table.claim(ONE, "a", END, REACH)
    await table.finish(ONE, "a", END - REACH, END, "")
    assert await ids(table) == []


async def test_a_filling_is_one_workers_until_he_is_silent(
    table: Backfills, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    claimed = await table.claim(ONE, "a", END, REACH)
    assert claimed is not None
    assert (claimed.since, claimed.whole_until, claimed.is_first, claimed.grant) == (
        END - REACH,
        END - REACH,
        True,
        None,
    )
    assert await table.claim(ONE, "b", END, REACH) is None
    assert await table.alive(ONE, "a", 3, 10)
    assert not await table.alive(ONE, "b", 9, 10)
    progress = await table.progress(ONE)
    assert progress is not None
    assert (progress.done, progress.total) == (3, 10)
    await owner.execute("UPDATE backfills SET alive_at = now() - interval '61 seconds'")
    taken = await table.claim(ONE, "b", END + timedelta(days=1), REACH)
    assert taken is not None
    assert taken.since == END - REACH, "how far back is decided once"
    assert not await table.alive(ONE, "a", 4, 10)
    assert not await table.finish(ONE, "a", END, END, "")
    assert await table.finish(ONE, "b", END - REACH + SPAN, END, "told")
    again = await table.claim(ONE, "c", END + SPAN, REACH)
    assert again is not None
    assert (again.since, again.whole_until, again.is_first) == (END - REACH + SPAN, END, False)
    assert await table.claim(HopperId("none"), "c", END, REACH) is None
    assert await table.progress(HopperId("none")) is None


async def test_the_past_begins_before_the_first_candle_but_not_before_the_hopper(
    table: Backfills, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await candle(owner, END - timedelta(days=2))
    await owner.execute("UPDATE hoppers SET began_at = $1 WHERE hopper_id = '2'", END - timedelta(days=9, minutes=1))
    await owner.execute("INSERT INTO pods VALUES ('p', now())")
    await owner.execute("INSERT INTO assignments (hopper_id, pod, fence, granted_at) VALUES ('1', 'p', 5, $1)", END)
    one, two = await table.claim(ONE, "a", END, REACH), await table.claim(TWO, "a", END, REACH)
    assert one is not None
    assert two is not None
    assert one.since == END - timedelta(days=2) - REACH
    assert one.grant is not None
    assert (one.grant.fence, one.grant.at) == (5, END)
    assert two.since == END - timedelta(days=9)


async def test_who_lacks_candles_is_found_among_the_tracked_or_among_the_others(
    table: Backfills, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async def lacking(is_tracked: bool) -> list[HopperId]:
        found = await table.lacking(END + 4 * SPAN, END, is_tracked=is_tracked)
        return [hopper.id for hopper in found]

    await table.claim(ONE, "a", END, REACH)
    assert await lacking(False) == [], "who was never filled is somebody else's"
    await table.finish(ONE, "a", END - REACH, END, "")
    assert (await lacking(False), await lacking(True)) == ([ONE], [])
    await owner.execute("INSERT INTO pods VALUES ('p', now())")
    await owner.execute("INSERT INTO assignments (hopper_id, pod) VALUES ('1', 'p')")
    assert (await lacking(False), await lacking(True)) == ([], [ONE])
    await owner.execute("UPDATE users SET plan_until = now() - interval '1 second'")
    assert (await lacking(False), await lacking(True)) == ([ONE], []), "a plan that has ended is free"
    for number in range(4):
        await candle(owner, END + number * SPAN)
    assert await lacking(False) == []
    await owner.execute("UPDATE candles SET quality = 1 WHERE opened_at = $1", END + SPAN)
    assert await lacking(False) == [ONE]
    found = await table.lacking(END + 4 * SPAN, END + 2 * SPAN, is_tracked=False)
    assert found == [], "a partial one of long ago stays"


async def test_about_once_a_day_is_noted_until_when_all_is_there(
    table: Backfills, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await table.claim(ONE, "a", END, REACH)
    await table.finish(ONE, "a", END - REACH, END, "")
    later = END + timedelta(days=2)
    for number in range(2 * 96 - 1):
        await candle(owner, END + number * SPAN)
    assert await table.whole(END + timedelta(hours=5)) == 0
    assert await table.whole(later) == 0, "one is missing"
    await candle(owner, later - SPAN)
    assert await table.whole(later) == 1
    assert await owner.fetchval("SELECT whole_until FROM backfills") == later


async def test_the_progress_of_all_counts_who_was_never_filled(table: Backfills) -> None:
    assert (await table.progress_of_all()).hoppers == 2
    await table.claim(ONE, "a", END, REACH)
    await table.alive(ONE, "a", 4, 9)
    progress = await table.progress_of_all()
    assert (progress.hoppers, progress.done, progress.total) == (2, 4, 9)
    await table.finish(ONE, "a", END, END, "")
    progress = await table.progress_of_all()
    assert (progress.hoppers, progress.done, progress.total) == (1, 9, 9)
