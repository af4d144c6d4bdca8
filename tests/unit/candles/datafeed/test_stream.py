"""A client that takes nothing costs nobody anything and is let go; an ended session and a gap reach their streams."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import orjson
from starlette.websockets import WebSocket

from candles.datafeed.handlers.hearing import Hearing
from candles.datafeed.handlers.live import LiveBook
from candles.datafeed.handlers.portfolio_charts import PortfolioCharts
from candles.datafeed.handlers.rules import Rules
from candles.datafeed.handlers.stream import Hub, is_own_origin
from candles.datafeed.logic.symbols import HopperSymbol
from cryptwire.codec.candle import candle_to_message, candle_to_wire
from cryptwire.domain.bar import Columns, Volumes
from cryptwire.domain.candle import Candle, Quality
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.preferences import Preferences
from cryptwire.errors import Unavailable
from cryptwire.messaging.bus import Message
from cryptwire.messaging.subjects import LIVE, account
from cryptwire.metrics import Meters
from cryptwire.permissions import Permissions
from generated.wire.v1 import portfolio_pb2 as pb

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
ONE = HopperId("1")


class TurnedClock:
    """Seconds pass when a test says so."""

    def __init__(self) -> None:
        self.moment = NOON
        self._ticks = asyncio.Condition()

    def now(self) -> datetime:
        return self.moment

    async def sleep(self, span: timedelta) -> None:
        until = self.moment + span
        async with self._ticks:
            await self._ticks.wait_for(lambda: self.moment >= until)

    async def turn(self, seconds: int) -> None:
        for _ in range(seconds):
            self.moment += timedelta(seconds=1)
            async with self._ticks:
                self._ticks.notify_all()
            await settled()


async def settled() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


USER = UserId("u")


@dataclass
class Twin:
    """Everything the hub asks for, in memory."""

    user: UserId = USER
    session: bytes = b"s"
    expires_at: datetime = NOON + timedelta(days=1)
    zone: str = "UTC"
    currency: str = "USD"
    preferences: Preferences = field(default_factory=Preferences)
    has_ended: bool = False
    is_away: bool = False
    plan: str = "pro"
    scopes: frozenset[str] | None = None
    forgotten: list[UserId] = field(default_factory=list)

    async def who(self, secret: str) -> "Twin":
        return self

    async def again(self, sessions: list[bytes]) -> "dict[bytes, Twin]":
        if self.is_away:
            raise Unavailable("away")
        return {} if self.has_ended else dict.fromkeys(sessions, self)

    def forget(self, user: UserId) -> None:
        self.forgotten.append(user)

    async def by_id(self, user: UserId) -> "Twin":
        return self

    async def of(self, user: UserId, hopper: HopperId) -> Hopper:
        return Hopper(hopper, user, "n", Exchange("e"), Asset("USDT"), False, timedelta(seconds=60))

    async def of_user(self, user: UserId) -> list[Hopper]:
        return []

    async def newest(self, hopper: HopperId, since: int, until: int, limit: int) -> Columns:
        if self.is_away:
            raise Unavailable("away")
        nothing = np.empty(0, np.float64)
        return Columns(np.empty(0, np.int64), nothing, nothing, nothing, nothing, nothing)

    async def volumes(self, hopper: HopperId, base: Asset, since: int, until: int) -> Volumes:
        return Volumes(np.empty(0, np.int64), np.empty(0))

    async def volume(self, hopper: HopperId, base: Asset, since: int, until: int) -> float:
        return 0.0

    async def latest(self, hopper: HopperId, before: int) -> int | None:
        return None


@dataclass
class Socket:
    """The other end of a WebSocket, which may stop taking messages."""

    said: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    heard: list[dict[str, Any]] = field(default_factory=list)
    takes: asyncio.Event = field(default_factory=asyncio.Event)
    code: int | None = None

    async def receive(self) -> dict[str, Any]:
        return await self.said.get()

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.send":
            await self.takes.wait()
            self.heard.append(orjson.loads(message["text"]))
        elif message["type"] == "websocket.close":
            self.code = message["code"]

    def say(self, **body: str) -> None:
        self.said.put_nowait({"type": "websocket.receive", "text": orjson.dumps(body).decode()})

    def kinds(self) -> list[str]:
        return [message["type"] for message in self.heard]


@dataclass
class World:
    hub: Hub
    charts: PortfolioCharts
    hearing: Hearing
    clock: TurnedClock
    twin: Twin
    meters: Meters
    tasks: list["asyncio.Task[Any]"]

    async def connect(self, resolution: str = "15") -> Socket:
        socket = Socket()
        socket.takes.set()
        scope = {"type": "websocket", "headers": [(b"host", b"h")], "path": "/stream", "query_string": b""}
        socket.said.put_nowait({"type": "websocket.connect"})
        self.tasks.append(asyncio.create_task(self.hub.stream(WebSocket(scope, socket.receive, socket.send))))
        socket.say(action="subscribe", symbol="HOPPER:1", resolution=resolution)
        await settled()
        return socket

    async def live(self, opened_at: datetime, *prices: float) -> None:
        message = pb.Portfolio(
            hopper_id=ONE,
            at_us=int(self.clock.moment.timestamp() * 1e6),
            candle=candle_to_message(candle(opened_at, *prices)),
            is_fresh=True,
        )
        await self.hearing.on_live(Message(LIVE.live(ONE), message.SerializeToString(), ""))
        await settled()

    async def closed(self, opened_at: datetime, *prices: float) -> None:
        await self.hearing.on_closed(Message(LIVE.closed(ONE), candle_to_wire(candle(opened_at, *prices)), ""))
        await settled()


def candle(opened_at: datetime, *prices: float) -> Candle:
    opened, high, low, close = prices
    return Candle(ONE, opened_at, opened, high, low, close, timedelta(0), Quality.COMPLETE, 1)


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    clock, twin, meters = TurnedClock(), Twin(), Meters()
    book = LiveBook(meters)
    charts = PortfolioCharts(twin, twin, twin, book, clock, meters, timedelta(minutes=15))
    hub = Hub(twin, Rules(Permissions()), {HopperSymbol: charts}, clock, meters)
    tasks: list[asyncio.Task[Any]] = [asyncio.create_task(job()) for job in hub.jobs()]
    await settled()
    try:
        yield World(hub, charts, Hearing(book, [charts], clock), clock, twin, meters, tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_slow_client_gets_the_last_state_of_the_bar_it_missed_and_of_the_new_one() -> None:
    async with world() as it:
        await it.live(NOON, 1, 1, 1, 1)
        slow, quick = await it.connect(), await it.connect()
        slow.takes.clear()
        for price in range(2, 500):
            await it.live(NOON, 1, price, 1, price)
        await it.closed(NOON, 1, 500, 1, 500)
        for price in range(500, 600):
            await it.live(NOON + timedelta(minutes=15), 500, price, 500, price)
        assert len(quick.heard) == 600
        assert [message["seq"] for message in quick.heard] == list(range(1, 601))
        slow.takes.set()
        await settled()
        told = [(message["bar"]["close"], message["final"]) for message in slow.heard]
        assert told == [(1, False), (2, False), (500, True), (599, False)]


async def test_a_slow_client_that_missed_a_whole_bar_reads_history_again() -> None:
    async with world() as it:
        await it.live(NOON, 1, 1, 1, 1)
        slow = await it.connect()
        slow.takes.clear()
        await it.live(NOON, 1, 2, 1, 2)
        for number in range(3):
            await it.closed(NOON + number * timedelta(minutes=15), 1, 2, 1, 2)
            await it.live(NOON + (number + 1) * timedelta(minutes=15), 1, 2, 1, 2)
        slow.takes.set()
        await settled()
        assert slow.kinds() == ["bar", "bar", "reset", "bar", "bar"]


async def test_a_client_that_takes_nothing_for_thirty_seconds_is_let_go() -> None:
    async with world() as it:
        await it.live(NOON, 1, 1, 1, 1)
        stuck, other = await it.connect(), await it.connect("60")
        stuck.takes.clear()
        await it.live(NOON, 1, 2, 1, 2)
        await it.clock.turn(29)
        assert it.meters.value("datafeed_sockets") == 2
        await it.clock.turn(2)
        async with asyncio.timeout(5):
            while it.meters.value("datafeed_sockets") != 1:
                await it.clock.turn(1)
                await asyncio.sleep(0.05)
        assert it.meters.value("datafeed_slow") == 1
        assert other.code is None
        assert other.kinds().count("alive") >= 5


async def test_a_client_that_asks_without_reading_is_let_go() -> None:
    async with world() as it:
        socket = await it.connect("nonsense")
        socket.takes.clear()
        for _ in range(300):
            socket.say(action="nonsense", symbol="", resolution="")
        async with asyncio.timeout(5):
            await asyncio.wait(it.tasks[-1:])


async def test_a_gap_on_nats_resets_every_chart_and_begins_it_anew() -> None:
    async with world() as it:
        await it.live(NOON, 1, 1, 1, 1)
        one, two = await it.connect(), await it.connect("1D")
        it.hub.on_gap()
        await settled()
        assert one.kinds() == two.kinds() == ["bar", "reset", "bar"]


async def test_while_the_database_is_away_streams_go_on_and_new_charts_wait() -> None:
    async with world() as it:
        await it.live(NOON, 1, 1, 1, 1)
        one = await it.connect()
        it.twin.is_away = True
        await it.clock.turn(4)
        two = await it.connect("60")
        await it.live(NOON, 1, 2, 1, 2)
        assert (one.kinds().count("bar"), two.kinds()) == (2, [])
        it.twin.is_away = False
        await it.clock.turn(2)
        assert two.kinds()[0] == "bar"
        assert one.code is None


async def test_the_stream_of_an_ended_session_is_closed() -> None:
    async with world() as it:
        socket = await it.connect()
        it.twin.has_ended = True
        await it.clock.turn(3)
        assert socket.code == 4401


async def test_a_plan_without_live_candles_is_told_so_and_the_socket_stays() -> None:
    async with world() as it:
        it.twin.plan = "free"
        await it.live(NOON, 1, 1, 1, 1)
        socket = await it.connect()
        assert [(message["type"], message["code"]) for message in socket.heard] == [("error", "forbidden")]
        await it.live(NOON, 1, 2, 1, 2)
        await it.clock.turn(6)
        assert socket.kinds() == ["error", "alive"]
        assert socket.code is None


async def test_live_ends_within_five_seconds_of_the_plan_and_begins_again_with_it() -> None:
    async with world() as it:
        await it.live(NOON, 1, 1, 1, 1)
        one, two = await it.connect(), await it.connect("60")
        it.twin.plan = "free"
        await it.clock.turn(4)
        for number in range(2, 5):
            await it.live(NOON, 1, number, 1, number)
        assert one.kinds() == two.kinds() == ["bar", "error"]
        assert one.heard[-1] == {
            "type": "error",
            "symbol": "HOPPER:1",
            "resolution": "15",
            "code": "forbidden",
            "message": "this plan or token does not allow to view live-candles",
        }
        it.twin.plan = "trial"
        await it.clock.turn(4)
        one.say(action="subscribe", symbol="HOPPER:1", resolution="15")
        await settled()
        assert one.kinds()[-1] == "bar"
        assert (one.code, two.code) == (None, None)


async def test_a_change_of_the_account_is_heeded_at_once_by_its_own_streams_alone() -> None:
    async with world() as it:
        await it.live(NOON, 1, 1, 1, 1)
        socket = await it.connect()
        it.twin.plan = "free"
        await it.hub.on_account(Message("account.somebody-else", b"", ""))
        await settled()
        assert socket.kinds() == ["bar"]
        await it.hub.on_account(Message(account(USER), b"", ""))
        await settled()
        assert socket.kinds() == ["bar", "error"]
        assert it.twin.forgotten == ["somebody-else", USER], "the next request goes by what is true now"


async def test_a_token_without_scopes_opens_no_stream() -> None:
    async with world() as it:
        it.twin.scopes = frozenset()
        socket = await it.connect()
        assert socket.code == 4403
        assert socket.heard == []


async def test_a_trade_brings_the_volume_up_to_date() -> None:
    async with world() as it:
        await it.live(NOON, 1, 1, 1, 1)
        hour = await it.connect("60")
        await it.closed(NOON, 1, 1, 1, 1)
        await it.live(NOON + timedelta(minutes=15), 1, 1, 1, 1)

        async def volume(hopper: HopperId, base: Asset, since: int, until: int) -> float:
            return 12.5 if until > since else 0.0

        it.twin.volume = volume  # type: ignore[method-assign]
        await it.charts.on_trade(Message("trade.binance.1", b"", ""))
        await settled()
        assert hour.heard[-1]["bar"]["volume"] == 12.5


def test_only_pages_of_the_own_host_may_open_a_stream() -> None:
    assert is_own_origin("https://app.example", "app.example")
    assert is_own_origin(None, "app.example")
    for origin in ("https://evil.example", "null", "https://app.example.evil", "https://app.example:81", ""):
        assert not is_own_origin(origin, "app.example")
