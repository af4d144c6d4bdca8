"""The live state of one hopper's portfolio."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from cryptwire.domain.account import Position
from cryptwire.domain.candle import Candle
from cryptwire.domain.hopper import Asset, HopperId


@dataclass(frozen=True, slots=True)
class FlowCandidate:
    """Money that seems to have come or gone without a trade.

    ``at`` is when the poll was applied, where the flow takes effect: ``quantity`` signed units of ``asset`` at
    ``price`` in the base currency; ``value_before`` of the whole portfolio at that instant.
    """

    hopper: HopperId
    at: datetime
    asset: Asset
    quantity: Decimal
    price: float
    value_before: float
    fence: int


@dataclass(frozen=True, slots=True)
class Holding:
    """The balance of one asset; ``price`` in the base currency, None when it could not be priced and counts nothing."""

    asset: Asset
    quantity: Decimal
    price: float | None


@dataclass(frozen=True, slots=True)
class Portfolio:
    """One hopper, live: the candle so far, whose close is the value now, and what it consists of, with both ages.

    ``prices_at``: when its exchange was last heard; ``newest_price_at``: the newest receipt among the prices of what it
    holds, None when none is known.
    """

    hopper: HopperId
    at: datetime
    base: Asset
    candle: Candle
    volume: float
    is_fresh: bool
    prices_at: datetime | None
    assets_at: datetime
    holdings: tuple[Holding, ...]
    positions: tuple[Position, ...]
    flow: FlowCandidate | None
    newest_price_at: datetime | None = None
