"""KuCoin spot: the public part of REST, and the socket that ``bullet-public`` leads to."""

import asyncio
import secrets
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
    **{f"{n}min": n * MINUTE for n in (1, 3, 5, 15, 30)},
    **{f"{n}hour": n * 60 * MINUTE for n in (1, 2, 4, 6, 8, 12)},
    "1day": 1440 * MINUTE,
    "1week": 7 * 1440 * MINUTE,
}
_MONTH = "1month"
_MONTH_SPAN = 31 * 1440 * MINUTE
_ROWS = 1500
_PING_INTERVAL = 18_000
_TOPICS = ("/market/ticker", "/market/snapshot")


class Refusal(Exception):
    """An error as KuCoin tells it: a code in digits and a sentence."""

    def __init__(self, code: str, said: str, status: int = 200) -> None:
        super().__init__(said)
        self.code, self.said, self.status = code, said, status


class KuCoin:
    """Routes below one prefix. Symbols are written with a dash, numbers as text."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._pairs = feed.pairs
        self._tokens: set[str] = set()

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/api/v1/timestamp", self._answering(self._time)),
            Route("/api/v1/status", self._answering(self._status)),
            Route("/api/v1/symbols", self._answering(self._symbols)),
            Route("/api/v2/symbols", self._answering(self._symbols)),
            Route("/api/v1/market/allTickers", self._answering(self._all_tickers)),
            Route("/api/v1/market/orderbook/level1", self._answering(self._level1)),
            Route("/api/v1/market/stats", self._answering(self._stats)),
            Route("/api/v1/market/candles", self._answering(self._candles)),
            Route("/api/v1/bullet-public", self._answering(self._bullet), methods=["POST"]),
            WebSocketRoute("/endpoint", self._socket),
        ]

    def _answering(self, answer: Any) -> Any:
        async def respond(request: Request) -> Response:
            try:
                said, status = {"code": "200000", "data": await answer(request)}, 200
            except Refusal as refusal:
                said, status = {"code": refusal.code, "msg": refusal.said}, refusal.status
            return Response(orjson.dumps(said), status, media_type="application/json")

        return respond

    async def _time(self, _: Request) -> object:
        return self._feed.now()

    async def _status(self, _: Request) -> object:
        return {"status": "open", "msg": ""}

    async def _symbols(self, request: Request) -> object:
        market = request.query_params.get("market")
        return [
            _described(symbol, pair)
            for symbol, pair in self._pairs.items()
            if market is None or pair.listed.quote == market
        ]

    async def _all_tickers(self, _: Request) -> object:
        now = self._feed.now()
        return {
            "time": self._feed.bars.last_tick(now),
            "ticker": [_stats(symbol, pair, self._feed.days.of(pair, now)) for symbol, pair in self._pairs.items()],
        }

    async def _level1(self, request: Request) -> object:
        pair = self._pairs.get(request.query_params.get("symbol", ""))
        return None if pair is None else _best(pair, self._feed.days.of(pair, self._feed.now()))

    async def _stats(self, request: Request) -> object:
        symbol = request.query_params.get("symbol", "")
        pair = self._pair(symbol)
        day = self._feed.days.of(pair, self._feed.now())
        return {"time": day.at, **_stats(symbol, pair, day)}

    async def _candles(self, request: Request) -> object:
        """At most 1500 rows, newest first, opened in ``[startAt, endAt)`` (seconds); the newest when there are more."""
        query = request.query_params
        pair = self._pair(query.get("symbol", ""))
        kind = query.get("type", "")
        if kind not in _SPANS and kind != _MONTH:
            raise Refusal("400100", "Incorrect candlestick type.", 400)
        span = _SPANS.get(kind, _MONTH_SPAN)
        now = self._feed.now()
        since, until = _seconds(query, "startAt") * 1000, _seconds(query, "endAt") * 1000
        until = min(until or now + 1, now + 1)
        since = max(since, until - _ROWS * span, 0)
        count = -(-(until - since) // span)
        if count <= 0:
            return []
        edges = months(since, min(count + 1, _ROWS)) if kind == _MONTH else fixed(span, since, min(count, _ROWS))
        bars = await asyncio.to_thread(self._feed.bars.klines, pair, edges, now)
        return [_candle(pair, bar) for bar in reversed(bars) if bar.opened_at < until]

    async def _bullet(self, request: Request) -> object:
        token = secrets.token_urlsafe(48)
        self._tokens.add(token)
        prefix = request.scope.get("root_path", "")
        return {
            "token": token,
            "instanceServers": [
                {
                    "endpoint": f"ws://{request.headers.get('host', '127.0.0.1')}{prefix}/endpoint",
                    "encrypt": False,
                    "protocol": "websocket",
                    "pingInterval": _PING_INTERVAL,
                    "pingTimeout": 10_000,
                }
            ],
        }

    def _pair(self, symbol: str) -> Pair:
        pair = self._pairs.get(symbol)
        if pair is None:
            raise Refusal("400100", "This pair is not provided at present", 400)
        return pair

    async def _socket(self, socket: WebSocket) -> None:
        """Welcome, then obey subscribe, unsubscribe and ping, and push what changed, until the other side goes."""
        await socket.accept()
        connection = socket.query_params.get("connectId", "")
        if socket.query_params.get("token", "") not in self._tokens:
            await socket.send_json({"id": connection, "type": "error", "code": 401, "data": "token is invalid"})
            await socket.close(1000)
            return
        topics: dict[str, None] = {}
        reader = Reader(lambda changes: self._frames(topics, changes))
        reader.say(_json({"id": connection, "type": "welcome"}))

        def hear(text: str) -> bool:
            answer = self._obey(text, topics)
            if answer is not None:
                reader.say(_json(answer))
            return True

        await self._feed.serve(socket, reader, hear, patience=4 * _PING_INTERVAL / 1000)

    def _obey(self, text: str, topics: dict[str, None]) -> object:
        try:
            request = orjson.loads(text)
        except orjson.JSONDecodeError:
            request = None
        if not isinstance(request, dict):
            return {"type": "error", "code": 400, "data": "message is not a JSON object"}
        number, kind = request.get("id"), request.get("type")
        if kind == "ping":
            return {"id": number, "type": "pong", "timestamp": self._feed.now() * 1000}
        if kind not in ("subscribe", "unsubscribe"):
            return {"id": number, "type": "error", "code": 415, "data": "type is not supported"}
        path, _, symbols = str(request.get("topic", "")).partition(":")
        names = symbols.split(",")
        if path not in _TOPICS or not all(name in self._pairs or name == "all" for name in names):
            return {"id": number, "type": "error", "code": 404, "data": f"topic {request.get('topic')} is not found"}
        for name in names:
            if kind == "subscribe":
                topics[f"{path}:{name}"] = None
            else:
                topics.pop(f"{path}:{name}", None)
        return {"id": number, "type": "ack"} if request.get("response") else None

    def _frames(self, topics: Mapping[str, None], changes: Changes) -> Iterable[str]:
        for topic in tuple(topics):
            path, _, name = topic.partition(":")
            for symbol in changes if name == "all" else (name,) if name in changes else ():
                pair, day = self._pairs[symbol], changes[symbol]
                if path == "/market/snapshot":
                    data: object = {"sequence": str(day.at), "data": _snapshot(symbol, pair, day)}
                    subject = "trade.snapshot"
                else:
                    data, subject = _best(pair, day), symbol if name == "all" else "trade.ticker"
                yield _json({"type": "message", "topic": topic, "subject": subject, "data": data})


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _seconds(query: Mapping[str, str], name: str) -> int:
    text = query.get(name) or "0"
    if not text.isdecimal() or len(text) > 12:
        raise Refusal("400100", f"Invalid parameter {name}", 400)
    return int(text)


def _volume(pair: Pair, lots: int) -> str:
    return f"{lots / 10**pair.listed.lot:.{pair.listed.lot}f}"


def _turnover(pair: Pair, lots: int, *prices: int) -> str:
    return f"{lots / 10**pair.listed.lot * sum(prices) / len(prices) / pair.scale:.9f}"


def _spread(price: int) -> int:
    return max(1, price // 20_000)


def _best(pair: Pair, day: Day) -> dict[str, object]:
    spread = _spread(day.last)
    size = _volume(pair, 1 + day.last % 977 + 10**pair.listed.lot // 4)
    return {
        "bestAsk": pair.shown(day.last + spread),
        "bestAskSize": size,
        "bestBid": pair.shown(day.last - spread),
        "bestBidSize": size,
        "price": pair.shown(day.last),
        "sequence": str(day.at),
        "size": _volume(pair, 1 + day.last % 97),
        "time": day.at,
    }


def _stats(symbol: str, pair: Pair, day: Day) -> dict[str, object]:
    spread = _spread(day.last)
    return {
        "symbol": symbol,
        "symbolName": symbol,
        "buy": pair.shown(day.last - spread),
        "bestBidSize": _volume(pair, 1 + day.last % 977),
        "sell": pair.shown(day.last + spread),
        "bestAskSize": _volume(pair, 1 + day.last % 877),
        "changeRate": f"{(day.last - day.open) / day.open:.4f}",
        "changePrice": pair.shown(day.last - day.open),
        "high": pair.shown(day.high),
        "low": pair.shown(day.low),
        "vol": _volume(pair, day.volume),
        "volValue": _turnover(pair, day.volume, day.high, day.low),
        "last": pair.shown(day.last),
        "averagePrice": pair.shown((day.high + day.low) / 2),
        "takerFeeRate": "0.001",
        "makerFeeRate": "0.001",
        "takerCoefficient": "1",
        "makerCoefficient": "1",
    }


def _snapshot(symbol: str, pair: Pair, day: Day) -> dict[str, object]:
    spread = _spread(day.last)
    return {
        "trading": True,
        "symbol": symbol,
        "symbolCode": symbol,
        "baseCurrency": pair.listed.base,
        "quoteCurrency": pair.listed.quote,
        "market": pair.listed.quote,
        "board": 0,
        "mark": 0,
        "sort": 100,
        "datetime": day.at,
        "open": day.open / pair.scale,
        "high": day.high / pair.scale,
        "low": day.low / pair.scale,
        "buy": (day.last - spread) / pair.scale,
        "sell": (day.last + spread) / pair.scale,
        "lastTradedPrice": day.last / pair.scale,
        "close": day.last / pair.scale,
        "changePrice": (day.last - day.open) / pair.scale,
        "changeRate": round((day.last - day.open) / day.open, 4),
        "vol": day.volume / 10**pair.listed.lot,
        "volValue": float(_turnover(pair, day.volume, day.high, day.low)),
    }


def _candle(pair: Pair, bar: Kline) -> list[str]:
    return [
        str(bar.opened_at // 1000),
        pair.shown(bar.open),
        pair.shown(bar.close),
        pair.shown(bar.high),
        pair.shown(bar.low),
        _volume(pair, bar.volume),
        _turnover(pair, bar.volume, bar.open, bar.high, bar.low, bar.close),
    ]


def _described(symbol: str, pair: Pair) -> dict[str, object]:
    listed = pair.listed
    tick, lot = f"{10.0**-listed.decimals:.{listed.decimals}f}", f"{10.0**-listed.lot:.{listed.lot}f}"
    return {
        "symbol": symbol,
        "name": symbol,
        "baseCurrency": listed.base,
        "quoteCurrency": listed.quote,
        "feeCurrency": listed.quote,
        "market": listed.quote,
        "baseMinSize": lot,
        "quoteMinSize": "0.00001" if listed.quote == "BTC" else "0.1",
        "baseMaxSize": "10000000000",
        "quoteMaxSize": "99999999",
        "baseIncrement": lot,
        "quoteIncrement": "0.00000001" if listed.quote == "BTC" else "0.000001",
        "priceIncrement": tick,
        "priceLimitRate": "0.1",
        "minFunds": "0.000001" if listed.quote == "BTC" else "0.1",
        "isMarginEnabled": False,
        "enableTrading": True,
        "feeCategory": 1,
        "makerFeeCoefficient": "1.00",
        "takerFeeCoefficient": "1.00",
        "st": False,
        "callauctionIsEnabled": False,
    }
