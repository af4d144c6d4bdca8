"""What is written is read again as it was; hostile bytes are Invalid or a value, and nothing else."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from google.protobuf.message import Message
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cryptwire.clock import to_us
from cryptwire.codec.candle import candle_from_wire, candle_to_wire
from cryptwire.codec.ohlcv import (
    CandlesRequest,
    Ohlcv,
    refusal_to_wire,
    reply_from_wire,
    reply_to_wire,
    request_from_wire,
    request_to_wire,
)
from cryptwire.codec.portfolio import (
    account_from_wire,
    account_to_wire,
    flow_to_message,
    portfolio_from_wire,
    settled_part,
)
from cryptwire.codec.ticker import feed_from_wire, feed_to_wire, ticker_from_wire, ticker_to_wire
from cryptwire.codec.trade import decimal, trade_from_wire, trade_to_wire
from cryptwire.domain.account import Account, Position
from cryptwire.domain.candle import Candle, Quality
from cryptwire.domain.hopper import Asset, Exchange, HopperId
from cryptwire.domain.portfolio import FlowCandidate
from cryptwire.domain.ticker import Feed, Pair, Ticker
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.errors import Invalid, Refused, Unavailable
from generated.wire.v1 import candle_pb2, ohlcv_pb2, portfolio_pb2, ticker_pb2, trade_pb2

T = datetime(2026, 3, 1, 12, tzinfo=UTC)

quick = settings(max_examples=40, deadline=None)
names = st.sampled_from(["BTC", "binance", "1", "x" * 40]) | st.text(min_size=1, max_size=4)
moments = st.datetimes(datetime(1971, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
decimals = st.decimals(allow_nan=False, allow_infinity=False, places=None)
prices = st.floats(5e-324, 1e308)
pairs = st.builds(lambda e, b, q: Pair(Exchange(e), Asset(b), Asset(q)), names, names, names)
tickers = st.builds(
    Ticker,
    pairs,
    prices,
    st.none() | st.floats(allow_nan=False),
    st.none() | st.floats(allow_nan=False),
    st.none() | moments,
    moments,
    names,
    st.integers(0, 2**64 - 1),
)
feeds = st.builds(
    Feed,
    names.map(Exchange),
    names,
    st.integers(0, 2**64 - 1),
    st.none() | moments,
    st.integers(0, 10**12).map(lambda us: timedelta(microseconds=us)),
)
trades = st.builds(
    Trade,
    names.map(HopperId),
    names.map(TradeId),
    pairs,
    st.sampled_from(list(Side)),
    decimals,
    decimals,
    decimals,
    decimals,
    names.map(Asset),
    moments,
    st.none() | names,
    st.none() | names,
    st.none() | decimals,
    st.none() | names,
)
candles = st.builds(
    lambda four, opened, gap, quality, fence: Candle(
        HopperId("1"),
        opened.replace(microsecond=0),
        sorted(four)[1],
        max(four),
        min(four),
        sorted(four)[2],
        timedelta(microseconds=gap),
        quality,
        fence,
    ),
    st.tuples(*[st.floats(0, 1e308)] * 4),
    moments,
    st.integers(0, 900_000_000),
    st.sampled_from(list(Quality)),
    st.integers(0, 2**63 - 1),
)
positions = st.builds(
    Position, names, names.map(Asset), names.map(Asset), decimals, decimals, decimals, st.none() | moments
)
accounts = st.builds(
    Account,
    names.map(HopperId),
    moments,
    st.dictionaries(names.map(Asset), decimals, max_size=5),
    st.lists(positions, max_size=3).map(tuple),
)
rows = st.builds(Ohlcv, moments, *[st.floats(allow_nan=False, allow_infinity=False)] * 5)


@given(tickers)
@quick
def test_a_ticker(ticker: Ticker) -> None:
    assert ticker_from_wire(ticker_to_wire(ticker)) == ticker


@given(feeds)
@quick
def test_a_feed(feed: Feed) -> None:
    assert feed_from_wire(feed_to_wire(feed)) == feed


@given(trades)
@quick
def test_a_trade(trade: Trade) -> None:
    again = trade_from_wire(trade_to_wire(trade))
    assert again == trade
    assert str(again.quantity) == str(trade.quantity)


@given(candles)
@quick
def test_a_candle(candle: Candle) -> None:
    assert candle_from_wire(candle_to_wire(candle)) == candle


@given(accounts)
@quick
def test_an_account(account: Account) -> None:
    assert account_from_wire(account_to_wire(account)) == account


@given(st.lists(rows, max_size=5))
@quick
def test_an_exchanges_candles(wanted: list[Ohlcv]) -> None:
    assert reply_from_wire(reply_to_wire(wanted)) == wanted


def test_a_request_for_candles_and_a_refusal() -> None:
    request = CandlesRequest("15m", T, 1000)
    assert request_from_wire(request_to_wire(request)) == request
    with pytest.raises(Unavailable, match="busy"):
        reply_from_wire(refusal_to_wire("busy", retryable=True))
    with pytest.raises(Refused, match="no such pair"):
        reply_from_wire(refusal_to_wire("no such pair", retryable=False))


POSITION = Position(
    "p",
    Asset("BTC"),
    Asset("USDT"),
    Decimal("1.50"),
    Decimal(9),
    Decimal("13.5"),
    T,
    "TA",
    trailing=Decimal(2),
    buy_id="91",
)
FLOW = FlowCandidate(HopperId("1"), T, Asset("BTC"), Decimal("-0.1"), 10.0, 99.0, 3)
ACCOUNT = Account(HopperId("1"), T, {Asset("BTC"): Decimal("1.50")}, (POSITION,))
CANDLE = Candle(HopperId("1"), T, 2.0, 3.0, 1.0, 2.5, timedelta(seconds=1), Quality.PARTIAL, 4)
LIVE = portfolio_pb2.Portfolio(
    at_us=1,
    candle=candle_pb2.Candle.FromString(candle_to_wire(CANDLE)),
    prices=[math.nan],
    flow=flow_to_message(FLOW),
).SerializeToString() + settled_part(ACCOUNT, Asset("USDT"), [Asset("BTC")])


def test_two_parts_of_a_live_portfolio_are_one() -> None:
    live = portfolio_from_wire(LIVE)
    assert (live.hopper, live.base, live.assets_at, live.candle) == ("1", "USDT", T, CANDLE)
    assert [(h.asset, str(h.quantity), h.price) for h in live.holdings] == [("BTC", "1.50", None)]
    assert (live.positions, live.flow) == ((POSITION,), FLOW)
    assert live.newest_price_at is None
    told = LIVE + portfolio_pb2.Portfolio(newest_price_at_us=to_us(T)).SerializeToString()
    assert portfolio_from_wire(told).newest_price_at == T


# -- hostile -----------------------------------------------------------------------------------------------------------

TRADE = Trade(
    HopperId("1"),
    TradeId("2"),
    Pair(Exchange("binance"), Asset("BTC"), Asset("USDT")),
    Side.BUY,
    Decimal(1),
    Decimal(2),
    Decimal(3),
    Decimal(4),
    Asset("USDT"),
    T,
)
TICKER = Ticker(TRADE.pair, 1.0, 1.0, 1.0, T, T, "s", 1)
READERS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "ticker": (ticker_from_wire, ticker_to_wire(TICKER)),
    "feed": (feed_from_wire, feed_to_wire(Feed(Exchange("binance"), "s", 1, T, timedelta(seconds=1)))),
    "trade": (trade_from_wire, trade_to_wire(TRADE)),
    "candle": (candle_from_wire, candle_to_wire(CANDLE)),
    "account": (account_from_wire, account_to_wire(ACCOUNT)),
    "portfolio": (portfolio_from_wire, LIVE),
    "request": (request_from_wire, request_to_wire(CandlesRequest("15m", T, 10))),
    "reply": (reply_from_wire, reply_to_wire([Ohlcv(T, 1, 2, 0.5, 1, 9)])),
}


def is_invalid_or_a_value(read: Callable[[bytes], object], payload: bytes) -> None:
    """A reply may also say why there are no candles."""
    try:
        assert read(payload) is not None
    except (Invalid, Refused):
        pass
    except Unavailable:
        assert read is reply_from_wire


@pytest.mark.parametrize("kind", READERS)
def test_every_truncation_is_invalid_or_a_value(kind: str) -> None:
    read, whole = READERS[kind]
    for cut in range(len(whole)):
        is_invalid_or_a_value(read, whole[:cut])
        is_invalid_or_a_value(read, whole[cut:])


@pytest.mark.parametrize("kind", READERS)
@given(st.binary(max_size=60), st.integers(0, 400), st.integers(0, 20))
@settings(max_examples=60, deadline=None)
@example(b"\xff" * 60, 0, 0)
def test_random_bytes_are_invalid_or_a_value(kind: str, noise: bytes, at: int, drop: int) -> None:
    read, whole = READERS[kind]
    at %= len(whole)
    is_invalid_or_a_value(read, noise)
    is_invalid_or_a_value(read, whole[:at] + noise + whole[at + drop :])


FAR = 2**63 - 1


@pytest.mark.parametrize("far", [FAR, -FAR])
def test_moments_that_cannot_be_are_invalid(far: int) -> None:
    position = portfolio_pb2.OpenPosition(opened_at_us=far, quantity="1", rate="1", cost="1")
    hostile: list[tuple[Callable[[bytes], object], Message]] = [
        (ticker_from_wire, ticker_pb2.Ticker(exchange="e", base="b", quote="q", last=1, received_at_us=far)),
        (
            ticker_from_wire,
            ticker_pb2.Ticker(exchange="e", base="b", quote="q", last=1, exchange_at_us=far),
        ),
        (feed_from_wire, ticker_pb2.Feed(exchange="e", last_frame_at_us=far)),
        (trade_from_wire, trade_pb2.Trade(hopper_id="1", trade_id="1", side=trade_pb2.SIDE_BUY, at_us=far)),
        (candle_from_wire, candle_pb2.Candle(hopper_id="1", opened_at_us=far, quality=candle_pb2.QUALITY_PARTIAL)),
        (account_from_wire, portfolio_pb2.Account(hopper_id="1", at_us=far)),
        (account_from_wire, portfolio_pb2.Account(hopper_id="1", positions=[position])),
        (portfolio_from_wire, portfolio_pb2.Portfolio(at_us=far)),
        (request_from_wire, ohlcv_pb2.CandlesRequest(timeframe="1m", limit=1, since_us=far)),
        (
            reply_from_wire,
            ohlcv_pb2.CandlesReply(opened_at_us=[far], open=[1], high=[1], low=[1], close=[1], volume=[1]),
        ),
    ]
    for read, message in hostile:
        with pytest.raises(Invalid):
            read(message.SerializeToString())


@pytest.mark.parametrize("price", [math.nan, math.inf, -math.inf, 0.0, -1.0])
def test_a_ticker_without_a_possible_price_is_invalid(price: float) -> None:
    with pytest.raises(Invalid):
        ticker_from_wire(ticker_pb2.Ticker(exchange="e", base="b", quote="q", last=price).SerializeToString())


def test_columns_of_different_length_are_invalid() -> None:
    hostile: list[tuple[Callable[[bytes], object], Message]] = [
        (account_from_wire, portfolio_pb2.Account(hopper_id="1", assets=["BTC"])),
        (portfolio_from_wire, portfolio_pb2.Portfolio(hopper_id="1", assets=["BTC"], quantities=["1"])),
        (reply_from_wire, ohlcv_pb2.CandlesReply(open=[1.0])),
    ]
    for read, message in hostile:
        with pytest.raises(Invalid, match="length"):
            read(message.SerializeToString())


@pytest.mark.parametrize("text", ["", "x", "NaN", "sNaN", "Infinity", "-inf", "1,5", "0x1", "1e", "--1"])
def test_text_that_is_no_finite_number_is_invalid(text: str) -> None:
    with pytest.raises(Invalid):
        decimal(text)
