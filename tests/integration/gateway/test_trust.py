"""Who may call, and what nobody ever sees."""

import asyncio
import gc
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from starlette.responses import JSONResponse

from cryptwire.clock import EPOCH, SystemClock
from cryptwire.errors import CryptwireError, Forbidden, LinkAgain, Unavailable, Unconfirmed
from cryptwire.gateway_client import LinkState
from devstack import certificates
from generated.wire.v1 import gateway_pb2 as pb
from generated.wire.v1 import gateway_pb2_grpc as pb_grpc
from tests.integration.gateway.conftest import HOPPER, Stage, act

ASSETS = "/v1/hopper/501/assets"


async def test_without_a_certificate_there_is_no_call(gateway: Stage) -> None:
    authority = (gateway.settings.certificates / "ca.pem").read_bytes()
    options = (("grpc.ssl_target_name_override", "gateway"),)
    credentials = grpc.ssl_channel_credentials(authority)
    async with grpc.aio.secure_channel(gateway.settings.address, credentials, options=options) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await pb_grpc.GatewayStub(channel).GetLinkState(pb.GetLinkStateRequest(), timeout=5)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    async with grpc.aio.insecure_channel(gateway.settings.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError):
            await pb_grpc.GatewayStub(channel).GetLinkState(pb.GetLinkStateRequest(), timeout=5)


async def test_a_certificate_of_another_authority_is_refused(gateway: Stage, tmp_path: Path) -> None:
    user = await gateway.linked_user()
    certificates.issue(tmp_path / "others", ["tracker"], SystemClock().now())
    mixed = tmp_path / "mixed"  # ours to check the gateway with, theirs to show
    mixed.mkdir()
    (mixed / "ca.pem").write_bytes((gateway.settings.certificates / "ca.pem").read_bytes())
    for name in ("tracker.pem", "tracker-key.pem"):
        (mixed / name).write_bytes((tmp_path / "others" / name).read_bytes())
    async with gateway.client("tracker", mixed) as impostor:
        with pytest.raises(Unavailable):
            await impostor.assets(user, HOPPER)
    async with gateway.client("tracker", tmp_path / "others") as impostor:
        with pytest.raises(Unavailable):
            await impostor.assets(user, HOPPER)
    assert gateway.upstream.count(ASSETS) == 0


async def test_another_service_cannot_stand_in_for_the_gateway(stage: Stage) -> None:
    """A service's certificate is of the same authority, and still none of the gateway's."""
    folder = stage.settings.certificates
    pair = ((folder / "streamer-key.pem").read_bytes(), (folder / "streamer.pem").read_bytes())
    server = grpc.aio.server()
    server.add_secure_port(stage.settings.address, grpc.ssl_server_credentials([pair]))
    await server.start()
    user = await stage.user()
    async with stage.client("tracker") as tracker:
        with pytest.raises(Unavailable):
            await tracker.assets(user, HOPPER)
    await server.stop(None)


async def test_a_service_makes_its_own_calls_only(gateway: Stage) -> None:
    user = await gateway.linked_user()
    async with gateway.client("streamer") as streamer, gateway.client("tracker") as tracker:
        with pytest.raises(Forbidden, match="streamer may not call GetAssets"):
            await streamer.assets(user, HOPPER)
        with pytest.raises(Forbidden):
            await streamer.trades_since(user, HOPPER, EPOCH)
        with pytest.raises(Forbidden):
            await tracker.link(user, "good", "x")
        with pytest.raises(Forbidden):
            await tracker.config(user, HOPPER)


async def test_it_ends_in_time_whatever_hangs(stage: Stage) -> None:
    """A renewal hangs, and an action: what became of that is written down as unknown."""
    async with stage.client("tracker") as tracker, stage.client("controller") as controller:
        async with stage.running():
            user = await stage.linked_user()
            one = act(await stage.assigned(user))
            stage.upstream.act_delay = 60
            acting = asyncio.create_task(controller.stop_panic(user, HOPPER, one))
            async with asyncio.timeout(5):
                while not stage.upstream.acts:  # noqa: ASYNC110 - it has no event
                    await asyncio.sleep(0.01)
            stage.upstream.token_delay = 60
            await stage.sql("UPDATE custody.tokens SET expires_at = now() - interval '1 second'")
            reading = asyncio.create_task(tracker.assets(user, HOPPER))
            await asyncio.sleep(0.3)
            began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began < 9
        with pytest.raises(Unavailable):
            await reading
        with pytest.raises(Unconfirmed):
            await acting
    stage.upstream.released.set()
    (row,) = await stage.sql("SELECT outcome FROM calls")
    assert row["outcome"] == "unknown"


