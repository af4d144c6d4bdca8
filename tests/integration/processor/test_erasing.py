"""Who has deleted his account is erased: first of all his token; through kills anywhere; and nobody else is touched."""

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.errors import LinkAgain, Unavailable
from cryptwire.memory.bus import MemoryBus
from cryptwire.metrics import Meters
from cryptwire.storage import database, redis
from cryptwire.storage.account_changes import AccountChanges
from cryptwire.storage.assignments import Assignments
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.erasures import Erasures, KeptValues
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.session_book import SessionBook
from cryptwire.storage.users import Users
from processor.handlers.erasing import Erasing
from tests.integration.storage.test_own_data import tables

AT = datetime(2026, 1, 1, tzinfo=UTC)
EMAIL = "me@example.com"


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Links:
    """The gateway, as far as an erasure needs it."""

    unlinked: list[UserId] = field(default_factory=list)
    fault: Exception | None = None
    is_confirmed: bool = True

    async def unlink(self, user: UserId) -> bool:
        if self.fault is not None:
            raise self.fault
        self.unlinked.append(user)
        return self.is_confirmed


class Cut:
    """Whatever it wraps, until the process is killed before, or right after, its ``at``-th call."""

    def __init__(self, inner: Any, counter: list[int], at: int, *, is_after: bool) -> None:
        self._inner, self._counter, self._at, self._is_after = inner, counter, at, is_after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)

        async def called(*values: Any) -> Any:
            self._counter[0] += 1
            if self._counter[0] == self._at and not self._is_after:
                raise Killed
            said = await method(*values)
            if self._counter[0] == self._at and self._is_after:
                raise Killed
            return said

        return called


@dataclass
class Scene:
    owner: Database
    processor: Database
    store: redis.Redis
    links: Links
    me: UserId
    you: UserId

    def erasing(self, at: int = 0, *, is_after: bool = False) -> Erasing:
        counter = [0]

        def cut(inner: Any) -> Any:
            return Cut(inner, counter, at, is_after=is_after)

        return Erasing(
            cut(Erasures(self.processor)),
            cut(KeptValues(self.store)),
            cut(self.links),
            MemoryBus(),
            Meters(),
        )

    async def left(self) -> dict[str, int]:
        """How many rows each table holds of me or my hopper."""
        found = {}
        for table in await tables(self.owner):
            columns = await self.owner.fetch(
                "SELECT column_name FROM information_schema.columns"
                " WHERE table_schema || '.' || table_name = $1 AND column_name IN ('user_id', 'hopper_id')",
                table if "." in table else f"public.{table}",
            )
            where = " OR ".join(
                f"user_id = '{self.me}'" if row["column_name"] == "user_id" else "hopper_id = 'mine'" for row in columns
            )
            if rows := await self.owner.value(f"SELECT count(*) FROM {table} WHERE {where}"):
                found[table] = rows
        return found

    async def others(self) -> list[int]:
        """What is there of somebody else."""
        counts = ("users", "hoppers", "assignments", "candles", "trades", "calls", "notices", "sessions")
        return [
            int(await self.owner.value(f"SELECT count(*) FROM {table} WHERE {where}"))
            for table, where in zip(
                counts,
                (f"user_id = '{self.you}'", *["hopper_id = 'yours'"] * 5, *[f"user_id = '{self.you}'"] * 2),
                strict=True,
            )
        ]


@pytest.fixture
async def scene(database_url: str, redis_url: str) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        owner = await stack.enter_async_context(database.connect(database_url, "test"))
        processor = await stack.enter_async_context(database.connect(url_of("processor", database_url), "test"))
        store = await stack.enter_async_context(redis.connect(redis_url))
        me = await Users(owner).add(EMAIL, "-", "UTC", "USD", "pro")
        you = await Users(owner).add("you@example.com", "-", "UTC", "USD", "pro")
        await Assignments(owner).confirm("pod")
        for name, whose in (("mine", me), ("yours", you)):
            await fill(owner, store, whose, name)
        await store.set(f"cw:budget:{me}:sent", "x")
        yield Scene(owner, processor, store, Links(), me, you)


async def fill(owner: Database, store: redis.Redis, user: UserId, name: str) -> None:
    """Something in every kind of table."""
    hopper = Hopper(HopperId(name), user, name, Exchange("binance"), Asset("USDT"), False, timedelta(minutes=1))
    await Hoppers(owner).put(hopper)
    await Assignments(owner).assign([hopper.id], "pod")
    await SessionBook(owner).begin(user)
    for query in (
        "INSERT INTO candles SELECT $1, '2026-01-01'::timestamptz + n * interval '15 minutes', 1,1,1,1,0,3,1"
        " FROM generate_series(1, 50) n",
        "INSERT INTO trades SELECT $1, n::text, 'binance', 'ETH', 'USDT', 1, 1, 1, 1, 0, 'USDT', now()"
        " FROM generate_series(1, 50) n",
        "INSERT INTO flow_candidates VALUES ($1, now(), 'ETH', 1, 1, 1, 1)",
    ):
        await owner.execute(query, name)
    await owner.execute(
        "INSERT INTO calls"
        " (is_admitted, intent_id, number, service, user_id, hopper_id, call, parameters, session, said)"
        " SELECT true, gen_random_uuid(), n, 'api', $1::text::uuid, $2, 'SellPositions', '{\"amount\": \"7\"}',"
        " '\\x01', 'sold for ' || $2 FROM generate_series(1, 3) n",
        user,
        name,
    )
    await owner.execute(
        "INSERT INTO notices (user_id, class, kind, key, at) VALUES ($1::text::uuid, 'info', 'x', 'x', now())", user
    )
    await store.hset("cw:tracker:shard-1:accounts", name, "x")


