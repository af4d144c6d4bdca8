"""The analyser as a process: killed and started again it tells the same; of two, one computes a pair."""

import asyncio
import contextlib
import math
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import asyncpg
import numpy as np
import pytest

from analyser.logic.panel import overlay
from cryptwire import config
from cryptwire.clock import SystemClock, to_us
from cryptwire.codec.candle import candle_to_message
from cryptwire.codec.figure import (
    Wanted,
    lease_from_wire,
    pair_snapshot_from_wire,
    snapshot_from_wire,
    wanted_to_wire,
)
from cryptwire.codec.ohlcv import Ohlcv, reply_to_wire, request_from_wire
from cryptwire.codec.portfolio import flow_to_message
from cryptwire.codec.ticker import feed_to_wire, ticker_to_wire
from cryptwire.domain.bar import Columns
from cryptwire.domain.candle import SPAN, Candle, Quality, opening
from cryptwire.domain.figure import PairSnapshot, Snapshot, figure_key
from cryptwire.domain.flow import DecidedBy, FlowState
from cryptwire.domain.hopper import Asset, Exchange, HopperId
from cryptwire.domain.portfolio import FlowCandidate
from cryptwire.domain.ticker import Feed, Pair, Ticker
from cryptwire.errors import Unavailable
from cryptwire.messaging import bus as messaging
from cryptwire.messaging.bus import Message, NatsBus
from cryptwire.messaging.subjects import LIVE
from cryptwire.storage import database, redis
from cryptwire.storage.assignments import Assignments
from cryptwire.storage.candles import Candles
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.flow_candidates import FlowCandidates
from cryptwire.storage.flows import Flows
from cryptwire.storage.heartbeats import Heartbeats
from cryptwire.storage.migrate import migrate
from cryptwire.tasks import end
from devstack import servers as embedded
from devstack.servers import Process, Servers, free_port
from generated.wire.v1 import portfolio_pb2
from tests.conftest import ROOT

ONE = HopperId("1")
BTC = Pair(Exchange("binance"), Asset("BTC"), Asset("USDT"))
KEYS = ("rsi@15", "macd.signal@15", "supertrend@60", "drawdown(minutes=1440)", "change(minutes=90)", "index", "balance")
HISTORY = 1_400
BEAT = 0.3


