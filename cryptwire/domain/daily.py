"""What is kept of each day of a hopper: what it held at midnight, and the figures of the day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, localcontext

from cryptwire.domain.flow import Index
from cryptwire.domain.hopper import Asset, Hopper, HopperId, with_base
from cryptwire.domain.lots import EXACT

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Midnight:
    """A hopper at the end of a day, ``at``. ``taken_at`` is when it was so, None when it was made up afterwards.

    Prices and money in the base currency; an asset without a price counts nothing. ``invested`` is what open positions
    are worth, ``unrealised`` that less what Cryptohopper says that they cost, without fees, ``reserved`` what may not
    be sold is worth; None: not known.
    """

    hopper: HopperId
    at: datetime
    quantities: Mapping[Asset, Decimal]
    prices: Mapping[Asset, Decimal]
    taken_at: datetime | None = None
    positions: int | None = None
    invested: Decimal | None = None
    unrealised: Decimal | None = None
    reserved: Decimal | None = None

    @property
    def is_priced(self) -> bool:
        """Whether anything can be said of its worth."""
        return bool(self.prices) or not self.quantities

    @property
    def balance(self) -> Decimal:
        """Σ quantity × price, exact."""
        with localcontext(EXACT):
            held = self.quantities.items()
            return sum((quantity * self.prices[asset] for asset, quantity in held if asset in self.prices), NOTHING)


@dataclass(frozen=True, slots=True)
class Daily:
    """The figures of one day of one hopper, under one ``version`` of its history; money in ``currency``.

    ``opening`` and ``closing`` are of the candles; ``closing_quality`` that of the last, 0 without one.
    ``unrealised`` is by the cost that Cryptohopper told, without fees, where the midnight was seen, else by that of the
    trades, with the fees of buying: it is not made anew, or history would jump. ``differences``: units that neither
    trades nor flows explain. ``gap`` in seconds. None: not known.
    """

    hopper: HopperId
    zone: str
    date: date
    version: int
    begins_at: datetime
    ends_at: datetime
    currency: Asset
    balance: Decimal | None
    opening: float | None
    closing: float | None
    closing_quality: int
    realised: Decimal
    unrealised: Decimal | None
    fees: Decimal
    other_fees: Mapping[Asset, Decimal]
    results: int
    trades: int
    positions: int | None
    free: Decimal | None
    invested: Decimal | None
    reserved: Decimal | None
    flows: Decimal
    differences: Mapping[Asset, Decimal]
    index: Index
    gap: float
    is_made_up: bool

    @property
    def index_value(self) -> float | None:
        """The index at the end of the day; None when nothing was left, or nothing is known."""
        return None if self.closing is None else self.index.of(self.closing)


@dataclass(frozen=True, slots=True)
class DayCandles:
    """What the candles of a day say: first and last one's opening, prices, the last one's quality, their gaps."""

    first_at: datetime
    last_at: datetime
    open: float
    close: float
    quality: int
    gap: float  # seconds, of those that are there
    count: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a hopper's days in a zone are computed, and what is to be done.

    Those of ``[begins_at, until_at)`` are there, as of ``version``; None: none is. ``ledger`` is what was held at
    ``until_at``. Days are due to ``last_at``, and anew from ``anew_from`` on when that is not None. ``earliest`` is
    when the hopper is first heard of, ``gone_at`` when it was deleted or unlinked: that day is its last. ``read_at``:
    the database's time of all this. ``bases``: until when the hopper traded with another base currency, and which.
    """

    hopper: Hopper
    zone: str
    last_at: datetime
    newest_version: int
    earliest: datetime | None
    read_at: datetime
    version: int | None = None
    begins_at: datetime | None = None
    until_at: datetime | None = None
    ledger: Mapping[str, object] = field(default_factory=dict)
    anew_from: datetime | None = None
    gone_at: datetime | None = None
    bases: Sequence[tuple[datetime, Asset]] = ()

    def hopper_at(self, moment: datetime) -> Hopper:
        """The hopper with the base currency that it had at ``moment``, in which its candles and midnights are."""
        return with_base(self.hopper, self.bases, moment)


@dataclass(frozen=True, slots=True)
class Progress:
    """What is written with a hopper's days: see ``Standing``."""

    hopper: HopperId
    zone: str
    version: int
    begins_at: datetime
    until_at: datetime
    ledger: Mapping[str, object]
    read_at: datetime
