"""Requests as they are on the wire: each is sent once, and what became of an action is never guessed."""

import asyncio
import json
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from cryptwire.clock import EPOCH, SystemClock
from cryptwire.domain.hopper import Asset, Exchange, HopperId, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Corrupt, Exhausted, Forbidden, Invalid, LinkAgain, NotFound, Unavailable, Unconfirmed
from cryptwire.metrics import Meters
from gateway import adapters
from gateway.adapters import Cryptohopper
from gateway.breaker import FAILURES
from gateway.ports import TokenRefused
from gateway.settings import Settings
from tests.integration.gateway.wire import Answer, Wire, answers, babbles, cuts, drops, hangs, listening, resets

TOKEN, HOPPER, USER = "token-of-the-test", HopperId("501"), UserId("u")
HOME = Pair(Exchange("kraken"), Asset(""), Asset("USDT"))
SOON, LONG = timedelta(seconds=0.3), timedelta(seconds=5)
PANIC = answers({"data": "Panic mode enabled"})

Act = Callable[[Cryptohopper, timedelta], Awaitable[str]]


@dataclass
class Stage:
    wire: Wire
    settings: Settings
    upstream: Cryptohopper


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with listening() as wire:
        settings = Settings(
            database_url="none",
            redis_url="none",
            certificates=tmp_path,
            client_id="client",
            client_secret="secret-of-the-test",
            upstream_url=f"http://127.0.0.1:{wire.port}/v1",
            oauth_url=f"http://127.0.0.1:{wire.port}/oauth2",
            response_limit=5_000,
        )
        async with adapters.connect(settings, SystemClock(), Meters()) as upstream:
            yield Stage(wire, settings, upstream)


def panic(upstream: Cryptohopper, timeout: timedelta = LONG) -> Awaitable[str]:
    return upstream.start_panic(TOKEN, HOPPER, timeout, is_market=True)


ACTIONS: list[tuple[Act, str, str, Any]] = [
    (panic, "GET", "/panicbutton?market_orders=1", None),
    (lambda up, t: up.start_panic(TOKEN, HOPPER, t, is_market=False), "GET", "/panicbutton", None),
    (lambda up, t: up.stop_panic(TOKEN, HOPPER, t), "DELETE", "/panicbutton", None),
    (
        lambda up, t: up.sell_positions(TOKEN, HOPPER, ["7", "8"], t, is_market=True),
        *("POST", "/position/sell", {"position_id": [7, 8], "market_order": 1}),
    ),
    (lambda up, t: up.cancel_orders(TOKEN, HOPPER, ["9"], t), "DELETE", "/order", {"order_ids": [9]}),
    (lambda up, t: up.cancel_orders(TOKEN, HOPPER, [], t), "DELETE", "/order/all", None),
    (lambda up, t: up.set_enabled(TOKEN, HOPPER, t, is_on=True), "PATCH", "/enable", None),
    (lambda up, t: up.set_enabled(TOKEN, HOPPER, t, is_on=False), "PATCH", "/disable", None),
    (lambda up, t: up.set_buying(TOKEN, HOPPER, t, is_on=False), "PATCH", "/disable/buying", None),
    (lambda up, t: up.set_selling(TOKEN, HOPPER, t, is_on=True), "PATCH", "/enable/selling", None),
    (
        lambda up, t: up.change_config(TOKEN, HOPPER, {"stop_loss": "true"}, t),
        *("PATCH", "/config", {"config": {"stop_loss": "1"}}),
    ),
]


# ---- actions ----


@pytest.mark.parametrize(("act", "verb", "path", "body"), ACTIONS)
async def test_an_action_is_the_right_request(stage: Stage, act: Act, verb: str, path: str, body: Any) -> None:
    stage.wire.answer = PANIC
    assert await act(stage.upstream, LONG) == "Panic mode enabled"
    (seen,) = stage.wire.seen
    assert (seen.verb, seen.target) == (verb, f"/v1/hopper/501{path}")
    assert (seen.json if seen.body else None) == body
    assert seen.headers["access-token"] == TOKEN
    assert not {"x-api-app-key", "authorization", "cookie"} & seen.headers.keys()


