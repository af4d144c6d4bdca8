"""What a hopper owns, booked to the last decimal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Literal

UNIT = Decimal("0.00000001")
FEE = Decimal("0.001")  # of a trade's total, in the quote currency


@dataclass(frozen=True, slots=True)
class Trade:
    """One fill. ``at`` in milliseconds; ``result`` is a sell's profit in percent, fees of both sides in."""

    id: str
    at: int
    kind: Literal["buy", "sell"]
    coin: str
    amount: Decimal
    rate: Decimal
    total: Decimal
    fee: Decimal
    trigger: str
    buy_id: str
    result: Decimal | None = None
    fee_coin: str = ""  # that the fee was paid in, of ``fee`` units; "" is the quote currency
    order_id: str = ""  # the same for all fills of one order
    is_short: bool = False  # sold to be bought back, or bought back


@dataclass(slots=True)
class Position:
    """Coins bought at once; what is left of them. Thresholds are prices in ticks (see strategies.py)."""

    id: str
    coin: str
    column: int
    amount: Decimal
    rate: Decimal
    bought_at: int
    trigger: str
    deadline: int  # decision at which it is closed
    stop: float  # sells at or below
    watch: float  # looks closer at or above
    target: float
    is_armed: bool = False
    is_halved: bool = False


@dataclass(frozen=True, slots=True)
class Holding:
    """A position as a snapshot shows it."""

    id: str
    coin: str
    amount: Decimal
    rate: Decimal
    bought_at: int
    trigger: str
    is_held: bool = False  # no rule sells it
    target: Decimal = Decimal(0)  # profit in percent at which it is sold; 0 leaves it to the hopper's configuration


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order that rests: what was wanted, and how much of it is done. ``rate`` is its limit."""

    id: str
    coin: str
    kind: Literal["buy", "sell"]
    amount: Decimal
    filled: Decimal
    rate: Decimal
    opened_at: int
    trigger: str
    position: str = ""  # that a sell closes


@dataclass(frozen=True, slots=True)
class ShortHolding:
    """Coins sold to be bought back with what they brought, ``proceeds`` in base currency, which waits in reserve."""

    id: str
    coin: str
    amount: Decimal
    rate: Decimal
    proceeds: Decimal
    opened_at: int
    trigger: str
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """What a hopper owned from ``at`` (milliseconds) on, all of one instant.

    ``balances`` is the whole of each coin: positions, ``reserved`` and what open orders hold included.
    """

    at: int
    balances: Mapping[str, Decimal]
    positions: tuple[Holding, ...]
    reserved: Mapping[str, Decimal]
    is_panicking: bool
    orders: tuple[OpenOrder, ...] = ()
    shorts: tuple[ShortHolding, ...] = ()
    in_orders: Mapping[str, Decimal] = field(default_factory=dict)


class Book:
    """Balances, positions and trades of one hopper. ``balances`` holds each coin's whole, reserved included."""

    def __init__(self, base: str, start: Decimal, reserved: Mapping[str, Decimal], first_id: int) -> None:
        self.base = base
        self.balances: dict[str, Decimal] = {base: start, **reserved}
        self.reserved = dict(reserved)
        self.positions: list[Position] = []
        self.trades: list[Trade] = []
        self._next_id = first_id

    def funds(self) -> Decimal:
        """Free base currency and what positions cost."""
        return self.balances[self.base] + sum((each.amount * each.rate for each in self.positions), Decimal(0))

    def buy(self, at: int, coin: str, spend: Decimal, rate: Decimal, trigger: str) -> Trade | None:
        """Buy for about ``spend`` of base currency; None when there is not enough for it."""
        amount = (spend / rate).quantize(UNIT, ROUND_DOWN)
        total, fee = _total(amount, rate)
        if amount <= 0 or self.balances[self.base] < total + fee:
            return None
        self.balances[self.base] -= total + fee
        self.balances[coin] = self.balances.get(coin, Decimal(0)) + amount
        return self._note(at, "buy", coin, amount, rate, total, fee, trigger, "", None)

    def sell(self, at: int, position: Position, amount: Decimal, rate: Decimal, trigger: str) -> Trade:
        """Sell so much of a position; the position goes when nothing is left."""
        total, fee = _total(amount, rate)
        cost, paid = _total(amount, position.rate)
        result = ((total - fee) / (cost + paid) - 1) * 100 if cost else Decimal(0)
        self.balances[self.base] += total - fee
        left = self.balances[position.coin] - amount
        if left:
            self.balances[position.coin] = left
        else:
            del self.balances[position.coin]
        position.amount -= amount
        if not position.amount:
            self.positions.remove(position)
        result = result.quantize(Decimal("0.0001"), ROUND_HALF_UP)
        return self._note(at, "sell", position.coin, amount, rate, total, fee, trigger, position.id, result)

    def deposit(self, coin: str, amount: Decimal) -> None:
        """Move coins in, or out when ``amount`` is negative; never below nothing. What is not base is reserved."""
        if coin == self.base:
            self.balances[coin] = max(self.balances[coin] + amount, Decimal(0))
            return
        held = self.reserved.get(coin, Decimal(0))
        moved = max(amount, -held)
        for amounts in (self.balances, self.reserved):
            amounts[coin] = amounts.get(coin, Decimal(0)) + moved
            if not amounts[coin]:
                del amounts[coin]

    def holdings(self) -> tuple[Holding, ...]:
        return tuple(
            Holding(each.id, each.coin, each.amount, each.rate, each.bought_at, each.trigger) for each in self.positions
        )

    def _note(
        self,
        at: int,
        kind: Literal["buy", "sell"],
        coin: str,
        amount: Decimal,
        rate: Decimal,
        total: Decimal,
        fee: Decimal,
        trigger: str,
        buy_id: str,
        result: Decimal | None,
    ) -> Trade:
        trade = Trade(str(self._next_id), at, kind, coin, amount, rate, total, fee, trigger, buy_id, result)
        self._next_id += 1
        self.trades.append(trade)
        return trade


def _total(amount: Decimal, rate: Decimal) -> tuple[Decimal, Decimal]:
    total = (amount * rate).quantize(UNIT, ROUND_HALF_UP)
    return total, (total * FEE).quantize(UNIT, ROUND_HALF_UP)
