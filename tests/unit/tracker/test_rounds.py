"""Rounds each two seconds, and candles that are closed exactly at their boundaries."""

from cryptwire.codec.portfolio import portfolio_from_wire
from cryptwire.domain.candle import Quality
from cryptwire.memory.bus import MemoryBus
from cryptwire.messaging.subjects import LIVE
from tests.unit.tracker.builders import T, hopper, pair
from tests.unit.tracker.playing import (
    ONE,
    SPAN,
    World,
    prices,
)
from tracker.logic.shard import Shard


async def test_a_live_message_every_two_seconds(world: World) -> None:
    await world.turn(21)
    stamps = [(portfolio.at - T).total_seconds() for portfolio in world.live()]
    assert stamps[-9:] == [5, 7, 9, 11, 13, 15, 17, 19, 21]
    assert world.live()[-1].candle.close == 10.0
    assert world.rounds[-1] == 1


async def test_a_boundary_is_closed_by_the_clock_300_ms_after_it(world: World) -> None:
    await world.until(120.299)  # the first quarter is not recorded
    assert await world.queue.waiting() == 0
    await world.until(120.3)
    (closed,) = await world.pushed()
    assert (closed.opened_at, closed.fence) == (T + SPAN, 1)
    assert world.told_closed() == [closed]


async def test_a_tick_stamped_after_the_boundary_closes_it_at_once(world: World) -> None:
    await world.until(120.1)
    assert await world.queue.waiting() == 0
    await world.tick(13.0)
    (closed,) = await world.pushed()
    assert prices(closed) == (10.0, 10.0, 10.0, 10.0)
    await world.turn(2)
    assert prices(world.live()[-1].candle) == (10.0, 13.0, 10.0, 13.0)


async def test_every_tick_counts_and_candles_join(world: World) -> None:
    await world.pass_with_feed(61)
    for price in (11.0, 25.0, 4.0, 12.0):
        await world.tick(price)
    await world.pass_with_feed(60)
    await world.tick(7.0)
    await world.pass_with_feed(60)
    first, second = await world.pushed()
    assert prices(first) == (10.0, 25.0, 4.0, 12.0)
    assert prices(second) == (12.0, 12.0, 7.0, 7.0)
    assert {first.quality, second.quality} == {Quality.COMPLETE}


async def test_the_state_is_kept_with_each_round(world: World) -> None:
    await world.until(4)
    world.queue.calls.clear()
    await world.tick(11.0)
    await world.until(4.9)
    assert world.queue.calls == []
    await world.until(5)  # a round
    assert world.queue.calls == ["push"]
    state = await world.queue.state("pod")
    assert state is not None
    shard = Shard(SPAN)
    shard.restore(state, [(hopper(), 1)], world.kept.accounts)
    assert shard.book.last(pair("BTC")) == 11.0


async def test_no_live_message_shows_more_than_the_state_that_was_kept() -> None:
    """Whatever a browser was shown, a tracker killed right after it goes on from there."""
    world = World()
    seen: list[tuple[float, float]] = []

    class Watching(MemoryBus):
        async def publish(self, subject: str, payload: bytes) -> None:
            if subject == LIVE.live(ONE):
                state = await world.queue.state("pod")
                assert state is not None
                shard = Shard(SPAN)
                shard.restore(state, [(hopper(), 1)], world.kept.accounts)
                row = shard.book.rows[ONE]
                seen.append((portfolio_from_wire(payload).candle.high, float(shard.book.highs[row])))
            await super().publish(subject, payload)

    world.bus = Watching()
    await world.start()
    for number in range(10):
        await world.tick(10.0 + number)
        await world.turn(1)
    await world.stop()
    assert len(seen) >= 5
    assert all(told == kept for told, kept in seen)
    assert seen[-1][0] > 15.0
