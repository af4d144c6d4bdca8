"""Boundaries are exact and gaps are counted; volume and the live message."""

import itertools
import math
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cryptwire.clock import to_us
from cryptwire.domain.account import Account, Position
from cryptwire.domain.candle import Candle, Quality
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.portfolio import Holding
from cryptwire.domain.ticker import Feed
from cryptwire.errors import Invalid
from tests.unit.tracker.builders import BINANCE, MS, SPAN, US, S, T, account, hopper, pair, tick, trade
from tests.unit.tracker.logic.shards import NOTHING, ONE, heard, prices, shard_with, told, volume
from tracker.logic.shard import Shard

# -- boundaries --------------------------------------------------------------------------------------------------------


def test_a_tick_exactly_on_the_boundary_belongs_to_the_new_candle() -> None:
    shard = shard_with(10.0)
    assert shard.on_ticker(tick(12.0, T + SPAN - US)) == []
    (closed,) = shard.on_ticker(tick(99.0, T + SPAN))
    assert (closed.opened_at, prices(closed)) == (T, (10.0, 12.0, 10.0, 12.0))
    (following,) = shard.advance(to_us(T + 2 * SPAN))
    assert (following.opened_at, prices(following)) == (T + SPAN, (12.0, 99.0, 12.0, 99.0))


def test_a_late_tick_counts_to_the_open_candle() -> None:
    shard = shard_with(10.0)
    (first,) = shard.advance(to_us(T + SPAN))
    assert shard.on_ticker(tick(30.0, T + SPAN - S)) == []
    (second,) = shard.advance(to_us(T + 2 * SPAN))
    assert prices(first) == (10.0, 10.0, 10.0, 10.0)
    assert prices(second) == (10.0, 30.0, 10.0, 30.0)


def test_several_boundaries_at_once_are_each_closed_and_join() -> None:
    shard = shard_with(10.0)
    closed = shard.on_ticker(tick(20.0, T + 3 * SPAN + S))
    assert [c.opened_at for c in closed] == [T, T + SPAN, T + 2 * SPAN]
    assert [prices(c) for c in closed] == [(10.0, 10.0, 10.0, 10.0)] * 3
    assert told(shard, T + 3 * SPAN + S)[ONE].candle.high == 20.0


def test_the_clock_closes_at_the_boundary_and_not_a_microsecond_before() -> None:
    shard = shard_with()
    assert shard.advance(to_us(T + SPAN - US)) == []
    assert [c.opened_at for c in shard.advance(to_us(T + SPAN))] == [T]
    assert shard.advance(to_us(T + SPAN)) == []


def test_the_clock_never_turns_back() -> None:
    shard = shard_with()
    assert shard.advance(to_us(T - timedelta(days=1))) == []
    assert [c.opened_at for c in shard.advance(to_us(T + SPAN))] == [T]


def test_a_hopper_that_comes_in_mid_candle_is_live_at_once_and_recorded_from_the_boundary() -> None:
    shard = shard_with()
    shard.on_ticker(tick(11.0, T + 60 * S))
    shard.take_in(hopper("2"), 5, account("2", BTC=2), T + 61 * S)
    live = told(shard, T + 62 * S)[HopperId("2")]
    assert (live.candle.opened_at, live.candle.close, live.candle.quality) == (T, 22.0, Quality.PARTIAL)
    assert live.candle.gap == 61 * S
    assert [c.hopper for c in shard.advance(to_us(T + SPAN))] == [ONE]
    assert [(c.hopper, c.fence) for c in shard.advance(to_us(T + 2 * SPAN))] == [(ONE, 1), ("2", 5)]


def test_a_shard_of_shorter_span_closes_on_its_multiples() -> None:
    shard = Shard(span=20 * S)
    shard.on_ticker(tick(1.0, T + 7 * S))
    shard.take_in(hopper(), 1, account(BTC=1), T + 8 * S)
    closed = shard.advance(to_us(T + 61 * S))
    assert [c.opened_at for c in closed] == [T + 20 * S, T + 40 * S]


moments = st.lists(
    st.tuples(st.integers(0, 5_000), st.floats(0.5, 50.0), st.sampled_from(["BTC", "ETH"])), min_size=1, max_size=60
)


