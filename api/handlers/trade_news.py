"""``trade.>``: trades as they become known, for whoever looks on. What counts is the table: who missed one reads it."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from api.handlers.queue import Queue
from cryptwire.codec.trade import trade_from_wire
from cryptwire.domain.hopper import Exchange, HopperId
from cryptwire.domain.trade import Trade
from cryptwire.errors import Invalid
from cryptwire.messaging.bus import Message
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters

_MOST_PAYLOAD = 20_000  # bytes


class TradeNews:
    """Who waits for trades of which hoppers."""

    def __init__(self, meters: Meters) -> None:
        self._meters = meters
        self._readers: dict[str, set[Queue[Trade]]] = {}

    async def on_trade(self, message: Message) -> None:
        """``trade.<exchange>.<hopper_id>``."""
        readers = self._readers.get(_last(message.subject))
        if not readers:
            return
        try:
            if len(message.payload) > _MOST_PAYLOAD:
                raise Invalid("too long")
            trade = trade_from_wire(message.payload)
        except Invalid:
            self._meters.count("api_unreadable", "Messages that could not be read")
            return
        if _last(message.subject) == _token(trade.hopper):
            for reader in readers:
                reader.tell(trade)

    @asynccontextmanager
    async def of(self, hoppers: Collection[HopperId]) -> AsyncIterator[Queue[Trade]]:
        """Trades of these hoppers from this moment on, while the block runs."""
        reader, tokens = Queue[Trade](), {_token(hopper) for hopper in hoppers}
        for token in tokens:
            self._readers.setdefault(token, set()).add(reader)
        try:
            yield reader
        finally:
            for token in tokens:
                readers = self._readers[token]
                readers.discard(reader)
                if not readers:
                    del self._readers[token]


def _last(subject: str) -> str:
    return subject.rpartition(".")[2]


def _token(hopper: HopperId) -> str:
    """A hopper as the last token of its subjects, whatever its exchange."""
    return _last(LIVE.trade(Exchange("any"), hopper))