@dataclass
class Scene:
    """Servers, a hopper with a past, somebody who tells of it and of a pair all the time, and analysers."""

    servers: Servers
    database_url: str
    folder: Path
    rows: Database
    bus: NatsBus
    processes: dict[str, Process] = field(default_factory=dict)
    told: list[Snapshot] = field(default_factory=list)
    told_of_pair: list[tuple[float, PairSnapshot]] = field(default_factory=list)
    value: float = 1000.0
    flow: FlowCandidate | None = None
    polled_at: datetime | None = None
    opened_at: datetime = field(default_factory=lambda: opening(datetime.now(UTC)))  # noqa: TID251

    def start(self, name: str, pod: str = "pod") -> None:
        told = {
            "CRYPTWIRE_ANALYSER_POD": pod,
            "CRYPTWIRE_ANALYSER_DATABASE_URL": url_of("analyser", self.database_url),
            "CRYPTWIRE_ANALYSER_REDIS_URL": self.servers.redis.url,
            "CRYPTWIRE_ANALYSER_NATS_URL": self.servers.nats.url("analyser"),
            "CRYPTWIRE_ANALYSER_HEALTH_PORT": str(free_port()),
        }
        inherited = {key: value for key, value in config.environment().items() if not key.startswith("CRYPTWIRE_")}
        process = self.processes[name] = Process(name, self.folder / f"{name}.log")
        process.start(
            [sys.executable, "-m", "cryptwire", "run", "analyser"], cwd=str(ROOT), environment=inherited | told
        )

    def message(self) -> bytes:
        # within the candle for ever: a run that crosses a boundary compares the same windows
        now = to_us(min(SystemClock().now(), self.opened_at + SPAN - timedelta(seconds=1)))
        high = max(1010.0, self.value)
        candle = Candle(ONE, self.opened_at, 1000.0, high, 990.0, self.value, timedelta(0), Quality.COMPLETE, 1)
        return portfolio_pb2.Portfolio(
            hopper_id=ONE,
            at_us=now,
            base_currency="USDT",
            candle=candle_to_message(candle),
            is_fresh=True,
            prices_at_us=now,
            newest_price_at_us=now,
            assets_at_us=to_us(self.polled_at or self.opened_at),
            flow=None if self.flow is None else flow_to_message(self.flow),
            assets=["USDT"],
            quantities=["1000"],
            prices=[1.0],
        ).SerializeToString()

    async def tell(self) -> None:
        """The tracker, the streamer and the cluster manager, forever."""
        number = 0
        while True:
            number += 1
            now = SystemClock().now()
            with contextlib.suppress(Unavailable):
                await Assignments(self.rows).confirm("pod")
                await Assignments(self.rows).confirm("other")
                await self.bus.publish(LIVE.live(ONE), self.message())
                ticker = Ticker(BTC, 50.0, None, None, None, now, "s", number)
                await self.bus.publish(LIVE.ticker(BTC), ticker_to_wire(ticker))
                feed = Feed(BTC.exchange, "s", number, now, timedelta(0))
                await self.bus.publish(LIVE.feed(BTC.exchange), feed_to_wire(feed))
            await asyncio.sleep(BEAT)

    async def on_figures(self, message: Message) -> None:
        self.told.append(snapshot_from_wire(message.payload))

    async def on_pair(self, message: Message) -> None:
        self.told_of_pair.append((asyncio.get_running_loop().time(), pair_snapshot_from_wire(message.payload)))

    async def on_candles(self, message: Message) -> None:
        """The streamer: two hundred candles of one price, the last in progress."""
        asked = request_from_wire(message.payload)
        step = {"1h": timedelta(hours=1), "1m": timedelta(minutes=1)}[asked.timeframe]
        last = opening(SystemClock().now(), step)
        rows = [Ohlcv(last - n * step, 40.0, 41.0, 39.0, 40.0, 1.0) for n in reversed(range(200))]
        await self.bus.publish(
            message.reply, reply_to_wire([row for row in rows if row.opened_at >= asked.since][: asked.limit])
        )

    async def want(self, of: HopperId | Pair, *keys: str) -> None:
        """A lease; asked for until somebody answers."""
        async with asyncio.timeout(30):
            while True:
                try:
                    answer = await self.bus.request(LIVE.want, wanted_to_wire(Wanted(of, keys)), 1)
                except Unavailable:
                    await asyncio.sleep(0.3)
                    continue
                assert lease_from_wire(answer).refused == {}
                return

    async def complete(self, session: str = "") -> Snapshot:
        """The next snapshot in which everything has a value, of another session than this."""
        async with asyncio.timeout(30):
            while True:
                for snapshot in self.told[-3:]:
                    if snapshot.session != session and all(f.value is not None for f in snapshot.figures.values()):
                        return snapshot
                await asyncio.sleep(0.1)

    async def of_pair(self, count: int, session: str = "") -> list[PairSnapshot]:
        """So many more snapshots of the pair, of another session than this."""
        begin = len(self.told_of_pair)
        async with asyncio.timeout(40):
            while True:
                found = [one for _, one in self.told_of_pair[begin:] if one.session != session]
                if len(found) >= count:
                    return found
                await asyncio.sleep(0.1)


def history(until: datetime) -> list[Candle]:
    chance = np.random.default_rng(9)
    closes = 1000 * np.exp(np.cumsum(chance.normal(0, 0.01, HISTORY)))
    closes *= 1000 / closes[-1]
    rows, before = [], float(closes[0])
    for number, close in enumerate(closes.tolist()):
        high, low = max(before, close) * 1.003, min(before, close) * 0.997
        at = until - (HISTORY - number) * SPAN
        rows.append(Candle(ONE, at, before, high, low, close, timedelta(0), Quality.COMPLETE, 1))
        before = close
    return rows


