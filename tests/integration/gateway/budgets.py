"""Request budgets on a real Redis, under a clock that the test turns."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from cryptwire.clock import Clock
from cryptwire.domain.hopper import UserId
from cryptwire.errors import Unavailable
from cryptwire.metrics import Meters
from cryptwire.storage import redis
from cryptwire.storage.rate_budget import Answer, Limits, RateBudget
from cryptwire.storage.redis import Redis
from gateway.budget import TokenBudget
from tests.unit.gateway.clock import HandClock

T = TypeVar("T")
SECOND = timedelta(seconds=1)
_IDLE = 20  # rounds of the loop without anything under way, after which nothing is about to begin


@dataclass
class Wire:
    """How much is under way to Redis and back; ``is_cut``: nothing gets there; ``is_dead``: no answer comes back."""

    busy: int = 0
    calls: int = 0
    is_cut: bool = False
    is_dead: bool = False

    async def over(self, call: Callable[[], Awaitable[T]]) -> T:
        if self.is_cut:
            raise Unavailable("Redis is away")
        if self.is_dead:
            await asyncio.sleep(60)
        self.busy += 1
        self.calls += 1
        try:
            return await call()
        finally:
            self.busy -= 1


class WatchedTable(RateBudget):
    """The real one; the test knows when everything is answered, and can cut it off."""

    def __init__(self, client: Redis, limits: Limits, wire: Wire, clock: Clock | None) -> None:
        super().__init__(client, limits, clock=clock)
        self._wire = wire

    async def take(
        self, user: UserId, who: str, urgency: int, patience: timedelta, place: int, last: str, held: timedelta
    ) -> Answer:
        mine = super().take
        return await self._wire.over(lambda: mine(user, who, urgency, patience, place, last, held))

    async def look(self, waiting: Mapping[UserId, Sequence[str]]) -> dict[UserId, list[timedelta | None]]:
        mine = super().look
        return await self._wire.over(lambda: mine(waiting))

    async def leave(self, user: UserId, who: str) -> None:
        mine = super().leave
        await self._wire.over(lambda: mine(user, who))

    async def restore(self, user: UserId, sent: Sequence[tuple[str, timedelta]]) -> None:
        mine = super().restore
        await self._wire.over(lambda: mine(user, sent))

    async def hold(self, user: UserId, span: timedelta) -> None:
        mine = super().hold
        await self._wire.over(lambda: mine(user, span))


@dataclass
class World:
    """Some gateways' budgets on one Redis; each has a wire of its own."""

    client: Redis
    clock: HandClock
    limits: Limits
    wires: list[Wire] = field(default_factory=list)
    budgets: list[TokenBudget] = field(default_factory=list)

    def budget(self) -> TokenBudget:
        """One more gateway's."""
        self.wires.append(Wire())
        table = WatchedTable(self.client, self.limits, self.wires[-1], self.clock)
        self.budgets.append(TokenBudget(table, self.clock, Meters()))
        return self.budgets[-1]

    def until(self, seconds: float) -> datetime:
        return self.clock.now() + timedelta(seconds=seconds)


def limits(requests: int = 30, reserved: int = 6, orders: int = 8) -> Limits:
    return Limits(requests, reserved, 61 * SECOND, orders, 9 * SECOND)


@asynccontextmanager
async def world(url: str, given: Limits) -> AsyncIterator[World]:
    async with redis.connect(url) as client:
        wires: list[Wire] = []

        async def all_settled() -> None:
            idle = 0
            while idle < _IDLE:
                await asyncio.sleep(0)
                idle = 0 if any(wire.busy for wire in wires) else idle + 1

        made = World(client, HandClock(all_settled), given, wires)
        try:
            yield made
        finally:
            for budget in made.budgets:
                await budget.finish()
