"""Links that broke: who reads for a user and is refused says so here, and the user is told once."""

from datetime import datetime
from typing import Protocol

from cryptwire.clock import Clock
from cryptwire.domain.hopper import UserId
from cryptwire.domain.notice import Notice, NoticeClass
from cryptwire.errors import Unavailable
from cryptwire.log import Log
from cryptwire.messaging import subjects
from processor.ports import Bus

_log = Log(__name__)


class LinkedSince(Protocol):
    async def linked_since(self, user: UserId) -> datetime | None:
        """When a user's account was linked last; None when it is not. Raises Unavailable."""
        ...


class Tells(Protocol):
    async def add(self, notice: Notice) -> bool:
        """Whether it was news. Raises Unavailable."""
        ...


class BrokenLinks:
    """Tells a user that he must link his account again: once for each time he has linked it."""

    def __init__(self, links: LinkedSince, notices: Tells, bus: Bus, clock: Clock) -> None:
        self._links = links
        self._notices = notices
        self._bus = bus
        self._clock = clock

    async def tell(self, user: UserId, reason: str) -> None:
        """Best effort: while something is away, the next who is refused says it again."""
        try:
            linked_at = await self._links.linked_since(user)
            if linked_at is None:
                return  # he has unlinked it himself, and knows
            key = f"link-again-{linked_at.isoformat()}"
            facts = {"reason": reason}
            if await self._notices.add(Notice(user, NoticeClass.FAILURE, "link-again", key, self._clock.now(), facts)):
                _log.warning("a user must link again", user=user, reason=reason)
                await self._bus.publish(subjects.notice(user), b"")
                await self._bus.publish(subjects.account(user), b"")
        except Unavailable as error:
            _log.warning("a broken link is not told yet", user=user, reason=error)
