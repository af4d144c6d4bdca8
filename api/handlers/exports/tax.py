"""``/exports/tax.csv?year=2026``: what was disposed of in a year, first in first out, over all live hoppers."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any

from starlette.datastructures import QueryParams

from api.handlers.analytics.scope import Scope
from api.handlers.exports.asked import CURRENCY, MASKED, one_of, year_of
from api.handlers.exports.cells import Column, Kind, Table
from api.handlers.exports.events import Events, Priced, PricedFlow, PricedTrade
from api.handlers.exports.pages import Files, Page
from cryptwire.domain.day import day_of, zone_of
from cryptwire.domain.fifo import Books, Lot, Mark
from cryptwire.domain.tax_year import Balance, Row, TaxYear, Total
from cryptwire.errors import Invalid

TABLE = Table(
    "tax",
    "What was disposed of in a year, first in first out, over all of your live hoppers; then sums, how each coin's lots"
    " went through the year, and what is left at its end, or now. `record` says what a row is.",
    (
        Column("record", Kind.WORD, "`disposal`, `income`, `total`, `balance`, `left` or `note`."),
        Column("coin", Kind.TEXT, "What went, came, or is left."),
        Column("why", Kind.WORD, "Of a disposal: `sale`, `payment` with a coin, `fee`, `conversion`, `withdrawal`."),
        Column("acquired_at", Kind.UTC, "When what went, or is left, had come; empty when that is not known."),
        Column("acquired_at_local", Kind.LOCAL, "The same by your clock."),
        Column("disposed_at", Kind.UTC, "When it went."),
        Column("disposed_at_local", Kind.LOCAL, "The same by your clock."),
        Column("days_held", Kind.NUMBER, "Days between the two dates of your calendar."),
        Column("holding", Kind.WORD, "`short` to 365 days, `long` for more, `unknown` when the gain is not known."),
        Column("quantity", Kind.AMOUNT, "Units of the coin; of a balance: what is left."),
        Column("proceeds", Kind.AMOUNT, "What it brought: its worth then, less the fee. Of a withdrawal: its cost."),
        Column(
            "cost", Kind.AMOUNT, "What it had cost, fees in; of income: its worth, which is what it costs from then on."
        ),
        Column("gain", Kind.AMOUNT, "proceeds − cost; none of a withdrawal."),
        Column("rows", Kind.NUMBER, "Of a total: how many disposals; withdrawals are not in it."),
        Column("began_quantity", Kind.AMOUNT, "Of a balance: units when the year began."),
        Column("began_cost", Kind.AMOUNT, "What those had cost."),
        Column("came_quantity", Kind.AMOUNT, "Of a balance: units that came in the year."),
        Column("came_cost", Kind.AMOUNT, "What those cost."),
        Column("went_quantity", Kind.AMOUNT, "Of a balance: units that went, withdrawals too."),
        Column(
            "went_cost", Kind.AMOUNT, "What those had cost: began + came − went is what is left, to the last digit."
        ),
        Column(
            "uncovered_quantity", Kind.AMOUNT, "Of a balance: units that went beyond all that are known to have come."
        ),
        Column(
            "marks",
            Kind.WORD,
            "`cost unknown`: it came as a deposit, its cost is its worth then. `income`: it did. `not covered`: more"
            " went than is known to have come. `no price`: its worth, or that of a fee, could not be told. Of a note:"
            " what was assumed.",
        ),
        Column("hopper_id", Kind.TEXT, "Of a disposal: Cryptohopper's id of the hopper."),
        Column("source_id", Kind.TEXT, "Of a disposal: the trade's id, or the flow's."),
        Column("currency", Kind.TEXT, "Of proceeds, cost and gain."),
    ),
)
PARAMETERS = ("year", "record", CURRENCY, MASKED)
_RECORDS = {name: name for name in ("disposal", "income", "total", "balance", "left", "note")}
_NAMES = tuple(column.name for column in TABLE.columns)
_AT_ONCE = 250
"""Events that are booked, and rows that are made, before others get their turn."""


@dataclass(frozen=True, slots=True)
class AskedYear:
    """A year of the user's calendar until its end or now, and which rows (None: all)."""

    number: int
    begins_at: datetime
    ends_at: datetime
    record: str | None


