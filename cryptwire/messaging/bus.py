"""A connection to NATS that comes back by itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import nats
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from cryptwire.errors import Unavailable
from cryptwire.log import Log

_log = Log(__name__)
_PENDING_MESSAGES = 1_000_000
_PENDING_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Message:
    """What came in on a subject; ``reply`` is empty unless somebody waits for an answer."""

    subject: str
    payload: bytes
    reply: str


Handler = Callable[[Message], Awaitable[None]]


class Bus(Protocol):
    """Publish, subscribe, ask. At-most-once: what must not be lost is in the database before."""

    async def publish(self, subject: str, payload: bytes) -> None:
        """Send; raises Unavailable when the server is away and the buffer is full."""
        ...

    async def subscribe(self, subject: str, handler: Handler, queue: str = "") -> Callable[[], Awaitable[None]]:
        """Call ``handler`` with each message, in order, one at a time; the result ends the subscription."""
        ...

    async def request(self, subject: str, payload: bytes, timeout: float) -> bytes:
        """The one answer; raises Unavailable when none comes within ``timeout`` seconds."""
        ...

    def on_gap(self, handler: Callable[[], None]) -> None:
        """Call ``handler`` when messages may have been missed: after a reconnect, or when we were too slow."""
        ...


class NatsBus:
    """The bus over one connection of nats-py."""

    def __init__(self, client: Client, gap_handlers: list[Callable[[], None]]) -> None:
        self._client = client
        self._gap_handlers = gap_handlers

    @property
    def is_connected(self) -> bool:
        return self._client.is_connected

    async def look(self) -> None:
        """Raises Unavailable while the connection is away."""
        if not self._client.is_connected:
            raise Unavailable("away; comes back by itself")

    async def publish(self, subject: str, payload: bytes) -> None:
        try:
            await self._client.publish(subject, payload)
        except (nats.errors.Error, OSError) as error:
            raise Unavailable(f"NATS takes no messages ({type(error).__name__})") from None

    async def subscribe(self, subject: str, handler: Handler, queue: str = "") -> Callable[[], Awaitable[None]]:
        async def on_message(msg: Msg) -> None:
            try:
                await handler(Message(msg.subject, msg.data, msg.reply))
            except Exception as error:  # noqa: BLE001 - outermost edge: one message must not end the subscription
                _log.error("a message could not be handled", subject=msg.subject, exception=error)

        subscription: Subscription = await self._client.subscribe(
            subject,
            queue=queue,
            cb=on_message,
            pending_msgs_limit=_PENDING_MESSAGES,
            pending_bytes_limit=_PENDING_BYTES,
        )

        async def end() -> None:
            if not self._client.is_closed:
                await subscription.unsubscribe()

        return end

    async def request(self, subject: str, payload: bytes, timeout: float) -> bytes:
        try:
            answer = await self._client.request(subject, payload, timeout=timeout)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise Unavailable(f"no answer on {subject} ({type(error).__name__})") from None
        return answer.data

    def on_gap(self, handler: Callable[[], None]) -> None:
        self._gap_handlers.append(handler)

    async def flush(self) -> None:
        """Return when the server has everything published so far; raises Unavailable."""
        try:
            await self._client.flush(timeout=10)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise Unavailable(f"NATS does not answer ({type(error).__name__})") from None

    async def drain(self) -> None:
        """Handle what was received, send what was published, and close."""
        try:
            await self._client.drain()
        except (nats.errors.Error, OSError, TimeoutError):
            await self._client.close()


@asynccontextmanager
async def connect(url: str, service: str) -> AsyncIterator[NatsBus]:
    """A bus for ``service``, whose inboxes have a prefix of their own; waits until the server is there."""
    gap_handlers: list[Callable[[], None]] = []

    def gap() -> None:
        for handler in gap_handlers:
            handler()

    told: list[str] = []

    async def on_error(error: Exception) -> None:
        text = f"{type(error).__name__}: {error}"
        if text not in told[-4:]:  # every try to reconnect says the same
            _log.warning("NATS", error=text)
            told.append(text)
        if isinstance(error, nats.errors.SlowConsumerError):
            gap()

    async def on_reconnected() -> None:
        _log.info("NATS is back")
        told.clear()
        gap()

    async def on_disconnected() -> None:
        if not client.is_closed:
            _log.warning("NATS is away")

    client = Client()
    while True:
        try:
            await client.connect(
                url,
                name=service,
                inbox_prefix=f"_INBOX_{service}".encode(),
                error_cb=on_error,
                reconnected_cb=on_reconnected,
                disconnected_cb=on_disconnected,
                allow_reconnect=True,
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.25,  # type: ignore[arg-type]  # seconds; fractions work
                connect_timeout=2,
                ping_interval=5,
                max_outstanding_pings=2,
                pending_size=64 * 1024 * 1024,
            )
            break
        except (nats.errors.Error, OSError, TimeoutError) as error:
            _log.warning("NATS is not there yet", error=type(error).__name__)
            client = Client()
            await asyncio.sleep(0.5)
    try:
        yield NatsBus(client, gap_handlers)
    finally:
        if not client.is_closed:
            await client.close()
