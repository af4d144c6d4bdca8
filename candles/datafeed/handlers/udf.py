"""``/udf/…``: TradingView's Universal Data Feed (shared reference, tradingview-datafeed 1)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from candles.datafeed import logic
from candles.datafeed.handlers.live import LiveBook, is_live
from candles.datafeed.handlers.rules import LIVE, NEEDS, Rules
from candles.datafeed.ports import Caller, Hoppers, People, Series, Sessions, Trades
from cryptwire.clock import Clock
from cryptwire.codec.access_token import presented
from cryptwire.domain.bar import GRID, Columns, bar_at, columns_of, joined, with_volumes
from cryptwire.domain.hopper import Hopper, UserId
from cryptwire.errors import CryptwireError, Forbidden, Invalid, NotFound, Unauthenticated, Unavailable
from cryptwire.log import Log
from cryptwire.metrics import Meters
from cryptwire.permissions import Needs, roles_of

_MOST_BODY = 100_000
_MOST_FOUND = 30
_DAY = 86_400
_log = Log(__name__)

Handler = Callable[[Request], Awaitable[Response]]


async def zone_of(people: People, user: UserId) -> ZoneInfo:
    """A user's zone; UTC when it is none that is known here."""
    name = (await people.by_id(user)).zone
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        _log.warning("a zone is not known", zone=name)
        return ZoneInfo("UTC")


