"""Keys ``cw:points:*``: what somebody has spent this minute, over all replicas."""

import asyncio
from datetime import timedelta
from typing import Final

from cryptwire.clock import Clock
from cryptwire.errors import Exhausted, Unavailable
from cryptwire.log import Log
from cryptwire.storage.redis import LIVE_KEYS, Redis, our_errors

_log = Log(__name__)
TOLD_EVERY: Final = timedelta(seconds=1)
_PATIENCE = 5.0  # seconds
_AT_ONCE = 1_000
_MINUTE = 60


class Points:
    """So many points a minute of the clock, to spend at once or bit by bit.

    Each process counts by itself, so that nobody waits for a count, and each second it tells Redis what was spent here
    and hears what was spent elsewhere. So somebody who asks several replicas at once may spend more, by as much as the
    others let him spend within that second. While Redis is away each process counts for itself.
    """

    def __init__(self, client: Redis, a_minute: int, clock: Clock) -> None:
        self._client = client
        self._a_minute = a_minute
        self._clock = clock
        self._minute = 0
        self._spent: dict[str, _Spent] = {}
        self._is_away = False

    def spend(self, key: str, points: int) -> int:
        """What is left under ``key`` until the minute ends.

        Raises Exhausted with the time to wait; nothing is spent then.
        """
        now = self._clock.now().timestamp()
        self._turn(int(now // _MINUTE))
        spent = self._spent.get(key)
        if spent is None:
            spent = self._spent[key] = _Spent()
        left = self._a_minute - spent.known - spent.untold - points
        if left < 0:
            wait = max(1.0, _MINUTE - now % _MINUTE)
            text = f"this would be more than {self._a_minute} points a minute"
            raise Exhausted(f"{text}; try again in {wait:.0f} s, or ask for less", wait)
        spent.untold += points
        return left

    async def watch(self) -> None:
        """Tell Redis each second, until it is cancelled."""
        while True:
            await self._clock.sleep(TOLD_EVERY)
            await self.tell()

    async def tell(self) -> None:
        """Tell what was spent here since the last time, and hear what has been spent elsewhere."""
        self._turn(int(self._clock.now().timestamp() // _MINUTE))
        news = [(key, spent) for key, spent in self._spent.items() if spent.untold]
        try:
            for first in range(0, len(news), _AT_ONCE):
                await self._tell(self._minute, news[first : first + _AT_ONCE])
        except Unavailable as error:
            if not self._is_away:
                _log.warning("points are counted here alone", reason=error)
            self._is_away = True
        else:
            self._is_away = False

    async def _tell(self, minute: int, some: "list[tuple[str, _Spent]]") -> None:
        async with self._client.pipeline(transaction=False) as asked:
            for key, spent in some:
                name = f"{LIVE_KEYS}points:{minute}:{key}"
                asked.incrby(name, spent.untold)
                asked.expire(name, 2 * _MINUTE)
                # told whether or not an answer comes: what may have been counted is not counted twice
                spent.known, spent.untold = spent.known + spent.untold, 0
            with our_errors():
                async with asyncio.timeout(_PATIENCE):
                    answers = await asked.execute()
        for (_, spent), total in zip(some, answers[::2], strict=True):
            spent.known = max(spent.known, int(total))

    def _turn(self, minute: int) -> None:
        """Begin a new minute, when it is one."""
        if minute != self._minute:
            self._minute, self._spent = minute, {}


class _Spent:
    """By one key this minute: what Redis knows, as far as it is known here, and what it has not been told."""

    __slots__ = ("known", "untold")

    def __init__(self) -> None:
        self.known = 0
        self.untold = 0
