"""The endpoints of OAuth 2: a page for people, tokens for apps, revocation, and a switch for tests."""

import base64
import binascii
import hashlib
import secrets
import string
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlencode

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from simulator.clock import Clock, milliseconds
from simulator.cryptohopper.faults.queue import Faults
from simulator.cryptohopper.oauth.clients import CLI, Client, by_id, known_scopes
from simulator.cryptohopper.oauth.page import consent
from simulator.cryptohopper.requests import noted
from simulator.cryptohopper.state import Grant, Kept
from simulator.settings import Settings
from simulator.worlds.world import World

_CARRIED = ("response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method")
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_UNRESERVED = frozenset(string.ascii_letters + string.digits + "-._~")
_LENGTH = 40  # characters of a token


class _Refusal(Exception):
    def __init__(self, code: str, said: str, status: int = 400) -> None:
        super().__init__(said)
        self.code, self.said, self.status = code, said, status

    def response(self) -> Response:
        return JSONResponse({"error": self.code, "error_description": self.said}, self.status, _NO_STORE)


@dataclass(frozen=True, slots=True)
class _Code:
    grant: Grant
    redirect_uri: str
    challenge: str
    method: str


class OAuth:
    """Codes live for seconds and once; tokens outlive a restart.

    A token's family is what came of one consent: a refresh token that is revoked takes its family along.
    """

    def __init__(
        self,
        settings: Settings,
        kept: Kept,
        world: World,
        clock: Clock,
        faults: Faults,
        clients: tuple[Client, ...] = (),
    ) -> None:
        first = Client(settings.client_id, settings.client_secret or None, settings.redirect_uris)
        always = () if any(client.id == CLI.id for client in clients) else (CLI,)
        self.clients = by_id((first, *clients, *always))
        self._settings = settings
        self._kept = kept
        self._world = world
        self._clock = clock
        self._faults = faults
        self._codes: dict[str, _Code] = {}
        self._spent: dict[str, str] = {}  # code to the family that came of it

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/oauth2/authorize", self._page, methods=["GET"]),
            Route("/oauth2/authorize", self._decide, methods=["POST"]),
            Route("/oauth2/token", self._answering(self._granted), methods=["POST"]),
            Route("/oauth2/revoke", self._answering(self._revoked), methods=["POST"]),
            Route("/control/users/{name}/revoke", self._take_back, methods=["POST"]),
        ]

    # ---- what people see ----

    async def _page(self, request: Request) -> Response:
        asked = _carried(request.query_params)
        refused = self._refused(asked)
        return refused or consent(self.clients[asked["client_id"]], _scopes(asked), asked)

    async def _decide(self, request: Request) -> Response:
        """302 with a code, or with access_denied; the page again with 401 when name and password do not fit."""
        form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
        asked = _carried({**request.query_params, **form})
        refused = self._refused(asked)
        if refused is not None:
            return refused
        if form.get("decision") == "deny":
            return _back(asked, error="access_denied", error_description="The user denied access to your application")
        name = form.get("username", "")
        user = self._world.user_named(name)
        is_known = secrets.compare_digest((user.password if user else "-").encode(), form.get("password", "").encode())
        if user is None or not is_known:
            client = self.clients[asked["client_id"]]
            return consent(client, _scopes(asked), asked, "Wrong user name or password.", name, 401)
        now = self._now()
        grant = Grant(user.id, asked["client_id"], _scopes(asked), now + round(self._settings.code_seconds * 1000))
        code = self._token_text()
        self._forget_codes(now)
        challenge = "" if self._settings.ignores_pkce else asked.get("code_challenge", "")
        method = asked.get("code_challenge_method", "plain")
        self._codes[code] = _Code(grant, asked["redirect_uri"], challenge, method)
        return _back(asked, code=code)

    def _refused(self, asked: Mapping[str, str]) -> Response | None:
        """What speaks against showing the form: an answer here when the address is not to be trusted, else there."""
        client = self.clients.get(asked.get("client_id", ""))
        if client is None:
            return _Refusal("invalid_client", "The client id supplied is invalid").response()
        if not client.may_return_to(asked.get("redirect_uri", "")):
            return _Refusal(
                "redirect_uri_mismatch", "The redirect URI provided is missing or does not match"
            ).response()
        if asked.get("response_type") != "code":
            return _back(asked, error="unsupported_response_type", error_description="response_type must be code")
        scopes = known_scopes(asked.get("scope", "") or "read")
        if scopes is None or not set(scopes) <= set(client.scopes):
            return _back(asked, error="invalid_scope", error_description="An unsupported scope was requested")
        if not self._settings.ignores_pkce and not _is_sound(asked):
            said = "code_challenge must be 43 to 128 characters, its method S256 or plain"
            return _back(asked, error="invalid_request", error_description=said)
        return None

    # ---- what apps call ----

    def _answering(self, answer: Callable[[Mapping[str, str]], Response]) -> Callable[[Request], Awaitable[Response]]:
        """A route whose answer may be spoilt, before or after it has had its effect."""

        async def respond(request: Request) -> Response:
            try:
                fields = await _fields(request)
            except _Refusal as refusal:
                return refusal.response()

            async def done() -> Response:
                try:
                    response = answer(fields)
                except _Refusal as refusal:
                    return refusal.response()
                noted(request).command = fields.get("grant_type", "revoke")
                return response

            return await self._faults.spoil(request, done)

        return respond

    def _granted(self, fields: Mapping[str, str]) -> Response:
        kind = fields.get("grant_type")
        if not kind:
            raise _Refusal("invalid_request", "The grant type was not specified in the request")
        if kind not in ("authorization_code", "refresh_token"):
            raise _Refusal("unsupported_grant_type", f'Grant type "{kind}" not supported')
        self._must_be_client(fields)
        now = self._now()
        access, refresh = self._token_text(), self._token_text()
        if kind == "authorization_code":
            grant, family = self._by_code(fields, now)
        else:
            grant, family = self._by_refresh(fields, now)
        with self._kept.at_once():
            if kind == "refresh_token":
                refresh = self._rotated(fields["refresh_token"], refresh, family, now)
            self._kept.add_token(access, "access", grant.until(now + self._settings.token_seconds * 1000), family)
            if refresh != fields.get("refresh_token"):
                renews = now + self._settings.refresh_seconds * 1000
                self._kept.add_token(refresh, "refresh", grant.until(renews), family)
        return JSONResponse(
            {
                "access_token": access,
                "expires_in": self._settings.token_seconds,
                "token_type": "Bearer",
                "scope": ",".join(grant.scopes),
                "refresh_token": refresh,
            },
            headers=_NO_STORE,
        )

    def _rotated(self, old: str, new: str, family: str, now: int) -> str:
        """The refresh token that is good from now on; what the rotation ends is ended."""
        if self._settings.rotation_ends_access:
            self._kept.end_family(family, "access")
        if not self._settings.refresh_rotates:
            return old
        grace = round(self._settings.refresh_grace_seconds * 1000)
        if grace:
            self._kept.shorten(old, now + grace)
        else:
            self._kept.end_token(old)
        return new

    def _revoked(self, fields: Mapping[str, str]) -> Response:
        """RFC 7009: 200 also for a token that nobody knows, or that is another client's."""
        client = self._must_be_client(fields)
        token = fields.get("token")
        if not token:
            raise _Refusal("invalid_request", 'Missing parameter: "token" is required')
        found = self._kept.family_of(token)
        if found is not None and found.client == client.id:
            if found.kind == "refresh":
                self._kept.end_family(found.family)
            else:
                self._kept.end_token(token)
        return JSONResponse({}, headers=_NO_STORE)

    def _must_be_client(self, fields: Mapping[str, str]) -> Client:
        client = self.clients.get(fields.get("client_id", ""))
        if client is None or not client.is_it(fields.get("client_secret")):
            raise _Refusal("invalid_client", "The client credentials are invalid", 401)
        return client

    def _by_code(self, fields: Mapping[str, str], now: int) -> tuple[Grant, str]:
        text = fields.get("code")
        if not text:
            raise _Refusal("invalid_request", 'Missing parameter: "code" is required')
        if text in self._spent and self._settings.code_reuse_revokes:
            self._kept.end_family(self._spent[text])
        code = self._codes.get(text)
        if code is None or code.grant.client != fields["client_id"]:
            raise _Refusal("invalid_grant", "Authorization code doesn't exist or is invalid for the client")
        del self._codes[text]
        if fields.get("redirect_uri") != code.redirect_uri:
            raise _Refusal("invalid_grant", "The redirect URI is missing or do not match")
        if code.grant.expires_at <= now:
            raise _Refusal("invalid_grant", "The authorization code has expired")
        if code.challenge and not _fits(code, fields.get("code_verifier", "")):
            raise _Refusal("invalid_grant", "The code verifier is missing or does not match")
        family = secrets.token_hex(8)
        self._spent[text] = family
        return code.grant, family

    def _by_refresh(self, fields: Mapping[str, str], now: int) -> tuple[Grant, str]:
        token = fields.get("refresh_token")
        if not token:
            raise _Refusal("invalid_request", 'Missing parameter: "refresh_token" is required')
        grant, found = self._kept.grant_of(token, "refresh"), self._kept.family_of(token)
        if grant is None or found is None or grant.client != fields.get("client_id"):
            raise _Refusal("invalid_grant", "Invalid refresh token")
        if grant.expires_at <= now:
            self._kept.end_token(token)
            raise _Refusal("invalid_grant", "Refresh token has expired")
        asked = fields.get("scope")
        scopes = grant.scopes if not asked else known_scopes(asked)
        if scopes is None or not set(scopes) <= set(grant.scopes):
            raise _Refusal("invalid_scope", "The scope requested is invalid for this request")
        return Grant(grant.user, grant.client, scopes, grant.expires_at), found.family

    # ---- what tests do ----

    async def _take_back(self, request: Request) -> Response:
        """Every token of a user is worth nothing from now on, as when access is taken back at Cryptohopper."""
        user = self._world.user_named(request.path_params["name"])
        if user is None:
            return JSONResponse({"error": "no such user"}, 404)
        self._kept.end_tokens_of(user.id)
        return JSONResponse({"revoked": user.name})

    def _token_text(self) -> str:
        prefix = self._settings.token_prefix
        return prefix + secrets.token_hex(max(16, _LENGTH - len(prefix)))[: max(16, _LENGTH - len(prefix))]

    def _forget_codes(self, now: int) -> None:
        for text in [text for text, code in self._codes.items() if code.grant.expires_at <= now - 3_600_000]:
            del self._codes[text]
        while len(self._spent) > 10_000:
            del self._spent[next(iter(self._spent))]

    def _now(self) -> int:
        return milliseconds(self._clock.now())


