"""History of exchange pairs: from memory, from the database, and all of a user's hoppers summed.

Twenty pairs with ten years of hours and a year of quarters of hours in the database, nothing asked of an exchange but
the newest candles, which one in this process tells at once. In process the function behind the HTTP handler is called.
From the database: a book that knows nothing yet, as after a start. ``HOPPER:ALL``: ten hoppers, a year of candles each.
"""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from bench import place
from bench.report import Row, at_most, median, percentile, told
from candles.datafeed.handlers.asking import Asking
from candles.datafeed.handlers.everything import Everything
from candles.datafeed.handlers.live import LiveBook
from candles.datafeed.handlers.markets import Markets
from candles.datafeed.handlers.pair_book import PairBook
from candles.datafeed.handlers.pair_charts import PairCharts
from candles.datafeed.handlers.pairs import Pairs
from candles.datafeed.handlers.rules import Rules
from candles.datafeed.handlers.sum_charts import SumCharts
from candles.datafeed.handlers.together import Together
from candles.datafeed.logic.budget import Budget
from candles.datafeed.logic.grains import Grain, begin_of, settled_until
from candles.datafeed.logic.questions import MOST_BARS, question
from candles.datafeed.logic.symbols import AllSymbol, PairSymbol
from candles.datafeed.ports import OnTicker
from cryptwire.clock import SystemClock
from cryptwire.codec.ohlcv import Ohlcv
from cryptwire.domain.candle import SPAN
from cryptwire.domain.hopper import Asset, Exchange, UserId
from cryptwire.domain.ticker import Pair, Ticker
from cryptwire.metrics import Meters
from cryptwire.permissions import Permissions
from cryptwire.storage import database
from cryptwire.storage.candle_series import CandleSeries
from cryptwire.storage.conversions import Conversions
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.hopper_events import bases
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.pair_candles import PairCandles
from cryptwire.storage.positions import Positions
from cryptwire.storage.rate_series import RateSeries
from cryptwire.storage.sessions import Caller
from cryptwire.storage.trades import Trades
from cryptwire.storage.users import Users

PAIRS, HOPPERS, TURNS = 20, 10, 60
ZONE = "Europe/Berlin"
_SPANS = {Grain.QUARTER: 365, Grain.HOUR: 3_650}  # days that are stored
_EXCHANGE = Exchange("binance")

_SERIES = """
    INSERT INTO pair_series (exchange, base, quote, grain)
    SELECT 'binance', 'C' || n, 'USDT', $2::int FROM generate_series(1, $1::int) n
"""
_CANDLES = """
    INSERT INTO pair_candles
    SELECT s.series_id, at, v, v * 1.004, v * 0.996, v * 1.001, 10
      FROM pair_series s,
           generate_series($2::timestamptz, $3::timestamptz - $1 * interval '1 s', $1 * interval '1 s') at,
           LATERAL (SELECT 1000 + extract(epoch FROM at)::float8 / 1e6 AS v) value
     WHERE s.grain = $1 ORDER BY s.series_id, at
"""
_BLOCKS = """
    INSERT INTO pair_blocks
    SELECT s.series_id, at, least(at + $4 * interval '1 s', $3)
      FROM pair_series s, generate_series($2::timestamptz, $3::timestamptz - interval '1 s', $4 * interval '1 s') at
     WHERE s.grain = $1
"""
_OF_HOPPERS = """
    INSERT INTO candles
    SELECT h::text, at, v, v * 1.004, v * 0.996, v * 1.001, 0, 3, 1
      FROM generate_series(1, $1::int) h, generate_series($2::timestamptz, $3::timestamptz - interval '15 minutes',
                                                       interval '15 minutes') at,
           LATERAL (SELECT 1000 * h + extract(epoch FROM at)::float8 / 1e6 AS v) value
     ORDER BY at, h
"""
_KINDS = (
    ("5,000 bars of 15", "15", MOST_BARS, MOST_BARS, 30.0),
    ("5,000 bars of 60", "60", MOST_BARS, MOST_BARS, 30.0),
    ("a year of 1D", "1D", 365, 365, 30.0),
    ("nine years of 1M", "1M", 108, 108, 0.0),
)


class _Told:
    """An exchange that answers at once, with flat candles, and whose prices stand still."""

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock
        self.asked = 0

    async def candles(self, pair: Pair, timeframe: str, since: datetime, most: int) -> list[Ohlcv]:
        self.asked += 1
        span = timedelta(minutes=15) if timeframe == "15m" else timedelta(hours=1)
        moments = (since + span * number for number in range(most))
        return [Ohlcv(at, 1.0, 1.0, 1.0, 1.0, 1.0) for at in moments if at <= self._clock.now()]

    async def listen(self, pair: Pair, on_ticker: OnTicker) -> Callable[[], Awaitable[None]]:
        raise NotImplementedError

    async def pairs_of(self, exchange: Exchange) -> frozenset[Pair]:
        return frozenset(Pair(_EXCHANGE, Asset(f"C{n}"), Asset("USDT")) for n in range(1, PAIRS + 1))

    async def of(self, pair: Pair) -> Ticker | None:
        return None


class _NoLease:
    async def take(self) -> bool:
        return True

    async def release(self) -> bool:
        return True


