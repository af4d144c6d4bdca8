"""Tables and hashes on real servers: trades once, hoppers of one user only, assignments and their fences."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest

from cryptwire.domain.account import Account, Position
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.errors import Invalid, NotFound
from cryptwire.storage import database, redis
from cryptwire.storage.accounts import Accounts
from cryptwire.storage.assignments import Assignments
from cryptwire.storage.database import Database
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.trades import Trades
from cryptwire.storage.write_queue import WriteQueue

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
ONE, TWO = HopperId("1"), HopperId("2")


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator[Database]:
    async with database.connect(database_url, "test", 2) as connected:
        yield connected


async def user(rows: Database, email: str) -> UserId:
    return UserId(
        await rows.value("INSERT INTO users (email, password_hash) VALUES ($1, '-') RETURNING user_id::text", email)
    )


def hopper(number: HopperId, owner: UserId, **change: object) -> Hopper:
    told = {"name": "n", "exchange": Exchange("binance"), "base": Asset("USDT"), "is_paper": False}
    return Hopper(id=number, user=owner, refresh_every=timedelta(seconds=60), **{**told, **change})  # type: ignore[arg-type]


def trade(number: int, quantity: str = "1", name: HopperId = ONE, at: datetime = T, **change: str) -> Trade:
    return Trade(
        name,
        TradeId(str(number)),
        Pair(Exchange("binance"), Asset("BTC"), Asset("USDT")),
        Side.SELL,
        Decimal(quantity),
        Decimal("0.1"),
        Decimal("123456789012345678901234567890.123456789"),
        Decimal("0"),
        Asset("USDT"),
        at,
        "b1",
        change.get("trigger"),
        Decimal("-1.5"),
        change.get("strategy"),
    )


async def test_a_trade_is_stored_once_and_told_once(rows: Database) -> None:
    trades = Trades(rows)
    assert await trades.add([]) == []
    assert await trades.add([trade(2), trade(1), trade(2), trade(1, "9")]) == [trade(2), trade(1)]
    assert await trades.add([trade(1, "7"), trade(3), trade(2)]) == [trade(3)]
    found = await trades.within(ONE, T, T + timedelta(seconds=1))
    assert found == [trade(1), trade(2), trade(3)]
    assert str(found[0].total) == "123456789012345678901234567890.123456789"
    assert await trades.within(TWO, T, T + timedelta(seconds=1)) == []
    assert await trades.within(ONE, T - timedelta(days=1), T) == []
    assert await trades.last_at(ONE) == T
    assert await trades.last_at(TWO) is None


async def test_the_same_number_of_another_hopper_is_another_trade(rows: Database) -> None:
    trades = Trades(rows)
    await trades.add([trade(1)])
    assert await trades.add([trade(1, name=TWO)]) == [trade(1, name=TWO)]


async def test_a_strategy_that_was_not_told_at_first_is_added_and_shows_as_news(rows: Database) -> None:
    trades = Trades(rows)
    await trades.add([trade(1), trade(2, strategy="macd"), trade(3)])
    await rows.execute("UPDATE trades SET stored_at = $1", T)
    read_again = [trade(1, strategy="rsi"), trade(2, strategy="other"), trade(3), trade(4, strategy="new")]
    assert await trades.add(read_again) == [trade(4, strategy="new")]
    found = await trades.within(ONE, T, T + timedelta(seconds=1))
    assert [each.strategy for each in found] == ["rsi", "macd", None, "new"]
    news = await rows.fetch("SELECT trade_id FROM trades WHERE stored_at > $1 ORDER BY 1", T)
    assert [row["trade_id"] for row in news] == ["1", "4"]


async def test_a_trade_that_cannot_be_stored_is_invalid_and_stores_nothing(rows: Database) -> None:
    trades = Trades(rows)
    with pytest.raises(Invalid):
        await trades.add([trade(1), trade(2, trigger="\x00")])
    assert await trades.within(ONE, T, T + timedelta(seconds=1)) == []


async def test_a_hopper_is_its_users_and_nobody_elses(rows: Database) -> None:
    hoppers = Hoppers(rows)
    anna, bert = await user(rows, "anna@b.test"), await user(rows, "bert@b.test")
    await hoppers.put(hopper(ONE, anna))
    await hoppers.put(hopper(ONE, anna, name="renamed", base=Asset("BTC")))
    await hoppers.put(hopper(ONE, bert, name="stolen"))
    assert await hoppers.of(anna, ONE) == hopper(ONE, anna, name="renamed", base=Asset("BTC"))
    assert await hoppers.of_user(bert) == []
    with pytest.raises(NotFound) as theirs:
        await hoppers.of(bert, ONE)
    with pytest.raises(NotFound) as nobodys:
        await hoppers.of(bert, HopperId("99"))
    assert str(theirs.value).replace("1", "99") == str(nobodys.value), "not yours and not there look the same"
    assert list(await hoppers.by_id([ONE, TWO])) == [ONE]


async def fences(assignments: Assignments, pod: str) -> dict[HopperId, int]:
    return {held.hopper.id: held.fence for held in await assignments.of_pod(pod) or []}


async def test_the_fence_grows_when_the_pod_changes_and_only_then(rows: Database) -> None:
    anna = await user(rows, "anna@b.test")
    hoppers, assignments = Hoppers(rows), Assignments(rows)
    for name in (ONE, TWO):
        await hoppers.put(hopper(name, anna))
    for pod in ("a", "b"):
        await assignments.confirm(pod)
    await assignments.assign([ONE, TWO], "a")
    await assignments.assign([ONE, TWO], "a")
    first = await fences(assignments, "a")
    assert first.keys() == {ONE, TWO}
    before = await rows.value("SELECT granted_at FROM assignments WHERE hopper_id = '2'")
    await assignments.assign([TWO], "b")
    assert await fences(assignments, "a") == {ONE: first[ONE]}
    second = await fences(assignments, "b")
    assert second[TWO] > max(first.values())
    assert await assignments.of_pod("b") is await assignments.of_pod("b"), "nothing changed, nothing is fetched"
    assert await rows.value("SELECT granted_at FROM assignments WHERE hopper_id = '2'") > before
    held = await assignments.of_pod("b")
    assert held is not None
    assert [(a.hopper, a.fence) for a in held] == [(hopper(TWO, anna), second[TWO])]


async def test_a_hopper_that_was_given_up_comes_back_with_a_newer_fence(rows: Database) -> None:
    anna = await user(rows, "anna@b.test")
    await Hoppers(rows).put(hopper(ONE, anna))
    assignments = Assignments(rows)
    await assignments.confirm("a")
    seen = []
    for plan in ("pro", "free", "pro", "free", "trial"):
        await rows.execute("UPDATE users SET plan = $1", plan)
        for _ in range(2):
            assert await assignments.follow("a", ["pro", "trial"]) == (plan != "free")
        seen += list((await fences(assignments, "a")).values())
    assert len(seen) == 3
    assert seen == sorted(set(seen)), "each time it is above all that were"


async def test_a_pod_follows_the_plans_of_this_moment(rows: Database) -> None:
    assignments = Assignments(rows)
    await assignments.confirm("a")
    for number, change in enumerate(
        (
            "plan = 'pro'",
            "plan = 'pro', plan_until = now() + interval '1 minute'",
            "plan = 'trial', plan_until = now() - interval '1 second'",
            "plan = 'admin', deletion_asked_at = now()",
            "plan = 'free'",
        )
    ):
        owner = await user(rows, f"{number}@b.test")
        await Hoppers(rows).put(hopper(HopperId(str(number)), owner))
        await rows.execute(f"UPDATE users SET {change} WHERE user_id = $1::text::uuid", owner)
    assert await assignments.follow("a", ["pro", "trial", "admin"]) == 2
    assert sorted(await fences(assignments, "a")) == ["0", "1"]
    await rows.execute("UPDATE users SET plan_until = now()")
    assert await assignments.follow("a", ["pro", "trial", "admin"]) == 0
    assert await fences(assignments, "a") == {}


async def test_fences_grow_however_many_assign_at_once(rows: Database) -> None:
    anna = await user(rows, "anna@b.test")
    await Hoppers(rows).put(hopper(ONE, anna))
    assignments = Assignments(rows)
    for pod in ("a", "b"):
        await assignments.confirm(pod)
    await rows.execute("CREATE TABLE seen (number bigserial, fence bigint)")
    await rows.execute(
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO seen (fence) VALUES (NEW.fence); RETURN NULL; END $$"
    )
    await rows.execute("CREATE TRIGGER note AFTER INSERT OR UPDATE ON assignments FOR EACH ROW EXECUTE FUNCTION note()")
    await asyncio.gather(*(assignments.assign([ONE], "ab"[number % 2]) for number in range(40)))
    noted = [row["fence"] for row in await rows.fetch("SELECT fence FROM seen ORDER BY number")]
    assert len(noted) > 1
    assert noted == sorted(set(noted))


async def test_a_pod_is_confirmed_for_ten_seconds_of_the_databases_clock(rows: Database) -> None:
    assignments = Assignments(rows)
    assert await assignments.of_pod("a") is None
    await assignments.confirm("a")
    assert await assignments.of_pod("a") == []
    await rows.execute("UPDATE pods SET confirmed_at = now() - interval '9 seconds'")
    assert await assignments.of_pod("a") == []
    await rows.execute("UPDATE pods SET confirmed_at = now() - interval '10 seconds'")
    assert await assignments.of_pod("a") is None


async def test_a_kept_account_that_is_damaged_is_not_the_others_fault(redis_url: str) -> None:
    position = Position("p", Asset("BTC"), Asset("USDT"), Decimal("1.50"), Decimal(9), Decimal("13.5"), T)
    one = Account(ONE, T, {Asset("BTC"): Decimal("1.50")}, (position,))
    two = Account(TWO, T, {}, ())
    async with redis.connect(redis_url) as client:
        kept = Accounts(client, "pod")
        await kept.keep(one)
        await kept.keep(two)
        assert await kept.all() == {ONE: one, TWO: two}
        await client.hset("cw:tracker:pod:accounts", "3", b"\xff damaged")
        assert await kept.all() == {ONE: one, TWO: two}
        await kept.drop([ONE])
        await kept.drop([])
        assert await kept.all() == {TWO: two}
        assert await Accounts(client, "another").all() == {}


async def test_an_account_is_kept_together_with_the_flows_that_it_told_of(redis_url: str) -> None:
    async with redis.connect(redis_url) as client:
        kept, queue = Accounts(client, "pod"), WriteQueue(client, what="flows")
        await kept.keep(Account(ONE, T, {}, ()), [b"one", b"two"])
        assert await queue.take("w", 10) == [b"one", b"two"]
        await queue.done("w")
        await kept.keep(Account(TWO, T, {}, ()))
        assert await queue.take("w", 10) == []
        assert (await kept.all()).keys() == {ONE, TWO}


async def test_every_service_reads_what_it_needs_with_its_own_role(database_url: str) -> None:
    for service, table in (("tracker", "assignments"), ("writer", "candles"), ("webhook", "trades")):
        connection = await asyncpg.connect(database.url_of(service, database_url))
        try:
            assert await connection.fetch(f"SELECT * FROM {table}") == []  # a name of ours
        finally:
            await connection.close()