async def test_an_account_is_erased_and_nobody_else_is_touched(scene: Scene) -> None:
    others = await scene.others()
    await scene.owner.execute("INSERT INTO mails (address, template) VALUES ($1, 'new-device')", EMAIL.upper())
    assert await scene.erasing().erase(AT) == "0 accounts erased, 0 wait for the gateway"
    await AccountChanges(scene.owner).ask_deletion(scene.me)
    assert await scene.erasing().erase(AT) == "1 accounts erased, 0 wait for the gateway"
    assert scene.links.unlinked == [scene.me]
    assert await scene.left() == {"erasures": 1}
    assert await scene.others() == others
    assert await scene.store.hkeys("cw:tracker:shard-1:accounts") == [b"yours"]
    assert [key async for key in scene.store.scan_iter("cw:budget:*")] == []
    mails = await scene.owner.fetch("SELECT template FROM mails")
    assert [row["template"] for row in mails] == ["account-deleted"], "the last mail is still to be sent"


async def test_the_audit_keeps_its_amounts_under_a_pseudonym(scene: Scene) -> None:
    await AccountChanges(scene.owner).ask_deletion(scene.me)
    await scene.erasing().erase(AT)
    rows = await scene.owner.fetch("SELECT * FROM calls WHERE hopper_id <> 'yours'")
    assert len(rows) == 3
    assert len({(row["user_id"], row["hopper_id"]) for row in rows}) == 1, "one pseudonym: they belong together"
    assert all(row["said"] is None and row["session"] is None and '"7"' in row["parameters"] for row in rows)


async def test_what_comes_late_is_swept_and_then_nothing_is_left(scene: Scene) -> None:
    await AccountChanges(scene.owner).ask_deletion(scene.me)
    await scene.erasing().erase(AT)
    await scene.owner.execute("INSERT INTO candles VALUES ('mine', '2026-02-01', 1, 1, 1, 1, 0, 3, 1)")
    await scene.erasing().erase(AT)
    assert await scene.left() == {"erasures": 1}
    await Hoppers(scene.owner).put(
        Hopper(HopperId("mine"), scene.you, "x", Exchange("binance"), Asset("USDT"), False, timedelta(minutes=1))
    )
    await scene.owner.execute("INSERT INTO candles VALUES ('mine', '2026-02-01', 1, 1, 1, 1, 0, 3, 1)")
    await scene.erasing().erase(AT)
    assert (await scene.left())["candles"] == 1, "whoever has linked the hopper meanwhile keeps what is his"
    await scene.owner.execute("UPDATE erasures SET erased_at = now() - interval '16 minutes'")
    await scene.erasing().erase(AT)
    assert "erasures" not in await scene.left()


async def test_nothing_is_erased_before_the_token_is_destroyed(scene: Scene) -> None:
    await AccountChanges(scene.owner).ask_deletion(scene.me)
    scene.links.fault = Unavailable("the gateway is away")
    assert await scene.erasing().erase(AT) == "0 accounts erased, 1 wait for the gateway"
    assert (await scene.left())["users"] == 1
    scene.links.fault = LinkAgain("nothing is linked")
    assert await scene.erasing().erase(AT) == "1 accounts erased, 0 wait for the gateway"


async def test_an_erasure_that_upstream_does_not_confirm_is_done_all_the_same(scene: Scene) -> None:
    await AccountChanges(scene.owner).ask_deletion(scene.me)
    scene.links.is_confirmed = False
    assert await scene.erasing().erase(AT) == "1 accounts erased, 0 wait for the gateway"


async def test_killed_anywhere_an_erasure_is_finished_by_the_next_run(scene: Scene) -> None:
    others = await scene.others()
    steps = 7  # of one account
    for at in range(1, steps + 1):
        for is_after in (False, True):
            name = f"mine{random.randrange(10**9)}"
            user = await Users(scene.owner).add(f"{name}@example.com", "-", "UTC", "USD", "pro")
            await fill(scene.owner, scene.store, user, name)
            await AccountChanges(scene.owner).ask_deletion(user)
            with pytest.raises(Killed):
                await scene.erasing(at, is_after=is_after).erase(AT)
            await scene.erasing().erase(AT)
            for table in ("candles", "trades", "flow_candidates", "hoppers", "assignments", "calls"):
                rows = await scene.owner.value(f"SELECT count(*) FROM {table} WHERE hopper_id = $1", name)
                assert rows == 0, (at, is_after, table)
            assert await scene.owner.value("SELECT count(*) FROM users WHERE user_id = $1::text::uuid", user) == 0
            assert user in scene.links.unlinked
            await scene.owner.execute("DELETE FROM erasures")
    assert await scene.others() == others
    assert await scene.owner.value("SELECT count(*) FROM calls") == 6 + 3 * 2 * steps
