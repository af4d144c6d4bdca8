"""Equal reads in flight are one; who is more urgent does not wait behind the others' turn."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from cryptwire.clock import Clock
from cryptwire.domain.hopper import UserId
from cryptwire.errors import Exhausted
from gateway.ports import Late, Urgency
from gateway.reads.kept import Key, Read

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Flight:
    """A read under way until ``until``, for ``waiting`` callers, as urgent as the most urgent of them.

    ``race`` holds all flights of the same read: while they wait for their turns there may be several, of different
    urgency. The first whose turn comes (``is_sent``) goes for all of them.
    """

    user: UserId
    until: datetime
    urgency: Urgency
    race: "list[Flight]"
    is_sent: bool = False
    waiting: int = 0
    winner: "Flight | None" = None  # that went in place of this one
    task: "asyncio.Task[Read[Any]]" = field(init=False)

    def sends(self) -> None:
        """Its turn has come."""
        self.is_sent = True
        for other in [other for other in self.race if not other.is_sent]:
            self.race.remove(other)
            other.winner = self
            other.task.cancel()

    def waits(self) -> None:
        """It needs another turn."""
        self.is_sent = False


Make = Callable[[Flight], Coroutine[Any, Any, Read[T]]]


class Flights:
    """Reads under way, by what is asked; ``land`` is told of each answer that came."""

    def __init__(self, clock: Clock, land: Callable[[Key, Read[Any]], None]) -> None:
        self._clock = clock
        self._land = land
        self._races: dict[Key, list[Flight]] = {}

    async def read(self, key: Key, user: UserId, until: datetime, urgency: Urgency, make: Make[T]) -> Read[T]:
        """The answer of the read of this that is under way, or of a new one.

        Who is more urgent than all that still wait for a turn starts his own. So does who has joined another's, whose
        deadline then came too early.
        """
        joined: Flight | None = None
        while True:
            joined = joined or self._joinable(key, urgency)
            flight = joined or self._begin(key, user, until, urgency, make)
            flight.urgency = min(flight.urgency, urgency)
            flight.waiting += 1
            try:
                await asyncio.wait({flight.task})
            finally:
                flight.waiting -= 1
                if not flight.waiting and not flight.task.done():
                    flight.task.cancel()
                    self._remove(key, flight)
            if flight.task.cancelled():
                joined = flight.winner  # if it has none, all who waited for it had left before this caller came
                continue
            error = flight.task.exception()
            if error is None:
                read: Read[T] = flight.task.result()
                return read
            if joined is None or not isinstance(error, Exhausted | Late) or self._clock.now() >= until:
                raise error
            joined = None

    def forget(self, user: UserId) -> None:
        """Nobody joins a read of this user that is under way, and its answer is not kept."""
        for key in [key for key, race in self._races.items() if race[0].user == user]:
            del self._races[key]

    def __len__(self) -> int:
        return len(self._races)

    def _joinable(self, key: Key, urgency: Urgency) -> Flight | None:
        race = self._races.get(key, [])
        return next((flight for flight in race if flight.is_sent or flight.urgency <= urgency), None)

    def _begin(self, key: Key, user: UserId, until: datetime, urgency: Urgency, make: Make[T]) -> Flight:
        race = self._races.setdefault(key, [])
        flight = Flight(user, until, urgency, race)
        race.append(flight)
        flight.task = asyncio.create_task(make(flight))
        flight.task.add_done_callback(lambda _: self._ended(key, flight))
        return flight

    def _ended(self, key: Key, flight: Flight) -> None:
        is_wanted = self._races.get(key) is flight.race and flight in flight.race
        self._remove(key, flight)
        if not flight.task.cancelled() and flight.task.exception() is None and is_wanted:
            self._land(key, flight.task.result())

    def _remove(self, key: Key, flight: Flight) -> None:
        if flight in flight.race:
            flight.race.remove(flight)
        if not flight.race and self._races.get(key) is flight.race:
            del self._races[key]
