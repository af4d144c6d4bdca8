"""Trades and flows to keep books of, plain and random."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from cryptwire.domain.fifo import Prices, place
from cryptwire.domain.flow import DecidedBy, Flow, FlowId, FlowKind, FlowState
from cryptwire.domain.hopper import Asset, Exchange, HopperId
from cryptwire.domain.result import Ledger, Result
from cryptwire.domain.result import Prices as PairPrices
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
BUY, SELL = Side.BUY, Side.SELL
EUR, BTC, ETH, BNB, USDT = map(Asset, ("EUR", "BTC", "ETH", "BNB", "USDT"))
D = Decimal
WORTH = {BTC: D(50_000), ETH: D(2_000), BNB: D(500), USDT: D("0.9")}


def prices(asset: Asset, at: datetime) -> Decimal | None:
    """Each coin rises by a hundredth of its worth an hour."""
    worth = WORTH.get(asset)
    return None if worth is None else worth * (100 + (at - T) // HOUR) / 100


def results(trades: Iterable[Trade], of: PairPrices) -> list[Result]:
    """Of all of a hopper's trades, oldest first."""
    ledger = Ledger()
    return [result for trade in trades if (result := ledger.add(trade, of)[0]) is not None]


def trade(number: int, side: Side, market: str, quantity: str, rate: str, fee: str = "0 EUR", hour: int = 0) -> Trade:
    base, quote = market.split("/")
    units, coin = fee.split()
    pair = Pair(Exchange("binance"), Asset(base), Asset(quote))
    amounts = D(quantity), D(rate), D(quantity) * D(rate), D(units)
    at = T + (hour or number) * HOUR
    return Trade(HopperId("1"), TradeId(str(number)), pair, side, *amounts, Asset(coin), at)


def flow(number: int, kind: FlowKind, asset: Asset, quantity: str, state: FlowState = FlowState.CONFIRMED) -> Flow:
    at, id_ = T + number * HOUR, FlowId(f"00000000-0000-0000-0000-{number:012}")
    return Flow(id_, 1, HopperId("1"), at, asset, D(quantity), 1.0, 1.0, kind, state, DecidedBy.USER, at)


def worth_of(event: Flow, known: Prices = prices) -> Decimal | None:
    price = known(event.asset, event.at)
    return None if price is None else abs(event.quantity) * price


@st.composite
def lives(draw: st.DrawFn) -> list[Trade | Flow]:
    """Trades in many markets, with fees in many coins, and flows; several at one moment; more sold than held, too."""
    events: list[Trade | Flow] = []
    coins = st.sampled_from([BTC, ETH, USDT, BNB])
    for number in range(1, draw(st.integers(1, 25))):
        if draw(st.integers(0, 4)) == 0:
            kind = draw(st.sampled_from([FlowKind.DEPOSIT, FlowKind.INCOME, FlowKind.CONVERSION, FlowKind.TRANSFER]))
            units = str(draw(st.decimals("0.001", "50", places=3)) * draw(st.sampled_from([1, 1, -1])))
            if units.startswith("-") and kind is FlowKind.DEPOSIT:
                kind = FlowKind.WITHDRAWAL
            events.append(flow(number, kind, draw(coins), units))
            continue
        market = draw(st.sampled_from(["BTC/EUR", "ETH/EUR", "BTC/USDT", "ETH/BTC", "BNB/EUR", "EUR/USDT"]))
        quantity = str(draw(st.decimals("0.0003", "90", places=4)))
        rate = str(draw(st.decimals("0.07", "70000", places=2)))
        fee = f"{draw(st.decimals('0', '2', places=5))} {draw(st.sampled_from(['EUR', 'BNB', *market.split('/')]))}"
        hour = draw(st.sampled_from([number, max(1, number - 1)]))
        events.append(trade(number, draw(st.sampled_from([BUY, SELL])), market, quantity, rate, fee, hour))
    return sorted(events, key=place)
