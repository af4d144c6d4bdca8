"""A gateway that plays a linked account, as large and as slow as a test wants it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc.aio

from cryptwire.clock import SystemClock
from cryptwire.codec.gateway import (
    hopper_to_message,
    order_to_message,
    reserved_to_message,
    short_to_message,
    timestamp,
)
from cryptwire.codec.portfolio import position_to_message
from cryptwire.codec.trade import trade_to_message
from cryptwire.domain.account import Order, Position, Reserved, Short
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, LinkedHopper, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.gateway_client import Identity
from devstack import certificates
from generated.wire.v1 import gateway_pb2 as pb
from generated.wire.v1 import gateway_pb2_grpc as pb_grpc

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
BTC, USDT = Asset("BTC"), Asset("USDT")


def linked(id: str, **changed: Any) -> LinkedHopper:
    """A hopper as upstream shows it."""
    told: dict[str, Any] = {"name": f"Bot {id}", "exchange": Exchange("binance"), "base": USDT, "is_paper": False}
    hopper = Hopper(HopperId(id), UserId(""), refresh_every=timedelta(seconds=300), **(told | changed))
    return LinkedHopper(hopper, True, "explorer", Decimal(1000), BEGAN)


def fill(hopper: str, number: int) -> Trade:
    """One of a hopper's trades; every third has the time of the one before."""
    at = BEGAN + timedelta(seconds=60 * (number - (number % 3 == 2)))
    pair, side = Pair(Exchange("binance"), BTC, USDT), Side.BUY if number % 2 == 0 else Side.SELL
    one = Decimal(1)
    return Trade(HopperId(hopper), TradeId(str(1000 + number)), pair, side, one, one, one, Decimal("0.01"), USDT, at)


@dataclass
class PlayedAccount(pb_grpc.GatewayServicer):
    """``trades`` of each of ``hoppers``, ``page`` in a message; each call, and each page, takes ``seconds``.

    ``trouble`` by call or hopper: statuses that the next calls are answered with.
    """

    hoppers: list[LinkedHopper] = field(default_factory=lambda: [linked("1"), linked("2"), linked("3")])
    trades: int = 300
    page: int = 60
    seconds: float = 0.0
    address: str = ""
    config: dict[str, str] = field(default_factory=lambda: {"strategy": "macd", "stop_loss": "1", "api_key": "secret"})
    trouble: dict[str, list[tuple[grpc.StatusCode, tuple[tuple[str, str], ...]]]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)

    async def ListHoppers(self, request: pb.ListHoppersRequest, context: Any) -> Any:
        await self._called("ListHoppers", "", context)
        return pb.ListHoppersResponse(hoppers=map(hopper_to_message, self.hoppers), read_at=timestamp(BEGAN))

    async def GetConfig(self, request: pb.GetConfigRequest, context: Any) -> Any:
        await self._called("GetConfig", request.hopper_id, context)
        return pb.GetConfigResponse(fields=self.config)

    async def ListPositions(self, request: pb.ListPositionsRequest, context: Any) -> Any:
        await self._called("ListPositions", request.hopper_id, context)
        one = Position("7", BTC, USDT, Decimal(1), Decimal(2), Decimal(2), BEGAN, "macd", stop_loss=Decimal(3))
        return pb.ListPositionsResponse(positions=[position_to_message(one)])

    async def ListReserved(self, request: pb.ListReservedRequest, context: Any) -> Any:
        await self._called("ListReserved", request.hopper_id, context)
        one = Reserved("8", BTC, USDT, Decimal(1), Decimal(2), Decimal(2), None)
        return pb.ListReservedResponse(reserved=[reserved_to_message(one)])

    async def ListShorts(self, request: pb.ListShortsRequest, context: Any) -> Any:
        await self._called("ListShorts", request.hopper_id, context)
        one = Short("9", BTC, USDT, Decimal(1), Decimal(2), Decimal(2), None, True)
        return pb.ListShortsResponse(shorts=[short_to_message(one)])

    async def ListOrders(self, request: pb.ListOrdersRequest, context: Any) -> Any:
        await self._called("ListOrders", request.hopper_id, context)
        one = Order("10", BTC, USDT, Side.BUY, False, Decimal(1), Decimal(2), "macd", None)
        return pb.ListOrdersResponse(orders=[order_to_message(one)])

    async def ListTradesSince(self, request: pb.ListTradesSinceRequest, context: Any) -> Any:
        assert request.is_import
        await self._called("ListTradesSince", request.hopper_id, context)
        since = request.since.ToMicroseconds()
        page: list[Any] = []
        for number in range(self.trades):
            message = trade_to_message(fill(request.hopper_id, number))
            if message.at_us < since:
                continue
            page.append(message)
            if len(page) == self.page or number == self.trades - 1:
                yield pb.ListTradesSinceResponse(trades=page)
                self.asked["pages"] += 1
                page = []
                await asyncio.sleep(self.seconds)

    async def _called(self, call: str, hopper: str, context: Any) -> None:
        self.asked[call] += 1
        self.asked[f"{call} {hopper}"] += 1
        await asyncio.sleep(self.seconds)
        for key in (f"{call} {hopper}", call, hopper):
            if self.trouble.get(key):
                status, trailing = self.trouble[key].pop(0)
                await context.abort(status, "told to", trailing)


def played(**told: Any) -> PlayedAccount:
    """An account of which nobody asks what it does not play."""
    return PlayedAccount(**told)  # type: ignore[abstract]


@asynccontextmanager
async def playing(folder: Path, account: PlayedAccount) -> AsyncIterator[PlayedAccount]:
    """The gateway on a port of its own; ``folder`` then holds the certificates of ``processor``, too."""
    certificates.issue(folder, ("gateway", "processor"), SystemClock().now())
    authority, certificate, key = Identity(folder, "gateway").read()
    server = grpc.aio.server()
    pb_grpc.add_GatewayServicer_to_server(account, server)
    credentials = grpc.ssl_server_credentials([(key, certificate)], authority, True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    account.address = f"127.0.0.1:{port}"
    await server.start()
    try:
        yield account
    finally:
        await server.stop(None)
