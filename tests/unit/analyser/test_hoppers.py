"""Each live message of a hopper that somebody wants figures of is answered, with all that is wanted."""

import math
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from analyser.logic.panel import overlay
from analyser.ports import FlowBook
from cryptwire.codec.trade import trade_to_wire
from cryptwire.domain.bar import Columns
from cryptwire.domain.figure import figure_key
from cryptwire.domain.flow import DecidedBy, Flow, FlowKind, FlowState, opened
from cryptwire.domain.hopper import Asset
from cryptwire.domain.portfolio import FlowCandidate
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.messaging import subjects
from cryptwire.messaging.subjects import LIVE
from tests.unit.analyser.playing import BTC, ONE, QUARTER, SPAN, Played, S, T, hopper, playing

T0 = int(T.timestamp())


def candles(count: int, seed: int = 1) -> list[tuple[float, float, float, float]]:
    chance = np.random.default_rng(seed)
    closes = 100 * np.exp(np.cumsum(chance.normal(0, 0.01, count)))
    opens = np.concatenate([[100.0], closes[:-1]])
    highs = np.maximum(opens, closes) * (1 + chance.random(count) * 0.01)
    lows = np.minimum(opens, closes) * (1 - chance.random(count) * 0.01)
    return [tuple(map(float, row)) for row in zip(opens, highs, lows, closes, strict=True)]  # type: ignore[misc]


def expected(key: str, rows: list[tuple[float, float, float, float]], until: int) -> float:
    """The figure over candles that end at ``until``, by the overlay."""
    at = until - SPAN * len(rows) + SPAN * np.arange(len(rows))
    opens, highs, lows, closes = np.array(rows, np.float64).T.copy()
    return float(overlay(figure_key(key), Columns(at, opens, highs, lows, closes, np.zeros(len(rows))))[-1])


async def test_a_live_message_is_answered_with_what_is_wanted_and_nothing_else() -> None:
    async with playing() as played:
        await played.live(100.0)
        assert played.told() == [], "nobody wants anything"
        await played.want("balance", "index", "positions", "funds.usage")
        await played.live(100.0, holdings=[("USDT", "25", 1.0), ("BTC", "1", 75.0)])
        (snapshot,) = played.told()
        assert played.last() == {"balance": 100.0, "index": 100.0, "positions": 0.0, "funds.usage": 0.75}
        assert (snapshot.session, snapshot.sequence, snapshot.base) == (played.session, 1, "USDT")
        assert (snapshot.is_fresh, snapshot.refresh_seconds, snapshot.assets_at) == (True, 60, T)
        assert snapshot.newest_price_at is not None
        await played.live(101.0)
        assert [one.sequence for one in played.told()] == [1, 2]


async def test_of_a_hopper_of_another_pod_nothing_is_told() -> None:
    async with playing() as played:
        await played.want("balance")
        await played.live(100.0, name="2")
        assert played.told("2") == []


async def test_bars_are_those_of_the_past_with_the_live_candle() -> None:
    rows = candles(300)
    async with playing() as played:
        played.past(*rows)
        await played.live(rows[-1][3])
        await played.want("rsi(length=14)@15", "sma(length=20)@15", "macd.signal@15")
        live = (rows[-1][3], rows[-1][3] * 1.02, rows[-1][3], rows[-1][3] * 1.01)
        await played.live(live[3], open_=live[0], high=live[1], low=live[2])
        for key, value in played.last().items():
            assert value == pytest.approx(expected(key, [*rows, live], T0 + SPAN), rel=1e-9)
        (figure, *_) = played.told()[-1].figures.values()
        assert figure.bar_at == T
        assert figure.sample_size > 300 - 100


async def test_through_a_boundary_the_true_close_counts_in_whatever_order_it_comes() -> None:
    rows = candles(60)
    for is_late in (False, True):
        async with playing() as played:
            played.past(*rows)
            await played.until(T + QUARTER - 5 * S)
            await played.live(rows[-1][3])
            await played.want("sma(length=5)@15", "ema(length=3)@15")
            seen = rows[-1][3] * 1.05
            await played.live(seen, open_=rows[-1][3])
            true = (rows[-1][3], seen * 1.01, rows[-1][3], seen * 1.005)
            await played.until(T + QUARTER)
            if not is_late:
                await played.closed(true)
            await played.live(seen * 1.02, open_=true[3], opened_at=T + QUARTER)
            if is_late:
                await played.closed(true)
            await played.live(seen * 1.03, open_=true[3], opened_at=T + QUARTER)
            last = (true[3], seen * 1.03, true[3], seen * 1.03)
            for key, value in played.last().items():
                assert value == pytest.approx(expected(key, [*rows, true, last], T0 + 2 * SPAN), rel=1e-9)


