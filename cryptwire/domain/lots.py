"""Lots: what is left of a hopper's buys, by the pairs they were bought on.

A sell takes from one lot, or the same share of all of a pool. So that neither costs more with many lots, a pool
knows its sums and one ``scale``: a sell of a share of all changes these alone, and a lot, which says at which scale its
numbers stood, is brought up to date when it is named. Sums are exact: what is taken is rounded to 18 decimals, what
stays is the rest, and who takes the last of a pool takes all of the rest.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import TradeId

EXACT = Context(prec=200, rounding=ROUND_HALF_EVEN)
"""In which sums of money are exact: amounts are below 1e60 and have few decimals."""
_FINE = Context(prec=60, rounding=ROUND_HALF_EVEN)
"""For scales and weights."""
NOTHING, ONE = Decimal(0), Decimal(1)
CRUMB = Decimal("0.001")
"""A share that is as good as nothing: exchanges round."""
SEVERAL = "several"
_GRAIN = Decimal("1e-18")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_FEW = 64

Names = dict[str | None, Decimal]
"""How much of something has which name; None: nobody knows the name."""


def grained(amount: Decimal) -> Decimal:
    """Rounded to 18 decimals. Called in the context ``EXACT``, as all here."""
    return amount.quantize(_GRAIN)


@dataclass(slots=True)
class Lot:
    """What is left of a buy: ``quantity`` of the base cost ``cost`` of the quote, of which ``fees`` were fees.

    Of a short: ``quantity`` is owed, and ``cost`` is what its sale brought. ``trigger`` and ``strategy`` are those of
    the trade that opened it. The numbers stood so when the pool's scale was ``scale``.
    """

    id: TradeId
    pair: Pair
    at: datetime
    quantity: Decimal
    cost: Decimal
    fees: Decimal
    trigger: str | None = None
    strategy: str | None = None
    scale: Decimal = ONE

    def as_json(self) -> list[str | None]:
        """For keeping; ``lot_of`` makes the same of it."""
        numbers = str(self.quantity), str(self.cost), str(self.fees)
        names = self.trigger, self.strategy
        return [self.id, *self.pair, self.at.isoformat(), *numbers, *names, str(self.scale)]

    def take(self, quantity: Decimal) -> tuple[Decimal, Decimal]:
        """Cost and fees of a part, which is no longer the lot's; all of the rest when ``quantity`` is."""
        cost, fees = self.cost, self.fees
        if quantity < self.quantity:
            cost, fees = (grained(amount * quantity / self.quantity) for amount in (cost, fees))
        self.quantity -= min(quantity, self.quantity)
        self.cost -= cost
        self.fees -= fees
        return cost, fees


@dataclass(frozen=True, slots=True)
class Taken:
    """A part of one lot, or of all lots of a pool: its sums, the mean of the times of buying in microseconds, and how
    much of it was bought by which trigger and strategy. ``sources``: moments of buying and their shares of the cost;
    told only if asked for.
    """

    pair: Pair
    quantity: Decimal
    cost: Decimal
    fees: Decimal
    mean: Decimal
    triggers: Names
    strategies: Names
    sources: tuple[tuple[datetime, Decimal, Decimal], ...] = ()


@dataclass(slots=True)
class _Share:
    """How much of a pool's weight has one name, and how many lots."""

    weight: Decimal
    lots: int


