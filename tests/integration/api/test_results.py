"""The list of closed positions over HTTP: pages in every order, filters, currency, what is masked, what is refused."""

import itertools
import random
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from typing import Any

import pytest

from api.handlers.analytics.results import PROFIT, by_profit
from cryptwire.clock import SystemClock
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.errors import Invalid
from cryptwire.storage.conversions import Conversions
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.keyset import Condition, Is, Order
from cryptwire.storage.rate_series import RateSeries
from cryptwire.storage.result_list import LISTING, ListedResult, ResultList
from tests.integration.api.conftest import World, code_of

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
D = Decimal
SIX_DIGITS = Context(prec=6)
RESULTS = """query($ids: [ID!], $kind: HopperKind, $first: Int! = 100, $after: String, $filter: ResultFilter,
                   $sort: ResultSort, $currency: String, $masked: Boolean, $counts: Boolean! = false) {
  results(hopperIds: $ids, kind: $kind, first: $first, after: $after, filter: $filter, sort: $sort, currency: $currency,
          masked: $masked) {
    total @include(if: $counts) hasMore endCursor
    nodes { hopperId tradeId at openedAt heldFor exchange coin quote isShort quantity entryPrice exitPrice proceeds cost
            fees net gain profit currency buyTrigger sellTrigger buyStrategy sellStrategy }
  } }"""
_PUT = """
    INSERT INTO trade_results (hopper_id, trade_id, at, exchange, base, quote, side, quantity, price, total, fee,
        fee_units, fee_currency, currency, rate, trigger, strategy, closed, proceeds, cost, fees, net, opened_at,
        is_short, buy_trigger, buy_strategy)
    VALUES ($1, $2, $3, 'binance', $4, $5, 2, 9, 9, 9, 0, 0, $5, 'USDT', $6, $7, $8, $9, $10, $11::numeric, 0.5,
            $10::numeric - $11::numeric, $12, $13, $14, $15)
"""


async def closed(world: World, hopper: str, number: int, proceeds: str | None, cost: str | None, **told: Any) -> None:
    """A row of ``trade_results``; one that closed nothing when it has no proceeds."""
    at = T + number * MINUTE
    await world.owner.execute(
        _PUT,
        hopper,
        f"t{number}",
        told.get("at", at),
        told.get("coin", "ETH"),
        told.get("quote", "USDT"),
        D(told.get("rate", "1")),
        told.get("sell", "stop-loss"),
        told.get("strategy"),
        None if proceeds is None else D(told.get("quantity", "2")),
        None if proceeds is None else D(proceeds),
        None if cost is None else D(cost),
        told.get("opened_at", None if cost is None else at - 10 * MINUTE),
        None if proceeds is None else told.get("is_short", False),
        told.get("buy", "Signal"),
        told.get("buy_strategy", "macd"),
    )


async def has_closed(world: World) -> None:
    """Hoppers 1 and 3 of who asks, 4 with play money, and 2, somebody else's."""
    user = UserId(await world.owner.value("SELECT user_id::text FROM hoppers WHERE hopper_id = '1'"))
    for name, is_paper in (("3", False), ("4", True)):
        kept = (Exchange("binance"), Asset("USDT"), is_paper, timedelta(seconds=60))
        await Hoppers(world.owner).put(Hopper(HopperId(name), user, f"Bot {name}", *kept))
    for hopper in ("1", "2", "3", "4"):
        await closed(world, hopper, 0, None, None)
        await closed(world, hopper, 1, "110", "100")
        await closed(world, hopper, 2, "90", "100", buy="DCA")
        await closed(world, hopper, 3, "100", "100", sell=None, buy_strategy=None)
    await closed(world, "3", 4, "55", None, buy=None, buy_strategy=None)
    await closed(world, "3", 5, "0.03", "0.01", coin="XRP", quote="BTC", rate="40000", is_short=True, strategy="rsi")
    await world.sign_in()


async def rates_are_told(world: World) -> None:
    """Of the euro two, and of the dollar coin."""
    for currency, at, number in (
        ("EUR", T - MINUTE, "0.5"),
        ("EUR", T + 2 * MINUTE, "0.25"),
        ("USDT", T - MINUTE, "1"),
    ):
        rate = "INSERT INTO rates (currency, at, per_usd) VALUES ($1, $2, $3)"
        await world.owner.execute(rate, currency, at, D(number))


async def ask(world: World, **variables: Any) -> dict[str, Any]:
    answer = await world.ask(RESULTS, **variables)
    assert "errors" not in answer, answer
    found: dict[str, Any] = answer["data"]["results"]
    return found


