"""A kill in mid-candle forgets nothing that was seen, and what is damaged hurts nobody else."""

import math
from collections.abc import Callable
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptwire.clock import from_us, to_us
from cryptwire.codec.portfolio import portfolio_from_wire
from cryptwire.domain.candle import Quality
from cryptwire.domain.hopper import HopperId
from cryptwire.errors import Invalid
from generated.wire.v1.portfolio_pb2 import PairPrice, ShardState
from tests.unit.tracker.builders import SPAN, S, T, account, hopper, pair, tick, trade
from tests.unit.tracker.logic.shards import NOTHING, ONE, heard, prices, shard_with, told, volume
from tracker.logic.shard import Shard

Change = Callable[[ShardState], object]


def killed() -> tuple[bytes, datetime]:
    """The state of a shard killed in mid-candle, and when it was written."""
    shard = shard_with(10.0)
    for second in range(0, 300, 5):
        heard(shard, T + second * S)
    shard.on_ticker(tick(15.0, T + 100 * S))
    shard.on_ticker(tick(6.0, T + 200 * S))
    shard.on_ticker(tick(12.0, T + 299 * S))
    shard.on_trade(trade(1, T + 60 * S))
    return shard.state(T + 300 * S), T + 300 * S


def test_it_goes_on_with_what_was_seen() -> None:
    state, at = killed()
    shard = Shard()
    assert shard.restore(state, [(hopper(), 1)], {ONE: account(BTC=1)}) == [ONE]
    live = told(shard, at)[ONE]
    assert prices(live.candle) == (10.0, 15.0, 6.0, 12.0)
    assert (live.candle.gap, live.volume) == (NOTHING, 10.0)
    assert live.newest_price_at == T + 299 * S, "no price is newer for having been restored"
    shard.on_trade(trade(1, T + 60 * S))
    shard.on_trade(trade(2, T + 61 * S))
    assert volume(shard, at) == 20.0
    for second in range(340, 900, 5):
        heard(shard, T + second * S)
    (closed,) = shard.advance(to_us(T + SPAN))
    assert (closed.opened_at, prices(closed)) == (T, (10.0, 15.0, 6.0, 12.0))
    assert closed.gap == 40 * S, "the time in which nobody tracked"


def test_boundaries_that_passed_are_flat_and_partial_and_their_gap_is_the_whole_span() -> None:
    state, _ = killed()
    shard = Shard()
    shard.restore(state, [(hopper(), 1)], {ONE: account(BTC=1)})
    closed = shard.advance(to_us(T + 3 * SPAN + 10 * S))
    assert [c.opened_at for c in closed] == [T, T + SPAN, T + 2 * SPAN]
    assert prices(closed[0]) == (10.0, 15.0, 6.0, 12.0)
    assert [c.gap for c in closed] == [600 * S, SPAN, SPAN]
    assert [prices(c) for c in closed[1:]] == [(12.0, 12.0, 12.0, 12.0)] * 2
    assert {c.quality for c in closed} == {Quality.PARTIAL}
    live = told(shard, T + 3 * SPAN + 10 * S)[ONE]
    assert (live.candle.open, live.candle.gap) == (12.0, 10 * S)


def test_killed_again_and_again_the_gap_adds_up() -> None:
    state, at = killed()
    for _ in range(3):
        shard = Shard()
        shard.restore(state, [(hopper(), 1)], {ONE: account(BTC=1)})
        at += 20 * S
        heard(shard, at)
        state = shard.state(at)
    shard = Shard()
    shard.restore(state, [(hopper(), 1)], {ONE: account(BTC=1)})
    assert told(shard, at)[ONE].candle.gap == 60 * S
    assert prices(told(shard, at)[ONE].candle) == (10.0, 15.0, 6.0, 12.0)


def test_quantities_polled_since_the_state_was_written_are_taken_like_a_tick() -> None:
    state, at = killed()
    shard = Shard()
    shard.restore(state, [(hopper(), 1)], {ONE: account(BTC=2)})
    assert prices(told(shard, at)[ONE].candle) == (10.0, 24.0, 6.0, 24.0)


def test_a_hopper_not_assigned_any_more_is_left_out_and_a_new_one_comes_in() -> None:
    state, at = killed()
    shard = Shard()
    both = {ONE: account(BTC=1), HopperId("2"): account("2", BTC=5)}
    assert shard.restore(state, [(hopper("2"), 3)], both) == []
    assert shard.hoppers == []
    shard.take_in(hopper("2"), 3, both[HopperId("2")], at + S)
    live = told(shard, at + 2 * S)
    assert list(live) == ["2"]
    assert prices(live[HopperId("2")].candle) == (60.0, 60.0, 60.0, 60.0)
    assert shard.advance(to_us(T + SPAN)) == []


def test_a_hopper_whose_balances_were_not_kept_waits_for_its_poll() -> None:
    state, _ = killed()
    shard = Shard()
    assert shard.restore(state, [(hopper(), 1)], {}) == []
    assert not shard.holds(ONE)


