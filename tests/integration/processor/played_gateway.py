"""A gateway that tells trade lists and what is held, and misbehaves when told to."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc.aio

from cryptwire.clock import SystemClock
from cryptwire.codec.gateway import timestamp
from cryptwire.codec.trade import trade_to_message
from cryptwire.domain.hopper import HopperId
from cryptwire.domain.trade import Trade
from cryptwire.gateway_client import Identity
from devstack import certificates
from generated.wire.v1 import gateway_pb2 as pb
from generated.wire.v1 import gateway_pb2_grpc as pb_grpc


@dataclass
class PlayedGateway(pb_grpc.GatewayServicer):
    """``trades`` by hopper; a hopper in ``trouble`` is answered with its status; each call takes ``seconds``.

    Every hopper holds ``held``, read just now.
    """

    address: str = ""
    trades: dict[HopperId, list[Trade]] = field(default_factory=dict)
    trouble: dict[HopperId, grpc.StatusCode] = field(default_factory=dict)
    seconds: float = 0.0
    asked: Counter[str] = field(default_factory=Counter)
    held: dict[str, str] = field(default_factory=dict)

    async def ListTradesSince(self, request: pb.ListTradesSinceRequest, context: Any) -> Any:
        hopper = HopperId(request.hopper_id)
        self.asked[hopper] += 1
        await asyncio.sleep(self.seconds)
        if hopper in self.trouble:
            await context.abort(self.trouble[hopper], "told to", (("reason", "link-again"),))
        since = request.since.ToMicroseconds()
        found = [
            message for trade in self.trades.get(hopper, []) if (message := trade_to_message(trade)).at_us >= since
        ]
        yield pb.ListTradesSinceResponse(trades=found)

    async def GetAssets(self, request: pb.GetAssetsRequest, context: Any) -> Any:
        self.asked[f"assets {request.hopper_id}"] += 1
        await asyncio.sleep(self.seconds)
        return pb.GetAssetsResponse(quantities=self.held, read_at=timestamp(SystemClock().now()))

    async def ListPositions(self, request: pb.ListPositionsRequest, context: Any) -> Any:
        await asyncio.sleep(self.seconds)
        return pb.ListPositionsResponse()

    async def ListReserved(self, request: pb.ListReservedRequest, context: Any) -> Any:
        await asyncio.sleep(self.seconds)
        return pb.ListReservedResponse()


@asynccontextmanager
async def playing(folder: Path) -> AsyncIterator[PlayedGateway]:
    """The gateway on a port of its own; ``folder`` then holds the certificates of ``processor``, too."""
    certificates.issue(folder, ("gateway", "processor"), SystemClock().now())
    authority, certificate, key = Identity(folder, "gateway").read()
    server = grpc.aio.server()
    played = PlayedGateway()  # type: ignore[abstract]  # nobody asks for the rest
    pb_grpc.add_GatewayServicer_to_server(played, server)
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)], authority, True))
    played.address = f"127.0.0.1:{port}"
    await server.start()
    try:
        yield played
    finally:
        await server.stop(None)
