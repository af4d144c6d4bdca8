"""Pages of trades on a real server: every order both ways, what is alike or unknown, and no more rows than needed."""

import itertools
import random
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest

from cryptwire.domain.trade import Side
from cryptwire.errors import Invalid
from cryptwire.storage import database, keyset
from cryptwire.storage.database import Database
from cryptwire.storage.keyset import Condition, Is, Order, Row
from cryptwire.storage.trade_list import LISTING, ListedTrade, TradeList

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
D = Decimal
HOPPERS = ["2", "1", "3"]  # as a user's hoppers are by name
_TRADE = """
    INSERT INTO trades (hopper_id, trade_id, at, exchange, base, quote, side, quantity, rate, total, fee, fee_currency,
                        trigger, strategy, result)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
"""
_RESULT = """
    INSERT INTO trade_results (hopper_id, trade_id, at, exchange, base, quote, side, quantity, price, total, fee_units,
                               fee_currency, currency, net)
    SELECT hopper_id, trade_id, at, exchange, base, quote, side, quantity, rate, total, fee, fee_currency, quote, $3
      FROM trades WHERE hopper_id = $1 AND trade_id = $2
"""
_MANY = """
    INSERT INTO trades (hopper_id, trade_id, at, exchange, base, quote, side, quantity, rate, total, fee, fee_currency,
                        result)
    SELECT hopper, n::text, $2::timestamptz - n * interval '17 minutes', 'binance', 'C' || n * 7919 % 40, 'USDT',
           1 + n % 2, 1, n % 977, n % 1009, 0, 'USDT', CASE n % 2 WHEN 1 THEN n * 7907 % 1013 - 500 END
      FROM unnest($1::text[]) hopper, generate_series(1, 50000) n WHERE hopper = $1[1] OR n <= 500
"""
_USER = "INSERT INTO users (email, password_hash) VALUES ('me', '-') RETURNING user_id::text"
_HOPPER = """
    INSERT INTO hoppers (hopper_id, user_id, name, exchange, base_currency, is_paper, refresh_seconds)
    VALUES ($1, $2::text::uuid, 'n', 'binance', 'USDT', false, 60)
"""


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator[Database]:
    async with database.connect(database_url, "test", 2) as connected:
        user = await connected.value(_USER)
        for hopper in HOPPERS:
            await connected.execute(_HOPPER, hopper, user)
        yield connected


