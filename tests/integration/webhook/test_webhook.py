"""A signed call brings a hopper's trades into the database and onto NATS; any other call does nothing."""

import asyncio
import hashlib
import hmac
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from cryptwire.clock import SystemClock
from cryptwire.codec.trade import trade_from_wire
from cryptwire.domain.hopper import HopperId
from cryptwire.errors import Invalid
from cryptwire.messaging import bus as messaging
from cryptwire.messaging.bus import Message
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from cryptwire.runtime import Health, Runtime, serving
from cryptwire.storage import database
from cryptwire.storage.database import url_of
from cryptwire.storage.strange_calls import StrangeCalls
from cryptwire.storage.trades import Trades
from cryptwire.storage.webhook_hints import WebhookHints
from devstack.servers import Servers
from tests.unit.webhook.twins import USER, TwinList, trade
from webhook.main import PATH, reading
from webhook.settings import Settings

SECRET = "app-secret"
CODE = "verification-code"


def signature(body: bytes) -> str:
    return hmac.new(SECRET.encode(), body, hashlib.sha512).hexdigest()


def call(*messages: object, kind: str = "messages") -> bytes:
    return json.dumps({"app_id": 1, "type": kind, "messages": messages}).encode()


def traded(hopper: str, coin: str = "BTC", **more: str) -> dict[str, object]:
    data = {"coin": coin, "hopper_id": hopper, **more}
    return {"type": "trade_completed", "title": "t", "message": "m", "data": data}


@dataclass
class Play:
    """The receiver behind a port, and what it talks to."""

    url: str
    session: aiohttp.ClientSession
    runtime: Runtime
    trade_list: TwinList
    trades: Trades
    hints: WebhookHints
    told: list[tuple[str, str]] = field(default_factory=list)

    async def post(self, body: bytes, **headers: str) -> tuple[int, str]:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.post(self.url, data=body, headers=headers) as answer:
            return answer.status, await answer.text()

    async def signed(self, body: bytes) -> tuple[int, str]:
        return await self.post(body, X_Hub_Signature=signature(body))

    async def until_told(self, number: int) -> None:
        async with asyncio.timeout(10):
            while len(self.told) < number:  # noqa: ASYNC110 - a test may look
                await asyncio.sleep(0.01)

    def calls(self, outcome: str) -> float:
        return self.runtime.meters.value("webhook_calls", outcome=outcome)

    def messages(self, kind: str) -> float:
        return self.runtime.meters.value("webhook_messages", kind=kind)


def settings_of(servers: Servers, database_url: str, **more: object) -> Settings:
    return Settings(
        url_of("webhook", database_url),
        servers.nats.url("webhook"),
        "127.0.0.1:1",
        Path("certificates"),
        SECRET,
        CODE,
        **{"read_every": timedelta(seconds=0.5), **more},  # type: ignore[arg-type]
    )


@asynccontextmanager
async def playing(servers: Servers, database_url: str, **more: object) -> AsyncIterator[Play]:
    connection = await asyncpg.connect(database_url)
    await connection.execute("INSERT INTO users (user_id, email, password_hash) VALUES ($1, 'a@b', '')", USER)
    for id in ("1", "2"):
        await connection.execute("INSERT INTO hoppers VALUES ($1, $2, 'A', 'binance', 'USDT', false, 300)", id, USER)
    await connection.close()
    runtime = Runtime(asyncio.Event(), SystemClock(), Meters(), Health())
    now = runtime.clock.now()
    trades = TwinList([trade("1", "t1", now - timedelta(hours=1)), trade("2", "t2", now)])
    async with (
        reading(settings_of(servers, database_url, **more), runtime, trades) as app,
        serving(app, "127.0.0.1", 0) as port,
        messaging.connect(servers.nats.admin_url, "admin") as bus,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
        database.connect(database_url, "test") as rows,
    ):
        play = Play(f"http://127.0.0.1:{port}{PATH}", session, runtime, trades, Trades(rows), WebhookHints(rows))

        async def on_trade(message: Message) -> None:
            play.told.append((message.subject, trade_from_wire(message.payload).id))

        await bus.subscribe(LIVE.all_trades, on_trade)
        await bus.flush()
        yield play


@pytest.fixture
async def play(servers: Servers, database_url: str) -> AsyncIterator[Play]:
    async with playing(servers, database_url) as playing_:
        yield playing_


async def test_validation_is_answered_with_the_bare_code(play: Play) -> None:
    body = call(kind="validate")
    assert await play.signed(body) == (200, CODE)
    assert await play.post(body, x_hub_signature=f"sha512={signature(body)}") == (200, CODE)
    assert await play.post(body, X_HUB_SIGNATURE=signature(body).upper()) == (200, CODE)


async def test_the_other_form_is_heard_where_a_secret_is_shared(servers: Servers, database_url: str) -> None:
    payload = {"market": "BTC/USDT", "type": "buy", "amount": 1, "price": 2, "id": 7, "hopper_id": "1"}
    body = json.dumps({"event": "order_filled", "payload": payload}).encode()
    signed = hmac.new(b"shared-secret", body, hashlib.sha256).hexdigest()
    async with playing(servers, database_url, shared_secret="shared-secret") as play:
        assert (await play.post(body, X_Cryptohopper_Signature="0" * 64))[0] == 401
        assert (await play.post(body, X_Cryptohopper_Signature=signed))[0] == 200
        await play.until_told(1)
        assert play.told == [("trade.binance.1", "t1")]


