"""``portfolio.*.live`` and ``portfolio.*.closed``: the last of each hopper, kept as they came until somebody asks."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptwire.codec.candle import candle_from_wire
from cryptwire.codec.portfolio import portfolio_from_wire
from cryptwire.domain.candle import Candle
from cryptwire.domain.hopper import HopperId
from cryptwire.domain.portfolio import Portfolio
from cryptwire.errors import Invalid
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters

KEPT = timedelta(hours=1)
LIVE_FOR = timedelta(seconds=30)
_MOST_CLOSED = 1_000  # of one hopper; in production an hour has four


@dataclass(slots=True)
class _Known:
    """What came of one hopper; bytes until asked."""

    live: bytes = b""
    parsed: Portfolio | None = None
    closed: deque[tuple[datetime, bytes]] = field(default_factory=lambda: deque(maxlen=_MOST_CLOSED))
    candles: dict[bytes, Candle] = field(default_factory=dict)


class LiveBook:
    """The last live state of each hopper and its candles closed within the last hour. Moments are arrivals."""

    def __init__(self, meters: Meters) -> None:
        self._meters = meters
        self._known: dict[str, _Known] = {}

    def on_live(self, subject: str, payload: bytes) -> str:
        """Keep a live state; gives the key of its hopper."""
        key = _key(subject)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = _Known()
        known.live, known.parsed = payload, None
        return key

    def on_closed(self, subject: str, payload: bytes, now: datetime) -> str:
        """Keep a closed candle for an hour; gives the key of its hopper."""
        key = _key(subject)
        known = self._known.setdefault(key, _Known())
        known.closed.append((now, payload))
        while known.closed[0][0] < now - KEPT:
            known.candles.pop(known.closed.popleft()[1], None)
        return key

    def live(self, hopper: HopperId) -> Portfolio | None:
        """The last live state, however old; None when there is none that can be read."""
        known = self._known.get(key_of(hopper))
        if known is None or not known.live:
            return None
        if known.parsed is None:
            try:
                known.parsed = portfolio_from_wire(known.live)
                if known.parsed.hopper != hopper:
                    raise Invalid("a live state under the subject of another hopper")
            except Invalid:
                self._meters.count("datafeed_unreadable", "Messages that could not be read", kind="live")
                known.live, known.parsed = b"", None
        return known.parsed

    def closed(self, hopper: HopperId, now: datetime) -> list[Candle]:
        """Candles that closed within the last hour, as far as they were heard; the newest of equal openings."""
        known = self._known.get(key_of(hopper))
        if known is None:
            return []
        candles: dict[datetime, Candle] = {}
        for heard_at, payload in known.closed:
            if heard_at < now - KEPT:
                continue
            candle = known.candles.get(payload)
            if candle is None:
                try:
                    candle = candle_from_wire(payload)
                except Invalid:
                    self._meters.count("datafeed_unreadable", "Messages that could not be read", kind="closed")
                    continue
                known.candles[payload] = candle
            if candle.hopper != hopper:
                continue
            earlier = candles.get(candle.opened_at)
            if earlier is None or (candle.fence, candle.quality) > (earlier.fence, earlier.quality):
                candles[candle.opened_at] = candle
        return list(candles.values())


def is_live(portfolio: Portfolio, now: datetime) -> bool:
    """True for a state at most half a minute old."""
    return now - portfolio.at <= LIVE_FOR


def key_of(hopper: HopperId) -> str:
    """What stands for a hopper in subjects."""
    return _key(LIVE.live(hopper))


def _key(subject: str) -> str:
    return subject.split(".", 2)[1]
