"""Strange calls are kept for a person: bounded in number and size, each body once."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from cryptwire.domain.strange_call import StrangeCall
from cryptwire.storage import database
from cryptwire.storage.database import Database
from cryptwire.storage.strange_calls import KEPT_FOR, StrangeCalls

T = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator[Database]:
    """As the webhook receiver: its role may do all of this."""
    async with database.connect(database.url_of("webhook", database_url), "test", 2) as connected:
        yield connected


def call(body: bytes, at: datetime = T) -> StrangeCall:
    return StrangeCall(body, 1, "strange", at)


async def test_the_same_body_again_is_counted(rows: Database) -> None:
    kept = StrangeCalls(rows, 10, 100)
    await kept.keep([call(b"\x00a"), call(b"b"), call(b"\x00a", T + timedelta(seconds=5))])
    found = await kept.newest()
    assert [(each.body, each.times, each.last_at - each.first_at) for each in found] == [
        (b"\x00a", 2, timedelta(seconds=5)),
        (b"b", 1, timedelta(0)),
    ]


async def test_of_each_day_the_newest_are_kept_and_of_each_body_its_beginning(rows: Database) -> None:
    kept = StrangeCalls(rows, 3, 2)
    await kept.keep([call(b"long%d" % n, T + timedelta(seconds=n)) for n in range(5)])
    await kept.keep([call(b"x%d" % n, T + timedelta(days=1, seconds=n)) for n in range(2)])
    found = await kept.newest()
    assert [each.last_at for each in found] == [
        *(T + timedelta(days=1, seconds=n) for n in (1, 0)),
        *(T + timedelta(seconds=n) for n in (4, 3, 2)),
    ]
    assert {(each.body, each.size) for each in found} == {(b"lo", 5), (b"x0", 2), (b"x1", 2)}
    await kept.keep([call(b"new", T + KEPT_FOR + timedelta(days=1))])
    assert len(await kept.newest()) == 3
