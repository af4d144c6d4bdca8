"""Notices reach their user by what he wishes, each once, and nobody is flooded."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cryptwire.domain.notice import NoticeClass
from cryptwire.storage.notices import Notices
from tests.integration.processor.delivering import OPERATORS, Delivering, delivering


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[Delivering]:
    async with delivering(database_url, tmp_path) as made:
        yield made


async def test_a_notice_is_mailed_once_though_it_is_added_and_looked_at_often(world: Delivering) -> None:
    user = await world.user("a@example.com")
    for _ in range(3):
        await world.tell(user, "one", facts={"hopper": "Grid <b>1</b>"})
    routers = [world.router() for _ in range(4)]
    await asyncio.gather(*(router.route() for router in routers))
    await world.deliver()
    (mail,) = world.inbox("a@example.com")
    assert mail.subject == "Cryptwire: There is a new hopper: Grid <b>1</b>"
    assert "Grid &lt;b&gt;1" in mail.html
    assert await world.states("mail") == ["sent"]


async def test_a_hopper_is_called_by_its_name(world: Delivering) -> None:
    user = await world.user("a@example.com")
    await world.owner.execute(
        "INSERT INTO hoppers (hopper_id, user_id, name, exchange, base_currency, is_paper, refresh_seconds)"
        " VALUES ('77', $1::text::uuid, 'My grid', 'binance', 'USDT', false, 60)",
        user,
    )
    await world.tell(user, "one", NoticeClass.FAILURE, "silence", {"minutes": "5"}, hopper="77")
    await world.deliver()
    assert world.inbox("a@example.com")[0].subject == "Cryptwire: My grid is not watched at the moment"


async def test_too_many_are_held_back_and_come_in_one_mail_when_the_hour_is_over(world: Delivering) -> None:
    user = await world.user("a@example.com")
    for number in range(3):
        await world.tell(user, f"first {number}")
        await world.deliver()
    for number in range(4):
        await world.tell(user, f"then {number}")
        await world.deliver()
    await world.tell(user, "loud", NoticeClass.FAILURE, "link-again", {})
    await world.deliver()
    subjects = [mail.subject for mail in world.inbox("a@example.com")]
    assert len(subjects) == 4
    assert subjects[-1] == "Cryptwire: Please link your Cryptohopper account again"
    assert (await world.states("mail")).count("held") == 4
    await world.owner.execute("UPDATE deliveries SET routed_at = routed_at - interval '61 minutes'")
    await world.deliver()
    assert world.inbox("a@example.com")[-1].subject == "Cryptwire: 4 notices"
    assert await world.states("mail") == ["sent"] * 8


async def test_failures_that_read_the_same_come_in_one_mail_after_the_first(world: Delivering) -> None:
    user = await world.user("a@example.com")
    for number in range(5):
        facts = {"reason": "it was revoked", "last_at": str(number)}
        await world.tell(user, f"key {number}", NoticeClass.FAILURE, "link-again", facts)
        await world.deliver()
    assert len(world.inbox("a@example.com")) == 1
    await world.owner.execute("UPDATE deliveries SET routed_at = routed_at - interval '11 minutes'")
    await world.deliver()
    second = world.inbox("a@example.com")[1]
    assert second.subject == "Cryptwire: Please link your Cryptohopper account again (4 times)"


async def test_what_a_user_muted_is_in_the_app_alone(world: Delivering) -> None:
    user = await world.user("a@example.com", '{"notices": [{"about": "info", "byMail": false, "byWebhook": false}]}')
    await world.tell(user, "info")
    await world.tell(user, "failure", NoticeClass.FAILURE, "link-again", {})
    await world.deliver()
    assert len(world.inbox("a@example.com")) == 1
    assert await world.states("mail") == ["sent"]


async def test_preferences_that_cannot_be_read_count_as_not_said(world: Delivering) -> None:
    for stored in ('{"notices": 7}', '{"notices": [null, {}]}', '{"notices": "x"}'):
        await world.owner.execute("DELETE FROM users")
        user = await world.user("a@example.com", stored)
        await world.tell(user, "one")
        await world.deliver()
    assert len(world.inbox("a@example.com")) == 3


async def test_those_who_run_the_system_are_told_by_mail(world: Delivering) -> None:
    await world.tell(None, "one", NoticeClass.FAILURE, "service-silent", {"service": "tracker/demo"})
    await world.deliver()
    assert [mail.subject for mail in world.inbox(OPERATORS)] == ["Cryptwire: Silent: tracker/demo"]


async def test_nobody_is_told_who_asked_to_be_forgotten(world: Delivering) -> None:
    user = await world.user("a@example.com")
    await world.owner.execute("UPDATE users SET deletion_asked_at = now()")
    await world.tell(user, "one")
    await world.deliver()
    assert world.kept.newest() == []


async def test_a_hostile_fact_is_a_notice_all_the_same(world: Delivering) -> None:
    user = await world.user("a@example.com")
    await world.tell(user, "one", facts={"hopper": "a\x00b\ud800\r\nSubject: x" + "z" * 9_000, "$x": "${y"})
    await world.tell(user, "two", kind="never-heard-of", facts={"a\nb": "<script>"})
    await world.deliver()
    first, second = world.inbox("a@example.com")
    assert "\n" not in first.subject
    assert "&lt;script&gt;" in second.html


async def test_notices_are_read_back_newest_first_and_marked(world: Delivering) -> None:
    user, other = await world.user("a@example.com"), await world.user("b@example.com")
    for number in range(5):
        await world.tell(user, f"key {number}")
    await world.tell(other, "key 0")
    notices = Notices(world.rows)
    newest = await notices.of(user, 2**62, None, 3)
    assert [one.notice.key for one in newest] == ["key 4", "key 3", "key 2"]
    rest = await notices.of(user, newest[-1].id, None, 3)
    assert [one.notice.key for one in rest] == ["key 1", "key 0"]
    assert await notices.mark_read(user, newest[1].id) == 4
    assert await notices.mark_read(user, newest[1].id) == 0
    assert await notices.unread(user) == 1
    assert await notices.unread(other) == 1
