"""What daily statistics and flows want from the world. Each raises Unavailable when the world is away."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from cryptwire.domain.account import Position, Reserved
from cryptwire.domain.daily import Daily, DayCandles, Midnight, Progress, Standing
from cryptwire.domain.flow import Flow
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.notice import Notice
from cryptwire.domain.portfolio import Portfolio
from cryptwire.domain.trade import Trade


class Days(Protocol):
    """See cryptwire/storage/daily_statistics.py."""

    async def zones(self) -> list[str]: ...

    async def untaken(self, zones: Sequence[str], at: datetime, after: str, most: int) -> list[Hopper]: ...

    async def due(self, lasts: Mapping[str, datetime], after: str, most: int) -> list[Standing]: ...

    async def candles(self, days: Sequence[tuple[HopperId, datetime, datetime]]) -> list[DayCandles | None]: ...

    async def before(self, hopper: HopperId, zone: str, on: date) -> Daily | None: ...

    async def put(self, days: Sequence[Daily], moved: Sequence[tuple[Standing, Progress]]) -> set[HopperId]: ...


class Midnights(Protocol):
    """See cryptwire/storage/balances.py."""

    async def put(self, midnights: Sequence[Midnight]) -> int: ...

    async def at(self, keys: Sequence[tuple[HopperId, datetime]]) -> dict[tuple[HopperId, datetime], Midnight]: ...

    async def next_taken(self, hopper: HopperId, since: datetime) -> Midnight | None: ...

    async def last_taken(self, hopper: HopperId, until: datetime) -> datetime | None: ...


class Trades(Protocol):
    """Stored trades."""

    async def of_many(self, spans: Sequence[tuple[HopperId, datetime, datetime]]) -> dict[HopperId, list[Trade]]: ...

    async def within(self, hopper: HopperId, since: datetime, until: datetime) -> list[Trade]: ...

    def pages(self, hopper: HopperId, until: datetime) -> AsyncIterator[list[Trade]]:
        """All before ``until``, oldest first, some thousands at a time."""
        ...


class FlowsOfMany(Protocol):
    async def of_many(self, spans: Sequence[tuple[HopperId, datetime, datetime]]) -> dict[HopperId, list[Flow]]: ...

    async def moved(self, hopper: HopperId, since: datetime, until: datetime) -> list[Flow]: ...


class Account(Protocol):
    """What upstream tells of a hopper; raises LinkAgain, Exhausted, Refused, Corrupt besides."""

    async def assets(self, hopper: Hopper, max_age: timedelta) -> tuple[dict[Asset, Decimal], datetime]: ...

    async def positions(self, hopper: Hopper, max_age: timedelta) -> tuple[Position, ...]: ...

    async def reserved(self, hopper: Hopper, max_age: timedelta) -> tuple[Reserved, ...]: ...


class Live(Protocol):
    """The live states that were heard."""

    def last(self, hopper: HopperId) -> Portfolio | None: ...

    def at(self, hopper: HopperId, moment: datetime) -> Portfolio | None:
        """The first that was heard at or after ``moment`` within its quarter of an hour."""
        ...


class Markets(Protocol):
    """What the exchanges' pairs cost now, and cost before."""

    async def now(self, exchange: Exchange, base: Asset, assets: Iterable[Asset]) -> dict[Asset, Decimal]:
        """Of those that can be priced, in the base currency, by the last prices."""
        ...

    async def then(
        self, wanted: Iterable[tuple[Exchange, Asset, Asset, datetime]]
    ) -> dict[tuple[Exchange, Asset, Asset, datetime], Decimal]:
        """What one unit of the first asset was worth in the second: the close of the quarter of an hour that ended
        last, at most a day before; what nobody knows is left out.
        """
        ...


class FlowBook(Protocol):
    """See cryptwire/storage/flows.py."""

    async def open_new(self, since: datetime) -> int: ...

    async def hoppers_with_open(self) -> list[Hopper]: ...

    async def within(self, hopper: HopperId, since: datetime, until: datetime) -> list[Flow]: ...

    async def decide(self, decided: Sequence[Flow], notices: Iterable[Notice] = ()) -> list[Flow]: ...


class HoppersOfUser(Protocol):
    async def of_user(self, user: UserId) -> list[Hopper]: ...


class Bus(Protocol):
    async def publish(self, subject: str, payload: bytes) -> None: ...
