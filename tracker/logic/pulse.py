"""How long the prices of an exchange were not fresh."""

from dataclasses import dataclass

FRESH_US = 10_000_000
"""A price is fresh while a frame of its exchange came within ten seconds; where it is polled, within two intervals."""


@dataclass(slots=True)
class Pulse:
    """The life of one exchange's feed. Moments and spans in microseconds.

    ``gap`` adds up the time without fresh prices since the last ``reset``.
    """

    fresh_until: int
    counted_to: int
    lasts: int = FRESH_US
    last_heard: int = 0
    gap: int = 0

    @classmethod
    def silent_since(cls, moment: int) -> "Pulse":
        """A feed not heard since ``moment``: everything after it counts as gap until it is heard."""
        return cls(fresh_until=moment, counted_to=moment)

    def heard(self, at: int) -> None:
        """A frame came in at ``at``."""
        if at > self.fresh_until:
            self.count(at)
        if at > self.last_heard:
            self.last_heard = at
            self.fresh_until = max(self.fresh_until, at + self.lasts)

    def count(self, upto: int) -> int:
        """Bring ``gap`` up to a moment, and give it."""
        if upto > self.counted_to:
            self.gap += max(0, upto - max(self.counted_to, self.fresh_until))
            self.counted_to = upto
        return self.gap

    def reset(self) -> None:
        """A new candle begins."""
        self.gap = 0

    def is_fresh(self, at: int) -> bool:
        return at <= self.fresh_until
