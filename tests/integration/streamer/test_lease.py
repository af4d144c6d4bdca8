"""A lease has one holder, runs out, and is taken again only when nobody else has it."""

import asyncio
from datetime import timedelta

from cryptwire.storage import redis as connections
from cryptwire.storage.lease import Lease

KEY = "cw:lease:streamer:test"


async def test_one_holds_it_until_it_lets_go(redis_url: str) -> None:
    async with connections.connect(redis_url) as client:
        first, second = (Lease(client, KEY, timedelta(seconds=10)) for _ in range(2))
        assert await first.take()
        assert not await second.take()
        assert await first.renew()
        assert not await second.renew()
        assert not await second.release()
        assert await first.release()
        assert await second.take()


async def test_it_runs_out_unless_it_is_renewed(redis_url: str) -> None:
    async with connections.connect(redis_url) as client:
        first, second = (Lease(client, KEY, timedelta(seconds=1)) for _ in range(2))
        assert await first.take()
        for _ in range(4):
            await asyncio.sleep(0.3)
            assert await first.renew()
        assert not await second.take()
        await asyncio.sleep(1.2)
        assert await first.renew()  # nobody had taken it
        await asyncio.sleep(1.2)
        assert await second.take()
        assert not await first.renew()
