"""Value, return and risk over the days of a scope."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple, Self

import numpy as np
import strawberry
from numpy.typing import NDArray

from api.handlers.analytics.days import ScopeDays, all_days, scope_days
from api.handlers.analytics.reading import Reading
from api.handlers.analytics.scope import Scope
from api.handlers.analytics.trade_figures import ByDay, by_day, result_sums, trade_sums
from api.schema.analytics.parts import Money, Part, Ratio, amount, analytic, money, ratio
from api.schema.analytics.trade_figures import fees_of, teller, without_fees
from api.schema.rules import covered
from cryptwire.domain import drawdown, money_weighted, performance
from cryptwire.domain.definitions import DEFINITIONS
from cryptwire.domain.hopper_days import PortfolioDays, date_of, total_of
from cryptwire.domain.hopper_days import came as moved_money
from cryptwire.domain.measured import Measured, few
from cryptwire.domain.trade_statistics import Tally, added
from cryptwire.domain.trade_tally import TradeTally

MOST_DRAWDOWNS = 100
Span = strawberry.enum(
    performance.Span, name="CalendarSpan", description="How much of the calendar is one row; weeks begin on Monday."
)


def numbers(column: NDArray[np.float64]) -> list[float | None]:
    """A column as it is told: null where nobody knows."""
    return [None if value != value else value for value in column.tolist()]


def measured(name: str, figure: Measured, as_of: datetime | None = None) -> Ratio:
    """A figure of the domain as it is told."""
    return ratio(name, figure.value, figure.sample_size, as_of, figure.note)


def moment_of(ends_at: NDArray[np.int64]) -> datetime | None:
    """The last of these; None without any."""
    return _moment(ends_at[-1]) if len(ends_at) else None


def dates_of(days: PortfolioDays) -> NDArray[np.datetime64]:
    return days.days.astype("datetime64[D]")


def whole(days: PortfolioDays, scope: Scope) -> slice:
    """The days that have ended: figures of daily returns do not take in the one in progress."""
    last = len(days) - 1 if scope.includes_today and len(days) and date_of(int(days.days[-1])) == scope.until else None
    return slice(0, last)


@covered("view", "statistics")
@strawberry.type(
    description="The days of the choice in columns of equal length, oldest first; the last may be the one in progress."
    " Null: not known."
)
class AnalyticsDays:
    dates: list[date] = strawberry.field(name="date", description="The user's local dates.")
    ends_at: list[datetime] = strawberry.field(description="When each ended, or now.")
    value: list[float | None] = amount("What all of it was worth at the end of the day.")
    balance: list[Decimal | None] = strawberry.field(
        description="The same as the exact sum of stored quantities times prices; null when one hopper's is not known."
    )
    returns: list[float | None] = strawberry.field(
        name="return", description="Of the day, time-weighted: flows are taken out where they happened."
    )
    index: list[float] = strawberry.field(
        description="What 1 at the beginning has become; a day without a known return leaves it where it was."
    )
    depth: list[float] = strawberry.field(description="Index divided by its highest so far, less 1.")
    flows: list[Decimal | None] = strawberry.field(description="Money that came, less what went, without a trade.")
    unrealised: list[Decimal | None] = strawberry.field(
        description="Worth of open positions less their cost: as Cryptohopper told it, without fees; where `isMadeUp`"
        " as the trades tell it, with the fees of buying."
    )
    realised: list[Decimal | None] = strawberry.field(description="What was closed on it brought, all fees out.")
    fees: list[Decimal | None] = strawberry.field(description="Fees of all its trades.")
    free: list[Decimal | None] = strawberry.field(description="What is neither invested nor reserved.")
    invested: list[Decimal | None] = strawberry.field(description="Worth of open positions.")
    reserved: list[Decimal | None] = strawberry.field(description="Worth of what hoppers may not sell.")
    usage: list[float | None] = strawberry.field(description="Share of the value that is invested.")
    positions: list[int | None] = strawberry.field(description="Open positions.")
    missing: list[int] = strawberry.field(description="Hoppers whose value is not known, and left out.")
    gap: list[float] = strawberry.field(description="Seconds of the day without fresh prices, the most of any hopper.")
    is_made_up: list[bool] = strawberry.field(description="True when a midnight was missed and made up afterwards.")
    base: float | None = amount("The value from which the first return is taken.")
    as_of: datetime | None = strawberry.field(description="How new the newest value is.")
    computed_until: datetime | None = strawberry.field(description="Until when days of all hoppers are there.")
    notes: list[str] = strawberry.field(description="What is to be known about them.")
    definition: str = strawberry.field(description="What a day's return is.")
    currency: str = strawberry.field(description="In which amounts are told.")

    @classmethod
    def of(cls, scope: Scope, days: PortfolioDays, read: ScopeDays, by_day: ByDay) -> Self:
        usage = [
            None if invested is None or not balance else float(invested / balance)
            for invested, balance in zip(days.invested, days.balance, strict=True)
        ]
        spans = zip(days.begins_at.tolist(), days.ends_at.tolist(), strict=True)
        traded = [by_day.between(begin, end) for begin, end in spans]
        return cls(
            dates=[date_of(day) for day in days.days.tolist()],
            ends_at=[datetime.fromtimestamp(second, UTC) for second in days.ends_at.tolist()],
            value=numbers(days.values),
            balance=days.balance,
            returns=numbers(days.returns),
            index=drawdown.growth(days.returns).tolist(),
            depth=drawdown.under_water(days.returns).tolist(),
            flows=days.flows,
            unrealised=days.unrealised,
            realised=[None if one is None else one.earned.net for one in traded],
            fees=[None if one is None else one.trades.fees for one in traded],
            free=days.free,
            invested=days.invested,
            reserved=days.reserved,
            usage=usage,
            positions=days.positions,
            missing=days.missing.tolist(),
            gap=days.gap.tolist(),
            is_made_up=days.is_made_up,
            base=None if days.base != days.base else days.base,
            as_of=read.as_of,
            computed_until=read.computed_until,
            notes=list(read.notes),
            definition=DEFINITIONS["time-weighted-return"],
            currency=scope.currency,
        )


@covered("view", "statistics")
@strawberry.type(description="How well the money was invested, and what became of it, over the days of the choice.")
class Returns:
    time_weighted: Ratio = strawberry.field(description="Of the whole range: how well it was invested.")
    money_weighted: Ratio = strawberry.field(description="A year's rate: what one's own money earned.")
    money_weighted_of_range: Ratio = strawberry.field(description="The same for the range itself.")
    annual_growth: Ratio = strawberry.field(description="The time-weighted return as a year's rate.")
    value: Money = strawberry.field(description="What all of it is worth at the end.")
    value_before: Money = strawberry.field(description="What it was worth at the beginning.")
    flows: Money = strawberry.field(description="What came less what went without a trade.")
    brought: Money = strawberry.field(description="What hoppers that began or ended brought, less what they took.")
    gain: Money = strawberry.field(description="What it is worth, less what it was, less flows and what was brought.")
    unrealised: Money = strawberry.field(
        description="Worth of open positions at the end less their cost; by whose cost, and why it may differ from the"
        " sum of `openPositions`, its definition says."
    )
    realised: Money = strawberry.field(description="What was closed in the range brought, all fees out.")
    fees: Money = strawberry.field(description="Fees of all trades of the range.")
    free: Money = strawberry.field(description="What is neither invested nor reserved at the end.")
    today: Ratio = strawberry.field(description="Return of the day in progress; null when it is not among the days.")
    today_gain: Money = strawberry.field(description="What the day in progress has brought, flows taken out.")


@covered("view", "statistics")
@strawberry.type(description="Figures of daily returns; a figure of too few days is not told, and says so.")
class Risk:
    volatility: Ratio = strawberry.field(description="Volatility; its definition says how.")
    sharpe: Ratio = strawberry.field(description="Sharpe; its definition says how.")
    sortino: Ratio = strawberry.field(description="Sortino; its definition says how.")
    calmar: Ratio = strawberry.field(description="Calmar; its definition says how.")
    omega: Ratio = strawberry.field(description="Omega; its definition says how.")
    ulcer: Ratio = strawberry.field(description="Ulcer; its definition says how.")
    tail_ratio: Ratio = strawberry.field(description="Tail ratio; its definition says how.")
    value_at_risk: Ratio = strawberry.field(description="Value at risk; its definition says how.")
    conditional_value_at_risk: Ratio = strawberry.field(
        description="Conditional value at risk; its definition says how."
    )
    winning_days: Ratio = strawberry.field(description="Winning days; its definition says how.")
    max_drawdown: Ratio = strawberry.field(description="Max drawdown; its definition says how.")
    current_drawdown: Ratio = strawberry.field(description="Current drawdown; its definition says how.")
    longest_under_water: Ratio = strawberry.field(description="Longest under water; its definition says how.")
    current_under_water: Ratio = strawberry.field(description="Current under water; its definition says how.")
    share_under_water: Ratio = strawberry.field(description="Share under water; its definition says how.")
    exposure: Ratio = strawberry.field(description="Exposure; its definition says how.")


@covered("view", "statistics")
@strawberry.type(description="A stay below a peak.")
class Drawdown:
    peak_on: date = strawberry.field(description="The day of the peak; the day before the first when it began so.")
    trough_on: date = strawberry.field(description="The day at whose end it was lowest.")
    recovered_on: date | None = strawberry.field(description="When the peak was reached again; null while it lasts.")
    depth: float = strawberry.field(description="A fraction of the peak, below 0.")
    days: int = strawberry.field(description="Days at whose end it was below the peak.")


@covered("view", "statistics")
@strawberry.type(description="The calendar in columns of equal length, oldest first.")
class Calendar:
    begins_on: list[date] = strawberry.field(description="The first date of each row.")
    returns: list[float | None] = strawberry.field(name="return", description="Days of the row, compounded.")
    known: list[int] = strawberry.field(description="Days of which a return is known.")
    missing: list[int] = strawberry.field(description="Days of which none is.")
    flows: list[Decimal | None] = strawberry.field(description="Money that came, less what went, without a trade.")
    as_of: datetime | None = strawberry.field(description="How new the newest day is.")
    definition: str = strawberry.field(description="What a row's return is.")
    currency: str = strawberry.field(description="In which amounts are told.")


@strawberry.type
class PerformanceFigures(Part):
    @analytic("view", "statistics", "The days, in columns.")
    async def days(self) -> AnalyticsDays:
        days, read = await all_days(self.reading), await scope_days(self.reading)
        return AnalyticsDays.of(self.scope, days, read, await by_day(self.reading))

    @analytic("view", "statistics", "What was earned.")
    async def returns(self) -> Returns:
        days, read = await all_days(self.reading), await scope_days(self.reading)
        return returns_of(self.scope, days, read, await Traded.of(self.reading))

    @analytic("view", "statistics", "What was risked for it.")
    async def risk(self) -> Risk:
        return risk_of(self.scope, await all_days(self.reading))

    @analytic("view", "statistics", "The deepest stays below a peak, 1 to 100 of them.")
    async def drawdowns(self, first: int = 10) -> list[Drawdown]:
        days = await all_days(self.reading)
        found = sorted(drawdown.drawdowns(dates_of(days), days.returns), key=lambda one: one.depth)
        return [
            Drawdown(
                peak_on=one.peak_on,
                trough_on=one.trough_on,
                recovered_on=one.recovered_on,
                depth=one.depth,
                days=one.days,
            )
            for one in found[: max(0, min(first, MOST_DRAWDOWNS))]
        ]

    @analytic("view", "statistics", "Days, weeks, months or years, compounded.")
    async def calendar(self, span: Span = performance.Span.MONTH) -> Calendar:  # type: ignore[valid-type]
        days, read = await all_days(self.reading), await scope_days(self.reading)
        return calendar_of(self.scope, days, read, span)


class Traded(NamedTuple):
    """What trades brought and cost, as it is told."""

    realised: Money
    fees: Money

    @classmethod
    async def of(cls, reading: Reading) -> Self:
        results, trades = await result_sums(reading), await trade_sums(reading)
        earned, traded = await teller(reading, results.newest), await teller(reading, trades.newest)
        net, made = added(Tally, results.by_coin.values()).net, added(TradeTally, trades.trades.values())
        return cls(earned.money("net-result", without_fees(net, made)), traded.money("fees", fees_of(made)))


def returns_of(scope: Scope, days: PortfolioDays, read: ScopeDays, traded: Traded) -> Returns:
    """The figures of ``Returns``, from the days and the trades."""
    as_of, count = read.as_of, len(days)
    lacking = _lacking(scope, days, read)
    at_end = f"without {few(lacking, 'hopper')} of which it is not known at the end" if lacking else None
    note = "; ".join(read.notes) or None
    note_at_end = "; ".join(said for said in (at_end, note) if said) or None
    end = None if not count or days.values[-1] != days.values[-1] else exact(days.values[-1])
    before = None if days.base != days.base else exact(days.base)
    moved = total_of(days.flows) if count else Decimal(0)
    joined = exact(days.came_first.sum()) + exact(days.came_last.sum())
    value, less = value_of(days), [None if each is None else each.copy_negate() for each in (before, moved, joined)]
    gain = total_of([value, *less])
    came = [(_moment(one.at), one.amount) for one in moved_money(days)]
    brought_and_taken = int(np.count_nonzero(days.came_first) + np.count_nonzero(days.came_last))
    rate = of_range = Measured.none(len(came), "value at the beginning or the end is not known")
    if end is not None and before is not None and moved is not None:
        begins, ends = _moment(days.begins_at[0]), _moment(days.ends_at[-1])
        rate = money_weighted.money_weighted(begins, before, came, ends, end)
        of_range = money_weighted.money_weighted_of_period(begins, before, came, ends, end)
    is_today = count > 0 and whole(days, scope).stop is not None
    today = float(days.returns[-1]) if is_today else float("nan")
    today_gain = None
    if today == today and end is not None and before is not None and days.flows[-1] is not None:
        brought = exact(days.came_first[-1]) + exact(days.came_last[-1])
        yesterday = exact(days.values[-2]) if count > 1 else before
        today_gain = total_of([end, *(each.copy_negate() for each in (yesterday, days.flows[-1], brought))])
    last = count - 1
    return Returns(
        time_weighted=measured("time-weighted-return", performance.cumulative(days.returns), as_of),
        money_weighted=measured("money-weighted-return", rate, as_of),
        money_weighted_of_range=measured("money-weighted-return-of-period", of_range, as_of),
        annual_growth=measured("annual-growth", performance.annual_growth(days.returns[whole(days, scope)]), as_of),
        value=money(scope, "value", value, count, as_of, note_at_end),
        value_before=money(scope, "value-before", before, count, as_of, note),
        flows=money(scope, "flows", moved, len(came) - brought_and_taken, as_of, note),
        brought=money(scope, "brought", joined, brought_and_taken, as_of, note),
        gain=money(scope, "gain", gain, count, as_of, note_at_end),
        unrealised=money(scope, "unrealised", days.unrealised[last] if count else None, count, as_of, note_at_end),
        realised=traded.realised,
        fees=traded.fees,
        free=money(scope, "free", days.free[last] if count else None, count, as_of, note_at_end),
        today=ratio("today", None if today != today else today, int(is_today), as_of),
        today_gain=money(scope, "today-gain", today_gain, int(is_today), as_of, note_at_end if is_today else None),
    )


def _lacking(scope: Scope, days: PortfolioDays, read: ScopeDays) -> int:
    """Of how many hoppers that are still there, and had days, the value at the end of the last one is not known."""
    if not len(days):
        return 0
    told = [read.hoppers[one.hopper.id] for one in scope.hoppers if one.is_linked and one.hopper.id in read.hoppers]
    last = int(days.days[-1])
    return sum(bool(one.days[-1] < last or np.isnan(one.closing[-1])) for one in told if len(one))


def _moment(second: float) -> datetime:
    return datetime.fromtimestamp(int(second), UTC)


def exact(value: float) -> Decimal:
    """A float of the candles as it is written: not more digits than it has."""
    return Decimal(repr(float(value)))


def value_of(days: PortfolioDays) -> Decimal | None:
    """What all is worth at the end: the sum of quantities times prices, where all of it is known, so that sums over
    hoppers are the same to the last digit; else as candles have it.
    """
    if not len(days) or days.values[-1] != days.values[-1]:
        return None
    exactly = days.balance[-1]
    return exact(days.values[-1]) if exactly is None else exactly


def risk_of(scope: Scope, days: PortfolioDays) -> Risk:
    """The figures of ``Risk``, from the days that have ended; drawdowns take in the one in progress."""
    ended = whole(days, scope)
    returns, dates = days.returns[ended], dates_of(days)
    as_of, now = moment_of(days.ends_at[ended]), moment_of(days.ends_at)
    invested, balance = (
        np.array([np.nan if one is None else float(one) for one in column[ended]])
        for column in (days.invested, days.balance)
    )
    seconds = (days.ends_at[ended] - days.begins_at[ended]).astype(np.float64)
    return Risk(
        volatility=measured("volatility", performance.volatility(returns), as_of),
        sharpe=measured("sharpe", performance.sharpe(returns), as_of),
        sortino=measured("sortino", performance.sortino(returns), as_of),
        calmar=measured("calmar", performance.calmar(returns), as_of),
        omega=measured("omega", performance.omega(returns), as_of),
        ulcer=measured("ulcer", drawdown.ulcer(returns), as_of),
        tail_ratio=measured("tail-ratio", performance.tail_ratio(returns), as_of),
        value_at_risk=measured("value-at-risk", performance.value_at_risk(returns), as_of),
        conditional_value_at_risk=measured(
            "conditional-value-at-risk", performance.conditional_value_at_risk(returns), as_of
        ),
        winning_days=measured("winning-days", performance.winning_days(returns), as_of),
        max_drawdown=measured("max-drawdown", drawdown.max_drawdown(days.returns), now),
        current_drawdown=measured("current-drawdown", drawdown.current_drawdown(days.returns), now),
        longest_under_water=measured("longest-under-water", drawdown.longest_under_water(dates, days.returns), now),
        current_under_water=measured("current-under-water", drawdown.current_under_water(dates, days.returns), now),
        share_under_water=measured("share-under-water", drawdown.share_under_water(days.returns), now),
        exposure=measured("exposure", performance.exposure(invested, balance, seconds), as_of),
    )


def calendar_of(scope: Scope, days: PortfolioDays, read: ScopeDays, span: performance.Span) -> Calendar:
    """Rows of the calendar, from the days."""
    rows = performance.compounded(dates_of(days), days.returns, span)
    begins: list[date] = rows.starts.tolist()
    sums: list[Decimal | None] = [Decimal(0)] * len(begins)
    row = -1
    for day, flows in zip(days.days.tolist(), days.flows, strict=True):
        while row + 1 < len(begins) and begins[row + 1] <= date_of(day):
            row += 1
        sums[row] = total_of([sums[row], flows])
    return Calendar(
        begins_on=begins,
        returns=numbers(rows.returns),
        known=rows.known.tolist(),
        missing=rows.missing.tolist(),
        flows=sums,
        as_of=read.as_of,
        definition=DEFINITIONS["time-weighted-return"],
        currency=scope.currency,
    )