@dataclass(slots=True)
class Pool:
    """All lots of one pair, oldest first. A lot's weight is its quantity divided by its scale; it is not changed by a
    sell of a share of all. ``moment`` is the sum of weights times microseconds since the epoch.
    """

    pair: Pair
    lots: dict[TradeId, Lot] = field(default_factory=dict)
    scale: Decimal = ONE
    quantity: Decimal = NOTHING
    cost: Decimal = NOTHING
    fees: Decimal = NOTHING
    weight: Decimal = NOTHING
    moment: Decimal = NOTHING
    triggers: dict[str | None, _Share] = field(default_factory=dict)
    strategies: dict[str | None, _Share] = field(default_factory=dict)
    full: int = _FEW
    """With so many lots those of which nothing is left are looked for."""

    def add(self, lot: Lot) -> None:
        """One more, bought last."""
        lot.scale = self.scale
        self.lots[lot.id] = lot
        self.quantity += lot.quantity
        self.cost += lot.cost
        self.fees += lot.fees
        self._weigh(lot, _weight(lot), 1)
        if len(self.lots) >= self.full:
            self._sweep()

    def take_of(self, lot: Lot, quantity: Decimal) -> Taken | None:
        """As much of ``quantity`` as there is in a lot of this pool; None when nothing is."""
        if len(self.lots) == 1:
            return self._take_all() if quantity >= self.quantity else self._part(lot, quantity)
        now = self.now(lot)
        if not now.quantity:
            return None
        if now.quantity >= self.quantity <= quantity:
            return self._take_all()
        return self._part(lot, min(quantity, now.quantity))

    def take_share(self, quantity: Decimal, *, with_sources: bool) -> Taken:
        """The same share of every lot: together ``quantity``, or all if there is no more."""
        if quantity >= self.quantity:
            return self._take_all(with_sources=with_sources)
        share = _FINE.divide(quantity, self.quantity)
        cost, fees = (grained(amount * quantity / self.quantity) for amount in (self.cost, self.fees))
        taken = self._told(quantity, cost, fees, share, with_sources=with_sources)
        left = self.quantity - quantity
        self.scale = _FINE.divide(_FINE.multiply(self.scale, left), self.quantity)
        self.quantity, self.cost, self.fees = left, self.cost - cost, self.fees - fees
        return taken

    def now(self, lot: Lot) -> Lot:
        """How one of its lots stands, rounded to 18 decimals when a share of all was sold since it was bought."""
        if lot.scale == self.scale:
            return lot
        share = _FINE.divide(self.scale, lot.scale)
        quantity, cost, fees = (grained(amount * share) for amount in (lot.quantity, lot.cost, lot.fees))
        return replace(lot, quantity=quantity, cost=cost, fees=fees, scale=self.scale)

    def standing(self) -> list[Lot]:
        """How all lots stand, without those of which nothing is left; together they are the sums exactly."""
        lots = [replace(self.now(lot)) for lot in self.lots.values()]
        last = lots[-1]
        lots = [lot for lot in lots if lot.quantity > 0 or lot is last]
        last.quantity += self.quantity - sum((lot.quantity for lot in lots), NOTHING)
        last.cost += self.cost - sum((lot.cost for lot in lots), NOTHING)
        last.fees += self.fees - sum((lot.fees for lot in lots), NOTHING)
        return lots

    def as_json(self) -> list[Any]:
        """All but the lots, for keeping; ``pool_of`` makes the same of it."""
        numbers = (self.scale, self.quantity, self.cost, self.fees, self.weight, self.moment)
        names = (
            [[name, str(one.weight), one.lots] for name, one in names.items()]
            for names in (self.triggers, self.strategies)
        )
        return [*self.pair, *map(str, numbers), *names, self.full]

    def _part(self, lot: Lot, quantity: Decimal) -> Taken:
        """A part of one lot."""
        before, now = _weight(lot), self.now(lot)
        if len(self.lots) == 1:  # the sums are its own
            now = replace(now, quantity=self.quantity, cost=self.cost, fees=self.fees)
        else:
            now = replace(now)
        whole = now.quantity
        cost, fees = now.take(quantity)
        self.quantity -= quantity
        self.cost -= cost
        self.fees -= fees
        if quantity < whole:
            self.lots[lot.id] = now
            self._weigh(lot, _weight(now) - before, 0)
        else:
            del self.lots[lot.id]
            self._weigh(lot, -before, -1)
        mean = Decimal((lot.at - _EPOCH) // _US)
        names: tuple[Names, Names] = {lot.trigger: quantity}, {lot.strategy: quantity}
        return Taken(self.pair, quantity, cost, fees, mean, *names, ((lot.at, cost, fees),))

    def _take_all(self, *, with_sources: bool = True) -> Taken:
        taken = self._told(self.quantity, self.cost, self.fees, ONE, with_sources=with_sources)
        self.lots.clear()
        self.quantity = self.cost = self.fees = NOTHING
        return taken

    def _told(self, quantity: Decimal, cost: Decimal, fees: Decimal, share: Decimal, *, with_sources: bool) -> Taken:
        """What a share of all is."""
        sources: tuple[tuple[datetime, Decimal, Decimal], ...] = ()
        if with_sources:
            sources = tuple((lot.at, lot.cost * share, lot.fees * share) for lot in self.standing())
        units = _FINE.divide(quantity, self.weight)
        triggers, strategies = (
            {name: _FINE.multiply(one.weight, units) for name, one in names.items()}
            for names in (self.triggers, self.strategies)
        )
        mean = _FINE.divide(self.moment, self.weight)
        return Taken(self.pair, quantity, cost, fees, mean, triggers, strategies, sources)

    def _weigh(self, lot: Lot, weight: Decimal, lots: int) -> None:
        """Add to what the lots' weights and moments sum up to, in all and by name."""
        self.weight = _FINE.add(self.weight, weight)
        self.moment = _FINE.fma(weight, Decimal((lot.at - _EPOCH) // _US), self.moment)
        for names, name in ((self.triggers, lot.trigger), (self.strategies, lot.strategy)):
            one = names.setdefault(name, _Share(NOTHING, 0))
            one.weight = _FINE.add(one.weight, weight)
            one.lots += lots
            if not one.lots:
                del names[name]

    def _sweep(self) -> None:
        """Forget lots of which shares of all that were sold have left nothing; the newest stays."""
        newest = next(reversed(self.lots))
        gone = [lot for lot in self.lots.values() if lot.id != newest and not self.now(lot).quantity]
        for lot in gone:
            del self.lots[lot.id]
            self._weigh(lot, -_weight(lot), -1)
        self.full = max(_FEW, 2 * len(self.lots))


def _weight(lot: Lot) -> Decimal:
    return _FINE.divide(lot.quantity, lot.scale)


def lot_of(kept: Sequence[str | None]) -> Lot:
    """The lot that ``as_json`` kept, also before it knew what had opened it."""
    name, exchange, base, quote, at, quantity, cost, fees = (each or "" for each in kept[:8])
    trigger, strategy, scale = kept[8:] or (None, None, None)
    return Lot(
        TradeId(name),
        Pair(Exchange(exchange), Asset(base), Asset(quote)),
        datetime.fromisoformat(at),
        Decimal(quantity),
        Decimal(cost),
        Decimal(fees),
        trigger,
        strategy,
        Decimal(scale or 1),
    )


def pool_of(kept: Sequence[Any]) -> Pool:
    """The pool that ``as_json`` kept, still without its lots."""
    exchange, base, quote, *numbers = kept[:9]
    scale, quantity, cost, fees, weight, moment = map(Decimal, numbers)
    triggers, strategies = ({name: _Share(Decimal(part), lots) for name, part, lots in each} for each in kept[9:11])
    pair = Pair(Exchange(exchange), Asset(base), Asset(quote))
    return Pool(pair, {}, scale, quantity, cost, fees, weight, moment, triggers, strategies, kept[11])


def mean_of(taken: Iterable[Taken]) -> datetime | None:
    """The mean of the times of buying, by quantity."""
    parts = [part for part in taken if part.quantity]
    if not parts:
        return None
    whole = sum((part.quantity for part in parts), NOTHING)
    mean = sum((part.mean * part.quantity for part in parts), NOTHING) / whole
    return _EPOCH + timedelta(microseconds=int(mean.to_integral_value()))


def name_of(shares: Iterable[Mapping[str | None, Decimal]]) -> str | None:
    """The one name that all has, but for crumbs; ``several`` when there are different ones, None when a part has none
    and the rest does not differ.
    """
    amounts: Names = {}
    for each in shares:
        for name, amount in each.items():
            amounts[name] = amounts.get(name, NOTHING) + amount
    least = sum(amounts.values(), NOTHING) * CRUMB
    counted = [name for name, amount in amounts.items() if amount > least] or list(amounts)
    if len(counted) == 1:
        return counted[0]
    return SEVERAL if sum(name is not None for name in counted) > 1 else None
