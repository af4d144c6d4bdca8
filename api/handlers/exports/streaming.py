"""Long answers: made while they are sent, so many at once, and given up when nobody waits for them any more."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from datetime import timedelta

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from api.handlers.errors import CODES
from api.ports import Caller, Sessions
from cryptwire.codec.access_token import presented
from cryptwire.domain.hopper import UserId
from cryptwire.errors import CryptwireError, Exhausted, Forbidden
from cryptwire.log import Log
from cryptwire.metrics import Meters
from cryptwire.permissions import Needs, Permissions, roles_of
from cryptwire.tasks import end

_AGAIN = 10  # seconds
_STATUSES = {
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "EXHAUSTED": 429,
    "UNAVAILABLE": 503,
    "INTERNAL": 500,
}
"""By the code of an error; 400 for all others."""
_BROKE = "something went wrong here; it was noted"
_LATE = "this took too long and was given up; ask for fewer days or hoppers at once"
_log = Log(__name__)


@dataclass(frozen=True, slots=True)
class Streamed:
    """An answer in pieces, one at least. What can go wrong for what was asked goes wrong before the first."""

    pieces: AsyncGenerator[bytes, None]
    headers: Mapping[str, str]


Make = Callable[[Caller, Request], Awaitable[Streamed]]
"""Begins an answer to who may have it; raises NotFound, Invalid, Unavailable."""


@dataclass(frozen=True, slots=True)
class Limits:
    """``most`` answers at once in a process, ``most_of_user`` of them one user's; ``time`` for all of one, and
    ``patience`` with a reader who takes nothing.
    """

    most: int = 4
    most_of_user: int = 2
    time: timedelta = timedelta(minutes=10)
    patience: timedelta = timedelta(seconds=30)


class Door:
    """What all long answers have in common: who asks, whether he may, and room for one more."""

    def __init__(self, sessions: Sessions, permissions: Permissions, limits: Limits, meters: Meters) -> None:
        self.limits = limits
        self.meters = meters
        self._sessions = sessions
        self._permissions = permissions
        self._taken: Counter[UserId] = Counter()

    async def admitted(self, request: Request, needs: Needs) -> Caller:
        """Who asks; raises Unauthenticated, Forbidden, Unavailable."""
        caller = await self._sessions.who(presented(request.headers, request.cookies))
        if not self.may(caller, needs):
            raise Forbidden(f"this plan or token does not allow to {needs}")
        return caller

    def may(self, caller: Caller, needs: Needs) -> bool:
        """Whether who asks may, for what an answer holds besides."""
        return self._permissions.can(roles_of(caller), needs)

    @contextmanager
    def room(self, user: UserId) -> Iterator[None]:
        """Room for one answer while the block runs; raises Exhausted."""
        if self._taken[user] >= self.limits.most_of_user:
            said = f"{self.limits.most_of_user} of your exports and reports are being made"
            raise Exhausted(f"{said}; try again in {_AGAIN} s", _AGAIN)
        if self._taken.total() >= self.limits.most:
            raise Exhausted(f"as many exports and reports as can be are being made; try again in {_AGAIN} s", _AGAIN)
        self._taken[user] += 1
        try:
            yield
        finally:
            self._taken[user] -= 1
            if not self._taken[user]:
                del self._taken[user]


class LongAnswer:
    """An ASGI application that answers GET with what ``make`` gives, or an error as ``{error: {code, message}}``.

    What breaks after it has begun ends the connection without the end of the body, so that nobody takes a part for all.
    """

    def __init__(self, name: str, needs: Needs, door: Door, make: Make) -> None:
        self._name = name
        self._needs = needs
        self._door = door
        self._make = make

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, line = Request(scope), _Line(send, self._door.limits.patience)
        if request.method not in ("GET", "HEAD"):
            await _refusal("INVALID", "ask with GET", 405, {"allow": "GET, HEAD"})(scope, receive, send)
            return
        answering = asyncio.create_task(self._answer(request, line))
        leaving = asyncio.create_task(_left(receive))
        ending: list[asyncio.Task[object]] = [answering, leaving]
        try:
            seconds = self._door.limits.time.total_seconds()
            await asyncio.wait(ending, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            is_done, has_left = answering.done(), leaving.done()
        finally:
            await end(ending)
        outcome = answering.result() if is_done else "left" if has_left else "late"
        if outcome == "late" and not line.has_begun:
            await _refusal("UNAVAILABLE", _LATE)(scope, receive, send)
        self._door.meters.count("api_long_answers", "Exports and reports", kind=self._name, outcome=outcome)

    async def _answer(self, request: Request, line: "_Line") -> str:
        """What became of it, in a word."""
        try:
            caller = await self._door.admitted(request, self._needs)
            with self._door.room(caller.user):
                answer = await self._make(caller, request)
                async with aclosing(answer.pieces) as pieces:
                    await _give(pieces, answer.headers, line, is_wanted=request.method == "GET")
        except TimeoutError:
            return "stalled"
        except CryptwireError as error:
            code = next((code for kind, code in CODES.items() if isinstance(error, kind)), "INTERNAL")
            if code in ("INTERNAL", "UNAVAILABLE"):
                _log.error("a long answer broke", kind=self._name, exception=error)
            if line.has_begun:
                return "broken"
            again = {"retry-after": f"{error.retry_after:.0f}"} if isinstance(error, Exhausted) else {}
            words = _BROKE if code == "INTERNAL" else str(error)
            await _refusal(code, words, headers=again)(request.scope, request.receive, line)
            return code.lower()
        except Exception as error:  # noqa: BLE001 - outermost edge: the client gets an answer, the log the reason
            _log.error("a long answer broke", kind=self._name, exception=error)
            if not line.has_begun:
                await _refusal("INTERNAL", _BROKE)(request.scope, request.receive, line)
            return "broken"
        return "given"


class _Line:
    """The way to the client; raises TimeoutError when he takes nothing for so long."""

    def __init__(self, send: Send, patience: timedelta) -> None:
        self.has_begun = False
        self._send = send
        self._patience = patience.total_seconds()

    async def __call__(self, message: Message) -> None:
        self.has_begun = True
        async with asyncio.timeout(self._patience):
            await self._send(message)


async def _give(
    pieces: AsyncGenerator[bytes, None], headers: Mapping[str, str], line: _Line, *, is_wanted: bool
) -> None:
    piece = await anext(pieces)
    start: Message = {"type": "http.response.start", "status": 200, "headers": []}
    MutableHeaders(raw=start["headers"]).update({**headers, "cache-control": "no-store"})
    await line(start)
    if is_wanted:
        await line({"type": "http.response.body", "body": piece, "more_body": True})
        async for piece in pieces:
            await line({"type": "http.response.body", "body": piece, "more_body": True})
    await line({"type": "http.response.body", "body": b"", "more_body": False})


def _refusal(code: str, text: str, status: int | None = None, headers: Mapping[str, str] | None = None) -> Response:
    body = {"error": {"code": code, "message": text}}
    return JSONResponse(body, status or _STATUSES.get(code, 400), {"cache-control": "no-store", **(headers or {})})


async def _left(receive: Receive) -> None:
    """Return when the client has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass
