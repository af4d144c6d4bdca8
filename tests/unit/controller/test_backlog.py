"""What came and is not evaluated yet: each hopper's in its order, what is about to fire before all others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from controller.handlers.backlog import Backlog
from cryptwire.messaging.bus import Message


class Desk:
    """A backlog whose messages are numbers, one after the other of any subject."""

    def __init__(self) -> None:
        self.handled: list[tuple[str, int]] = []
        self.urgent: set[str] = set()
        self.foreign: set[str] = set()
        self.is_acting = False
        self.number = 0
        self.backlog = Backlog(
            self._handle,
            is_read=lambda subject: subject not in self.foreign,
            is_urgent=lambda subject: subject in self.urgent,
            is_acting=lambda: self.is_acting,
        )

    def _handle(self, message: Message) -> None:
        self.handled.append((message.subject, int(message.payload)))
        if message.payload == b"0":
            raise ValueError("a defect")

    async def put(self, *subjects: str) -> None:
        for subject in subjects:
            self.number += 1
            await self.backlog.put(Message(subject, str(self.number).encode(), ""))

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        task = asyncio.create_task(self.backlog.run(stop))
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait_for(task, 5)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.handled) < count:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)


async def test_what_is_urgent_goes_before_what_waits_and_the_others_go_as_they_came() -> None:
    desk = Desk()
    desk.urgent = {"c"}
    await desk.put("a", "b", "c")
    assert desk.handled == [("c", 3)]
    async with desk.working():
        await desk.until(3)
        assert desk.handled == [("c", 3), ("a", 1), ("b", 2)]
        await desk.put("d")
        await desk.until(4)


async def test_a_hoppers_messages_stay_in_their_order_when_it_becomes_urgent_meanwhile() -> None:
    desk = Desk()
    await desk.put("a", "b")
    desk.urgent = {"b"}
    await desk.put("b", "a")
    assert desk.handled == []
    async with desk.working():
        await desk.until(4)
    assert desk.handled == [("a", 1), ("a", 4), ("b", 2), ("b", 3)]


async def test_what_nobody_reads_never_waits() -> None:
    desk = Desk()
    desk.foreign = {"x"}
    await desk.put(*"xax")
    async with desk.working():
        await desk.until(1)
        await asyncio.sleep(0.01)
    assert desk.handled == [("a", 2)]


async def test_a_message_that_cannot_be_handled_does_not_end_the_others_turn() -> None:
    desk = Desk()
    desk.number = -1
    await desk.put("a", "b")
    async with desk.working():
        await desk.until(2)
    assert desk.handled == [("a", 0), ("b", 1)]


async def test_others_have_their_turn_between_messages_and_more_often_while_something_acts() -> None:
    seen = {}
    for is_acting in (False, True):
        desk = Desk()
        desk.is_acting = is_acting
        await desk.put(*(str(number) for number in range(40)))
        turns: list[int] = []
        async with desk.working():
            while len(desk.handled) < 40:
                turns.append(len(desk.handled))
                await asyncio.sleep(0)
        seen[is_acting] = len(set(turns))
    assert seen[False] >= 4
    assert seen[True] >= 10


async def test_taking_messages_lets_others_have_their_turn_too() -> None:
    desk = Desk()
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await desk.put(*(str(number) for number in range(500)))
    task.cancel()
    assert turns >= 5


async def test_when_too_many_wait_they_are_worked_off_before_more_are_taken() -> None:
    desk = Desk()
    await desk.put(*(str(number) for number in range(20_100)))
    assert len(desk.handled) >= 100
    assert [number for _, number in desk.handled] == list(range(1, len(desk.handled) + 1))
