"""The live states of portfolios, as they are heard: bytes, which are read when somebody asks."""

from datetime import datetime, timedelta

from cryptwire.clock import Clock
from cryptwire.codec.portfolio import portfolio_from_wire
from cryptwire.domain.candle import opening
from cryptwire.domain.hopper import HopperId
from cryptwire.domain.portfolio import Portfolio
from cryptwire.errors import Invalid
from cryptwire.messaging.bus import Message
from cryptwire.messaging.subjects import LIVE

_SETTLED = timedelta(seconds=1)
"""So long after a boundary what was under way at it, and shows a moment before, has come."""


class LiveStates:
    """Of each hopper the last message, and the first of the quarter of an hour in which we are."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[str, bytes] = {}
        self._first: dict[str, bytes] = {}
        self._quarter = opening(clock.now())

    async def on_live(self, message: Message) -> None:
        """``portfolio.*.live``; nothing is read yet: thousands come each second."""
        now = self._clock.now()
        quarter = opening(now)
        if quarter != self._quarter:
            self._quarter = quarter
            self._first = {}
        self._last[message.subject] = message.payload
        if now - quarter >= _SETTLED:
            self._first.setdefault(message.subject, message.payload)

    def last(self, hopper: HopperId) -> Portfolio | None:
        """The last that was heard; None when nothing was, or nothing that can be read."""
        payload = self._last.get(LIVE.live(hopper))
        return None if payload is None else _read(payload)

    def at(self, hopper: HopperId, moment: datetime) -> Portfolio | None:
        """The first at or after ``moment``, the beginning of the quarter of an hour in which we are."""
        first = self._first.get(LIVE.live(hopper))
        portfolio = None if first is None else _read(first)
        if portfolio is None or portfolio.at < moment:
            portfolio = self.last(hopper)
        return portfolio if portfolio is not None and portfolio.at >= moment else None


def _read(payload: bytes) -> Portfolio | None:
    try:
        return portfolio_from_wire(payload)
    except Invalid:
        return None
