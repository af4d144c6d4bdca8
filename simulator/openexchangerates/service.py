"""``/openexchangerates/api``: latest and past rates, currencies and usage, and what its plans allow."""

import calendar
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import format_datetime

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from simulator.clock import Clock, milliseconds, moment
from simulator.market.prices import Market
from simulator.openexchangerates.rates import Rates
from simulator.plain_faults import PlainFaults

_SAYS = {
    "missing_app_id": (401, "No App ID provided. Please sign up, or provide your App ID to continue."),
    "invalid_app_id": (401, "Invalid App ID provided. Please sign up, or provide a valid App ID."),
    "not_allowed": (
        403,
        "Changing the API `base` currency is available for Developer, Enterprise and Unlimited plans.",
    ),
    "access_restricted": (429, "Access restricted until the end of the month, for repeated over-use."),
    "invalid_base": (400, "Client requested rates for an unsupported base currency."),
    "not_available": (
        400,
        "Historical rates for the requested date are not available - please try a different date.",
    ),
    "not_found": (404, "Client requested a non-existent resource or route."),
    "server_error": (500, "The service failed; please try again."),
}
"""Each error's status and description by its message."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an App ID may: requests a month (-1: any number), how often rates change, and other bases than USD."""

    name: str
    quota: int
    seconds: int
    has_bases: bool


PLANS: Mapping[str, Plan] = {
    "sim-free": Plan("Free", 1_000, 3600, has_bases=False),
    "sim-developer": Plan("Developer", 10_000, 3600, has_bases=True),
    "sim-enterprise": Plan("Enterprise", 100_000, 1800, has_bases=True),
    "sim-unlimited": Plan("Unlimited", -1, 300, has_bases=True),
}
"""By App ID. ``sim-restricted`` is one whose access was restricted."""

_RESTRICTED = "sim-restricted"
_FIRST = date(1999, 1, 1)
_NAMES = {"USD": "United States Dollar", "EUR": "Euro", "GBP": "British Pound Sterling", "JPY": "Japanese Yen"}


