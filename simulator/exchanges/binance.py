"""Binance spot: the public part of REST v3, and the market streams."""

import asyncio
import re
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from simulator.exchanges.feed import Changes, Feed, Reader
from simulator.market.klines import MINUTE, Day, Kline, fixed, months
from simulator.market.prices import Pair

_SPANS = {
    "1s": 1_000,
    **{f"{n}m": n * MINUTE for n in (1, 3, 5, 15, 30)},
    **{f"{n}h": n * 60 * MINUTE for n in (1, 2, 4, 6, 8, 12)},
    **{f"{n}d": n * 1440 * MINUTE for n in (1, 3)},
    "1w": 7 * 1440 * MINUTE,
}
_MONTH = "1M"
_MONTH_SPAN = 31 * 1440 * MINUTE
_MESSAGES = 5  # a second and connection
_ALL = "!miniTicker@arr"
_STREAM = re.compile(r"([a-z0-9]+)@(miniTicker|ticker|bookTicker)")
_SYMBOL = re.compile(r"[A-Z0-9\-_.]{1,20}")


class Refusal(Exception):
    """An error as Binance tells it: a code below zero and a sentence."""

    def __init__(self, code: int, said: str, status: int = 400) -> None:
        super().__init__(said)
        self.code, self.said, self.status = code, said, status


