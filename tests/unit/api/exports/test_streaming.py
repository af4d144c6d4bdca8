"""Long answers: who gets them, how many at once, and when they are given up."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.requests import Request

from api.handlers.exports.streaming import Door, Limits, LongAnswer, Streamed
from api.ports import Caller
from cryptwire.domain.hopper import UserId
from cryptwire.errors import Corrupt, Invalid, NotFound, Unauthenticated, Unavailable
from cryptwire.metrics import Meters
from cryptwire.permissions import Needs, Permissions
from cryptwire.storage import sessions

NEEDS = Needs("view", "trades")
NEVER = datetime(2100, 1, 1, tzinfo=UTC)


class Sessions:
    """Whoever shows ``a`` or ``b`` is that user; ``security`` may nothing."""

    async def who(self, token: str) -> Caller:
        if token not in ("a", "b", "script"):
            raise Unauthenticated("nobody is signed in")
        scopes = frozenset({"scope:write"}) if token == "script" else None
        return sessions.Caller(UserId(token), b"", NEVER, "free", scopes)

    async def again(self, sessions: Any) -> Mapping[bytes, Caller]:
        return {}

    def forget(self, user: UserId) -> None:
        pass


@dataclass
class Client:
    """One request. ``takes`` says how long it takes nothing; ``leaves`` is set when it goes away."""

    token: str = "a"
    method: str = "GET"
    takes: asyncio.Event = field(default_factory=asyncio.Event)
    leaves: asyncio.Event = field(default_factory=asyncio.Event)
    got: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.takes.set()

    async def asks(self, answer: LongAnswer) -> None:
        headers = [(b"authorization", f"Bearer {self.token}".encode())] if self.token else []
        scope = {"type": "http", "method": self.method, "path": "/", "query_string": b"", "headers": headers}
        await answer(scope, self.receive, self.send)

    async def receive(self) -> Any:
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        await self.takes.wait()
        self.got.append(message)

    @property
    def status(self) -> int:
        return int(self.got[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.got[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.got[1:])

    @property
    def is_whole(self) -> bool:
        return len(self.got) > 1 and not self.got[-1].get("more_body", False)

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["error"]["code"])


class Source:
    """Gives ``pieces``; waits before the last for ``goes``; knows whether it was closed."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self.pieces = pieces
        self.goes = asyncio.Event()
        self.begun = asyncio.Event()
        self.is_closed = False

    async def make(self, caller: Caller, request: Request) -> Streamed:
        return Streamed(self._give(), {"content-type": "text/csv"})

    async def _give(self) -> AsyncGenerator[bytes, None]:
        try:
            for piece in self.pieces[:-1]:
                yield self._next(piece)
                self.begun.set()
            await self.goes.wait()
            yield self._next(self.pieces[-1])
        finally:
            self.is_closed = True

    def _next(self, piece: bytes | Exception) -> bytes:
        if isinstance(piece, Exception):
            raise piece
        return piece


def door(**limits: Any) -> Door:
    return Door(Sessions(), Permissions(), Limits(**limits), Meters())


def answer(source: Source, at: Door) -> LongAnswer:
    return LongAnswer("things", NEEDS, at, source.make)


async def test_pieces_come_one_after_the_other_and_nothing_is_kept_by_anybody() -> None:
    source, client, at = Source(b"a,b\r\n", b"1,2\r\n"), Client(), door()
    source.goes.set()
    await client.asks(answer(source, at))
    assert (client.status, client.body, client.is_whole) == (200, b"a,b\r\n1,2\r\n", True)
    assert client.headers == {"content-type": "text/csv", "cache-control": "no-store"}
    assert source.is_closed
    assert at.meters.value("api_long_answers", kind="things", outcome="given") == 1


async def test_head_is_answered_without_a_body_and_other_methods_are_not() -> None:
    source, client = Source(b"a"), Client(method="HEAD")
    source.goes.set()
    await client.asks(answer(source, door()))
    assert (client.status, client.body, source.is_closed) == (200, b"", True)
    client = Client(method="POST")
    await client.asks(answer(Source(b"a"), door()))
    assert (client.status, client.headers["allow"], client.code) == (405, "GET, HEAD", "INVALID")


