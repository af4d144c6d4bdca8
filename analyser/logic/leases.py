"""What somebody wants, and until when: figures that nobody asks for again are dropped."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from cryptwire.domain.figure import FigureKey

LEASE = timedelta(seconds=60)
MOST = 300
"""Figures of one hopper or pair at once, so that nobody can make it compute without bounds."""


class Leases:
    """The wanted figures of one hopper or pair."""

    __slots__ = ("_until", "soonest")

    def __init__(self) -> None:
        self._until: dict[FigureKey, datetime] = {}
        self.soonest: datetime | None = None
        """When the next of them ends; None: nothing is wanted."""

    def __len__(self) -> int:
        return len(self._until)

    def __bool__(self) -> bool:
        return bool(self._until)

    def __contains__(self, key: object) -> bool:
        return key in self._until

    @property
    def keys(self) -> tuple[FigureKey, ...]:
        """In the order in which they were first wanted."""
        return tuple(self._until)

    def want(self, keys: Iterable[FigureKey], until: datetime) -> bool:
        """Keep these until then, at least; whether some are new."""
        before = len(self._until)
        for key in keys:
            known = self._until.get(key)
            self._until[key] = until if known is None else max(known, until)
        self.soonest = min(self._until.values(), default=None)
        return len(self._until) > before

    def expire(self, now: datetime) -> bool:
        """Drop what has ended; whether something has."""
        if self.soonest is None or now < self.soonest:
            return False
        self._until = {key: until for key, until in self._until.items() if until > now}
        self.soonest = min(self._until.values(), default=None)
        return True
