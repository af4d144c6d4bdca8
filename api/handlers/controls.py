"""What is asked of a hopper's controller, and what it tells of itself: ``control.*``, ``action.*``."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Literal, Protocol

from api.handlers.queue import Queue
from cryptwire.codec.control import (
    ActionTold,
    ControlRequest,
    action_from_wire,
    control_reply_from_wire,
    control_request_to_wire,
)
from cryptwire.domain.action import RuleSetId
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.errors import Invalid, Unavailable
from cryptwire.messaging.bus import Bus, Message
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters

_MOST_PAYLOAD = 200_000  # bytes
_WITHIN: Mapping[str, timedelta] = {"replay": timedelta(seconds=45)}
_USUALLY_WITHIN = timedelta(seconds=6)
_NOT_WATCHED = (
    "nobody watches this hopper's rules at this moment: that needs the plan Pro and a linked account, and takes up to a"
    " minute after both are there"
)
Verb = Literal["preview", "state", "replay", "resume", "retry", "abandon"]


class Assigned(Protocol):
    async def is_held(self, hopper: HopperId) -> bool:
        """Whether a pod that lives holds the hopper; raises Unavailable."""
        ...


class Controls:
    """Asks the controller that holds a hopper."""

    def __init__(self, assigned: Assigned) -> None:
        self._assigned = assigned
        self._bus: Bus | None = None

    def speak(self, bus: Bus) -> None:
        """Ask by ``bus``, which comes back by itself."""
        self._bus = bus

    async def ask(
        self, verb: Verb, hopper: HopperId, user: UserId, rule_set: RuleSetId | None, body: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """The answer of the hopper's controller (``codec/rule_answers.py``); raises what it answers instead.

        Unavailable when no pod holds the hopper, or none answers in time: what was asked may then still be done.
        """
        if not await self._assigned.is_held(hopper):
            raise Unavailable(_NOT_WATCHED)
        if self._bus is None:
            raise Unavailable("messages cannot be sent at this moment; try again soon")
        request = ControlRequest(hopper, user, "user", rule_set or RuleSetId(""), body)
        within = _WITHIN.get(verb, _USUALLY_WITHIN).total_seconds()
        try:
            answer = await self._bus.request(
                LIVE.control(hopper, "controller", verb), control_request_to_wire(request), within
            )
        except Unavailable:
            less = ", for fewer days" if verb == "replay" else ""
            raise Unavailable(
                f"whoever watches this hopper's rules did not answer within {within:.0f} s; try again in a moment{less}"
            ) from None
        return control_reply_from_wire(answer)


class Acts:
    """What controllers tell of their acts, for whoever looks on. What counts is the audit: its numbers have no gap."""

    def __init__(self, meters: Meters) -> None:
        self._meters = meters
        self._readers: dict[str, set[Queue[ActionTold]]] = {}

    async def on_action(self, message: Message) -> None:
        """``action.*``."""
        readers = self._readers.get(message.subject)
        if not readers:
            return
        try:
            if len(message.payload) > _MOST_PAYLOAD:
                raise Invalid("too long")
            told = action_from_wire(message.payload)
        except Invalid:
            self._meters.count("api_unreadable", "Messages that could not be read")
            return
        if LIVE.action(told.hopper) == message.subject:
            for reader in readers:
                reader.tell(told)

    @asynccontextmanager
    async def of(self, hopper: HopperId) -> AsyncIterator[Queue[ActionTold]]:
        """A hopper's acts from this moment on, while the block runs."""
        subject, reader = LIVE.action(hopper), Queue[ActionTold]()
        self._readers.setdefault(subject, set()).add(reader)
        try:
            yield reader
        finally:
            readers = self._readers[subject]
            readers.discard(reader)
            if not readers:
                del self._readers[subject]