def _carried(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: fields[name] for name in _CARRIED if name in fields}


def _scopes(asked: Mapping[str, str]) -> tuple[str, ...]:
    return known_scopes(asked.get("scope", "") or "read") or ()


def _is_sound(asked: Mapping[str, str]) -> bool:
    """Whether a code challenge, if there is one, is of the form of RFC 7636."""
    challenge, method = asked.get("code_challenge"), asked.get("code_challenge_method", "plain")
    if challenge is None:
        return "code_challenge_method" not in asked
    return 43 <= len(challenge) <= 128 and set(challenge) <= _UNRESERVED and method in ("S256", "plain")


def _fits(code: _Code, verifier: str) -> bool:
    shown = verifier
    if code.method == "S256":
        shown = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return bool(verifier) and secrets.compare_digest(shown.encode(), code.challenge.encode())


def _back(asked: Mapping[str, str], **said: str) -> Response:
    query = urlencode({**said, **({"state": asked["state"]} if "state" in asked else {})})
    joint = "&" if "?" in asked["redirect_uri"] else "?"
    return RedirectResponse(f"{asked['redirect_uri']}{joint}{query}", 302)


async def _fields(request: Request) -> dict[str, str]:
    """Fields of a JSON or a form body; a client may also show itself by HTTP Basic."""
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            body = orjson.loads(await request.body())
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            raise _Refusal("invalid_request", "The request body is not a JSON object")
        found = {name: str(value) for name, value in body.items() if value is not None}
    else:
        found = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    kind, _, shown = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            id_, _, secret = base64.b64decode(shown, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise _Refusal("invalid_client", "The client credentials are invalid", 401) from None
        found |= {"client_id": unquote(id_), "client_secret": unquote(secret)}
    return found
