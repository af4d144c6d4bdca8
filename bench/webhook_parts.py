"""Processes of the webhook's bench: ``python -m bench.webhook_parts gateway|bare|send …``."""

import asyncio
import hashlib
import hmac
import itertools
import json
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import grpc.aio
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bench.report import percentile
from cryptwire.clock import SystemClock
from cryptwire.codec.trade import trade_to_message
from cryptwire.domain.hopper import Asset, Exchange, HopperId
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.gateway_client import Identity
from cryptwire.runtime import serving
from generated.wire.v1 import gateway_pb2 as pb
from generated.wire.v1 import gateway_pb2_grpc as pb_grpc

SECRET = "bench-secret"
FIRST_HOPPER = 1_000_000
_ONE = Decimal(1)


class _Gateway(pb_grpc.GatewayServicer):
    """Every list read has one trade more, made just now."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._clock = SystemClock()

    async def ListTradesSince(self, request: pb.ListTradesSinceRequest, context: Any) -> Any:
        pair = Pair(Exchange("binance"), Asset("BTC"), Asset("USDT"))
        name, id = HopperId(request.hopper_id), TradeId(str(next(self._numbers)))
        trade = Trade(name, id, pair, Side.BUY, _ONE, _ONE, _ONE, _ONE, Asset("USDT"), self._clock.now())
        yield pb.ListTradesSinceResponse(trades=[trade_to_message(trade)])


async def _gateway(address: str, certificates: Path) -> None:
    authority, certificate, key = Identity(certificates, "gateway").read()
    server = grpc.aio.server()
    pb_grpc.add_GatewayServicer_to_server(_Gateway(), server)  # type: ignore[abstract]  # nobody asks for the rest
    server.add_secure_port(address, grpc.ssl_server_credentials([(key, certificate)], authority, True))
    await server.start()
    await server.wait_for_termination()


async def _bare(port: int) -> None:
    async def on_call(request: Request) -> Response:
        await request.body()
        return PlainTextResponse("ok")

    async with serving(Starlette(routes=[Route("/hook", on_call, methods=["POST"])]), "127.0.0.1", port):
        await asyncio.Event().wait()


async def _send(url: str, rate: int, seconds: float, hoppers: int) -> None:
    """``rate`` calls a second, each at its own instant whether or not those before were answered; times from then."""
    took: list[float] = []
    statuses: dict[str, int] = {}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=256)) as session:

        async def one(number: int, due: float) -> None:
            body = _call(number, hoppers)
            headers = {"X-Hub-Signature": hmac.new(SECRET.encode(), body, hashlib.sha512).hexdigest()}
            try:
                async with session.post(url, data=body, headers=headers) as answer:
                    await answer.read()
                    said = str(answer.status)
            except (aiohttp.ClientError, TimeoutError) as error:
                said = type(error).__name__
            took.append(time.perf_counter() - due)
            statuses[said] = statuses.get(said, 0) + 1

        began = time.perf_counter() + 0.2
        async with asyncio.TaskGroup() as group:
            for number in range(int(rate * seconds)):
                due = began + number / rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                group.create_task(one(number, due))
    figures = {"p50": percentile(took, 0.5), "p99": percentile(took, 0.99), "max": max(took), "statuses": statuses}
    print(json.dumps(figures), flush=True)


def _call(number: int, hoppers: int) -> bytes:
    data = {
        "coin": "BTC", "hopper_id": str(FIRST_HOPPER + number * 7919 % hoppers), "id": f"{time.time_ns()}-{number}",
        "pair": "BTCUSDT", "type": "buy", "amount": "0.01", "rate": "95000", "date": "2026-03-05 14:22:31",
    }  # fmt: skip
    message = {"type": "trade_completed", "title": "Hop completed for BTC", "message": "Bought 0.01 BTC", "data": data}
    return json.dumps({"app_id": 1001, "type": "messages", "messages": [message]}).encode()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["gateway", address, certificates]:
            uvloop.run(_gateway(address, Path(certificates)))
        case ["bare", port]:
            uvloop.run(_bare(int(port)))
        case ["send", url, rate, seconds, hoppers]:
            uvloop.run(_send(url, int(rate), float(seconds), int(hoppers)))
