"""Plans through the API: a trial is begun once, a checkout leads to the provider, his signed events are believed."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from cryptwire.clock import SystemClock
from cryptwire.codec import billing
from cryptwire.domain.hopper import UserId
from cryptwire.domain.plan import BillingEvent, BillingKind
from cryptwire.runtime import serving
from devstack.edge.checkout import Checkout
from tests.integration.api.conftest import World, code_of, running

SECRET = "s" * 32
NOBODY = UserId("00000000-0000-4000-8000-000000000000")
PLANS = "{ plans { name isMine endsAt canStartTrial canCheckOut opens } }"
LIVE = "{ hoppers { portfolio { value } } }"


@dataclass
class Shop:
    """An API that hears a provider, and who asks it."""

    world: World
    user: UserId

    async def plans(self) -> dict[str, dict[str, Any]]:
        answer = await self.world.ask(PLANS)
        return {plan["name"]: plan for plan in answer["data"]["plans"]}

    async def mine(self) -> str:
        (name,) = [name for name, plan in (await self.plans()).items() if plan["isMine"]]
        return name

    async def send(self, body: bytes, header: str | None = None) -> tuple[int, str]:
        if header is None:
            header = billing.signature(body, SECRET, SystemClock().now())
        url = f"{self.world.base}/billing/webhook"
        async with self.world.http.post(url, data=body, headers={billing.HEADER: header}) as answer:
            return answer.status, (await answer.json())["said"]

    async def tell(self, kind: str, at: timedelta = timedelta(0), until: timedelta | None = None, **change: Any) -> Any:
        now = SystemClock().now()
        told = {"id": f"{kind}{at}", "user": self.user} | change
        event = BillingEvent(
            "test",
            subscription="c",
            kind=BillingKind(kind),
            plan="pro",
            at=now + at,
            until=None if until is None else now + until,
            **told,
        )
        return await self.send(billing.event_to_wire(event))


@pytest.fixture
async def shop(world: World) -> AsyncIterator[Shop]:
    """Signed in as a user of the free plan."""
    await world.owner.execute("UPDATE users SET plan = 'free'")
    user = await world.owner.value("SELECT user_id::text FROM users WHERE email ILIKE 'me@%'")
    settings = replace(world.settings, billing_secret=SECRET, test_checkout_page="http://127.0.0.1:1/dev/checkout")
    async with running(settings) as (base, runtime):
        world.base, world.runtime = base, runtime
        await world.sign_in()
        yield Shop(world, UserId(user))


async def test_the_plans_say_what_they_open_and_which_is_mine(shop: Shop) -> None:
    plans = await shop.plans()
    assert list(plans) == ["free", "trial", "pro"]
    assert [plan["isMine"] for plan in plans.values()] == [True, False, False]
    assert [plan["canStartTrial"] for plan in plans.values()] == [False, True, False]
    assert [plan["canCheckOut"] for plan in plans.values()] == [False, False, True]
    assert plans["free"]["opens"] == []
    assert "view live-candles" in plans["pro"]["opens"]


async def test_a_trial_opens_at_once_what_it_opens_and_is_begun_once(shop: Shop) -> None:
    assert code_of(await shop.world.ask(LIVE)) == "FORBIDDEN"
    trials = [shop.world.ask("mutation { startTrial }") for _ in range(5)]
    begun = await asyncio.gather(*trials)
    assert sorted("errors" in answer for answer in begun) == [False, True, True, True, True]
    assert {code_of(answer) for answer in begun if "errors" in answer} == {"INVALID"}
    assert "errors" not in await shop.world.ask(LIVE)
    plan = (await shop.plans())["trial"]
    lasts = datetime.fromisoformat(plan["endsAt"]) - SystemClock().now()
    assert timedelta(days=13, hours=23) < lasts <= timedelta(days=14)
    assert (plan["isMine"], plan["canStartTrial"]) == (True, False)


async def test_the_end_of_a_plan_is_acted_upon_within_five_seconds_without_anybody_writing_it_down(shop: Shop) -> None:
    await shop.world.ask("mutation { startTrial }")
    assert "errors" not in await shop.world.ask(LIVE)
    await shop.world.owner.execute("UPDATE users SET plan_until = now() + interval '1 second'")
    async with asyncio.timeout(6.5):
        while "errors" not in await shop.world.ask(LIVE):  # noqa: ASYNC110 - an end has no event
            await asyncio.sleep(0.2)
    assert await shop.mine() == "free"
    assert code_of(await shop.world.ask("mutation { startTrial }")) == "INVALID"


async def test_a_checkout_leads_to_the_providers_page_for_this_user_and_no_other(shop: Shop) -> None:
    answer = await shop.world.ask('mutation { beginCheckout(plan: "pro") }')
    url = urlsplit(answer["data"]["beginCheckout"])
    assert url.path == "/dev/checkout"
    (text,) = parse_qs(url.query)["checkout"]
    now = SystemClock().now()
    assert billing.read_checkout(text, SECRET, now) == (shop.user, "pro")
    for wrong, later in (
        (text.replace("pro", "admin"), 0),
        (text[:-1], 0),
        ("", 0),
        ("...", 0),
        (text, 31),
        (text, -1),
    ):
        with pytest.raises(Exception, match="checkout"):
            billing.read_checkout(wrong, SECRET, now + timedelta(minutes=later))
    assert await shop.mine() == "free", "nothing has changed before the provider says so"


async def test_what_is_not_sold_or_is_paid_already_is_refused(shop: Shop) -> None:
    for plan in ("", "free", "trial", "admin", "PRO", "x" * 5000, "\x00", "pro\n"):
        answer = await shop.world.ask("mutation($p: String!) { beginCheckout(plan: $p) }", p=plan)
        assert code_of(answer) == "INVALID"
        assert len(answer["errors"][0]["message"]) < 200
    assert await shop.tell("paid", until=timedelta(days=30)) == (200, "taken")
    shop_again = await shop.world.ask('mutation { beginCheckout(plan: "pro") }')
    assert code_of(shop_again) == "INVALID"
    assert not (await shop.plans())["pro"]["canCheckOut"]


async def test_what_is_given_for_good_is_not_sold_and_what_ends_is(shop: Shop) -> None:
    for change, is_sold in (
        ("plan = 'pro'", False),
        ("plan = 'admin'", False),
        ("plan = 'pro', plan_until = now() + interval '1 day', plan_by = 'admin'", True),
        ("plan = 'trial', plan_until = now() + interval '1 day', plan_by = 'trial'", True),
    ):
        await shop.world.owner.execute(f"UPDATE users SET {change}")
        assert (await shop.plans())["pro"]["canCheckOut"] is is_sold, change
        answer = await shop.world.ask('mutation { beginCheckout(plan: "pro") }')
        assert ("errors" not in answer) is is_sold, change


async def test_a_life_of_a_contract(shop: Shop) -> None:
    day = timedelta(days=1)
    assert await shop.tell("paid", -day, 29 * day) == (200, "taken")
    assert await shop.mine() == "pro"
    assert await shop.tell("paid", -day, 29 * day) == (200, "repeated")
    assert await shop.tell("cancelled", -day / 2) == (200, "taken")
    assert await shop.mine() == "pro"
    assert await shop.tell("refunded") == (200, "taken")
    assert await shop.mine() == "free"
    assert await shop.tell("paid", -day, 300 * day, id="late") == (200, "taken")
    assert await shop.mine() == "free", "an older event never undoes a newer one"


async def test_events_that_nobody_signed_or_that_make_no_sense_change_nothing(shop: Shop) -> None:
    now = SystemClock().now()
    event = BillingEvent("test", "e", shop.user, "c", BillingKind.PAID, "pro", now, now + timedelta(days=30))
    body = billing.event_to_wire(event)
    stale = billing.signature(body, SECRET, now - timedelta(minutes=6))
    for header in ("", "t=1,v1=00", stale, billing.signature(body, "t" * 32, now)):
        assert (await shop.send(body, header))[0] == 401
    for wrong in (b"", b"{}", b"[]", b"\xff", json.dumps(json.loads(body) | {"plan": "admin"}).encode()):
        assert (await shop.send(wrong))[0] == 400
    assert await shop.tell("paid", until=timedelta(days=30), user=NOBODY) == (200, "nobody's")
    async with shop.world.http.get(f"{shop.world.base}/billing/webhook") as answer:
        assert answer.status in (404, 405)
    assert await shop.world.owner.value("SELECT count(*) FROM billing_events") == 0
    assert await shop.mine() == "free"


async def test_repeated_and_concurrent_events_are_taken_once(shop: Shop) -> None:
    month = timedelta(days=30)
    told = await asyncio.gather(
        *(shop.tell("paid", -timedelta(days=number % 3), month, id=str(number % 3)) for number in range(12))
    )
    assert sorted(said for _, said in told) == ["repeated"] * 9 + ["taken"] * 3


async def test_the_page_of_the_development_stack_sends_what_a_provider_would(shop: Shop) -> None:
    answer = await shop.world.ask('mutation { beginCheckout(plan: "pro") }')
    (text,) = parse_qs(urlsplit(answer["data"]["beginCheckout"]).query)["checkout"]
    app = Checkout(f"{shop.world.base}/billing/webhook", SECRET, SystemClock()).app()
    async with serving(app, "127.0.0.1", 0) as port:
        page = f"http://127.0.0.1:{port}/dev/checkout"
        async with shop.world.http.get(page, params={"checkout": text}) as shown:
            assert shown.status == 200
            assert await shown.text() == (await shown.text()).replace("<script", "")
        for kind, plan in (("paid", "pro"), ("payment-failed", "pro"), ("cancelled", "pro"), ("refunded", "free")):
            async with shop.world.http.post(page, data={"checkout": text, "kind": kind}) as pressed:
                assert pressed.status == 200, await pressed.text()
            assert await shop.mine() == plan
        async with shop.world.http.post(page, data={"checkout": text, "kind": "gift"}) as pressed:
            assert pressed.status == 400
        async with shop.world.http.post(page, data={"checkout": text + "0", "kind": "paid"}) as pressed:
            assert pressed.status == 403
    assert await shop.mine() == "free"


async def test_without_a_provider_nothing_is_sold_and_nothing_is_heard(world: World) -> None:
    await world.owner.execute("UPDATE users SET plan = 'free'")
    await world.sign_in()
    assert code_of(await world.ask('mutation { beginCheckout(plan: "pro") }')) == "UNAVAILABLE"
    async with world.http.post(f"{world.base}/billing/webhook", data=b"{}") as answer:
        assert answer.status in (404, 405)