@pytest.mark.parametrize(
    ("token", "needs", "status", "code"),
    [
        ("", NEEDS, 401, "UNAUTHENTICATED"),
        ("x", NEEDS, 401, "UNAUTHENTICATED"),
        ("a", Needs("view", "rules"), 403, "FORBIDDEN"),
        ("script", Needs("view", "security"), 403, "FORBIDDEN"),
    ],
)
async def test_who_may_not_gets_nothing(token: str, needs: Needs, status: int, code: str) -> None:
    source, client = Source(b"a"), Client(token)
    await client.asks(LongAnswer("things", needs, door(), source.make))
    assert (client.status, client.code, client.is_whole) == (status, code, True)


async def test_a_script_may_what_its_scopes_allow() -> None:
    source, client = Source(b"a"), Client("script")
    source.goes.set()
    await client.asks(answer(source, door()))
    assert client.status == 200


@pytest.mark.parametrize(
    ("error", "status", "code", "words"),
    [
        (NotFound("there is no hopper 7"), 404, "NOT_FOUND", "there is no hopper 7"),
        (Invalid("since is after until"), 400, "INVALID", "since is after until"),
        (Unavailable("the database is away"), 503, "UNAVAILABLE", "the database is away"),
        (Corrupt("secret"), 500, "INTERNAL", "something went wrong here; it was noted"),
        (ZeroDivisionError("secret"), 500, "INTERNAL", "something went wrong here; it was noted"),
    ],
)
async def test_what_goes_wrong_before_the_first_piece_is_told(
    error: Exception, status: int, code: str, words: str
) -> None:
    source, client = Source(error, b"a"), Client()
    await client.asks(answer(source, door()))
    assert (client.status, client.code, client.is_whole) == (status, code, True)
    assert json.loads(client.body)["error"]["message"] == words


@pytest.mark.parametrize("error", [Unavailable("away"), ZeroDivisionError()])
async def test_what_breaks_later_is_not_taken_for_the_whole(error: Exception) -> None:
    source, client, at = Source(b"a,b\r\n", error), Client(), door()
    source.goes.set()
    await client.asks(answer(source, at))
    assert (client.status, client.body, client.is_whole) == (200, b"a,b\r\n", False)
    assert at.meters.value("api_long_answers", kind="things", outcome="broken") == 1


async def test_nothing_is_made_for_who_has_left() -> None:
    source, client, at = Source(b"a", b"b"), Client(), door()
    asking = asyncio.create_task(client.asks(answer(source, at)))
    await source.begun.wait()
    client.leaves.set()
    await asking
    assert (client.body, client.is_whole, source.is_closed) == (b"a", False, True)
    assert at.meters.value("api_long_answers", kind="things", outcome="left") == 1
    with at.room(UserId("a")), at.room(UserId("a")):
        pass


async def test_who_takes_nothing_is_not_waited_for() -> None:
    source, client, at = Source(b"a", b"b"), Client(), door(patience=timedelta(milliseconds=20))
    client.takes.clear()
    await client.asks(answer(source, at))
    assert (client.got, source.is_closed) == ([], True)
    assert at.meters.value("api_long_answers", kind="things", outcome="stalled") == 1


async def test_what_takes_too_long_is_given_up_with_a_word_if_it_has_not_begun() -> None:
    limits = {"time": timedelta(milliseconds=20)}
    source, client = Source(b"a"), Client()
    await client.asks(answer(source, door(**limits)))
    assert (client.status, client.code, source.is_closed) == (503, "UNAVAILABLE", True)
    source, client = Source(b"a", b"b"), Client()
    await client.asks(answer(source, door(**limits)))
    assert (client.status, client.body, client.is_whole, source.is_closed) == (200, b"a", False, True)


async def test_so_many_at_once_and_so_many_of_one_user() -> None:
    at = door(most=3, most_of_user=2)
    running = [(Source(b"a", b"b"), Client(token)) for token in ("a", "a", "b")]
    asking = [asyncio.create_task(client.asks(answer(source, at))) for source, client in running]
    for source, _ in running:
        await source.begun.wait()
    told = []
    for token in ("a", "b"):
        client = Client(token)
        await client.asks(answer(Source(b"a"), at))
        assert (client.status, client.code, client.headers["retry-after"]) == (429, "EXHAUSTED", "10")
        told.append(json.loads(client.body)["error"]["message"])
    assert told == [
        "2 of your exports and reports are being made; try again in 10 s",
        "as many exports and reports as can be are being made; try again in 10 s",
    ]
    for source, _ in running:
        source.goes.set()
    await asyncio.gather(*asking)
    source, client = Source(b"a"), Client("b")
    source.goes.set()
    await client.asks(answer(source, at))
    assert client.status == 200
