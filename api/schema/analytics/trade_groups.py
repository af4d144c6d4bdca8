"""Results and trades in groups: by coin, by why they were, by what fees were paid in, and over time."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Self

import strawberry

from api.handlers.analytics.reading import Reading
from api.handlers.analytics.trade_figures import bars_of, by_day, notes_of, result_sums, stretches, trade_sums
from api.schema.analytics.parts import Money, Part, Ratio, analytic, traded_at
from api.schema.analytics.trade_figures import fees_of, teller, without_fees
from api.schema.rules import covered
from cryptwire.domain.bar import Resolution
from cryptwire.domain.definitions import DEFINITIONS
from cryptwire.domain.hopper_days import date_of
from cryptwire.domain.trade_columns import Reason
from cryptwire.domain.trade_statistics import Tally, added, grouped
from cryptwire.domain.trade_tally import PaidFees, TradeTally

_DAY = 86_400


@covered("view", "statistics")
@strawberry.type(description="Results by coin, in columns of equal length; what earned most comes first.")
class ResultsByCoin:
    coin: list[str] = strawberry.field(description="What was closed.")
    net: list[Decimal | None] = strawberry.field(description="What its results brought, the fees of both sides out.")
    fees: list[Decimal | None] = strawberry.field(description="The fees of both sides of its results.")
    results: list[int] = strawberry.field(description="How many there are.")
    winners: list[int] = strawberry.field(description="How many won.")
    losers: list[int] = strawberry.field(description="How many lost.")
    unknown: list[int] = strawberry.field(description="Of how many cost or worth is not known; they are in no sum.")
    win_rate: list[float | None] = strawberry.field(description="Winners by winners and losers; null: neither.")
    currency: str = strawberry.field(description="In which amounts are told.")
    definition: str = strawberry.field(description="What net is.")
    as_of: datetime | None = traded_at("When the newest of them closed.")
    notes: list[str] = strawberry.field(description="What is to be known about them.")

    @classmethod
    async def of(cls, reading: Reading) -> Self:
        """Raises Unavailable."""
        sums = await result_sums(reading)
        coins = grouped(Tally, ((coin, tally) for (_, coin), tally in sums.by_coin.items()))
        rows = sorted(coins.items(), key=lambda row: (-_net(row[1]), row[0]))
        tallies = [tally for _, tally in rows]
        return cls(
            coin=[coin for coin, _ in rows],
            net=[tally.net.amount for tally in tallies],
            fees=[tally.fees for tally in tallies],
            results=[tally.count for tally in tallies],
            winners=[tally.winners for tally in tallies],
            losers=[tally.losers for tally in tallies],
            unknown=[tally.unknown + tally.untold for tally in tallies],
            win_rate=[tally.win_rate.value for tally in tallies],
            currency=reading.scope.currency,
            definition=DEFINITIONS["net-result"],
            as_of=sums.newest,
            notes=await notes_of(reading),
        )


@covered("view", "statistics")
@strawberry.type(
    description="Results by why they were opened and closed and by which strategy, in columns of equal length; what"
    " earned most comes first. Null in the first three columns: not known, or none. Of a short they say what opened and"
    " closed it, too."
)
class Attribution:
    buy_trigger: list[str | None] = strawberry.field(
        description="Why it was opened, in Cryptohopper's words; `several`: for different reasons."
    )
    sell_trigger: list[str | None] = strawberry.field(description="Why it was closed.")
    strategy: list[str | None] = strawberry.field(
        description="The name of the strategy that opened it; `several`: different ones."
    )
    results: list[int] = strawberry.field(description="How many there are.")
    winners: list[int] = strawberry.field(description="How many won.")
    losers: list[int] = strawberry.field(description="How many lost.")
    unknown: list[int] = strawberry.field(description="Of how many cost or worth is not known; they are in no sum.")
    net: list[Decimal | None] = strawberry.field(description="What they brought, the fees of both sides out.")
    win_rate: list[float | None] = strawberry.field(description="Winners by winners and losers; null: neither.")
    expectancy: list[Decimal | None] = strawberry.field(description="What one of them brings in the mean.")
    currency: str = strawberry.field(description="In which amounts are told.")
    definition: str = strawberry.field(description="What net is.")
    as_of: datetime | None = traded_at("When the newest of them closed.")
    notes: list[str] = strawberry.field(description="What is to be known about them.")

    @classmethod
    async def of(cls, reading: Reading) -> Self:
        """Raises Unavailable."""
        sums = await result_sums(reading)
        rows = sorted(sums.by_reason.items(), key=lambda row: (-_net(row[1]), _named(row[0])))
        reasons, tallies = [reason for reason, _ in rows], [tally for _, tally in rows]
        return cls(
            buy_trigger=[reason.opened_by for reason in reasons],
            sell_trigger=[reason.closed_by for reason in reasons],
            strategy=[reason.strategy for reason in reasons],
            results=[tally.count for tally in tallies],
            winners=[tally.winners for tally in tallies],
            losers=[tally.losers for tally in tallies],
            unknown=[tally.unknown + tally.untold for tally in tallies],
            net=[tally.net.amount for tally in tallies],
            win_rate=[tally.win_rate.value for tally in tallies],
            expectancy=[tally.expectancy.amount for tally in tallies],
            currency=reading.scope.currency,
            definition=DEFINITIONS["net-result"],
            as_of=sums.newest,
            notes=await notes_of(reading),
        )


def _net(tally: Tally) -> Decimal:
    return tally.net.amount or Decimal(0)


def _named(reason: Reason) -> tuple[str, ...]:
    return tuple(name or "" for name in reason)


@covered("view", "statistics")
@strawberry.type(description="Fees by local dates, in columns of equal length, every date of the range among them.")
class FeesByDay:
    dates: list[date] = strawberry.field(name="date", description="The user's local dates, oldest first.")
    fees: list[Decimal | None] = strawberry.field(description="Fees of the day's trades, in the currency.")
    trades: list[int] = strawberry.field(description="How many trades there were.")
    unconverted: list[int] = strawberry.field(description="Of how many the fee is not in the sum.")


@covered("view", "statistics")
@strawberry.type(description="Fees by the coin that was traded, in columns of equal length, the dearest first.")
class FeesByCoin:
    coin: list[str] = strawberry.field(description="What was bought or sold.")
    fees: list[Decimal | None] = strawberry.field(description="Fees of its trades, in the currency.")
    trades: list[int] = strawberry.field(description="How many trades there were.")
    unconverted: list[int] = strawberry.field(description="Of how many the fee is not in the sum.")


@covered("view", "statistics")
@strawberry.type(
    description="Fees by what they were paid in, in columns of equal length, the dearest first; in its own units, also"
    " where nobody knows what these were worth."
)
class FeesByCurrency:
    paid_in: list[str] = strawberry.field(description="The coin or currency.")
    units: list[Decimal | None] = strawberry.field(description="Units of it in all.")
    unconverted: list[Decimal | None] = strawberry.field(description="Units of it whose worth nobody knows.")
    fees: list[Decimal | None] = strawberry.field(description="What the others were worth, in the currency.")
    trades: list[int] = strawberry.field(description="How many trades paid in it.")


@covered("view", "statistics")
@strawberry.type(description="Fees of all trades, each converted at its trade's time.")
class FeeFigures:
    total: Money = strawberry.field(description="All of them that could be converted.")
    drag: Ratio = strawberry.field(description="Fee drag; its definition says how.")
    days: FeesByDay = strawberry.field(description="By local dates.")
    coins: FeesByCoin = strawberry.field(description="By what was traded.")
    currencies: FeesByCurrency = strawberry.field(description="By what they were paid in.")
    currency: str = strawberry.field(description="In which amounts are told.")

    @classmethod
    async def of(cls, reading: Reading) -> Self:
        """Raises Unavailable."""
        sums, results, days = await trade_sums(reading), await result_sums(reading), await by_day(reading)
        by_coin = grouped(TradeTally, ((place.coin, one) for place, one in sums.trades.items()))
        by_currency = grouped(PaidFees, ((place.fee_coin, one) for place, one in sums.paid.items() if one.units))
        coins = sorted(by_coin.items(), key=lambda row: (-row[1].fees, row[0]))
        currencies = sorted(by_currency.items(), key=lambda row: (-row[1].worth, row[0]))
        told, earned = await teller(reading, sums.newest), await teller(reading, results.newest)
        made = added(TradeTally, by_coin.values())
        return cls(
            total=told.money("fees", fees_of(made)),
            drag=earned.ratio("fee-drag", without_fees(added(Tally, results.by_coin.values()).fee_drag, made)),
            days=FeesByDay(
                dates=[date_of(stamp // _DAY) for stamp in bars_of(reading.scope, Resolution.DAY).times.tolist()],
                fees=[day.trades.fees for day in days.stretches],
                trades=[day.trades.count for day in days.stretches],
                unconverted=[day.trades.unconverted for day in days.stretches],
            ),
            coins=FeesByCoin(
                coin=[coin for coin, _ in coins],
                fees=[trades.fees for _, trades in coins],
                trades=[trades.count for _, trades in coins],
                unconverted=[trades.unconverted for _, trades in coins],
            ),
            currencies=FeesByCurrency(
                paid_in=[coin for coin, _ in currencies],
                units=[paid.units for _, paid in currencies],
                unconverted=[paid.lacking for _, paid in currencies],
                fees=[paid.worth for _, paid in currencies],
                trades=[paid.trades for _, paid in currencies],
            ),
            currency=reading.scope.currency,
        )


@covered("view", "statistics")
@strawberry.type(
    description="Trades over time, in columns of equal length, oldest first; also stretches in which nothing happened."
)
class Activity:
    at: list[datetime] = strawberry.field(
        description="When each begins; days, weeks and months: 00:00 UTC of their first local date."
    )
    buys: list[int] = strawberry.field(description="How many buys there were.")
    sells: list[int] = strawberry.field(description="How many sells there were.")
    bought: list[Decimal | None] = strawberry.field(description="What the buys were worth, without fees.")
    sold: list[Decimal | None] = strawberry.field(description="What the sells were worth, without fees.")
    unvalued: list[int] = strawberry.field(description="Trades of unknown worth, which are in neither.")
    results: list[int] = strawberry.field(description="How many trades closed something.")
    net: list[Decimal | None] = strawberry.field(description="What these brought, the fees of both sides out.")
    fees: list[Decimal | None] = strawberry.field(description="Fees of all trades.")
    currency: str = strawberry.field(description="In which amounts are told.")
    as_of: datetime | None = traded_at("When the newest trade was made.")
    notes: list[str] = strawberry.field(description="What is to be known about them.")

    @classmethod
    async def of(cls, reading: Reading, resolution: Resolution) -> Self:
        """Raises Unavailable, Invalid for too many rows."""
        bars = bars_of(reading.scope, resolution)
        found = await stretches(reading, bars.starts)
        trades = [one.trades for one in found]
        return cls(
            at=[datetime.fromtimestamp(second, UTC) for second in bars.times.tolist()],
            buys=[one.buys for one in trades],
            sells=[one.sells for one in trades],
            bought=[one.bought for one in trades],
            sold=[one.sold for one in trades],
            unvalued=[one.unvalued for one in trades],
            results=[one.earned.results for one in found],
            net=[one.earned.net for one in found],
            fees=[one.fees for one in trades],
            currency=reading.scope.currency,
            as_of=(await trade_sums(reading)).newest,
            notes=await notes_of(reading),
        )


@strawberry.type
class TradeGroups(Part):
    @analytic("view", "statistics", "What was closed, by coin.")
    async def coin_results(self) -> ResultsByCoin:
        return await ResultsByCoin.of(self.reading)

    @analytic("view", "statistics", "What was closed, by why it was opened and closed, and by which strategy.")
    async def attribution(self) -> Attribution:
        return await Attribution.of(self.reading)

    @analytic("view", "statistics", "Fees, by day, by coin, and by what they were paid in.")
    async def fees(self) -> FeeFigures:
        return await FeeFigures.of(self.reading)

    @analytic(
        "view",
        "statistics",
        "Trades over time, in stretches of a resolution (15, 60, 240, 1D, 1W, 1M) in the user's zone, 5,000 at most;"
        " who has a link is told days and longer ones.",
    )
    async def activity(self, resolution: str = "1D") -> Activity:
        return await Activity.of(self.reading, Resolution.of(resolution))
