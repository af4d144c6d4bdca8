"""What the processor wants from the world."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from cryptwire.domain.hopper import Hopper, HopperId, UserId
from cryptwire.domain.trade import Trade


class Bell(Protocol):
    """What wakes a job."""

    async def rings(self) -> None:
        """Return when it has rung since this was asked last, at once if it has already."""
        ...


class Runs(Protocol):
    """Who does which run; see cryptwire/storage/job_runs.py. Raises Unavailable."""

    async def served(self, job: str, every: timedelta) -> None: ...

    async def missing(self, job: str, dues: Sequence[datetime]) -> list[datetime]: ...

    async def claim(self, job: str, due_at: datetime, worker: str) -> int | None: ...

    async def alive(self, job: str, due_at: datetime, worker: str) -> bool: ...

    async def finish(self, job: str, due_at: datetime, worker: str, said: str) -> bool: ...

    async def let_go(self, job: str, due_at: datetime, worker: str, said: str) -> None: ...


class TradeList(Protocol):
    """Cryptohopper's own list of trades, which is the truth."""

    async def since(
        self, user: UserId, hopper: HopperId, since: datetime, within: timedelta, *, is_import: bool
    ) -> list[Trade]:
        """Trades at or after ``since``; ``is_import``: a long history, which everything else comes before.

        Raises Unavailable (also when it takes longer than ``within``), Exhausted, Refused, Corrupt.
        """
        ...


class Comparisons(Protocol):
    """How far each hopper's trades were compared; raises Unavailable."""

    async def waiting(self, due_at: datetime) -> list[tuple[Hopper, datetime | None]]: ...

    async def complete(self, hopper: HopperId, until: datetime, mended: int) -> None: ...


class Trades(Protocol):
    """Where trades are kept; raises Unavailable."""

    async def add(self, trades: Sequence[Trade]) -> list[Trade]:
        """Keep those that are new, and give just these."""
        ...


class Bus(Protocol):
    async def publish(self, subject: str, payload: bytes) -> None:
        """Send; raises Unavailable."""
        ...
