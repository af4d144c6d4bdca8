"""Rotation, grace, revocation, code challenges, public clients: what OAuth servers do differently, by setting."""

import base64
import hashlib
from datetime import timedelta
from typing import Any

import pytest

from simulator.clock import TurnedClock
from simulator.cryptohopper.oauth.clients import Client, by_id, parsed
from tests.unit.simulator.asking import Answer, ask
from tests.unit.simulator.conftest import Start, link

SECRET = "cryptwire-dev-secret"
VERIFIER = "a-verifier.of_sufficient~length-0123456789-abcdef"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
CLI = {"client_id": "cryptohopper-cli", "redirect_uri": "http://127.0.0.1:18765/callback"}


async def allow(app: Any, asked: dict[str, str], **form: str) -> Answer:
    filled = {"username": "alice", "password": "alice-demo", "decision": "allow", **asked, **form}
    return await ask(app, "POST", "/oauth2/authorize", form=filled)


async def token(app: Any, headers: dict[str, str] | None = None, /, **form: str) -> Answer:
    named = {"client_id": "cryptwire-dev", "client_secret": SECRET, **form}
    return await ask(app, "POST", "/oauth2/token", form={k: v for k, v in named.items() if v}, headers=headers)


async def refresh(app: Any, old: str, **form: str) -> Answer:
    return await token(app, grant_type="refresh_token", refresh_token=old, **form)


async def works(app: Any, access: str) -> bool:
    return (await ask(app, "GET", "/v1/user", headers={"access-token": access})).status == 200


async def revoke(app: Any, text: str, **form: str) -> Answer:
    named = {"client_id": "cryptwire-dev", "client_secret": SECRET, "token": text, **form}
    return await ask(app, "POST", "/oauth2/revoke", form=named)


async def test_rotation_leaves_access_tokens_alive_unless_told(start: Start, asked: dict[str, str]) -> None:
    for ends in (False, True):
        app = start(rotation_ends_access=ends).app
        first = await link(app, asked)
        second = (await refresh(app, first["refresh_token"])).json
        assert await works(app, second["access_token"])
        assert await works(app, first["access_token"]) is not ends


async def test_an_old_refresh_token_works_for_the_grace_there_is(
    start: Start, asked: dict[str, str], clock: TurnedClock
) -> None:
    app = start(refresh_grace_seconds=60).app
    first = await link(app, asked)
    second = (await refresh(app, first["refresh_token"])).json
    third = (await refresh(app, first["refresh_token"])).json
    assert len({each["refresh_token"] for each in (first, second, third)}) == 3
    clock.turn(timedelta(seconds=60))
    assert (await refresh(app, first["refresh_token"])).json["error"] == "invalid_grant"
    assert (await refresh(app, third["refresh_token"])).status == 200


async def test_without_rotation_the_refresh_token_stays(start: Start, asked: dict[str, str]) -> None:
    app = start(refresh_rotates=False).app
    first = await link(app, asked)
    second = (await refresh(app, first["refresh_token"])).json
    assert second["refresh_token"] == first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert (await refresh(app, first["refresh_token"])).status == 200


async def test_a_refresh_may_ask_for_less_and_not_for_more(start: Start, asked: dict[str, str]) -> None:
    app = start().app
    first = await link(app, {**asked, "scope": "read,trade"})
    assert (await refresh(app, first["refresh_token"], scope="manage")).json["error"] == "invalid_scope"
    assert (await refresh(app, first["refresh_token"], scope="read")).json["scope"] == "read"


async def test_revoking_a_refresh_token_ends_all_that_came_of_the_consent(start: Start, asked: dict[str, str]) -> None:
    app = start().app
    first, other = await link(app, asked), await link(app, asked)
    second = (await refresh(app, first["refresh_token"])).json
    answer = await revoke(app, second["refresh_token"], token_type_hint="refresh_token")
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    for dead in (first, second):
        assert not await works(app, dead["access_token"])
    assert (await refresh(app, second["refresh_token"])).json["error"] == "invalid_grant"
    assert await works(app, other["access_token"])


