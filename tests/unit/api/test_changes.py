"""Who waits for a change hears of it: at once, again each 30 s, after a gap, and only of his own."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from api.handlers.changes import Changes, Stream
from cryptwire.domain.hopper import UserId
from cryptwire.memory.bus import MemoryBus
from cryptwire.memory.clock import HandClock, settled
from cryptwire.messaging import subjects
from cryptwire.metrics import Meters

ME, YOU = UserId("5f0c1c1e-0000-4000-8000-000000000001"), UserId("5f0c1c1e-0000-4000-8000-000000000002")


class World:
    def __init__(self) -> None:
        self.clock, self.bus = HandClock(), MemoryBus()
        self.changes = Changes(self.clock, Meters())


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await world.changes.listen(world.bus)
    ticking = asyncio.create_task(world.changes.tick())
    await settled()
    yield world
    ticking.cancel()
    await asyncio.gather(ticking, return_exceptions=True)


async def waiting(stream: Stream) -> "asyncio.Task[bytes | None]":
    """The next of ``stream``, for which somebody waits already."""

    async def take() -> bytes | None:
        return await anext(stream)

    task = asyncio.create_task(take())
    await settled()
    return task


async def test_a_change_reaches_its_user_and_nobody_else(world: World) -> None:
    async with world.changes.of("account", ME) as mine, world.changes.of("account", YOU) as yours:
        my, your = await waiting(mine), await waiting(yours)
        await world.bus.publish(subjects.notice(ME), b"")
        await world.bus.publish(subjects.account(ME), b"")
        await settled()
        assert (my.done(), your.done()) == (True, False)
        assert my.result() is None
        your.cancel()


async def test_a_slow_reader_gets_the_newest_only(world: World) -> None:
    async with world.changes.of("import", ME) as stream:
        for payload in (b"1", b"2", b"3"):
            await world.bus.publish(subjects.imports(ME), payload)
        await settled()
        world.changes.on_gap()
        assert await anext(stream) == b"3"
        assert not (await waiting(stream)).done()


async def test_who_comes_later_gets_the_last_payload_at_once(world: World) -> None:
    await world.bus.publish(subjects.imports(ME), b"1")
    await world.bus.publish(subjects.imports(ME), b"2")
    await settled()
    async with world.changes.of("import", ME) as stream:
        assert await anext(stream) == b"2"
    world.changes.on_gap()
    async with world.changes.of("import", ME) as stream:
        assert not (await waiting(stream)).done(), "after a gap it may not be the last any more"


async def test_everybody_reads_again_each_30_seconds_and_after_a_gap(world: World) -> None:
    async with world.changes.of("notice", ME) as stream:
        next_one = await waiting(stream)
        await world.clock.turn(timedelta(seconds=29))
        assert not next_one.done()
        await world.clock.turn(timedelta(seconds=2))
        assert next_one.result() is None
        next_one = await waiting(stream)
        await world.clock.turn(timedelta(seconds=28))
        assert not next_one.done()
        world.bus.tell_gap()
        await settled()
        assert next_one.result() is None


async def test_streams_end_when_the_process_does_and_leave_nothing(world: World) -> None:
    changes = Changes(world.clock, Meters())
    ticking = asyncio.create_task(changes.tick())
    await settled()
    async with changes.of("account", ME) as stream:
        ending = await waiting(stream)
        ticking.cancel()
        await settled()
        with pytest.raises(StopAsyncIteration):
            await ending
    async with changes.of("account", ME) as stream:
        assert [each async for each in stream] == []
    assert changes._streams == {}


async def test_a_change_of_ours_is_told_and_does_no_harm_while_nats_is_away(world: World) -> None:
    async with world.changes.of("account", ME) as stream:
        heard = await waiting(stream)
        await world.changes.tell("account", ME)
        await settled()
        assert heard.done()
    world.bus.is_away = True
    await world.changes.tell("account", ME)
    await Changes(world.clock, Meters()).tell("account", ME)
    assert world.bus.sent(subjects.account(ME)) == [b""]
