"""Tracker to analyser over real servers: every value that is published is that of the candles in the database."""

import asyncio
import math
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import asyncpg
import numpy as np
import pytest

from analyser.adapters import StoredFlows, StreamedCandles
from analyser.handlers.hoppers import Hoppers
from analyser.handlers.pairs import Pairs
from analyser.handlers.reading import Reader
from analyser.handlers.service import Analyser
from analyser.logic.panel import overlay
from cryptwire.clock import to_us
from cryptwire.codec.candle import candle_to_wire
from cryptwire.codec.figure import Wanted, lease_from_wire, snapshot_from_wire, wanted_to_wire
from cryptwire.codec.portfolio import portfolio_from_wire
from cryptwire.codec.trade import trade_to_wire
from cryptwire.domain.account import Account
from cryptwire.domain.bar import Columns, Resolution, edges, folded, with_volumes
from cryptwire.domain.candle import SPAN, Candle, Quality
from cryptwire.domain.figure import CATALOGUE, FigureKey, Snapshot
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.memory.clock import HandClock
from cryptwire.messaging import bus as messaging
from cryptwire.messaging.bus import Message, NatsBus
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from cryptwire.storage import database, redis
from cryptwire.storage.assignments import Assignments
from cryptwire.storage.candle_series import CandleSeries
from cryptwire.storage.candles import Candles
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.last_prices import LastPrices
from cryptwire.storage.lease import Lease
from cryptwire.storage.trades import Trades
from cryptwire.storage.zones import Zones
from devstack.servers import Servers
from tracker.logic.shard import Shard

T = datetime(2026, 3, 28, 12, tzinfo=UTC)  # Berlin's clocks are put on in the night
T0 = int(T.timestamp())
S = timedelta(seconds=1)
GRID = 900
HISTORY = 480
BERLIN = ZoneInfo("Europe/Berlin")
BTC = Pair(Exchange("binance"), Asset("BTC"), Asset("USDT"))
ONE = HopperId("1")
RESOLUTIONS = ("15", "60", "240")


def keys() -> list[FigureKey]:
    """Every figure of bars, at each resolution."""
    return [
        FigureKey.of(name, resolution)
        for resolution in RESOLUTIONS
        for name, definition in CATALOGUE.items()
        if definition.of_bars
    ]


