"""Answers of the database that cost something, kept in the process while what they are of has not changed."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Answer:
    version: object
    told: Any
    size: int


class Kept:
    """At most ``most`` rows in all (one is some 500 bytes); then the answers that were not asked for longest go."""

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self.size = 0
        """Rows that are kept now."""
        self._answers: OrderedDict[Hashable, _Answer] = OrderedDict()

    async def of(self, key: Hashable, version: object, read: Callable[[], Awaitable[T]], size: Callable[[T], int]) -> T:
        """What was read under ``key`` as of ``version``, else what ``read`` gives.

        ``version`` must have been asked before: what is newer than it is then read again, and never the other way
        round.
        """
        answer = self._answers.get(key)
        if answer is not None and answer.version == version:
            self._answers.move_to_end(key)
            return cast("T", answer.told)
        told = await read()
        self._keep(key, _Answer(version, told, 1 + size(told)))
        return told

    def _keep(self, key: Hashable, answer: _Answer) -> None:
        before = self._answers.pop(key, None)
        self.size += answer.size - (0 if before is None else before.size)
        self._answers[key] = answer
        while self.size > self._most:
            _, gone = self._answers.popitem(last=False)
            self.size -= gone.size
