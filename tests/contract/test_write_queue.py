"""What every queue between tracker and writer does: nothing is lost, whatever is asked twice."""

from collections.abc import AsyncIterator

import pytest

from cryptwire.memory.clock import HandClock
from cryptwire.memory.write_queue import MemoryWriteQueue
from cryptwire.storage import redis
from cryptwire.storage.write_queue import WriteQueue

AnyQueue = WriteQueue | MemoryWriteQueue


@pytest.fixture
def address(place: str, request: pytest.FixtureRequest) -> str | None:
    return str(request.getfixturevalue("redis_url")) if place == "real" else None


@pytest.fixture
async def queue(address: str | None) -> AsyncIterator[AnyQueue]:
    if address is None:
        yield MemoryWriteQueue(HandClock())
    else:
        async with redis.connect(address) as client:
            yield WriteQueue(client, "contract:")


def values(*numbers: int) -> list[bytes]:
    return [b"candle %d" % number for number in numbers]


async def test_values_are_taken_in_order_and_are_gone_when_done(queue: AnyQueue) -> None:
    await queue.push(values(1, 2, 3))
    assert await queue.waiting() == 3
    assert await queue.take("a", 2) == values(1, 2)
    assert await queue.waiting() == 1
    await queue.done("a")
    assert await queue.take("a", 2) == values(3)
    await queue.done("a")
    assert await queue.take("a", 2) == []
    assert await queue.taken("a") == []


async def test_taking_twice_loses_and_doubles_nothing(queue: AnyQueue) -> None:
    await queue.push(values(1, 2, 3))
    assert await queue.take("a", 1) == values(1)
    assert await queue.take("a", 5) == values(1), "the same again until it is done: an outage piles nothing up"
    assert await queue.taken("a") == values(1)
    await queue.done("a")
    await queue.done("a")
    assert await queue.take("b", 5) == values(2, 3)


async def test_two_writers_take_different_values(queue: AnyQueue) -> None:
    await queue.push(values(*range(10)))
    first, second = await queue.take("a", 6), await queue.take("b", 6)
    assert first + second == values(*range(10))
    await queue.done("a")
    assert await queue.taken("b") == second


async def test_a_large_push_and_a_large_take(queue: AnyQueue) -> None:
    many = values(*range(12_000))
    await queue.push(many)
    assert await queue.take("a", 20_000) == many


async def test_state_comes_with_candles_or_alone(queue: AnyQueue) -> None:
    assert await queue.state("pod") is None
    await queue.push(values(1), "pod", b"first")
    await queue.push([], "pod", b"second")
    await queue.push([], "other", b"other's")
    assert await queue.state("pod") == b"second"
    assert await queue.waiting() == 1


async def test_only_who_is_gone_is_adopted(queue: AnyQueue) -> None:
    await queue.push(values(1, 2, 3))
    for writer in ("a", "b"):
        await queue.register(writer)
    await queue.take("a", 2)
    assert await queue.adopt("b") == 0
    assert await queue.taken("a") == values(1, 2)
    await queue.leave("a")
    await queue.take("b", 1)
    assert await queue.adopt("b") == 2
    assert sorted(await queue.taken("b")) == values(1, 2, 3)
    assert await queue.taken("a") == []
    assert await queue.adopt("b") == 0


async def test_a_writer_that_only_seemed_gone_finishes_and_takes_part_again(queue: AnyQueue) -> None:
    await queue.push(values(1, 2))
    await queue.register("a")
    await queue.take("a", 1)
    await queue.leave("a")
    await queue.register("b")
    assert await queue.adopt("b") == 1
    await queue.done("a")  # what it committed meanwhile is committed by the other again
    assert await queue.taken("b") == values(1)
    await queue.register("a")
    assert await queue.take("a", 1) == values(2)
    await queue.leave("a")
    assert await queue.adopt("b") == 1


async def test_nobody_adopts_himself(queue: AnyQueue) -> None:
    await queue.push(values(1))
    await queue.register("a")
    await queue.take("a", 1)
    await queue.leave("a")
    assert await queue.adopt("a") == 0
    assert await queue.taken("a") == values(1)


async def test_what_is_set_aside_stays_in_order(queue: AnyQueue) -> None:
    await queue.set_aside(values(1, 2))
    await queue.set_aside([])
    await queue.set_aside(values(3))
    assert await queue.aside() == values(1, 2, 3)


async def test_forgetting_leaves_nothing(queue: AnyQueue) -> None:
    await queue.push(values(1, 2))
    await queue.register("a")
    await queue.take("a", 1)
    await queue.set_aside(values(9))
    await queue.forget()
    assert (await queue.waiting(), await queue.taken("a"), await queue.aside()) == (0, [], [])
    assert await queue.adopt("b") == 0