@dataclass
class Scene:
    """A tracker's shard that is driven by hand, and analysers that listen to it over NATS."""

    owner: Database
    tracker: NatsBus
    asker: NatsBus
    servers: Servers
    database_url: str
    user: UserId
    clock: HandClock = field(default_factory=lambda: HandClock(T + S))
    shard: Shard = field(default_factory=lambda: Shard(SPAN))
    told: list[Snapshot] = field(default_factory=list)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    chance: random.Random = field(default_factory=lambda: random.Random(5))
    price: float = 100.0
    number: int = 0
    quantity: Decimal = Decimal(2)

    @property
    def hopper(self) -> Hopper:
        return Hopper(ONE, self.user, "one", BTC.exchange, BTC.quote, False, 60 * S)

    async def on_figures(self, message: Message) -> None:
        self.told.append(snapshot_from_wire(message.payload))

    async def analyser(self) -> tuple[Analyser, asyncio.Event]:
        """One more, with the rights that it has in production."""
        bus = await self.stack.enter_async_context(messaging.connect(self.servers.nats.url("analyser"), "analyser"))
        rows = await self.stack.enter_async_context(
            database.connect(url_of("analyser", self.database_url), "analyser", 2)
        )
        values = await self.stack.enter_async_context(redis.connect(self.servers.redis.url))
        meters, session = Meters(), f"s{self.chance.random()}"
        reader = Reader(CandleSeries(rows), StoredFlows(rows), Zones(rows), self.clock, meters, span=SPAN)
        hoppers = Hoppers(session, bus, LIVE, self.clock, meters, reader.ask, span=SPAN, gather=S / 40)

        def lease_of(pair: Pair) -> Lease:
            return Lease(values, f"cw:lease:analyser:{LIVE.pair_figures(pair)}", 10 * S)

        pairs = Pairs(session, StreamedCandles(bus, LIVE), LastPrices(values), lease_of, bus, LIVE, self.clock, meters)
        analyser = Analyser("pod", hoppers, pairs, reader, Assignments(rows), bus, LIVE, self.clock, meters, readers=2)
        stop = asyncio.Event()
        task = asyncio.create_task(analyser.run(stop))

        async def ended() -> None:
            stop.set()
            await task

        self.stack.push_async_callback(ended)
        await asyncio.sleep(0.3)
        return analyser, stop

    async def want(self, wanted: list[FigureKey]) -> None:
        """A lease on these, or one that is renewed."""
        texts = tuple(map(str, wanted))
        answer = await self.asker.request(LIVE.want, wanted_to_wire(Wanted(ONE, texts)), 5)
        assert lease_from_wire(answer).refused == {}

    async def turn(self, span: timedelta) -> None:
        """Let time pass, a second at a time, with a moment for what is under way over sockets."""
        until = self.clock.now() + span
        while self.clock.now() < until:
            await self.owner.execute("UPDATE pods SET confirmed_at = now()")
            await self.clock.turn(min(3 * S, until - self.clock.now()))
            await asyncio.sleep(0.01)

    def now(self) -> int:
        return to_us(self.clock.now())

    async def live(self) -> Snapshot:
        """A live round; the snapshot that answers it."""
        count = len(self.told)
        for name, payload in self.shard.live(self.clock.now()):
            await self.tracker.publish(LIVE.live(name), payload)
        for _ in range(500):
            await asyncio.sleep(0.01)
            await self.clock.turn(S / 40)
            if len(self.told) > count:
                return self.told[-1]
        raise AssertionError("no figures came")

    def tick(self) -> None:
        self.price *= math.exp(self.chance.gauss(0, 0.004))
        self.shard.on_price(self.now(), BTC, self.price)

    async def trade(self) -> None:
        """A fill that the tracker and the database hear of."""
        self.number += 1
        total = Decimal(self.chance.randint(1, 50))
        fill = Trade(
            ONE, TradeId(str(self.number)), BTC, Side.BUY, Decimal(1), total, total, Decimal(0), Asset("USDT"),
            self.clock.now() - S,
        )  # fmt: skip
        await Trades(self.owner).add([fill])
        self.shard.on_trade(fill)
        await self.asker.publish(LIVE.trade(BTC.exchange, ONE), trade_to_wire(fill))

    async def store(self, closed: list[Candle], *, tells: bool = True) -> None:
        if closed:
            await Candles(self.owner).write(closed)
        for candle in closed:
            if tells:
                await self.tracker.publish(LIVE.closed(candle.hopper), candle_to_wire(candle))

    async def truth(self) -> dict[str, float]:
        """Every figure over the candles of the database and the live one."""
        live = portfolio_from_wire(next(iter(self.shard.live(self.clock.now())))[1])
        at = int(live.candle.opened_at.timestamp())
        stored = await CandleSeries(self.owner).newest(ONE, 0, at, 100_000)
        volumes = await CandleSeries(self.owner).volumes(ONE, Asset("USDT"), 0, at)
        candles = with_volumes(stored, volumes)
        c = live.candle
        row = [np.array([number]) for number in (c.open, c.high, c.low, c.close, live.volume)]
        names = ("open", "high", "low", "close", "volume")
        whole = Columns(
            np.append(candles.at, at),
            *(np.append(getattr(candles, name), column) for name, column in zip(names, row, strict=True)),
        )
        found = {}
        for key in keys():
            resolution = Resolution.of(key.resolution)
            bars = folded(whole, edges(resolution, BERLIN, int(whole.at[0]), at + 1))
            found[str(key)] = float(overlay(key, bars)[-1])
        return found


def history() -> Iterator[Candle]:
    """Candles that end at T, of two BTC."""
    chance = np.random.default_rng(3)
    closes = 200 * np.exp(np.cumsum(chance.normal(0, 0.01, HISTORY)))
    closes *= 200 / closes[-1]
    opens = np.concatenate([[closes[0]], closes[:-1]])
    for number in range(HISTORY):
        open_, close = float(opens[number]), float(closes[number])
        high, low = max(open_, close) * (1 + chance.random() * 0.01), min(open_, close) * (1 - chance.random() * 0.01)
        at = T - (HISTORY - number) * SPAN
        yield Candle(ONE, at, open_, high, low, close, timedelta(0), Quality.COMPLETE, 1)


