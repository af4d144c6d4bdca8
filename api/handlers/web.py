"""The built app and its configuration; and what holds for every answer: limits and security headers."""

from pathlib import Path
from typing import Any

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import logic
from api.handlers.errors import MOST_BODY, refusal
from cryptwire.metrics import Meters

_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
        " object-src 'none'; frame-ancestors 'none'; connect-src 'self' ws: wss:"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
}
_NOT_BUILT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Cryptwire</title></head>
<body><h1>Cryptwire</h1>
<p>The API runs; the app is not built yet. Build it with <code>npm run build</code> in <code>web/</code>, or start
everything with <code>make up</code>, and load this page again.</p></body></html>
"""


class _TooLong(Exception):
    """A body went over the limit while it was read."""


class Guard:
    """Around everything: refuses long bodies with 413, counted, and adds the security headers."""

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        self._app = app
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        size = 0
        has_begun = False

        async def limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > MOST_BODY:
                raise _TooLong
            return message

        async def with_headers(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)  # a page of ours may be stricter
            await send(message)

        said = Headers(scope=scope).get("content-length", "0")
        try:
            if not said.isdecimal() or int(said) > MOST_BODY:
                raise _TooLong
            await self._app(scope, limited, with_headers)
        except _TooLong:
            self._meters.count("api_too_long", "Requests refused for their length")
            if not has_begun:
                await refusal(413, f"a request of more than {MOST_BODY} bytes")(scope, receive, with_headers)


def config_json(demo: dict[str, str] | None) -> Response:
    """``/config.json``: where the app finds what it needs."""
    body: dict[str, Any] = {
        "graphql": "/graphql",
        "udf": "/udf",
        "stream": "/stream",
        "chartingLibraryPath": None,
        "demo": demo,
    }
    return Response(orjson.dumps(body), headers={"cache-control": "no-store"}, media_type="application/json")


class AppFiles(StaticFiles):
    """The built app. A navigation to a path of the app's own gets ``index.html``; any other missing file 404."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, html=True, check_dir=False)
        self._is_checked = False

    async def check_config(self) -> None:
        """The folder may come later: a page says how."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != 404 or not _is_navigation(scope):
                raise
            response = await self._index(scope)
        else:
            if response.status_code == 404 and _is_navigation(scope):  # html=True answers a 404.html, if there is one
                response = await self._index(scope)
        is_kept = response.status_code in (200, 304) and logic.is_hashed(path)
        response.headers["cache-control"] = "public, max-age=31536000, immutable" if is_kept else "no-cache"
        return response

    async def _index(self, scope: Scope) -> Response:
        try:
            return await super().get_response("index.html", scope)
        except HTTPException as error:
            if error.status_code != 404:
                raise
            return HTMLResponse(_NOT_BUILT, 503)


def _is_navigation(scope: Scope) -> bool:
    request = Request(scope)
    return request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", "")
