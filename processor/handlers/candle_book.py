"""The exchanges' candles that fillings need, each asked for once."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from cryptwire.clock import Clock, from_us, to_us
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Refused, Unavailable
from cryptwire.log import Log
from processor.ports.backfill import Exchanges

_log = Log(__name__)
ROWS = 960
"""Of a block: ten days of quarters of an hour. A reply has 1,000 at most."""
_STRIDE = 240  # rows that an empty answer is taken to speak of: exchanges look so far ahead, and few look further
_AT_ONCE = 4  # requests; the streamer answers few together
_TRIES = 6
_PAUSE = timedelta(milliseconds=500)
_SETTLES = timedelta(minutes=2)
_US = timedelta(microseconds=1)
Floats = npt.NDArray[np.float64]


class _Block:
    """The candles of ``ROWS`` spans; those of ``[first, end)`` are known."""

    def __init__(self) -> None:
        self.bars: Floats = np.full((4, ROWS), np.nan)
        self.first = self.end = 0
        self.lock = asyncio.Lock()


class CandleBook:
    """Candles of the past by pair, span and time, kept across hoppers; ``most`` blocks of 30 KB each, then the one
    not used for longest goes.

    Only whole candles may be asked for: what is known is not asked again.
    """

    def __init__(self, exchanges: Exchanges, clock: Clock, most: int = 1_000) -> None:
        self._exchanges = exchanges
        self._clock = clock
        self._most = most
        self._blocks: OrderedDict[tuple[Pair, timedelta, int], _Block] = OrderedDict()
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def bars(self, pairs: Iterable[Pair], span: timedelta, first: int, end: int) -> dict[Pair, Floats]:
        """Of each pair (4, n) open, high, low and close of the spans ``[first, end)``, counted since the epoch.

        NaN where the exchange has no candle, or one that cannot be. Raises Unavailable.
        """
        wanted = sorted(pairs)
        found = await asyncio.gather(*(self._bars(pair, span, first, end) for pair in wanted))
        return dict(zip(wanted, found, strict=True))

    async def _bars(self, pair: Pair, span: timedelta, first: int, end: int) -> Floats:
        parts = []
        for number in range(first // ROWS, (end - 1) // ROWS + 1):
            begin = number * ROWS
            inside = max(first, begin) - begin, min(end, begin + ROWS) - begin
            parts.append((await self._block(pair, span, number, *inside)).bars[:, slice(*inside)])
        return np.concatenate(parts, axis=1)

    async def _block(self, pair: Pair, span: timedelta, number: int, first: int, end: int) -> _Block:
        key = (pair, span, number)
        block = self._blocks.setdefault(key, _Block())
        self._blocks.move_to_end(key)
        while len(self._blocks) > self._most:
            self._blocks.popitem(last=False)
        async with block.lock:
            is_new = block.first == block.end
            if is_new:
                block.first = block.end = first
            if first < block.first:
                await self._ask(pair, span, number, block, first, block.first)
                block.first = first
            if end > block.end:
                # who asks for a little more will ask for more: all of the block that has settled is one request
                end = end if is_new else max(end, min(ROWS, self._settled(span, number)))
                await self._ask(pair, span, number, block, block.end, end)
                block.end = self._known(span, number, block, end)
        return block

    def _known(self, span: timedelta, number: int, block: _Block, end: int) -> int:
        """Until where it is known what there is: an exchange may tell candles that have just ended a little later."""
        while end > max(block.end, self._settled(span, number)) and np.isnan(block.bars[3, end - 1]):
            end -= 1
        return end

    def _settled(self, span: timedelta, number: int) -> int:
        """How many candles of a block have ended so long ago that the exchange tells them; below 0 for none."""
        return to_us(self._clock.now() - _SETTLES) // (span // _US) - number * ROWS

    async def _ask(self, pair: Pair, span: timedelta, number: int, block: _Block, first: int, end: int) -> None:
        """Ask for ``[first, end)``, in as many requests as it takes, and write down what there is."""
        at = first
        while at < end:
            rows = await self._patiently(pair, span, number * ROWS + at, end - at)
            for place, bar in rows:
                place -= number * ROWS
                if at <= place < end:
                    block.bars[:, place] = bar
            at = max(at, rows[-1][0] - number * ROWS) + 1 if rows else at + _STRIDE

    async def _patiently(
        self, pair: Pair, span: timedelta, since: int, most: int
    ) -> list[tuple[int, tuple[float, float, float, float]]]:
        """Candles by number, oldest first; none of a pair that the exchange does not have."""
        width, moment = span // _US, from_us(since * (span // _US))
        for attempt in range(1, _TRIES + 1):
            try:
                async with self._gate:
                    listed = await self._exchanges.candles(pair, span, moment, most)
                break
            except Refused as error:
                _log.warning("an exchange has no such candles", pair=str(pair), reason=error)
                return []
            except Unavailable:
                if attempt == _TRIES:
                    raise
                await self._clock.sleep(_PAUSE * attempt)
        return sorted(
            (to_us(bar.opened_at) // width, (bar.open, bar.high, bar.low, bar.close))
            for bar in listed
            if 0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        )
