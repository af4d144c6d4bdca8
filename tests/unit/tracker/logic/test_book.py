"""Values, highs and lows at every tick are those of a portfolio added up from scratch."""

import math
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cryptwire.config import environment
from cryptwire.domain.hopper import Asset, Exchange, HopperId
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Invalid
from tests.unit.tracker.builders import BINANCE, pair
from tests.unit.tracker.logic.plain import PlainBook
from tracker.logic.book import Book, Phase

IS_FULL = environment().get("CRYPTWIRE_FULL") == "1"
STATES = {"waits": Phase.WAITING, "opens": Phase.OPENING, "tracked": Phase.TRACKED}


def holdings(**quantities: float) -> dict[Asset, float]:
    return {Asset(asset): quantity for asset, quantity in quantities.items()}


def book_with(base: str = "USDT", prices: Iterable[tuple[Pair, float]] = (), **quantities: float) -> Book:
    book = Book()
    for of, price in prices:
        book.on_price(of, price)
    book.add(HopperId("1"), BINANCE, Asset(base), holdings(**quantities))
    return book


def candle(book: Book) -> tuple[float, float, float, float]:
    """Of the only hopper: open, high, low and value."""
    row = book.rows[HopperId("1")]
    return tuple(map(float, (book.opens[row], book.highs[row], book.lows[row], book.values[row])))  # type: ignore[return-value]


# -- against the plain book --------------------------------------------------------------------------------------------

exchanges = st.sampled_from(["binance", "kraken"])
assets = st.sampled_from(["BTC", "USDT", "ETH", "XRP", "EUR"])
names = st.sampled_from(["1", "2", "3", "4"])
held = st.dictionaries(assets, st.sampled_from([0.0, 0.25, 1.0, 3.7, 1e-6, 12_345.678]), max_size=4)
markets = st.tuples(exchanges, assets, assets).filter(lambda market: market[1] != market[2])
prices = st.floats(0.05, 20.0)
events = st.lists(
    st.one_of(
        st.tuples(st.just("tick"), markets, prices),
        st.tuples(st.just("tick"), markets, prices),
        st.tuples(st.just("tick"), markets, prices),
        st.tuples(st.just("know"), markets),
        st.tuples(st.just("add"), names, exchanges, assets, held),
        st.tuples(st.just("hold"), names, held),
        st.tuples(st.just("remove"), names),
        st.tuples(st.just("close")),
    ),
    min_size=5,
    max_size=60,
)


class Both:
    """The book and the plain one, told the same."""

    def __init__(self) -> None:
        self.book = Book()
        self.plain = PlainBook()
        self.closes: dict[str, float] = {}
        self.largest: dict[str, float] = {}  # what was added up since the last boundary: errors are relative to it

    def near(self, name: str, value: float) -> object:
        return pytest.approx(value, rel=1e-9, abs=1e-9 * self.largest.get(name, 0.0))

    def tell(self, event: tuple) -> None:  # type: ignore[type-arg]
        match event:
            case ("tick", (exchange, base, quote), price):
                self.book.on_price(pair(base, quote, exchange), price)
                self.plain.tick((exchange, base, quote), price)
            case ("know", (exchange, base, quote)):
                self.book.know([pair(base, quote, exchange)])
                self.plain.know((exchange, base, quote))
            case ("add", name, exchange, base, quantities) if name not in self.plain.portfolios:
                self.book.add(HopperId(name), Exchange(exchange), Asset(base), quantities)
                self.plain.add(name, exchange, base, quantities)
            case ("hold", name, quantities) if name in self.plain.portfolios:
                self.book.hold(HopperId(name), quantities)
                self.plain.hold(name, quantities)
            case ("remove", name) if name in self.plain.portfolios:
                self.book.remove(HopperId(name))
                self.plain.remove(name)
                for kept in (self.closes, self.largest):
                    kept.pop(name, None)
            case ("close",):
                self.close()
        self.compare()

    def close(self) -> None:
        closed = self.book.close()
        expected = self.plain.close()
        name_of = {row: str(name) for name, row in self.book.rows.items()}
        assert sorted(name_of[row] for row in closed.rows.tolist()) == sorted(expected)
        for row, *numbers in zip(
            closed.rows.tolist(), closed.opens, closed.highs, closed.lows, closed.closes, strict=True
        ):
            name = name_of[row]
            assert numbers == [self.near(name, number) for number in expected[name]]
            open_, high, low, close = map(float, numbers)
            assert low <= min(open_, close) <= max(open_, close) <= high
            if name in self.closes:
                assert open_ == self.closes[name], "a candle opens where the one before closed, bit for bit"
        self.closes = {
            name_of[row]: float(close) for row, close in zip(closed.rows.tolist(), closed.closes, strict=True)
        }
        self.largest.clear()

    def compare(self) -> None:
        assert {str(name) for name in self.book.rows} == self.plain.portfolios.keys()
        for name, p in self.plain.portfolios.items():
            row = self.book.rows[HopperId(name)]
            value = self.plain.value(name)
            self.largest[name] = max(self.largest.get(name, 0.0), value)
            assert self.book.phases[row] == STATES[p.state]
            assert self.book.values[row] == self.near(name, value)
            if p.state != "waits":
                seen = (self.book.opens[row], self.book.highs[row], self.book.lows[row])
                assert seen == tuple(self.near(name, number) for number in (p.open, p.high, p.low))
            told = {str(asset): price for asset, price in self.book.holdings(HopperId(name))}
            for asset in p.held:
                price = self.plain.price(p.exchange, p.base, asset)
                assert told[asset] == pytest.approx(math.nan if price is None else price, nan_ok=True)


