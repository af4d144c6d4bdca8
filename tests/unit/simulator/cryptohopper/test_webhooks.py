"""Messages about trades: signed, sent again when they fail, dropped at last, and never in the way."""

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from simulator.cryptohopper.webhooks import Webhooks, message, signature
from simulator.settings import Settings
from simulator.worlds.books import Trade
from simulator.worlds.demo import HOPPERS

TRADE = Trade(
    "500000007", 1_772_720_551_000, "sell", "ETH", Decimal("0.10000000"), Decimal("2500.10"), Decimal("250.01000000"),
    Decimal("0.25001000"), "Stop-Loss", "500000003", Decimal("-1.2345"),
)  # fmt: skip
QUICK = {"webhook_interval": 0.02, "webhook_backoff": 0.02, "webhook_timeout": 0.2, "webhook_attempts": 3}


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

    app = web.Application()
    app.router.add_post("/hook", receive)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook", came
    finally:
        await runner.cleanup()


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


async def test_without_an_address_nothing_is_kept() -> None:
    webhooks = Webhooks(Settings())
    webhooks.note(HOPPERS[0], TRADE)
    await asyncio.wait_for(webhooks.run(), 1)
