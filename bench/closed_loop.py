"""Clients that ask an HTTP server for the same thing again and again, each as soon as it has been answered."""

import asyncio
import time
from dataclasses import dataclass

from bench.report import percentile

_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of it: answers, how many a second, milliseconds, and one of them."""

    count: int
    rate: float
    p50: float
    p99: float
    body: bytes


async def asked(port: int, body: bytes, clients: int, seconds: float, token: str | None = None) -> Answered:
    """POST ``body`` to /graphql by so many clients. Raises AssertionError for an answer that is none, or has errors."""
    shown = "" if token is None else f"authorization: Bearer {token}\r\n"
    head = (
        f"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n{shown}"
        f"content-length: {len(body)}\r\n\r\n"
    )
    took: list[float] = []
    loop = asyncio.get_running_loop()
    asking = [_Client(head.encode() + body, took) for _ in range(clients)]
    for one in asking:
        await loop.create_connection(lambda one=one: one, "127.0.0.1", port)  # type: ignore[misc]
    began = time.perf_counter()
    await asyncio.wait([one.ended for one in asking], timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for one in asking:
        one.is_last = True
    async with asyncio.timeout(60):
        bodies = [await one.ended for one in asking]
    rate = len(took) / (time.perf_counter() - began)
    spans = [each * 1e3 for each in took]
    return Answered(len(took), rate, percentile(spans, 0.5), percentile(spans, 0.99), bodies[0])


class _Client(asyncio.Protocol):
    """One connection; ``ended`` has the last answer's body."""

    def __init__(self, request: bytes, took: list[float]) -> None:
        self._request = request
        self._took = took
        self._got = bytearray()
        self.is_last = False
        self.ended: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._at = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, _, body = bytes(self._got[:2_000]).partition(_END)
        _, named, rest = head.lower().partition(b"content-length:")
        begins = self._got.find(_END) + len(_END)
        if not body or not named or len(self._got) < begins + int(rest.partition(b"\r\n")[0]):
            return
        self._took.append(time.perf_counter() - self._at)
        if b" 200 " not in head[:20] or b'"errors":' in self._got[-2_000:] or b'"errors":' in body[:200]:
            self._fail(bytes(self._got[:2_000]))
        elif self.is_last:
            self.ended.set_result(bytes(self._got[begins:]))
            self._transport.close()
        else:
            self._got.clear()
            self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(str(error).encode())

    def _fail(self, said: bytes) -> None:
        if not self.ended.done():
            self.ended.set_exception(AssertionError(f"not answered: {said.decode(errors='replace')}"))
