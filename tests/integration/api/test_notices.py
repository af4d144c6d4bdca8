"""What a user was told is read and marked by himself alone; his webhook is set, tested and ended."""

import asyncio
import base64
from datetime import UTC, datetime
from typing import Any

from cryptwire.codec.sealed import Seal
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.domain.notice import Notice, NoticeClass
from cryptwire.domain.webhook_url import SEALED
from cryptwire.messaging import subjects
from cryptwire.storage.notices import Notices
from tests.integration.api.conftest import World, code_of

SET = "mutation($u: String!) { setOutgoingWebhook(url: $u) { secret webhook { url offAt answer } } }"
READ = (
    "query($f: Int! = 20, $a: String, $c: NoticeClass) { notices(first: $f, after: $a, about: $c) {"
    " unread hasMore endCursor nodes { id about kind title text hopperId at readAt facts { name value } } } }"
)
HOSTILE = ["", "x", "-1", "9" * 40, "1e3", "١", "1\x00", "null", "' OR 1=1", " 1"]


async def user(world: World, email: str = "Me@Example.com") -> UserId:
    return UserId(await world.owner.value("SELECT user_id::text FROM users WHERE email = $1", email))


async def tell(world: World, whose: UserId, key: str, about: NoticeClass = NoticeClass.INFO) -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    facts = {"reason": "it was revoked"}
    await Notices(world.owner).add(Notice(whose, about, "link-again", key, at, facts, HopperId("1")))


async def test_notices_are_read_in_words_page_by_page_and_by_class(world: World) -> None:
    me, you = await user(world), await user(world, "you@example.com")
    for number in range(5):
        await tell(world, me, f"key {number}", NoticeClass.FAILURE if number % 2 else NoticeClass.INFO)
    await tell(world, you, "not mine")
    await world.sign_in()
    page = (await world.ask(READ, f=3))["data"]["notices"]
    assert (page["unread"], page["hasMore"], len(page["nodes"])) == (5, True, 3)
    newest = page["nodes"][0]
    assert newest["title"] == "Please link your Cryptohopper account again"
    assert "it was revoked" in newest["text"]
    assert newest["facts"] == [{"name": "reason", "value": "it was revoked"}]
    assert (newest["about"], newest["hopperId"], newest["readAt"]) == ("INFO", "1", None)
    rest = (await world.ask(READ, f=3, a=page["endCursor"]))["data"]["notices"]
    assert (rest["hasMore"], len(rest["nodes"])) == (False, 2)
    failures = (await world.ask(READ, c="FAILURE"))["data"]["notices"]["nodes"]
    assert len(failures) == 2


async def test_notices_are_marked_up_to_one_and_only_ones_own(world: World) -> None:
    me, you = await user(world), await user(world, "you@example.com")
    await tell(world, you, "before")
    for number in range(3):
        await tell(world, me, f"key {number}")
    await tell(world, you, "after")
    await world.sign_in()
    nodes = (await world.ask(READ))["data"]["notices"]["nodes"]
    mark = "mutation($u: ID!) { markNoticesRead(until: $u) }"
    marking = await asyncio.gather(*(world.ask(mark, u=nodes[1]["id"]) for _ in range(4)))
    assert sum(answer["data"]["markNoticesRead"] for answer in marking) == 2
    assert (await world.ask(READ))["data"]["notices"]["unread"] == 1
    assert (await world.ask(mark, u="9" * 18))["data"]["markNoticesRead"] == 1
    assert await world.owner.value("SELECT count(*) FROM notices WHERE read_at IS NOT NULL") == 3


async def test_ids_and_counts_that_make_no_sense_are_refused_with_a_word(world: World) -> None:
    await world.sign_in()
    for text in HOSTILE:
        assert code_of(await world.ask(READ, a=text)) == "INVALID"
        assert code_of(await world.ask("mutation($u: ID!) { markNoticesRead(until: $u) }", u=text)) == "INVALID"
    for first in (0, -1, 101, 2**31 - 1):
        answer = await world.ask(READ, f=first)
        assert code_of(answer) in ("INVALID", "TOO_COSTLY")


