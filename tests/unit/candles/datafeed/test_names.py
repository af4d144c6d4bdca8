"""A symbol names one pair or none, however coins are called; searches find the likely first; nobody loads too much."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candles.datafeed.logic.budget import Budget
from candles.datafeed.logic.descriptions import found_pairs, pair_info, price_decimals
from candles.datafeed.logic.names import matching
from candles.datafeed.logic.symbols import AllSymbol, HopperSymbol, PairSymbol, symbol_of
from cryptwire.domain.day import zone_of
from cryptwire.domain.hopper import Asset, Exchange, UserId
from cryptwire.domain.pair_names import Names
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Exhausted, Invalid, NotFound

BINANCE = Exchange("binance")
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def pair(base: str, quote: str) -> Pair:
    return Pair(BINANCE, Asset(base), Asset(quote))


def names(*pairs: str) -> Names:
    return Names(pair(*text.split("/", 1)) for text in pairs)


def test_a_name_without_slash_is_a_pair_unless_it_could_be_two() -> None:
    known = names("BTC/USDT", "A/BUSD", "AB/USD", "1INCH/USDT", "币安人生/USDT")
    assert known.pair("BTCUSDT") == known.pair("BTC/USDT") == pair("BTC", "USDT")
    assert known.symbol(pair("BTC", "USDT")) == "BINANCE:BTCUSDT"
    assert [known.symbol(pair(*both)) for both in (("A", "BUSD"), ("AB", "USD"))] == [
        "BINANCE:A/BUSD",
        "BINANCE:AB/USD",
    ]
    with pytest.raises(Invalid, match="BINANCE:A/BUSD or BINANCE:AB/USD"):
        known.pair("ABUSD")
    assert known.pair("币安人生USDT") == pair("币安人生", "USDT")
    for wrong in ("", "BTC", "USDTBTC", "btcusdt", "BTC/", "BTC//USDT"):
        with pytest.raises(NotFound):
            known.pair(wrong)


coins = st.text("AB1/", min_size=1, max_size=3)


@given(st.sets(st.tuples(coins, coins), max_size=12))
def test_every_pair_is_found_under_its_own_symbol(drawn: set[tuple[str, str]]) -> None:
    known = Names(pair(*both) for both in drawn)
    by_slash = {f"{base}/{quote}" for base, quote in drawn}
    if len(by_slash) < len(drawn):
        return  # a coin with a slash in its name, and another: there is no telling
    for named in known.all():
        assert known.pair(named.symbol.removeprefix("BINANCE:")) == named.pair


def test_a_search_finds_the_likely_first() -> None:
    known = names("BTC/USDT", "BTC/EUR", "WBTC/BTC", "ETH/BTC", "BTCST/USDT", "ETH/USDT").all()
    found = [one.symbol for one in matching(known, "btc", 5)]
    assert found[:3] == ["BINANCE:BTCUSDT", "BINANCE:BTCEUR", "BINANCE:BTCSTUSDT"]
    assert len(found) == 5
    for query in ("BTC/USDT", "btc-usdt", "btc usdt", "binance:btcusdt", "BINANCE:BTC/USDT"):
        assert matching(known, query, 5)[0].symbol == "BINANCE:BTCUSDT"
    assert matching(known, "kraken:btc", 5) == []
    assert matching(known, "nothing", 5) == []
    assert found_pairs(matching(known, "btc/eur", 1)) == [
        {
            "symbol": "BINANCE:BTCEUR",
            "full_name": "BINANCE:BTCEUR",
            "ticker": "BINANCE:BTCEUR",
            "description": "BTC / EUR",
            "exchange": "BINANCE",
            "type": "crypto",
        }
    ]


@given(st.text(max_size=80))
def test_no_text_breaks_a_symbol_or_a_search(text: str) -> None:
    matching(names("BTC/USDT").all(), text, 5)
    for tried in (text, f"BINANCE:{text}", f"HOPPER:{text}"):
        try:
            symbol_of(tried)
        except NotFound:
            continue


def test_symbols_are_portfolios_all_of_them_or_pairs() -> None:
    assert symbol_of("HOPPER:ALL") == AllSymbol()
    assert isinstance(symbol_of("HOPPER:12"), HopperSymbol)
    assert symbol_of("BINANCE:BTCUSDT") == PairSymbol(BINANCE, "BTCUSDT")
    for wrong in ("binance:BTCUSDT", "BINANCE:", "BINANCE:BTC USDT", "BINANCE:" + "X" * 61, "HOPPER:BTC/USDT"):
        with pytest.raises(NotFound):
            symbol_of(wrong)


@pytest.mark.parametrize(
    ("prices", "decimals"),
    [
        ([65432.1], 2), ([65432.123], 3), ([1.05], 4), ([0.1234], 5), ([0.00001234], 9), ([100000.0], 2),
        ([1 / 3], 9), ([], 8),
    ],
)  # fmt: skip
def test_prices_are_shown_whole_and_with_five_digits(prices: list[float], decimals: int) -> None:
    assert price_decimals(prices) == decimals
    named = names("BTC/USDT").all()[0]
    assert pair_info(named, named.symbol, prices, zone_of("UTC"))["pricescale"] == 10**decimals


def test_a_user_looks_at_so_many_pairs_and_has_so_much_asked_for_in_a_minute() -> None:
    budget, me, you = Budget(2, 3), UserId("me"), UserId("you")
    for name in ("a", "b", "a", "b"):
        budget.pair(me, name, NOON)
    with pytest.raises(Exhausted, match="2 different pairs") as refused:
        budget.pair(me, "c", NOON + timedelta(seconds=20))
    assert refused.value.retry_after == 40
    budget.pair(you, "c", NOON)
    for _ in range(3):
        budget.block(me, NOON)
    with pytest.raises(Exhausted):
        budget.block(me, NOON + timedelta(seconds=59))
    later = NOON + timedelta(seconds=60)
    budget.pair(me, "c", later)
    budget.block(me, later)


def test_users_who_are_gone_are_forgotten() -> None:
    budget = Budget()
    for number in range(1_500):
        budget.block(UserId(str(number)), NOON + timedelta(minutes=2 * (number // 1_001)))
    assert len(budget._spent) < 600
