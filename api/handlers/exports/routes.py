"""``/exports/….csv``: where each file is, what it needs, and how it is asked for."""

from collections.abc import AsyncGenerator, Mapping
from functools import partial

from starlette.requests import Request
from starlette.routing import Route

from api.handlers.analytics.scope import Asked, HopperKind
from api.handlers.exports import candles, days, results, tax, trades
from api.handlers.exports.asked import SCOPE, asked_of, only
from api.handlers.exports.cells import Table
from api.handlers.exports.pages import Files, Pages, written
from api.handlers.exports.streaming import Door, LongAnswer, Streamed
from api.ports import Caller
from cryptwire.permissions import Needs

FILES: Mapping[str, tuple[Table, Pages, Needs]] = {
    "/exports/trades.csv": (trades.TABLE, trades.pages, Needs("view", "trades")),
    "/exports/results.csv": (results.TABLE, results.pages, Needs("view", "trades")),
    "/exports/days.csv": (days.TABLE, days.pages, Needs("view", "statistics")),
    "/exports/candles.csv": (candles.TABLE, candles.pages, Needs("view", "candles")),
}
"""Files over a choice of hoppers and days."""
TAX = "/exports/tax.csv"
NEEDS: Mapping[str, Needs] = {**{path: needs for path, (_, _, needs) in FILES.items()}, TAX: Needs("view", "trades")}


def routes(files: Files, door: Door) -> list[Route]:
    """All of them."""
    made = [
        Route(path, LongAnswer(table.name, needs, door, partial(_over_days, files, table, pages)))
        for path, (table, pages, needs) in FILES.items()
    ]
    return [*made, Route(TAX, LongAnswer(tax.TABLE.name, NEEDS[TAX], door, partial(_over_year, files)))]


async def _over_days(files: Files, table: Table, pages: Pages, caller: Caller, request: Request) -> Streamed:
    only(request.query_params, SCOPE)
    scope = await files.figures.scope(caller.user, asked_of(request.query_params))
    return _streamed(written(table, pages(files, scope), scope), f"{table.name}-{scope.since}-{scope.until}")


async def _over_year(files: Files, caller: Caller, request: Request) -> Streamed:
    query = request.query_params
    only(query, tax.PARAMETERS)
    asked = asked_of(query)
    scope = await files.figures.scope(
        caller.user, Asked(kind=HopperKind.LIVE, currency=asked.currency, is_masked=asked.is_masked)
    )
    year = tax.asked_year(query, scope)
    return _streamed(written(tax.TABLE, tax.pages(files, scope, year), scope), f"tax-{year.number}")


def _streamed(pieces: AsyncGenerator[bytes, None], name: str) -> Streamed:
    return Streamed(
        pieces,
        {
            "content-type": "text/csv; charset=utf-8; header=present",
            "content-disposition": f'attachment; filename="cryptwire-{name}.csv"',
        },
    )
