"""Open positions over real tables, prices and live states, as a client reads them."""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cryptwire.domain.account import Position, Reserved, Short
from cryptwire.domain.hopper import Asset, Exchange, HopperId
from cryptwire.domain.result import Ledger
from cryptwire.domain.ticker import Pair, Ticker
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.storage import redis
from cryptwire.storage.last_prices import LastPrices
from cryptwire.storage.positions import Positions
from tests.integration.api.analytics import put_live, put_rate
from tests.integration.api.conftest import World, code_of

D = Decimal
ONE = HopperId("1")
BINANCE = Exchange("binance")
ETH, BTC, USDT, XYZ = map(Asset, ("ETH", "BTC", "USDT", "XYZ"))
MONEY = "currency cost value unrealised profitIfClosed"
LIMIT = "percent price distance"
POSITIONS = f"""
    query($hoppers: [ID!], $currency: String, $masked: Boolean, $first: Int! = 50, $after: String,
          $filter: PositionFilter, $sort: PositionSort) {{
      analytics(hopperIds: $hoppers, currency: $currency, masked: $masked) {{
        openPositions(first: $first, after: $after, filter: $filter, sort: $sort) {{
          currency definition count hasMore endCursor readAt pricesAt leftOut notes
          sums {{ kind count priced dataErrors closable profitShare unpriced money {{ {MONEY} }} }}
          nodes {{ hopperId id kind coin quote exchange quantity rate price closingPrice priceSource isRouted priceAt
                   priceAge costSource profitShare feeRate feeTrades openedAt age weight isArmed buyTrigger buyStrategy
                   isHeld readAt isLive isDataError note inQuote {{ {MONEY} }} inCurrency {{ {MONEY} }}
                   stopLoss {{ {LIMIT} }} takeProfit {{ {LIMIT} }} trailingArm {{ {LIMIT} }} trailingStop {{ {LIMIT} }}
          }} }} }} }}
"""


COLUMNS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "COIN": lambda one: one["coin"],
    "HOPPER": lambda one: one["hopperId"],
    "KIND": lambda one: one["kind"].lower(),
    "COST": lambda one: decimal(one["inCurrency"]["cost"]),
    "VALUE": lambda one: decimal(one["inCurrency"]["value"]),
    "UNREALISED": lambda one: decimal(one["inCurrency"]["unrealised"]),
    "PROFIT": lambda one: decimal(one["inCurrency"]["profitIfClosed"]),
    "SHARE": lambda one: one["profitShare"],
    "AGE": lambda one: one["age"],
    "WEIGHT": lambda one: one["weight"],
    "STOP_DISTANCE": lambda one: one["stopLoss"] and one["stopLoss"]["distance"],
    "ARM_DISTANCE": lambda one: one["trailingArm"] and one["trailingArm"]["distance"],
    "TARGET_DISTANCE": lambda one: one["takeProfit"] and one["takeProfit"]["distance"],
    "EXCHANGE": lambda one: one["exchange"],
    "QUOTE": lambda one: one["quote"],
    "QUANTITY": lambda one: decimal(one["quantity"]),
    "RATE": lambda one: decimal(one["rate"]),
    "PRICE": lambda one: decimal(one["price"]),
    "BUY_TRIGGER": lambda one: one["buyTrigger"],
    "BUY_STRATEGY": lambda one: one["buyStrategy"],
}
"""What each column that positions can be ordered by shows."""


def decimal(text: str | None) -> Decimal | None:
    return None if text is None else D(text)


def snake(name: str) -> str:
    return "".join(f"_{letter}" if letter.isupper() else letter for letter in name).upper()


def position(number: str, coin: Asset, quantity: str, rate: str, at: datetime, **more: Any) -> Position:
    return Position(number, coin, USDT, D(quantity), D(rate), D(quantity) * D(rate), at, **more)


async def told(world: World, **variables: Any) -> dict[str, Any]:
    answer = await world.ask(POSITIONS, **{"currency": "EUR", **variables})
    assert "errors" not in answer, answer
    found = answer["data"]["analytics"]["openPositions"]
    assert isinstance(found, dict)
    return found


