"""What sells, buys and takes orders back: each as ``commands.Kind`` tells."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from simulator.worlds.books import ZERO, Position
from simulator.worlds.commands import Command, Impossible, Wish
from simulator.worlds.obeying.choosing import (
    Act,
    amount_of,
    chosen_of,
    column_of,
    first,
    parts,
    positions,
    withdraw_offers,
)

if TYPE_CHECKING:
    from simulator.worlds.trader import Trader


def panic(trader: Trader, command: Command) -> Act:
    def act() -> None:
        trader.is_panicking = True
        trader.note(command.at, "on_panic_start", "Panic mode started")
        for errand in tuple(trader.desk.open.values()):
            trader.cancel(errand, command.at)
        _sell_off(trader, trader.book.positions, command, "Panic button", by_limit=command.value == "0")

    return act


def calm(trader: Trader, command: Command) -> Act:
    def act() -> None:
        if trader.is_panicking:
            trader.note(command.at, "on_panic_end", "Panic mode ended")
        trader.is_panicking = False
        for errand in tuple(trader.desk.open.values()):
            if errand.trigger == "Panic button":
                trader.cancel(errand, command.at)
        for position in trader.book.positions:
            if position.leaves == "Panic button":
                position.leaves = ""

    return act


def sell(trader: Trader, command: Command) -> Act:
    chosen = positions(trader, command.value)

    def act() -> None:
        for position in chosen:
            withdraw_offers(trader, position, command.at)
        _sell_off(trader, chosen, command, "Manual sell", by_limit=command.amount == "0")

    return act


def dca(trader: Trader, command: Command) -> Act:
    chosen = positions(trader, command.value)
    if not trader.usual():
        raise Impossible("Not enough funds")

    def act() -> None:
        for position in first(chosen, command.effect.share)[0]:
            if spend := trader.usual():
                price = trader.price(position.column, command.at)
                trader.buy(command.at, position.column, price, spend, "DCA")

    return act


def short(trader: Trader, command: Command) -> Act:
    chosen = positions(trader, command.value)

    def act() -> None:
        for position, amount in parts(chosen, command.effect.share):
            withdraw_offers(trader, position, command.at)
            trader.desk.short(command.at, position, trader.price(position.column, command.at), amount)

    return act


def cover(trader: Trader, command: Command) -> Act:
    chosen = chosen_of(trader.book.shorts, command.value, "short position")

    def act() -> None:
        for short in first(chosen, command.effect.share)[0]:
            column = trader.hopper.coins.index(short.coin)
            price = trader.price(column, command.at)
            position = trader.desk.cover(command.at, short, column, price)
            if position is not None:
                trader.opened(position, command.at)

    return act


def uncover(trader: Trader, command: Command) -> Act:
    chosen = chosen_of(trader.book.shorts, command.value, "short position")

    def act() -> None:
        for short in first(chosen, command.effect.share)[0]:
            trader.book.shorts.remove(short)
            trader.book.reserve(trader.book.base, -short.proceeds)

    return act


def order(trader: Trader, command: Command) -> Act:
    """A sell takes from the coin's positions, the oldest first, with an order for each."""
    wish = Wish.parsed(command.value)
    column = column_of(trader, wish.coin)
    whole, price = amount_of(command.amount), trader.price(column, command.at)
    amount = amount_of(command.amount, command.effect.share)
    limit = price if not wish.price else round(trader.desk.ticks(column, amount_of(wish.price)))
    if whole <= 0 or limit < 1:
        raise Impossible("amount and price are above 0")
    desk, book = trader.desk, trader.book
    if wish.side == "buy":
        if book.free(book.base) < whole * desk.rate(column, limit) * Decimal("1.0011") + Decimal("0.00001"):
            raise Impossible(f"Not enough {book.base}")

        def buy() -> None:
            if wish.price:
                errand = desk.bid(command.at, column, amount, limit, wish.trigger)
                trader.placed(errand, command.at)
                position = errand.position if errand is not None else None
            else:
                position = desk.buy(command.at, column, amount, price, wish.trigger)
            if position is not None:
                trader.opened(position, command.at)

        return buy
    at_hand = [each for each in book.positions if each.coin == wish.coin and not each.is_offered]
    if sum((position.amount for position in at_hand), ZERO) < whole:
        raise Impossible(f"Not enough {wish.coin}")

    def sell() -> None:
        left = amount
        for position in at_hand:
            if not left:
                break
            part = min(left, position.amount)
            left -= part
            if wish.price:
                trader.placed(desk.ask(command.at, position, part, limit, wish.trigger), command.at)
            else:
                desk.sell(command.at, position, part, price, wish.trigger)

    return sell


def cancel(trader: Trader, command: Command) -> Act:
    ids = [part for part in command.value.split(",") if part]
    for id_ in ids:
        if id_ not in trader.desk.open:
            raise Impossible(f"Order not found: {id_}")
    chosen = [trader.desk.open[id_] for id_ in ids] if ids else list(trader.desk.open.values())

    def act() -> None:
        for errand in first(chosen, command.effect.share)[0]:
            trader.cancel(errand, command.at)
            if errand.position is not None:
                errand.position.leaves = ""

    return act


def _sell_off(trader: Trader, positions: list[Position], command: Command, trigger: str, by_limit: bool) -> None:
    """Sell a share of positions; whole ones are sold until nothing is left."""
    for position, amount in parts(list(positions), command.effect.share):
        if amount == position.amount:
            position.leaves, position.by_limit = trigger, by_limit
            trader.leave(position, command.at)
        elif by_limit:
            price = trader.price(position.column, command.at)
            trader.placed(trader.desk.ask(command.at, position, amount, price, trigger), command.at)
        else:
            trader.desk.sell(command.at, position, amount, trader.price(position.column, command.at), trigger)
