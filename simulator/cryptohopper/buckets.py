"""How much a token may ask: sliding windows, counted for the token or for the app's key that comes along."""

import math
from collections import Counter, deque
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Literal

from simulator.clock import moment
from simulator.settings import Settings

Bucket = Literal["normal", "order", "backtest"]
_MANY = 10_000  # counted ones above which those that fell silent are forgotten


@dataclass(frozen=True, slots=True)
class Refused:
    """Which bucket is full, and the milliseconds until it has room again."""

    bucket: Bucket
    wait: int


class Buckets:
    """``normal``, ``order`` and ``backtest``; a refused request counts nowhere."""

    def __init__(self, settings: Settings) -> None:
        self._is_off = not settings.rate_limit
        self._counts_twice = settings.orders_count_as_normal
        self._form = settings.retry_after
        self._sizes: dict[Bucket, tuple[int, int]] = {
            "normal": (settings.rate_limit, round(settings.rate_window * 1000)),
            "order": (settings.order_limit, round(settings.order_window * 1000)),
            "backtest": (settings.backtest_limit, round(settings.backtest_window * 1000)),
        }
        self._asked: dict[tuple[str, Bucket], deque[int]] = {}
        self.refused: Counter[str] = Counter()

    def take(self, counted: str, bucket: Bucket, now: int) -> Refused | None:
        """Count one request at ``now`` (milliseconds); None when there was room for it."""
        if self._is_off:
            return None
        used: list[Bucket] = [bucket] if bucket == "normal" or not self._counts_twice else ["normal", bucket]
        waits = [Refused(name, wait) for name in used if (wait := self._wait(counted, name, now)) > 0]
        if waits:
            longest = max(waits, key=lambda each: each.wait)
            self.refused[longest.bucket] += 1
            return longest
        for name in used:
            self._asked.setdefault((counted, name), deque()).append(now)
        if len(self._asked) > _MANY:
            self._forget(now)
        return None

    def headers(self, wait: int, now: int) -> dict[str, str]:
        """``Retry-After`` in the form the settings ask for; whole seconds, rounded up."""
        return retry_after(self._form, wait, now)

    def _wait(self, counted: str, bucket: Bucket, now: int) -> int:
        limit, window = self._sizes[bucket]
        asked = self._asked.get((counted, bucket))
        if not limit or asked is None:
            return 0
        while asked and asked[0] <= now - window:
            asked.popleft()
        return asked[-limit] + window - now if len(asked) >= limit else 0

    def _forget(self, now: int) -> None:
        silent = [key for key, asked in self._asked.items() if not asked or asked[-1] <= now - self._sizes[key[1]][1]]
        for key in silent:
            del self._asked[key]


def retry_after(form: str, wait: int, now: int) -> dict[str, str]:
    """``Retry-After`` for ``wait`` milliseconds: as ``seconds``, as a ``date``, or ``none``."""
    seconds = max(1, math.ceil(wait / 1000))
    if form == "none":
        return {}
    if form == "date":
        return {"Retry-After": format_datetime(moment(now // 1000 * 1000 + (seconds + 1) * 1000), usegmt=True)}
    return {"Retry-After": str(seconds)}
