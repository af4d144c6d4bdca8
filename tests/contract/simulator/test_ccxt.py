"""An unmodified ccxt reads both exchanges: only addresses and options are set, as simulator.exchanges shows them."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import ccxt.pro
import pytest

import simulator.exchanges
from tests.contract.simulator.conftest import Run, Running, within

MINUTE = 60_000
QUIET = {"binance": "ZEC/USDT", "kucoin": "ATOM/USDT"}
LISTED = {"binance": 21, "kucoin": 19}
Exchange = Any


def settings_of(exchange: str, here: Running) -> dict[str, Any]:
    """The settings in the docstring, led to this run."""
    found = re.search(r"^    \{\n.*?^    \}$", simulator.exchanges.__doc__ or "", re.MULTILINE | re.DOTALL)
    assert found is not None
    text = found[0].replace("127.0.0.1:8090", f"127.0.0.1:{here.port}")
    settings: dict[str, Any] = json.loads(text)[exchange]
    return {**settings, "enableRateLimit": False}


@asynccontextmanager
async def reading(exchange: str, here: Running) -> AsyncIterator[Exchange]:
    made: Callable[[dict[str, Any]], Exchange] = getattr(ccxt.pro, exchange)
    client = made(settings_of(exchange, here))
    try:
        yield client
    finally:
        await client.close()


@pytest.mark.parametrize("exchange", ["binance", "kucoin"])
async def test_markets_tickers_and_klines_are_read(run: Run, exchange: str) -> None:
    async with run() as here, reading(exchange, here) as client:
        markets = await within(10, client.load_markets())
        assert len(markets) == LISTED[exchange]
        assert all(market["active"] and market["spot"] for market in markets.values())
        tickers = await within(10, client.fetch_tickers())
        assert tickers.keys() == markets.keys()
        for symbol, ticker in tickers.items():
            assert ticker["low"] <= ticker["last"] <= ticker["high"], symbol
            assert ticker["bid"] < ticker["last"] < ticker["ask"], symbol
            assert ticker["baseVolume"] > 0
            assert ticker["quoteVolume"] > 0
            steps = ticker["last"] / markets[symbol]["precision"]["price"]
            assert abs(steps - round(steps)) < 1e-3, symbol
        single = await within(10, client.fetch_ticker("ETH/BTC"))
        assert single["low"] <= single["last"] <= single["high"]
        last = (await within(10, client.fetch_ohlcv("BTC/USDT", "1m", limit=5)))[-1]
        assert abs(last[0] - client.milliseconds()) < 2 * MINUTE


@pytest.mark.parametrize(("exchange", "page"), [("binance", 1000), ("kucoin", 1500)])
@pytest.mark.parametrize(("timeframe", "minutes"), [("15m", 15), ("1m", 1)])
async def test_klines_come_in_pages_without_gaps(
    run: Run, exchange: str, page: int, timeframe: str, minutes: int
) -> None:
    async with run() as here, reading(exchange, here) as client:
        span = minutes * MINUTE
        now = client.milliseconds()
        since = now // span * span - 2 * page * span - 7 * span
        rows: list[list[float]] = []
        while not rows or rows[-1][0] + span <= now:
            fetched = await within(
                20, client.fetch_ohlcv("ETH/BTC", timeframe, since if not rows else int(rows[-1][0]) + span, page)
            )
            if not fetched:
                break
            rows += fetched
        opened = [row[0] for row in rows]
        assert opened[:-1] == list(range(since, int(opened[-1]), span))
        assert len(rows) >= 2 * page
        for _, first, high, low, last, volume in rows:
            assert low <= min(first, last) <= max(first, last) <= high
            assert volume > 0


@pytest.mark.parametrize("exchange", ["binance", "kucoin"])
@pytest.mark.parametrize("tick", [0.1, 1.0])
async def test_live_ticks_lie_within_the_klines_fetched_afterwards(run: Run, exchange: str, tick: float) -> None:
    async with run(tick_seconds=tick) as here, reading(exchange, here) as client:
        seen: dict[str, dict[int, float]] = {}
        await within(10, client.load_markets())
        begin = client.milliseconds()
        while client.milliseconds() < begin + 4000:
            await within(10, client.watch_tickers())
            for symbol, ticker in client.tickers.items():
                seen.setdefault(symbol, {})[ticker["timestamp"]] = ticker["last"]
        assert len(seen) >= 5
        assert max(len(prices) for prices in seen.values()) >= 3
        for symbol, prices in seen.items():
            rows = await within(10, client.fetch_ohlcv(symbol, "1m", begin // MINUTE * MINUTE))
            bars = {row[0]: row for row in rows}
            for at, price in prices.items():
                assert at % round(tick * 1000) == 0
                _, _, high, low, _, _ = bars[at // MINUTE * MINUTE]
                assert low <= price <= high, symbol


@pytest.mark.parametrize("exchange", ["binance", "kucoin"])
async def test_symbols_can_be_watched_one_by_one(run: Run, exchange: str) -> None:
    async with run(tick_seconds=0.1) as here, reading(exchange, here) as client:
        await within(30, client.load_markets())
        ticker = await within(30, client.watch_tickers(["ETH/USDT"]))  # told when its price changes
        assert set(ticker) == {"ETH/USDT"}
        single = await within(30, client.watch_ticker("BTC/USDT"))
        assert single["low"] <= single["last"] <= single["high"]
        fetched = await within(10, client.fetch_ticker("BTC/USDT"))
        assert abs(single["last"] / fetched["last"] - 1) < 0.01


@pytest.mark.parametrize("exchange", ["binance", "kucoin"])
async def test_a_restart_gives_equal_history(run: Run, exchange: str) -> None:
    async def history(here: Running) -> list[Any]:
        async with reading(exchange, here) as client:
            await within(10, client.load_markets())
            until = client.milliseconds() // MINUTE * MINUTE
            return [
                await within(10, client.fetch_ohlcv(symbol, "1m", until - 200 * MINUTE, 150))
                for symbol in ("BTC/USDT", "ETH/BTC", QUIET[exchange])
            ]

    for _ in range(2):  # once more when a minute ended between the two
        async with run() as here:
            before = await history(here)
            await here.stop()
        async with run() as here:
            after = await history(here)
        if before[0][0][0] == after[0][0][0]:
            break
    assert before == after


async def test_unknown_symbols_are_told_as_the_exchange_does(run: Run) -> None:
    async with run() as here, reading("binance", here) as client:
        await within(10, client.load_markets())
        with pytest.raises(ccxt.BadSymbol, match="Invalid symbol"):
            await within(10, client.publicGetKlines({"symbol": "NOPE", "interval": "1m"}))
        with pytest.raises(ccxt.BadRequest, match="Invalid interval"):
            await within(10, client.publicGetKlines({"symbol": "BTCUSDT", "interval": "7m"}))


async def test_quiet_pairs_stay_as_they_are_between_their_trades(run: Run) -> None:
    async with run(tick_seconds=0.1) as here, reading("binance", here) as client:
        await within(10, client.load_markets())
        begin = client.milliseconds()
        shown = set()
        while client.milliseconds() < begin + 1500:
            shown.add((await within(10, client.fetch_ticker("ZEC/USDT")))["last"])
            await asyncio.sleep(0.2)
        assert len(shown) <= 2
