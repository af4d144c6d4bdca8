"""What is asked of switches, fields and orders; when an effect is seen; and which values of a field are the same."""

from datetime import timedelta

import pytest

from controller.logic.requests import (
    MOST_IDS,
    Ask,
    Call,
    Cannot,
    Noted,
    Nothing,
    Part,
    Plan,
    Request,
    Seen,
    deadline,
    is_same,
    is_turned_on,
    plan,
    unseen,
)
from cryptwire.domain.account import Order
from cryptwire.domain.hopper import Asset
from cryptwire.domain.rule_set import CancelOrders, ChangeConfig, Deed, Notify, Restore, Switch, Turn, Wait
from cryptwire.domain.trade import Side
from tests.unit.controller.logic.played_hopper import MINUTE, position, sell_order
from tests.unit.controller.logic.test_requests import seen

CONFIG = {"amount": "10", "most": "12", "coins": '["BTC","ETH"]'}


def planned(deed: Deed, now: Seen, left: dict[str, str] | None = None) -> Plan:
    """``left``: it is restored, and must still be so."""
    of = deed if left is None else Restore()
    return plan(of, Part(deed, left=left), now, was_disabled_by_us=False)


# ---- switches ----

CALLS = {Switch.HOPPER: Call.HOPPER, Switch.BUYING: Call.BUYING, Switch.SELLING: Call.SELLING}


def off(switch: Switch) -> Seen:
    """All but this one is turned on."""
    return seen(
        is_enabled=switch is not Switch.HOPPER,
        is_buying=switch is not Switch.BUYING,
        is_selling=switch is not Switch.SELLING,
    )


@pytest.mark.parametrize("switch", Switch)
def test_each_switch_is_read_by_itself(switch: Switch) -> None:
    assert {each: is_turned_on(off(switch).hopper, each) for each in Switch} == {
        each: each is not switch for each in Switch
    }


@pytest.mark.parametrize("switch", Switch)
def test_a_switch_is_turned_and_how_it_was_is_noted(switch: Switch) -> None:
    on, turned_off = seen(), off(switch)
    assert planned(Turn(switch, is_on=False), on) == Ask(
        Request(CALLS[switch], is_on=False), {switch.value: Noted("1", "0")}
    )
    assert planned(Turn(switch, is_on=True), turned_off) == Ask(
        Request(CALLS[switch], is_on=True), {switch.value: Noted("0", "1")}
    )
    assert planned(Turn(switch, is_on=True), on) == Nothing(f"{switch.value} is on already")
    assert planned(Turn(switch, is_on=False), turned_off) == Nothing(f"{switch.value} is off already")


def test_a_switch_that_somebody_turned_since_is_not_turned_back() -> None:
    """It was off, the rule set turned it on, somebody turned it off: then it is as it was."""
    assert planned(Turn(Switch.BUYING, is_on=True), seen(is_buying=False), {"buying": "0"}) == Ask(
        Request(Call.BUYING, is_on=True), {"buying": Noted("0", "1")}
    )
    assert planned(Turn(Switch.BUYING, is_on=True), seen(), {"buying": "0"}) == Nothing("buying is on already")
    assert planned(Turn(Switch.BUYING, is_on=True), seen(is_buying=False), {"buying": "1"}) == Nothing(
        "buying is not as it was left"
    )
    assert planned(Turn(Switch.BUYING, is_on=False), seen(), {"buying": "1"}) == Ask(
        Request(Call.BUYING, is_on=False), {"buying": Noted("1", "0")}
    )


# ---- fields ----


def test_R27_of_the_fields_those_that_differ_are_sent_and_noted() -> None:
    changes = ChangeConfig({"amount": "5", "most": "12.0", "coins": '["ETH", "BTC"]'})
    assert planned(changes, seen(config=CONFIG)) == Ask(
        Request(Call.CONFIG, changes={"amount": "5"}), {"config.amount": Noted("10", "5")}
    )


def test_R27_fields_that_are_so_already_are_nothing_to_do() -> None:
    assert planned(ChangeConfig({"amount": "10.00"}), seen(config=CONFIG)) == Nothing("the configuration is so already")


def test_what_is_set_back_is_what_is_still_as_it_was_left() -> None:
    back = ChangeConfig({"amount": "20", "most": "30"})
    assert planned(back, seen(config=CONFIG), {"amount": "10.0", "most": "11"}) == Ask(
        Request(Call.CONFIG, changes={"amount": "20"}), {"config.amount": Noted("10", "20")}
    )
    assert planned(back, seen(config=CONFIG), {"amount": "9", "most": "11"}) == Nothing("nothing is as it was left")
    assert planned(ChangeConfig({"amount": "10"}), seen(config=CONFIG), {"amount": "10"}) == Nothing(
        "nothing is as it was left"
    )


def test_a_field_that_is_not_there_is_not_set_since_it_could_not_be_set_back() -> None:
    changes = ChangeConfig({"zeta": "1", "amount": "5", "alpha": "2"})
    assert planned(changes, seen(config=CONFIG)) == Cannot(
        "the configuration has no field alpha, zeta: how it was could not be noted"
    )
    names = [f"field_{number:02}" for number in range(50)]
    changes = ChangeConfig(dict.fromkeys(names, "1"))
    assert planned(changes, seen(config=CONFIG)) == Cannot(
        f"the configuration has no field {', '.join(names)[:200]}: how it was could not be noted"
    )


# ---- orders ----


