"""Redis lists between tracker and writer: what is in them is lost by no crash and written by none twice.

A batch is moved by one script to the writer's own ``taken`` list, which alone is read, committed, and then deleted. A
writer that is gone leaves its ``taken`` list to another. The shared list is never popped or trimmed by a bare command:
a call whose answer was lost may have been done, and its repetition would take a second batch.

Keys, after the prefix, for ``what`` is queued (candles, flows): ``<what>`` (list), ``<what>:aside`` (list of
CandleAside), ``<what>:writers`` (set of names), ``<what>:alive:<name>`` (expires), ``<what>:taken:<name>`` (list).
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import cast

from redis.asyncio.client import Pipeline

from cryptwire.storage.redis import LIVE_KEYS, Redis, our_errors

_TAKE = """
local values = redis.call('EXISTS', KEYS[2]) == 0 and redis.call('LPOP', KEYS[1], ARGV[1])
if values then
  for i = 1, #values, 5000 do
    redis.call('RPUSH', KEYS[2], unpack(values, i, math.min(i + 4999, #values)))
  end
end
return redis.call('LLEN', KEYS[2])
"""

_ADOPT = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local values = redis.call('LRANGE', KEYS[2], 0, -1)
for i = 1, #values, 5000 do
  redis.call('RPUSH', KEYS[3], unpack(values, i, math.min(i + 4999, #values)))
end
redis.call('DEL', KEYS[2])
redis.call('SREM', KEYS[4], ARGV[1])
return #values
"""

ALIVE = timedelta(seconds=10)
"""A writer not heard of for so long is gone."""


class WriteQueue:
    """Closed candles, or flow candidates, on their way to the database.

    Every method raises Unavailable while Redis is away.
    """

    def __init__(self, redis: Redis, keys: str = LIVE_KEYS, what: str = "candles") -> None:
        self._redis = redis
        self._list = f"{keys}{what}"
        self._aside = f"{keys}{what}:aside"
        self._writers = f"{keys}{what}:writers"
        self._state_key = f"{keys}tracker"

    def _taken(self, writer: str) -> str:
        return f"{self._list}:taken:{writer}"

    def _alive(self, writer: str) -> str:
        return f"{self._list}:alive:{writer}"

    async def push(self, candles: Sequence[bytes], state_of: str | None = None, state: bytes | None = None) -> None:
        """Append values, and with them keep the state of the shard ``state_of``: both or neither."""
        with our_errors():
            async with self._redis.pipeline(transaction=True) as pipe:
                self.append(pipe, candles)
                if state_of is not None and state is not None:
                    pipe.set(f"{self._state_key}:{state_of}:state", state)
                await pipe.execute()

    def append(self, pipe: Pipeline, values: Sequence[bytes]) -> None:
        """Append values with whatever else is in ``pipe``."""
        for start in range(0, len(values), 5000):
            pipe.rpush(self._list, *values[start : start + 5000])

    async def state(self, shard: str) -> bytes | None:
        """The state last kept for a shard."""
        with our_errors():
            return cast(bytes | None, await self._redis.get(f"{self._state_key}:{shard}:state"))

    async def register(self, writer: str) -> None:
        """Say that ``writer`` lives; to be repeated well within ``ALIVE``."""
        with our_errors():
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.sadd(self._writers, writer)
                pipe.set(self._alive(writer), b"1", px=ALIVE)
                await pipe.execute()

    async def take(self, writer: str, count: int) -> list[bytes]:
        """Up to ``count`` values, moved to ``writer``; or, when it has not finished what it took, just that again.

        Nothing is gone when the answer was lost.
        """
        with our_errors():
            await self._redis.eval(_TAKE, 2, self._list, self._taken(writer), str(count))
            return cast(list[bytes], await self._redis.lrange(self._taken(writer), 0, -1))

    async def taken(self, writer: str) -> list[bytes]:
        """What ``writer`` has taken and not finished."""
        with our_errors():
            return cast(list[bytes], await self._redis.lrange(self._taken(writer), 0, -1))

    async def done(self, writer: str) -> None:
        """What ``writer`` had taken is in the database."""
        with our_errors():
            await self._redis.delete(self._taken(writer))

    async def adopt(self, writer: str) -> int:
        """Take over from writers that are gone; how many values came."""
        with our_errors():
            names = cast(set[bytes], await self._redis.smembers(self._writers))
            came = 0
            for name in (raw.decode() for raw in names):
                if name != writer:
                    keys = (self._alive(name), self._taken(name), self._taken(writer), self._writers)
                    came += int(await self._redis.eval(_ADOPT, 4, *keys, name))
            return came

    async def leave(self, writer: str) -> None:
        """``writer`` ends in order; what it has taken goes to whoever adopts it."""
        with our_errors():
            await self._redis.delete(self._alive(writer))

    async def set_aside(self, values: Sequence[bytes]) -> None:
        """Keep what cannot be written, for a person."""
        with our_errors():
            if values:
                await self._redis.rpush(self._aside, *values)

    async def aside(self) -> list[bytes]:
        """What was set aside, oldest first."""
        with our_errors():
            return cast(list[bytes], await self._redis.lrange(self._aside, 0, -1))

    async def waiting(self) -> int:
        """How many values nobody has taken yet."""
        with our_errors():
            return int(await self._redis.llen(self._list))

    async def unfinished(self) -> bool:
        """Whether anything waits, or is taken and not done."""
        with our_errors():
            if await self._redis.exists(self._list):
                return True
            names = cast(set[bytes], await self._redis.smembers(self._writers))
            taken = [self._taken(name.decode()) for name in names]
            return bool(taken and await self._redis.exists(*taken))

    async def forget(self) -> None:
        """Delete all of it: the end of a replay's world."""
        with our_errors():
            async for key in self._redis.scan_iter(match=f"{self._list}*"):
                await self._redis.delete(key)
