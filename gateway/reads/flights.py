"""Equal reads in flight are one; who is more urgent does not wait behind the others' turn."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from cryptwire.clock import Clock
from cryptwire.domain.hopper import UserId
from cryptwire.errors import Exhausted, Unavailable
from gateway.ports import Late, Urgency
from gateway.reads.kept import Key, Read

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Flight:
    """A read under way until ``until``, for ``waiting`` callers. ``is_sent``: it does not wait for a turn."""

    user: UserId
    until: datetime
    urgency: Urgency
    is_sent: bool = False
    waiting: int = 0
    older: "Flight | None" = None  # a less urgent one of the same, which goes on until this one has its turn
    is_overtaken: bool = False
    task: "asyncio.Task[Read[Any]]" = field(init=False)

    def sends(self) -> None:
        """Its turn has come: whatever less urgent waits for the same need not go."""
        self.is_sent = True
        older, self.older = self.older, None
        while older is not None:
            if not older.is_sent:
                older.is_overtaken = True
                older.task.cancel()
            older = older.older

    def waits(self) -> None:
        """It needs another turn."""
        self.is_sent = False


Make = Callable[[Flight], Awaitable[Read[T]]]


class Flights:
    """Reads under way, by what is asked; ``land`` is told of each answer that came."""

    def __init__(self, clock: Clock, land: Callable[[Key, Read[Any]], None]) -> None:
        self._clock = clock
        self._land = land
        self._flights: dict[Key, Flight] = {}

    async def read(self, key: Key, user: UserId, until: datetime, urgency: Urgency, make: Make[T]) -> Read[T]:
        """The answer of the read of this that is under way, or of a new one.

        Who has joined another's read, whose deadline then came too early, starts his own.
        """
        while True:
            flight = self._flights.get(key)
            is_joined = flight is not None and (flight.is_sent or flight.urgency <= urgency)
            if flight is None or not is_joined:
                flight = self._begin(key, Flight(user, until, urgency, older=flight), make)
            task = flight.task
            flight.waiting += 1
            try:
                await asyncio.wait({task})
            finally:
                flight.waiting -= 1
                if not flight.waiting and not task.done():
                    task.cancel()
                    self._remove(key, flight)
            if task.cancelled():
                if flight.is_overtaken:
                    continue
                raise Unavailable("the read was dropped; ask again")
            error = task.exception()
            if error is None:
                read: Read[T] = task.result()
                return read
            if not (is_joined and isinstance(error, Exhausted | Late) and self._clock.now() < until):
                raise error

    def forget(self, user: UserId) -> None:
        """Nobody joins a read of this user that is under way, and its answer is not kept."""
        for key in [key for key, flight in self._flights.items() if flight.user == user]:
            del self._flights[key]

    def __len__(self) -> int:
        return len(self._flights)

    def _begin(self, key: Key, flight: Flight, make: Make[T]) -> Flight:
        self._flights[key] = flight
        flight.task = asyncio.ensure_future(make(flight))
        flight.task.add_done_callback(lambda _: self._ended(key, flight))
        return flight

    def _ended(self, key: Key, flight: Flight) -> None:
        is_current = self._flights.get(key) is flight
        self._remove(key, flight)
        task = flight.task
        if not task.cancelled() and task.exception() is None and is_current:
            self._land(key, task.result())

    def _remove(self, key: Key, flight: Flight) -> None:
        """The one before takes its place, if it still goes on."""
        if self._flights.get(key) is not flight:
            return
        del self._flights[key]
        older = flight.older
        if older is not None and not older.task.done():
            self._flights[key] = older