async def test_coarse_bars_lie_in_the_users_zone_and_grow_live() -> None:
    async with playing() as played:
        played.tables.zone = ZoneInfo("Asia/Kolkata")  # half an hour off: 12:00 UTC is 17:30
        rows = candles(5)
        played.past(*rows)
        await played.live(rows[-1][3])
        await played.want("close@60", "donchian.upper(length=2)@60")
        await played.live(110.0, open_=rows[-1][3], high=120.0)
        figure = played.told()[-1].figures[figure_key("close@60")]
        assert figure.bar_at == T - 2 * QUARTER
        assert figure.value == 110.0
        played.tables.zone = ZoneInfo("UTC")
        await played.bus.publish(subjects.account(hopper().user), b"")
        await played.clock.turn(S)
        await played.live(111.0, open_=rows[-1][3], high=120.0)
        assert played.told()[-1].figures[figure_key("close@60")].bar_at == T


async def test_after_a_restart_it_tells_the_same() -> None:
    keys = ("rsi@15", "supertrend@60", "atr@15", "drawdown(minutes=600)", "change(minutes=60)", "index", "balance")
    rows = candles(1_500)
    async with playing() as played:
        played.past(*rows)
        await played.live(rows[-1][3])
        await played.want(*keys)
        value = rows[-1][3]
        for number in range(9):
            opened_at = T + number * QUARTER
            true = (value, value * 1.03, value * 0.99, value * 1.01)
            await played.live(value * 1.02, open_=value, opened_at=opened_at)
            while played.clock.now() < opened_at + QUARTER:
                await played.clock.turn(45 * S)
                await played.want(*keys)
            await played.closed(true, opened_at)
            value = true[3]
        await played.live(value * 1.001, open_=value, opened_at=T + 9 * QUARTER)
        before = played.last()
        again = Played(hopper(), beside=played)
        await played.end()
        await again.begin()
        await again.want(*keys)
        await again.live(value * 1.001, open_=value, opened_at=T + 9 * QUARTER)
        await again.clock.turn(timedelta(seconds=20))
        await again.live(value * 1.001, open_=value, opened_at=T + 9 * QUARTER)
        after = again.last()
        assert None not in after.values()
        for key, figure in before.items():
            assert after[key] == pytest.approx(figure, rel=1e-9), key
        await again.end()


async def test_a_closed_candle_that_is_never_heard_is_read() -> None:
    rows = candles(40)
    async with playing() as played:
        played.past(*rows)
        await played.until(T + QUARTER - 5 * S)
        await played.live(rows[-1][3])
        await played.want("sma(length=3)@15")
        await played.live(rows[-1][3])
        await played.until(T + QUARTER)
        true = (rows[-1][3], 130.0, 90.0, 125.0)
        played.tables.candles[ONE].append((T0, *true))
        await played.live(126.0, open_=125.0, opened_at=T + QUARTER)
        wrong = played.last()["sma(length=3)@15"]
        await played.clock.turn(timedelta(seconds=12))
        await played.live(126.0, open_=125.0, opened_at=T + QUARTER)
        last = (125.0, 126.0, 125.0, 126.0)
        assert played.last()["sma(length=3)@15"] == pytest.approx(
            expected("sma(length=3)@15", [*rows, true, last], T0 + 2 * SPAN)
        )
        assert wrong != played.last()["sma(length=3)@15"]


async def test_a_hole_in_what_was_heard_is_no_value_until_the_past_is_read() -> None:
    async with playing() as played:
        played.past(*candles(40))
        await played.live(100.0)
        await played.want("sma(length=3)@15")
        await played.live(100.0)
        assert played.last()["sma(length=3)@15"] is not None
        played.tables.is_away = True
        for _ in range(100):
            await played.clock.turn(45 * S)
            await played.want("sma(length=3)@15")
        await played.live(100.0, opened_at=T + 5 * QUARTER)
        assert played.last()["sma(length=3)@15"] is None
        played.tables.is_away = False
        played.past(*candles(45), until=T + 5 * QUARTER)
        await played.clock.turn(timedelta(seconds=30))
        await played.live(100.0, opened_at=T + 5 * QUARTER)
        assert played.last()["sma(length=3)@15"] is not None


async def test_stored_candles_that_change_are_read_again() -> None:
    rows = candles(40)
    async with playing() as played:
        played.past(*rows)
        await played.live(100.0)
        await played.want("sma(length=30)@15", "drawdown(minutes=300)")
        await played.live(100.0)
        before = played.last()
        played.past(*[(2 * row[0], 2 * row[1], 2 * row[2], 2 * row[3]) for row in rows])
        await played.bus.publish(LIVE.rewritten(ONE), b"")
        await played.clock.turn(S)
        await played.live(100.0)
        after = played.last()
        assert all(after[key] != before[key] for key in before)


