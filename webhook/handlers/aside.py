"""Calls that were signed and not understood, on their way to the table where a person finds them."""

import asyncio
from collections import deque
from datetime import datetime, timedelta

from cryptwire.clock import Clock
from cryptwire.domain.strange_call import StrangeCall
from cryptwire.errors import CryptwireError, Unavailable
from cryptwire.log import Log
from cryptwire.metrics import Meters
from webhook.ports import StrangeTable

_log = Log(__name__)
_MOST = 100
_PAUSE = timedelta(seconds=1)


class Waiting:
    """At most a hundred calls in memory, the newest; ``run`` brings them to the table."""

    def __init__(self, table: StrangeTable, clock: Clock, meters: Meters) -> None:
        self._table = table
        self._clock = clock
        self._meters = meters
        self._waiting: deque[StrangeCall] = deque()
        self._came = asyncio.Event()

    def put(self, body: bytes, form: int, reason: str, at: datetime) -> None:
        if len(self._waiting) >= _MOST:
            self._waiting.popleft()
            self._count("dropped")
        self._waiting.append(StrangeCall(body, form, reason, at))
        self._came.set()

    async def run(self) -> None:
        """Keep what comes, forever. While the table is away the newest wait."""
        while True:
            await self._came.wait()
            self._came.clear()
            if not await self.flush():
                self._came.set()
            await self._clock.sleep(_PAUSE)  # a flood becomes a batch a second

    async def flush(self) -> bool:
        """Keep what waits; False when the table is away."""
        calls = list(self._waiting)
        if not calls:
            return True
        self._waiting.clear()
        try:
            await self._table.keep(calls)
        except Unavailable as error:
            _log.warning("strange calls cannot be kept yet", calls=len(calls), reason=error)
            self._put_back(calls)
            return False
        except asyncio.CancelledError:
            self._put_back(calls)
            raise
        except CryptwireError as error:
            _log.error("strange calls cannot be kept", calls=len(calls), reason=error)
            self._count("dropped", len(calls))
            return True
        self._count("kept", len(calls))
        return True

    def _put_back(self, calls: list[StrangeCall]) -> None:
        room = _MOST - len(self._waiting)
        self._waiting.extendleft(reversed(calls[-room:] if room else []))
        self._count("dropped", max(0, len(calls) - room))

    def _count(self, outcome: str, number: int = 1) -> None:
        if number:
            self._meters.count("webhook_strange", "Signed calls not understood", number, outcome=outcome)
