"""What a sale asks of the gateway: in which parts, after which looks, of which positions; and why it asks nothing."""

from collections.abc import Mapping
from decimal import Decimal

import pytest

from controller.logic.requests import (
    MOST_IDS,
    Ask,
    Call,
    Cannot,
    Look,
    Noted,
    Nothing,
    Part,
    Plan,
    Request,
    Seen,
    looks_of,
    parts_of,
    plan,
)
from cryptwire.domain.account import Order, Position
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, LinkedHopper, UserId
from cryptwire.domain.rule_set import (
    CancelOrders,
    ChangeConfig,
    Deed,
    Notify,
    PanicSell,
    Restore,
    SellPositions,
    Switch,
    Turn,
    Wait,
    Which,
)
from tests.unit.controller.logic.played_hopper import MINUTE, START, position, sell_order

USDT = Asset("USDT")
PANIC, ALL = PanicSell(), SellPositions(Which.ALL)
LOSING, WINNING = SellPositions(Which.LOSING), SellPositions(Which.WINNING)
STOP_BUYING = Turn(Switch.BUYING, is_on=False)
GUARD = Part(STOP_BUYING, is_guard=True)


def seen(
    *positions: Position,
    orders: tuple[Order, ...] = (),
    prices: Mapping[str, float] | None = None,
    config: Mapping[str, str] | None = None,
    is_enabled: bool = True,
    is_buying: bool = True,
    is_selling: bool = True,
) -> Seen:
    """What upstream shows; ``prices``: of coins, in USDT."""
    hopper = Hopper(HopperId("1"), UserId("u"), "Main", Exchange("binance"), USDT, False, MINUTE)
    linked = LinkedHopper(hopper, is_enabled, "pro", None, None, is_buying, is_selling)
    told = None if prices is None else {(Asset(coin), USDT): Decimal(str(price)) for coin, price in prices.items()}
    return Seen(START, linked, positions, orders, config, told)


def planned(deed: Deed, now: Seen, part: Part | None = None, *, was_disabled_by_us: bool = False) -> Plan:
    return plan(deed, part or Part(deed), now, was_disabled_by_us=was_disabled_by_us)


# ---- parts, and what is read for them ----


@pytest.mark.parametrize("deed", [PANIC, ALL, PanicSell(is_market=False), SellPositions(Which.ALL, is_market=False)])
def test_R14_before_everything_is_sold_buying_is_turned_off(deed: Deed) -> None:
    assert parts_of(deed, {}) == (GUARD, Part(deed))


@pytest.mark.parametrize(
    "deed",
    [
        LOSING,
        WINNING,
        SellPositions(Which.COINS, (Asset("BTC"),)),
        STOP_BUYING,
        ChangeConfig({"a": "1"}),
        CancelOrders(),
        Notify("x"),
        Wait(1),
    ],
    ids=str,
)
def test_everything_else_is_one_part_and_leaves_buying_as_it_is(deed: Deed) -> None:
    (part,) = parts_of(deed, {})
    assert part == Part(deed)
    assert not part.is_guard
    assert part.left is None


def test_what_is_restored_is_set_back_latest_first_and_all_fields_at_once() -> None:
    noted = {
        "buying": Noted("1", "0"),
        "config.amount": Noted("10", "5"),
        "selling": Noted("0", "1"),
        "config.config.most": Noted("12", "3"),
        "hopper": Noted("1", "0"),
    }
    assert parts_of(Restore(), noted) == (
        Part(Turn(Switch.HOPPER, is_on=True), left={"hopper": "0"}),
        Part(ChangeConfig({"amount": "10", "config.most": "12"}), left={"amount": "5", "config.most": "3"}),
        Part(Turn(Switch.SELLING, is_on=False), left={"selling": "1"}),
        Part(Turn(Switch.BUYING, is_on=True), left={"buying": "0"}),
    )


def test_where_no_field_was_changed_none_is_set_back() -> None:
    assert parts_of(Restore(), {}) == ()
    assert parts_of(Restore(), {"buying": Noted("1", "0")}) == (
        Part(Turn(Switch.BUYING, is_on=True), left={"buying": "0"}),
    )


