"""``/oauth2/authorize`` and ``/oauth2/token``, as an OAuth 2 server written in PHP answers them."""

import html
import secrets
from collections.abc import Mapping
from urllib.parse import urlencode

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from simulator.clock import Clock, milliseconds
from simulator.cryptohopper.state import Grant, Kept
from simulator.settings import Settings
from simulator.worlds.world import World

_SCOPES = {
    "read": "see your account, hoppers, positions and trades",
    "notifications": "be told when your hoppers trade",
    "manage": "create and change hoppers and their configuration",
    "trade": "buy, sell and panic sell",
    "user": "see your profile",
}
_ALIASES = {"write": "manage"}
_CARRIED = ("response_type", "client_id", "redirect_uri", "scope", "state")

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Cryptohopper (simulated)</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:3rem auto;padding:0 1rem}}
label,input,button{{display:block;width:100%;box-sizing:border-box}}input,button{{padding:.6rem;margin:.2rem 0 .8rem}}
.error{{color:#b00020}}</style></head><body>
<h1>Cryptohopper</h1><p>Simulated. <strong>{client}</strong> asks to:</p><ul>{scopes}</ul>{error}
<form method="post" action="authorize">{carried}
<label for="username">User name</label><input id="username" name="username" autocomplete="username" value="{name}">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password">
<button name="decision" value="allow">Allow</button><button name="decision" value="deny">Deny</button></form>
</body></html>"""


class _Refusal(Exception):
    def __init__(self, code: str, said: str, status: int = 400) -> None:
        super().__init__(said)
        self.code, self.said, self.status = code, said, status

    def response(self) -> Response:
        return JSONResponse({"error": self.code, "error_description": self.said}, self.status, _NO_STORE)


_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class OAuth:
    """One client, known by its id, secret and redirect addresses; codes live for seconds, tokens outlive a restart."""

    def __init__(self, settings: Settings, kept: Kept, world: World, clock: Clock) -> None:
        self._settings = settings
        self._kept = kept
        self._world = world
        self._clock = clock
        self._codes: dict[str, tuple[Grant, str]] = {}

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/oauth2/authorize", self._page, methods=["GET"]),
            Route("/oauth2/authorize", self._decide, methods=["POST"]),
            Route("/oauth2/token", self._token, methods=["POST"]),
            Route("/control/users/{name}/revoke", self._revoke, methods=["POST"]),
        ]

    async def _page(self, request: Request) -> Response:
        asked = _carried(request.query_params)
        refused = self._refused(asked)
        return refused or self._form(asked)

    async def _decide(self, request: Request) -> Response:
        """302 with a code, or with access_denied; the page again with 401 when name and password do not fit."""
        form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
        asked = _carried({**request.query_params, **form})
        refused = self._refused(asked)
        if refused is not None:
            return refused
        if form.get("decision") == "deny":
            return _back(asked, error="access_denied", error_description="The user denied access to your application")
        user = self._world.user_named(form.get("username", ""))
        is_known = secrets.compare_digest((user.password if user else "-").encode(), form.get("password", "").encode())
        if user is None or not is_known:
            return self._form(asked, "Wrong user name or password.", form.get("username", ""), 401)
        code = secrets.token_hex(20)
        expires_at = self._now() + round(self._settings.code_seconds * 1000)
        self._codes[code] = Grant(user.id, asked["client_id"], _scopes(asked), expires_at), asked["redirect_uri"]
        return _back(asked, code=code)

    async def _token(self, request: Request) -> Response:
        try:
            return self._granted(await _fields(request))
        except _Refusal as refusal:
            return refusal.response()

    async def _revoke(self, request: Request) -> Response:
        """Every token of a user is worth nothing from now on, as when access is taken back at Cryptohopper."""
        user = self._world.user_named(request.path_params["name"])
        if user is None:
            return JSONResponse({"error": "no such user"}, 404)
        self._kept.drop_tokens_of(user.id)
        return JSONResponse({"revoked": user.name})

    def _granted(self, fields: Mapping[str, str]) -> Response:
        kind = fields.get("grant_type")
        if not kind:
            raise _Refusal("invalid_request", "The grant type was not specified in the request")
        if kind not in ("authorization_code", "refresh_token"):
            raise _Refusal("unsupported_grant_type", f'Grant type "{kind}" not supported')
        client, secret = fields.get("client_id", ""), fields.get("client_secret", "")
        if client != self._settings.client_id or not secrets.compare_digest(
            secret.encode(), self._settings.client_secret.encode()
        ):
            raise _Refusal("invalid_client", "The client credentials are invalid", 401)
        grant = self._by_code(fields) if kind == "authorization_code" else self._by_refresh(fields)
        now = self._now()
        access, refresh = secrets.token_hex(20), secrets.token_hex(20)
        lives, renews = self._settings.token_seconds * 1000, self._settings.refresh_seconds * 1000
        self._kept.add_token(access, "access", Grant(grant.user, client, grant.scopes, now + lives))
        self._kept.add_token(refresh, "refresh", Grant(grant.user, client, grant.scopes, now + renews))
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

    def _by_code(self, fields: Mapping[str, str]) -> Grant:
        if not fields.get("code"):
            raise _Refusal("invalid_request", 'Missing parameter: "code" is required')
        known = self._codes.pop(fields["code"], None)
        if known is None:
            raise _Refusal("invalid_grant", "Authorization code doesn't exist or is invalid for the client")
        grant, redirect = known
        if fields.get("redirect_uri") != redirect:
            raise _Refusal("invalid_grant", "The redirect URI is missing or do not match")
        if grant.expires_at <= self._now():
            raise _Refusal("invalid_grant", "The authorization code has expired")
        return grant

    def _by_refresh(self, fields: Mapping[str, str]) -> Grant:
        token = fields.get("refresh_token")
        if not token:
            raise _Refusal("invalid_request", 'Missing parameter: "refresh_token" is required')
        grant = self._kept.grant_of(token, "refresh")
        if grant is None or grant.client != fields.get("client_id"):
            raise _Refusal("invalid_grant", "Invalid refresh token")
        self._kept.drop_token(token)
        if grant.expires_at <= self._now():
            raise _Refusal("invalid_grant", "Refresh token has expired")
        return grant

    def _refused(self, asked: Mapping[str, str]) -> Response | None:
        """What speaks against showing the form: an answer here when the address is not to be trusted, else there."""
        if asked.get("client_id") != self._settings.client_id:
            return _Refusal("invalid_client", "The client id supplied is invalid").response()
        if asked.get("redirect_uri") not in self._settings.redirect_uris:
            return _Refusal(
                "redirect_uri_mismatch", "The redirect URI provided is missing or does not match"
            ).response()
        if asked.get("response_type") != "code":
            return _back(asked, error="unsupported_response_type", error_description="response_type must be code")
        if not _scopes(asked) or any(scope not in _SCOPES for scope in _scopes(asked)):
            return _back(asked, error="invalid_scope", error_description="An unsupported scope was requested")
        return None

    def _form(self, asked: Mapping[str, str], error: str = "", name: str = "", status: int = 200) -> Response:
        return HTMLResponse(
            _PAGE.format(
                client=html.escape(asked["client_id"]),
                scopes="".join(f"<li><code>{scope}</code>: {_SCOPES[scope]}</li>" for scope in _scopes(asked)),
                error=f'<p class="error" role="alert">{html.escape(error)}</p>' if error else "",
                carried="".join(
                    f'<input type="hidden" name="{key}" value="{html.escape(value)}">' for key, value in asked.items()
                ),
                name=html.escape(name),
            ),
            status,
        )

    def _now(self) -> int:
        return milliseconds(self._clock.now())


def _carried(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: fields[name] for name in _CARRIED if name in fields}


def _scopes(asked: Mapping[str, str]) -> tuple[str, ...]:
    """The scopes asked for, by comma or space, each once."""
    names = asked.get("scope", "read").replace(",", " ").split()
    return tuple(dict.fromkeys(_ALIASES.get(name, name) for name in names))


def _back(asked: Mapping[str, str], **said: str) -> Response:
    query = urlencode({**said, **({"state": asked["state"]} if "state" in asked else {})})
    joint = "&" if "?" in asked["redirect_uri"] else "?"
    return RedirectResponse(f"{asked['redirect_uri']}{joint}{query}", 302)


async def _fields(request: Request) -> dict[str, str]:
    """Fields of a JSON or a form body."""
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            body = orjson.loads(await request.body())
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            raise _Refusal("invalid_request", "The request body is not a JSON object")
        return {name: str(value) for name, value in body.items() if value is not None}
    return {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