@given(moments)
@settings(max_examples=100, deadline=None)
@example([(899, 1.0, "BTC"), (900, 2.0, "BTC"), (1800, 3.0, "ETH")])
def test_every_tick_is_in_exactly_the_candle_that_its_stamp_falls_into(
    ticks: list[tuple[int, float, str]],
) -> None:
    shard = shard_with(1.0, BTC=2.0, ETH=3.0)
    shard.on_ticker(tick(1.0, T, pair("ETH")))
    shard.advance(to_us(T + SPAN))  # the route to ETH is chosen here
    start = T + SPAN
    last = {"BTC": 1.0, "ETH": 1.0}
    value = 5.0
    expected: dict[datetime, list[float]] = {start: [value]}
    closed: list[Candle] = []
    for second, price, base in sorted(ticks, key=lambda each: each[0]):
        at = start + second * S
        opened = max(expected)
        while at >= opened + SPAN:
            opened += SPAN
            expected[opened] = [value]
        last[base] = price
        value = 2.0 * last["BTC"] + 3.0 * last["ETH"]
        expected[opened].append(value)
        closed += shard.on_ticker(tick(price, at, pair(base)))
    closed += shard.advance(to_us(max(expected) + SPAN))
    assert [c.opened_at for c in closed] == sorted(expected)
    for c in closed:
        values = expected[c.opened_at]
        assert prices(c) == pytest.approx((values[0], max(values), min(values), values[-1]), rel=1e-9)
    for before, after in itertools.pairwise(closed):
        assert after.open == before.close


# -- gaps --------------------------------------------------------------------------------------------------------------


def run_of_feed(shard: Shard, beats: list[float], until: float = 900) -> Candle:
    """The first candle, when frames came at these seconds of it."""
    for beat in beats:
        heard(shard, T + beat * S)
    (closed,) = shard.advance(to_us(T + until * S))
    return closed


def test_a_feed_that_beats_within_ten_seconds_leaves_no_gap() -> None:
    closed = run_of_feed(shard_with(), [float(second) for second in range(0, 900, 10)])
    assert (closed.gap, closed.quality) == (NOTHING, Quality.COMPLETE)


@pytest.mark.parametrize(
    ("silent_from", "silent_to", "gap"),
    [(100, 110, 0.0), (100, 110.001, 0.001), (100, 130, 20.0), (300, 800, 490.0)],
)
def test_silence_beyond_ten_seconds_is_gap(silent_from: float, silent_to: float, gap: float) -> None:
    beats = [second / 2 for second in range(1_800) if not silent_from < second / 2 < silent_to]
    closed = run_of_feed(shard_with(), beats if silent_to in beats else sorted([*beats, silent_to]))
    assert closed.gap == gap * S
    assert closed.quality is (Quality.PARTIAL if gap else Quality.COMPLETE)


def test_silence_over_a_boundary_is_shared_by_both_candles() -> None:
    shard = shard_with()
    for second in range(0, 890, 5):
        heard(shard, T + second * S)
    first, second_candle = shard.advance(to_us(T + 2 * SPAN))
    assert first.gap == 5 * S  # heard last at 885 s: fresh until 895 s
    assert (second_candle.gap, second_candle.quality) == (SPAN, Quality.PARTIAL)


def test_live_rounds_between_boundary_and_close_do_not_count_the_new_candles_gap_to_the_old() -> None:
    """The close comes up to 300 ms after the boundary; a round in between looks at the clock."""
    shard = shard_with()
    for second in range(0, 891, 5):
        heard(shard, T + second * S)
    list(shard.live(T + SPAN + 200 * MS))  # fresh until exactly the boundary
    shard.state(T + SPAN + 250 * MS)
    (first,) = shard.advance(to_us(T + SPAN))
    (following,) = shard.advance(to_us(T + 2 * SPAN))
    assert (first.gap, first.quality) == (NOTHING, Quality.COMPLETE)
    assert following.gap == SPAN


def test_a_quiet_pair_is_fresh_while_its_exchange_speaks() -> None:
    shard = shard_with()
    for second in range(0, 900, 9):
        shard.on_ticker(tick(2.0, T + second * S, pair("ETH")))
    (closed,) = shard.advance(to_us(T + SPAN))
    assert closed.quality is Quality.COMPLETE


