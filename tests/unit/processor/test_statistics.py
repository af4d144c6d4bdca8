"""What is heard of live portfolios, what pairs cost then, and the figures of a day."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptwire.codec.candle import candle_to_message
from cryptwire.codec.ohlcv import Ohlcv
from cryptwire.domain.account import Position, Reserved
from cryptwire.domain.candle import Candle, Quality
from cryptwire.domain.daily import DayCandles, Midnight
from cryptwire.domain.day import Day
from cryptwire.domain.flow import DecidedBy, Flow, FlowKind, FlowState, flow_id
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.result import Ledger
from cryptwire.domain.ticker import Pair, Ticker
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.errors import Unavailable
from cryptwire.memory.clock import HandClock
from cryptwire.messaging.bus import Message
from cryptwire.messaging.subjects import LIVE
from generated.wire.v1 import portfolio_pb2 as pb
from processor.handlers.candle_book import CandleBook
from processor.handlers.statistics_live import LiveStates
from processor.handlers.statistics_prices import PairPrices
from processor.logic.statistics import Before, Facts, days_of, held, prices_of_flows, undone

T = datetime(2026, 3, 10, tzinfo=UTC)
DAY, QUARTER, SECOND = timedelta(days=1), timedelta(minutes=15), timedelta(seconds=1)
BINANCE, ONE = Exchange("binance"), HopperId("1")
BTC, ETH, USDT = Asset("BTC"), Asset("ETH"), Asset("USDT")
D = Decimal
HOPPER = Hopper(ONE, UserId("u"), "n", BINANCE, USDT, False, timedelta(seconds=60))


def live(at: datetime) -> Message:
    candle = Candle(ONE, T, 1.0, 1.0, 1.0, 1.0, timedelta(0), Quality.COMPLETE)
    us = int(at.timestamp() * 1e6)
    portfolio = pb.Portfolio(hopper_id="1", at_us=us, candle=candle_to_message(candle), assets_at_us=us)
    return Message(LIVE.live(ONE), portfolio.SerializeToString(), "")


async def test_the_first_state_after_a_boundary_is_kept_beside_the_last() -> None:
    clock = HandClock(T - SECOND)
    states = LiveStates(clock)
    assert states.last(ONE) is None
    await states.on_live(live(T - SECOND))
    assert states.at(ONE, T) is None
    for seconds, told in ((0.1, -1.9), (2, 2), (4, 4), (6, 6)):
        clock.set(T + seconds * SECOND)
        await states.on_live(live(T + told * SECOND))
    first, last = states.at(ONE, T), states.last(ONE)
    assert first is not None
    assert last is not None
    assert (first.at, last.at) == (T + 2 * SECOND, T + 6 * SECOND)
    await states.on_live(Message(LIVE.live(HopperId("2")), b"\xff", ""))
    assert states.last(HopperId("2")) is None, "what cannot be read is nothing"


class TwinExchanges:
    """BTC/USDT at 40,000 and ETH/BTC at 0.05, but no candle in the last hour; ``asked`` counts."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_away = False

    async def all_of(self, exchange: Exchange) -> list[Ticker]:
        pairs = {Pair(BINANCE, BTC, USDT): 41_000.0, Pair(BINANCE, ETH, BTC): 0.06}
        return [Ticker(pair, last, None, None, None, T, "s", 1) for pair, last in pairs.items()]

    async def markets(self, exchange: Exchange) -> frozenset[Pair]:
        return frozenset()

    async def candles(self, pair: Pair, span: timedelta, since: datetime, most: int) -> list[Ohlcv]:
        self.asked += 1
        if self.is_away:
            raise Unavailable("away")
        close = 40_000.0 if pair.base == BTC else 0.05
        rows = [since + number * span for number in range(most)]
        return [Ohlcv(at, close, close, close, close, 1.0) for at in rows if at < T - timedelta(hours=1)]


