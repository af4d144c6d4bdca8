"""OAuth 2 as a user, an honest client and dishonest ones see it."""

from datetime import timedelta
from typing import Any

import pytest

from simulator.clock import TurnedClock
from tests.unit.simulator.asking import Answer, ask
from tests.unit.simulator.conftest import Start, link, redeem

SECRET = "cryptwire-dev-secret"


async def allow(app: Any, asked: dict[str, str], **form: str) -> Answer:
    filled = {"username": "bob", "password": "bob-demo", "decision": "allow", **asked, **form}
    return await ask(app, "POST", "/oauth2/authorize", form=filled)


async def test_the_page_names_the_scopes_and_carries_the_query(start: Start, asked: dict[str, str]) -> None:
    page = await ask(start().app, "GET", "/oauth2/authorize", query={**asked, "state": '"><script>'})
    assert page.status == 200
    for scope in ("read", "notifications", "manage", "trade"):
        assert f"<code>{scope}</code>".encode() in page.body
    assert b"<script>" not in page.body
    assert b'name="state" value="&quot;&gt;&lt;script&gt;"' in page.body


async def test_who_allows_gets_a_code_and_tokens(start: Start, asked: dict[str, str]) -> None:
    app = start().app
    answer = await allow(app, asked)
    assert answer.status == 302
    assert answer.headers["location"].startswith("http://127.0.0.1:8080/link/callback?")
    assert answer.returned["state"] == asked["state"]
    tokens = (await redeem(app, asked, answer.returned["code"])).json
    assert tokens["expires_in"] == 31_556_952
    assert tokens["token_type"] == "Bearer"
    assert tokens["scope"] == asked["scope"]
    assert [len(bytes.fromhex(tokens[name])) for name in ("access_token", "refresh_token")] == [20, 20]
    user = await ask(app, "GET", "/v1/user", headers={"access-token": tokens["access_token"]})
    assert user.data["username"] == "bob"


async def test_forms_are_taken_and_scopes_split_by_blanks(start: Start, asked: dict[str, str]) -> None:
    app = start().app
    asked = {**asked, "scope": "read write read"}
    del asked["state"]
    answer = await allow(app, asked)
    assert set(answer.returned) == {"code"}
    form = {
        "grant_type": "authorization_code",
        "code": answer.returned["code"],
        "client_id": "cryptwire-dev",
        "client_secret": SECRET,
        "redirect_uri": asked["redirect_uri"],
    }
    tokens = await ask(app, "POST", "/oauth2/token", form=form)
    assert tokens.json["scope"] == "read,manage"


@pytest.mark.parametrize("wrong", [{"password": "alice-demo"}, {"username": "mallory"}, {"password": ""}])
async def test_a_wrong_password_shows_the_page_again(
    start: Start, asked: dict[str, str], wrong: dict[str, str]
) -> None:
    answer = await allow(start().app, asked, **wrong)
    assert answer.status == 401
    assert b"Wrong user name or password" in answer.body


async def test_who_denies_is_sent_back_without_a_code(start: Start, asked: dict[str, str]) -> None:
    answer = await allow(start().app, asked, decision="deny", password="")
    assert answer.status == 302
    assert answer.returned["error"] == "access_denied"
    assert answer.returned["state"] == asked["state"]
    assert "code" not in answer.returned


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"client_id": "somebody"}, "invalid_client"),
        ({"redirect_uri": "http://evil.example/"}, "redirect_uri_mismatch"),
        ({"redirect_uri": "http://127.0.0.1:8080/link/callback/"}, "redirect_uri_mismatch"),
    ],
)
async def test_an_unknown_client_or_address_is_never_redirected_to(
    start: Start, asked: dict[str, str], wrong: dict[str, str], error: str
) -> None:
    app = start().app
    for answer in (
        await ask(app, "GET", "/oauth2/authorize", query={**asked, **wrong}),
        await allow(app, asked, **wrong),
    ):
        assert answer.status == 400
        assert answer.json["error"] == error


