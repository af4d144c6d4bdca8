"""What the simulated Cryptohopper sends is understood, in both forms and whatever befalls it on the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from starlette.applications import Starlette

from cryptwire.domain.hopper import HopperId
from devstack.servers import Servers
from simulator.cryptohopper.webhooks import Webhooks
from simulator.settings import Settings
from simulator.worlds.books import Trade
from simulator.worlds.commands import Command
from simulator.worlds.demo import HOPPERS
from tests.integration.webhook.test_webhook import CODE, SECRET, Play, playing
from tests.unit.simulator.asking import ask
from tests.unit.webhook.twins import trade

HOPPER = replace(HOPPERS[0], id="1")
SOLD = Trade(
    "7", 1_772_720_551_000, "sell", "ETH", Decimal("0.1"), Decimal("2500.1"), Decimal("250.01"), Decimal("0.25"),
    "Stop-Loss", "3", Decimal("-1.2"),
)  # fmt: skip


@asynccontextmanager
async def sending(play: Play, **settings: Any) -> AsyncIterator[Webhooks]:
    told = {
        "webhook_url": play.url, "webhook_verification": CODE, "client_secret": SECRET, "webhook_interval": 0.05,
        "webhook_backoff": 0.05, "webhook_shared_secret": "shared-secret", **settings,
    }  # fmt: skip
    webhooks = Webhooks(Settings(**told))
    task = asyncio.create_task(webhooks.run())
    try:
        yield webhooks
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def play(servers: Servers, database_url: str) -> AsyncIterator[Play]:
    async with playing(
        servers, database_url, shared_secret="shared-secret", read_every=timedelta(seconds=0.2)
    ) as play_:
        yield play_


async def happens(play: Play, webhooks: Webhooks, number: int) -> None:
    """A trade is in the list, and a webhook tells it."""
    play.trade_list.trades.append(trade("1", str(number), play.runtime.clock.now()))
    webhooks.note(HOPPER, replace(SOLD, id=str(number)))


async def kept(play: Play) -> list[str]:
    now = play.runtime.clock.now()
    return sorted(each.id for each in await play.trades.within(HopperId("1"), now - timedelta(days=1), now))


@pytest.mark.parametrize("form", ["app", "shared"])
async def test_a_trade_is_told_by_either_form(play: Play, form: str) -> None:
    async with sending(play, **({} if form == "app" else {"webhook_url": ""})) as webhooks:
        if form == "shared":
            webhooks.create(play.url, ["order_filled", "order_cancelled"])
        await happens(play, webhooks, 101)
        webhooks.obeyed(HOPPER, Command(0, "cancel"))
        await play.until_told(1)
        await asyncio.sleep(0.2)
    assert await kept(play) == ["101", "t1"]
    assert play.calls("validated") == (form == "app")
    assert (play.messages("trade"), play.messages("other"), play.calls("bad_signature")) == (1, 1, 0)


async def test_loss_doubling_disorder_forgery_and_garbage_change_nothing_in_the_end(play: Play) -> None:
    rules = [
        {"drop": 2}, {"duplicate": 2, "seconds": 0.05}, {"reorder": 1}, {"wrong_signature": 1}, {"garbage": 1},
        {"unnamed": 1}, {"bare": 2}, {"delay": 1, "seconds": 0.3},
    ]  # fmt: skip
    async with sending(play) as webhooks:
        app = Starlette(routes=webhooks.routes())
        assert (await ask(app, "POST", "/control/webhooks", body=rules)).status == 200
        for number in range(100, 112):
            await happens(play, webhooks, number)
            await asyncio.sleep(0.06)
        await play.until_told(12)
        await asyncio.sleep(0.8)
        said = (await ask(app, "GET", "/control/webhooks")).json
    assert await kept(play) == [*map(str, range(100, 112)), "t1"]
    assert sorted(id for _, id in play.told) == [str(number) for number in range(100, 112)]  # t1 is its past
    assert said["rules"] == []
    assert play.calls("bad_signature") >= 1
    assert play.calls("garbage") >= 1
    assert play.messages("unnamed") == 1
    assert play.messages("duplicate") == 2


async def test_what_the_receiver_had_no_room_for_is_sent_again(servers: Servers, database_url: str) -> None:
    async with playing(servers, database_url, queue_size=1, read_every=timedelta(seconds=0.3)) as play:
        async with sending(play, webhook_attempts=8) as webhooks:
            webhooks.configure({"messages_per_call": 1})
            for number, id in ((101, "1"), (102, "2"), (103, "1"), (104, "2")):
                play.trade_list.trades.append(trade(id, str(number), play.runtime.clock.now()))
                webhooks.note(replace(HOPPER, id=id), replace(SOLD, id=str(number)))
            await play.until_told(5)
        assert play.calls("full") >= 1
