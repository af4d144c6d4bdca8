"""What a command is about, and how far it reaches."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from typing import TYPE_CHECKING, TypeVar

from simulator.worlds.books import UNIT, Position, ShortHolding
from simulator.worlds.commands import Impossible

if TYPE_CHECKING:
    from simulator.worlds.trader import Trader

Act = Callable[[], None]
Owned = TypeVar("Owned", Position, ShortHolding)
T = TypeVar("T")


def positions(trader: Trader, text: str) -> list[Position]:
    return chosen_of(trader.book.positions, text, "position")


def chosen_of(there: list[Owned], text: str, name: str) -> list[Owned]:
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


def must_rest(positions: list[Position]) -> None:
    if any(position.is_offered for position in positions):
        raise Impossible("An order for this position is open")


def first(all_: list[T], share: float) -> tuple[list[T], float]:
    """As many as the share reaches, at least one of several; and what part of a single next one it would reach."""
    reach = round(share * len(all_), 9)
    count = int(reach)
    return all_[: max(count, 1) if share else 0], 0.0 if count else reach


def parts(positions: list[Position], share: float) -> list[tuple[Position, Decimal]]:
    """Whole positions as far as the share reaches; a part of the first when it reaches none."""
    chosen, part = first(positions, share)
    if part and chosen:
        amount = (chosen[0].amount * Decimal(str(part))).quantize(UNIT, ROUND_DOWN)
        return [(chosen[0], amount)] if amount else []
    return [(position, position.amount) for position in chosen]


def amount_of(text: str, share: float = 1.0) -> Decimal:
    try:
        amount = Decimal(text)
        if amount.is_finite() and abs(amount.adjusted()) < 15:
            return (amount * Decimal(str(share))).quantize(UNIT, ROUND_DOWN)
    except InvalidOperation:
        pass
    raise Impossible(f"Not an amount: {text}")


def flag(text: str) -> bool:
    if text not in ("0", "1"):
        raise Impossible(f"0 or 1: {text}")
    return text == "1"


def column_of(trader: Trader, coin: str) -> int:
    if coin not in trader.hopper.coins:
        raise Impossible(f"{coin} is none of the hopper's coins")
    return trader.hopper.coins.index(coin)


def withdraw_offers(trader: Trader, position: Position, at: int) -> None:
    for errand in tuple(trader.desk.open.values()):
        if errand.position is position and errand.order.side == "sell":
            trader.cancel(errand, at)
