"""What coins have earned, over days that the processor itself has taken and computed, as a client reads it."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal, localcontext
from typing import Any

import pytest

from cryptwire.domain.candle import Candle, Quality
from cryptwire.domain.flow import DecidedBy, FlowState
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.portfolio import Holding, Portfolio
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.storage import database
from cryptwire.storage.database import url_of
from cryptwire.storage.hoppers import Hoppers
from tests.integration.api.analytics import put_live, put_rate
from tests.integration.api.conftest import World, code_of
from tests.integration.processor import days
from tests.integration.processor.days import BTC, DAY, HOUR, USDT, at, price_at, trade

D = Decimal
BNB, XYZ = Asset("BNB"), Asset("XYZ")
ONE, TWO = HopperId("1"), HopperId("3")
FIRST, SECOND, LAST = at(2025, 3, 10), at(2025, 3, 11), at(2025, 3, 12)
AMOUNTS = "startValue endValue change profit fees net flows income conversions difference currencyEffect"
COINS = f"""
    query($hoppers: [ID!], $since: Date, $until: Date, $currency: String, $masked: Boolean, $first: Int! = 50,
          $after: String, $sort: CoinSort) {{
      analytics(hopperIds: $hoppers, since: $since, until: $until, currency: $currency, masked: $masked) {{
        coinProfit(first: $first, after: $after, sort: $sort) {{
          currency asOf count hasMore endCursor notes
          total {{ {AMOUNTS} }}
          hoppers {{ hopperId currency since until isLive isMadeUp reason total {{ {AMOUNTS} }} }}
          coins {{ coin startQuantity endQuantity startValue endValue received given feesPaid flows income conversions
                   differenceQuantity difference profit fees net currencyEffect contribution trades unvalued note }}
        }} }} }}
"""
RANGE = {"since": "2025-03-10", "until": "2025-03-11", "currency": "USDT"}


def held(hopper: HopperId, moment: Any, coins: dict[Asset, tuple[str, str | None]]) -> Portfolio:
    """What the tracker tells: units and price of each coin."""
    holdings = tuple(Holding(coin, D(q), None if p is None else float(p)) for coin, (q, p) in coins.items())
    candle = Candle(hopper, moment - timedelta(minutes=15), 1, 1, 1, 1, timedelta(0), Quality.COMPLETE)
    return Portfolio(hopper, moment, USDT, candle, 0.0, True, moment, moment, holdings, (), None)


_RESULT = """
    INSERT INTO trade_results (hopper_id, trade_id, at, exchange, base, quote, side, quantity, price, total, fee,
                               fee_units, fee_currency, currency, rate)
    SELECT hopper_id, trade_id, at, exchange, base, quote, side, quantity, rate, total,
           fee * CASE fee_currency WHEN 'BNB' THEN 600 ELSE 1 END, fee, fee_currency, 'USDT', 1
      FROM trades WHERE trade_id = ANY($1::text[])