@given(events)
@settings(max_examples=1_500 if IS_FULL else 150, deadline=None)
@example(
    [  # XRP is routed through BTC: a tick of BTC/USDT moves two columns of one hopper
        ("tick", ("binance", "XRP", "BTC"), 2.0),
        ("tick", ("binance", "BTC", "USDT"), 10.0),
        ("add", "1", "binance", "USDT", {"XRP": 1.0, "BTC": 3.7}),
        ("close",),
        ("tick", ("binance", "BTC", "USDT"), 0.1),
        ("tick", ("binance", "BTC", "USDT"), 20.0),
        ("close",),
    ]
)
@example(
    [  # an inverse market moves one column up and another down
        ("tick", ("binance", "BTC", "USDT"), 10.0),
        ("tick", ("binance", "USDT", "EUR"), 1.0),
        ("tick", ("binance", "XRP", "USDT"), 1.0),
        ("add", "1", "binance", "BTC", {"EUR": 12_345.678, "XRP": 1.0, "USDT": 1.0}),
        ("close",),
        ("tick", ("binance", "USDT", "EUR"), 2.0),
        ("tick", ("binance", "BTC", "USDT"), 20.0),
        ("close",),
    ]
)
def test_the_book_agrees_with_one_added_up_from_scratch(told: list[tuple]) -> None:  # type: ignore[type-arg]
    both = Both()
    for event in told:
        both.tell(event)
    both.tell(("close",))
    both.tell(("close",))


def test_a_tick_of_two_columns_in_opposite_directions_makes_no_false_high_or_low() -> None:
    """Half the money in BTC and half in what is priced by dividing: the sum hardly moves, each part does."""
    book = book_with(
        "USDT",
        [(pair("BTC"), 100.0), (pair("BTC", "EUR"), 100.0)],
        BTC=1.0,
        EUR=100.0,
    )
    assert book.holdings(HopperId("1")) == [("BTC", 100.0), ("EUR", 1.0)]
    book.close()
    book.on_price(pair("BTC"), 50.0)  # EUR → BTC → USDT falls too: both columns of one tick
    assert candle(book) == (200.0, 200.0, 100.0, 100.0)
    book.on_price(pair("BTC", "EUR"), 50.0)
    assert candle(book) == (200.0, 200.0, 100.0, 150.0)


# -- refused -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("price", [math.nan, math.inf, -math.inf, 0.0, -0.0, -1.0])
def test_a_price_that_cannot_be_changes_nothing(price: float) -> None:
    book = book_with("USDT", [(pair("BTC"), 10.0)], BTC=2.0)
    book.close()
    before = candle(book)
    with pytest.raises(Invalid, match="finite and above 0"):
        book.on_price(pair("BTC"), price)
    with pytest.raises(Invalid):
        book.on_price(pair("NEW"), price)
    assert candle(book) == before
    assert book.last(pair("BTC")) == 10.0
    assert book.last(pair("NEW")) is None
    book.on_price(pair("BTC"), 11.0)
    assert candle(book) == (20.0, 22.0, 20.0, 22.0)


