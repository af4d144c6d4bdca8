"""History for charts, beside the bare SQL that it cannot do without.

Fifty hoppers with a year of candles and some thousand trades each. In process the function behind the HTTP handler is
called, session aside; over HTTP the datafeed's own process is asked, session and JSON included. Bare SQL is the same
two queries (candles, volumes) run directly with asyncpg on the same window, nothing done with what they bring. They
take turns in one run. One answer has at most 5,000 bars, so a year at 15 minutes is eight questions, one after another.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import aiohttp
import asyncpg
import orjson
from starlette.requests import Request

from bench import place
from bench.report import Row, at_most, median, percentile, told
from candles.datafeed.adapters import NoPrices
from candles.datafeed.handlers.live import LiveBook
from candles.datafeed.handlers.markets import Markets
from candles.datafeed.handlers.portfolios import Portfolios
from candles.datafeed.handlers.rules import Rules
from candles.datafeed.handlers.udf import Udf
from candles.datafeed.logic.questions import MOST_BARS, question, window
from candles.datafeed.logic.symbols import HopperSymbol
from cryptwire.clock import SystemClock
from cryptwire.domain.candle import SPAN
from cryptwire.domain.hopper import UserId
from cryptwire.metrics import Meters
from cryptwire.permissions import Permissions
from cryptwire.storage import database
from cryptwire.storage.candle_series import _NEWEST, _VOLUMES, CandleSeries
from cryptwire.storage.database import url_of
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.sessions import Caller, Sessions
from cryptwire.storage.trades import Trades
from cryptwire.storage.users import Users
from devstack.servers import free_port
from tests.signing import Keys, issued, personal_token

HOPPERS, TRADES = 50, 2_000
ZONE = "Europe/Berlin"
TURNS = 60
_YEAR_TURNS = 12
_BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
_END = datetime(2026, 1, 1, tzinfo=UTC)
_PAGE = SPAN * MOST_BARS

_CANDLES = """
    INSERT INTO candles
    SELECT h::text, at, v, v * 1.004, v * 0.996, v * 1.001, 0, 3, 1
      FROM generate_series(1, $1::int) h, generate_series($2::timestamptz, $3::timestamptz - interval '15 minutes',
                                                       interval '15 minutes') at,
           LATERAL (SELECT 1000 * h + extract(epoch FROM at)::float8 / 1e6 AS v) value
     ORDER BY at, h
"""
_TRADES = """
    INSERT INTO trades (hopper_id, trade_id, exchange, base, quote, side, quantity, rate, total, fee, fee_currency, at)
    SELECT h::text, n::text, 'binance', 'ETH', 'USDT', 1 + n % 2, 1, 100, 100, 0, 'USDT',
           $3::timestamptz + ($4 - $3) * n / $2
      FROM generate_series(1, $1::int) h, generate_series(0, $2::int - 1) n
