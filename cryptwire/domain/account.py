"""What a hopper holds: its balances and open positions, all of one instant."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from cryptwire.domain.hopper import Asset, HopperId


@dataclass(frozen=True, slots=True)
class Position:
    """An open position: ``quantity`` of ``base`` bought at ``rate``, which cost ``cost`` of ``quote``."""

    id: str
    base: Asset
    quote: Asset
    quantity: Decimal
    rate: Decimal
    cost: Decimal
    opened_at: datetime | None


@dataclass(frozen=True, slots=True)
class Account:
    """Balances and positions of one hopper at ``at``; ``quantities``: the whole balance of each asset, at least 0."""

    hopper: HopperId
    at: datetime
    quantities: Mapping[Asset, Decimal]
    positions: tuple[Position, ...]