async def test_no_token_is_ever_seen(gateway: Stage, everything_logged: list[str]) -> None:
    upstream = gateway.upstream
    user = await gateway.linked_user()
    upstream.data[ASSETS] = {"BTC": "1"}
    said: list[str] = []

    async def read() -> None:
        async with gateway.client("tracker") as tracker:
            try:
                await tracker.assets(user, HOPPER, within=timedelta(seconds=5))
            except CryptwireError as error:
                said.append(f"{error!r} {error}")

    await read()
    upstream.queue(ASSETS, JSONResponse({"status": 403, "error": 1, "message": f"bad {upstream.access}"}, 403))
    await read()
    upstream.queue(ASSETS, JSONResponse({"data": upstream.access}), JSONResponse({"message": upstream.access}))
    await read()
    await gateway.sql("UPDATE custody.tokens SET expires_at = now() - interval '1 second'")
    await read()
    upstream.is_revoked = True
    upstream.access = "gone"
    await gateway.sql("UPDATE custody.tokens SET refreshed_at = NULL")
    await read()
    await gateway.sql("UPDATE custody.tokens SET is_revoked = false, sealed = sealed || '\\x00'::bytea")
    await read()
    async with gateway.client("api") as api:
        _, state = await api.begin_link(user, "http://x.test/callback")
        with pytest.raises(CryptwireError) as refused:
            await api.link(user, f"bad-{upstream.marked}", state)
        said.append(str(refused.value))
    assert len(said) == 4
    rows = await gateway.sql("SELECT row_to_json(t)::text AS row, sealed, wrapped_key FROM custody.tokens t")
    assert len(rows) == 1
    gc.collect()
    assert gateway.settings.master_key_file is not None
    for word in (upstream.marked, "client-secret-of-the-test", gateway.settings.master_key_file.read_text()):
        assert word not in "\n".join(everything_logged)
        assert word not in "\n".join(said)
        assert word not in repr(gateway.settings)
        for row in rows:
            assert word not in row["row"]
            assert word.encode() not in row["sealed"]
            assert word.encode() not in row["wrapped_key"]


async def test_no_token_is_in_a_meter(stage: Stage) -> None:
    async with stage.running() as runtime:
        user = await stage.linked_user()
        stage.upstream.data[ASSETS] = {"BTC": "1"}
        async with stage.client("tracker") as tracker:
            await tracker.assets(user, HOPPER)
        text = runtime.meters.text().decode()
        assert runtime.meters.value("gateway_upstream_requests", call="assets", outcome="ok") == 1
    assert stage.upstream.marked not in text


async def test_a_token_put_into_another_users_row_does_not_open(gateway: Stage) -> None:
    one, two = await gateway.linked_user(), await gateway.linked_user()
    await gateway.sql(
        "UPDATE custody.tokens SET (wrapped_key, nonce, sealed) ="
        " (SELECT wrapped_key, nonce, sealed FROM custody.tokens WHERE user_id = $1::text::uuid)"
        " WHERE user_id = $2::text::uuid",
        one,
        two,
    )
    async with gateway.client("tracker") as tracker:
        with pytest.raises(CryptwireError, match="another user's"):
            await tracker.assets(two, HOPPER)
    assert gateway.upstream.count(ASSETS) == 0


async def test_a_renewal_outlives_its_caller(gateway: Stage) -> None:
    """Upstream has rotated the refresh token: that the caller went away must not lose the new one."""
    user = await gateway.linked_user()
    gateway.upstream.data[ASSETS] = {"BTC": "1"}
    async with gateway.client("tracker") as tracker:
        await tracker.assets(user, HOPPER)
        gateway.upstream.token_delay = 1.0
        await gateway.sql("UPDATE custody.tokens SET expires_at = now() - interval '1 second'")
        with pytest.raises(Unavailable):
            await tracker.assets(user, HOPPER, within=timedelta(seconds=0.5))
        assert gateway.upstream.issued == 2
        await tracker.assets(user, HOPPER)
    assert gateway.upstream.issued == 2


async def test_the_end_waits_for_a_renewal(stage: Stage) -> None:
    stage.upstream.data[ASSETS] = {"BTC": "1"}
    async with stage.running():
        user = await stage.linked_user()
        async with stage.client("tracker") as tracker:
            await tracker.assets(user, HOPPER)
            stage.upstream.token_delay = 1.5
            await stage.sql("UPDATE custody.tokens SET expires_at = now() - interval '1 second'")
            with pytest.raises(Unavailable):
                await tracker.assets(user, HOPPER, within=timedelta(seconds=0.5))
    async with stage.running(), stage.client("tracker") as tracker:
        await tracker.assets(user, HOPPER)
    assert stage.upstream.issued == 2


async def test_the_link_is_there_again_after_a_restart_and_gone_with_its_user(stage: Stage) -> None:
    stage.upstream.data[ASSETS] = {"BTC": "1"}
    async with stage.running():
        user = await stage.linked_user()
    async with stage.client("tracker") as tracker, stage.client("api") as api:
        with pytest.raises(Unavailable):
            await tracker.assets(user, HOPPER)
        async with stage.running():
            await asyncio.sleep(2.1)  # the longest pause of the channel
            await tracker.assets(user, HOPPER)
            await stage.sql("DELETE FROM users WHERE user_id = $1::text::uuid", user)
            assert (await api.link_state(user)).state is LinkState.NONE
            with pytest.raises(LinkAgain):
                await api.hoppers(user)
