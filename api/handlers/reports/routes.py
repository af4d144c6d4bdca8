"""``/reports/performance``: where the report is, what it needs, and how it is asked for."""

from collections.abc import AsyncGenerator, Mapping
from functools import partial

from starlette.requests import Request
from starlette.routing import Route

from api.handlers.analytics.reading import Reading, Sources
from api.handlers.exports.asked import SCOPE, asked_of, only
from api.handlers.exports.streaming import Door, LongAnswer, Streamed
from api.handlers.reports.figures import figures_of
from api.handlers.reports.page import page_of
from api.ports import Caller
from api.schema.analytics import Analytics
from cryptwire.permissions import Needs

PERFORMANCE = "/reports/performance"
NEEDS: Mapping[str, Needs] = {PERFORMANCE: Needs("view", "statistics")}
_LIVE = Needs("view", "live-portfolio")


def routes(sources: Sources, door: Door) -> list[Route]:
    """All of them."""
    return [Route(PERFORMANCE, LongAnswer("performance", NEEDS[PERFORMANCE], door, partial(_report, sources, door)))]


async def _report(sources: Sources, door: Door, caller: Caller, request: Request) -> Streamed:
    only(request.query_params, SCOPE)
    scope = await sources.scope(caller.user, asked_of(request.query_params))
    reading = Reading(sources, scope, sees_live=door.may(caller, _LIVE))
    figures = await figures_of(Analytics(scope=scope, reading=reading))
    page, policy = page_of(figures, scope, await sources.owners.of(caller.user))
    return Streamed(
        _whole(page),
        {
            "content-type": "text/html; charset=utf-8",
            "content-security-policy": policy,
            "referrer-policy": "no-referrer",
            "x-frame-options": "DENY",
        },
    )


async def _whole(page: str) -> AsyncGenerator[bytes, None]:
    yield page.encode()
