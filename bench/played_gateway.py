"""A gateway that answers balances at once: ``python -m bench.played_gateway ADDRESS CERTIFICATES HOPPERS``.

What the real one costs upstream is not the tracker's; its transport, mutual TLS with gRPC, is the same.
"""

import sys
from pathlib import Path
from typing import Any

import grpc.aio
import uvloop

from bench import shard
from cryptwire.domain.hopper import HopperId
from cryptwire.gateway_client import Identity
from generated.wire.v1 import gateway_pb2 as pb
from generated.wire.v1 import gateway_pb2_grpc as pb_grpc

_OPTIONS = (  # of the real one: without them it would take the client's signs of life for an attack
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
)


class _Played(pb_grpc.GatewayServicer):
    def __init__(self, hoppers: int) -> None:
        held = shard.world(hoppers)
        self._assets: dict[HopperId, dict[str, str]] = {}
        for number in range(hoppers):
            account = held.deployed_account(number)
            self._assets[account.hopper] = {asset: str(amount) for asset, amount in account.quantities.items()}

    async def GetAssets(self, request: pb.GetAssetsRequest, context: Any) -> pb.GetAssetsResponse:
        answer = pb.GetAssetsResponse(quantities=self._assets[HopperId(request.hopper_id)])
        answer.read_at.GetCurrentTime()
        return answer

    async def ListPositions(self, request: pb.ListPositionsRequest, context: Any) -> pb.ListPositionsResponse:
        answer = pb.ListPositionsResponse()
        answer.read_at.GetCurrentTime()
        return answer

    async def ListTradesSince(self, request: pb.ListTradesSinceRequest, context: Any) -> Any:
        yield pb.ListTradesSinceResponse()


async def _main(address: str, certificates: Path, hoppers: int) -> None:
    authority, certificate, key = Identity(certificates, "gateway").read()
    server = grpc.aio.server(options=_OPTIONS)
    pb_grpc.add_GatewayServicer_to_server(_Played(hoppers), server)  # type: ignore[abstract]  # nobody asks for the rest
    server.add_secure_port(address, grpc.ssl_server_credentials([(key, certificate)], authority, True))
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
