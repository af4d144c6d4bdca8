"""Orders, fees, positions and short positions of one hopper, and what becomes of commands."""

import json
from decimal import Decimal
from typing import Any

import pytest

from simulator.worlds.books import State, Trade
from simulator.worlds.commands import Command, Effect, Impossible, Kind
from simulator.worlds.trader import Trader
from simulator.worlds.world import World
from tests.unit.simulator.worlds.accounts import BEGAN, DAY, ID, LIVELY, MINUTE, holds_together, small


class Told:
    """A small world, told things one after another; its books are looked at after each."""

    def __init__(self, hopper: dict[str, Any] | None = None, decision: int = 60_000, **world: Any) -> None:
        self.world: World = small(decision, hopper, **world)
        self.at = BEGAN
        self.flows: dict[str, Decimal] = {}

    def __call__(self, kind: Kind, value: str = "", amount: str = "", delay: int = 0, share: float = 1.0) -> None:
        self.world.obey(ID, Command(self.at, kind, value, amount, Effect(delay, share)))
        holds_together(self.trader, self.at, self.flows)

    def wait(self, milliseconds: int) -> State:
        self.at += milliseconds
        self.world.advance(self.at)
        holds_together(self.trader, self.at, self.flows)
        return self.state

    def price(self, coin: str) -> Decimal:
        return self.world.rate("binance", coin, "USDT", self.at)

    def order(self, side: str, coin: str, amount: str, factor: str = "") -> None:
        price = f"{self.price(coin) * Decimal(factor):.3f}" if factor else "market"
        self("order", f"{side} {coin} {price} Manual", amount)

    @property
    def trader(self) -> Trader:
        return self.world.traders[ID]

    @property
    def state(self) -> State:
        return self.trader.state(self.at)

    @property
    def trades(self) -> list[Trade]:
        return self.trader.trades


def with_positions(*amounts: str, **hopper: Any) -> Told:
    """Positions of ETH, a second apart."""
    told = Told(hopper)
    for amount in amounts:
        told.order("buy", "ETH", amount)
        told.wait(1000)
    assert len(told.state.positions) == len(amounts)
    return told


def test_a_market_order_is_filled_at_once_with_a_trade_for_each_rate() -> None:
    told = Told({"start": "200000"})
    told.order("buy", "LINK", "6000")
    rates = [trade.rate for trade in told.trades]
    assert len(rates) > 2
    assert rates == sorted(set(rates))
    assert len({trade.order_id for trade in told.trades}) == 1
    (position,) = told.state.positions
    assert position.amount == 6000
    assert min(rates) < position.rate < max(rates)
    told("sell", position.id)
    sold: dict[str, Decimal] = {}
    for trade in told.trades:
        if trade.kind == "sell":
            sold[trade.buy_id] = sold.get(trade.buy_id, Decimal(0)) + trade.amount
    assert sold == {trade.id: trade.amount for trade in told.trades if trade.kind == "buy"}
    assert told.state.positions == ()


def test_a_limit_order_holds_funds_rests_and_is_filled_when_the_price_crosses() -> None:
    told = Told()
    told.order("buy", "ETH", "0.5", "0.99")
    (order,) = told.state.orders
    assert (order.kind, order.coin, order.amount, order.filled) == ("buy", "ETH", Decimal("0.5"), Decimal(0))
    assert told.state.in_orders["USDT"] > Decimal("0.5") * order.rate
    assert told.state.balances == {"USDT": 10000}
    assert told.trades == []
    told.wait(2 * DAY)
    (trade,) = told.trades
    assert (trade.rate, trade.amount, trade.order_id) == (order.rate, Decimal("0.5"), order.id)
    assert told.state.orders == ()
    assert not told.state.in_orders


def test_a_limit_order_larger_than_the_depth_is_shown_partly_filled() -> None:
    told = Told({"start": "50000"}, quotes={"binance:LINK/USDT": {"depth": 0.05}})
    told.order("buy", "LINK", "2000", "0.999")
    seen = {order.filled for _ in range(2000) for order in told.wait(5000).orders}
    assert len([filled for filled in seen if 0 < filled < 2000]) > 2
    assert told.state.positions[0].amount == 2000
    assert len(told.trades) > 3


def test_an_order_is_not_filled_at_all_without_depth() -> None:
    told = Told(quotes={"*": {"depth": 0}})
    told.order("buy", "ETH", "0.5")
    told.order("buy", "ETH", "0.5", "1.05")
    told.wait(DAY)
    assert told.trades == []
    assert len(told.state.orders) == 1


