"""Ten thousand hoppers whose day ends at one boundary: what they hold is taken from live states, then the day computed.

Every hopper has ten coins, a day of candles, forty trades in it, and a ledger from the day before. Upstream is a twin
that answers at once, for what costs time there is the users' own budget; the database is real.
"""

import asyncio
import resource
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg

from bench import place
from bench.report import Row, told
from cryptwire.codec.candle import candle_to_message
from cryptwire.domain.account import Position, Reserved
from cryptwire.domain.candle import SPAN, Candle, Quality
from cryptwire.domain.hopper import Asset, Hopper, HopperId
from cryptwire.memory.clock import HandClock
from cryptwire.messaging.bus import Message
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from cryptwire.storage import database
from cryptwire.storage.balances import Balances
from cryptwire.storage.daily_statistics import DailyStatistics
from cryptwire.storage.database import url_of
from cryptwire.storage.flows import Flows
from cryptwire.storage.trades import Trades
from generated.wire.v1 import portfolio_pb2 as pb
from processor.handlers.statistics import Statistics
from processor.handlers.statistics_live import LiveStates

HOPPERS, TRADES = 10_000, 40
_FIRST = datetime(2026, 3, 9, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_COINS = [Asset(f"C{number}") for number in range(9)]
_CANDLES = """
    INSERT INTO candles SELECT h::text, $1::timestamptz + q * interval '15 minutes', 1000, 1001, 999, 1000, 0, 3, 1
      FROM generate_series(1, $2::int) h, generate_series(0, 95) q
"""
_TRADES = """
    INSERT INTO trades SELECT h::text, n::text, 'binance', 'C1', 'USDT', 1 + (n % 3 = 2)::int, 0.1, 100, 10, 0.01,
           'USDT', $1::timestamptz + n * interval '30 minutes', NULL, NULL, NULL, now() - interval '1 day'
      FROM generate_series(1, $2::int) h, generate_series(0, $3::int - 1) n
"""
_TO_TAKE = timedelta(seconds=4)


class _Upstream:
    async def assets(self, hopper: Hopper, max_age: timedelta) -> tuple[dict[Asset, Decimal], datetime]:
        raise AssertionError("all of them live")

    async def positions(self, hopper: Hopper, max_age: timedelta) -> tuple[Position, ...]:
        raise AssertionError("all of them live")

    async def reserved(self, hopper: Hopper, max_age: timedelta) -> tuple[Reserved, ...]:
        return ()


class _Markets:
    async def now(self, *_: Any) -> dict[Asset, Decimal]:
        return {}

    async def then(self, wanted: Iterable[Any]) -> dict[Any, Decimal]:
        return {}


async def measure() -> list[Row]:
    """Seconds and memory of one midnight."""
    async with place.opened() as there:
        owner = await asyncpg.connect(there.servers.postgres.url)
        await owner.execute(
            "INSERT INTO users (email, password_hash) SELECT 'u' || h, '-' FROM generate_series(1, $1::int) h", HOPPERS
        )
        await owner.execute(
            "INSERT INTO hoppers SELECT substr(email, 2), user_id, 'n', 'binance', 'USDT', false, 60 FROM users"
        )
        await owner.execute(_CANDLES, _FIRST, HOPPERS)
        await owner.execute(_TRADES, _FIRST, HOPPERS, TRADES)
        await owner.execute(
            "INSERT INTO statistics_progress (hopper_id, zone, version, begins_at, until_at, ledger)"
            " SELECT hopper_id, 'UTC', 1, $1, $1, '{}' FROM hoppers",
            _FIRST,
        )
        await owner.execute("ANALYZE")
        end = _FIRST + timedelta(days=1)
        clock = HandClock(end + _SECOND)
        live = LiveStates(clock)
        for number in range(1, HOPPERS + 1):
            await live.on_live(Message(LIVE.live(HopperId(str(number))), _live(str(number), end + _SECOND), ""))
        async with database.connect(url_of("processor", there.servers.postgres.url), "bench", 10) as rows:
            stored = DailyStatistics(rows), Balances(rows), Trades(rows), Flows(rows)
            statistics = Statistics(*stored, _Upstream(), live, _Markets(), clock, Meters())
            clock.set(end + _TO_TAKE)
            before = resource.getrusage(resource.RUSAGE_SELF)
            began = time.monotonic()
            said = await statistics.ring(end)
            took = time.monotonic() - began
            after = resource.getrusage(resource.RUSAGE_SELF)
            began = time.monotonic()
            await statistics.ring(end + SPAN)
            idle = time.monotonic() - began
        if said != f"{HOPPERS} midnights taken, {HOPPERS} days of {HOPPERS} hoppers computed":
            raise AssertionError(said)
        await owner.close()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return [
        told(f"midnight: {HOPPERS:,} hoppers of {len(_COINS) + 1} coins, {TRADES} trades each", took, "s"),
        told("midnight: CPU of the processor", cpu, "s"),
        told("midnight: memory beyond the live states", (after.ru_maxrss - before.ru_maxrss) / 1024, "MB"),
        told("midnight: a boundary at which no day ends", idle, "s"),
    ]


def _live(name: str, at: datetime) -> bytes:
    candle = Candle(HopperId(name), _FIRST, 1000.0, 1000.0, 1000.0, 1000.0, timedelta(0), Quality.COMPLETE, 1)
    us = int(at.timestamp() * 1e6)
    return pb.Portfolio(
        hopper_id=name,
        at_us=us,
        base_currency="USDT",
        candle=candle_to_message(candle),
        assets_at_us=us,
        assets=[*_COINS, "USDT"],
        quantities=["1.5"] * (len(_COINS) + 1),
        prices=[float(number + 1) for number in range(len(_COINS))] + [1.0],
        positions=[pb.OpenPosition(id="7", base="C1", quote="USDT", quantity="0.5", rate="2", cost="1")],
    ).SerializeToString()


if __name__ == "__main__":
    for row in asyncio.run(measure()):
        print(row)
