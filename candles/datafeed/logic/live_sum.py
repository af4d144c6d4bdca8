"""The candle in progress of all of a user's hoppers together."""

from dataclasses import dataclass

from cryptwire.domain.bar import Part


@dataclass(slots=True)
class LiveSum:
    """Its high and low take in every sum that was told live while it was open. The one before is remembered until it
    has closed, too.
    """

    at: int | None = None
    part: Part | None = None
    unclosed: int | None = None
    _last: Part | None = None  # of the candle that is over and has not closed

    def on_sum(self, at: int, opened: float, now: float, volume: float) -> None:
        """A sum of this moment, of the candle opened ``at``; of one that is over it is too late."""
        if self.at is not None and at < self.at:
            return
        high, low = max(opened, now), min(opened, now)
        if at == self.at and self.part is not None:
            high, low = max(high, self.part.high), min(low, self.part.low)
        elif self.part is not None:
            self.unclosed, self._last = self.at, self.part
        self.at, self.part = at, Part(opened, high, low, now, volume)

    def closed(self, at: int, opened: float, close: float) -> Part:
        """What the candle opened ``at`` was, now that it has closed; its volume counts for nothing."""
        live = self.part if at == self.at else self._last if at == self.unclosed else None
        if at == self.unclosed:
            self.unclosed = self._last = None
        high, low = max(opened, close), min(opened, close)
        if live is not None:
            high, low = max(high, live.high), min(low, live.low)
        return Part(opened, high, low, close, 0.0)
