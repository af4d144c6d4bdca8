"""Sums over trades, by whatever they are grouped: how many, what they moved, what they paid in fees; all exact.

What results earned is ``cryptwire/domain/trade_statistics.py``; here all trades count, whether they closed anything or
not. Money is in one currency, each amount at the rates of its trade's time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from cryptwire.domain.trade_statistics import EXACT, NOTHING, added


@dataclass(frozen=True, slots=True)
class TradeTally:
    """``bought`` and ``sold``: worth without fees; ``unvalued``: trades of which nobody knows it, so it is not in them.

    ``fees``: those that are known in the currency; ``unconverted``: trades whose fee is not among them.
    """

    buys: int = 0
    sells: int = 0
    unvalued: int = 0
    unconverted: int = 0
    bought: Decimal = NOTHING
    sold: Decimal = NOTHING
    fees: Decimal = NOTHING

    @property
    def count(self) -> int:
        return self.buys + self.sells

    @property
    def volume(self) -> Decimal:
        """Bought and sold together."""
        return EXACT.add(self.bought, self.sold)


@dataclass(frozen=True, slots=True)
class PaidFees:
    """Fees that were paid in one coin: ``units`` of it, of them ``lacking`` whose worth nobody knows; ``worth`` of the
    others.
    """

    trades: int = 0
    units: Decimal = NOTHING
    lacking: Decimal = NOTHING
    worth: Decimal = NOTHING


@dataclass(frozen=True, slots=True)
class Earned:
    """What was closed in a stretch of time: ``results``, and the sum of the net of those whose net is ``known``."""

    results: int = 0
    known: int = 0
    net: Decimal = NOTHING


@dataclass(frozen=True, slots=True)
class Stretch:
    """What happened in one stretch of time."""

    trades: TradeTally = field(default_factory=TradeTally)
    earned: Earned = field(default_factory=Earned)


def joined(stretches: Sequence[Stretch]) -> Stretch:
    """All of them as one; one at least."""
    if len(stretches) == 1:
        return stretches[0]
    return Stretch(
        added(TradeTally, [one.trades for one in stretches]), added(Earned, [one.earned for one in stretches])
    )
