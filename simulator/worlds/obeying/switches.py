"""Switches, configuration, and money that comes and goes: each as ``commands.Kind`` tells."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from simulator.worlds.books import ZERO
from simulator.worlds.commands import Command, Impossible
from simulator.worlds.obeying.choosing import Act, amount_of, first, flag
from simulator.worlds.terms import Terms

if TYPE_CHECKING:
    from simulator.worlds.trader import Trader


def switch(name: str) -> Callable[[Trader, Command], Act]:
    def prepare(trader: Trader, command: Command) -> Act:
        is_on = flag(command.value)

        def act() -> None:
            setattr(trader, name, is_on)
            trader.note(command.at, "info", f"{command.kind} is {'on' if is_on else 'off'}")

        return act

    return prepare


def rename(trader: Trader, command: Command) -> Act:
    if not command.value.strip():
        raise Impossible("A hopper needs a name")

    def act() -> None:
        trader.name = command.value

    return act


def config(trader: Trader, command: Command) -> Act:
    """Values are kept as text, also of fields that have no effect here."""
    try:
        given = json.loads(command.value)
    except ValueError:
        given = None
    if not isinstance(given, dict) or not given or not all(isinstance(each, str) for each in given.values()):
        raise Impossible("config is an object of fields and their text")
    fields = dict(first(list(given.items()), command.effect.share)[0])
    config = {**trader.config, **fields}
    terms = Terms.of(trader.hopper, config)
    switches = {"stop_buying": "buys", "stop_selling": "sells"}
    told = {switches[name]: not flag(text) for name, text in fields.items() if name in switches}

    def act() -> None:
        trader.config, trader.terms = config, terms
        for name, is_on in told.items():
            setattr(trader, name, is_on)
        if "paper_trading" in fields:
            trader.is_paper = fields["paper_trading"] == "1"
        trader.name = fields.get("name") or trader.name
        trader.note(command.at, "info", f"Configuration changed: {', '.join(sorted(fields))}")

    return act


def complain(trader: Trader, command: Command) -> Act:
    def act() -> None:
        trader.complaint = command.value
        if command.value:
            trader.note(command.at, "config_error", command.value, is_error=True)

    return act


def deposit(trader: Trader, command: Command) -> Act:
    """A withdrawal leaves what short positions brought."""
    whole, book, coin = amount_of(command.amount), trader.book, command.value
    held = book.free(coin) if coin == book.base else book.reserved.get(coin, ZERO)
    if not coin or not whole or held + whole < 0:
        raise Impossible(f"Not enough {coin}" if coin and whole else "coin and amount are needed")
    return lambda: book.deposit(coin, amount_of(command.amount, command.effect.share))


def reset(trader: Trader, command: Command) -> Act:
    def act() -> None:
        for errand in tuple(trader.desk.open.values()):
            trader.cancel(errand, command.at)
        trader.book.end()
        trader.book.begin(trader.hopper)
        trader.note(command.at, "info", "Reset")

    return act
