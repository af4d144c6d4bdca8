"""What is missing, what was held back then, and how filled candles join the others."""

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from cryptwire.domain.candle import Candle, Quality
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from replay.history.logic import Neighbours, after, held_before, is_settled, joined, missing_runs, pairs_needed

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPAN = timedelta(minutes=15)
EXCHANGE = Exchange("binance")

known = st.dictionaries(st.integers(-3, 25), st.sampled_from(list(Quality)))


@given(known, st.integers(0, 20))
def test_runs_are_the_boundaries_without_a_whole_candle_and_touch_nowhere(
    qualities: dict[int, Quality], count: int
) -> None:
    runs = missing_runs({T + n * SPAN: quality for n, quality in qualities.items()}, T, T + count * SPAN)
    inside = {(begin - T) // SPAN + n for begin, end in runs for n in range((end - begin) // SPAN)}
    lacking = {n for n in range(count) if qualities.get(n, Quality.PARTIAL) is Quality.PARTIAL}
    assert inside == lacking
    assert all(begin < end for begin, end in runs)
    assert all(earlier[1] < later[0] for earlier, later in itertools.pairwise(runs))


def fill(number: int, base: str, quote: str, side: Side, quantity: str, total: str, fee: str, fee_in: str) -> Trade:
    return Trade(
        HopperId("1"),
        TradeId(str(number)),
        Pair(EXCHANGE, Asset(base), Asset(quote)),
        side,
        Decimal(quantity),
        Decimal("1"),
        Decimal(total),
        Decimal(fee),
        Asset(fee_in),
        T + number * timedelta(seconds=1),
    )


def test_a_trade_changes_both_sides_and_the_fee_where_it_is_paid() -> None:
    buy = fill(1, "BTC", "USDT", Side.BUY, "0.5", "100", "0.001", "BTC")
    assert buy.changes() == {"BTC": Decimal("0.499"), "USDT": Decimal(-100)}
    sell = fill(2, "BTC", "USDT", Side.SELL, "0.5", "100", "0.1", "USDT")
    assert sell.changes() == {"BTC": Decimal("-0.5"), "USDT": Decimal("99.9")}
    other = fill(3, "BTC", "USDT", Side.SELL, "0.5", "100", "0.02", "BNB")
    assert other.changes() == {"BTC": Decimal("-0.5"), "USDT": Decimal(100), "BNB": Decimal("-0.02")}


amounts = st.decimals("0.00000001", "1000", places=8)
coins = st.sampled_from(["BTC", "USDT", "ETH", "BNB"])
fills = st.lists(
    st.tuples(coins, coins, st.sampled_from(list(Side)), amounts, amounts, st.decimals("0", "1", places=8), coins),
    max_size=20,
)


@given(fills)
def test_what_was_held_before_and_then_traded_is_what_is_held_now(rows: list[tuple]) -> None:  # type: ignore[type-arg]
    trades = [
        fill(n, base, quote, side, str(quantity), str(total), str(fee), fee_in)
        for n, (base, quote, side, quantity, total, fee, fee_in) in enumerate(rows)
        if base != quote
    ]
    now = {Asset(coin): Decimal(1_000_000) for coin in ("BTC", "USDT", "ETH", "BNB")}
    held = held_before(now, trades)
    for trade in trades:
        held = after(held, trade)
    assert held == now


def test_a_balance_below_nothing_was_money_that_came_without_a_trade() -> None:
    buy = fill(1, "BTC", "USDT", Side.BUY, "5", "100", "0", "USDT")
    assert held_before({Asset("BTC"): Decimal(1)}, [buy]) == {"BTC": Decimal(0), "USDT": Decimal(100)}
    assert after({Asset("USDT"): Decimal(10)}, buy) == {"USDT": Decimal(0), "BTC": Decimal(5)}


def test_nothing_handed_in_is_changed() -> None:
    now = {Asset("BTC"): Decimal(1)}
    buy = fill(1, "BTC", "USDT", Side.BUY, "1", "100", "0", "USDT")
    held_before(now, [buy])
    after(now, buy)
    assert now == {"BTC": Decimal(1)}


def test_balances_hold_every_trade_when_the_last_is_older_than_a_refresh() -> None:
    last = fill(0, "BTC", "USDT", Side.BUY, "1", "100", "0", "USDT")
    minute = timedelta(minutes=1)
    assert is_settled([], T, minute)
    assert not is_settled([last], T + minute, minute)
    assert is_settled([last], T + 2 * minute, minute)


def test_pairs_of_every_leg_are_needed_and_none_besides() -> None:
    hopper = Hopper(HopperId("1"), UserId("u"), "n", EXCHANGE, Asset("USDT"), False, timedelta(seconds=60))
    xrp_btc, btc, eth = (
        Pair(EXCHANGE, Asset("XRP"), Asset("BTC")),
        Pair(EXCHANGE, Asset("BTC"), Asset("USDT")),
        Pair(EXCHANGE, Asset("ETH"), Asset("USDT")),
    )
    held = [Asset("XRP"), Asset("USDT"), Asset("DUST")]
    assert pairs_needed(EXCHANGE, hopper, held, frozenset((xrp_btc, btc, eth))) == {xrp_btc, btc}


def candle(number: int, open_: float, high: float, low: float, close: float) -> Candle:
    return Candle(HopperId("1"), T + number * SPAN, open_, high, low, close, timedelta(0), Quality.BACKFILLED)


def test_a_run_meets_its_neighbours_and_stretches_to_do_so() -> None:
    run = [candle(0, 10, 12, 9, 11), candle(1, 11, 13, 10, 12)]
    first, last = joined(run, Neighbours(close_before=8.0, open_after=20.0))
    assert (first.open, first.high, first.low, first.close) == (8.0, 12, 8.0, 11)
    assert (last.open, last.high, last.low, last.close) == (11, 20.0, 10, 20.0)
    assert run[0].open == 10


def test_one_candle_between_two_neighbours_meets_both() -> None:
    (only,) = joined([candle(0, 10, 12, 9, 11)], Neighbours(14.0, 7.0))
    assert (only.open, only.high, only.low, only.close) == (14.0, 14.0, 7.0, 7.0)


def test_without_neighbours_a_run_stays_as_it_is() -> None:
    run = [candle(0, 10, 12, 9, 11)]
    assert joined(run, Neighbours(None, None)) == run
    assert joined([], Neighbours(1.0, 2.0)) == []
