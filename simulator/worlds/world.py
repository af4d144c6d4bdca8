"""Every hopper of the world, brought up to any moment."""

import heapq
import json
from collections import deque
from collections.abc import Iterable, Iterator
from decimal import ROUND_HALF_UP, Decimal

from simulator.market.prices import Market, Pair
from simulator.worlds.books import UNIT, Entry, State, Trade
from simulator.worlds.commands import Command, Impossible
from simulator.worlds.demo import Hopper, User
from simulator.worlds.exchange import Exchange, Levels
from simulator.worlds.ledger import Ledger
from simulator.worlds.maker import Maker
from simulator.worlds.plan import Plan, demo, hopper_of
from simulator.worlds.trader import Floor, Trader
from simulator.worlds.windows import Windows

_FIRST_ID, _IDS = 500_000_001, 10_000_000  # of trades, and how many each hopper has
_ENTRIES = 100_000  # kept until somebody asks for them


class World:
    """Users and hoppers since ``began_at`` (milliseconds); ``decision`` milliseconds lie between two decisions.

    Of each hopper the newest ``trades_kept`` trades are known.

    The past follows from these and from the commands given, in the order given. A calendar knows when each hopper has
    something to do, so that the cost of going on grows with what happens and not with how many there are. At one
    instant hoppers come first, in the order of the plan, then resting orders, planned commands, and those given from
    outside.
    """

    def __init__(
        self,
        market: Market,
        began_at: int,
        decision: int,
        commands: Iterable[tuple[str, Command]] = (),
        snapshot_seconds: int = 0,
        plan: Plan | None = None,
        ledger: Ledger | None = None,
        trades_kept: int = 20_000,
    ) -> None:
        plan = plan or demo()
        self.market = market
        self.began_at = began_at
        self.users: dict[str, User] = {user.id: user for user in plan.users}
        self.ledger = ledger or Ledger()
        self._snapshot_seconds = snapshot_seconds
        self._windows = Windows(market, decision)
        self._exchange_of: dict[str, Exchange] = {
            name: Maker(self._windows.price, lambda pair: plan.quotes_of(pair.exchange, pair.listed.name))
            for name in market.exchanges
        }
        self._exchanges = tuple(self._exchange_of.values())
        self._floor = Floor(
            market,
            self._windows,
            self.ledger,
            self._exchange_of,
            trades_kept,
            traded=lambda trader, trade: self._trades.append((trader.hopper, trade)),
            noted=lambda trader, entry: self._entries.append((trader.hopper, entry)),
            changed=self._enter,
        )
        self._trades: list[tuple[Hopper, Trade]] = []
        self._entries: deque[tuple[Hopper, Entry]] = deque(maxlen=_ENTRIES)
        self._calendar: list[tuple[int, int, int, Trader]] = []
        self._numbers: dict[str, int] = {}
        self._by_user: dict[str, list[Trader]] = {}
        self._by_name = {user.name: user for user in plan.users}
        self.traders: dict[str, Trader] = {}
        for hopper in plan.hoppers:
            self._add(hopper, began_at)
        self._plan = deque(plan.due(began_at))
        self._until = began_at
        self._going: Iterator[None] | None = None  # what is due and not yet done
        for id_, command in commands:
            try:
                self.obey(id_, command)
            except Impossible:
                continue  # it was refused when it was given, too

    def obey(self, hopper: str, command: Command) -> None:
        """Do as told, after everything that was to be up to that instant.

        Raises Impossible, and changes nothing, when it cannot be done. Kept commands are told again at a restart, those
        refused included.
        """
        self.advance(command.at)
        self._obey(hopper, command)

    def advance(self, until: int, most: int | None = None) -> bool:
        """Let everything happen that is due up to and at ``until``; whether it has.

        After ``most`` acts of hoppers it returns with the rest undone, which the next call goes on with. Until that is
        done, hoppers have not come equally far.
        """
        self._windows.until = self._until = until
        going = self._going = self._going or self._acts()
        for number, _ in enumerate(going, 1):
            if number == most:
                return False
        self._going = None
        return True

    def new_trades(self) -> list[tuple[Hopper, Trade]]:
        """Trades made since this was asked last, in the order of time."""
        found, self._trades = self._trades, []
        return found

    def new_entries(self) -> list[tuple[Hopper, Entry]]:
        """What hoppers noted since this was asked last, in the order of time; the newest hundred thousand."""
        found = list(self._entries)
        self._entries.clear()
        return found

    def user_named(self, name: str) -> User | None:
        return self._by_name.get(name)

    def of(self, user: str) -> list[Trader]:
        return self._by_user.get(user, [])

    def snapshot(self, trader: Trader, now: int) -> tuple[int, State]:
        """The last instant of the plan's schedule, and what the hopper owned then."""
        interval = 1000 * (self._snapshot_seconds or trader.hopper.snapshot_seconds)
        at = now // interval * interval
        return at, trader.state(at)

    def value(self, trader: Trader, state: State, at: int) -> Decimal:
        """Everything a hopper owned, in its base currency, at the prices of ``at``."""
        base, exchange = trader.hopper.base, trader.hopper.exchange
        total = Decimal(0)
        for coin, amount in state.balances.items():
            total += amount * (Decimal(1) if coin == base else self.rate(exchange, coin, base, at))
        return total.quantize(UNIT, ROUND_HALF_UP)

    def rate(self, exchange: str, coin: str, base: str, at: int) -> Decimal:
        """The price of a coin at an instant; 0 when there is no pair for it."""
        pair = self.market.exchanges[exchange].get(f"{coin}/{base}")
        return Decimal(0) if pair is None else pair.at(at) * Decimal(1).scaleb(-pair.listed.decimals)

    def depth(self, pair: Pair, at: int) -> tuple[Levels, Levels]:
        """What hoppers' exchange has of a pair: bids and asks, best first."""
        return self._exchange_of[pair.exchange].depth(pair, at)

    def _acts(self) -> Iterator[None]:
        """Everything due, one hopper's act after the other, in an order that does not depend on who asks when."""
        while (at := self._due()) is not None and at <= self._until:
            while self._calendar and self._calendar[0][0] <= at:
                _, _, turn, trader = heapq.heappop(self._calendar)
                if turn == trader.turn:
                    trader.run(at)
                    self._enter(trader)
                    yield
            for exchange in self._exchanges:
                for fill in exchange.advance(at):
                    self.traders[fill.order.owner].on_fill(fill)
                    yield
            while self._plan and self._plan[0][1].at <= at:
                self._give_planned(*self._plan.popleft())
                yield

    def _obey(self, hopper: str, command: Command) -> None:
        if command.kind == "create":
            self._create(hopper, command)
        elif hopper not in self.traders:
            raise Impossible("Hopper not found")
        elif command.kind == "delete":
            self._delete(self.traders[hopper], command)
        else:
            self.traders[hopper].obey(command)

    def _due(self) -> int | None:
        """The next instant at which anything happens."""
        while self._calendar and self._calendar[0][2] != self._calendar[0][3].turn:
            heapq.heappop(self._calendar)
        instants = [exchange.due() for exchange in self._exchanges]
        instants.append(self._calendar[0][0] if self._calendar else None)
        instants.append(self._plan[0][1].at if self._plan else None)
        return min((at for at in instants if at is not None), default=None)

    def _enter(self, trader: Trader) -> None:
        """Enter a hopper into the calendar anew; what was entered for it before counts no longer."""
        trader.turn += 1
        heapq.heappush(self._calendar, (trader.due, self._numbers[trader.hopper.id], trader.turn, trader))

    def _add(self, hopper: Hopper, at: int) -> None:
        number = self._numbers[hopper.id] = len(self._numbers)
        trader = self.traders[hopper.id] = Trader(hopper, self._floor, at, _FIRST_ID + _IDS * number)
        self._by_user.setdefault(hopper.user, []).append(trader)
        self._enter(trader)

    def _give_planned(self, id_: str, command: Command) -> None:
        try:
            self._obey(id_, command)
        except Impossible as error:
            if trader := self.traders.get(id_):
                trader.note(command.at, "config_error", f"{command.kind}: {error}", is_error=True)

    def _create(self, id_: str, command: Command) -> None:
        if id_ in self._numbers:
            raise Impossible(f"There is a hopper {id_}")
        try:
            hopper = hopper_of({**json.loads(command.value), "id": id_})
        except (ValueError, TypeError) as error:
            raise Impossible(str(error)) from None
        if hopper.user not in self.users:
            raise Impossible(f"No such user: {hopper.user}")
        if command.effect.share:
            self._add(hopper, command.at)

    def _delete(self, trader: Trader, command: Command) -> None:
        if not command.effect.share:
            return
        for errand in tuple(trader.desk.open.values()):
            trader.cancel(errand, command.at)
        trader.book.end()
        trader.turn += 1
        del self.traders[trader.hopper.id]
        self._by_user[trader.hopper.user].remove(trader)