def test_a_polled_feed_is_fresh_for_two_intervals() -> None:
    shard = shard_with()
    for second in range(0, 900, 60):
        heard(shard, T + second * S, interval=30 * S)
    (closed,) = shard.advance(to_us(T + SPAN))
    assert closed.quality is Quality.COMPLETE
    for second in range(900, 1_800, 61):
        heard(shard, T + second * S, interval=30 * S)
    (closed,) = shard.advance(to_us(T + 2 * SPAN))
    assert closed.gap == 14 * S


def test_a_short_interval_does_not_make_it_stale_sooner() -> None:
    shard = shard_with()
    for second in range(0, 900, 10):
        heard(shard, T + second * S, interval=1 * S)
    (closed,) = shard.advance(to_us(T + SPAN))
    assert closed.gap == NOTHING


def test_a_feed_that_says_it_was_never_heard_is_silent() -> None:
    shard = shard_with()
    for second in range(0, 900, 5):
        shard.on_feed(Feed(BINANCE, "s", 0, None, NOTHING), T + second * S)
    (closed,) = shard.advance(to_us(T + SPAN))
    assert closed.gap >= SPAN - 10 * S  # the tick before it began was a frame


def test_another_exchanges_silence_is_not_ours() -> None:
    shard = shard_with()
    shard.on_ticker(tick(3.0, T + S, pair("BTC", exchange="kraken")))
    shard.take_in(hopper("2", exchange="kraken"), 1, account("2", BTC=1), T + 2 * S)
    for second in range(0, 1_800, 5):
        shard.advance(to_us(T + second * S))
        heard(shard, T + second * S)
    closed = {c.hopper: c for c in shard.advance(to_us(T + 2 * SPAN))}
    assert (closed[ONE].quality, closed[HopperId("2")].gap) == (Quality.COMPLETE, SPAN)


beats = st.lists(st.integers(0, 2_000_000), max_size=40)


@given(beats, st.lists(st.integers(0, 1_800_000), max_size=5))
@settings(max_examples=100, deadline=None)
def test_gap_is_the_time_without_a_frame_in_the_last_ten_seconds(at_ms: list[int], rounds_ms: list[int]) -> None:
    """Second by second, in plain arithmetic; rounds that look at it in between change nothing."""
    shard = shard_with()
    heard(shard, T)
    happening = sorted({(at, True) for at in at_ms} | {(at, False) for at in rounds_ms})
    closed: list[Candle] = []
    for at, is_beat in happening:
        closed += shard.advance(to_us(T + at * MS))
        if is_beat:
            heard(shard, T + at * MS)
        else:
            list(shard.live(T + at * MS))
    closed += shard.advance(to_us(T + 2_700_000 * MS))
    frames = sorted({0, *at_ms})
    for number, candle in enumerate(closed):
        begin, end = number * 900_000, (number + 1) * 900_000
        stale = 0
        for frame, following in zip(frames, [*frames[1:], 10**9], strict=True):
            stale += max(0, min(following, end) - max(frame + 10_000, begin))
        assert candle.gap == min(stale, 900_000) * MS
        assert NOTHING <= candle.gap <= SPAN
        assert (candle.quality is Quality.PARTIAL) == (candle.gap > NOTHING)


# -- volume ------------------------------------------------------------------------------------------------------------


def test_a_trade_counts_once_and_only_in_the_open_candle() -> None:
    shard = shard_with()
    for fill in (trade(1, T + S), trade(1, T + S), trade(2, T + 2 * S, "5.5")):
        shard.on_trade(fill)
    assert volume(shard, T + 3 * S) == 15.5
    shard.on_trade(trade(3, T - US))
    shard.on_trade(trade(4, T + SPAN))
    assert volume(shard, T + 3 * S) == 15.5
    shard.on_trade(trade(5, T, "1"))
    shard.on_trade(trade(6, T + SPAN - US, "2"))
    assert volume(shard, T + 3 * S) == 18.5
    shard.advance(to_us(T + SPAN))
    assert volume(shard, T + SPAN) == 0.0
    shard.on_trade(trade(1, T + S))
    assert volume(shard, T + SPAN) == 0.0
    shard.on_trade(trade(4, T + SPAN))
    assert volume(shard, T + SPAN) == 10.0


