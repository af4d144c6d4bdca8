"""The tracker with twins for the world and a clock in hand."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from cryptwire.codec.candle import candle_from_wire
from cryptwire.codec.portfolio import portfolio_from_wire
from cryptwire.codec.ticker import feed_to_wire, ticker_to_wire
from cryptwire.domain.account import Account
from cryptwire.domain.candle import Candle
from cryptwire.domain.hopper import Assignment, Exchange, Hopper, HopperId
from cryptwire.domain.portfolio import Portfolio
from cryptwire.domain.ticker import Feed, Ticker
from cryptwire.domain.trade import Trade
from cryptwire.errors import CryptwireError, Unavailable
from cryptwire.memory.bus import MemoryBus
from cryptwire.memory.clock import HandClock, settled
from cryptwire.memory.write_queue import MemoryWriteQueue
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from tests.unit.tracker.builders import BINANCE, S, T, account, hopper, tick
from tracker.handlers import Tracker
from tracker.logic.shard import Shard

SPAN = 60 * S
ONE, TWO = HopperId("1"), HopperId("2")


class Duty:
    """What the pod holds; None while it is not confirmed."""

    def __init__(self, *hoppers: Hopper) -> None:
        self.held: list[Assignment] | None = [Assignment(one, 1) for one in hoppers]
        self.is_away = False

    async def of_pod(self, pod: str) -> list[Assignment] | None:
        assert pod == "pod"
        if self.is_away:
            raise Unavailable("the database is away")
        return None if self.held is None else list(self.held)


class Cryptohopper:
    """Answers polls; ``faults`` are raised first, one a poll."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.quantities: dict[HopperId, dict[str, str]] = {}
        self.faults: list[CryptwireError] = []
        self.polls: list[tuple[HopperId, datetime]] = []
        self.listed: list[Trade] = []

    async def read(self, hopper: Hopper) -> Account:
        self.polls.append((hopper.id, self.clock.now()))
        if self.faults:
            raise self.faults.pop(0)
        return account(hopper.id, self.clock.now(), **self.quantities.get(hopper.id, {"BTC": "1"}))

    async def trades_since(self, hopper: Hopper, since: datetime) -> list[Trade]:
        return [one for one in self.listed if one.hopper == hopper.id and one.at >= since]

    def seconds(self, of: HopperId = ONE) -> list[float]:
        return [(at - T).total_seconds() for name, at in self.polls if name == of]


class Kept:
    """Accounts through a restart, and where their flows go."""

    def __init__(self, flows: "Sink") -> None:
        self.accounts: dict[HopperId, Account] = {}
        self.is_away = False
        self._flows = flows

    async def keep(self, account: Account, flows: Sequence[bytes] = ()) -> None:
        if self.is_away:
            raise Unavailable("Redis is away")
        self.accounts[account.hopper] = account
        self._flows.values += flows

    async def all(self) -> dict[HopperId, Account]:
        return dict(self.accounts)

    async def drop(self, hoppers: Iterable[HopperId]) -> None:
        for name in hoppers:
            self.accounts.pop(name, None)


class Sink:
    """Takes flow candidates."""

    def __init__(self) -> None:
        self.values: list[bytes] = []

    async def push(self, values: Sequence[bytes]) -> None:
        self.values += values


class Stored:
    """Fills in the database."""

    def __init__(self) -> None:
        self.trades: list[Trade] = []
        self.is_away = False
        self.reads = 0

    async def of_many(self, spans: Sequence[tuple[HopperId, datetime, datetime]]) -> dict[HopperId, list[Trade]]:
        self.reads += 1
        if self.is_away:
            raise Unavailable("the database is away")
        return {
            hopper: [one for one in self.trades if one.hopper == hopper and since <= one.at < until]
            for hopper, since, until in spans
        }


