"""Tasks are ended, also where a cancellation gets lost."""

import asyncio

from cryptwire.tasks import end


async def test_each_is_cancelled_and_what_they_raised_is_told() -> None:
    async def breaks() -> None:
        raise ValueError("x")

    async def is_done() -> None:
        pass

    tasks = [asyncio.create_task(work) for work in (asyncio.sleep(60), breaks(), is_done())]
    await asyncio.sleep(0)
    sleeps, broke, done = await end(tasks)
    assert isinstance(sleeps, asyncio.CancelledError)
    assert isinstance(broke, ValueError)
    assert done is None


async def test_one_that_swallows_a_cancellation_is_cancelled_again() -> None:
    swallowed = 0

    async def swallows() -> None:
        nonlocal swallowed
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            swallowed += 1
        await asyncio.sleep(60)

    task = asyncio.create_task(swallows())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await end([task])
    assert swallowed == 1
    assert task.cancelled()


async def test_nothing_to_end_is_no_error() -> None:
    assert await end([]) == []