def test_trades_of_strangers_and_in_other_currencies_are_no_volume() -> None:
    shard = shard_with()
    shard.on_trade(trade(1, T + S, name="99"))
    shard.on_trade(trade(2, T + S, quote="EUR"))
    assert volume(shard, T + 3 * S) == 0.0
    shard.on_trade(trade(1, T + S))
    assert volume(shard, T + 3 * S) == 10.0


# -- live --------------------------------------------------------------------------------------------------------------


def test_the_live_message_agrees_with_the_book_and_the_account() -> None:
    shard = Shard()
    shard.on_ticker(tick(10.0, T - 5 * S))
    shard.on_ticker(tick(0.5, T - 5 * S, pair("XRP", "BTC")))
    position = Position("p", Asset("BTC"), Asset("USDT"), Decimal("1.50"), Decimal("9"), Decimal("13.5"), None)
    quantities = {"BTC": "1.50", "XRP": "2", "DUST": "7", "USDT": "100", "NONE": "0"}
    held = {Asset(asset): Decimal(quantity) for asset, quantity in quantities.items()}
    shard.take_in(hopper(), 4, Account(ONE, T - 7 * S, held, (position,)), T - 4 * S)
    shard.advance(to_us(T))
    shard.on_ticker(tick(12.0, T + 60 * S))
    shard.on_ticker(tick(8.0, T + 62 * S))
    shard.on_trade(trade(1, T + 61 * S))
    live = told(shard, T + 64 * S)[ONE]
    assert live.base == "USDT"
    assert live.holdings == (
        Holding(Asset("BTC"), Decimal("1.50"), 8.0),
        Holding(Asset("XRP"), Decimal("2"), 4.0),
        Holding(Asset("DUST"), Decimal("7"), None),
        Holding(Asset("USDT"), Decimal("100"), 1.0),
    )
    assert live.candle.close == math.fsum(float(h.quantity) * h.price for h in live.holdings if h.price)
    assert prices(live.candle) == pytest.approx((125.0, 130.0, 120.0, 120.0))
    assert (live.candle.opened_at, live.candle.fence, live.volume) == (T, 4, 10.0)
    assert (live.at, live.prices_at, live.assets_at) == (T + 64 * S, T + 62 * S, T - 7 * S)
    assert live.is_fresh
    assert live.positions == (position,)
    assert not told(shard, T + 73 * S)[ONE].is_fresh


def test_the_newest_price_is_of_what_is_held_and_one_received_again_unchanged_is_newer() -> None:
    shard = shard_with(10.0, BTC=1, USDT=5)
    assert told(shard, T)[ONE].newest_price_at == T - 5 * S
    shard.on_ticker(tick(10.0, T + S))
    assert told(shard, T + 2 * S)[ONE].newest_price_at == T + S
    shard.on_ticker(tick(3.0, T + 2 * S, pair("ETH")))
    assert told(shard, T + 2 * S)[ONE].newest_price_at == T + S, "of what it does not hold"
    shard.on_last_price(tick(11.0, T - S))
    assert told(shard, T + 2 * S)[ONE].newest_price_at == T + S, "a kept price is older"
    with pytest.raises(Invalid):
        shard.book.on_price(pair("BTC"), math.nan, to_us(T + 3 * S))
    assert told(shard, T + 3 * S)[ONE].newest_price_at == T + S, "refused"
    shard.renew(account(at=T + 4 * S, ETH=1), T + 4 * S)
    assert told(shard, T + 4 * S)[ONE].newest_price_at == T + 2 * S
    shard.renew(account(at=T + 5 * S, USDT=1), T + 5 * S)
    assert told(shard, T + 5 * S)[ONE].newest_price_at is None, "what needs no price has none"


def test_each_leg_of_a_route_brings_a_newer_price() -> None:
    shard = Shard()
    shard.on_ticker(tick(2.0, T, pair("XRP", "BTC")))
    shard.on_ticker(tick(10.0, T + S))
    shard.take_in(hopper(), 1, account(XRP=1), T + S)
    assert told(shard, T + S)[ONE].newest_price_at == T + S
    shard.on_ticker(tick(2.0, T + 2 * S, pair("XRP", "BTC")))
    assert told(shard, T + 2 * S)[ONE].newest_price_at == T + 2 * S


