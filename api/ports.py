"""What the API wants from the world."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from cryptwire.domain.hopper import Hopper, HopperId, UserId
from cryptwire.domain.hopper_change import KnownHopper
from cryptwire.domain.plan import BillingEvent, Heard, PlanNow


class Caller(Protocol):
    """Who is asking, and under which session; ``scopes`` of a personal token, else None.

    ``authenticated_at``: when a person gave his password last.
    """

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
    @property
    def authenticated_at(self) -> datetime | None: ...


class Sessions(Protocol):
    """Who shows which token; every method raises Unavailable."""

    async def who(self, token: str) -> Caller:
        """Raises Unauthenticated."""
        ...

    async def again(self, sessions: Sequence[bytes]) -> Mapping[bytes, Caller]:
        """The callers of those of ``sessions`` that go on, as they are now."""
        ...

    def forget(self, user: UserId) -> None:
        """Go by nothing that is remembered of a user."""
        ...


class Hoppers(Protocol):
    """Who has which hopper; every method raises Unavailable."""

    async def known(self, user: UserId) -> list[KnownHopper]:
        """By name, with what became of them; those included that are deleted or not linked any more."""
        ...

    async def known_one(self, user: UserId, hopper: HopperId) -> KnownHopper:
        """Raises NotFound, also when it is somebody else's."""
        ...

    async def of_user(self, user: UserId) -> list[Hopper]:
        """By name."""
        ...

    async def of(self, user: UserId, hopper: HopperId) -> Hopper:
        """Raises NotFound, also when it is somebody else's."""
        ...


class Passwords(Protocol):
    """What tells a right password from a wrong one; raises Unavailable when too busy."""

    async def are_same(self, password: str, password_hash: str | None) -> bool:
        """True for the right password; False takes as long, also without a hash."""
        ...

    async def hash(self, password: str) -> str:
        """What is kept of a password."""
        ...

    def is_outdated(self, password_hash: str) -> bool:
        """Whether it should be made anew when the password is known."""
        ...


class Spending(Protocol):
    """Points of everybody, so many a minute."""

    def spend(self, key: str, points: int) -> int:
        """What is left under ``key``; raises Exhausted with the time to wait."""
        ...


class Plans(Protocol):
    """Everybody's plan; every method raises Unavailable."""

    async def of(self, user: UserId) -> PlanNow:
        """Raises NotFound."""
        ...

    async def begin_trial(self, user: UserId) -> datetime:
        """Begin the trial that everybody has once; until when. Raises Invalid when there is none to begin."""
        ...

    async def heard(self, event: BillingEvent) -> Heard:
        """Keep a provider's event, and bring the user's plan to what all of his events amount to."""
        ...


class Checkout(Protocol):
    """A payment provider, as far as it is asked."""

    def page(self, user: UserId, plan: str) -> str:
        """Where ``user`` pays for ``plan``; its events name him by his id."""
        ...
