"""Daily statistics over real tables: at the midnight, after it, in another zone, under another version."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import NoReturn

import pytest

from cryptwire.domain.account import Position, Reserved
from cryptwire.domain.candle import Quality
from cryptwire.domain.flow import DecidedBy, FlowState, opened
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.portfolio import FlowCandidate
from cryptwire.domain.trade import Side
from cryptwire.errors import Unavailable
from cryptwire.storage import database
from cryptwire.storage.database import url_of
from cryptwire.storage.trades import Trades
from tests.integration.processor.days import BTC, DAY, HOUR, QUARTER, USDT, World, at, everything, price_at, trade

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
ONE = HopperId("1")


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with (
        database.connect(url_of("processor", database_url), "test", 4) as rows,
        database.connect(database_url, "owner", 2) as owner,
    ):
        yield World(rows, owner)


def position(number: str, quantity: str, rate: str) -> Position:
    return Position(number, BTC, USDT, D(quantity), D(rate), D(quantity) * D(rate), None)


async def test_at_the_users_midnight_what_he_holds_is_taken_and_his_day_is_computed(world: World) -> None:
    """Kathmandu is at +05:45: its midnight is 18:15 UTC."""
    await world.hopper("1", await world.user("Asia/Kathmandu"))
    begin, end = at(2026, 3, 9, 18, 15), at(2026, 3, 10, 18, 15)
    await world.candles("1", begin, end)
    bought, sold = (
        trade("1", 1, BUY, "0.5", begin + HOUR, "10"),
        trade("1", 2, SELL, "0.1", begin + 9 * HOUR, "0.01", "BNB"),
    )
    await world.traded(bought, sold)
    world.account.kept = (Reserved("r", BTC, USDT, D("0.05"), D(1), D(1), None),)
    assert await world.ring(end - QUARTER) == "0 midnights taken, 0 days of 1 hoppers computed"
    world.lives("1", end + timedelta(seconds=1), "0.4", "30000.5", (position("p", "0.4", "40000"),))
    assert await world.ring(end) == "1 midnights taken, 1 days of 1 hoppers computed"
    (day,) = await world.days.read(ONE, "Asia/Kathmandu", date(2026, 1, 1), date(2027, 1, 1))
    price = price_at(end)
    assert (day.date, day.begins_at, day.ends_at) == (date(2026, 3, 10), begin, end)
    assert day.balance == D("0.4") * price + D("30000.5")
    assert (day.opening, day.closing, day.closing_quality) == (1000.0, 1096.0, 3)
    paid, brought = bought.total + 10, sold.total - D("0.01") * 600
    assert day.realised == brought - paid / 5
    assert (day.fees, day.results, day.trades, day.positions) == (D(16), 1, 2, 1)
    assert (day.invested, day.reserved) == (D("0.4") * price, D("0.05") * price)
    assert day.unrealised == D("0.4") * (price - 40000)
    assert day.balance - (day.invested or 0) - (day.reserved or 0) == day.free
    assert (day.gap, day.is_made_up, day.index_value, day.version) == (0.0, False, 1096.0, 1)
    assert await world.ring(end) == "0 midnights taken, 0 days of 0 hoppers computed", "it bears repeating"


async def test_a_hopper_that_is_not_tracked_is_asked_through_the_gateway(world: World) -> None:
    await world.hopper("1", await world.user("UTC"))
    world.account.held[ONE] = {BTC: D("0.1"), USDT: D(5), Asset("XYZ"): D(7)}
    await world.ring(at(2026, 3, 10))
    await world.ring(at(2026, 3, 11))
    days = await world.days.read(ONE, "UTC", date(2026, 1, 1), date(2027, 1, 1))
    assert [(day.date.day, day.balance) for day in days] == [
        (9, D("0.1") * price_at(at(2026, 3, 10)) + 5),
        (10, D("0.1") * price_at(at(2026, 3, 11)) + 5),
    ]
    assert all(not day.is_made_up and day.gap == 86_400 and day.closing == float(day.balance or 0) for day in days)


async def test_who_cannot_be_read_at_midnight_holds_up_nobody_and_is_not_asked_for_ever(world: World) -> None:
    user = await world.user("UTC")
    for number in range(1, 61):
        await world.hopper(str(number), user)
    world.account.trouble = Unavailable("away")
    await world.ring(at(2026, 3, 10))
    assert world.account.asked <= 20 + 16


@pytest.mark.parametrize("gone", ["deleted_at", "unlinked_at"])
async def test_the_day_on_which_a_hopper_went_is_its_last(world: World, gone: str) -> None:
    await world.hopper("1", await world.user("UTC"))
    world.account.held[ONE] = {USDT: D(5)}
    await world.ring(at(2026, 3, 10))
    await world.owner.execute(f"UPDATE hoppers SET {gone} = $1", at(2026, 3, 11, 7))
    asked = world.account.asked
    for number in range(11, 16):
        await world.ring(at(2026, 3, number))
    days = await world.days.read(ONE, "UTC", date(2026, 1, 1), date(2027, 1, 1))
    assert [day.date.day for day in days] == [9, 10, 11]
    assert world.account.asked <= asked + 2, "it is not asked about any more"
    again = await world.turning(world.statistics().compute(at(2026, 3, 15, 8)))
    assert again == "0 days of 0 hoppers computed"


async def test_missed_midnights_are_made_up_from_trades_and_what_is_held_now(world: World) -> None:
    await world.hopper("1", await world.user("UTC"))
    await world.candles("1", at(2026, 3, 6), at(2026, 3, 10))
    await world.trades.add(
        [
            trade("1", 1, BUY, "0.5", at(2026, 3, 7, 5), "10"),
            trade("1", 2, SELL, "0.2", at(2026, 3, 8, 5), "7"),
            trade("1", 3, BUY, "0.1", at(2026, 3, 9, 23), "1"),
        ]
    )
    world.account.held[ONE] = {BTC: D("0.4"), USDT: D(70_000)}
    await world.ring(at(2026, 3, 10, 0, 30))
    days = await world.days.read(ONE, "UTC", date(2026, 1, 1), date(2027, 1, 1))
    assert [day.date.day for day in days] == [6, 7, 8, 9]
    assert all(day.is_made_up and day.positions is not None for day in days)
    held = [(await world.balances.at([(ONE, day.ends_at)]))[ONE, day.ends_at].quantities for day in days]
    assert [each.get(BTC, D(0)) for each in held] == [D(0), D("0.5"), D("0.3"), D("0.4")]
    bought = [D("0.5") * price_at(at(2026, 3, 7, 5)) + 10, D("0.1") * price_at(at(2026, 3, 9, 23)) + 1]
    brought = D("0.2") * price_at(at(2026, 3, 8, 5)) - 7
    assert held[0][USDT] == D(70_000) + bought[1] - brought + bought[0]
    for day, quantities in zip(days, held, strict=True):
        assert day.balance == quantities.get(BTC, D(0)) * price_at(day.ends_at) + quantities[USDT]
        assert day.differences == {}, "trades say it all"


async def test_while_prices_are_away_a_missed_midnight_is_worth_what_its_candle_says(world: World) -> None:
    await world.hopper("1", await world.user("UTC"))
    await world.candles("1", at(2026, 3, 9), at(2026, 3, 10))
    world.account.held[ONE] = {BTC: D("0.4"), USDT: D(70_000)}
    world.markets.is_away = True
    await world.ring(at(2026, 3, 10, 9))
    (day,) = await world.days.read(ONE, "UTC", date(2026, 1, 1), date(2027, 1, 1))
    assert (day.balance, day.is_made_up) == (D("1096.0"), True)


async def test_an_unexplained_unit_is_in_the_difference_account(world: World) -> None:
    await world.hopper("1", await world.user("UTC"))
    for day, usdt in ((10, "1000"), (11, "1000.25")):
        end = at(2026, 3, day)
        world.lives("1", end + timedelta(seconds=1), "0.1", usdt)
        await world.ring(end)
    days = await world.days.read(ONE, "UTC", date(2026, 1, 1), date(2027, 1, 1))
    assert days[-1].differences == {USDT: D("0.25")}


async def test_who_moves_gets_days_of_his_new_zone_and_keeps_those_of_the_old_one(world: World) -> None:
    user = await world.user("UTC")
    await world.hopper("1", user)
    await world.candles("1", at(2026, 3, 1), at(2026, 3, 10))
    world.account.held[ONE] = {USDT: D(1000)}
    await world.ring(at(2026, 3, 10, 0, 30))
    before = await world.owner.fetch("SELECT * FROM candles ORDER BY opened_at")
    await world.owner.execute("UPDATE users SET zone = 'America/New_York'")
    await world.turning(world.statistics().compute(at(2026, 3, 10, 1)))
    utc = await world.days.read(ONE, "UTC", date(2026, 1, 1), date(2027, 1, 1))
    york = await world.days.read(ONE, "America/New_York", date(2026, 1, 1), date(2027, 1, 1))
    assert (len(utc), len(york)) == (9, 9)
    for days in (utc, york):
        assert all(one.ends_at == two.begins_at for one, two in pairwise(days))
    assert {day.ends_at - day.begins_at for day in york} == {DAY, 23 * HOUR}, "the clock was put forward on 8 March"
    assert york[0].begins_at <= at(2026, 3, 1) < york[0].ends_at
    assert await world.owner.fetch("SELECT * FROM candles ORDER BY opened_at") == before


async def test_a_trade_that_comes_late_changes_its_day_and_what_follows(world: World) -> None:
    await world.hopper("1", await world.user("UTC"))
    await world.candles("1", at(2026, 3, 5), at(2026, 3, 10))
    world.account.held[ONE] = {BTC: D("0.2"), USDT: D(1000)}
    await world.trades.add([trade("1", 2, SELL, "0.1", at(2026, 3, 8, 5))])
    await world.ring(at(2026, 3, 10, 0, 30))
    days = await world.days.read(ONE, "UTC", date(2026, 1, 1), date(2027, 1, 1))
    assert [day.realised for day in days] == [0, 0, 0, 0, 0], "what it cost is not known"
    late = trade("1", 1, BUY, "0.3", at(2026, 3, 6, 5))
    await world.trades.add([late])
    await world.turning(world.statistics().compute(at(2026, 3, 10, 0, 30)))
    days = await world.days.read(ONE, "UTC", date(2026, 1, 1), date(2027, 1, 1))
    assert [day.realised for day in days] == [0, 0, 0, D("0.1") * (price_at(at(2026, 3, 8, 5)) - late.rate), 0]
    assert [day.trades for day in days] == [0, 1, 0, 1, 0]


async def test_a_trade_of_the_last_day_that_comes_late_does_not_read_all_trades_again(world: World) -> None:
    await world.hopper("1", await world.user("UTC"))
    await world.candles("1", at(2026, 3, 5), at(2026, 3, 10))
    await world.traded(trade("1", 1, BUY, "0.3", at(2026, 3, 6, 5)), trade("1", 2, SELL, "0.1", at(2026, 3, 8, 5)))
    for number in range(6, 11):
        end = at(2026, 3, number)
        world.lives("1", end + timedelta(seconds=1), "0.2", "1000")
        await world.ring(end)
    await world.trades.add([trade("1", 3, SELL, "0.1", at(2026, 3, 9, 23))])

    class NoPages(Trades):
        def pages(self, *_: object) -> NoReturn:
            raise AssertionError("all trades are read again")

    world.trades = NoPages(world.rows)
    await world.turning(world.statistics().compute(at(2026, 3, 10, 0, 30)))
    days = await world.days.read(ONE, "UTC", date(2026, 1, 1), date(2027, 1, 1))
    bought = price_at(at(2026, 3, 6, 5))
    assert days[-1].realised == D("0.1") * (price_at(at(2026, 3, 9, 23)) - bought)


async def test_candles_that_are_filled_later_are_taken_in(world: World) -> None:
    await world.hopper("1", await world.user("UTC"))
    world.account.held[ONE] = {USDT: D(1000)}
    await world.candles("1", at(2026, 3, 8), at(2026, 3, 9), 5.0, Quality.PARTIAL)
    await world.ring(at(2026, 3, 9, 1))
    await world.candles("1", at(2026, 3, 8), at(2026, 3, 9), 7.0, Quality.BACKFILLED)
    await world.candles("1", at(2026, 3, 5), at(2026, 3, 8), 7.0, Quality.BACKFILLED)
    await world.turning(world.statistics().compute(at(2026, 3, 9, 1)))
    days = await world.days.read(ONE, "UTC", date(2026, 1, 1), date(2027, 1, 1))
    assert [(day.date.day, day.closing) for day in days] == [(5, 103.0), (6, 199.0), (7, 295.0), (8, 103.0)]
    again = await world.turning(world.statistics().compute(at(2026, 3, 9, 1)))
    assert again == "0 days of 0 hoppers computed"


async def test_a_flow_that_is_decided_makes_a_new_version_and_the_old_figures_stay(world: World) -> None:
    await world.hopper("1", await world.user("UTC"))
    await world.candles("1", at(2026, 3, 5), at(2026, 3, 10))
    world.account.held[ONE] = {USDT: D(1000)}
    await world.ring(at(2026, 3, 10, 0, 30))
    first = await world.days.read(ONE, "UTC", date(2026, 1, 1), date(2027, 1, 1))
    moment = at(2026, 3, 7, 12)
    candidate = FlowCandidate(ONE, moment, USDT, D(500), 1.0, 1000.0, 1)
    flow = opened(candidate)
    await world.owner.execute(
        "INSERT INTO flow_candidates VALUES ($1, $2, $3, $4, $5, $6, 1)", ONE, moment, "USDT", D(500), 1.0, 1000.0
    )
    world.clock.set(at(2026, 3, 10, 1))
    assert await world.flows.open_new(at(2026, 1, 1)) == 1
    (found,) = await world.flows.within(ONE, at(2026, 1, 1), at(2027, 1, 1))
    assert found == flow
    decided = replace(
        flow, version=2, state=FlowState.CONFIRMED, decided_by=DecidedBy.USER, decided_at=world.clock.now()
    )
    assert await world.flows.decide([decided]) == [decided]
    assert await world.flows.decide([decided]) == [], "what was decided before is not decided again"
    assert await world.flows.history_version(ONE) == 2
    await world.turning(world.statistics().compute(at(2026, 3, 10, 1)))
    second = await world.days.read(ONE, "UTC", date(2026, 1, 1), date(2027, 1, 1))
    assert await world.days.read(ONE, "UTC", date(2026, 1, 1), date(2027, 1, 1), version=1) == first
    assert [day.index.divisor for day in second] == [1.0, 1.0, 1.5, 1.5, 1.5]
    assert [day.flows for day in second] == [0, 0, 500, 0, 0]
    assert [day.closing for day in second] == [day.closing for day in first]
    assert [day.balance for day in first] == [1000] * 5
    assert [day.balance for day in second] == [500, 500, 1000, 1000, 1000], "what was made up is made up again"


async def test_a_midnight_that_is_taken_after_its_day_was_made_up_counts(world: World) -> None:
    """Whoever looks between the boundary and the moment at which all have told how they stand comes too early."""
    await world.hopper("1", await world.user("UTC"))
    end = at(2026, 3, 10)
    await world.candles("1", end - DAY, end)
    world.account.held[ONE] = {BTC: D("0.3"), USDT: D(20_000)}
    await world.turning(world.statistics().compute(end))
    (early,) = await world.days.read(ONE, "UTC", date(2026, 1, 1), date(2027, 1, 1))
    assert early.is_made_up
    world.lives("1", end + timedelta(seconds=2), "0.4", "30000.5")
    assert await world.ring(end) == "1 midnights taken, 1 days of 1 hoppers computed"
    (day,) = await world.days.read(ONE, "UTC", date(2026, 1, 1), date(2027, 1, 1))
    assert (day.balance, day.is_made_up) == (D("0.4") * price_at(end) + D("30000.5"), False)
    assert await world.ring(end) == "0 midnights taken, 0 days of 0 hoppers computed"


async def test_who_mends_leaves_a_midnight_to_its_own_run_for_a_while(world: World) -> None:
    await world.hopper("1", await world.user("UTC"))
    end = at(2026, 3, 10)
    await world.candles("1", end - DAY, end)
    world.account.held[ONE] = {BTC: D("0.3"), USDT: D(20_000)}
    statistics = world.statistics()
    for minutes in (0, 4):
        world.clock.set(end + timedelta(minutes=minutes))
        await world.turning(statistics.mend(end + timedelta(minutes=minutes)))
        assert await world.days.read(ONE, "UTC", date(2026, 1, 1), date(2027, 1, 1)) == []
    world.clock.set(end + timedelta(minutes=5))
    assert await world.turning(statistics.mend(end + timedelta(minutes=5))) == "1 days of 1 hoppers computed"
    # and what is mended while the next midnight is taken stays as far as it was
    await world.ring(end + DAY)
    until = await world.days.until(ONE, "UTC")
    assert until == end + DAY
    await world.trades.add([trade("1", 1, BUY, "0.1", end + DAY - HOUR)])
    await world.turning(statistics.mend(end + DAY + timedelta(minutes=1)))
    assert await world.days.until(ONE, "UTC") == until
    days = await world.days.read(ONE, "UTC", date(2026, 1, 1), date(2027, 1, 1))
    assert [day.trades for day in days] == [0, 1]


async def test_another_base_currency_begins_the_index_anew_and_leaves_the_days_before_in_theirs(world: World) -> None:
    user = await world.user("UTC")
    await world.hopper("1", user)
    await world.candles("1", at(2026, 3, 8), at(2026, 3, 12))
    await world.owner.execute(
        "INSERT INTO hopper_events (hopper_id, user_id, kind, was, became, at)"
        " VALUES ('1', $1::text::uuid, 'base-changed', 'BTC', 'USDT', $2)",
        user,
        at(2026, 3, 10, 12),
    )
    world.account.held[ONE] = {USDT: D(1000)}

    async def check() -> None:
        days = await world.days.read(ONE, "UTC", date(2026, 1, 1), date(2027, 1, 1))
        assert [(day.date.day, day.currency) for day in days] == [(8, BTC), (9, BTC), (10, USDT), (11, USDT)]
        assert [day.index.began_at for day in days] == [None, None, at(2026, 3, 10), at(2026, 3, 10)]
        assert [day.opening for day in days] == [1000.0, 1096.0, None, 1288.0]
        assert [day.balance for day in days] == [D("1096.0"), D("1192.0"), D(1000), D(1000)]

    await world.ring(at(2026, 3, 12, 0, 30))
    await check()
    await world.trades.add([trade("1", 1, BUY, "0.1", at(2026, 3, 8, 5))])
    again = await world.turning(world.statistics().compute(at(2026, 3, 12, 0, 30)))
    assert again == "4 days of 1 hoppers computed"
    await check()


async def test_a_flow_before_the_base_currency_changed_counts_in_that_of_its_day(world: World) -> None:
    user = await world.user("UTC")
    await world.hopper("1", user)
    await world.candles("1", at(2026, 3, 10), at(2026, 3, 12))
    await world.owner.execute(
        "INSERT INTO hopper_events (hopper_id, user_id, kind, was, became, at)"
        " VALUES ('1', $1::text::uuid, 'base-changed', 'BTC', 'USDT', $2)",
        user,
        at(2026, 3, 10, 12),
    )
    moment = at(2026, 3, 10, 9)
    await world.owner.execute(
        "INSERT INTO flow_candidates VALUES ($1, $2, 'USDT', $3, $4, 0.1, 1)", ONE, moment, D(500), 0.00001
    )
    assert await world.flows.open_new(at(2026, 1, 1)) == 1
    (found,) = await world.flows.within(ONE, at(2026, 1, 1), at(2027, 1, 1))
    decided = replace(found, version=2, state=FlowState.CONFIRMED, decided_by=DecidedBy.USER, decided_at=moment)
    assert await world.flows.decide([decided]) == [decided]
    world.account.held[ONE] = {USDT: D(1000)}
    await world.ring(at(2026, 3, 12, 0, 30))
    days = await world.days.read(ONE, "UTC", date(2026, 1, 1), date(2027, 1, 1))
    flows = {day.date.day: (day.currency, day.flows) for day in days}
    assert flows[10] == (USDT, D("0.005") * price_at(moment)), "what was told as bitcoin is worth that many dollars"


async def test_two_at_once_write_each_day_once(world: World) -> None:
    user = await world.user("UTC")
    for number in range(1, 9):
        await world.hopper(str(number), user)
        await world.candles(str(number), at(2026, 3, 1), at(2026, 3, 10))
    world.markets.is_away = True
    world.account.trouble = Unavailable("away")
    world.clock.set(at(2026, 3, 10, 9))
    said = await asyncio.gather(*(world.statistics().compute(at(2026, 3, 10, 9)) for _ in range(3)))
    written = [int(each.split()[0]) for each in said]
    assert sum(written) == 8 * 9, "who comes second writes nothing"
    assert len((await everything(world.owner))["days"]) == 8 * 9


async def test_cut_off_anywhere_and_begun_again_the_rows_are_the_same(world: World) -> None:
    """At every point where it waits in turn, first for the midnight and then for the days."""
    user = await world.user("Asia/Kolkata")
    end = at(2026, 3, 10, 18, 30)
    for number in range(1, 6):
        name = str(number)
        await world.hopper(name, user)
        await world.candles(name, end - 40 * DAY, end)
        await world.traded(
            *(trade(name, n, BUY if n % 3 else SELL, "0.1", end - n * 7 * HOUR, "0.5") for n in range(1, 60))
        )
        world.lives(name, end + timedelta(seconds=1), "0.4", "30000.5")
    await world.ring(end)
    whole = await everything(world.owner)
    assert len(whole["days"]) == 5 * 40
    tables = "daily_statistics, statistics_progress, midnights, balances"
    for cut in (1, 7, 19, 41):
        await world.owner.execute(f"TRUNCATE {tables}")
        world.clock.set(end + timedelta(seconds=4))
        for attempt in range(40):
            task = asyncio.ensure_future(world.statistics().ring(end))
            for _ in range(cut * (attempt + 1)):
                await asyncio.sleep(0)
                if not task.done():
                    await asyncio.sleep(0.0005)
            if task.done():
                await task
                break
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        else:
            await world.statistics().ring(end)
        assert await everything(world.owner) == whole, cut