@pytest.fixture
async def held(world: World) -> datetime:
    """Positions as they were read two hours ago, of a hopper whose trades, prices and rates are known."""
    now = world.runtime.clock.now()
    read_at, bought_at = now - timedelta(hours=2), now - timedelta(days=3)
    limits = {"stop_loss": D(10), "take_profit": D(25), "trailing_arm": D(5), "trailing": D(2)}
    await Positions(world.owner).keep(
        ONE,
        [
            position("p1", ETH, "2", "1000", bought_at, trigger="TA", buy_id="91", **limits),
            position("p2", XYZ, "10", "3", bought_at),
        ],
        [Reserved("r1", BTC, USDT, D("0.1"), D(50_000), D(5_000), None)],
        [Short("s1", BTC, USDT, D("0.01"), D(60_000), D(600), bought_at, True)],
        [],
        read_at,
    )
    bought = Trade(
        ONE, TradeId("91"), Pair(BINANCE, ETH, USDT), Side.BUY, D(2), D(1000), D(2000), D(2), USDT, bought_at,
        trigger="Strategy", strategy="buy the dip",
    )  # fmt: skip
    ledger = Ledger()
    ledger.add(bought, lambda *_: None)
    await world.owner.execute(
        "INSERT INTO result_progress (hopper_id, until_at, until_id, ledger, computed_at)"
        " VALUES ('1', $1, '91', $2, $1)",
        bought_at,
        json.dumps(ledger.as_json()),
    )
    await world.owner.execute(
        "INSERT INTO trade_results (hopper_id, trade_id, at, exchange, base, quote, side, quantity, price, total, fee,"
        " fee_units, fee_currency, currency, rate)"
        " VALUES ('1', '91', $1, 'binance', 'ETH', 'USDT', 1, 2, 1000, 2000, 2, 2, 'USDT', 'USDT', 1)",
        bought_at,
    )
    await put_rate(world.owner, "EUR", now - timedelta(minutes=30), "0.8")
    await put_rate(world.owner, "USDT", now - timedelta(minutes=30), "1")
    async with redis.connect(world.settings.redis_url) as client:
        await LastPrices(client).put(
            Ticker(Pair(BINANCE, base, quote), last, bid, ask, None, now - timedelta(seconds=5), "s", 1)
            for base, quote, last, bid, ask in (
                (ETH, USDT, 1100.5, 1100.0, 1101.0),
                (BTC, USDT, 55_000.0, None, None),
            )
        )
    await world.sign_in()
    return read_at


async def test_positions_as_they_were_read_at_the_last_prices(world: World, held: datetime) -> None:
    found = await told(world)
    by_id = {one["id"]: one for one in found["nodes"]}
    assert list(by_id) == ["r1", "p1", "s1", "p2"], "by value, and what has no price last"
    eth = by_id["p1"]
    assert D(eth["inQuote"]["cost"]) == 2002, "with the fee of buying"
    assert (eth["costSource"], eth["buyTrigger"], eth["buyStrategy"]) == ("TRADES", "TA", "buy the dip")
    profit = 2 * D("1100") * D("0.999") - 2002
    assert D(eth["inQuote"]["profitIfClosed"]) == profit
    assert D(eth["inCurrency"]["profitIfClosed"]) == profit * D("0.8")
    assert eth["profitShare"] == pytest.approx(float(profit / 2002))
    assert (eth["feeRate"], eth["feeTrades"], eth["priceSource"]) == (0.001, 1, "OFFER")
    assert (D(eth["price"]), D(eth["closingPrice"]), eth["isRouted"]) == (D("1100.5"), D("1100"), False)
    assert eth["age"] == pytest.approx(3 * 86_400, abs=60)
    assert eth["priceAge"] == pytest.approx(5, abs=60)
    assert [D(eth["stopLoss"]["price"]), eth["isArmed"]] == [900, True]
    assert D(eth["trailingStop"]["price"]) == D("1100.5") * D("0.98")
    assert (eth["isLive"], datetime.fromisoformat(eth["readAt"])) == (False, held)
    assert (by_id["r1"]["kind"], by_id["r1"]["priceSource"], by_id["r1"]["costSource"]) == (
        "RESERVED",
        "LAST",
        "CRYPTOHOPPER",
    )
    short = by_id["s1"]
    assert D(short["inQuote"]["profitIfClosed"]) == 600 - 550 * D("1.001")
    assert short["isHeld"]
    unpriced = by_id["p2"]
    assert (unpriced["price"], unpriced["inQuote"]["value"], unpriced["inQuote"]["cost"]) == (None, None, "30")
    assert "nobody tells a price" in unpriced["note"]
    sums = {one["kind"]: one for one in found["sums"]}
    assert (sums["OPEN"]["count"], sums["OPEN"]["priced"], sums["OPEN"]["unpriced"]) == (2, 1, ["XYZ"])
    assert D(sums["OPEN"]["money"]["value"]) == D("2201") * D("0.8")
    assert D(sums["RESERVED"]["money"]["unrealised"]) == D("500") * D("0.8")
    assert D(sums["SHORT"]["money"]["profitIfClosed"]) == D(short["inCurrency"]["profitIfClosed"])
    assert found["definition"].startswith("What closing a position now would bring")


