"""What imports want from the world."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from cryptwire.domain.account import Order, Position, Reserved, Short
from cryptwire.domain.hopper import Hopper, HopperId, LinkedHopper, UserId
from cryptwire.domain.hopper_change import HopperEvent
from cryptwire.domain.imports import Claimed, ImportProgress, ImportStage, ImportState, Steps
from cryptwire.domain.notice import Notice
from cryptwire.domain.trade import Trade

Tell = Callable[[int, int], Awaitable[None]]
"""How far it is: done, and of how many."""


class Account(Protocol):
    """A linked account, as the gateway reads it; every method raises the errors of GatewayClient."""

    async def hoppers(self, user: UserId, max_age: timedelta = ...) -> list[LinkedHopper]: ...

    async def config(
        self, user: UserId, hopper: HopperId, *, is_import: bool = False, within: timedelta | None = None
    ) -> dict[str, str]: ...

    async def positions(
        self, user: UserId, hopper: HopperId, *, is_import: bool = False, within: timedelta | None = None
    ) -> tuple[Position, ...]: ...

    async def reserved(
        self, user: UserId, hopper: HopperId, *, is_import: bool = False, within: timedelta | None = None
    ) -> tuple[Reserved, ...]: ...

    async def shorts(
        self, user: UserId, hopper: HopperId, *, is_import: bool = False, within: timedelta | None = None
    ) -> tuple[Short, ...]: ...

    async def orders(
        self, user: UserId, hopper: HopperId, *, is_import: bool = False, within: timedelta | None = None
    ) -> tuple[Order, ...]: ...

    def trade_pages(
        self,
        user: UserId,
        hopper: HopperId,
        since: datetime,
        *,
        is_import: bool = False,
        within: timedelta | None = None,
    ) -> AsyncIterator[list[Trade]]: ...


class Imports(Protocol):
    """See cryptwire/storage/imports.py."""

    async def free(self) -> list[UserId]: ...

    async def free_lost(self) -> list[UserId]: ...

    async def ask(self, user: UserId, only: Collection[HopperId] | None = None) -> bool: ...

    async def claim(self, user: UserId, worker: str) -> Claimed | None: ...

    async def alive(self, claim: Claimed) -> bool: ...

    async def let_go(self, claim: Claimed) -> None: ...

    async def fault(self, claim: Claimed, pause: timedelta) -> None: ...

    async def note(
        self,
        claim: Claimed,
        stage: ImportStage,
        hopper: HopperId | None,
        done: int,
        total: int | None,
        estimated_end_at: datetime | None,
    ) -> None: ...

    async def progress(self, user: UserId) -> ImportProgress | None: ...

    async def finish(self, claim: Claimed, state: ImportState, error: str | None, *told: Notice) -> None: ...

    async def enlist(self, claim: Claimed, hoppers: Iterable[HopperId]) -> None: ...

    async def steps(self, claim: Claimed) -> list[Steps]: ...

    async def step_done(self, claim: Claimed, hopper: HopperId, stage: ImportStage) -> None: ...

    async def begin_trades(self, claim: Claimed, hopper: HopperId, at: datetime) -> None: ...

    async def store(
        self, claim: Claimed, hopper: HopperId, page: Sequence[Trade], fresh: int, cursor: tuple[datetime, str]
    ) -> list[Trade]: ...

    async def traded(self, claim: Claimed, hopper: HopperId) -> int: ...

    async def filled(self, claim: Claimed, hopper: HopperId, candles: int) -> None: ...

    async def trouble(self, claim: Claimed, hopper: HopperId, problem: str) -> None: ...


class Hoppers(Protocol):
    """See cryptwire/storage/hoppers.py."""

    async def others(self, user: UserId, hoppers: Sequence[HopperId]) -> list[HopperId]: ...

    async def linked_users(self) -> list[UserId]: ...

    async def linked(self, user: UserId) -> list[HopperId]: ...

    async def never_imported(self, user: UserId) -> list[HopperId]: ...

    async def see(
        self,
        user: UserId,
        seen: Sequence[LinkedHopper],
        at: datetime,
        notice: Callable[[HopperEvent, int], Notice],
    ) -> list[HopperEvent]: ...


class Configs(Protocol):
    async def keep(self, hopper: HopperId, fields: Mapping[str, str], read_at: datetime) -> int: ...


class Holdings(Protocol):
    """Where positions and orders are kept as last read."""

    async def keep(
        self,
        hopper: HopperId,
        positions: Sequence[Position],
        reserved: Sequence[Reserved],
        shorts: Sequence[Short],
        orders: Sequence[Order],
        read_at: datetime,
    ) -> None: ...


class Queue(Protocol):
    """The queue of imports; raises Unavailable."""

    async def put(self, user: UserId) -> None: ...


class Backfill(Protocol):
    """What reconstructs a hopper's past from its trades."""

    async def fill(self, hopper: Hopper, tell: Tell) -> int:
        """Fill what is missing; how many candles. Begun again, it goes on. Raises Unavailable, Refused, Corrupt."""
        ...
