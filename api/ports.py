"""What the API wants from the world."""

from datetime import datetime, timedelta
from typing import Protocol

from cryptwire.domain.hopper import Hopper, HopperId, UserId


class Caller(Protocol):
    """Who is asking, and under which session; ``scopes`` of a personal token, else None."""

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
    """Who holds which session; every method raises Unavailable."""

    async def who(self, secret: str) -> Caller:
        """Raises Unauthenticated."""
        ...

    async def begin(self, user: UserId, lifetime: timedelta) -> str:
        """The secret of a new session."""
        ...

    async def end(self, session: bytes) -> None:
        """End a session."""
        ...


class Person(Protocol):
    """A user."""

    @property
    def id(self) -> UserId: ...
    @property
    def email(self) -> str: ...
    @property
    def password_hash(self) -> str: ...
    @property
    def zone(self) -> str: ...
    @property
    def currency(self) -> str: ...


class People(Protocol):
    """Every user; every method raises Unavailable."""

    async def by_email(self, email: str) -> Person | None:
        """In whatever case it is written."""
        ...

    async def by_id(self, user: UserId) -> Person:
        """Raises NotFound."""
        ...


class Hoppers(Protocol):
    """Who has which hopper; every method raises Unavailable."""

    async def of_user(self, user: UserId) -> list[Hopper]:
        """By name."""
        ...

    async def of(self, user: UserId, hopper: HopperId) -> Hopper:
        """Raises NotFound, also when it is somebody else's."""
        ...


class Passwords(Protocol):
    """What tells a right password from a wrong one."""

    async def are_same(self, password: str, password_hash: str | None) -> bool:
        """True for the right password; False takes as long, also without a hash. Raises Unavailable when too busy."""
        ...


class Spending(Protocol):
    """Points of everybody, so many a minute."""

    async def spend(self, key: str, points: int) -> int:
        """What is left under ``key``; raises Exhausted with the time to wait."""
        ...
