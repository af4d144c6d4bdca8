"""What the market's jobs want from the world."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from cryptwire.domain.market import Coin, High, Rates
from cryptwire.domain.notice import Notice
from cryptwire.storage.sources import Source


@dataclass(frozen=True, slots=True)
class Published:
    """Rates, and what tells next time whether they are still the same."""

    rates: Rates
    etag: str | None
    modified: str | None


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may still be asked, and for how long it must last; ``left`` None: without limit."""

    left: int | None
    remaining: timedelta


class RateSource(Protocol):
    """Who publishes exchange rates.

    Raises Unavailable (away), Exhausted (the allowance is used up), Forbidden (the plan does not hold it), Refused (the
    key), Corrupt.
    """

    async def latest(self, etag: str | None, modified: str | None) -> Published | None:
        """The rates; None when they are those that ``etag`` or ``modified`` stand for."""
        ...

    async def of_day(self, day: date) -> Rates | None:
        """The last rates of a day, UTC, which may hold little; None when it has none of that day."""
        ...

    async def allowance(self) -> Allowance:
        """In requests."""
        ...


class CapSource(Protocol):
    """Who lists coins; raises as RateSource."""

    async def listings(self, count: int) -> Sequence[Coin]:
        """The largest coins, by rank."""
        ...

    async def highs(self, coins: Sequence[int]) -> Mapping[int, High]:
        """All-time highs of 100 coins at most; what it does not know is left out."""
        ...

    async def allowance(self) -> Allowance:
        """In credits."""
        ...


class Rows(Protocol):
    """Where rates are kept; raises Unavailable."""

    async def add(self, rates: Rates) -> None: ...


class Caps(Protocol):
    """Where coins are kept; raises Unavailable."""

    async def listed(self, coins: Sequence[Coin]) -> None: ...

    async def without_high_since(self, since: datetime, ranks: int) -> list[int]: ...

    async def highs(self, highs: Mapping[int, High], read_at: datetime) -> None: ...

    async def drop_before(self, moment: datetime) -> int: ...


class Sources(Protocol):
    """What is remembered of the sources; raises Unavailable."""

    async def of(self, source: str) -> Source: ...

    async def read(self, source: str, at: datetime, etag: str | None = None, modified: str | None = None) -> None: ...

    async def failed(self, source: str, at: datetime, said: str, pause: timedelta) -> None: ...


class Tells(Protocol):
    """Where notices go; raises Unavailable."""

    async def add(self, notice: Notice) -> bool: ...
