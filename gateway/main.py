"""The gateway's wiring."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as grpc_health
from grpc_reflection.v1alpha import reflection

from cryptwire import log
from cryptwire.codec.session_token import Verifier
from cryptwire.errors import CryptwireError, Invalid, Unavailable
from cryptwire.gateway_client import SERVICE, Identity
from cryptwire.heartbeat import Heartbeat, beating
from cryptwire.runtime import Runtime
from cryptwire.storage import database, redis
from cryptwire.storage.calls import Calls
from cryptwire.storage.rate_budget import RateBudget
from cryptwire.storage.tokens import Tokens
from gateway import adapters, policy
from gateway.actions import LASTS, Actions
from gateway.authority import Authority
from gateway.budget import TokenBudget, limits
from gateway.custody import Custody, providers
from gateway.custody.process import harden
from gateway.handlers import Desk, Handlers
from gateway.reads import Reads
from gateway.settings import Settings
from generated.wire.v1 import gateway_pb2 as pb
from generated.wire.v1 import gateway_pb2_grpc as pb_grpc

_log = log.Log(__name__)
_CONNECTIONS = 8
_ASK_EVERY = 2.0  # seconds between looks at the database
_RECOVER_EVERY = timedelta(seconds=5)
_REWRAP_EVERY = timedelta(seconds=30)
_GRACE = 5.0  # seconds for calls under way, then for what outlives them; with the pool's end still below ten
_ACTIONS_GRACE = timedelta(seconds=1)
_RENEWALS_GRACE = timedelta(seconds=2)
_OPTIONS = (
    ("grpc.so_reuseport", 0),  # a second gateway on this address is a mistake
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_ping_strikes", 0),  # callers are ours; gRPC's own probes between keepalives are no abuse
    ("grpc.max_receive_message_length", 65_536),
)
_NAME = pb.DESCRIPTOR.services_by_name["Gateway"].full_name


async def main(settings: Settings, runtime: Runtime) -> None:
    """Serve until ``stop`` is set, then finish calls, actions and renewals under way."""
    harden()
    clock, meters = runtime.clock, runtime.meters
    verifier = None if settings.session_key_file is None else Verifier(settings.session_key_file, clock)
    desk = Desk(Authority(policy.load(), verifier), clock, meters)
    keys = providers(settings)
    credentials = _credentials(settings.certificates)
    async with (
        database.connect(settings.database_url, SERVICE, _CONNECTIONS) as pool,
        redis.connect(settings.redis_url) as cache,
        adapters.connect(settings, clock, meters) as upstream,
        beating(runtime, cache, SERVICE) as heartbeat,
    ):
        tokens = Tokens(pool)
        custody = Custody(tokens, keys, upstream, clock, meters, uses_pkce=settings.uses_pkce)
        budget = TokenBudget(RateBudget(cache, limits(settings)), clock, meters)
        reads = Reads(tokens, custody, upstream, budget, clock, meters, settings.request_timeout)
        actions = Actions(
            Calls(pool, LASTS), tokens, custody, upstream, budget, clock, meters, settings.request_timeout
        )
        server = grpc.aio.server(options=_OPTIONS)
        pb_grpc.add_GatewayServicer_to_server(Handlers(desk, custody, reads, actions), server)
        health = grpc_health.HealthServicer()
        await _tell(health, is_there=False)
        health_pb2_grpc.add_HealthServicer_to_server(health, server)
        if settings.is_development:
            named = (_NAME, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(named, server)
        try:
            port = server.add_secure_port(settings.address, credentials)
        except RuntimeError:
            raise Unavailable(f"the gateway cannot listen on {settings.address}: is it taken?") from None
        await server.start()
        runtime.health.mark("grpc", True, f"listens on port {port}")
        _log.info("listens", address=settings.address, port=port)
        chores = [
            asyncio.create_task(_watch(tokens, runtime, health, heartbeat)),
            asyncio.create_task(_again(runtime, _RECOVER_EVERY, "renewals are in doubt still", custody.recover)),
            asyncio.create_task(_again(runtime, _REWRAP_EVERY, "keys are not wrapped anew yet", custody.rewrap)),
        ]
        try:
            await runtime.stop.wait()
        finally:
            runtime.health.mark("grpc", False, "stops")
            for chore in chores:
                chore.cancel()
            await health.enter_graceful_shutdown()
            await server.stop(_GRACE)
            # after the calls: these may have begun more, which outlives them
            await asyncio.gather(actions.finish(_ACTIONS_GRACE), custody.finish(_RENEWALS_GRACE))
            await budget.finish()


async def _watch(tokens: Tokens, runtime: Runtime, health: grpc_health.HealthServicer, heartbeat: Heartbeat) -> None:
    """Tell whether the database answers. Calls find that out by themselves; this is for who looks at health."""
    was_there: bool | None = None
    while not runtime.stop.is_set():
        try:
            await tokens.answer()
            is_there, word = True, ""
            heartbeat.done("a look at the database")
        except CryptwireError as error:
            is_there, word = False, str(error)
        runtime.health.mark("database", is_there, word)
        await _tell(health, is_there=is_there)
        if is_there is not was_there:
            (_log.info if is_there else _log.warning)("database", is_there=is_there, reason=word)
        was_there = is_there
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(runtime.stop.wait(), _ASK_EVERY if is_there else 0.5)


async def _tell(health: grpc_health.HealthServicer, *, is_there: bool) -> None:
    status = health_pb2.HealthCheckResponse.SERVING if is_there else health_pb2.HealthCheckResponse.NOT_SERVING
    for name in ("", _NAME):
        await health.set(name, status)


async def _again(runtime: Runtime, every: timedelta, trouble: str, work: Callable[[], Awaitable[object]]) -> None:
    """Do ``work`` now and then, forever: what fails today is tried again."""
    while True:
        try:
            await work()
        except CryptwireError as error:
            _log.warning(trouble, reason=error)
        except Exception as error:  # noqa: BLE001 - a defect here must not end what calls need
            _log.error(trouble, exception=error)
        await runtime.clock.sleep(every)


def _credentials(folder: Path) -> grpc.ServerCredentials:
    """Mutual TLS: a caller without a certificate of our authority does not get as far as a call.

    Each new connection is shown the certificate as its files are then.
    """
    identity = Identity(folder, SERVICE)
    shown: tuple[int, ...] = identity.stamp()

    def configuration() -> grpc.ServerCertificateConfiguration:
        authority, certificate, key = identity.read()
        return grpc.ssl_server_certificate_configuration([(key, certificate)], authority)

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal shown
        try:
            stamp = identity.stamp()
            if stamp == shown:
                return None
            fresh = configuration()
        except Invalid as error:  # half of it is written; the other half comes
            _log.warning("the certificate stays as it was", reason=error)
            return None
        shown = stamp
        return fresh

    return grpc.dynamic_ssl_server_credentials(
        configuration(),
        renewed,  # type: ignore[arg-type]  # None is "as before", its documentation says
        require_client_authentication=True,
    )