@pytest.mark.parametrize(
    ("wrong", "error"),
    [({"scope": "read,fly"}, "invalid_scope"), ({"response_type": "token"}, "unsupported_response_type")],
)
async def test_what_else_is_wrong_is_told_at_the_redirect(
    start: Start, asked: dict[str, str], wrong: dict[str, str], error: str
) -> None:
    answer = await ask(start().app, "GET", "/oauth2/authorize", query={**asked, **wrong})
    assert answer.status == 302
    assert answer.returned["error"] == error


async def test_a_code_works_once_and_for_thirty_seconds(
    start: Start, asked: dict[str, str], clock: TurnedClock
) -> None:
    app = start().app
    code = (await allow(app, asked)).returned["code"]
    assert (await redeem(app, asked, code)).status == 200
    again = await redeem(app, asked, code)
    assert (again.status, again.json["error"]) == (400, "invalid_grant")
    assert set(again.json) == {"error", "error_description"}
    code = (await allow(app, asked)).returned["code"]
    clock.turn(timedelta(seconds=30))
    assert (await redeem(app, asked, code)).json["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("wrong", "status", "error"),
    [
        ({"client_secret": "guess"}, 401, "invalid_client"),
        ({"client_id": "guess"}, 401, "invalid_client"),
        ({"client_secret": None}, 401, "invalid_client"),
        ({"redirect_uri": "http://127.0.0.1:8080/"}, 400, "invalid_grant"),
        ({"code": "guess"}, 400, "invalid_grant"),
        ({"code": None}, 400, "invalid_request"),
        ({"grant_type": None}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, 400, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "guess"}, 400, "invalid_grant"),
    ],
)
async def test_the_token_endpoint_refuses(
    start: Start, asked: dict[str, str], wrong: dict[str, Any], status: int, error: str
) -> None:
    app = start().app
    body = {
        "grant_type": "authorization_code",
        "code": (await allow(app, asked)).returned["code"],
        "client_id": "cryptwire-dev",
        "client_secret": SECRET,
        "redirect_uri": asked["redirect_uri"],
        **wrong,
    }
    answer = await ask(app, "POST", "/oauth2/token", body=body)
    assert (answer.status, answer.json["error"]) == (status, error)


async def test_a_body_that_is_no_object_is_refused(start: Start) -> None:
    answer = await ask(start().app, "POST", "/oauth2/token", body=[1])
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


async def test_refresh_tokens_rotate_and_expire(start: Start, asked: dict[str, str], clock: TurnedClock) -> None:
    app = start(refresh_seconds=100).app
    first = await link(app, asked)

    async def refresh(token: str) -> Answer:
        body = {
            "grant_type": "refresh_token",
            "refresh_token": token,
            "client_id": "cryptwire-dev",
            "client_secret": SECRET,
        }
        return await ask(app, "POST", "/oauth2/token", body=body)

    second = (await refresh(first["refresh_token"])).json
    assert second["refresh_token"] != first["refresh_token"]
    assert second["scope"] == first["scope"]
    assert (await refresh(first["refresh_token"])).json["error"] == "invalid_grant"
    hoppers = await ask(app, "GET", "/v1/hopper", headers={"access-token": second["access_token"]})
    assert len(hoppers.data["hoppers"]) == 4
    clock.turn(timedelta(seconds=101))
    assert (await refresh(second["refresh_token"])).json["error"] == "invalid_grant"


async def test_access_can_be_taken_back(start: Start, asked: dict[str, str]) -> None:
    app = start().app
    tokens = {user: (await link(app, asked, user))["access_token"] for user in ("alice", "bob")}
    assert (await ask(app, "POST", "/control/users/alice/revoke")).status == 200
    assert (await ask(app, "POST", "/control/users/mallory/revoke")).status == 404
    answers = {user: await ask(app, "GET", "/v1/user", headers={"access-token": tokens[user]}) for user in tokens}
    assert {user: answer.status for user, answer in answers.items()} == {"alice": 401, "bob": 200}


async def test_tokens_outlive_a_restart(start: Start, asked: dict[str, str]) -> None:
    tokens = await link(start().app, asked)
    again = await ask(start().app, "GET", "/v1/hopper", headers={"access-token": tokens["access_token"]})
    assert again.status == 200
