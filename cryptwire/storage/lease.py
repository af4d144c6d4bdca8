"""Leases in Redis: of many who would do the same work, one does it.

A lease is a hint for whom to let work, not a lock: while Redis is away a holder cannot know that it still is the
holder. Work whose doubling would do harm needs a fence besides.
"""

import secrets
from datetime import timedelta
from typing import Any

from cryptwire.storage.redis import Redis, our_errors

_RENEW = """
local holder = redis.call('GET', KEYS[1])
if holder == false then
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    return 1
end
if holder == ARGV[1] then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    return 1
end
return 0
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('DEL', KEYS[1])
end
return 0
"""


class Lease:
    """A key that holds a secret of ours for ``span``. Every method raises Unavailable while Redis is away."""

    def __init__(self, redis: Redis, key: str, span: timedelta) -> None:
        self._redis = redis
        self._key = key
        self._span_ms = int(span.total_seconds() * 1000)
        self._token = secrets.token_hex(16)

    async def take(self) -> bool:
        """Whether it was free and is ours now."""
        with our_errors():
            return bool(await self._redis.set(self._key, self._token, nx=True, px=self._span_ms))

    async def renew(self) -> bool:
        """Whether it is ours for another span; one that ran out (Redis was away) is taken again if nobody has it."""
        return await self._run(_RENEW, self._token, str(self._span_ms))

    async def release(self) -> bool:
        """Let it go, if it is ours; whether it was."""
        return await self._run(_RELEASE, self._token)

    async def _run(self, script: str, *values: str) -> bool:
        with our_errors():
            answer: Any = await self._redis.eval(script, 1, self._key, *values)
        return bool(answer)
