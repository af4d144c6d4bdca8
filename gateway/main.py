"""The gateway's wiring."""

import asyncio
import contextlib
from datetime import timedelta
from pathlib import Path

import grpc

from cryptwire import log
from cryptwire.errors import Invalid, Unavailable
from cryptwire.gateway_client import SERVICE, Identity
from cryptwire.runtime import Runtime
from cryptwire.storage import database
from cryptwire.storage.tokens import Tokens
from gateway import adapters
from gateway.budget import Budget
from gateway.custody import Custody, FileKeys
from gateway.handlers import Handlers
from gateway.reads import Reads
from gateway.settings import Settings
from generated.wire.v1 import gateway_pb2_grpc as pb_grpc

_log = log.Log(__name__)
_CONNECTIONS = 8
_ASK_EVERY = 5.0  # seconds between looks at the database
_GRACE = 3.0  # seconds for calls under way, then for renewals; with the pool's end still below ten
_OPTIONS = (
    ("grpc.so_reuseport", 0),  # a second gateway on this address is a mistake
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_ping_strikes", 0),  # callers are ours; gRPC's own probes between keepalives are no abuse
    ("grpc.max_receive_message_length", 65_536),
)


async def main(settings: Settings, runtime: Runtime) -> None:
    """Serve until ``stop`` is set, then finish calls and renewals under way."""
    keys = FileKeys(settings.master_key_file)
    credentials = _credentials(settings.certificates)
    if not 0 <= settings.reserved_per_minute < settings.requests_per_minute:
        raise Invalid("CRYPTWIRE_GATEWAY_RESERVED_PER_MINUTE must be below CRYPTWIRE_GATEWAY_REQUESTS_PER_MINUTE")
    async with (
        database.connect(settings.database_url, SERVICE, _CONNECTIONS) as pool,
        adapters.connect(settings, runtime.clock) as upstream,
    ):
        tokens = Tokens(pool)
        custody = Custody(tokens, keys, upstream, runtime.clock, runtime.meters)
        budget = Budget(runtime.clock, settings.requests_per_minute, settings.reserved_per_minute)
        reads = Reads(tokens, custody, upstream, budget, runtime.clock, runtime.meters, settings.request_timeout)
        server = grpc.aio.server(options=_OPTIONS)
        pb_grpc.add_GatewayServicer_to_server(Handlers(reads, runtime.clock, runtime.meters), server)
        try:
            port = server.add_secure_port(settings.address, credentials)
        except RuntimeError:
            raise Unavailable(f"the gateway cannot listen on {settings.address}: is it taken?") from None
        await server.start()
        runtime.health.mark("grpc", True, f"listens on port {port}")
        _log.info("listens", address=settings.address, port=port)
        watch = asyncio.create_task(_watch(tokens, runtime))
        try:
            await runtime.stop.wait()
        finally:
            runtime.health.mark("grpc", False, "stops")
            watch.cancel()
            await server.stop(_GRACE)
            await custody.finish(timedelta(seconds=_GRACE))  # after the calls: one of them may have begun a renewal


async def _watch(tokens: Tokens, runtime: Runtime) -> None:
    """Tell whether the database answers. Calls find that out by themselves; this is for who looks at health."""
    was_there: bool | None = None
    while not runtime.stop.is_set():
        try:
            await tokens.answer()
            is_there, word = True, ""
        except Unavailable as error:
            is_there, word = False, str(error)
        runtime.health.mark("database", is_there, word)
        if is_there is not was_there:
            (_log.info if is_there else _log.warning)("database", is_there=is_there, reason=word)
        was_there = is_there
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(runtime.stop.wait(), _ASK_EVERY if is_there else 0.5)


def _credentials(folder: Path) -> grpc.ServerCredentials:
    """Mutual TLS: a caller without a certificate of our authority does not get as far as a call."""
    authority, certificate, key = Identity(folder, SERVICE).read()
    return grpc.ssl_server_credentials([(key, certificate)], authority, require_client_auth=True)
