"""Telling of trades, for the services that store them."""

from collections.abc import Sequence
from typing import Protocol

from cryptwire.codec.trade import trade_to_wire
from cryptwire.domain.hopper import Hopper
from cryptwire.domain.trade import Trade
from cryptwire.errors import Unavailable
from cryptwire.log import Log
from cryptwire.messaging.subjects import LIVE

_log = Log(__name__)


class Publisher(Protocol):
    async def publish(self, subject: str, payload: bytes) -> None:
        """Send; raises Unavailable."""
        ...


async def tell(bus: Publisher, hopper: Hopper, trades: Sequence[Trade]) -> bool:
    """Tell of a hopper's trades, which are in the database already; whether all could be told.

    What is not told is not lost: who listens reads the table anew when the bus is back.
    """
    subject = LIVE.trade(hopper.exchange, hopper.id)
    try:
        for trade in trades:
            await bus.publish(subject, trade_to_wire(trade))
    except Unavailable as error:
        _log.warning("trades are not told; they are in the database", hopper=hopper.id, reason=error)
        return False
    return True
