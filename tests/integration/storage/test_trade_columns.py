"""Columns are the rows, sums of spans add up to the last digit, and what changes them changes what they stand by."""

import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction

import asyncpg
import numpy as np
import pytest

from cryptwire.clock import to_us
from cryptwire.domain.coin_profit import EXACT
from cryptwire.domain.exact_column import ExactColumn
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.trade import Side
from cryptwire.domain.trade_column_sums import TradeSum, trade_sums
from cryptwire.domain.trade_columns import NEVER, RateSteps, Reason, TradeKind, joined, valued
from cryptwire.errors import Corrupt
from cryptwire.storage import database
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.result_standings import ResultStandings, Standing
from cryptwire.storage.trade_columns import TradeColumnRows

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
# some of them have closed something, in all the ways there are
_CLOSED = """
    UPDATE trade_results
       SET closed = quantity / 3, proceeds = total * 0.4, fees = fee_units, is_short = trade_id::int % 3 = 0,
           cost = CASE WHEN trade_id::int % 5 > 0 THEN total * 0.37 END,
           net = CASE WHEN trade_id::int % 5 > 0 THEN total * 0.03 - fee_units END,
           opened_at = CASE WHEN trade_id::int % 7 > 0 THEN at - interval '3 hours' END,
           buy_trigger = CASE trade_id::int % 4 WHEN 0 THEN 'Manual' END, trigger = 'Stop-loss',
           strategy = 'x', buy_strategy = CASE WHEN trade_id::int % 8 > 0 THEN 'RSI, "α" and MACD' END
     WHERE trade_id::int % 6 = 0
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


RATES = [D(random.Random(n).randrange(10**19, 10**20)).scaleb(-20) if n != 17 else None for n in range(HOURS)]
"""Of twenty digits, each an hour's; of one nobody knows it."""
STEPS = RateSteps(np.array([int((T + n * HOUR).timestamp()) for n in range(HOURS)], np.int64), ExactColumn.of(RATES))
HOPPERS = [(ONE, USDT)]


def whole(parts: Iterable[TradeSum]) -> dict[tuple[object, ...], list[Decimal]]:
    """All amounts by what they are of: which of them are not known tells trades apart, too."""
    found: dict[tuple[object, ...], list[Decimal]] = {}
    with localcontext(EXACT):
        for hopper, traded, native, native_fee, has_result, first, newest in parts:
            amounts = [*traded[4:], native, native_fee]
            assert to_us(T) <= first <= newest
            key = (hopper, has_result, *traded[:4], *(amount is None for amount in amounts))
            before = found.get(key, [D(0)] * len(amounts))
            found[key] = [was + D(amount or 0) for was, amount in zip(before, amounts, strict=True)]
    return found


async def summed(
    columns: TradeColumnRows, since: datetime, until: datetime, steps: RateSteps | None = STEPS
) -> list[TradeSum]:
    edges = {ONE: (to_us(since), to_us(until))}
    return [
        one
        async for trades in columns.of(HOPPERS, since, until)
        for one in trade_sums(valued(trades.of_currency(USDT), steps), edges)
    ]


async def test_two_spans_add_up_to_the_whole_wherever_they_meet(owner: asyncpg.Connection, rows: Database) -> None:
    columns, end = TradeColumnRows(rows), T + HOURS * HOUR
    for steps in (STEPS, None):
        one = whole(await summed(columns, T, end, steps))
        assert len(one) > 20
        assert sum(int(amounts[0]) for amounts in one.values()) == COUNT
        for middle in (T, T + HOUR, T + 17 * HOUR, T + timedelta(hours=30, seconds=1234), end):
            parts = [*await summed(columns, T, middle, steps), *await summed(columns, middle, end, steps)]
            assert whole(parts) == one


async def test_very_many_are_told_in_parts(owner: asyncpg.Connection, rows: Database) -> None:
    few, end = TradeColumnRows(rows, most=10), T + HOURS * HOUR
    results = [len(one) async for one in few.of(HOPPERS, T, end) if one.kinds[0].has_result]
    assert sum(results) == COUNT / 2
    assert len(results) >= COUNT / 2 / 30
    assert max(results) < 30
    assert whole(await summed(few, T, end)) == whole(await summed(TradeColumnRows(rows), T, end))