async def test_a_price_of_the_past_is_the_last_close_before_along_the_route() -> None:
    exchanges, clock = TwinExchanges(), HandClock(T + DAY)
    prices = PairPrices(exchanges, CandleBook(exchanges, clock), clock)
    wanted = [
        (BINANCE, ETH, USDT, T),
        (BINANCE, USDT, BTC, T),
        (BINANCE, Asset("XYZ"), USDT, T),
        (BINANCE, BTC, BTC, T),
    ]
    found = await prices.then(wanted)
    assert found == {wanted[0]: D("0.05") * 40_000, wanted[1]: D(1) / 40_000, wanted[3]: D(1)}
    assert await prices.then([(BINANCE, BTC, USDT, T + 2 * DAY)]) == {}, "a day without a candle is no price"
    assert await prices.now(BINANCE, USDT, [ETH, USDT, Asset("XYZ")]) == {ETH: D("0.06") * 41_000, USDT: D(1)}


async def test_a_candle_that_has_just_ended_and_is_not_told_is_waited_for_a_little() -> None:
    class Slow(TwinExchanges):
        until = T

        async def candles(self, pair: Pair, span: timedelta, since: datetime, most: int) -> list[Ohlcv]:
            self.asked += 1
            rows = [since + number * span for number in range(most)]
            return [Ohlcv(at, 7, 8, 7, 7 if at + span < T else 8, 1.0) for at in rows if at + span <= self.until]

    exchanges, clock = Slow(), HandClock(T + SECOND)
    exchanges.until = T - SECOND
    prices = PairPrices(exchanges, CandleBook(exchanges, clock), clock, settles=timedelta(minutes=2))
    wanted = (BINANCE, BTC, USDT, T + SECOND)
    assert await prices.then([wanted]) == {}, "the last one is to come"
    exchanges.until = T
    assert await prices.then([wanted]) == {wanted: D(8)}
    assert await prices.then([wanted]) == {wanted: D(8)}
    asked = exchanges.asked
    later = (BINANCE, BTC, USDT, T + timedelta(hours=2))
    clock.set(later[3] + timedelta(minutes=3))
    for _ in range(3):
        assert await prices.then([later]) == {later: D(8)}, "nobody traded since"
    assert exchanges.asked == asked + 1


async def test_prices_of_many_moments_in_a_row_are_few_requests() -> None:
    exchanges, clock = TwinExchanges(), HandClock(T + DAY)
    prices = PairPrices(exchanges, CandleBook(exchanges, clock), clock)
    for number in range(500):
        assert await prices.then([(BINANCE, BTC, USDT, T - 20 * DAY + number * timedelta(minutes=50))])
    assert exchanges.asked <= 8, "two for each ten days, and what reaches back into the ten before"


async def test_prices_that_are_away_are_not_asked_for_again_and_again() -> None:
    exchanges, clock = TwinExchanges(), HandClock(T + DAY)

    class Hurried(CandleBook):
        async def _patiently(self, *_: object) -> list[tuple[int, tuple[float, float, float, float]]]:
            exchanges.asked += 1
            raise Unavailable("away")

    prices = PairPrices(exchanges, Hurried(exchanges, clock), clock)
    for number in range(50):
        assert await prices.then([(BINANCE, BTC, USDT, T - number * DAY)]) == {}
    assert exchanges.asked == 1
    clock.set(clock.now() + timedelta(minutes=6))
    await prices.then([(BINANCE, BTC, USDT, T)])
    assert exchanges.asked == 2


def test_a_position_without_a_price_leaves_its_worth_unknown() -> None:
    open_ = Position("p", ETH, USDT, D(2), D(10), D(20), None)
    known = held(ONE, USDT, T, T, {ETH: D(2), USDT: D(5)}, {ETH: D(11)}, (open_,), ())
    assert (known.balance, known.invested, known.unrealised, known.reserved) == (D(27), D(22), D(2), D(0))
    unknown = held(ONE, USDT, T, T, {ETH: D(2), USDT: D(5)}, {}, (open_,), None)
    assert (unknown.balance, unknown.invested, unknown.unrealised, unknown.reserved) == (D(5), None, None, None)


def flow(asset: Asset, quantity: Decimal, at: datetime) -> Flow:
    id_ = flow_id(ONE, at, asset)
    kind, state = FlowKind.DEPOSIT, FlowState.CONFIRMED
    return Flow(id_, 2, ONE, at, asset, quantity, 1.0, 1000.0, kind, state, DecidedBy.POLLS, at)


