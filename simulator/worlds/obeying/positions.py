"""What changes positions without trading: each as ``commands.Kind`` tells."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING

from simulator.worlds.books import UNIT, ZERO, Lot, Position
from simulator.worlds.commands import Command, Impossible
from simulator.worlds.obeying.choosing import Act, amount_of, column_of, first, must_rest, positions, withdraw_offers

if TYPE_CHECKING:
    from simulator.worlds.trader import Trader


def hold(is_held: bool) -> Callable[[Trader, Command], Act]:
    def prepare(trader: Trader, command: Command) -> Act:
        chosen = positions(trader, command.value)

        def act() -> None:
            for position in first(chosen, command.effect.share)[0]:
                position.is_held = is_held

        return act

    return prepare


def merge(trader: Trader, command: Command) -> Act:
    chosen = positions(trader, command.value)
    if len({position.coin for position in chosen}) != 1 or len(chosen) < 2:
        raise Impossible("Only positions of one coin can be merged")
    must_rest(chosen)

    def act() -> None:
        first, *others = chosen
        for position in others:
            for lot in position.take(position.amount):
                first.add(lot)
            trader.book.positions.remove(position)
        trader.arm(first)

    return act


def split(trader: Trader, command: Command) -> Act:
    chosen = positions(trader, command.value)
    must_rest(chosen)

    def act() -> None:
        for position in first(chosen, command.effect.share)[0]:
            half = (position.amount / 2).quantize(UNIT, ROUND_DOWN)
            if not half:
                continue
            other = Position(
                trader.book.new_id(), position.coin, position.column, position.bought_at, position.trigger, []
            )
            lots = position.take(half)
            trader.book.open(other, lots[0])
            for lot in lots[1:]:
                other.add(lot)
            trader.arm(other)

    return act


def target(trader: Trader, command: Command) -> Act:
    chosen, percent = positions(trader, command.value), amount_of(command.amount)
    if percent <= 0:
        raise Impossible("percentage_profit is above 0")

    def act() -> None:
        for position in first(chosen, command.effect.share)[0]:
            position.profit = percent
            trader.arm(position)

    return act


def forget(trader: Trader, command: Command) -> Act:
    chosen = positions(trader, command.value)

    def act() -> None:
        for position in first(chosen, command.effect.share)[0]:
            withdraw_offers(trader, position, command.at)
            trader.book.positions.remove(position)

    return act


def sync(trader: Trader, command: Command) -> Act:
    coin, _, said = command.value.partition(" ")
    free = trader.book.unassigned(coin)
    amount = amount_of(command.amount) if command.amount else free
    column = column_of(trader, coin)
    if not 0 < amount <= free:
        raise Impossible(f"Not that much {coin} without a position")
    rate = amount_of(said) if said else trader.desk.rate(column, trader.price(column, command.at))
    return lambda: _assigned(trader, column, amount_of(f"{amount}", command.effect.share), rate, command.at)


def reserve(trader: Trader, command: Command) -> Act:
    chosen = positions(trader, command.value)

    def act() -> None:
        for position in first(chosen, command.effect.share)[0]:
            withdraw_offers(trader, position, command.at)
            trader.book.reserve(position.coin, position.amount)
            trader.book.positions.remove(position)

    return act


def unreserve(is_assigned: bool) -> Callable[[Trader, Command], Act]:
    def prepare(trader: Trader, command: Command) -> Act:
        coin, reserved = command.value, trader.book.reserved.get(command.value, ZERO)
        if coin == trader.book.base:
            reserved -= sum((short.proceeds for short in trader.book.shorts), ZERO)
        amount = amount_of(command.amount) if command.amount else reserved
        if not 0 < amount <= reserved:
            raise Impossible(f"Not that much {coin} is reserved")
        column = column_of(trader, coin) if is_assigned else -1
        amount = amount_of(f"{amount}", command.effect.share)

        def act() -> None:
            trader.book.reserve(coin, -amount)
            if is_assigned:
                rate = trader.desk.rate(column, trader.price(column, command.at))
                _assigned(trader, column, amount, rate, command.at)

        return act

    return prepare


def _assigned(trader: Trader, column: int, amount: Decimal, rate: Decimal, at: int) -> None:
    """Free coins that belonged to no position become one."""
    if not amount:
        return
    position = Position(trader.book.new_id(), trader.hopper.coins[column], column, at, "Manual", [])
    trader.book.open(position, Lot("", amount, rate))
    trader.arm(position)
