"""The table of candles, without PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime

from cryptwire.domain.candle import Candle, Written
from cryptwire.domain.hopper import HopperId
from cryptwire.errors import Invalid, Unavailable


class MemoryCandles:
    """Twin of ``Candles``, with the same rules on conflict and the same refusal of older fences.

    While ``is_away`` is set, every call raises Unavailable and does nothing; while ``loses_answers`` is set, ``write``
    commits and then raises Unavailable.
    """

    def __init__(self) -> None:
        self.is_away = False
        self.loses_answers = False
        self.batches: list[int] = []
        self._rows: dict[tuple[HopperId, datetime], Candle] = {}
        self._granted: dict[HopperId, tuple[int, datetime]] = {}

    def grant(self, hopper: HopperId, fence: int, at: datetime) -> None:
        """The hopper is assigned under ``fence`` since ``at``."""
        self._granted[hopper] = (fence, at)

    async def write(self, candles: Sequence[Candle]) -> Written[Candle]:
        self._must_be_there()
        if any("\x00" in candle.hopper for candle in candles):
            raise Invalid("the table refuses these values: a zero byte in a text")
        best: dict[tuple[HopperId, datetime], Candle] = {}
        for candle in candles:
            _put(best, candle)
        changed, refused = 0, []
        for candle in best.values():
            fence, granted_at = self._granted.get(candle.hopper, (0, candle.opened_at))
            if candle.fence < fence and candle.opened_at >= granted_at:
                refused.append(candle)
            else:
                changed += _put(self._rows, candle)
        self.batches.append(len(candles))
        if self.loses_answers:
            raise Unavailable("the table's answer was lost")
        return Written(changed, refused)

    async def within(self, hopper: HopperId, since: datetime, until: datetime) -> list[Candle]:
        self._must_be_there()
        rows = (candle for candle in self._rows.values() if candle.hopper == hopper)
        return sorted((c for c in rows if since <= c.opened_at < until), key=lambda candle: candle.opened_at)

    async def forget(self, hopper: str) -> int:
        self._must_be_there()
        keys = [key for key in self._rows if key[0] == hopper]
        for key in keys:
            del self._rows[key]
        return len(keys)

    def _must_be_there(self) -> None:
        if self.is_away:
            raise Unavailable("the table is away")


def _put(rows: dict[tuple[HopperId, datetime], Candle], candle: Candle) -> bool:
    """Insert or replace: the higher fence wins, then the better quality; equal: the first stays. Whether it changed."""
    key = (candle.hopper, candle.opened_at)
    known = rows.get(key)
    if known is not None and (candle.fence, candle.quality) <= (known.fence, known.quality):
        return False
    rows[key] = candle
    return True
