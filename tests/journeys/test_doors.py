"""What a client gets at the public doors who asks for what is not his, not there or not right; and life goes on."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from cryptwire.domain.hopper import HopperId
from cryptwire.messaging import bus as messaging
from cryptwire.messaging.bus import NatsBus
from cryptwire.messaging.subjects import LIVE
from tests.journeys.conftest import Doors, until

TEN_MEGABYTES = b"x" * 10_000_000
HISTORY: dict[str, Any] = {"resolution": "15", "from": 1_700_000_000, "to": 1_700_086_400}


async def next_message(socket: aiohttp.ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    """The next message of a kind on a stream; others are passed over."""
    async with asyncio.timeout(10):
        while True:
            message = await socket.receive_json()
            if message["type"] == kind:
                return dict(message)


async def closed_with(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    """The code with which the server ends a stream."""
    async with asyncio.timeout(10):
        while not (await socket.receive()).type.name.startswith("CLOS"):
            pass
    return socket.close_code


async def assert_alive(doors: Doors) -> None:
    """The doors still answer who may ask."""
    hopper = doors.hoppers[0]
    assert await doors.value(hopper) is not None
    status, body = await doors.udf("history", symbol=f"HOPPER:{hopper}", resolution="15", to=4_000_000_000, countback=2)
    assert (status, body["s"], len(body["t"])) == (200, "ok", 2)
    async with doors.stream() as socket:
        await socket.send_json({"action": "subscribe", "symbol": f"HOPPER:{hopper}", "resolution": "15"})
        bar = await next_message(socket, "bar")
        assert bar["bar"]["time"] == body["t"][-1] or bar["bar"]["time"] == body["t"][-1] + 900


async def secret_of(doors: Doors, who: str) -> str:
    """Nothing, a guess, or the secret of a session that is over."""
    if who == "expired":
        user = (await doors.rows("SELECT user_id::text FROM users ORDER BY email LIMIT 1"))[0]["user_id"]
        return await doors.begin_session(user, timedelta(seconds=-1))
    return {"stranger": "", "guess": "A" * 43, "garbage": "%00" * 500}[who]


@pytest.mark.parametrize("who", ["stranger", "guess", "garbage", "expired"])
async def test_without_a_session_nothing_is_told(doors: Doors, who: str) -> None:
    secret = await secret_of(doors, who)
    refused = await doors.counted("edge", "datafeed_answers", status="401")
    errors = await doors.counted("edge", "api_errors", code="UNAUTHENTICATED")
    symbol = f"HOPPER:{doors.hoppers[0]}"
    paths = ("config", "time", "search", "symbols", "history", "marks")
    for path in paths:
        status, body = await doors.udf(path, secret, symbol=symbol, **HISTORY)
        assert (status, body) == (401, {"s": "error", "errmsg": "sign in first"}), path
    for query in ("{ hoppers { id } }", f'{{ hopper(id: "{doors.hoppers[0]}") {{ name }} }}'):
        status, body, _ = await doors.graphql(query, secret)
        assert status == 200
        assert body["data"] is None
        assert body["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert (await doors.graphql("{ me { id } }", secret))[1] == {"data": {"me": None}}
    async with doors.stream(secret) as socket:
        assert await closed_with(socket) == 4401
    assert await doors.counted("edge", "datafeed_answers", status="401") == refused + len(paths)
    assert await doors.counted("edge", "api_errors", code="UNAUTHENTICATED") == errors + 2


async def test_a_session_that_ends_takes_its_streams_along(doors: Doors) -> None:
    secret = await doors.sign_in()
    async with doors.stream(secret) as socket:
        await socket.send_json({"action": "subscribe", "symbol": f"HOPPER:{doors.hoppers[0]}", "resolution": "60"})
        await next_message(socket, "bar")
        await doors.graphql("mutation { signOut }", secret)
        async with asyncio.timeout(5):
            assert await closed_with(socket) == 4401


@pytest.mark.parametrize("symbol", ["another's", "HOPPER:999999", "HOPPER:", "HOPPER:%", "BTCUSDT", "x" * 5_000])
async def test_an_unknown_symbol_is_like_another_users(doors: Doors, symbol: str) -> None:
    symbol = f"HOPPER:{doors.others[0]}" if symbol == "another's" else symbol
    for path in ("symbols", "history", "marks"):
        assert await doors.udf(path, symbol=symbol, **HISTORY) == (404, {"s": "error", "errmsg": "unknown_symbol"})
    if len(symbol) <= 100:
        refused = await doors.counted("edge", "datafeed_refused", reason="unknown_symbol")
        async with doors.stream() as socket:
            await socket.send_json({"action": "subscribe", "symbol": symbol, "resolution": "15"})
            assert (await next_message(socket, "error"))["code"] == "unknown_symbol"
        assert await doors.counted("edge", "datafeed_refused", reason="unknown_symbol") == refused + 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"from": 1_700_086_401}, "from (1700086401) is after to (1700086400)"),
        ({"resolution": "7"}, "7"),
        ({"resolution": "1S"}, "1S"),
        ({"from": "yesterday"}, "from is not a number: 'yesterday'"),
        ({"to": "9" * 14}, "to must be Unix seconds"),
        ({"countback": 0}, "countback must be 1 to 5,000, not 0"),
        ({"from": 0, "to": 4_000_000_000, "resolution": "15", "countback": 5_001}, "countback must be 1 to 5,000"),
    ],
)
async def test_a_question_that_makes_no_sense_is_told_why(doors: Doors, wrong: dict[str, Any], said: str) -> None:
    counted = await doors.counted("edge", "datafeed_answers", route="history", status="400")
    status, body = await doors.udf("history", symbol=f"HOPPER:{doors.hoppers[0]}", **{**HISTORY, **wrong})
    assert status == 400
    assert body["s"] == "error"
    assert said in body["errmsg"]
    assert await doors.counted("edge", "datafeed_answers", route="history", status="400") == counted + 1


@pytest.mark.parametrize(
    "message",
    [
        b"not JSON",
        b"[]",
        b'{"action": "subscribe"}',
        b'{"action": "subscribe", "symbol": "HOPPER:1", "resolution": "7"}',
        b'{"action": "sell", "symbol": "HOPPER:1", "resolution": "15"}',
        b"\xff\xfe",
    ],
)
async def test_a_message_that_makes_no_sense_is_answered_and_the_stream_goes_on(doors: Doors, message: bytes) -> None:
    refused = await doors.counted("edge", "datafeed_refused", reason="invalid")
    async with doors.stream() as socket:
        await socket.send_bytes(message)
        error = await next_message(socket, "error")
        assert error["code"] == "invalid"
        assert error["message"]
        await socket.send_json({"action": "subscribe", "symbol": f"HOPPER:{doors.hoppers[0]}", "resolution": "1D"})
        assert (await next_message(socket, "bar"))["resolution"] == "1D"
    assert await doors.counted("edge", "datafeed_refused", reason="invalid") == refused + 1


async def posted(doors: Doors, path: str, body: Any, **headers: str) -> int:
    """Status of an answer; that of a refusal counts also when the rest was not read any more."""
    async with doors.http.post(
        f"{doors.base}{path}", data=body, headers={"content-type": "application/json", **headers}
    ) as answer:
        await answer.read()
        return answer.status


async def pieces() -> AsyncIterator[bytes]:
    """Ten megabytes that do not say beforehand how many they are."""
    for _ in range(100):
        yield TEN_MEGABYTES[:100_000]


@pytest.mark.parametrize("is_told", [True, False], ids=["told", "chunked"])
@pytest.mark.parametrize(
    ("path", "meter", "labels"),
    [
        ("/graphql", "api_too_long", {}),
        ("/webhooks/cryptohopper", "webhook_calls", {"outcome": "too_large"}),
    ],
)
async def test_ten_megabytes_are_refused(
    doors: Doors, path: str, meter: str, labels: dict[str, str], is_told: bool
) -> None:
    counted = await doors.counted("edge", meter, **labels)
    with contextlib.suppress(aiohttp.ClientConnectionError):  # closed while we still sent: the count tells
        assert await posted(doors, path, io.BytesIO(TEN_MEGABYTES) if is_told else pieces()) == 413
    assert await doors.counted("edge", meter, **labels) == counted + 1
    await assert_alive(doors)


@pytest.mark.parametrize("size", [10_001, 20_000, 10_000_000])
async def test_a_message_that_is_too_long_ends_its_stream_and_only_that(doors: Doors, size: int) -> None:
    counted = await doors.counted("edge", "datafeed_refused", reason="too_long")
    async with doors.stream() as other, doors.stream() as socket:
        with contextlib.suppress(ConnectionError):  # closed while we still sent
            await socket.send_bytes(TEN_MEGABYTES[:size])
        assert await closed_with(socket) in ((1009,) if size < 1_000_000 else (1009, 1006))
        await other.send_json({"action": "subscribe", "symbol": f"HOPPER:{doors.hoppers[0]}", "resolution": "15"})
        await next_message(other, "bar")
    assert await doors.counted("edge", "datafeed_refused", reason="too_long") == counted + 1
    await assert_alive(doors)


async def test_an_unsigned_webhook_is_refused_and_counted(doors: Doors) -> None:
    counted = await doors.counted("edge", "webhook_calls", outcome="bad_signature")
    assert await posted(doors, "/webhooks/cryptohopper", b"{}") == 401
    assert await posted(doors, "/webhooks/cryptohopper", b"{}", **{"x-hub-signature": "0" * 128}) == 401
    assert await doors.counted("edge", "webhook_calls", outcome="bad_signature") == counted + 2


@pytest.fixture
async def bus(doors: Doors) -> AsyncIterator[NatsBus]:
    async with messaging.connect(doors.stack.servers.nats.admin_url, "admin") as bus:
        yield bus


@pytest.mark.parametrize("payload", [b"\xff\xff\xff\xff", b"", b"\x08", b"not protobuf at all"])
async def test_malformed_tickers_and_trades_are_counted_and_candles_go_on(
    doors: Doors, bus: NatsBus, payload: bytes
) -> None:
    counted = {kind: await doors.counted("tracker", "tracker_refused_messages", subject=kind) for kind in TRACKED}
    for subject in TRACKED.values():
        await bus.publish(subject, payload)
    await bus.flush()

    async def are_counted() -> bool:
        return all(
            [
                await doors.counted("tracker", "tracker_refused_messages", subject=kind) == counted[kind] + 1
                for kind in TRACKED
            ]
        )

    await until(are_counted, 30, "the tracker counts each of them")
    await assert_alive(doors)


TRACKED = {
    "ticker": "ticker.binance.usdt.btc",
    "feed": "feed.binance",
    "trade": "trade.binance.1042001",
}


async def test_malformed_portfolios_are_counted_and_charts_go_on(doors: Doors, bus: NatsBus) -> None:
    hopper = HopperId(doors.hoppers[0])
    unreadable = await doors.counted("edge", "datafeed_unreadable")
    unknown = await doors.counted("edge", "api_unreadable")
    async with doors.stream() as socket:
        await socket.send_json({"action": "subscribe", "symbol": f"HOPPER:{hopper}", "resolution": "15"})
        await next_message(socket, "bar")
        for subject in (LIVE.live(hopper), LIVE.closed(hopper)):
            await bus.publish(subject, b"\xff\xff\xff\xff")
        await bus.flush()

        async def is_counted() -> bool:
            await bus.publish(LIVE.live(hopper), b"\xff\xff\xff\xff")
            await bus.flush()
            await doors.value(hopper)
            return (
                await doors.counted("edge", "datafeed_unreadable") > unreadable
                and await doors.counted("edge", "api_unreadable") > unknown
            )

        await until(is_counted, 30, "datafeed and API count what they cannot read")
        await next_message(socket, "bar")
    await until(lambda: has_value(doors, hopper), 30, "the next live value")
    await assert_alive(doors)


async def has_value(doors: Doors, hopper: HopperId) -> bool:
    return await doors.value(hopper) is not None
