"""The calls of ``wire.v1.Gateway``: admit the caller, decode, read, encode."""

import asyncio
import functools
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, NoReturn
from uuid import UUID

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from cryptwire import log
from cryptwire.clock import EPOCH, MICROSECOND, Clock
from cryptwire.codec.portfolio import position_to_message
from cryptwire.codec.trade import trade_to_message
from cryptwire.domain.hopper import HopperId, LinkedHopper, UserId
from cryptwire.errors import (
    Corrupt,
    CryptwireError,
    Exhausted,
    Forbidden,
    Invalid,
    LinkAgain,
    NotFound,
    Unavailable,
)
from cryptwire.metrics import Meters
from gateway import logic
from gateway.ports import Late
from gateway.reads import Reads
from generated.wire.v1 import gateway_pb2 as pb
from generated.wire.v1 import gateway_pb2_grpc as pb_grpc

_log = log.Log(__name__)
_CHUNK = 500  # trades in one message
_DEADLINE = 20.0  # seconds, for a caller that names none

Context = grpc.aio.ServicerContext[Any, Any]

_STATUSES: tuple[tuple[type[CryptwireError], grpc.StatusCode], ...] = (
    (NotFound, grpc.StatusCode.NOT_FOUND),
    (Forbidden, grpc.StatusCode.PERMISSION_DENIED),
    (Exhausted, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (LinkAgain, grpc.StatusCode.FAILED_PRECONDITION),
    (Invalid, grpc.StatusCode.INVALID_ARGUMENT),
    (Late, grpc.StatusCode.DEADLINE_EXCEEDED),
    (Unavailable, grpc.StatusCode.UNAVAILABLE),
    (Corrupt, grpc.StatusCode.DATA_LOSS),
)


def caller_of(context: Context) -> str:
    """The service that calls, by its certificate, which TLS has verified: its common name, else its first other name.

    Empty when it has neither.
    """
    said = context.auth_context()
    names = (*said.get("x509_common_name", ()), *said.get("x509_subject_alternative_name", ()))
    return next((name.decode("utf-8", "replace") for name in names if name), "")


async def refuse(context: Context, error: CryptwireError) -> NoReturn:
    """End a call with the status that an error of ours is."""
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), grpc.StatusCode.INTERNAL)
    trailing = (("retry-after-seconds", f"{error.retry_after:.3f}"),) if isinstance(error, Exhausted) else ()
    await context.abort(status, str(error), trailing)
    raise AssertionError("abort returned")


def _admitted(
    call: Callable[["Handlers", Any, Context, datetime], Awaitable[Any]],
) -> Callable[["Handlers", Any, Context], Awaitable[Any]]:
    """A call as gRPC wants it: only for services that may make it, with errors of ours as statuses."""

    @functools.wraps(call)
    async def answer(self: "Handlers", request: Any, context: Context) -> Any:
        async with self.admission(call.__name__, context) as until:
            return await call(self, request, context, until)

    return answer