def trade(number: int, side: Side, quantity: Decimal, total: Decimal, at: datetime) -> Trade:
    pair, id_ = Pair(BINANCE, BTC, USDT), TradeId(str(number))
    return Trade(ONE, id_, pair, side, quantity, total / quantity, total, D("0.001"), Asset("BNB"), at)


amounts = st.decimals("0.00000001", "99999", places=8)
moments = st.integers(0, 86_399).map(lambda second: T - DAY + second * SECOND)


@given(
    st.dictionaries(st.sampled_from([BTC, ETH, USDT, Asset("BNB")]), amounts),
    st.dictionaries(st.sampled_from([BTC, ETH, USDT, Asset("BNB")]), amounts),
    st.lists(st.tuples(st.sampled_from(Side), amounts, amounts, moments), max_size=6),
    st.lists(st.tuples(st.sampled_from([BTC, USDT]), st.decimals("-500", "500", places=8), moments), max_size=4),
)
def test_balances_trades_flows_and_differences_balance_to_the_last_digit(
    before: Mapping[Asset, Decimal],
    after: Mapping[Asset, Decimal],
    traded: list[tuple[Side, Decimal, Decimal, datetime]],
    came: list[tuple[Asset, Decimal, datetime]],
) -> None:
    trades = sorted((trade(n, *row) for n, row in enumerate(traded)), key=lambda each: each.at)
    flows = sorted((flow(*row) for row in came), key=lambda each: each.at)
    day = Day(date(2026, 3, 9), T - DAY, T)
    midnights = {at: Midnight(ONE, at, held_then, {}, at) for at, held_then in ((T - DAY, before), (T, after))}
    facts = Facts([None], midnights, trades, flows)
    (daily,) = days_of(HOPPER, "UTC", 1, [day], facts, Ledger(), Before(), lambda *_: None)
    sums = dict(before)
    for change in [each.changes() for each in trades] + [{each.asset: each.quantity} for each in flows]:
        for asset, amount in change.items():
            sums[asset] = sums.get(asset, D(0)) + amount
    for asset, amount in daily.differences.items():
        sums[asset] = sums.get(asset, D(0)) + amount
    assert {asset: amount for asset, amount in sums.items() if amount} == dict(after)


@given(st.dictionaries(st.sampled_from([BTC, USDT, Asset("BNB")]), amounts), st.lists(amounts, max_size=5))
def test_what_was_held_before_is_found_by_taking_trades_back(
    after: dict[Asset, Decimal], quantities: list[Decimal]
) -> None:
    trades = [trade(number, Side.SELL, each, each * 2, T) for number, each in enumerate(quantities)]
    before = undone(after, trades, [])
    again = dict(before)
    for each in trades:
        for asset, amount in each.changes().items():
            again[asset] = again.get(asset, D(0)) + amount
    for asset in (BTC, Asset("BNB")):
        assert again.get(asset, D(0)) == after.get(asset, D(0))
    assert before.get(USDT, D(0)) == max(D(0), after.get(USDT, D(0)) - 2 * sum(quantities))


def test_amounts_of_more_digits_than_a_decimal_is_rounded_to_are_exact() -> None:
    much, price, fine = D("123456789012345.123456789012345678"), D("43210.123456789"), D("0.000000000000000001")
    position = Position("p", BTC, USDT, much, price, much, T, "", False, None, None, None)
    reserve = Reserved("r", BTC, USDT, much, price, much, None)
    midnight = held(ONE, USDT, T, T, {BTC: much, USDT: fine}, {BTC: price}, [position], [reserve])
    with localcontext(prec=100):
        worth = much * price
        assert (midnight.balance, midnight.invested) == (worth + fine, worth)
        assert (midnight.unrealised, midnight.reserved) == (worth - much, worth)
        bought = Trade(ONE, TradeId("1"), Pair(BINANCE, BTC, USDT), Side.BUY, much, price, much, fine, BTC, T - QUARTER)
        left = {BTC: much - fine, USDT: fine}
        assert bought.changes() == {BTC: much - fine, USDT: -much}
        before = {USDT: much + 2 * fine}
        lacks, again = {USDT: -fine}, {USDT: much + fine}
        came = replace(flow(BTC, much, T - QUARTER), price=float(price))
        moved = much * D(repr(came.price))
    assert undone(left, [bought], []) == again
    day = Day(date(2026, 3, 9), T - DAY, T)
    midnights = {T - DAY: Midnight(ONE, T - DAY, before, {}, T), T: Midnight(ONE, T, left, {}, T)}
    facts = Facts([None], midnights, [bought], [])
    (daily,) = days_of(HOPPER, "UTC", 1, [day], facts, Ledger(), Before(), lambda *_: None)
    assert daily.differences == lacks
    flows = [came, replace(flow(USDT, fine, T - QUARTER), price=1.0)]
    (daily,) = days_of(HOPPER, "UTC", 1, [day], Facts([None], {}, [], flows), Ledger(), Before(), lambda *_: None)
    with localcontext(prec=100):
        assert daily.flows == moved + fine


