"""Calls to the gateway, for the services that may make them: domain values in and out, errors of ours."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from pathlib import Path

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from cryptwire.clock import EPOCH
from cryptwire.codec.portfolio import position_from_message
from cryptwire.codec.trade import decimal, trade_from_message
from cryptwire.domain.account import Position
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, LinkedHopper, UserId
from cryptwire.domain.trade import Trade
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
from generated.wire.v1 import gateway_pb2 as pb
from generated.wire.v1 import gateway_pb2_grpc as pb_grpc

SERVICE = "gateway"
"""The name in the gateway's own certificate, whatever address it has."""
DEADLINE = timedelta(seconds=20)
_NOW = timedelta(0)
_MOST = 64 * 1024 * 1024
_OPTIONS = (
    ("grpc.ssl_target_name_override", SERVICE),
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_receive_message_length", _MOST),
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls: ``folder`` holds ``ca.pem``, ``<service>.pem`` and ``<service>-key.pem``."""

    folder: Path
    service: str

    def read(self) -> tuple[bytes, bytes, bytes]:
        """Authority, certificate and key; raises Invalid naming the file that is not there."""
        try:
            return (
                (self.folder / "ca.pem").read_bytes(),
                (self.folder / f"{self.service}.pem").read_bytes(),
                (self.folder / f"{self.service}-key.pem").read_bytes(),
            )
        except OSError as error:
            raise Invalid(f"the certificate {error.filename} cannot be read: {error.strerror}") from None


class LinkState(IntEnum):
    """Of a user's Cryptohopper account."""

    NONE = pb.LINK_STATE_NONE
    LINKED = pb.LINK_STATE_LINKED
    MUST_LINK_AGAIN = pb.LINK_STATE_MUST_LINK_AGAIN


@dataclass(frozen=True, slots=True)
class Link:
    """How a user's account is linked; ``scopes`` and ``expires_at`` are of the token, which renews itself."""

    state: LinkState
    scopes: tuple[str, ...] = ()
    expires_at: datetime | None = None


class GatewayClient:
    """Every call names its user; reads may be ``max_age`` old (0 goes upstream) and give up after ``within``.

    Raises NotFound (also for another user's hopper), Forbidden (this service may not), LinkAgain, Exhausted with the
    time to wait, Unavailable (also when the time is over), Invalid, Corrupt.
    """

    def __init__(self, channel: grpc.aio.Channel, deadline: timedelta = DEADLINE) -> None:
        self._stub = pb_grpc.GatewayStub(channel)
        self._deadline = deadline

    async def link(self, user: UserId, code: str, redirect_uri: str, *, within: timedelta | None = None) -> LinkState:
        """Exchange an OAuth code, once: a code that failed is spent, and the user begins again."""
        request = pb.LinkAccountRequest(user_id=user, code=code, redirect_uri=redirect_uri)
        with _our_errors():
            return LinkState((await self._stub.LinkAccount(request, timeout=self._timeout(within))).state)

    async def link_state(self, user: UserId, *, within: timedelta | None = None) -> Link:
        with _our_errors():
            said = await self._stub.GetLinkState(pb.GetLinkStateRequest(user_id=user), timeout=self._timeout(within))
        expires_at = _moment(said.expires_at) if said.HasField("expires_at") else None
        return Link(LinkState(said.state), tuple(said.scopes), expires_at)

    async def hoppers(
        self, user: UserId, max_age: timedelta = _NOW, *, within: timedelta | None = None
    ) -> list[LinkedHopper]:
        """All hoppers of the linked account."""
        request = pb.ListHoppersRequest(user_id=user, max_age=_duration(max_age))
        with _our_errors():
            said = await self._stub.ListHoppers(request, timeout=self._timeout(within))
        return [_hopper(hopper, user) for hopper in said.hoppers]

    async def hopper(
        self, user: UserId, hopper: HopperId, max_age: timedelta = _NOW, *, within: timedelta | None = None
    ) -> LinkedHopper:
        request = pb.GetHopperRequest(user_id=user, hopper_id=hopper, max_age=_duration(max_age))
        with _our_errors():
            said = await self._stub.GetHopper(request, timeout=self._timeout(within))
        return _hopper(said.hopper, user)

    async def config(
        self, user: UserId, hopper: HopperId, max_age: timedelta = _NOW, *, within: timedelta | None = None
    ) -> dict[str, str]:
        """Its configuration without keys and secrets; values that are not text come as JSON."""
        request = pb.GetConfigRequest(user_id=user, hopper_id=hopper, max_age=_duration(max_age))
        with _our_errors():
            said = await self._stub.GetConfig(request, timeout=self._timeout(within))
        return dict(said.fields)

    async def assets(
        self, user: UserId, hopper: HopperId, max_age: timedelta = _NOW, *, within: timedelta | None = None
    ) -> tuple[dict[Asset, Decimal], datetime]:
        """The whole balance of each coin that is above 0, and when it was asked for."""
        request = pb.GetAssetsRequest(user_id=user, hopper_id=hopper, max_age=_duration(max_age))
        with _our_errors():
            said = await self._stub.GetAssets(request, timeout=self._timeout(within))
        return {Asset(name): decimal(text) for name, text in said.quantities.items()}, _moment(said.read_at)

    async def positions(
        self, user: UserId, hopper: HopperId, max_age: timedelta = _NOW, *, within: timedelta | None = None
    ) -> tuple[Position, ...]:
        """Open positions, all of them."""
        request = pb.ListPositionsRequest(user_id=user, hopper_id=hopper, max_age=_duration(max_age))
        with _our_errors():
            said = await self._stub.ListPositions(request, timeout=self._timeout(within))
        return tuple(map(position_from_message, said.positions))

    async def trades_since(
        self, user: UserId, hopper: HopperId, since: datetime, *, within: timedelta | None = None
    ) -> list[Trade]:
        """Every trade at or after ``since``, oldest first.

        Each 500 trades upstream are one request of the user's budget: a long history needs a long ``within``.
        """
        stamp = Timestamp()
        stamp.FromDatetime(max(since, EPOCH))
        request = pb.ListTradesSinceRequest(user_id=user, hopper_id=hopper, since=stamp)
        trades: list[Trade] = []
        with _our_errors():
            async for page in self._stub.ListTradesSince(request, timeout=self._timeout(within)):
                trades.extend(map(trade_from_message, page.trades))
        return trades

    def _timeout(self, within: timedelta | None) -> float:
        return (self._deadline if within is None else within).total_seconds()


@asynccontextmanager
async def connect(address: str, identity: Identity, deadline: timedelta = DEADLINE) -> AsyncIterator[GatewayClient]:
    """A client of the gateway at ``host:port``, which may be away now and come later.

    While it is away every call raises Unavailable at once; the channel connects again by itself within 2 s.
    """
    authority, certificate, key = identity.read()
    credentials = grpc.ssl_channel_credentials(authority, key, certificate)
    async with grpc.aio.secure_channel(address, credentials, options=_OPTIONS) as channel:
        yield GatewayClient(channel, deadline)


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise _error(error) from None


def _error(error: grpc.aio.AioRpcError) -> CryptwireError:
    said = error.details() or error.code().name
    match error.code():
        case grpc.StatusCode.NOT_FOUND:
            return NotFound(said)
        case grpc.StatusCode.PERMISSION_DENIED:
            return Forbidden(said)
        case grpc.StatusCode.FAILED_PRECONDITION:
            return LinkAgain(said)
        case grpc.StatusCode.INVALID_ARGUMENT:
            return Invalid(said)
        case grpc.StatusCode.DATA_LOSS:
            return Corrupt(said)
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return Exhausted(said, _retry_after(error))
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return Unavailable("the gateway did not answer in time")
    return Unavailable(f"the gateway is away or failed ({error.code().name}): {said}")


def _retry_after(error: grpc.aio.AioRpcError) -> float:
    for name, value in error.trailing_metadata() or ():
        if name == "retry-after-seconds":
            return float(value)
    return 1.0  # gRPC's own, such as a message too large


def _hopper(said: pb.Hopper, user: UserId) -> LinkedHopper:
    return LinkedHopper(
        Hopper(
            HopperId(said.hopper_id),
            user,
            said.name,
            Exchange(said.exchange),
            Asset(said.base_currency),
            said.is_paper,
            said.refresh_every.ToTimedelta(),
        ),
        said.is_enabled,
        said.plan,
        decimal(said.total) if said.total else None,
        _moment(said.created_at) if said.HasField("created_at") else None,
    )


def _moment(stamp: Timestamp) -> datetime:
    return EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)


def _duration(span: timedelta) -> Duration:
    duration = Duration()
    duration.FromTimedelta(max(span, _NOW))
    return duration
