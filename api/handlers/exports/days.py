"""``/exports/days.csv``: every day of each hopper."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from api.handlers.analytics.days import all_days
from api.handlers.analytics.reading import Reading
from api.handlers.analytics.scope import Scope
from api.handlers.exports.cells import Column, Kind, Table, number
from api.handlers.exports.pages import Files, Page
from api.handlers.exports.rates import Rates, times
from cryptwire.domain.daily import Daily
from cryptwire.domain.hopper import Hopper
from cryptwire.domain.hopper_days import date_of

TABLE = Table(
    "days",
    "Every day of each hopper, one hopper after the other, oldest first. A day begins and ends at your midnight; the"
    " one in progress is not told.",
    (
        Column("date", Kind.DATE, "Of your calendar."),
        Column("begins_at", Kind.UTC, "When it began."),
        Column("ends_at", Kind.UTC, "When it ended."),
        Column("hopper_id", Kind.TEXT, "Cryptohopper's id of the hopper."),
        Column("hopper", Kind.TEXT, "Its name."),
        Column("currency", Kind.TEXT, "Of all amounts."),
        Column("value", Kind.AMOUNT, "The worth at the end: the sum over coins of stored quantity × price."),
        Column("opening", Kind.AMOUNT, "The worth by its first candle, at the rate of the beginning."),
        Column("closing", Kind.AMOUNT, "The worth by its last candle."),
        Column("return", Kind.NUMBER, "Of the day, time-weighted, in the currency: 0.01 is one percent."),
        Column("realised", Kind.AMOUNT, "What results of the day have earned, fees out."),
        Column("unrealised", Kind.AMOUNT, "What open positions were worth at the end, less what they cost."),
        Column("fees", Kind.AMOUNT, "Of all trades, as far as they could be converted."),
        Column("other_fees", Kind.AMOUNTS, "Fees that could not be, as `0.01 BNB; 2 XYZ`."),
        Column("flows", Kind.AMOUNT, "Money that came less money that went without a trade."),
        Column("trades", Kind.NUMBER, "How many."),
        Column("results", Kind.NUMBER, "How many trades closed something."),
        Column("positions", Kind.NUMBER, "Open ones at the end."),
        Column("free", Kind.AMOUNT, "What was free to buy with."),
        Column("invested", Kind.AMOUNT, "What open positions were worth."),
        Column("reserved", Kind.AMOUNT, "What the hopper may not sell."),
        Column("gap_seconds", Kind.NUMBER, "How long prices were not fresh."),
        Column("is_made_up", Kind.TRUTH, "True when the balance was computed afterwards."),
        Column("base_currency", Kind.TEXT, "What the hopper is valued in."),
        Column("rate", Kind.NUMBER, "Units of the currency for one of the base currency, at the end of the day."),
    ),
)
_AT_ONCE = timedelta(days=366)


async def pages(files: Files, scope: Scope) -> AsyncIterator[Page]:
    """See ``Pages``."""
    rates = Rates(files.figures.conversions, scope.currency, scope.begins_at, scope.ends_at)
    end = scope.until + timedelta(days=1)
    for known in scope.hoppers:
        figures = await all_days(Reading(files.figures, replace(scope, hoppers=(known,))))
        returns = dict(zip(map(date_of, figures.days.tolist()), figures.returns.tolist(), strict=True))
        begin = scope.since
        while begin < end:
            until = min(begin + _AT_ONCE, end)
            days = await files.days.read(known.hopper.id, scope.zone, begin, until)
            await rates.know(day.currency for day in days)
            yield [_row(day, known.hopper, rates, returns.get(day.date)) for day in days]
            begin = until


def _row(day: Daily, hopper: Hopper, rates: Rates, earned: float | None) -> tuple[object, ...]:
    rate, before = rates.at(day.currency, day.ends_at), rates.at(day.currency, day.begins_at)
    return (
        day.date,
        day.begins_at,
        day.ends_at,
        hopper.id,
        hopper.name,
        rates.target,
        times(day.balance, rate),
        _float_times(day.opening, before),
        _float_times(day.closing, rate),
        earned,
        times(day.realised, rate),
        times(day.unrealised, rate),
        times(day.fees, rate),
        "; ".join(f"{number(units)} {coin}" for coin, units in sorted(day.other_fees.items())) or None,
        times(day.flows, rate),
        day.trades,
        day.results,
        day.positions,
        times(day.free, rate),
        times(day.invested, rate),
        times(day.reserved, rate),
        day.gap,
        day.is_made_up,
        day.currency,
        rate,
    )


def _float_times(amount: float | None, rate: Decimal | None) -> float | None:
    return None if amount is None or rate is None else amount * float(rate)
