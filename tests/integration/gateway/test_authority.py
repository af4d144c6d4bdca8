"""Who may call what, shown on the wire; and who may act: with the current fence, or in a session that goes on."""

import asyncio
import base64
import json
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.descriptor import MethodDescriptor

from cryptwire.clock import EPOCH, SystemClock
from cryptwire.codec.session_token import AUDIENCE
from cryptwire.codec.signed_session import SignedSession
from cryptwire.config import environment
from cryptwire.domain.action import Fence, RuleSetId, SessionToken
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.errors import CryptwireError, Fenced, Forbidden, Invalid, NotFound, SwitchedOff
from cryptwire.gateway_client import GatewayClient, Identity
from cryptwire.storage import database
from cryptwire.storage.kill_switches import KillSwitches, Level
from devstack import certificates
from generated.wire.v1 import gateway_pb2 as pb
from tests.integration.gateway.conftest import HOPPER, SERVICES, Stage, act

CALLS = list(pb.DESCRIPTOR.services_by_name["Gateway"].methods)
MAY = {
    "BeginLink": "api devstack",
    "LinkAccount": "api devstack",
    "UnlinkAccount": "api processor",
    "GetLinkState": "api controller devstack processor",
    "ListHoppers": "api devstack processor webhook",
    "GetHopper": "api controller processor tracker",
    "GetConfig": "controller processor",
    "GetAssets": "api controller processor tracker",
    "ListPositions": "api controller processor tracker",
    "ListReserved": "controller processor",
    "ListShorts": "controller processor",
    "ListOrders": "api controller processor",
    "ListTradesSince": "processor tracker webhook",
    "ListOutput": "api processor",
    "StartPanic": "api controller",
    "StopPanic": "api controller",
    "SellPositions": "api controller",
    "CancelOrders": "api controller",
    "SetEnabled": "api controller",
    "SetBuying": "api controller",
    "SetSelling": "api controller",
    "ChangeConfig": "api controller",
}
SECOND = timedelta(seconds=1)


@asynccontextmanager
async def channel(stage: Stage, service: str) -> AsyncIterator[grpc.aio.Channel]:
    authority, certificate, key = Identity(stage.settings.certificates, service).read()
    options = (("grpc.ssl_target_name_override", "gateway"),)
    credentials = grpc.ssl_channel_credentials(authority, key, certificate)
    async with grpc.aio.secure_channel(stage.settings.address, credentials, options=options) as channel:
        yield channel


async def test_each_certificate_makes_its_own_calls_and_no_others(gateway: Stage) -> None:
    """An empty request is turned away for what it lacks where the call may be made, and for who makes it elsewhere."""
    assert {method.name for method in CALLS} == set(MAY)

    async def status(channel: grpc.aio.Channel, method: MethodDescriptor) -> grpc.StatusCode:
        call: Any = channel.unary_stream(f"/wire.v1.Gateway/{method.name}")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            async for _ in call(b"", timeout=5):
                pass
        return refused.value.code()

    for service in SERVICES:
        async with channel(gateway, service) as calls:
            for method in CALLS:
                may = service in MAY[method.name].split()
                wanted = grpc.StatusCode.INVALID_ARGUMENT if may else grpc.StatusCode.PERMISSION_DENIED
                assert await status(calls, method) is wanted, (service, method.name)
    assert gateway.upstream.seen == []


# ---- fences ----


async def test_the_current_fence_acts_and_an_older_one_does_not(gateway: Stage) -> None:
    user = await gateway.linked_user()
    older = await gateway.assigned(user, "shard-1")
    async with gateway.client("controller") as controller:
        await controller.set_buying(user, HOPPER, act(older), is_on=False)
        newer = await gateway.assigned(user, "shard-2")
        assert newer.number > older.number
        with pytest.raises(Fenced, match="fence"):
            await controller.set_buying(user, HOPPER, act(older), is_on=True)
        with pytest.raises(Fenced):
            await controller.set_buying(user, HOPPER, act(Fence(newer.number + 1)), is_on=True)
        with pytest.raises(Fenced):
            await controller.set_buying(user, HOPPER, act(Fence(2**64 - 1)), is_on=True)
        assert len(gateway.upstream.acts) == 1
        await controller.set_buying(user, HOPPER, act(newer), is_on=True)
    assert len(gateway.upstream.acts) == 2


async def test_without_an_assignment_nobody_acts(gateway: Stage) -> None:
    user = await gateway.linked_user()
    async with gateway.client("controller") as controller:
        for fence in (0, 1):
            with pytest.raises(Fenced, match="no pod"):
                await controller.start_panic(user, HOPPER, act(Fence(fence)), is_market=True)
    assert gateway.upstream.acts == []