def names(page: dict[str, Any]) -> list[str]:
    return [f"{one['hopperId']}/{one['tradeId']}" for one in page["nodes"]]


async def test_a_closed_position_is_told_with_all_its_columns(world: World) -> None:
    await has_closed(world)
    page = await ask(world, ids=["1"], first=1, filter={"outcomes": ["WON"]}, counts=True, currency="usdt")
    assert (page["total"], page["hasMore"]) == (1, False)
    assert page["nodes"] == [
        {
            "hopperId": "1",
            "tradeId": "t1",
            "at": "2026-03-01T12:01:00Z",
            "openedAt": "2026-03-01T11:51:00Z",
            "heldFor": 600,
            "exchange": "binance",
            "coin": "ETH",
            "quote": "USDT",
            "isShort": False,
            "quantity": "2",
            "entryPrice": "50.000000000000000000",
            "exitPrice": "55.000000000000000000",
            "proceeds": "110",
            "cost": "100",
            "fees": "0.5",
            "net": "10",
            "gain": "0.100000000000000000",
            "profit": "10.000000000000000000",
            "currency": "USDT",
            "buyTrigger": "Signal",
            "sellTrigger": "stop-loss",
            "buyStrategy": "macd",
            "sellStrategy": None,
        }
    ]
    (short,) = (await ask(world, filter={"isShort": True}, currency="USDT"))["nodes"]
    assert [D(short[name]) for name in ("entryPrice", "exitPrice", "net", "profit")] == [
        D("0.015"),
        D("0.005"),
        D("0.02"),
        D(800),
    ]
    assert D(short["gain"]) == D("0.666666666666666667"), "of what it was opened with, as among the best trades"
    shorts = {"gain": {"least": "0.6", "most": "0.7"}, "isShort": True}
    assert names(await ask(world, filter=shorts)) == names({"nodes": [short]})
    (unknown,) = (await ask(world, filter={"outcomes": ["UNKNOWN"]}))["nodes"]
    nothing = ("openedAt", "heldFor", "entryPrice", "cost", "net", "gain", "profit", "buyTrigger", "buyStrategy")
    assert {unknown[name] for name in nothing} == {None}
    assert (unknown["proceeds"], D(unknown["exitPrice"])) == ("55", D("27.5"))


async def test_what_was_earned_is_told_in_any_currency_by_the_rates_of_its_time(world: World) -> None:
    await has_closed(world)
    await rates_are_told(world)
    found = await ask(world, ids=["1"], currency="EUR", sort={"column": "AT", "descending": False})
    assert [one["profit"] and D(one["profit"]) for one in found["nodes"]] == [D(5), D("-2.5"), D(0)]
    assert {one["currency"] for one in found["nodes"]} == {"EUR"}
    nobody = await ask(world, ids=["1"], currency="XYZ")
    assert {one["profit"] for one in nobody["nodes"]} == {None}


async def test_pages_in_every_order_are_all_rows_once_and_in_order(world: World) -> None:
    await has_closed(world)
    chance = random.Random(4)
    for number in range(10, 40):
        cost = chance.choice([None, "0", "7", "8", "8"])
        await closed(
            world,
            chance.choice(["1", "3"]),
            number,
            chance.choice([None, "7", "9", "9.5"]),
            cost,
            at=T + chance.randrange(8) * MINUTE,
            opened_at=chance.choice([None, T - 60 * MINUTE, T - 90 * MINUTE]),
            coin=chance.choice(["ETH", "ADA"]),
            quote=chance.choice(["USDT", "EUR"]),
            sell=chance.choice([None, "a", "b"]),
            buy=chance.choice([None, "a", "several"]),
            strategy=chance.choice([None, "x", "y"]),
            buy_strategy=chance.choice([None, "x", "y"]),
            quantity=chance.choice(["1", "2"]),
            is_short=chance.choice([False, True]),
        )
    hoppers, listed = ["3", "1"], ResultList(world.owner)
    all_rows = await listed.page(hoppers, Order("at"), [], None, 1_000)
    assert len(all_rows) > 25

    def value(row: ListedResult, column: str) -> Any:
        if column == "hopper":
            return hoppers.index(row.hopper_id)
        if column == "outcome":
            return None if row.net is None else (row.net > 0) - (row.net < 0)
        return getattr(row, column)

    for column, is_descending in itertools.product(LISTING.columns, (False, True)):
        order, found = Order(column, is_descending), list[ListedResult]()
        while page := await listed.page(hoppers, order, [], found[-1].row if found else None, 7):
            found += page
        known = [row for row in all_rows if value(row, column) is not None]
        known.sort(key=lambda row: (value(row, column), row.at, row.trade_id, row.hopper_id), reverse=is_descending)
        unknown = [row for row in all_rows if value(row, column) is None]
        unknown.sort(key=lambda row: (row.at, row.trade_id, row.hopper_id), reverse=is_descending)
        assert found == known + unknown, order
        if column != "hopper":
            for one in {value(row, column) for row in all_rows}:
                same = [Condition(column, Is.AMONG, (one,))]
                expected = [row for row in found if value(row, column) == one]
                assert await listed.page(hoppers, order, same, None, 1_000) == expected
                assert await listed.count(hoppers, same) == len(expected)


