"""What each command does to a hopper: checked first, then done whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from typing import TYPE_CHECKING, TypeVar

from simulator.worlds.books import UNIT, ZERO, Lot, Position, ShortHolding
from simulator.worlds.commands import Command, Impossible, Kind, Wish
from simulator.worlds.terms import Terms

if TYPE_CHECKING:
    from simulator.worlds.trader import Trader

Act = Callable[[], None]
Owned = TypeVar("Owned", Position, ShortHolding)
T = TypeVar("T")


def prepared(trader: Trader, command: Command) -> Act:
    """What does it, if it can be done; nothing has changed yet. Raises Impossible that says why it cannot."""
    return _ACTS[command.kind](trader, command)


def _panic(trader: Trader, command: Command) -> Act:
    def act() -> None:
        trader.is_panicking = True
        trader.note(command.at, "on_panic_start", "Panic mode started")
        for errand in tuple(trader.desk.open.values()):
            trader.desk.cancel(errand, command.at)
        _sell_off(trader, trader.book.positions, command, "Panic button", by_limit=command.value == "0")

    return act


def _calm(trader: Trader, command: Command) -> Act:
    def act() -> None:
        if trader.is_panicking:
            trader.note(command.at, "on_panic_end", "Panic mode ended")
        trader.is_panicking = False
        for errand in tuple(trader.desk.open.values()):
            if errand.trigger == "Panic button":
                trader.desk.cancel(errand, command.at)
        for position in trader.book.positions:
            if position.leaves == "Panic button":
                position.leaves = ""

    return act


def _switch(name: str) -> Callable[[Trader, Command], Act]:
    def prepare(trader: Trader, command: Command) -> Act:
        is_on = _flag(command.value)

        def act() -> None:
            setattr(trader, name, is_on)
            trader.note(command.at, "info", f"{command.kind} is {'on' if is_on else 'off'}")

        return act

    return prepare


def _rename(trader: Trader, command: Command) -> Act:
    if not command.value.strip():
        raise Impossible("A hopper needs a name")

    def act() -> None:
        trader.name = command.value

    return act


def _config(trader: Trader, command: Command) -> Act:
    """Values are kept as text, also of fields that have no effect here."""
    try:
        given = json.loads(command.value)
    except ValueError:
        given = None
    if not isinstance(given, dict) or not given or not all(isinstance(each, str) for each in given.values()):
        raise Impossible("config is an object of fields and their text")
    fields = dict(_first(list(given.items()), command.effect.share)[0])
    config = {**trader.config, **fields}
    terms = Terms.of(trader.hopper, config)
    switches = {"stop_buying": "buys", "stop_selling": "sells"}
    told = {switches[name]: not _flag(text) for name, text in fields.items() if name in switches}

    def act() -> None:
        trader.config, trader.terms = config, terms
        for name, is_on in told.items():
            setattr(trader, name, is_on)
        if "paper_trading" in fields:
            trader.is_paper = fields["paper_trading"] == "1"
        trader.name = fields.get("name") or trader.name
        trader.note(command.at, "info", f"Configuration changed: {', '.join(sorted(fields))}")

    return act


def _deposit(trader: Trader, command: Command) -> Act:
    """A withdrawal leaves what short positions brought."""
    whole, book, coin = _amount(command.amount), trader.book, command.value
    held = book.free(coin) if coin == book.base else book.reserved.get(coin, ZERO)
    if not coin or not whole or held + whole < 0:
        raise Impossible(f"Not enough {coin}" if coin and whole else "coin and amount are needed")
    return lambda: book.deposit(coin, _amount(command.amount, command.effect.share))


def _reset(trader: Trader, command: Command) -> Act:
    def act() -> None:
        for errand in tuple(trader.desk.open.values()):
            trader.desk.cancel(errand, command.at)
        trader.book.end()
        trader.book.begin(trader.hopper)
        trader.note(command.at, "info", "Reset")

    return act


def _sell(trader: Trader, command: Command) -> Act:
    chosen = _positions(trader, command.value)

    def act() -> None:
        for position in chosen:
            _withdraw_offers(trader, position, command.at)
        _sell_off(trader, chosen, command, "Manual sell", by_limit=command.amount == "0")

    return act


def _dca(trader: Trader, command: Command) -> Act:
    chosen = _positions(trader, command.value)
    if not trader.usual():
        raise Impossible("Not enough funds")

    def act() -> None:
        for position in _first(chosen, command.effect.share)[0]:
            if spend := trader.usual():
                price = trader.price(position.column, command.at)
                trader.buy(command.at, position.column, price, spend, "DCA")

    return act


def _hold(is_held: bool) -> Callable[[Trader, Command], Act]:
    def prepare(trader: Trader, command: Command) -> Act:
        chosen = _positions(trader, command.value)

        def act() -> None:
            for position in _first(chosen, command.effect.share)[0]:
                position.is_held = is_held

        return act

    return prepare


def _merge(trader: Trader, command: Command) -> Act:
    chosen = _positions(trader, command.value)
    if len({position.coin for position in chosen}) != 1 or len(chosen) < 2:
        raise Impossible("Only positions of one coin can be merged")
    _must_rest(chosen)

    def act() -> None:
        first, *others = chosen
        for position in others:
            for lot in position.take(position.amount):
                first.add(lot)
            trader.book.positions.remove(position)
        trader.arm(first, command.at)

    return act


def _split(trader: Trader, command: Command) -> Act:
    chosen = _positions(trader, command.value)
    _must_rest(chosen)

    def act() -> None:
        for position in _first(chosen, command.effect.share)[0]:
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
            trader.arm(other, command.at)

    return act


def _target(trader: Trader, command: Command) -> Act:
    chosen, percent = _positions(trader, command.value), _amount(command.amount)
    if percent <= 0:
        raise Impossible("percentage_profit is above 0")

    def act() -> None:
        for position in _first(chosen, command.effect.share)[0]:
            position.profit = percent
            trader.arm(position, command.at)

    return act


def _forget(trader: Trader, command: Command) -> Act:
    chosen = _positions(trader, command.value)

    def act() -> None:
        for position in _first(chosen, command.effect.share)[0]:
            _withdraw_offers(trader, position, command.at)
            trader.book.positions.remove(position)

    return act


def _sync(trader: Trader, command: Command) -> Act:
    coin, _, said = command.value.partition(" ")
    free = trader.book.unassigned(coin)
    amount = _amount(command.amount) if command.amount else free
    column = _column(trader, coin)
    if not 0 < amount <= free:
        raise Impossible(f"Not that much {coin} without a position")
    rate = _amount(said) if said else trader.desk.rate(column, trader.price(column, command.at))
    return lambda: _assigned(trader, column, _amount(f"{amount}", command.effect.share), rate, command.at)


def _reserve(trader: Trader, command: Command) -> Act:
    chosen = _positions(trader, command.value)

    def act() -> None:
        for position in _first(chosen, command.effect.share)[0]:
            _withdraw_offers(trader, position, command.at)
            trader.book.reserve(position.coin, position.amount)
            trader.book.positions.remove(position)

    return act


def _unreserve(is_assigned: bool) -> Callable[[Trader, Command], Act]:
    def prepare(trader: Trader, command: Command) -> Act:
        coin, reserved = command.value, trader.book.reserved.get(command.value, ZERO)
        if coin == trader.book.base:
            reserved -= sum((short.proceeds for short in trader.book.shorts), ZERO)
        amount = _amount(command.amount) if command.amount else reserved
        if not 0 < amount <= reserved:
            raise Impossible(f"Not that much {coin} is reserved")
        column = _column(trader, coin) if is_assigned else -1
        amount = _amount(f"{amount}", command.effect.share)

        def act() -> None:
            trader.book.reserve(coin, -amount)
            if is_assigned:
                rate = trader.desk.rate(column, trader.price(column, command.at))
                _assigned(trader, column, amount, rate, command.at)

        return act

    return prepare


def _short(trader: Trader, command: Command) -> Act:
    chosen = _positions(trader, command.value)

    def act() -> None:
        for position, amount in _parts(chosen, command.effect.share):
            _withdraw_offers(trader, position, command.at)
            trader.desk.short(command.at, position, trader.price(position.column, command.at), amount)

    return act


def _cover(trader: Trader, command: Command) -> Act:
    chosen = _chosen(trader.book.shorts, command.value, "short position")

    def act() -> None:
        for short in _first(chosen, command.effect.share)[0]:
            column = trader.hopper.coins.index(short.coin)
            price = trader.price(column, command.at)
            position = trader.desk.cover(command.at, short, column, price)
            if position is not None:
                trader.opened(position, command.at)

    return act


def _uncover(trader: Trader, command: Command) -> Act:
    chosen = _chosen(trader.book.shorts, command.value, "short position")

    def act() -> None:
        for short in _first(chosen, command.effect.share)[0]:
            trader.book.shorts.remove(short)
            trader.book.reserve(trader.book.base, -short.proceeds)

    return act


def _order(trader: Trader, command: Command) -> Act:
    """A sell takes from the coin's positions, the oldest first, with an order for each."""
    wish = Wish.parsed(command.value)
    column = _column(trader, wish.coin)
    whole, price = _amount(command.amount), trader.price(column, command.at)
    amount = _amount(command.amount, command.effect.share)
    limit = price if not wish.price else round(trader.desk.ticks(column, _amount(wish.price)))
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