@pytest.mark.parametrize("breaks", [drops, resets, cuts, babbles, hangs])
async def test_an_action_whose_answer_does_not_come_is_sent_once_and_not_known(stage: Stage, breaks: Answer) -> None:
    stage.wire.answer = breaks
    for act, *_ in ACTIONS[:6] if breaks is hangs else ACTIONS:
        stage.wire.queued = [answers({"data": {}})]
        await stage.upstream.assets(TOKEN, HOPPER, LONG)  # the host is there
        stage.wire.seen.clear()
        with pytest.raises(Unconfirmed, match="whether it was done is not known"):
            await act(stage.upstream, SOON)
        await asyncio.sleep(0.01)
        assert len(stage.wire.seen) == 1


async def test_an_action_never_goes_over_a_connection_that_may_be_about_to_close(stage: Stage) -> None:
    stage.wire.answer = PANIC
    await panic(stage.upstream)
    await panic(stage.upstream)
    assert [seen.connection for seen in stage.wire.seen] == [1, 2]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (answers({"status": 401}, 401), TokenRefused),
        (answers({"status": 402}, 402), Forbidden),
        (answers("<html>blocked</html>", 403), Forbidden),
        (answers({"message": "scope"}, 403), Forbidden),
        (answers({}, 404), NotFound),
        (answers({}, 422), Invalid),
        (answers({}, 429, Retry_After="7"), Exhausted),
        (answers({"status": 429, "message": "slow"}), Exhausted),
        (answers({"data": "The hopper is disabled"}), Invalid),
        (answers("", 302, Location="/v1/hopper/501/panicbutton"), Unconfirmed),
        (answers({}, 500), Unconfirmed),
        (answers("<html>", 502), Unconfirmed),
        (answers('{"data":"Panic mo'), Unconfirmed),
        (answers({"data": "x" * 6_000}), Unconfirmed),
    ],
)
async def test_what_upstream_says_of_an_action(stage: Stage, answer: Answer, error: type[Exception]) -> None:
    stage.wire.answer = answer
    with pytest.raises(error) as raised:
        await panic(stage.upstream)
    assert type(raised.value) is error
    assert len(stage.wire.seen) == 1
    if isinstance(raised.value, Exhausted):
        assert raised.value.retry_after in (5, 7)


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/v1", "http://nowhere.invalid/v1"])
async def test_without_a_connection_an_action_was_not_sent(stage: Stage, address: str) -> None:
    """Nobody listens; nobody has this name."""
    settings = replace(stage.settings, upstream_url=address)
    async with adapters.connect(settings, SystemClock(), Meters()) as upstream:
        with pytest.raises(Unavailable, match="nothing was sent") as raised:
            await panic(upstream)
    assert not isinstance(raised.value, Unconfirmed)
    assert stage.wire.seen == []