@pytest.fixture
async def scene(servers: Servers, database_url: str, redis_url: str) -> AsyncIterator[Scene]:
    connection = await asyncpg.connect(database_url)
    user = await connection.fetchval(
        "INSERT INTO users (email, password_hash, zone, plan) VALUES ('a@example.com', '-', 'Europe/Berlin', 'pro')"
        " RETURNING user_id::text"
    )
    await connection.execute(
        "INSERT INTO hoppers (hopper_id, user_id, name, exchange, base_currency, is_paper, refresh_seconds)"
        " VALUES ('1', $1::text::uuid, 'one', 'binance', 'USDT', false, 60)",
        user,
    )
    await connection.close()
    async with (
        database.connect(database_url, "test", 3) as owner,
        messaging.connect(servers.nats.url("tracker"), "tracker") as tracker,
        messaging.connect(servers.nats.admin_url, "asker") as asker,
    ):
        await Assignments(owner).confirm("pod")
        await Assignments(owner).assign([ONE], "pod")
        scene = Scene(owner, tracker, asker, servers, database_url, UserId(user))
        await asker.subscribe(LIVE.figures(ONE), scene.on_figures)
        scene.shard.begin(to_us(T))
        scene.shard.on_price(to_us(T), BTC, 100.0)
        account = Account(ONE, T, {Asset("BTC"): scene.quantity}, ())
        scene.shard.take_in(scene.hopper, 1, account, T)
        scene.shard.book.phases[0] = 3  # it was tracked before: its candles are recorded from T on
        await Candles(owner).write(list(history()))
        async with scene.stack:
            yield scene


def compare(snapshot: Snapshot, truth: dict[str, float]) -> int:
    """How many values were compared; those that cannot be told must be unknown in both."""
    for key, figure in snapshot.figures.items():
        expected = truth[str(key)]
        if figure.value is None:
            assert math.isnan(expected), f"{key} is {expected}"
        else:
            assert figure.value == pytest.approx(expected, rel=1e-9, abs=1e-9), str(key)
    return len(snapshot.figures)


async def test_every_value_through_boundaries_is_that_of_the_stored_candles(scene: Scene) -> None:
    await scene.analyser()
    await scene.tracker.publish(*next((LIVE.live(name), payload) for name, payload in scene.shard.live(T + S)))
    await asyncio.sleep(0.2)
    wanted = keys()
    await scene.want(wanted)
    await scene.turn(S)
    await asyncio.sleep(1)
    compared = 0
    for _ in range(3):
        for beat in range(3):
            await scene.turn(timedelta(seconds=40 if beat else 2))
            await scene.want(wanted)
            for _ in range(5):
                scene.tick()
            if beat == 1 and scene.chance.random() < 0.6:
                await scene.trade()
            compared += compare(await scene.live(), await scene.truth())
        boundary = from_boundary(scene.clock.now())
        while scene.clock.now() < boundary:
            await scene.turn(min(40 * S, boundary - scene.clock.now()))
            await scene.want(wanted)
        closed = scene.shard.advance(scene.now())
        is_late = scene.chance.random() < 0.5
        await scene.store(closed, tells=not is_late)
        if is_late:  # the live message of the next candle comes before the close of this one
            await scene.live()
            await scene.store(closed)
        await scene.turn(7 * S)
        await asyncio.sleep(0.3)
        compared += compare(await scene.live(), await scene.truth())
    assert compared == 12 * len(wanted)
    values = [figure.value for figure in scene.told[-1].figures.values()]
    assert sum(value is not None for value in values) > 0.8 * len(values)


def from_boundary(moment: datetime) -> datetime:
    """The next boundary."""
    seconds = int(moment.timestamp())
    return datetime.fromtimestamp(seconds - seconds % GRID + GRID, UTC)
