"""Whatever is sent is answered, at once and without a 500; what was signed and is strange is put aside."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Route

from cryptwire.domain.strange_call import StrangeCall
from cryptwire.errors import Corrupt, CryptwireError, Unavailable
from cryptwire.memory.clock import HandClock as TurnedClock
from cryptwire.memory.clock import settled
from cryptwire.metrics import Meters
from tests.unit.webhook.twins import HandClock, TwinBus, TwinHints, TwinHoppers, TwinList, TwinTrades, trade
from webhook.handlers.aside import Waiting
from webhook.handlers.reads import Reads
from webhook.handlers.receiver import Receiver
from webhook.logic import Secrets

APP, SHARED = "app-secret", "shared-secret"


class TwinTable:
    """``trouble`` is raised, one a call."""

    def __init__(self) -> None:
        self.kept: list[StrangeCall] = []
        self.trouble: list[CryptwireError] = []

    async def keep(self, calls: Sequence[StrangeCall]) -> None:
        if self.trouble:
            raise self.trouble.pop(0)
        self.kept.extend(calls)


class Play:
    """The route among twins."""

    def __init__(self) -> None:
        self.clock, self.meters, self.list = HandClock(), Meters(), TwinList([trade("1", "t1")])
        reads = Reads(
            self.list, TwinHoppers("1"), TwinTrades(), TwinHints(), TwinBus(), self.clock, self.meters,
            every=timedelta(seconds=10), most=10,
        )  # fmt: skip
        self.table = TwinTable()
        self.aside = Waiting(self.table, self.clock, self.meters)
        receiver = Receiver(Secrets(APP, SHARED), "code", reads, self.aside, self.clock, self.meters)
        self.app = Starlette(routes=[Route("/hook", receiver.on_call, methods=["POST"])])

    async def post(self, body: bytes, headers: dict[bytes, bytes]) -> tuple[int, bytes]:
        scope = {
            "type": "http", "method": "POST", "path": "/hook", "raw_path": b"/hook", "query_string": b"",
            "headers": list(headers.items()), "http_version": "1.1", "scheme": "http", "root_path": "",
        }  # fmt: skip
        said: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            said.append(message)

        await self.app(scope, receive, send)
        return said[0]["status"], said[1]["body"]

    async def of_app(self, body: bytes) -> tuple[int, bytes]:
        return await self.post(body, {b"x-hub-signature": hmac.digest(APP.encode(), body, "sha512").hex().encode()})

    async def of_shared(self, body: bytes) -> tuple[int, bytes]:
        given = hmac.digest(SHARED.encode(), body, "sha256").hex().encode()
        return await self.post(body, {b"x-cryptohopper-signature": given})

    def messages(self, kind: str) -> float:
        return self.meters.value("webhook_messages", kind=kind)


def traded(**data: object) -> bytes:
    message = {"type": "trade_completed", "title": "t", "message": "m", "data": {"coin": "BTC", **data}}
    return json.dumps({"app_id": 1, "type": "messages", "messages": [message]}).encode()


async def test_two_trades_of_one_coin_that_say_no_more_are_two_hints() -> None:
    play = Play()
    assert (await play.of_app(traded(hopper_id="1")))[0] == 200
    await play.clock.turn(30)
    play.list.trades.append(trade("1", "t2", play.clock.now()))
    assert (await play.of_app(traded(hopper_id="1")))[0] == 200
    await play.clock.turn()
    assert len(play.list.asked) == 2
    assert (play.messages("trade"), play.messages("duplicate")) == (2, 0)


async def test_a_trade_that_says_which_is_a_hint_once() -> None:
    play = Play()
    for _ in range(3):
        assert (await play.of_app(traded(hopper_id="1", id="7")))[0] == 200
        await play.clock.turn(30)
    assert len(play.list.asked) == 1
    assert (play.messages("trade"), play.messages("duplicate")) == (1, 2)


async def test_the_same_message_twice_in_one_call_is_one() -> None:
    play = Play()
    call = json.loads(traded(hopper_id="1", id="7"))
    call["messages"] *= 2
    assert (await play.of_app(json.dumps(call).encode()))[0] == 200
    assert (play.messages("trade"), play.messages("duplicate")) == (1, 1)


async def test_the_other_form_is_heard_too() -> None:
    play = Play()
    body = json.dumps({"event": "order_filled", "payload": {"market": "BTC/USDT", "id": 7, "hopper_id": 1}}).encode()
    assert await play.of_shared(body) == (200, b"ok")
    await play.clock.turn()
    assert len(play.list.asked) == 1
    unnamed = json.dumps({"event": "order_filled", "payload": {"market": "BTC/USDT", "id": 8}}).encode()
    assert await play.of_shared(unnamed) == (200, b"ok")
    assert await play.of_shared(b'{"event":"something_new","payload":{}}') == (200, b"ok")
    assert (play.messages("trade"), play.messages("unnamed"), play.messages("other")) == (1, 1, 1)


async def test_what_is_strange_is_put_aside_when_it_was_signed_and_only_counted_when_not() -> None:
    play = Play()
    assert (await play.of_app(b"\x00no json"))[0] == 400
    assert (await play.of_app(b'{"type":"novelty"}'))[0] == 200
    assert (await play.of_app(b'{"type":"messages","messages":[7]}'))[0] == 200
    assert (await play.of_shared(b"[]"))[0] == 400
    assert (await play.post(b"\x00no json", {}))[0] == 401
    assert (await play.of_app(b'{"type":"validate"}')) == (200, b"code")
    assert await play.aside.flush()
    assert [(call.body, call.form) for call in play.table.kept] == [
        (b"\x00no json", 1),
        (b'{"type":"novelty"}', 1),
        (b'{"type":"messages","messages":[7]}', 1),
        (b"[]", 2),
    ]
    assert play.meters.value("webhook_calls", outcome="bad_signature") == 1


async def test_strange_calls_wait_for_a_table_that_is_away_the_newest_of_them() -> None:
    play = Play()
    clock = TurnedClock()
    aside = Waiting(play.table, clock, play.meters)
    play.table.trouble = [Unavailable("away"), Unavailable("away")]
    running = asyncio.create_task(aside.run())
    for number in range(150):
        aside.put(b"%d" % number, 1, "strange", clock.now())
    await clock.turn(timedelta(seconds=1.5))
    assert play.table.kept == []
    aside.put(b"last", 1, "strange", clock.now())
    await clock.turn(timedelta(seconds=1))
    assert [call.body for call in play.table.kept] == [*(b"%d" % number for number in range(51, 150)), b"last"]
    assert play.meters.value("webhook_strange", outcome="dropped") == 51
    running.cancel()
    await settled()


async def test_strange_calls_that_no_table_takes_are_not_tried_forever() -> None:
    play = Play()
    play.table.trouble = [Corrupt("no such table")]
    play.aside.put(b"x", 1, "strange", play.clock.now())
    assert await play.aside.flush()
    assert play.meters.value("webhook_strange", outcome="dropped") == 1


bodies = st.one_of(
    st.binary(max_size=300),
    st.sampled_from(
        [b"", b"[" * 60_000, b"9" * 60_000, b'{"type":"messages","messages":[{"type":"trade"}]}', b'"\xff"']
    ),
    st.builds(
        lambda kind, data: json.dumps({"type": kind, "event": kind, "messages": [data], "payload": data}).encode(),
        st.sampled_from(["messages", "validate", "order_filled", "trade", None, 1, "\ud800"]),
        st.dictionaries(
            st.sampled_from(["type", "data", "hopper_id", "id"]),
            st.none() | st.integers() | st.text(max_size=20) | st.lists(st.integers(), max_size=2),
        ),
    ),
)
names = st.sampled_from([b"x-hub-signature", b"x-cryptohopper-signature", b"content-length"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(bodies, st.booleans(), st.dictionaries(names, st.binary(max_size=140)))
def test_no_call_is_answered_with_a_500(body: bytes, is_shared: bool, headers: dict[bytes, bytes]) -> None:
    async def all_three() -> set[int]:
        play = Play()
        signed = await (play.of_shared if is_shared else play.of_app)(body)
        wild = await play.post(body, headers)
        await settled()
        return {signed[0], wild[0]}

    assert asyncio.run(all_three()) <= {200, 400, 401, 413, 503}


@pytest.mark.parametrize("form", ["app", "shared"])
async def test_a_changed_byte_is_no_signature_any_more(form: str) -> None:
    play = Play()
    body = traded(hopper_id="1")
    secret, kind, name = (APP, "sha512", b"x-hub-signature")
    if form == "shared":
        secret, kind, name = SHARED, "sha256", b"x-cryptohopper-signature"
    given = hmac.new(secret.encode(), body, getattr(hashlib, kind)).hexdigest().encode()
    assert (await play.post(body, {name: given}))[0] == 200
    for place in range(0, len(given), 7):
        wrong = bytearray(given)
        wrong[place] = ord("0") if wrong[place] != ord("0") else ord("1")
        assert (await play.post(body, {name: bytes(wrong)}))[0] == 401
