"""One hopper at work: decision after decision, order after order."""

import heapq
import itertools
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from simulator.market.prices import Market
from simulator.worlds import exits
from simulator.worlds.book import Book
from simulator.worlds.books import FEE, UNIT, ZERO, Ahead, Entry, Position, State, Trade
from simulator.worlds.commands import Command, Impossible
from simulator.worlds.demo import Hopper
from simulator.worlds.desk import Desk, Errand
from simulator.worlds.exchange import Exchange, Fill
from simulator.worlds.ledger import Ledger
from simulator.worlds.obeying.prepared import prepared
from simulator.worlds.strategies import parameter
from simulator.worlds.terms import Terms
from simulator.worlds.windows import SPAN, Window, Windows

_KEPT = 1_200_000  # milliseconds for which past states are kept: twice the slowest plan
_PAUSE = 18  # decisions between two buys of one coin
_SMALLEST = Decimal("0.25")  # of the usual spend, below which a hopper does not buy
_LIMIT_SALE = 60_000  # milliseconds after which a sale by limit order is tried anew
_ENTRIES = 100  # of the log


Timer = Errand | Command


@dataclass(frozen=True, slots=True)
class Floor:
    """What all hoppers of a world share: ``traded`` and ``noted`` hear what each does, ``changed`` if plans did."""

    market: Market
    windows: Windows
    ledger: Ledger
    exchanges: dict[str, Exchange]
    trades_kept: int
    traded: Callable[["Trader", Trade], None]
    noted: Callable[["Trader", Entry], None]
    changed: Callable[["Trader"], None]


