"""One gateway's budget as a process of its own: for each line ``<urgency> <patience>`` it says when the turn came."""

import asyncio
import sys
from datetime import timedelta

from cryptwire.clock import SystemClock
from cryptwire.domain.hopper import UserId
from cryptwire.errors import CryptwireError
from cryptwire.metrics import Meters
from cryptwire.storage import redis
from cryptwire.storage.rate_budget import Limits, RateBudget
from gateway.budget import TokenBudget
from gateway.ports import Urgency


async def main(url: str, requests: int, window: float) -> None:
    clock = SystemClock()
    span = timedelta(seconds=window)
    async with redis.connect(url) as client:
        budget = TokenBudget(RateBudget(client, Limits(requests, 0, span, requests, span)), clock, Meters())

        async def take(urgency: Urgency, patience: float) -> None:
            try:
                await budget.take(UserId("u"), clock.now() + timedelta(seconds=patience), urgency)
            except CryptwireError as error:
                print(type(error).__name__, flush=True)
            else:
                print(clock.now().timestamp(), flush=True)

        tasks = []
        while line := await asyncio.to_thread(sys.stdin.readline):
            urgency, patience = line.split()
            tasks.append(asyncio.create_task(take(Urgency[urgency], float(patience))))
        await asyncio.gather(*tasks)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
