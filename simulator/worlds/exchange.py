"""The door between hoppers and where they trade: a maker today, an order book with others in it one day."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Protocol

from simulator.market.prices import Pair

Side = Literal["buy", "sell"]


@dataclass(frozen=True, slots=True)
class Quotes:
    """How a maker quotes a pair: half the ``spread`` on each side of the seeded price, in basis points.

    ``depth`` multiplies what it usually offers. What is taken comes back evenly within ``restored`` seconds.
    """

    spread: float = 1.0
    depth: float = 1.0
    restored: float = 60.0

    def __post_init__(self) -> None:
        if not (0 <= self.spread <= 1000 and 0 <= self.depth <= 1e6 and 1 <= self.restored <= 86_400):
            raise ValueError(f"spread within 0 and 1000, depth 0 and a million, restored 1 s and a day: {self}")


@dataclass(slots=True, eq=False)
class Order:
    """A wish to trade ``amount`` coins of a pair, at ``limit`` (in the pair's ticks) or better.

    What is not filled at once rests, or is given up when it may not (``rests``). ``owner`` is for who placed it.
    """

    id: str
    owner: str
    pair: Pair
    side: Side
    amount: Decimal
    limit: int
    rests: bool
    filled: Decimal = Decimal(0)

    @property
    def left(self) -> Decimal:
        return self.amount - self.filled


@dataclass(frozen=True, slots=True)
class Fill:
    """So much of an order was done, at a rate in the pair's ticks. ``is_maker``: it had been resting."""

    order: Order
    at: int
    amount: Decimal
    rate: int
    is_maker: bool


Levels = list[tuple[int, Decimal]]
"""Rates in a pair's ticks, best first, each with the amount of the coin that is there."""


class Exchange(Protocol):
    """Where orders go. Time only goes forward, in milliseconds; equal calls in equal order have equal outcomes."""

    def place(self, order: Order, at: int) -> list[Fill]:
        """What is filled at once, best rate first; ``order.filled`` grows with it."""

    def cancel(self, order: Order, at: int) -> None:
        """Forget what still rests of an order; nothing happens when nothing does."""

    def depth(self, pair: Pair, at: int) -> tuple[Levels, Levels]:
        """What is bid and what is asked. Nothing changes by looking, and ``at`` may lie a little back."""

    def due(self) -> int | None:
        """The next instant at which something may happen to a resting order; None while none rests."""

    def advance(self, until: int) -> list[Fill]:
        """Fills of resting orders up to and at ``until``, oldest first."""


Exchanges = Mapping[str, Exchange]
