"""What each coin of a hopper has earned between two moments, so that all of it adds up to the change of its value.

Of each coin, all in one currency:

    worth at the end − worth at the start
        = profit + (received − given) by trades − fees paid in it + flows + income + conversions + difference

``profit`` is what this leaves, so it holds of every coin, and sums over coins and over hoppers keep it. A trade gives
as much as it receives: both sides are worth what the trade says its quote was worth then. So over all coins received
and given are the same, fees paid in coins are the fees of the trades, and what remains is

    change of value = Σ (profit − fees) + Σ flows + Σ income + Σ conversions + Σ difference

to the last digit (shared reference: performance-metrics 6 and 7), whatever the data are. The *difference account* takes
what cannot be told: units that no trade and no flow explains, at the coin's price at the end, else at the mean price of
its trades, else at its price at the start; and all that is left over of a coin that has no price where it is held: that
one has no profit. What nobody could value (a trade, a fee, a flow) explains nothing, and is in there by its units.

Nothing is rounded: sums and products have 400 digits. The mean price of trades alone is a quotient, of 28.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from decimal import Context, Decimal, localcontext
from typing import Any, NamedTuple

from cryptwire.domain.flow import FlowKind
from cryptwire.domain.hopper import Asset
from cryptwire.domain.trade import Side

NOTHING = Decimal(0)
EXACT = Context(prec=400)
_QUOTIENT = Context(prec=28)
_FLOWS = frozenset({FlowKind.DEPOSIT, FlowKind.WITHDRAWAL, FlowKind.TRANSFER})


class Held(NamedTuple):
    """A coin at one end; ``price`` None: it has none, and counts nothing."""

    quantity: Decimal
    price: Decimal | None

    @property
    def is_known(self) -> bool:
        return not self.quantity or self.price is not None

    @property
    def worth(self) -> Decimal:
        return NOTHING if self.price is None else self.quantity * self.price


NOT_HELD = Held(NOTHING, None)


class Traded(NamedTuple):
    """Trades of one pair and side, summed, whose fees were paid in one coin.

    ``quantity`` of ``base``, ``total`` of ``quote``, ``value`` of either then; ``fee`` is what ``fee_units`` were worth
    then. None: nobody knows of any of them.
    """

    base: Asset
    quote: Asset
    side: Side
    fee_currency: Asset
    number: int
    quantity: Decimal
    total: Decimal
    value: Decimal | None
    fee_units: Decimal
    fee: Decimal | None


class Moved(NamedTuple):
    """Units that came, or went, without a trade, and what they were worth then; None: nobody knows."""

    asset: Asset
    kind: FlowKind
    quantity: Decimal
    value: Decimal | None


@dataclass(frozen=True, slots=True)
class CoinAccount:
    """One coin between two moments; quantities in its units, all else in one currency.

    ``profit`` is before ``fees``, which are those of trades of this coin, in whatever they were paid; ``paid`` are fees
    that were paid in it. ``untold``: of how many hoppers there is no profit, since a price lacks; then what is left
    over is part of ``difference``. ``told``: of how many there is. ``unvalued``: trades, fees and flows that nobody
    could value.
    """

    start_quantity: Decimal = NOTHING
    end_quantity: Decimal = NOTHING
    start: Decimal = NOTHING
    end: Decimal = NOTHING
    received: Decimal = NOTHING
    given: Decimal = NOTHING
    paid: Decimal = NOTHING
    flows: Decimal = NOTHING
    income: Decimal = NOTHING
    conversions: Decimal = NOTHING
    difference_quantity: Decimal = NOTHING
    difference: Decimal = NOTHING
    profit: Decimal = NOTHING
    fees: Decimal = NOTHING
    trades: int = 0
    told: int = 0
    untold: int = 0
    unvalued: int = 0

    @property
    def net(self) -> Decimal:
        """Profit less the fees of its trades."""
        with localcontext(EXACT):
            return self.profit - self.fees

    @property
    def change(self) -> Decimal:
        """How much its worth has changed."""
        with localcontext(EXACT):
            return self.end - self.start


def added(accounts: Iterable[CoinAccount]) -> CoinAccount:
    """Of several coins, hoppers or spans the sum of everything."""
    sums: dict[str, Any] = {each.name: each.default for each in fields(CoinAccount)}
    with localcontext(EXACT):
        for account in accounts:
            for name in sums:
                sums[name] += getattr(account, name)
    return CoinAccount(**sums)


def added_by_coin(hoppers: Iterable[Mapping[Asset, CoinAccount]]) -> dict[Asset, CoinAccount]:
    """The coins of several hoppers."""
    found: dict[Asset, list[CoinAccount]] = {}
    for coins in hoppers:
        for asset, account in coins.items():
            found.setdefault(asset, []).append(account)
    return {asset: added(accounts) for asset, accounts in found.items()}


@dataclass(slots=True)
class _Tally:
    """What is summed of a coin; ``traded`` units at ``value``, all without sign, for a mean price."""

    units: Decimal = NOTHING  # that are explained
    sums: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, Any] = field(default_factory=dict)
    traded: Decimal = NOTHING
    value: Decimal = NOTHING

    def add(self, name: str, value: Decimal) -> None:
        self.sums[name] = self.sums.get(name, NOTHING) + value

    def count(self, name: str, number: int) -> None:
        self.counts[name] = self.counts.get(name, 0) + number

    def side(self, units: Decimal, value: Decimal, *, is_received: bool) -> None:
        """One side of a trade."""
        self.units += units if is_received else -units
        self.add("received" if is_received else "given", value)
        self.traded += abs(units)
        self.value += abs(value)

    @property
    def mean_price(self) -> Decimal | None:
        return _QUOTIENT.divide(self.value, self.traded) if self.traded else None


def coin_accounts(
    start: Mapping[Asset, Held], end: Mapping[Asset, Held], trades: Iterable[Traded], moved: Iterable[Moved]
) -> dict[Asset, CoinAccount]:
    """The account of every coin that one hopper held, or traded, between two moments; ``moved``: what really did."""
    with localcontext(EXACT):
        tallies: dict[Asset, _Tally] = {}
        for traded in trades:
            _take_trades(tallies, traded)
        for each in moved:
            tally = tallies.setdefault(each.asset, _Tally())
            if each.value is None:
                tally.count("unvalued", 1)
            elif each.kind is not FlowKind.DIFFERENCE:
                tally.units += each.quantity
                tally.add(_name(each.kind), each.value)
        coins = sorted({*start, *end, *tallies})
        return {
            coin: _closed(start.get(coin, NOT_HELD), end.get(coin, NOT_HELD), tallies.get(coin, _Tally()))
            for coin in coins
        }


def _name(kind: FlowKind) -> str:
    if kind in _FLOWS:
        return "flows"
    return "income" if kind is FlowKind.INCOME else "conversions"


def _take_trades(tallies: dict[Asset, _Tally], traded: Traded) -> None:
    base, quote, paid = (
        tallies.setdefault(asset, _Tally()) for asset in (traded.base, traded.quote, traded.fee_currency)
    )
    base.count("trades", traded.number)
    if traded.value is None:
        base.count("unvalued", traded.number)
    else:
        is_bought = traded.side is Side.BUY
        base.side(traded.quantity, traded.value, is_received=is_bought)
        quote.side(traded.total, traded.value, is_received=not is_bought)
    if traded.fee is None:
        paid.count("unvalued", traded.number)
    else:
        paid.units -= traded.fee_units
        paid.add("paid", traded.fee)
        base.add("fees", traded.fee)


def _closed(start: Held, end: Held, tally: _Tally) -> CoinAccount:
    """A coin's account: its difference and, if that can be told, its profit."""
    sums = tally.sums
    unexplained = end.quantity - start.quantity - tally.units
    left = end.worth - start.worth - sums.get("received", NOTHING) + sums.get("given", NOTHING)
    left += sums.get("paid", NOTHING)
    left -= sum((sums.get(name, NOTHING) for name in ("flows", "income", "conversions")), NOTHING)
    price = next((each for each in (end.price, tally.mean_price, start.price) if each is not None), None)
    is_told = start.is_known and end.is_known and (not unexplained or price is not None)
    difference = unexplained * price if is_told and price is not None else NOTHING if is_told else left
    return CoinAccount(
        start_quantity=start.quantity,
        end_quantity=end.quantity,
        start=start.worth,
        end=end.worth,
        difference_quantity=unexplained,
        difference=difference,
        profit=left - difference,
        told=int(is_told),
        untold=int(not is_told),
        **sums,
        **tally.counts,
    )
