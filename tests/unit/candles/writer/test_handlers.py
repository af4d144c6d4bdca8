"""A writer loses no candle and writes none twice, whatever is away, whatever answer is lost, whatever is poison."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candles.writer.handlers import Writer
from candles.writer.logic import CANDLES, sorted_out
from candles.writer.settings import Settings
from cryptwire.codec.candle import candle_to_wire
from cryptwire.domain.candle import Candle, Quality
from cryptwire.domain.hopper import HopperId
from cryptwire.errors import Invalid, Unavailable
from cryptwire.memory.candles import MemoryCandles
from cryptwire.memory.clock import HandClock, settled
from cryptwire.memory.write_queue import MemoryWriteQueue
from cryptwire.metrics import Meters
from generated.wire.v1.candle_pb2 import CandleAside

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPAN = timedelta(minutes=15)
HOPPER = HopperId("101")


def candle(number: int, fence: int = 1, hopper: HopperId = HOPPER) -> Candle:
    value = float(number + 1)
    return Candle(hopper, T + number * SPAN, value, value, value, value, timedelta(0), Quality.COMPLETE, fence)


class World:
    """A queue, a table and writers between them."""

    def __init__(self, batch: int = 100) -> None:
        self.clock = HandClock(T)
        self.queue = MemoryWriteQueue(self.clock)
        self.table = MemoryCandles()
        self.meters = Meters()
        self.batch = batch

    def writer(self, name: str = "a") -> Writer[Candle]:
        return Writer(name, CANDLES, self.queue, self.table, self.clock, self.meters, self.batch)

    async def push(self, *candles: Candle) -> None:
        await self.queue.push([candle_to_wire(one) for one in candles])

    async def rows(self) -> list[Candle]:
        return await self.table.within(HOPPER, T, T + timedelta(days=30))

    async def reasons(self) -> list[str]:
        return [CandleAside.FromString(value).reason for value in await self.queue.aside()]


async def test_batches_are_written_until_nothing_waits() -> None:
    world = World(batch=4)
    wanted = [candle(number) for number in range(10)]
    await world.push(*wanted)
    writer = world.writer()
    assert [await writer.once() for _ in range(4)] == [4, 4, 2, 0]
    assert await world.rows() == wanted
    assert world.table.batches == [4, 4, 2]
    assert await world.queue.taken("a") == []
    assert world.meters.value("writer_candles") == 10


async def test_what_is_taken_is_done_only_after_it_was_written() -> None:
    world = World()
    await world.push(candle(0))
    world.table.is_away = True
    writer = world.writer()
    with pytest.raises(Unavailable):
        await writer.once()
    assert "done" not in world.queue.calls
    assert len(await world.queue.taken("a")) == 1
    world.table.is_away = False
    await writer.once()
    assert await world.rows() == [candle(0)]
    assert await world.queue.taken("a") == []


@pytest.mark.parametrize("loser", ["queue", "table"])
async def test_a_lost_answer_loses_and_doubles_nothing(loser: str) -> None:
    world = World(batch=3)
    wanted = [candle(number) for number in range(7)]
    await world.push(*wanted)
    writer = world.writer()
    for _ in range(4):
        setattr(getattr(world, loser), "loses_answers", True)  # noqa: B010 - either of the two
        with pytest.raises(Unavailable):
            await writer.once()
        setattr(getattr(world, loser), "loses_answers", False)  # noqa: B010
    while await writer.once():
        pass
    assert await world.rows() == wanted
    assert await world.queue.waiting() == 0
    assert world.meters.value("writer_candles") <= 7


async def test_a_poison_value_is_set_aside_with_its_reason_and_the_rest_is_written() -> None:
    world = World()
    wanted = [candle(number) for number in range(9)]
    torn = candle_to_wire(candle(20))[:-3]
    await world.queue.push([b"\xff not a candle", *map(candle_to_wire, wanted[:5]), torn])
    unstorable = replace(candle(30), hopper=HopperId("1\x000"))
    await world.push(unstorable, *wanted[5:])
    await world.writer().once()
    assert await world.rows() == wanted
    notes = [CandleAside.FromString(value) for value in await world.queue.aside()]
    assert {note.payload for note in notes} == {b"\xff not a candle", torn, candle_to_wire(unstorable)}
    assert all(note.reason for note in notes)
    assert all(note.at_us for note in notes)
    assert world.meters.value("writer_aside") == 3
    assert await world.queue.taken("a") == []


async def test_a_batch_of_nothing_but_poison_is_set_aside_whole() -> None:
    world = World()
    poison = [replace(candle(number), hopper=HopperId(f"\x00{number}")) for number in range(5)]
    await world.push(*poison)
    assert await world.writer().once() == 5
    assert len(await world.reasons()) == 5
    assert await world.queue.waiting() == 0


async def test_a_candle_that_contradicts_itself_is_told_with_the_reason() -> None:
    candles, aside = sorted_out([candle_to_wire(candle(0)), b"", b"\x00"], T)
    assert candles == [candle(0)]
    assert [CandleAside.FromString(note).payload for note in aside] == [b"", b"\x00"]


async def test_an_older_fence_is_set_aside_as_the_other_pods_business() -> None:
    world = World()
    world.table.grant(HOPPER, 3, T + SPAN)
    await world.push(candle(0, fence=2), candle(1, fence=2), candle(2, fence=3))
    await world.writer().once()
    assert await world.rows() == [candle(0, fence=2), candle(2, fence=3)]
    (reason,) = await world.reasons()
    assert "older fence" in reason


async def test_duplicates_in_a_batch_are_one_row() -> None:
    world = World()
    await world.push(candle(0), candle(0), candle(1), candle(0))
    await world.writer().once()
    assert await world.rows() == [candle(0), candle(1)]
    assert await world.reasons() == []


async def test_what_a_dead_writer_had_taken_is_adopted() -> None:
    world = World()
    await world.push(candle(0), candle(1))
    world.table.is_away = True
    dead = world.writer("dead")
    with pytest.raises(Unavailable):
        await dead.once()
    world.table.is_away = False
    heir = world.writer("heir")
    await heir.once()
    assert await world.rows() == [], "it may live yet"
    await world.clock.turn(timedelta(seconds=11))
    await heir.once()
    assert await world.rows() == [candle(0), candle(1)]
    assert await world.queue.taken("dead") == []


async def test_a_writer_that_waits_for_the_database_is_not_taken_for_dead() -> None:
    world = World()
    await world.push(candle(0))
    world.table.is_away = True
    stop = asyncio.Event()
    waiting = asyncio.create_task(world.writer("a").run(stop))
    for _ in range(20):
        await world.clock.turn(timedelta(seconds=2))
        await world.queue.register("b")
        assert await world.queue.adopt("b") == 0
    world.table.is_away = False
    await world.clock.turn(timedelta(seconds=3))
    assert await world.rows() == [candle(0)]
    stop.set()
    await world.clock.turn(timedelta(seconds=3))
    await asyncio.wait_for(waiting, 10)


async def test_a_writer_says_that_it_lives_although_the_clock_was_set_back() -> None:
    world = World()
    writer = world.writer("a")
    await writer.once()
    world.clock.set(T - timedelta(hours=1))
    world.queue.calls.clear()
    await writer.once()
    await world.clock.turn(timedelta(seconds=3))
    await writer.once()
    assert "register" in world.queue.calls


async def test_it_runs_until_told_and_then_says_goodbye() -> None:
    world = World(batch=3)
    stop = asyncio.Event()
    running = asyncio.create_task(world.writer().run(stop))
    await world.push(*(candle(number) for number in range(8)))
    await world.clock.turn(timedelta(seconds=1))
    assert len(await world.rows()) == 8
    world.queue.is_away = True
    await world.clock.turn(timedelta(seconds=30))
    world.queue.is_away = False
    await world.push(candle(8))
    await world.clock.turn(timedelta(seconds=3))
    assert len(await world.rows()) == 9
    assert world.meters.value("writer_unavailable") > 1
    stop.set()
    await world.clock.turn(timedelta(seconds=1))
    await asyncio.wait_for(running, 10)
    assert world.queue.calls[-1] == "leave"


@given(st.lists(st.sampled_from(["write", "queue away", "table away", "answer", "commit", "kill"]), max_size=25))
@settings(max_examples=100, deadline=None)
async def test_whatever_fails_when_every_candle_is_there_once(happenings: list[str]) -> None:
    world = World(batch=3)
    wanted = [candle(number) for number in range(20)]
    await world.push(*wanted)
    names = iter(range(1_000))
    writer = world.writer(f"w{next(names)}")
    for happening in happenings:
        world.queue.is_away = happening == "queue away"
        world.table.is_away = happening == "table away"
        world.queue.loses_answers = happening == "answer"
        world.table.loses_answers = happening == "commit"
        try:
            await writer.once()
        except Unavailable:
            assert happening != "write"
        if happening == "kill":
            writer = world.writer(f"w{next(names)}")
    world.queue.is_away = world.table.is_away = world.queue.loses_answers = world.table.loses_answers = False
    await world.clock.turn(timedelta(seconds=11))
    last = world.writer("last")
    while await last.once():
        pass
    assert await world.rows() == wanted
    assert await world.reasons() == []
    await settled()


@pytest.mark.parametrize("change", [{"connections": 0}, {"connections": 5}, {"batch": 0}, {"batch": 50_001}], ids=str)
def test_settings_name_what_is_wrong(change: dict[str, int]) -> None:
    with pytest.raises(Invalid, match=f"CRYPTWIRE_WRITER_{next(iter(change)).upper()}"):
        Settings("postgresql://", "redis://", **change)
