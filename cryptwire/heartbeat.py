"""Heartbeats of completed work (requirement R24): what tells a service that works from one that merely runs."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from cryptwire.clock import Clock
from cryptwire.config import environment
from cryptwire.errors import CryptwireError
from cryptwire.log import Log
from cryptwire.runtime import Runtime
from cryptwire.storage import redis
from cryptwire.storage.heartbeats import Heartbeats
from cryptwire.storage.redis import Redis
from cryptwire.tasks import end

_log = Log(__name__)
_EVERY = timedelta(seconds=1)
_LOOKS_EVERY = timedelta(seconds=2)
_GOODBYE_SECONDS = 1.0


class Heartbeat:
    """One service's. ``done`` may be called as often as work is completed; it is written once a second at most.

    Nothing is written for a second in which nothing was completed: a service that hangs falls silent. While Redis is
    away the service goes on, and what is written next counts everything.
    """

    def __init__(self, heartbeats: Heartbeats | None, who: str, clock: Clock) -> None:
        self._heartbeats = heartbeats
        self._who = who
        self._clock = clock
        self._count = 0
        self._work = ""
        self._is_new = asyncio.Event()

    def done(self, work: str) -> None:
        """``work``, in a few words, is completed."""
        self._count += 1
        self._work = work
        self._is_new.set()

    async def write(self) -> None:
        """Write what is completed, forever."""
        is_away = False
        assert self._heartbeats is not None
        while True:
            await self._is_new.wait()
            self._is_new.clear()
            try:
                await self._heartbeats.beat(self._who, self._work, self._count)
                is_away = False
            except CryptwireError as error:
                if not is_away:
                    _log.warning("a heartbeat cannot be written", who=self._who, reason=error)
                is_away = True
            await self._clock.sleep(_EVERY)

    async def looks(self, look: Callable[[], Awaitable[object]], work: str) -> None:
        """For a service that is idle until it is asked: a ``look`` at what it depends on, each 2 s, is its work."""
        while True:
            with contextlib.suppress(CryptwireError):
                await look()
                self.done(work)
            await self._clock.sleep(_LOOKS_EVERY)

    async def end(self) -> None:
        """Say goodbye, when Redis is there."""
        assert self._heartbeats is not None
        try:
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await self._heartbeats.end(self._who)
        except (CryptwireError, TimeoutError) as error:
            _log.warning("could not say goodbye; it is taken for silence", who=self._who, reason=error)


def instance() -> str:
    """This process's name among those of its service: ``CRYPTWIRE_INSTANCE``, else the machine's (a pod's) name."""
    return environment().get("CRYPTWIRE_INSTANCE") or socket.gethostname()


@asynccontextmanager
async def beating(runtime: Runtime, client: Redis, service: str, name: str = "") -> AsyncIterator[Heartbeat]:
    """A heartbeat that is written while the block runs; ``name`` is the instance's, such as a pod's.

    It says goodbye when the service was told to stop, not when it broke.
    """
    heartbeat = Heartbeat(Heartbeats(client), f"{service}/{name or instance()}", runtime.clock)
    writing = asyncio.create_task(heartbeat.write())
    try:
        yield heartbeat
    finally:
        await end([writing])
        if runtime.stop.is_set() and not runtime.has_failed:
            await heartbeat.end()


@asynccontextmanager
async def beating_at(runtime: Runtime, url: str | None, service: str) -> AsyncIterator[Heartbeat]:
    """The same over a connection of its own. Without an address nothing is written: nobody notices when it hangs."""
    if url is None:
        _log.warning("no heartbeat is written: no address of Redis is set", service=service)
        yield Heartbeat(None, service, runtime.clock)
        return
    async with redis.connect(url) as client, beating(runtime, client, service) as heartbeat:
        yield heartbeat
