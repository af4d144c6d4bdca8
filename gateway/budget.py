"""The rate budget of each token: never more than so many requests within a minute."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptwire.clock import Clock
from cryptwire.domain.hopper import UserId
from cryptwire.errors import Exhausted

WINDOW = timedelta(seconds=61)
"""A minute by upstream's clock; the second more is for requests that do not all travel equally long."""
_MANY = 10_000


@dataclass(slots=True)
class _Bucket:
    sent: deque[datetime] = field(default_factory=deque)
    held_until: datetime | None = None  # upstream said: not before
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # first come, first served
    urgent_turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0
    urgent_waiting: int = 0


class Budget:
    """A sliding window a token, in this process's memory: it holds for one replica of the gateway.

    ``reserve`` of the ``limit`` are kept for urgent requests, which also pass those that wait.
    """

    def __init__(self, clock: Clock, limit: int, reserve: int) -> None:
        self._clock = clock
        self._limit = limit
        self._reserve = reserve
        self._buckets: dict[UserId, _Bucket] = {}

    async def take(self, user: UserId, until: datetime, *, is_urgent: bool = False) -> None:
        """Return when one request may be sent, in the order of asking.

        Raises Exhausted with the time to wait, at once, when the turn would come after ``until``.
        """
        bucket = self._bucket(user)
        limit = self._limit if is_urgent else self._limit - self._reserve
        ahead = bucket.urgent_waiting if is_urgent else bucket.waiting + bucket.urgent_waiting
        self._refuse_late(bucket, limit, ahead, until)
        self._count(bucket, is_urgent, 1)
        try:
            async with bucket.urgent_turn if is_urgent else bucket.turn:
                while (at := self._slot(bucket, limit, 0)) > (now := self._clock.now()):
                    self._refuse_late(bucket, limit, 0, until)
                    await self._clock.sleep(at - now)
                bucket.sent.append(now)
        finally:
            self._count(bucket, is_urgent, -1)

    def hold(self, user: UserId, seconds: float) -> None:
        """Send nothing for ``seconds``: upstream said that it is too much."""
        bucket = self._bucket(user)
        until = self._clock.now() + timedelta(seconds=seconds)
        bucket.held_until = until if bucket.held_until is None else max(until, bucket.held_until)

    def _refuse_late(self, bucket: _Bucket, limit: int, ahead: int, until: datetime) -> None:
        at = self._slot(bucket, limit, ahead)
        if at > until:
            wait = (at - self._clock.now()).total_seconds()
            raise Exhausted(f"the request budget is used up; again in {wait:.0f} s", wait)

    def _slot(self, bucket: _Bucket, limit: int, ahead: int) -> datetime:
        """When a request could be sent that ``ahead`` others precede."""
        now = self._clock.now()
        while bucket.sent and bucket.sent[0] + WINDOW <= now:
            bucket.sent.popleft()
        first = now if bucket.held_until is None else max(now, bucket.held_until)
        times = list(bucket.sent)
        for _ in range(ahead + 1):
            times.append(max(first, times[-limit] + WINDOW) if len(times) >= limit else first)
        return times[-1]

    def _bucket(self, user: UserId) -> _Bucket:
        bucket = self._buckets.get(user)
        if bucket is None:
            if len(self._buckets) >= _MANY:
                self._forget_idle()
            bucket = self._buckets[user] = _Bucket()
        return bucket

    def _forget_idle(self) -> None:
        past = self._clock.now() - WINDOW
        for user, bucket in list(self._buckets.items()):
            is_held = bucket.held_until is not None and bucket.held_until > past
            is_used = bool(bucket.sent) and bucket.sent[-1] > past
            if not (is_held or is_used or bucket.waiting or bucket.urgent_waiting):
                del self._buckets[user]

    @staticmethod
    def _count(bucket: _Bucket, is_urgent: bool, change: int) -> None:
        if is_urgent:
            bucket.urgent_waiting += change
        else:
            bucket.waiting += change
