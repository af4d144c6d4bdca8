"""Which hoppers it holds, when they are polled, and what a poll and a trade change."""

import itertools
from decimal import Decimal

import pytest

from cryptwire.codec.trade import trade_to_wire
from cryptwire.domain.hopper import Assignment, HopperId
from cryptwire.errors import Exhausted, LinkAgain, Unavailable
from cryptwire.messaging.subjects import LIVE
from tests.unit.tracker.builders import BINANCE, S, T, hopper, trade
from tests.unit.tracker.playing import (
    ONE,
    TWO,
    World,
)

# -- what it holds -----------------------------------------------------------------------------------------------------


async def test_a_hopper_given_to_another_pod_is_dropped() -> None:
    world = World(hopper("1", refresh=600 * S), hopper("2", refresh=600 * S))
    await world.start()
    await world.turn(61)
    world.duty.held = [Assignment(hopper("2", refresh=600 * S), 1)]
    await world.turn(4)
    told = len(world.live(ONE))
    await world.turn(60)
    assert len(world.live(ONE)) == told
    assert {c.hopper for c in await world.pushed()} == {TWO}
    assert not world.shard.holds(ONE)
    polls = len(world.cryptohopper.seconds(ONE))
    await world.turn(700)
    assert len(world.cryptohopper.seconds(ONE)) == polls
    await world.stop()


async def test_a_hopper_that_comes_is_polled_and_tracked_under_its_fence(world: World) -> None:
    await world.turn(10)
    assert world.duty.held is not None
    world.duty.held.append(Assignment(hopper("2", refresh=600 * S), 9))
    world.cryptohopper.quantities[TWO] = {"BTC": "3"}
    await world.turn(6)
    assert world.live(TWO)[-1].candle.close == 30.0
    assert world.live(TWO)[-1].candle.fence == 9


async def test_a_new_fence_is_taken_up(world: World) -> None:
    await world.turn(10)
    world.duty.held = [Assignment(hopper(refresh=600 * S), 5)]
    await world.turn(6)
    assert world.live()[-1].candle.fence == 5


# -- polls -------------------------------------------------------------------------------------------------------------


async def test_polls_follow_the_plan() -> None:
    world = World(hopper(refresh=120 * S))
    await world.start()
    await world.turn(700)
    await world.stop()
    seconds = world.cryptohopper.seconds()
    assert seconds[0] < 3
    assert [round(b - a) for a, b in itertools.pairwise(seconds)][1:] == [120] * (len(seconds) - 2)
    assert len(seconds) >= 5


async def test_polls_of_a_users_hoppers_are_spread_and_within_the_budget() -> None:
    """Eight hoppers of one user and a plan of 60 s: four calls a poll, eighteen a minute."""
    names = [str(number) for number in range(8)]
    world = World(*(hopper(name, refresh=60 * S) for name in names))
    await world.start()
    await world.turn(600)
    late = [(name, at) for name, at in world.cryptohopper.polls if at > T + 200 * S]
    for second in range(200, 540):
        window = [at for _, at in late if T + second * S <= at < T + (second + 60) * S]
        assert 4 * len(window) <= 18 + 4
    for name in names:
        seconds = [at for at in world.cryptohopper.seconds(HopperId(name)) if at > 200]
        assert all(106 <= b - a <= 109 for a, b in itertools.pairwise(seconds))
    await world.stop()


async def test_hoppers_whose_first_polls_failed_are_spread_all_the_same() -> None:
    names = [str(number) for number in range(6)]
    world = World(*(hopper(name, refresh=60 * S) for name in names))
    world.cryptohopper.faults = [Unavailable("the gateway is away")] * 12
    await world.start()
    await world.turn(400)
    late = sorted(at for name in names for at in world.cryptohopper.seconds(HopperId(name)) if 250 <= at < 330)
    assert len(late) == 6
    assert all(b - a > 5 for a, b in itertools.pairwise(late))
    await world.stop()


async def test_a_poll_that_fails_comes_again_ever_later_and_at_the_rhythm_at_most() -> None:
    world = World(hopper(refresh=60 * S))
    world.cryptohopper.faults = [Unavailable("away")] * 9
    await world.start()
    await world.turn(500)
    seconds = world.cryptohopper.seconds()
    waits = [b - a for a, b in itertools.pairwise(seconds)]
    assert waits[:8] == pytest.approx([2, 4, 8, 16, 32, 60, 60, 60], abs=0.5)
    assert world.meters.value("tracker_polls", outcome="Unavailable") == 9
    assert world.meters.value("tracker_polls", outcome="ok") >= 1
    await world.stop()


async def test_who_must_link_again_is_asked_less_often() -> None:
    world = World(hopper(refresh=20 * S))
    world.cryptohopper.faults = [LinkAgain("link again")] * 20
    await world.start()
    await world.turn(500)
    seconds = world.cryptohopper.seconds()
    waits = [b - a for a, b in itertools.pairwise(seconds)]
    assert max(waits) == pytest.approx(100, abs=0.5)
    await world.stop()


