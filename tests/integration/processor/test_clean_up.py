"""What is over is deleted, what is not stays, and there is no end to how much it may be."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cryptwire.clock import SystemClock
from cryptwire.metrics import Meters
from processor.handlers.clean_up import BATCH, CleanUp, Rule
from processor.parts.clean_up import cleaner
from tests.integration.processor.delivering import Delivering, delivering

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OLD, YOUNG = "now() - interval '400 days'", "now() - interval '1 day'"
FILLED = """
    INSERT INTO mails (address, template, sent_at, added_at) VALUES ('a', 'x', {at}, {at});
    INSERT INTO notices (user_id, class, kind, key, at, read_at) VALUES ('{user}', 'info', 'x', '{key}', {at}, {at});
    INSERT INTO notices (user_id, class, kind, key, at) VALUES ('{user}', 'info', 'x', 'unread {key}', {at});
    INSERT INTO deliveries (notice_id, channel, state, likeness, added_at)
        SELECT max(notice_id), 'webhook', 'sent', 'x', {at} FROM notices;
    INSERT INTO sessions (session_id, user_id, expires_at) VALUES (sha256('{key}'), '{user}', {at});
    INSERT INTO sessions (session_id, user_id, expires_at, generation)
        VALUES (sha256('goes on {key}'), '{user}', now() + interval '1 day', 1);
    INSERT INTO refresh_tokens VALUES (sha256('used {key}'), sha256('goes on {key}'), 0, {at});
    INSERT INTO refresh_tokens VALUES (sha256('newest {key}'), sha256('goes on {key}'), 1, {at});
    INSERT INTO sign_ups (email, password_hash, zone, currency, expires_at) VALUES ('a', 'x', 'UTC', 'USD', {at});
    INSERT INTO one_time_tokens (purpose, user_id, expires_at) VALUES ('password-reset', '{user}', {at});
    INSERT INTO api_tokens (token_hash, user_id, name, scopes, ended_at)
        VALUES (sha256('{key}'), '{user}', 'x', ARRAY['read'], {at});
    INSERT INTO api_tokens (token_hash, user_id, name, scopes)
        VALUES (sha256('on {key}'), '{user}', 'x', ARRAY['read']);
    INSERT INTO share_links (user_id, token_hash, title, hoppers, parts, days, created_at, expires_at)
        VALUES ('{user}', sha256('{key}'), 'x', ARRAY['1'], ARRAY['risk'], '"30d"', {at} - interval '1 day', {at});
    INSERT INTO share_links (user_id, token_hash, title, hoppers, parts, days, expires_at)
        VALUES ('{user}', sha256('on {key}'), 'x', ARRAY['1'], ARRAY['risk'], '"30d"', now() + interval '1 day');
    INSERT INTO job_runs (job, due_at, worker) VALUES ('x', {at}, 'w');
    INSERT INTO strange_calls (digest, form, reason, size, body, first_at, last_at)
        VALUES (sha256('{key}'), 1, 'x', 1, 'x', {at}, {at});
"""
LEFT = {
    "mails": 1,
    "notices": 3,  # those that were not read, and the young one
    "deliveries": 1,
    "sessions": 3,
    "refresh_tokens": 3,
    "sign_ups": 1,
    "one_time_tokens": 1,
    "api_tokens": 3,
    "share_links": 3,
    "job_runs": 1,
    "strange_calls": 1,
}


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[Delivering]:
    async with delivering(database_url, tmp_path) as made:
        yield made


async def test_the_processor_may_delete_all_that_is_over_and_deletes_nothing_else(world: Delivering) -> None:
    user = await world.user("a@example.com")
    for key, at in (("old", OLD), ("young", YOUNG)):
        await world.owner.execute(FILLED.format(user=user, key=key, at=at))
    runtime = SimpleNamespace(clock=SystemClock(), meters=Meters())
    tools: Any = SimpleNamespace(rows=world.rows, runtime=runtime)
    said = await cleaner(tools).clean(NOW)
    assert "1 mails" in said
    left = {table: await world.owner.fetchval(f"SELECT count(*) FROM {table}") for table in LEFT}
    assert left == LEFT
    assert await world.owner.fetchval("SELECT count(*) FROM mails WHERE added_at < now() - interval '30 days'") == 0
    assert await cleaner(tools).clean(NOW) == "nothing was over"


async def test_a_refresh_token_is_known_as_used_for_a_month_after_the_month_in_which_it_may_be_used(
    world: Delivering,
) -> None:
    user = await world.user("a@example.com")
    for key, days in (("long ago", 61), ("lately", 45)):
        await world.owner.execute(FILLED.format(user=user, key=key, at=f"now() - interval '{days} days'"))
    tools: Any = SimpleNamespace(rows=world.rows, runtime=SimpleNamespace(clock=SystemClock(), meters=Meters()))
    assert "1 refresh tokens" in await cleaner(tools).clean(NOW)
    assert (
        await world.owner.fetchval("SELECT count(*) FROM refresh_tokens WHERE token_hash = sha256('used lately')") == 1
    )


async def test_much_is_deleted_in_batches() -> None:
    left = 3 * BATCH + 7
    asked: list[int] = []

    async def forget(after: timedelta, most: int) -> int:
        nonlocal left
        number = min(left, most)
        left -= number
        asked.append(number)
        return number

    clean_up = CleanUp({"rows": Rule(timedelta(days=1), forget)}, SystemClock(), Meters())
    assert await clean_up.clean(NOW) == f"{3 * BATCH + 7} rows"
    assert asked == [BATCH, BATCH, BATCH, 7]