async def test_columns_are_the_rows_themselves(owner: asyncpg.Connection, rows: Database) -> None:
    await owner.execute(_CLOSED)
    told = joined([one async for one in TradeColumnRows(rows).of(HOPPERS, T, T + HOURS * HOUR)])
    assert len(told) == COUNT
    place = {id: number for number, id in enumerate(told.ids)}
    columns = {name: getattr(told, name).numbers() for name in ("quantity", "total", "fee_units", "fee", "rate")}
    closed = {name: getattr(told.closed, name).numbers() for name in ("quantity", "net", "fees", "opened_with")}
    closed_place = {told.ids[trade]: number for number, trade in enumerate(told.closed.trade.tolist())}
    for row in await owner.fetch("SELECT * FROM trade_results"):
        number = place[row["trade_id"]]
        kind = told.kinds[told.kind[number]]
        assert kind == TradeKind(
            ONE, row["base"], row["quote"], Side(row["side"]), row["fee_currency"], USDT, has_result=True
        )
        assert told.at[number] == to_us(row["at"])
        assert [column[number] for column in columns.values()] == [row[name] for name in columns]
        result = closed_place.get(row["trade_id"])
        assert (result is None) == (row["closed"] is None)
        if result is not None:
            assert [column[result] for column in closed.values()] == [
                row["closed"],
                row["net"],
                row["fees"],
                row["proceeds"] if row["is_short"] else row["cost"],
            ]
            reason = told.closed.reasons[told.closed.reason[result]]
            assert reason == Reason(row["buy_trigger"], row["trigger"], row["buy_strategy"])
            assert told.closed.is_short[result] == row["is_short"]
            assert told.closed.is_unknown[result] == (row["cost"] is None)
            opened_at = told.closed.opened_at[result]
            assert opened_at == (NEVER if row["opened_at"] is None else to_us(row["opened_at"]))
    assert len(closed_place) == 50
    late = [id for id, number in place.items() if not told.kinds[told.kind[number]].has_result]
    assert sorted(map(int, late)) == list(range(1, COUNT, 2))


async def test_words_that_no_gateway_tells_are_no_other_words(owner: asyncpg.Connection, rows: Database) -> None:
    await owner.execute(_CLOSED)
    await owner.execute("UPDATE trade_results SET buy_strategy = 'a' || chr(30) || 'b' WHERE trade_id = '12'")
    with pytest.raises(Corrupt, match="control character"):
        [one async for one in TradeColumnRows(rows).of(HOPPERS, T, T + HOURS * HOUR)]


async def test_every_trade_counts_at_the_rate_of_its_hour(owner: asyncpg.Connection, rows: Database) -> None:
    rates = [None if rate is None else Fraction(rate) for rate in RATES]
    expected = defaultdict[str, Fraction](Fraction)
    for row in await owner.fetch("SELECT * FROM trade_results"):
        rate = rates[(row["at"] - T) // HOUR]
        if rate is not None and row["rate"] is not None:
            expected[row["base"]] += Fraction(row["total"]) * Fraction(row["rate"]) * rate
    for row in await owner.fetch("SELECT * FROM trades WHERE trade_id::int % 2 = 1 AND quote = 'USDT'"):
        rate = rates[(row["at"] - T) // HOUR]
        expected[row["base"]] += Fraction(row["total"]) * (rate or 0)
    found = defaultdict[str, Fraction](Fraction)
    for one in await summed(TradeColumnRows(rows), T, T + HOURS * HOUR):
        found[one.traded.base] += Fraction(one.traded.value or 0)
    assert found == expected


async def test_what_is_stored_changed_or_gone_before_its_result_is_there_is_another_standing(
    owner: asyncpg.Connection, rows: Database
) -> None:
    standings = ResultStandings(rows)

    async def standing() -> Standing:
        return (await standings.of([ONE]))[ONE]

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
