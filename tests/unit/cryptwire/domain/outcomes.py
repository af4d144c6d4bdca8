"""Results one by one, and a tally of them: what the database groups, counted in the plainest way."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from cryptwire.domain.hopper import Asset
from cryptwire.domain.trade import TradeId
from cryptwire.domain.trade_statistics import EXACT, NOTHING, Tally, added

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One result; money in one currency, with fees; ``fees`` of both sides.

    ``cost`` is None when it is not known what was sold, ``proceeds`` when nobody knows what they were in this currency.
    """

    trade: TradeId
    at: datetime
    base: Asset
    proceeds: Decimal | None
    cost: Decimal | None
    fees: Decimal = NOTHING
    closed_by: str | None = None

    @property
    def net(self) -> Decimal | None:
        """Profit, fees out; exact."""
        return None if self.cost is None or self.proceeds is None else EXACT.subtract(self.proceeds, self.cost)


def tally_of(outcomes: Iterable[Outcome]) -> Tally:
    """Of results in any order."""
    return added(Tally, map(_tally, outcomes))


def _tally(outcome: Outcome) -> Tally:
    if outcome.cost is None:
        return Tally(unknown=1)
    net = outcome.net
    if net is None:
        return Tally(untold=1)
    return Tally(
        winners=int(net > 0),
        losers=int(net < 0),
        even=int(not net),
        gains=max(net, NOTHING),
        losses=min(net, NOTHING),
        fees=outcome.fees,
        moved=EXACT.abs(EXACT.add(net, outcome.fees)),
    )


def tallies(outcomes: Iterable[Outcome], key: Callable[[Outcome], Key]) -> dict[Key, Tally]:
    """A tally for each key."""
    found: dict[Key, list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(key(outcome), []).append(outcome)
    return {each: tally_of(those) for each, those in found.items()}