@pytest.mark.parametrize(
    ("first", "second", "bad"),
    [
        ((pair("XRP", "BTC"), 1e300), (pair("BTC"), 10.0), 1e300),  # the product overflows
        ((pair("XRP", "BTC"), 1e-300), (pair("BTC"), 10.0), 1e-300),  # the product is 0
    ],
)
def test_a_route_whose_price_overflows_changes_nothing(
    first: tuple[Pair, float], second: tuple[Pair, float], bad: float
) -> None:
    book = book_with("USDT", [first, second], XRP=1e-300 if bad > 1 else 1.0, BTC=1.0)
    book.close()
    before = candle(book)
    with pytest.raises(Invalid, match="cannot be"):
        book.on_price(second[0], bad)
    assert candle(book) == before
    assert book.last(second[0]) == 10.0
    book.on_price(second[0], 11.0)
    assert candle(book)[3] == pytest.approx(before[3] * 1.1)


def test_an_inverse_price_that_overflows_changes_nothing() -> None:
    book = book_with("BTC", [(pair("BTC"), 10.0)], USDT=100.0)
    book.close()
    with pytest.raises(Invalid, match="cannot be"):
        book.on_price(pair("BTC"), 5e-324)
    assert candle(book) == (10.0, 10.0, 10.0, 10.0)


def test_prices_that_came_before_anybody_held_the_asset_make_no_price_that_cannot_be() -> None:
    book = Book()
    book.on_price(pair("XRP", "BTC"), 1e300)
    book.on_price(pair("BTC"), 1e10)
    book.add(HopperId("1"), BINANCE, Asset("USDT"), holdings(XRP=1.0, USDT=5.0))
    assert candle(book)[3] == 5.0, "an asset without a possible price counts nothing"
    book.on_price(pair("XRP", "BTC"), 3.0)
    book.on_price(pair("BTC"), 2.0)
    assert candle(book)[3] == 11.0
    book.close()
    assert candle(book) == (11.0, 11.0, 11.0, 11.0)


@pytest.mark.parametrize("quantity", [math.nan, math.inf, -1.0, -1e-300])
def test_quantities_that_cannot_be_change_nothing(quantity: float) -> None:
    book = book_with("USDT", [(pair("BTC"), 10.0), (pair("ETH"), 2.0)], BTC=2.0)
    book.close()
    with pytest.raises(Invalid, match="cannot hold"):
        book.hold(HopperId("1"), holdings(ETH=5.0, BTC=quantity))
    assert candle(book) == (20.0, 20.0, 20.0, 20.0)
    book.on_price(pair("ETH"), 3.0)
    book.on_price(pair("BTC"), 11.0)
    assert candle(book) == (20.0, 22.0, 20.0, 22.0)


def test_a_hopper_whose_quantities_cannot_be_is_not_in_the_book() -> None:
    """Otherwise the next boundaries would close a candle of a row that nobody knows."""
    book = Book()
    with pytest.raises(Invalid, match="cannot hold"):
        book.add(HopperId("1"), BINANCE, Asset("USDT"), holdings(BTC=-1.0))
    assert book.rows == {}
    book.close()
    assert book.close().rows.tolist() == []
    book.add(HopperId("1"), BINANCE, Asset("USDT"), holdings(USDT=1.0))
    assert candle(book) == (1.0, 1.0, 1.0, 1.0)


def test_an_overflow_of_one_portfolio_is_a_refusal_and_not_the_end() -> None:
    book = book_with("USDT", [(pair("BTC"), 1e300)], USDT=1.0)
    with pytest.raises(Invalid):
        book.hold(HopperId("1"), holdings(BTC=1.7e8, USDT=1.7e308, ETH=1.0))
    assert candle(book)[3] == 1.0


def test_a_hopper_cannot_be_in_the_book_twice() -> None:
    book = book_with("USDT", USDT=1.0)
    with pytest.raises(Invalid, match="already"):
        book.add(HopperId("1"), BINANCE, Asset("USDT"), holdings(USDT=2.0))
    assert candle(book)[3] == 1.0