class _Error(Exception):
    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class OpenExchangeRates:
    """The service; App IDs are those of PLANS, and requests are counted by month.

    ``POST /control/openexchangerates {"error": "access_restricted", "times": 2}`` queues errors (see PlainFaults),
    ``{"app_id": "sim-free", "used": 999}`` sets how many requests it has made this month.
    """

    def __init__(self, market: Market, clock: Clock) -> None:
        self._rates = Rates(market)
        self._clock = clock
        self._used: Counter[tuple[str, str]] = Counter()
        self.faults = PlainFaults(_SAYS)

    def routes(self) -> list[BaseRoute]:
        paths = {
            "/api/latest.json": self._latest,
            "/api/historical/{day}.json": self._historical,
            "/api/currencies.json": self._currencies,
            "/api/usage.json": self._usage,
            "/{rest:path}": self._nothing,
        }
        return [
            Mount("/openexchangerates", routes=[Route(path, self._answering(to)) for path, to in paths.items()]),
            *self.faults.routes("/control/openexchangerates", self._control),
        ]

    def _answering(self, answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            try:
                name = self.faults.next()
                if name is not None:
                    if name not in _SAYS:
                        return self.faults.broken(name)
                    raise _Error(name)
                return await answer(request)
            except _Error as error:
                status, description = _SAYS[error.message]
                body = {"error": True, "status": status, "message": error.message, "description": description}
                return JSONResponse(body, status)

        return respond

    def _plan(self, request: Request) -> tuple[str, Plan]:
        given = request.query_params.get("app_id", "")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        app_id = given or (token.strip() if scheme.lower() == "token" else "")
        if not app_id:
            raise _Error("missing_app_id")
        if app_id == _RESTRICTED:
            raise _Error("access_restricted")
        if app_id not in PLANS:
            raise _Error("invalid_app_id")
        return app_id, PLANS[app_id]

    def _month(self) -> str:
        return self._clock.now().strftime("%Y-%m")

    def _asked(self, request: Request) -> tuple[str, Plan]:
        """Whose request this is, while he has one left this month."""
        app_id, plan = self._plan(request)
        if 0 <= plan.quota <= self._used[app_id, self._month()]:
            raise _Error("access_restricted")
        return app_id, plan

    async def _latest(self, request: Request) -> Response:
        """Rates as last published."""
        app_id, plan = self._asked(request)
        return self._told(request, app_id, plan, milliseconds(self._clock.now()))

    async def _historical(self, request: Request) -> Response:
        """Rates as last published on a day (UTC) since 1999, alike on all plans; of today those of now."""
        app_id, plan = self._asked(request)
        try:
            day = date.fromisoformat(request.path_params["day"])
        except ValueError:
            raise _Error("not_found") from None
        now = self._clock.now()
        if day.isoformat() != request.path_params["day"]:
            raise _Error("not_found")
        if not _FIRST <= day <= now.date():
            self._used[app_id, self._month()] += 1
            raise _Error("not_available")
        end = datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)
        return self._told(request, app_id, plan, milliseconds(min(end, now)))

    def _told(self, request: Request, app_id: str, plan: Plan, instant: int) -> Response:
        """Rates as published at or before an instant.

        ``If-None-Match`` and ``If-Modified-Since`` are answered with 304, and counted.
        """
        query = request.query_params
        base = query.get("base", "USD").upper()
        at = instant // (plan.seconds * 1000) * plan.seconds * 1000
        rates = self._rates.at(at)
        if query.get("show_alternative", "").lower() in ("1", "true"):
            rates |= self._rates.alternative(at)
        if base != "USD" and not plan.has_bases:
            raise _Error("not_allowed")
        if base not in rates:
            raise _Error("invalid_base")
        self._used[app_id, self._month()] += 1
        per_base = rates[base]
        wanted = {code.strip().upper() for code in query.get("symbols", "").split(",") if code.strip()}
        shown = {code: rate if base == "USD" else float(f"{rate / per_base:.8g}") for code, rate in rates.items()}
        body = {
            "disclaimer": "Usage subject to terms. These rates are made up by a simulator.",
            "license": "Made up by a simulator.",
            "timestamp": at // 1000,
            "base": base,
            "rates": {code: rate for code, rate in sorted(shown.items()) if not wanted or code in wanted},
        }
        is_plain = query.get("prettyprint", "1").lower() in ("0", "false")
        text = orjson.dumps(body, option=None if is_plain else orjson.OPT_INDENT_2)
        tag = f'"{hashlib.sha256(text).hexdigest()[:32]}"'
        published = format_datetime(moment(at), usegmt=True)
        headers = {
            "ETag": tag,
            "Last-Modified": published,
            "Date": format_datetime(self._clock.now(), usegmt=True),
            "Cache-Control": "public",
        }
        tags = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
        is_same = tag in tags if tags != [""] else request.headers.get("if-modified-since") == published
        if is_same:
            return Response(status_code=304, headers=headers)
        return Response(text, media_type="application/json", headers=headers)

    async def _currencies(self, _: Request) -> Response:
        """Names by code; takes no App ID and is not counted."""
        codes = self._rates.at(milliseconds(self._clock.now()))
        return JSONResponse({code: _NAMES.get(code, code) for code in codes})

    async def _usage(self, request: Request) -> Response:
        """What the App ID has used this month; not counted."""
        app_id, plan = self._plan(request)
        now = self._clock.now()
        used = self._used[app_id, self._month()]
        last_day = calendar.monthrange(now.year, now.month)[1]
        left = -1 if plan.quota < 0 else max(0, plan.quota - used)
        return JSONResponse(
            {
                "status": 200,
                "data": {
                    "app_id": app_id,
                    "status": "active",
                    "plan": {
                        "name": plan.name,
                        "quota": f"{plan.quota} requests / month" if plan.quota >= 0 else "Unlimited",
                        "update_frequency": f"{plan.seconds}s",
                        "features": {"base": plan.has_bases, "symbols": True, "experimental": True},
                    },
                    "usage": {
                        "requests": used,
                        "requests_quota": plan.quota,
                        "requests_remaining": left,
                        "days_elapsed": now.day - 1,
                        "days_remaining": last_day - now.day + 1,
                        "daily_average": used // now.day,
                    },
                },
            }
        )

    async def _nothing(self, _: Request) -> Response:
        raise _Error("not_found")

    def _control(self, given: Mapping[str, object]) -> object:
        app_id, used = given.get("app_id"), given.get("used")
        if set(given) != {"app_id", "used"} or app_id not in PLANS or type(used) is not int or used < 0:
            raise ValueError(f"must be an error, or app_id (one of {', '.join(PLANS)}) with used, a number")
        self._used[str(app_id), self._month()] = used
        return {"app_id": app_id, "used": used}