async def test_and_refused_where_none_is(play: Play) -> None:
    body = b'{"event":"order_filled","payload":{}}'
    for secret in (b"", b"None", SECRET.encode()):
        signed = hmac.new(secret, body, hashlib.sha256).hexdigest()
        assert (await play.post(body, X_Cryptohopper_Signature=signed))[0] == 401


async def test_who_did_not_sign_is_turned_away(play: Play) -> None:
    body = call(traded("1"))
    assert (await play.post(body))[0] == 401
    assert (await play.post(body, X_Hub_Signature=signature(body + b" ")))[0] == 401
    assert (await play.post(b"", X_Hub_Signature=""))[0] == 401
    assert play.calls("bad_signature") == 3
    assert play.trade_list.asked == []


async def test_a_trade_is_in_the_database_when_it_is_told(play: Play) -> None:
    assert (await play.signed(call(traded("1"), traded("2"))))[0] == 200
    await play.until_told(2)
    assert sorted(play.told) == [("trade.binance.1", "t1"), ("trade.binance.2", "t2")]
    now = play.runtime.clock.now()
    kept = await play.trades.within(HopperId("1"), now - timedelta(days=2), now)
    assert [row.id for row in kept] == ["t1"]
    heard = await play.hints.last_of([HopperId("1"), HopperId("2"), HopperId("3")])
    assert heard.keys() == {"1", "2"}
    assert all(now - timedelta(minutes=1) < at <= now for at in heard.values())


async def test_the_same_call_again_does_nothing(play: Play) -> None:
    body = call(traded("1", id="7"))
    for _ in range(3):
        assert (await play.signed(body))[0] == 200
    await play.until_told(1)
    await asyncio.sleep(0.8)
    assert len(play.trade_list.asked) == 1
    assert (play.messages("trade"), play.messages("duplicate")) == (1, 2)


async def test_a_second_trade_soon_after_is_told_a_little_later(play: Play) -> None:
    await play.signed(call(traded("1")))
    await play.until_told(1)
    play.trade_list.trades.append(trade("1", "t3", play.runtime.clock.now()))
    await play.signed(call(traded("1", "ETH")))
    await play.until_told(2)
    assert play.told[-1] == ("trade.binance.1", "t3")
    assert len(play.trade_list.asked) == 2


async def test_what_names_no_known_hopper_is_acknowledged_and_counted(play: Play) -> None:
    unnamed = {"type": "trade_completed", "data": {"coin": "BTC"}}
    assert (await play.signed(call(unnamed, {"type": "on_trigger"}, 7, traded("999"))))[0] == 200
    assert (await play.signed(call(kind="novelty")))[0] == 200
    await asyncio.sleep(0.3)
    assert (play.messages("unnamed"), play.messages("other"), play.messages("malformed")) == (1, 1, 1)
    assert play.calls("unknown_type") == 1
    assert play.runtime.meters.value("webhook_reads", outcome="unknown_hopper") == 1
    assert play.trade_list.asked == []


@pytest.mark.parametrize("body", [b"", b"[]", b"\x00\xff", b"{" * 1000, b'"messages"'])
async def test_signed_garbage_is_refused_and_kept_for_a_person(play: Play, database_url: str, body: bytes) -> None:
    assert (await play.signed(body))[0] == 400
    assert (await play.post(body))[0] == 401
    async with asyncio.timeout(10), database.connect(database_url, "test") as rows:
        while not (kept := await StrangeCalls(rows, 1, 1).newest()):  # noqa: ASYNC110 - rows in a server
            await asyncio.sleep(0.02)
    assert [(call.body, call.times) for call in kept] == [(body, 1)]


@pytest.mark.parametrize("is_length_told", [True, False])
async def test_ten_megabytes_are_not_read(play: Play, is_length_told: bool) -> None:
    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(160):
            yield b" " * 65_536

    body = io.BytesIO(b" " * 10 * 1024 * 1024) if is_length_told else in_pieces()
    try:
        async with play.session.post(play.url, data=body, headers={"X-Hub-Signature": "0"}) as answer:
            assert answer.status == 413
    except aiohttp.ClientConnectionError:
        pass  # the connection was closed while the rest was sent
    assert play.calls("too_large") == 1
    assert (await play.signed(call(kind="validate")))[0] == 200


async def test_other_paths_and_verbs_are_not_there(play: Play) -> None:
    async with play.session.get(play.url) as answer:
        assert answer.status == 405
    async with play.session.post(play.url + "x") as answer:
        assert answer.status == 404


async def test_a_full_queue_says_come_again_and_the_retry_is_no_duplicate(servers: Servers, database_url: str) -> None:
    async with playing(servers, database_url, queue_size=1) as play:
        body = call(traded("1"), traded("2"))
        assert (await play.signed(body))[0] == 503
        assert (await play.signed(call(traded("1"))))[0] == 200
        await play.until_told(1)
        assert (await play.signed(call(traded("2", "ETH"))))[0] == 200
        await play.until_told(2)


async def test_without_a_secret_it_does_not_start(servers: Servers, database_url: str) -> None:
    settings = settings_of(servers, database_url)
    assert SECRET not in repr(settings)
    with pytest.raises(Invalid, match="APP_SECRET"):
        replace(settings, app_secret="")
