"""What a hopper holds and wants: balances, positions, orders; and what it says of itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum

from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.trade import Side


@dataclass(frozen=True, slots=True)
class Position:
    """An open position: ``quantity`` of ``base`` bought at ``rate``, which cost ``cost`` of ``quote``.

    ``is_held``: its owner told the hopper not to sell it. ``take_profit`` and what follows are percent of the rate,
    None where they are off or not told: profit that sells, loss that sells, profit that arms the trailing stop, and the
    fall from the peak that then sells. ``buy_id``: the trade that opened it, None when that is not told.
    """

    id: str
    base: Asset
    quote: Asset
    quantity: Decimal
    rate: Decimal
    cost: Decimal
    opened_at: datetime | None
    trigger: str = ""
    is_held: bool = False
    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None
    trailing_arm: Decimal | None = None
    trailing: Decimal | None = None
    buy_id: str | None = None


@dataclass(frozen=True, slots=True)
class Reserved:
    """Coins that the hopper keeps and may not sell: ``quantity`` of ``base``, which cost ``cost`` of ``quote``."""

    id: str
    base: Asset
    quote: Asset
    quantity: Decimal
    rate: Decimal
    cost: Decimal
    opened_at: datetime | None


@dataclass(frozen=True, slots=True)
class Short:
    """A short position: ``quantity`` of ``base`` was sold at ``rate`` and is owed."""

    id: str
    base: Asset
    quote: Asset
    quantity: Decimal
    rate: Decimal
    cost: Decimal
    opened_at: datetime | None
    is_held: bool


class PositionKind(Enum):
    """What is held open, what is kept and may not be sold, what is owed."""

    OPEN = "open"
    RESERVED = "reserved"
    SHORT = "short"


@dataclass(frozen=True, slots=True)
class Order:
    """An order that is open at the exchange: ``quantity`` of the pair's base; ``rate`` None without a limit."""

    id: str
    base: Asset
    quote: Asset
    side: Side
    is_market: bool
    quantity: Decimal
    rate: Decimal | None
    trigger: str
    opened_at: datetime | None


@dataclass(frozen=True, slots=True)
class OutputEntry:
    """A line of a hopper's own log."""

    at: datetime
    is_error: bool
    text: str


@dataclass(frozen=True, slots=True)
class Account:
    """Balances and positions of one hopper at ``at``; ``quantities``: the whole balance of each asset, at least 0."""

    hopper: HopperId
    at: datetime
    quantities: Mapping[Asset, Decimal]
    positions: tuple[Position, ...]
