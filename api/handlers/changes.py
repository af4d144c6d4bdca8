"""``account.*``, ``notice.*``, ``import.*``: what has changed for whom, for the subscriptions that tell him."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Literal, Self

from cryptwire.clock import Clock
from cryptwire.domain.hopper import UserId
from cryptwire.errors import Unavailable
from cryptwire.log import Log
from cryptwire.messaging import subjects
from cryptwire.messaging.bus import Bus, Message
from cryptwire.metrics import Meters

_log = Log(__name__)
Kind = Literal["account", "notice", "import"]
AGAIN_EVERY = timedelta(seconds=30)
_LOOKS_EVERY = timedelta(seconds=1)
_MOST_KEPT = 10_000
_MOST_PAYLOAD = 100_000  # bytes
_SUBJECT_OF: Mapping[Kind, Callable[[UserId], str]] = {
    "account": subjects.account,
    "notice": subjects.notice,
    "import": subjects.imports,
}


class Stream:
    """What one reader has yet to be told: the newest payload, or only that he read again (None)."""

    def __init__(self, again_at: datetime) -> None:
        self.again_at = again_at
        self._payload: bytes | None = None
        self._is_due = False
        self._has_ended = False
        self._wake = asyncio.Event()

    def tell(self, payload: bytes | None) -> None:
        """A newer payload replaces one that was not taken yet; None takes none away."""
        self._payload = self._payload if payload is None else payload
        self._is_due = True
        self._wake.set()

    def end(self) -> None:
        """What is left is still given, then nothing."""
        self._has_ended = True
        self._wake.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes | None:
        while not self._is_due:
            if self._has_ended:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        payload, self._payload, self._is_due = self._payload, None, False
        return payload


class Changes:
    """Who waits for which change. The last payload of 10,000 users is kept; the newest wins."""

    def __init__(self, clock: Clock, meters: Meters) -> None:
        self._clock = clock
        self._meters = meters
        self._bus: Bus | None = None
        self._streams: dict[str, set[Stream]] = {}
        self._last: OrderedDict[str, bytes] = OrderedDict()
        self._has_ended = False

    @asynccontextmanager
    async def of(self, kind: Kind, user: UserId) -> AsyncIterator[Stream]:
        """A user's changes of one kind, from this moment; read what there is *within* the block, and nothing is missed.

        Gives the payload of each change, the last one at once where there is one, the newest only to a reader who is
        slow. None says: read again, since 30 s have passed or something may have been missed. Ends when the process
        does.
        """
        subject = _SUBJECT_OF[kind](user)
        stream = Stream(self._clock.now() + AGAIN_EVERY)
        if subject in self._last:
            stream.tell(self._last[subject])
        if self._has_ended:
            stream.end()
        self._streams.setdefault(subject, set()).add(stream)
        try:
            yield stream
        finally:
            readers = self._streams[subject]
            readers.discard(stream)
            if not readers:
                del self._streams[subject]

    async def tell(self, kind: Kind, user: UserId, payload: bytes = b"") -> None:
        """Publish a change, when the database has it. Best effort: who misses it reads again within 30 s."""
        subject = _SUBJECT_OF[kind](user)
        try:
            if self._bus is None:
                raise Unavailable("NATS was never there")
            await self._bus.publish(subject, payload)
        except Unavailable as error:
            _log.warning("a change is not told; it is in the database", subject=subject, reason=error)

    async def listen(self, bus: Bus) -> None:
        """Hear from ``bus``, which comes back by itself."""
        self._bus = bus
        bus.on_gap(self.on_gap)
        for subject in (subjects.ALL_ACCOUNTS, subjects.ALL_NOTICES, subjects.ALL_IMPORTS):
            await bus.subscribe(subject, self.on_change)

    async def on_change(self, message: Message) -> None:
        """``account.*``, ``notice.*``, ``import.*``."""
        if len(message.payload) > _MOST_PAYLOAD:
            self._meters.count("api_unreadable", "Messages that could not be read")
            return
        if message.payload:
            self._last[message.subject] = message.payload
            self._last.move_to_end(message.subject)
            if len(self._last) > _MOST_KEPT:
                self._last.popitem(last=False)
        for stream in self._streams.get(message.subject, ()):
            stream.tell(message.payload or None)

    def on_gap(self) -> None:
        """Changes may have been missed: everybody reads again, and what was heard last is no longer the last."""
        self._last.clear()
        for readers in self._streams.values():
            for stream in readers:
                stream.tell(None)

    async def tick(self) -> None:
        """Let each read again every 30 s, forever; when this is cancelled, every stream ends."""
        try:
            while True:
                await self._clock.sleep(_LOOKS_EVERY)
                now = self._clock.now()
                for readers in self._streams.values():
                    for stream in readers:
                        if stream.again_at <= now:
                            stream.again_at = now + AGAIN_EVERY
                            stream.tell(None)
        finally:
            self._has_ended = True
            for readers in self._streams.values():
                for stream in readers:
                    stream.end()
