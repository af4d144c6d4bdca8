"""Cryptohopper as a test wants it: small, with queued answers, and a memory of what it was asked and told to do."""

import asyncio
import base64
import hashlib
import json
import secrets
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

HOPPER = {
    "id": "501",
    "name": "Main",
    "exchange": "gdax",
    "base_currency": "USDT",
    "paper_trading": "0",
    "enabled": 1,
    "buying_enabled": 1,
    "selling_enabled": "1",
    "error_message": None,
    "plan_name": "Hero",
    "total_cur": "1234.5",
    "created": "2026-01-02 03:04:05",
}
_SWITCHES = {"": "enabled", "/buying": "buying_enabled", "/selling": "selling_enabled"}


@dataclass(frozen=True)
class Act:
    """One request that changes something, as it came."""

    verb: str
    path: str
    query: dict[str, str]
    body: Any


class CutOff(Response):
    """An answer that ends before its announced length: the connection breaks."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(self.body), "more_body": True})


@dataclass
class FakeUpstream:
    """``marked`` is in every token it gives out.

    An answer that was queued for a path comes in place of the right one, and what was asked for is then not done. What
    it was told to do stands in ``acts``; the effects in ``hopper``, ``is_panicking``, ``sold``, ``cancelled`` and
    ``configured``.
    """

    marked: str = field(default_factory=lambda: secrets.token_hex(16))
    access: str = ""
    refresh: str = ""
    issued: int = 0
    lives: int = 3600
    is_revoked: bool = False
    token_delay: float = 0
    read_delay: float = 0
    act_delay: float = 0  # before the answer, after the effect
    released: asyncio.Event = field(default_factory=asyncio.Event)
    seen: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    queued: dict[tuple[str, str], deque[Response]] = field(default_factory=dict)
    challenges: dict[str, str] = field(default_factory=dict)  # of codes given by the consent page
    revoked: list[str] = field(default_factory=list)  # tokens
    hopper: dict[str, Any] = field(default_factory=lambda: dict(HOPPER))
    is_panicking: bool = False
    sold: list[Any] = field(default_factory=list)
    cancelled: list[Any] = field(default_factory=list)  # order ids, or "all"
    configured: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.data.setdefault("/v1/hopper", {"hoppers": [self.hopper]})
        self.data.setdefault("/v1/hopper/501", {"hopper": self.hopper})

    def queue(self, path: str, *answers: Response, verb: str = "GET") -> None:
        self.queued.setdefault((verb, path), deque()).extend(answers)

    def count(self, path: str) -> int:
        return self.seen.count(path)

    @property
    def app(self) -> Starlette:
        verbs = ["POST", "PATCH", "DELETE"]
        return Starlette(
            routes=[
                Route("/oauth2/authorize", self._consent, methods=["GET"]),
                Route("/oauth2/token", self._token, methods=["POST"]),
                Route("/oauth2/revoke", self._revoke, methods=["POST"]),
                Route("/v1/hopper/{hopper}/panicbutton", self._act, methods=["GET", "DELETE"]),
                Route("/v1/hopper/{hopper}/{rest:path}", self._act, methods=verbs),
                Route("/v1/{path:path}", self._read, methods=["GET"]),
            ]
        )

    # ---- sign-in ----

    async def _consent(self, request: Request) -> Response:
        """The user agrees at once."""
        query = dict(request.query_params)
        assert query["response_type"] == "code"
        assert query["client_id"] == "client"
        code = "good-" + secrets.token_hex(8)
        if "code_challenge" in query:
            assert query["code_challenge_method"] == "S256"
            self.challenges[code] = query["code_challenge"]
        back = urlencode({"code": code} | ({"state": query["state"]} if "state" in query else {}))
        return RedirectResponse(f"{query['redirect_uri']}?{back}", 302)

    async def _token(self, request: Request) -> Response:
        self.seen.append(request.url.path)
        form = dict(parse_qsl((await request.body()).decode()))
        self._must_be_client(form)
        code = form.get("code", "")
        good = code.startswith("good") or form.get("refresh_token") == self.refresh
        if (challenge := self.challenges.pop(code, None)) is not None:
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            good = good and base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge
        if self.is_revoked or not good:
            return JSONResponse({"error": "invalid_grant", "error_description": "no " + str(form)}, 400)
        self.issued += 1
        return await self._rotate()

    async def _rotate(self) -> Response:
        """The old refresh token is gone at once, the answer may take a while."""
        self.access = f"access-{self.marked}-{self.issued}"
        self.refresh = f"refresh-{self.marked}-{self.issued}"
        access, refresh = self.access, self.refresh
        with suppress(TimeoutError):
            await asyncio.wait_for(self.released.wait(), self.token_delay)
        return JSONResponse(
            {
                "access_token": access,
                "refresh_token": refresh,
                "expires_in": self.lives,
                "scope": "read,trade",
                "token_type": "Bearer",
            }
        )

    async def _revoke(self, request: Request) -> Response:
        self.seen.append(request.url.path)
        form = dict(parse_qsl((await request.body()).decode()))
        self._must_be_client(form)
        if (queue := self.queued.get(("POST", request.url.path))) is not None and queue:
            return queue.popleft()
        self.revoked.append(form["token"])
        if form["token"] == self.access:
            self.access = ""
        if form["token"] == self.refresh:
            self.refresh = ""
        return Response(status_code=200)

    @staticmethod
    def _must_be_client(form: dict[str, str]) -> None:
        assert form["client_id"] == "client"
        assert form["client_secret"] == "client-secret-of-the-test"

    # ---- hoppers ----

    async def _read(self, request: Request) -> Response:
        path = request.url.path
        if (refused := self._note(request)) is not None:
            return refused
        await asyncio.sleep(self.read_delay)
        queue = self.queued.get(("GET", path))
        if queue:
            return queue.popleft()
        if path not in self.data:
            return JSONResponse({"status": 404, "error": 1, "message": "not found"}, 404)
        return JSONResponse({"data": self.data[path]})

    async def _act(self, request: Request) -> Response:
        verb, path = request.method, request.url.path
        if (refused := self._note(request)) is not None:
            return refused
        raw = await request.body()
        self.acts.append(Act(verb, path, dict(request.query_params), json.loads(raw) if raw else None))
        queue = self.queued.get((verb, path))
        if queue:
            return queue.popleft()
        answer = self._do(self.acts[-1])
        with suppress(TimeoutError):
            if self.act_delay:
                await asyncio.wait_for(self.released.wait(), self.act_delay)
        return answer

    def _note(self, request: Request) -> Response | None:
        """Remember a request; the answer to one whose token is not good."""
        self.seen.append(request.url.path)
        self.headers.append(dict(request.headers))
        self.queries.append(dict(request.query_params))
        token = request.headers.get("access-token")
        if token and token == self.access and not self.is_revoked:
            return None
        return JSONResponse({"status": 401, "error": 1, "message": f"no such token {token}"}, 401)

    def _do(self, act: Act) -> Response:
        _, _, _, hopper, rest = act.path.split("/", 4)
        if hopper != self.hopper["id"]:
            return JSONResponse({"status": 404, "error": 1, "message": "not found"}, 404)
        word, _, which = rest.partition("/")
        match act.verb, word:
            case "GET", "panicbutton":
                self.is_panicking = True
                return JSONResponse({"data": "Panic mode enabled!"})
            case "DELETE", "panicbutton":
                self.is_panicking = False
                return JSONResponse({"data": "Panic mode ended"})
            case "POST", "position" if which == "sell":
                self.sold.extend(act.body["position_id"])
                return JSONResponse({"data": "Sell orders placed"})
            case "DELETE", "order":
                self.cancelled.extend(["all"] if which == "all" else act.body["order_ids"])
                return JSONResponse({"data": "Orders cancelled"})
            case "PATCH", ("enable" | "disable") if field_name := _SWITCHES.get(rest.removeprefix(word)):
                self.hopper[field_name] = int(word == "enable")
                return JSONResponse({"data": "Hopper updated"})
            case "PATCH", "config":
                self.configured.update(act.body["config"])
                return JSONResponse({"data": {"config": {"name": "Main", "api_key": "hush"} | self.configured}})
        return JSONResponse({"message": "Missing Authentication Token"}, 405)