class Trader:
    """Trades of one hopper from ``began_at`` on.

    A hopper decides at each multiple of the time between decisions plus its lag. Prices ahead are known, so it knows
    the next decision at which it has anything to do, ``due``, and is not asked before. What it does follows from the
    prices, from what the others took and from the commands, so that advancing in any steps ends in the same book.
    """

    def __init__(self, hopper: Hopper, floor: Floor, began_at: int, first_id: int) -> None:
        self.hopper = hopper
        self.began_at = began_at
        self.name, self.is_paper = hopper.name, hopper.paper
        self.is_enabled = self.buys = self.sells = True
        self.is_panicking = False
        self.config: dict[str, str] = {}  # what was changed since the plan
        self.terms = Terms.of(hopper, self.config)
        self.complaint = ""  # about its configuration
        self.log: deque[Entry] = deque(maxlen=_ENTRIES)
        self.pairs = [floor.market.pair(hopper.exchange, coin, hopper.base) for coin in hopper.coins]
        self._fee_pair = floor.market.exchanges[hopper.exchange].get(f"{hopper.fee_coin}/{hopper.base}")
        self.book = Book(
            floor.ledger, hopper, first_id, self._fee_price, lambda trade: floor.traded(self, trade), floor.trades_kept
        )
        self.desk = Desk(
            hopper.id, self.book, floor.exchanges[hopper.exchange], hopper.coins, self.pairs, first_id + 200_000_000
        )
        self.turn = 0  # of the calendar, see World
        self._floor, self._windows = floor, floor.windows
        self._decision = floor.windows.decision
        lag = hopper.lag_seconds * 1000 if self._decision >= 60_000 else 0
        self._lag = (lag + int(hopper.phase * self._decision) // 1000 * 1000) % self._decision
        self._windows.want(hopper.exchange, self._lag, self.pairs)
        self._parameters = [parameter(hopper, coin) for coin in hopper.coins]
        self._window: Window | None = None
        self._place = int(hopper.id) % SPAN
        self._end = -(-(began_at - self._lag) // self._decision)  # the first decision beyond the window
        self._calls = [self._end] * len(self.pairs)  # decision at which each coin is to be bought next
        self._bought = [self._end - _PAUSE - 1] * len(self.pairs)  # decision of each coin's last buy
        self._timers: list[tuple[int, int, Timer]] = []
        self._numbers = itertools.count()
        self._states: deque[State] = deque([self._state(began_at)])

    @property
    def trades(self) -> list[Trade]:
        """Trades so far, oldest first; the newest, when there were more than are kept."""
        return self.book.trades

    @property
    def due(self) -> int:
        """The next instant at which it has something to do."""
        number = self._end
        for position in self.book.positions:
            if position.look < number:
                number = position.look
        if self._is_buyer:
            number = min(number, *self._calls)
        at = number * self._decision + self._lag
        return min(at, self._timers[0][0]) if self._timers else at

    def run(self, at: int) -> None:
        """Do what is due at an instant."""
        changes = self.book.changes
        number, since = divmod(at - self._lag, self._decision)
        if since == 0:
            self._decide(number, at)
        while self._timers and self._timers[0][0] <= at:
            timer = heapq.heappop(self._timers)[2]
            if isinstance(timer, Command):
                self._late(timer.now(at))
            elif self.desk.open.get(timer.order.id) is timer:
                self._expire(timer, at)
        if self.book.changes != changes:
            self.remember(at)

    def obey(self, command: Command) -> None:
        """Do as told, everything up to that instant being done. Raises Impossible, and changes nothing."""
        act = prepared(self, command)
        if command.effect.delay:
            late = -(-(command.at + command.effect.delay) // 1000) * 1000
            self._timers_add(late, command)
        elif command.effect.share:
            self.settle(command.at)
            act()
            self.rescan(command.at)
            self.remember(command.at)
        self._floor.changed(self)

    def on_fill(self, fill: Fill) -> None:
        """A resting order was filled, at least in part."""
        errand = self.desk.open[fill.order.id]
        if errand.position is not None:
            self._follow(errand.position, self.after(fill.at))
        self.desk.fill(errand, fill)
        if errand.position is not None:
            self.opened(errand.position, fill.at, is_new=errand.order.side == "buy")
        self.remember(fill.at)
        self._floor.changed(self)

    def state(self, at: int) -> State:
        """What the hopper owned at ``at``, which lies at most twenty minutes back; the oldest kept when further."""
        for state in reversed(self._states):
            if state.at <= at:
                return state
        return self._states[0]

    def price(self, column: int, at: int) -> int:
        """The price of one of its coins, in ticks."""
        return self._windows.price(self.pairs[column], at)

    def after(self, at: int) -> int:
        """The first decision after an instant."""
        return (at - self._lag) // self._decision + 1

    def note(self, at: int, topic: str, said: str, is_error: bool = False, coin: str = "") -> None:
        entry = Entry(at, topic, said, is_error, coin)
        self.log.append(entry)
        self._floor.noted(self, entry)

    def remember(self, at: int) -> None:
        """Keep what is owned now as what is owned from ``at`` on."""
        if self._states[-1].at == at:
            self._states.pop()
        self._states.append(self._state(at))
        while len(self._states) > 1 and self._states[1].at < at - _KEPT:
            self._states.popleft()

    def settle(self, at: int) -> None:
        """Trailing stops follow the price up to ``at``; what follows changes their rules."""
        for position in self.book.positions:
            self._follow(position, self.after(at))

    def rescan(self, at: int) -> None:
        """Find out anew what is to be done after ``at``."""
        number = self.after(at)
        for position in self.book.positions:
            position.cursor = number
            position.look = self._ahead(position, number)
        for column in range(len(self.pairs)):
            self._calls[column] = self._next_call(column, number)

    def opened(self, position: Position, at: int, is_new: bool = True) -> None:
        """A position has come, grown or shrunk: its thresholds, and when it is to be looked at."""
        if is_new and not (position.is_armed or position.is_halved):
            self.arm(position)
        position.cursor = self.after(at)
        position.look = self._ahead(position, position.cursor)

    def arm(self, position: Position) -> None:
        """Thresholds by its cost and the terms of now."""
        price = self.desk.ticks(position.column, position.rate)
        exits.arm(position, price, self.terms, self._windows.scale, self.after(position.bought_at) - 1)

    def leave(self, position: Position, at: int) -> None:
        """Go on selling a position that is to be sold whatever it brings."""
        price = self.price(position.column, at)
        if position.by_limit:
            self._ask(position, position.amount, price, position.leaves, at)
        else:
            self.desk.sell(at, position, position.amount, price, position.leaves)

    def usual(self) -> Decimal:
        """What one buy spends, as far as there is enough; 0 when that would be too little."""
        book, terms = self.book, self.terms
        usual = (book.funds() * terms.share).quantize(UNIT)
        spend = min(usual, (book.free(book.base) * Decimal("0.998")).quantize(UNIT, ROUND_DOWN))
        if terms.most is not None:
            spend = min(spend, terms.most - sum((each.cost for each in book.positions), ZERO))
        return ZERO if spend < max(usual * _SMALLEST, terms.least) else spend

    def buy(self, at: int, column: int, price: int, spend: Decimal, trigger: str) -> None:
        """Buy for about so much of base currency, the way its terms say."""
        amount = (spend / self.desk.rate(column, price)).quantize(UNIT, ROUND_DOWN)
        if self.terms.buys_by == "market":
            position = self.desk.buy(at, column, amount, price, trigger)
        else:
            amount = (amount * (1 - FEE)).quantize(UNIT, ROUND_DOWN)
            errand = self.desk.bid(at, column, amount, price, trigger, at + self.terms.buy_for)
            self.placed(errand, at)
            position = None if errand is None else errand.position
        if position is not None:
            self.opened(position, at)

    def placed(self, errand: Errand | None, at: int) -> None:
        """An order was placed; when it rests, it is told, and may expire."""
        if errand is None or errand.order.id not in self.desk.open:
            return
        coin, order = errand.order.pair.listed.base, errand.order
        self.note(at, "order_placed", f"Placed {order.side} order {order.id} for {coin}", coin=coin)
        if errand.expires_at is not None:
            self._timers_add(errand.expires_at, errand)

    def cancel(self, errand: Errand, at: int, did: str = "Cancelled") -> None:
        """Take back what is not filled of an order, and tell it."""
        self.desk.cancel(errand, at)
        coin, order = errand.order.pair.listed.base, errand.order
        self.note(at, "order_cancelled", f"{did} {order.side} order {order.id} for {coin}", coin=coin)

    @property
    def _is_buyer(self) -> bool:
        return self.is_enabled and self.buys and not self.is_panicking

    @property
    def _is_seller(self) -> bool:
        return self.is_enabled and self.sells

    def _decide(self, number: int, at: int) -> None:
        if number >= self._end:
            for position in self.book.positions:
                self._follow(position, self._end)
            self._window = self._windows.around(self.hopper.exchange, self._lag, number)
            self._end = self._window.end
            if self._end - number <= 2 * SPAN:  # each hopper at its own time: all at once would take long
                self._end = number + SPAN - (number + self._place) % SPAN
            self.rescan(at - 1)
        for position in tuple(self.book.positions):
            if position.look <= number:
                self._look(position, number, at)
        if self._is_buyer:
            for column, call in enumerate(self._calls):
                if call <= number:
                    self._call(column, number, at)
                    self._calls[column] = self._next_call(column, number + 1)

    def _look(self, position: Position, number: int, at: int) -> None:
        self._follow(position, number)
        price = self.price(position.column, at)
        if position.leaves:
            self.leave(position, at)
        elif price <= position.stop:
            self._sell(position, position.amount, price, "Trailing Stop-Loss" if position.is_armed else "Stop-Loss", at)
        elif price >= position.target and not position.is_halved:
            half = (position.amount / 2).quantize(UNIT, ROUND_DOWN)
            if self.hopper.sells_half and half:
                self._sell(position, half, price, "Percentage profit", at)
                position.is_halved = True
                exits.trail(position, price)
            else:
                self._sell(position, position.amount, price, "Percentage profit", at)
        elif number >= position.deadline:
            self._sell(position, position.amount, price, "Auto close", at)
        if position.amount:
            position.cursor = number + 1
            position.look = self._ahead(position, number + 1)

    def _call(self, column: int, number: int, at: int) -> None:
        """Buy a coin if the terms allow it."""
        book, terms = self.book, self.terms
        bids = sum(errand.order.side == "buy" for errand in self.desk.open.values())
        if len(book.positions) + bids >= terms.most_positions:
            return
        of_coin = sum(position.column == column for position in book.positions)
        if of_coin >= terms.most_per_coin or not (spend := self.usual()):
            return
        changes = book.changes
        self.buy(at, column, self.price(column, at), spend, "DCA" if of_coin else "Strategy")
        if book.changes != changes:
            self._bought[column] = number

    def _sell(self, position: Position, amount: Decimal, price: int, trigger: str, at: int) -> None:
        said = f"{trigger} sells {amount:f} {position.coin}"
        self._floor.noted(self, Entry(at, "on_trigger", said, coin=position.coin))  # the log tells of the sale itself
        if self.terms.sells_by == "market":
            self.desk.sell(at, position, amount, price, trigger)
        else:
            self._ask(position, amount, price, trigger, at)

    def _ask(self, position: Position, amount: Decimal, price: int, trigger: str, at: int) -> None:
        self.placed(self.desk.ask(at, position, amount, price, trigger, at + _LIMIT_SALE), at)

    def _expire(self, errand: Errand, at: int) -> None:
        self.cancel(errand, at, "Gave up")
        position = errand.position
        if position is not None and position.amount:
            if position.leaves:
                self.leave(position, at)
            self.opened(position, at, is_new=False)

    def _late(self, command: Command) -> None:
        try:
            self.obey(command)
        except Impossible as error:
            self.note(command.at, "config_error", f"{command.kind}: {error}", is_error=True)

    def _next_call(self, column: int, number: int) -> int:
        coins = self.terms.coins
        if self._window is None or (coins is not None and self.hopper.coins[column] not in coins):
            return self._end
        calls = self._window.calls(self.pairs[column], self.hopper.style, self._parameters[column])
        place = bisect_left(calls, max(number, self._bought[column] + _PAUSE))
        return calls[place] if place < len(calls) else self._end

    def _ahead(self, position: Position, number: int) -> int:
        """The next decision, from ``number`` on, at which a position is to be sold, as far as the window goes."""
        if position.is_offered or self._window is None:
            return self._end
        if position.leaves:
            return min(number, self._end)
        if position.is_held or not self._is_seller:
            return self._end
        position.ahead = self._walk(position, number, self._end)
        return position.ahead[0]

    def _follow(self, position: Position, until: int) -> None:
        """Raise a trailing stop by the prices before decision ``until``."""
        if position.cursor >= until or position.is_held or position.is_offered or not self._is_seller:
            position.cursor = until
            return
        known = position.ahead if position.ahead[0] == until else self._walk(position, position.cursor, until)
        _, position.stop, position.watch, position.is_armed = known
        position.cursor = until

    def _walk(self, position: Position, number: int, end: int) -> Ahead:
        if self._window is None:
            return end, position.stop, position.watch, position.is_armed
        prices = self._window.prices(self.pairs[position.column])
        return exits.walk(position, prices, self._window.first, number, min(end, self._end))

    def _timers_add(self, at: int, timer: Timer) -> None:
        heapq.heappush(self._timers, (at, next(self._numbers), timer))

    def _fee_price(self, at: int) -> Decimal:
        pair = self._fee_pair
        if pair is None:
            return ZERO
        return self._windows.price(pair, at) * Decimal(1).scaleb(-pair.listed.decimals)

    def _state(self, at: int) -> State:
        book = self.book
        return State(
            at,
            book.balances,
            book.holdings(),
            dict(book.reserved),
            self.is_panicking,
            self.desk.shown(),
            tuple(book.shorts),
            dict(book.in_orders),
        )
