"""Only what changed becomes a ticker, numbered without holes; whatever an exchange says, no bad price gets through."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.ticker import Pair
from streamer.logic import Quotation, Session, pause

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BTC = Pair(Exchange("binance"), Asset("BTC"), Asset("USDT"))
ETH = Pair(Exchange("binance"), Asset("ETH"), Asset("USDT"))


def said(pair: Pair, last: float | None, bid: float | None = None, ask: float | None = None) -> Quotation:
    return Quotation(pair, last, bid, ask, None, NOW)


def test_the_first_price_of_a_pair_is_told_and_the_same_again_is_not() -> None:
    session = Session("s")
    tickers, _ = session.tickers([said(BTC, 1.0), said(ETH, 2.0), said(BTC, 1.0), said(BTC, 3.0)])
    assert [(ticker.pair, ticker.last, ticker.sequence) for ticker in tickers] == [
        (BTC, 1.0, 1),
        (ETH, 2.0, 2),
        (BTC, 3.0, 3),
    ]
    assert session.tickers([said(BTC, 3.0)]) == ([], 0)
    assert session.sequence == 3


def test_a_changed_bid_is_a_change_and_a_missing_one_is_not() -> None:
    session = Session("s")
    session.tickers([said(BTC, 1.0, bid=0.9, ask=1.1)])
    assert session.tickers([said(BTC, 1.0)])[0] == []
    assert [ticker.bid for ticker in session.tickers([said(BTC, 1.0, bid=0.95)])[0]] == [0.95]


@pytest.mark.parametrize("last", [None, 0.0, -1.0, math.nan, math.inf])
def test_a_ticker_without_a_usable_price_is_skipped(last: float | None) -> None:
    session = Session("s")
    assert session.tickers([said(BTC, last), said(ETH, 1.0)])[1] == 1
    assert session.sequence == 1


def test_a_bid_that_cannot_be_is_left_out() -> None:
    (ticker,), _ = Session("s").tickers([said(BTC, 1.0, bid=math.nan, ask=0.0)])
    assert (ticker.bid, ticker.ask) == (None, None)


_PRICES = st.none() | st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(st.lists(st.builds(said, st.sampled_from([BTC, ETH]), _PRICES, _PRICES, _PRICES))))
def test_whatever_is_said_the_sequence_has_no_holes_and_the_last_is_kept(frames: list[list[Quotation]]) -> None:
    session = Session("s")
    told = [ticker for frame in frames for ticker in session.tickers(frame)[0]]
    assert [ticker.sequence for ticker in told] == list(range(1, len(told) + 1))
    assert session.last == {ticker.pair: ticker for ticker in told}


def test_pauses_double_to_half_a_minute() -> None:
    assert [pause(n, 0.999_999).total_seconds() for n in (1, 2, 3, 7, 99)] == pytest.approx(
        [0.5, 1, 2, 30, 30], rel=1e-3
    )
    assert pause(1, 0.0).total_seconds() == 0.25
