"""What every bus does: subjects, order, groups, answers, and a handler that fails."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from cryptwire.errors import Unavailable
from cryptwire.memory.bus import MemoryBus
from cryptwire.messaging import bus as messaging
from cryptwire.messaging.bus import Bus, Message


@pytest.fixture
def address(place: str, request: pytest.FixtureRequest) -> str | None:
    return str(request.getfixturevalue("nats_url")) if place == "real" else None


@pytest.fixture
async def bus(address: str | None) -> AsyncIterator[Bus]:
    if address is None:
        yield MemoryBus()
    else:
        async with messaging.connect(address, "admin") as real:
            yield real


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110 - what is waited for comes from another task
            await asyncio.sleep(0.005)


async def arrived(bus: Bus, came: list[Message]) -> list[Message]:
    """What came until now: whatever was published before this is in it."""
    seen = asyncio.Event()

    async def on_mark(_: Message) -> None:
        seen.set()

    end = await bus.subscribe("contract.mark", on_mark)
    await bus.publish("contract.mark", b"")
    await asyncio.wait_for(seen.wait(), 5)
    await end()
    await asyncio.sleep(0.02)
    return came


async def test_messages_of_a_subscription_come_in_order_and_one_at_a_time(bus: Bus) -> None:
    came: list[int] = []
    running = 0

    async def slowly(message: Message) -> None:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0)
        came.append(int(message.payload))
        running -= 1

    end = await bus.subscribe("contract.order", slowly)
    for number in range(200):
        await bus.publish("contract.order", str(number).encode())
    await until(lambda: len(came) == 200)
    await end()
    assert came == list(range(200))


@pytest.mark.parametrize(
    ("pattern", "subject", "matches"),
    [
        ("contract.w.>", "contract.w.a.b", True),
        ("contract.w.>", "contract.w.a", True),
        ("contract.w.>", "contract.w", False),
        ("contract.w.*", "contract.w.a", True),
        ("contract.w.*", "contract.w.a.b", False),
        ("contract.*.live", "contract.1.live", True),
        ("contract.*.live", "contract.1.closed", False),
        ("contract.w", "contract.wx", False),
    ],
)
async def test_wildcards(bus: Bus, pattern: str, subject: str, matches: bool) -> None:
    came: list[Message] = []

    async def on_message(message: Message) -> None:
        came.append(message)

    end = await bus.subscribe(pattern, on_message)
    await bus.publish(subject, b"x")
    found = await arrived(bus, came)
    await end()
    assert [(message.subject, message.payload) for message in found] == ([(subject, b"x")] if matches else [])


async def test_after_its_end_a_subscription_hears_nothing(bus: Bus) -> None:
    came: list[Message] = []

    async def on_message(message: Message) -> None:
        came.append(message)

    end = await bus.subscribe("contract.end", on_message)
    await bus.publish("contract.end", b"1")
    await until(lambda: len(came) == 1)
    await end()
    await bus.publish("contract.end", b"2")
    assert [message.payload for message in await arrived(bus, came)] == [b"1"]


async def test_a_handler_that_fails_does_not_end_the_subscription(bus: Bus) -> None:
    came: list[bytes] = []

    async def on_message(message: Message) -> None:
        if message.payload == b"bad":
            raise ZeroDivisionError
        came.append(message.payload)

    end = await bus.subscribe("contract.fails", on_message)
    for payload in (b"1", b"bad", b"2"):
        await bus.publish("contract.fails", payload)
    await until(lambda: len(came) == 2)
    await end()
    assert came == [b"1", b"2"]


async def test_of_a_group_one_gets_each_message_and_others_besides(bus: Bus) -> None:
    group: list[bytes] = []
    alone: list[bytes] = []

    async def in_group(message: Message) -> None:
        group.append(message.payload)

    async def by_itself(message: Message) -> None:
        alone.append(message.payload)

    ends = [
        await bus.subscribe("contract.group", in_group, "g"),
        await bus.subscribe("contract.group", in_group, "g"),
        await bus.subscribe("contract.group", by_itself),
    ]
    for number in range(20):
        await bus.publish("contract.group", b"%d" % number)
    await until(lambda: len(alone) == 20 and len(group) >= 20)
    await arrived(bus, [])
    for end in ends:
        await end()
    assert sorted(group) == sorted(alone) == sorted(b"%d" % number for number in range(20))


async def test_a_request_is_answered_to_who_asked(bus: Bus) -> None:
    async def twice(message: Message) -> None:
        await bus.publish(message.reply, message.payload * 2)

    end = await bus.subscribe("contract.ask.*", twice)
    answers = await asyncio.gather(*(bus.request("contract.ask.x", b"%d" % n, 5) for n in range(10)))
    await end()
    assert answers == [b"%d%d" % (n, n) for n in range(10)]


async def test_a_request_that_nobody_hears_or_answers_is_unavailable(bus: Bus) -> None:
    with pytest.raises(Unavailable, match=r"contract\.nobody"):
        await bus.request("contract.nobody", b"", 1)

    async def silent(message: Message) -> None:
        assert message.reply

    end = await bus.subscribe("contract.silent", silent)
    with pytest.raises(Unavailable, match=r"contract\.silent"):
        await bus.request("contract.silent", b"", 0.05)
    await end()


async def test_a_plain_message_has_no_one_to_answer(bus: Bus) -> None:
    came: list[Message] = []

    async def on_message(message: Message) -> None:
        came.append(message)

    end = await bus.subscribe("contract.plain", on_message)
    await bus.publish("contract.plain", b"")
    await until(lambda: bool(came))
    await end()
    assert came == [Message("contract.plain", b"", "")]
