"""Figures that came and are not evaluated yet: whose rules are about to fire goes before everybody else.

The figures of a shard come together, and working them off takes as long as they take to come. A rule that is being
confirmed must not wait for thousands that are not.
"""

import asyncio
from collections.abc import Callable

from cryptwire.log import Log
from cryptwire.messaging.bus import Message

_log = Log(__name__)
_MOST = 20_000
"""Messages that wait here; more wait where they come from, whose own bounds count."""
_TAKEN, _WORKED, _WORKED_WHILE_ACTING = 50, 10, 4
"""Messages before whatever else there is to do has its turn; what acts needs many turns until its first request."""


class Backlog:
    """In front of ``handle``: a subject's messages in their order, urgent subjects at once, the others as they came.

    ``is_read``: whether anybody wants what a subject tells; else it is dropped. ``is_acting``: whether something that
    fired is worked off.
    """

    def __init__(
        self,
        handle: Callable[[Message], None],
        *,
        is_read: Callable[[str], bool],
        is_urgent: Callable[[str], bool],
        is_acting: Callable[[], bool],
    ) -> None:
        self._handle = handle
        self._is_read = is_read
        self._is_urgent = is_urgent
        self._is_acting = is_acting
        self._waiting: dict[str, list[Message]] = {}
        self._count = 0
        self._taken = 0
        self._something = asyncio.Event()

    async def put(self, message: Message) -> None:
        """Handle it now, or keep it until its turn; returns later while more than 20,000 wait."""
        waiting = self._waiting.get(message.subject)
        if waiting is not None:
            waiting.append(message)
            self._count += 1
        elif not self._is_read(message.subject):
            pass
        elif self._is_urgent(message.subject):
            self._handle(message)
        else:
            self._waiting[message.subject] = [message]
            self._count += 1
            self._something.set()
        self._taken += 1
        if self._taken >= _TAKEN:
            self._taken = 0
            await asyncio.sleep(0)
        while self._count >= _MOST:
            self._some(_WORKED)
            await asyncio.sleep(0)

    async def run(self, stop: asyncio.Event) -> None:
        """Work off what waits until ``stop`` is set."""
        stopping = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set():
                if self._waiting:
                    self._some(_WORKED_WHILE_ACTING if self._is_acting() else _WORKED)
                    await asyncio.sleep(0)
                    continue
                self._something.clear()
                coming = asyncio.ensure_future(self._something.wait())
                await asyncio.wait({coming, stopping}, return_when=asyncio.FIRST_COMPLETED)
                coming.cancel()
        finally:
            stopping.cancel()

    def _some(self, most: int) -> None:
        while self._waiting and most > 0:
            subject = next(iter(self._waiting))
            messages = self._waiting.pop(subject)
            self._count -= len(messages)
            most -= len(messages)
            for message in messages:
                try:
                    self._handle(message)
                except Exception as error:  # noqa: BLE001 - outermost edge: one message must not end the others' turn
                    _log.error("a message could not be handled", subject=subject, exception=error)
