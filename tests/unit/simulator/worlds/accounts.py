"""Small worlds, and what must hold in each of them."""

from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Any

from simulator.market.prices import Market
from simulator.worlds.books import UNIT
from simulator.worlds.ledger import Ledger, Posting
from simulator.worlds.plan import parsed
from simulator.worlds.trader import Trader
from simulator.worlds.world import World

BEGAN = 1_764_547_200_000  # 2025-12-01
MINUTE, DAY = 60_000, 86_400_000
ID = "900001"
STILL = {"take_profit": 9, "stop_loss": 0.89, "arm": 9, "patience": 1_000_000, "dip": 0.9}
LIVELY = {"most_positions": 9, "dip": 0.002, "take_profit": 0.02, "stop_loss": 0.05, "arm": 0.01, "patience": 700}


@lru_cache
def market() -> Market:
    return Market("test")


class Watched(Ledger):
    """Looks at all accounts after each event."""

    def __init__(self) -> None:
        super().__init__()
        self.events = 0

    def book(self, postings: Iterable[Posting]) -> None:
        super().book(postings)
        self.events += 1
        assert not any(self.sums().values())
        for account, held in self.accounts().items():
            assert account.part == "all" or min(held.values(), default=Decimal(0)) >= 0, account


def small(decision: int = 60_000, hopper: dict[str, Any] | None = None, **world: Any) -> World:
    """One hopper of one user, which buys and sells nothing by itself unless told so; its ledger is watched."""
    own = {"id": ID, "user": "1", "start": "10000", "most_positions": 0, "coins": ["BTC", "ETH", "LINK"], **STILL}
    plan = parsed(
        {
            "users": [{"id": "1", "name": "dora", "password": "dora-demo", "full_name": "Dora"}],
            "hoppers": [{**own, **(hopper or {})}],
            **world,
        }
    )
    return World(market(), BEGAN, decision, plan=plan, ledger=Watched())


def explained(trader: Trader, flows: dict[str, Decimal]) -> dict[str, Decimal]:
    """Balances that follow from the start, what came from outside, and the trade list alone."""
    found = {trader.hopper.base: trader.hopper.start}
    for moved in (dict(trader.hopper.reserved), flows):
        for coin, amount in moved.items():
            found[coin] = found.get(coin, Decimal(0)) + amount
    for trade in trader.trades:
        assert trade.total == (trade.amount * trade.rate).quantize(UNIT, "ROUND_HALF_UP")
        sign = 1 if trade.kind == "buy" else -1
        found[trade.coin] = found.get(trade.coin, Decimal(0)) + sign * trade.amount
        found[trader.hopper.base] -= sign * trade.total
        found[trade.fee_coin or trader.hopper.base] -= trade.fee
    return {coin: amount for coin, amount in found.items() if amount or coin == trader.hopper.base}


def holds_together(trader: Trader, at: int, flows: dict[str, Decimal]) -> None:
    """The trade list explains the balances to the last digit, and all parts of them are where they should be."""
    state = trader.state(at)
    assert dict(state.balances) == explained(trader, flows)
    assert dict(state.balances) == trader.book.balances
    base = trader.hopper.base
    for coin, amount in state.balances.items():
        positions = sum((each.amount for each in state.positions if each.coin == coin), Decimal(0))
        assert amount >= state.reserved.get(coin, Decimal(0)) + positions, coin
    for position in trader.book.positions:
        assert position.amount == sum(lot.amount for lot in position.lots) > 0
    offered = {base: Decimal(0)}
    for order in state.orders:
        assert 0 <= order.filled < order.amount
        coin = order.coin if order.kind == "sell" else base
        left = order.amount - order.filled
        offered[coin] = offered.get(coin, Decimal(0)) + (left if order.kind == "sell" else left * order.rate)
    for coin, amount in offered.items():
        held = state.in_orders.get(coin, Decimal(0))
        assert held == amount if coin != base else held >= amount
    proceeds = sum((short.proceeds for short in state.shorts), Decimal(0))
    assert state.reserved.get(base, Decimal(0)) >= proceeds
