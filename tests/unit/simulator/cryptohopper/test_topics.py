"""What hoppers do beside their trades is told by webhook, with the coin that it is about."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

from aiohttp import web

from simulator.clock import TurnedClock
from tests.unit.simulator.conftest import Caller, Start, link

LIMIT = {
    "id": "900001", "user": "1", "start": "10000", "order_type": "limit", "exchange": "binance", "base": "USDT",
    "dip": 0.002, "take_profit": 0.02, "stop_loss": 0.05, "arm": 0.01, "patience": 700, "most_positions": 9,
}  # fmt: skip
USER = {"id": "1", "name": "dora", "password": "dora-demo", "full_name": "Dora"}
Told = Callable[[], Awaitable[list[dict[str, Any]]]]


@asynccontextmanager
async def living(app: Any) -> AsyncIterator[None]:
    """The application's own tasks at work."""
    said: asyncio.Queue[str] = asyncio.Queue()
    asked: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    asked.put_nowait({"type": "lifespan.startup"})

    async def send(message: dict[str, str]) -> None:
        said.put_nowait(message["type"])

    task = asyncio.create_task(app({"type": "lifespan", "state": {}}, asked.get, send))
    assert await said.get() == "lifespan.startup.complete"
    try:
        yield
    finally:
        asked.put_nowait({"type": "lifespan.shutdown"})
        await task


@asynccontextmanager
async def playing(start: Start, **world: Any) -> AsyncIterator[tuple[Any, list[dict[str, Any]]]]:
    """A simulator at work whose clock stands, and the messages that its webhooks have told."""
    came: list[dict[str, Any]] = []

    async def receive(request: web.BaseRequest) -> web.Response:
        came.extend(json.loads(await request.read())["messages"])
        return web.Response()

    runner = web.ServerRunner(web.Server(receive))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        told = {"world": {"users": [USER], **world}, "settings": {}}
        simulator = start(told, history_days=0, decision_seconds=60, webhook_url=url, webhook_interval=0.02)
        async with living(simulator.app):
            yield simulator, came
    finally:
        await runner.cleanup()


async def until(came: list[dict[str, Any]], *topics: str) -> dict[str, list[dict[str, Any]]]:
    """Messages by topic, once there is one of each of these."""
    async with asyncio.timeout(10):
        while True:
            found: dict[str, list[dict[str, Any]]] = {}
            for message in came:
                found.setdefault(message["type"], []).append(message)
            if set(topics) <= found.keys():
                return found
            await asyncio.sleep(0.02)


async def test_a_bot_s_own_resting_orders_and_triggers_are_told_with_their_coins(
    start: Start, clock: TurnedClock
) -> None:
    async with playing(start, hoppers=[LIMIT]) as (simulator, came):
        clock.turn(timedelta(days=2))
        told = await until(came, "order_placed", "order_cancelled", "on_trigger", "trade_completed")
        trader = simulator.world.traders["900001"]
        for topic in ("order_placed", "order_cancelled", "on_trigger"):
            for message in told[topic]:
                assert message["data"]["coin"] in trader.hopper.coins
                assert message["data"]["hopper_id"] == "900001"
                assert message["data"]["coin"] in message["title"]
        first = next(place for place, message in enumerate(came) if message["type"] == "on_trigger")
        coin = came[first]["data"]["coin"]
        assert not any("Sold" in message["message"] and message["data"]["coin"] == coin for message in came[:first])
        reasons = {"Stop-Loss", "Trailing Stop-Loss", "Percentage profit", "Auto close"}
        assert {message["title"].partition(" sells ")[0] for message in told["on_trigger"]} <= reasons


async def test_a_user_s_orders_are_told_when_they_are_placed_and_when_they_are_cancelled(
    start: Start, clock: TurnedClock
) -> None:
    orders = [
        {"hopper": "900001", "kind": "order", "value": "buy ETH 1000", "amount": "0.1", "after": 120},
        {"hopper": "900001", "kind": "cancel", "after": 180},
        {"hopper": "900001", "kind": "order", "value": "buy LINK 1", "amount": "5", "after": 240},
        {"hopper": "900001", "kind": "panic", "after": 300},
    ]
    async with playing(start, hoppers=[LIMIT | {"most_positions": 0}], commands=orders) as (_, came):
        clock.turn(timedelta(minutes=10))
        told = await until(came, "order_placed", "order_cancelled", "on_panic_start")
        assert [each["data"]["coin"] for each in told["order_placed"]] == ["ETH", "LINK"]
        assert [each["data"]["coin"] for each in told["order_cancelled"]] == ["ETH", "LINK"]
        assert told["on_panic_start"][0]["data"]["coin"] == "-"


