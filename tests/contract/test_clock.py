"""What every clock does: moments in UTC, sleeps that end, and not before their time."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, timedelta

import pytest

from cryptwire.clock import Clock, SystemClock
from cryptwire.memory.clock import HandClock, settled

Passing = Callable[[timedelta], Awaitable[None]]


@pytest.fixture
def clock(place: str) -> Clock:
    return SystemClock() if place == "real" else HandClock()


@pytest.fixture
def passing(clock: Clock) -> Passing:
    """Lets time pass: a hand turns the one clock, the other one goes by itself."""

    async def passes(span: timedelta) -> None:
        if isinstance(clock, HandClock):
            await clock.turn(span)
        else:
            await asyncio.sleep(span.total_seconds())

    return passes


MS = timedelta(milliseconds=1)


async def test_it_tells_utc_and_goes_forward(clock: Clock, passing: Passing) -> None:
    before = clock.now()
    assert before.tzinfo is UTC
    await passing(20 * MS)
    assert clock.now() - before >= 19 * MS


@pytest.mark.parametrize("span", [timedelta(0), timedelta(seconds=-5)])
async def test_a_sleep_of_nothing_is_over_at_once(clock: Clock, span: timedelta) -> None:
    await asyncio.wait_for(clock.sleep(span), 4)


async def test_sleepers_wake_in_order_and_not_before_their_time(clock: Clock, passing: Passing) -> None:
    woken: list[int] = []
    began = clock.now()

    async def sleeper(milliseconds: int) -> None:
        await clock.sleep(milliseconds * MS)
        assert clock.now() - began >= (milliseconds - 1) * MS
        woken.append(milliseconds)

    tasks = [asyncio.create_task(sleeper(milliseconds)) for milliseconds in (90, 30, 60)]
    await asyncio.sleep(0)
    assert woken == []
    await passing(150 * MS)
    await asyncio.gather(*tasks)
    assert woken == [30, 60, 90]


async def test_a_sleep_can_be_cancelled(clock: Clock, passing: Passing) -> None:
    task = asyncio.create_task(clock.sleep(20 * MS))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await passing(30 * MS)


async def test_a_hand_wakes_each_at_its_own_moment_and_again_within_one_turn() -> None:
    clock = HandClock()
    began = clock.now()
    beats: list[timedelta] = []

    async def beat() -> None:
        while True:
            await clock.sleep(timedelta(seconds=2))
            beats.append(clock.now() - began)

    task = asyncio.create_task(beat())
    await clock.turn(timedelta(seconds=7))
    task.cancel()
    await settled()
    assert [span.total_seconds() for span in beats] == [2, 4, 6]
    assert clock.now() - began == timedelta(seconds=7)
