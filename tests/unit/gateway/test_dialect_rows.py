"""Hoppers, balances, positions, orders, trades and log entries, in every form in which they come."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from cryptwire.domain.hopper import Asset, Exchange, HopperId, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side
from cryptwire.errors import Unavailable
from gateway import dialect
from gateway.ports import Rows

HOME = Pair(Exchange("kraken"), Asset(""), Asset("USDT"))
HOPPER = HopperId("501")
USER = UserId("u")


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ([], {}),
        ({}, {}),
        ({"BTC": "0.5", "USDT": 3, "DOGE": "", "XRP": None, "ADA": "0", "LTC": "-1"}, {"BTC": "0.5", "USDT": "3"}),
        ({"btc": "1", "BTC": "2"}, {"BTC": "3"}),
    ],
)
def test_assets(said: object, found: dict[str, str]) -> None:
    assert dialect.assets(said) == {name: Decimal(value) for name, value in found.items()}


@pytest.mark.parametrize("said", [None, "text", ["BTC"], {"BTC": "many"}, {"BTC": []}, {"": "1"}])
def test_assets_that_cannot_be_read_are_no_empty_balance(said: object) -> None:
    with pytest.raises(Unavailable):
        dialect.assets(said)


ROW = {"id": "7", "pair": "BTCUSDT", "currency": "BTC", "amount": "2", "rate": "10", "cost": "21", "buy_time": ""}


def test_a_position() -> None:
    (found,) = dialect.positions([ROW], HOME).rows
    assert (found.id, found.base, found.quote) == ("7", "BTC", "USDT")
    assert (found.quantity, found.rate, found.cost) == (Decimal(2), Decimal(10), Decimal(21))
    assert found.opened_at is None
    assert found.buy_id is None


@pytest.mark.parametrize(
    ("said", "found"), [("91", "91"), (91, "91"), ("0", None), (0, None), ("", None), (None, None)]
)
def test_the_trade_that_opened_a_position(said: object, found: str | None) -> None:
    assert [one.buy_id for one in dialect.positions([{**ROW, "buy_id": said}], HOME).rows] == [found]


@pytest.mark.parametrize(
    ("other", "rate", "cost"),
    [
        ({"cost": None}, 10, 20),
        ({"cost": "", "val": "22"}, 10, 22),
        ({"rate": ""}, Decimal("10.5"), 21),
        ({"rate": None, "cost": None}, 0, 0),
    ],
)
def test_rate_and_cost_stand_in_for_each_other(other: dict[str, Any], rate: Decimal, cost: Decimal) -> None:
    (found,) = dialect.positions([ROW | other], HOME).rows
    assert (found.rate, found.cost) == (rate, cost)


def test_positions_as_a_map_and_none_and_sold_ones() -> None:
    assert len(dialect.positions({"0": ROW, "3": ROW}, HOME).rows) == 2
    assert dialect.positions([], HOME).rows == ()
    assert dialect.positions([ROW | {"sold": "1"}], HOME) == Rows((), 0)
    with pytest.raises(Unavailable):
        dialect.positions(None, HOME)


@pytest.mark.parametrize("other", [{"id": None}, {"amount": ""}, {"amount": "0"}, {"pair": "", "currency": ""}])
def test_a_position_that_cannot_be_read_is_skipped_and_counted(other: dict[str, Any]) -> None:
    listed = dialect.positions([ROW | other, ROW, "x"], HOME)
    assert len(listed.rows) == 1
    assert listed.skipped == 2


TRADE = {
    "id": 12,
    "exchange": "huobi",
    "currency": "BTC",
    "pair": "BTC/USDT",
    "type": "Sell",
    "date": "2026-03-01 10:20:30",
    "amount": "2",
    "rate": "10",
    "total": "",
    "fee": "0.02",
    "result": "1.5",
    "buy_id": "11",
    "trigger_strategy": "Trailing stop loss",
    "strategy_result": [],
}


def one(**other: Any) -> Any:
    (found,) = dialect.trades({"trades": [TRADE | other]}, HOPPER, HOME).trades
    return found


def test_a_trade() -> None:
    found = one()
    assert (found.id, found.hopper, found.side) == ("12", HOPPER, Side.SELL)
    assert found.pair == Pair(Exchange("htx"), Asset("BTC"), Asset("USDT"))
    assert (found.quantity, found.rate, found.total) == (2, 10, 20)
    assert (found.fee, found.fee_currency) == (Decimal("0.02"), "USDT")
    assert (found.buy_id, found.trigger, found.result) == ("11", "Trailing stop loss", Decimal("1.5"))
    assert found.at == datetime(2026, 3, 1, 10, 20, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("other", "field", "value"),
    [
        ({"buy_id": "0"}, "buy_id", None),
        ({"buy_id": ""}, "buy_id", None),
        ({"result": ""}, "result", None),
        ({"result": "2.5%"}, "result", Decimal("2.5")),
        ({"type": "buy"}, "result", None),
        ({"trigger_strategy": None}, "trigger", None),
        ({"strategy_result": {"strategy": " MACD\n cross ", "coin": "BTC"}}, "strategy", "MACD  cross"),
        ({"strategy_result": {"strategy": "x" * 300}}, "strategy", "x" * 200),
        ({"strategy_result": ' {"strategy": "RSI"}'}, "strategy", "RSI"),
        ({"strategy_result": "{" * 10_000}, "strategy", None),
        ({"strategy_result": '{"strategy": ' + "[" * 19_000}, "strategy", None),
        ({"strategy_result": '{"strategy": "RSI", "x": "' + "y" * 20_000 + '"}'}, "strategy", None),
        ({"strategy_result": '{"strategy": ["RSI"]}'}, "strategy", None),
        ({"strategy_result": "buy"}, "strategy", None),
        ({"strategy_result": {"strategy": 7}}, "strategy", None),
        ({"strategy_result": {"coin": "BTC"}}, "strategy", None),
        ({"strategy_result": [{"strategy": "RSI"}]}, "strategy", None),
        ({"strategy_result": None}, "strategy", None),
        ({"fee": None}, "fee", Decimal(0)),
        ({"fee_currency": "bnb"}, "fee_currency", "BNB"),
        ({"rate": "", "total": "30"}, "rate", Decimal(15)),
        ({"exchange": ""}, "pair", Pair(Exchange("kraken"), Asset("BTC"), Asset("USDT"))),
    ],
)
def test_a_trade_with_holes(other: dict[str, Any], field: str, value: object) -> None:
    assert getattr(one(**other), field) == value


@pytest.mark.parametrize(
    "other",
    [
        {"id": ""},
        {"id": None},
        {"id": [1]},
        {"id": "a b"},
        {"type": "gift"},
        {"date": ""},
        {"amount": ""},
        {"rate": "", "total": ""},
        {"pair": "", "currency": ""},
    ],
)
def test_a_trade_that_cannot_be_read_is_skipped_and_counted(other: dict[str, Any]) -> None:
    page = dialect.trades({"trades": [TRADE | other, TRADE], "results": "2"}, HOPPER, HOME)
    assert (len(page.trades), page.skipped, page.length) == (1, 1, 2)


@pytest.mark.parametrize(
    ("said", "length", "is_last"),
    [
        ({"trades": [TRADE] * 500, "results": "500"}, 500, False),
        ({"trades": [TRADE] * 500, "results": 500}, 500, False),
        ({"trades": [TRADE] * 500}, 500, False),
        ({"trades": [TRADE] * 500, "results": "0"}, 500, False),
        ({"trades": [TRADE] * 20, "results": "20"}, 20, True),
        ({"trades": [], "results": "500"}, 500, True),
        ({"trades": [], "results": None}, 0, True),
        ([], 0, True),
    ],
)
def test_where_the_list_ends(said: object, length: int, is_last: bool) -> None:
    page = dialect.trades(said, HOPPER, HOME)
    assert (page.length, page.is_last) == (length, is_last)


def test_hoppers_in_three_forms() -> None:
    row = {"id": 5, "name": "A", "exchange": "okex", "base_currency": "eur", "paper_trading": 1, "plan_name": None}
    for said in ({"hoppers": [row]}, {"hoppers": {"0": row}}, [row]):
        (found,) = dialect.hoppers(said, USER)
        assert (found.hopper.id, found.hopper.exchange, found.hopper.base) == ("5", "okx", "EUR")
        assert found.hopper.is_paper
        assert not found.is_enabled
        assert (found.total, found.created_at) == (None, None)
    assert dialect.hoppers([], USER) == []
    assert dialect.hoppers([{"id": "../x"}], USER) == []
    with pytest.raises(Unavailable):
        dialect.hoppers(None, USER)


def test_an_answer_about_another_hopper_is_not_taken() -> None:
    assert dialect.hopper({"hopper": {"id": "501"}}, USER, HOPPER).hopper.id == HOPPER
    others: tuple[object, ...] = ({"hopper": {"id": "502"}}, {"hopper": []}, [], None)
    for said in others:
        with pytest.raises(Unavailable):
            dialect.hopper(said, USER, HOPPER)


# ---- what a position is told to do ----


@pytest.mark.parametrize(
    ("other", "field", "value"),
    [
        ({"percentage_profit": "2.5"}, "take_profit", Decimal("2.5")),
        ({"percentage_profit": "3%"}, "take_profit", Decimal(3)),
        ({"percentage_profit": "0"}, "take_profit", None),
        ({"percentage_profit": ""}, "take_profit", None),
        ({"stop_loss_percentage": "4"}, "stop_loss", Decimal(4)),
        ({"stop_loss_percentage": "4", "stop_loss_enabled": "1"}, "stop_loss", Decimal(4)),
        ({"stop_loss_percentage": "4", "stop_loss_enabled": "0"}, "stop_loss", None),
        ({"stop_loss_percentage": "4", "stop_loss_enabled": False}, "stop_loss", None),
        ({"stop_loss_percentage": "4", "stop_loss_enabled": ""}, "stop_loss", Decimal(4)),
        ({"trailing_percentage": "1", "trailing_stop_loss_enabled": 1}, "trailing", Decimal(1)),
        ({"trailing_percentage": "1", "trailing_stop_loss_enabled": 0}, "trailing", None),
        ({"trailing_percentage": "1", "tsl_enabled": "0"}, "trailing", None),
        ({"trailing_arm_percentage": "2", "trailing_stop_loss_enabled": "1"}, "trailing_arm", Decimal(2)),
        ({"trailing_arm_percentage": "2", "trailing_stop_loss_enabled": "0"}, "trailing_arm", None),
        ({"hold": "1"}, "is_held", True),
        ({"hold": None}, "is_held", False),
        ({"buy_trigger": "Strategy\n"}, "trigger", "Strategy"),
        ({"buy_trigger": []}, "trigger", ""),
    ],
)
def test_levels_of_a_position_are_told_where_they_are_on(other: dict[str, Any], field: str, value: object) -> None:
    (found,) = dialect.positions([ROW | other], HOME).rows
    assert getattr(found, field) == value


@pytest.mark.parametrize(
    ("said", "is_buying", "is_selling", "error"),
    [
        ({}, True, True, ""),
        ({"buying_enabled": 0, "selling_enabled": "0"}, False, False, ""),
        ({"buying_enabled": "1", "error_message": None, "config_error": "0"}, True, True, ""),
        ({"error_message": "API key expired\x00"}, True, True, "API key expired"),
        ({"error_message": False, "config_error": "No coins"}, True, True, "No coins"),
        ({"error_message": True}, True, True, "Cryptohopper tells of an error, and not of which"),
    ],
)
def test_what_a_hopper_does_and_lacks(said: dict[str, Any], is_buying: bool, is_selling: bool, error: str) -> None:
    found = dialect.hopper({"hopper": {"id": "501"} | said}, USER, HOPPER)
    assert (found.is_buying, found.is_selling, found.error) == (is_buying, is_selling, error)


# ---- reserved coins, shorts, orders, log ----


def test_reserved_coins() -> None:
    row = {
        "id": 3,
        "pair": "ETHUSDT",
        "currency": "ETH",
        "amount": "2",
        "rate": None,
        "val": "30",
        "buy_time": 1772360430,
    }
    (found,) = dialect.reserved({"4": row}, HOME).rows
    assert (found.id, found.base, found.quote) == ("3", "ETH", "USDT")
    assert (found.quantity, found.rate, found.cost) == (Decimal(2), Decimal(15), Decimal(30))
    assert found.opened_at == datetime(2026, 3, 1, 10, 20, 30, tzinfo=UTC)
    assert dialect.reserved([row | {"amount": "x"}], HOME) == Rows((), 1)
    assert dialect.reserved([], HOME) == Rows((), 0)


def test_short_positions_behind_junk() -> None:
    row = {"id": "9", "pair": "BTC-USDT", "amount": "1", "rate": "5", "hold": "1", "sell_time": "2026-03-01 10:20:30"}
    body = "stop_loss 0.000000\n" + json.dumps({"data": [row, {}]})
    listed = dialect.shorts(dialect.answer(200, body.encode(), None, datetime(2026, 1, 1, tzinfo=UTC)), HOME)
    (found,) = listed.rows
    assert (found.id, found.base, found.quote, found.is_held) == ("9", "BTC", "USDT", True)
    assert (found.quantity, found.rate, found.cost) == (Decimal(1), Decimal(5), Decimal(5))
    assert found.opened_at == datetime(2026, 3, 1, 10, 20, 30, tzinfo=UTC)
    assert listed.skipped == 1


ORDER = {"id": "8", "pair": "BTC/USDT", "order_type": "buy", "amount": "1", "rate": "5", "market_order": 0, "date": ""}


@pytest.mark.parametrize(
    ("other", "field", "value"),
    [
        ({}, "rate", Decimal(5)),
        ({}, "side", Side.BUY),
        ({"order_type": "SELL"}, "side", Side.SELL),
        ({"market_order": "1"}, "rate", None),
        ({"market_order": True}, "is_market", True),
        ({"rate": "0"}, "rate", None),
        ({"order_trigger": "Panic"}, "trigger", "Panic"),
        ({}, "opened_at", None),
        ({"open_time": "2026-03-01 10:20:30"}, "opened_at", datetime(2026, 3, 1, 10, 20, 30, tzinfo=UTC)),
        ({"date": "1772360430"}, "opened_at", datetime(2026, 3, 1, 10, 20, 30, tzinfo=UTC)),
    ],
)
def test_an_order(other: dict[str, Any], field: str, value: object) -> None:
    (found,) = dialect.orders([ORDER | other], HOME).rows
    assert getattr(found, field) == value


def test_orders_that_cannot_be_read_are_counted_and_those_that_are_done_left_out() -> None:
    listed = dialect.orders([ORDER, ORDER | {"order_type": "gift"}, ORDER | {"sold": "1"}, None], HOME)
    assert (len(listed.rows), listed.skipped) == (1, 2)


def test_a_log_is_newest_first_from_a_moment_on_whatever_its_times_are() -> None:
    said = [
        {"log_type": "info", "log_output": "old", "log_time": 1772360429},
        {"log_type": "Error", "log_output": "b\nc", "log_time": "1772360430"},
        {"log_type": None, "log_output": None, "log_time": "2026-03-01 10:20:31"},
        {"log_type": "info", "log_output": "x", "log_time": "soon"},
    ]
    since = datetime(2026, 3, 1, 10, 20, 30, tzinfo=UTC)
    for listed in (dialect.output(said, since), dialect.output({"output": said}, since)):
        assert [(entry.is_error, entry.text) for entry in listed.rows] == [(False, ""), (True, "b c")]
        assert listed.skipped == 1
    assert len(dialect.output([{"log_time": 1772360431}] * 700, since).rows) == 500
