"""Results over real tables: what trades cost and closed, in whatever order they come, whoever works at it."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from cryptwire.codec.trade import trade_to_wire
from cryptwire.domain.hopper import Hopper, HopperId
from cryptwire.domain.trade import Trade
from cryptwire.domain.trade_result import KnownTrade, Place, Wanted
from cryptwire.memory.clock import HandClock
from cryptwire.messaging.bus import Message
from cryptwire.storage import database
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.trade_results import TradeResults
from cryptwire.tasks import end
from processor.handlers.results import Outcome, Results
from tests.integration.processor.days import BTC, DAY, HOUR, TwinMarkets, World, at
from tests.integration.processor.resulting import BNB, BUY, SELL, D, T, TwinPast, calm, life, stored, trade

ONE = HopperId("1")
MINUTE = timedelta(minutes=1)


@dataclass
class Play:
    """Hoppers, their trades, and who works them into results."""

    world: World
    hopper: Hopper
    past: TwinPast = field(default_factory=TwinPast)

    @property
    def rows(self) -> Database:
        return self.world.rows

    @property
    def clock(self) -> HandClock:
        return self.world.clock

    def results(self, rows: Database | None = None) -> Results:
        return Results(TradeResults(rows or self.rows), self.past, self.clock, self.world.meters)

    async def told(self, *trades: Trade) -> Outcome:
        """Trades are stored, and their hopper is looked at."""
        await self.world.trades.add(trades)
        return await self.results().bring(ONE)

    async def said(self) -> str:
        return str(await self.rows.value("SELECT said FROM result_progress WHERE hopper_id = '1'"))


@pytest.fixture
async def play(database_url: str) -> AsyncIterator[Play]:
    async with (
        database.connect(url_of("processor", database_url), "test", 6) as rows,
        database.connect(database_url, "owner", 2) as owner,
    ):
        world = World(rows, owner)
        yield Play(world, await world.hopper("1", await world.user("UTC")))


PACKED = "SELECT array_agg(to_char(month, 'YYYY-MM') || ' ' || trades ORDER BY month) FROM trade_packs"


async def test_a_month_that_is_over_is_packed_and_packed_again_when_it_changes(play: Play) -> None:
    await play.told(trade(1, BUY, "2", "100"), trade(2, BUY, "2", "100"))
    assert await play.rows.value(PACKED) is None, "the month goes on"
    await play.told(trade(3, SELL, "1", "150", 29 * DAY, closes="1"))
    assert await play.rows.value(PACKED) == ["2026-02 2"]
    await play.told(trade(4, SELL, "1", "150", 30 * DAY, closes="2"))
    assert await play.rows.value(PACKED) == ["2026-02 2"]
    await play.told(trade(5, BUY, "1", "90", 3 * DAY), trade(6, BUY, "1", "90", 70 * DAY))
    assert await play.rows.value(PACKED) == ["2026-02 3", "2026-03 2"], "one came late, and another month is over"


async def test_what_was_never_packed_is_packed_by_the_look_at_all(play: Play) -> None:
    await play.told(trade(1, BUY, "2", "100"), trade(2, SELL, "1", "150", 29 * DAY, closes="1"))
    await play.world.owner.execute("DELETE FROM trade_packs")
    assert await play.results().mend() == "1 packed"
    assert await play.rows.value(PACKED) == ["2026-02 1"]
    assert await play.results().mend() == "all are there"


async def test_a_trade_is_worked_into_what_is_there(play: Play) -> None:
    bought = trade(1, BUY, "2", "100", fee="0.2", trigger="Signal", strategy="macd")
    sold = trade(2, SELL, "1", "150", fee="0.001", fee_in="BNB", closes="1", trigger="Take profit")
    assert await play.told(bought) is Outcome.ADDED
    assert await play.told(sold) is Outcome.ADDED
    assert await play.told() is Outcome.NOTHING
    first, second = await play.rows.fetch("SELECT * FROM trade_results ORDER BY at")
    assert (first["fee"], first["rate"], first["currency"], first["closed"], first["net"]) == (
        D("0.2"),
        1,
        "USDT",
        None,
        None,
    )
    assert (second["fee"], second["fee_units"], second["fee_currency"]) == (D("0.6"), D("0.001"), "BNB")
    assert (second["proceeds"], second["cost"], second["net"]) == (D("149.4"), D("100.1"), D("49.3"))
    assert (second["fees"], second["opened_at"], second["is_short"]) == (D("0.7"), bought.at, False)
    assert (second["buy_trigger"], second["buy_strategy"], second["trigger"]) == ("Signal", "macd", "Take profit")
    assert await stored(play.rows) == calm(play.hopper, [bought, sold])
    await play.told(trade(3, SELL, "1", "150", fee="0.5", base="XRP"))
    third = await play.rows.row("SELECT closed, proceeds, cost, net FROM trade_results WHERE base = 'XRP'")
    assert third is not None
    assert tuple(third) == (1, D("149.5"), None, None), "what was never bought has no cost that is known"


async def test_in_whatever_order_trades_come_the_rows_are_the_same(play: Play) -> None:
    for seed in range(12):
        chance, trades = random.Random(seed), life(seed, 40)
        waiting = trades.copy()
        if seed % 2:
            chance.shuffle(waiting)
        else:  # most come in order, some late, as they do
            waiting = sorted(trades, key=lambda each: each.at + random.Random(each.id).choice([0, 0, 0, 0, 9]) * HOUR)
        while waiting:
            count = chance.randint(1, 8)
            some, waiting = waiting[:count], waiting[count:]
            await play.told(*some)
        assert await stored(play.rows) == calm(play.hopper, trades)
        await play.world.owner.execute("TRUNCATE trades, trade_results, result_progress")
    # upstream's times are whole seconds: of one moment the lower number comes first
    trades = [trade(number, side, "1", "100", 0 * HOUR) for number, side in ((9, BUY), (10, SELL), (11, BUY))]
    await play.told(trades[0], trades[2])
    assert await play.told(trades[1]) is Outcome.ANEW
    assert await play.rows.value("SELECT cost FROM trade_results WHERE trade_id = '10'") == 100
    assert await stored(play.rows) == calm(play.hopper, trades)


async def test_many_trades_are_worked_in_at_once_or_not_at_all(play: Play) -> None:
    """Whoever reads meanwhile sees all rows of before or all of after: new ones, and those a late trade changes."""
    trades = life(7, 2_500, quotes=("USDT",))
    await play.world.trades.add(trades[1:])
    seen = set[tuple[object, object]]()

    async def look() -> None:
        while True:
            row = await play.world.owner.row("SELECT count(*), sum(net * rate) FROM trade_results")
            assert row is not None
            seen.add(tuple(row))
            await asyncio.sleep(0.001)

    play.past.waits = 0.02
    looking = asyncio.create_task(look())
    assert await play.results().bring(ONE) is Outcome.ADDED
    before = await stored(play.rows)
    assert await play.told(trades[0]) is Outcome.ANEW
    await asyncio.sleep(0.05)
    assert all(isinstance(error, asyncio.CancelledError) for error in await end([looking]))
    assert before == calm(play.hopper, trades[1:])
    assert await stored(play.rows) == calm(play.hopper, trades)
    assert sorted(int(str(count)) for count, _ in seen) == [0, 2_499, 2_500]


async def test_a_trade_that_comes_a_little_late_costs_the_last_days_and_one_that_comes_very_late_all(
    play: Play,
) -> None:
    read = list[Place | None]()

    class Noted(TradeResults):
        async def page(self, hopper: HopperId, after: Place | None, most: int) -> list[KnownTrade]:
            read.append(after)
            return await super().page(hopper, after, most)

    trades = life(9, 120)
    for some in (trades[:30], trades[31:80], trades[80:110], trades[111:]):
        await play.told(*some)
    begun = list[Place | None]()
    for late in (trades[110], trades[30]):
        read.clear()
        await play.world.trades.add([late])
        assert await Results(Noted(play.rows), play.past, play.clock, play.world.meters).bring(ONE) is Outcome.ANEW
        begun.append(read[0])
    assert begun[0] is not None
    assert 0 * DAY < trades[110].at - begun[0].at < 12 * DAY
    assert begun[1] is None
    assert await stored(play.rows) == calm(play.hopper, trades)


async def test_rows_that_stay_as_they_are_are_not_touched_when_all_are_made_anew(play: Play) -> None:
    trades = [trade(number, BUY, "1", "100") for number in range(1, 50)]
    await play.told(*trades[:40], *trades[41:])
    touched = "SELECT trade_id FROM trade_results WHERE xmin <> (SELECT xmin FROM trade_results WHERE trade_id = '1')"
    assert await play.told(trades[40]) is Outcome.ANEW
    assert [row["trade_id"] for row in await play.world.owner.fetch(touched)] == [trades[40].id]


async def test_a_strategy_that_is_told_later_is_worked_in(play: Play) -> None:
    bought, sold = trade(1, BUY, "1", "100"), trade(2, SELL, "1", "110", strategy="exit")
    await play.told(bought, sold)
    assert await play.told(replace(bought, strategy="macd")) is Outcome.ANEW
    rows = await play.rows.fetch("SELECT strategy, buy_strategy FROM trade_results ORDER BY at")
    assert [tuple(row) for row in rows] == [("macd", None), ("exit", "macd")]


# ---- prices that are not known -----------------------------------------------------------------------------------


async def test_a_price_that_nobody_knows_is_left_out_and_asked_for_again_later(play: Play) -> None:
    play.past.unknown = {BNB}
    trades = [
        trade(1, BUY, "1", "100", fee="0.01", fee_in="BNB"),
        trade(2, SELL, "1", "0.02", quote="BTC", closes="1"),
    ]
    await play.told(*trades)
    rows = await play.rows.fetch("SELECT fee, rate, cost FROM trade_results ORDER BY at")
    assert [row["fee"] for row in rows] == [None, 0]
    assert await play.said() == "1 prices of the past are not known: BNB in USDT"
    assert await play.results().mend() == "all are there", "not at once"
    pauses = []
    for _ in range(20):
        due_at = await play.rows.value("SELECT again_at FROM result_progress")
        if due_at is None:
            break
        pauses.append(due_at - play.clock.now())
        play.clock.set(due_at)
        assert await play.results().mend() == "1 gone on with"
    assert pauses[:5] == [MINUTE, 5 * MINUTE, 30 * MINUTE, 3 * HOUR, DAY]
    assert 14 * DAY > sum(pauses, start=0 * DAY) > 10 * DAY
    assert await play.results().mend() == "all are there", "at last it is given up"
    play.past.unknown = set()
    await play.told(trade(3, BUY, "1", "1", fee="1", fee_in="EUR"))
    await play.told(trade(0, BUY, "1", "1"))
    assert await play.said() == "", "with every making anew it is asked for"
    assert await play.rows.value("SELECT fee FROM trade_results WHERE trade_id = '1'") == D(6)


async def test_a_price_that_comes_to_be_known_is_worked_in(play: Play) -> None:
    trades = life(3, 30)
    play.past.is_away = True
    await play.told(*trades)
    assert await play.rows.value("SELECT count(*) FROM trade_results WHERE fee IS NULL OR rate IS NULL") > 5
    play.past.is_away = False
    play.clock.set(play.clock.now() + MINUTE)
    assert await play.results().mend() == "1 made anew"
    assert await stored(play.rows) == calm(play.hopper, trades)
    assert (await play.said(), await play.rows.value("SELECT again_at FROM result_progress")) == ("", None)


async def test_what_was_once_found_out_stays_when_prices_are_away(play: Play) -> None:
    trades = [trade(number, BUY, "1", "0.02", quote="BTC", fee="0.01", fee_in="BNB") for number in range(1, 6)]
    await play.told(*trades[1:])
    play.past.is_away = True
    await play.told(trades[0])
    rows = await play.rows.fetch("SELECT fee IS NULL, rate IS NULL FROM trade_results ORDER BY at")
    assert [tuple(row) for row in rows] == [(True, True)] + 4 * [(False, False)]
    play.past.is_away, play.past.asked = False, []
    play.clock.set(play.clock.now() + MINUTE)
    await play.results().mend()
    assert await stored(play.rows) == calm(play.hopper, trades)
    assert {at for *_, at in play.past.asked} == {trades[0].at}, "only what is not known is asked for"


# ---- what becomes of hoppers -------------------------------------------------------------------------------------


async def test_amounts_are_in_the_base_currency_of_their_time(play: Play) -> None:
    trades = [trade(number, BUY, "1", "100") for number in (1, 2, 3)]
    await play.told(*trades)
    await play.world.owner.execute("UPDATE hoppers SET base_currency = 'EUR'")
    await play.world.owner.execute(
        "INSERT INTO hopper_events (hopper_id, user_id, kind, was, became, at)"
        " SELECT hopper_id, user_id, 'base-changed', 'USDT', 'EUR', $1 FROM hoppers",
        T + 2 * HOUR,
    )
    assert await play.results().mend() == "1 made anew"
    await play.told(trade(4, BUY, "1", "100"))
    rows = await play.rows.fetch("SELECT currency, rate FROM trade_results ORDER BY at")
    in_euro = ("EUR", (D(1) / D("1.1")).quantize(D("1e-12")))
    assert [tuple(row) for row in rows] == [("USDT", 1), ("USDT", 1), in_euro, in_euro]
    assert await play.results().mend() == "all are there"


async def test_the_past_of_a_hopper_that_is_gone_is_kept_right_and_nothing_of_who_is_leaving(play: Play) -> None:
    trades = life(5, 20)
    for gone, some in (("unlinked_at", trades[:9]), ("deleted_at", trades[9:])):
        await play.world.owner.execute(f"UPDATE hoppers SET {gone} = now()")
        await play.world.trades.add(some)
        assert await play.results().mend() == "1 gone on with"
    assert await stored(play.rows) == calm(play.hopper, trades)
    await play.world.trades.add([trade(1, BUY, "1", "100", hopper="99")])
    await play.world.trades.add([trade(21, BUY, "1", "100")])
    await play.world.owner.execute("UPDATE users SET deletion_asked_at = now()")
    assert await play.results().mend() == "all are there", "he is leaving, and of 99 nobody knows anything"
    assert await play.results().bring(ONE) is Outcome.GONE
    assert await play.results().bring(HopperId("99")) is Outcome.GONE
    await play.world.owner.execute("UPDATE users SET deletion_asked_at = NULL")
    await play.world.trades.add([trade(1000, BUY, "1", "100", fee="1", fee_in="BNB")])
    play.past.waits = 0.2
    working = asyncio.create_task(play.results().bring(ONE))
    await asyncio.sleep(0.1)
    await play.world.owner.execute("DELETE FROM hoppers")
    assert await working is Outcome.BUSY
    assert await play.results().bring(ONE) is Outcome.GONE


# ---- who works ---------------------------------------------------------------------------------------------------


async def test_replicas_that_are_told_the_same_do_not_disturb_each_other(play: Play, database_url: str) -> None:
    async with database.connect(url_of("processor", database_url), "other", 4) as other:
        trades, chance = life(11, 120), random.Random(1)
        waiting = sorted(trades, key=lambda each: each.at + chance.randint(0, 3) * HOUR)
        busy = 0
        while waiting:
            some, waiting = waiting[:10], waiting[10:]
            await play.world.trades.add(some)
            told = await asyncio.gather(*(play.results(rows).bring(ONE) for rows in (play.rows, other) * 2))
            busy += told.count(Outcome.BUSY)
        while await play.results().bring(ONE) is not Outcome.NOTHING:
            pass
        assert busy > 0
        assert await stored(play.rows) == calm(play.hopper, trades)


async def test_a_trade_that_is_told_is_worked_in_also_when_another_is_at_its_hopper(play: Play) -> None:
    trades = life(2, 12)
    results = play.results()
    serving = asyncio.create_task(results.serve())
    try:
        await results.on_trade(Message("trade.binance.1", b"\xff", ""))
        async with play.rows.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext('trade_results'), hashtext('1'))")
            await play.world.trades.add(trades)
            for each in trades:
                await results.on_trade(Message("trade.binance.1", trade_to_wire(each), ""))
            await asyncio.sleep(0.2)
            assert await stored(play.rows) == []
        for _ in range(200):
            await play.clock.turn(timedelta(seconds=1))
            await asyncio.sleep(0.01)
            if len(await stored(play.rows)) == len(trades):
                break
        assert await stored(play.rows) == calm(play.hopper, trades)
    finally:
        await end([serving])


async def test_amounts_that_nobody_can_reckon_with_hold_up_no_other_hopper(play: Play) -> None:
    await play.world.hopper("2", play.hopper.user)

    class Mad(TwinPast):
        async def then(self, wanted: Iterable[Wanted]) -> dict[Wanted, Decimal]:
            return {each: D("1e999") for each in wanted}

    play.past = Mad()
    await play.world.trades.add([trade(1, BUY, "1", "1", fee="1", fee_in="BNB")])
    await play.world.trades.add([trade(1, BUY, "1", "1", hopper="2")])
    assert await play.results().mend() == "1 failed, 1 gone on with"


# ---- the days ----------------------------------------------------------------------------------------------------


async def test_days_say_the_same(play: Play) -> None:
    """What was realised on a day is the sum over its results, to the last digit; fees, too."""
    trades = life(21, 300)
    await play.world.trades.add(trades)
    await play.results().mend()

    class SamePast(TwinMarkets):
        async def then(self, wanted: Iterable[Wanted]) -> dict[Wanted, Decimal]:
            return await play.past.then(wanted)

    play.world.markets = SamePast(play.clock)
    statistics = play.world.statistics()
    play.world.account.held[ONE] = {BTC: D(1)}
    await play.world.turning(statistics.compute(at(2026, 3, 9)))
    days = await play.world.days.read(ONE, "UTC", date(2026, 1, 1), date(2027, 1, 1))
    assert len(days) > 5
    for day in days:
        row = await play.rows.row(
            "SELECT coalesce(sum(net * rate), 0) AS net, coalesce(sum(fee * rate), 0) AS fees, count(closed) AS results"
            "  FROM trade_results WHERE at >= $1 AND at < $2",
            day.begins_at,
            day.ends_at,
        )
        assert row is not None
        assert (day.realised, day.fees, day.results) == (row["net"], row["fees"], row["results"])