"""

Parameters = dict[str, str]


@dataclass(frozen=True, slots=True)
class _Asked:
    """One kind of question, the budget of its answer, and how many bars it should have."""

    name: str
    resolution: str
    since: datetime
    most_ms: float
    bars: int

    def parameters(self, hopper: int, until: datetime = _END) -> Parameters:
        asked = {"symbol": f"HOPPER:{hopper}", "resolution": self.resolution, "to": str(int(until.timestamp()))}
        if self.bars == MOST_BARS:
            return asked | {"countback": str(self.bars)}
        return asked | {"from": str(int(self.since.timestamp()))}


_KINDS = (
    _Asked("5,000 bars of 15", "15", _BEGIN, 30, MOST_BARS),
    _Asked("5,000 bars of 60", "60", _BEGIN, 30, MOST_BARS),
    _Asked("a year of 1D", "1D", _BEGIN, 30, 365),
)


async def measure() -> list[Row]:
    """Milliseconds of each kind of question, in process, bare, and over HTTP."""
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
            await owner.execute(_CANDLES, HOPPERS, _BEGIN, _END)
            await owner.execute(_TRADES, HOPPERS, TRADES, _BEGIN, _END)
            await owner.execute("VACUUM ANALYZE")
            secret = await personal_token(owner, user)
            keys = issued(there.folder / "keys")
        port = free_port()
        told_it = {
            "database_url": url_of("datafeed", owner_url),
            "nats_url": there.servers.nats.url("datafeed"),
            "session_public_key_file": keys.session_public_key_file,
        }
        async with (
            place.service(there, "datafeed", {**told_it, "port": port}) as child,
            database.connect(url_of("datafeed", owner_url), "datafeed", 4) as db,
            aiohttp.ClientSession(headers={"authorization": f"Bearer {secret}"}) as http,
        ):
            await child.ready()
            connection = await asyncpg.connect(url_of("datafeed", owner_url), server_settings={"timezone": "UTC"})
            try:
                asker = _Asker(_udf(db, keys), user, connection, http, f"http://127.0.0.1:{port}/udf/history")
                rows = [row for kind in _KINDS for row in await _kind(asker, kind)]
                return [*rows, *await _year(asker)]
            finally:
                await connection.close()


def _udf(db: database.Database, keys: Keys) -> Udf:
    clock, meters, rules, hoppers = SystemClock(), Meters(), Rules(Permissions()), Hoppers(db)
    portfolios = Portfolios(Users(db), hoppers, Trades(db), CandleSeries(db), LiveBook(meters), rules, clock)
    markets = Markets((), NoPrices(), clock)
    return Udf(Sessions(db, clock, keys.verifier()), hoppers, markets, {HopperSymbol: portfolios}, rules, clock, meters)


class _Asker:
    """The same question in three ways."""

    def __init__(
        self,
        udf: Udf,
        user: UserId,
        connection: "asyncpg.Connection[asyncpg.Record]",
        http: aiohttp.ClientSession,
        url: str,
    ) -> None:
        self._udf = udf
        self._caller = Caller(user, b"bench", datetime(2100, 1, 1, tzinfo=UTC), "pro")
        self._connection = connection
        self._http = http
        self._url = url

    async def in_process(self, asked: Parameters) -> bytes:
        query = "&".join(f"{name}={value}" for name, value in asked.items())
        request = Request({"type": "http", "query_string": query.encode(), "headers": []})
        return bytes((await self._udf.history(request, self._caller)).body)

    async def bare(self, asked: Parameters) -> None:
        wanted = question(asked)
        since, until, limit = window(wanted, ZoneInfo(ZONE), int(time.time()))
        hopper = asked["symbol"].partition(":")[2]
        moments = (datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC))
        await self._connection.fetchrow(_NEWEST, hopper, *moments, limit)
        await self._connection.fetchrow(
            _VOLUMES, hopper, max(moments[0], moments[1] - SPAN * limit), moments[1], "USDT"
        )

    async def over_http(self, asked: Parameters) -> bytes:
        async with self._http.get(self._url, params=asked) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.read()


async def _kind(asker: _Asker, kind: _Asked) -> list[Row]:
    for answer in (await asker.in_process(kind.parameters(1)), await asker.over_http(kind.parameters(1))):
        got = len(orjson.loads(answer)["t"])
        if got != kind.bars:
            raise AssertionError(f"{kind.name}: {got} bars came and not {kind.bars}")
    ours, bare, http = await _turns(
        TURNS, lambda turn: kind.parameters(1 + turn % HOPPERS), asker.in_process, asker.bare, asker.over_http
    )
    ratio = median(ours) / median(bare)
    return [
        at_most(
            f"datafeed: {kind.name}, p99", percentile(ours, 0.99), kind.most_ms, "ms", f" (p50 {median(ours):.1f} ms)"
        ),
        at_most(f"datafeed: {kind.name}, against bare SQL", ratio, 1.5, "×", f" (bare p50 {median(bare):.1f} ms)"),
        told(f"datafeed: {kind.name}, over HTTP, p99", percentile(http, 0.99), "ms", f" (p50 {median(http):.1f} ms)"),
    ]


async def _year(asker: _Asker) -> list[Row]:
    """A year at 15 minutes, page by page."""
    pages: list[tuple[datetime, datetime]] = []
    until = _END
    while until > _BEGIN:
        pages.append((max(_BEGIN, until - _PAGE), until))
        until -= _PAGE

    def whole(ask: Callable[[Parameters], Awaitable[object]]) -> Callable[[Parameters], Awaitable[object]]:
        async def all_pages(asked: Parameters) -> object:
            for since, until in pages:
                await ask(asked | {"from": str(int(since.timestamp())), "to": str(int(until.timestamp()))})
            return None

        return all_pages

    ours, bare, http = await _turns(
        _YEAR_TURNS,
        lambda turn: {"symbol": f"HOPPER:{1 + turn % HOPPERS}", "resolution": "15"},
        *map(whole, (asker.in_process, asker.bare, asker.over_http)),
    )
    name = f"datafeed: a year at 15 minutes, {len(pages)} questions"
    ratio = median(ours) / median(bare)
    return [
        at_most(f"{name}, p99", percentile(ours, 0.99), 80, "ms", f" (p50 {median(ours):.1f} ms)"),
        at_most(f"{name}, against bare SQL", ratio, 1.5, "×", f" (bare p50 {median(bare):.1f} ms)"),
        told(f"{name}, over HTTP, p99", percentile(http, 0.99), "ms", f" (p50 {median(http):.1f} ms)"),
    ]


async def _turns(
    turns: int, asked: Callable[[int], Parameters], *ways: Callable[[Parameters], Awaitable[object]]
) -> list[list[float]]:
    """Milliseconds of each way, in turns; the first three rounds do not count."""
    took: list[list[float]] = [[] for _ in ways]
    for turn in range(-3, turns):
        parameters = asked(turn)
        for way, milliseconds in zip(ways, took, strict=True):
            began = time.perf_counter()
            await way(parameters)
            if turn >= 0:
                milliseconds.append((time.perf_counter() - began) * 1e3)
        await asyncio.sleep(0)
    return took
