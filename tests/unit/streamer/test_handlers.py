"""A feed lives through failures, grows old, and ends when another replica has the lease."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cryptwire.codec.ohlcv import CandlesRequest, Ohlcv
from cryptwire.codec.ticker import feed_from_wire, ticker_from_wire
from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.ticker import Pair, Ticker
from cryptwire.errors import Exhausted, Unavailable
from cryptwire.metrics import Meters
from streamer.handlers import Streamer
from streamer.logic import Quotation
from streamer.settings import Settings

START = datetime(2026, 1, 1, tzinfo=UTC)
BTC = Pair(Exchange("binance"), Asset("BTC"), Asset("USDT"))
SETTINGS = Settings("", "")


class HandClock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self._now = START
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._now

    async def sleep(self, span: timedelta) -> None:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now + span, waiting))
        await waiting

    async def turn(self, seconds: float, step: float = 1.0) -> None:
        """Let so many seconds pass, a step at a time, and what they woke run."""
        until = self._now + timedelta(seconds=seconds)
        while self._now < until:
            self._now = min(until, self._now + timedelta(seconds=step))
            for at, waiting in self._sleepers:
                if at <= self._now and not waiting.done():
                    waiting.set_result(None)
            self._sleepers = [(at, waiting) for at, waiting in self._sleepers if not waiting.done()]
            for _ in range(20):
                await asyncio.sleep(0)


class TwinSource:
    """An exchange in memory, and the only connection to it."""

    exchange = Exchange("binance")
    interval = timedelta(0)

    def __init__(self, clock: HandClock) -> None:
        self._clock = clock
        self.pairs = [BTC]
        self.trouble: list[Unavailable] = []
        self.lives = 0
        self.open = 0
        self.frames: asyncio.Queue[list[float]] = asyncio.Queue()

    async def load(self) -> None: ...

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["TwinSource"]:
        self.lives += 1
        if self.trouble:
            raise self.trouble.pop(0)
        self.open += 1
        try:
            yield self
        finally:
            self.open -= 1

    def _said(self, price: float) -> Quotation:
        return Quotation(BTC, price, None, None, None, self._clock.now())

    async def everything(self) -> list[Quotation]:
        return [self._said(1.0)]

    async def changed(self) -> list[Quotation]:
        return [self._said(price) for price in await self.frames.get()]

    async def candles(self, pair: Pair, request: CandlesRequest) -> list[Ohlcv]:
        return []


class TwinLease:
    def __init__(self) -> None:
        self.is_free = True
        self.is_away = False

    async def take(self) -> bool:
        return self.is_free

    async def renew(self) -> bool:
        if self.is_away:
            raise Unavailable("Redis is away")
        return self.is_free

    async def release(self) -> bool:
        return True


class TwinPrices:
    def __init__(self) -> None:
        self.is_away = False
        self.kept: dict[Pair, Ticker] = {}

    async def put(self, tickers: Iterable[Ticker]) -> None:
        if self.is_away:
            raise Unavailable("Redis is away")
        self.kept.update((ticker.pair, ticker) for ticker in tickers)


class TwinWire:
    is_connected = True

    def __init__(self, prices: TwinPrices) -> None:
        self._prices = prices
        self.tickers: list[Ticker] = []
        self.pulses = 0
        self.was_kept_before: list[bool] = []

    async def publish(self, subject: str, payload: bytes) -> None:
        if subject.startswith("feed."):
            feed_from_wire(payload)
            self.pulses += 1
            return
        ticker = ticker_from_wire(payload)
        self.was_kept_before.append(self._prices.kept.get(ticker.pair) == ticker)
        self.tickers.append(ticker)


class Play:
    def __init__(self) -> None:
        self.clock = HandClock()
        self.source = TwinSource(self.clock)
        self.lease, self.prices = TwinLease(), TwinPrices()
        self.wire = TwinWire(self.prices)
        self.states: dict[str, tuple[bool, str]] = {}
        self.streamer = Streamer(
            self.source,
            self.lease,
            self.prices,
            self.wire,
            replace(SETTINGS, restart_after=timedelta(hours=23)),
            self.clock,
            Meters(),
            lambda need, is_met, word: self.states.__setitem__(need, (is_met, word)),
        )

    @property
    def sessions(self) -> int:
        return len({ticker.session for ticker in self.wire.tickers})

    async def frame(self, *prices: float) -> None:
        self.source.frames.put_nowait(list(prices))
        await self.clock.turn(0.01)


@pytest.fixture
async def play() -> AsyncIterator[Play]:
    playing = Play()
    task = asyncio.create_task(playing.streamer.run())
    await playing.clock.turn(0.01)
    yield playing
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert playing.source.open == 0


async def test_a_price_is_kept_before_it_is_told(play: Play) -> None:
    await play.frame(2.0, 3.0)
    await play.frame(4.0)
    assert [ticker.last for ticker in play.wire.tickers] == [1.0, 2.0, 3.0, 4.0]
    assert play.wire.was_kept_before == [True, False, True, True]  # of one batch the last is kept
    assert play.states["binance feed"] == (True, "streams")


async def test_the_pulse_comes_each_second(play: Play) -> None:
    before = play.wire.pulses
    await play.clock.turn(10)
    assert play.wire.pulses == before + 10


async def test_after_23_hours_a_new_session_begins(play: Play) -> None:
    await play.clock.turn(23 * 3600 - 60, step=600)
    await play.frame(2.0)
    assert play.source.lives == 1
    await play.clock.turn(61)
    await play.frame(2.5)
    assert (play.source.lives, play.source.open, play.sessions) == (2, 1, 2)


async def test_failures_are_waited_out_ever_longer(play: Play) -> None:
    play.source.trouble = [Unavailable("maintenance") for _ in range(9)]
    async with asyncio.timeout(5):
        await play.clock.turn(23 * 3600, step=3600)
        await play.frame(2.0)  # the first life is old: the next attempts fail
    lives = play.source.lives
    await play.clock.turn(2)
    assert play.source.lives - lives <= 4
    assert play.states["binance feed"] == (False, "maintenance")
    await play.clock.turn(300)
    assert play.source.open == 1


async def test_an_exchange_that_says_how_long_is_obeyed(play: Play) -> None:
    play.source.trouble = [Exhausted("too much", 120.0)]
    await play.clock.turn(23 * 3600, step=3600)
    await play.frame(2.0)
    assert play.source.lives == 2
    await play.clock.turn(119)
    assert play.source.lives == 2
    await play.clock.turn(2)
    assert play.source.lives == 3


async def test_a_lost_lease_ends_the_feed_and_one_that_nobody_can_tell_does_not(play: Play) -> None:
    play.lease.is_away = True
    await play.clock.turn(30)
    assert play.source.open == 1
    play.lease.is_away, play.lease.is_free = False, False
    await play.clock.turn(5)
    assert play.source.open == 0
    pulses = play.wire.pulses
    await play.clock.turn(5)
    assert play.wire.pulses == pulses
    assert play.states["binance feed"] == (True, "another replica streams")
    play.lease.is_free = True
    await play.clock.turn(2)
    assert (play.source.open, play.sessions) == (1, 2)


async def test_what_could_not_be_kept_is_kept_later(play: Play) -> None:
    play.prices.is_away = True
    play.prices.kept.clear()
    await play.frame(2.0)
    await play.frame(3.0)
    assert [ticker.last for ticker in play.wire.tickers] == [1.0, 2.0, 3.0]
    play.prices.is_away = False
    await play.clock.turn(1)
    assert play.prices.kept[BTC].last == 3.0