@pytest.mark.parametrize(
    ("deed", "looks"),
    [
        (PANIC, (Look.POSITIONS, Look.ORDERS)),
        (ALL, (Look.POSITIONS, Look.ORDERS)),
        (SellPositions(Which.COINS, (Asset("BTC"),)), (Look.POSITIONS, Look.ORDERS)),
        (LOSING, (Look.POSITIONS, Look.ORDERS, Look.PRICES)),
        (WINNING, (Look.POSITIONS, Look.ORDERS, Look.PRICES)),
        (CancelOrders(), (Look.ORDERS,)),
        (ChangeConfig({"a": "1"}), (Look.CONFIG,)),
        (STOP_BUYING, ()),
        (Notify("x"), ()),
    ],
    ids=str,
)
def test_no_more_is_read_than_an_action_is_planned_by(deed: Deed, looks: tuple[Look, ...]) -> None:
    assert looks_of(deed, Part(deed)) == set(looks)


def test_the_guard_of_a_sale_and_a_part_of_a_restore_are_planned_by_both() -> None:
    assert looks_of(ALL, GUARD) == {Look.POSITIONS, Look.ORDERS}
    assert looks_of(Restore(), Part(ChangeConfig({"a": "1"}), left={"a": "2"})) == {Look.CONFIG}
    assert looks_of(Restore(), Part(STOP_BUYING)) == frozenset()


# ---- sales ----

TWO = (position("1", "AAA"), position("2", "BBB"))
HELD = position("3", "CCC", is_held=True)


@pytest.mark.parametrize("is_market", [True, False])
def test_a_panic_names_all_that_shall_go_and_the_orders_of_before(is_market: bool) -> None:
    now = seen(*TWO, orders=(sell_order("8"), sell_order("9")))
    assert planned(PanicSell(is_market), now) == Ask(
        Request(Call.START_PANIC, ("1", "2"), ("AAA", "BBB"), ("8", "9"), is_market=is_market)
    )


@pytest.mark.parametrize("is_market", [True, False])
def test_R9_a_panic_beside_held_positions_is_a_sale_of_the_others(is_market: bool) -> None:
    now = seen(*TWO, HELD, orders=(sell_order("9"),))
    assert planned(PanicSell(is_market), now) == Ask(
        Request(Call.SELL, ("1", "2"), ("AAA", "BBB"), ("9",), is_market=is_market)
    )


@pytest.mark.parametrize("is_market", [True, False])
def test_a_sale_names_what_is_sold_and_the_orders_of_before(is_market: bool) -> None:
    now = seen(*TWO, HELD, orders=(sell_order("9"),))
    assert planned(SellPositions(Which.ALL, is_market=is_market), now) == Ask(
        Request(Call.SELL, ("1", "2"), ("AAA", "BBB"), ("9",), is_market=is_market)
    )


def test_a_sale_says_to_turn_nothing_on_and_notes_nothing() -> None:
    asked = planned(ALL, seen(*TWO))
    assert isinstance(asked, Ask)
    assert not asked.request.is_on
    assert asked.notes == {}


def test_a_sale_names_five_hundred_at_most_a_panic_all() -> None:
    now = seen(*(position(str(each), "BTC") for each in range(MOST_IDS + 1)))
    sale, panic = planned(ALL, now), planned(PANIC, now)
    assert isinstance(sale, Ask)
    assert isinstance(panic, Ask)
    assert (len(sale.request.ids), len(sale.request.coins)) == (500, 500)
    assert (sale.request.ids[0], sale.request.ids[-1]) == ("0", "499")
    assert len(panic.request.ids) == len(panic.request.coins) == 501


def test_coins_that_are_named_are_sold_and_never_held_ones() -> None:
    coins = SellPositions(Which.COINS, (Asset("BBB"), Asset("CCC")))
    asked = planned(coins, seen(*TWO, HELD))
    assert isinstance(asked, Ask)
    assert asked.request.ids == ("2",)


def prices(**more: float) -> Seen:
    """Of each coin 1 was bought for 100 USDT."""
    coins = ("AAA", "BBB", "CCC")
    return seen(*(position(str(number), coin) for number, coin in enumerate(coins, 1)), prices=more)


