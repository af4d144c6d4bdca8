"""What tests of accounts ask, and the mails that answer."""

import json
from typing import Any

import aiohttp

from cryptwire.codec.one_time import OneTimeKey, Purpose, TokenId
from tests.integration.api.conftest import EMAIL, PASSWORD, World

SIGN_UP = (
    "mutation($e: String!, $p: String!, $z: String!, $c: String!) {"
    " signUp(email: $e, password: $p, zone: $z, currency: $c) }"
)
CONFIRM = (
    "mutation($t: String!, $p: String!) { confirmSignUp(token: $t, password: $p) { user { id email zone plan } } }"
)
TOKENS = """mutation($e: String!, $p: String!, $c: String, $d: String) {
  signIn(email: $e, password: $p, code: $c, device: $d, asTokens: true) {
    user { id email } expiresAt accessToken refreshToken } }"""
REFRESH = "mutation($t: String) { refreshSession(refreshToken: $t) { user { id } accessToken refreshToken } }"
SESSIONS = "{ sessions { id device address isThisOne beganAt seenAt expiresAt } }"
_PURPOSES = {
    "sign-up": Purpose.SIGN_UP,
    "password-reset": Purpose.PASSWORD_RESET,
    "email-change": Purpose.EMAIL_CHANGE,
}


async def sign_up(world: World, email: str, password: str = "a long enough one", zone: str = "UTC") -> dict[str, Any]:
    return await world.ask(SIGN_UP, e=email, p=password, z=zone, c="EUR")


async def mails(world: World, address: str) -> list[str]:
    """The templates of the mails to an address, oldest first."""
    rows = await world.owner.fetch("SELECT template FROM mails WHERE address = $1 ORDER BY added_at, mail_id", address)
    return [row["template"] for row in rows]


async def link(world: World, template: str, address: str) -> str:
    """The token of the link in the last mail of a kind to an address, as the processor makes it."""
    facts = await world.owner.value(
        "SELECT facts FROM mails WHERE template = $1 AND address = $2 ORDER BY added_at DESC LIMIT 1", template, address
    )
    assert facts is not None, f"no mail {template} to {address}"
    key = OneTimeKey.read_from(world.keys.mail_key)
    return key.token(_PURPOSES[template], TokenId(json.loads(facts)["token_id"]))


async def tokens(world: World, email: str = EMAIL, password: str = PASSWORD, **more: Any) -> tuple[str, str]:
    """Access and refresh token of a new session."""
    async with aiohttp.ClientSession() as http:
        body = {"query": TOKENS, "variables": {"e": email, "p": password, **more}}
        async with http.post(f"{world.base}/graphql", json=body, headers={"X-Cryptwire": "1"}) as response:
            answer = await response.json()
    assert "errors" not in answer, answer
    signed_in = answer["data"]["signIn"]
    return signed_in["accessToken"], signed_in["refreshToken"]


def bearer(token: str) -> dict[str, str]:
    """The headers of who shows a token; no other is needed."""
    return {"Authorization": f"Bearer {token}"}
