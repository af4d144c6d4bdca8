"""Answers that may be given again, as many and as large as fit, the latest used last to go."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from cryptwire.domain.account import OutputEntry

T = TypeVar("T")
Key = tuple[Hashable, ...]

KEPT_FOR = timedelta(minutes=10)
_MANY = 20_000
_LARGE = 64_000_000  # bytes, of all
_ROW = 1_000  # bytes of a position or its like, roughly
_ITEM = 250  # of a name and a number or a word


@dataclass(frozen=True, slots=True)
class Read(Generic[T]):
    """What was read, and when it was asked for: it is at least as new as that."""

    value: T
    at: datetime


class Kept:
    """Answers by what was asked, the user second in the key; at most so many, so large and so old."""

    def __init__(self, many: int = _MANY, large: int = _LARGE) -> None:
        self._many = many
        self._large = large
        self._reads: OrderedDict[Key, tuple[Read[Any], int]] = OrderedDict()
        self.bytes = 0

    def get(self, key: Key, since: datetime) -> Read[Any] | None:
        """An answer that was asked for at ``since`` or later."""
        kept = self._reads.get(key)
        if kept is None or kept[0].at < since:
            return None
        self._reads.move_to_end(key)
        return kept[0]

    def keep(self, key: Key, read: Read[Any], now: datetime) -> None:
        self._drop(key)
        size = weight(read.value)
        self._reads[key] = (read, size)
        self.bytes += size
        while len(self._reads) > self._many or self.bytes > self._large:
            self._drop(next(iter(self._reads)))
        while self._reads and next(iter(self._reads.values()))[0].at < now - KEPT_FOR:
            self._drop(next(iter(self._reads)))

    def forget(self, is_meant: Callable[[Key], bool]) -> None:
        for key in [key for key in self._reads if is_meant(key)]:
            self._drop(key)

    def __len__(self) -> int:
        return len(self._reads)

    def _drop(self, key: Key) -> None:
        dropped = self._reads.pop(key, None)
        if dropped is not None:
            self.bytes -= dropped[1]


def weight(value: object) -> int:
    """Bytes of an answer, roughly."""
    if isinstance(value, Mapping):
        return _ROW + sum(_ITEM + len(name) + len(str(inner)) for name, inner in value.items())
    if isinstance(value, list | tuple):
        return _ROW + sum(_ROW + (len(row.text) if isinstance(row, OutputEntry) else 0) for row in value)
    return _ROW