async def test_by_profit_in_any_currency_pages_are_all_rows_once_and_in_order(world: World) -> None:
    await has_closed(world)
    chance = random.Random(9)
    for number in range(10, 60):
        await closed(
            world,
            chance.choice(["1", "3"]),
            number,
            chance.choice([None, "70", "90", "95"]),
            chance.choice([None, "70", "80", "90"]),
            at=T + chance.randrange(12) * MINUTE,
        )
    await rates_are_told(world)
    for currency, descending in itertools.product(("EUR", "USDT", "XYZ"), (False, True)):
        by_time = (await ask(world, currency=currency, sort={"column": "AT", "descending": descending}))["nodes"]
        known = [one for one in by_time if one["profit"] is not None]
        known.sort(key=lambda one: D(one["profit"]), reverse=descending)
        expected = known + [one for one in by_time if one["profit"] is None]
        assert (len(known) > 10) is (currency != "XYZ")
        found: list[dict[str, Any]] = []
        after = None
        while True:
            order = {"column": "PROFIT", "descending": descending}
            page = await ask(world, currency=currency, sort=order, first=7, after=after, counts=True)
            found += page["nodes"]
            assert page["total"] == len(by_time)
            after = page["endCursor"]
            if not page["hasMore"]:
                break
        assert found == expected


async def test_bounds_of_profit_hold_in_any_order_and_are_counted(world: World) -> None:
    await has_closed(world)
    rows = (await ask(world, currency="USDT"))["nodes"]
    for column, least, most in (("AT", "0", "10"), ("COIN", "-10", "0"), ("PROFIT", "-10", "10")):
        sort = {"column": column, "descending": True}
        listed = (await ask(world, currency="USDT", sort=sort))["nodes"]
        expected = [one for one in listed if one["profit"] is not None and D(least) <= D(one["profit"]) <= D(most)]
        assert 1 < len(expected) < len(rows)
        wanted = {"profit": {"least": least, "most": most}}
        seen: list[dict[str, Any]] = []
        after = None
        for _ in expected:
            page = await ask(world, currency="USDT", sort=sort, filter=wanted, first=1, after=after, counts=True)
            assert (page["total"], page["hasMore"]) == (len(expected), len(seen) + 1 < len(expected))
            seen += page["nodes"]
            after = page["endCursor"]
        assert seen == expected
    assert names(await ask(world, currency="USDT", filter={"profit": {}})) == names({"nodes": rows}), "no bound at all"
    both = {"profit": {"least": "0"}, "coins": ["XRP"]}
    assert names(await ask(world, currency="USDT", filter=both)) == ["3/t5"], "with other filters, too"


async def test_more_than_can_be_looked_at_by_profit_is_refused_in_words(world: World) -> None:
    await has_closed(world)
    listed, conversions = ResultList(world.owner), Conversions(RateSeries(world.owner), SystemClock())

    async def ask_by_profit(looks_at: int) -> int:
        asset, order = Asset("USDT"), Order(PROFIT)
        page = await by_profit(
            listed, conversions, asset, ["1"], order, [], lambda _: True, None, 10, looks_at=looks_at
        )
        return page.on_all

    assert await ask_by_profit(3) == 3
    with pytest.raises(Invalid, match="by profit 2 closed positions can be looked at; narrow the filter by since"):
        await ask_by_profit(2)


