"""What no trade explains is a flow; a snapshot that is older than the trade list is none."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from cryptwire.codec.portfolio import portfolio_from_wire
from cryptwire.domain.hopper import Asset
from cryptwire.domain.trade import Side, Trade
from tests.unit.tracker.builders import S, T, account, hopper, trade
from tracker.logic.flows import explain, is_flow
from tracker.logic.shard import Shard

USDT, BTC, BNB = Asset("USDT"), Asset("BTC"), Asset("BNB")


def held(**quantities: str) -> dict[Asset, Decimal]:
    return {Asset(asset): Decimal(amount) for asset, amount in quantities.items()}


def after(before: dict[Asset, Decimal], *trades: Trade) -> dict[Asset, Decimal]:
    balances = dict(before)
    for one in trades:
        for asset, amount in one.changes().items():
            balances[asset] = balances.get(asset, Decimal(0)) + amount
    return balances


TRADES = [trade(n, T + n * S, total=str(n + 10), side=Side.SELL if n % 3 else Side.BUY) for n in range(8)]


def test_nothing_changed_needs_no_trade() -> None:
    assert explain(held(USDT="5"), held(USDT="5"), TRADES).unexplained == {}


@given(st.integers(0, 8), st.integers(0, 8))
def test_any_run_of_the_listed_trades_leaves_nothing_over(one: int, other: int) -> None:
    first, last = sorted((one, other))
    before = held(USDT="1000", BTC="3")
    found = explain(before, after(before, *TRADES[first:last]), TRADES)
    assert found.unexplained == {}


def test_a_deposit_among_trades_is_left_over_to_the_last_digit() -> None:
    before = held(USDT="1000", BTC="3")
    now = after(before, *TRADES[2:5])
    now[USDT] += Decimal("0.000000000000000001")
    assert explain(before, now, TRADES).unexplained == {USDT: Decimal("0.000000000000000001")}


def test_a_withdrawal_of_another_coin_is_left_over_and_the_trades_are_still_found() -> None:
    before = held(USDT="1000", BTC="3", BNB="2")
    now = after(before, *TRADES[:3])
    now[BNB] -= Decimal("1.5")
    found = explain(before, now, TRADES)
    assert found.unexplained == {BNB: Decimal("-1.5")}
    assert found.trades == tuple(TRADES[:3])


def test_dust_is_no_flow() -> None:
    assert not is_flow(Decimal("0.9"), 1.0, 1000.0)
    assert is_flow(Decimal("-1.1"), 1.0, 1000.0)


def test_a_shard_tells_the_value_right_before_and_shows_the_candidate_until_the_next_poll() -> None:
    shard = Shard()
    one = hopper()
    shard.take_in(one, 7, account(USDT="1000"), T)
    later = T + timedelta(minutes=1)
    (flow,) = shard.renew(account(at=later, USDT="1500"), later, {USDT: Decimal("500")})
    assert (flow.at, flow.quantity, flow.fence) == (later, Decimal(500), 7)
    assert (flow.price, flow.value_before) == (1.0, 1000.0)
    ((_, payload),) = shard.live(later)
    assert portfolio_from_wire(payload).flow == flow
    assert shard.renew(account(at=later + S, USDT="1500"), later + S) == []
    ((_, payload),) = shard.live(later + S)
    assert portfolio_from_wire(payload).flow is None
