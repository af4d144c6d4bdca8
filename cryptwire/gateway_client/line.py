"""The line to the gateway: mutual TLS with certificates that are renewed while it is used."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cryptwire import log
from cryptwire.errors import Invalid
from cryptwire.tasks import end
from generated.wire.v1 import gateway_pb2_grpc as pb_grpc

_log = log.Log(__name__)

SERVICE = "gateway"
"""The name in the gateway's own certificate, whatever address it has."""
_MOST = 64 * 1024 * 1024
_LOOK_EVERY = 1.0  # seconds between looks at the certificate's files, while calls are made
_OPTIONS = (
    ("grpc.ssl_target_name_override", SERVICE),
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 5_000),  # how long an attempt may take, the handshake with it
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_receive_message_length", _MOST),
    ("grpc.use_local_subchannel_pool", 1),  # channels share no connections: a new certificate makes new ones
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls: ``folder`` holds ``ca.pem``, ``<service>.pem`` and ``<service>-key.pem``."""

    folder: Path
    service: str

    def read(self) -> tuple[bytes, bytes, bytes]:
        """Authority, certificate and key; raises Invalid naming what is not there or does not belong together."""
        try:
            authority, certificate, key = (path.read_bytes() for path in self._paths)
        except OSError as error:
            raise Invalid(f"the certificate {error.filename} cannot be read: {error.strerror}") from None
        try:
            whose = x509.load_pem_x509_certificate(certificate).public_key()
            is_pair = load_pem_private_key(key, None).public_key() == whose
        except (ValueError, TypeError):
            is_pair = False
        if not is_pair:
            raise Invalid(f"the certificate {self._paths[1]} and its key do not belong together")
        return authority, certificate, key

    def stamp(self) -> tuple[int, ...]:
        """Another one when a file was replaced; raises Invalid."""
        try:
            return tuple(number for path in self._paths for number in (path.stat().st_mtime_ns, path.stat().st_ino))
        except OSError as error:
            raise Invalid(f"the certificate {error.filename} cannot be read: {error.strerror}") from None

    @property
    def _paths(self) -> tuple[Path, Path, Path]:
        return self.folder / "ca.pem", self.folder / f"{self.service}.pem", self.folder / f"{self.service}-key.pem"


class Line:
    """A connection to the gateway that shows the certificate as it is now.

    When the files change a new channel takes the calls; those under way finish on the old one.
    """

    def __init__(self, address: str, identity: Identity) -> None:
        self._address = address
        self._identity = identity
        self._stamp = identity.stamp()
        self._looked_at = asyncio.get_running_loop().time()
        self._channel, self._stub = self._made()
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def stub(self) -> "pb_grpc.GatewayAsyncStub":
        now = asyncio.get_running_loop().time()
        if now - self._looked_at >= _LOOK_EVERY:
            self._looked_at = now
            self._renew()
        return self._stub

    async def close(self) -> None:
        await end(self._closing)
        await self._channel.close()

    def _renew(self) -> None:
        try:
            stamp = self._identity.stamp()
            if stamp == self._stamp:
                return
            channel, stub = self._made()
        except Invalid as error:  # half of it is written; the other half comes
            _log.warning("the certificate stays as it was", reason=error)
            return
        task = asyncio.create_task(_closed(self._channel))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        self._channel, self._stub, self._stamp = channel, stub, stamp

    def _made(self) -> "tuple[grpc.aio.Channel, pb_grpc.GatewayAsyncStub]":
        authority, certificate, key = self._identity.read()
        credentials = grpc.ssl_channel_credentials(authority, key, certificate)
        channel = grpc.aio.secure_channel(self._address, credentials, options=_OPTIONS)
        return channel, pb_grpc.GatewayStub(channel)


async def _closed(channel: grpc.aio.Channel) -> None:
    """Close a channel when the last of its calls has ended; at once when this is cancelled."""
    try:
        await channel.close(grace=86_400)
    finally:
        await channel.close()