# -- flows -------------------------------------------------------------------------------------------------------------


def deposit(amount: float, before: float, at: float = 60) -> FlowCandidate:
    return FlowCandidate(ONE, T + at * S, Asset("USDT"), Decimal(str(amount)), 1.0, before, 1)


def decided(candidate: FlowCandidate, state: FlowState) -> Flow:
    first = opened(candidate)
    kind = FlowKind.DEPOSIT
    return Flow(
        first.id, 2, ONE, first.at, first.asset, first.quantity, 1.0, first.value_before, kind, state,
        DecidedBy.POLLS, T + 100 * S,
    )  # fmt: skip


async def test_a_deposit_is_no_profit_and_no_peak_while_it_settles_or_after() -> None:
    keys = ("index", "drawdown(minutes=60)", "change(minutes=60)")
    async with playing() as played:
        played.past(*[(100.0, 100.0, 100.0, 100.0)] * 8)
        await played.live(100.0)
        await played.want(*keys)
        await played.live(100.0)
        flow = deposit(50.0, 100.0, 10)
        polled = T + 10 * S
        await played.until(T + 12 * S)
        await played.live(150.0, open_=100.0, flow=flow, polled_at=polled)
        snapshot = played.told()[-1]
        assert snapshot.is_settling
        assert snapshot.index == pytest.approx(100.0)
        assert played.last()["drawdown(minutes=60)"] == pytest.approx(0.0)
        assert played.last()["change(minutes=60)"] == pytest.approx(0.0)
        version = snapshot.flows_version
        played.tables.books[ONE] = FlowBook([decided(flow, FlowState.CONFIRMED)], [], 2, None)
        await played.bus.publish(subjects.account(hopper().user), b"")
        await played.clock.turn(S)
        await played.live(150.0, open_=100.0, polled_at=polled)
        snapshot = played.told()[-1]
        assert not snapshot.is_settling
        assert snapshot.index == pytest.approx(100.0)
        assert snapshot.flows_version > version
        assert played.last()["drawdown(minutes=60)"] == pytest.approx(0.0)


async def test_a_decision_is_found_within_seconds_though_nobody_tells() -> None:
    async with playing() as played:
        await played.live(100.0)
        await played.want("index")
        flow = deposit(50.0, 100.0)
        await played.live(150.0, open_=100.0, flow=flow, polled_at=T + 60 * S)
        played.tables.books[ONE] = FlowBook([decided(flow, FlowState.EXPLAINED)], [], 1, None)
        await played.clock.turn(3 * S)
        await played.live(150.0, open_=100.0, flow=flow, polled_at=T + 60 * S)
        snapshot = played.told()[-1]
        assert (snapshot.is_settling, snapshot.index) == (False, 150.0)


async def test_a_flow_that_a_live_message_never_told_is_looked_for_when_balances_change() -> None:
    """A tracker that is killed right after the poll goes on with the new balances, and tells no candidate of them."""
    async with playing() as played:
        await played.live(100.0)
        await played.want("index")
        flow = deposit(50.0, 100.0, 10)
        await played.until(T + 12 * S)
        played.tables.books[ONE] = FlowBook([], [flow], 1, None)
        more = (("USDT", "15", 1.0),)
        await played.live(150.0, open_=100.0, polled_at=T + 9 * S, holdings=more)
        await played.clock.turn(S / 2)
        await played.live(150.0, open_=100.0, polled_at=T + 9 * S, holdings=more)
        snapshot = played.told()[-1]
        assert snapshot.is_settling
        assert snapshot.index == pytest.approx(100.0)


# -- what is held ------------------------------------------------------------------------------------------------------


async def test_what_cannot_be_priced_is_told_as_a_share_of_the_whole() -> None:
    async with playing() as played:
        await played.live(100.0)
        await played.want("balance")
        await played.live(100.0, holdings=[("USDT", "50", 1.0), ("XYZ", "5", 10.0)])
        assert played.told()[-1].unpriced_share == 0.0
        await played.live(50.0, holdings=[("USDT", "50", 1.0), ("XYZ", "5", math.nan)])
        assert played.told()[-1].unpriced_share == pytest.approx(0.5)
        await played.live(50.0, holdings=[("USDT", "50", 1.0), ("NEW", "5", math.nan)], polled_at=T + 60 * S)
        assert played.told()[-1].unpriced_share == 0.0