def asked_year(query: QueryParams, scope: Scope) -> AskedYear:
    """The year that an address names; raises Invalid."""
    number = year_of(query, "year")
    record = one_of(query, "record", _RECORDS)
    begins_at, ends_at = _beginning(scope, number), _beginning(scope, number + 1)
    if begins_at >= scope.now:
        raise Invalid(f"{number} has not begun yet")
    return AskedYear(number, begins_at, min(ends_at, scope.now), record)


def _beginning(scope: Scope, year: int) -> datetime:
    day = day_of(zone_of(scope.zone), date(year, 1, 1)) if 1972 <= year <= 2199 else None  # in all zones
    if day is None:
        raise Invalid("years are told from 1972 to 2198")
    return day.begins_at


async def pages(files: Files, scope: Scope, year: AskedYear) -> AsyncIterator[Page]:
    """Disposals and income by time, then totals, balances, lots that are left, and what was assumed."""
    books = TaxYear(Books(scope.currency), zone_of(scope.zone), year.begins_at, year.ends_at)
    events = Events(files, scope, year.ends_at)
    async for page in events.pages():
        for begin in range(0, len(page), _AT_ONCE):
            yield _page(year, _booked(books, page[begin : begin + _AT_ONCE]), scope)
            await asyncio.sleep(0)
    yield _page(year, map(_of_total, books.totals()), scope)
    yield _page(year, map(_of_balance, books.balances()), scope)
    left = books.books.lots()
    while part := list(islice(left, _AT_ONCE)):
        yield _page(year, map(_of_lot, part), scope)
        await asyncio.sleep(0)
    yield _page(year, ({"record": "note", "marks": note} for note in events.notes), scope)


Cells = Mapping[str, Any]


def _page(year: AskedYear, rows: Iterable[Cells], scope: Scope) -> Page:
    return [
        [scope.currency if name == "currency" else row.get(name) for name in _NAMES]
        for row in rows
        if year.record in (None, row["record"])
    ]


def _booked(books: TaxYear, page: Iterable[Priced]) -> Iterator[Cells]:
    for one in page:
        match one:
            case PricedTrade(event, prices):
                rows, income = books.trade(event, prices)
            case PricedFlow(event, worth):
                rows, income = books.flow(event, worth)
        yield from map(_of_disposal, rows)
        yield from map(_of_income, income)


def _of_disposal(row: Row) -> Cells:
    gone = row.disposal
    return {
        "record": "disposal",
        "coin": gone.asset,
        "why": gone.why.value,
        "acquired_at": gone.acquired_at,
        "acquired_at_local": gone.acquired_at,
        "disposed_at": gone.at,
        "disposed_at_local": gone.at,
        "days_held": row.days,
        "holding": row.holding.value,
        "quantity": gone.quantity,
        "proceeds": gone.proceeds,
        "cost": gone.cost,
        "gain": gone.gain,
        "marks": _marks(gone.marks),
        "hopper_id": gone.hopper,
        "source_id": gone.source,
    }


def _of_income(lot: Lot) -> Cells:
    return {**_of_lot(lot), "record": "income"}


def _of_total(total: Total) -> Cells:
    return {
        "record": "total",
        "coin": total.asset,
        "holding": total.holding.value,
        "quantity": total.quantity,
        "proceeds": total.proceeds,
        "cost": total.cost,
        "gain": total.gain,
        "rows": total.rows,
    }


def _of_balance(balance: Balance) -> Cells:
    left = balance.left
    return {
        "record": "balance",
        "coin": balance.asset,
        "quantity": left.quantity,
        "cost": left.cost,
        "began_quantity": balance.began.quantity,
        "began_cost": balance.began.cost,
        "came_quantity": balance.came.quantity,
        "came_cost": balance.came.cost,
        "went_quantity": balance.went.quantity,
        "went_cost": balance.went.cost,
        "uncovered_quantity": balance.uncovered,
    }


def _of_lot(lot: Lot) -> Cells:
    return {
        "record": "left",
        "coin": lot.asset,
        "acquired_at": lot.at,
        "acquired_at_local": lot.at,
        "quantity": lot.quantity,
        "cost": lot.cost,
        "marks": _marks(lot.marks),
    }


def _marks(marks: Collection[Mark]) -> str | None:
    return "; ".join(sorted(mark.value for mark in marks)) or None
