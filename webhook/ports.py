"""What the webhook receiver wants from the world."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from cryptwire.domain.hopper import Hopper, HopperId, UserId
from cryptwire.domain.strange_call import StrangeCall
from cryptwire.domain.trade import Trade


class TradeList(Protocol):
    """Cryptohopper's own list of trades, which is the truth."""

    async def since(self, user: UserId, hopper: HopperId, since: datetime) -> list[Trade]:
        """Trades at or after ``since``; raises Unavailable, Exhausted with the time to wait, or Refused."""
        ...


class Hoppers(Protocol):
    async def by_id(self, hoppers: list[HopperId]) -> dict[HopperId, Hopper]:
        """Those of ``hoppers`` that are known; raises Unavailable."""
        ...


class Trades(Protocol):
    """Where trades are kept; raises Unavailable."""

    async def last_at(self, hopper: HopperId) -> datetime | None:
        """When the newest trade was made."""
        ...

    async def add(self, trades: Sequence[Trade]) -> list[Trade]:
        """Keep those that are new, and give just these."""
        ...


class Hints(Protocol):
    """Where it is noted that something was heard; raises Unavailable."""

    async def heard(self, hopper: HopperId, at: datetime) -> None:
        """A message told ``at`` that this hopper has traded."""
        ...


class Aside(Protocol):
    """Where calls that nobody understands wait for a person."""

    def put(self, body: bytes, form: int, reason: str, at: datetime) -> None:
        """Have a call kept, later; never waits and never fails."""
        ...


class StrangeTable(Protocol):
    async def keep(self, calls: Sequence[StrangeCall]) -> None:
        """Keep them, a bounded number; raises Unavailable."""
        ...


class Bus(Protocol):
    async def publish(self, subject: str, payload: bytes) -> None:
        """Send; raises Unavailable."""
        ...
