"""A hopper's 100,000 trades worked into results from nothing, one more trade, and one that comes late; a list of them.

The trades are in thirty coins, sells name their buys or never do. The database is real; no price of the past is needed.
"""

import resource
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

import asyncpg

from bench import place
from bench.report import Row, at_most, median, told
from cryptwire.clock import SystemClock
from cryptwire.domain.hopper import HopperId
from cryptwire.domain.trade_result import Wanted
from cryptwire.metrics import Meters
from cryptwire.storage import database
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.keyset import Order
from cryptwire.storage.result_list import ResultList
from cryptwire.storage.trade_results import TradeResults
from processor.handlers.results import Results

TRADES = 100_000
_BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
_USER = "INSERT INTO users (email, password_hash) VALUES ('u', '-')"
_HOPPER = "INSERT INTO hoppers SELECT $1, user_id, 'n', 'binance', 'USDT', false, 60 FROM users"
# of four in a coin two buy, one sells half of the first, one all that is left
_TRADES = """
    INSERT INTO trades (hopper_id, trade_id, exchange, base, quote, side, quantity, rate, total, fee, fee_currency, at,
                        buy_id, trigger, strategy, stored_at)
    SELECT $1, n::text, 'binance', 'C' || n / 4 % 30, 'USDT', 1 + (n % 4 > 1)::int, quantity, rate, quantity * rate,
           quantity * rate * 0.001, 'USDT', $2::timestamptz + n * interval '10 minutes',
           CASE WHEN $4 AND n % 4 > 1 THEN (n - 2)::text END, 'T' || n % 5, 'S' || n % 3, now() - interval '1 day'
      FROM (SELECT n, (1 + n / 4 % 7 * 0.25) * CASE n % 4 WHEN 2 THEN 0.5 WHEN 3 THEN 1.5 ELSE 1 END AS quantity,
                   100 + n * 7919 % 1009 * 0.01 AS rate
              FROM generate_series(0, $3::int - 1) n) made
"""
_ONE_MORE = """
    INSERT INTO trades (hopper_id, trade_id, exchange, base, quote, side, quantity, rate, total, fee, fee_currency, at)
    SELECT hopper_id, $2, exchange, base, quote, 1, 1, rate, rate, 0, 'USDT', at + interval '1 second' FROM trades
     WHERE hopper_id = $1 ORDER BY at DESC OFFSET $3 LIMIT 1
"""


async def measure() -> list[Row]:
    """Seconds and memory for each kind of hopper, and the time of one more trade."""
    found: list[Row] = []
    async with place.opened() as there:
        owner = await asyncpg.connect(there.servers.postgres.url)
        await owner.execute(_USER)
        async with database.connect(url_of("processor", there.servers.postgres.url), "bench", 4) as rows:
            for name, is_named in (("sells name their buys", True), ("sells never name a buy", False)):
                found += await _measured(owner, rows, name, is_named=is_named)
        await owner.close()
    return found


async def _measured(owner: asyncpg.Connection, rows: Database, name: str, *, is_named: bool) -> list[Row]:
    hopper = HopperId(str(int(is_named)))
    await owner.execute(_HOPPER, hopper)
    await owner.execute(_TRADES, hopper, _BEGIN, TRADES, is_named)
    await owner.execute("ANALYZE trades")
    results = Results(TradeResults(rows), _NoPast(), SystemClock(), Meters())
    before = resource.getrusage(resource.RUSAGE_SELF)
    first = await _took(results, hopper)
    after = resource.getrusage(resource.RUSAGE_SELF)
    await owner.execute("VACUUM ANALYZE trade_results")
    more = []
    for number in range(1, 21):
        await owner.execute(_ONE_MORE, hopper, str(TRADES + number), 0)
        more.append(await _took(results, hopper) * 1000)
    await owner.execute(_ONE_MORE, hopper, "900001", 100)
    late = await _took(results, hopper)
    await owner.execute(_ONE_MORE, hopper, "900002", TRADES - 100)
    anew = await _took(results, hopper)
    listed = ResultList(rows)
    pages = {}
    for column in ("at", "net"):
        began = time.monotonic()
        if len(await listed.page([hopper], Order(column, is_descending=True), [], None, 100)) != 100:
            raise AssertionError(column)
        pages[column] = (time.monotonic() - began) * 1000
    return [
        told(f"results: {TRADES:,} trades from nothing, {name}", first, "s"),
        told("results: memory for it", (after.ru_maxrss - before.ru_maxrss) / 1024, "MB"),
        at_most("results: one more trade, median of 20", median(more), 1000, "ms"),
        told("results: one that comes some hours late", late, "s"),
        told("results: one that comes two years late: all anew", anew, "s"),
        told("results: a page of 100, the newest", pages["at"], "ms"),
        told("results: a page of 100, the best", pages["net"], "ms"),
    ]


async def _took(results: Results, hopper: HopperId) -> float:
    began = time.monotonic()
    await results.bring(hopper)
    return time.monotonic() - began


class _NoPast:
    async def then(self, wanted: Iterable[Wanted]) -> dict[Wanted, Decimal]:
        raise AssertionError("no price of the past is needed")
