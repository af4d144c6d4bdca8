"""The makers' own Python package works against the simulator unchanged: only its address is another."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from cryptohopper import CryptohopperClient, CryptohopperError  # type: ignore[import-untyped]  # it has no types

from tests.contract.simulator.conftest import Run, Running
from tests.contract.simulator.test_process import linked

MINE = "1042004"


class Client:
    """The package's client, which blocks, in a thread of its own."""

    def __init__(self, here: Running, http: aiohttp.ClientSession, token: str) -> None:
        self.here, self.http, self.token = here, http, token
        self.package = CryptohopperClient(api_key=token, base_url=f"{here.url}/v1")

    async def do(self, call: Callable[..., Any], *values: Any, **named: Any) -> Any:
        return await asyncio.to_thread(call, *values, **named)

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        async with self.http.request(method, f"{self.here.url}/control{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()


@pytest.fixture
async def client(run: Run) -> AsyncIterator[Client]:
    async with run(history_days=5, snapshot_seconds=1) as here, aiohttp.ClientSession() as http:
        token = await linked(here, http, "read notifications manage trade user")
        client = Client(here, http, token)
        try:
            yield client
        finally:
            client.package.close()


async def test_every_read_answers_in_its_shape(client: Client) -> None:
    of, do = client.package, client.do
    hoppers = await do(of.hoppers.list)
    assert [each["name"] for each in hoppers][:2] == ["Blue Chips", "Bitcoin Stacker"]
    assert [each["exchange"] for each in await do(of.hoppers.list, exchange="kucoin")] == ["kucoin"]
    assert (await do(of.hoppers.get, MINE))["name"] == "Euro Savings"
    positions = await do(of.hoppers.positions, MINE)
    assert {"hopper_id", "coin", "amount", "rate"} <= set(positions[0])
    assert (await do(of.hoppers.position, MINE, positions[0]["id"]))["coin"] == positions[0]["coin"]
    assert isinstance(await do(of.hoppers.orders, MINE), list)
    assert (await do(of.hoppers.config_get, MINE))["exchange"] == "binance"
    assert await do(of.hoppers.config_pools, MINE) == []
    assert (await do(of.user.get))["username"] == "alice"
    ticker = await do(of.exchange.ticker, exchange="binance", market="BTC/USDT")
    assert float(ticker["bid"]) < float(ticker["last"]) < float(ticker["ask"])
    candles = await do(of.exchange.candles, exchange="binance", market="BTC/USDT", timeframe="1h")
    assert all(bar["low"] <= min(bar["open"], bar["close"]) for bar in candles)
    assert len(candles) > 50
    book = await do(of.exchange.orderbook, exchange="kucoin", market="ETH/BTC")
    assert book["bids"][0][0] < book["asks"][0][0]
    assert {"exchange": "binance", "market": "BTC/EUR"} in await do(of.exchange.markets, "binance")
    assert {"currency": "EUR"} in await do(of.exchange.currencies, "binance")
    assert {each["exchange_key"] for each in await do(of.exchange.exchanges)} == {"binance", "kucoin"}
    assert {each["quoteCurrency"] for each in await do(of.exchange.forex_rates)} >= {"EUR", "GBP"}
    assert (await do(of.subscription.hopper, MINE))["plan_name"] == "Hero"
    assert len(await do(of.subscription.plans)) == 4
    for lists in (of.strategy.list, of.template.list, of.market.signals, of.signals.list, of.backtest.list):
        assert await do(lists) == []


async def test_what_it_does_has_its_effect(client: Client) -> None:
    of, do = client.package, client.do
    assert await do(of.hoppers.update, MINE, {"name": "Renamed"}) == {"success": True}
    assert (await do(of.hoppers.get, MINE))["name"] == "Renamed"
    assert await do(of.hoppers.config_update, MINE, {"max_open_positions": "3"}) == {"success": True}
    assert (await do(of.hoppers.config_get, MINE))["max_open_positions"] == "3"
    assert await do(of.hoppers.buy, {"hopper_id": MINE, "market": "BTC/EUR", "amount": "0.001"}) == {"success": True}
    assert await do(of.hoppers.panic, MINE) == {"success": True}
    await asyncio.sleep(2.1)  # the next snapshot
    assert await do(of.hoppers.positions, MINE) == []
    made = await do(of.hoppers.create, {"name": "New one", "config": {"exchange": "kucoin"}})
    assert (await do(of.hoppers.get, made["id"]))["exchange"] == "kucoin"
    assert await do(of.hoppers.delete, made["id"]) == {"success": True}
    hook = await do(of.webhooks.create, {"url": "http://127.0.0.1:9/hook", "events": ["order_filled"]})
    assert await do(of.webhooks.delete, hook["webhook_id"]) == {"success": True}
    told = await client.control("GET", "/requests?command=*")
    assert [each["command"] for each in told["requests"] if each["path"].startswith("/v1")] == [
        "rename", "config", "order", "panic", "create", "delete",
    ]  # fmt: skip


async def test_errors_arrive_under_their_names(client: Client) -> None:
    of, do = client.package, client.do
    wrong = CryptohopperClient(api_key="f" * 40, base_url=f"{client.here.url}/v1")
    cases = (
        ("NOT_FOUND", of.hoppers.get, ("1042007",)),
        ("VALIDATION_ERROR", of.hoppers.buy, ({"hopper_id": MINE, "market": "BTC/USDT", "amount": 1},)),
        ("UNAUTHORIZED", wrong.user.get, ()),
    )
    for code, call, values in cases:
        with pytest.raises(CryptohopperError) as raised:
            await do(call, *values)
        assert raised.value.code == code
    await client.control("POST", "/faults", {"fault": "403", "path": "/hopper/get"})
    with pytest.raises(CryptohopperError) as raised:
        await do(of.hoppers.get, MINE)
    assert (raised.value.code, raised.value.ip_address) == ("FORBIDDEN", "192.0.2.7")
    wrong.close()


@pytest.mark.parametrize("fault", ["429", "429-date"])
async def test_it_tries_again_after_429(client: Client, fault: str) -> None:
    await client.control("POST", "/faults", {"fault": fault, "path": "/user/get", "times": 2, "seconds": 1})
    begin = time.perf_counter()
    assert (await client.do(client.package.user.get))["username"] == "alice"
    assert time.perf_counter() - begin > 1.5
    told = await client.control("GET", "/requests?path=/user/get")
    assert [each["status"] for each in told["requests"]] == [429, 429, 200]


async def test_the_real_bucket_makes_it_wait(run: Run) -> None:
    async with run(rate_limit=5, rate_window=2) as here, aiohttp.ClientSession() as http:
        client = Client(here, http, await linked(here, http))
        for _ in range(7):
            assert (await client.do(client.package.user.get))["username"] == "alice"
        told = await client.control("GET", "/requests?count=0")
        assert told["rate_limited"]["normal"] >= 1
        assert told["statuses"]["429"] == told["rate_limited"]["normal"]
        client.package.close()