# -- drift -------------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(1_800)
def test_adding_up_changes_stays_within_a_billionth_of_a_revaluation() -> None:
    """Ten million ticks with CRYPTWIRE_FULL=1; no boundary in between puts it right."""
    count = 10_000_000 if IS_FULL else 200_000
    chance = np.random.default_rng(7)
    coins = [f"C{number}" for number in range(12)]
    direct = [pair(coin) for coin in coins[:6]]
    routed = [pair(coin, "BTC") for coin in coins[6:]]
    every = [*direct, *routed, pair("BTC")]
    start = 10.0 ** chance.uniform(-5, 4, len(every))
    book = Book()
    for of, price in zip(every, start.tolist(), strict=True):
        book.on_price(of, price)
    quantities: list[dict[Asset, float]] = []
    for number in range(20):
        own = {Asset(coin): float(10 ** chance.uniform(-3, 5)) for coin in chance.choice([*coins, "BTC"], 5, False)}
        quantities.append(own)
        book.add(HopperId(str(number)), BINANCE, Asset("USDT"), own)
    book.close()

    def added_up(own: dict[Asset, float]) -> float:
        worth = []
        for asset, quantity in own.items():
            price = book.last(pair(asset)) or (book.last(pair(asset, "BTC")) or 0.0) * (book.last(pair("BTC")) or 0.0)
            worth.append(quantity * price)
        return math.fsum(worth)

    done, on_price = 0, book.on_price
    while done < count:
        which = chance.integers(len(every), size=50_000)
        moved = start[which] * np.exp(chance.normal(0, 0.5, 50_000))
        for index, price in zip(which.tolist(), moved.tolist(), strict=True):
            on_price(every[index], price)
        done += 50_000
        for number, own in enumerate(quantities):
            assert book.values[book.rows[HopperId(str(number))]] == pytest.approx(added_up(own), rel=1e-9, abs=0)
    before = {number: float(book.values[book.rows[HopperId(str(number))]]) for number in range(20)}
    book.revalue()
    for number, value in before.items():
        assert book.values[book.rows[HopperId(str(number))]] == pytest.approx(value, rel=1e-9, abs=0)


def test_after_a_mad_print_the_close_is_exact_and_no_value_is_below_nothing() -> None:
    book = book_with("USDT", [(pair("BTC"), 0.3), (pair("ETH"), 0.1)], BTC=3.3, ETH=7.7)
    book.close()
    for price in (1e17, 0.1, 3e16, 1e-9):
        book.on_price(pair("BTC"), price)
    closed = book.close()
    assert closed.closes.tolist() == [pytest.approx(3.3e-9 + 0.77, rel=1e-12)]
    assert closed.lows[0] >= 0.0
    assert candle(book)[0] == closed.closes[0]


# -- where candles begin and end ---------------------------------------------------------------------------------------


def test_the_first_candle_opens_at_the_first_boundary_after_every_asset_is_priced() -> None:
    book = Book()
    book.know([pair("BTC"), pair("ETH")])
    book.add(HopperId("1"), BINANCE, Asset("USDT"), holdings(BTC=1.0, ETH=2.0, USDT=3.0))
    book.on_price(pair("BTC"), 10.0)
    assert book.close().rows.tolist() == []
    assert book.close().rows.tolist() == [], "ETH has a route and no price yet"
    book.on_price(pair("ETH"), 5.0)
    assert candle(book)[0] == 23.0
    book.on_price(pair("ETH"), 6.0)
    assert book.close().rows.tolist() == [], "the quarter in which the last price came is not recorded"
    book.on_price(pair("ETH"), 4.0)
    closed = book.close()
    assert (closed.opens.tolist(), closed.highs.tolist(), closed.lows.tolist()) == ([25.0], [25.0], [21.0])


def test_an_asset_that_nothing_prices_does_not_delay_the_first_candle() -> None:
    book = book_with("USDT", [(pair("BTC"), 10.0)], BTC=1.0, DUST=99.0)
    assert book.unroutable(HopperId("1")) == ["DUST"]
    book.close()
    assert book.close().closes.tolist() == [10.0]