async def measure() -> list[Row]:
    """Milliseconds of each kind of question."""
    clock = SystemClock()
    async with place.opened() as there:
        owner_url = there.servers.postgres.url
        async with database.connect(owner_url, "bench", 2) as owner:
            user = await Users(owner).add("bench@example.com", "-", ZONE, "USD", "pro")
            await owner.execute(
                "INSERT INTO hoppers SELECT n::text, $1::text::uuid, 'bench ' || n, 'binance', 'USDT', false, 60"
                " FROM generate_series(1, $2::int) n",
                user,
                HOPPERS,
            )
            now = clock.now()
            await _fill(owner, now)
        async with database.connect(url_of("datafeed", owner_url), "datafeed", 4) as db:
            asker = _Asker(db, user, clock)
            rows = [row for kind in _KINDS for row in await asker.kind(*kind)]
            return [*rows, *await asker.sums()]


async def _fill(owner: Database, now: datetime) -> None:
    second = int(now.timestamp())
    for grain, days in _SPANS.items():
        until = datetime.fromtimestamp(settled_until(grain, second), UTC)
        since = datetime.fromtimestamp(begin_of(grain, second - days * 86_400), UTC)
        await owner.execute(_SERIES, PAIRS, int(grain))
        await owner.execute(_CANDLES, int(grain), since, until)
        await owner.execute(_BLOCKS, int(grain), since, until, grain.block)
    quarter = datetime.fromtimestamp(second // 900 * 900, UTC)
    await owner.execute(_OF_HOPPERS, HOPPERS, quarter - timedelta(days=365), quarter)
    await owner.execute("VACUUM ANALYZE")


class _Asker:
    def __init__(self, db: Database, user: UserId, clock: SystemClock) -> None:
        self._db = db
        self._clock = clock
        self._told = _Told(clock)
        self._caller = Caller(user, b"bench", datetime(2100, 1, 1, tzinfo=UTC), "pro")
        self._warm = self._pairs()

    def _pairs(self) -> Pairs:
        """As after a start: nothing is in memory."""
        clock, meters, people, markets = (
            self._clock,
            Meters(),
            Users(self._db),
            Markets((_EXCHANGE,), self._told, self._clock),
        )
        book = PairBook(Asking(self._told, clock, meters), PairCandles(self._db), lambda _: _NoLease(), clock)
        budget = Budget(most_pairs=10**9)
        charts = PairCharts(people, markets, book, self._told, budget, clock, meters)
        rest = Trades(self._db), Positions(self._db), LiveBook(meters), budget, Rules(Permissions()), clock
        return Pairs(people, Hoppers(self._db), markets, book, charts, *rest)

    async def _ask(self, pairs: Pairs, number: int, resolution: str, countback: int) -> int:
        to = str(int(self._clock.now().timestamp()))
        asked = question({"symbol": "-", "resolution": resolution, "to": to, "countback": str(countback)})
        history = await pairs.history(self._caller, PairSymbol(_EXCHANGE, f"C{number}USDT"), asked)
        return len(history.bars)

    async def kind(self, name: str, resolution: str, countback: int, bars: int, most_ms: float) -> list[Row]:
        """One kind of question, warm and cold."""
        warm, cold = [], []
        for turn in range(-PAIRS, TURNS):
            number = 1 + turn % PAIRS
            began = time.perf_counter()
            got = await self._ask(self._warm, number, resolution, countback)
            if got != bars:
                raise AssertionError(f"{name}: {got} bars came and not {bars}")
            if turn >= 0:
                warm.append((time.perf_counter() - began) * 1e3)
            if turn % 3 == 0:
                fresh = self._pairs()
                began = time.perf_counter()
                await self._ask(fresh, number, resolution, countback)
                cold.append((time.perf_counter() - began) * 1e3)
        note = f" (p50 {median(warm):.1f} ms)"
        in_memory = f"pairs: {name}, in memory, p99"
        return [
            at_most(in_memory, percentile(warm, 0.99), most_ms, "ms", note)
            if most_ms
            else told(in_memory, percentile(warm, 0.99), "ms", note),
            told(f"pairs: {name}, from the database, p50", median(cold), "ms"),
        ]

    async def sums(self) -> list[Row]:
        """All hoppers together."""
        clock, meters, people, hoppers = self._clock, Meters(), Users(self._db), Hoppers(self._db)
        live = LiveBook(meters)
        rates = Conversions(RateSeries(self._db), clock)
        together = Together(people, hoppers, partial(bases, self._db), CandleSeries(self._db), live, rates, clock)
        sums = SumCharts(people, together, live, clock, meters, SPAN)
        everything = Everything(people, together, sums, Trades(self._db), Rules(Permissions()), clock)
        rows = []
        for name, resolution, countback in (("5,000 bars of 15", "15", MOST_BARS), ("300 bars of 1D", "1D", 300)):
            took = []
            for turn in range(-3, TURNS // 2):
                to = str(int(clock.now().timestamp()))
                asked = question({"symbol": "-", "resolution": resolution, "to": to, "countback": str(countback)})
                began = time.perf_counter()
                history = await everything.history(self._caller, AllSymbol(), asked)
                if turn >= 0:
                    took.append((time.perf_counter() - began) * 1e3)
                assert len(history.bars) == countback, len(history.bars)
            what = f"all of {HOPPERS} hoppers: {name}, p99"
            rows.append(told(what, percentile(took, 0.99), "ms", f" (p50 {median(took):.1f} ms)"))
        return rows
