"""A year of a user's disposals, by the lots of ``cryptwire/domain/fifo.py``: rows, totals, and what is left.

A year is of the user's calendar. Days held are dates apart in his zone; what was held for more than 365 is long. What
that means to an authority is nobody's word here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, localcontext
from enum import Enum
from zoneinfo import ZoneInfo

from cryptwire.domain.day import day_at
from cryptwire.domain.fifo import EXACT, NOTHING, Booked, Books, Disposal, Lot, Mark, Prices, Why
from cryptwire.domain.flow import Flow
from cryptwire.domain.hopper import Asset
from cryptwire.domain.trade import Trade

LONG_AFTER = 365  # days


class Holding(Enum):
    """How long a coin was held before it went."""

    SHORT = "short"
    LONG = "long"
    UNKNOWN = "unknown"
    """Its gain is not known: it was not covered, or could not be priced."""


@dataclass(frozen=True, slots=True)
class Row:
    """A disposal of the year; ``days`` it was held, None when nobody knows since when."""

    disposal: Disposal
    days: int | None

    @property
    def holding(self) -> Holding:
        """To which total it counts."""
        if self.days is None or self.disposal.gain is None:
            return Holding.UNKNOWN
        return Holding.LONG if self.days > LONG_AFTER else Holding.SHORT


@dataclass(slots=True)
class Total:
    """Sums over a coin's disposals of one kind of holding, withdrawals left out.

    ``cost`` and ``gain`` are None where they are not known; there ``proceeds`` are of those rows that tell them.
    """

    asset: Asset
    holding: Holding
    rows: int = 0
    quantity: Decimal = NOTHING
    proceeds: Decimal = NOTHING
    cost: Decimal | None = None
    gain: Decimal | None = None

    def add(self, disposal: Disposal) -> None:
        self.rows += 1
        self.quantity += disposal.quantity
        self.proceeds += disposal.proceeds or NOTHING
        if self.holding is not Holding.UNKNOWN:
            self.cost = (self.cost or NOTHING) + (disposal.cost or NOTHING)
            self.gain = self.proceeds - self.cost


@dataclass(slots=True)
class Balance:
    """How a coin's lots went through the year: what was there, came, went and is left, in units and at cost.

    ``left`` is ``began`` + ``came`` - ``went``, to the last digit. ``uncovered``: units that went beyond all lots.
    """

    asset: Asset
    began: "Holdings"
    came: "Holdings"
    went: "Holdings"
    uncovered: Decimal = NOTHING

    @property
    def left(self) -> "Holdings":
        quantity = EXACT.subtract(EXACT.add(self.began.quantity, self.came.quantity), self.went.quantity)
        return Holdings(quantity, EXACT.subtract(EXACT.add(self.began.cost, self.came.cost), self.went.cost))


@dataclass(slots=True)
class Holdings:
    """Units and what they cost, as far as that is known."""

    quantity: Decimal = NOTHING
    cost: Decimal = NOTHING

    def add(self, quantity: Decimal, cost: Decimal | None) -> None:
        self.quantity += quantity
        self.cost += cost or NOTHING


@dataclass(slots=True)
class TaxYear:
    """The year ``[begins_at, ends_at)``. Events are to come in the order of ``fifo.place``, from the first on.

    Those after the year are not to come: ``books`` hold what was left when it ended, or now.
    """

    books: Books
    zone: ZoneInfo
    begins_at: datetime
    ends_at: datetime
    _totals: dict[tuple[Asset, Holding], Total] = field(default_factory=dict, init=False)
    _balances: dict[Asset, Balance] = field(default_factory=dict, init=False)

    def trade(self, trade: Trade, prices: Prices) -> tuple[list[Row], list[Lot]]:
        """What a trade adds to the year: disposals, and income, which no trade is."""
        return self._booked(trade.at, self.books.trade(trade, prices))

    def flow(self, flow: Flow, worth: Decimal | None) -> tuple[list[Row], list[Lot]]:
        """What a flow, whose units were ``worth`` that, adds to the year: disposals, and income."""
        return self._booked(flow.at, self.books.flow(flow, worth))

    def totals(self) -> Sequence[Total]:
        """By coin, then short, long, unknown; none without rows."""
        order = list(Holding)
        return sorted(self._totals.values(), key=lambda total: (total.asset, order.index(total.holding)))

    def balances(self) -> Sequence[Balance]:
        """By coin, of those that were there, came or went."""
        found = (self._balances[asset] for asset in sorted(self._balances))
        return [one for one in found if any((one.began.quantity, one.came.quantity, one.went.quantity, one.uncovered))]

    def _booked(self, at: datetime, booked: Booked) -> tuple[list[Row], list[Lot]]:
        is_within = self.begins_at <= at < self.ends_at
        with localcontext(EXACT):
            for lot in booked.opened:
                balance = self._balance(lot.asset)
                (balance.came if is_within else balance.began).add(lot.quantity, lot.cost)
            for gone in booked.disposals:
                self._went(gone, is_within)
            if not is_within:
                return [], []
            rows = [self._row(gone) for gone in booked.disposals]
        return rows, [lot for lot in booked.opened if Mark.INCOME in lot.marks]

    def _balance(self, asset: Asset) -> Balance:
        found = self._balances.get(asset)
        if found is None:
            found = self._balances[asset] = Balance(asset, Holdings(), Holdings(), Holdings())
        return found

    def _went(self, gone: Disposal, is_within: bool) -> None:
        balance = self._balance(gone.asset)
        if gone.acquired_at is None:
            balance.uncovered += gone.quantity if is_within else NOTHING
        elif is_within:
            balance.went.add(gone.quantity, gone.cost)
        else:
            balance.began.add(-gone.quantity, None if gone.cost is None else -gone.cost)

    def _row(self, gone: Disposal) -> Row:
        days = None
        if gone.acquired_at is not None:
            days = (day_at(self.zone, gone.at).date - day_at(self.zone, gone.acquired_at).date).days
        row = Row(gone, days)
        if gone.why is not Why.WITHDRAWAL:
            key = gone.asset, row.holding
            self._totals.setdefault(key, Total(*key)).add(gone)
        return row
