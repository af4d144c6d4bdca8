"""Messages about trades: signed, sent again when they fail, dropped at last, and never in the way."""

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from starlette.applications import Starlette

from simulator.cryptohopper.webhooks import Webhooks, message, signature
from simulator.settings import Settings
from simulator.worlds.books import Trade
from simulator.worlds.commands import Command
from simulator.worlds.demo import HOPPERS
from tests.unit.simulator.asking import ask

TRADE = Trade(
    "500000007", 1_772_720_551_000, "sell", "ETH", Decimal("0.10000000"), Decimal("2500.10"), Decimal("250.01000000"),
    Decimal("0.25001000"), "Stop-Loss", "500000003", Decimal("-1.2345"),
)  # fmt: skip
QUICK = {"webhook_interval": 0.02, "webhook_backoff": 0.02, "webhook_timeout": 0.2, "webhook_attempts": 3}


@asynccontextmanager
async def hook(receive: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """An address that ``receive`` answers at."""
    app = web.Application()
    app.router.add_post("/hook", receive)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def receiver(answer: Callable[[Any], Any]) -> AsyncIterator[tuple[str, asyncio.Queue[Any]]]:
    """An address, and the bodies that came to it."""
    came: asyncio.Queue[Any] = asyncio.Queue()

    async def receive(request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        came.put_nowait(body)
        said = answer(body)
        if isinstance(said, float):
            await asyncio.sleep(said)
            said = 200
        return web.Response(status=said, text="verified")

    async with hook(receive) as url:
        yield url, came


@asynccontextmanager
async def sending(url: str, **settings: Any) -> AsyncIterator[Webhooks]:
    webhooks = Webhooks(Settings(webhook_url=url, **{**QUICK, **settings}))
    task = asyncio.create_task(webhooks.run())
    try:
        yield webhooks
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def next_of(came: asyncio.Queue[Any], kind: str) -> Any:
    async with asyncio.timeout(5):
        while True:
            body = await came.get()
            if body["type"] == kind:
                return body


def test_a_message_holds_the_trade_and_mostly_its_hopper() -> None:
    told = {hopper.id: message(hopper, TRADE) for hopper in HOPPERS}
    assert {each["type"] for each in told.values()} == {"trade_completed"}
    assert {each["title"] for each in told.values()} == {"Hop completed for ETH"}
    without = [id_ for id_, each in told.items() if "hopper_id" not in each["data"]]  # type: ignore[operator]
    assert without == ["1042006"]
    data: Any = told["1042001"]["data"]
    assert (data["coin"], data["date"], data["total"]) == ("ETH", "2026-03-05 14:22:31", "250.01000000")


def test_the_signature_is_lower_case_hex_of_the_raw_body() -> None:
    assert signature(b"{}", "key") == hmac.new(b"key", b"{}", hashlib.sha512).hexdigest()


async def test_a_failed_call_is_sent_again() -> None:
    answers = iter([503, 500, 200])

    def answer(body: Any) -> Any:
        return 200 if body["type"] == "validate" else next(answers, 200)

    async with receiver(answer) as (url, came), sending(url) as webhooks:
        webhooks.note(HOPPERS[0], TRADE)
        webhooks.note(HOPPERS[1], TRADE)
        calls = [await next_of(came, "messages") for _ in range(3)]
        assert calls[0] == calls[1] == calls[2]
        assert len(calls[0]["messages"]) == 2
        await asyncio.sleep(0.2)
        assert came.empty()


async def test_it_gives_up_at_last(caplog: pytest.LogCaptureFixture) -> None:
    def answer(body: Any) -> Any:
        return 200 if body["type"] == "validate" else 500

    async with receiver(answer) as (url, came), sending(url) as webhooks:
        webhooks.note(HOPPERS[0], TRADE)
        for _ in range(3):
            await next_of(came, "messages")
        await asyncio.sleep(0.3)
        assert came.empty()
    assert [record.levelno for record in caplog.records if "dropped" in record.message] == [logging.WARNING]


async def test_a_slow_receiver_delays_nobody() -> None:
    def answer(body: Any) -> Any:
        return 10.0 if body["type"] == "validate" else 200

    async with receiver(answer) as (url, came), sending(url) as webhooks:
        webhooks.note(HOPPERS[0], TRADE)
        await next_of(came, "messages")


async def test_validation_waits_for_the_right_answer() -> None:
    async with receiver(lambda _: 200) as (url, came), sending(url, webhook_verification="else"):
        first = await next_of(came, "validate")
        assert first == {"app_id": 1001, "type": "validate", "messages": []}
        assert await next_of(came, "validate") == first


async def test_without_an_address_nothing_is_told() -> None:
    async with sending("") as webhooks:
        webhooks.note(HOPPERS[0], TRADE)
        await asyncio.sleep(0.1)
        assert (await told(webhooks))["deliveries"] == []


async def told(webhooks: Webhooks, **query: str) -> Any:
    """What the control port tells."""
    return (await ask(Starlette(routes=webhooks.routes()), "GET", "/control/webhooks", query=query)).json


async def ruled(webhooks: Webhooks, *rules: dict[str, Any]) -> None:
    answer = await ask(Starlette(routes=webhooks.routes()), "POST", "/control/webhooks", body=list(rules))
    assert answer.status == 200, answer


async def received(came: asyncio.Queue[Any], seconds: float = 0.4) -> list[Any]:
    """Every call with messages within that time."""
    await asyncio.sleep(seconds)
    calls = [came.get_nowait() for _ in range(came.qsize())]
    return [call for call in calls if call.get("type") != "validate"]


def ids(calls: list[Any]) -> list[str]:
    return [each["data"].get("id", "") for call in calls for each in call["messages"]]


def numbered(*numbers: int) -> list[Trade]:
    return [replace(TRADE, id=str(number)) for number in numbers]


async def test_the_next_message_of_a_hopper_is_dropped_when_asked_for() -> None:
    async with receiver(lambda _: 200) as (url, came), sending(url) as webhooks:
        await ruled(webhooks, {"drop": 1, "hopper": HOPPERS[1].id})
        for hopper, trade in zip((HOPPERS[0], HOPPERS[1], HOPPERS[1]), numbered(1, 2, 3), strict=True):
            webhooks.note(hopper, trade)
        assert ids(await received(came)) == ["1", "3"]
        said = await told(webhooks, hopper=HOPPERS[1].id)
        assert [(each["rule"], each["outcome"]) for each in said["deliveries"]] == [
            ("drop", "dropped"),
            ("", "delivered"),
        ]
        assert said["rules"] == []


async def test_a_message_comes_twice_when_asked_for() -> None:
    async with receiver(lambda _: 200) as (url, came), sending(url) as webhooks:
        await ruled(webhooks, {"duplicate": 1, "seconds": 0.05})
        webhooks.note(HOPPERS[0], TRADE)
        calls = await received(came)
        assert calls[0] == calls[1]
        assert ids(calls) == [TRADE.id] * 2


async def test_a_message_is_delayed_when_asked_for() -> None:
    async with receiver(lambda _: 200) as (url, came), sending(url) as webhooks:
        await ruled(webhooks, {"delay": 1, "seconds": 0.3})
        webhooks.note(HOPPERS[0], TRADE)
        assert ids(await received(came, 0.15)) == []
        assert ids(await received(came, 0.4)) == [TRADE.id]


@pytest.mark.parametrize("is_one_round", [True, False])
async def test_a_message_comes_after_the_next_one_when_asked_for(is_one_round: bool) -> None:
    async with receiver(lambda _: 200) as (url, came), sending(url, webhook_interval=0.06) as webhooks:
        await ruled(webhooks, {"reorder": 1})
        first, second = numbered(1, 2)
        webhooks.note(HOPPERS[0], first)
        if not is_one_round:
            await asyncio.sleep(0.1)
        webhooks.note(HOPPERS[0], second)
        assert ids(await received(came)) == ["2", "1"]


async def test_a_message_that_waits_for_a_next_one_is_sent_at_last() -> None:
    async with receiver(lambda _: 200) as (url, came), sending(url) as webhooks:
        await ruled(webhooks, {"reorder": 1})
        webhooks.note(HOPPERS[0], TRADE)
        assert ids(await received(came)) == [TRADE.id]


async def test_signatures_and_bodies_are_spoiled_when_asked_for() -> None:
    came: list[tuple[bytes, str]] = []

    async def receive(request: web.Request) -> web.Response:
        came.append((await request.read(), request.headers["X-Hub-Signature"]))
        return web.Response()

    async with hook(receive) as url, sending(url) as webhooks:
        await ruled(webhooks, {"wrong_signature": 1}, {"garbage": 1})
        for trade in numbered(1, 2, 3):
            webhooks.note(HOPPERS[0], trade)
        async with asyncio.timeout(10):
            while len(calls := [each for each in came if b"validate" not in each[0]]) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    secret = Settings().client_secret
    signed = sorted((given == signature(body, secret), body.endswith(b"}")) for body, given in calls)
    assert signed == [(False, True), (True, False), (True, True)]


async def test_messages_say_less_when_asked_for() -> None:
    async with receiver(lambda _: 200) as (url, came), sending(url) as webhooks:
        await ruled(webhooks, {"unnamed": 1}, {"bare": 1})
        for trade in numbered(1, 2):
            webhooks.note(HOPPERS[0], trade)
        ((unnamed, bare),) = (call["messages"] for call in await received(came))
        assert "hopper_id" not in unnamed["data"]
        assert unnamed["data"]["id"] == "1"
        assert bare["data"] == {"coin": "ETH", "hopper_id": HOPPERS[0].id}


async def test_a_share_of_messages_is_drawn_by_seed_and_the_same_again() -> None:
    async def lost() -> list[str]:
        async with receiver(lambda _: 200) as (url, came), sending(url) as webhooks:
            await ruled(webhooks, {"drop": None, "share": 0.3, "seed": "x"})
            for trade in numbered(*range(100)):
                webhooks.note(HOPPERS[0], trade)
            return ids(await received(came))

    first = await lost()
    assert 50 < len(first) < 90
    assert await lost() == first


async def test_several_messages_come_in_one_call_and_no_more_than_so_many() -> None:
    async with receiver(lambda _: 200) as (url, came), sending(url) as webhooks:
        webhooks.configure({"messages_per_call": 2})
        for trade in numbered(1, 2, 3):
            webhooks.note(HOPPERS[0], trade)
        assert sorted(len(call["messages"]) for call in await received(came)) == [1, 2]


async def test_other_topics_are_told_and_may_be_switched_off() -> None:
    async with receiver(lambda _: 200) as (url, came), sending(url) as webhooks:
        webhooks.obeyed(HOPPERS[0], Command(0, "panic"))
        webhooks.obeyed(HOPPERS[0], Command(0, "order", "buy ETH market", "1"))
        webhooks.obeyed(HOPPERS[0], Command(0, "cancel"))
        webhooks.obeyed(HOPPERS[0], Command(0, "rename", "x"))
        webhooks.tell(HOPPERS[0], "config_error", "Configuration is wrong", {"field": "strategy"})
        (call,) = await received(came)
        assert [each["type"] for each in call["messages"]] == [
            "on_panic_start", "order_placed", "order_cancelled", "config_error",
        ]  # fmt: skip
        assert call["messages"][1]["data"] == {"coin": "ETH", "hopper_id": HOPPERS[0].id}
        webhooks.configure({"topics": ["trade_completed"]})
        webhooks.obeyed(HOPPERS[0], Command(0, "panic"))
        webhooks.note(HOPPERS[0], TRADE)
        (call,) = await received(came)
        assert [each["type"] for each in call["messages"]] == ["trade_completed"]


async def test_the_second_form_is_sent_to_who_registered_and_signed_with_the_shared_secret() -> None:
    came: list[tuple[bytes, dict[str, str]]] = []

    async def receive(request: web.Request) -> web.Response:
        came.append((await request.read(), dict(request.headers)))
        return web.Response(status=503 if len(came) == 1 else 200)

    async with hook(receive) as url, sending("", webhook_shared_secret="shared") as webhooks:
        number = webhooks.create(url, ["order_filled"], HOPPERS[0].user)
        webhooks.note(HOPPERS[0], TRADE)
        webhooks.note(HOPPERS[7], TRADE)
        webhooks.obeyed(HOPPERS[0], Command(0, "cancel"))
        await asyncio.sleep(0.3)
        assert len(came) == 2
        assert came[0][0] == came[1][0]
        body, headers = came[1]
        assert headers["X-Cryptohopper-Signature"] == hmac.new(b"shared", body, hashlib.sha256).hexdigest()
        assert json.loads(body) == {
            "event": "order_filled",
            "payload": {
                "market": "ETH/USDT", "type": "sell", "amount": 0.1, "price": 2500.1, "id": 500000007,
                "hopper_id": HOPPERS[0].id,
            },
        }  # fmt: skip
        assert [each["answers"] for each in (await told(webhooks))["deliveries"]] == [[503, 200]]
        assert not webhooks.delete(number, "another user")
        assert webhooks.delete(number, HOPPERS[0].user)
        assert not webhooks.delete(number)
        webhooks.note(HOPPERS[0], TRADE)
        await asyncio.sleep(0.2)
        assert len(came) == 2


async def test_without_a_shared_secret_the_second_form_is_not_signed() -> None:
    came: list[dict[str, str]] = []

    async def receive(request: web.Request) -> web.Response:
        came.append(dict(request.headers))
        return web.Response()

    async with hook(receive) as url, sending("") as webhooks:
        webhooks.configure({"registered": [{"url": url}]})
        webhooks.note(HOPPERS[0], TRADE)
        await asyncio.sleep(0.2)
    assert ["X-Cryptohopper-Signature" in headers for headers in came] == [False]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"rulez": []}, "rulez"),
        ({"topics": ["nothing"]}, "topics"),
        ({"messages_per_call": 0}, "messages_per_call"),
        ({"shared_secret": 7}, "shared_secret"),
        ({"registered": [{"events": []}]}, r"registered\[0\]"),
        ({"registered": [{"url": "ftp://x"}]}, "url"),
        ({"rules": [{"drop": 1, "hoper": "1"}]}, "'hoper'"),
        ({"rules": [{"drop": 1, "delay": 1}]}, "one of"),
        ({"rules": [{}]}, r"rules\[0\]"),
        ({"rules": [{"drop": 0}]}, "drop"),
        ({"rules": [{"drop": True}]}, "drop"),
        ({"rules": [{"drop": 1, "share": 0}]}, "share"),
        ({"rules": [{"drop": 1, "seconds": -1}]}, "seconds"),
        ({"rules": [{"drop": 1, "hopper": 1042001}]}, "hopper"),
        ({"rules": ["drop"]}, "object"),
    ],
)
async def test_what_a_scenario_cannot_mean_is_refused_and_named(given: dict[str, Any], named: str) -> None:
    webhooks = Webhooks(Settings())
    with pytest.raises(ValueError, match=named):
        webhooks.configure(given)
    assert (await told(webhooks))["rules"] == []


@pytest.mark.parametrize("body", [{"drop": "all"}, 7, None])
async def test_the_control_port_says_what_is_wrong(body: Any) -> None:
    webhooks = Webhooks(Settings())
    answer = await ask(Starlette(routes=webhooks.routes()), "POST", "/control/webhooks", body=body)
    assert (answer.status, "error" in answer.json) == (400, True)


async def test_what_was_asked_for_can_be_taken_back() -> None:
    webhooks = Webhooks(Settings())
    await ruled(webhooks, {"drop": None}, {"delay": 2, "seconds": 5})
    assert len((await told(webhooks))["rules"]) == 2
    assert (await ask(Starlette(routes=webhooks.routes()), "DELETE", "/control/webhooks")).status == 200
    assert (await told(webhooks))["rules"] == []
