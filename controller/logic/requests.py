"""What one action asks of the gateway, given what upstream shows; and how its effect is seen (R13).

An action of a rule set is done in parts, each one request: before everything is sold, buying is turned off (R14); what
is restored is set back one thing after the other.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import TypeAlias

from cryptwire.domain.account import Order, Position
from cryptwire.domain.hopper import Asset, LinkedHopper
from cryptwire.domain.rule_set import (
    CancelOrders,
    ChangeConfig,
    Deed,
    PanicSell,
    Restore,
    SellPositions,
    Switch,
    Turn,
    Which,
)
from cryptwire.domain.trade import Side

MOST_IDS = 500
"""So many positions or orders one request can name."""
_CONFIG = "config."


class Call(Enum):
    """The gateway's calls that a rule set can make, by their names there."""

    START_PANIC = "StartPanic"
    SELL = "SellPositions"
    CANCEL = "CancelOrders"
    HOPPER = "SetEnabled"
    BUYING = "SetBuying"
    SELLING = "SetSelling"
    CONFIG = "ChangeConfig"


SWITCHES: Mapping[Switch, Call] = {
    Switch.HOPPER: Call.HOPPER,
    Switch.BUYING: Call.BUYING,
    Switch.SELLING: Call.SELLING,
}
_SWITCH_OF = {call: switch for switch, call in SWITCHES.items()}


@dataclass(frozen=True, slots=True)
class Request:
    """One request. ``ids``: positions that shall go (of a panic all of them), or orders; ``orders_before``: those that
    were open, so that a new one is told from them.
    """

    call: Call
    ids: tuple[str, ...] = ()
    coins: tuple[str, ...] = ()  # of the ids, in their order
    orders_before: tuple[str, ...] = ()
    is_on: bool = False
    is_market: bool = True
    changes: Mapping[str, str] = field(default_factory=dict)


class Look(Enum):
    """What is read beside the hopper itself."""

    POSITIONS = "positions"
    ORDERS = "orders"
    CONFIG = "config"
    PRICES = "prices"


@dataclass(frozen=True, slots=True)
class Seen:
    """What upstream showed; every part of it was asked for at ``asked_at`` or later. None: it was not read.

    ``prices``: last prices by (base, quote) of positions' pairs, those that are fresh.
    """

    asked_at: datetime
    hopper: LinkedHopper
    positions: tuple[Position, ...] | None = None
    orders: tuple[Order, ...] | None = None
    config: Mapping[str, str] | None = None
    prices: Mapping[tuple[Asset, Asset], Decimal] | None = None