def test_a_new_asset_without_a_price_counts_nothing_and_does_not_stop_the_candles() -> None:
    book = book_with("USDT", [(pair("BTC"), 10.0)], BTC=1.0)
    book.close()
    book.know([pair("ETH")])
    book.hold(HopperId("1"), holdings(BTC=1.0, ETH=2.0))
    assert book.close().closes.tolist() == [10.0]
    book.on_price(pair("ETH"), 5.0)
    assert candle(book) == (10.0, 20.0, 10.0, 20.0)


def test_routes_are_chosen_at_a_boundary_and_kept_until_the_next() -> None:
    book = book_with("USDT", [(pair("XRP", "BTC"), 0.5), (pair("BTC"), 10.0)], XRP=1.0)
    book.close()
    book.on_price(pair("XRP"), 100.0)
    assert candle(book)[3] == 5.0
    book.on_price(pair("BTC"), 12.0)
    assert candle(book)[3] == 6.0
    closed = book.close()
    assert (closed.highs.tolist(), closed.closes.tolist()) == ([100.0], [100.0])
    book.on_price(pair("BTC"), 14.0)
    assert candle(book) == (100.0, 100.0, 100.0, 100.0)


def test_btc_comes_before_a_stablecoin_and_a_direct_market_before_both() -> None:
    book = book_with(
        "EUR",
        [
            (pair("XRP", "USDT"), 7.0),
            (pair("USDT", "EUR"), 1.0),
            (pair("XRP", "BTC"), 2.0),
            (pair("BTC", "EUR"), 3.0),
        ],
        XRP=1.0,
    )
    assert candle(book)[3] == 6.0
    book.on_price(pair("EUR", "XRP"), 0.25)
    book.close()
    assert candle(book)[3] == 4.0


def test_a_pair_of_another_exchange_is_another_pair() -> None:
    book = book_with("USDT", [(pair("BTC"), 10.0)], BTC=1.0)
    book.close()
    book.on_price(pair("BTC", exchange="kraken"), 99.0)
    assert candle(book) == (10.0, 10.0, 10.0, 10.0)


def test_new_quantities_are_taken_like_a_tick_all_at_one_instant() -> None:
    book = book_with("USDT", [(pair("BTC"), 10.0), (pair("ETH"), 1.0)], BTC=2.0, ETH=5.0)
    book.close()
    book.hold(HopperId("1"), holdings(BTC=1.0, ETH=15.0))  # 25 before, 25 after: nothing between was ever held
    assert candle(book) == (25.0, 25.0, 25.0, 25.0)
    book.hold(HopperId("1"), holdings(USDT=1.0))
    assert candle(book) == (25.0, 25.0, 1.0, 1.0)
    book.on_price(pair("BTC"), 1_000.0)
    assert candle(book) == (25.0, 25.0, 1.0, 1.0)


def test_a_row_of_a_hopper_that_left_is_used_again_without_its_past() -> None:
    book = book_with("USDT", [(pair("BTC"), 10.0)], BTC=5.0)
    row = book.rows[HopperId("1")]
    book.close()
    book.on_price(pair("BTC"), 1_000.0)
    book.remove(HopperId("1"))
    assert book.phases[row] == Phase.VACANT
    assert book.close().rows.tolist() == []
    assert book.add(HopperId("2"), BINANCE, Asset("BTC"), holdings(USDT=500.0)) == row
    assert (book.values[row], book.highs[row], book.lows[row]) == (0.5, 0.5, 0.5)
    book.on_price(pair("BTC"), 500.0)
    assert (book.values[row], book.highs[row], book.lows[row]) == (1.0, 1.0, 0.5)
    book.close()
    assert book.close().rows.tolist() == [row]


def test_many_hoppers_grow_the_book_without_losing_one() -> None:
    book = Book()
    book.on_price(pair("BTC"), 2.0)
    for number in range(1_000):
        book.add(HopperId(str(number)), BINANCE, Asset("USDT"), holdings(BTC=float(number + 1)))
    book.close()
    book.on_price(pair("BTC"), 3.0)
    closed = book.close()
    assert closed.rows.tolist() == list(range(1_000))
    assert closed.opens.tolist() == [2.0 * (number + 1) for number in range(1_000)]
    assert closed.closes.tolist() == [3.0 * (number + 1) for number in range(1_000)]