@pytest.mark.parametrize(
    ("deed", "now", "ids"),
    [
        (LOSING, prices(AAA=99.99, BBB=100, CCC=100.01), ("1",)),
        (WINNING, prices(AAA=99.99, BBB=100, CCC=100.01), ("3",)),
        (LOSING, prices(AAA=90, CCC=80), ("1", "3")),
        (WINNING, prices(BBB=101), ("2",)),
        (WINNING, prices(AAA=100.5, BBB=101), ("1", "2")),
        (LOSING, prices(AAA=99.5), ("1",)),
    ],
)
def test_a_position_wins_or_loses_by_what_it_is_worth_less_what_it_cost(
    deed: Deed, now: Seen, ids: tuple[str, ...]
) -> None:
    asked = planned(deed, now)
    assert isinstance(asked, Ask)
    assert asked.request.ids == ids


def test_the_price_of_another_market_is_none_of_the_position() -> None:
    now = seen(position("1", "AAA"), prices={"USDT": 50})
    assert planned(LOSING, now) == Cannot("no fresh price of AAA says whether it wins or loses")


@pytest.mark.parametrize(
    ("deed", "now", "ends"),
    [
        (PANIC, seen(), Nothing("no position is open", is_whole=True)),
        (ALL, seen(), Nothing("no position is open", is_whole=True)),
        (PANIC, seen(HELD), Nothing("there is no such position but such as are held back", is_whole=True)),
        (ALL, seen(HELD), Nothing("there is no such position but such as are held back", is_whole=True)),
        (
            SellPositions(Which.COINS, (Asset("CCC"),)),
            seen(*TWO, HELD),
            Nothing("there is no such position but such as are held back", is_whole=True),
        ),
        (
            SellPositions(Which.COINS, (Asset("XRP"),)),
            seen(*TWO, HELD),
            Nothing("there is no such position", is_whole=True),
        ),
        (
            WINNING,
            prices(AAA=90, BBB=90, CCC=100),
            Nothing("there is no such position", is_whole=True),
        ),
        (LOSING, prices(), Cannot("no fresh price of AAA, BBB, CCC says whether it wins or loses")),
        (LOSING, seen(*TWO), Cannot("no fresh price of AAA, BBB says whether it wins or loses")),
        (LOSING, prices(AAA=110, CCC=120), Cannot("no fresh price of BBB says whether it wins or loses")),
    ],
)
def test_a_sale_of_nothing_says_why(deed: Deed, now: Seen, ends: Plan) -> None:
    assert planned(deed, now) == ends


def test_coins_without_a_price_are_named_once_in_their_order_and_not_without_end() -> None:
    now = seen(position("1", "ZZZ"), position("2", "AAA"), position("3", "ZZZ"), prices={})
    assert planned(LOSING, now) == Cannot("no fresh price of AAA, ZZZ says whether it wins or loses")
    many = [f"{number:03}" for number in range(100)]
    now = seen(*(position(each, each) for each in many), prices={})
    assert planned(LOSING, now) == Cannot(f"no fresh price of {', '.join(many)[:200]} says whether it wins or loses")


@pytest.mark.parametrize(
    ("deed", "now", "ends"),
    [
        (PANIC, seen(), Nothing("no position is open", is_whole=True)),
        (ALL, seen(HELD), Nothing("there is no such position but such as are held back", is_whole=True)),
    ],
)
def test_R14_where_nothing_is_sold_buying_is_not_turned_off_for_it(deed: Deed, now: Seen, ends: Plan) -> None:
    assert planned(deed, now, GUARD) == ends


@pytest.mark.parametrize("deed", [PANIC, ALL])
def test_R14_before_a_sale_buying_is_turned_off_and_how_it_was_is_noted(deed: Deed) -> None:
    assert planned(deed, seen(*TWO), GUARD) == Ask(Request(Call.BUYING, is_on=False), {"buying": Noted("1", "0")})
    assert planned(deed, seen(*TWO, is_buying=False), GUARD) == Nothing("buying is off already")


def test_R9_a_disabled_hopper_sells_only_for_the_rule_set_that_disabled_it() -> None:
    now = seen(*TWO, is_enabled=False)
    for deed in (PANIC, ALL):
        assert planned(deed, now) == planned(deed, now, GUARD) == Cannot("the hopper is disabled")
        assert isinstance(planned(deed, now, was_disabled_by_us=True), Ask)
        assert isinstance(planned(deed, seen(*TWO), was_disabled_by_us=True), Ask)
    assert isinstance(planned(STOP_BUYING, now), Ask)
    assert isinstance(planned(CancelOrders(), seen(orders=(sell_order("9"),), is_enabled=False)), Ask)