async def test_a_budget_that_is_used_up_is_waited_for() -> None:
    world = World(hopper(refresh=60 * S))
    world.cryptohopper.faults = [Exhausted("slow down", 45.0)]
    await world.start()
    await world.turn(60)
    first, second, *_ = world.cryptohopper.seconds()
    assert second - first == pytest.approx(45, abs=0.5)
    await world.stop()


async def test_polls_that_fail_for_days_go_on_being_counted() -> None:
    """Doubling the wait each time leaves what a timedelta can hold after 47 failures."""
    world = World(hopper(refresh=20 * S))
    world.cryptohopper.faults = [Unavailable("away")] * 50
    await world.start()
    await world.turn(20 * 52)
    assert world.meters.value("tracker_polls", outcome="Unavailable") == 50
    assert world.live()
    await world.stop()


async def test_balances_that_cannot_be_are_a_failed_poll_and_the_tracker_goes_on() -> None:
    world = World(hopper(refresh=60 * S))
    await world.start()
    await world.turn(5)
    world.cryptohopper.quantities[ONE] = {"BTC": "-5"}
    await world.turn(70)
    assert world.meters.value("tracker_polls", outcome="Invalid") >= 1
    assert world.live()[-1].candle.close == 10.0
    world.duty.held = [Assignment(hopper("2"), 1)]
    world.cryptohopper.quantities[TWO] = {"BTC": "-1"}
    await world.turn(200)
    assert world.is_running
    assert not world.live(TWO)
    await world.stop()


async def test_a_trade_brings_the_next_poll_forward_but_not_sooner_than_ten_seconds_after_the_last(
    world: World,
) -> None:
    await world.turn(100)
    await world.bus.publish(LIVE.trade(BINANCE, ONE), trade_to_wire(trade(1, world.clock.now())))
    await world.turn(1)
    seconds = world.cryptohopper.seconds()
    assert seconds[-1] == pytest.approx(101, abs=0.5)
    await world.bus.publish(LIVE.trade(BINANCE, ONE), trade_to_wire(trade(2, world.clock.now())))
    await world.turn(8)
    assert len(world.cryptohopper.seconds()) == len(seconds)
    await world.turn(2)
    assert world.cryptohopper.seconds()[-1] == pytest.approx(111.3, abs=0.5)
    assert world.live()[-1].volume == 20.0


async def test_who_asks_for_a_poll_has_it_at_once_when_upstream_can_show_something_new() -> None:
    world = World(hopper(refresh=20 * S))
    world.cryptohopper.faults = [LinkAgain("link again")] * 20
    await world.start()
    await world.turn(300)
    last = world.cryptohopper.seconds()[-1]
    polls = len(world.cryptohopper.polls)
    await world.turn(25 - (300 - last) if 300 - last < 25 else 0)
    assert len(world.cryptohopper.polls) == polls, "who must link again is asked each 100 s"
    for payload in (b"2", b"", b"\xff" * 1_000):
        await world.bus.publish(LIVE.poll(TWO), payload)
    await world.turn(1)
    assert len(world.cryptohopper.polls) == polls
    await world.bus.publish(LIVE.poll(ONE), ONE.encode())
    await world.turn(1)
    assert len(world.cryptohopper.polls) == polls + 1
    await world.turn(12)
    await world.bus.publish(LIVE.poll(ONE), ONE.encode())
    await world.turn(2)
    assert len(world.cryptohopper.polls) == polls + 1, "within the plan's rhythm there is nothing new"
    await world.stop()


async def test_a_hopper_whose_currency_has_changed_is_valued_anew(world: World) -> None:
    await world.turn(5)
    assert world.live()[-1].base == "USDT"
    polls = len(world.cryptohopper.polls)
    world.duty.held = [Assignment(hopper(refresh=600 * S, base="BTC"), 1)]
    await world.turn(10)
    assert len(world.cryptohopper.polls) == polls + 1  # at once, not when the next was due
    assert world.live()[-1].base == "BTC"


async def test_a_trade_of_a_hopper_held_elsewhere_changes_nothing(world: World) -> None:
    await world.turn(100)
    polls = len(world.cryptohopper.polls)
    await world.bus.publish(LIVE.trade(BINANCE, TWO), trade_to_wire(trade(1, world.clock.now(), name="2")))
    await world.turn(20)
    assert len(world.cryptohopper.polls) == polls


async def test_a_poll_changes_quantities_and_keeps_the_account() -> None:
    world = World(hopper(refresh=60 * S))
    await world.start()
    await world.turn(5)
    world.cryptohopper.quantities[ONE] = {"BTC": "4"}
    await world.turn(70)
    assert world.live()[-1].candle.close == 40.0
    await world.stop()
    assert world.kept.accounts[ONE].quantities == {"BTC": Decimal(4)}