class Binance:
    """Routes below one prefix. Symbols are written without separator, numbers as text with eight decimals."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._pairs = feed.pairs

    def routes(self) -> list[BaseRoute]:
        answers = {
            "ping": self._ping,
            "time": self._time,
            "exchangeInfo": self._exchange_info,
            "klines": self._klines,
            "ticker/24hr": self._day,
            "ticker/price": self._price,
            "ticker/bookTicker": self._book,
        }
        return [
            *(Route(f"/api/v3/{path}", self._answering(answer)) for path, answer in answers.items()),
            WebSocketRoute("/ws", self._socket),
            WebSocketRoute("/ws/{streams:path}", self._socket),
            WebSocketRoute("/stream", self._combined),
            WebSocketRoute("/stream/{streams:path}", self._combined),
        ]

    def _answering(self, answer: Any) -> Any:
        async def respond(request: Request) -> Response:
            try:
                said, status = await answer(request.query_params), 200
            except Refusal as refusal:
                said, status = {"code": refusal.code, "msg": refusal.said}, refusal.status
            return Response(orjson.dumps(said), status, {"x-mbx-used-weight-1m": "2"}, "application/json;charset=UTF-8")

        return respond

    async def _ping(self, _: Mapping[str, str]) -> object:
        return {}

    async def _time(self, _: Mapping[str, str]) -> object:
        return {"serverTime": self._feed.now()}

    async def _exchange_info(self, query: Mapping[str, str]) -> object:
        symbols, _ = self._asked(query)
        return {
            "timezone": "UTC",
            "serverTime": self._feed.now(),
            "rateLimits": [
                {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
                {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61000},
            ],
            "exchangeFilters": [],
            "symbols": [_described(symbol, self._pairs[symbol]) for symbol in symbols],
        }

    async def _klines(self, query: Mapping[str, str]) -> object:
        symbol = query.get("symbol")
        if not symbol:
            raise _missing("symbol")
        interval = query.get("interval")
        if not interval:
            raise _missing("interval")
        pair = self._pair(symbol)
        if interval not in _SPANS and interval != _MONTH:
            raise Refusal(-1120, "Invalid interval.")
        limit = min(_integer(query, "limit", 500), 1000)
        if limit < 1:
            raise Refusal(-1130, "Data sent for parameter 'limit' is not valid.")
        span = _SPANS.get(interval, _MONTH_SPAN)
        now = self._feed.now()
        since, until = _integer(query, "startTime", -1), _integer(query, "endTime", -1)
        if since < 0:
            end = min(until, now) if until >= 0 else now
            since = max(0, end - limit * span + 1)
        edges = months(since, limit) if interval == _MONTH else fixed(span, since, limit)
        bars = await asyncio.to_thread(self._feed.bars.klines, pair, edges, now)
        return [_kline(pair, bar) for bar in bars if until < 0 or bar.opened_at <= until]

    async def _day(self, query: Mapping[str, str]) -> object:
        symbols, is_one = self._asked(query)
        now = self._feed.now()
        rows = [_full(symbol, self._pairs[symbol], self._feed.days.of(self._pairs[symbol], now)) for symbol in symbols]
        return rows[0] if is_one else rows

    async def _price(self, query: Mapping[str, str]) -> object:
        symbols, is_one = self._asked(query)
        at = self._feed.bars.last_tick(self._feed.now())
        rows = [
            {"symbol": symbol, "price": _text(self._pairs[symbol], self._pairs[symbol].at(at))} for symbol in symbols
        ]
        return rows[0] if is_one else rows

    async def _book(self, query: Mapping[str, str]) -> object:
        symbols, is_one = self._asked(query)
        at = self._feed.bars.last_tick(self._feed.now())
        rows = [{"symbol": symbol, **_best(self._pairs[symbol], self._pairs[symbol].at(at))} for symbol in symbols]
        return rows[0] if is_one else rows

    def _asked(self, query: Mapping[str, str]) -> tuple[list[str], bool]:
        """The symbols a query names, all when it names none, and whether it names just one."""
        if "symbol" in query and "symbols" in query:
            raise Refusal(-1128, "Combination of optional parameters invalid.")
        if "symbol" in query:
            self._pair(query["symbol"])
            return [query["symbol"]], True
        if "symbols" not in query:
            return list(self._pairs), False
        try:
            symbols = orjson.loads(query["symbols"])
        except orjson.JSONDecodeError:
            symbols = None
        if not isinstance(symbols, list) or not all(isinstance(symbol, str) for symbol in symbols) or not symbols:
            raise Refusal(-1100, "Illegal characters found in parameter 'symbols'.")
        for symbol in symbols:
            self._pair(symbol)
        return symbols, False

    def _pair(self, symbol: str) -> Pair:
        if not _SYMBOL.fullmatch(symbol):
            raise Refusal(
                -1100,
                "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'.",
            )
        pair = self._pairs.get(symbol)
        if pair is None:
            raise Refusal(-1121, "Invalid symbol.")
        return pair

    async def _socket(self, socket: WebSocket) -> None:
        path = socket.path_params.get("streams", "")
        await self._serve(socket, [name for name in path.split("/") if _is_stream(name)], is_combined=False)

    async def _combined(self, socket: WebSocket) -> None:
        named = socket.query_params.get("streams", "").split("/")
        await self._serve(socket, [name for name in named if _is_stream(name)], is_combined=True)

    async def _serve(self, socket: WebSocket, named: list[str], is_combined: bool) -> None:
        """Answer SUBSCRIBE, UNSUBSCRIBE and LIST_SUBSCRIPTIONS, and push what changed.

        Who says more than five things within a second is cut off.
        """
        await socket.accept()
        streams = dict.fromkeys(named)
        reader = Reader(lambda changes: self._frames(streams, changes, is_combined))
        heard: deque[int] = deque(maxlen=_MESSAGES)

        def hear(text: str) -> bool:
            now = self._feed.now()
            if len(heard) == _MESSAGES and now - heard[0] < 1000:
                return False
            heard.append(now)
            reader.say(orjson.dumps(_obey(text, streams)).decode())
            return True

        await self._feed.serve(socket, reader, hear, patience=None)

    def _frames(self, streams: Mapping[str, None], changes: Changes, is_combined: bool) -> Iterable[str]:
        for stream in tuple(streams):
            if stream == _ALL:
                data: object = [_mini(symbol, self._pairs[symbol], day) for symbol, day in changes.items()]
            else:
                found = _STREAM.fullmatch(stream)
                symbol = found[1].upper() if found else ""
                if not found or symbol not in changes:
                    continue
                data = _EVENTS[found[2]](symbol, self._pairs[symbol], changes[symbol])
            yield orjson.dumps({"stream": stream, "data": data} if is_combined else data).decode()


def _obey(text: str, streams: dict[str, None]) -> object:
    try:
        request = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return {"error": {"code": 3, "msg": f"Invalid JSON: {error}"}}
    if not isinstance(request, dict):
        return {"error": {"code": 0, "msg": "Unknown property: request must be an object"}}
    number, method, names = request.get("id"), request.get("method"), request.get("params", [])
    if method == "LIST_SUBSCRIPTIONS":
        return {"result": list(streams), "id": number}
    if method not in ("SUBSCRIBE", "UNSUBSCRIBE"):
        return {"error": {"code": 2, "msg": f"Invalid request: unknown variant `{method}`"}, "id": number}
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return {"error": {"code": 2, "msg": "Invalid request: params must be an array of strings"}, "id": number}
    for name in names:
        if method == "SUBSCRIBE":
            streams[name] = None
        else:
            streams.pop(name, None)
    return {"result": None, "id": number}


def _is_stream(name: str) -> bool:
    return name == _ALL or _STREAM.fullmatch(name) is not None


def _integer(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,20}", text):
        raise Refusal(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
    return int(text)


def _missing(name: str) -> Refusal:
    return Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def _text(pair: Pair, price: int | float) -> str:
    return f"{price / pair.scale:.8f}"


def _volume(pair: Pair, lots: int) -> str:
    return f"{lots / 10**pair.listed.lot:.8f}"


def _turnover(pair: Pair, lots: int, *prices: int) -> str:
    return f"{lots / 10**pair.listed.lot * sum(prices) / len(prices) / pair.scale:.8f}"


def _spread(price: int) -> int:
    return max(1, price // 20_000)


def _best(pair: Pair, price: int) -> dict[str, str]:
    spread = _spread(price)
    size = _volume(pair, 1 + price % 977 + 10**pair.listed.lot // 4)
    return {
        "bidPrice": _text(pair, price - spread),
        "bidQty": size,
        "askPrice": _text(pair, price + spread),
        "askQty": size,
    }


def _kline(pair: Pair, bar: Kline) -> list[object]:
    prices = (bar.open, bar.high, bar.low, bar.close)
    return [
        bar.opened_at,
        *(_text(pair, price) for price in prices),
        _volume(pair, bar.volume),
        bar.ends_at - 1,
        _turnover(pair, bar.volume, *prices),
        bar.trades,
        _volume(pair, bar.volume // 2),
        _turnover(pair, bar.volume // 2, *prices),
        "0",
    ]


def _mini(symbol: str, pair: Pair, day: Day) -> dict[str, object]:
    return {
        "e": "24hrMiniTicker",
        "E": day.at,
        "s": symbol,
        "c": _text(pair, day.last),
        "o": _text(pair, day.open),
        "h": _text(pair, day.high),
        "l": _text(pair, day.low),
        "v": _volume(pair, day.volume),
        "q": _turnover(pair, day.volume, day.high, day.low),
    }


def _full_event(symbol: str, pair: Pair, day: Day) -> dict[str, object]:
    best, full = _best(pair, day.last), _full(symbol, pair, day)
    return {
        **_mini(symbol, pair, day),
        "e": "24hrTicker",
        "p": full["priceChange"],
        "P": full["priceChangePercent"],
        "w": full["weightedAvgPrice"],
        "x": full["prevClosePrice"],
        "Q": full["lastQty"],
        "b": best["bidPrice"],
        "B": best["bidQty"],
        "a": best["askPrice"],
        "A": best["askQty"],
        "O": full["openTime"],
        "C": full["closeTime"],
        "F": full["firstId"],
        "L": full["lastId"],
        "n": full["count"],
    }


def _book_event(symbol: str, pair: Pair, day: Day) -> dict[str, object]:
    best = _best(pair, day.last)
    return {
        "u": day.at,
        "s": symbol,
        "b": best["bidPrice"],
        "B": best["bidQty"],
        "a": best["askPrice"],
        "A": best["askQty"],
    }


_EVENTS = {"miniTicker": _mini, "ticker": _full_event, "bookTicker": _book_event}


def _full(symbol: str, pair: Pair, day: Day) -> dict[str, object]:
    return {
        "symbol": symbol,
        "priceChange": _text(pair, day.last - day.open),
        "priceChangePercent": f"{(day.last - day.open) / day.open * 100:.3f}",
        "weightedAvgPrice": _text(pair, (day.high + day.low) / 2),
        "prevClosePrice": _text(pair, day.open),
        "lastPrice": _text(pair, day.last),
        "lastQty": _volume(pair, 1 + day.last % 977),
        **_best(pair, day.last),
        "openPrice": _text(pair, day.open),
        "highPrice": _text(pair, day.high),
        "lowPrice": _text(pair, day.low),
        "volume": _volume(pair, day.volume),
        "quoteVolume": _turnover(pair, day.volume, day.high, day.low),
        "openTime": day.at - 86_400_000,
        "closeTime": day.at,
        "firstId": day.at // 1000 * 10 - 500_000,
        "lastId": day.at // 1000 * 10,
        "count": 500_001,
    }


def _described(symbol: str, pair: Pair) -> dict[str, object]:
    listed = pair.listed
    tick, lot = f"{10.0**-listed.decimals:.8f}", f"{10.0**-listed.lot:.8f}"
    return {
        "symbol": symbol,
        "status": "TRADING",
        "baseAsset": listed.base,
        "baseAssetPrecision": 8,
        "quoteAsset": listed.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "9000000.00000000", "stepSize": lot},
            {
                "filterType": "NOTIONAL",
                "minNotional": "0.00010000" if listed.quote == "BTC" else "5.00000000",
                "applyMinToMarket": True,
                "maxNotional": "9000000.00000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }
