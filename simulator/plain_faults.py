"""Faults of the market-data services on demand: errors by their own names, and answers that are broken."""

from collections import deque
from collections.abc import Callable, Collection, Mapping

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

BROKEN = ("502", "503", "html", "cut", "empty", "junk")


class PlainFaults:
    """A queue of faults, each spent on the next request. ``named`` are the service's own errors.

    ``POST <path> {"error": NAME, "times": 1}`` queues, GET lists, DELETE clears.
    """

    def __init__(self, named: Collection[str]) -> None:
        self._named = named
        self._queue: deque[str] = deque()

    def next(self) -> str | None:
        """The fault that the request at hand is to meet."""
        return self._queue.popleft() if self._queue else None

    def broken(self, name: str) -> Response:
        """The answer for one of BROKEN."""
        match name:
            case "html":
                return HTMLResponse("<html><body><h1>Just a moment...</h1></body></html>")
            case "cut":
                return Response(b'{"status": {"timestamp": "2026-', media_type="application/json")
            case "empty":
                return Response(b"", media_type="application/json")
            case "junk":
                return Response(b"[7]", media_type="application/json")
        return HTMLResponse(f"<html><body><h1>{name}</h1></body></html>", int(name))

    def routes(self, path: str, other: Callable[[Mapping[str, object]], object]) -> list[BaseRoute]:
        """The control port; what is no fault is handed to ``other``, which raises ValueError for nonsense."""

        async def shown(_: Request) -> Response:
            return JSONResponse(list(self._queue))

        async def add(request: Request) -> Response:
            try:
                given = orjson.loads(await request.body())
                if not isinstance(given, Mapping):
                    raise ValueError("must be an object")
                if "error" not in given:
                    return JSONResponse(other(given))
                self._add(given)
            except ValueError as error:  # orjson's errors are such, too
                return JSONResponse({"error": str(error)}, 400)
            return await shown(request)

        async def clear(request: Request) -> Response:
            self._queue.clear()
            return await shown(request)

        return [
            Route(path, shown, methods=["GET"]),
            Route(path, add, methods=["POST"]),
            Route(path, clear, methods=["DELETE"]),
        ]

    def _add(self, given: Mapping[str, object]) -> None:
        name, times = str(given["error"]), given.get("times", 1)
        if set(given) - {"error", "times"}:
            raise ValueError("there are error and times")
        if name not in self._named and name not in BROKEN:
            raise ValueError(f"error must be one of {', '.join([*self._named, *BROKEN])}")
        if type(times) is not int or not 1 <= times <= 10_000:
            raise ValueError("times must be a number from 1 to 10000")
        self._queue.extend([name] * times)
