"""A replayed portfolio, asked of the datafeed as a chart asks: every resolution, in every zone, equals the oracle."""

import asyncio
import bisect
import csv
import gzip
import json
import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from candles.datafeed.main import opened
from candles.datafeed.settings import Settings
from cryptwire.clock import SystemClock
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.metrics import Meters
from cryptwire.runtime import Health, Runtime, serving
from cryptwire.storage import database
from cryptwire.storage.database import url_of
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.users import Users
from devstack.servers import Servers
from replay.main import Addresses, replay
from tests import market, oracle
from tests.signing import Keys, issued, personal_token

ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "America/New_York")
RESOLUTIONS = ("15", "60", "240", "1D", "1W", "1M")
OF_GENERATED = {"ADA": "10000", "ETH": "20", "XLM": "20000.5", "BTC": "0.25"}
OF_RECORDED = {"ADA": "10000", "DASH": "12.5", "ETH": "20", "LTC": "33.3", "TRX": "150000", "XLM": "20000.5"}
PAGE = 4_000


@dataclass
class Reader:
    """A signed-in user whose hopper was replayed, and the datafeed he asks."""

    base: str
    http: aiohttp.ClientSession
    rows: database.Database
    user: UserId

    async def bars(self, resolution: str, zone: str) -> list[tuple[float, ...]]:
        """All bars in ``zone``, newest page first, each page ending where the one before began."""
        await self.rows.execute("UPDATE users SET zone = $1 WHERE user_id = $2::text::uuid", zone, self.user)
        bars: list[tuple[float, ...]] = []
        to = int(datetime(2019, 1, 1, tzinfo=UTC).timestamp())
        while True:
            asked: dict[str, str | int] = {
                "symbol": "HOPPER:replay-1",
                "resolution": resolution,
                "to": to,
                "countback": PAGE,
            }
            async with self.http.get(f"{self.base}/udf/history", params=asked) as answer:
                assert answer.status == 200, await answer.text()
                body = await answer.json()
            if body["s"] == "no_data":
                return bars
            page = list(zip(*(body[column] for column in "tohlc"), strict=True))
            assert len(page) <= PAGE
            bars = page + bars
            to = body["t"][0]


@asynccontextmanager
async def reading(database_url: str, nats_url: str, keys: Keys) -> AsyncIterator[Reader]:
    runtime = Runtime(asyncio.Event(), SystemClock(), Meters(), Health())
    settings = Settings(url_of("datafeed", database_url), nats_url, keys.session_public_key_file, port=0)
    async with AsyncExitStack() as stack:
        rows = await stack.enter_async_context(database.connect(database_url, "test"))
        user = await Users(rows).add("me@example.com", "-", "UTC", "USD", "pro")
        await Hoppers(rows).put(
            Hopper(
                HopperId("replay-1"), user, "Replayed", Exchange("recorded"), Asset("BTC"), True, timedelta(minutes=15)
            )
        )
        secret = await personal_token(rows, user)
        app = await stack.enter_async_context(opened(settings, runtime))
        port = await stack.enter_async_context(serving(app, "127.0.0.1", 0))
        http = await stack.enter_async_context(
            aiohttp.ClientSession(
                headers={"authorization": f"Bearer {secret}"}, timeout=aiohttp.ClientTimeout(total=20)
            )
        )
        yield Reader(f"http://127.0.0.1:{port}", http, rows, user)


