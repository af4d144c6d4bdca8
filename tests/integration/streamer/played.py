"""A small Binance and a small KuCoin, as an unmodified ccxt reads them; a test tells them what to say."""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

AT = 1_767_225_600_000


class Played:
    """Prices by ``BASE/QUOTE``, sockets that listen, and switches for trouble."""

    def __init__(self, prices: Mapping[str, float]) -> None:
        self.prices = dict(prices)
        self.sockets: set[WebSocket] = set()
        self.subscriptions = 0
        self.is_away = False
        self.requests: list[str] = []

    async def say(self, **prices: float) -> None:
        """Push new prices, ``BTC_USDT=1.0``, in one frame where the exchange does so."""
        told = {symbol.replace("_", "/"): price for symbol, price in prices.items()}
        self.prices.update(told)
        for frame in self.frames(told):
            for socket in tuple(self.sockets):
                await socket.send_text(json.dumps(frame))

    def frames(self, told: Mapping[str, float]) -> list[Any]:
        raise NotImplementedError

    async def cut(self) -> None:
        """Close every socket."""
        for socket in tuple(self.sockets):
            await socket.close(1001)

    async def hear(self, socket: WebSocket) -> None:
        """Answer what is asked on a socket until it closes."""
        await socket.accept()
        await self.welcome(socket)
        try:
            while True:
                await self.obey(socket, json.loads(await socket.receive_text()))
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            self.sockets.discard(socket)

    async def welcome(self, socket: WebSocket) -> None: ...

    async def obey(self, socket: WebSocket, asked: Mapping[str, Any]) -> None:
        raise NotImplementedError

    def listen(self, socket: WebSocket) -> None:
        self.sockets.add(socket)
        self.subscriptions += 1

    async def until_heard(self, subscriptions: int = 1) -> None:
        """Return when somebody has subscribed so many times."""
        async with asyncio.timeout(20):
            while self.subscriptions < subscriptions or not self.sockets:  # noqa: ASYNC110 - a test may look
                await asyncio.sleep(0.01)

    def answer(self, request: Request, body: object) -> Response:
        self.requests.append(request.url.path)
        return JSONResponse({"code": -1, "msg": "away"}, 503) if self.is_away else JSONResponse(body)


class Binance(Played):
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/api/v3/exchangeInfo", self._info),
                Route("/api/v3/ticker/24hr", self._tickers),
                Route("/api/v3/klines", self._klines),
                WebSocketRoute("/ws/{number}", self.hear),
            ]
        )

    @staticmethod
    def endpoint(port: int) -> dict[str, Any]:
        return {
            "urls": {
                "api": {
                    "public": f"http://127.0.0.1:{port}/api/v3",
                    "private": f"http://127.0.0.1:{port}/api/v3",
                    "ws": {"spot": f"ws://127.0.0.1:{port}/ws"},
                }
            }
        }

    async def _info(self, request: Request) -> Response:
        return self.answer(
            request,
            {
                "symbols": [
                    {
                        "symbol": symbol.replace("/", ""),
                        "status": "TRADING",
                        "baseAsset": symbol.split("/")[0],
                        "quoteAsset": symbol.split("/")[1],
                        "baseAssetPrecision": 8,
                        "quoteAssetPrecision": 8,
                        "permissions": [],
                        "permissionSets": [["SPOT"]],
                        "filters": [],
                    }
                    for symbol in self.prices
                ]
            },
        )

    async def _tickers(self, request: Request) -> Response:
        return self.answer(
            request,
            [
                {
                    "symbol": symbol.replace("/", ""),
                    "lastPrice": str(price),
                    "bidPrice": str(price * 0.999),
                    "askPrice": str(price * 1.001),
                    "openPrice": str(price),
                    "closeTime": AT,
                }
                for symbol, price in self.prices.items()
            ],
        )

    async def _klines(self, request: Request) -> Response:
        since, limit = int(request.query_params["startTime"]), int(request.query_params["limit"])
        rows = [[since + n * 60_000, "1", "3", "0.5", "2", "10", 0, "0", 1, "0", "0", "0"] for n in range(limit)]
        return self.answer(request, rows)

    async def obey(self, socket: WebSocket, asked: Mapping[str, Any]) -> None:
        assert asked["params"] == ["!miniTicker@arr"]
        await socket.send_json({"result": None, "id": asked["id"]})
        self.listen(socket)

    def frames(self, told: Mapping[str, float]) -> list[Any]:
        return [
            [
                {"e": "24hrMiniTicker", "E": AT, "s": symbol.replace("/", ""), "c": str(price), "o": "1", "h": "1"}
                for symbol, price in told.items()
            ]
        ]


class KuCoin(Played):
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/api/v2/symbols", self._symbols),
                Route("/api/v1/symbols", self._symbols),
                Route("/api/v1/market/allTickers", self._tickers),
                Route("/api/v1/bullet-public", self._bullet, methods=["POST"]),
                WebSocketRoute("/endpoint", self.hear),
            ]
        )

    @staticmethod
    def endpoint(port: int) -> dict[str, Any]:
        return {"urls": {"api": {"public": f"http://127.0.0.1:{port}"}}}

    async def _symbols(self, request: Request) -> Response:
        rows = [
            {
                "symbol": symbol.replace("/", "-"),
                "baseCurrency": symbol.split("/")[0],
                "quoteCurrency": symbol.split("/")[1],
                "baseIncrement": "0.0001",
                "priceIncrement": "0.0001",
                "quoteIncrement": "0.0001",
                "enableTrading": True,
            }
            for symbol in self.prices
        ]
        return self.answer(request, {"code": "200000", "data": rows})

    async def _tickers(self, request: Request) -> Response:
        rows = [
            {"symbol": symbol.replace("/", "-"), "last": str(price), "buy": str(price), "sell": str(price)}
            for symbol, price in self.prices.items()
        ]
        return self.answer(request, {"code": "200000", "data": {"time": AT, "ticker": rows}})

    async def _bullet(self, request: Request) -> Response:
        server = {
            "endpoint": f"ws://{request.headers['host']}/endpoint",
            "encrypt": False,
            "protocol": "websocket",
            "pingInterval": 200,
            "pingTimeout": 10000,
        }
        return self.answer(request, {"code": "200000", "data": {"token": "t", "instanceServers": [server]}})

    async def welcome(self, socket: WebSocket) -> None:
        await socket.send_json({"id": "1", "type": "welcome"})

    async def obey(self, socket: WebSocket, asked: Mapping[str, Any]) -> None:
        if asked["type"] == "ping":
            with contextlib.suppress(RuntimeError):
                await socket.send_json({"id": asked["id"], "type": "pong"})
            return
        assert asked["topic"] == "/market/ticker:all"
        await socket.send_json({"id": asked["id"], "type": "ack"})
        self.listen(socket)

    def frames(self, told: Mapping[str, float]) -> list[Any]:
        return [
            {
                "type": "message",
                "topic": "/market/ticker:all",
                "subject": symbol.replace("/", "-"),
                "data": {"price": str(price), "bestBid": str(price), "bestAsk": str(price), "time": AT},
            }
            for symbol, price in told.items()
        ]