def test_what_was_found_to_be_dust_stays_in_the_difference_account() -> None:
    day = Day(date(2026, 3, 9), T - DAY, T)
    midnights = {T - DAY: Midnight(ONE, T - DAY, {USDT: D(10)}, {}, T), T: Midnight(ONE, T, {USDT: D(511)}, {}, T)}
    came = flow(USDT, D(500), T - QUARTER)
    dust = replace(flow(USDT, D(1), T - 2 * QUARTER), kind=FlowKind.DIFFERENCE)
    facts = Facts([None], midnights, [], [dust, came])
    (daily,) = days_of(HOPPER, "UTC", 1, [day], facts, Ledger(), Before(), lambda *_: None)
    assert (daily.differences, daily.flows) == ({USDT: D(1)}, D(500))


def test_a_day_opens_where_the_day_before_closed_when_its_first_candle_is_missing() -> None:
    days = [Day(date(2026, 3, 9), T - DAY, T), Day(date(2026, 3, 10), T, T + DAY)]
    candles = [
        DayCandles(T - DAY, T - QUARTER, 5.0, 7.0, 3, 0.0, 96),
        DayCandles(T + QUARTER, T + DAY - QUARTER, 8.0, 9.0, 1, 30.0, 95),
    ]
    first, second = days_of(HOPPER, "UTC", 1, days, Facts(candles, {}, [], []), Ledger(), Before(), lambda *_: None)
    assert (first.opening, first.closing, first.gap) == (5.0, 7.0, 0.0)
    assert (second.opening, second.closing, second.closing_quality) == (7.0, 9.0, 1)
    assert second.gap == 930.0, "the missing quarter of an hour, too"


def test_flows_before_the_base_currency_changed_are_converted_or_left_out() -> None:
    days = [Day(date(2026, 3, 9), T - DAY, T)]
    early = replace(flow(USDT, D(10), T - DAY + QUARTER), price=0.5, value_before=50.0)  # 5 BTC, of 50
    flows = [early, flow(USDT, D(7), T - QUARTER)]
    bases = [(T - 10 * DAY, ETH), (T - DAY / 2, BTC), (T + DAY, USDT)]
    asked: list[object] = []

    facts = Facts([None], {}, [], flows, bases)
    for rate, expected in ((D(40), D(207)), (None, D(7))):
        asked.clear()

        def prices(*wanted: object, rate: Decimal | None = rate) -> Decimal | None:
            asked.append(wanted)
            return rate

        (daily,) = days_of(HOPPER, "UTC", 1, days, facts, Ledger(), Before(), prices)
        assert (daily.flows, asked) == (expected, [(BINANCE, BTC, USDT, early.at)])
    assert prices_of_flows(HOPPER, days[0], flows, bases) == {(BINANCE, BTC, USDT, early.at)}
    assert prices_of_flows(HOPPER, Day(date(2026, 3, 8), T - 2 * DAY, T - DAY), flows, bases) == set()


@pytest.mark.parametrize("last", [T - 2 * QUARTER, T - 5 * QUARTER])
def test_a_close_is_not_older_than_the_midnight(last: datetime) -> None:
    days = [Day(date(2026, 3, 9), T - DAY, T)]
    candles = [DayCandles(T - DAY, last, 5.0, 7.0, 3, 0.0, 90)]
    (daily,) = days_of(HOPPER, "UTC", 1, days, Facts(candles, {}, [], []), Ledger(), Before(), lambda *_: None)
    assert (daily.closing, daily.balance, daily.closing_quality) == (None, None, 0)
