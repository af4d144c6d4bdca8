"""Prices by symbol: in the order asked, and for each that there is not a reason."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from api.handlers.prices import Prices
from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.ticker import Pair, Ticker
from cryptwire.errors import Invalid
from cryptwire.memory.clock import HandClock

NOW = datetime(2026, 3, 5, 14, 20, tzinfo=UTC)
BINANCE = Exchange("binance")


def pair(base: str, quote: str, exchange: Exchange = BINANCE) -> Pair:
    return Pair(exchange, Asset(base), Asset(quote))


def ticker(of: Pair, last: float) -> Ticker:
    return Ticker(of, last, None, None, None, NOW - timedelta(seconds=3), "s", 1)


@dataclass
class PlayedPrices:
    tickers: dict[Pair, Ticker]
    asked: list[Exchange] = field(default_factory=list)

    async def of_many(self, pairs: Iterable[Pair]) -> dict[Pair, Ticker]:
        return {one: self.tickers[one] for one in pairs if one in self.tickers}

    async def pairs_of(self, exchange: Exchange) -> frozenset[Pair]:
        self.asked.append(exchange)
        return frozenset(one for one in self.tickers if one.exchange == exchange)


async def test_symbols_of_both_forms_and_any_case_are_answered_in_order_and_the_rest_with_reasons() -> None:
    pairs = [pair("BTC", "USDT"), pair("ETH", "BTC"), pair("AB", "CD"), pair("ABC", "D")]
    last = PlayedPrices({one: ticker(one, 1.0 + number) for number, one in enumerate(pairs)})
    prices = Prices(last, clock := HandClock(NOW))
    asked = [
        "BINANCE:ETHBTC", "binance:btc/usdt", "BINANCE:NONE", "NOWHERE:BTCUSDT", "BTCUSDT", "BINANCE:ABCD",
        "BINANCE:ABC/D", "BINANCE:ETHBTC",
    ]  # fmt: skip
    found = await prices.of(asked)
    assert [one.symbol for one in found] == asked
    assert [None if one.ticker is None else one.ticker.last for one in found] == [2, 1, None, None, None, None, 4, 2]
    assert [one.reason for one in found] == [
        None,
        None,
        "BINANCE has no pair NONE, or none with a price",
        "no exchange NOWHERE is followed here",
        "this is no symbol of a pair; it looks like BINANCE:BTCUSDT or BINANCE:BTC/USDT",
        "this could be several pairs: ask for BINANCE:AB/CD or BINANCE:ABC/D",
        None,
        None,
    ]
    await prices.of(asked)
    assert last.asked.count(BINANCE) == 1, "names are known for a while"
    clock.set(NOW + timedelta(minutes=1))
    last.tickers[pair("NO", "NE")] = ticker(pair("NO", "NE"), 9.0)
    assert (await prices.of(["BINANCE:NONE"]))[0].ticker is not None


async def test_no_more_than_a_hundred_are_asked_for_at_once() -> None:
    prices = Prices(PlayedPrices({}), HandClock(NOW))
    assert await prices.of([]) == []
    assert len(await prices.of(["BINANCE:BTCUSDT"] * 100)) == 100
    with pytest.raises(Invalid, match="100 pairs"):
        await prices.of(["BINANCE:BTCUSDT"] * 101)