class Prices:
    """Last prices, as the streamer keeps them."""

    def __init__(self, *tickers: Ticker) -> None:
        self.tickers = list(tickers)
        self.fault: CryptwireError | None = None
        self.reads = 0

    async def all_of(self, exchange: Exchange) -> list[Ticker]:
        self.reads += 1
        if self.fault is not None:
            raise self.fault
        return [ticker for ticker in self.tickers if ticker.pair.exchange == exchange]


class World:
    """A tracker and all that it meets."""

    def __init__(self, *hoppers: Hopper) -> None:
        self.clock = HandClock(T + S)
        self.bus = MemoryBus()
        self.queue = MemoryWriteQueue(self.clock)
        self.duty = Duty(*(hoppers or (hopper(refresh=600 * S),)))
        self.cryptohopper = Cryptohopper(self.clock)
        self.prices = Prices(tick(10.0, T - S))
        self.stored = Stored()
        self.flows = Sink()
        self.kept = Kept(self.flows)
        self.meters = Meters()
        self.sequence = 0
        self.rounds: list[int] = []
        self._pushed: list[Candle] = []
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.shard = Shard(SPAN)
        tracker = Tracker(
            "pod",
            self.shard,
            duties=self.duty,
            balances=self.cryptohopper,
            accounts=self.kept,
            prices=self.prices,
            candles=self.queue,
            trades=self.stored,
            flows=self.flows,
            bus=self.bus,
            world=LIVE,
            clock=self.clock,
            meters=self.meters,
            on_live=self.rounds.append,
        )
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(tracker.run(self._stop))
        await settled()

    async def stop(self) -> None:
        """As on SIGTERM."""
        if self._task is not None:
            self._stop.set()
            await asyncio.wait_for(self._task, 5)
            self._task = None

    async def kill(self) -> None:
        """As SIGKILL leaves it: nothing more is told or kept."""
        assert self._task is not None
        self.queue.is_away = self.bus.is_away = True
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        self.queue.is_away = self.bus.is_away = False

    @property
    def is_running(self) -> bool:
        return self._task is not None and not self._task.done()

    async def until(self, second: float) -> None:
        """Let time pass until so many seconds after 12:00."""
        await self.clock.turn(T + timedelta(seconds=second) - self.clock.now())

    async def turn(self, seconds: float) -> None:
        await self.clock.turn(timedelta(seconds=seconds))

    async def pass_with_feed(self, seconds: int) -> None:
        for _ in range(seconds):
            await self.turn(1)
            await self.feed()

    async def feed(self, sequence: int | None = None, session: str = "s") -> None:
        now = self.clock.now()
        feed = Feed(BINANCE, session, self.sequence if sequence is None else sequence, now, timedelta(0))
        await self.bus.publish(LIVE.feed(BINANCE), feed_to_wire(feed))
        await settled()

    async def tick(self, price: float, at: datetime | None = None, skip: int = 0, session: str = "s") -> None:
        self.sequence += 1 + skip
        ticker = tick(price, at or self.clock.now(), sequence=self.sequence, session=session)
        await self.bus.publish(LIVE.ticker(ticker.pair), ticker_to_wire(ticker))
        await settled()

    def live(self, name: HopperId = ONE) -> list[Portfolio]:
        return [portfolio_from_wire(payload) for payload in self.bus.sent(LIVE.live(name))]

    def told_closed(self, name: HopperId = ONE) -> list[Candle]:
        return [candle_from_wire(payload) for payload in self.bus.sent(LIVE.closed(name))]

    async def pushed(self) -> list[Candle]:
        """Every candle pushed so far."""
        self._pushed += map(candle_from_wire, await self.queue.take("reader", 10_000))
        await self.queue.done("reader")
        return list(self._pushed)


def opened(candles: Iterable[Candle]) -> list[float]:
    return [(candle.opened_at - T).total_seconds() for candle in candles]


def prices(candle: Candle) -> tuple[float, float, float, float]:
    return candle.open, candle.high, candle.low, candle.close
