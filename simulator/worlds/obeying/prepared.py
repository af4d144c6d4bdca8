"""The way from a command to what does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from simulator.worlds.commands import Command, Impossible, Kind
from simulator.worlds.obeying import positions, switches, trading
from simulator.worlds.obeying.choosing import Act

if TYPE_CHECKING:
    from simulator.worlds.trader import Trader


def prepared(trader: Trader, command: Command) -> Act:
    """What does it, if it can be done; nothing has changed yet. Raises Impossible that says why it cannot."""
    return _ACTS[command.kind](trader, command)


def _of_the_world(trader: Trader, command: Command) -> Act:
    raise Impossible("Only a world can do that")


_ACTS: Mapping[Kind, Callable[[Trader, Command], Act]] = {
    "panic": trading.panic,
    "calm": trading.calm,
    "enabled": switches.switch("is_enabled"),
    "buying": switches.switch("buys"),
    "selling": switches.switch("sells"),
    "paper": switches.switch("is_paper"),
    "rename": switches.rename,
    "config": switches.config,
    "complain": switches.complain,
    "deposit": switches.deposit,
    "reset": switches.reset,
    "sell": trading.sell,
    "dca": trading.dca,
    "hold": positions.hold(True),
    "release": positions.hold(False),
    "merge": positions.merge,
    "split": positions.split,
    "target": positions.target,
    "forget": positions.forget,
    "sync": positions.sync,
    "reserve": positions.reserve,
    "assign": positions.unreserve(True),
    "unreserve": positions.unreserve(False),
    "short": trading.short,
    "cover": trading.cover,
    "uncover": trading.uncover,
    "order": trading.order,
    "cancel": trading.cancel,
    "create": _of_the_world,
    "delete": _of_the_world,
}