@pytest.mark.parametrize("greeting", [b"", b"220 smtp ready\r\n"])
async def test_a_connection_without_tls_was_not_used(stage: Stage, greeting: bytes) -> None:
    """A server that takes the connection and never answers TLS's greeting, or with nonsense."""
    taken = asyncio.Event()

    async def dumb(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.set()
        writer.write(greeting)
        await asyncio.sleep(0.5)
        writer.close()

    server = await asyncio.start_server(dumb, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = replace(stage.settings, upstream_url=f"https://127.0.0.1:{port}/v1")
    async with server, adapters.connect(settings, SystemClock(), Meters()) as upstream:
        with pytest.raises(Unavailable, match="nothing was sent"):
            await panic(upstream, SOON)
        assert taken.is_set()


@pytest.mark.parametrize("ids", [["x"], ["7", "7"]])
async def test_what_cannot_be_asked_for_is_not_sent(stage: Stage, ids: list[str]) -> None:
    with pytest.raises(Invalid):
        await stage.upstream.sell_positions(TOKEN, HOPPER, ids, LONG, is_market=True)
    with pytest.raises(Invalid):
        await stage.upstream.change_config(TOKEN, HOPPER, {"api_key": "x"}, LONG)
    assert stage.wire.seen == []


async def test_the_token_is_in_no_words_that_come_back(stage: Stage) -> None:
    stage.wire.answer = answers({"data": f"panic mode for {TOKEN}"})
    assert TOKEN not in await panic(stage.upstream)
    for answer in (answers({"message": TOKEN}, 400), answers({"message": TOKEN}, 500), drops):
        stage.wire.answer = answer
        with pytest.raises((Invalid, Unconfirmed)) as raised:
            await panic(stage.upstream)
        assert TOKEN not in "".join(traceback.format_exception(raised.value))


# ---- reads ----


@pytest.mark.parametrize("breaks", [drops, resets, cuts, babbles, hangs])
async def test_a_read_is_one_request_also_when_the_connection_breaks(stage: Stage, breaks: Answer) -> None:
    """The budget has counted one; whether to try again is not for the HTTP library to decide."""
    stage.wire.queued = [answers({"data": {}})]
    await stage.upstream.assets(TOKEN, HOPPER, LONG)
    stage.wire.answer = breaks
    with pytest.raises(Unavailable):
        await stage.upstream.assets(TOKEN, HOPPER, SOON)
    await asyncio.sleep(0.02)
    assert len(stage.wire.seen) == 2


async def test_reads_share_connections_and_leave_no_cookie_behind(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    stage.wire.answer = answers({"data": {}}, Set_Cookie="session=1; Path=/")
    for _ in range(3):
        await stage.upstream.assets(TOKEN, HOPPER, LONG)
    assert {seen.connection for seen in stage.wire.seen} == {1}
    assert all("cookie" not in seen.headers for seen in stage.wire.seen)


async def test_every_read_has_its_path(stage: Stage) -> None:
    up = stage.upstream
    stage.wire.answer = answers({"data": []})
    since = datetime(2026, 3, 2, 10, 20, tzinfo=UTC)
    await up.hoppers(TOKEN, USER, LONG)
    await up.config(TOKEN, HOPPER, LONG)
    await up.assets(TOKEN, HOPPER, LONG)
    for read in (up.positions, up.reserved, up.shorts, up.orders):
        await read(TOKEN, HOPPER, HOME, LONG)
    await up.trades(TOKEN, HOPPER, HOME, since, 500, LONG)
    await up.trades(TOKEN, HOPPER, HOME, EPOCH, 0, LONG)
    await up.output(TOKEN, HOPPER, since, LONG)
    stage.wire.answer = answers({"data": {"hopper": {"id": "501"}}})
    await up.hopper(TOKEN, USER, HOPPER, LONG)
    paths = [urlsplit(seen.target).path.removeprefix("/v1/hopper") for seen in stage.wire.seen]
    rest = ["/config", "/assets", "/position", "/reserved", "/short", "/order", "/trade", "/trade", "/output", ""]
    assert paths == ["", *(f"/501{path}" for path in rest)]
    trades, every, output = (dict(parse_qsl(urlsplit(seen.target).query)) for seen in stage.wire.seen[-4:-1])
    assert trades == {"offset": "500", "count": "500", "dateFrom": "2026-03-01"}
    assert every == {"offset": "0", "count": "500"}
    assert output["dateFrom"] == "03/01/2026 10:20"
    assert (output["sortBy"], output["sortOrder"]) == ("entry_date", "desc")


async def test_a_strange_id_stays_within_its_path(stage: Stage) -> None:
    stage.wire.answer = answers({"data": {}})
    await stage.upstream.assets(TOKEN, HopperId("../user?x=1#"), LONG)
    assert stage.wire.seen[0].target == "/v1/hopper/..%2Fuser%3Fx%3D1%23/assets"


async def test_a_long_answer_is_read_beside_the_loop_and_a_longer_one_not_at_all(stage: Stage) -> None:
    row = {"id": 7, "pair": "BTCUSDT", "currency": "BTC", "amount": "1", "rate": "2", "cost": "2"}
    body = json.dumps({"data": [row | {"id": number} for number in range(5_000)]})
    assert len(body) > 65_536
    stage.wire.answer = answers(body)
    with pytest.raises(Corrupt, match="longer than 5000"):
        await stage.upstream.positions(TOKEN, HOPPER, HOME, LONG)
    roomy = replace(stage.settings, response_limit=1_000_000)
    async with adapters.connect(roomy, SystemClock(), Meters()) as upstream:
        assert len((await upstream.positions(TOKEN, HOPPER, HOME, LONG)).rows) == 5_000


# ---- a host that is away ----


async def test_a_host_that_fails_in_a_row_is_left_alone(stage: Stage) -> None:
    stage.wire.answer = answers("", 502)
    for _ in range(FAILURES):
        with pytest.raises(Unavailable):
            await stage.upstream.assets(TOKEN, HOPPER, LONG)
    for read in (stage.upstream.assets(TOKEN, HOPPER, LONG), panic(stage.upstream)):
        with pytest.raises(Unavailable, match="nothing was sent"):
            await read
    with pytest.raises(Unavailable):
        stage.upstream.check()
    assert len(stage.wire.seen) == FAILURES
    stage.wire.answer = answers({"access_token": "a"})
    assert (await stage.upstream.renew("r")).access == "a"


@pytest.mark.parametrize(
    "answer", [answers({}, 404), answers({}, 429), answers("<html>", 403), answers({"error": 500}), answers("{")]
)
async def test_an_answer_that_is_a_refusal_says_that_the_host_is_there(stage: Stage, answer: Answer) -> None:
    stage.wire.answer = answer
    for _ in range(FAILURES + 1):
        with pytest.raises((NotFound, Unavailable)):
            await stage.upstream.assets(TOKEN, HOPPER, LONG)
    stage.upstream.check()
    assert len(stage.wire.seen) == FAILURES + 1


async def test_an_impatient_caller_says_nothing_about_the_host(stage: Stage) -> None:
    stage.wire.answer = hangs
    for _ in range(FAILURES + 1):
        with pytest.raises(Unavailable):
            await stage.upstream.assets(TOKEN, HOPPER, timedelta(seconds=0.01))
    stage.upstream.check()


# ---- sign-in ----


async def test_consent_is_asked_for_with_state_scopes_and_challenge(stage: Stage) -> None:
    url = urlsplit(stage.upstream.authorize_url("https://app.test/back?a=1&b=2", "st+te", "ch-_"))
    assert url.path == "/oauth2/authorize"
    assert parse_qs(url.query) == {
        "response_type": ["code"],
        "client_id": ["client"],
        "redirect_uri": ["https://app.test/back?a=1&b=2"],
        "scope": ["read,notifications,manage,trade"],
        "state": ["st+te"],
        "code_challenge": ["ch-_"],
        "code_challenge_method": ["S256"],
    }
    assert "challenge" not in stage.upstream.authorize_url("https://app.test", "s", None)


async def test_a_code_goes_with_its_verifier(stage: Stage) -> None:
    stage.wire.answer = answers({"access_token": "a", "refresh_token": "r", "expires_in": 60})
    grant = await stage.upstream.link("the code", "https://app.test", "the verifier")
    assert (grant.access, grant.refresh) == ("a", "r")
    await stage.upstream.link("c", "https://app.test", None)
    first, second = (dict(parse_qsl(seen.body.decode())) for seen in stage.wire.seen)
    assert first == {
        "grant_type": "authorization_code",
        "code": "the code",
        "redirect_uri": "https://app.test",
        "code_verifier": "the verifier",
        "client_id": "client",
        "client_secret": "secret-of-the-test",
    }
    assert "code_verifier" not in second


async def test_a_spent_code_is_invalid_and_a_spent_refresh_token_means_to_link_again(stage: Stage) -> None:
    stage.wire.answer = answers({"error": "invalid_grant"}, 400)
    with pytest.raises(Invalid):
        await stage.upstream.link("c", "https://app.test", None)
    with pytest.raises(LinkAgain):
        await stage.upstream.renew("r")


@pytest.mark.parametrize("breaks", [drops, resets, cuts, babbles])
async def test_a_renewal_is_sent_once(stage: Stage, breaks: Answer) -> None:
    stage.wire.answer = breaks
    with pytest.raises(Unavailable):
        await stage.upstream.renew("r")
    await asyncio.sleep(0.02)
    assert len(stage.wire.seen) == 1


@pytest.mark.parametrize(
    ("answer", "is_revoked"),
    [(answers(""), True), (answers({}), True), (answers({}, 404), False), (answers("", 503), False), (drops, False)],
)
async def test_a_token_is_revoked_when_upstream_says_so(stage: Stage, answer: Answer, is_revoked: bool) -> None:
    stage.wire.answer = answer
    assert await stage.upstream.revoke("the token") is is_revoked
    (seen,) = stage.wire.seen
    assert (seen.verb, seen.target) == ("POST", "/oauth2/revoke")
    assert dict(parse_qsl(seen.body.decode())) == {
        "token": "the token",
        "client_id": "client",
        "client_secret": "secret-of-the-test",
    }
