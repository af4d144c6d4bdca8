"""Cryptohopper as a test wants it: small, with queued answers, and a memory of what it was asked."""

import asyncio
import secrets
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

HOPPER = {
    "id": "501",
    "name": "Main",
    "exchange": "gdax",
    "base_currency": "USDT",
    "paper_trading": "0",
    "enabled": 1,
    "plan_name": "Hero",
    "total_cur": "1234.5",
    "created": "2026-01-02 03:04:05",
}


@dataclass
class FakeUpstream:
    """``marked`` is in every token it gives out."""

    marked: str = field(default_factory=lambda: secrets.token_hex(16))
    access: str = ""
    refresh: str = ""
    issued: int = 0
    lives: int = 3600
    is_revoked: bool = False
    token_delay: float = 0
    read_delay: float = 0
    released: asyncio.Event = field(default_factory=asyncio.Event)
    seen: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    queued: dict[str, deque[Response]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.data.setdefault("/v1/hopper", {"hoppers": [HOPPER]})
        self.data.setdefault("/v1/hopper/501", {"hopper": HOPPER})

    def queue(self, path: str, *answers: Response) -> None:
        self.queued.setdefault(path, deque()).extend(answers)

    def count(self, path: str) -> int:
        return self.seen.count(path)

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/oauth2/token", self._token, methods=["POST"]),
                Route("/v1/{path:path}", self._read, methods=["GET"]),
            ]
        )

    async def _token(self, request: Request) -> Response:
        self.seen.append(request.url.path)
        form = dict(parse_qsl((await request.body()).decode()))
        assert form["client_id"] == "client"
        assert form["client_secret"] == "client-secret-of-the-test"
        good = form.get("code", "").startswith("good") or form.get("refresh_token") == self.refresh
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

    async def _read(self, request: Request) -> Response:
        path = request.url.path
        self.seen.append(path)
        self.headers.append(dict(request.headers))
        self.queries.append(dict(request.query_params))
        if request.headers.get("access-token") != self.access or self.is_revoked:
            return JSONResponse(
                {"status": 401, "error": 1, "message": f"no such token {request.headers.get('access-token')}"}, 401
            )
        await asyncio.sleep(self.read_delay)
        queue = self.queued.get(path)
        if queue:
            return queue.popleft()
        if path not in self.data:
            return JSONResponse({"status": 404, "error": 1, "message": "not found"}, 404)
        return JSONResponse({"data": self.data[path]})
