"""Balances, positions and trades agree to the last decimal, in whatever steps the world was brought here."""

from dataclasses import replace
from decimal import Decimal
from functools import lru_cache

import pytest

from simulator.market.prices import Market
from simulator.worlds.books import FEE, UNIT
from simulator.worlds.commands import Command
from simulator.worlds.demo import HOPPERS
from simulator.worlds.maker import LEVELS
from simulator.worlds.plan import parsed
from simulator.worlds.trader import Trader
from simulator.worlds.world import World

BEGAN = 1_764_547_200_000  # 2025-12-01
DAY = 86_400_000
NOW = BEGAN + 90 * DAY + 1_234_567
HOPPER_IDS = [hopper.id for hopper in HOPPERS]


@lru_cache
def market() -> Market:
    return Market("test")


@lru_cache
def world(until: int = NOW, decision: int = 300_000) -> World:
    made = World(market(), BEGAN, decision)
    made.advance(until)
    return made


def replayed(trader: Trader, at: int) -> dict[str, Decimal]:
    """Balances that follow from the start and the trade list alone."""
    balances = {trader.hopper.base: trader.hopper.start, **dict(trader.hopper.reserved)}
    for trade in trader.trades:
        if trade.at > at:
            break
        assert trade.total == (trade.amount * trade.rate).quantize(UNIT, "ROUND_HALF_UP")
        assert trade.fee == (trade.total * FEE).quantize(UNIT, "ROUND_HALF_UP")
        sign = 1 if trade.kind == "buy" else -1
        balances[trade.coin] = balances.get(trade.coin, Decimal(0)) + sign * trade.amount
        balances[trader.hopper.base] -= sign * trade.total + trade.fee
    return {coin: amount for coin, amount in balances.items() if amount or coin == trader.hopper.base}


@pytest.mark.parametrize("hopper", HOPPER_IDS)
@pytest.mark.parametrize("days", [1, 17, 55, 90])
def test_the_trade_list_replayed_is_what_is_owned(hopper: str, days: int) -> None:
    at = BEGAN + days * DAY
    trader = world(at).traders[hopper]
    for instant in (at, at - 300_000, at - 600_000):
        state = trader.state(instant)
        assert dict(state.balances) == replayed(trader, instant)
        held: dict[str, Decimal] = dict(state.reserved)
        for position in state.positions:
            held[position.coin] = held.get(position.coin, Decimal(0)) + position.amount
        assert held == {coin: amount for coin, amount in state.balances.items() if coin != trader.hopper.base}
        assert min(state.balances.values()) >= 0


@pytest.mark.parametrize("hopper", HOPPER_IDS)
def test_ninety_days_are_lively(hopper: str) -> None:
    trader = world().traders[hopper]
    assert 2 <= len(trader.trades) / 90 <= 20
    assert len({trade.coin for trade in trader.trades}) == len(trader.hopper.coins)
    if trader.hopper.sells_half:
        ids = [trade.buy_id for trade in trader.trades if trade.kind == "sell"]
        assert len(ids) > len(set(ids))  # partial sells


