"""What a hopper owns and what it traded, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

UNIT = Decimal("0.00000001")
FEE = Decimal("0.001")  # of a trade's total, in the quote currency
FEE_IN_COIN = Decimal("0.00075")  # of it when paid in the exchange's own coin
ZERO = Decimal(0)

Ahead = tuple[int, float, float, bool]  # a decision, and a position's stop, watch and arm just before it
NOWHERE: Ahead = (-1, 0.0, 0.0, False)


@dataclass(frozen=True, slots=True)
class Trade:
    """One fill. ``at`` in milliseconds; ``result`` is a sell's profit in percent, fees of both sides in.

    ``total`` without the fee, in quote currency.
    """

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
class Lot:
    """What is left of one fill; ``buy_id`` is "" when no trade brought it."""

    buy_id: str
    amount: Decimal
    rate: Decimal


@dataclass(slots=True, eq=False)
class Position:
    """Coins bought by one order; what is left of them. Thresholds are prices in ticks; decisions are numbered.

    ``cursor`` is the decision up to which the trailing stop has followed the price; ``look`` the next one at which
    something is to be done, as far as it is known; ``ahead`` what the stop will be just before it.
    """

    id: str
    coin: str
    column: int
    bought_at: int
    trigger: str
    lots: list[Lot]
    amount: Decimal = ZERO
    cost: Decimal = ZERO  # without fees
    deadline: int = 0  # decision at which it is closed
    stop: float = 0.0  # sells at or below
    watch: float = 0.0  # looks closer at or above
    target: float = 0.0
    trail: float = 0.0  # part of the highest price at which an armed one sells; 0: no trailing stop
    profit: Decimal = ZERO  # in percent, set by its user; 0: by the configuration
    is_armed: bool = False
    is_halved: bool = False
    is_held: bool = False
    leaves: str = ""  # the trigger by which it is being sold until nothing is left
    by_limit: bool = False
    is_offered: bool = False  # a resting order sells it
    cursor: int = 0
    look: int = 0
    ahead: Ahead = NOWHERE

    @property
    def rate(self) -> Decimal:
        """What a coin of it cost on average."""
        if len(self.lots) == 1:
            return self.lots[0].rate
        return (self.cost / self.amount).quantize(UNIT, ROUND_HALF_UP) if self.amount else ZERO

    def add(self, lot: Lot) -> None:
        self.lots.append(lot)
        self.amount += lot.amount
        self.cost += lot.amount * lot.rate

    def take(self, amount: Decimal) -> list[Lot]:
        """Lots of that amount in all, the oldest first, no longer the position's."""
        taken = []
        while amount:
            lot = self.lots[0]
            part = min(amount, lot.amount)
            taken.append(Lot(lot.buy_id, part, lot.rate))
            lot.amount -= part
            amount -= part
            self.amount -= part
            self.cost -= part * lot.rate
            if not lot.amount:
                del self.lots[0]
        return taken


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
    target: Decimal = ZERO  # profit in percent at which it is sold; 0 leaves it to the hopper's configuration


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


@dataclass(frozen=True, slots=True)
class Entry:
    """Something worth a line in a hopper's log. Topics are those of Cryptohopper's notifications, or ``info``.

    ``coin`` is what an order is about.
    """

    at: int
    topic: str
    said: str
    is_error: bool = False
    coin: str = ""
