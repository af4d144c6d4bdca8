"""What is away, is killed or is damaged: nothing is lost, nothing comes twice, and the tracker starts again."""

import asyncio
import itertools
from datetime import datetime, timedelta

from cryptwire.codec.ticker import ticker_to_wire
from cryptwire.domain.candle import Quality
from cryptwire.memory.bus import MemoryBus
from cryptwire.memory.clock import settled
from cryptwire.messaging.subjects import LIVE
from tests.unit.tracker.builders import T, tick
from tests.unit.tracker.playing import (
    ONE,
    SPAN,
    World,
    opened,
    prices,
)


async def test_while_redis_is_away_candles_stay_and_come_later_none_lost_none_twice(world: World) -> None:
    await world.pass_with_feed(61)
    world.queue.is_away = True
    await world.pass_with_feed(200)
    world.queue.is_away = False
    assert await world.queue.waiting() == 0
    await world.pass_with_feed(3)
    candles = await world.pushed()
    assert opened(candles) == [60, 120, 180]
    assert {c.quality for c in candles} == {Quality.COMPLETE}
    await world.pass_with_feed(60)
    assert opened(await world.pushed()) == [60, 120, 180, 240]
    assert world.meters.value("tracker_candles") == 4


async def test_a_push_whose_answer_was_lost_is_pushed_again_as_the_same_candle(world: World) -> None:
    """It was done, and nobody can know: the table takes one of the two, which are equal."""
    await world.pass_with_feed(61)
    world.queue.loses_answers = True
    await world.pass_with_feed(61)
    world.queue.loses_answers = False
    await world.pass_with_feed(3)
    candles = await world.pushed()
    assert set(opened(candles)) == {60}
    assert len(set(candles)) == 1
    count = len(candles)
    await world.pass_with_feed(10)
    assert len(await world.pushed()) == count


async def test_while_nats_is_away_candles_are_pushed_all_the_same(world: World) -> None:
    await world.turn(61)
    world.bus.is_away = True
    await world.turn(130)
    world.bus.is_away = False
    assert opened(await world.pushed()) == [60, 120]
    assert world.told_closed() == []
    before = len(world.live())
    await world.turn(4)
    assert len(world.live()) > before


async def test_while_the_database_is_away_it_goes_on_and_falls_silent_after_ten_seconds(world: World) -> None:
    await world.turn(4)
    world.duty.is_away = True
    await world.turn(60)
    silent_since = (world.live()[-1].at - T).total_seconds()
    assert 10 <= silent_since < 14
    world.duty.is_away = False
    await world.turn(4)
    assert (world.live()[-1].at - T).total_seconds() > 60


async def test_an_unconfirmed_pod_tells_nothing_and_loses_nothing(world: World) -> None:
    await world.pass_with_feed(61)
    held, world.duty.held = world.duty.held, None
    await world.pass_with_feed(12)
    told = len(world.bus.sent(LIVE.live(ONE)))
    state = await world.queue.state("pod")
    await world.pass_with_feed(110)
    assert len(world.bus.sent(LIVE.live(ONE))) == told
    assert world.told_closed() == []
    assert await world.queue.waiting() == 0
    assert state is not None
    world.duty.held = held
    await world.pass_with_feed(6)
    candles = await world.pushed()
    assert opened(candles) == [60, 120]
    assert {c.quality for c in candles} == {Quality.COMPLETE}
    assert world.told_closed() == candles


async def test_a_pod_that_is_told_it_is_not_confirmed_stops_at_once(world: World) -> None:
    """The database says so after ten seconds: another ten would bring it to the moment its hoppers are given away."""
    await world.turn(4)
    world.duty.held = None
    await world.turn(3)
    told = len(world.live())
    await world.turn(20)
    assert len(world.live()) == told


async def test_stopping_pushes_what_was_closed() -> None:
    world = World()
    await world.start()
    await world.turn(61)
    world.queue.is_away = True
    await world.turn(60)
    world.queue.is_away = False
    await world.stop()
    assert opened(await world.pushed()) == [60]


async def test_after_a_kill_it_goes_on_and_passed_boundaries_are_flat_and_partial() -> None:
    world = World()
    await world.start()
    await world.pass_with_feed(70)
    await world.tick(30.0)
    await world.tick(12.0)
    await world.pass_with_feed(3)
    await world.kill()
    await world.turn(140)
    await world.start()
    candles = await world.pushed()
    assert opened(candles) == [60, 120]
    assert prices(candles[0]) == (10.0, 30.0, 10.0, 12.0)
    assert prices(candles[1]) == (12.0, 12.0, 12.0, 12.0)
    assert [c.quality for c in candles] == [Quality.PARTIAL] * 2
    assert candles[1].gap == SPAN
    await world.pass_with_feed(60)
    await world.stop()
    candles = await world.pushed()
    assert opened(candles) == [60, 120, 180]
    for before, after in itertools.pairwise(candles):
        assert after.open == before.close


async def test_a_damaged_state_is_counted_and_candles_begin_anew() -> None:
    world = World()
    await world.queue.push([], "pod", b"\xff\xff damaged")
    await world.start()
    await world.turn(130)
    assert world.meters.value("tracker_states_lost") == 1
    assert opened(await world.pushed()) == [60]
    await world.stop()


async def test_it_waits_at_its_start_for_what_is_away() -> None:
    world = World()
    world.duty.is_away = world.queue.is_away = True
    await world.start()
    await world.turn(30)
    assert world.is_running
    world.duty.is_away = world.queue.is_away = False
    await world.turn(5)
    assert world.live()
    await world.stop()


async def test_it_can_be_stopped_while_it_waits_at_its_start() -> None:
    world = World()
    world.duty.is_away = True
    await world.start()
    await world.stop()
    assert not world.live()


async def test_a_first_message_from_long_ago_does_not_make_it_close_half_a_century() -> None:
    """A message without a stamp is from 1970."""
    world = World()
    world.prices.tickers.clear()

    class Eager(MemoryBus):
        async def subscribe(self, subject: str, handler, queue: str = ""):  # type: ignore[no-untyped-def]
            end = await super().subscribe(subject, handler, queue)
            if subject == LIVE.all_tickers:
                old = tick(10.0, datetime.fromisoformat("1970-01-01T00:00:00+00:00"))
                await self.publish(LIVE.ticker(old.pair), ticker_to_wire(old))
                await settled()
            return end

    world.bus = Eager()
    await asyncio.wait_for(world.start(), 5)
    assert world.shard.opened_at == (T - datetime.fromisoformat("1970-01-01T00:00:00+00:00")) / timedelta(
        microseconds=1
    )
    await world.stop()
