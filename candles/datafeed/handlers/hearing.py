"""``portfolio.*.live`` and ``portfolio.*.closed``: kept for whoever asks, and told to those who compute charts."""

from collections.abc import Sequence
from typing import Protocol

from candles.datafeed.handlers.live import LiveBook
from cryptwire.clock import Clock
from cryptwire.messaging.bus import Message


class Listener(Protocol):
    """Computes charts of what portfolios tell. ``key``: that of a hopper, in subjects."""

    def on_live(self, key: str) -> None:
        """Its live state in the book is a new one."""
        ...

    def on_closed(self, key: str, payload: bytes) -> None:
        """A candle of it has closed."""
        ...


class Hearing:
    """What NATS brings of portfolios."""

    def __init__(self, book: LiveBook, listeners: Sequence[Listener], clock: Clock) -> None:
        self._book = book
        self._listeners = listeners
        self._clock = clock

    async def on_live(self, message: Message) -> None:
        """``portfolio.*.live``."""
        key = self._book.on_live(message.subject, message.payload)
        for listener in self._listeners:
            listener.on_live(key)

    async def on_closed(self, message: Message) -> None:
        """``portfolio.*.closed``."""
        key = self._book.on_closed(message.subject, message.payload, self._clock.now())
        for listener in self._listeners:
            listener.on_closed(key, message.payload)
