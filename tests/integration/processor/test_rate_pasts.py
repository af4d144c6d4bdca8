"""The past of rates, read from the played services into real tables, and what it is worth afterwards."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from starlette.applications import Starlette

from api.handlers.analytics.conversions import Conversions
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.errors import Unavailable
from cryptwire.memory.clock import HandClock
from cryptwire.metrics import Meters
from cryptwire.runtime import serving
from cryptwire.storage import database
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.notices import Notices
from cryptwire.storage.rate_pasts import RatePasts
from cryptwire.storage.rate_series import RateSeries
from cryptwire.storage.rates import ExchangeRates
from cryptwire.storage.sources import Sources
from processor.adapters.openexchangerates import OpenExchangeRates
from processor.handlers.candle_book import CandleBook
from processor.handlers.market import Asking, RateReader
from processor.handlers.rate_pasts import CoinReader, DayReader
from simulator.clock import TurnedClock
from simulator.market.prices import Market
from simulator.openexchangerates import service
from tests.unit.processor.backfill_twins import TwinExchanges

NOW = datetime(2026, 3, 5, 14, 22, 31, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MARKET = Market("cryptwire")
EUR, BTC, USD, USDT, JPY = map(Asset, ("EUR", "BTC", "USD", "USDT", "JPY"))


@dataclass
class World:
    """The service behind a door, our tables as the processor has them, the exchanges, and a clock for all."""

    base: str
    http: aiohttp.ClientSession
    rows: Database
    owner: Database
    clock: HandClock
    theirs: TurnedClock

    def __post_init__(self) -> None:
        self.source = OpenExchangeRates(self.http, f"{self.base}/openexchangerates/api", "sim-free")
        self.pasts, self.rates = RatePasts(self.rows), ExchangeRates(self.rows)

    def _asking(self, name: str) -> Asking:
        return Asking(name, Sources(self.rows), Notices(self.rows), self.clock, Meters())

    async def days(self) -> str:
        asking = self._asking("openexchangerates-days")
        reader = DayReader(self.source, self.rates, self.pasts, Sources(self.rows), asking, self.clock)
        return await reader.read(NOW)

    async def newest(self) -> str:
        reader = RateReader(self.source, self.rates, Sources(self.rows), self._asking("openexchangerates"))
        return await reader.read(NOW)

    async def hours(self) -> str:
        exchanges = TwinExchanges(MARKET, self.clock)
        book = CandleBook(exchanges, self.clock)
        series = RateSeries(self.rows)
        reader = CoinReader(self.rates, series, self.pasts, exchanges, book, self.clock, Meters())
        return await reader.read(NOW)

    async def hopper(self, number: str, base: str, shown: str, days: int) -> None:
        """A hopper whose user sees it in ``shown`` and whose past begins so many days ago."""
        owner = await self.owner.value(
            "INSERT INTO users (email, password_hash, currency) VALUES ($1, '-', $2) RETURNING user_id::text",
            f"{number}@example.com",
            shown,
        )
        one = Hopper(
            HopperId(number), UserId(owner), "n", Exchange("binance"), Asset(base), False, timedelta(seconds=60)
        )
        await Hoppers(self.owner).put(one)
        await self.owner.execute(
            "INSERT INTO backfills (hopper_id, since, whole_until) VALUES ($1, $2, $2)", number, NOW - days * DAY
        )

    async def tell(self, **told: Any) -> None:
        async with self.http.post(f"{self.base}/control/openexchangerates", json=told) as answer:
            assert answer.status < 300, await answer.text()

    async def used(self) -> int:
        return 1000 - ((await self.source.allowance()).left or 0)

    def turn(self, by: timedelta) -> None:
        self.clock.set(self.clock.now() + by)
        self.theirs.turn(by)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    theirs = TurnedClock(NOW)
    async with AsyncExitStack() as stack:
        app = Starlette(routes=service.OpenExchangeRates(MARKET, theirs).routes())
        port = await stack.enter_async_context(serving(app, "127.0.0.1", 0))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        rows = await stack.enter_async_context(database.connect(url_of("processor", database_url), "test", 2))
        owner = await stack.enter_async_context(database.connect(database_url, "test", 1))
        yield World(f"http://127.0.0.1:{port}", http, rows, owner, HandClock(NOW), theirs)


async def test_a_fresh_installation_knows_what_hoppers_were_worth_in_euros(world: World) -> None:
    await world.hopper("1", "USDT", "EUR", 20)
    await world.hopper("2", "BTC", "EUR", 5)
    assert "rates of" in await world.newest()
    assert await world.days() == "21 days, 0 wait for requests to spare"
    assert await world.hours() == "480 hours of 2 coins"
    assert await world.used() == 22
    conversions = Conversions(RateSeries(world.rows), world.clock)
    since = NOW - 20 * DAY
    euros = await conversions.between(USDT, EUR, since, NOW)
    assert euros.is_known
    assert euros.note == "where nobody tells its price USDT counts as one US dollar"
    at = NOW - 11 * DAY
    last_of_day = (at - DAY).replace(hour=23, minute=0, second=0)
    listed = MARKET.pair("binance", "EUR", "USDT")
    rate = euros.exactly(at)
    assert rate is not None
    assert float(rate) == pytest.approx(listed.scale / listed.at(int(last_of_day.timestamp()) * 1000), abs=1e-6)
    bitcoin = await conversions.between(BTC, EUR, since, NOW)
    assert bitcoin.is_known
    coins = MARKET.pair("binance", "BTC", "USDT")
    close = float(coins.shown(coins.at(int(at.replace(minute=0, second=0).timestamp()) * 1000 - 1000)))
    assert float(bitcoin.exactly(at) or 0) == pytest.approx(close * float(rate))
    assert await world.days() == "no day is missing"
    assert await world.used() == 22, "and nobody asks how many requests are left"


async def test_nobody_is_asked_for_what_nobody_needs(world: World) -> None:
    await world.hopper("1", "EUR", "EUR", 90)
    await world.hopper("2", "USDT", "USD", 90)
    assert await world.days() == "nobody needs another day"
    assert await world.used() == 0


async def test_the_newest_rates_keep_their_requests_and_the_next_month_goes_on(world: World) -> None:
    await world.hopper("1", "USDT", "EUR", 6)
    await world.tell(app_id="sim-free", used=1000 - 27 * 24 - 4)
    assert await world.days() == "4 days, 3 wait for requests to spare"
    newest = [date(2026, 3, 4) - n * DAY for n in range(4)]
    assert await world.pasts.days(date(2026, 1, 1)) == set(newest)
    assert await world.days() == "0 days, 3 wait for requests to spare"
    world.turn(27 * DAY)
    for _ in range(2):
        said = await world.days()
    assert said == "no day is missing"
    assert min(await world.pasts.days(date(2026, 1, 1))) == date(2026, 2, 26)


async def test_days_that_were_told_while_they_were_new_are_not_read_again(world: World) -> None:
    await world.hopper("1", "USDT", "JPY", 3)
    world.turn(timedelta(hours=8))
    await world.newest()  # at 22:22, as published at 22:00
    world.turn(timedelta(hours=16))
    assert await world.days() == "4 days, 0 wait for requests to spare"
    told = await world.owner.fetch("SELECT at, source FROM rates WHERE currency = 'JPY' ORDER BY at")
    assert [(row["at"].day, row["at"].hour, row["source"]) for row in told] == [
        (1, 23, 4), (2, 23, 4), (3, 23, 4), (4, 23, 4), (5, 22, 1),
    ]  # fmt: skip


async def test_a_reader_that_is_cut_off_goes_on_and_a_day_that_nobody_has_is_left_for_a_week(world: World) -> None:
    await world.hopper("1", "USDT", "EUR", 6)
    await world.tell(error="502", times=1)
    with pytest.raises(Unavailable, match="502"):
        await world.days()
    world.turn(HOUR)
    await world.pasts.day_read(date(2026, 3, 4), 0)
    assert await world.days() == "6 days, 0 wait for requests to spare"
    await world.owner.execute("UPDATE rate_days SET read_at = now() - interval '8 days'")
    assert await world.days() == "1 days, 0 wait for requests to spare"
    kept = await world.rates.at([JPY], NOW)
    assert kept[JPY][1] == datetime(2026, 3, 4, 23, tzinfo=UTC)
    for nobody_has in (date(1998, 12, 31), date(2026, 3, 6)):
        assert await world.source.of_day(nobody_has) is None


async def test_what_others_tell_later_goes_before_what_exchanges_told(world: World) -> None:
    await world.hopper("1", "BTC", "USD", 2)
    assert await world.hours() == "48 hours of 1 coins"
    at = (NOW - 5 * HOUR).replace(minute=0, second=0)
    await world.owner.execute(
        "INSERT INTO coins VALUES (1, 'BTC', 'Bitcoin', 'bitcoin', 1, 77000, 1, 1, $1, 77000, $1)", at
    )
    await world.owner.execute("INSERT INTO market_caps VALUES (1, $1, 1, 77000.125, 1)", at)
    told = await Conversions(RateSeries(world.rows), world.clock).between(BTC, USD, NOW - DAY, NOW)
    assert told.exactly(at) == told.exactly(at + HOUR) == Decimal("77000.125")
    assert told.exactly(at + 2 * HOUR) != Decimal("77000.125")
    assert await world.hours() == "no hour is missing"
