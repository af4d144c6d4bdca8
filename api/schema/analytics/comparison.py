"""The hoppers of a scope beside each other."""

import asyncio
from typing import Self

import strawberry

from api.handlers.analytics.days import days_of, scope_days
from api.handlers.analytics.reading import Reading
from api.handlers.analytics.trade_figures import result_sums, trade_sums, trades_a_day
from api.schema.analytics.parts import Money, Part, Ratio, analytic
from api.schema.analytics.performance import value_of
from api.schema.analytics.trade_figures import Teller, teller, without_fees
from api.schema.rules import covered
from cryptwire.domain import drawdown, performance
from cryptwire.domain.measured import Amount
from cryptwire.domain.trade_statistics import Tally, grouped
from cryptwire.domain.trade_tally import TradeTally


@covered("view", "statistics")
@strawberry.type(description="One hopper by itself: a transfer to another one counts as money that went.")
class HopperComparison:
    hopper_id: strawberry.ID = strawberry.field(description="Cryptohopper's id.")
    name: str = strawberry.field(description="As its user calls it.")
    time_weighted: Ratio = strawberry.field(description="Return of the whole range.")
    value: Money = strawberry.field(description="What it is worth at the end.")
    realised: Money = strawberry.field(description="What was closed brought, the fees of both sides out.")
    unrealised: Money = strawberry.field(
        description="Worth of open positions at the end less their cost; by whose, its definition says."
    )
    max_drawdown: Ratio = strawberry.field(description="Max drawdown; its definition says how.")
    win_rate: Ratio = strawberry.field(description="Win rate; its definition says how.")
    trades_a_day: Ratio = strawberry.field(description="How many trades there were a day.")
    fee_drag: Ratio = strawberry.field(description="Fee drag; its definition says how.")

    @classmethod
    async def all(cls, reading: Reading) -> list[Self]:
        """Of each hopper of the scope, in its order; nothing is read for one alone. Raises Unavailable."""
        read, results, trades = await scope_days(reading), await result_sums(reading), await trade_sums(reading)
        told = Teller(reading.scope, read.as_of, read.notes)
        earned, traded = await teller(reading, results.newest), await teller(reading, trades.newest)
        tallies = grouped(Tally, ((hopper, each) for (hopper, _), each in results.by_coin.items()))
        made = grouped(TradeTally, ((place.hopper, each) for place, each in trades.trades.items()))
        found = []
        for one in reading.scope.hoppers:
            await asyncio.sleep(0)  # a hundred hoppers are no reason to let others wait
            hopper = one.hopper.id
            days = await days_of(reading, hopper)
            tally, its = tallies.get(hopper, Tally()), made.get(hopper, TradeTally())
            first = {id: at for id, at in trades.first.items() if id == hopper}
            found.append(
                cls(
                    hopper_id=strawberry.ID(hopper),
                    name=one.hopper.name,
                    time_weighted=told.ratio("time-weighted-return", performance.cumulative(days.returns)),
                    value=told.money("value", Amount(value_of(days), len(days))),
                    realised=earned.money("net-result", without_fees(tally.net, its)),
                    unrealised=told.money("unrealised", Amount(days.unrealised[-1] if len(days) else None, len(days))),
                    max_drawdown=told.ratio("max-drawdown", drawdown.max_drawdown(days.returns)),
                    win_rate=earned.ratio("win-rate", tally.win_rate),
                    trades_a_day=traded.ratio("trades-a-day", trades_a_day(reading.scope, its.count, first)),
                    fee_drag=earned.ratio("fee-drag", without_fees(tally.fee_drag, its)),
                )
            )
        return found


@strawberry.type
class ComparisonFigures(Part):
    @analytic("view", "statistics", "Each hopper of the choice by itself, in one currency.")
    async def comparison(self) -> list[HopperComparison]:
        return await HopperComparison.all(self.reading)