async def test_a_webhook_is_set_with_a_secret_that_is_told_once_and_kept_sealed(world: World) -> None:
    await world.sign_in()
    assert (await world.ask("{ outgoingWebhook { url } }"))["data"]["outgoingWebhook"] is None
    answer = (await world.ask(SET, u="https://example.com/a"))["data"]["setOutgoingWebhook"]
    secret = base64.b64decode(answer["secret"].removeprefix("whsec_"))
    me = await user(world)
    sealed = bytes(await world.owner.value("SELECT sealed_secret FROM outgoing_webhooks"))
    assert secret not in sealed
    assert Seal.read_from(world.keys.mail_key, SEALED).open(me, sealed) == secret
    shown: dict[str, Any] = (await world.ask("{ outgoingWebhook { url failingSince offAt triedAt answer } }"))["data"]
    assert shown["outgoingWebhook"]["url"] == "https://example.com/a"
    again = (await world.ask(SET, u="https://example.com/b"))["data"]["setOutgoingWebhook"]
    assert again["secret"] != answer["secret"]
    assert (await world.ask("mutation { endOutgoingWebhook }"))["data"]["endOutgoingWebhook"]
    assert not (await world.ask("mutation { endOutgoingWebhook }"))["data"]["endOutgoingWebhook"]


async def test_addresses_that_are_none_are_refused_and_nothing_is_kept(world: World) -> None:
    await world.sign_in()
    for url in ("", "x", "ftp://example.com/", "https://u:p@example.com/", "h" * 5000, "https://a\x00b/", "https://ä/"):
        assert code_of(await world.ask(SET, u=url)) == "INVALID"
    assert await world.owner.value("SELECT count(*) FROM outgoing_webhooks") == 0


async def test_a_webhook_is_tested_once_a_minute(world: World) -> None:
    await world.sign_in()
    test = "mutation { testOutgoingWebhook }"
    assert code_of(await world.ask(test)) == "NOT_FOUND"
    await world.ask(SET, u="https://example.com/")
    while datetime.now(UTC).second > 50:  # noqa: ASYNC110, TID251 - the minute must not end between the two
        await asyncio.sleep(1)
    answers = await asyncio.gather(*(world.ask(test) for _ in range(3)))
    assert sorted("errors" in answer for answer in answers) == [False, True, True]
    refused = next(answer for answer in answers if "errors" in answer)
    assert code_of(refused) == "EXHAUSTED"
    assert 0 < refused["errors"][0]["extensions"]["retryAfter"] <= 60
    assert await world.owner.value("SELECT count(*) FROM notices WHERE kind = 'webhook-test'") == 1


async def test_changes_need_a_page_of_ours(world: World) -> None:
    await world.sign_in()
    changes = (
        'setOutgoingWebhook(url: "https://a.example") { secret }',
        "endOutgoingWebhook",
        "testOutgoingWebhook",
        'markNoticesRead(until: "1")',
    )
    for mutation in changes:
        assert code_of(await world.ask(f"mutation {{ {mutation} }}", headers={})) == "FORBIDDEN"


async def test_a_new_notice_is_told_to_its_user_as_it_comes(world: World) -> None:
    me, you = await user(world), await user(world, "you@example.com")
    await tell(world, me, "old")
    await world.sign_in()
    socket_url = f"{world.base}/graphql".replace("http", "ws", 1)
    async with world.http.ws_connect(
        socket_url, protocols=["graphql-transport-ws"], headers={"Origin": world.base}
    ) as socket:
        await socket.send_json({"type": "connection_init"})
        assert (await socket.receive_json(timeout=5))["type"] == "connection_ack"
        query = "subscription { notices { id } }"
        await socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": query}})
        await asyncio.sleep(0.5)
        for whose, key in ((you, "theirs"), (me, "new 1"), (me, "new 2")):
            await tell(world, whose, key)
            await world.bus.publish(subjects.notice(whose), b"")
        told = [await socket.receive_json(timeout=5) for _ in range(2)]
        ids = "array_agg(notice_id::text ORDER BY notice_id)"
        newest = f"SELECT {ids} FROM notices WHERE user_id::text = $1 AND key <> $2"
        expected = await world.owner.value(newest, me, "old")
        assert [one["payload"]["data"]["notices"]["id"] for one in told] == expected