def test_new_quantities_are_told_with_their_own_prices() -> None:
    shard = shard_with(10.0)
    shard.on_ticker(tick(3.0, T + S, pair("ETH")))
    shard.renew(account(at=T + 2 * S, ETH=4, BTC="0.5"), T + 2 * S)
    live = told(shard, T + 3 * S)[ONE]
    assert {h.asset: h.price for h in live.holdings} == {"ETH": 3.0, "BTC": 10.0}
    assert (live.candle.close, live.assets_at) == (17.0, T + 2 * S)
    assert shard.account(ONE).quantities[Asset("ETH")] == 4


def test_quantities_that_cannot_be_leave_what_was_there() -> None:
    shard = shard_with(10.0)
    with pytest.raises(Invalid):
        shard.renew(account(at=T + 2 * S, BTC="-3"), T + 2 * S)
    live = told(shard, T + 3 * S)[ONE]
    assert (live.candle.close, live.holdings[0].quantity) == (10.0, Decimal(1))
    with pytest.raises(Invalid):
        shard.take_in(hopper("2"), 1, account("2", BTC="-3"), T + 3 * S)
    assert shard.hoppers == [ONE]
    assert [c.hopper for c in shard.advance(to_us(T + 3 * SPAN))] == [ONE] * 3


def test_a_hopper_waiting_for_a_price_is_not_told() -> None:
    shard = Shard()
    shard.book.know([pair("BTC")])
    shard.take_in(hopper(), 1, account(BTC=1), T + S)
    assert told(shard, T + 2 * S) == {}
    shard.on_ticker(tick(5.0, T + 3 * S))
    assert told(shard, T + 4 * S)[ONE].candle.close == 5.0


def test_a_hopper_let_go_is_neither_told_nor_closed_and_may_come_again() -> None:
    shard = shard_with(10.0)
    shard.on_trade(trade(1, T + S))
    shard.let_go(ONE)
    assert (told(shard, T + 2 * S), shard.holds(ONE)) == ({}, False)
    assert shard.advance(to_us(T + SPAN)) == []
    shard.take_in(hopper(), 9, account(BTC=3), T + SPAN + S)
    live = told(shard, T + SPAN + 2 * S)[ONE]
    assert (live.candle.close, live.candle.fence, live.volume) == (30.0, 9, 0.0)


def test_a_new_fence_holds_from_the_next_message_on() -> None:
    shard = shard_with()
    shard.set_fence(ONE, 8)
    assert told(shard, T + S)[ONE].candle.fence == 8
    assert [c.fence for c in shard.advance(to_us(T + SPAN))] == [8]


def test_a_candle_that_cannot_be_is_told_and_the_others_are_closed() -> None:
    shard = shard_with(1e300)
    shard.take_in(hopper("2"), 1, account("2", BTC="1e7"), T + S)
    shard.advance(to_us(T + SPAN))
    with np.errstate(over="ignore", invalid="ignore"):
        shard.on_ticker(tick(1e302, T + SPAN + S))
        closed = shard.advance(to_us(T + 2 * SPAN))
    assert [c.hopper for c in closed] == [ONE]
    assert len(shard.faults) == 1
    assert shard.faults[0].startswith("2 ")


def test_after_a_mad_price_no_value_is_less_than_nothing() -> None:
    """Floats near 1e17 are 16 apart: what is added and taken away again leaves an error of that size."""
    shard = Shard()
    for of, price in ((pair("BTC"), 0.3), (pair("ETH"), 0.1)):
        shard.on_ticker(tick(price, T - 5 * S, of))
    held = account(BTC=4.7, ETH=5)
    shard.take_in(hopper(), 1, held, T - 4 * S)
    shard.advance(to_us(T))
    for price in (1e17, 0.1, 1e-9):
        shard.on_ticker(tick(price, T + S))
    assert told(shard, T + 2 * S)[ONE].candle.low == 0.0
    assert Shard().restore(shard.state(T + 2 * S), [(hopper(), 1)], {ONE: held}) == [ONE]
    (closed,) = shard.advance(to_us(T + SPAN))
    assert [closed.low, closed.close] == [0.0, pytest.approx(0.5 + 4.7e-9)]
    assert shard.faults == []
