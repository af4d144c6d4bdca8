"""Keys ``cw:points:*``: what somebody has spent this minute, over all replicas."""

import asyncio
from datetime import timedelta
from typing import NamedTuple

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter

from cryptwire.clock import Clock
from cryptwire.errors import Exhausted, Unavailable
from cryptwire.log import Log
from cryptwire.storage.redis import LIVE_KEYS, Redis, our_errors

_log = Log(__name__)
_PATIENCE = 0.5  # seconds
_PAUSE = timedelta(seconds=5)  # without asking Redis, after it was away


class Points:
    """So many points a minute, to spend at once or bit by bit. While Redis is away each process counts for itself."""

    def __init__(self, client: Redis, a_minute: int, clock: Clock) -> None:
        shared = RedisStorage(
            "async+redis://",  # the address is the pool's
            implementation="redispy",
            key_prefix=f"{LIVE_KEYS}points",
            connection_pool=client.connection_pool,  # type: ignore[arg-type]
        )
        self._shared = FixedWindowRateLimiter(shared)
        self._own = FixedWindowRateLimiter(MemoryStorage())
        self._a_minute = RateLimitItemPerMinute(a_minute)
        self._clock = clock
        self._asks_again_at = clock.now()

    async def spend(self, key: str, points: int) -> int:
        """What is left under ``key`` until the minute ends; raises Exhausted with the time to wait."""
        spent = await self._shared_spent(key, points) or await self._spent(self._own, key, points)
        if spent.left < 0:
            text = f"this would be more than {self._a_minute.amount} points a minute"
            raise Exhausted(f"{text}; try again in {spent.wait:.0f} s, or ask for less", spent.wait)
        return spent.left

    async def _shared_spent(self, key: str, points: int) -> "_Spent | None":
        """None while Redis is away."""
        if self._clock.now() < self._asks_again_at:
            return None
        try:
            with our_errors():
                async with asyncio.timeout(_PATIENCE):
                    return await self._spent(self._shared, key, points)
        except Unavailable as error:
            _log.warning("points are counted here alone", reason=error)
            self._asks_again_at = self._clock.now() + _PAUSE
            return None

    async def _spent(self, limiter: FixedWindowRateLimiter, key: str, points: int) -> "_Spent":
        is_within = await limiter.hit(self._a_minute, key, cost=points)
        reset_at, left = await limiter.get_window_stats(self._a_minute, key)
        wait = min(60.0, max(1.0, reset_at - self._clock.now().timestamp()))
        return _Spent(left if is_within else -1, wait)


class _Spent(NamedTuple):
    """What is left, below 0 when it was too much, and the seconds until it is all there again."""

    left: int
    wait: float
