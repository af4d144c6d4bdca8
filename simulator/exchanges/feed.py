"""Pushes of an exchange's sockets: at each tick, what changed since the last one."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping

from simulator.clock import Clock, milliseconds
from simulator.market.klines import Bars, Day, Days
from simulator.market.prices import Pair

_BEHIND = 64  # frames a reader may be behind before it is cut off, as exchanges do

Changes = Mapping[str, Day]


class Reader:
    """One connection: frames wait here until its own task sends them."""

    def __init__(self, frames_of: Callable[[Changes], Iterable[str]]) -> None:
        self._frames_of = frames_of
        self.frames: asyncio.Queue[str | None] = asyncio.Queue()

    def take(self, changes: Changes) -> None:
        for frame in self._frames_of(changes):
            self.frames.put_nowait(frame)
        if self.frames.qsize() > _BEHIND * 64:
            self.frames = asyncio.Queue()
            self.frames.put_nowait(None)


class Feed:
    """The pulse of one exchange; its pairs by the exchange's own symbol."""

    def __init__(self, pairs: Mapping[str, Pair], bars: Bars, clock: Clock) -> None:
        self.pairs = pairs
        self.bars = bars
        self.clock = clock
        self.days = Days(bars)
        self._readers: set[Reader] = set()

    @contextlib.contextmanager
    def reading(self, reader: Reader) -> Iterator[None]:
        self._readers.add(reader)
        try:
            yield
        finally:
            self._readers.discard(reader)

    def now(self) -> int:
        return milliseconds(self.clock.now())

    async def run(self) -> None:
        """Push forever. A tick that was missed is not made up for."""
        tick = self.bars.tick
        before = {symbol: pair.at(self.bars.last_tick(self.now())) for symbol, pair in self.pairs.items()}
        while True:
            now = self.now()
            await asyncio.sleep((tick - now % tick) / 1000)
            at = self.bars.last_tick(self.now())
            prices = {symbol: pair.at(at) for symbol, pair in self.pairs.items()}
            changed = [symbol for symbol, price in prices.items() if price != before[symbol]]
            before = prices
            if self._readers and changed:
                changes = {symbol: self.days.of(self.pairs[symbol], at) for symbol in changed}
                for reader in tuple(self._readers):
                    reader.take(changes)
