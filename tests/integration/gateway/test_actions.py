"""Actions reach upstream once, their end is written down, and what was read before them is not served after them."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from starlette.responses import HTMLResponse, JSONResponse, Response

from cryptwire import config
from cryptwire.domain.action import Act, Acted, Fence
from cryptwire.domain.hopper import UserId
from cryptwire.errors import (
    CryptwireError,
    Exhausted,
    Fenced,
    Forbidden,
    Invalid,
    NotFound,
    Unavailable,
    Unconfirmed,
)
from cryptwire.gateway_client import GatewayClient
from cryptwire.storage.database import SERVICES, url_of
from devstack.servers import Process, free_port
from tests.integration.gateway.conftest import HOPPER, Stage, act
from tests.integration.gateway.test_outages import Door
from tests.integration.gateway.upstream import CutOff

SECOND = timedelta(seconds=1)
PANIC = "/v1/hopper/501/panicbutton"
Call = Callable[[GatewayClient, UserId, Act], Awaitable[Acted]]


async def panic(client: GatewayClient, user: UserId, one: Act, within: float = 20) -> Acted:
    return await client.start_panic(user, HOPPER, one, is_market=True, within=within * SECOND)


async def acted_on(stage: Stage) -> None:
    """Return when an action has reached upstream."""
    async with asyncio.timeout(10):
        while not stage.upstream.acts:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)


async def ended(stage: Stage, outcome: str | None) -> asyncpg.Record:
    """The one row of an action that was sent, when its outcome is this."""
    async with asyncio.timeout(10):
        while True:
            (row,) = await stage.sql("SELECT * FROM calls WHERE is_admitted")
            if row["outcome"] == outcome:
                return row
            await asyncio.sleep(0.05)


CALLS: dict[str, Call] = {
    "StartPanic": lambda it, user, one: it.start_panic(user, HOPPER, one, is_market=True),
    "StopPanic": lambda it, user, one: it.stop_panic(user, HOPPER, one),
    "SellPositions": lambda it, user, one: it.sell_positions(user, HOPPER, one, ["7", "8"], is_market=False),
    "CancelOrders": lambda it, user, one: it.cancel_orders(user, HOPPER, one, ["9"]),
    "SetEnabled": lambda it, user, one: it.set_enabled(user, HOPPER, one, is_on=False),
    "SetBuying": lambda it, user, one: it.set_buying(user, HOPPER, one, is_on=False),
    "SetSelling": lambda it, user, one: it.set_selling(user, HOPPER, one, is_on=False),
    "ChangeConfig": lambda it, user, one: it.change_config(user, HOPPER, one, {"stop_loss_percentage": "5"}),
}
PARAMETERS = {
    "StartPanic": '{"is_market": true}',
    "StopPanic": "{}",
    "SellPositions": '{"is_market": false, "position_ids": ["7", "8"]}',
    "CancelOrders": '{"order_ids": ["9"]}',
    "ChangeConfig": '{"changes": {"stop_loss_percentage": "5"}}',
}


async def test_every_action_is_sent_answered_and_audited(roomy: Stage) -> None:
    user = await roomy.linked_user()
    fence = await roomy.assigned(user)
    async with roomy.client("controller") as controller:
        for sent, (call, calling) in enumerate(CALLS.items(), 1):
            one = act(fence, sent)
            acted = await calling(controller, user, one)
            assert await calling(controller, user, one) == replace(acted, is_repeated=True)
            assert acted.said
            assert not acted.is_repeated
            assert timedelta(0) <= acted.answered_at - acted.sent_at < 5 * SECOND
            assert len(roomy.upstream.acts) == sent
            (row,) = await roomy.sql("SELECT * FROM calls WHERE call = $1", call)
            assert (row["service"], str(row["user_id"]), row["hopper_id"]) == ("controller", user, HOPPER)
            assert (str(row["intent_id"]), row["number"]) == (one.intent, sent)
            assert row["parameters"] == PARAMETERS.get(call, '{"is_on": false}')
            assert (row["fence"], row["session"]) == (fence.number, None)
            assert (row["outcome"], row["reason"], row["said"]) == ("done", None, acted.said)
            assert (row["sent_at"], row["answered_at"]) == (acted.sent_at, acted.answered_at)
            assert roomy.upstream.marked not in str(dict(row))


async def test_the_audit_names_the_session(gateway: Stage) -> None:
    user = await gateway.linked_user()
    session = await gateway.session(user)
    token = gateway.token(session)
    async with gateway.client("api") as api:
        await api.stop_panic(user, HOPPER, act(token))
    (row,) = await gateway.sql("SELECT * FROM calls")
    assert (row["service"], row["session"], row["fence"]) == ("api", session.session, None)
    assert token.text not in str(dict(row))


async def test_a_number_stands_for_one_act(roomy: Stage) -> None:
    user = await roomy.linked_user()
    one = act(await roomy.assigned(user))
    async with roomy.client("controller") as controller:
        await controller.sell_positions(user, HOPPER, one, ["7"], is_market=True)
        for other in (
            controller.sell_positions(user, HOPPER, one, ["8"], is_market=True),
            controller.sell_positions(user, HOPPER, one, ["7"], is_market=False),
            controller.stop_panic(user, HOPPER, one),
        ):
            with pytest.raises(Invalid, match="another act"):
                await other
        await controller.sell_positions(user, HOPPER, replace(one, number=2), ["8"], is_market=True)
    assert roomy.upstream.sold == [7, 8] or roomy.upstream.sold == ["7", "8"]


async def test_two_gateways_that_race_send_once(roomy: Stage) -> None:
    other = roomy.on(f"127.0.0.1:{free_port()}")
    async with other.running():
        user = await roomy.linked_user()
        fence = await roomy.assigned(user)
        roomy.upstream.act_delay = 0.5
        async with roomy.client("controller") as one, other.client("controller") as two:
            for number in range(1, 6):
                same = act(fence, number, "7e1f27d4-0000-4000-8000-0000000000aa")
                answers = await asyncio.gather(*(panic((one, two)[n % 2], user, same) for n in range(20)))
                assert len(roomy.upstream.acts) == number
                assert len({replace(acted, is_repeated=False) for acted in answers}) == 1
                assert [acted.is_repeated for acted in answers].count(False) == 1


TROUBLES: dict[str, tuple[Response, type[CryptwireError], str]] = {
    "forbidden": (JSONResponse({"status": 403, "error": 1, "message": "scope"}, 403), Forbidden, "refused"),
    "unpaid": (JSONResponse({"status": 402, "error": 1}, 402), Forbidden, "refused"),
    "gone": (JSONResponse({"status": 404, "error": 1}, 404), NotFound, "refused"),
    "wrong": (JSONResponse({"status": 422, "error": 1}, 422), Invalid, "refused"),
    "words": (JSONResponse({"data": "You cannot do that now"}), Invalid, "refused"),
    "too much": (JSONResponse({"status": 429}, 429, {"Retry-After": "1"}), Exhausted, "refused"),
    "too much, softly": (JSONResponse({"status": 429, "message": "slow down"}), Exhausted, "refused"),
    "broken": (JSONResponse({"error": 1}, 500), Unconfirmed, "unknown"),
    "bad gateway": (HTMLResponse("<html>502</html>", 502), Unconfirmed, "unknown"),
    "nonsense": (Response(b"{", media_type="application/json"), Unconfirmed, "unknown"),
    "cut": (CutOff(b'{"data":"Panic mo'), Unconfirmed, "unknown"),
}


async def test_whatever_upstream_answers_it_is_not_sent_again(roomy: Stage) -> None:
    user = await roomy.linked_user()
    fence = await roomy.assigned(user)
    async with roomy.client("controller") as controller:
        for sent, (name, (answer, error, outcome)) in enumerate(TROUBLES.items(), 1):
            roomy.upstream.queue(PANIC, answer)
            one = act(fence, sent)
            for _ in range(2):
                with pytest.raises(error) as raised:
                    await panic(controller, user, one)
                assert type(raised.value) is error, name
                assert len(roomy.upstream.acts) == sent
            rows = await roomy.sql("SELECT outcome, reason FROM calls WHERE number = $1", sent)
            assert [tuple(row) for row in rows] == [(outcome, error.__name__)], name


async def test_a_refused_token_is_renewed_and_the_next_number_succeeds(roomy: Stage) -> None:
    user = await roomy.linked_user()
    one = act(await roomy.assigned(user))
    roomy.upstream.access = "another"
    async with roomy.client("controller") as controller:
        with pytest.raises(Unavailable) as raised:
            await panic(controller, user, one)
        assert type(raised.value) is Unavailable
        assert roomy.upstream.acts == []
        async with asyncio.timeout(5):
            while roomy.upstream.issued < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        asked = roomy.upstream.count(PANIC)
        with pytest.raises(Unavailable):
            await panic(controller, user, one)
        assert roomy.upstream.count(PANIC) == asked == 1
        await panic(controller, user, replace(one, number=2))
    assert len(roomy.upstream.acts) == 1


async def test_a_caller_that_goes_away_changes_nothing(gateway: Stage) -> None:
    user = await gateway.linked_user()
    one = act(await gateway.assigned(user))
    gateway.upstream.act_delay = 1.0
    async with gateway.client("controller") as controller:
        acting = asyncio.create_task(panic(controller, user, one))
        await acted_on(gateway)
        acting.cancel()
        await asyncio.gather(acting, return_exceptions=True)
        await ended(gateway, "done")
        assert (await panic(controller, user, one)).is_repeated
    assert len(gateway.upstream.acts) == 1


async def test_a_deadline_that_comes_first_leaves_it_open_and_a_second_call_tells(gateway: Stage) -> None:
    """Who reads back meanwhile is not told what was read before it was sent."""
    user = await gateway.linked_user()
    one = act(await gateway.assigned(user))
    minute = timedelta(minutes=1)
    gateway.upstream.act_delay = 1.5
    async with gateway.client("controller") as controller:
        assert (await controller.hopper(user, HOPPER, minute)).is_selling
        with pytest.raises(Unconfirmed):
            await controller.set_selling(user, HOPPER, one, is_on=False, within=0.5 * SECOND)
        assert not (await controller.hopper(user, HOPPER, minute)).is_selling
        assert (await controller.set_selling(user, HOPPER, one, is_on=False)).is_repeated
    assert len(gateway.upstream.acts) == 1


async def test_the_end_is_written_down_when_the_database_is_back(stage: Stage) -> None:
    parts = urlsplit(stage.settings.database_url)
    assert parts.hostname is not None
    assert parts.port is not None
    door = Door(parts.hostname, parts.port)
    netloc = f"{parts.username}:{parts.password}@127.0.0.1:{door.listens_on}"
    stage.settings = replace(stage.settings, database_url=urlunsplit(parts._replace(netloc=netloc)))
    await door.open()
    async with stage.running(), stage.client("controller") as controller:
        user = await stage.linked_user()
        one = act(await stage.assigned(user))
        stage.upstream.act_delay = 0.5
        acting = asyncio.create_task(panic(controller, user, one))
        await acted_on(stage)
        await door.shut()
        assert (await acting).said
        with pytest.raises(Unavailable):
            await panic(controller, user, one, within=3)
        await ended(stage, None)
        await door.open()
        await ended(stage, "done")
        assert (await panic(controller, user, one)).is_repeated
    await door.shut()
    assert len(stage.upstream.acts) == 1


async def test_nothing_is_sent_while_the_database_is_away(stage: Stage) -> None:
    async with stage.running():
        user = await stage.linked_user()
        one = act(await stage.assigned(user))
    good = stage.settings
    stage.settings = replace(good, database_url=f"postgresql://x:y@127.0.0.1:{free_port()}/x")
    async with stage.running(), stage.client("controller") as controller:
        with pytest.raises(Unavailable):
            await panic(controller, user, one, within=5)
    assert stage.upstream.acts == []


async def test_redis_that_is_away_keeps_nobody_from_acting(stage: Stage) -> None:
    async with stage.running():
        user = await stage.linked_user()
        one = act(await stage.assigned(user))
    stage.settings = replace(stage.settings, redis_url=f"redis://127.0.0.1:{free_port()}")
    async with stage.running(), stage.client("controller") as controller:
        await panic(controller, user, one)
    assert len(stage.upstream.acts) == 1


async def test_the_end_of_the_gateway_waits_for_an_action(stage: Stage) -> None:
    async with stage.client("controller") as controller:
        async with stage.running():
            user = await stage.linked_user()
            one = act(await stage.assigned(user))
            stage.upstream.act_delay = 2.0
            acting = asyncio.create_task(panic(controller, user, one))
            await acted_on(stage)
        assert (await acting).said
        await ended(stage, "done")


async def test_a_killed_gateway_leaves_an_action_that_nobody_sends_again(stage: Stage, tmp_path: Any) -> None:
    """A real process, killed between request and answer."""
    environment = config.environment() | config.variables(stage.settings, "gateway")
    process = Process("gateway", tmp_path / "gateway.log")
    process.start([sys.executable, "-m", "cryptwire", "run", "gateway"], cwd=os.getcwd(), environment=environment)
    try:
        async with stage.client("controller") as controller:
            async with asyncio.timeout(30):
                while True:
                    try:
                        user = await stage.linked_user()
                        break
                    except Unavailable:
                        await asyncio.sleep(0.2)
            one = act(await stage.assigned(user))
            stage.upstream.act_delay = 30
            acting = asyncio.create_task(panic(controller, user, one))
            await acted_on(stage)
            os.kill(process.pid, signal.SIGKILL)
            with pytest.raises(Unconfirmed):
                await acting
            stage.upstream.released.set()
            async with stage.running():
                await asyncio.sleep(2.1)  # the longest pause of the channel
                with pytest.raises(Unconfirmed):
                    await panic(controller, user, one, within=2)
                await stage.sql("UPDATE calls SET begun_at = now() - interval '31 seconds'")
                began = asyncio.get_running_loop().time()
                with pytest.raises(Unconfirmed, match="read back"):
                    await panic(controller, user, one)
                assert asyncio.get_running_loop().time() - began < 2
                assert len(stage.upstream.acts) == 1
                await panic(controller, user, replace(one, number=2))
    finally:
        await process.stop(5)
    assert len(stage.upstream.acts) == 2


async def test_what_was_read_before_an_action_is_not_served_after_it(roomy: Stage) -> None:
    user = await roomy.linked_user()
    other = roomy.on(f"127.0.0.1:{free_port()}")
    one = act(await roomy.assigned(user))
    minute = timedelta(minutes=1)
    async with other.running(), roomy.client("controller") as it, other.client("controller") as there:
        assert (await it.hopper(user, HOPPER, minute)).is_selling
        assert (await there.hopper(user, HOPPER, minute)).is_selling
        asked = roomy.upstream.count("/v1/hopper/501")
        assert (await there.hopper(user, HOPPER, minute)).is_selling
        assert roomy.upstream.count("/v1/hopper/501") == asked
        await it.set_selling(user, HOPPER, one, is_on=False)
        assert not (await it.hopper(user, HOPPER, minute)).is_selling
        assert not (await there.hopper(user, HOPPER, minute)).is_selling


async def test_a_read_that_was_under_way_is_not_served_to_who_asks_after_the_action(roomy: Stage) -> None:
    user = await roomy.linked_user()
    one = act(await roomy.assigned(user))
    async with roomy.client("controller") as it:
        roomy.upstream.read_delay = 1.0
        asked = roomy.upstream.count("/v1/hopper/501")
        early = asyncio.create_task(it.hopper(user, HOPPER))
        async with asyncio.timeout(5):
            while roomy.upstream.count("/v1/hopper/501") == asked:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await it.set_selling(user, HOPPER, one, is_on=False)
        assert not (await it.hopper(user, HOPPER)).is_selling
        await early
    assert roomy.upstream.count("/v1/hopper/501") == asked + 2


async def test_what_was_read_while_an_action_was_under_way_is_not_served_after_it(roomy: Stage) -> None:
    user = await roomy.linked_user()
    one = act(await roomy.assigned(user))
    roomy.upstream.act_delay = 1.0
    async with roomy.client("controller") as it:
        acting = asyncio.create_task(it.set_selling(user, HOPPER, one, is_on=False))
        await acted_on(roomy)
        before = JSONResponse({"data": {"hopper": roomy.upstream.hopper | {"selling_enabled": "1"}}})
        roomy.upstream.queue("/v1/hopper/501", before)
        assert (await it.hopper(user, HOPPER)).is_selling
        await acting
        assert not (await it.hopper(user, HOPPER, timedelta(minutes=1))).is_selling


async def test_actions_come_out_of_what_is_kept_for_them(stage: Stage) -> None:
    stage.settings = replace(stage.settings, requests_per_window=8, reserved_per_window=3)
    async with stage.running():
        user = await stage.linked_user()
        fence = await stage.assigned(user)
        stage.upstream.data["/v1/hopper/501/assets"] = {"BTC": "1"}
        async with stage.client("tracker") as tracker, stage.client("controller") as controller:
            for _ in range(8):
                with suppress(Exhausted):
                    await tracker.assets(user, HOPPER)
            with pytest.raises(Exhausted):
                await tracker.assets(user, HOPPER)
            for number in range(3):
                await panic(controller, user, act(fence, number))
            with pytest.raises(Exhausted) as raised:
                await panic(controller, user, act(fence))
            assert raised.value.retry_after > 1
            with pytest.raises(Exhausted):
                await panic(controller, user, act(fence))
    assert len(stage.upstream.acts) == 3
    rows = await stage.sql("SELECT count(*) AS n FROM calls WHERE NOT is_admitted AND reason = 'Exhausted'")
    assert rows[0]["n"] == 2


async def test_the_audit_is_read_by_few_and_changed_by_nobody(database_url: str) -> None:
    """The API turns its users' switches; rows that no user turned it does not reach."""
    owner = await asyncpg.connect(database_url)
    await owner.execute("INSERT INTO kill_switches VALUES ('platform', '', true, 'an incident', 'operator')")
    for service in SERVICES:
        connection = await asyncpg.connect(url_of(service, database_url))

        async def may(statement: str, connection: Any = connection) -> bool:
            try:
                await connection.execute(statement)
            except asyncpg.InsufficientPrivilegeError:
                return False
            return True

        try:
            assert await may("SELECT * FROM calls") is (service in ("api", "controller", "gateway"))
            assert await may("SELECT * FROM kill_switches") is (service in ("api", "controller", "gateway"))
            assert await may("UPDATE calls SET outcome = 'done'") is (service == "gateway")
            for column in ("parameters", "hopper_id", "service", "intent_id", "begun_at", "is_admitted"):
                assert not await may(f"UPDATE calls SET {column} = {column}")
            assert not await may("DELETE FROM calls")
            assert not await may("TRUNCATE calls")
            assert await may("UPDATE kill_switches SET is_on = false") is (service == "api")
            assert await owner.fetchval("SELECT is_on FROM kill_switches WHERE level = 'platform'")
            assert not await may("INSERT INTO kill_switches VALUES ('platform', '', false, '', '')")
            assert not await may("DELETE FROM kill_switches")
        finally:
            await connection.close()
    await owner.close()


async def test_every_end_is_counted(stage: Stage) -> None:
    async with stage.running() as runtime, stage.client("controller") as controller:
        user = await stage.linked_user()
        await panic(controller, user, act(await stage.assigned(user)))
        with pytest.raises(Fenced):
            await panic(controller, user, act(Fence(77)))
        count = runtime.meters.value
        assert count("gateway_calls", call="StartPanic", caller="controller", outcome="ok") == 1
        assert count("gateway_calls", call="StartPanic", caller="controller", outcome="Fenced") == 1
        assert count("gateway_actions", call="StartPanic", outcome="done", reason="") == 1
        assert count("gateway_actions", call="StartPanic", outcome="not-sent", reason="Fenced") == 1