@asynccontextmanager
async def playing(servers: Servers, database_url: str, folder: Path) -> AsyncIterator[Scene]:
    connection = await asyncpg.connect(database_url)
    user = await connection.fetchval(
        "INSERT INTO users (email, password_hash, plan) VALUES ('a@example.com', '-', 'pro') RETURNING user_id::text"
    )
    await connection.execute(
        "INSERT INTO hoppers (hopper_id, user_id, name, exchange, base_currency, is_paper, refresh_seconds)"
        " VALUES ('1', $1::text::uuid, 'one', 'binance', 'USDT', false, 60)",
        user,
    )
    await connection.close()
    async with (
        database.connect(database_url, "test", 3) as rows,
        messaging.connect(servers.nats.admin_url, "asker") as bus,
    ):
        scene = Scene(servers, database_url, folder, rows, bus)
        await Candles(rows).write(history(scene.opened_at))
        await Assignments(rows).confirm("pod")
        await Assignments(rows).assign([ONE], "pod")
        await bus.subscribe(LIVE.figures(ONE), scene.on_figures)
        await bus.subscribe(LIVE.pair_figures(BTC), scene.on_pair)
        await bus.subscribe(LIVE.all_candles(BTC.exchange), scene.on_candles)
        telling = asyncio.create_task(scene.tell())
        try:
            yield scene
        finally:
            for process in scene.processes.values():
                if process.is_running:
                    await process.stop(5)
            await end([telling])


@pytest.fixture
async def scene(servers: Servers, database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    async with playing(servers, database_url, tmp_path) as scene:
        yield scene


async def test_killed_and_started_again_it_tells_the_same(scene: Scene) -> None:
    scene.start("first")
    await scene.want(ONE, *KEYS)
    before = await scene.complete()
    scene.processes["first"].kill()
    scene.start("second")
    await scene.want(ONE, *KEYS)
    after = await scene.complete(before.session)
    assert after.session != before.session
    for key, figure in before.figures.items():
        again = after.figures[key]
        assert again.value == pytest.approx(figure.value, rel=1e-9), str(key)
        assert again.bar_at == figure.bar_at
    rows = history(scene.opened_at)
    at = np.array([int(row.opened_at.timestamp()) for row in rows] + [int(scene.opened_at.timestamp())])
    prices = [(row.open, row.high, row.low, row.close) for row in rows] + [(1000.0, 1010.0, 990.0, 1000.0)]
    opens, highs, lows, closes = np.array(prices).T.copy()
    bars = Columns(at, opens, highs, lows, closes, np.zeros(len(at)))
    for key in map(figure_key, ("rsi@15", "macd.signal@15")):
        assert after.figures[key].value == pytest.approx(float(overlay(key, bars)[-1]), rel=1e-9)
    peak = max(highs[-97:])
    drawdown = after.figures[figure_key("drawdown(minutes=1440)")].value
    assert drawdown is not None
    assert math.isclose(drawdown, 1 - 1000 / peak, rel_tol=1e-9)


async def test_a_deposit_does_not_move_the_index_and_settles_when_it_is_decided(scene: Scene) -> None:
    scene.start("first")
    await scene.want(ONE, "index", "drawdown(minutes=60)")
    before = await scene.complete()
    assert (before.is_settling, before.index) == (False, 1000.0)
    at = SystemClock().now()
    scene.flow = FlowCandidate(ONE, at, Asset("USDT"), Decimal(250), 1.0, scene.value, 1)
    scene.polled_at, scene.value = at, 1250.0
    scene.told.clear()
    shown = await scene.complete()
    await FlowCandidates(scene.rows).write([scene.flow])
    flows = Flows(scene.rows)
    assert await flows.open_new(at - timedelta(days=1)) == 1
    async with asyncio.timeout(60):
        while not scene.told[-1].is_settling or scene.told[-1].balance != 1250.0:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)
    (opened,) = await flows.within(ONE, at, at + timedelta(seconds=1))
    await flows.decide([replace(opened, version=2, state=FlowState.CONFIRMED, decided_by=DecidedBy.POLLS)])
    scene.flow = None
    async with asyncio.timeout(60):
        while scene.told[-1].is_settling:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)
    assert scene.told[-1].index == pytest.approx(1000.0)
    assert scene.told[-1].balance == 1250.0
    assert scene.told[-1].flows_version > shown.flows_version
    assert all(one.index == pytest.approx(1000.0) for one in scene.told)


