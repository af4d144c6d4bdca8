"""A plan is the demo's, one that is written down, or one that is generated; what is wrong in it is named."""

from decimal import Decimal
from typing import Any

import pytest

from simulator.worlds.commands import Command, Effect, Wish
from simulator.worlds.demo import HOPPERS, USERS
from simulator.worlds.exchange import Quotes
from simulator.worlds.plan import demo, parsed
from tests.unit.simulator.worlds.accounts import BEGAN, DAY, MINUTE

DORA = {"id": "1", "name": "dora", "password": "dora-demo", "full_name": "Dora"}


def test_the_demo_has_its_users_and_hoppers() -> None:
    assert parsed({}) == demo()
    assert [hopper.id for hopper in demo().hoppers] == [str(1042000 + number) for number in range(1, 11)]
    assert [user.name for user in demo().users] == ["alice", "bob", "carol", "dave"]


def test_users_and_hoppers_may_be_listed() -> None:
    plan = parsed(
        {
            "users": [DORA],
            "hoppers": [
                {"id": "7", "user": "1", "base": "EUR", "start": 500, "reserved": {"BNB": "0.5"}, "share": "0.1"},
                {"id": "8", "user": "1", "exchange": "kucoin", "snapshot_seconds": 600, "order_type": "limit"},
            ],
            "quotes": {"*": {"depth": 0.5}, "kucoin:KCS/USDT": {"spread": 40}},
        }
    )
    first, second = plan.hoppers
    assert (first.start, first.share) == (Decimal(500), Decimal("0.1"))
    assert first.coins == ("BTC", "ETH", "SOL", "XRP")  # all with a pair
    assert first.reserved == (("BNB", Decimal("0.5")),)
    assert [hopper.plan_name for hopper in plan.hoppers] == ["Hero", "Pioneer"]
    assert second.order_type == "limit"
    assert plan.quotes_of("kucoin", "KCS/USDT") == Quotes(spread=40.0)
    assert plan.quotes_of("kucoin", "BTC/USDT") == Quotes(depth=0.5)
    assert demo().quotes_of("kucoin", "BTC/USDT") == Quotes()


def test_a_user_of_the_demo_alone_has_the_demo_s_hoppers() -> None:
    (alice, *_) = USERS
    named = {"id": alice.id, "name": "a", "password": "a", "full_name": "A"}
    assert parsed({"users": [named]}).hoppers == tuple(hopper for hopper in HOPPERS if hopper.user == alice.id)


def test_users_and_hoppers_may_be_generated_and_are_the_same_each_time() -> None:
    given = {"users": 30, "hoppers_per_user": 10, "like": {"snapshot_seconds": 300, "fee_coin": "BNB"}}
    plan = parsed(given)
    assert plan == parsed(given)
    assert len({user.name for user in plan.users}) == 30
    assert len({hopper.id for hopper in plan.hoppers}) == 300
    assert {hopper.user for hopper in plan.hoppers} == {user.id for user in plan.users}
    assert {hopper.snapshot_seconds for hopper in plan.hoppers} == {300}
    assert len({hopper.phase for hopper in plan.hoppers}) == 60
    assert len({hopper.start for hopper in plan.hoppers}) > 100
    assert len({hopper.dip for hopper in plan.hoppers if hopper.style == "dips"}) == 5 * 3  # as in the demo, and near


def test_commands_have_their_instant_after_the_beginning_or_by_the_calendar() -> None:
    plan = parsed(
        {
            "commands": [
                {"hopper": "1042002", "kind": "panic", "after": 120, "delay": 1.5, "share": 0.5},
                {"hopper": "1042001", "kind": "deposit", "value": "USDT", "amount": 5, "at": "2025-12-01T00:01:00Z"},
                {"kind": "calm", "after": 180},
            ]
        }
    )
    due = plan.due(BEGAN)
    assert due[:2] == [
        ("1042001", Command(BEGAN + MINUTE, "deposit", "USDT", "5")),
        ("1042002", Command(BEGAN + 2 * MINUTE, "panic", effect=Effect(1500, 0.5))),
    ]
    assert [hopper for hopper, _ in due[2:]] == [hopper.id for hopper in HOPPERS]
    with pytest.raises(ValueError, match="before the world's beginning"):
        plan.due(BEGAN + DAY)


