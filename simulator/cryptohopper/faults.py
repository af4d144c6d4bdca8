"""Faults on demand: what the real service does now and then, a test can have at once."""

from collections import deque
from collections.abc import Awaitable, Callable

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

KINDS = ("429", "200-says-429", "502", "cut", "blocked", "402", "200-says-error")


class Faults:
    """A queue of faults, each spent on the next admitted request whose path contains its text.

    ``POST /control/faults {"kind": …, "path": "/position", "times": 1}`` queues; GET lists, DELETE clears.
    """

    def __init__(self) -> None:
        self._queue: deque[tuple[str, str]] = deque()

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/control/faults", self._list, methods=["GET"]),
            Route("/control/faults", self._add, methods=["POST"]),
            Route("/control/faults", self._clear, methods=["DELETE"]),
        ]

    async def spoil(self, request: Request, answer: Callable[[], Awaitable[Response]]) -> Response:
        """The answer, or the fault queued for this path."""
        kind = next((kind for kind, path in self._queue if path in request.url.path), None)
        if kind is None:
            return await answer()
        self._queue.remove(next(each for each in self._queue if each[0] == kind and each[1] in request.url.path))
        if kind == "429":
            body = {"status": 429, "code": "normal", "error": 1, "message": "Too many requests"}
            return JSONResponse(body, 429, {"Retry-After": "1"})
        if kind == "200-says-429":
            return JSONResponse({"status": 429, "message": "Too many requests"})
        if kind == "200-says-error":
            return JSONResponse({"error": 500, "message": "Something went wrong", "code": 0})
        if kind == "402":
            return JSONResponse({"status": 402, "code": 0, "error": 1, "message": "Device not authorized"}, 402)
        if kind == "blocked":
            return HTMLResponse("<html><body><h1>403 Forbidden</h1></body></html>", 403)
        if kind == "cut":
            body_bytes = bytes((await answer()).body)
            return Response(body_bytes[: len(body_bytes) // 2], media_type="application/json")
        return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", 502)

    async def _list(self, _: Request) -> Response:
        return JSONResponse([{"kind": kind, "path": path} for kind, path in self._queue])

    async def _add(self, request: Request) -> Response:
        try:
            body = orjson.loads(await request.body())
            kind, path, times = body["kind"], str(body.get("path", "/v1/")), int(body.get("times", 1))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            kind, path, times = "", "", 0
        if kind not in KINDS or not 1 <= times <= 1000:
            return JSONResponse({"error": f"kind must be one of {', '.join(KINDS)}, times 1 to 1000"}, 400)
        self._queue.extend([(kind, path)] * times)
        return await self._list(request)

    async def _clear(self, request: Request) -> Response:
        self._queue.clear()
        return await self._list(request)
