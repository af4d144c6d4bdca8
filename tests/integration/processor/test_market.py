"""Rates and market caps, read from the played services over HTTP into real tables."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from starlette.applications import Starlette

from cryptwire.errors import Unavailable
from cryptwire.memory.clock import HandClock
from cryptwire.metrics import Meters
from cryptwire.runtime import serving
from cryptwire.storage import database
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.market_caps import MarketCaps
from cryptwire.storage.notices import Notices
from cryptwire.storage.rates import ExchangeRates
from cryptwire.storage.sources import Sources
from processor.adapters.coinmarketcap import CoinMarketCap
from processor.adapters.openexchangerates import OpenExchangeRates
from processor.handlers.market import Asking, CapReader, RateReader
from simulator.clock import TurnedClock
from simulator.coinmarketcap import service as coinmarketcap
from simulator.market.prices import Market
from simulator.openexchangerates import service as openexchangerates

NOW = datetime(2026, 3, 5, 14, 22, 31, tzinfo=UTC)
HOUR = timedelta(hours=1)
MARKET = Market("cryptwire")


@dataclass
class World:
    """Both services behind one door, our tables, and a clock for all."""

    base: str
    http: aiohttp.ClientSession
    rows: Database
    owner: Database
    clock: HandClock
    theirs: TurnedClock

    def rates(self, app_id: str = "sim-free") -> RateReader:
        source = OpenExchangeRates(self.http, f"{self.base}/openexchangerates/api", app_id)
        return RateReader(source, ExchangeRates(self.rows), Sources(self.rows), self._asking("openexchangerates"))

    def caps(self, key: str = "sim-startup") -> CapReader:
        source = CoinMarketCap(self.http, f"{self.base}/coinmarketcap", key, self.clock)
        caps, sources = MarketCaps(self.rows), Sources(self.rows)
        listing, highs = self._asking("coinmarketcap"), self._asking("coinmarketcap-highs")
        return CapReader(source, caps, sources, listing, highs, self.clock)

    def _asking(self, name: str) -> Asking:
        return Asking(name, Sources(self.rows), Notices(self.rows), self.clock, Meters())

    def turn(self, by: timedelta) -> None:
        self.clock.set(self.clock.now() + by)
        self.theirs.turn(by)

    async def tell(self, service: str, **told: Any) -> None:
        async with self.http.post(f"{self.base}/control/{service}", json=told) as answer:
            assert answer.status < 300, await answer.text()

    async def used(self) -> int:
        headers = {"Authorization": "Token sim-free"}
        async with self.http.get(f"{self.base}/openexchangerates/api/usage.json", headers=headers) as answer:
            return int((await answer.json())["data"]["usage"]["requests"])

    async def told(self) -> list[str]:
        """The kinds of notices to those who run the system."""
        return [row["kind"] for row in await self.owner.fetch("SELECT kind FROM notices WHERE user_id IS NULL")]


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    theirs = TurnedClock(NOW)
    routes = [
        *openexchangerates.OpenExchangeRates(MARKET, theirs).routes(),
        *coinmarketcap.CoinMarketCap(MARKET, theirs).routes(),
    ]
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(serving(Starlette(routes=routes), "127.0.0.1", 0))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        rows = await stack.enter_async_context(database.connect(url_of("processor", database_url), "test", 2))
        owner = await stack.enter_async_context(database.connect(database_url, "test", 1))
        yield World(f"http://127.0.0.1:{port}", http, rows, owner, HandClock(NOW), theirs)


async def test_rates_are_kept_as_published_and_asked_for_once_an_hour(world: World) -> None:
    rates = ExchangeRates(world.rows)
    assert "rates of 2026-03-05 14:00" in await world.rates().read(NOW)
    kept = await rates.at(["EUR", "JPY", "BTC", "XXX"], NOW)
    async with world.http.get(f"{world.base}/openexchangerates/api/latest.json?app_id=sim-free") as answer:
        theirs = await answer.text()
    assert f'"EUR": {kept["EUR"][0]}' in theirs
    assert set(kept) == {"EUR", "JPY", "BTC"}
    assert kept["EUR"][1] == datetime(2026, 3, 5, 14, tzinfo=UTC)
    used = await world.used()
    assert "waits" in await world.rates().read(NOW)
    assert await world.used() == used
    world.turn(HOUR)
    assert "rates of 2026-03-05 15:00" in await world.rates().read(NOW)
    assert await rates.at(["EUR"], NOW) == {"EUR": kept["EUR"]}, "what was published stays for its time"


async def test_rates_that_did_not_change_are_not_sent_again(world: World) -> None:
    await world.rates().read(NOW)
    world.clock.set(NOW + HOUR)  # theirs stands still
    assert await world.rates().read(NOW) == "unchanged"
    source = await Sources(world.rows).of("openexchangerates")
    assert source.read_at == NOW + HOUR


async def test_a_month_that_was_spent_early_is_spread_over_what_is_left(world: World) -> None:
    await world.tell("openexchangerates", app_id="sim-free", used=986)  # 14 requests for 27 days
    assert "rates" in await world.rates().read(NOW)
    world.turn(24 * HOUR)
    assert "waits" in await world.rates().read(NOW)
    world.turn(24 * HOUR + HOUR)
    assert "rates" in await world.rates().read(NOW)
    await world.tell("openexchangerates", app_id="sim-free", used=1000)
    world.turn(240 * HOUR)
    assert "left alone" in await world.rates().read(NOW)
    assert (await ExchangeRates(world.rows).at(["EUR"], world.clock.now()))["EUR"], "the last good one stays"


@pytest.mark.parametrize("fault", ["502", "503", "html", "cut", "empty", "junk"])
async def test_what_is_broken_changes_nothing_and_is_tried_again(world: World, fault: str) -> None:
    await world.rates().read(NOW)
    world.turn(HOUR)
    before = await ExchangeRates(world.rows).last_at()
    await world.tell("openexchangerates", error=fault, times=1)
    try:
        said = await world.rates().read(NOW)
    except Unavailable as error:
        said = str(error)
    assert "502" in said or "503" in said or "no JSON" in said or "as documented" in said
    assert await ExchangeRates(world.rows).last_at() == before
    with pytest.raises(Unavailable, match="left alone until"):
        await world.rates().read(NOW)
    world.turn(HOUR)
    assert "rates of" in await world.rates().read(NOW)


async def test_a_wrong_key_is_told_to_the_operators_once_a_day_and_in_no_word_repeated(world: World) -> None:
    for _ in range(3):
        assert "of no use" in await world.rates("not-an-app-id").read(NOW)
        assert "of no use" in await world.caps("not-a-key").read_list(NOW)
        world.turn(2 * HOUR)
    assert await world.told() == ["source-refused"] * 2
    text = str(await world.owner.fetch("SELECT facts::text, key FROM notices")) + str(
        await world.owner.fetch("SELECT * FROM sources")
    )
    assert "not-a" not in text


async def test_the_first_thousand_coins_and_their_highs_are_kept(world: World) -> None:
    assert await world.caps().read_list(NOW) == "1000 coins"
    seen = await world.owner.fetch("SELECT * FROM coins ORDER BY rank")
    assert [row["rank"] for row in seen] == list(range(1, 1001))
    assert all(row["high"] == row["price"] and row["high_read_at"] is None for row in seen)
    assert await world.caps().read_highs(NOW) == "highs of 1000 coins"
    told = await world.owner.fetch("SELECT * FROM coins ORDER BY rank")
    assert all(row["high"] >= row["price"] * Decimal("0.999") and row["high_read_at"] == NOW for row in told)
    assert told[0]["high_at"] < NOW
    world.turn(HOUR)
    await world.caps().read_list(NOW)
    assert await world.owner.value("SELECT count(*) FROM market_caps") == 2000
    assert await world.owner.value("SELECT count(DISTINCT at) FROM market_caps") == 2


async def test_highs_that_are_asked_for_before_there_is_a_list_come_right_after_it(world: World) -> None:
    with pytest.raises(Unavailable, match="no coin is listed yet"):
        await world.caps().read_highs(NOW)
    await world.caps().read_list(NOW)
    world.turn(timedelta(minutes=2))
    assert await world.caps().read_highs(NOW) == "highs of 1000 coins"


async def test_a_plan_without_highs_keeps_the_highest_price_seen_here(world: World) -> None:
    await world.caps("sim-hobbyist").read_list(NOW)
    await world.owner.execute("UPDATE coins SET price = price * 2, high = high * 2, high_at = $1 WHERE rank = 1", NOW)
    highest = await world.owner.value("SELECT high FROM coins WHERE rank = 1")
    assert "1006" in await world.caps("sim-hobbyist").read_highs(NOW)
    world.turn(HOUR)
    await world.caps("sim-hobbyist").read_list(NOW)
    row = await world.owner.row("SELECT price, high, high_at, high_read_at FROM coins WHERE rank = 1")
    assert row is not None
    assert (row["high"], row["high_at"], row["high_read_at"]) == (highest, NOW, None)
    assert row["price"] < highest


async def test_what_the_plan_does_not_hold_is_told_once_and_asked_for_once_a_day(world: World) -> None:
    await world.caps().read_list(NOW)
    asked = set()
    for _ in range(3 * 24):
        said = await world.caps("sim-hobbyist").read_highs(NOW)
        assert "1006" in said
        asked.add((await Sources(world.rows).of("coinmarketcap-highs")).asked_at)
        world.turn(HOUR)
    assert asked == {NOW, NOW + 24 * HOUR, NOW + 48 * HOUR}
    assert await world.told() == ["source-refused"]
    await world.caps().read_list(NOW)
    assert "1000 coins" in await world.caps().read_highs(NOW), "with another plan it goes on within the day"
    world.turn(24 * HOUR)
    assert "1006" in await world.caps("sim-hobbyist").read_highs(NOW)
    assert await world.told() == ["source-refused"] * 2, "what had been there and is not any more is news"


async def test_scarce_credits_go_to_the_list_and_are_spread(world: World) -> None:
    await world.tell("coinmarketcap", key="sim-startup", month=449_500)  # 500 credits for 26 days
    assert await world.caps().read_list(NOW) == "1000 coins"
    assert "waits" in await world.caps().read_highs(NOW)
    world.turn(3 * HOUR)
    assert "waits" in await world.caps().read_list(NOW)
    world.turn(4 * HOUR)
    assert await world.caps().read_list(NOW) == "1000 coins"
    await world.tell("coinmarketcap", key="sim-startup", month=449_998)
    world.turn(7 * HOUR)
    assert "left alone" in await world.caps().read_list(NOW)
    assert await world.owner.value("SELECT count(*) FROM coins") >= 1000, "the last good list stays"


@pytest.mark.parametrize(("error", "pause"), [("1008", 60), ("1009", 9 * 3600), ("500", 60)])
async def test_a_limit_is_waited_for(world: World, error: str, pause: int) -> None:
    await world.tell("coinmarketcap", error=error, times=1)
    with suppress(Unavailable):
        await world.caps().read_list(NOW)
    source = await Sources(world.rows).of("coinmarketcap")
    assert source.not_before is not None
    assert pause <= (source.not_before - NOW).total_seconds() <= pause + 3600
    assert await world.told() == (["source-refused"] if error == "1009" else [])


async def test_the_limit_of_a_minute_is_over_after_a_minute_and_nobody_is_told(world: World) -> None:
    await world.tell("coinmarketcap", error="1008", times=3)
    for _ in range(3):
        with pytest.raises(Unavailable, match="1008"):  # so that the run is begun again with the next ring
            await world.caps().read_list(NOW)
        with pytest.raises(Unavailable, match="left alone until"):
            await world.caps().read_list(NOW)
        world.turn(timedelta(seconds=61))
    assert await world.caps().read_list(NOW) == "1000 coins"
    assert await world.told() == []


async def test_old_market_caps_are_forgotten_but_of_what_somebody_counts_in(world: World) -> None:
    await world.caps().read_list(NOW)
    user = await world.owner.value("INSERT INTO users (email, password_hash) VALUES ('a@b.de', '-') RETURNING user_id")
    await world.owner.execute(
        "INSERT INTO hoppers (hopper_id, user_id, name, exchange, base_currency, is_paper, refresh_seconds)"
        " VALUES ('1', $1, 'n', 'binance', 'LTC', false, 60)",
        user,
    )
    await world.owner.execute(
        "INSERT INTO market_caps SELECT g, $1::timestamptz, 1, 1, 1 FROM generate_series(1, 25) g",
        NOW - timedelta(days=401),
    )
    assert await world.caps().drop_old(NOW) == "23 rows dropped", "bitcoin (1) and litecoin (2) stay"
    assert await world.owner.value("SELECT count(*) FROM market_caps") == 1002