def hopper(**fields: Any) -> dict[str, Any]:
    return {"users": [DORA], "hoppers": [{"id": "7", "user": "1", **fields}]}


def command(**fields: Any) -> dict[str, Any]:
    return {"commands": [{"kind": "calm", "after": 1, **fields}]}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"user": []}, r"world\.user: not known"),
        ({"users": [{**DORA, "age": 7}]}, r"world\.users\[0\]\.age: not known"),
        ({"users": [{"id": "1", "name": "dora"}]}, r"world\.users\[0\]\.password: missing"),
        ({"users": [{**DORA, "id": 1}]}, r"world\.users\[0\]\.id: not of the type str"),
        ({"users": [DORA, DORA]}, r"world\.users: an id appears twice"),
        ({"users": [DORA, {**DORA, "id": "2"}]}, r"world\.users: a name appears twice"),
        ({"users": {}}, r"world\.users: not a list"),
        ({"users": ["dora"]}, r"world\.users\[0\]: not an object"),
        ({"users": 0}, "whole numbers"),
        ({"users": True}, "users"),
        ({"users": 10_000, "hoppers_per_user": 1000}, "100000 hoppers at most"),
        ({"users": 3, "hoppers": []}, "cannot be listed"),
        ({"users": 3, "like": {"id": "7"}}, r"world\.like\.id"),
        ({"users": 3, "like": {"colour": "red"}}, r"world\.like\.colour: not known"),
        ({"users": 3, "like": {"base": "EUR", "coins": ["KCS"]}}, r"world\.like\.coins"),
        ({"hoppers_per_user": 3}, "go with a number of users"),
        ({"hoppers": [{"user": "5001"}]}, r"world\.hoppers\[0\]: id is missing"),
        (hopper(user="9"), "belongs to an unknown user: 9"),
        (hopper(id="seven"), r"\.id: digits only"),
        (hopper(exchange="bitpanda"), r"\.exchange: no such exchange: bitpanda"),
        (hopper(coins=["ZEC"]), "no lively pair ZEC/USDT"),
        (hopper(coins=[]), "some coins, each once"),
        (hopper(coins="BTC"), r"\.coins: not a list"),
        (hopper(start="a lot"), r"\.start: not a number"),
        (hopper(start="NaN"), r"\.start: not a number"),
        (hopper(share=2), "share"),
        (hopper(style="guess"), r"\.style: one of dips, cross, average"),
        (hopper(snapshot_seconds=0), "snapshot_seconds"),
        (hopper(most_positions=1.5), r"\.most_positions: not of the type int"),
        (hopper(paper=1), r"\.paper: not of the type bool"),
        (hopper(phase=1), "phase"),
        (hopper(reserved={"XYZ": 1}), r"\.reserved"),
        (hopper(reserved=[["BNB"]]), r"\.reserved\[0\]: not a list of 2"),
        (hopper(fee_coin="XYZ"), r"\.fee_coin"),
        (command(kind="dance"), r"world\.commands\[0\]\.kind: no such command: dance"),
        (command(hopper="7"), r"\.hopper: no such hopper: 7"),
        (command(at="2025-12-01T00:00:00Z"), "either after or at"),
        (command(after=1.5), "whole seconds"),
        (command(after="soon"), r"world\.commands\[0\]"),
        (command(share=2), "between 0 and 1"),
        ({"commands": [{"kind": "calm", "at": "2025-12-01T00:00:00"}]}, "UTC"),
        ({"quotes": {"binance:BTC/XYZ": {}}}, r"world\.quotes\.binance:BTC/XYZ: no such pair"),
        ({"quotes": {"*": {"width": 1}}}, r"world\.quotes\.\*\.width: not known"),
        ({"quotes": {"*": {"depth": -1}}}, r"world\.quotes\.\*"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parsed(given)


def test_a_wish_is_its_text() -> None:
    for wish in (Wish("buy", "ETH", "3120.5", "Signal of somebody"), Wish("sell", "BTC")):
        assert Wish.parsed(wish.text()) == wish
