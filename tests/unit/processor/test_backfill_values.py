"""What a portfolio was worth: against a plain count bar by bar, and against every tick of a finer walk."""

import math
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.route import route
from cryptwire.domain.ticker import Pair
from processor.logic.backfill import Steps
from processor.logic.backfill_values import Market, Values, folded, last_price, values

EXCHANGE = Exchange("binance")
USDT, BTC, ETH, XRP, EUR = map(Asset, ("USDT", "BTC", "ETH", "XRP", "EUR"))
BAR = 900_000_000
TICKS = 16  # of a bar in the finer walk
PAIRS = (
    Pair(EXCHANGE, BTC, USDT),
    Pair(EXCHANGE, ETH, USDT),
    Pair(EXCHANGE, XRP, BTC),  # routed through BTC
    Pair(EXCHANGE, USDT, EUR),  # the other way round
)
COINS = (USDT, BTC, ETH, XRP, EUR)
ROUTES = {coin: found for coin in COINS if (found := route(EXCHANGE, coin, USDT, PAIRS)) is not None}


def steps(first: float, *changes: tuple[float, float]) -> Steps:
    """Held from the first moment on, and after each (bar, quantity)."""
    moments = np.array([int(at * BAR) for at, _ in changes], np.int64)
    return Steps(moments, np.array([first, *(quantity for _, quantity in changes)], np.float64))


