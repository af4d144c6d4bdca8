"""Every hopper of the world, brought up to any moment."""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

from simulator.market.prices import Market
from simulator.worlds.books import UNIT, State, Trade
from simulator.worlds.commands import Command
from simulator.worlds.demo import Hopper, User
from simulator.worlds.plan import Plan, demo
from simulator.worlds.trader import Trader


class World:
    """Users and hoppers since ``began_at`` (milliseconds); ``decision`` milliseconds lie between two decisions.

    The past follows from these and from the commands given, in the order given.
    """

    def __init__(
        self,
        market: Market,
        began_at: int,
        decision: int,
        commands: Iterable[tuple[str, Command]] = (),
        snapshot_seconds: int = 0,
        plan: Plan | None = None,
    ) -> None:
        plan = plan or demo()
        self.market = market
        self.began_at = began_at
        self.users: dict[str, User] = {user.id: user for user in plan.users}
        self._snapshot_seconds = snapshot_seconds
        self.traders = {
            hopper.id: Trader(hopper, market, began_at, decision, 500_000_001 + 10_000_000 * number)
            for number, hopper in enumerate(plan.hoppers)
        }
        self._told: dict[str, int] = {}
        for hopper_id, command in commands:
            self.traders[hopper_id].obey(command)

    def obey(self, hopper: str, command: Command) -> None:
        """Do as told, after everything that was to be up to that instant.

        Raises Impossible, and changes nothing, when it cannot be done. Kept commands are told again at a restart, those
        refused included.
        """
        self.advance(command.at)
        self.traders[hopper].obey(command)

    def advance(self, until: int) -> None:
        for trader in self.traders.values():
            trader.advance(until)

    def new_trades(self) -> list[tuple[Hopper, Trade]]:
        """Trades made since this was asked last, in the order of time."""
        found = []
        for id_, trader in self.traders.items():
            told = self._told.get(id_, 0)
            found += [(trader.hopper, trade) for trade in trader.trades[told:]]
            self._told[id_] = len(trader.trades)
        return sorted(found, key=lambda each: each[1].at)

    def user_named(self, name: str) -> User | None:
        return next((user for user in self.users.values() if user.name == name), None)

    def of(self, user: str) -> list[Trader]:
        return [trader for trader in self.traders.values() if trader.hopper.user == user]

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
