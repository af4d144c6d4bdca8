"""``portfolio.*.live``: the last state of each hopper, bytes until somebody asks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from api import logic
from api.handlers.changes import AGAIN_EVERY, Stream
from cryptwire.codec.portfolio import portfolio_from_wire
from cryptwire.domain.hopper import HopperId
from cryptwire.domain.portfolio import Portfolio
from cryptwire.errors import Invalid
from cryptwire.messaging.bus import Message
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters


class Portfolios:
    """The last live state of each hopper."""

    def __init__(self, meters: Meters) -> None:
        self._meters = meters
        self._last: dict[str, bytes] = {}
        self._streams: dict[str, set[Stream]] = {}

    async def on_live(self, message: Message) -> None:
        """``portfolio.*.live``."""
        self._last[message.subject] = message.payload
        for stream in self._streams.get(message.subject, ()):
            stream.tell(None)

    @asynccontextmanager
    async def follow(self, hopper: HopperId, now: datetime) -> AsyncIterator[Stream]:
        """Something each time that a new state was heard, the newest only to who is slow; read it with ``of``."""
        subject = LIVE.live(hopper)
        stream = Stream(now + AGAIN_EVERY)
        self._streams.setdefault(subject, set()).add(stream)
        try:
            yield stream
        finally:
            readers = self._streams[subject]
            readers.discard(stream)
            if not readers:
                del self._streams[subject]

    def of(self, hopper: HopperId, now: datetime) -> Portfolio | None:
        """The last state; None when there never was one, or none for ten minutes."""
        payload = self._last.get(LIVE.live(hopper))
        if payload is None:
            return None
        try:
            portfolio = portfolio_from_wire(payload)
        except Invalid:
            self._meters.count("api_unreadable", "Messages that could not be read")
            return None
        return portfolio if portfolio.hopper == hopper and logic.is_shown(portfolio, now) else None
