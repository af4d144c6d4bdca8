"""One socket of the stream: who reads, and what he has yet to be sent."""

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from candles.datafeed.ports import Caller
from cryptwire.permissions import roles_of

TOO_SLOW = 4408
_MOST_NOTICES = 200
_ALIVE = '{"type":"alive"}'


class Told(Protocol):
    """A series that clients are told of."""

    @property
    def reset_text(self) -> str:
        """What says that its history is to be read again."""
        ...


@dataclass(slots=True)
class _Pending:
    """What one client has yet to be told of one series: never more than this."""

    final: str | None = None
    latest: str | None = None
    has_reset: bool = False


class Client:
    """A socket's end on our side. Of each series it holds one bar's end and one newest state, however slow it is."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.roles = roles_of(caller)
        self.ended: tuple[int, str] | None = None
        self.sends_since: datetime | None = None
        self._pending: dict[Told, _Pending] = {}
        self._notices: deque[str] = deque()
        self._is_alive_due = False
        self._wake = asyncio.Event()
        self.has_ended = asyncio.Event()

    def tell(self, chart: Told, payload: str, *, is_final: bool) -> None:
        """Send a bar when the socket takes it; a newer state replaces an older one that was not sent yet."""
        pending = self._pending.get(chart)
        if pending is None:
            pending = self._pending[chart] = _Pending()
        if is_final:
            pending.has_reset = pending.has_reset or pending.final is not None  # a bar is lost: read history again
            pending.final, pending.latest = payload, None
        else:
            pending.latest = payload
        self._wake.set()

    def reset(self, chart: Told) -> None:
        """Tell that the history of a series changed."""
        self._pending.setdefault(chart, _Pending()).has_reset = True
        self._wake.set()

    def notice(self, text: str) -> None:
        """Send a text of its own; who causes too many without reading them is closed."""
        if len(self._notices) >= _MOST_NOTICES:
            self.end(TOO_SLOW, "too many messages without reading the answers")
            return
        self._notices.append(text)
        self._wake.set()

    def alive(self) -> None:
        """Send a sign of life."""
        self._is_alive_due = True
        self._wake.set()

    def forget(self, chart: Told) -> None:
        """Send no more of a series."""
        self._pending.pop(chart, None)

    def end(self, code: int, reason: str) -> None:
        """Close the socket."""
        if self.ended is None:
            self.ended = (code, reason)
        self.has_ended.set()
        self._wake.set()

    async def next(self) -> list[str]:
        """Wait for something to send; empty when the socket is to be closed."""
        while True:
            if self.ended is not None:
                return []
            texts = list(self._notices)
            self._notices.clear()
            pending, self._pending = self._pending, {}
            for chart, what in pending.items():
                if what.has_reset:
                    texts.append(chart.reset_text)
                texts += [text for text in (what.final, what.latest) if text is not None]
            if self._is_alive_due:
                self._is_alive_due = False
                texts.append(_ALIVE)
            if texts:
                return texts
            self._wake.clear()
            await self._wake.wait()
