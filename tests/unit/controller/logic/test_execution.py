"""What fired is done once, in order, seen to be done, and told when it is not."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.logic.moves import Abandon, Patience, Retry, Standing
from controller.logic.progress import Progress, from_json, to_json
from controller.logic.requests import Call
from cryptwire.domain.hopper import Asset
from cryptwire.domain.intent import IntentState
from cryptwire.domain.rule_set import (
    Action,
    CancelOrders,
    ChangeConfig,
    Notify,
    PanicSell,
    Restore,
    SellPositions,
    Switch,
    Turn,
    Wait,
    Which,
)
from cryptwire.errors import Corrupt
from tests.unit.controller.logic.played_hopper import (
    MINUTE,
    START,
    Fault,
    Played,
    Run,
    position,
    sell_order,
    unread,
    with_positions,
)

PANIC = Action(PanicSell())
SELL_ALL = Action(SellPositions(Which.ALL))
STOP_BUYING = Action(Turn(Switch.BUYING, is_on=False))
UNKNOWN_DONE = Fault("unknown")
UNKNOWN_NOT = Fault("unknown", does=0)
CONFIG = Action(ChangeConfig({"perc_buy_amount": "5", "max_open_positions": "3"}))


def configured() -> Played:
    return Played(config={"perc_buy_amount": "10", "max_open_positions": "12", "stop_loss": "1"})


# ---- sales ----


def test_R14_buying_is_turned_off_before_everything_is_sold() -> None:
    run = Run([PANIC], with_positions("1", "2")).go()
    assert [request.call for request in run.asked()] == [Call.BUYING, Call.START_PANIC]
    assert run.kinds() == ["asks", "answered", "verified", "asks", "answered", "verified", "action-ended", "ended"]
    assert run.state is IntentState.DONE
    assert run.told() == ["rule-done"]
    assert not run.played.is_buying
    assert run.played.positions == []


def test_R14_buying_that_is_not_seen_to_be_off_is_told_and_the_sale_goes_on_after_five_seconds() -> None:
    played = with_positions("1")
    played.faults = [Fault(does=0)]
    run = Run([SELL_ALL], played).go()
    assert "buying-not-off" in run.told()
    assert played.positions == []
    assert run.state is IntentState.DONE
    asked = [record for record in run.records if record.kind == "unverified"]
    assert len(asked) == 1
    assert played.now - START < timedelta(seconds=10)


@pytest.mark.parametrize("hears", ["refused", "declined", "not-sent", "unknown"])
def test_R14_whatever_becomes_of_the_guard_the_sale_is_begun_within_seconds(hears: str) -> None:
    played = with_positions("1")
    played.faults = [Fault(hears, does=0)] * 3
    if hears in ("refused", "unknown"):
        played.faults = played.faults[:1]
    run = Run([PANIC], played).go()
    assert played.positions == []
    assert "buying-not-off" in run.told()
    assert played.now - START <= timedelta(seconds=10)


def test_R9_what_has_no_positions_sells_nothing_and_leaves_buying_as_it_is() -> None:
    run = Run([PANIC], Played()).go()
    assert run.asked() == []
    assert run.played.is_buying
    assert run.state is IntentState.DONE
    assert run.progress.results[0].reason == "no position is open"


def test_R9_held_positions_are_never_sold_so_a_panic_sells_the_others() -> None:
    played = Played([position("1"), position("2", "ETH", is_held=True)])
    run = Run([PANIC], played).go()
    assert [request.call for request in run.asked()] == [Call.BUYING, Call.SELL]
    assert run.asked()[1].ids == ("1",)
    assert [each.id for each in played.positions] == ["2"]
    assert run.state is IntentState.DONE


@pytest.mark.parametrize(("which", "sold"), [(Which.LOSING, ["1"]), (Which.WINNING, ["2"])], ids=lambda each: str(each))
def test_what_loses_or_wins_is_told_by_fresh_prices(which: Which, sold: list[str]) -> None:
    played = Played([position("1", "AAA"), position("2", "BBB"), position("3", "CCC")])
    prices = {"AAA": 90, "BBB": 110, "CCC": 100}
    played.prices = {(Asset(coin), Asset("USDT")): Decimal(price) for coin, price in prices.items()}
    Run([Action(SellPositions(which))], played).go()
    assert played.gone == sold


def test_R3_without_a_fresh_price_nothing_is_taken_for_a_loss() -> None:
    run = Run([Action(SellPositions(Which.LOSING))], Played([position("1", "AAA")])).go()
    assert run.asked() == []
    assert run.state is IntentState.FAILED
    assert "AAA" in run.progress.results[0].reason


def test_coins_alone_are_sold_and_buying_goes_on() -> None:
    played = Played([position("1", "AAA"), position("2", "BBB")])
    run = Run([Action(SellPositions(Which.COINS, (Asset("BBB"),)))], played).go()
    assert [request.call for request in run.asked()] == [Call.SELL]
    assert played.gone == ["2"]
    assert played.is_buying


def test_R13_an_order_that_was_placed_is_an_effect_and_one_of_before_is_none() -> None:
    played = Played([position("1", "AAA")], [sell_order("9", "AAA")])
    played.faults = [Fault(), Fault(does=0)]
    played.due.append((START + timedelta(seconds=30), lambda: played.orders.append(sell_order("10", "AAA"))))
    run = Run([SELL_ALL], played).go()
    assert run.state is IntentState.DONE
    assert len(run.asked()) == 2
    assert played.now - START > timedelta(seconds=30)


def test_more_positions_than_one_request_names_are_sold_in_several() -> None:
    played = Played([position(str(number), f"C{number}") for number in range(1, 601)])
    run = Run([SELL_ALL], played).go()
    assert [len(request.ids) for request in run.asked()[1:]] == [500, 100]
    assert played.positions == []


# ---- what may go wrong ----


def test_R11_what_is_unknown_is_read_back_and_not_sent_again() -> None:
    played = with_positions("1")
    played.faults = [Fault(), UNKNOWN_DONE]
    run = Run([PANIC], played).go()
    assert [request.call for request in run.asked()] == [Call.BUYING, Call.START_PANIC]
    assert run.state is IntentState.DONE
    assert played.twice == []


def test_R13_a_new_attempt_comes_only_after_a_snapshot_without_effect_past_two_refreshes_and_a_minute() -> None:
    played = with_positions("1", "2")
    played.faults = [Fault(), UNKNOWN_NOT]
    run = Run([PANIC], played).go()
    numbers = [number for number, request in played.sent if request.call is Call.START_PANIC]
    assert numbers == [2, 3]
    assert played.now - START >= 2 * MINUTE + timedelta(seconds=60)
    assert run.state is IntentState.DONE


def test_R13_an_effect_that_comes_late_is_waited_for() -> None:
    played = with_positions("1")
    played.faults = [Fault(), Fault(after=timedelta(seconds=170))]
    run = Run([PANIC], played).go()
    assert len(run.asked()) == 2
    assert run.state is IntentState.DONE


def test_R11_a_request_that_never_arrived_is_known_as_such_after_thirty_seconds_and_made_again() -> None:
    played = with_positions("1")
    played.faults = [Fault(), Fault("unknown", is_admitted=False)]
    run = Run([PANIC], played).go()
    assert run.state is IntentState.DONE
    assert timedelta(seconds=30) <= played.now - START <= timedelta(seconds=60)


def test_R15_three_attempts_then_a_person() -> None:
    played = with_positions("1")
    played.faults = [Fault(), *[Fault(does=0)] * 9]
    run = Run([PANIC, Action(Notify("sold"))], played).go()
    assert len(run.asked()) == 1 + 3
    assert run.state is IntentState.FAILED
    assert [ended.result.value for ended in run.progress.results] == ["failed", "skipped"]
    assert run.told() == ["rule-failed"]
    assert run.alarms[0].is_failure
    assert run.alarms[0].facts["changed"] == "buying was 1"


def test_R13_a_part_of_the_effect_is_asked_for_again_by_fresh_reads_and_else_partial() -> None:
    played = with_positions("1", "2", "3", "4")
    played.faults = [Fault(), Fault(does=0.5)]
    assert Run([SELL_ALL], played).go().state is IntentState.DONE
    assert [request.ids for _, request in played.sent[1:]] == [("1", "2", "3", "4"), ("3", "4")]
    assert played.twice == []

    played = with_positions("1", "2", "3", "4")
    played.faults = [Fault(), Fault(does=0.5), *[Fault(does=0)] * 5]
    run = Run([SELL_ALL], played).go()
    assert run.state is IntentState.PARTIAL
    assert run.told() == ["rule-partial"]


def test_R15_what_is_declined_for_now_is_made_again_after_the_time_to_wait() -> None:
    played = configured()
    played.faults = [Fault("declined"), Fault("declined")]
    run = Run([CONFIG], played).go()
    assert run.state is IntentState.DONE
    assert [number for number, _ in played.sent] == [1, 2, 3]
    assert played.now - START >= timedelta(seconds=4)


def test_a_token_that_is_worth_nothing_ends_it_at_once_with_an_alarm() -> None:
    played = configured()
    played.faults = [Fault("refused")]
    run = Run([CONFIG, STOP_BUYING], played).go()
    assert run.state is IntentState.FAILED
    assert len(run.asked()) == 1
    assert run.alarms[-1].facts["reason"] == "must be linked again"
    run = Run([CONFIG], Played(unread=[unread("must be linked again", is_final=True)])).go()
    assert run.state is IntentState.FAILED


def test_what_is_not_sent_is_tried_for_ten_minutes_and_told_after_one() -> None:
    played = configured()
    played.faults = [Fault("not-sent")] * 8
    run = Run([CONFIG], played).go()
    assert run.state is IntentState.DONE
    assert run.told() == ["rule-delayed", "rule-done"]
    assert len(played.sent) == 1

    played = configured()
    played.faults = [Fault("not-sent")] * 100
    run = Run([CONFIG], played).go()
    assert run.state is IntentState.FAILED
    assert timedelta(minutes=10) <= played.now - START <= timedelta(minutes=11)
    assert played.sent == []


def test_what_cannot_be_read_is_not_acted_on() -> None:
    played = with_positions("1")
    played.unread = [unread()] * 5
    run = Run([PANIC], played).go()
    assert run.state is IntentState.DONE
    played = with_positions("1")
    played.unread = [unread()] * 100
    run = Run([PANIC], played).go()
    assert run.state is IntentState.FAILED
    assert played.sent == []


def test_R13_what_cannot_be_read_back_is_no_success() -> None:
    played = configured()
    played.faults, played.is_blind_after = [Fault(does=0)], True
    run = Run([CONFIG], played).go()
    assert run.state is IntentState.FAILED
    assert len(played.sent) == 1
    assert "read back" in run.progress.results[0].reason


# ---- before anything is sent ----


@pytest.mark.parametrize("obstacle", ["the kill switch is on: user", "the rule set was changed since it fired"])
def test_R9_R23_an_obstacle_keeps_everything_from_being_sent(obstacle: str) -> None:
    played = with_positions("1")
    played.standing = Standing(obstacle=obstacle)
    run = Run([Action(PanicSell(), may_fail=True), STOP_BUYING], played).go()
    assert played.sent == []
    assert run.state is IntentState.FAILED
    assert run.alarms[0].facts["reason"] == obstacle


def test_R23_the_gateway_that_says_switched_off_ends_it_all() -> None:
    played = with_positions("1")
    played.faults = [Fault("switched-off")]
    run = Run([PANIC, STOP_BUYING], played).go()
    assert run.state is IntentState.FAILED
    assert played.sent == []


def test_R12_who_is_fenced_does_nothing_more_and_leaves_it_open() -> None:
    played = with_positions("1")
    played.standing = Standing(is_lost=True)
    run = Run([PANIC], played).go()
    assert run.is_lost
    assert run.state is IntentState.OPEN
    assert played.sent == []
    played = with_positions("1")
    played.faults = [Fault("lost")]
    run = Run([PANIC], played).go()
    assert run.is_lost
    assert run.state is IntentState.OPEN


def test_R9_a_disabled_hopper_sells_nothing_unless_the_rule_set_disabled_it() -> None:
    played = with_positions("1")
    played.is_enabled = False
    assert Run([PANIC], played).go().state is IntentState.FAILED
    played = with_positions("1")
    run = Run([Action(Turn(Switch.HOPPER, is_on=False)), PANIC], played).go()
    assert run.state is IntentState.DONE
    assert played.positions == []


# ---- sequences ----


def test_R14_a_failed_action_stops_the_rest_unless_it_may_fail() -> None:
    played = configured()
    played.faults = [Fault("refused")]
    run = Run([CONFIG, STOP_BUYING], played).go()
    assert played.is_buying
    played = configured()
    played.faults = [Fault("refused")]
    run = Run([Action(CONFIG.deed, may_fail=True), STOP_BUYING], played).go()
    assert not played.is_buying
    assert run.state is IntentState.PARTIAL


def test_R27_only_fields_that_differ_are_sent_and_lists_and_numbers_are_compared_as_such() -> None:
    played = Played(config={"a": "5.0", "b": '["BTC","ETH"]', "c": "1"})
    wanted = Action(ChangeConfig({"a": "5", "b": '["ETH", "BTC"]', "c": "2"}))
    run = Run([wanted], played).go()
    assert [dict(request.changes) for request in run.asked()] == [{"c": "2"}]
    assert Run([wanted], played).go().progress.results[0].result.value == "nothing"


def test_what_was_changed_is_restored_where_it_is_still_as_it_was_left() -> None:
    played = configured()
    played.is_selling = False
    actions = [STOP_BUYING, CONFIG, Action(Wait(60)), Action(Restore())]
    run = Run(actions, played)
    played.due.append((START + timedelta(seconds=30), lambda: played.config.update(max_open_positions="7")))
    run.go()
    assert run.state is IntentState.DONE
    assert played.is_buying
    assert not played.is_selling
    assert played.config == {"perc_buy_amount": "10", "max_open_positions": "7", "stop_loss": "1"}
    assert played.now - START >= timedelta(seconds=60)
    assert run.progress.noted == {}


def test_the_guard_of_a_sale_is_restored_too() -> None:
    played = with_positions("1")
    run = Run([SELL_ALL, Action(Restore())], played).go()
    assert run.state is IntentState.DONE
    assert played.is_buying


def test_a_restore_of_nothing_is_nothing() -> None:
    run = Run([Action(Restore())], Played()).go()
    assert run.progress.results[0].result.value == "nothing"


def test_orders_are_cancelled_and_a_new_one_is_nobodys_business() -> None:
    played = Played(orders=[sell_order("1"), sell_order("2")])
    played.faults = [Fault(does=0.5)]
    run = Run([Action(CancelOrders())], played).go()
    assert run.state is IntentState.DONE
    assert [request.ids for request in run.asked()] == [("1", "2"), ("2",)]


def test_a_notice_is_told_and_a_wait_is_waited() -> None:
    run = Run([Action(Notify("hello")), Action(Wait(3600))], Played()).go()
    assert run.alarms[0].facts == {"text": "hello"}
    assert run.played.now == START + timedelta(hours=1)


# ---- people ----


def test_R13_a_person_may_try_again_with_the_next_number_or_abandon() -> None:
    played = with_positions("1")
    played.faults = [Fault(), *[Fault(does=0)] * 3]
    run = Run([Action(Notify("first")), PANIC, STOP_BUYING], played).go()
    assert [ended.result.value for ended in run.progress.results] == ["done", "failed", "skipped"]
    sent = len(played.sent)
    run.go(Retry("user"))
    assert [number for number, _ in played.sent] == list(range(1, sent + 2))
    assert run.told().count("rule-says") == 1
    assert "retried" in run.kinds()
    assert run.go(Retry("user")).state is IntentState.DONE

    played = with_positions("1")
    played.faults = [Fault("refused"), Fault("refused")]
    run = Run([PANIC], played).go()
    assert run.go(Abandon("user")).state is IntentState.ABANDONED
    assert run.go(Retry("user")).state is IntentState.ABANDONED


# ---- shadow ----


def test_R22_in_shadow_everything_is_planned_and_recorded_and_nothing_sent_told_or_waited_for() -> None:
    played = with_positions("1", "2")
    actions = [PANIC, Action(Notify("x")), Action(Wait(3600)), CONFIG, Action(Restore())]
    played.config = {"perc_buy_amount": "10", "max_open_positions": "12"}
    run = Run(actions, played, is_shadow=True).go()
    assert played.sent == []
    assert run.alarms == []
    assert played.now == START
    would = [record.body["call"] for record in run.records if record.kind == "would-ask"]
    assert would[:3] == ["SetBuying", "StartPanic", "ChangeConfig"]
    assert run.state is IntentState.DONE


# ---- progress ----


def test_progress_is_read_strictly() -> None:
    good = to_json(Progress())
    assert from_json(good) == Progress()
    for broken in (
        {},
        {**good, "more": 1},
        {**good, "number": -1},
        {**good, "number": True},
        {**good, "phase": "x"},
        {**good, "asked_at": 5},
        {**good, "noted": [["a"]]},
        {name: value for name, value in good.items() if name != "alarms"},
    ):
        with pytest.raises(Corrupt):
            from_json(broken)


faults = st.builds(
    Fault,
    st.sampled_from(["answered", "answered", "declined", "not-sent", "unknown", "refused"]),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.sampled_from([timedelta(0), timedelta(seconds=3), timedelta(seconds=100)]),
    st.booleans(),
)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(faults, max_size=12),
    st.lists(st.integers(1, 160), max_size=12),
    st.integers(0, 5),
    st.sampled_from(
        [
            [PANIC],
            [SELL_ALL, Action(Restore())],
            [CONFIG, Action(Wait(100)), Action(Restore())],
            [Action(CancelOrders(), may_fail=True), PANIC, Action(Turn(Switch.HOPPER, is_on=False))],
        ]
    ),
)
def test_R11_R15_R16_whatever_happens_and_whoever_is_killed_each_number_goes_out_once_and_nothing_is_sold_twice(
    wrong: list[Fault], kills: list[int], count: int, actions: list[Action]
) -> None:
    """Faults in any order, kills before and after each step: an end comes, and the end tells the truth."""
    played = configured()
    played.positions = [position(str(number), f"C{number}") for number in range(count)]
    played.orders = [sell_order("77", "XRP")]
    played.faults = [
        fault if fault.hears == "unknown" else Fault(fault.hears, fault.does, fault.after) for fault in wrong
    ]
    run = Run(actions, played, Patience(settle=timedelta(seconds=60))).go(kills=kills)
    numbers = [number for number, _ in played.sent]
    assert len(set(numbers)) == len(numbers)
    assert played.twice == []
    assert run.state.is_over
    sells = [action for action in actions if isinstance(action.deed, PanicSell | SellPositions)]
    if run.state is IntentState.DONE and sells:
        assert played.positions == []
    if not run.state.is_over or run.state in (IntentState.FAILED, IntentState.PARTIAL):
        assert any(alarm.is_failure for alarm in run.alarms)
    per_part: dict[Call, int] = {}
    for _, request in played.sent:
        per_part[request.call] = per_part.get(request.call, 0) + 1
    assert all(number <= 6 for number in per_part.values())
