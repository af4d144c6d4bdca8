"""What trades have earned: how often, how much, how long it took, and the best and worst of them."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Self, TypeVar

import strawberry

from api.handlers.analytics.paging import up_to
from api.handlers.analytics.reading import Reading
from api.handlers.analytics.scope import Scope
from api.handlers.analytics.trade_figures import (
    Ranked,
    closings,
    held_for,
    notes_of,
    ranked,
    result_sums,
    trade_sums,
    trades_a_day,
)
from api.schema.analytics.parts import Money, Part, Ratio, analytic, money, quotient, ratio, traded_at
from api.schema.rules import covered
from cryptwire.domain import trade_statistics
from cryptwire.domain.measured import Amount, Measured
from cryptwire.domain.trade_statistics import EDGES, Tally, added
from cryptwire.domain.trade_tally import TradeTally

Figure = TypeVar("Figure", Amount, Measured)
_MOST_SECONDS = 2**31 - 1  # that GraphQL's Int holds
_HOLDING = ("mean-holding-time", "median-holding-time", "long-holding-time")


class Teller:
    """Figures of the domain as they are told, with what is to be known about all of them."""

    def __init__(self, scope: Scope, as_of: datetime | None, notes: Sequence[str]) -> None:
        self._scope = scope
        self._as_of = as_of
        self._notes = notes

    def ratio(self, name: str, figure: Measured) -> Ratio:
        return ratio(name, figure.value, figure.sample_size, self._as_of, self._noted(figure.note))

    def count(self, name: str, number: int, of: int) -> Ratio:
        """How many of all."""
        return self.ratio(name, Measured.of(number, of))

    def money(self, name: str, figure: Amount) -> Money:
        return money(self._scope, name, figure.amount, figure.sample_size, self._as_of, self._noted(figure.note))

    def _noted(self, note: str | None) -> str | None:
        return "; ".join([*([note] if note else []), *self._notes]) or None


async def teller(reading: Reading, as_of: datetime | None) -> Teller:
    return Teller(reading.scope, as_of, await notes_of(reading))


@covered("view", "statistics")
@strawberry.type(
    description="Figures of results: of what was closed in the range, parts of positions one by one. What cost nobody"
    " knows is counted apart and in no other figure."
)
class TradeFigures:
    results: Ratio = strawberry.field(description="How many closed something, those of unknown cost among them.")
    unknown: Ratio = strawberry.field(description="Of how many nobody knows what they had cost.")
    winners: Ratio = strawberry.field(description="How many earned something, all fees out.")
    losers: Ratio = strawberry.field(description="How many lost something.")
    even: Ratio = strawberry.field(description="How many earned and lost nothing.")
    win_rate: Ratio = strawberry.field(description="Win rate; its definition says how.")
    profit_factor: Ratio = strawberry.field(description="Profit factor; its definition says how.")
    payoff: Ratio = strawberry.field(description="Payoff; its definition says how.")
    expectancy: Money = strawberry.field(description="What one brings in the mean.")
    expectancy_ratio: Ratio = strawberry.field(description="What one brings for each unit that is lost.")
    mean_gain: Money = strawberry.field(description="What one that won brought in the mean.")
    mean_loss: Money = strawberry.field(description="What one that lost cost in the mean, below 0.")
    longest_winning_streak: Ratio = strawberry.field(description="The most in a row that won.")
    longest_losing_streak: Ratio = strawberry.field(description="The most in a row that lost.")
    current_streak: Ratio = strawberry.field(description="The run that has not ended: below 0 when it loses.")
    mean_holding_time: Ratio = strawberry.field(description="Seconds, in the mean.")
    median_holding_time: Ratio = strawberry.field(description="Seconds, the median.")
    long_holding_time: Ratio = strawberry.field(description="Seconds, the 90th percentile.")
    net: Money = strawberry.field(description="What all of them brought, the fees of both sides out.")
    fees: Money = strawberry.field(description="Fees of all trades of the range, also of those that closed nothing.")
    fee_drag: Ratio = strawberry.field(description="Fee drag; its definition says how.")
    volume: Money = strawberry.field(description="What all trades of the range were worth.")
    trades: Ratio = strawberry.field(description="How many trades there were, buys and sells.")
    trades_a_day: Ratio = strawberry.field(description="How many there were a day.")

    @classmethod
    async def of(cls, reading: Reading) -> Self:
        """Raises Unavailable."""
        sums, all_trades, closed = await result_sums(reading), await trade_sums(reading), await closings(reading)
        tally = added(Tally, sums.by_coin.values())
        trades = added(TradeTally, all_trades.trades.values())
        run, held = trade_statistics.streaks(closed.signs), await held_for(reading)
        told, traded = await teller(reading, sums.newest), await teller(reading, all_trades.newest)
        return cls(
            results=told.count("results", tally.count, tally.count),
            unknown=told.count("unknown-cost", tally.unknown, tally.count),
            winners=told.count("winners", tally.winners, tally.known),
            losers=told.count("losers", tally.losers, tally.known),
            even=told.count("break-even", tally.even, tally.known),
            win_rate=told.ratio("win-rate", tally.win_rate),
            profit_factor=told.ratio("profit-factor", tally.profit_factor),
            payoff=told.ratio("payoff", tally.payoff),
            expectancy=told.money("expectancy", without_fees(tally.expectancy, trades)),
            expectancy_ratio=told.ratio("expectancy-ratio", tally.expectancy_ratio),
            mean_gain=told.money("mean-gain", tally.mean_gain),
            mean_loss=told.money("mean-loss", tally.mean_loss),
            longest_winning_streak=told.count("longest-winning-streak", run.winners, len(closed)),
            longest_losing_streak=told.count("longest-losing-streak", run.losers, len(closed)),
            current_streak=told.count("current-streak", run.current, len(closed)),
            mean_holding_time=told.ratio("mean-holding-time", held.mean),
            median_holding_time=told.ratio("median-holding-time", held.median),
            long_holding_time=told.ratio("long-holding-time", held.longest_tenth),
            net=told.money("net-result", without_fees(tally.net, trades)),
            fees=traded.money("fees", fees_of(trades)),
            fee_drag=told.ratio("fee-drag", without_fees(tally.fee_drag, trades)),
            volume=traded.money("traded-volume", volume_of(trades)),
            trades=traded.count("trades", trades.count, trades.count),
            trades_a_day=traded.ratio("trades-a-day", trades_a_day(reading.scope, trades.count, all_trades.first)),
        )


def fees_of(trades: TradeTally) -> Amount:
    """The sum, of those that are known, and how many are not."""
    lacking = trades.unconverted
    note = f"fees of {lacking} trades, whose worth nobody knows, not counted: `fees` tells them" if lacking else None
    return Amount(trades.fees, trades.count - lacking, note)


def without_fees(figure: Figure, trades: TradeTally) -> Figure:
    """A figure of results, and that fees of some of their trades are not in it, since nobody knows their worth."""
    said = "; ".join(note for note in (figure.note, fees_of(trades).note) if note)
    return figure._replace(note=said or None)


def volume_of(trades: TradeTally) -> Amount:
    """The same of what was bought and sold."""
    lacking = trades.unvalued
    note = f"{lacking} trades of unknown worth in this currency not counted" if lacking else None
    return Amount(trades.volume, trades.count - lacking, note)


@covered("view", "statistics")
@strawberry.type(
    description="How long what was closed had been held, in columns of equal length: winners beside losers. Those that"
    " were opened nobody knows when are left out."
)
class HoldingHistogram:
    at_least: list[int] = strawberry.field(description="Seconds from which a row counts; the first is 0.")
    below: list[int | None] = strawberry.field(description="Seconds to which it counts; null: it has no end.")
    winners: list[int] = strawberry.field(description="Results that won.")
    losers: list[int] = strawberry.field(description="Results that lost.")
    even: list[int] = strawberry.field(description="Results that did neither.")
    mean: Ratio = strawberry.field(description="Seconds, in the mean, by positions.")
    median: Ratio = strawberry.field(description="Seconds, the median.")
    long: Ratio = strawberry.field(description="Seconds, the 90th percentile.")
    winners_median: Ratio = strawberry.field(description="The median of what won.")
    winners_long: Ratio = strawberry.field(description="The 90th percentile of what won.")
    losers_median: Ratio = strawberry.field(description="The median of what lost.")
    losers_long: Ratio = strawberry.field(description="The 90th percentile of what lost.")
    notes: list[str] = strawberry.field(description="What is to be known about it.")

    @classmethod
    async def of(cls, reading: Reading) -> Self:
        """Raises Unavailable."""
        closed = await closings(reading)
        known = closed.seconds == closed.seconds
        bins = trade_statistics.histogram(closed.seconds[known], closed.signs[known])
        told = await teller(reading, (await result_sums(reading)).newest)
        held = await held_for(reading)
        mean, median, long = (told.ratio(name, figure) for name, figure in zip(_HOLDING, held, strict=True))
        won, lost = await held_for(reading, 1), await held_for(reading, -1)
        return cls(
            at_least=[0, *EDGES],
            below=[*EDGES, None],
            winners=bins.winners.tolist(),
            losers=bins.losers.tolist(),
            even=bins.even.tolist(),
            mean=mean,
            median=median,
            long=long,
            winners_median=told.ratio("median-holding-time-of-winners", won.median),
            winners_long=told.ratio("long-holding-time-of-winners", won.longest_tenth),
            losers_median=told.ratio("median-holding-time-of-losers", lost.median),
            losers_long=told.ratio("long-holding-time-of-losers", lost.longest_tenth),
            notes=await notes_of(reading),
        )


@strawberry.enum(description="What best and worst go by.")
class RankedBy(Enum):
    AMOUNT = strawberry.enum_value("amount", description="What was earned or lost, in the currency.")
    PERCENT = strawberry.enum_value("percent", description="That by what it was opened with.")


@covered("view", "trades")
@strawberry.type(description="One of the best or worst results.")
class RankedResult:
    hopper_id: strawberry.ID = strawberry.field(description="Cryptohopper's id of the hopper.")
    trade_id: strawberry.ID | None = strawberry.field(
        description="Of the trade that closed it, within the hopper; null for who has a link."
    )
    at: datetime = traded_at("When it was closed.")
    opened_at: datetime | None = traded_at("When it was opened, of several buys the mean.")
    held_for: int | None = strawberry.field(description="Seconds from openedAt to at; null for who has a link.")
    exchange: str = strawberry.field(description="By ccxt's id.")
    coin: str = strawberry.field(description="What was held, or sold short.")
    quote: str = strawberry.field(description="What it was paid with.")
    is_short: bool = strawberry.field(description="True when coins were sold first and bought back.")
    quantity: Decimal | None = strawberry.field(description="Units of the coin; null when amounts are masked.")
    entry_price: Decimal | None = quotient("What one unit was opened at, in quote, fees in.")
    exit_price: Decimal | None = quotient("What one unit was closed at, in quote, fees in.")
    net: Decimal | None = strawberry.field(description="What it brought, in the currency; null: amounts are masked.")
    share: float | None = strawberry.field(description="That by what it was opened with: 0.05 is five percent.")
    buy_trigger: str | None = strawberry.field(description="Why it was opened; null: not known.")
    sell_trigger: str | None = strawberry.field(description="Why it was closed; null: not told.")
    buy_strategy: str | None = strawberry.field(description="Which strategy opened it; null: none, or not known.")

    @classmethod
    def of(cls, one: Ranked) -> Self:
        result = one.result
        return cls(
            hopper_id=strawberry.ID(result.hopper_id),
            trade_id=strawberry.ID(result.trade_id),
            at=result.at,
            opened_at=result.opened_at,
            held_for=None if result.held_for is None else min(result.held_for, _MOST_SECONDS),
            exchange=result.exchange,
            coin=result.coin,
            quote=result.quote,
            is_short=result.is_short,
            quantity=result.quantity,
            entry_price=result.entry_price,
            exit_price=result.exit_price,
            net=one.profit,
            share=None if one.share is None else float(one.share),
            buy_trigger=result.buy_trigger,
            sell_trigger=result.sell_trigger,
            buy_strategy=result.buy_strategy,
        )


@strawberry.type
class ResultFigures(Part):
    @analytic("view", "statistics", "What trades have earned.")
    async def trade_figures(self) -> TradeFigures:
        return await TradeFigures.of(self.reading)

    @analytic("view", "statistics", "How long what was closed had been held.")
    async def holding_times(self) -> HoldingHistogram:
        return await HoldingHistogram.of(self.reading)

    @analytic("view", "trades", "What earned most, 1 to 100 of them, the best first; only what earned something.")
    async def best_trades(self, first: int = 10, by: RankedBy = RankedBy.AMOUNT) -> list[RankedResult]:
        return await _listed(self.reading, first, by, is_worst=False)

    @analytic("view", "trades", "What lost most, 1 to 100 of them, the worst first; only what lost something.")
    async def worst_trades(self, first: int = 10, by: RankedBy = RankedBy.AMOUNT) -> list[RankedResult]:
        return await _listed(self.reading, first, by, is_worst=True)


async def _listed(reading: Reading, first: int, by: RankedBy, *, is_worst: bool) -> list[RankedResult]:
    found = await ranked(reading, up_to(first), by_share=by is RankedBy.PERCENT, is_worst=is_worst)
    return [RankedResult.of(one) for one in found]
