"""What the datafeed wants from the world."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from cryptwire.domain.bar import Columns, Volumes
from cryptwire.domain.hopper import Asset, Hopper, HopperId, UserId
from cryptwire.domain.trade import Trade


class Caller(Protocol):
    """Who is asking, and under which session."""

    @property
    def user(self) -> UserId: ...
    @property
    def session(self) -> bytes: ...
    @property
    def expires_at(self) -> datetime: ...
    @property
    def plan(self) -> str: ...
    @property
    def scopes(self) -> frozenset[str] | None: ...


class Sessions(Protocol):
    """Who holds which session."""

    async def who(self, secret: str) -> Caller:
        """Raises Unauthenticated, Unavailable."""
        ...

    def forget(self, user: UserId) -> None:
        """Go by nothing that is remembered of a user."""
        ...

    async def again(self, sessions: list[bytes]) -> Mapping[bytes, Caller]:
        """The callers of those that have not ended, with their plans of this moment; raises Unavailable."""
        ...


class Person(Protocol):
    """A user, as far as a chart needs him."""

    @property
    def zone(self) -> str: ...


class People(Protocol):
    """Every user."""

    async def by_id(self, user: UserId) -> Person:
        """Raises NotFound, Unavailable."""
        ...


class Hoppers(Protocol):
    """Who has which hopper."""

    async def of(self, user: UserId, hopper: HopperId) -> Hopper:
        """Raises NotFound, also when it is somebody else's; Unavailable."""
        ...

    async def of_user(self, user: UserId) -> list[Hopper]:
        """By name; raises Unavailable."""
        ...


class Trades(Protocol):
    """A hopper's own trades."""

    async def within(self, hopper: HopperId, since: datetime, until: datetime) -> list[Trade]:
        """In ``[since, until)``, oldest first; raises Unavailable."""
        ...


class Series(Protocol):
    """Stored candles and volumes, in seconds and columns; every method raises Unavailable."""

    async def newest(self, hopper: HopperId, since: int, until: int, limit: int) -> Columns:
        """The last ``limit`` candles opened in ``[since, until)``, oldest first, without volume."""
        ...

    async def volumes(self, hopper: HopperId, base: Asset, since: int, until: int) -> Volumes:
        """The volumes of the quarters of an hour in ``[since, until)``."""
        ...

    async def volume(self, hopper: HopperId, base: Asset, since: int, until: int) -> float:
        """The volume of the trades in ``[since, until)``."""
        ...

    async def latest(self, hopper: HopperId, before: int) -> int | None:
        """When the last candle before ``before`` opened."""
        ...
