"""``/udf/…``: TradingView's Universal Data Feed (shared reference, tradingview-datafeed 1), and levels beside it."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from candles.datafeed.handlers.kinds import Kind
from candles.datafeed.handlers.markets import Markets
from candles.datafeed.handlers.rules import MARKET, NEEDS, Rules
from candles.datafeed.logic.descriptions import config, found, found_pairs, shows_pairs, shows_portfolios
from candles.datafeed.logic.questions import Question, question
from candles.datafeed.logic.symbols import Symbol, symbol_of
from candles.datafeed.ports import Caller, Hoppers, Sessions
from cryptwire.clock import Clock
from cryptwire.codec.access_token import presented
from cryptwire.errors import CryptwireError, Exhausted, Forbidden, Invalid, NotFound, Unauthenticated, Unavailable
from cryptwire.log import Log
from cryptwire.metrics import Meters
from cryptwire.permissions import Needs, roles_of

_MOST_BODY = 100_000
_MOST_FOUND = 30
_LONGEST_QUERY = 100
_AGAIN = 2.0  # seconds
_log = Log(__name__)

Handler = Callable[[Request], Awaitable[Response]]


class Udf:
    """The routes. Each needs a session that may; a hopper of somebody else's is not there.

    ``kinds``: who answers for each kind of symbol.
    """

    def __init__(
        self,
        sessions: Sessions,
        hoppers: Hoppers,
        markets: Markets,
        kinds: Mapping[type[Symbol], Kind],
        rules: Rules,
        clock: Clock,
        meters: Meters,
    ) -> None:
        self._sessions = sessions
        self._hoppers = hoppers
        self._markets = markets
        self._kinds = kinds
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
            "levels": self.levels,
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
            except Exhausted as error:
                response = failure(429, str(error), error.retry_after)
            except Unavailable as error:
                response = failure(503, f"try again in a moment: {error}", _AGAIN)
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
        return answer(config(self._markets.exchanges))

    async def time(self, _: Request, __: Caller) -> Response:
        """``/udf/time``: seconds, as plain text."""
        return _response(str(int(self._clock.now().timestamp())).encode(), 200, "text/plain")

    async def symbols(self, request: Request, caller: Caller) -> Response:
        """``/udf/symbols``: what a symbol stands for, in the user's zone."""
        text = request.query_params.get("symbol", "")
        kind, symbol = self._kind(caller, text)
        return answer(await kind.info(caller, symbol, text))

    async def search(self, request: Request, caller: Caller) -> Response:
        """``/udf/search``: the user's own hoppers and pairs of exchanges, 30 at most."""
        asked = request.query_params
        text = asked.get("limit", str(_MOST_FOUND))
        if not text.isascii() or not text.isdecimal():
            raise Invalid(f"limit must be a whole number from 0, of which {_MOST_FOUND} count, not {text[:30]!r}")
        limit = _MOST_FOUND if len(text) > 9 else min(int(text), _MOST_FOUND)
        query, kind, exchange = (
            asked.get("query", "")[:_LONGEST_QUERY],
            asked.get("type", ""),
            asked.get("exchange", ""),
        )
        hits: list[dict[str, Any]] = []
        if shows_portfolios(kind, exchange):
            hits += found(await self._hoppers.of_user(caller.user), query)
        if shows_pairs(kind, exchange) and self._rules.may(roles_of(caller), MARKET):
            hits += found_pairs(await self._markets.matching(query, exchange, limit))
        return answer(hits[:limit])

    async def history(self, request: Request, caller: Caller) -> Response:
        """``/udf/history``: bars, the one in progress included for who may see it; countback reaches over gaps."""
        kind, symbol, asked = self._asked(request, caller)
        bars, next_time = await kind.history(caller, symbol, asked)
        if len(bars):
            return answer(
                {"s": "ok", "t": bars.at, "o": bars.open, "h": bars.high, "l": bars.low, "c": bars.close}
                | {"v": bars.volume}
            )
        return answer({"s": "no_data"} if next_time is None else {"s": "no_data", "nextTime": next_time})

    async def marks(self, request: Request, caller: Caller) -> Response:
        """``/udf/marks``: the user's trades."""
        kind, symbol, asked = self._asked(request, caller)
        return answer(await kind.marks(caller, symbol, asked, masked=_masked(request)))

    async def levels(self, request: Request, caller: Caller) -> Response:
        """``/udf/levels``: what the user's open positions in a pair cost, and where they are sold."""
        kind, symbol = self._kind(caller, request.query_params.get("symbol", ""))
        return answer(await kind.levels(caller, symbol, masked=_masked(request)))

    def _asked(self, request: Request, caller: Caller) -> tuple[Kind, Symbol, Question]:
        asked = question(request.query_params)
        return *self._kind(caller, asked.symbol), asked

    def _kind(self, caller: Caller, text: str) -> tuple[Kind, Symbol]:
        """Who answers for a symbol; raises NotFound, Forbidden."""
        symbol = symbol_of(text)
        kind = self._kinds.get(type(symbol))
        if kind is None:
            raise NotFound("unknown_symbol")
        if kind.needs is not None:
            self._rules.must(roles_of(caller), kind.needs)
        return kind, symbol


def _masked(request: Request) -> bool | None:
    """Whether quantities are not to be told; None: nothing was said. Raises Invalid."""
    said = request.query_params.get("masked")
    if said not in (None, "0", "1"):
        raise Invalid(f"masked is 0 or 1, not {said[:30]!r}")
    return None if said is None else said == "1"


def answer(body: Any) -> Response:
    """``body`` as JSON; numpy arrays become arrays of numbers."""
    return _response(orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY), 200, "application/json")


def failure(status: int, text: str, again_in: float | None = None) -> Response:
    """An error as UDF tells it; ``again_in``: after so many seconds the same may be answered."""
    response = _response(orjson.dumps({"s": "error", "errmsg": text}), status, "application/json")
    if again_in is not None:
        response.headers["retry-after"] = str(math.ceil(again_in))
    return response


def _response(body: bytes, status: int, media_type: str) -> Response:
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Response(body, status, headers, media_type)
