"""``portfolio.*.live`` and ``portfolio.*.closed``: the last of each hopper, kept as they came until somebody asks."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from google.protobuf.message import DecodeError

from cryptwire.clock import from_us
from cryptwire.codec.candle import candle_from_message, candle_from_wire
from cryptwire.codec.portfolio import portfolio_from_wire
from cryptwire.domain.candle import Candle
from cryptwire.domain.hopper import HopperId
from cryptwire.domain.portfolio import Portfolio
from cryptwire.errors import Invalid
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from generated.wire.v1 import portfolio_pb2 as pb

KEPT = timedelta(hours=1)
LIVE_FOR = timedelta(seconds=30)
_MOST_CLOSED = 1_000  # of one hopper; in production an hour has four


class Live(NamedTuple):
    """What a chart needs of a live portfolio."""

    at: datetime
    candle: Candle
    volume: float
    is_fresh: bool
    prices_at: datetime | None
    assets_at: datetime


def live_from_wire(payload: bytes) -> Live:
    """The part of a live portfolio that a chart needs, 7 µs instead of 39 with holdings and positions.

    Raises Invalid.
    """
    try:
        message = pb.Portfolio.FromString(payload)
        return Live(
            from_us(message.at_us),
            candle_from_message(message.candle),
            message.volume,
            message.is_fresh,
            from_us(message.prices_at_us) if message.prices_at_us else None,
            from_us(message.assets_at_us),
        )
    except (DecodeError, OverflowError):
        raise Invalid("not a Portfolio message") from None


@dataclass(slots=True)
class _Known:
    """What came of one hopper; bytes until asked."""

    live: bytes = b""
    parsed: Live | None = None
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

    def live(self, hopper: HopperId, key: str | None = None) -> Live | None:
        """The last live state, however old; None when there is none that can be read. ``key``: that of the hopper."""
        known = self._known.get(key or key_of(hopper))
        if known is None or not known.live:
            return None
        if known.parsed is None:
            try:
                known.parsed = live_from_wire(known.live)
                if known.parsed.candle.hopper != hopper:
                    raise Invalid("a live state under the subject of another hopper")
            except Invalid:
                self._meters.count("datafeed_unreadable", "Messages that could not be read", kind="live")
                known.live, known.parsed = b"", None
        return known.parsed

    def portfolio(self, hopper: HopperId, now: datetime) -> Portfolio | None:
        """What a hopper holds and wants, as told live at most half a minute ago; None when that is not known."""
        live = self.live(hopper)
        if live is None or not is_live(live, now):
            return None
        try:
            return portfolio_from_wire(self._known[key_of(hopper)].live)
        except Invalid:
            return None

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


def is_live(state: Live, now: datetime) -> bool:
    """True for a state at most half a minute old."""
    return now - state.at <= LIVE_FOR


def key_of(hopper: HopperId) -> str:
    """What stands for a hopper in subjects."""
    return _key(LIVE.live(hopper))


def _key(subject: str) -> str:
    return subject.split(".", 2)[1]
