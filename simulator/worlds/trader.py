"""One hopper at work: decision after decision, command after command."""

import math
from collections import deque
from decimal import ROUND_DOWN, Decimal

from simulator.market.prices import Market
from simulator.worlds.books import UNIT, Book, Position, State, Trade
from simulator.worlds.commands import Command as Command
from simulator.worlds.commands import Kind as Kind
from simulator.worlds.demo import Hopper
from simulator.worlds.strategies import LOOK_BACK, signals

_BLOCK = 30_000  # decisions looked at at once
_KEPT = 1_200_000  # milliseconds for which past states are kept: twice the slowest plan
_PAUSE = 18  # decisions between two buys of one coin
_SMALLEST = Decimal("0.25")  # of the usual spend, below which a hopper does not buy


class Trader:
    """Trades of one hopper from ``began_at`` on.

    A hopper decides at each multiple of ``decision`` milliseconds plus its lag. What it does follows from the prices
    and the commands alone, so that advancing in any steps ends in the same book.
    """

    def __init__(self, hopper: Hopper, market: Market, began_at: int, decision: int, first_id: int) -> None:
        self.hopper = hopper
        self.began_at = began_at
        self.book = Book(hopper.base, hopper.start, dict(hopper.reserved), first_id)
        self.pairs = [market.pair(hopper.exchange, coin, hopper.base) for coin in hopper.coins]
        self.is_enabled = self.buys = self.sells = True
        self.is_panicking = False
        self.is_paper = hopper.paper
        self.name = hopper.name
        self.config: dict[str, str] = {}  # what was changed since the plan
        self._market = market
        self._decision = decision
        self._lag = hopper.lag_seconds * 1000 if decision >= 60_000 else 0
        self._next = -(-(began_at - self._lag) // decision)
        self._bought = [-_PAUSE] * len(self.pairs)  # decision of each coin's last buy
        scale = math.sqrt(decision / 300_000)
        self._scale = scale
        self._target, self._stop = 1 + hopper.take_profit * scale, 1 - min(hopper.stop_loss * scale, 0.9)
        self._arm, self._trail = 1 + hopper.arm * scale, 1 - min(hopper.trail * scale, 0.9)
        self._rates = [Decimal(1).scaleb(-pair.listed.decimals) for pair in self.pairs]
        self._states: deque[State] = deque([self._state(began_at)])

    def advance(self, until: int) -> None:
        """Decide everything up to and at ``until``."""
        last = (until - self._lag) // self._decision
        while self._next <= last:
            count = min(last - self._next + 1, _BLOCK)
            self._block(self._next, count)
            self._next += count

    def obey(self, command: Command) -> None:
        """Do as told, after what was to be decided up to that instant."""
        self.advance(command.at)
        if command.kind == "panic":
            self.is_panicking = True
            self._sell_all(command.at, "Panic button", None)
        elif command.kind == "calm":
            self.is_panicking = False
        elif command.kind == "buying":
            self.buys = command.value == "1"
        elif command.kind == "selling":
            self.sells = command.value == "1"
        elif command.kind == "enabled":
            self.is_enabled = command.value == "1"
        elif command.kind == "deposit":
            self.book.deposit(command.value, Decimal(command.amount))
        else:
            self._sell_all(command.at, "Manual sell", command.value.split(","))
        self._remember(command.at)

    def state(self, at: int) -> State:
        """What the hopper owned at ``at``, which lies at most twenty minutes back; the oldest kept when further."""
        for state in reversed(self._states):
            if state.at <= at:
                return state
        return self._states[0]

    def _block(self, first: int, count: int) -> None:
        decision, lag, book = self._decision, self._lag, self.book
        begin = (first - LOOK_BACK) * decision + lag
        table = self._market.table(self.pairs, begin, decision, count + LOOK_BACK)
        wanted = signals(self.hopper, table, first, self._scale)
        rows = table[LOOK_BACK:].tolist()
        calls: dict[int, list[int]] = {}
        for row, column in zip(*(part.tolist() for part in wanted.nonzero()), strict=True):
            calls.setdefault(row, []).append(column)
        is_seller, is_buyer = self.is_enabled and self.sells, self.is_enabled and self.buys and not self.is_panicking
        for row, prices in enumerate(rows):
            traded = len(book.trades)
            if is_seller:
                for position in book.positions:
                    price = prices[position.column]
                    if price <= position.stop or price >= position.watch or first + row >= position.deadline:
                        self._look_at_all(first + row, prices)
                        break
            if is_buyer and row in calls:
                for column in calls[row]:
                    self._buy(first + row, column, prices[column])
            if len(book.trades) != traded:
                self._remember((first + row) * decision + lag)

    def _look_at_all(self, number: int, prices: list[int]) -> None:
        at = number * self._decision + self._lag
        for position in tuple(self.book.positions):
            price = prices[position.column]
            rate = price * self._rates[position.column]
            if price <= position.stop:
                trigger = "Trailing Stop-Loss" if position.is_armed else "Stop-Loss"
                self.book.sell(at, position, position.amount, rate, trigger)
            elif price >= position.target and not position.is_halved:
                half = (position.amount / 2).quantize(UNIT, ROUND_DOWN)
                if self.hopper.sells_half and half:
                    self.book.sell(at, position, half, rate, "Percentage profit")
                    position.is_halved = True
                    self._trail_from(position, price)
                else:
                    self.book.sell(at, position, position.amount, rate, "Percentage profit")
            elif number >= position.deadline:
                self.book.sell(at, position, position.amount, rate, "Auto close")
            elif price >= position.watch:
                self._trail_from(position, price)

    def _trail_from(self, position: Position, price: int) -> None:
        position.is_armed = True
        position.stop = max(position.stop, price * self._trail)
        position.watch = price + 1

    def _buy(self, number: int, column: int, price: int) -> None:
        book, hopper = self.book, self.hopper
        if len(book.positions) >= hopper.most_positions or number - self._bought[column] < _PAUSE:
            return
        usual = (book.funds() * hopper.share).quantize(UNIT)
        spend = min(usual, (book.balances[hopper.base] * Decimal("0.998")).quantize(UNIT, ROUND_DOWN))
        if spend < usual * _SMALLEST:
            return
        at = number * self._decision + self._lag
        rate = price * self._rates[column]
        of_coin = sum(position.column == column for position in book.positions)
        if of_coin >= hopper.most_per_coin:
            return
        trigger = "DCA" if of_coin else "Strategy"
        trade = book.buy(at, hopper.coins[column], spend, rate, trigger)
        if trade is None:
            return
        self._bought[column] = number
        target = price * self._target
        book.positions.append(
            Position(
                trade.id,
                trade.coin,
                column,
                trade.amount,
                rate,
                at,
                trigger,
                number + hopper.patience,
                stop=price * self._stop,
                watch=min(target, price * self._arm),
                target=target,
            )
        )

    def _sell_all(self, at: int, trigger: str, ids: list[str] | None) -> None:
        for position in tuple(self.book.positions):
            if ids is None or position.id in ids:
                rate = self.pairs[position.column].at(at) * self._rates[position.column]
                self.book.sell(at, position, position.amount, rate, trigger)

    def _remember(self, at: int) -> None:
        self._states.append(self._state(at))
        while len(self._states) > 1 and self._states[1].at < at - _KEPT:
            self._states.popleft()

    def _state(self, at: int) -> State:
        book = self.book
        return State(at, dict(book.balances), book.holdings(), dict(book.reserved), self.is_panicking)

    @property
    def trades(self) -> list[Trade]:
        """Every trade so far, oldest first."""
        return self.book.trades
