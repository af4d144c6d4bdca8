"""First in, first out: what coins that went had cost (shared reference: performance-metrics 7).

One user's lots of each coin over all of his live hoppers, in one currency of his choice. What comes opens a lot, what
goes takes the oldest first. Paying with a coin disposes of it, and so does a fee in one; the currency itself is no lot.

- A buy's lot costs what the trade was worth and its fee. A sale brings what the trade was worth less its fee. Where the
  side that bears the fee is the currency, the other bears it.
- A deposit opens a lot at market value, marked: nobody knows what it cost. A withdrawal takes the oldest at no gain,
  and so do crumbs that are missing. Transfers between a user's hoppers move nothing: lots are the user's.
- Income (airdrops, staking) opens a lot at market value. A conversion at the exchange is a disposal and an acquisition
  at market value.
- What goes beyond all lots is marked as not covered, and of what cannot be priced amounts are None, which is not 0.

Amounts are rounded once, to 18 decimals, when they enter. From then on nothing is lost: what was taken and what is left
add up to what was put in, to the last digit.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from enum import Enum

from cryptwire.domain.flow import Flow, FlowId, FlowKind
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.trade import Side, Trade, TradeId

Prices = Callable[[Asset, datetime], Decimal | None]
"""What one unit was worth in the report's currency at a moment; None when nobody knows."""

NOTHING = Decimal(0)
EXACT = Context(prec=200, rounding=ROUND_HALF_EVEN)
"""In which sums of amounts and of units come out to the last digit."""
_GRID = Decimal("1e-18")


class Mark(Enum):
    """What to know about a lot or about what was taken of it; the value is how it is told."""

    COST_UNKNOWN = "cost unknown"
    """It came as a deposit or was found: what it cost is what it was worth then."""
    INCOME = "income"
    NOT_COVERED = "not covered"
    """More went than is known to have come; what that cost is not known."""
    NO_PRICE = "no price"
    """What it was worth, or a fee of it, could not be told in the currency."""


_NO_PRICE = frozenset({Mark.NO_PRICE})


class Why(Enum):
    """Why a coin went."""

    SALE = "sale"
    PAYMENT = "payment"
    FEE = "fee"
    CONVERSION = "conversion"
    WITHDRAWAL = "withdrawal"

    @property
    def is_gain(self) -> bool:
        """Whether it makes a gain or a loss: a withdrawal makes none."""
        return self is not Why.WITHDRAWAL


@dataclass(frozen=True, slots=True)
class Lot:
    """Units of a coin that came at once, or what is left of them, and what they cost, fees in; None: not known."""

    asset: Asset
    at: datetime
    quantity: Decimal
    cost: Decimal | None
    marks: frozenset[Mark] = frozenset()


@dataclass(frozen=True, slots=True)
class Disposal:
    """Units that went, all of one lot, or (``acquired_at`` None) of none. ``source`` is the trade or the flow.

    Amounts in the report's currency; None: not known. The proceeds of a withdrawal are its cost.
    """

    asset: Asset
    why: Why
    acquired_at: datetime | None
    at: datetime
    quantity: Decimal
    proceeds: Decimal | None
    cost: Decimal | None
    marks: frozenset[Mark]
    hopper: HopperId
    source: TradeId | FlowId

    @property
    def gain(self) -> Decimal | None:
        """Proceeds less cost, where both are known."""
        return None if self.proceeds is None or self.cost is None else EXACT.subtract(self.proceeds, self.cost)


@dataclass(frozen=True, slots=True)
class Booked:
    """What one trade or flow did: lots as they were opened, and what was taken of lots, oldest first."""

    opened: tuple[Lot, ...] = ()
    disposals: tuple[Disposal, ...] = ()


Place = tuple[datetime, int, int, str, str]


def place(event: Trade | Flow) -> Place:
    """Where an event stands among all of a user: by time, then what came, buys, sells, what went; then by id.

    Ids of trades are numbers as text: the shorter is the smaller.
    """
    return event.at, _rank(event), len(event.id), event.id, event.hopper


def _rank(event: Trade | Flow) -> int:
    if isinstance(event, Trade):
        return 1 if event.side is Side.BUY else 2
    return 0 if event.quantity > 0 else 3


class Books:
    """Lots of one user in ``currency``. Events are to come in the order of ``place``."""

    def __init__(self, currency: Asset) -> None:
        self.currency = currency
        self._lots: dict[Asset, deque[Lot]] = {}

    def lots(self) -> Iterator[Lot]:
        """What is left, by coin, oldest first."""
        for asset in sorted(self._lots):
            yield from self._lots[asset]

    def trade(self, trade: Trade, prices: Prices) -> Booked:
        """Book a trade. Its fee in its own base or quote is valued by the trade itself."""
        if trade.quantity <= 0 or trade.total < 0:
            return Booked()
        with localcontext(EXACT):
            return _Booking(self, trade).of_trade(trade, prices)

    def flow(self, flow: Flow, worth: Decimal | None) -> Booked:
        """Book a flow, all of whose units, whether they came or went, were worth ``worth`` then."""
        if not flow.moved or flow.kind is FlowKind.TRANSFER or flow.asset == self.currency:
            return Booked()
        with localcontext(EXACT):
            return _Booking(self, flow).of_flow(flow, worth)

    def _open(self, lot: Lot) -> None:
        self._lots.setdefault(lot.asset, deque()).append(lot)

    def _take(self, asset: Asset, quantity: Decimal) -> Iterator[Lot]:
        """Parts of the oldest lots, which are no longer theirs; less than ``quantity`` when there is not so much."""
        lots = self._lots.get(asset)
        while lots and quantity > 0:
            oldest = lots.popleft()
            part = oldest
            if quantity < oldest.quantity:
                cost = None if oldest.cost is None else _rounded(oldest.cost * quantity / oldest.quantity)
                left = None if oldest.cost is None or cost is None else oldest.cost - cost
                part = replace(oldest, quantity=quantity, cost=cost)
                lots.appendleft(replace(oldest, quantity=oldest.quantity - quantity, cost=left))
            quantity -= part.quantity
            yield part
        if lots is not None and not lots:
            del self._lots[asset]