def _cancel(trader: Trader, command: Command) -> Act:
    ids = [part for part in command.value.split(",") if part]
    for id_ in ids:
        if id_ not in trader.desk.open:
            raise Impossible(f"Order not found: {id_}")
    chosen = [trader.desk.open[id_] for id_ in ids] if ids else list(trader.desk.open.values())

    def act() -> None:
        for errand in _first(chosen, command.effect.share)[0]:
            trader.desk.cancel(errand, command.at)
            if errand.position is not None:
                errand.position.leaves = ""
            coin, order = errand.order.pair.listed.base, errand.order
            trader.note(command.at, "order_cancelled", f"Cancelled {order.side} order {order.id} for {coin}", coin=coin)

    return act


def _sell_off(trader: Trader, positions: list[Position], command: Command, trigger: str, by_limit: bool) -> None:
    """Sell a share of positions; whole ones are sold until nothing is left."""
    for position, amount in _parts(list(positions), command.effect.share):
        if amount == position.amount:
            position.leaves, position.by_limit = trigger, by_limit
            trader.leave(position, command.at)
        elif by_limit:
            price = trader.price(position.column, command.at)
            trader.placed(trader.desk.ask(command.at, position, amount, price, trigger), command.at)
        else:
            trader.desk.sell(command.at, position, amount, trader.price(position.column, command.at), trigger)