@pytest.mark.parametrize("hopper", HOPPER_IDS)
def test_trades_are_numbered_dated_and_matched(hopper: str) -> None:
    trader = world().traders[hopper]
    ids = [int(trade.id) for trade in trader.trades]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert [trade.at for trade in trader.trades] == sorted(trade.at for trade in trader.trades)
    buys = {trade.id: trade for trade in trader.trades if trade.kind == "buy"}
    sold: dict[str, Decimal] = {}
    for trade in trader.trades:
        assert trade.at % 1000 == 0
        pair = market().pair(trader.hopper.exchange, trade.coin, trader.hopper.base)
        shown = pair.at(trade.at)
        away = (trade.rate.scaleb(pair.listed.decimals) - shown) * (1 if trade.kind == "buy" else -1)
        assert 0 < away <= LEVELS * max(1, shown // 10_000)  # the maker's spread and depth
        if trade.kind == "sell":
            bought = buys[trade.buy_id]
            assert bought.coin == trade.coin
            assert bought.at < trade.at
            assert trade.result is not None
            worth = trade.rate * (1 - FEE) / (bought.rate * (1 + FEE)) - 1
            assert abs(trade.result - worth * 100) < Decimal("0.01")
            sold[trade.buy_id] = sold.get(trade.buy_id, Decimal(0)) + trade.amount
    assert all(amount <= buys[buy].amount for buy, amount in sold.items())


def test_ids_are_unique_over_all_hoppers() -> None:
    ids = [trade.id for trader in world().traders.values() for trade in trader.trades]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("decision", [300_000, 2000])
def test_steps_do_not_matter(decision: int) -> None:
    until = BEGAN + (2 * DAY if decision == 300_000 else 900_000)
    stepped = World(Market("test"), BEGAN, decision)
    at = BEGAN
    while at < until:
        at = min(until, at + 7 * decision + 123 + at % 50_000)
        stepped.advance(at)
    for id_, trader in world(until, decision).traders.items():
        assert trader.trades == stepped.traders[id_].trades
        assert trader.state(until) == stepped.traders[id_].state(until)


def crowd(commands: list[dict[str, object]] | None = None) -> World:
    """Two hundred hoppers that share a thin market, half of them by limit orders."""
    plan = parsed({"users": 20, "hoppers_per_user": 10, "quotes": {"*": {"depth": 0.3}}, "commands": commands or []})
    hoppers = tuple(
        replace(hopper, order_type="limit" if number % 2 else "market") for number, hopper in enumerate(plan.hoppers)
    )
    return World(market(), BEGAN, 10_000, plan=replace(plan, hoppers=hoppers))


def test_steps_do_not_matter_to_a_crowd_in_one_market_either() -> None:
    until = BEGAN + 2_400_000
    at_once, stepped = crowd(), crowd()
    at_once.advance(until)
    at = BEGAN
    while at < until:
        at = min(until, at + 777 + at % 9000)
        stepped.advance(at)
    assert sum(len(trader.trades) for trader in at_once.traders.values()) > 50
    for id_, trader in at_once.traders.items():
        assert trader.trades == stepped.traders[id_].trades
        assert trader.state(until) == stepped.traders[id_].state(until)


def test_a_crowd_may_be_brought_on_in_pieces_of_an_instant() -> None:
    until = BEGAN + 1_500_000
    planned = [{"kind": "panic", "value": "0", "after": 900}, {"kind": "calm", "after": 1200}]
    at_once, in_pieces = (crowd(planned) for _ in range(2))
    assert at_once.advance(until)
    pieces = 0
    for at in range(BEGAN, until + 1, 2500):
        while not in_pieces.advance(at, 3):
            pieces += 1
    assert pieces > 400  # of 200 hoppers that panic at one instant, and calm down at another, not to speak of trades
    for id_, trader in at_once.traders.items():
        assert trader.trades == in_pieces.traders[id_].trades
        assert trader.state(until) == in_pieces.traders[id_].state(until)


def test_what_was_begun_goes_on_before_a_command_is_obeyed() -> None:
    at = BEGAN + 1_200_000
    order = Command(at, "order", "buy SOL market Manual", "1")
    at_once, begun = crowd(), crowd()
    last = max(id_ for id_, trader in at_once.traders.items() if "SOL" in trader.hopper.coins)
    at_once.obey(last, order)
    assert not begun.advance(at, 50)
    begun.obey(last, order)
    for id_, trader in at_once.traders.items():
        assert trader.trades == begun.traders[id_].trades


def test_the_newest_trades_are_known_and_nothing_else_is_different() -> None:
    until = BEGAN + 10 * DAY
    few = World(market(), BEGAN, 300_000, trades_kept=7)
    few.advance(until)
    for id_, trader in world(until).traders.items():
        assert len(trader.trades) > 7
        assert few.traders[id_].trades == trader.trades[-7:]
        assert few.traders[id_].state(until) == trader.state(until)


def test_what_one_hopper_takes_another_pays_for() -> None:
    world = World(market(), BEGAN, 300_000, plan=parsed({"quotes": {"*": {"depth": 0.1}}}))
    for hopper in ("1042005", "1042001"):
        world.obey(hopper, Command(BEGAN, "order", "buy SOL market Manual", "15"))
    first, second = (world.traders[hopper].trades for hopper in ("1042005", "1042001"))
    assert first[0].rate < second[0].rate


def test_fast_worlds_trade_within_minutes() -> None:
    trades = [trade for trader in world(BEGAN + 3_600_000, 2000).traders.values() for trade in trader.trades]
    assert len(trades) > 60
    assert {trade.kind for trade in trades} == {"buy", "sell"}


def test_commands_given_live_are_repeated_by_a_restart() -> None:
    live = World(market(), BEGAN, 300_000)
    given = [
        ("1042001", Command(BEGAN + 2 * DAY + 17_000, "deposit", "USDT", "1000.5")),
        ("1042001", Command(BEGAN + 3 * DAY + 5_000, "panic")),
        ("1042001", Command(BEGAN + 4 * DAY, "calm")),
        ("1042005", Command(BEGAN + 4 * DAY + 1000, "buying", "0")),
        ("1042001", Command(BEGAN + 5 * DAY, "deposit", "BNB", "-0.5")),
    ]
    for hopper, command in given:
        live.advance(command.at + 999)
        live.obey(hopper, command)
        if command.kind == "panic":
            assert live.traders[hopper].state(command.at).positions == ()
            assert live.traders[hopper].state(command.at).is_panicking
    live.advance(BEGAN + 9 * DAY)
    again = World(Market("test"), BEGAN, 300_000, given)
    again.advance(BEGAN + 9 * DAY)
    for id_, trader in live.traders.items():
        assert trader.trades == again.traders[id_].trades
        assert trader.state(BEGAN + 9 * DAY) == again.traders[id_].state(BEGAN + 9 * DAY)
    reserved = again.traders["1042001"].state(BEGAN + 9 * DAY).reserved
    assert reserved == {"BNB": Decimal("1.0")}
    bob = again.traders["1042005"].trades
    assert not [trade for trade in bob if trade.kind == "buy" and trade.at > BEGAN + 4 * DAY + 1000]


def test_the_total_is_what_everything_is_worth() -> None:
    trader = world().traders["1042004"]
    at, state = world().snapshot(trader, NOW)
    assert at % 60_000 == 0
    total = sum(
        amount * (1 if coin == "EUR" else world().rate("binance", coin, "EUR", at))
        for coin, amount in state.balances.items()
    )
    assert world().value(trader, state, at) == Decimal(total).quantize(UNIT, "ROUND_HALF_UP")
