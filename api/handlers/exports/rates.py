"""What currencies were worth while something happened: many questions about few of them, in the order of time."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Context, Decimal

from cryptwire.domain.conversion import Conversion
from cryptwire.domain.hopper import Asset
from cryptwire.storage.conversions import MOST_DAYS, Conversions

_EXACT = Context(prec=200)
_GRAIN = Decimal("1e-18")


def times(amount: Decimal | None, *rates: Decimal | None) -> Decimal | None:
    """An amount in another currency, rounded once, to 18 decimals; None where nobody knows."""
    for rate in rates:
        if amount is None or rate is None:
            return None
        amount = _EXACT.multiply(amount, rate)
    return None if amount is None else amount.quantize(_GRAIN, context=_EXACT)


class Rates:
    """Units of ``target`` for one of others within ``[since, until]``; of what is more than ten years old nothing."""

    def __init__(self, conversions: Conversions, target: Asset, since: datetime, until: datetime) -> None:
        self.target = target
        self._conversions = conversions
        self._since = max(since, until - timedelta(days=MOST_DAYS))
        self._until = until
        self._of: dict[Asset, _Steps] = {}

    async def know(self, assets: Iterable[Asset]) -> None:
        """Read what is needed to answer about these; raises Unavailable."""
        for asset in set(assets) - self._of.keys():
            found = await self._conversions.between(asset, self.target, self._since, self._until)
            self._of[asset] = _Steps(found)

    def conversion(self, asset: Asset) -> Conversion:
        """That of a currency which is known."""
        return self._of[asset].conversion

    @property
    def notes(self) -> list[str]:
        """What is to be known of these rates."""
        return sorted({note for one in self._of.values() if (note := one.conversion.note) is not None})

    def at(self, asset: Asset, moment: datetime) -> Decimal | None:
        """What one unit was worth; None where nobody can tell, and for a currency that was not asked to be known."""
        steps = self._of.get(asset)
        return None if steps is None else steps.at(moment)


class _Steps:
    def __init__(self, conversion: Conversion) -> None:
        self.conversion = conversion
        self._seconds, self._rates = conversion.steps(conversion.since, conversion.until)

    def at(self, moment: datetime) -> Decimal | None:
        if self.conversion.is_identity:
            return Decimal(1)
        if not self.conversion.since <= moment <= self.conversion.until:
            return None
        return self._rates[bisect_right(self._seconds, moment.timestamp()) - 1]