async def test_a_wrong_configuration_is_told_when_a_scenario_or_a_test_says_so(
    start: Start, asked: dict[str, str], clock: TurnedClock
) -> None:
    planned = [{"kind": "complain", "value": "The exchange refuses the API key", "after": 120}]
    async with playing(start, hoppers=[LIMIT], commands=planned) as (simulator, came):
        dora = Caller(simulator.app, (await link(simulator.app, asked, "dora"))["access_token"])
        assert (await dora.get("/hopper/900001")).data["hopper"]["config_error"] == "0"
        clock.turn(timedelta(minutes=3))
        told = await until(came, "config_error")
        assert told["config_error"][0]["title"] == "The exchange refuses the API key"
        assert (await dora.get("/hopper/900001")).data["hopper"]["config_error"] == "The exchange refuses the API key"
        lines = (await dora.get("/hopper/900001/output", entryType="error")).data
        assert [line["log_output"] for line in lines] == ["The exchange refuses the API key"]
        came.clear()
        body = {"command": "complain", "value": "No coins"}
        assert (await dora.control("POST", "/hopper/900001/command", body)).status == 200
        assert (await until(came, "config_error"))["config_error"][0]["title"] == "No coins"
        assert (await dora.control("POST", "/hopper/900001/command", body | {"value": ""})).status == 200
        assert (await dora.get("/hopper/900001")).data["hopper"]["config_error"] == "0"


async def test_trades_explain_balances_to_the_last_digit_when_fees_are_paid_in_a_third_coin(
    start: Start, asked: dict[str, str], clock: TurnedClock
) -> None:
    hopper = LIMIT | {"order_type": "market", "fee_coin": "BNB", "reserved": {"BNB": "0.05"}}
    simulator = start({"world": {"users": [USER], "hoppers": [hopper]}}, history_days=2, decision_seconds=60)
    clock.turn(timedelta(seconds=28, milliseconds=750))  # a whole minute: the snapshot is of now
    dora = Caller(simulator.app, (await link(simulator.app, asked, "dora"))["access_token"])
    owned = {coin: Decimal(amount) for coin, amount in (await dora.get("/hopper/900001/assets")).data.items()}
    trades: list[dict[str, Any]] = []
    while page := (await dora.get("/hopper/900001/trade", offset=len(trades))).data["trades"]:
        trades += page
    explained = {"USDT": Decimal("10000"), "BNB": Decimal("0.05")}
    for trade in trades:
        sign = 1 if trade["type"] == "buy" else -1
        payer = trade.get("fee_currency", trade["order_cur"])
        for coin, amount in (
            (trade["currency"], sign * Decimal(trade["amount"])),
            (trade["order_cur"], -sign * Decimal(trade["total"])),
            (payer, -Decimal(trade["fee"])),
        ):
            explained[coin] = explained.get(coin, Decimal(0)) + amount
    assert {coin: amount for coin, amount in explained.items() if amount} == owned
    payers = [trade.get("fee_currency", "") for trade in reversed(trades)]
    assert (payers[0], payers[-1]) == ("BNB", "")  # until the reserve is spent


async def test_the_order_book_is_what_orders_meet_in_both_dialects(
    start: Start, asked: dict[str, str], clock: TurnedClock
) -> None:
    simulator = start({"world": {"users": [USER], "hoppers": [LIMIT | {"most_positions": 0, "start": "1e8"}]}})
    clock.turn(timedelta(milliseconds=750))  # a whole second: an order of now meets what is shown now
    dora = Caller(simulator.app, (await link(simulator.app, asked, "dora"))["access_token"])
    path = "/exchange/binance/LINKUSDT/orderbook/"
    book = (await dora.get(f"{path}100")).data
    assert (await dora.get(f"{path}3")).data == {side: levels[:3] for side, levels in book.items()}
    assert (await dora.get("/exchange/orderbook", exchange="binance", market="LINK/USDT")).data == book
    assert len(book["asks"]) == len(book["bids"]) == 10
    ticker = (await dora.get("/exchange/binance/ticker/LINKUSDT")).data
    assert [float(ticker[side]) for side in ("highestBid", "lowestAsk")] == [book["bids"][0][0], book["asks"][0][0]]
    assert book["bids"][0][0] < float(ticker["last"]) < book["asks"][0][0]
    (first, there), (second, _) = book["asks"][:2]
    order = {"order_type": "buy", "market_order": 1, "coin": "LINK", "amount": f"{there + 1:.8f}"}
    assert (await dora.tell("POST", "/hopper/900001/order", order)).status == 200
    page = (await dora.get("/hopper/900001/trade")).data
    assert sorted(float(trade["rate"]) for trade in page["trades"]) == [first, second]
    left = (await dora.get(f"{path}3")).data
    assert left["asks"][0][0] == second
    assert left["bids"] == book["bids"][:3]