def some_trades(dice: random.Random, count: int) -> list[ListedTrade]:
    """Trades of which many are alike in every column, in no order."""

    def one(hopper: str, number: int) -> ListedTrade:
        def few(kinds: int = 3) -> str:
            return str(D(dice.randrange(kinds)) / 4)

        return ListedTrade(
            hopper,
            str(number),
            T + timedelta(minutes=dice.randrange(count // 2)),
            dice.choice(["binance", "kraken"]),
            dice.choice("ABC"),
            dice.choice(["EUR", "USDT"]),
            dice.choice(list(Side)),
            few(),
            few(9),
            few(),
            few(2),
            dice.choice(["BNB", "USDT"]),
            dice.choice([None, "stop-loss", "signal"]),
            dice.choice([None, "one", "two"]),
            dice.choice([None, "-1.5", "0", "2"]),
            dice.choice([None, "-0.25", "0.00000000000000000001"]),
        )

    trades = [one(hopper, number) for hopper in HOPPERS for number in range(count)]
    dice.shuffle(trades)
    return trades


async def put(rows: Database, trades: Sequence[ListedTrade]) -> None:
    for trade in trades:
        values = trade._replace(side=int(trade.side))._asdict()  # type: ignore[arg-type]
        net = values.pop("net")
        await rows.execute(_TRADE, *values.values())
        if net is not None:
            await rows.execute(_RESULT, trade.hopper_id, trade.id, net)


def in_order(trades: Sequence[ListedTrade], order: Order) -> list[ListedTrade]:
    """The same by Python's own sorting."""

    def value(trade: ListedTrade) -> Any:
        if order.column == "hopper":
            return HOPPERS.index(trade.hopper_id)
        told = getattr(trade, order.column)
        return D(told) if LISTING.columns[order.column].kind == "numeric" and told is not None else told

    def key(trade: ListedTrade) -> Any:
        return (value(trade), trade.at, trade.id, trade.hopper_id)

    known = sorted((each for each in trades if value(each) is not None), key=key, reverse=order.is_descending)
    unknown = [each for each in trades if value(each) is None]
    return known + sorted(unknown, key=lambda each: key(each)[1:], reverse=order.is_descending)


async def all_pages(
    listed: TradeList, hoppers: Sequence[str], order: Order, conditions: Sequence[Condition], size: int
) -> list[ListedTrade]:
    found: list[ListedTrade] = []
    while page := await listed.page(hoppers, order, conditions, found[-1].row if found else None, size):
        assert len(page) <= size
        found += page
    return found


async def test_pages_in_every_order_are_all_rows_once_and_in_order(rows: Database) -> None:
    trades = some_trades(random.Random(5), 25)
    await put(rows, trades)
    listed = TradeList(rows)
    for column, is_descending in itertools.product(LISTING.columns, (False, True)):
        order = Order(column, is_descending)
        for hoppers in (HOPPERS, ["1"], ["3", "2"]):
            mine = [trade for trade in trades if trade.hopper_id in hoppers]
            order_of_mine = in_order(mine, order)
            if column == "hopper":
                order_of_mine.sort(key=lambda one: hoppers.index(one.hopper_id), reverse=is_descending)
            assert await all_pages(listed, hoppers, order, [], 7) == order_of_mine, (order, hoppers)


CONDITIONS: list[tuple[Condition, Callable[[ListedTrade], bool]]] = [
    (Condition("at", Is.LEAST, T + timedelta(minutes=5)), lambda one: one.at >= T + timedelta(minutes=5)),
    (Condition("at", Is.BELOW, T + timedelta(minutes=5)), lambda one: one.at < T + timedelta(minutes=5)),
    (Condition("coin", Is.AMONG, ("A", "C", "nobody's")), lambda one: one.coin in "AC"),
    (Condition("side", Is.AMONG, (2,)), lambda one: one.side is Side.SELL),
    (Condition("trigger", Is.AMONG, (None,)), lambda one: one.trigger is None),
    (Condition("strategy", Is.AMONG, ("one", None)), lambda one: one.strategy in ("one", None)),
    (Condition("strategy", Is.AMONG, ("one",)), lambda one: one.strategy == "one"),
    (Condition("total", Is.LEAST, D("0.25")), lambda one: D(one.total) >= D("0.25")),
    (Condition("result", Is.MOST, D(0)), lambda one: one.result is not None and D(one.result) <= 0),
    (Condition("net", Is.MOST, D(0)), lambda one: one.net is not None and D(one.net) <= 0),
]


async def test_pages_and_their_number_hold_what_fits_all_conditions(rows: Database) -> None:
    trades = some_trades(random.Random(6), 25)
    await put(rows, trades)
    listed = TradeList(rows)
    orders = itertools.cycle([Order("at", is_descending=True), Order("result"), Order("net"), Order("coin")])
    for chosen in (*((one,) for one in CONDITIONS), *itertools.combinations(CONDITIONS, 2)):
        conditions = [condition for condition, _ in chosen]
        fit = [trade for trade in trades if all(fits(trade) for _, fits in chosen)]
        order = next(orders)
        assert await all_pages(listed, HOPPERS, order, conditions, 11) == in_order(fit, order), (order, conditions)
        assert await listed.count(HOPPERS, conditions) == len(fit)


async def test_nobody_elses_rows_are_listed_nor_stand_before_a_page(rows: Database) -> None:
    trades = some_trades(random.Random(7), 5)
    await put(rows, trades)
    listed = TradeList(rows)
    assert await listed.page([], Order("at"), [], None, 10) == []
    for after in (Row("3", "1"), Row("1", "99"), Row("nobody", "1")):
        with pytest.raises(Invalid, match="begin anew"):
            await listed.page(["1", "2"], Order("at"), [], after, 10)
    with pytest.raises(Invalid, match="no column 'password'"):
        await listed.page(["1"], Order("password"), [], None, 10)


async def test_trades_that_come_meanwhile_neither_double_nor_hide_others(rows: Database) -> None:
    trades = some_trades(random.Random(8), 10)
    await put(rows, trades[:20])
    listed = TradeList(rows)
    order = Order("at", is_descending=True)
    first = await listed.page(HOPPERS, order, [], None, 10)
    await put(rows, trades[20:])
    rest: list[ListedTrade] = []
    while page := await listed.page(HOPPERS, order, [], (rest or first)[-1].row, 10):
        rest += page
    before = in_order(trades[:20], order)
    assert [one for one in first + rest if one in before] == before


async def test_the_usual_orders_read_little_of_fifty_thousand_trades(rows: Database) -> None:
    await rows.execute(_MANY, HOPPERS, T)
    await rows.execute("ANALYZE trades")
    most = 101
    behind = (None, Row("2", "30001"), Row("2", "30000"))
    for column, is_descending, hoppers, after, mode in itertools.product(
        ("at", "coin", "result"), (True, False), (["2"], HOPPERS), behind, ("force_custom_plan", "force_generic_plan")
    ):
        order = Order(column, is_descending)
        read = await _rows_read(rows, mode, order, hoppers, after, most)
        assert read <= 5 * most * len(hoppers), (order, hoppers, after, mode, read)


async def _rows_read(
    rows: Database, mode: str, order: Order, hoppers: Sequence[str], after: Row | None, most: int
) -> int:
    """How many trades the server looks at for a page."""
    told: list[Any] = [list(hoppers), most]
    behind = keyset._Behind.NOTHING
    if after is not None:
        key = await rows.row(keyset._place(LISTING, order), hoppers, *after)
        assert key is not None
        behind = keyset._Behind.VALUE if key[0] is not None else keyset._Behind.NULL
        told += key if key[0] is not None else key[1:]
    statement = keyset._page(LISTING, order, (), behind)
    async with rows.transaction() as connection:
        await connection.execute(f"SET LOCAL plan_cache_mode = {mode}")
        (plan,) = orjson.loads(await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *told))
    return sum(_looked_at(plan["Plan"]))


def _looked_at(node: dict[str, Any]) -> list[int]:
    """Of every scan of the trades below a node of a plan."""
    found = [number for child in node.get("Plans", ()) for number in _looked_at(child)]
    if node.get("Relation Name") == "trades":
        loops, removed = node["Actual Loops"], node.get("Rows Removed by Filter", 0)
        found.append(round(loops * (node["Actual Rows"] + removed)))
    return found
