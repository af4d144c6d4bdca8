"""A datafeed of its own over real servers, with a user, a stranger, and their hoppers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from candles.datafeed.main import opened
from candles.datafeed.settings import Settings
from cryptwire.clock import SystemClock
from cryptwire.codec.candle import candle_to_message, candle_to_wire
from cryptwire.domain.candle import Candle, Quality
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.messaging import bus as messaging
from cryptwire.messaging.bus import NatsBus
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from cryptwire.runtime import Health, Runtime, serving
from cryptwire.storage import database
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.users import Users
from generated.wire.v1 import portfolio_pb2 as pb
from tests.signing import Keys, issued, personal_token

MINE, THEIRS = HopperId("1"), HopperId("2")


class TurnedClock:
    """A clock whose hands a test sets; waiting is real."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)
        self._real = SystemClock()

    def now(self) -> datetime:
        return self._real.now() + self.ahead

    def set(self, moment: datetime) -> None:
        self.ahead = moment - self._real.now()

    async def sleep(self, span: timedelta) -> None:
        await asyncio.sleep(max(0.0, span.total_seconds()))


def candle(hopper: HopperId, opened_at: datetime, *prices: float) -> Candle:
    """A candle; ``prices`` are open, high, low, close."""
    opened, high, low, close = prices
    return Candle(hopper, opened_at, opened, high, low, close, timedelta(0), Quality.COMPLETE, 1)


def live(
    one: Candle, at: datetime, volume: float = 0.0, prices_at: datetime | None = None, is_fresh: bool = True
) -> bytes:
    """A live state around a candle."""
    return pb.Portfolio(
        hopper_id=one.hopper,
        at_us=int(at.timestamp() * 1e6),
        base_currency="USDT",
        candle=candle_to_message(one),
        volume=volume,
        is_fresh=is_fresh,
        prices_at_us=int((prices_at or at).timestamp() * 1e6),
        assets_at_us=int(at.timestamp() * 1e6),
    ).SerializeToString()


@dataclass
class World:
    """What a test turns and asks."""

    base: str
    http: aiohttp.ClientSession
    owner: Database
    user: UserId
    stranger: UserId
    secret: str
    bus: NatsBus
    runtime: Runtime
    clock: TurnedClock
    keys: Keys

    async def end(self) -> None:
        """What the user shows is worth nothing any more."""
        await self.owner.execute("UPDATE api_tokens SET ended_at = now()")

    async def get(self, path: str, **parameters: Any) -> tuple[int, Any]:
        """Status and JSON of a question with the user's session."""
        async with self.http.get(f"{self.base}{path}", params=parameters) as response:
            return response.status, await response.json()

    async def history(self, resolution: str, **parameters: Any) -> dict[str, Any]:
        status, body = await self.get("/udf/history", symbol=f"HOPPER:{MINE}", resolution=resolution, **parameters)
        assert status == 200, body
        assert isinstance(body, dict)
        return body

    async def in_zone(self, zone: str) -> None:
        await self.owner.execute("UPDATE users SET zone = $1 WHERE user_id = $2::text::uuid", zone, self.user)

    async def store(self, hopper: HopperId, rows: Iterable[tuple[datetime, float, float, float, float]]) -> None:
        columns = list(zip(*rows, strict=True))
        await self.owner.execute(
            "INSERT INTO candles SELECT $1, *, 0, 3, 1 FROM unnest($2::timestamptz[], $3::float8[], $4::float8[],"
            " $5::float8[], $6::float8[])",
            hopper,
            *map(list, columns),
        )

    async def trade(
        self, hopper: HopperId, name: str, at: datetime, total: float, quote: str = "USDT", side: int = 1
    ) -> None:
        await self.owner.execute(
            "INSERT INTO trades (hopper_id, trade_id, exchange, base, quote, side, quantity, rate, total, fee,"
            " fee_currency, at) VALUES ($1, $2, 'binance', 'ETH', $3, $6, 1, 1, $4::float8::numeric, 0, 'USDT', $5)",
            hopper,
            name,
            quote,
            total,
            at,
            side,
        )

    async def say_live(self, one: Candle, at: datetime, **more: Any) -> None:
        await self.bus.publish(LIVE.live(one.hopper), live(one, at, **more))
        await self.bus.flush()

    async def say_closed(self, one: Candle) -> None:
        await self.bus.publish(LIVE.closed(one.hopper), candle_to_wire(one))
        await self.bus.flush()

    def stream(self, **options: Any) -> Any:
        return self.http.ws_connect(f"{self.base}/stream", **options)


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Return when ``condition`` holds; fail after ``seconds``."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is awaited has no event
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running(
    database_url: str, nats_url: str, clock: TurnedClock, keys: Keys, /, **more: Any
) -> AsyncIterator[tuple[str, Runtime]]:
    """A datafeed: its address and its runtime. ``more`` settings win."""
    runtime = Runtime(asyncio.Event(), clock, Meters(), Health())
    told = {"database_url": url_of("datafeed", database_url), "nats_url": nats_url, "port": 0, **more}
    settings = Settings(session_public_key_file=keys.session_public_key_file, **told)
    async with opened(settings, runtime) as app, serving(app, "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}", runtime


@pytest.fixture
async def world(database_url: str, nats_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with worlds(database_url, nats_url, tmp_path) as it:
        yield it


@asynccontextmanager
async def worlds(database_url: str, nats_url: str, tmp_path: Path, /, **more: Any) -> AsyncIterator[World]:
    """A datafeed with ``more`` settings, and those who read it."""
    clock, keys = TurnedClock(), issued(tmp_path / "keys")
    async with AsyncExitStack() as stack:
        owner = await stack.enter_async_context(database.connect(database_url, "test"))
        users, hoppers = Users(owner), Hoppers(owner)
        user = await users.add("me@example.com", "-", "UTC", "USD", "pro")
        stranger = await users.add("you@example.com", "-", "UTC", "USD", "pro")
        for number, whose in ((MINE, user), (THEIRS, stranger)):
            await hoppers.put(
                Hopper(number, whose, f"Bot {number}", Exchange("binance"), Asset("USDT"), False, timedelta(seconds=60))
            )
        secret = await personal_token(owner, user, timedelta(days=1))
        base, runtime = await stack.enter_async_context(running(database_url, nats_url, clock, keys, **more))
        http = await stack.enter_async_context(aiohttp.ClientSession(headers={"authorization": f"Bearer {secret}"}))
        bus = await stack.enter_async_context(messaging.connect(nats_url, "test"))
        await until(lambda: runtime.health.needs.get("nats", (False, ""))[0])
        yield World(base, http, owner, user, stranger, secret, bus, runtime, clock, keys)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]  # year, month, day, …
