"""Somebody has signed in: what he will look at is read anew, after he was answered."""

import asyncio
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Protocol

from cryptwire.clock import Clock
from cryptwire.domain.hopper import Hopper, HopperId, UserId
from cryptwire.errors import CryptwireError, LinkAgain
from cryptwire.log import Log
from cryptwire.messaging.bus import Bus
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from cryptwire.tasks import end

_log = Log(__name__)
_AGAIN_AFTER = timedelta(minutes=1)
_WITHIN = timedelta(seconds=60)
_MOST_AT_ONCE = 200
_MOST_REMEMBERED = 20_000


class Balances(Protocol):
    async def assets(
        self, user: UserId, hopper: HopperId, max_age: timedelta = ..., *, within: timedelta | None = None
    ) -> object: ...


class Hoppers(Protocol):
    async def readable(self, user: UserId) -> list[Hopper]: ...


class Queue(Protocol):
    async def put_look(self, user: UserId) -> None: ...


class Arrivals:
    """Refreshes balances, and has hoppers compared, when their owner comes. It never delays or fails his coming.

    What the gateway reads for the API goes before every poll, and stays there for whoever asks next.
    """

    def __init__(self, gateway: Balances | None, hoppers: Hoppers, queue: Queue, clock: Clock, meters: Meters) -> None:
        self._gateway = gateway
        self._hoppers = hoppers
        self._queue = queue
        self._clock = clock
        self._meters = meters
        self._bus: Bus | None = None
        self._came: OrderedDict[UserId, datetime] = OrderedDict()
        self._running: set[asyncio.Task[None]] = set()

    def signed_in(self, user: UserId) -> None:
        """Begin; at most once a minute for each user, and not when too much of it is under way."""
        now = self._clock.now()
        came = self._came.get(user)
        if self._gateway is None or len(self._running) >= _MOST_AT_ONCE or (came and now - came < _AGAIN_AFTER):
            return
        self._came[user] = now
        self._came.move_to_end(user)
        if len(self._came) > _MOST_REMEMBERED:
            self._came.popitem(last=False)
        task = asyncio.create_task(self._refresh(user, self._gateway))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def speak(self, bus: Bus) -> None:
        """Trackers hear of it on this bus."""
        self._bus = bus

    async def close(self) -> None:
        """Let go of what is under way."""
        await end(self._running)

    async def _refresh(self, user: UserId, gateway: Balances) -> None:
        """Nobody without a link costs more than one question to the database."""
        outcome = "refreshed"
        try:
            hoppers = await self._hoppers.readable(user)
            if not hoppers:
                self._came.pop(user, None)  # once there is something to refresh it is not to wait
                return
            await self._queue.put_look(user)
            for hopper in hoppers:
                if self._bus is not None:  # the tracker's poll and this read are one request upstream
                    await self._bus.publish(LIVE.poll(hopper.id), hopper.id.encode())
                # upstream shows nothing newer within its plan's rhythm: what was polled since is as good
                await gateway.assets(user, hopper.id, hopper.refresh_every, within=_WITHIN)
        except LinkAgain:
            outcome = "to be linked again"
        except CryptwireError as error:
            _log.warning("balances were not refreshed", user=user, reason=error)
            outcome = "failed"
        self._meters.count("api_refreshes", "Balances refreshed when somebody came", outcome=outcome)
