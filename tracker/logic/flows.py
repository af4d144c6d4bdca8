"""Money that came or went without a trade."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from cryptwire.domain.hopper import Asset
from cryptwire.domain.trade import Trade

DUST = 0.001
"""A difference below this share of the portfolio's value is dust, and no flow."""
_MOST_PENDING = 200


@dataclass(frozen=True, slots=True)
class Explained:
    """How a change of balances comes about: ``trades`` of the list that are in it, and what they leave over.

    ``unexplained`` in signed units of each asset, exact; empty when the trades say it all.
    """

    trades: tuple[Trade, ...]
    unexplained: dict[Asset, Decimal]


def explain(before: Mapping[Asset, Decimal], after: Mapping[Asset, Decimal], listed: Sequence[Trade]) -> Explained:
    """The change from ``before`` to ``after`` by ``listed``, trades that may be in it, oldest first.

    Balances are snapshots and may be older than the trade list, so the first of the trades may be in ``before`` already
    and the last not yet in ``after``: the run of trades is taken that leaves the fewest assets over, then the least of
    them (as shares of their balances), then the longest. Amounts are exact, so a true run leaves nothing.
    """
    nothing = Decimal(0)
    change = {asset: after.get(asset, nothing) - before.get(asset, nothing) for asset in before.keys() | after.keys()}
    left = {asset: amount for asset, amount in change.items() if amount}
    if not left:
        return Explained((), left)
    balances = {asset: max(before.get(asset, nothing), after.get(asset, nothing)) for asset in change}
    listed = listed[-_MOST_PENDING:]
    best, least = Explained((), left), (len(left), _share(left, balances), 0)
    for first in range(len(listed)):
        rest = dict(change)
        for last in range(first, len(listed)):
            for asset, amount in listed[last].changes().items():
                rest[asset] = rest.get(asset, nothing) - amount
            over = {asset: amount for asset, amount in rest.items() if amount}
            measure = (len(over), _share(over, balances), first - last - 1)
            if measure < least:
                best, least = Explained(tuple(listed[first : last + 1]), over), measure
    return best


def _share(amounts: Mapping[Asset, Decimal], balances: Mapping[Asset, Decimal]) -> float:
    """How much is left over, as shares of the balances."""
    return sum(float(abs(amount) / (balances.get(asset) or abs(amount))) for asset, amount in amounts.items())


def is_flow(quantity: Decimal, price: float, value: float) -> bool:
    """Whether an unexplained amount is worth being asked about."""
    return abs(float(quantity)) * price > DUST * value


def asked_since(read_at: datetime, refresh_every: timedelta) -> datetime:
    """From when on trades may explain what changed since balances were read: they were a refresh old at the most."""
    return read_at - 2 * refresh_every