def test_a_hopper_in_its_first_quarter_is_recorded_from_the_boundary_all_the_same() -> None:
    shard = shard_with(10.0)
    shard.take_in(hopper("2"), 1, account("2", BTC=2), T + 60 * S)
    state = shard.state(T + 61 * S)
    again = Shard()
    again.restore(state, [(hopper(), 1), (hopper("2"), 1)], {ONE: account(BTC=1), HopperId("2"): account("2", BTC=2)})
    assert [c.hopper for c in again.advance(to_us(T + SPAN))] == [ONE]
    assert [c.hopper for c in again.advance(to_us(T + 2 * SPAN))] == [ONE, "2"]


def test_one_portfolios_damaged_balances_are_not_the_others_fault() -> None:
    shard = shard_with(10.0)
    shard.take_in(hopper("2"), 1, account("2", BTC=2), T + S)
    state = shard.state(T + 2 * S)
    again = Shard()
    kept = {ONE: account(BTC="-1"), HopperId("2"): account("2", BTC=2)}
    assert again.restore(state, [(hopper(), 1), (hopper("2"), 1)], kept) == ["2"]
    assert again.hoppers == ["2"]


def test_nothing_is_kept_before_the_first_moment() -> None:
    with pytest.raises(Invalid):
        Shard().restore(b"", [], {})


def a_state() -> ShardState:
    return ShardState.FromString(killed()[0])


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.opens.append(1.0),
        lambda s: s.ClearField("phases"),
        lambda s: setattr(s, "opened_at_us", 0),
        lambda s: setattr(s, "opened_at_us", -900_000_000),
        lambda s: setattr(s, "opened_at_us", s.opened_at_us + 1),
        lambda s: setattr(s, "seen_to_us", 2**63 - 1),
        lambda s: setattr(s, "seen_to_us", s.opened_at_us - 1),
        lambda s: s.prices.append(PairPrice(exchange="binance", base="X", quote="Y", last=math.nan)),
        lambda s: setattr(s.prices[0], "received_at_us", 2**63 - 1),
        lambda s: setattr(s.prices[0], "received_at_us", -1),
    ],
)
def test_a_damaged_state_is_invalid_and_changes_nothing(change: Change) -> None:
    state = a_state()
    change(state)
    shard = Shard()
    with pytest.raises(Invalid):
        shard.restore(state.SerializeToString(), [(hopper(), 1)], {ONE: account(BTC=1)})
    assert (shard.opened_at, shard.hoppers, shard.book.rows) == (None, [], {})
    assert shard.book.last(pair("BTC")) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.phases.__setitem__(0, 77),
        lambda s: s.phases.__setitem__(0, 0),
        lambda s: s.opens.__setitem__(0, math.nan),
        lambda s: s.highs.__setitem__(0, math.inf),
        lambda s: s.highs.__setitem__(0, 9.0),
        lambda s: s.lows.__setitem__(0, 11.0),
        lambda s: s.lows.__setitem__(0, -1.0),
        lambda s: s.gaps.__setitem__(0, math.nan),
        lambda s: s.gaps.__setitem__(0, math.inf),
        lambda s: s.gaps.__setitem__(0, -1.0),
        lambda s: s.gaps.__setitem__(0, 901.0),
        lambda s: s.volumes.__setitem__(0, math.nan),
    ],
)
def test_a_hopper_whose_part_of_the_state_is_damaged_is_left_out_alone(change: Change) -> None:
    shard = shard_with(10.0)
    shard.take_in(hopper("2"), 1, account("2", BTC=2), T + S)
    state = ShardState.FromString(shard.state(T + 2 * S))
    assert state.hopper_ids[0] == ONE
    change(state)
    again = Shard()
    kept = {ONE: account(BTC=1), HopperId("2"): account("2", BTC=2)}
    assert again.restore(state.SerializeToString(), [(hopper(), 1), (hopper("2"), 1)], kept) == ["2"]
    assert (again.hoppers, len(again.faults)) == (["2"], 1)
    again.take_in(hopper(), 1, kept[ONE], T + 5 * S)
    assert {c.hopper for c in again.advance(to_us(T + 2 * SPAN))} == {"2", ONE}


@given(st.binary(max_size=80), st.integers(0, 500), st.integers(0, 500))
@settings(max_examples=300, deadline=None)
def test_random_bytes_are_invalid_or_a_state(noise: bytes, at: int, cut: int) -> None:
    whole = a_state().SerializeToString()
    for damaged in (noise, whole[:cut], whole[: at % len(whole)] + noise + whole[at % len(whole) :]):
        shard = Shard()
        try:
            restored = shard.restore(damaged, [(hopper(), 1)], {ONE: account(BTC=1)})
        except Invalid:
            assert shard.opened_at is None
            continue
        assert shard.opened_at is not None
        assert shard.hoppers == restored
        assert all(portfolio_from_wire(payload) for _, payload in shard.live(from_us(shard.seen_to)))
