"""Rates and coins' prices as columns: whole, exact, and the same choice as the table of rates makes by itself."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from cryptwire.domain.conversion import Told
from cryptwire.domain.hopper import Asset
from cryptwire.domain.market import Coin, Rates
from cryptwire.memory.clock import HandClock
from cryptwire.storage import database
from cryptwire.storage.conversions import Conversions
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.market_caps import MarketCaps
from cryptwire.storage.rate_series import RateSeries
from cryptwire.storage.rates import ExchangeRates

NOW = datetime(2026, 3, 5, 14, tzinfo=UTC)
HOUR = timedelta(hours=1)
EUR, BTC, USD, USDT = map(Asset, ("EUR", "BTC", "USD", "USDT"))


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator[Database]:
    """As the processor has it."""
    async with database.connect(url_of("processor", database_url), "test", 2) as connected:
        yield connected


@pytest.fixture
async def conversions(database_url: str) -> AsyncIterator[Conversions]:
    """As the API has it."""
    async with database.connect(url_of("api", database_url), "test", 2) as connected:
        yield Conversions(RateSeries(connected), HandClock(NOW))


def coin(id: int, symbol: str, rank: int, price: str, at: datetime) -> Coin:
    return Coin(id, symbol, symbol, symbol.lower(), rank, Decimal(price), Decimal(1), None, at)


async def test_of_a_symbol_the_coin_of_best_rank_in_the_newest_list_counts(rows: Database) -> None:
    caps, series = MarketCaps(rows), RateSeries(rows)
    for hours, price in ((3, "1.25"), (2, "1.5")):
        await caps.listed(
            [coin(7, "ABC", 900, price, NOW - hours * HOUR), coin(8, "ABC", 901, "9", NOW - hours * HOUR)]
        )
    await caps.listed([coin(9, "ABC", 3, "77", NOW - timedelta(days=9))])  # it is in no list any more
    since, until = int((NOW - timedelta(days=30)).timestamp()), int(NOW.timestamp())
    told = await series.told(Asset("ABC"), since, until)
    assert told.numbers.tolist() == [1.25, 1.5]
    assert told.texts.tolist() == [b"1.25", b"1.5"]
    assert told.at.tolist() == [until - 3 * 3600, until - 2 * 3600]
    assert set(told.by.tolist()) == {Told.LISTED}
    assert len(await series.told(Asset("XYZ"), since, until)) == len(await series.told(USD, since, until)) == 0


async def test_columns_hold_what_both_tables_tell_within_the_time(rows: Database) -> None:
    rates, caps, series = ExchangeRates(rows), MarketCaps(rows), RateSeries(rows)
    exact = "0.00001029601029601029601029601"
    await rates.add_series(BTC, {NOW: Decimal(exact), NOW - HOUR: Decimal("0.00001")}, Told.TRADED)
    await caps.listed([coin(1, "BTC", 1, "97000.5", NOW + timedelta(milliseconds=500)), coin(2, "EUR", 5, "3", NOW)])
    await rates.add(Rates(NOW, {"EUR": Decimal("0.9")}))
    second = int(NOW.timestamp())
    told = await series.told(BTC, second - 3600, second + 2)
    assert told.at.tolist() == [second - 3600, second, second + 1], "what was told within a second counts from the next"
    assert told.by.tolist() == [Told.TRADED, Told.TRADED, Told.LISTED]
    assert told.texts.tolist() == [b"0.00001", exact.encode(), b"97000.5"]
    assert (await series.told(BTC, second, second + 1)).at.tolist() == [second]
    assert (await series.told(EUR, second, second + 1)).texts.tolist() == [b"0.9"], "no coin is meant by EUR"


async def test_who_goes_before_replaces_and_who_does_not_changes_nothing(rows: Database) -> None:
    rates = ExchangeRates(rows)
    for number, by in enumerate((Told.TRADED, Told.OF_THE_DAY, Told.PUBLISHED, Told.PUBLISHED, Told.TRADED), 1):
        await rates.add_series(BTC, {NOW: Decimal(number)}, by)
    assert await rates.at([BTC], NOW) == {BTC: (Decimal(3), NOW)}


async def test_the_table_by_itself_makes_the_same_choice(rows: Database, conversions: Conversions) -> None:
    rates, luck = ExchangeRates(rows), random.Random(4)
    begin = NOW - timedelta(days=40)
    for asset in (EUR, BTC):
        for by in Told:
            if by is not Told.LISTED:
                moments = {begin + luck.randrange(40 * 24 * 4) * HOUR / 4 for _ in range(40)}
                await rates.add_series(asset, {at: Decimal(luck.randrange(1, 10**9)) / 10**6 for at in moments}, by)
    known = 0
    for asset in (EUR, BTC):
        told = await conversions.between(USD, asset, begin, NOW)
        for _ in range(150):
            at = begin + luck.random() * (NOW - begin)
            kept = (await rates.at([asset], at)).get(asset)
            assert told.exactly(at) == (None if kept is None else kept[0])
            known += kept is not None
    assert 100 < known < 300


async def test_at_a_few_moments_it_is_what_all_that_was_told_says_there(
    rows: Database, conversions: Conversions
) -> None:
    rates, caps, luck = ExchangeRates(rows), MarketCaps(rows), random.Random(7)
    begin, gbp = NOW - timedelta(days=90), Asset("GBP")
    for asset, words in ((EUR, 150), (BTC, 60), (gbp, 5)):
        for by in Told:
            moments = {begin + luck.randrange(90 * 24 * 6) * HOUR / 6 for _ in range(words)}
            told = {
                at + timedelta(milliseconds=luck.choice([0, 500])): Decimal(luck.randrange(1, 10**6)) for at in moments
            }
            if by is not Told.LISTED:
                await rates.add_series(asset, told, by)
            elif asset == BTC:
                for at, price in told.items():
                    await caps.listed([coin(1, "BTC", 1, str(price), at)])
    sources = [EUR, BTC, USD, USDT, Asset("NONE")]
    seconds = np.array(
        [int(begin.timestamp()) + luck.randrange(90 * 86_400) for _ in range(400)] + [int(NOW.timestamp())]
    )
    for target in (USD, gbp, BTC):
        for _ in range(2):  # read, and kept
            found = await conversions.at(sources, target, seconds)
            for asset in sources:
                whole = await conversions.between(asset, target, begin - HOUR, NOW)
                np.testing.assert_array_equal(found[asset], whole.at(seconds))
        assert 0 < int(np.isnan(found[BTC]).sum()) < 400 or target == BTC
    assert (await conversions.at([], USD, seconds)) == {}
    assert (await conversions.at([EUR], USD, seconds[:0]))[EUR].tolist() == []