class _Booking:
    """What one event does to the books."""

    def __init__(self, books: Books, event: Trade | Flow) -> None:
        self._books = books
        self._event = event
        self._opened: list[Lot] = []
        self._disposals: list[Disposal] = []

    def of_trade(self, trade: Trade, prices: Prices) -> Booked:
        base, quote = (trade.pair.base, trade.quantity), (trade.pair.quote, trade.total)
        is_buy = trade.side is Side.BUY
        (gives, given), (gets, got) = (quote, base) if is_buy else (base, quote)
        currency = self._books.currency
        worth = _worth(trade, currency, prices)
        fee = _fee_worth(trade, worth, currency, prices)
        brought, cost = worth, worth
        of_given = of_got = _NO_PRICE if worth is None else frozenset()
        if gets != currency and (is_buy or gives == currency):  # what came bears the fee
            cost = worth if worth is None or fee is None else worth + fee
            of_got = of_got if fee is not None else _NO_PRICE
        else:
            brought = worth if worth is None or fee is None else worth - fee
            of_given = of_given if fee is not None else _NO_PRICE
        self._go(gives, given, brought, Why.PAYMENT if is_buy else Why.SALE, of_given)
        self._come(gets, got, cost, of_got)
        units, marks = abs(trade.fee), _NO_PRICE if fee is None else frozenset()
        if trade.fee > 0:
            self._go(trade.fee_currency, units, fee, Why.FEE, marks)
        else:  # a rebate
            self._come(trade.fee_currency, units, None if fee is None else -fee, marks)
        return self._booked()

    def of_flow(self, flow: Flow, worth: Decimal | None) -> Booked:
        value = None if worth is None else _rounded(worth)
        marks = _NO_PRICE if value is None else frozenset()
        if flow.quantity > 0:
            origin = {FlowKind.INCOME: {Mark.INCOME}, FlowKind.CONVERSION: set[Mark]()}
            self._come(flow.asset, flow.quantity, value, marks | origin.get(flow.kind, {Mark.COST_UNKNOWN}))
        elif flow.kind is FlowKind.CONVERSION:
            self._go(flow.asset, -flow.quantity, value, Why.CONVERSION, marks)
        else:
            self._go(flow.asset, -flow.quantity, None, Why.WITHDRAWAL, frozenset())
        return self._booked()

    def _booked(self) -> Booked:
        return Booked(tuple(self._opened), tuple(self._disposals))

    def _come(self, asset: Asset, quantity: Decimal, cost: Decimal | None, marks: frozenset[Mark]) -> None:
        if asset != self._books.currency and quantity > 0:
            lot = Lot(asset, self._event.at, quantity, cost, marks)
            self._opened.append(lot)
            self._books._open(lot)

    def _go(self, asset: Asset, quantity: Decimal, brought: Decimal | None, why: Why, marks: frozenset[Mark]) -> None:
        if asset == self._books.currency or quantity <= 0:
            return
        left, brought_left = quantity, brought
        for part in self._books._take(asset, quantity):
            proceeds = part.cost
            if why.is_gain:
                is_rest = part.quantity == left
                proceeds = brought_left if is_rest or brought is None else _rounded(brought * part.quantity / quantity)
                brought_left = None if brought_left is None or proceeds is None else brought_left - proceeds
            left -= part.quantity
            self._add(asset, why, part.at, part.quantity, proceeds, part.cost, marks | part.marks)
        if left > 0:
            self._add(asset, why, None, left, brought_left, None, marks | {Mark.NOT_COVERED})

    def _add(
        self,
        asset: Asset,
        why: Why,
        acquired_at: datetime | None,
        quantity: Decimal,
        proceeds: Decimal | None,
        cost: Decimal | None,
        marks: Iterable[Mark],
    ) -> None:
        at, hopper, source = self._event.at, self._event.hopper, self._event.id
        gone = Disposal(asset, why, acquired_at, at, quantity, proceeds, cost, frozenset(marks), hopper, source)
        self._disposals.append(gone)


def _worth(trade: Trade, currency: Asset, prices: Prices) -> Decimal | None:
    """What was traded, in the currency: exactly where that is one of its sides."""
    if trade.pair.quote == currency:
        return _rounded(trade.total)
    if trade.pair.base == currency:
        return _rounded(trade.quantity)
    for asset, units in ((trade.pair.quote, trade.total), (trade.pair.base, trade.quantity)):
        price = prices(asset, trade.at)
        if price is not None:
            return _rounded(units * price)
    return None


def _fee_worth(trade: Trade, worth: Decimal | None, currency: Asset, prices: Prices) -> Decimal | None:
    if not trade.fee:
        return NOTHING
    if trade.fee_currency == currency:
        return _rounded(trade.fee)
    if worth is not None and trade.fee_currency == trade.pair.base:
        return _rounded(trade.fee * worth / trade.quantity)
    if worth is not None and trade.fee_currency == trade.pair.quote and trade.total:
        return _rounded(trade.fee * worth / trade.total)
    price = prices(trade.fee_currency, trade.at)
    return None if price is None else _rounded(trade.fee * price)


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(_GRID)