def test_open_orders_are_cancelled_five_hundred_at_most() -> None:
    orders = tuple(sell_order(str(number)) for number in range(MOST_IDS + 1))
    assert planned(CancelOrders(), seen(orders=orders[:2])) == Ask(Request(Call.CANCEL, ("0", "1")))
    assert planned(CancelOrders(), seen(orders=orders)) == Ask(
        Request(Call.CANCEL, tuple(str(number) for number in range(500)))
    )
    assert planned(CancelOrders(), seen()) == Nothing("no order is open")


@pytest.mark.parametrize(("deed", "name"), [(Notify("x"), "Notify"), (Wait(1), "Wait"), (Restore(), "Restore")])
def test_what_is_no_request_is_not_planned(deed: Deed, name: str) -> None:
    with pytest.raises(AssertionError, match=f"^{name} asks nothing$"):
        planned(deed, seen())


# ---- the effect ----


def buy_order(id_: str, base: str) -> Order:
    return Order(id_, Asset(base), Asset("USDT"), Side.BUY, True, sell_order("0").quantity, None, "", None)


SALE = ("1", "2", "3"), ("AAA", "BBB", "AAA"), ("9",)
THERE = tuple(position(id_, coin) for id_, coin in zip(SALE[0], SALE[1], strict=True))


@pytest.mark.parametrize("call", [Call.SELL, Call.START_PANIC])
@pytest.mark.parametrize(
    ("now", "left"),
    [
        (seen(*THERE), ("1", "2", "3")),
        (seen(), ()),
        (seen(THERE[1]), ("2",)),
        (seen(*THERE, orders=(sell_order("10", "AAA"),)), ("2",)),
        (seen(*THERE, orders=(sell_order("10", "AAA"), sell_order("11", "BBB"))), ()),
        (seen(*THERE, orders=(sell_order("9", "AAA"),)), ("1", "2", "3")),  # it was there before
        (seen(*THERE, orders=(buy_order("10", "AAA"),)), ("1", "2", "3")),
        (seen(position("4", "AAA")), ()),  # bought since: nobody asked to sell it
    ],
)
def test_R13_a_sale_is_seen_when_its_position_is_gone_or_a_new_order_sells_its_coin(
    call: Call, now: Seen, left: tuple[str, ...]
) -> None:
    assert unseen(Request(call, *SALE), now) == left


def test_a_sale_whose_coins_are_not_its_positions_is_never_taken_for_done() -> None:
    with pytest.raises(ValueError, match="shorter"):
        unseen(Request(Call.SELL, ("1", "2"), ("AAA",)), seen(position("2", "AAA")))


def test_R13_a_cancelled_order_is_seen_to_be_gone() -> None:
    asked = Request(Call.CANCEL, ("1", "2"))
    assert unseen(asked, seen(orders=(sell_order("2"), sell_order("3")))) == ("2",)
    assert unseen(asked, seen(orders=(sell_order("3"),))) == ()


def test_R13_a_field_is_seen_when_its_value_is_the_same_however_it_is_written() -> None:
    asked = Request(Call.CONFIG, changes={"amount": "5", "most": "3"})
    assert unseen(asked, seen(config={"amount": "5.0", "most": "12"})) == ("most",)
    assert unseen(asked, seen(config={"amount": "5.0", "most": "3", "more": "1"})) == ()
    assert unseen(asked, seen()) == ("amount", "most")  # it was not read


@pytest.mark.parametrize("switch", Switch)
def test_R13_a_switch_is_seen_as_it_stands(switch: Switch) -> None:
    on, turned_off = seen(), off(switch)
    assert unseen(Request(CALLS[switch], is_on=True), on) == ()
    assert unseen(Request(CALLS[switch], is_on=False), turned_off) == ()
    assert unseen(Request(CALLS[switch], is_on=True), turned_off) == (switch.value,)
    assert unseen(Request(CALLS[switch], is_on=False), on) == (switch.value,)


def test_R13_an_effect_may_take_two_refreshes_and_the_time_to_settle() -> None:
    assert deadline(seen(), timedelta(seconds=60)) == 2 * MINUTE + timedelta(seconds=60)
    assert deadline(seen(), timedelta(0)) == 2 * MINUTE


# ---- values ----


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ("5", "5"),
        ("5", "5.0"),
        ("0.10", ".1"),
        ("1e2", "100"),
        ("text", "text"),
        ('["BTC","ETH"]', '["ETH", "BTC"]'),
        ("[1, 2]", '["2", "1"]'),
        ("[]", "[ ]"),
        ("true", "1"),
        ("ON", "1"),
        ("Yes", "true"),
        ("1", "TRUE"),
        ("off", "0"),
        ("false", "No"),
        ("0", "FALSE"),
    ],
)
def test_R27_a_value_is_the_same_however_it_is_written(found: str, wanted: str) -> None:
    assert is_same(found, wanted)
    assert is_same(wanted, found)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ("5", "6"),
        ("5", "five"),
        ("text", "Text"),
        ("", "0"),
        ("true", "false"),
        ("on", "0"),
        ("yes", "off"),
        ('["BTC"]', '["BTC","ETH"]'),
        ('["BTC"]', "BTC"),
        ('["BTC"', '["BTC"'.replace("B", "C")),
        ("[1", "[1]"),
        ("[" * 100_000, "[1]"),
        ("on", "yes please"),
        ('["BTC"]', '{"BTC": 1}'),
        ('["B"]', '"B"'),
    ],
    ids=lambda text: text[:12],
)
def test_R27_another_value_is_another(found: str, wanted: str) -> None:
    assert is_same(found, wanted) is False
    assert is_same(wanted, found) is False


def test_R27_a_field_that_is_not_there_has_no_value() -> None:
    assert is_same(None, "") is False
    assert is_same(None, "None") is False
