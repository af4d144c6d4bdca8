"""What is missing of the past is read, once, from where it is known, as far as requests go, and nothing else."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptwire.domain.conversion import NOTHING, Tellings, Told
from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.market import RateNeed
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Unavailable
from cryptwire.memory.clock import HandClock
from cryptwire.metrics import Meters
from processor.handlers.candle_book import CandleBook
from processor.handlers.rate_pasts import CoinReader
from processor.logic.rate_pasts import (
    Span,
    missing_days,
    moment_of,
    per_usd,
    spans,
    spare,
    uncovered,
    wanted,
    ways,
)
from simulator.market.prices import Market
from tests.unit.processor.backfill_twins import TwinExchanges

NOW = datetime(2026, 3, 5, 14, 22, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
EUR, BTC, USD, USDT, ETH, USDC = map(Asset, ("EUR", "BTC", "USD", "USDT", "ETH", "USDC"))
BINANCE, KUCOIN = Exchange("binance"), Exchange("kucoin")
MARKET = Market("cryptwire")


def test_only_what_somebody_sees_in_another_currency_is_wanted_and_bitcoin_by_all() -> None:
    assert wanted([]).coins == {}
    same = wanted([RateNeed(EUR, EUR, NOW - DAY)])
    assert (same.fiat, same.coins) == (None, {BTC: NOW - DAY})
    dollars = wanted([RateNeed(USDT, USD, NOW - DAY), RateNeed(ETH, USD, NOW)])
    assert (dollars.fiat, list(dollars.coins)) == (None, [USDT, BTC, ETH]), "of dollars nobody needs to be asked"
    euros = wanted([RateNeed(USDT, EUR, NOW - DAY), RateNeed(USDT, EUR, NOW - 3 * DAY), RateNeed(EUR, USD, NOW)])
    assert euros.fiat == NOW - 3 * DAY
    assert euros.coins == {USDT: NOW - 3 * DAY, BTC: NOW - 3 * DAY}


def test_days_are_read_from_the_newest_back_to_the_one_before_the_first_that_is_shown() -> None:
    assert missing_days(None, NOW, set()) == []
    days = missing_days(NOW - 3 * DAY, NOW, {date(2026, 3, 3)})
    assert days == [date(2026, 3, 4), date(2026, 3, 2), date(2026, 3, 1)]
    early = datetime(2026, 3, 5, 0, 40, tzinfo=UTC)
    assert missing_days(early, early, set()) == [], "yesterday's last rates may still be on their way"
    assert missing_days(early, early + HOUR, set()) == [date(2026, 3, 4)]


def test_the_newest_rates_keep_a_request_for_each_hour() -> None:
    assert spare(1000, 31 * DAY, 400) == 256
    assert spare(700, 31 * DAY, 400) == 0
    assert spare(700, DAY, 400) == 400
    assert spare(None, DAY, 400) == 400


@given(st.integers(0, 3000), st.none() | st.tuples(st.integers(0, 3000), st.integers(0, 3000)), st.integers(1, 970))
def test_spans_are_all_hours_not_looked_at_and_no_other(back: int, done: tuple[int, int] | None, most: int) -> None:
    since = NOW - back * HOUR
    known = None if done is None else (NOW - max(done) * HOUR, NOW - min(done) * HOUR)
    found = spans(since, NOW, known, most)
    assert all(0 < span.end - span.first <= most for span in found)
    hours = [hour for span in found for hour in range(span.first, span.end)]
    assert len(hours) == len(set(hours))
    all_of_them = {moment_of(hour) for hour in hours}
    full = NOW.replace(minute=0)
    expected = {full - n * HOUR for n in range(1, back + 1)}
    if known is not None:
        begin, stop = (moment.replace(minute=0) for moment in known)
        expected = {at for at in expected if at < begin} | {
            full - n * HOUR for n in range(1, 3001) if full - n * HOUR >= stop
        }
    assert all_of_them == expected


def told(*words: tuple[datetime, Told]) -> Tellings:
    at = np.array([int(moment.timestamp()) for moment, _ in words], np.int64)
    count = len(words)
    return Tellings(at, np.array([by for _, by in words], np.int8), np.ones(count), np.full(count, b"1"))


def test_hours_of_which_others_tell_are_left_alone() -> None:
    first = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp()) // 3600
    span = Span(first, first + 10)
    assert uncovered(NOTHING, span).tolist() == list(range(first, first + 10))
    words = told(
        (moment_of(first + 2), Told.LISTED), (moment_of(first + 5) + HOUR / 2, Told.PUBLISHED),
        (moment_of(first + 9), Told.TRADED), (moment_of(first + 9), Told.OF_THE_DAY),
    )  # fmt: skip
    assert (uncovered(words, span) - first).tolist() == [0, 1, 4, 5, 8, 9]


def test_dollars_go_before_stablecoins_and_these_before_other_coins() -> None:
    def pair(exchange: Exchange, base: str, quote: str) -> Pair:
        return Pair(exchange, Asset(base), Asset(quote))

    markets = {
        pair(BINANCE, "ETH", "USDT"), pair(BINANCE, "ETH", "BTC"), pair(KUCOIN, "ETH", "USD"),
        pair(KUCOIN, "ETH", "USDT"), pair(BINANCE, "EUR", "ETH"), pair(BINANCE, "USDC", "USDT"),
    }  # fmt: skip
    found = ways(ETH, [BINANCE, KUCOIN], markets)
    assert [(leg.pair, leg.is_inverse, quote) for leg, quote in found] == [
        (pair(KUCOIN, "ETH", "USD"), False, USD),
        (pair(BINANCE, "ETH", "USDT"), False, USDT),
        (pair(KUCOIN, "ETH", "USDT"), False, USDT),
        (pair(BINANCE, "EUR", "ETH"), True, EUR),
        (pair(BINANCE, "ETH", "BTC"), False, BTC),
    ]
    assert ways(USDC, [BINANCE], markets) == [], "one stablecoin tells nothing of another"


def test_a_close_is_turned_into_units_for_a_dollar() -> None:
    assert per_usd(50_000.0, Decimal(1), is_inverse=False) == Decimal("0.00002")
    assert per_usd(50_000.0, Decimal("0.5"), is_inverse=False) == Decimal("0.00004")
    assert per_usd(0.25, Decimal(2), is_inverse=True) == Decimal("0.125")


@dataclass
class PlayedRates:
    """Rows of rates by currency and moment, and how far hours were looked at."""

    needed: list[RateNeed] = field(default_factory=list)
    rows: dict[Asset, dict[datetime, tuple[Decimal, Told]]] = field(default_factory=dict)
    looked: dict[Asset, tuple[datetime, datetime]] = field(default_factory=dict)
    markets: dict[Asset, str] = field(default_factory=dict)

    async def needs(self) -> list[RateNeed]:
        return self.needed

    async def exchanges(self) -> list[Exchange]:
        return [BINANCE, KUCOIN]

    async def hours(self) -> dict[Asset, tuple[datetime, datetime]]:
        return dict(self.looked)

    async def hours_read(self, coin: Asset, since: datetime, until: datetime, market: str) -> None:
        before = self.looked.get(coin, (since, until))
        assert since <= before[1], "no hour between is left out"
        assert until >= before[0], "no hour between is left out"
        self.looked[coin] = min(since, before[0]), max(until, before[1])
        self.markets[coin] = market or self.markets.get(coin, "")

    async def add_series(self, currency: Asset, per_usd: Mapping[datetime, Decimal], by: Told) -> None:
        kept = self.rows.setdefault(currency, {})
        kept |= {at: (number, by) for at, number in per_usd.items()}

    async def told(self, currency: Asset, since: int, until: int) -> Tellings:
        rows = sorted(
            (int(at.timestamp()), *row)
            for at, row in self.rows.get(currency, {}).items()
            if since <= at.timestamp() < until
        )
        if not rows:
            return NOTHING
        return Tellings(
            np.array([row[0] for row in rows]),
            np.array([row[2] for row in rows], np.int8),
            np.array([float(row[1]) for row in rows]),
            np.array([str(row[1]).encode() for row in rows]),
        )


class Play:
    def __init__(self, *needs: RateNeed) -> None:
        self.clock = HandClock(NOW)
        self.exchanges = TwinExchanges(MARKET, self.clock)
        self.rates = PlayedRates(list(needs))

    async def read(self) -> str:
        rates: PlayedRates = self.rates
        book = CandleBook(self.exchanges, self.clock)
        reader = CoinReader(rates, rates, rates, self.exchanges, book, self.clock, Meters())  # type: ignore[arg-type]
        return await reader.read(NOW)


async def test_a_coins_hours_are_the_closes_of_the_exchange_in_a_stablecoin_taken_as_a_dollar() -> None:
    play = Play(RateNeed(BTC, EUR, NOW - 100 * DAY))
    assert await play.read() == "2400 hours of 1 coins"
    kept = play.rates.rows[BTC]
    full = NOW.replace(minute=0)
    assert sorted(kept) == [full - n * HOUR for n in range(2400, 0, -1)]
    pair = MARKET.pair("binance", "BTC", "USDT")
    at = full - 33 * HOUR
    number, by = kept[at]
    assert by is Told.TRADED_FOR_ONE
    assert 1 / number == pytest.approx(Decimal(str(pair.shown(pair.at(int(at.timestamp()) * 1000 - 1000)))))
    assert play.rates.markets == {BTC: "binance BTC/USDT"}
    asked = play.exchanges.asked
    assert await play.read() == "no hour is missing"
    play.clock.set(NOW + 2 * HOUR)
    assert await play.read() == "2 hours of 1 coins"
    assert play.exchanges.asked == asked + 1


async def test_what_the_stablecoin_was_worth_counts_where_it_is_known() -> None:
    play = Play(RateNeed(BTC, EUR, NOW - 5 * HOUR))
    full = NOW.replace(minute=0)
    await play.rates.add_series(USDT, {full - 3 * HOUR: Decimal("1.25")}, Told.PUBLISHED)
    await play.read()
    by = [play.rates.rows[BTC][full - n * HOUR][1] for n in range(5, 0, -1)]
    assert by == [Told.TRADED_FOR_ONE] * 2 + [Told.TRADED] * 3
    assert Told.LISTED not in by


async def test_hours_that_one_market_lacks_come_from_the_next_and_what_is_told_already_from_none() -> None:
    play = Play(RateNeed(ETH, USD, NOW - 6 * HOUR))
    full = NOW.replace(minute=0)
    at = [full - n * HOUR for n in range(6, 0, -1)]
    for base in (ETH, BTC):
        await play.rates.add_series(base, {at[0]: Decimal(1), at[1]: Decimal(1)}, Told.PUBLISHED)
    play.exchanges.holes = {(Pair(BINANCE, ETH, USDT), at[4] - HOUR)}
    assert await play.read() == "6 hours of 2 coins"
    assert [at.index(each) for each in sorted(play.rates.rows[ETH])] == [0, 1, 3, 4, 5], "two hours old is told enough"
    assert [play.rates.rows[ETH][each][1] for each in at[3:]] == [Told.TRADED_FOR_ONE] * 3
    other = MARKET.pair("kucoin", "ETH", "USDT")
    close = Decimal(str(other.shown(other.at(int(at[4].timestamp()) * 1000 - 1000))))
    assert 1 / play.rates.rows[ETH][at[4]][0] == pytest.approx(close)


async def test_coins_of_an_exchange_that_is_not_followed_wait_and_hold_up_no_other() -> None:
    kcs = Asset("KCS")
    play = Play(RateNeed(BTC, EUR, NOW - 9 * HOUR), RateNeed(kcs, EUR, NOW - 9 * HOUR))
    play.exchanges.silent = {KUCOIN}
    assert await play.read() == "9 hours of 1 coins; KCS wait for prices of kucoin"
    assert play.rates.looked.keys() == {BTC}
    play.exchanges.silent = set()
    assert await play.read() == "9 hours of 2 coins"
    assert play.rates.markets[kcs] == "kucoin KCS/USDT"


async def test_while_an_exchange_is_away_nothing_is_taken_for_looked_at() -> None:
    play = Play(RateNeed(BTC, EUR, NOW - 50 * DAY))
    play.exchanges.trouble = [Unavailable("away")] * 6
    reading = asyncio.ensure_future(play.read())
    await play.clock.turn(timedelta(seconds=10))
    with pytest.raises(Unavailable, match="BTC: away"):
        await reading
    assert play.rates.looked == {}
    assert await play.read() == "1200 hours of 1 coins"
