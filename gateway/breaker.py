"""A host that does not answer is left alone for a while, so that callers hear at once that it is away."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptwire import log
from cryptwire.clock import Clock
from cryptwire.errors import Unavailable
from cryptwire.metrics import Meters

_log = log.Log(__name__)
FAILURES = 10
"""In a row. At a fault rate of a fifth, ten faults in a row come about once in ten million requests."""
PAUSE = timedelta(seconds=5)


class HostAway(Unavailable):
    """A host has failed too often in a row: nothing was sent."""


@dataclass(slots=True)
class Passage:
    """One request. ``is_well``: the host answered as a host should; False speaks against it; None says nothing."""

    is_well: bool | None = None


class Breaker:
    """Closed: requests pass. Open after ``FAILURES`` failures in a row: nothing passes for ``PAUSE``. Then one request
    is let through, and its end decides which of the two follows.
    """

    def __init__(self, host: str, clock: Clock, meters: Meters) -> None:
        self._host = host
        self._clock = clock
        self._meters = meters
        self._failures = 0
        self._opened_at: datetime | None = None
        self._is_trying = False

    def check(self) -> None:
        """Raises HostAway while no request would pass."""
        if self._opened_at is not None and (self._is_trying or self._clock.now() < self._opened_at + PAUSE):
            self._meters.count("gateway_breaker_refusals", "Requests not sent to a host that is away", host=self._host)
            raise HostAway("Cryptohopper is away; nothing was sent")

    @contextmanager
    def passing(self) -> Iterator[Passage]:
        """One request, whose block tells how it went. Raises HostAway."""
        self.check()
        is_trial = self._is_trying = self._opened_at is not None
        passage = Passage()
        try:
            yield passage
        finally:
            if is_trial:
                self._is_trying = False
            if passage.is_well:
                self._close()
            elif passage.is_well is not None:
                self._failures += 1
                if is_trial or (self._opened_at is None and self._failures >= FAILURES):
                    self._open()

    def _open(self) -> None:
        if self._opened_at is None:
            _log.warning("a host is left alone", host=self._host, failures=self._failures)
        self._opened_at = self._clock.now()
        self._meters.set("gateway_breaker_open", "Whether a host is left alone", 1, host=self._host)

    def _close(self) -> None:
        """Also by an answer to what was sent before it opened: the host is there."""
        if self._opened_at is not None:
            _log.info("a host answers again", host=self._host)
            self._meters.set("gateway_breaker_open", "Whether a host is left alone", 0, host=self._host)
        self._opened_at, self._failures = None, 0
