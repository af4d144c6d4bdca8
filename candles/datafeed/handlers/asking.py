"""Questions to exchanges for candles, through the streamer: few at once, again when one fails, in pages."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import numpy as np

from candles.datafeed.logic.grains import REACH, Grain, between, chained, sound
from candles.datafeed.ports import Exchanges
from cryptwire.clock import Clock, from_us
from cryptwire.codec.ohlcv import MOST, Ohlcv
from cryptwire.domain.bar import Columns
from cryptwire.domain.hopper import Exchange
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Refused, Unavailable
from cryptwire.metrics import Meters

_AT_ONCE = 4  # requests to one exchange; the streamer answers few together
_TRIES = 3
_PAUSE = timedelta(milliseconds=500)
_STRIDE = 240  # candles that an empty answer is taken to speak of: exchanges look so far ahead, and few look further
_REFUSED_FOR = timedelta(minutes=10)

Pay = Callable[[], None]
"""Called before an exchange is asked for more; raises Exhausted when whoever wants it has asked too much."""


def free() -> None:
    """Nobody pays: what everybody's live charts need."""


class Asking:
    """What exchanges tell of pairs. Seconds everywhere; candles that cannot be are left out.

    Every method raises Unavailable (again later), and Refused for what the exchange does not have: that is remembered
    for ten minutes.
    """

    def __init__(self, exchanges: Exchanges, clock: Clock, meters: Meters) -> None:
        self._exchanges = exchanges
        self._clock = clock
        self._meters = meters
        self._gates: dict[Exchange, asyncio.Semaphore] = {}
        self._refused: dict[tuple[Pair, Grain], tuple[str, datetime]] = {}

    async def all_of(self, pair: Pair, grain: Grain, since: int, until: int) -> Columns:
        """All candles opened in ``[since, until)``, in as many requests as it takes."""
        parts: list[Columns] = []
        at = since
        while at < until:
            told = await self._answer(pair, grain, at, -(-(until - at) // grain))
            rows = between(told, at, until)
            parts.append(rows)
            if len(told) > len(rows):
                break  # it went on beyond the end
            at = int(rows.at[-1]) + grain if len(rows) else at + _STRIDE * grain
        return chained(parts)

    async def beginning(self, pair: Pair, now: int, pay: Pay) -> int:
        """When the first day within reach opened on which the exchange tells of a pair; ``now`` when none has."""
        at = now - REACH
        at -= at % Grain.DAY
        while at <= now:
            pay()
            rows = await self._answer(pair, Grain.DAY, at, _STRIDE, is_exact=False)
            if len(rows):
                return int(rows.at[0])
            at += _STRIDE * Grain.DAY
        return now

    async def _answer(self, pair: Pair, grain: Grain, since: int, most: int, *, is_exact: bool = True) -> Columns:
        """Sound candles; not exact: they may open at another time of day."""
        now = self._clock.now()
        said, until = self._refused.get((pair, grain), ("", now))
        if now < until:
            raise Refused(said)
        gate = self._gates.setdefault(pair.exchange, asyncio.Semaphore(_AT_ONCE))
        moment = from_us(since * 1_000_000)
        for attempt in range(1, _TRIES + 1):
            self._meters.count("datafeed_asked", "Questions to exchanges for candles", exchange=pair.exchange)
            try:
                async with gate:
                    listed = await self._exchanges.candles(pair, grain.timeframe, moment, min(most, MOST))
                return sound(grain if is_exact else 1, _columns(listed))
            except Unavailable:
                if attempt == _TRIES:
                    raise
                await self._clock.sleep(_PAUSE * attempt)
            except Refused as error:
                self._refused[pair, grain] = str(error), now + _REFUSED_FOR
                raise
        raise AssertionError("the last try answers or raises")


def _columns(listed: Sequence[Ohlcv]) -> Columns:
    rows = np.array([(o.open, o.high, o.low, o.close, o.volume) for o in listed], np.float64).reshape(len(listed), 5)
    return Columns(np.array([int(o.opened_at.timestamp()) for o in listed], np.int64), *rows.T.copy())
