"""A server of bare sockets: what it is sent it remembers byte by byte, and it breaks off wherever a test wants."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Seen:
    """One request; ``connection`` counts from 1."""

    connection: int
    verb: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def answers(body: bytes | str | dict[str, Any], status: int = 200, **headers: str) -> Answer:
    """A whole answer."""
    raw = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(raw)}\r\n{more}\r\n".encode() + raw)

    return answer


async def drops(writer: asyncio.StreamWriter) -> None:
    """The connection ends without a word."""
    writer.close()


async def resets(writer: asyncio.StreamWriter) -> None:
    """The connection is torn down."""
    writer.transport.abort()


async def hangs(writer: asyncio.StreamWriter) -> None:
    """Nothing comes."""
    await asyncio.sleep(60)


async def cuts(writer: asyncio.StreamWriter) -> None:
    """Half an answer."""
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"data":"Panic mode')
    await writer.drain()
    writer.close()


async def babbles(writer: asyncio.StreamWriter) -> None:
    """Something that is not HTTP."""
    writer.write(b"220 smtp ready\r\n\r\n")


@dataclass
class Wire:
    """``answer`` is given to every request that has none queued."""

    port: int = 0
    answer: Answer = field(default_factory=lambda: answers({"data": "ok"}))
    queued: list[Answer] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while not writer.transport.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                verb, target, _ = head[0].split(" ")
                headers = {
                    name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
                }
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.seen.append(Seen(number, verb, target, headers, body))
                await (self.queued.pop(0) if self.queued else self.answer)(writer)
        writer.close()


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[Wire]:
    wire = Wire()
    tasks: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(wire._serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
