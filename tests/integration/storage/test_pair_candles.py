"""Candles of pairs are kept once for all, with what was asked for; own trades and positions in a pair are found."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from cryptwire.domain.account import Position, Short
from cryptwire.domain.bar import Columns
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId
from cryptwire.domain.ticker import Pair, Ticker
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.storage import database, redis
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.last_prices import LastPrices
from cryptwire.storage.pair_candles import PairCandles
from cryptwire.storage.positions import Positions
from cryptwire.storage.trades import Trades
from cryptwire.storage.users import Users

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
S = int(T.timestamp())
BTC = Pair(Exchange("binance"), Asset("BTC"), Asset("USDT"))
ETH = Pair(Exchange("binance"), Asset("ETH"), Asset("USDT"))


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator[Database]:
    """As the datafeed has it, with its rights."""
    async with database.connect(url_of("datafeed", database_url), "test", 2) as connected:
        yield connected


def columns(*at: int) -> Columns:
    prices = np.array(at, np.float64) / 7
    return Columns(np.array(at, np.int64), prices, prices + 1 / 3, prices - 1 / 3, prices, prices / 9)


def same(one: Columns, other: Columns) -> bool:
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in Columns.__slots__)


async def test_what_was_asked_for_is_known_also_where_there_was_nothing(rows: Database) -> None:
    table = PairCandles(rows)
    series = await table.series(BTC, 900)
    assert await table.series(BTC, 900) == series
    assert (await table.series(BTC, 3600)).id != series.id != (await table.series(ETH, 900)).id
    assert await table.known(series.id, S, S + 10**6) == {}
    told = columns(S, S + 900, S + 4500)
    await table.keep(series.id, S, told, S + 9000)
    await table.keep(series.id, S + 864_000, columns(), S + 1_728_000)
    assert await table.known(series.id, S, S + 10**6) == {S: S + 9000, S + 864_000: S + 1_728_000}
    assert same(await table.within(series.id, S, S + 10**6), told)
    assert same(await table.within(series.id, S + 1, S + 4500), columns(S + 900))
    assert len(await table.within((await table.series(ETH, 900)).id, S, S + 10**6)) == 0


async def test_who_keeps_the_same_at_once_does_no_harm_and_the_first_word_stays(rows: Database) -> None:
    table = PairCandles(rows)
    found = await asyncio.gather(*(table.series(BTC, 900) for _ in range(8)))
    (series,) = {one.id for one in found}
    told = columns(*range(S, S + 90_000, 900))
    await asyncio.gather(*(table.keep(series, S, told, S + 90_000 - 900 * n) for n in range(8)))
    assert await table.known(series, S, S + 1) == {S: S + 90_000}, "the furthest counts"
    other = Columns(told.at, told.open + 1, told.high + 1, told.low + 1, told.close + 1, told.volume)
    await table.keep(series, S, other, S + 900)
    assert same(await table.within(series, S, S + 90_000), told)
    assert (await table.series(BTC, 900)).begins is None
    await table.begins(series, S - 5)
    assert (await table.series(BTC, 900)).begins == S - 5


async def test_the_datafeed_may_change_no_candle(rows: Database) -> None:
    for statement in ("UPDATE pair_candles SET open = 1", "DELETE FROM pair_candles", "DELETE FROM pair_blocks"):
        with pytest.raises(Exception, match="permission denied"):
            await rows.execute(statement)


async def test_trades_and_positions_of_a_pair_are_found_over_several_hoppers(database_url: str, rows: Database) -> None:
    one, two, three = (HopperId(str(number)) for number in (1, 2, 3))
    async with database.connect(database_url, "owner", 1) as owner:
        user = await Users(owner).add("me@example.com", "-", "UTC", "USD", "pro")
        for hopper in (one, two, three):
            exchange = Exchange("kucoin" if hopper == three else "binance")
            await Hoppers(owner).put(Hopper(hopper, user, "n", exchange, Asset("USDT"), False, timedelta(seconds=60)))

        def trade(number: int, hopper: HopperId, pair: Pair) -> Trade:
            amounts = (Decimal(number), Decimal(1), Decimal(number), Decimal(0))
            at = T + timedelta(minutes=number)
            return Trade(hopper, TradeId(str(number)), pair, Side.BUY, *amounts, Asset("USDT"), at)

        for hopper in (one, two):
            await Trades(owner).add([trade(n, hopper, BTC if n % 2 else ETH) for n in range(10)])
        await Trades(owner).add([trade(1, three, BTC._replace(exchange=Exchange("kucoin")))])

        def held(number: int, base: str, take_profit: str | None = None) -> Position:
            wanted = None if take_profit is None else Decimal(take_profit)
            amounts = Decimal(2), Decimal(number), Decimal(2 * number)
            return Position(str(number), Asset(base), Asset("USDT"), *amounts, T, "ta", False, wanted, Decimal(3))

        short = Short("9", Asset("BTC"), Asset("USDT"), Decimal(1), Decimal(5), Decimal(5), None, False)
        await Positions(owner).keep(one, [held(1, "BTC", "2.5"), held(2, "ETH")], [], [short], [], T)
        await Positions(owner).keep(two, [held(3, "BTC")], [], [], [], T + timedelta(hours=1))
    found = await Trades(rows).of_pair([one, two, three], BTC, T, T + timedelta(minutes=9), 5)
    assert [trade.id for trade in found] == ["3", "5", "5", "7", "7"]
    assert {trade.hopper for trade in found} == {one, two}
    assert {trade.pair for trade in found} == {BTC}
    positions = await Positions(rows).in_pair([one, two], BTC.base, BTC.quote)
    assert [(p.hopper, p.position.id, p.is_short, p.read_at) for p in positions] == [
        (one, "1", False, T), (one, "9", True, T), (two, "3", False, T + timedelta(hours=1))
    ]  # fmt: skip
    assert positions[0].position == held(1, "BTC", "2.5")
    assert await Positions(rows).in_pair([two], ETH.base, ETH.quote) == []


async def test_pairs_are_told_by_their_names_also_where_a_name_has_a_point(redis_url: str) -> None:
    async with redis.connect(redis_url) as client:
        prices = LastPrices(client)
        odd = Pair(Exchange("binance"), Asset("BRK.B"), Asset("USDT"))
        assert await prices.pairs_of(BTC.exchange) == frozenset()
        await prices.put(Ticker(pair, 1.0, None, None, None, T, "s", 1) for pair in (BTC, ETH, odd))
        assert await prices.pairs_of(BTC.exchange) == {BTC, ETH, odd}
        assert await prices.pairs_of(Exchange("kucoin")) == frozenset()
