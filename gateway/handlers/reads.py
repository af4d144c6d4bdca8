"""Calls that read."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

from cryptwire.codec.gateway import (
    entry_to_message,
    hopper_to_message,
    moment,
    order_to_message,
    reserved_to_message,
    short_to_message,
    span,
    timestamp,
)
from cryptwire.codec.portfolio import position_to_message
from cryptwire.codec.trade import trade_to_message
from cryptwire.domain.hopper import HopperId, UserId
from gateway import logic
from gateway.handlers.admission import Admitted, Context, Desk, user_of, whose
from gateway.ports import Urgency
from gateway.reads import Reads
from generated.wire.v1 import gateway_pb2 as pb
from generated.wire.v1 import gateway_pb2_grpc as pb_grpc

_CHUNK = 500  # trades in one message


class ReadCalls(pb_grpc.GatewayServicer):
    _desk: Desk
    _reads: Reads

    async def ListHoppers(self, request: pb.ListHoppersRequest, context: Context) -> pb.ListHoppersResponse:
        async with self._desk.admission("ListHoppers", context) as admitted:
            max_age = span(request.max_age)
            urgency = logic.urgency(admitted.service, "ListHoppers", is_import=False, max_age=max_age)
            read = await self._reads.hoppers(user_of(request.user_id), max_age, admitted.until, urgency)
            return pb.ListHoppersResponse(hoppers=map(hopper_to_message, read.value), read_at=timestamp(read.at))

    async def GetHopper(self, request: pb.GetHopperRequest, context: Context) -> pb.GetHopperResponse:
        async with self._desk.admission("GetHopper", context) as admitted:
            read = await self._reads.hopper(*_asked("GetHopper", request, admitted))
            return pb.GetHopperResponse(hopper=hopper_to_message(read.value), read_at=timestamp(read.at))

    async def GetConfig(self, request: pb.GetConfigRequest, context: Context) -> pb.GetConfigResponse:
        async with self._desk.admission("GetConfig", context) as admitted:
            read = await self._reads.config(*_asked("GetConfig", request, admitted))
            return pb.GetConfigResponse(fields=read.value, read_at=timestamp(read.at))

    async def GetAssets(self, request: pb.GetAssetsRequest, context: Context) -> pb.GetAssetsResponse:
        async with self._desk.admission("GetAssets", context) as admitted:
            read = await self._reads.assets(*_asked("GetAssets", request, admitted))
            quantities = {str(asset): f"{amount:f}" for asset, amount in read.value.items()}
            return pb.GetAssetsResponse(quantities=quantities, read_at=timestamp(read.at))

    async def ListPositions(self, request: pb.ListPositionsRequest, context: Context) -> pb.ListPositionsResponse:
        async with self._desk.admission("ListPositions", context) as admitted:
            read = await self._reads.positions(*_asked("ListPositions", request, admitted))
            return pb.ListPositionsResponse(positions=map(position_to_message, read.value), read_at=timestamp(read.at))

    async def ListReserved(self, request: pb.ListReservedRequest, context: Context) -> pb.ListReservedResponse:
        async with self._desk.admission("ListReserved", context) as admitted:
            read = await self._reads.reserved(*_asked("ListReserved", request, admitted))
            return pb.ListReservedResponse(reserved=map(reserved_to_message, read.value), read_at=timestamp(read.at))

    async def ListShorts(self, request: pb.ListShortsRequest, context: Context) -> pb.ListShortsResponse:
        async with self._desk.admission("ListShorts", context) as admitted:
            read = await self._reads.shorts(*_asked("ListShorts", request, admitted))
            return pb.ListShortsResponse(shorts=map(short_to_message, read.value), read_at=timestamp(read.at))

    async def ListOrders(self, request: pb.ListOrdersRequest, context: Context) -> pb.ListOrdersResponse:
        async with self._desk.admission("ListOrders", context) as admitted:
            read = await self._reads.orders(*_asked("ListOrders", request, admitted))
            return pb.ListOrdersResponse(orders=map(order_to_message, read.value), read_at=timestamp(read.at))

    async def ListTradesSince(
        self, request: pb.ListTradesSinceRequest, context: Context
    ) -> AsyncIterator[pb.ListTradesSinceResponse]:
        """Upstream gives the newest first, so the first message goes out when the last page is in."""
        async with self._desk.admission("ListTradesSince", context) as admitted:
            user, hopper = whose(request)
            urgency = logic.urgency(admitted.service, "ListTradesSince", is_import=request.is_import)
            read = await self._reads.trades(user, hopper, moment(request.since), admitted.until, urgency)
            for chunk in read.value.chunks(_CHUNK):
                yield pb.ListTradesSinceResponse(trades=map(trade_to_message, chunk))

    async def ListOutput(self, request: pb.ListOutputRequest, context: Context) -> pb.ListOutputResponse:
        async with self._desk.admission("ListOutput", context) as admitted:
            user, hopper, max_age, until, urgency = _asked("ListOutput", request, admitted)
            read = await self._reads.output(user, hopper, moment(request.since), max_age, until, urgency)
            return pb.ListOutputResponse(entries=map(entry_to_message, read.value), read_at=timestamp(read.at))


def _asked(call: str, request: Any, admitted: Admitted) -> tuple[UserId, HopperId, timedelta, datetime, Urgency]:
    """Whose hopper, how old the answer may be, until when it is wanted, and how urgently."""
    user, hopper = whose(request)
    is_import, max_age = getattr(request, "is_import", False), span(request.max_age)
    urgency = logic.urgency(admitted.service, call, is_import=is_import, max_age=max_age)
    return user, hopper, max_age, admitted.until, urgency
