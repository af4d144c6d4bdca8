"""The volume of the candle in progress: every trade of it once, whoever was away when it was made."""

from datetime import timedelta

from cryptwire.codec.trade import trade_to_wire
from cryptwire.memory.clock import settled
from cryptwire.messaging.subjects import LIVE
from tests.unit.tracker.builders import BINANCE, S, T, hopper, trade
from tests.unit.tracker.playing import ONE, World


def volume(world: World) -> float:
    return world.live()[-1].volume


async def test_what_was_traded_before_the_hopper_was_held_counts_once() -> None:
    world = World(hopper(refresh=600 * S))
    world.stored.trades = [trade(1, T, total="10"), trade(2, T - timedelta(microseconds=1), total="1000")]
    await world.start()
    try:
        await world.until(5)
        assert volume(world) == 10
        await world.bus.publish(LIVE.trade(BINANCE, ONE), trade_to_wire(trade(1, T, total="10")))
        await world.bus.publish(LIVE.trade(BINANCE, ONE), trade_to_wire(trade(3, T + S, total="5")))
        await world.until(9)
        assert volume(world) == 15
    finally:
        await world.stop()


async def test_what_was_told_while_nobody_heard_is_counted_afterwards(world: World) -> None:
    await world.until(5)
    world.stored.trades = [trade(1, T + 4 * S, total="10")]
    world.stored.is_away = True
    world.bus.tell_gap()
    await world.until(9)
    assert volume(world) == 0
    world.stored.is_away = False
    await world.until(13)
    assert volume(world) == 10
    reads = world.stored.reads
    await world.until(30)
    assert world.stored.reads == reads  # there is nothing to ask any more


async def test_what_was_traded_while_the_tracker_was_dead_is_counted_when_it_is_back(world: World) -> None:
    await world.until(5)
    await world.bus.publish(LIVE.trade(BINANCE, ONE), trade_to_wire(trade(1, T + 5 * S, total="10")))
    await settled()
    await world.until(9)
    await world.kill()
    world.stored.trades = [trade(1, T + 5 * S, total="10"), trade(2, T + 10 * S, total="5")]
    await world.until(20)
    await world.start()
    await world.until(25)
    assert volume(world) == 15


async def test_what_a_hopper_traded_counts_again_when_it_comes_back(world: World) -> None:
    world.stored.trades = [trade(1, T + 5 * S, total="10")]
    held = world.duty.held
    await world.bus.publish(LIVE.trade(BINANCE, ONE), trade_to_wire(world.stored.trades[0]))
    world.duty.held = []
    await world.until(9)
    world.duty.held = held
    await world.until(20)
    assert volume(world) == 10
