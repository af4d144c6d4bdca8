"""Plans in the database: what has ended is free at once; trials are had once; a provider's events come to one end."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from cryptwire import cli
from cryptwire.admin import set_plan
from cryptwire.clock import SystemClock
from cryptwire.config import environment
from cryptwire.domain.hopper import UserId
from cryptwire.domain.plan import GRACE, BillingEvent, BillingKind, Heard
from cryptwire.errors import Invalid, NotFound
from cryptwire.storage import database
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.plans import Plans

DAY = timedelta(days=1)
NOBODY = UserId("00000000-0000-4000-8000-000000000000")


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator[Database]:
    async with database.connect(database_url, "test", 2) as connected:
        yield connected


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[Plans]:
    """With the rights of the API."""
    async with database.connect(url_of("api", database_url), "test", 8) as connected:
        yield Plans(connected)


@pytest.fixture
async def processor(database_url: str) -> AsyncIterator[Plans]:
    """With the rights of the processor."""
    async with database.connect(url_of("processor", database_url), "test", 4) as connected:
        yield Plans(connected)


async def user(rows: Database, email: str = "a@b.test", change: str = "plan = 'free'") -> UserId:
    found = await rows.value("INSERT INTO users (email, password_hash) VALUES ($1, '-') RETURNING user_id::text", email)
    await rows.execute(f"UPDATE users SET {change} WHERE user_id = $1::text::uuid", found)
    return UserId(found)


async def notices(rows: Database) -> list[tuple[str, str]]:
    found = await rows.fetch("SELECT kind, class FROM notices ORDER BY notice_id")
    return [(row["kind"], row["class"]) for row in found]


def event(user: UserId, kind: str, day: float, until: float | None = None, id: str = "") -> BillingEvent:
    now = SystemClock().now()
    paid = None if until is None else now + until * DAY
    return BillingEvent("test", id or f"{kind}{day}", user, "c", BillingKind(kind), "pro", now + day * DAY, paid)


async def test_a_trial_lasts_fourteen_days_and_is_had_once_however_often_it_is_asked_for(
    rows: Database, api: Plans
) -> None:
    me = await user(rows)
    begun = await asyncio.gather(*(api.begin_trial(me) for _ in range(8)), return_exceptions=True)
    untils = [each for each in begun if isinstance(each, datetime)]
    assert len(untils) == 1
    assert all(isinstance(each, datetime | Invalid) for each in begun)
    assert abs(untils[0] - SystemClock().now() - 14 * DAY) < timedelta(minutes=1)
    assert (await api.of(me)).plan == "trial"
    await rows.execute("UPDATE users SET plan_until = now()")
    now = await api.of(me)
    assert (now.plan, now.until, now.had_trial) == ("free", None, True)
    with pytest.raises(Invalid, match="once"):
        await api.begin_trial(me)


@pytest.mark.parametrize("change", ["plan = 'pro'", "plan = 'admin'", "plan = 'pro', plan_until = now() + '1 day'"])
async def test_who_has_as_much_already_begins_no_trial(rows: Database, api: Plans, change: str) -> None:
    me = await user(rows, change=change)
    with pytest.raises(Invalid, match="already"):
        await api.begin_trial(me)
    assert not (await api.of(me)).had_trial


async def test_nobody_has_no_plan(api: Plans) -> None:
    with pytest.raises(NotFound):
        await api.of(NOBODY)
    with pytest.raises(NotFound):
        await api.begin_trial(NOBODY)


async def test_ends_are_written_down_and_told_once_by_however_many_look(rows: Database, processor: Plans) -> None:
    ended = "plan_until = now() - '1 second'::interval"
    for number in range(6):
        await user(rows, f"t{number}@b.test", f"plan = 'trial', {ended}")
        await user(rows, f"p{number}@b.test", f"plan = 'pro', {ended}")
    await user(rows, "lasting@b.test", "plan = 'pro', plan_until = now() + '1 day'")
    await user(rows, "for-good@b.test", "plan = 'pro'")
    looked = await asyncio.gather(*(processor.write_ends(5) for _ in range(4)))
    assert await processor.write_ends() == []
    users = [each for found in looked for each in found]
    assert len(users) == len(set(users)) == 12
    assert await rows.value("SELECT count(*) FROM users WHERE plan = 'free' AND plan_until IS NULL") == 12
    told = await notices(rows)
    assert sorted(told) == [("plan-ended", "info")] * 6 + [("trial-ended", "info")] * 6


async def test_trials_are_warned_of_by_what_is_left_of_them(rows: Database, processor: Plans) -> None:
    for number, left in enumerate(("4 days", "71 hours", "25 hours", "23 hours", "1 second", "-1 second")):
        await user(rows, f"{number}@b.test", f"plan = 'trial', plan_until = now() + '{left}'::interval")
    await user(rows, "paid@b.test", "plan = 'pro', plan_until = now() + '1 day'")
    told = await processor.warn()
    facts = await rows.fetch(
        "SELECT u.email, n.facts->>'days' AS days FROM notices n JOIN users u USING (user_id) ORDER BY u.email"
    )
    assert [(row["email"][0], row["days"]) for row in facts] == [("1", "3"), ("2", "3"), ("3", "1"), ("4", "1")]
    assert len(told) == 4


async def test_a_warning_is_told_once(rows: Database, processor: Plans) -> None:
    me = await user(rows, change="plan = 'trial', plan_until = now() + '2 days'")
    assert [await processor.warn() for _ in range(3)] == [[me], [], []]
    assert await notices(rows) == [("trial-ends-soon", "info")]


async def test_a_providers_events_change_the_plan_whatever_their_order_and_number(rows: Database, api: Plans) -> None:
    me = await user(rows)
    paid, cancelled, renewed = event(me, "paid", -40, -10), event(me, "cancelled", -20), event(me, "paid", -10, 20)
    assert await api.heard(renewed) is Heard.TAKEN
    assert (await api.of(me)).plan == "pro"
    for older in (cancelled, paid):
        assert await api.heard(older) is Heard.TAKEN
        now = await api.of(me)
        assert (now.plan, now.is_paid) == ("pro", True), "an older event never undoes a newer one"
    outcomes = await asyncio.gather(*(api.heard(renewed) for _ in range(5)))
    assert outcomes == [Heard.REPEATED] * 5
    assert await rows.value("SELECT count(*) FROM billing_events") == 3


async def test_what_was_refunded_is_free_at_once_and_told_by_the_clock(
    rows: Database, api: Plans, processor: Plans
) -> None:
    me = await user(rows)
    await api.heard(event(me, "paid", -1, 29))
    await api.heard(event(me, "refunded", -0.001))
    assert (await api.of(me)).plan == "free"
    assert await processor.write_ends() == [me]
    assert await notices(rows) == [("plan-ended", "info")]
    await api.heard(event(me, "refunded", -0.001, id="again"))
    assert await processor.write_ends() == []


async def test_a_payment_that_failed_gives_days_of_grace_and_is_told_once(rows: Database, api: Plans) -> None:
    me = await user(rows)
    await api.heard(event(me, "paid", -30, -0.01))
    for number in range(3):
        await api.heard(event(me, "payment-failed", -0.001 + number / 10_000, id=str(number)))
    now = await api.of(me)
    assert now.plan == "pro"
    assert now.until is not None
    assert abs(now.until - SystemClock().now() - GRACE) < timedelta(minutes=5)
    assert await notices(rows) == [("payment-failed", "failure")]


async def test_events_of_nobody_and_of_who_is_being_forgotten_change_nothing(rows: Database, api: Plans) -> None:
    gone = await user(rows, change="deletion_asked_at = now()")
    assert await api.heard(event(NOBODY, "paid", 0, 30)) is Heard.NOBODYS
    assert await api.heard(event(gone, "paid", 0, 30)) is Heard.NOBODYS
    assert await rows.value("SELECT count(*) FROM billing_events") == 0


async def test_a_plan_given_by_hand_is_what_it_says(rows: Database) -> None:
    me, plans = await user(rows, "Me@b.test"), Plans(rows)
    until = SystemClock().now() + DAY
    assert await plans.set("me@B.test", "pro", until) == me
    assert ((await plans.of(me)).plan, (await plans.of(me)).until) == ("pro", until)
    await plans.set("me@b.test", "admin", None)
    await plans.heard(event(me, "paid", 0, 30))
    assert (await plans.of(me)).plan == "admin"
    for plan, end in (("gold", None), ("free", until), ("trial", None)):
        with pytest.raises(Invalid):
            await plans.set("me@b.test", plan, end)
    with pytest.raises(NotFound):
        await plans.set("you@b.test", "pro", None)


async def admin(database_url: str, *arguments: str) -> tuple[int, str]:
    """`cryptwire admin plan …` as a person types it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cryptwire", "admin", "plan", *arguments),
        env={**environment(), "CRYPTWIRE_DATABASE_URL": database_url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_an_administrator_gives_a_plan_from_the_command_line(rows: Database, database_url: str) -> None:
    me, plans = await user(rows), Plans(rows)
    until = SystemClock().now() + DAY
    assert await admin(database_url, "set", "a@b.test", "pro", "--until", until.isoformat()) == (
        0,
        f"a@b.test has the plan pro until {until:%Y-%m-%d %H:%M:%S}Z\n",
    )
    assert ((await plans.of(me)).plan, (await plans.of(me)).until) == ("pro", until)
    with pytest.raises(NotFound, match=r"you@b\.test"):
        await set_plan(database_url, "you@b.test", "pro", None)


@pytest.mark.parametrize("until", ["tomorrow", "2020-01-01T00:00:00Z", "2030-01-01T00:00:00", "\x00"])
def test_an_end_that_makes_no_sense_is_told_and_changes_nothing(
    until: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CRYPTWIRE_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    assert cli.main(["admin", "plan", "set", "a@b.test", "pro", "--until", until]) == 2
    assert capsys.readouterr().err.startswith("cryptwire: ")
