"""What the hoppers of a scope hold now, as newly as it is known: live, or as of the last midnight."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from api.handlers.analytics.reading import Reading
from cryptwire.domain.coin_profit import EXACT
from cryptwire.domain.conversion import Conversion
from cryptwire.domain.hopper import Asset, Hopper, HopperId, with_base

_KNOWN_FOR = timedelta(days=30)
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Held:
    """What ``hopper`` held ``at``; ``prices`` in ``base``, its base currency then, of those that have one.

    ``rate``: what a unit of ``base`` is worth in the currency of the scope, ``dollars`` in US dollars; None: nobody
    knows.
    """

    hopper: Hopper
    at: datetime
    is_live: bool
    base: Asset
    quantities: Mapping[Asset, Decimal]
    prices: Mapping[Asset, Decimal]
    rate: Decimal | None
    dollars: Decimal | None

    def value(self, asset: Asset) -> Decimal | None:
        """In the currency of the scope; None without a price or rate."""
        price = self.price(asset)
        return None if price is None else EXACT.multiply(self.quantities[asset], price)

    def price(self, asset: Asset) -> Decimal | None:
        """Of one unit, in the currency of the scope."""
        price = self.prices.get(asset)
        return None if price is None or self.rate is None else EXACT.multiply(price, self.rate)


@dataclass(frozen=True, slots=True)
class Holdings:
    """Of each hopper of a scope; ``left_out`` are those of which nothing is known that is not too old."""

    hoppers: Sequence[Held]
    left_out: Sequence[HopperId]
    notes: Sequence[str]

    @property
    def as_of(self) -> datetime | None:
        """When the oldest of them was so."""
        return min((one.at for one in self.hoppers), default=None)


async def holdings(reading: Reading) -> Holdings:
    """Read once for an operation, whatever its range. Raises Unavailable."""
    return await reading.once("holdings", lambda: _read(reading))


@dataclass(frozen=True, slots=True)
class _Balance:
    at: datetime
    is_live: bool
    base: Asset
    quantities: Mapping[Asset, Decimal]
    prices: Mapping[Asset, Decimal]


async def _read(reading: Reading) -> Holdings:
    scope, sources = reading.scope, reading.sources
    hoppers = {one.hopper.id: one.hopper for one in scope.hoppers if one.is_linked}
    found = _live(reading, hoppers)
    asked = [id for id in hoppers if id not in found]
    found |= await _at_midnight(reading, {id: hoppers[id] for id in asked})
    since = min((one.at for one in found.values()), default=scope.now)
    rates: dict[Asset, tuple[Conversion, Conversion]] = {}
    for base in sorted({one.base for one in found.values()}):
        rates[base] = (
            await sources.conversions.between(base, scope.currency, since, scope.now),
            await sources.conversions.between(base, Asset("USD"), since, scope.now),
        )
    held = []
    for id, hopper in hoppers.items():
        if (one := found.get(id)) is not None:
            rate, dollars = (told.exactly(one.at) for told in rates[one.base])
            held.append(Held(hopper, one.at, one.is_live, one.base, one.quantities, one.prices, rate, dollars))
    notes = {note for told in rates.values() if (note := told[0].note) is not None}
    left_out = [one.hopper.id for one in scope.hoppers if one.hopper.id not in found]
    return Holdings(held, left_out, sorted(notes))


def _live(reading: Reading, hoppers: Mapping[HopperId, Hopper]) -> dict[HopperId, _Balance]:
    """Of hoppers that are tracked, for who may see that."""
    found = {}
    for id in hoppers if reading.sees_live else ():
        live = reading.sources.portfolios.of(id, reading.scope.now)
        if live is not None:
            quantities = {one.asset: one.quantity for one in live.holdings if one.quantity > 0}
            prices = {one.asset: Decimal(repr(one.price)) for one in live.holdings if one.price is not None}
            at = min(live.at, reading.scope.now)
            found[id] = _Balance(at, True, live.base, quantities, prices | {live.base: _ONE})
    return found


async def _at_midnight(reading: Reading, hoppers: Mapping[HopperId, Hopper]) -> dict[HopperId, _Balance]:
    """Of the last midnight whose prices are known."""
    now, sources = reading.scope.now, reading.sources
    lasts = await sources.balances.last_priced([(id, now - _KNOWN_FOR, now) for id in hoppers])
    keys = [(id, at) for id, at in zip(hoppers, lasts, strict=True) if at is not None]
    if not keys:
        return {}
    midnights, bases = await sources.balances.at(keys), await sources.days.bases([id for id, _ in keys])
    found = {}
    for (id, at), midnight in midnights.items():
        base = with_base(hoppers[id], bases.get(id, ()), at).base
        quantities = {asset: quantity for asset, quantity in midnight.quantities.items() if quantity > 0}
        found[id] = _Balance(at, False, base, quantities, {**midnight.prices, base: _ONE})
    return found
