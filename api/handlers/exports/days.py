"""``/exports/days.csv``: every day of each hopper."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from api.handlers.analytics.days import all_days
from api.handlers.analytics.reading import Reading
from api.handlers.analytics.scope import Scope
from api.handlers.analytics.trade_figures import by_day
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
        Column("return", Kind.RATIO, "Of the day, time-weighted, in the currency: 0.01 is one percent."),
        Column("realised", Kind.AMOUNT, "What results of the day have earned, fees out, each at the rate of its time."),
        Column(
            "unrealised",
            Kind.AMOUNT,
            "What open positions were worth at the end, less what they cost: as Cryptohopper told it, without fees;"
            " where `is_made_up` as the trades tell it, with the fees of buying.",
        ),
        Column("fees", Kind.AMOUNT, "Of all trades, as far as they could be converted, at the rates of their times."),
        Column("other_fees", Kind.AMOUNTS, "Fees that could not be, as `0.01 BNB; 2 XYZ`."),
        Column("flows", Kind.AMOUNT, "Money that came less money that went without a trade, at the rates of then."),
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
        told = await _told(Reading(files.figures, replace(scope, hoppers=(known,))))
        begin = scope.since
        while begin < end:
            until = min(begin + _AT_ONCE, end)
            days = await files.days.read(known.hopper.id, scope.zone, begin, until)
            await rates.know(day.currency for day in days)
            yield [_row(day, known.hopper, rates, told.get(day.date, _Told())) for day in days]
            begin = until


class _Told(NamedTuple):
    """What charts tell of a day, in the currency: amounts converted when they came about. None: not known."""

    earned: float | None = None
    flows: Decimal | None = None
    realised: Decimal | None = None
    fees: Decimal | None = None


async def _told(reading: Reading) -> dict[date, _Told]:
    figures, traded = await all_days(reading), await by_day(reading)
    columns = (figures.days, figures.begins_at, figures.ends_at, figures.returns)
    found = {}
    for (day, begins, ends, earned), flows in zip(
        zip(*(column.tolist() for column in columns), strict=True), figures.flows, strict=True
    ):
        made = traded.between(begins, ends)
        realised, fees = (None, None) if made is None else (made.earned.net, made.trades.fees)
        found[date_of(day)] = _Told(earned, flows, realised, fees)
    return found


def _row(day: Daily, hopper: Hopper, rates: Rates, told: _Told) -> tuple[object, ...]:
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
        told.earned,
        times(told.realised),
        times(day.unrealised, rate),
        times(told.fees),
        "; ".join(f"{number(units)} {coin}" for coin, units in sorted(day.other_fees.items())) or None,
        times(told.flows),
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