"""


@pytest.fixture
async def past(world: World, database_url: str) -> AsyncIterator[days.World]:
    """Three midnights of a hopper with trades, a fee in a third coin, a deposit, crumbs, and a coin without a price."""
    async with database.connect(url_of("processor", database_url), "test", 4) as rows:
        await world.owner.execute("UPDATE users SET zone = 'UTC', currency = 'USDT'")
        it = days.World(rows, world.owner)
        it.clock.set(FIRST - DAY)
        it.account.held = defaultdict(dict)  # of other hoppers
        await it.traded(
            trade("1", 1, Side.BUY, "0.5", FIRST + 5 * HOUR, "10"),
            trade("1", 2, Side.SELL, "0.1", FIRST + 9 * HOUR, "0.01", "BNB"),
            trade("1", 3, Side.BUY, "0.2", SECOND + 7 * HOUR, "3"),
        )
        await world.owner.execute(_RESULT, ["1", "2"])  # that of the third is not computed yet
        bought, sold, again = await it.trades.within(ONE, FIRST, LAST)
        money = D(50_000)
        balances = [money, money - bought.total - 10 + sold.total + 500]
        balances.append(balances[1] - again.total - 3 + D("0.25"))
        units = ("0.1", "0.5", "0.7")
        for moment, btc, usdt, bnb in zip((FIRST, SECOND, LAST), units, balances, ("1", "0.99", "0.99"), strict=True):
            coins: dict[Asset, tuple[str, str | None]] = {
                BTC: (btc, str(price_at(moment))),
                USDT: (str(usdt), "1"),
                BNB: (bnb, "600"),
                XYZ: ("7", "2" if moment == FIRST else None),
            }
            it.live.states[ONE] = held(ONE, moment + timedelta(seconds=1), coins)
            await it.ring(moment)
        await deposit(it, FIRST + 12 * HOUR, "500")
        await it.turning(it.statistics().compute(LAST))
        yield it


async def deposit(it: days.World, moment: Any, quantity: str) -> None:
    await it.owner.execute("INSERT INTO flow_candidates VALUES ('1', $1, 'USDT', $2, 1, 50000, 1)", moment, D(quantity))
    await it.flows.open_new(moment - DAY)
    (found,) = await it.flows.within(ONE, moment, moment + HOUR)
    decided = replace(found, version=2, state=FlowState.CONFIRMED, decided_by=DecidedBy.USER, decided_at=moment)
    assert await it.flows.decide([decided]) == [decided]


async def told(world: World, **variables: Any) -> dict[str, Any]:
    answer = await world.ask(COINS, **{**RANGE, **variables})
    assert "errors" not in answer, answer
    found = answer["data"]["analytics"]["coinProfit"]
    assert isinstance(found, dict)
    return found


def exact(sums: dict[str, str]) -> dict[str, Decimal]:
    return {name: D(value) for name, value in sums.items() if value is not None}


def adds_up(found: dict[str, Any]) -> None:
    """All identities that a client can see, to the last digit."""
    with localcontext(prec=400):
        parts = [exact(one["total"]) for one in found["hoppers"] if one["total"] is not None]
        whole = exact(found["total"])
        for one in (whole, *parts):
            brought = one["flows"] + one["income"] + one["conversions"] + one["difference"]
            assert one["change"] == one["endValue"] - one["startValue"] == one["net"] + brought
            assert one["net"] == one["profit"] - one["fees"]
        for name, value in whole.items():
            assert value == sum(one[name] for one in parts), name
        coins = [
            exact({k: v for k, v in one.items() if isinstance(v, str)} | {"coin": "0", "note": "0"})
            for one in found["coins"]
        ]
        for name in ("startValue", "endValue", "flows", "income", "conversions", "difference", "fees", "profit", "net"):
            assert whole[name] == sum(one.get(name, D(0)) for one in coins), name
        for one in coins:
            profit = one.get("profit", D(0))
            moved = one["received"] - one["given"] - one["feesPaid"] + one["flows"] + one["income"] + one["conversions"]
            assert one["endValue"] - one["startValue"] == profit + moved + one["difference"]


async def stored(world: World, moment: Any) -> Decimal:
    worth = await world.owner.value(
        "SELECT sum(quantity * price) FROM balances WHERE hopper_id = '1' AND at = $1", moment
    )
    assert isinstance(worth, Decimal)
    return worth


async def test_coins_flows_and_differences_are_the_change_of_what_is_stored(world: World, past: days.World) -> None:
    await world.sign_in()
    found = await told(world)
    adds_up(found)
    whole, coins = exact(found["total"]), {one["coin"]: one for one in found["coins"]}
    assert whole["startValue"] == await stored(world, FIRST)
    assert whole["endValue"] == await stored(world, LAST)
    assert [whole["flows"], whole["fees"], whole["currencyEffect"]] == [500, 10 + 6 + 3, 0]
    assert whole["difference"] == D("0.25") - 14, "crumbs, and a coin whose price is gone"
    first, second, third = (price_at(FIRST + 5 * HOUR), price_at(FIRST + 9 * HOUR), price_at(SECOND + 7 * HOUR))
    end, start = price_at(LAST), price_at(FIRST)
    earned = D("0.1") * (end - start) + D("0.5") * (end - first) - D("0.1") * (end - second) + D("0.2") * (end - third)
    assert D(coins["BTC"]["profit"]) == earned
    assert [coins["BTC"]["trades"], D(coins["BTC"]["fees"])] == [3, 19]
    assert D(coins["BTC"]["contribution"]) == pytest.approx((earned - 19) / whole["startValue"])
    assert [D(coins["USDT"]["differenceQuantity"]), D(coins["USDT"]["profit"])] == [D("0.25"), 0]
    assert [D(coins["BNB"]["feesPaid"]), D(coins["BNB"]["profit"])] == [6, 0]
    assert [coins["XYZ"]["profit"], D(coins["XYZ"]["difference"])] == [None, -14]
    assert "no price" in coins["XYZ"]["note"]
    (one,) = found["hoppers"]
    assert (one["since"], one["until"]) == ("2025-03-10T00:00:00Z", "2025-03-12T00:00:00Z")
    assert (one["isLive"], one["isMadeUp"], one["reason"], one["currency"]) == (False, False, None, "USDT")
    listed = await past.days.read(ONE, "UTC", FIRST.date(), LAST.date())
    assert [sum(day.flows for day in listed), sum(day.fees for day in listed)] == [500, 19], "as the days have it"


async def test_two_hoppers_in_another_currency_balance_too_and_rates_are_told_apart(
    world: World, past: days.World
) -> None:
    me = UserId(await world.owner.value("SELECT user_id::text FROM users WHERE email = 'Me@Example.com'"))
    await Hoppers(world.owner).put(Hopper(TWO, me, "Bot 3", Exchange("binance"), BTC, False, timedelta(seconds=60)))
    for number in range(-2, 60):
        moment = FIRST + number * HOUR
        await put_rate(world.owner, "EUR", moment, str(D("0.9") + D(number) / 1000))
        await put_rate(world.owner, "USDT", moment, "1.0003")
        await put_rate(world.owner, "BTC", moment, str(D(1) / price_at(moment)))
    pair = Pair(Exchange("binance"), Asset("ETH"), BTC)
    await past.traded(
        Trade(TWO, TradeId("9"), pair, Side.BUY, D(2), D("0.05"), D("0.1"), D("0.0001"), BTC, FIRST + 5 * HOUR)
    )
    for moment, btc, eth in ((FIRST, "1", "0"), (LAST, "0.8999", "2")):
        holds: dict[Asset, tuple[str, str | None]] = {BTC: (btc, "1"), Asset("ETH"): (eth, "0.06")}
        past.live.states[TWO] = replace(held(TWO, moment + timedelta(seconds=1), holds), base=BTC)
        past.clock.set(moment)
        await past.ring(moment)
    await world.sign_in()
    found = await told(world, currency="EUR")
    adds_up(found)
    parts = {one["hopperId"]: one for one in found["hoppers"]}
    assert {id: one["currency"] for id, one in parts.items()} == {"1": "USDT", "3": "BTC"}
    coins = {one["coin"]: one for one in found["coins"]}
    assert D(coins["ETH"]["profit"]) > 0
    assert D(coins["USDT"]["profit"]) > 0, "euros have fallen: so many dollars are worth more of them"
    assert coins["USDT"]["currencyEffect"] == coins["USDT"]["profit"], "and that is all that they have earned"
    own = exact((await told(world, hoppers=["1"], currency="USDT"))["total"])
    in_euro = exact(parts["1"]["total"])
    rate = in_euro["endValue"] / own["endValue"]
    assert in_euro["profit"] - in_euro["currencyEffect"] == pytest.approx(own["profit"] * rate)


async def test_to_this_moment_it_is_what_the_live_portfolio_holds(world: World, past: days.World) -> None:
    await world.sign_in()
    now = world.runtime.clock.now()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    await world.owner.execute("INSERT INTO midnights (hopper_id, at, taken_at) VALUES ('1', $1, $1)", today)
    await world.owner.execute("INSERT INTO balances VALUES ('1', $1, 'USDT', 1000, 1), ('1', $1, 'BTC', 1, 100)", today)
    span = {"since": str(today.date()), "until": str(today.date())}
    early = await told(world, **span)
    assert (early["total"]["change"], early["asOf"]) == ("0", None)
    assert "two moments" in early["hoppers"][0]["reason"]
    await put_live(world, now, 1.0, {"BTC": ("1", 130.25), "USDT": ("1000.5", 1.0)})
    async with asyncio.timeout(5):
        while not (found := await told(world, **span))["hoppers"][0]["isLive"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    adds_up(found)
    assert exact(found["total"]) | {"change": D("30.75"), "profit": D("30.25"), "difference": D("0.5")} == exact(
        found["total"]
    )


async def test_a_trade_that_comes_late_counts_at_once_and_its_result_when_it_is_there(
    world: World, past: days.World
) -> None:
    await world.sign_in()
    before = await told(world)
    assert await told(world) == before
    await past.traded(trade("1", 4, Side.BUY, "0.3", FIRST + 6 * HOUR, "1"))
    late = await told(world)
    adds_up(late)
    sums = [{one["coin"]: one for one in found["coins"]}["BTC"] for found in (before, late)]
    assert D(sums[1]["received"]) - D(sums[0]["received"]) == D("0.3") * price_at(FIRST + 6 * HOUR)
    assert [one["trades"] for one in sums] == [3, 4]
    await world.owner.execute(_RESULT, ["3", "4"])
    await world.owner.execute("UPDATE trade_results SET fee = 2 WHERE trade_id = '4'")
    await world.owner.execute(
        "INSERT INTO result_progress (hopper_id, ledger, bases, tries, computed_at) VALUES ('1', '{}', 0, 0, now())"
    )
    worked_out = await told(world)
    adds_up(worked_out)
    assert D(worked_out["total"]["fees"]) == D(late["total"]["fees"]) + 1


async def test_pages_orders_and_masking(world: World, past: days.World) -> None:
    await world.sign_in()
    whole = await told(world)
    names = [one["coin"] for one in whole["coins"]]
    assert names[0] == "BTC"
    assert names[-1] == "XYZ", "what is unknown comes last"
    seen, after = [], None
    while True:
        page = await told(world, first=1, after=after)
        seen += [one["coin"] for one in page["coins"]]
        after = page["endCursor"]
        assert page["count"] == 4
        if not page["hasMore"]:
            break
    assert seen == names
    by_name = await told(world, sort={"column": "COIN", "descending": False})
    assert [one["coin"] for one in by_name["coins"]] == ["BNB", "BTC", "USDT", "XYZ"]
    hidden = await told(world, masked=True)
    assert set(hidden["total"].values()) == {None}
    shown = {"coin", "contribution", "trades", "unvalued", "note"}
    assert [{k for k, v in one.items() if v is not None} - shown for one in hidden["coins"]] == [set()] * 4
    told_of = [one["contribution"] for one in whole["coins"]]
    assert [one["contribution"] for one in hidden["coins"]] == [each and float(f"{each:.6g}") for each in told_of]
    many: list[dict[str, Any]] = [{"first": 0}, {"first": 101}, {"after": "bm8"}]
    for wrong in many:
        assert code_of(await world.ask(COINS, **{**RANGE, **wrong})) == "INVALID"
