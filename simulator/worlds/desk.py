"""Orders of one hopper: placed at its exchange, booked as they are filled."""

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Decimal

from simulator.market.prices import Pair
from simulator.worlds.book import Book
from simulator.worlds.books import FEE, UNIT, ZERO, Lot, OpenOrder, Position, ShortHolding
from simulator.worlds.exchange import Exchange, Fill, Order, Side
from simulator.worlds.ledger import Part

_SLIP = 50  # a market order is filled at most a fiftieth away from the price
_MARGIN = Decimal("0.00001")  # base currency, for the rounding of many fills


@dataclass(slots=True, eq=False)
class Errand:
    """An order and what it is for: ``position`` is what a sell closes, or what a buy has opened so far."""

    order: Order
    column: int
    opened_at: int
    trigger: str
    position: Position | None = None
    part: Part = "free"
    held: Decimal = ZERO
    is_short: bool = False
    brought: Decimal = ZERO  # by a sale, in base currency, without fees
    expires_at: int | None = None


class Desk:
    """Market orders are filled at once as far as the depth near the price goes; limit orders may rest."""

    __slots__ = ("_coins", "_exchange", "_next_id", "_owner", "_pairs", "_ticks", "book", "open")

    def __init__(
        self, owner: str, book: Book, exchange: Exchange, coins: tuple[str, ...], pairs: list[Pair], first_id: int
    ) -> None:
        self.book = book
        self.open: dict[str, Errand] = {}
        self._owner, self._exchange, self._coins, self._pairs = owner, exchange, coins, pairs
        self._next_id = first_id
        self._ticks = [Decimal(1).scaleb(-pair.listed.decimals) for pair in pairs]

    def rate(self, column: int, price: int) -> Decimal:
        """Ticks as base currency."""
        return price * self._ticks[column]

    def ticks(self, column: int, rate: Decimal) -> float:
        """Base currency as ticks."""
        return float(rate / self._ticks[column])

    def buy(
        self, at: int, column: int, amount: Decimal, price: int, trigger: str, short: ShortHolding | None = None
    ) -> Position | None:
        """Buy at market near ``price``; what was filled, None when nothing was.

        Paid with free funds, or with what a short position brought, and never with more than that.
        """
        funds = self.book.free(self.book.base) if short is None else short.proceeds
        if amount <= 0 or funds <= _MARGIN:
            return None
        affordable = int((funds - _MARGIN) / (amount * (1 + FEE)) / self._ticks[column])
        errand = self._errand(
            at, column, "buy", amount, min(price + price // _SLIP + 1, affordable), trigger, rests=False
        )
        errand.part, errand.is_short = "free" if short is None else "reserved", short is not None
        self._place(errand, at)
        return errand.position

    def sell(
        self, at: int, position: Position, amount: Decimal, price: int, trigger: str, is_short: bool = False
    ) -> Errand:
        """Sell so much of a position at market near ``price``, as far as the depth goes."""
        limit = price - price // _SLIP - 1
        errand = self._errand(at, position.column, "sell", amount, limit, trigger, rests=False)
        errand.position, errand.is_short = position, is_short
        self._place(errand, at)
        return errand

    def bid(
        self, at: int, column: int, amount: Decimal, limit: int, trigger: str, expires_at: int | None = None
    ) -> Errand | None:
        """Buy at ``limit`` ticks or below, resting if need be; None when there are not the funds for it."""
        if amount <= 0 or limit < 1 or self.book.free(self.book.base) < self._cost(column, amount, limit):
            return None
        errand = self._errand(at, column, "buy", amount, limit, trigger, rests=True)
        errand.expires_at = expires_at
        self._place(errand, at)
        return errand

    def ask(
        self, at: int, position: Position, amount: Decimal, limit: int, trigger: str, expires_at: int | None = None
    ) -> Errand:
        """Sell so much of a position, no resting order of which is open, at ``limit`` ticks or above."""
        errand = self._errand(at, position.column, "sell", amount, limit, trigger, rests=True)
        errand.position, errand.expires_at = position, expires_at
        self._place(errand, at)
        return errand

    def cancel(self, errand: Errand, at: int) -> None:
        """Take back what is not filled."""
        self._exchange.cancel(errand.order, at)
        self._finish(errand)

    def fill(self, errand: Errand, fill: Fill) -> None:
        """Book a fill."""
        book, rate, order = self.book, self.rate(errand.column, fill.rate), errand.order
        if order.side == "sell":
            position = errand.position
            assert position is not None  # a sell is always of a position
            errand.brought += book.sell(
                fill.at, position, fill.amount, rate, errand.trigger, order.id, errand.part, errand.is_short
            )
            spent = fill.amount
        else:
            coin = self._coins[errand.column]
            trade, spent = book.buy(
                fill.at, coin, fill.amount, rate, errand.trigger, order.id, errand.part, errand.is_short
            )
            lot, position = Lot(trade.id, fill.amount, rate), errand.position
            if position is None or position not in book.positions:
                errand.position = Position(trade.id, coin, errand.column, fill.at, errand.trigger, [])
                book.open(errand.position, lot)
            else:
                position.add(lot)
        if errand.part == "orders":
            errand.held -= spent
            if not order.left:
                self._finish(errand)

    def shown(self) -> tuple[OpenOrder, ...]:
        """Open orders as a snapshot shows them, oldest first."""
        return tuple(
            OpenOrder(
                errand.order.id,
                self._coins[errand.column],
                errand.order.side,
                errand.order.amount,
                errand.order.filled,
                self.rate(errand.column, errand.order.limit),
                errand.opened_at,
                errand.trigger,
                errand.position.id if errand.position is not None and errand.order.side == "sell" else "",
            )
            for errand in self.open.values()
        )

    def short(self, at: int, position: Position, price: int, amount: Decimal) -> None:
        """Sell a position, and keep what it brings in reserve to buy it back."""
        before = position.amount
        errand = self.sell(at, position, amount, price, "Short", is_short=True)
        sold = before - position.amount
        if sold:
            rate = (errand.brought / sold).quantize(UNIT, ROUND_DOWN)
            self.book.shorts.append(
                ShortHolding(self.book.new_id(), position.coin, sold, rate, errand.brought, at, position.trigger)
            )

    def cover(self, at: int, short: ShortHolding, column: int, price: int) -> Position | None:
        """Buy back with what a short position brought; what is not used for it is released.

        It stays short when nobody sells.
        """
        dearest = self.rate(column, price + price // 200 + 1)
        amount = (short.proceeds / (dearest * (1 + FEE))).quantize(UNIT, ROUND_DOWN)
        before = self.book.reserved.get(self.book.base, ZERO)
        position = self.buy(at, column, amount, price, "Short", short)
        if position is not None:
            self.book.shorts.remove(short)
            left = short.proceeds - (before - self.book.reserved.get(self.book.base, ZERO))
            if left:
                self.book.reserve(self.book.base, -left)
        return position

    def _errand(
        self, at: int, column: int, side: Side, amount: Decimal, limit: int, trigger: str, rests: bool
    ) -> Errand:
        order = Order(str(self._next_id), self._owner, self._pairs[column], side, amount, limit, rests)
        self._next_id += 1
        return Errand(order, column, at, trigger)

    def _place(self, errand: Errand, at: int) -> None:
        order = errand.order
        for fill in self._exchange.place(order, at):
            self.fill(errand, fill)
        if not order.rests or not order.left:
            return
        errand.part = "orders"
        if order.side == "buy":
            errand.held = self._cost(errand.column, order.left, order.limit)
            self.book.offer(self.book.base, errand.held)
        else:
            errand.held = order.left
            self.book.offer(self._coins[errand.column], errand.held)
            if errand.position is not None:
                errand.position.is_offered = True
        self.open[order.id] = errand

    def _cost(self, column: int, amount: Decimal, limit: int) -> Decimal:
        """What a buy order holds: the most it can cost, and a little for rounding."""
        return (amount * self.rate(column, limit) * (1 + FEE)).quantize(UNIT, ROUND_UP) + _MARGIN

    def _finish(self, errand: Errand) -> None:
        del self.open[errand.order.id]
        if errand.order.side == "sell" and errand.position is not None:
            errand.position.is_offered = False
        if errand.held:
            coin = self.book.base if errand.order.side == "buy" else self._coins[errand.column]
            self.book.take_back(coin, errand.held)
            errand.held = ZERO