async def test_revoking_an_access_token_ends_it_alone(start: Start, asked: dict[str, str]) -> None:
    app = start().app
    first = await link(app, asked)
    assert (await revoke(app, first["access_token"])).status == 200
    assert not await works(app, first["access_token"])
    assert (await refresh(app, first["refresh_token"])).status == 200


async def test_revocation_tells_nothing_of_tokens_and_wants_the_client(start: Start, asked: dict[str, str]) -> None:
    app = start().app
    first = await link(app, asked)
    assert (await revoke(app, "f" * 40)).status == 200
    assert (await revoke(app, first["access_token"], client_secret="guess")).json["error"] == "invalid_client"
    assert (await revoke(app, "")).json["error"] == "invalid_request"
    stranger = {"client_id": CLI["client_id"], "client_secret": ""}
    assert (await revoke(app, first["access_token"], **stranger)).status == 200
    assert await works(app, first["access_token"])


@pytest.mark.parametrize(("method", "challenge"), [("S256", CHALLENGE), ("plain", VERIFIER)])
async def test_a_code_that_was_challenged_needs_its_verifier(
    start: Start, asked: dict[str, str], method: str, challenge: str
) -> None:
    app = start().app
    given = {"code_challenge": challenge, "code_challenge_method": method}
    for verifier, status in (("", 400), (VERIFIER + "x", 400), (VERIFIER, 200)):
        code = (await allow(app, asked, **given)).returned["code"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": asked["redirect_uri"]}
        answer = await token(app, **form, code_verifier=verifier)
        assert answer.status == status
        if status == 400:
            assert answer.json["error"] == "invalid_grant"


async def test_the_challenge_travels_through_the_page(start: Start, asked: dict[str, str]) -> None:
    query = {**asked, "code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    page = await ask(start().app, "GET", "/oauth2/authorize", query=query)
    assert f'name="code_challenge" value="{CHALLENGE}"'.encode() in page.body
    assert b'name="code_challenge_method" value="S256"' in page.body


@pytest.mark.parametrize(
    "wrong",
    [
        {"code_challenge": "short"},
        {"code_challenge": CHALLENGE, "code_challenge_method": "S512"},
        {"code_challenge_method": "S256"},
        {"code_challenge": CHALLENGE + "="},
    ],
)
async def test_a_challenge_of_no_form_is_refused(start: Start, asked: dict[str, str], wrong: dict[str, str]) -> None:
    answer = await ask(start().app, "GET", "/oauth2/authorize", query={**asked, **wrong})
    assert (answer.status, answer.returned["error"], answer.returned["state"]) == (
        302,
        "invalid_request",
        asked["state"],
    )


async def test_an_old_server_takes_no_notice_of_challenges(start: Start, asked: dict[str, str]) -> None:
    app = start(ignores_pkce=True).app
    code = (await allow(app, asked, code_challenge="short")).returned["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": asked["redirect_uri"]}
    assert (await token(app, **form)).status == 200


@pytest.mark.parametrize(
    ("address", "is_let_in"),
    [
        ("http://127.0.0.1:18765/callback", True),
        ("http://127.0.0.1:50123/callback", True),
        ("http://127.0.0.1:50123/elsewhere", False),
        ("http://localhost:18765/callback", False),
        ("http://127.0.0.1.evil.example:18765/callback", False),
        ("http://x@127.0.0.1:18765/callback", False),
        ("https://127.0.0.1:18765/callback", False),
    ],
)
async def test_a_public_client_comes_back_on_any_port_without_a_secret(
    start: Start, asked: dict[str, str], address: str, is_let_in: bool
) -> None:
    app = start().app
    answer = await allow(app, asked, client_id=CLI["client_id"], redirect_uri=address)
    assert answer.status == (302 if is_let_in else 400)
    if is_let_in:
        form = {"grant_type": "authorization_code", "code": answer.returned["code"], "redirect_uri": address}
        with_secret = await token(app, **form, client_id=CLI["client_id"])
        assert with_secret.json["error"] == "invalid_client"
        assert (await token(app, **form, client_id=CLI["client_id"], client_secret="")).status == 200


async def test_a_code_is_for_the_client_that_asked(start: Start, asked: dict[str, str]) -> None:
    app = start().app
    code = (await allow(app, asked, **CLI)).returned["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CLI["redirect_uri"]}
    assert (await token(app, **form)).json["error"] == "invalid_grant"
    assert (await token(app, **form, client_id=CLI["client_id"], client_secret="")).status == 200


async def test_the_second_use_of_a_code_may_end_what_the_first_gave(start: Start, asked: dict[str, str]) -> None:
    for ends in (False, True):
        app = start(code_reuse_revokes=ends).app
        code = (await allow(app, asked)).returned["code"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": asked["redirect_uri"]}
        first = (await token(app, **form)).json
        assert (await token(app, **form)).json["error"] == "invalid_grant"
        assert await works(app, first["access_token"]) is not ends


async def test_a_client_may_show_itself_by_basic(start: Start, asked: dict[str, str]) -> None:
    app = start().app
    first = await link(app, asked)
    shown = base64.b64encode(f"cryptwire-dev:{SECRET}".encode()).decode()
    form = {
        "grant_type": "refresh_token",
        "refresh_token": first["refresh_token"],
        "client_id": "",
        "client_secret": "",
    }
    for header in ("Basic " + "x" * 12, "Basic !"):
        assert (await token(app, {"authorization": header}, **form)).json["error"] == "invalid_client"
    assert (await token(app, {"authorization": f"Basic {shown}"}, **form)).status == 200


async def test_tokens_can_carry_a_mark(start: Start, asked: dict[str, str]) -> None:
    app = start(token_prefix="marked-").app
    code = (await allow(app, asked)).returned["code"]
    tokens = await link(app, asked)
    for text in (code, tokens["access_token"], tokens["refresh_token"]):
        assert text.startswith("marked-")
        assert len(text) == 40


async def test_other_clients_come_from_the_scenario(start: Start, asked: dict[str, str]) -> None:
    client = {
        "id": "other",
        "secret": "s3",
        "name": "Other <b>",
        "redirect_uris": ["http://127.0.0.1:9/x?y=1"],
        "scopes": ["read"],
    }
    app = start(scenario={"clients": [client]}).app
    asked = {**asked, "client_id": "other", "redirect_uri": "http://127.0.0.1:9/x?y=1", "scope": "read"}
    page = await ask(app, "GET", "/oauth2/authorize", query=asked)
    assert b"Other &lt;b&gt; would like to" in page.body
    answer = await allow(app, asked)
    assert answer.headers["location"].startswith("http://127.0.0.1:9/x?y=1&code=")
    more = await ask(app, "GET", "/oauth2/authorize", query={**asked, "scope": "read,trade"})
    assert more.returned["error"] == "invalid_scope"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({}, "list"),
        ([7], "clients[0]"),
        ([{"id": "x"}], "redirect_uris"),
        ([{"id": "x", "redirect_uris": ["a"], "colour": 1}], "colour"),
        ([{"id": "x", "redirect_uris": ["a"], "scopes": ["fly"]}], "scopes"),
        ([{"id": "x", "redirect_uris": ["a"], "secret": ""}], "secret"),
    ],
)
def test_nonsense_among_clients_is_named(wrong: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named.replace("[", r"\[").replace("]", r"\]")):
        parsed(wrong)


def test_a_client_is_registered_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        by_id([Client("x", None, ("a",)), Client("x", "s", ("b",))])


async def test_a_token_lost_on_the_way_was_rotated_all_the_same(start: Start, asked: dict[str, str]) -> None:
    app = start().app
    first = await link(app, asked)
    lost = {"fault": "502", "path": "/oauth2/token", "after_effect": True}
    await ask(app, "POST", "/control/faults", body=lost)
    assert (await refresh(app, first["refresh_token"])).status == 502
    assert (await refresh(app, first["refresh_token"])).json["error"] == "invalid_grant"
    spared = {"fault": "502", "path": "/oauth2/token"}
    second = await link(app, asked)
    await ask(app, "POST", "/control/faults", body=spared)
    assert (await refresh(app, second["refresh_token"])).status == 502
    assert (await refresh(app, second["refresh_token"])).status == 200
    told = await ask(app, "GET", "/control/requests", query={"command": "refresh_token"})
    assert [each["status"] for each in told.json["requests"]] == [502, 200]