async def test_a_pod_that_was_not_confirmed_for_twenty_seconds_does_not_act_until_it_is(gateway: Stage) -> None:
    user = await gateway.linked_user()
    fence = await gateway.assigned(user)
    one = act(fence)
    async with gateway.client("controller") as controller:
        await gateway.sql("UPDATE pods SET confirmed_at = now() - interval '21 seconds'")
        with pytest.raises(Fenced, match="confirmed"):
            await controller.start_panic(user, HOPPER, one, is_market=True)
        assert gateway.upstream.acts == []
        await gateway.sql("UPDATE pods SET confirmed_at = now() - interval '15 seconds'")
        await controller.start_panic(user, HOPPER, one, is_market=True)
        await gateway.sql("UPDATE pods SET confirmed_at = now() - interval '1 hour'")
        assert (await controller.start_panic(user, HOPPER, one, is_market=True)).is_repeated
    assert len(gateway.upstream.acts) == 1


async def test_a_successor_is_told_what_its_predecessor_did(gateway: Stage) -> None:
    user = await gateway.linked_user()
    older = act(await gateway.assigned(user, "shard-1"))
    async with gateway.client("controller") as controller:
        await controller.start_panic(user, HOPPER, older, is_market=True)
        newer = act(await gateway.assigned(user, "shard-2"), older.number, older.intent)
        assert (await controller.start_panic(user, HOPPER, newer, is_market=True)).is_repeated
        with pytest.raises(Fenced):
            await controller.start_panic(user, HOPPER, older, is_market=True)
    assert len(gateway.upstream.acts) == 1


async def test_each_service_acts_with_its_own_right(gateway: Stage) -> None:
    user = await gateway.linked_user()
    fence, token = await gateway.assigned(user), gateway.token(await gateway.session(user))
    async with gateway.client("controller") as controller, gateway.client("api") as api:
        for client, right in ((controller, token), (api, fence)):
            with pytest.raises(Forbidden):
                await client.start_panic(user, HOPPER, act(right), is_market=True)
    async with channel(gateway, "controller") as calls:
        call: Any = calls.unary_unary(
            "/wire.v1.Gateway/StopPanic", request_serializer=pb.StopPanicRequest.SerializeToString
        )
        request = pb.StopPanicRequest(user_id=user, hopper_id=HOPPER)
        request.authority.intent_id = str(uuid.uuid4())
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(request)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert gateway.upstream.acts == []


# ---- sessions ----


async def test_a_user_acts_in_his_session_until_it_ends(gateway: Stage) -> None:
    user = await gateway.linked_user()
    token = gateway.token(await gateway.session(user))
    async with gateway.client("api") as api:
        await api.start_panic(user, HOPPER, act(token), is_market=False)
        await gateway.sql("UPDATE sessions SET ended_at = now()")
        with pytest.raises(Fenced, match="session"):
            await api.stop_panic(user, HOPPER, act(token))
        await gateway.sql("UPDATE sessions SET ended_at = NULL, expires_at = now()")
        with pytest.raises(Fenced):
            await api.stop_panic(user, HOPPER, act(token))
    assert len(gateway.upstream.acts) == 1


async def test_a_token_is_its_users_alone(gateway: Stage) -> None:
    other = gateway.token(await gateway.session(await gateway.linked_user()))
    user = await gateway.linked_user()
    borrowed = gateway.token(SignedSession(user, (await gateway.session(await gateway.user())).session))
    async with gateway.client("api") as api:
        with pytest.raises(Forbidden, match="another user's"):
            await api.start_panic(user, HOPPER, act(other), is_market=False)
        with pytest.raises(Fenced):  # well signed, and the session is not his
            await api.start_panic(user, HOPPER, act(borrowed), is_market=False)
    assert gateway.upstream.acts == []


async def test_forged_and_expired_tokens_are_refused(gateway: Stage) -> None:
    user = await gateway.linked_user()
    session = await gateway.session(user)
    now = int((SystemClock().now() - EPOCH).total_seconds())
    claims = {"sub": user, "sid": session.session.hex(), "aud": AUDIENCE, "iat": now, "exp": now + 60}
    path = gateway.settings.session_key_file
    assert path is not None
    ours = path.with_name("session-key.pem").read_bytes()
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": "HS256"}, claims)]
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(b".".join(parts), path.read_bytes())
    forged = {
        "another key": (jwt.encode(claims, Ed25519PrivateKey.generate(), "EdDSA"), Forbidden),
        "no signature": (jwt.encode(claims, None, "none"), Forbidden),  # type: ignore[arg-type]
        "the public key": (b".".join((*parts, base64.urlsafe_b64encode(mac).rstrip(b"="))).decode(), Forbidden),
        "another audience": (jwt.encode(claims | {"aud": "else"}, ours, "EdDSA"), Forbidden),
        "too long": (jwt.encode(claims | {"exp": now + 901}, ours, "EdDSA"), Forbidden),
        "expired": (jwt.encode(claims | {"iat": now - 60, "exp": now - 10}, ours, "EdDSA"), Fenced),
        "nothing": ("", Forbidden),
    }
    async with gateway.client("api") as api:
        for name, (text, error) in forged.items():
            with pytest.raises(error):
                await api.start_panic(user, HOPPER, act(SessionToken(text)), is_market=False)
            assert gateway.upstream.acts == [], name
        await api.start_panic(user, HOPPER, act(SessionToken(jwt.encode(claims, ours, "EdDSA"))), is_market=False)
    assert len(gateway.upstream.acts) == 1