async def test_it_says_that_it_lives_and_counts_what_it_does(scene: Scene) -> None:
    scene.start("first")
    await scene.want(ONE, "balance")
    await scene.complete()
    async with redis.connect(scene.servers.redis.url) as client, asyncio.timeout(30):
        while "analyser/pod" not in (beats := await Heartbeats(client).all()):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.2)
    assert beats["analyser/pod"].work == "a round of figures"


async def test_a_pair_is_told_once_and_goes_on_when_who_computes_it_is_killed(scene: Scene) -> None:
    scene.start("first")
    scene.start("second", "other")
    keys = ("price", "sma(length=5)@60", "change(minutes=60)")
    await scene.want(BTC, *keys)
    found = await scene.of_pair(4)
    owner = found[-1].session
    assert {one.session for one in found[-3:]} == {owner}, "one of them computes it"
    assert [one.sequence for one in found] == list(range(found[0].sequence, found[0].sequence + len(found)))
    values = {str(key): figure.value for key, figure in (await scene.of_pair(1))[-1].figures.items()}
    assert values == {
        "price": 50.0,
        "sma(length=5)@60": pytest.approx((4 * 40 + 50) / 5),
        "change(minutes=60)": pytest.approx(0.25),
    }
    # whose it is shows in the number of its session alone: the one that falls silent is the one that had it
    await scene.want(BTC, *keys)
    scene.processes["first"].kill()
    went_on = await scene.of_pair(3)
    if went_on[-1].session == owner:
        scene.start("first")
        await asyncio.sleep(3)
        await scene.want(BTC, *keys)
        scene.processes["second"].kill()
        went_on = await scene.of_pair(3, owner)
    assert went_on[-1].session != owner
    assert went_on[-1].figures[figure_key("price")].value == 50.0


async def test_it_comes_back_when_the_servers_do(scene: Scene) -> None:
    scene.start("first")
    await scene.want(ONE, *KEYS)
    session = (await scene.complete()).session
    connection = await asyncpg.connect(scene.database_url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'cryptwire_analyser'"
    )
    await connection.close()
    await asyncio.sleep(1)
    await scene.want(ONE, *KEYS, "rsi(length=30)@15")
    scene.told.clear()
    again = await scene.complete()
    assert figure_key("rsi(length=30)@15") in again.figures
    assert scene.told[-1].session == session
    assert scene.processes["first"].is_running


@pytest.mark.timeout(400)
async def test_servers_that_are_killed_and_come_back_take_nothing_with_them(data_folder: Path, tmp_path: Path) -> None:
    folder = data_folder / "outage"
    try:
        async with embedded.running(folder) as servers:
            await migrate(servers.postgres.url)
            async with playing(servers, servers.postgres.url, tmp_path) as scene:
                scene.start("first")
                await scene.want(ONE, *KEYS)
                await scene.want(BTC, "price")
                session = (await scene.complete()).session
                for server in (servers.redis, servers.nats, servers.postgres):
                    server.process.kill()
                    await asyncio.sleep(2)
                    await server.start()
                    await asyncio.sleep(3)
                    await scene.want(ONE, *KEYS)
                    await scene.want(BTC, "price")
                    scene.told.clear()
                    again = await scene.complete()
                    assert again.session == session, f"it went on through the end of {server.process.name}"
                    assert (await scene.of_pair(2))[-1].session == session
                assert scene.processes["first"].is_running
    finally:
        embedded.remove(folder)
