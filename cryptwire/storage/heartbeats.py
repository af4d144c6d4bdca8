"""Hash ``cw:heartbeats``: who completed work when, by Redis's clock. Plain text, for people with a terminal, too.

A field is ``<service>/<instance>``, its value ``<microseconds> <count> <work>``: when work was completed last, how
much since it began, and what it was. Redis stamps, so that no two machines' clocks are compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from cryptwire.storage.redis import LIVE_KEYS, Redis, our_errors

_KEY = f"{LIVE_KEYS}heartbeats"
_BEAT = """
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], ARGV[1], string.format('%d%06d %s', time[1], time[2], ARGV[2]))
"""
_READ = "local time = redis.call('TIME') return {time[1], time[2], redis.call('HGETALL', KEYS[1])}"
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Beat:
    """``at`` in microseconds by Redis's clock, and how long ago that was by the same."""

    at: int
    age: timedelta
    count: int
    work: str


class Heartbeats:
    """Raises Unavailable while Redis is away."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def beat(self, who: str, work: str, count: int) -> None:
        """``who`` (service/instance) has completed ``work``, the ``count``-th."""
        with our_errors():
            await self._client.eval(_BEAT, 1, _KEY, who, f"{count} {work}")

    async def end(self, who: str) -> None:
        """``who`` has ended as he was told to: from now on his silence means nothing."""
        with our_errors():
            await self._client.hdel(_KEY, who)

    async def all(self) -> dict[str, Beat]:
        """Everybody who has begun and did not end."""
        with our_errors():
            seconds, micros, pairs = await self._client.eval(_READ, 1, _KEY)
        now = int(seconds) * 1_000_000 + int(micros)
        return _beats(now, dict(zip(pairs[::2], pairs[1::2], strict=True)))


def _beats(now: int, fields: Mapping[bytes, bytes]) -> dict[str, Beat]:
    found = {}
    for name, value in fields.items():
        parts = value.decode("utf-8", "replace").split(" ", 2)
        if len(parts) == 3 and parts[0].isdecimal() and parts[1].isdecimal():
            at = int(parts[0])
            found[name.decode("utf-8", "replace")] = Beat(at, (now - at) * _MICROSECOND, int(parts[1]), parts[2])
    return found
