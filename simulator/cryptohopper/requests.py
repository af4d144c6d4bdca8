"""Which requests came, and what became of them: a test counts here how often an action really arrived."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import QueryParams
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulator.clock import moment
from simulator.cryptohopper.buckets import Buckets

_KEY = "simulator.note"
_UNTOLD = ("/control", "/healthz")


@dataclass(slots=True)
class Note:
    """One request. ``status`` 0: no answer began. ``at`` in milliseconds. It holds no token."""

    number: int
    at: int
    method: str
    path: str
    query: str
    user: str = ""
    hopper: str = ""
    status: int = 0
    is_whole: bool = False  # the answer ended as it should
    fault: str = ""
    command: str = ""  # what it told a hopper, once that was recorded: it took or will take effect
    effect: str = ""  # how, when not at once and whole
    said: str = ""

    def shown(self) -> dict[str, object]:
        return {
            "number": self.number,
            "at": moment(self.at).isoformat(timespec="milliseconds"),
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "user": self.user,
            "hopper": self.hopper,
            "status": self.status,
            "is_whole": self.is_whole,
            "fault": self.fault,
            "command": self.command,
            "effect": self.effect,
            "said": self.said,
        }


def noted(connection: HTTPConnection) -> Note:
    """The note of a request; a loose one where nobody keeps a log."""
    note: Note | None = connection.scope.get(_KEY)
    if note is None:
        note = connection.scope[_KEY] = Note(0, 0, "", "", "")
    return note


class Requests:
    """The last ``kept`` requests, oldest first, and how many of each answer there were since the start.

    ``GET /control/requests`` narrows by ``method``, ``path`` (a part of it), ``user``, ``hopper``, ``status``,
    ``command``, ``fault``, ``since`` (a number); ``command=*`` and ``fault=*`` mean any. DELETE begins anew.
    """

    def __init__(self, clock: Callable[[], int], kept: int, buckets: Buckets) -> None:
        self._clock = clock
        self._buckets = buckets
        self._notes: deque[Note] = deque(maxlen=kept)
        self._count = 0
        self._statuses: Counter[str] = Counter()

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/control/requests", self._list, methods=["GET"]),
            Route("/control/requests", self._clear, methods=["DELETE"]),
        ]

    def over(self, app: ASGIApp) -> ASGIApp:
        """``app``, with each of its HTTP requests noted but those that only tests send."""

        async def noting(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["path"].startswith(_UNTOLD):
                await app(scope, receive, send)
                return
            self._count += 1
            query = scope["query_string"].decode(errors="replace")
            note = Note(self._count, self._clock(), scope["method"], scope["path"], query)
            scope[_KEY] = note
            self._notes.append(note)

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start":
                    note.status = message["status"]
                elif message["type"] == "http.response.body" and not message.get("more_body", False):
                    note.is_whole = not note.fault.startswith(("cut", "half"))
                await send(message)

            try:
                await app(scope, receive, sending)
            finally:
                self._statuses[str(note.status)] += 1

        return noting

    async def _list(self, request: Request) -> Response:
        asked = request.query_params
        try:
            since, most = int(asked.get("since", "0")), int(asked.get("count", "1000"))
        except ValueError:
            return JSONResponse({"error": "since and count must be numbers"}, 400)
        found = [note for note in self._notes if note.number > since and _fits(note, asked)]
        return JSONResponse(
            {
                "found": len(found),
                "requests": [note.shown() for note in found[-most:]] if most > 0 else [],
                "total": self._count,
                "statuses": dict(self._statuses),
                "rate_limited": dict(self._buckets.refused),
            }
        )

    async def _clear(self, _: Request) -> Response:
        self._notes.clear()
        self._statuses.clear()
        self._buckets.refused.clear()
        self._count = 0
        return JSONResponse({"total": 0})


def _fits(note: Note, asked: QueryParams) -> bool:
    for name in ("method", "user", "hopper", "command", "fault"):
        wanted = asked.get(name)
        if wanted is not None and wanted != getattr(note, name) and not (wanted == "*" and getattr(note, name)):
            return False
    wanted = asked.get("status")
    return (wanted is None or wanted == str(note.status)) and asked.get("path", "") in note.path