async def test_volume_is_that_of_trades_and_a_late_one_is_counted() -> None:
    async with playing() as played:
        played.past(*candles(8))
        played.tables.traded = [(T0 - 100, 5.0)]
        await played.live(100.0)
        await played.want("obv@15")
        await played.live(101.0, open_=100.0, volume=2.0)
        first = played.last()["obv@15"]
        played.tables.traded.append((T0 - 200, 7.0))
        late = Trade(
            ONE, TradeId("1"), BTC, Side.BUY, Decimal(1), Decimal(7), Decimal(7), Decimal(0), Asset("USDT"), T - 200 * S
        )  # fmt: skip
        await played.bus.publish(LIVE.trade(BTC.exchange, ONE), trade_to_wire(late))
        await played.clock.turn(S)
        await played.live(101.0, open_=100.0, volume=2.0)
        second = played.last()["obv@15"]
        assert first is not None
        assert second is not None
        assert abs(second - first) == 7.0


# -- life --------------------------------------------------------------------------------------------------------------


async def test_what_nobody_asks_for_again_is_dropped_and_its_memory_is_free() -> None:
    async with playing() as played:
        played.past(*candles(30))
        await played.live(100.0)
        await played.want("sma@15", "balance")
        await played.clock.turn(40 * S)
        await played.want("balance")
        await played.clock.turn(25 * S)
        await played.live(100.0, at=played.clock.now())
        assert list(played.last()) == ["balance"]
        assert len(played.hoppers.panel) == 0
        await played.clock.turn(60 * S)
        count = len(played.told())
        await played.live(100.0, at=played.clock.now())
        assert len(played.told()) == count
        assert played.hoppers.by_id == {}


async def test_bad_messages_are_counted_and_the_next_good_one_is_answered() -> None:
    async with playing() as played:
        await played.live(100.0)
        await played.want("balance")
        for payload in (b"\xff\xff", b"", played.bus.sent(LIVE.live(ONE))[0][:40]):
            await played.bus.publish(LIVE.live(ONE), payload)
            await played.bus.publish(LIVE.closed(ONE), payload)
        await played.live(100.0)
        assert len(played.told()) == 1
        assert played.meters.value("analyser_refused_messages", subject="live") == 3


async def test_a_pod_that_is_not_confirmed_tells_nothing() -> None:
    async with playing() as played:
        await played.live(100.0)
        await played.want("balance")
        played.duties.is_away = True
        await played.clock.turn(5 * S)
        await played.live(100.0)
        assert len(played.told()) == 1, "it was confirmed a moment ago"
        await played.clock.turn(8 * S)
        await played.live(100.0)
        assert len(played.told()) == 1
        played.duties.is_away = False
        await played.clock.turn(4 * S)
        await played.live(100.0)
        assert len(played.told()) == 2


async def test_a_hopper_that_went_to_another_pod_is_let_go() -> None:
    async with playing(hopper("1"), hopper("2")) as played:
        await played.live(100.0)
        await played.want("balance")
        played.duties.held = [one for one in played.duties.held or [] if one.hopper.id != ONE]
        await played.clock.turn(4 * S)
        await played.live(100.0)
        assert played.told() == []
        assert played.hoppers.by_id == {}


async def test_another_base_currency_begins_anew() -> None:
    async with playing() as played:
        played.past(*candles(10))
        await played.live(100.0)
        await played.want("sma(length=5)@15", "index")
        await played.live(100.0)
        assert played.last()["sma(length=5)@15"] is not None
        played.tables.books[ONE] = FlowBook([], [], 1, T)
        await played.live(2.0, base="BTC", holdings=[("BTC", "2", 1.0)])
        assert played.last()["sma(length=5)@15"] is None
        await played.clock.turn(60 * S)
        await played.live(2.0, base="BTC", holdings=[("BTC", "2", 1.0)])
        assert played.told()[-1].base == "BTC"


async def test_nothing_is_told_before_flows_are_known_and_all_is_well_when_the_database_is_back() -> None:
    async with playing() as played:
        await played.live(100.0)
        played.tables.is_away = True
        await played.want("balance", "index")
        await played.live(100.0)
        assert played.told() == []
        played.tables.is_away = False
        await played.clock.turn(3 * S)
        await played.live(100.0)
        assert played.last() == {"balance": 100.0, "index": 100.0}


async def test_while_nats_is_away_nothing_breaks() -> None:
    async with playing() as played:
        await played.live(100.0)
        await played.want("balance")
        await played.bus.publish(LIVE.live(ONE), played.bus.sent(LIVE.live(ONE))[0])
        played.bus.is_away = True
        await played.clock.turn(3 * S)
        played.bus.is_away = False
        played.bus.tell_gap()
        await played.clock.turn(3 * S)
        await played.live(100.0)
        assert played.last() == {"balance": 100.0}


async def test_rounds_are_completed_and_counted() -> None:
    async with playing() as played:
        await played.clock.turn(10 * S)
        assert played.rounds >= 5
        assert played.meters.value("analyser_rounds") == played.rounds
