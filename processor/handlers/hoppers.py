"""Hoppers that change at Cryptohopper: what became of them is written down, told, and acted upon."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta

from cryptwire.clock import Clock
from cryptwire.domain.hopper import HopperId, LinkedHopper, UserId
from cryptwire.domain.hopper_change import HopperChange, HopperEvent
from cryptwire.errors import Corrupt, Exhausted, LinkAgain, Refused, Unavailable
from cryptwire.log import Log
from cryptwire.messaging import subjects
from cryptwire.metrics import Meters
from cryptwire.tasks import end
from processor.handlers.links import BrokenLinks
from processor.logic import imports as logic
from processor.ports import Bus
from processor.ports.imports import Account, Hoppers, Imports, Queue

_log = Log(__name__)
_AGE = timedelta(seconds=30)


class HopperLooks:
    """Compares users' hoppers with Cryptohopper's own list."""

    def __init__(
        self,
        account: Account,
        hoppers: Hoppers,
        imports: Imports,
        queue: Queue,
        bus: Bus,
        clock: Clock,
        meters: Meters,
        broken: BrokenLinks,
        *,
        at_once: int,
    ) -> None:
        self._account = account
        self._hoppers = hoppers
        self._imports = imports
        self._queue = queue
        self._bus = bus
        self._clock = clock
        self._meters = meters
        self._broken = broken
        self._at_once = at_once

    async def look_at_all(self, due_at: datetime) -> str:
        """Every linked user's, ``at_once`` together. Raises Unavailable when the database is away."""
        users = iter(await self._hoppers.linked_users())
        outcomes: Counter[str] = Counter()

        async def work() -> None:
            for user in users:
                outcomes[await self._told(user)] += 1

        working = [asyncio.create_task(work()) for _ in range(self._at_once)]
        try:
            await asyncio.gather(*working)
        finally:
            await end(working)
        return ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items())) or "nobody is linked"

    async def look(self, user: UserId) -> None:
        """One user's, now."""
        await self._told(user)

    async def _told(self, user: UserId) -> str:
        try:
            at = self._clock.now()
            events = await self.see(user, await self._account.hoppers(user, _AGE), at)
        except LinkAgain as error:
            await self._broken.tell(user, str(error))
            outcome = "to be linked again"
        except Exhausted:
            outcome = "without budget"
        except (Unavailable, Refused, Corrupt) as error:
            _log.warning("a user's hoppers cannot be compared", user=user, reason=error)
            outcome = "not read"
        else:
            outcome = "changed" if events else "as before"
        self._meters.count("processor_hopper_looks", "Accounts whose hoppers were compared", outcome=outcome)
        return outcome

    async def see(
        self, user: UserId, seen: list[LinkedHopper], at: datetime, *, asks_import: bool = True
    ) -> list[HopperEvent]:
        """Bring a user's hoppers up to what was ``seen``, asked for at ``at``; a new one is imported.

        A list that lacks one is read twice. Raises what the gateway's client and the tables raise.
        """
        seen = [linked for linked in seen if logic.is_readable(linked.hopper)]
        if await self._lacks(user, seen):
            again = await self._account.hoppers(user)
            seen = [linked for linked in again if logic.is_readable(linked.hopper)]
        events = await self._hoppers.see(
            user, seen, at, lambda event, number: logic.hopper_notice(user, event, number, at)
        )
        for event in events:
            _log.info("a hopper has changed", hopper=event.hopper, kind=event.kind.value)
            self._meters.count("processor_hopper_changes", "What became of hoppers", kind=event.kind.value)
        if events:
            await self._tell(subjects.account(user))
            await self._tell(subjects.notice(user))
        if asks_import:
            await self._import_new(user, {event.hopper for event in events if event.kind is HopperChange.CREATED})
        return events

    async def _lacks(self, user: UserId, seen: list[LinkedHopper]) -> bool:
        known = await self._hoppers.linked(user)
        return bool(set(known) - {linked.id for linked in seen})

    async def _import_new(self, user: UserId, created: set[HopperId]) -> None:
        """Also what was created earlier, while an import was under way."""
        new = created | set(await self._hoppers.never_imported(user))
        if new and await self._imports.ask(user, new):
            try:
                await self._queue.put(user)
            except Unavailable as error:
                _log.warning("an import waits for the next look", user=user, reason=error)

    async def _tell(self, subject: str) -> None:
        try:
            await self._bus.publish(subject, b"")
        except Unavailable as error:
            _log.warning("a change is not told; it is in the database", subject=subject, reason=error)
