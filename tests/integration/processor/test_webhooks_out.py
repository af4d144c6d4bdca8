"""A user's own program hears of his notices, signed; who does not listen for a day is not called any more."""

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from cryptwire.domain.notice import NoticeClass
from devstack.servers import free_port
from processor.adapters.calls import calling
from processor.ports.notices import Answer, Call
from tests.integration.processor.delivering import Delivering, delivering

BOTH = json.dumps({"notices": [{"about": about.value, "byMail": True, "byWebhook": True} for about in NoticeClass]})
ONLY = json.dumps({"notices": [{"about": about.value, "byMail": False, "byWebhook": True} for about in NoticeClass]})


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[Delivering]:
    async with delivering(database_url, tmp_path) as made:
        yield made


@dataclass
class Program:
    """A user's program: what it was called with, and what it answers."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"thanks"
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def on_call(self, request: web.Request) -> web.Response:
        self.calls.append(({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        return web.Response(status=self.status, headers=self.headers, body=self.body)


@asynccontextmanager
async def listening() -> AsyncIterator[Program]:
    program, port = Program(), free_port()
    app = web.Application()
    app.router.add_post("/hook", program.on_call)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    program.url = f"http://127.0.0.1:{port}/hook"
    try:
        yield program
    finally:
        await runner.cleanup()


class Caller:
    """Answers as a test says."""

    def __init__(self, *statuses: int, otherwise: int = 200) -> None:
        self.statuses = list(statuses)
        self.otherwise = otherwise
        self.calls: list[Call] = []

    async def call(self, call: Call) -> Answer:
        self.calls.append(call)
        status = self.statuses.pop(0) if self.statuses else self.otherwise
        return Answer(status, f"{status}")


async def test_a_call_is_signed_as_the_standard_says_and_says_what_the_mail_says(world: Delivering) -> None:
    async with listening() as program, calling(is_development=True) as caller:
        user = await world.user("a@example.com", BOTH)
        await world.webhook(user, program.url, b"the secret")
        await world.tell(user, "one", facts={"hopper": "Grid"})
        await world.deliver()
        assert await world.webhook_post(caller).call_due() == 1
        ((headers, body),) = program.calls
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    proof = base64.b64encode(hmac.digest(b"the secret", signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{proof}"
    content = json.loads(body)
    assert content["type"] == "hopper-created"
    assert content["data"]["title"] == "There is a new hopper: Grid"
    assert content["data"]["about"] == "INFO"
    assert await world.states("webhook") == ["sent"]
    assert len(world.inbox("a@example.com")) == 1


async def test_a_call_that_is_not_taken_comes_again_under_the_same_id(world: Delivering) -> None:
    user = await world.user("a@example.com", BOTH)
    await world.webhook(user, "https://example.com/")
    await world.tell(user, "one")
    await world.router().route()
    caller = Caller(500, 302, 0)
    post = world.webhook_post(caller)
    for expected in (1, 1, 1, 1, 0):
        assert await post.call_due() == expected
        assert await post.call_due() == 0  # not before its time
        await world.owner.execute("UPDATE deliveries SET due_at = now() WHERE state = 'due'")
    assert len({call.headers["webhook-id"] for call in caller.calls}) == 1
    assert await world.states("webhook") == ["sent"]
    assert await world.owner.fetchval("SELECT failing_since IS NULL FROM outgoing_webhooks")


async def test_who_takes_nothing_for_a_day_is_turned_off_and_mailed_what_he_missed(world: Delivering) -> None:
    user = await world.user("a@example.com", ONLY)
    await world.webhook(user, "https://example.com/")
    await world.tell(user, "failure", NoticeClass.FAILURE, "link-again", {"reason": "revoked"})
    await world.tell(user, "info")
    await world.router().route()
    post = world.webhook_post(Caller(otherwise=500))
    assert await post.call_due() == 2
    await world.owner.execute("UPDATE outgoing_webhooks SET failing_since = now() - interval '25 hours'")
    await world.owner.execute("UPDATE deliveries SET due_at = now(), added_at = now() - interval '25 hours'")
    assert await post.call_due() == 1
    assert await world.owner.fetchval("SELECT off_at IS NOT NULL FROM outgoing_webhooks")
    await world.deliver()
    assert sorted(mail.subject for mail in world.inbox("a@example.com")) == [
        "Cryptwire: Please link your Cryptohopper account again",
        "Cryptwire: Your webhook was turned off",
    ]
    await world.tell(user, "action", NoticeClass.ACTION, "acted", {})
    await world.deliver()
    assert len(world.inbox("a@example.com")) == 3  # by mail from now on


async def test_who_says_gone_is_turned_off_at_once_and_a_test_that_works_turns_him_on(world: Delivering) -> None:
    user = await world.user("a@example.com", BOTH)
    await world.webhook(user, "https://example.com/")
    await world.tell(user, "one")
    await world.router().route()
    await world.webhook_post(Caller(410)).call_due()
    assert await world.owner.fetchval("SELECT off_at IS NOT NULL FROM outgoing_webhooks")
    await world.tell(user, "test 1", kind="webhook-test", facts={})
    await world.router().route()
    await world.webhook_post(Caller(500)).call_due()
    assert await world.states("webhook") == ["failed", "failed"]  # a test is tried once
    await world.tell(user, "test 2", kind="webhook-test", facts={})
    await world.router().route()
    await world.webhook_post(Caller(200)).call_due()
    assert await world.owner.fetchval("SELECT off_at IS NULL FROM outgoing_webhooks")


async def test_who_is_slow_waits_for_himself_alone(world: Delivering) -> None:
    slow, quick = await world.user("slow@example.com", BOTH), await world.user("quick@example.com", BOTH)
    for user in (slow, quick):
        await world.webhook(user, f"https://{user}.example.com/")
        for number in range(3):
            await world.tell(user, f"key {number}")
    await world.router().route()
    may_end = asyncio.Event()

    class Slow(Caller):
        async def call(self, call: Call) -> Answer:
            if slow in call.url:
                await may_end.wait()
            return await super().call(call)

    caller = Slow()
    post = world.webhook_post(caller)
    working = [asyncio.create_task(post.call_due()) for _ in range(2)]
    async with asyncio.timeout(5):
        while len(caller.calls) < 3:  # noqa: ASYNC110 - what is called is no event of ours
            await asyncio.sleep(0.01)
    may_end.set()
    assert sum(await asyncio.gather(*working)) + await post.call_due() == 6
    assert len({call.headers["webhook-id"] for call in caller.calls}) == 6


async def test_a_secret_of_another_user_opens_nothing(world: Delivering) -> None:
    user, other = await world.user("a@example.com", BOTH), await world.user("b@example.com", BOTH)
    await world.webhook(user, "https://example.com/")
    await world.webhook(other, "https://example.com/")
    await world.owner.execute(
        "UPDATE outgoing_webhooks SET sealed_secret ="
        " (SELECT sealed_secret FROM outgoing_webhooks WHERE user_id <> $1::text::uuid) WHERE user_id = $1::text::uuid",
        user,
    )
    await world.tell(user, "one")
    await world.router().route()
    caller = Caller()
    await world.webhook_post(caller).call_due()
    assert caller.calls == []


class Names(AbstractResolver):
    """Leads every name where a test says."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET if ipaddress.ip_address(address).version == 4 else socket.AF_INET6,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self.addresses
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "10.1.2.3", "::1", "::ffff:127.0.0.1"])
async def test_a_name_that_leads_inside_is_not_called(address: str) -> None:
    async with listening() as program:
        port = program.url.split(":")[2].split("/")[0]
        for addresses in ((address,), ("1.1.1.1", address)):
            async with calling(is_development=False, resolver=partial(Names, *addresses)) as caller:
                answer = await caller.call(Call(f"https://example.com:{port}/hook", {}, b"{}"))
                assert (answer.status, "public" in answer.words) == (0, True)
        async with calling(is_development=False) as caller:
            for url in (program.url, f"https://127.0.0.1:{port}/hook"):
                assert (await caller.call(Call(url, {}, b"{}"))).status == 0
        assert program.calls == []