async def test_a_new_key_of_the_api_is_taken_up(gateway: Stage) -> None:
    user = await gateway.linked_user()
    session = await gateway.session(user)
    old = gateway.token(session)
    assert gateway.settings.session_key_file is not None
    gateway.settings.session_key_file.unlink()
    certificates.issue_session_key(gateway.settings.session_key_file.parent)
    async with gateway.client("api") as api:
        with pytest.raises(Forbidden):
            await api.start_panic(user, HOPPER, act(old), is_market=False)
        await api.start_panic(user, HOPPER, act(gateway.token(session)), is_market=False)


async def test_without_a_key_no_user_acts(stage: Stage) -> None:
    keyed = stage.settings
    async with stage.running():
        user = await stage.linked_user()
    token = stage.token(await stage.session(user))
    stage.settings = replace(keyed, session_key_file=None)
    async with stage.running(), stage.client("api") as api:
        await asyncio.sleep(0.5)
        with pytest.raises(Forbidden, match="no session key"):
            await api.start_panic(user, HOPPER, act(token), is_market=False)


# ---- whose hopper, and what is asked ----


async def test_a_strangers_hopper_is_not_there_and_costs_nothing(gateway: Stage) -> None:
    await gateway.assigned(await gateway.linked_user())
    stranger = await gateway.linked_user()
    await gateway.sql("DELETE FROM custody.hoppers WHERE user_id = $1::text::uuid", stranger)
    fence = await gateway.assigned(stranger)
    asked = len(gateway.upstream.seen)
    said = []
    async with gateway.client("controller") as controller, gateway.client("processor") as processor:
        for hopper in (HOPPER, HopperId("999999")):
            with pytest.raises(NotFound) as refused:
                await controller.start_panic(stranger, hopper, act(fence), is_market=True)
            said.append(str(refused.value).replace(hopper, "X"))
            for read in (processor.reserved, processor.shorts, processor.orders, processor.config):
                with pytest.raises(NotFound):
                    await read(stranger, hopper)
            with pytest.raises(NotFound):
                await processor.output(stranger, hopper, EPOCH)
    assert said[0] == said[1]
    assert len(gateway.upstream.seen) == asked


async def test_what_makes_no_sense_is_turned_away_before_anything_is_asked(gateway: Stage) -> None:
    user = await gateway.linked_user()
    fence = await gateway.assigned(user)
    asked = len(gateway.upstream.seen)
    async with gateway.client("controller") as it:
        for positions in ([], ["x"], ["1", "1"], ["-1"], [""], [str(n) for n in range(501)], ["9" * 19]):
            with pytest.raises(Invalid):
                await it.sell_positions(user, HOPPER, act(fence), positions, is_market=True)
        for changes in ({}, {"api_key": "x"}, {"exchange": "kraken"}, {"stop_loss_percentage": "many"}):
            with pytest.raises(Invalid):
                await it.change_config(user, HOPPER, act(fence), changes)
        with pytest.raises(Invalid, match="intent"):
            await it.stop_panic(user, HOPPER, act(fence, intent="x"))
        with pytest.raises(Invalid, match="UUID"):
            await it.stop_panic(UserId("x"), HOPPER, act(fence))
    assert len(gateway.upstream.seen) == asked
    rows = await gateway.sql("SELECT DISTINCT outcome, reason, is_admitted FROM calls")
    assert [tuple(row) for row in rows] == [("not-sent", "Invalid", False)]


# ---- kill switches ----