async def test_of_a_tracked_hopper_they_are_live_and_a_coin_that_is_not_in_the_balance_is_not_added(
    world: World, held: datetime
) -> None:
    now = world.runtime.clock.now()
    listed = [
        position("p1", ETH, "2", "1000", now - timedelta(days=3), buy_id="91"),
        position("p9", XYZ, "5", "1", now),
    ]
    await put_live(world, now, 4402.0, {"ETH": ("2", 1100.5), "USDT": ("2201", 1.0)}, listed)
    wanted = {"filter": {"kinds": ["OPEN"]}, "sort": {"column": "COIN", "descending": False}, "currency": "USDT"}
    async with asyncio.timeout(5):
        while not (found := await told(world, **wanted))["nodes"][0]["isLive"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    eth, wrong = found["nodes"]
    assert [eth["id"], eth["weight"], D(eth["inQuote"]["cost"])] == ["p1", pytest.approx(2201 / 4402), 2002]
    assert (wrong["id"], wrong["isDataError"], wrong["weight"]) == ("p9", True, None)
    assert "not in the balance" in wrong["note"]
    for least, ids in (("0.4", ["p1"]), ("0.6", [])):
        heavy = await told(world, filter={"weight": {"least": least}}, currency="USDT")
        assert [one["id"] for one in heavy["nodes"]] == ids
    (sums,) = found["sums"]
    assert [sums["count"], sums["dataErrors"], D(sums["money"]["value"])] == [2, 1, 2201]
    await world.owner.execute("UPDATE users SET plan = 'free'")
    await world.sign_in()
    ours = await told(world, **wanted)
    assert [one["id"] for one in ours["nodes"]] == ["p1", "p2"], "who may not see live states gets what was read"


async def test_reserved_coins_are_not_free_today_either(world: World, held: datetime) -> None:
    now = world.runtime.clock.now()
    holds = {"ETH": ("2", 1000.0), "BTC": ("0.1", 50_000.0), "USDT": ("100000000000.000000000000000001", 1.0)}
    listed = [position("p1", ETH, "2", "900", now - timedelta(days=3), buy_id="91")]
    await put_live(world, now, 7100.0, holds, listed)
    names = ("balance", "invested", "reserved", "free", "unrealised", "positions")
    query = f"""{{ analytics(hopperIds: ["1"], currency: "USDT") {{ days {{ asOf {" ".join(names)} }} }} }}"""
    async with asyncio.timeout(5):
        while not (days := (await world.ask(query))["data"]["analytics"]["days"])["balance"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert [D(days[name][-1]) for name in names] == [
        D("100000007000.000000000000000001"), 2000, 5000, D("100000000000.000000000000000001"), 200, 1
    ], "to the last digit"  # fmt: skip
    assert datetime.fromisoformat(days["asOf"]) == now


async def test_why_the_sum_of_positions_differs_from_the_figure_of_all_is_told(world: World, held: datetime) -> None:
    now = world.runtime.clock.now()
    listed = [position("p1", ETH, "2", "1000", now - timedelta(days=3), buy_id="91")]
    await put_live(world, now, 2200.0, {"ETH": ("2", 1100.5), "USDT": ("0", 1.0)}, listed)
    query = """{ analytics(hopperIds: ["1"], currency: "USDT") {
        returns { unrealised { amount definition } } openPositions { sums { kind money { unrealised } } } } }"""
    async with asyncio.timeout(5):
        while True:
            figures = (await world.ask(query))["data"]["analytics"]
            if figures["returns"]["unrealised"]["amount"] is not None:
                break
            await asyncio.sleep(0.01)
    (by_position,) = [
        D(one["money"]["unrealised"]) for one in figures["openPositions"]["sums"] if one["kind"] == "OPEN"
    ]
    of_all = figures["returns"]["unrealised"]
    assert [D(of_all["amount"]), by_position] == [201, 199], "the fee of buying was two"
    assert "as Cryptohopper told the cost, without fees" in of_all["definition"]
    assert "their sum may be less" in of_all["definition"]


async def test_pages_filters_masking_and_what_cannot_be_read_any_more(world: World, held: datetime) -> None:
    seen, after = [], None
    while True:
        page = await told(world, first=1, after=after, sort={"column": "AGE", "descending": True})
        seen += [one["id"] for one in page["nodes"]]
        assert page["count"] == 4
        after = page["endCursor"]
        if not page["hasMore"]:
            break
    assert sorted(seen) == ["p1", "p2", "r1", "s1"]
    assert seen[-1] == "r1", "of which nobody tells the age"
    rows = (await told(world))["nodes"]
    for column, key in COLUMNS.items():
        for is_descending in (False, True):
            listed = (await told(world, sort={"column": column, "descending": is_descending}))["nodes"]
            values = [key(one) for one in listed]
            known = [value for value in values if value is not None]
            assert values == sorted(known, reverse=is_descending) + [None] * (4 - len(known)), column
    amounts, others = ("quantity", "cost", "value", "profit"), ("rate", "share", "age")
    for name in (*amounts, *others, "stopDistance", "armDistance"):
        key = COLUMNS[snake(name)]
        values = sorted(key(one) for one in rows if key(one) is not None)
        slack = 60 if name == "age" else 0
        bounds = {"least": str(values[0]), "most": str(D(str(values[-1])) + slack)}
        inside = {one["id"] for one in (await told(world, filter={name: bounds}))["nodes"]}
        assert inside == {one["id"] for one in rows if key(one) is not None}, name
        outside = await told(world, filter={name: {"least": str(D(str(values[-1])) + 1 + slack)}})
        assert (outside["nodes"], outside["count"]) == ([], 0), name
    for name, column in (
        ("quotes", "quote"),
        ("exchanges", "exchange"),
        ("buyTriggers", "buyTrigger"),
        ("buyStrategies", "buyStrategy"),
    ):
        for value in {one[column] for one in rows}:
            chosen = {one["id"] for one in (await told(world, filter={name: [value]}))["nodes"]}
            assert chosen == {one["id"] for one in rows if one[column] == value}, name
    assert [one["coin"] for one in (await told(world, filter={"coins": ["btc"]}))["nodes"]] == ["BTC", "BTC"]
    for name in amounts:
        guessed = await world.ask(POSITIONS, masked=True, filter={name: {"least": "1"}})
        assert code_of(guessed) == "INVALID"
        assert name in guessed["errors"][0]["message"]
    share = next(
        one["profitShare"] for one in rows if one["profitShare"] not in (None, float(f"{one['profitShare']:.6g}"))
    )
    exact = {"share": {"least": str(share), "most": str(share)}}
    assert len((await told(world, filter=exact))["nodes"]) == 1
    assert (await told(world, filter=exact, masked=True))["nodes"] == [], "bounds are as coarse as what is told"
    hidden = await told(world, masked=True)
    for one in hidden["nodes"]:
        assert one["quantity"] is None
        for money in (one["inQuote"], one["inCurrency"]):
            assert {name for name, value in money.items() if value is not None} == {"currency"}
    assert {name for one in hidden["sums"] for name, value in one["money"].items() if value is not None} == {"currency"}
    assert hidden["nodes"][1]["stopLoss"]["price"] is not None, "a price is no amount"
    many: list[dict[str, Any]] = [{"first": 0}, {"filter": {"coins": ["X"] * 101}}, {"after": "bm8"}]
    for wrong in many:
        assert code_of(await world.ask(POSITIONS, **wrong)) == "INVALID"
    await world.owner.execute("UPDATE hoppers SET unlinked_at = now() WHERE hopper_id = '1'")
    gone = await told(world)
    assert (gone["nodes"], gone["leftOut"], gone["sums"]) == ([], ["1"], [])
