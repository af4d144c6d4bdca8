"""Answers that do not travel as they should: late, in drops, in half, or not at all."""

import asyncio
import socket
import struct
from collections.abc import Mapping
from typing import Any, cast

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_CONNECTION = "simulator.connection"
_PIECES = 20


class Reachable(H11Protocol):
    """HTTP as uvicorn speaks it; requests know their connection, so that a fault can break it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its parent has it
        super().connection_made(transport)
        app = self.app

        async def connected(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})[_CONNECTION] = transport
            await app(scope, receive, send)

        self.app = connected


class Silent(Response):
    """Says nothing until the caller has given up."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _gone(receive)


class Reset(Response):
    """The connection is reset (RST) before a byte of the answer. Without a server: ConnectionResetError."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = _transport(scope)
        if transport is None:
            raise ConnectionResetError("the simulator resets the connection")
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        await _gone(receive)


class Slow(Response):
    """The whole answer: ``wait`` seconds late, then in drops over ``seconds``."""

    def __init__(self, answer: Response, wait: float, seconds: float) -> None:
        super().__init__(bytes(answer.body), answer.status_code, _headers(answer))
        self._wait, self._seconds = wait, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(self._wait)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        body = bytes(self.body)
        size = max(1, -(-len(body) // _PIECES)) if self._seconds else max(1, len(body))
        for begin in range(0, max(1, len(body)), size):
            await asyncio.sleep(self._seconds / _PIECES)
            is_last = begin + size >= len(body)
            await send({"type": "http.response.body", "body": body[begin : begin + size], "more_body": not is_last})


class Half(Response):
    """Promises the whole length, sends half of it and closes the connection."""

    def __init__(self, answer: Response) -> None:
        super().__init__(bytes(answer.body), answer.status_code, _headers(answer))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytes(self.body)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        transport = _transport(scope)
        if transport is not None:
            transport.close()
            await _gone(receive)


def _transport(scope: Scope) -> asyncio.Transport | None:
    return cast(asyncio.Transport | None, scope.get("extensions", {}).get(_CONNECTION))


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _headers(answer: Response) -> Mapping[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "content-length"}
