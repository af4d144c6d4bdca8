"""``portfolio.*.live``: the last state of each hopper, bytes until somebody asks."""

from datetime import datetime

from api import logic
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

    async def on_live(self, message: Message) -> None:
        """``portfolio.*.live``."""
        self._last[message.subject] = message.payload

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