async def admin(url: str, *arguments: str) -> tuple[int, str]:
    """`cryptwire admin kill-switch …` as a person types it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cryptwire", "admin", "kill-switch", *arguments),
        env=environment() | {"CRYPTWIRE_DATABASE_URL": url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode()


async def switched_off(client: GatewayClient, user: UserId, right: Fence | SessionToken, rule: str = "") -> bool:
    try:
        await client.set_selling(user, HOPPER, replace(act(right), rule_set=RuleSetId(rule)), is_on=True)
    except SwitchedOff:
        return True
    return False


async def test_a_kill_switch_keeps_everything_below_it_from_acting(roomy: Stage) -> None:
    user = await roomy.linked_user()
    fence, token = await roomy.assigned(user), roomy.token(await roomy.session(user))
    ids = {Level.RULE: "rule-7", Level.HOPPER: HOPPER, Level.USER: user.upper(), Level.PLATFORM: ""}
    async with (
        roomy.client("controller") as controller,
        roomy.client("api") as api,
        database.connect(roomy.owner_url, "test", 1) as rows,
    ):
        switches = KillSwitches(rows)
        for level, id in ids.items():
            assert not await switched_off(controller, user, fence, "rule-7")
            await switches.set(level, id, is_on=True, reason="a drill", by="eve")
            asked = len(roomy.upstream.acts)
            assert await switched_off(controller, user, fence, "rule-7")
            assert len(roomy.upstream.acts) == asked
            is_general = level is not Level.RULE
            assert await switched_off(controller, user, fence, "rule-8") is is_general
            assert await switched_off(api, user, token) is is_general
            await switches.set(level, id, is_on=False, reason="", by="eve")
        assert not await switched_off(controller, user, fence, "rule-7")
        for level, id in ((Level.HOPPER, "502"), (Level.USER, str(uuid.uuid4())), (Level.RULE, "r")):
            await switches.set(level, id, is_on=True, reason="another's", by="eve")
        assert not await switched_off(controller, user, fence, "rule-7")
    told = await roomy.sql("SELECT DISTINCT said FROM calls WHERE reason = 'SwitchedOff' ORDER BY said")
    assert [row["said"] for row in told] == [
        f"the kill switch of the {level} is on: a drill" for level in ("hopper", "platform", "rule", "user")
    ]


async def test_a_switch_that_a_person_turns_survives_a_restart_while_reads_go_on(stage: Stage) -> None:
    async with stage.running(), stage.client("controller") as controller:
        user = await stage.linked_user()
        fence = await stage.assigned(user)
        code, said = await admin(stage.owner_url, "on", "--level", "platform", "--reason", "an incident", "--by", "eve")
        assert (code, said) == (0, "the kill switch of platform is on: nothing acts\n")
        assert await switched_off(controller, user, fence)
    async with stage.running(), stage.client("controller") as controller:
        assert await switched_off(controller, user, fence)
        assert (await controller.hopper(user, HOPPER)).id == HOPPER
        _, said = await admin(stage.owner_url, "list")
        assert said.startswith("ON   platform  since ")
        assert said.endswith(" by eve: an incident\n")
        await admin(stage.owner_url, "off", "--level", "platform")
        assert not await switched_off(controller, user, fence)


async def test_the_command_says_what_is_wrong(database_url: str) -> None:
    for arguments, code, word in (
        (("on", "--level", "platform", "--id", "x", "--reason", "x"), 2, "no id"),
        (("on", "--level", "user", "--id", "bob", "--reason", "x"), 2, "UUID"),
        (("on", "--level", "hopper", "--id", "1"), 2, "--reason"),
        (("on", "--level", "hopper", "--id", "104200l", "--reason", "x"), 0, "warning: no hopper 104200l"),
    ):
        ended, said = await admin(database_url, *arguments)
        assert word in said
        assert ended == code


# ---- audit ----


async def test_what_was_turned_away_is_written_down(gateway: Stage) -> None:
    user = await gateway.linked_user()
    fence = await gateway.assigned(user)
    one = act(fence)
    async with gateway.client("tracker") as tracker, gateway.client("controller") as controller:
        with pytest.raises(Forbidden):
            await tracker.sell_positions(user, HOPPER, one, ["7"], is_market=True)
        with pytest.raises(Fenced):
            await controller.sell_positions(user, HOPPER, act(Fence(9)), ["7"], is_market=True)
        with pytest.raises(CryptwireError):
            await controller.sell_positions(user, HopperId("0"), one, ["7"], is_market=True)
        await controller.sell_positions(user, HOPPER, one, ["7"], is_market=True)  # the number is as good as new
    rows = await gateway.sql("SELECT * FROM calls ORDER BY call_id")
    told = [(row["service"], row["is_admitted"], row["outcome"], row["reason"], row["hopper_id"]) for row in rows]
    assert told == [
        ("tracker", False, "not-sent", "Forbidden", "501"),
        ("controller", False, "not-sent", "Fenced", "501"),
        ("controller", False, "not-sent", "NotFound", "0"),
        ("controller", True, "done", None, "501"),
    ]
    assert rows[1]["fence"] == 9
