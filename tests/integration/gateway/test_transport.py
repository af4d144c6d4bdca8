"""Certificates are renewed while everything runs; health is told to ours; reflection is for development."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from cryptwire.clock import SystemClock
from cryptwire.errors import Forbidden, Unavailable
from cryptwire.gateway_client import Identity
from devstack import certificates
from tests.integration.gateway.conftest import HOPPER, SERVICES, Stage
from tests.integration.gateway.test_outages import ASSETS, Door, door

__all__ = ["door"]

GATEWAY = "wire.v1.Gateway"
LIVES = timedelta(seconds=4)


@asynccontextmanager
async def channel(stage: Stage, service: str, folder: Path | None = None) -> AsyncIterator[grpc.aio.Channel]:
    authority, certificate, key = Identity(folder or stage.settings.certificates, service).read()
    options = (("grpc.ssl_target_name_override", "gateway"), ("grpc.use_local_subchannel_pool", 1))
    credentials = grpc.ssl_channel_credentials(authority, key, certificate)
    async with grpc.aio.secure_channel(stage.settings.address, credentials, options=options) as channel:
        yield channel


async def health(stage: Stage, service: str, of: str = GATEWAY) -> str:
    async with channel(stage, service) as calls:
        check = health_pb2_grpc.HealthStub(calls).Check
        said = await check(health_pb2.HealthCheckRequest(service=of), timeout=5)
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(said.status))


# ---- certificates ----


async def test_calls_go_on_through_renewals_of_certificates_that_live_for_seconds(stage: Stage, tmp_path: Path) -> None:
    """After two lives every connection that is made shows, and is shown, one that was made meanwhile."""
    folder = tmp_path / "short"
    certificates.issue(folder, SERVICES, SystemClock().now(), LIVES)
    early = tmp_path / "early"
    early.mkdir()
    for path in folder.iterdir():
        (early / path.name).write_bytes(path.read_bytes())
    stage.settings = replace(stage.settings, certificates=folder, requests_per_window=10_000)
    stage.upstream.data[ASSETS] = {"BTC": "1"}
    renewing = asyncio.create_task(certificates.keep_issued(folder, SERVICES, SystemClock(), print, LIVES))
    loop = asyncio.get_running_loop()
    try:
        async with stage.running(), stage.client("tracker") as tracker:
            user = await stage.linked_user()
            stage.upstream.read_delay = LIVES.total_seconds() * 1.5
            long = asyncio.create_task(tracker.assets(user, HOPPER))  # stays on the line that it began on
            await asyncio.sleep(0.5)
            stage.upstream.read_delay = 0
            until = loop.time() + 2 * LIVES.total_seconds()
            calls = 0
            while loop.time() < until:
                await tracker.hopper(user, HOPPER)
                assert await health(stage, "api") == "SERVING"
                calls += 1
                await asyncio.sleep(0.1)
            assert calls > 20
            assert (await long)[0] == {"BTC": 1}
            with pytest.raises(Unavailable):  # what was good at the start is not any more
                async with stage.client("tracker", early) as late:
                    await late.hopper(user, HOPPER)
    finally:
        renewing.cancel()


async def test_a_client_takes_up_a_certificate_without_a_new_one_for_the_gateway(
    gateway: Stage, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for path in gateway.settings.certificates.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    user = await gateway.linked_user()
    async with gateway.client("tracker", folder) as tracker:
        await tracker.hopper(user, HOPPER)
        (folder / "tracker-key.pem").write_bytes(b"half of it is written")
        await asyncio.sleep(1.1)
        await tracker.hopper(user, HOPPER)
        for end in (".pem", "-key.pem"):  # another service's: what it may call tells which one is shown
            (folder / f"tracker{end}").write_bytes((folder / f"streamer{end}").read_bytes())
        await asyncio.sleep(1.1)
        with pytest.raises(Forbidden, match="streamer"):
            await tracker.hopper(user, HOPPER)


# ---- health, reflection ----


async def test_every_service_of_ours_may_ask_for_health_and_nobody_else(gateway: Stage, tmp_path: Path) -> None:
    async with asyncio.timeout(5):
        while await health(gateway, "api") != "SERVING":  # noqa: ASYNC110 - asked for, not told
            await asyncio.sleep(0.05)
    for service in SERVICES:
        assert await health(gateway, service) == "SERVING"
        assert await health(gateway, service, "") == "SERVING"
    certificates.issue(tmp_path / "others", ["tracker"], SystemClock().now())
    async with channel(gateway, "tracker", tmp_path / "others") as calls:
        with pytest.raises(grpc.aio.AioRpcError):
            await health_pb2_grpc.HealthStub(calls).Check(health_pb2.HealthCheckRequest(), timeout=5)


async def test_health_follows_the_database(stage: Stage, door: Door) -> None:
    async def becomes(status: str) -> None:
        async with asyncio.timeout(15):
            while await health(stage, "tracker") != status:  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    async with stage.running():
        assert await health(stage, "tracker") == "NOT_SERVING"
        await door.open()
        await becomes("SERVING")
        await door.shut()
        await becomes("NOT_SERVING")


async def test_reflection_is_for_development(stage: Stage) -> None:
    async def names() -> set[str]:
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        async with stage.running(), channel(stage, "streamer") as calls:
            call = reflection_pb2_grpc.ServerReflectionStub(calls).ServerReflectionInfo(iter([request]))
            said = await call.read()
        return {service.name for service in said.list_services_response.service}

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await names()
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    stage.settings = replace(stage.settings, is_development=True)
    assert GATEWAY in await names()
