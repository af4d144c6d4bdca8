"""A bus without a server."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from cryptwire.errors import Unavailable
from cryptwire.log import Log
from cryptwire.messaging.bus import Handler, Message

_log = Log(__name__)


@dataclass(eq=False, slots=True)
class _Subscription:
    tokens: list[str]
    handler: Handler
    group: str
    came: "asyncio.Queue[Message]" = field(default_factory=asyncio.Queue)

    def matches(self, subject: str) -> bool:
        tokens = subject.split(".")
        for number, wanted in enumerate(self.tokens):
            if wanted == ">":
                return len(tokens) > number
            if number >= len(tokens) or wanted not in ("*", tokens[number]):
                return False
        return len(tokens) == len(self.tokens)

    async def run(self) -> None:
        while True:
            message = await self.came.get()
            try:
                await self.handler(message)
            except Exception as error:  # noqa: BLE001 - as on the real bus: one message must not end the subscription
                _log.error("a message could not be handled", subject=message.subject, exception=error)


class MemoryBus:
    """Twin of ``NatsBus`` within one process: at most once, in order for each subscription, wildcards and groups.

    ``published`` keeps (subject, payload) of all that was sent. While ``is_away`` is set, every call raises
    Unavailable; ``tell_gap`` plays the reconnect after it.
    """

    def __init__(self) -> None:
        self.is_away = False
        self.published: list[tuple[str, bytes]] = []
        self._subscriptions: list[_Subscription] = []
        self._gap_handlers: list[Callable[[], None]] = []
        self._numbers = itertools.count()

    async def publish(self, subject: str, payload: bytes) -> None:
        self._must_be_there()
        self._deliver(Message(subject, payload, ""))

    async def subscribe(self, subject: str, handler: Handler, queue: str = "") -> Callable[[], Awaitable[None]]:
        self._must_be_there()
        subscription = _Subscription(subject.split("."), handler, queue)
        self._subscriptions.append(subscription)
        working = asyncio.get_running_loop().create_task(subscription.run())

        async def end() -> None:
            if subscription in self._subscriptions:
                self._subscriptions.remove(subscription)
            working.cancel()

        return end

    async def request(self, subject: str, payload: bytes, timeout: float) -> bytes:
        self._must_be_there()
        inbox = f"_INBOX_memory.{next(self._numbers)}"
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def on_answer(message: Message) -> None:
            if not answer.done():
                answer.set_result(message.payload)

        end = await self.subscribe(inbox, on_answer)
        try:
            if not self._deliver(Message(subject, payload, inbox)):
                raise Unavailable(f"no answer on {subject} (nobody is there)")
            return await asyncio.wait_for(answer, timeout)
        except TimeoutError:
            raise Unavailable(f"no answer on {subject} (timeout)") from None
        finally:
            await end()

    def on_gap(self, handler: Callable[[], None]) -> None:
        self._gap_handlers.append(handler)

    def tell_gap(self) -> None:
        """Messages may have been missed."""
        for handler in self._gap_handlers:
            handler()

    def sent(self, subject: str) -> list[bytes]:
        """What was published on one subject, oldest first."""
        return [payload for name, payload in self.published if name == subject]

    def _must_be_there(self) -> None:
        if self.is_away:
            raise Unavailable("the bus is away")

    def _deliver(self, message: Message) -> int:
        """To every subscription that matches, of a group to one; how many got it."""
        self.published.append((message.subject, message.payload))
        groups: set[str] = set()
        count = 0
        for subscription in self._subscriptions:
            if not subscription.matches(message.subject) or subscription.group in groups:
                continue
            if subscription.group:
                groups.add(subscription.group)
            subscription.came.put_nowait(message)
            count += 1
        return count
