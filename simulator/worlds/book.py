"""The accounts, positions and trades of one hopper."""

from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from simulator.worlds.books import FEE, FEE_IN_COIN, UNIT, ZERO, Holding, Lot, Position, ShortHolding, Trade
from simulator.worlds.demo import Hopper
from simulator.worlds.ledger import OUTSIDE, Account, Ledger, Part, Posting, fees_of, maker_of

FeePrice = Callable[[int], Decimal]


class Book:
    """Balances are views of the ledger. Positions' coins are free ones; some free coins may belong to no position.

    ``changes`` grows with every event. ``told`` hears of each trade. ``fee_price`` is what a coin of the kind that pays
    fees costs at an instant, in base currency; 0 when that is unknown. ``trades`` are the newest ``trades_kept``.
    """

    __slots__ = (
        "_fee_coin",
        "_fee_price",
        "_fees",
        "_free",
        "_ledger",
        "_maker",
        "_most",
        "_next_id",
        "_orders",
        "_reserved",
        "_told",
        "base",
        "changes",
        "positions",
        "shorts",
        "trades",
    )

    def __init__(
        self,
        ledger: Ledger,
        hopper: Hopper,
        first_id: int,
        fee_price: FeePrice,
        told: Callable[[Trade], None],
        trades_kept: int,
    ) -> None:
        self.base = hopper.base
        self.positions: list[Position] = []
        self.shorts: list[ShortHolding] = []
        self.trades: list[Trade] = []
        self.changes = 0
        self._ledger, self._most = ledger, trades_kept
        self._next_id = first_id
        self._fee_coin, self._fee_price, self._told = hopper.fee_coin, fee_price, told
        self._free, self._orders = Account(hopper.id, "free"), Account(hopper.id, "orders")
        self._reserved = Account(hopper.id, "reserved")
        self._maker, self._fees = maker_of(hopper.exchange), fees_of(hopper.exchange)
        self.begin(hopper)

    def begin(self, hopper: Hopper) -> None:
        """What it starts with comes from outside."""
        self.move(OUTSIDE, self._free, self.base, hopper.start)
        for coin, amount in hopper.reserved:
            self.move(OUTSIDE, self._reserved, coin, amount)

    def end(self) -> None:
        """Everything goes outside; orders must have been cancelled before."""
        for account in (self._free, self._orders, self._reserved):
            for coin, amount in tuple(self._ledger.of(account).items()):
                self.move(account, OUTSIDE, coin, amount)
        self.positions.clear()
        self.shorts.clear()

    @property
    def balances(self) -> dict[str, Decimal]:
        """The whole of each coin."""
        found = {self.base: ZERO}
        for account in (self._free, self._orders, self._reserved):
            for coin, amount in self._ledger.of(account).items():
                found[coin] = found.get(coin, ZERO) + amount
        return found

    @property
    def reserved(self) -> Mapping[str, Decimal]:
        return self._ledger.of(self._reserved)

    @property
    def in_orders(self) -> Mapping[str, Decimal]:
        return self._ledger.of(self._orders)

    def free(self, coin: str) -> Decimal:
        return self._ledger.of(self._free).get(coin, ZERO)

    def unassigned(self, coin: str) -> Decimal:
        """Free coins that belong to no position; never negative."""
        offered = self.in_orders.get(coin, ZERO)
        held = sum((each.amount for each in self.positions if each.coin == coin), ZERO)
        return max(ZERO, self.free(coin) - (held - offered))

    def funds(self) -> Decimal:
        """Free base currency and what positions cost."""
        return self.free(self.base) + sum((each.cost for each in self.positions), ZERO)

    def position(self, id_: str) -> Position | None:
        return next((each for each in self.positions if each.id == id_), None)

    def new_id(self) -> str:
        """The next id of a trade, or of a position that no trade opened."""
        self._next_id += 1
        return str(self._next_id - 1)

    def move(self, source: Account, target: Account, coin: str, amount: Decimal) -> None:
        """One transfer. Raises Overdrawn."""
        self._ledger.book((Posting(source, coin, -amount), Posting(target, coin, amount)))
        self.changes += 1

    def deposit(self, coin: str, amount: Decimal) -> None:
        """Coins come from outside, or go there when ``amount`` is negative. What is not base currency is reserved.

        Raises Overdrawn when more should go than is there.
        """
        self.move(OUTSIDE, self._free if coin == self.base else self._reserved, coin, amount)

    def offer(self, coin: str, amount: Decimal) -> None:
        """Free coins are held by an order from now on. Raises Overdrawn."""
        self.move(self._free, self._orders, coin, amount)

    def take_back(self, coin: str, amount: Decimal) -> None:
        """Coins an order held are free again."""
        self.move(self._orders, self._free, coin, amount)

    def reserve(self, coin: str, amount: Decimal) -> None:
        """Free coins are reserved from now on, or reserved ones are free when ``amount`` is negative."""
        self.move(self._free, self._reserved, coin, amount)

    def buy(
        self, at: int, coin: str, amount: Decimal, rate: Decimal, trigger: str, order: str, part: Part, is_short: bool
    ) -> tuple[Trade, Decimal]:
        """The trade, and what it took from the account ``part`` in base currency. Raises Overdrawn."""
        total = _total(amount, rate)
        payer = self._account(part)
        fee, fee_coin, fee_payer = self._fee(at, total, payer)
        self._ledger.book(
            (
                Posting(payer, self.base, -total),
                Posting(self._maker, self.base, total),
                Posting(fee_payer, fee_coin or self.base, -fee),
                Posting(self._fees, fee_coin or self.base, fee),
                Posting(self._maker, coin, -amount),
                Posting(self._free, coin, amount),
            )
        )
        trade = self._note(at, "buy", coin, amount, rate, total, fee, trigger, "", None, fee_coin, order, is_short)
        return trade, total if fee_coin else total + fee

    def sell(
        self,
        at: int,
        position: Position,
        amount: Decimal,
        rate: Decimal,
        trigger: str,
        order: str,
        part: Part,
        is_short: bool,
    ) -> Decimal:
        """One trade for each lot; the position goes when nothing is left. What it brought, fees out, in base currency.

        ``part`` is where the coins are; what a short sale brings is reserved.
        """
        brought = ZERO
        payer = self._account(part)
        receiver = self._reserved if is_short else self._free
        for lot in position.take(amount):
            total = _total(lot.amount, rate)
            fee, fee_coin, fee_payer = self._fee(at, total, receiver)
            self._ledger.book(
                (
                    Posting(payer, position.coin, -lot.amount),
                    Posting(self._maker, position.coin, lot.amount),
                    Posting(self._maker, self.base, -total),
                    Posting(receiver, self.base, total),
                    Posting(fee_payer, fee_coin or self.base, -fee),
                    Posting(self._fees, fee_coin or self.base, fee),
                )
            )
            cost = _total(lot.amount, lot.rate)
            result = (total * (1 - FEE) / (cost * (1 + FEE)) - 1) * 100 if cost else ZERO
            result = result.quantize(Decimal("0.0001"), ROUND_HALF_UP)
            self._note(
                at,
                "sell",
                position.coin,
                lot.amount,
                rate,
                total,
                fee,
                trigger,
                lot.buy_id,
                result,
                fee_coin,
                order,
                is_short,
            )
            brought += total if fee_coin else total - fee
        if not position.amount:
            self.positions.remove(position)
        return brought

    def open(self, position: Position, lot: Lot) -> None:
        """A new position."""
        position.add(lot)
        self.positions.append(position)

    def holdings(self) -> tuple[Holding, ...]:
        return tuple(
            Holding(each.id, each.coin, each.amount, each.rate, each.bought_at, each.trigger, each.is_held, each.profit)
            for each in self.positions
        )

    def _account(self, part: Part) -> Account:
        return {"free": self._free, "orders": self._orders, "reserved": self._reserved}[part]

    def _fee(self, at: int, total: Decimal, payer: Account) -> tuple[Decimal, str, Account]:
        """The fee of a trade, the coin it is paid in ("" is the base currency), and the account that pays it."""
        if self._fee_coin:
            price = self._fee_price(at)
            fee = (total * FEE_IN_COIN / price).quantize(UNIT, ROUND_HALF_UP) if price else ZERO
            if fee and self.reserved.get(self._fee_coin, ZERO) >= fee:
                return fee, self._fee_coin, self._reserved
        return (total * FEE).quantize(UNIT, ROUND_HALF_UP), "", payer

    def _note(
        self,
        at: int,
        kind: Literal["buy", "sell"],
        coin: str,
        amount: Decimal,
        rate: Decimal,
        total: Decimal,
        fee: Decimal,
        trigger: str,
        buy_id: str,
        result: Decimal | None,
        fee_coin: str,
        order: str,
        is_short: bool,
    ) -> Trade:
        trade = Trade(
            self.new_id(), at, kind, coin, amount, rate, total, fee, trigger, buy_id, result, fee_coin, order, is_short
        )
        self.trades.append(trade)
        del self.trades[: -self._most]
        self.changes += 1
        self._told(trade)
        return trade


def _total(amount: Decimal, rate: Decimal) -> Decimal:
    return (amount * rate).quantize(UNIT, ROUND_HALF_UP)
