"""What positions are worth, what closing them would bring, and how far their limits are."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from cryptwire.domain.account import Position, PositionKind
from cryptwire.domain.hopper import Asset, Exchange, HopperId
from cryptwire.domain.open_position import (
    CostSource,
    FeeRate,
    Limit,
    Limits,
    PriceSource,
    candidates,
    cost_of,
    limits_of,
    quoted,
    valued,
)
from cryptwire.domain.result import Ledger
from cryptwire.domain.ticker import Pair, Ticker
from cryptwire.domain.trade import Side, Trade, TradeId

T = datetime(2026, 3, 1, tzinfo=UTC)
BINANCE = Exchange("binance")
ETH, BTC, USDT, XYZ = map(Asset, ("ETH", "BTC", "USDT", "XYZ"))
D = Decimal
OPEN, SHORT, RESERVED = PositionKind.OPEN, PositionKind.SHORT, PositionKind.RESERVED


def ticker(
    market: str, last: float, bid: float | None = None, ask: float | None = None, minute: int = 0
) -> tuple[Pair, Ticker]:
    base, quote = market.split("/")
    pair = Pair(BINANCE, Asset(base), Asset(quote))
    return pair, Ticker(pair, last, bid, ask, None, T + timedelta(minutes=minute), "s", 1)


def position(
    quantity: str = "2", cost: str = "200", *, rate: str = "100", buy_id: str | None = "1", **more: str
) -> Position:
    limits = {name: D(percent) for name, percent in more.items()}
    return Position("p", ETH, USDT, D(quantity), D(rate), D(cost), T, buy_id=buy_id, **limits)  # type: ignore[arg-type]


def bought(number: int, quantity: str, total: str, fee: str, strategy: str = "dip") -> Trade:
    amounts = D(quantity), D(total) / D(quantity), D(total), D(fee)
    pair = Pair(BINANCE, ETH, USDT)
    at = T + timedelta(hours=number)
    return Trade(
        HopperId("1"), TradeId(str(number)), pair, Side.BUY, *amounts, USDT, at, trigger="TA", strategy=strategy
    )


def ledger(*trades: Trade) -> Ledger:
    found = Ledger()
    for trade in trades:
        found.add(trade, lambda *_: None)
    return found


def test_it_is_sold_at_the_bid_bought_back_at_the_ask_and_shown_at_the_last_price() -> None:
    price = quoted(BINANCE, ETH, USDT, dict([ticker("ETH/USDT", 110.5, 110.0, 111.0)]))
    assert price is not None
    assert (price.last, price.sells, price.buys) == (D("110.5"), D("110.0"), D("111.0"))
    assert (price.source, price.at, price.is_routed) == (PriceSource.OFFER, T, False)
    long = valued(position(), OPEN, D(200), price, D("0.001"))
    assert (long.value, long.unrealised, long.profit) == (D(221), D(21), D("220") * D("0.999") - 200)
    assert long.share == pytest.approx(0.0989)
    short = valued(position(), SHORT, D(250), price, D("0.001"))
    assert (short.value, short.unrealised, short.profit) == (D(221), D(29), 250 - D(222) * D("1.001"))


def test_without_an_offer_it_is_the_last_price_and_that_is_told() -> None:
    for bid, ask in ((None, 111.0), (0.0, 111.0), (float("nan"), 1.0), (110.0, None)):
        price = quoted(BINANCE, ETH, USDT, dict([ticker("ETH/USDT", 110.5, bid, ask)]))
        assert price is not None
        assert (price.sells, price.buys, price.source) == (D("110.5"), D("110.5"), PriceSource.LAST)


def test_through_another_coin_and_the_other_way_round() -> None:
    """XYZ is sold for bitcoin; bitcoin is what dollars are sold for: that is bought at the ask."""
    tickers = dict([ticker("XYZ/BTC", 0.002, 0.001, 0.004, 5), ticker("USDT/BTC", 0.00004, 0.00002, 0.00005, 3)])
    price = quoted(BINANCE, XYZ, USDT, tickers)
    assert price is not None
    assert (price.last, price.sells, price.buys) == (D(50), D(20), D(200))
    assert (price.at, price.is_routed) == (T + timedelta(minutes=3), True)
    assert tickers.keys() <= candidates(BINANCE, XYZ, USDT)
    assert quoted(BINANCE, XYZ, Asset("EUR"), tickers) is None
    same = quoted(BINANCE, USDT, USDT, {})
    assert same is not None
    assert [same.last, same.at] == [1, None]


def test_what_has_no_price_or_no_fee_is_not_worth_nothing() -> None:
    unknown = valued(position(), OPEN, D(200), None, D("0.001"))
    assert (unknown.value, unknown.profit, unknown.share) == (None, None, None)
    price = quoted(BINANCE, ETH, USDT, dict([ticker("ETH/USDT", 110.5, 110.0, 111.0)]))
    no_fee = valued(position(), OPEN, D(200), price, None)
    assert (no_fee.value, no_fee.unrealised, no_fee.profit) == (D(221), D(21), None)
    assert FeeRate(D("0.3"), D(300), 3).rate == D("0.001")


def test_the_cost_has_the_fees_of_buying_in_where_it_is_plain_what_was_bought() -> None:
    trades = ledger(bought(1, "2", "200", "0.2"), bought(2, "1", "130", "0.13", "rise"))
    one = cost_of(position("2"), OPEN, trades, is_only=False)
    assert (one.amount, one.source, one.lot and one.lot.strategy) == (D("200.2"), CostSource.TRADES, "dip")
    half = cost_of(position("1"), OPEN, trades, is_only=False)
    assert half.amount == D("100.1")
    merged = cost_of(position("3", "330"), OPEN, trades, is_only=True)
    assert (merged.amount, merged.source) == (D("330.33"), CostSource.TRADES)
    told_with_fee = cost_of(position("2.002", "200"), OPEN, trades, is_only=False)
    assert told_with_fee.amount == D("200.2"), "a fee in the coin itself has left a little less than was bought"


@pytest.mark.parametrize(
    ("one", "kind", "is_only"),
    [
        (position("3", "330"), OPEN, False),  # of which buys it was merged nobody tells
        (position("4", "440"), OPEN, True),  # more than was bought
        (position(buy_id=None), OPEN, True),
        (position(buy_id="9"), OPEN, True),
        (position(), SHORT, True),
        (position(), RESERVED, True),
    ],
)
def test_where_it_is_not_plain_cryptohoppers_word_counts(one: Position, kind: PositionKind, is_only: bool) -> None:
    trades = ledger(bought(1, "2", "200", "0.2"), bought(2, "1", "130", "0.13"))
    found = cost_of(one, kind, trades, is_only=is_only)
    assert (found.amount, found.source) == (one.cost, CostSource.CRYPTOHOPPER)


def near(limit: Limit | None, percent: Decimal, price: Decimal, distance: float) -> bool:
    return limit is not None and limit[:2] == (percent, price) and limit.distance == pytest.approx(distance)


def test_limits_in_percent_price_and_distance() -> None:
    one = position(stop_loss="10", take_profit="25", trailing_arm="5", trailing="2")
    calm = limits_of(one, D(100))
    assert near(calm.stop_loss, D(10), D(90), 0.1)
    assert near(calm.take_profit, D(25), D(125), -0.25)
    assert near(calm.arm, D(5), D(105), -0.05)
    assert (calm.is_armed, calm.stop) == (False, None)
    risen = limits_of(one, D(105))
    assert risen.is_armed
    assert near(risen.stop, D(2), D("102.9"), 0.02)
    unpriced = limits_of(one, None)
    assert (unpriced.stop_loss, unpriced.is_armed, unpriced.stop) == (Limit(D(10), D(90), None), None, None)
    assert limits_of(position(), D(100)) == Limits()
    assert limits_of(position(rate="0", stop_loss="10"), D(100)) == Limits()
