"""What is missing, what was held back then, under which fence a candle goes, and how it joins the others."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cryptwire.clock import to_us
from cryptwire.domain.backfill import Grant
from cryptwire.domain.candle import Candle, Quality
from cryptwire.domain.hopper import Asset, Exchange, HopperId
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.memory.candles import MemoryCandles
from processor.logic.backfill import (
    MINUTE,
    Change,
    Rewinding,
    Run,
    changes_of,
    ending_at,
    fence_of,
    is_settled,
    missing_runs,
    neighbours,
)

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPAN = timedelta(minutes=15)
EXCHANGE = Exchange("binance")
HOPPER = HopperId("1")

known = st.dictionaries(st.integers(-3, 25), st.sampled_from(list(Quality)))


@given(known, st.integers(0, 20), st.integers(-2, 22))
def test_runs_are_the_boundaries_without_a_whole_candle_and_of_one_kind_touch_nowhere(
    qualities: dict[int, Quality], count: int, minutes_from: int
) -> None:
    found = {T + n * SPAN: quality for n, quality in qualities.items()}
    runs = missing_runs(found, T, T + count * SPAN, T + minutes_from * SPAN)
    inside = {(run.first - T) // SPAN + n: run.span for run in runs for n in range(run.candles)}
    lacking = {n for n in range(count) if qualities.get(n, Quality.PARTIAL) is Quality.PARTIAL}
    assert inside.keys() == lacking
    assert {n for n, span in inside.items() if span == MINUTE} == {
        n for n in lacking if n in qualities and n >= minutes_from
    }
    assert all(run.first < run.end for run in runs)
    assert all(a.end < b.first or (a.end == b.first and a.span != b.span) for a, b in itertools.pairwise(runs))


def fill(number: int, base: str, quote: str, side: Side, quantity: str, total: str, fee: str, fee_in: str) -> Trade:
    return Trade(
        HOPPER,
        TradeId(str(number)),
        Pair(EXCHANGE, Asset(base), Asset(quote)),
        side,
        Decimal(quantity),
        Decimal("1"),
        Decimal(total),
        Decimal(fee),
        Asset(fee_in),
        T + number * timedelta(seconds=1),
    )


def test_a_trade_changes_both_sides_and_the_fee_where_it_is_paid() -> None:
    buy = fill(1, "BTC", "USDT", Side.BUY, "0.5", "100", "0.001", "BTC")
    assert buy.changes() == {"BTC": Decimal("0.499"), "USDT": Decimal(-100)}
    sell = fill(2, "BTC", "USDT", Side.SELL, "0.5", "100", "0.1", "USDT")
    assert sell.changes() == {"BTC": Decimal("-0.5"), "USDT": Decimal("99.9")}
    other = fill(3, "BTC", "USDT", Side.SELL, "0.5", "100", "0.02", "BNB")
    assert other.changes() == {"BTC": Decimal("-0.5"), "USDT": Decimal(100), "BNB": Decimal("-0.02")}


amounts = st.decimals("0.00000001", "1000", places=8)
COINS = tuple(map(Asset, ("BTC", "USDT", "ETH", "BNB")))
coins = st.sampled_from(COINS)
fills = st.lists(
    st.tuples(coins, coins, st.sampled_from(list(Side)), amounts, amounts, st.decimals("0", "1", places=8), coins),
    max_size=20,
)


@given(fills, st.lists(st.tuples(st.integers(0, 20), coins, st.decimals("-1000", "1000", places=8)), max_size=5))
def test_what_was_held_before_and_then_changed_is_what_is_held_now(
    rows: list[tuple[Any, ...]],
    moved: list[tuple[int, Asset, Decimal]],
) -> None:
    """A plain count forward from what was held first, over trades and flows, is held at every moment."""
    trades = [
        fill(n, base, quote, side, str(quantity), str(total), str(fee), fee_in)
        for n, (base, quote, side, quantity, total, fee, fee_in) in enumerate(rows)
        if base != quote
    ]
    flows = [Change(T + n * timedelta(seconds=1), asset, quantity) for n, asset, quantity in moved]
    first = dict.fromkeys(COINS, Decimal(1_000_000))
    now = dict(first)
    changes = changes_of(trades, flows)
    for change in changes:
        now[change.asset] += change.quantity
    rewinding = Rewinding(now)
    rewinding.take_back(changes)
    assert dict(rewinding.held) == first
    assert rewinding.unexplained == {}
    steps = rewinding.steps()
    for second in range(-1, 23):
        at = T + second * timedelta(seconds=1)
        for coin in COINS:
            for is_after, found in enumerate((steps[coin].before, steps[coin].after)):
                then = [c.quantity for c in changes if c.asset == coin and (c.at < at or (is_after and c.at == at))]
                held = first[coin] + sum(then, Decimal(0))
                assert found(np.array([to_us(at)]))[0] == float(held)


def test_in_pages_the_same_is_taken_back() -> None:
    trades = [fill(n, "BTC", "USDT", Side.BUY, "1", "10", "0.5", "USDT") for n in range(6)]
    whole, paged = (Rewinding({Asset("BTC"): Decimal(6), Asset("USDT"): Decimal(1)}) for _ in range(2))
    whole.take_back(changes_of(trades, []))
    for begin in (4, 2, 0):
        paged.take_back(changes_of(trades[begin : begin + 2], []))
    assert whole.held == paged.held == {"BTC": Decimal(0), "USDT": Decimal(64)}
    assert whole.steps()[Asset("USDT")].quantities.tolist() == paged.steps()[Asset("USDT")].quantities.tolist()


def test_money_that_nothing_explains_spoils_what_lies_before_it_and_nothing_after() -> None:
    """5 BTC were bought and are gone; only one is there: the other four left unseen."""
    buy, sell = (
        fill(1, "BTC", "USDT", Side.BUY, "5", "100", "0", "USDT"),
        fill(9, "BTC", "USDT", Side.SELL, "1", "30", "0", "USDT"),
    )
    rewinding = Rewinding({Asset("BTC"): Decimal(1), Asset("USDT"): Decimal(10)})
    rewinding.take_back(changes_of([buy, sell], []))
    assert rewinding.unexplained == {"BTC": Decimal(3), "USDT": Decimal(20)}
    steps = rewinding.steps()
    assert steps[Asset("BTC")].quantities.tolist() == [0, 2, 1]
    assert steps[Asset("USDT")].quantities.tolist() == [100, 0, 10]


def test_what_changed_at_one_instant_is_taken_together() -> None:
    """Bought and sold within a second: in the wrong order the balance would have been below nothing."""
    buy, sell = (fill(1, "BTC", "USDT", side, "5", "100", "0", "USDT") for side in (Side.BUY, Side.SELL))
    for trades in ([buy, sell], [sell, buy]):
        rewinding = Rewinding({Asset("BTC"): Decimal(0), Asset("USDT"): Decimal(0)})
        rewinding.take_back(changes_of(trades, []))
        assert rewinding.unexplained == {}
        assert set(rewinding.held.values()) == {Decimal(0)}


def test_nothing_handed_in_is_changed() -> None:
    now = {Asset("BTC"): Decimal(1)}
    Rewinding(now).take_back(changes_of([fill(1, "BTC", "USDT", Side.BUY, "1", "100", "0", "USDT")], []))
    assert now == {"BTC": Decimal(1)}


def test_balances_hold_every_trade_when_the_last_is_older_than_a_refresh() -> None:
    assert is_settled(None, T, MINUTE)
    assert not is_settled(T, T + MINUTE, MINUTE)
    assert is_settled(T, T + 2 * MINUTE, MINUTE)


def candle(
    number: int, open_: float = 10, close: float = 11, quality: Quality = Quality.BACKFILLED, fence: int = 0
) -> Candle:
    gap = timedelta(seconds=90 if quality is Quality.PARTIAL else 0)
    high, low = max(open_, close) + 1, min(open_, close) - 1
    return Candle(HOPPER, T + number * SPAN, open_, high, low, close, gap, quality, fence)


def test_a_run_meets_what_is_beside_it() -> None:
    run = Run(T, T + 2 * SPAN, SPAN)
    stored = {one.opened_at: one for one in (candle(-1, close=8.0), candle(2, open_=20.0, quality=Quality.COMPLETE))}
    sides = neighbours(run, stored, None, 99.0)
    assert (sides.close_before, sides.open_after) == (8.0, 20.0)


def test_what_was_just_filled_comes_before_what_it_replaced() -> None:
    run = Run(T, T + SPAN, SPAN)
    stored = {candle(-1).opened_at: candle(-1, close=5.0, quality=Quality.PARTIAL)}
    assert neighbours(run, stored, candle(-1, close=6.0), None).close_before == 6.0
    assert neighbours(run, stored, candle(-3, close=6.0), None).close_before == 5.0
    assert neighbours(run, {}, None, None).close_before is None


def test_a_partial_candle_after_a_run_tells_nothing_and_the_live_one_does() -> None:
    run = Run(T, T + SPAN, SPAN)
    partial = candle(1, open_=20.0, quality=Quality.PARTIAL)
    assert neighbours(run, {partial.opened_at: partial}, None, 7.0).open_after is None
    assert neighbours(run, {}, None, 7.0).open_after == 7.0


def test_a_last_candle_stretches_to_the_opening_after_it() -> None:
    last = candle(0)
    for value, high, low in ((20.0, 20.0, 9), (1.0, 12, 1.0), (10.5, 12, 9)):
        met = ending_at(last, value)
        assert (met.open, met.high, met.low, met.close) == (10, high, low, value)
    assert ending_at(last, None) is last


fences = st.integers(1, 4)


@given(
    st.lists(st.tuples(st.integers(0, 7), st.sampled_from([Quality.PARTIAL, Quality.COMPLETE]), fences), max_size=12),
    st.lists(st.tuples(st.integers(0, 7), st.sampled_from([Quality.PARTIAL, Quality.COMPLETE]), fences), max_size=6),
    st.none() | st.tuples(st.integers(0, 8), fences),
)
async def test_through_changes_of_pods_a_whole_candle_stays_and_a_partial_one_is_replaced(
    before: list[tuple[int, Quality, int]], late: list[tuple[int, Quality, int]], granted: tuple[int, int] | None
) -> None:
    """Live candles of several pods, and a filling that is written before or after some more of them."""
    grant = None if granted is None else Grant(granted[1], T + granted[0] * SPAN)
    live = [[candle(n, quality=quality, fence=fence) for n, quality, fence in rows] for rows in (before, late)]

    async def left(*batches: list[Candle]) -> dict[datetime, Candle]:
        table = MemoryCandles()
        if grant is not None:
            table.grant(HOPPER, grant.fence, grant.at)
        for batch in batches:
            refused = (await table.write(batch)).refused
            assert batch is not filled or not refused
        return {one.opened_at: one for one in await table.within(HOPPER, T, T + 8 * SPAN)}

    filled: list[Candle] = []
    stored = await left(live[0])
    for at in (T + number * SPAN for number in range(8)):
        replaced = stored.get(at)
        if replaced is None or replaced.quality is Quality.PARTIAL:
            filled.append(replace(candle(0, fence=fence_of(at, replaced, grant)), opened_at=at))
    without = await left(*live)
    whole = {at: one for at, one in without.items() if one.quality is Quality.COMPLETE}
    for found in (await left(live[0], filled, live[1]), await left(*live, filled)):
        assert {at: one for at, one in found.items() if one.quality is Quality.COMPLETE} == whole
        came = {one.opened_at for one in live[1]}
        assert all(found[one.opened_at] == one for one in filled if one.opened_at not in came)


def test_a_fence_is_what_it_replaces_else_the_assignments_else_below_everybodys() -> None:
    grant = Grant(7, T)
    old = replace(candle(0), fence=3)
    assert fence_of(T - SPAN, old, grant) == 3
    assert fence_of(T, old, grant) == 7
    assert fence_of(T, None, grant) == 7
    assert fence_of(T - SPAN, None, grant) == 0
    assert fence_of(T, None, None) == 0
