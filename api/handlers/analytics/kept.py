"""Answers of the database that cost something, kept in the process while what they are of has not changed."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from cryptwire.clock import Clock

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Answer:
    version: object
    told: Any
    size: int
    until: datetime | None


class Kept:
    """At most ``most`` rows in all (one is some 500 bytes); then the answers that were not asked for longest go."""

    def __init__(self, clock: Clock, most: int = 100_000) -> None:
        self._clock = clock
        self._most = most
        self.size = 0
        """Rows that are kept now."""
        self._answers: OrderedDict[Hashable, _Answer] = OrderedDict()

    async def of(
        self,
        key: Hashable,
        version: object,
        read: Callable[[], Awaitable[T]],
        size: Callable[[T], int],
        stands_for: timedelta | None = None,
    ) -> T:
        """What was read under ``key`` as of ``version``, for ``stands_for`` (None: for ever), else what ``read`` gives.

        ``version`` must have been asked before: what is newer than it is then read again, and never the other way
        round.
        """
        now = self._clock.now()
        answer = self._answers.get(key)
        if answer is not None and answer.version == version and (answer.until is None or now < answer.until):
            self._answers.move_to_end(key)
            return cast("T", answer.told)
        told = await read()
        self._keep(key, _Answer(version, told, 1 + size(told), None if stands_for is None else now + stands_for))
        return told

    def _keep(self, key: Hashable, answer: _Answer) -> None:
        before = self._answers.pop(key, None)
        self.size += answer.size - (0 if before is None else before.size)
        self._answers[key] = answer
        while self.size > self._most:
            _, gone = self._answers.popitem(last=False)
            self.size -= gone.size