class Handlers(pb_grpc.GatewayServicer):
    """One method a call; ``until`` is when its caller stops waiting."""

    def __init__(self, reads: Reads, clock: Clock, meters: Meters) -> None:
        self._reads = reads
        self._clock = clock
        self._meters = meters

    @asynccontextmanager
    async def admission(self, call: str, context: Context) -> AsyncIterator[datetime]:
        """The block runs for services that may make this call; its errors become statuses."""
        caller = caller_of(context)
        outcome = "ok"
        try:
            try:
                logic.must_call(caller, call)
                left = context.time_remaining()
                left = _DEADLINE if left is None else max(0.0, min(left, 86_400.0))
                yield self._clock.now() + timedelta(seconds=left)
            except CryptwireError as error:
                outcome = type(error).__name__
                if isinstance(error, Forbidden | Corrupt):
                    _log.warning("refused", call=call, caller=caller[:40], reason=error)
                await refuse(context, error)
            except asyncio.CancelledError:
                outcome = "cancelled"
                raise
            except Exception as error:  # noqa: BLE001 - the outermost edge
                outcome = "defect"
                _log.error("a defect", call=call, exception=error)
                await context.abort(grpc.StatusCode.INTERNAL, "a defect of the gateway; its log tells more")
        finally:
            self._meters.count("gateway_calls", "Calls, by outcome", call=call, caller=caller[:40], outcome=outcome)

    @_admitted
    async def LinkAccount(self, request: pb.LinkAccountRequest, _: Context, until: datetime) -> pb.LinkAccountResponse:
        """Never repeated here: a code is good for once."""
        if not (request.code and request.redirect_uri):
            raise Invalid("code and redirect_uri must be given")
        await self._reads.link(_user(request.user_id), request.code, request.redirect_uri, until)
        return pb.LinkAccountResponse(state=pb.LINK_STATE_LINKED)

    @_admitted
    async def GetLinkState(
        self, request: pb.GetLinkStateRequest, _: Context, until: datetime
    ) -> pb.GetLinkStateResponse:
        link = await self._reads.link_of(_user(request.user_id))
        if link is None:
            return pb.GetLinkStateResponse(state=pb.LINK_STATE_NONE)
        return pb.GetLinkStateResponse(
            state=pb.LINK_STATE_MUST_LINK_AGAIN if link.is_revoked else pb.LINK_STATE_LINKED,
            scopes=link.scopes,
            expires_at=_timestamp(link.expires_at),
        )

    @_admitted
    async def ListHoppers(self, request: pb.ListHoppersRequest, _: Context, until: datetime) -> pb.ListHoppersResponse:
        read = await self._reads.hoppers(_user(request.user_id), _span(request.max_age), until)
        return pb.ListHoppersResponse(hoppers=map(_hopper, read.value))

    @_admitted
    async def GetHopper(self, request: pb.GetHopperRequest, _: Context, until: datetime) -> pb.GetHopperResponse:
        read = await self._reads.hopper(*_whose(request), _span(request.max_age), until)
        return pb.GetHopperResponse(hopper=_hopper(read.value))

    @_admitted
    async def GetConfig(self, request: pb.GetConfigRequest, _: Context, until: datetime) -> pb.GetConfigResponse:
        read = await self._reads.config(*_whose(request), _span(request.max_age), until)
        return pb.GetConfigResponse(fields=read.value)

    @_admitted
    async def GetAssets(self, request: pb.GetAssetsRequest, _: Context, until: datetime) -> pb.GetAssetsResponse:
        read = await self._reads.assets(*_whose(request), _span(request.max_age), until)
        return pb.GetAssetsResponse(
            quantities={asset: f"{amount:f}" for asset, amount in read.value.items()}, read_at=_timestamp(read.at)
        )

    @_admitted
    async def ListPositions(
        self, request: pb.ListPositionsRequest, _: Context, until: datetime
    ) -> pb.ListPositionsResponse:
        read = await self._reads.positions(*_whose(request), _span(request.max_age), until)
        return pb.ListPositionsResponse(positions=map(position_to_message, read.value), read_at=_timestamp(read.at))

    async def ListTradesSince(
        self, request: pb.ListTradesSinceRequest, context: Context
    ) -> AsyncIterator[pb.ListTradesSinceResponse]:
        """Upstream gives the newest first, so the first message goes out when the last page is in."""
        async with self.admission("ListTradesSince", context) as until:
            user, hopper = _whose(request)
            trades = await self._reads.trades(user, hopper, _moment(request.since), until)
            for begin in range(0, len(trades), _CHUNK):
                yield pb.ListTradesSinceResponse(trades=map(trade_to_message, trades[begin : begin + _CHUNK]))


def _whose(request: Any) -> tuple[UserId, HopperId]:
    if not request.hopper_id:
        raise Invalid("hopper_id must be given")
    if "\0" in request.hopper_id:  # PostgreSQL has no such text
        raise NotFound("there is no such hopper")
    return _user(request.user_id), HopperId(request.hopper_id)


def _user(text: str) -> UserId:
    try:
        return UserId(str(UUID(text)))
    except ValueError:
        raise Invalid("user_id must be a UUID") from None


def _hopper(linked: LinkedHopper) -> pb.Hopper:
    it = linked.hopper
    return pb.Hopper(
        hopper_id=it.id,
        name=it.name,
        exchange=it.exchange,
        base_currency=it.base,
        is_paper=it.is_paper,
        is_enabled=linked.is_enabled,
        plan=linked.plan,
        refresh_every=Duration(seconds=int(it.refresh_every.total_seconds())),
        total="" if linked.total is None else f"{linked.total:f}",
        created_at=None if linked.created_at is None else _timestamp(linked.created_at),
    )


def _timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def _moment(stamp: Timestamp) -> datetime:
    try:
        return EPOCH + timedelta(seconds=stamp.seconds, microseconds=math.ceil(stamp.nanos / 1000))
    except OverflowError:
        raise Invalid("since is no possible time") from None


def _span(duration: Duration) -> timedelta:
    try:
        return timedelta(seconds=duration.seconds) + duration.nanos // 1000 * MICROSECOND
    except OverflowError:
        raise Invalid("max_age is no possible span") from None
