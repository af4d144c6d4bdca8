"""What a flow was: found by one poll, confirmed by the next, unless something explains it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from cryptwire.domain.flow import DecidedBy, Flow, FlowKind, FlowState, opened
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.portfolio import FlowCandidate
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from processor.logic.flows import Sight, decided, is_other_side, left_over

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
BTC, USDT = Asset("BTC"), Asset("USDT")
D = Decimal


def hopper(base: Asset = USDT) -> Hopper:
    return Hopper(HopperId("1"), UserId("u"), "n", Exchange("binance"), base, False, MINUTE)


def flow(quantity: str, asset: Asset = USDT, at: datetime = T, price: float = 1.0, of: str = "1") -> Flow:
    return opened(FlowCandidate(HopperId(of), at, asset, D(quantity), price, 10_000.0, 1))


def trade(number: int, side: Side, quantity: str, total: str, fee: str = "0", at: datetime = T - MINUTE) -> Trade:
    pair = Pair(Exchange("binance"), BTC, USDT)
    amounts = D(quantity), D(total) / D(quantity), D(total), D(fee)
    return Trade(HopperId("1"), TradeId(str(number)), pair, side, *amounts, USDT, at)


def outcome(
    *flows: Flow,
    trades: tuple[Trade, ...] = (),
    read_at: datetime | None = T + 2 * MINUTE,
    others: tuple[Flow, ...] = (),
) -> list[tuple[FlowKind, FlowState]]:
    found = decided(Sight(hopper(), flows, trades, read_at, others), T + 3 * MINUTE, HOUR)
    assert all(each.decided_by is DecidedBy.POLLS and each.decided_at == T + 3 * MINUTE for each in found)
    return [(each.kind, each.state) for each in found]


def test_one_poll_confirms_nothing() -> None:
    assert outcome(flow("500"), read_at=None) == []
    assert outcome(flow("500"), read_at=T) == []
    assert outcome(flow("500"), read_at=T + MINUTE - timedelta(seconds=1)) == []


def test_the_second_poll_a_refresh_later_does() -> None:
    assert outcome(flow("500"), read_at=T + MINUTE) == [(FlowKind.DEPOSIT, FlowState.CONFIRMED)]
    assert outcome(flow("-500")) == [(FlowKind.WITHDRAWAL, FlowState.CONFIRMED)]


def test_what_was_decided_is_not_decided_again() -> None:
    for state in (FlowState.CONFIRMED, FlowState.EXPLAINED, FlowState.REJECTED):
        assert outcome(replace(flow("500"), state=state)) == []


def test_a_trade_that_came_late_explains_both_its_coins() -> None:
    flows = flow("0.01", BTC, price=40_000.0), flow("-401", USDT)
    bought = trade(1, Side.BUY, "0.01", "400", "1")
    assert outcome(*flows, trades=(bought,)) == [
        (FlowKind.DEPOSIT, FlowState.EXPLAINED),
        (FlowKind.WITHDRAWAL, FlowState.EXPLAINED),
    ]
    assert [state for _, state in outcome(*flows, trades=())] == [FlowState.CONFIRMED] * 2
    other_time = replace(bought, at=T - HOUR)
    assert [state for _, state in outcome(*flows, trades=(other_time,))] == [FlowState.CONFIRMED] * 2


def test_of_a_deposit_beside_a_late_trade_the_deposit_is_left() -> None:
    flows = flow("0.01", BTC, price=40_000.0), flow("99", USDT)
    found = decided(Sight(hopper(), flows, (trade(1, Side.BUY, "0.01", "400", "1"),), T + HOUR, ()), T + HOUR, HOUR)
    assert [(each.asset, each.state, each.quantity) for each in found] == [
        (BTC, FlowState.EXPLAINED, D("0.01")),
        (USDT, FlowState.CONFIRMED, D(500)),
    ]


def test_a_trade_that_the_tracker_knew_explains_no_deposit() -> None:
    """A trade moves two coins; when only one is unexplained, the trade was counted already."""
    assert outcome(flow("400"), trades=(trade(1, Side.SELL, "0.01", "400"),)) == [
        (FlowKind.DEPOSIT, FlowState.CONFIRMED)
    ]


def test_what_the_next_poll_takes_back_was_never_there() -> None:
    flows = flow("500"), flow("-500", at=T + MINUTE)
    assert outcome(*flows) == [
        (FlowKind.DEPOSIT, FlowState.EXPLAINED),
        (FlowKind.WITHDRAWAL, FlowState.EXPLAINED),
    ]
    assert FlowState.EXPLAINED not in [
        s for _, s in outcome(flow("500"), flow("-500", at=T + HOUR), read_at=T + 2 * HOUR)
    ]


def test_a_crumb_is_a_difference_and_does_not_count() -> None:
    assert outcome(flow("10")) == [(FlowKind.DIFFERENCE, FlowState.CONFIRMED)], "0.1 % of the portfolio"
    assert outcome(flow("10.01")) == [(FlowKind.DEPOSIT, FlowState.CONFIRMED)]
    small = replace(flow("0.9"), value_before=20.0)
    assert outcome(small) == [(FlowKind.DIFFERENCE, FlowState.CONFIRMED)], "less than one unit of the currency"


def test_what_left_one_hopper_and_came_to_another_is_a_transfer_of_both() -> None:
    away = flow("-500", of="2", at=T - 10 * MINUTE)
    sight = Sight(hopper(), (flow("498"),), (), T + HOUR, (away,))
    other, here = decided(sight, T + HOUR, HOUR)
    assert (other.id, other.kind, other.state, other.counterpart) == (
        away.id,
        FlowKind.TRANSFER,
        FlowState.OPEN,
        here.id,
    )
    assert (here.kind, here.state, here.counterpart) == (FlowKind.TRANSFER, FlowState.CONFIRMED, away.id)
    cut_off_between = replace(sight, others=(other,))
    assert decided(cut_off_between, T + HOUR, HOUR) == [here]


def test_what_is_no_other_side() -> None:
    one, other = flow("500"), flow("-500", of="2")
    assert is_other_side(one, other, HOUR)
    for wrong in (
        flow("-500", at=T + MINUTE),
        flow("500", of="2"),
        flow("-490", of="2"),
        flow("-500", BTC, of="2"),
        flow("-500", of="2", at=T + HOUR + MINUTE),
        replace(other, decided_by=DecidedBy.USER),
        replace(other, counterpart=flow("1", of="3").id),
        replace(other, state=FlowState.REJECTED),
        replace(other, kind=FlowKind.DATA_ERROR, state=FlowState.CONFIRMED),
    ):
        assert not is_other_side(one, wrong, HOUR)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 50), st.integers(1, 900)), min_size=1, max_size=8), st.data())
def test_any_run_of_late_trades_is_found_to_the_last_digit(
    rows: list[tuple[bool, int, int]], data: st.DataObject
) -> None:
    trades = [
        trade(number, Side.BUY if buys else Side.SELL, f"0.0{quantity}", str(total), "0.001")
        for number, (buys, quantity, total) in enumerate(rows)
    ]
    first = data.draw(st.integers(0, len(trades) - 1))
    last = data.draw(st.integers(first, len(trades) - 1))
    unexplained: dict[Asset, Decimal] = {}
    for one in trades[first : last + 1]:
        for asset, amount in one.changes().items():
            unexplained[asset] = unexplained.get(asset, D(0)) + amount
    if all(unexplained.values()):
        assert not any(left_over(unexplained, trades).values())