class Udf:
    """The routes. Each needs a session that may; a hopper of somebody else's is not there."""

    def __init__(
        self,
        sessions: Sessions,
        people: People,
        hoppers: Hoppers,
        trades: Trades,
        series: Series,
        book: LiveBook,
        rules: Rules,
        clock: Clock,
        meters: Meters,
    ) -> None:
        self._sessions = sessions
        self._people = people
        self._hoppers = hoppers
        self._trades = trades
        self._series = series
        self._book = book
        self._rules = rules
        self._clock = clock
        self._meters = meters

    def routes(self) -> list[Route]:
        """What this serves, with full paths."""
        handlers: dict[str, Callable[[Request, Caller], Awaitable[Response]]] = {
            "config": self.config,
            "symbols": self.symbols,
            "search": self.search,
            "history": self.history,
            "marks": self.marks,
            "time": self.time,
        }
        return [
            Route(f"/udf/{name}", self._guarded(name, NEEDS[f"/udf/{name}"], handler))
            for name, handler in handlers.items()
        ]

    def _guarded(self, name: str, needs: Needs, handler: Callable[[Request, Caller], Awaitable[Response]]) -> Handler:
        """``handler`` behind session and policy, its errors as UDF tells them, counted and timed."""

        async def guarded(request: Request) -> Response:
            loop = asyncio.get_running_loop()
            begun = loop.time()
            try:
                size = request.headers.get("content-length", "0")
                if not size.isdecimal() or int(size) > _MOST_BODY:
                    response = failure(413, f"a request of more than {_MOST_BODY} bytes")
                else:
                    caller = await self._sessions.who(presented(request.headers, request.cookies))
                    self._rules.must(roles_of(caller), needs)
                    response = await handler(request, caller)
            except Unauthenticated:
                response = failure(401, "sign in first")
            except Forbidden as error:
                response = failure(403, str(error))
            except NotFound:
                response = failure(404, "unknown_symbol")
            except Invalid as error:
                response = failure(400, str(error))
            except Unavailable as error:
                response = failure(503, f"try again in a moment: {error}")
            except CryptwireError as error:
                _log.error("a question could not be answered", route=name, exception=error)
                response = failure(500, "this could not be answered; it was noted")
            self._meters.count(
                "datafeed_answers", "Answers of the UDF routes", route=name, status=str(response.status_code)
            )
            self._meters.observe("datafeed_seconds", "Time to answer", loop.time() - begun, route=name)
            return response

        return guarded

    async def config(self, _: Request, __: Caller) -> Response:
        """``/udf/config``."""
        return answer(logic.config())

    async def time(self, _: Request, __: Caller) -> Response:
        """``/udf/time``: seconds, as plain text."""
        return _response(str(self._now()).encode(), 200, "text/plain")

    async def symbols(self, request: Request, caller: Caller) -> Response:
        """``/udf/symbols``: one portfolio, in the user's zone."""
        hopper, zone = await self._of(caller, request.query_params.get("symbol", ""))
        return answer(logic.symbol_info(hopper, zone))

    async def search(self, request: Request, caller: Caller) -> Response:
        """``/udf/search``: the user's own hoppers, 30 at most."""
        asked = request.query_params
        text = asked.get("limit", str(_MOST_FOUND))
        if not text.isascii() or not text.isdecimal() or len(text) > 9:
            raise Invalid(f"limit is not a number above 0: {text[:30]!r}")
        hoppers = await self._hoppers.of_user(caller.user)
        limit = min(int(text), _MOST_FOUND)
        return answer(
            logic.found(hoppers, asked.get("query", ""), asked.get("type", ""), asked.get("exchange", ""), limit)
        )

    async def history(self, request: Request, caller: Caller) -> Response:
        """``/udf/history``: bars, the one in progress included for who may see it; countback reaches over gaps."""
        sees_live = self._rules.may(roles_of(caller), LIVE)
        asked = logic.question(request.query_params)
        hopper, zone = await self._of(caller, asked.symbol)
        window = logic.window(asked, zone, self._now())
        bars, are_cut = await self._bars(asked, zone, hopper, window, sees_live=sees_live)
        if are_cut and asked.countback is not None and len(bars) < asked.countback:
            bars, _ = await self._bars(asked, zone, hopper, logic.wider(asked, window), sees_live=sees_live)
        if len(bars):
            return answer(
                {"s": "ok", "t": bars.at, "o": bars.open, "h": bars.high, "l": bars.low, "c": bars.close}
                | {"v": bars.volume}
            )
        earlier = None if asked.countback is not None else await self._series.latest(hopper.id, window.since)
        if earlier is None:
            return answer({"s": "no_data"})
        return answer({"s": "no_data", "nextTime": bar_at(asked.resolution, zone, earlier).time})

    async def _bars(
        self, asked: logic.Question, zone: ZoneInfo, hopper: Hopper, window: logic.Window, *, sees_live: bool
    ) -> tuple[Columns, bool]:
        """The bars of an answer, and whether there are more candles than the window took."""
        # candles and volumes at the same time: without gaps the candles reach back just so far
        begin = max(window.since, window.until - window.limit * GRID, 0)
        stored, volumes = await asyncio.gather(
            self._series.newest(hopper.id, *window),
            self._series.volumes(hopper.id, hopper.base, begin, window.until),
        )
        are_cut = len(stored) >= window.limit
        candles, live = self._fresh(hopper, stored, window)
        if len(candles) and candles.at[0] < begin:
            earlier = await self._series.volumes(hopper.id, hopper.base, int(candles.at[0]), begin)
            candles = with_volumes(candles, earlier)
        candles = with_volumes(candles, volumes)
        if live is not None and sees_live:
            candles = joined(candles, live)
        return logic.bars_of(asked, zone, candles, are_cut=are_cut), are_cut

    def _fresh(self, hopper: Hopper, stored: Columns, window: logic.Window) -> tuple[Columns, Columns | None]:
        """``stored`` with what has closed and is not in the database yet; and the candle in progress, if it belongs."""
        now = self._clock.now()
        candles = joined(stored, _within(columns_of(self._book.closed(hopper.id, now)), window))
        portfolio = self._book.live(hopper.id)
        if portfolio is None or not is_live(portfolio, now):
            return candles, None
        live = _within(columns_of([portfolio.candle]), window)
        at = int(portfolio.candle.opened_at.timestamp())
        if not len(live) or (len(candles) and candles.at[-1] >= at):
            return candles, None
        live.volume[0] = portfolio.volume
        return candles, live

    async def marks(self, request: Request, caller: Caller) -> Response:
        """``/udf/marks``: the hopper's trades."""
        asked = logic.question(request.query_params)
        hopper, zone = await self._of(caller, asked.symbol)
        # a stamp differs from the instants of its bar by a day at most, and a bar lasts up to a month
        margin = 0 if asked.resolution.is_intraday else 33 * _DAY
        since = datetime.fromtimestamp(max(0, asked.since - margin), UTC)
        until = datetime.fromtimestamp(asked.until, UTC) + timedelta(seconds=margin)
        trades = await self._trades.within(hopper.id, since, until)
        return answer(logic.marks(trades, asked, zone))

    async def _of(self, caller: Caller, symbol: str) -> tuple[Hopper, ZoneInfo]:
        """The caller's hopper under a symbol, and his zone; raises NotFound."""
        hopper, zone = await asyncio.gather(
            self._hoppers.of(caller.user, logic.hopper_of(symbol)), zone_of(self._people, caller.user)
        )
        return hopper, zone

    def _now(self) -> int:
        return int(self._clock.now().timestamp())


def _within(candles: Columns, window: logic.Window) -> Columns:
    begin, end = candles.at.searchsorted([window.since, window.until])
    return candles.between(int(begin), int(end))


def answer(body: Any) -> Response:
    """``body`` as JSON; numpy arrays become arrays of numbers."""
    return _response(orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY), 200, "application/json")


def failure(status: int, text: str) -> Response:
    """An error as UDF tells it."""
    return _response(orjson.dumps({"s": "error", "errmsg": text}), status, "application/json")


def _response(body: bytes, status: int, media_type: str) -> Response:
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Response(body, status, headers, media_type)