def _withdraw_offers(trader: Trader, position: Position, at: int) -> None:
    for errand in tuple(trader.desk.open.values()):
        if errand.position is position and errand.order.side == "sell":
            trader.desk.cancel(errand, at)


def _assigned(trader: Trader, column: int, amount: Decimal, rate: Decimal, at: int) -> None:
    """Free coins that belonged to no position become one."""
    if not amount:
        return
    position = Position(trader.book.new_id(), trader.hopper.coins[column], column, at, "Manual", [])
    trader.book.open(position, Lot("", amount, rate))
    trader.arm(position, at)


def _positions(trader: Trader, text: str) -> list[Position]:
    return _chosen(trader.book.positions, text, "position")


def _chosen(there: list[Owned], text: str, name: str) -> list[Owned]:
    """Those named by id or coin, all by ""; each once. Raises Impossible for one that is not there."""
    if not text:
        if not there:
            raise Impossible(f"There is no {name}")
        return list(there)
    found: dict[int, Owned] = {}
    for part in text.split(","):
        these = [each for each in there if part in (each.id, each.coin)]
        if not these:
            raise Impossible(f"There is no such {name}: {part}")
        found.update((id(each), each) for each in these)
    return list(found.values())


def _must_rest(positions: list[Position]) -> None:
    if any(position.is_offered for position in positions):
        raise Impossible("An order for this position is open")


def _first(all_: list[T], share: float) -> tuple[list[T], float]:
    """As many as the share reaches, at least one of several; and what part of a single next one it would reach."""
    reach = share * len(all_)
    count = int(reach)
    return all_[: max(count, 1) if share else 0], 0.0 if count else reach


def _parts(positions: list[Position], share: float) -> list[tuple[Position, Decimal]]:
    """Whole positions as far as the share reaches; a part of the first when it reaches none."""
    chosen, part = _first(positions, share)
    if part and chosen:
        amount = (chosen[0].amount * Decimal(str(part))).quantize(UNIT, ROUND_DOWN)
        return [(chosen[0], amount)] if amount else []
    return [(position, position.amount) for position in chosen]


def _amount(text: str, share: float = 1.0) -> Decimal:
    try:
        amount = Decimal(text)
        if amount.is_finite() and abs(amount.adjusted()) < 15:
            return (amount * Decimal(str(share))).quantize(UNIT, ROUND_DOWN)
    except InvalidOperation:
        pass
    raise Impossible(f"Not an amount: {text}")


def _flag(text: str) -> bool:
    if text not in ("0", "1"):
        raise Impossible(f"0 or 1: {text}")
    return text == "1"


def _column(trader: Trader, coin: str) -> int:
    if coin not in trader.hopper.coins:
        raise Impossible(f"{coin} is none of the hopper's coins")
    return trader.hopper.coins.index(coin)


def _of_the_world(trader: Trader, command: Command) -> Act:
    raise Impossible("Only a world can do that")


_ACTS: Mapping[Kind, Callable[[Trader, Command], Act]] = {
    "panic": _panic,
    "calm": _calm,
    "enabled": _switch("is_enabled"),
    "buying": _switch("buys"),
    "selling": _switch("sells"),
    "paper": _switch("is_paper"),
    "rename": _rename,
    "config": _config,
    "deposit": _deposit,
    "reset": _reset,
    "sell": _sell,
    "dca": _dca,
    "hold": _hold(True),
    "release": _hold(False),
    "merge": _merge,
    "split": _split,
    "target": _target,
    "forget": _forget,
    "sync": _sync,
    "reserve": _reserve,
    "assign": _unreserve(True),
    "unreserve": _unreserve(False),
    "short": _short,
    "cover": _cover,
    "uncover": _uncover,
    "order": _order,
    "cancel": _cancel,
    "create": _of_the_world,
    "delete": _of_the_world,
}