def test_cancelling_gives_the_funds_back() -> None:
    told = Told()
    told.order("buy", "ETH", "0.5", "0.9")
    told.order("buy", "BTC", "0.01", "0.9")
    told("cancel", told.state.orders[0].id)
    assert [order.coin for order in told.state.orders] == ["BTC"]
    told("cancel")
    assert not told.state.in_orders
    told_of = [(entry.topic, entry.coin) for entry in told.trader.log]
    assert told_of[:2] == [("order_placed", "ETH"), ("order_placed", "BTC")]
    assert told_of[2:] == [("order_cancelled", "ETH"), ("order_cancelled", "BTC")]


def test_a_resting_sale_holds_the_coins_and_the_position_is_not_sold_twice() -> None:
    told = with_positions("0.5")
    told.order("sell", "ETH", "0.5", "1.05")
    assert told.state.in_orders == {"ETH": Decimal("0.5")}
    with pytest.raises(Impossible, match="Not enough ETH"):
        told.order("sell", "ETH", "0.1")
    told("sell")  # by hand: the order gives way
    assert told.state.orders == ()
    assert told.state.positions == ()


@pytest.mark.parametrize(
    ("kind", "value", "amount", "why"),
    [
        ("order", "buy ETH market Manual", "900", "Not enough USDT"),
        ("order", "sell ETH market Manual", "1", "Not enough ETH"),
        ("order", "buy DOGE market Manual", "1", "none of the hopper's coins"),
        ("order", "hold ETH market Manual", "1", "not an order"),
        ("order", "buy ETH cheap Manual", "1", "Not an amount"),
        ("order", "buy ETH market Manual", "-1", "above 0"),
        ("order", "buy ETH market Manual", "NaN", "Not an amount"),
        ("sell", "77", "", "no such position: 77"),
        ("hold", "", "", "There is no position"),
        ("cancel", "77", "", "Order not found"),
        ("cover", "77", "", "no such short position"),
        ("deposit", "USDT", "-10000.01", "Not enough USDT"),
        ("deposit", "BNB", "-0.1", "Not enough BNB"),
        ("buying", "yes", "", "0 or 1"),
        ("config", "[]", "", "fields and their text"),
        ("config", '{"perc_buy_amount": "much"}', "", "perc_buy_amount"),
        ("config", '{"perc_buy_amount": "101"}', "", "perc_buy_amount"),
        ("config", '{"buy_order_type": "soon"}', "", "buy_order_type"),
        ("sync", "ETH", "1", "without a position"),
        ("unreserve", "ETH", "", "Not that much ETH"),
        ("delete", "", "", ""),
    ],
)
def test_what_cannot_be_done_is_refused_and_changes_nothing(kind: Kind, value: str, amount: str, why: str) -> None:
    told = Told()
    before = told.state, dict(told.trader.config)
    if kind == "delete":
        told.world.obey(ID, Command(BEGAN, "delete"))
        with pytest.raises(Impossible, match="Hopper not found"):
            told.world.obey(ID, Command(BEGAN, "panic"))
        return
    with pytest.raises(Impossible, match=why):
        told(kind, value, amount)
    assert (told.state, told.trader.config) == before


def test_fees_are_paid_in_a_third_coin_while_there_is_some() -> None:
    told = Told({"fee_coin": "BNB", "reserved": {"BNB": "0.003"}})
    for _ in range(4):
        told.order("buy", "ETH", "0.5")
        told("sell")
        told.wait(5 * MINUTE)
    coins = [trade.fee_coin for trade in told.trades]
    assert coins[0] == "BNB"
    assert coins[-1] == ""
    assert coins == sorted(coins, reverse=True)
    first = told.trades[0]
    worth = first.fee * told.world.rate("binance", "BNB", "USDT", first.at)
    assert abs(worth / first.total - Decimal("0.00075")) < Decimal("0.000001")
    assert told.state.reserved["BNB"] == Decimal("0.003") - sum(each.fee for each in told.trades if each.fee_coin)


