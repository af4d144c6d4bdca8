"""An import whose worker is killed again and again comes out as one that nobody disturbed, and so does a slow one."""

import asyncio
import json
import random
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cryptwire.config import environment
from cryptwire.domain.hopper import UserId
from cryptwire.storage import database, redis
from cryptwire.storage.database import Database
from cryptwire.storage.imports import Imports
from devstack.servers import Process, Servers
from tests.integration.imports.conftest import Replicas, told_processor
from tests.integration.imports.played import PlayedAccount, played, playing

IS_FULL = environment().get("CRYPTWIRE_FULL") == "1"
KILLS = 50 if IS_FULL else 8
TRADES = 8_000 if IS_FULL else 300  # so many that the import is not over before


@dataclass
class Play:
    account: PlayedAccount
    owner: Database
    replicas: Replicas
    redis_url: str

    async def user(self) -> UserId:
        email = f"{secrets.token_hex(6)}@x.test"
        row = await self.owner.value(
            "INSERT INTO users (email, password_hash) VALUES ($1, '') RETURNING user_id::text", email
        )
        return UserId(row)

    async def until_over(self, user: UserId, seconds: float = 60) -> str:
        """The state in which the import ended."""
        began = time.monotonic()
        while True:
            row = await self.owner.row("SELECT state, finished_at FROM imports WHERE user_id = $1::text::uuid", user)
            if row is not None and row["finished_at"] is not None:
                return str(row["state"])
            assert time.monotonic() - began < seconds, self.replicas.last_words()
            await asyncio.sleep(0.02)

    async def outcome(self) -> dict[str, Any]:
        """Everything that an import leaves, but for moments and numbers that are given out."""
        queries = {
            "hoppers": "SELECT hopper_id, name, exchange, base_currency, began_at FROM hoppers",
            "configs": "SELECT hopper_id, fields FROM hopper_configs",
            "changes": "SELECT hopper_id, field FROM hopper_config_changes",
            "positions": "SELECT * FROM positions",
            "orders": "SELECT * FROM open_orders",
            "trades": "SELECT hopper_id, trade_id, side, quantity, rate, total, fee, at FROM trades",
            "compared": "SELECT hopper_id, mended FROM trade_comparisons",
            "steps": "SELECT hopper_id, number, cursor_at, cursor_id, trades, candles, problem FROM import_hoppers"
            " WHERE configured_at IS NOT NULL AND positioned_at IS NOT NULL AND traded_at IS NOT NULL"
            " AND filled_at IS NOT NULL",
            "imports": "SELECT number, state, error, worker FROM imports",
            "notices": "SELECT class, kind, key, facts FROM notices",
            "events": "SELECT hopper_id, kind FROM hopper_events",
        }
        found = {}
        for name, query in queries.items():
            rows = await self.owner.fetch(query)
            found[name] = sorted(json.dumps(dict(row), default=str, sort_keys=True) for row in rows)
        return found

    async def done_with(self) -> list[str]:
        """Calls whose answers are stored."""
        rows = await self.owner.fetch("SELECT hopper_id, configured_at, positioned_at, traded_at FROM import_hoppers")
        steps = {"GetConfig": "configured_at", "ListOrders": "positioned_at", "ListTradesSince": "traded_at"}
        return [f"{call} {row['hopper_id']}" for row in rows for call, at in steps.items() if row[at] is not None]

    async def forget(self) -> None:
        await self.owner.execute("TRUNCATE users, trades, job_runs CASCADE")
        async with redis.connect(self.redis_url) as values:
            await values.flushdb()


@asynccontextmanager
async def staged(
    account: PlayedAccount, servers: Servers, database_url: str, redis_url: str, folder: Path
) -> AsyncIterator[Play]:
    async with AsyncExitStack() as stack:
        certificates = folder / "certificates"
        await stack.enter_async_context(playing(certificates, account))
        owner = await stack.enter_async_context(database.connect(database_url, "test"))
        told = told_processor(database_url, redis_url, servers.nats.url("processor"), account.address, certificates)
        replicas = Replicas(told, folder)
        stack.push_async_callback(replicas.stop)
        yield Play(account, owner, replicas, redis_url)


@pytest.fixture
async def play(servers: Servers, database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Play]:
    async with staged(played(trades=TRADES), servers, database_url, redis_url, tmp_path) as staged_:
        yield staged_


def kill(process: Process) -> None:
    assert process.popen is not None
    process.popen.kill()
    process.popen.wait()


@pytest.mark.timeout(900 if IS_FULL else 400)
async def test_killed_at_many_points_it_comes_out_as_undisturbed(play: Play) -> None:
    user = await play.user()
    await Imports(play.owner).ask(user)
    undisturbed = play.replicas.start()
    assert await play.until_over(user) == "done"
    await undisturbed.stop(5)
    expected = await play.outcome()
    assert len(expected["trades"]) == 3 * play.account.trades
    assert len(expected["steps"]) == 3

    await play.forget()
    play.account.seconds = 0.06
    play.account.asked.clear()
    user = await play.user()
    await Imports(play.owner).ask(user)
    chance = random.Random("kills")
    places: set[str] = set()
    never_again: dict[str, int] = {}
    kills, last = 0, "hoppers None 0"
    while kills < KILLS:
        victim = play.replicas.start()
        last = place = await _moved_on(play, user, last)
        await asyncio.sleep(chance.uniform(0, 0.15))
        kill(victim)
        kills += 1
        places.add(place)
        for call in await play.done_with():
            never_again.setdefault(call, play.account.asked[call])
    assert len({place.split()[0] for place in places}) >= 2
    play.replicas.start()
    assert await play.until_over(user) == "done"
    assert await play.outcome() == expected
    # what was stored when a worker was killed was not asked for again, and of what was cut off no more than that
    assert len(never_again) >= 3
    assert {call: play.account.asked[call] for call in never_again} == never_again
    assert play.account.asked["pages"] <= 3 * play.account.trades / play.account.page + 2 * kills


async def _moved_on(play: Play, user: UserId, last: str) -> str:
    """Where the import is, once it is somewhere else than at the ``last`` place, which every worker passes again."""
    began = time.monotonic()
    while True:
        row = await play.owner.row(
            "SELECT stage, hopper_id, done, finished_at FROM imports WHERE user_id = $1::text::uuid", user
        )
        assert row is not None
        assert row["finished_at"] is None, "the import is over before it was killed often enough"
        place = f"{row['stage']} {row['hopper_id']} {row['done']}"
        if place != last and row["stage"] != "hoppers":
            return place
        assert time.monotonic() - began < 20, play.replicas.last_words()
        await asyncio.sleep(0.01)
