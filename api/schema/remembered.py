"""What was made of objects that live long: documents, which the parser remembers, and the schema."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """By which objects it was made of, not by what they hold; ``most`` of them, those that were asked for last.

    An entry keeps its objects, so that their identities stay theirs alone.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[Hashable, tuple[object, T]] = OrderedDict()

    def of(self, owners: tuple[object, ...], also: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` gave for ``owners`` and ``also``."""
        key = (*map(id, owners), also)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = owners, make()
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        return known[1]