class Walk(NamedTuple):
    """A market at every tick: ``ticks`` (pairs, bars, TICKS), and of each bar whether the exchange has a candle."""

    ticks: np.ndarray[Any, np.dtype[np.float64]]
    is_there: np.ndarray[Any, np.dtype[np.bool_]]
    before: list[float]
    held: dict[Asset, Steps]

    @property
    def bars(self) -> int:
        return int(self.ticks.shape[1])

    def markets(self) -> dict[Pair, Market]:
        found = {}
        for number, pair in enumerate(PAIRS):
            ticks = self.ticks[number]
            bars = np.array([ticks[:, 0], ticks.max(axis=1), ticks.min(axis=1), ticks[:, -1]])
            bars[:, ~self.is_there[number]] = math.nan
            found[pair] = Market(bars, self.before[number])
        return found

    def valued(self, opening: float | None = None) -> Values:
        return values(self.held, ROUTES, self.markets(), np.arange(self.bars + 1, dtype=np.int64) * BAR, opening)

    def price_of(self, pair: Pair, bar: int, tick: int) -> float:
        """Right after a tick, -1 being before the bar; over bars without a candle it stands, 0 before the first."""
        number = PAIRS.index(pair)
        if tick >= 0 and self.is_there[number, bar]:
            return float(self.ticks[number, bar, tick])
        for earlier in range(bar - 1, -1, -1):
            if self.is_there[number, earlier]:
                return float(self.ticks[number, earlier, -1])
        before = self.before[number]
        return 0.0 if math.isnan(before) else before

    def price(self, coin: Asset, bar: int, tick: int) -> float:
        price = 1.0
        for leg in ROUTES[coin]:
            one = self.price_of(leg.pair, bar, tick)
            price *= (1.0 / one if one else 0.0) if leg.is_inverse else one
        return price

    def value(self, bar: int, tick: int, at: int, *, is_after: bool) -> float:
        """With what was held at ``at``, after or before what changed at that instant."""
        held = {
            coin: one.quantities[np.searchsorted(one.moments, at, "right" if is_after else "left")]
            for coin, one in self.held.items()
        }
        return math.fsum(float(held[coin]) * self.price(coin, bar, tick) for coin in held)

    def seen(self, bar: int) -> list[float]:
        """Every value that the portfolio had within a bar: at each tick and at each change."""
        begin = bar * BAR
        events = [(begin + tick * (BAR // TICKS), 0, tick) for tick in range(TICKS)]
        for one in self.held.values():
            events += [(int(at), -1, 0) for at in one.moments if begin <= at < begin + BAR]
        found, last = [self.value(bar, -1, begin, is_after=False)], -1
        for at, kind, tick in sorted(events):
            last = tick if kind == 0 else last
            found.append(self.value(bar, last, at, is_after=True))
        found.append(self.value(bar, TICKS - 1, begin + BAR, is_after=False))
        return found

    def range_of(self, bar: int) -> float:
        """Σ |quantity| × range of the bar: of each coin the most that was held, and how far its price can have gone."""
        total = 0.0
        for coin, one in self.held.items():
            most = max(
                float(one.after(np.array([at]))[0])
                for at in (bar * BAR, *one.moments)
                if bar * BAR <= at < (bar + 1) * BAR
            )
            high = low = 1.0
            for leg in ROUTES[coin]:
                prices = [self.price_of(leg.pair, bar, tick) for tick in range(-1, TICKS)]
                if min(prices) == 0:
                    low = 0.0
                prices = [price for price in prices if price]
                if leg.is_inverse:
                    prices = [1.0 / price for price in prices]
                high *= max(prices, default=0.0)
                low *= min(prices, default=0.0)
            total += max(most, float(one.before(np.array([bar * BAR]))[0])) * (high - low)
        return total


amounts = st.floats(0, 1e6, allow_subnormal=False).map(lambda amount: round(amount, 3))


@st.composite
def walks(draw: st.DrawFn) -> Walk:
    bars = draw(st.integers(1, 5))
    seed = draw(st.integers(0, 2**32 - 1))
    chance = np.random.default_rng(seed)
    moves = np.exp(
        chance.normal(0, draw(st.sampled_from([0.0, 0.001, 0.05])), (len(PAIRS), bars, TICKS)).cumsum(axis=2)
    )
    ticks = moves * np.array([[[60_000.0]], [[3_000.0]], [[0.00001]], [[0.9]]])
    is_there = chance.random((len(PAIRS), bars)) > draw(st.sampled_from([0.0, 0.3]))
    before = [float(price) if draw(st.booleans()) else math.nan for price in (59_000.0, 3_100.0, 0.000011, 0.91)]
    held = {}
    for coin in draw(st.lists(st.sampled_from(COINS), min_size=1, unique=True)):
        at = draw(st.lists(st.integers(0, bars * BAR), max_size=4).map(sorted))
        if draw(st.booleans()):
            at = sorted(moment // BAR * BAR for moment in at)  # right on a boundary
        quantities = [draw(amounts) for _ in range(len(at) + 1)]
        held[coin] = Steps(np.array(at, np.int64), np.array(quantities))
    return Walk(ticks, is_there, before, held)


@settings(max_examples=150, deadline=None)
@given(walks())
def test_closes_are_exact_and_highs_and_lows_within_the_range_of_every_tick(walk: Walk) -> None:
    found = walk.valued()
    for bar in range(walk.bars):
        seen = walk.seen(bar)
        scale = max(seen) or 1.0
        assert found.closes[bar] == pytest.approx(seen[-1], rel=1e-9, abs=1e-9 * scale)
        assert found.opens[bar] == pytest.approx(seen[0], rel=1e-9, abs=1e-9 * scale)
        most = walk.range_of(bar) / 2 + 1e-9 * scale  # the middle of what is possible is off by half of it at most
        assert abs(found.highs[bar] - max(seen)) <= most
        assert abs(found.lows[bar] - min(seen)) <= most


@settings(max_examples=100, deadline=None)
@given(walks(), st.none() | st.floats(0, 1e9))
def test_bars_join_bit_for_bit_and_enclose_their_ends(walk: Walk, opening: float | None) -> None:
    found = walk.valued(opening)
    assert found.opens[1:].tolist() == found.closes[:-1].tolist()
    assert opening is None or found.opens[0] == opening
    assert (found.lows <= np.minimum(found.opens, found.closes)).all()
    assert (found.highs >= np.maximum(found.opens, found.closes)).all()
    assert (found.lows >= 0).all()


@settings(max_examples=60, deadline=None)
@given(walks(), st.data())
def test_cut_anywhere_the_parts_are_the_whole_bit_for_bit(walk: Walk, data: st.DataObject) -> None:
    """A filling that was cut off goes on from the last close and the last prices."""
    cut = data.draw(st.integers(0, walk.bars))
    whole, markets = walk.valued(), walk.markets()
    edges = np.arange(walk.bars + 1, dtype=np.int64) * BAR
    parts, opening = [], None
    for begin, end in ((0, cut), (cut, walk.bars)):
        if begin == end:
            continue
        cuts = {
            pair: Market(market.bars[:, begin:end], last_price(Market(market.bars[:, :begin], market.before)))
            for pair, market in markets.items()
        }
        parts.append(values(walk.held, ROUTES, cuts, edges[begin : end + 1], opening))
        opening = float(parts[-1].closes[-1])
    for name in ("opens", "highs", "lows", "closes", "silent"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        assert joined.tolist() == getattr(whole, name).tolist(), name


@settings(max_examples=40, deadline=None)
@given(walks())
def test_in_whatever_order_assets_are_told_the_sums_are_the_same_bit_for_bit(walk: Walk) -> None:
    turned = walk._replace(held=dict(reversed(walk.held.items())))
    assert turned.valued().closes.tolist() == walk.valued().closes.tolist()
    assert turned.valued().highs.tolist() == walk.valued().highs.tolist()


def market(*bars: tuple[float, float, float, float] | None, before: float = math.nan) -> Market:
    rows = [(math.nan,) * 4 if bar is None else bar for bar in bars]
    return Market(np.array(rows, np.float64).T, before)


def one(held: dict[Asset, Steps], markets: dict[Pair, Market], bars: int) -> Values:
    return values(held, ROUTES, markets, np.arange(bars + 1, dtype=np.int64) * BAR)


def test_one_coin_beside_cash_is_exact() -> None:
    found = one({USDT: steps(100), BTC: steps(2)}, {PAIRS[0]: market((10, 15, 9, 11), (12, 13, 8, 9), before=10.0)}, 2)
    assert found.opens.tolist() == [120, 122]
    assert found.highs.tolist() == [130, 126]
    assert found.lows.tolist() == [118, 116]
    assert found.closes.tolist() == [122, 118]


def test_of_two_coins_the_middle_of_what_is_possible_is_told() -> None:
    """One coin surely rose by 5 and the other by 3: 8 at most, together at one instant, and 5 at least."""
    found = one(
        {BTC: steps(1), ETH: steps(1)},
        {PAIRS[0]: market((10, 15, 10, 10), before=10.0), PAIRS[1]: market((20, 23, 20, 20), before=20.0)},
        1,
    )
    assert (found.opens[0], found.closes[0], found.lows[0]) == (30, 30, 30)
    assert found.highs[0] == 30 + (5 + 8) / 2


def test_a_trade_counts_from_its_own_instant() -> None:
    """Bought in the middle of a bar: what was highest is so with what was held before or after, not with both."""
    markets = {PAIRS[0]: market((10, 20, 10, 10), (10, 10, 10, 10), before=10.0)}
    found = one({USDT: steps(100, (0.5, 80)), BTC: steps(0, (0.5, 2))}, markets, 2)
    assert (found.opens[0], found.closes[0]) == (100, 100)
    assert found.highs[0] == (100 + 120) / 2  # 2 BTC at 20, if the high came after the purchase
    assert found.lows[0] == 100
    assert (found.highs[1], found.lows[1]) == (100, 100)


def test_a_trade_on_a_boundary_belongs_to_the_bar_that_opens_there() -> None:
    markets = {PAIRS[0]: market((10, 20, 10, 10), (10, 10, 10, 10), before=10.0)}
    found = one({USDT: steps(100, (0.5, 99), (1, 79)), BTC: steps(0, (0.5, 0), (1, 2))}, markets, 2)
    assert found.closes.tolist() == [99, 99]
    assert found.opens.tolist() == [100, 99]
    assert (found.highs[0], found.lows[0]) == (100, 99)


def test_over_a_hole_the_price_stands_and_only_silence_of_all_markets_is_a_gap() -> None:
    bar = (10.0, 10.0, 10.0, 10.0)
    held = {BTC: steps(1), ETH: steps(1)}
    markets = {PAIRS[0]: market(bar, None, None, bar, before=10.0), PAIRS[1]: market(bar, bar, None, bar, before=10.0)}
    found = one(held, markets, 4)
    assert found.closes.tolist() == [20, 20, 20, 20]
    assert found.silent.tolist() == [0, 0, 1, 0]


def test_a_coin_that_is_listed_later_counts_nothing_before() -> None:
    found = one({USDT: steps(100), ETH: steps(1)}, {PAIRS[1]: market(None, None, (10, 12, 9, 11), (11, 11, 11, 11))}, 4)
    assert found.closes.tolist() == [100, 100, 111, 111]
    assert found.is_known.tolist() == [False, False, False, True]
    assert not found.is_whole
    assert (found.lows[2], found.highs[2]) == (100, 112)


def test_what_no_route_prices_counts_nothing() -> None:
    found = one({USDT: steps(100), Asset("DUST"): steps(1e9)}, {}, 2)
    assert found.closes.tolist() == [100, 100]
    assert found.is_known.all()
    assert found.silent.tolist() == [0, 0]


def test_minutes_fold_into_quarters() -> None:
    minutes = [(10.0 + n, 12.0 + n, 9.0 + n, 11.0 + n) for n in range(30)]
    minutes[3] = None  # type: ignore[call-overload]
    fine = values(
        {BTC: steps(1)}, ROUTES, {PAIRS[0]: market(*minutes, before=10.0)}, np.arange(31, dtype=np.int64) * 60_000_000
    )
    found = folded(fine, 15)
    assert found.opens.tolist() == [10, 25]
    assert found.closes.tolist() == [25, 40]
    assert found.highs.tolist() == [26, 41]
    assert found.lows.tolist() == [9, 24]
    assert found.silent.tolist() == [1 / 15, 0]


def test_a_quarter_of_a_year_of_a_hundred_coins_takes_a_moment() -> None:
    """Not a measurement: that it is done for all bars at once."""
    count, coins = 90 * 96, [Asset(f"C{number}") for number in range(100)]
    chance = np.random.default_rng(1)
    pairs = [Pair(EXCHANGE, coin, USDT) for coin in coins]
    bars = np.sort(chance.random((4, count)) + 1, axis=0)[[1, 3, 0, 2]]
    began = datetime.now(UTC)  # noqa: TID251
    found = values(
        {coin: steps(1.0) for coin in coins},
        {coin: route(EXCHANGE, coin, USDT, pairs) or () for coin in coins},
        {pair: Market(bars, 1.0) for pair in pairs},
        np.arange(count + 1, dtype=np.int64) * BAR,
    )
    assert len(found.closes) == count
    assert (datetime.now(UTC) - began).total_seconds() < 5  # noqa: TID251