async def test_filters_hold_together_and_live_is_apart_from_paper(world: World) -> None:
    await has_closed(world)
    found = await ask(
        world,
        filter={
            "since": (T + MINUTE).isoformat(),
            "until": (T + 5 * MINUTE).isoformat(),
            "outcomes": ["WON", "EVEN", "LOST"],
            "buyTriggers": ["Signal", None],
            "sellTriggers": [None],
            "coins": ["ETH"],
            "quotes": ["USDT"],
            "exchanges": ["binance"],
            "isShort": False,
            "gain": {"least": "0", "most": "0"},
            "heldFor": {"most": "600.5"},
            "cost": {"least": "100"},
        },
        sort={"column": "HOPPER", "descending": False},
        masked=False,
        counts=True,
    )
    assert (names(found), found["total"]) == (["1/t3", "3/t3"], 2)
    assert names(await ask(world, filter={"sellStrategies": ["rsi"], "buyStrategies": ["macd"]})) == ["3/t5"]
    assert {one.partition("/")[0] for one in names(await ask(world))} == {"1", "3"}
    assert {one.partition("/")[0] for one in names(await ask(world, kind="PAPER"))} == {"4"}
    page = await ask(world, first=2, sort={"column": "GAIN"})
    more = await ask(world, first=2, sort={"column": "GAIN"}, after=page["endCursor"])
    assert names(page) + names(more) == ["3/t5", "3/t1", "1/t1", "3/t3"]


async def test_every_number_and_moment_of_the_table_can_be_filtered(world: World) -> None:
    await has_closed(world)
    rows = (await ask(world))["nodes"]
    for column in ("quantity", "entryPrice", "exitPrice", "proceeds", "cost", "fees", "net", "gain", "heldFor"):
        values = sorted(D(row[column]) for row in rows if row[column] is not None)
        least, most = str(values[1]), str(values[-2])
        expected = [row for row in rows if row[column] is not None and D(least) <= D(row[column]) <= D(most)]
        found = await ask(world, filter={column: {"least": least, "most": most}})
        assert names(found) == names({"nodes": expected}), column
    moments = sorted(row["openedAt"] for row in rows if row["openedAt"] is not None)
    since, until = moments[0], moments[-1]
    expected = [row for row in rows if row["openedAt"] is not None and since <= row["openedAt"] < until]
    assert 0 < len(expected) < len(rows)
    found = await ask(world, filter={"openedSince": since, "openedUntil": until})
    assert names(found) == names({"nodes": expected})


async def test_masked_amounts_are_neither_told_nor_to_be_found_out(world: World) -> None:
    await has_closed(world)
    shown = await ask(world, sort={"column": "NET"}, first=3)
    masked = await ask(world, sort={"column": "NET"}, first=3, masked=True)
    assert masked["endCursor"] == shown["endCursor"]
    hidden = dict.fromkeys(("quantity", "proceeds", "cost", "fees", "net", "profit"))
    for one, other in zip(shown["nodes"], masked["nodes"], strict=True):
        told = {name: str(SIX_DIGITS.create_decimal(one[name])) for name in ("entryPrice", "exitPrice", "gain")}
        assert other == {**one, **hidden, **told}
    for column in ("quantity", "proceeds", "cost", "fees", "net", "profit"):
        answer = await world.ask(RESULTS, filter={column: {"least": "1"}}, masked=True)
        assert code_of(answer) == "INVALID"
        assert column in answer["errors"][0]["message"]
    one = next(row for row in (await ask(world))["nodes"] if row["gain"] is not None and D(row["gain"]) == D("0.1"))
    for column in ("entryPrice", "exitPrice", "gain"):
        bounds = {"least": str(D(one[column]) + D("1e-12")), "most": one[column]}
        assert names(await ask(world, filter={column: bounds})) == []
        finer = await ask(world, filter={column: bounds}, masked=True)
        assert names({"nodes": [one]})[0] in names(finer), "bounds are as coarse as what is told"


async def test_what_is_somebody_elses_or_no_page_is_refused(world: World) -> None:
    await has_closed(world)
    for told, code in (
        ({"ids": ["2"]}, "NOT_FOUND"),
        ({"ids": ["1", "4"]}, "INVALID"),
        ({"first": 0}, "INVALID"),
        ({"first": 101}, "INVALID"),
        ({"after": "x"}, "INVALID"),
        ({"currency": "no such thing"}, "INVALID"),
        ({"filter": {"outcomes": []}}, "INVALID"),
        ({"filter": {"buyStrategies": ["a\0b"]}}, "INVALID"),
    ):
        assert code_of(await world.ask(RESULTS, **told)) == code, told
    end = (await ask(world, first=1))["endCursor"]
    assert code_of(await world.ask(RESULTS, after=end, sort={"column": "FEES"})) == "INVALID"