def test_panic_sells_everything_at_once_and_buys_nothing_until_calm() -> None:
    told = Told({**LIVELY, "start": "20000"}, decision=10_000)
    told.wait(40 * MINUTE)
    assert told.state.positions
    told("panic")
    assert told.state.positions == ()
    assert told.state.is_panicking
    count = len(told.trades)
    told.wait(DAY // 2)
    assert len(told.trades) == count
    told("calm")
    told.wait(DAY // 2)
    assert len(told.trades) > count
    topics = [entry.topic for entry in told.trader.log]
    assert topics.index("on_panic_start") < topics.index("on_panic_end")


def test_panic_by_limit_orders_takes_a_while() -> None:
    told = with_positions("0.3", "0.3")
    told("panic", "0")
    assert [order.trigger for order in told.state.orders] == ["Panic button"] * 2
    assert len(told.wait(10_000).positions) == 2
    minutes = 0
    while told.wait(MINUTE).positions:
        minutes += 1
        assert minutes < 3 * 60
    assert {trade.trigger for trade in told.trades if trade.kind == "sell"} == {"Panic button"}


def test_a_panic_in_a_thin_market_goes_on_until_all_is_sold() -> None:
    told = Told(quotes={"*": {"depth": 0.001}})
    for _ in range(10):
        told.order("buy", "ETH", "0.2")
        told.wait(MINUTE)
    held = sum(position.amount for position in told.state.positions)
    assert held == 2
    told("panic")
    assert told.state.positions
    told.wait(30 * MINUTE)
    assert told.state.positions == ()


def test_a_panic_may_be_delayed() -> None:
    told = with_positions("0.5")
    told("panic", delay=5000)
    assert not told.state.is_panicking
    assert told.wait(4000).positions
    assert told.wait(1000).positions == ()
    assert told.state.is_panicking


def test_a_panic_may_sell_only_a_share_of_the_positions() -> None:
    told = with_positions("0.1", "0.2", "0.3", "0.4")
    told("panic", share=0.5)
    assert [position.amount for position in told.state.positions] == [Decimal("0.3"), Decimal("0.4")]
    assert told.state.is_panicking
    told.wait(DAY)
    assert len(told.state.positions) == 2


def test_a_share_of_a_single_position_is_a_part_of_it() -> None:
    told = with_positions("0.4")
    told("sell", share=0.25)
    assert [position.amount for position in told.state.positions] == [Decimal("0.3")]


@pytest.mark.parametrize("kind", ["panic", "sell", "hold", "deposit", "order", "config", "buying", "delete"])
@pytest.mark.parametrize("delay", [0, 2000])
def test_nothing_becomes_of_a_command_with_share_nought(kind: Kind, delay: int) -> None:
    told = with_positions("0.4")
    value = {
        "deposit": "USDT", "order": "buy ETH market Manual", "config": '{"name": "x"}', "buying": "0",
    }.get(kind, "")  # fmt: skip
    before = told.state, len(told.trades)
    told(kind, value, {"deposit": "5", "order": "0.1"}.get(kind, ""), delay, 0.0)
    told.wait(5000)
    assert (told.state, len(told.trades)) == before
    assert told.trader.buys
    assert told.trader.name != "x"


def test_a_late_command_that_has_become_impossible_is_an_entry_in_the_log() -> None:
    told = with_positions("0.4")
    told("sell", told.state.positions[0].id, delay=10_000)
    told("sell")
    told.wait(10_000)
    assert [entry.said for entry in told.trader.log if entry.is_error] == [
        f"sell: There is no such position: {told.trades[0].id}"
    ]


def test_configuration_changes_what_is_bought_from_then_on() -> None:
    plain, changed = (Told({**LIVELY, "share": "0.05"}, 10_000) for _ in range(2))
    for told in (plain, changed):
        told.wait(1000)
    changed("config", json.dumps({"perc_buy_amount": "10", "max_open_positions": "3", "name": "New"}))
    for told in (plain, changed):
        told.wait(3 * 60 * MINUTE)
    cost = [next(each.total for each in told.trades if each.at > BEGAN) for told in (plain, changed)]
    assert abs(cost[1] / cost[0] - 2) < Decimal("0.01")
    assert changed.trader.name == "New"
    most = max(len(changed.trader.state(at).positions) for at in range(changed.at - 20 * MINUTE, changed.at, 10_000))
    assert most <= 3


def first_sale(config: dict[str, str]) -> Trade:
    """Why a position of BTC is sold first under a configuration, within a month."""
    told = Told(decision=300_000)
    told("config", json.dumps(config))
    told.order("buy", "BTC", "0.05")
    while all(trade.kind == "buy" for trade in told.trades) and told.at < BEGAN + 30 * DAY:
        told.wait(DAY)
    return told.trades[-1]


NOTHING = {"stop_loss": "0", "stop_loss_trailing": "0", "set_percentage": "90", "auto_close_positions": "0"}


@pytest.mark.parametrize(
    ("config", "trigger", "least", "most"),
    [
        ({"set_percentage": "1"}, "Percentage profit", "0.7", "1.6"),
        ({"stop_loss": "1", "stop_loss_percentage": "1"}, "Stop-Loss", "-2", "-1"),
        (
            {"stop_loss_trailing": "1", "stop_loss_trailing_percentage": "0.5", "stop_loss_trailing_arm": "1.5"},
            "Trailing Stop-Loss",
            "0",
            "1.5",
        ),
        ({"auto_close_positions": "1", "auto_close_positions_time": "5"}, "Auto close", "-9", "9"),
    ],
)
def test_configuration_decides_when_a_position_is_sold(
    config: dict[str, str], trigger: str, least: str, most: str
) -> None:
    sale = first_sale({**NOTHING, **config})
    assert (sale.kind, sale.trigger) == ("sell", trigger)
    assert sale.result is not None
    assert Decimal(least) < sale.result < Decimal(most)


def test_nothing_is_sold_when_the_configuration_says_so() -> None:
    assert first_sale(NOTHING).kind == "buy"


def test_stop_buying_and_stop_selling_are_switches_of_the_configuration_too() -> None:
    told = Told()
    told("config", '{"stop_buying": "1", "stop_selling": "1"}')
    assert not told.trader.buys
    assert not told.trader.sells
    told("config", '{"stop_buying": "0", "stop_selling": "0"}')
    assert told.trader.buys
    assert told.trader.sells


def test_a_share_of_a_configuration_is_its_first_fields() -> None:
    told = Told()
    told("config", '{"set_percentage": "7", "stop_loss_percentage": "8"}', share=0.5)
    assert told.trader.config == {"set_percentage": "7"}


def test_orders_of_a_hopper_set_to_limits_rest_and_expire() -> None:
    told = Told({**LIVELY, "order_type": "limit"}, 10_000)
    told.wait(6 * 60 * MINUTE)
    topics = [entry.topic for entry in told.trader.log]
    assert topics.count("order_placed") > 3
    assert topics.count("order_cancelled") > 0
    assert {trade.kind for trade in told.trades} == {"buy", "sell"}


def test_held_positions_are_not_sold_by_rules_until_they_are_released() -> None:
    told = with_positions("0.5", take_profit=0.001, stop_loss=0.001, patience=10)
    told("hold", told.state.positions[0].id)
    told.wait(DAY)
    assert told.state.positions[0].is_held
    told("release")
    told.wait(DAY)
    assert told.state.positions == ()


def test_a_target_set_by_hand_is_kept_and_shown() -> None:
    told = Told()
    told.wait(14 * DAY)  # before a rise
    told.order("buy", "ETH", "0.5")
    told("target", "", "2")
    assert told.state.positions[0].target == 2
    told.wait(5 * DAY)
    assert told.trades[-1].trigger == "Percentage profit"
    assert 1 < (told.trades[-1].result or 0) < 3


def test_positions_merge_and_split_without_losing_what_they_cost() -> None:
    told = with_positions("0.2", "0.4")
    told("merge", "ETH")
    (merged,) = told.state.positions
    assert merged.amount == Decimal("0.6")
    told("split", merged.id)
    assert [position.amount for position in told.state.positions] == [Decimal("0.3"), Decimal("0.3")]
    told("sell")
    bought = {trade.id: trade.amount for trade in told.trades if trade.kind == "buy"}
    sold = {id_: sum(each.amount for each in told.trades if each.buy_id == id_) for id_ in bought}
    assert sold == bought


def test_coins_go_to_the_reserve_and_back() -> None:
    told = with_positions("0.2", "0.4")
    told("reserve", told.state.positions[0].id)
    assert told.state.reserved == {"ETH": Decimal("0.2")}
    told("assign", "ETH", "0.05")
    assert [position.amount for position in told.state.positions] == [Decimal("0.4"), Decimal("0.05")]
    told("unreserve", "ETH")
    assert told.state.reserved == {}
    assert told.trader.book.unassigned("ETH") == Decimal("0.15")
    told("sync", "ETH 3000.5", "0.1")
    assert (told.state.positions[-1].amount, told.state.positions[-1].rate) == (Decimal("0.1"), Decimal("3000.5"))
    told("forget", told.state.positions[-1].id)
    assert told.trader.book.unassigned("ETH") == Decimal("0.15")


def test_a_short_position_is_sold_and_bought_back_with_what_it_brought() -> None:
    told = with_positions("0.5")
    told("short")
    (short,) = told.state.shorts
    assert (short.coin, short.amount) == ("ETH", Decimal("0.5"))
    assert told.state.reserved == {"USDT": short.proceeds}
    assert told.trades[-1].is_short
    assert not told.state.positions
    told.wait(DAY)
    told("cover", short.id)
    covered = told.state
    assert covered.shorts == ()
    assert covered.reserved == {}
    (position,) = covered.positions
    price = told.price("ETH")
    assert abs(position.amount * price / short.proceeds - 1) < Decimal("0.01")


def test_a_short_position_stays_when_nobody_sells() -> None:
    told = Told({"start": "100000"}, quotes={"*": {"depth": 0.01, "restored": 86400}})
    told.order("buy", "ETH", "0.1")
    told("short")
    told.order("buy", "ETH", "12")  # more than there is
    (short,) = told.state.shorts
    told("cover", short.id)
    assert told.state.shorts == (short,)


def test_deposits_and_withdrawals_by_plan_happen_at_their_time() -> None:
    told = Told(
        commands=[
            {"hopper": ID, "after": 60, "kind": "deposit", "value": "USDT", "amount": "500.25"},
            {"hopper": ID, "at": "2025-12-01T00:02:00Z", "kind": "deposit", "value": "SOL", "amount": 3},
            {"after": 180, "kind": "deposit", "value": "SOL", "amount": "-1.5"},
            {"after": 240, "kind": "deposit", "value": "SOL", "amount": "-100"},
        ]
    )
    assert told.wait(59_000).balances == {"USDT": 10000}
    told.flows = {"USDT": Decimal("500.25")}
    assert told.wait(1000).balances == {"USDT": Decimal("10500.25")}
    told.flows["SOL"] = Decimal(3)
    assert told.wait(60_000).reserved == {"SOL": 3}
    told.flows["SOL"] = Decimal("1.5")
    assert told.wait(120_000).reserved == {"SOL": Decimal("1.5")}
    assert [entry.said for entry in told.trader.log if entry.is_error] == ["deposit: Not enough SOL"]


def test_a_reset_is_the_start_again() -> None:
    told = with_positions("0.5")
    told.order("buy", "ETH", "0.5", "0.9")
    told.world.obey(ID, Command(told.at, "reset"))
    assert told.state.balances == {"USDT": 10000}
    assert (told.state.positions, told.state.orders) == ((), ())


def test_a_hopper_may_be_created_and_deleted() -> None:
    told = Told()
    about = json.dumps({"user": "1", "name": "Late", "exchange": "kucoin", "base": "BTC", "start": "0.5", "dip": 0.001})
    told.world.obey("900002", Command(BEGAN + 1000, "create", about))
    told.world.advance(BEGAN + 2 * DAY)
    late = told.world.traders["900002"]
    assert late.trades
    assert late.trades[0].id not in {trade.id for trade in told.trades}
    assert [trader.name for trader in told.world.of("1")][-1] == "Late"
    for wrong in ("{}", "[]", '{"user": "2"}', '{"user": "1", "base": "EUR", "coins": ["LINK"]}'):
        with pytest.raises(Impossible):
            told.world.obey("900003", Command(BEGAN + 2 * DAY, "create", wrong))
    told.world.obey("900002", Command(BEGAN + 2 * DAY, "delete"))
    told.world.advance(BEGAN + 3 * DAY)
    assert [trader.hopper.id for trader in told.world.of("1")] == [ID]
    assert not any(told.world.ledger.sums().values())
    with pytest.raises(Impossible, match="There is a hopper"):
        told.world.obey("900002", Command(BEGAN + 3 * DAY, "create", about))


def test_new_trades_and_entries_are_told_once_in_the_order_of_time() -> None:
    told = Told(LIVELY, 10_000)
    told("buying", "1")
    told.wait(DAY)
    trades = [trade for _, trade in told.world.new_trades()]
    assert trades == told.trades
    entries = [entry for _, entry in told.world.new_entries()]
    assert [entry.topic for entry in entries] == ["info"] + ["on_trigger"] * (len(entries) - 1)
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
    sales = {(trade.at, trade.coin, trade.trigger) for trade in trades if trade.kind == "sell"}
    assert sales == {(entry.at, entry.coin, entry.said.partition(" sells ")[0]) for entry in entries[1:]}
    assert told.world.new_trades() == []
    assert told.world.new_entries() == []