@dataclass(frozen=True, slots=True)
class Noted:
    """How something was before the rule set changed it, and as what it left it."""

    before: str
    left: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an action. ``is_guard``: buying is turned off before a sale. ``left``: how it must still be."""

    deed: Deed
    is_guard: bool = False
    left: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """Send ``request``; ``notes``: how what it changes is before, and will be."""

    request: Request
    notes: Mapping[str, Noted] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Nothing:
    """There is nothing to do: it is so already. ``is_whole``: for the whole action."""

    reason: str
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Cannot:
    """It can not be done, and asking again would not help."""

    reason: str


Plan: TypeAlias = Ask | Nothing | Cannot


def parts_of(deed: Deed, noted: Mapping[str, Noted]) -> tuple[Part, ...]:
    """The parts of an action, in order; of a restoring one by what was noted until then, the latest change first."""
    match deed:
        case PanicSell() | SellPositions(Which.ALL):
            return Part(Turn(Switch.BUYING, is_on=False), is_guard=True), Part(deed)
        case Restore():
            return tuple(_restoring(noted))
        case _:
            return (Part(deed),)


def _restoring(noted: Mapping[str, Noted]) -> list[Part]:
    """Fields of the configuration are set back together, with the latest of them."""
    config = {name.removeprefix(_CONFIG): note for name, note in noted.items() if name.startswith(_CONFIG)}
    parts: list[Part] = []
    is_config_due = True
    for name, note in reversed(list(noted.items())):
        if not name.startswith(_CONFIG):
            parts.append(Part(Turn(Switch(name), is_on=note.before == "1"), left={name: note.left}))
        elif is_config_due:
            is_config_due = False
            changes = ChangeConfig({field: each.before for field, each in config.items()})
            parts.append(Part(changes, left={field: each.left for field, each in config.items()}))
    return parts


def looks_of(deed: Deed, part: Part) -> frozenset[Look]:
    """What is read before a part of ``deed`` is planned, and to see its effect."""
    needs: set[Look] = set()
    for each in (deed, part.deed):
        match each:
            case PanicSell():
                needs |= {Look.POSITIONS, Look.ORDERS}
            case SellPositions(which):
                needs |= {Look.POSITIONS, Look.ORDERS}
                if which in (Which.LOSING, Which.WINNING):
                    needs.add(Look.PRICES)
            case CancelOrders():
                needs.add(Look.ORDERS)
            case ChangeConfig():
                needs.add(Look.CONFIG)
            case _:
                pass
    return frozenset(needs)


def plan(deed: Deed, part: Part, seen: Seen, *, was_disabled_by_us: bool) -> Plan:
    """What is asked for now, by what was just read (R9).

    Positions that their owner holds back are never sold: a panic, which would sell them, becomes a sale of the others.
    """
    sells = isinstance(deed, PanicSell | SellPositions)
    if sells and not seen.hopper.is_enabled and not was_disabled_by_us:
        return Cannot("the hopper is disabled")
    if sells and part.is_guard:
        chosen = _chosen(deed, seen)
        if not isinstance(chosen, tuple):
            return chosen
    match part.deed:
        case PanicSell(is_market):
            return _panic(part.deed, seen, is_market=is_market)
        case SellPositions(is_market=is_market):
            chosen = _chosen(part.deed, seen)
            return _sale(chosen, seen, is_market=is_market) if isinstance(chosen, tuple) else chosen
        case Turn(switch, is_on):
            return _turn(switch, is_on, seen, part.left)
        case ChangeConfig(changes):
            return _change(changes, seen, part.left)
        case CancelOrders():
            ids = tuple(order.id for order in seen.orders or ())[:MOST_IDS]
            return Ask(Request(Call.CANCEL, ids)) if ids else Nothing("no order is open")
        case _:
            raise AssertionError(f"{type(part.deed).__name__} asks nothing")


def _chosen(deed: Deed, seen: Seen) -> tuple[Position, ...] | Nothing | Cannot:
    """The positions that ``deed`` sells."""
    assert seen.positions is not None
    meant: Sequence[Position] = seen.positions
    if isinstance(deed, SellPositions) and deed.which is Which.COINS:
        meant = [position for position in meant if position.base in deed.coins]
    free = [position for position in meant if not position.is_held]
    unpriced: list[str] = []
    match deed:
        case SellPositions(Which.LOSING | Which.WINNING as which):
            profits = [(position, _profit(position, seen)) for position in free]
            unpriced = sorted({position.base for position, profit in profits if profit is None})
            free = [
                position
                for position, profit in profits
                if profit is not None and (profit < 0 if which is Which.LOSING else profit > 0)
            ]
        case _:
            pass
    if not free:
        if unpriced:
            return Cannot(f"no fresh price of {', '.join(unpriced)[:200]} says whether it wins or loses")
        held = " but such as are held back" if any(position.is_held for position in meant) else ""
        return Nothing(f"there is no such position{held}" if seen.positions else "no position is open", is_whole=True)
    return tuple(free)


def _profit(position: Position, seen: Seen) -> Decimal | None:
    price = (seen.prices or {}).get((position.base, position.quote))
    return None if price is None else position.quantity * price - position.cost


def _panic(deed: PanicSell, seen: Seen, *, is_market: bool) -> Plan:
    chosen = _chosen(deed, seen)
    if not isinstance(chosen, tuple):
        return chosen
    if any(position.is_held for position in seen.positions or ()):
        return _sale(chosen, seen, is_market=is_market)
    return _sale(chosen, seen, is_market=is_market, call=Call.START_PANIC)


def _sale(chosen: Sequence[Position], seen: Seen, *, is_market: bool, call: Call = Call.SELL) -> Ask:
    kept = chosen if call is Call.START_PANIC else chosen[:MOST_IDS]
    return Ask(
        Request(
            call,
            tuple(position.id for position in kept),
            tuple(position.base for position in kept),
            tuple(order.id for order in seen.orders or ()),
            is_market=is_market,
        )
    )


def is_turned_on(hopper: LinkedHopper, switch: Switch) -> bool:
    """How a switch of a hopper stands."""
    return {Switch.HOPPER: hopper.is_enabled, Switch.BUYING: hopper.is_buying, Switch.SELLING: hopper.is_selling}[
        switch
    ]


def _turn(switch: Switch, is_on: bool, seen: Seen, left: Mapping[str, str] | None) -> Plan:
    now = is_turned_on(seen.hopper, switch)
    if now == is_on:
        return Nothing(f"{switch.value} is {'on' if is_on else 'off'} already")
    if left is not None and left[switch.value] != _flag(now):
        return Nothing(f"{switch.value} is not as it was left")
    return Ask(Request(SWITCHES[switch], is_on=is_on), {switch.value: Noted(_flag(now), _flag(is_on))})


def _change(changes: Mapping[str, str], seen: Seen, left: Mapping[str, str] | None) -> Plan:
    """Only what differs is sent (R27); what is set back is only what is still as it was left."""
    assert seen.config is not None
    wanted = {
        name: value
        for name, value in changes.items()
        if not is_same(seen.config.get(name), value) and (left is None or is_same(seen.config.get(name), left[name]))
    }
    if not wanted:
        return Nothing("the configuration is so already" if left is None else "nothing is as it was left")
    unknown = sorted(wanted.keys() - seen.config.keys())
    if unknown:
        return Cannot(f"the configuration has no field {', '.join(unknown)[:200]}: how it was could not be noted")
    notes = {f"{_CONFIG}{name}": Noted(seen.config[name], value) for name, value in wanted.items()}
    return Ask(Request(Call.CONFIG, changes=wanted), notes)


def unseen(request: Request, seen: Seen) -> tuple[str, ...]:
    """What of the effect of ``request`` upstream does not show; empty: all of it is there.

    A sale is seen when its position is gone, or when a new order sells its coin.
    """
    match request.call:
        case Call.START_PANIC | Call.SELL:
            there = {position.id for position in seen.positions or ()}
            before = set(request.orders_before)
            offered = {order.base for order in seen.orders or () if order.side is Side.SELL and order.id not in before}
            pairs = zip(request.ids, request.coins, strict=True)
            return tuple(id_ for id_, coin in pairs if id_ in there and coin not in offered)
        case Call.CANCEL:
            still = {order.id for order in seen.orders or ()}
            return tuple(id_ for id_ in request.ids if id_ in still)
        case Call.CONFIG:
            config = seen.config or {}
            return tuple(name for name, value in request.changes.items() if not is_same(config.get(name), value))
        case _:
            switch = _SWITCH_OF[request.call]
            return () if is_turned_on(seen.hopper, switch) == request.is_on else (switch.value,)


def deadline(seen: Seen, settle: timedelta) -> timedelta:
    """How long after an action its effect must be seen: two of upstream's refreshes, and ``settle``."""
    return 2 * seen.hopper.refresh_every + settle


def is_same(found: str | None, wanted: str) -> bool:
    """Whether a field's value is the wanted one, however it is written: ``5`` is ``5.0``, of lists order is nothing."""
    if found is None or found == wanted:
        return found == wanted
    try:
        return Decimal(found) == Decimal(wanted)
    except InvalidOperation:
        pass
    if found[:1] == "[" and wanted[:1] == "[":
        try:
            return sorted(map(str, json.loads(found))) == sorted(map(str, json.loads(wanted)))
        except (ValueError, TypeError, RecursionError):
            return False
    return _SWITCHED.get(found.lower(), found) == _SWITCHED.get(wanted.lower(), wanted)


_SWITCHED = {"true": "1", "on": "1", "yes": "1", "false": "0", "off": "0", "no": "0"}


def _flag(is_on: bool) -> str:
    return "1" if is_on else "0"
