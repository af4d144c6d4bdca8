"""Sums of two spans are the sum of both, to the last digit, and whatever changes them changes what they stand by."""

import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction

import asyncpg
import pytest

from cryptwire.domain.coin_profit import EXACT
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.storage import database
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.result_series import ResultSeries, Standing
from cryptwire.storage.steps import Steps
from cryptwire.storage.trade_sums import TradeSum, TradeSums

D = Decimal
T, HOUR = datetime(2026, 3, 1, tzinfo=UTC), timedelta(hours=1)
ONE, USDT = HopperId("1"), Asset("USDT")
COUNT, HOURS = 300, 50
_TRADE = """
    INSERT INTO trades (hopper_id, trade_id, exchange, base, quote, side, quantity, rate, total, fee, fee_currency, at,
                        stored_at)
    VALUES ('1', $1, 'binance', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
# of half of the trades: what the processor found them worth, or that it could not find it
_RESULTS = """
    INSERT INTO trade_results (hopper_id, trade_id, at, exchange, base, quote, side, quantity, price, total, fee,
                               fee_units, fee_currency, currency, rate)
    SELECT hopper_id, trade_id, at, exchange, base, quote, side, quantity, rate, total,
           CASE WHEN trade_id::int % 7 > 0 THEN fee * 1.000000000000000003 END, fee, fee_currency, 'USDT',
           CASE WHEN trade_id::int % 11 > 0 THEN 1.000000000000000001 END
      FROM trades WHERE trade_id::int % 2 = 0
"""


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """The database's, with a hopper that has traded for two days; half of its results are there."""
    connection = await asyncpg.connect(database_url)
    user = await connection.fetchval("INSERT INTO users (email, password_hash) VALUES ('u', '-') RETURNING user_id")
    await connection.execute("INSERT INTO hoppers VALUES ('1', $1, 'n', 'binance', 'USDT', false, 60)", user)
    draw = random.Random(5)
    for number in range(COUNT):
        fee_coin = draw.choice(["USDT", "BNB", "BTC"])
        quantity, rate = D(draw.randrange(1, 10**9)).scaleb(-8), D(draw.randrange(1, 10**12)).scaleb(-8)
        fee = D(draw.choice([0, draw.randrange(10**9)])).scaleb(-12)
        row = draw.choice(["BTC", "ETH"]), draw.choice(["USDT", "EUR"]), draw.choice([1, 2]), quantity, rate
        at = T + timedelta(seconds=draw.randrange(HOURS * 3_600))
        await connection.execute(_TRADE, str(number), *row, quantity * rate, fee, fee_coin, at, at + HOUR)
    await connection.execute(_RESULTS)
    yield connection
    await connection.close()


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator[Database]:
    """As the API has it."""
    async with database.connect(url_of("api", database_url), "test", 2) as connected:
        yield connected


def hourly() -> Steps:
    """Rates of twenty digits; of an hour nobody knows one."""
    draw = random.Random(6)
    rates = [str(D(draw.randrange(10**19, 10**20)).scaleb(-20)) for _ in range(HOURS)]
    rates[17] = "-"
    return Steps(" ".join(str(int((T + n * HOUR).timestamp())) for n in range(HOURS)), " ".join(rates))


def whole(parts: Iterable[TradeSum]) -> dict[tuple[object, ...], list[Decimal]]:
    """All amounts by what they are of: which of them are not known tells trades apart, too."""
    found: dict[tuple[object, ...], list[Decimal]] = {}
    with localcontext(EXACT):
        for hopper, traded, native, native_fee, has_result, first, newest in parts:
            amounts = [*traded[4:], native, native_fee]
            assert T <= first <= newest
            key = (hopper, has_result, *traded[:4], *(amount is None for amount in amounts))
            before = found.get(key, [D(0)] * len(amounts))
            found[key] = [was + D(amount or 0) for was, amount in zip(before, amounts, strict=True)]
    return found


async def test_two_spans_add_up_to_the_whole_wherever_they_meet(owner: asyncpg.Connection, rows: Database) -> None:
    sums, end = TradeSums(rows), T + HOURS * HOUR
    for steps in (hourly(), None):
        one = whole(await sums.of([(ONE, T, end, USDT)], USDT, steps))
        assert len(one) > 20
        assert sum(int(amounts[0]) for amounts in one.values()) == COUNT
        for middle in (T, T + HOUR, T + 17 * HOUR, T + timedelta(hours=30, seconds=1234), end):
            spans = [(ONE, T, middle, USDT)], [(ONE, middle, end, USDT)]
            parts = [each for span in spans for each in await sums.of(span, USDT, steps)]
            assert whole(parts) == one


async def test_every_trade_counts_at_the_rate_of_its_hour(owner: asyncpg.Connection, rows: Database) -> None:
    steps = hourly()
    rates = [None if rate == "-" else Fraction(rate) for rate in steps.rates.split()]
    expected = defaultdict[str, Fraction](Fraction)
    for row in await owner.fetch("SELECT * FROM trade_results"):
        rate = rates[(row["at"] - T) // HOUR]
        if rate is not None and row["rate"] is not None:
            expected[row["base"]] += Fraction(row["total"]) * Fraction(row["rate"]) * rate
    for row in await owner.fetch("SELECT * FROM trades WHERE trade_id::int % 2 = 1 AND quote = 'USDT'"):
        rate = rates[(row["at"] - T) // HOUR]
        expected[row["base"]] += Fraction(row["total"]) * (rate or 0)
    found = defaultdict[str, Fraction](Fraction)
    for one in await TradeSums(rows).of([(ONE, T, T + HOURS * HOUR, USDT)], USDT, steps):
        found[one.traded.base] += Fraction(one.traded.value or 0)
    assert found == expected


async def test_what_is_stored_changed_or_gone_before_its_result_is_there_is_another_standing(
    owner: asyncpg.Connection, rows: Database
) -> None:
    series = ResultSeries(rows)

    async def standing() -> Standing:
        return (await series.standing([ONE]))[ONE]

    known = [await standing()]
    assert known[0].is_due
    for change in (
        "INSERT INTO trades SELECT hopper_id, 'late', exchange, base, quote, side, quantity, rate, total, fee,"
        " fee_currency, at - interval '1 hour' FROM trades WHERE trade_id = '7'",
        "UPDATE trades SET strategy = 's', stored_at = now() WHERE trade_id = '9'",
        "DELETE FROM trades WHERE trade_id = '11'",
        "INSERT INTO result_progress (hopper_id, ledger, bases, tries, computed_at) VALUES ('1', '{}', 0, 0, now())",
        "UPDATE result_progress SET computed_at = now()",
        "UPDATE trades SET strategy = 't', stored_at = now() WHERE trade_id = '13'",
    ):
        await owner.execute(change)
        known.append(await standing())
    assert len(set(known)) == len(known)
    assert await standing() == known[-1], "it stays as long as nothing happens"