async def test_no_redirect_is_followed_and_no_endless_answer_read() -> None:
    async with listening() as inner, listening() as program, calling(is_development=True) as caller:
        program.status, program.headers = 302, {"location": inner.url}
        answer = await caller.call(Call(program.url, {}, b"{}"))
        assert (answer.status, answer.is_taken, inner.calls) == (302, False, [])
        program.status, program.headers, program.body = 200, {}, b"x" * 5_000_000
        answer = await caller.call(Call(program.url, {}, b"{}"))
        assert answer.is_taken
        assert len(answer.words) < 200


async def test_nobody_at_home_is_an_answer_and_tells_nothing_of_our_network() -> None:
    async with calling(is_development=True) as caller:
        answer = await caller.call(Call(f"http://127.0.0.1:{free_port()}/", {}, b""))
        assert answer == Answer(0, "nobody answers there")
        assert (await caller.call(Call("http://no.such.name.invalid/", {}, b""))).status == 0


async def test_calls_are_over_after_a_day_though_others_are_taken(world: Delivering) -> None:
    user = await world.user("a@example.com", BOTH)
    await world.webhook(user, "https://example.com/")
    await world.tell(user, "one")
    await world.router().route()
    await world.owner.execute("UPDATE deliveries SET added_at = now() - interval '25 hours'")
    await world.webhook_post(Caller(500), timedelta(days=1)).call_due()
    assert await world.states("webhook") == ["failed"]
    assert await world.owner.fetchval("SELECT off_at IS NULL FROM outgoing_webhooks")


async def test_a_failure_whose_mail_nobody_takes_goes_to_the_webhook(world: Delivering) -> None:
    user = await world.user("not an address")
    await world.webhook(user, "https://example.com/")
    await world.tell(user, "failure", NoticeClass.FAILURE, "link-again", {})
    await world.tell(user, "info")
    await world.deliver()
    assert await world.states("mail") == ["failed", "failed"]
    caller = Caller()
    assert await world.webhook_post(caller).call_due() == 1
    assert b"link-again" in caller.calls[0].body
