"""Attempts at guessing, counted under ``cw:limits`` in Redis for all replicas alike, by the library ``limits``.

While Redis is away each process counts for itself: a guesser then has as many tries as there are replicas, and who is
right comes in.
"""

import asyncio
import hashlib
import math
from collections.abc import Iterable, Mapping
from typing import Any

import redis.exceptions
from limits import RateLimitItem, parse_many
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter

from cryptwire.clock import EPOCH, Clock
from cryptwire.errors import Exhausted
from cryptwire.log import Log
from cryptwire.storage.redis import Redis

_AWAY = (OSError, TimeoutError, redis.exceptions.RedisError)
_PATIENCE = 0.5  # seconds
_PAUSE = 5.0  # seconds without asking Redis, after it was away
_log = Log(__name__)


class Attempts:
    """Counts attempts of a ``kind`` under a ``name``; ``rules``: of each kind, such as ``10/minute;100/hour``."""

    def __init__(self, client: Redis, rules: Mapping[str, str], clock: Clock) -> None:
        self._rules: dict[str, list[RateLimitItem]] = {kind: parse_many(text) for kind, text in rules.items()}
        self._clock = clock
        pool: Any = client.connection_pool
        self._shared = RedisStorage(
            "async+redis://", implementation="redispy", key_prefix="cw:limits", connection_pool=pool
        )
        self._own = MemoryStorage()
        self._asks_again_at = 0.0

    async def take(self, *keys: tuple[str, str]) -> None:
        """Count an attempt under each (kind, name). Raises Exhausted when one has none left; the others may count."""
        for kind, name in keys:
            for rule in self._rules[kind]:
                wait = await self._hit(rule, kind, name)
                if wait is not None:
                    raise Exhausted(f"too many attempts; try again in {_words(wait)}", wait)

    async def must_have_left(self, *keys: tuple[str, str]) -> None:
        """Count nothing; raises Exhausted when one of these (kind, name) has no attempt left."""
        for kind, name in keys:
            for rule in self._rules[kind]:
                wait = await self._hit(rule, kind, name, is_counted=False)
                if wait is not None:
                    raise Exhausted(f"too many attempts; try again in {_words(wait)}", wait)

    async def clear(self, *keys: tuple[str, str]) -> None:
        """Forget the attempts under these: the last was right."""
        for kind, name in keys:
            for rule in self._rules[kind]:
                for storage in self._storages():
                    try:
                        async with asyncio.timeout(_PATIENCE):
                            await MovingWindowRateLimiter(storage).clear(rule, kind, _hidden(name))
                        break
                    except _AWAY as error:
                        self._is_away(error)

    async def _hit(self, rule: RateLimitItem, kind: str, name: str, *, is_counted: bool = True) -> float | None:
        """None when there was one left, which is then counted; else how many seconds to wait."""
        for storage in self._storages():
            limiter = MovingWindowRateLimiter(storage)
            try:
                async with asyncio.timeout(_PATIENCE):
                    tried = limiter.hit if is_counted else limiter.test
                    if await tried(rule, kind, _hidden(name)):
                        return None
                    reset_at = (await limiter.get_window_stats(rule, kind, _hidden(name))).reset_time
                wait = reset_at - (self._clock.now() - EPOCH).total_seconds()
                return min(max(1.0, wait), float(rule.get_expiry()))
            except _AWAY as error:
                self._is_away(error)
        raise AssertionError("the process's own count is always there")

    def _storages(self) -> Iterable[Storage]:
        if asyncio.get_running_loop().time() >= self._asks_again_at:
            yield self._shared
        yield self._own

    def _is_away(self, error: Exception) -> None:
        _log.warning("attempts are counted by this process alone for now", reason=type(error).__name__)
        self._asks_again_at = asyncio.get_running_loop().time() + _PAUSE


def _hidden(name: str) -> str:
    """What stands for a name in keys: addresses are nobody's business who looks into Redis."""
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:32]


def _words(seconds: float) -> str:
    return f"{math.ceil(seconds)} s" if seconds < 120 else f"{math.ceil(seconds / 60)} minutes"