def autumn_bars(folder: Path) -> Path:
    """Five-minute bars over the end of summer time in Berlin (28 October) and New York (4 November 2018)."""
    at = datetime(2018, 10, 26, 22, 5, tzinfo=UTC)
    with gzip.open(folder / "ETH-BTC.5m.csv.gz", "wt", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(("opened_at", "open", "high", "low", "close", "volume"))
        price = 0.031
        for step in range(10 * 288):
            opened_at = at + timedelta(minutes=5 * step)
            close = 0.031 + 0.002 * math.sin(step / 91) + 0.0003 * math.sin(step / 3.7)
            high, low = max(price, close) * 1.0007, min(price, close) * 0.9991
            if step % 53 and not 1_000 < step < 1_009:
                stamp = opened_at.strftime("%Y-%m-%dT%H:%M:%SZ")
                writer.writerow((stamp, repr(price), repr(high), repr(low), repr(close), "1"))
            price = close
    return folder


async def assert_every_bar(folder: Path, assets: dict[str, str], servers: Servers, addresses: Addresses) -> int:
    """Replay, then compare each resolution in each zone with the oracle; how many bars were compared."""
    portfolio = folder.parent / "portfolio.json"
    portfolio.write_text(json.dumps({"hopper": "1", "assets": assets}))
    await replay(folder, portfolio, Asset("BTC"), addresses, is_quiet=True)
    keys = issued(folder.parent / "keys")
    candles = oracle.candles_of(oracle.bars_of(folder), {name: float(amount) for name, amount in assets.items()}, "BTC")
    compared = 0
    async with reading(addresses.database_url, servers.nats.url("datafeed"), keys) as reader, asyncio.timeout(100):
        for zone in ZONES:
            for resolution in RESOLUTIONS:
                expected = oracle.bars_in_zone(candles, resolution, zone)
                got = await reader.bars(resolution, zone)
                where = f"{resolution} in {zone}"
                assert [bar[0] for bar in got] == [bar[0] for bar in expected], where
                for bar, other in zip(got, expected, strict=True):
                    assert all(
                        math.isclose(mine, theirs, rel_tol=1e-9, abs_tol=0)
                        for mine, theirs in zip(bar[1:], other[1:], strict=True)
                    ), f"{where}: {bar} is not {other}"
                compared += len(got)
    return compared


@pytest.fixture
def addresses(database_url: str, redis_url: str, servers: Servers) -> Addresses:
    return Addresses(database_url, redis_url, servers.nats.url("replay"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "bars"
    made.mkdir()
    return made


async def test_over_the_beginning_of_summer_time(folder: Path, servers: Servers, addresses: Addresses) -> None:
    market.make_bars(folder, days=11)  # Berlin 25 March, Lord Howe 1 April 2018
    assert await assert_every_bar(folder, OF_GENERATED, servers, addresses) > 5 * 1_000


async def test_over_the_end_of_summer_time(folder: Path, servers: Servers, addresses: Addresses) -> None:
    assert await assert_every_bar(autumn_bars(folder), {"ETH": "3.7", "BTC": "1"}, servers, addresses) > 5 * 900


async def test_recorded_candles(tmp_path: Path, folder: Path, servers: Servers, addresses: Addresses) -> None:
    recorded = market.recorded_folder()
    if recorded is None:
        pytest.skip("no recorded market data (CRYPTWIRE_MARKET_DATA): only generated bars were compared")
    for path in recorded.glob("*.5m.csv.gz"):
        (folder / path.name).symlink_to(path)
    assert await assert_every_bar(folder, OF_RECORDED, servers, addresses) > 5 * 400


async def test_a_bar_over_the_change_is_as_long_as_the_clock_says(
    folder: Path, servers: Servers, addresses: Addresses
) -> None:
    """Not the oracle's word but the calendar's: Berlin's 25 March 2018 has 23 hours, its 28 October 25."""
    market.make_bars(folder, days=4)
    portfolio = folder.parent / "portfolio.json"
    portfolio.write_text(json.dumps({"hopper": "1", "assets": {"ADA": "1"}}))
    await replay(folder, portfolio, Asset("BTC"), addresses, is_quiet=True)
    keys = issued(folder.parent / "keys")
    async with reading(addresses.database_url, servers.nats.url("datafeed"), keys) as reader, asyncio.timeout(30):
        fours = [int(bar[0]) for bar in await reader.bars("240", "Europe/Berlin")]
        hours = [int(bar[0]) for bar in await reader.bars("60", "Europe/Berlin")]
    midnight = int(datetime(2018, 3, 24, 23, tzinfo=UTC).timestamp())
    first = bisect.bisect_left(fours, midnight)
    lengths = [after - before for before, after in zip(fours[first:], fours[first + 1 :], strict=False)]
    assert lengths[:3] == [3 * 3600, 4 * 3600, 4 * 3600]
    next_midnight = int(datetime(2018, 3, 25, 22, tzinfo=UTC).timestamp())
    assert len([hour for hour in hours if midnight <= hour < next_midnight]) == 23
